/* fuzz_json.c -- the frame reader against cJSON: what it accepts, cJSON accepts with the same tree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/utf8.h"
#include "gateway/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct json *v, const cJSON *c)
{
    if (!c)
        abort();
    switch (v->type) {
    case JSON_STRING:
        if (strlen(v->s) != v->len || !utf8_valid(v->s, v->len) || !cJSON_IsString(c) ||
            strcmp(v->s, c->valuestring) != 0)
            abort();
        break;
    case JSON_NUMBER: {
        int64_t n;
        double d;
        json_int(v, &n);
        json_double(v, &d);
        if (!cJSON_IsNumber(c))
            abort();
        break;
    }
    case JSON_ARRAY:
    case JSON_OBJECT: {
        const cJSON *k = c->child;
        uint32_t n = 0;
        for (const struct json *x = json_first(v); x; x = json_next(x), k = k->next, n++)
            same(x, k);
        if (k || n != v->len)
            abort();
        break;
    }
    default:
        if (json_bool(v, false) != (bool)cJSON_IsTrue(c))
            abort();
    }
}

/* cJSON drops a frame for a lone surrogate, cuts at NUL and wants a byte-order mark before longer texts only: such texts are
 * ours alone. */
static bool comparable(const uint8_t *data, size_t size)
{
    return !memmem(data, size, "\\u", 2) && !(size && data[0] == 0xEF) &&
           utf8_valid((const char *)data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_doc doc;
    char *text = malloc(size ? size : 1);
    memcpy(text, data, size);
    const struct json *v = json_parse(&doc, text, size);
    if (!v && !doc.error)
        abort();
    if (v && comparable(data, size)) {
        cJSON *c = cJSON_ParseWithLength((const char *)data, size);
        same(v, c);
        cJSON_Delete(c);
    }
    free(text);
    return 0;
}
