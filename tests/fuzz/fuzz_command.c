/* fuzz_command.c -- entries that outside systems put into sopd:commands, as names and values between the bytes 0x1e and 0x1f. What is
 * taken must be bounded, valid UTF-8 and, where it is JSON, readable; what is refused must have a short reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "engine/inbox/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_PIECES = 160 };

static size_t fuzz_split(const uint8_t *data, size_t size, struct command_text *pieces)
{
    size_t n = 0, from = 0;
    for (size_t i = 0; i <= size && n < FUZZ_PIECES; i++) {
        if (i < size && data[i] != 0x1e && data[i] != 0x1f)
            continue;
        char *copy = malloc(i - from ? i - from : 1);
        memcpy(copy, data + from, i - from);
        pieces[n++] = (struct command_text){copy, i - from};
        from = i + 1;
    }
    return n;
}

static void fuzz_taken(const struct command *c)
{
    struct buf args = {0}, id = {0};
    for (int i = 0; i < COMMAND_FIELDS; i++)
        if (c->text[i] && !utf8_valid(c->text[i], strlen(c->text[i])))
            abort();
    command_args(c, &args);
    command_identity(c, &id);
    if (args.len) {
        cJSON *o = cJSON_Parse(buf_cstr(&args));
        if (!cJSON_IsObject(o))
            abort();
        cJSON_Delete(o);
    }
    if (c->op == COMMAND_POINTS && !c->n)
        abort();
    if (c->op != COMMAND_TRIGGER && !c->text[COMMAND_USER])
        abort();
    if (!id.len || id.len > 400)
        abort();
    buf_free(&args);
    buf_free(&id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command_text pieces[FUZZ_PIECES];
    struct buf why = {0};
    size_t n = fuzz_split(data, size, pieces);
    struct command *c = command_parse("qq1", "1795343572122-0", pieces, n / 2, &why);
    if (!c == !why.len)
        abort();
    if (why.len > 400 || (why.len && !utf8_valid(why.data, why.len)))
        abort();
    if (c)
        fuzz_taken(c);
    command_free(c);
    for (size_t i = 0; i < n; i++)
        free((char *)pieces[i].s);
    buf_free(&why);
    return 0;
}
