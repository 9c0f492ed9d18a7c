/* wc_error.c -- the platform's error codes: what each means for a message. Its texts change (ids, addresses of callers, help links) and
 * are not looked at. Pure; callers: wc_send.c, wc_stream.c, wc_media.c, wc_call.c. */
#include "gateway/wc_out.h"

static const struct {
    int64_t code;
    enum wc_class class;
    const char *text;
} wc_codes[] = {
    {0, WC_CLASS_OK, ""},
    {WC_NO_CODE, WC_CLASS_SILENT, "the answer has no error code"},
    {-1, WC_CLASS_BUSY, "the platform is busy"},
    {45033, WC_CLASS_CONCURRENT, "too many calls at a time"},
    {846601, WC_CLASS_BUSY, "the platform could not do it now"},
    {846602, WC_CLASS_BUSY, "the platform could not do it now"},
    {40001, WC_CLASS_CREDENTIALS, "the secret is wrong"},
    {40013, WC_CLASS_CREDENTIALS, "the bot id is wrong"},
    {93019, WC_CLASS_CREDENTIALS, "the bot id is wrong"},
    {853000, WC_CLASS_CREDENTIALS, "bot id or secret is wrong"},
    {40058, WC_CLASS_BUG, "the platform finds a parameter malformed"},
    {40008, WC_CLASS_BUG, "this type of message is not allowed there"},
    {42045, WC_CLASS_BUG, "a notice card needs a card_action"},
    {93017, WC_CLASS_BUG, "the content is empty"},
    {93018, WC_CLASS_BUG, "the picture is too large"},
    {45009, WC_CLASS_LIMIT, "too many messages"},
    {846607, WC_CLASS_LIMIT, "too many messages, or nobody has written to the bot there yet"},
    {93001, WC_CLASS_ROOM, "the bot may not write to this chat"},
    {93006, WC_CLASS_NO_CHAT, "there is no such chat"},
    {93008, WC_CLASS_OUTSIDE, "the bot is not in this group"},
    {846604, WC_CLASS_WINDOW, "the time to answer that message is over"},
    {846605, WC_CLASS_WINDOW, "that event cannot be answered so"},
    {846606, WC_CLASS_WINDOW, "that message was answered already"},
    {846608, WC_CLASS_OLD_STREAM, "the answer was being written for too long"},
    {846609, WC_CLASS_UNSUBSCRIBED, "the connection had lost its subscription"},
};

enum wc_class wc_error_class(int64_t code)
{
    for (size_t i = 0; i < sizeof wc_codes / sizeof wc_codes[0]; i++)
        if (wc_codes[i].code == code)
            return wc_codes[i].class;
    return WC_CLASS_OTHER;
}

const char *wc_error_text(int64_t code)
{
    for (size_t i = 0; i < sizeof wc_codes / sizeof wc_codes[0]; i++)
        if (wc_codes[i].code == code)
            return wc_codes[i].text;
    return "the platform refused it";
}

enum send_outcome wc_error_outcome(enum wc_class class)
{
    switch (class) {
    case WC_CLASS_OK: return SEND_SENT;
    case WC_CLASS_SILENT: return SEND_UNKNOWN;
    case WC_CLASS_LIMIT: return SEND_CROWDED;
    case WC_CLASS_ROOM:
    case WC_CLASS_NO_CHAT:
    case WC_CLASS_OUTSIDE: return SEND_CLOSED;
    case WC_CLASS_UNSUBSCRIBED: return SEND_UNWRITTEN;
    default: return SEND_FAILED;
    }
}
