/* jsonout.c -- see jsonout.h. */
#include "gateway/jsonout.h"

#include <string.h>

void jsonout_key(struct buf *out, const char *key)
{
    if (out->len && out->data[out->len - 1] != '{')
        buf_addc(out, ',');
    buf_addc(out, '"');
    buf_adds(out, key);
    buf_add(out, "\":", 2);
}

void jsonout_string(struct buf *out, const char *key, const char *text)
{
    jsonout_key(out, key);
    if (text)
        buf_add_json(out, text, strlen(text));
    else
        buf_adds(out, "null");
}

void jsonout_int(struct buf *out, const char *key, int64_t n)
{
    jsonout_key(out, key);
    buf_addi(out, n);
}

void jsonout_bool(struct buf *out, const char *key, bool value)
{
    jsonout_key(out, key);
    buf_adds(out, value ? "true" : "false");
}

void jsonout_raw(struct buf *out, const char *key, const char *json)
{
    jsonout_key(out, key);
    buf_adds(out, json);
}
