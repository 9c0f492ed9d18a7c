/* fuzz_http.c -- any bytes as an address, and as what a language model answers: no crash, no leak; an address that is taken is below
 * itself and holds nothing that two readers understand differently; an answer becomes JSON. */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_address(const char *text)
{
    struct http_url url, base;
    if (http_url_parse(text, &url))
        return;
    if (!http_url_below(&url, &url) && url.path_len && url.path[url.path_len - 1] != '/')
        abort();
    if (strchr(url.host, '@') || strchr(url.host, '/') || strstr(text, "\\") || !*url.host)
        abort();
    if (memmem(url.path, url.path_len, "/../", 4))
        abort();
    if (!http_url_parse("https://api.example.com/v1/", &base) && http_url_below(&base, &url) &&
        (!url.tls || strcmp(url.host, "api.example.com") != 0 || url.port != 443))
        abort();
}

static void look_at_answer(const char *body, size_t len)
{
    char *words[] = {(char *)"bad", NULL};
    const struct llm_conf conf = {.words = words};
    const struct http_answer a = {.status = 200, .body = body, .body_len = len};
    struct buf with = {0};
    int64_t used = llm_read(&conf, &a, &with);
    cJSON *json = cJSON_Parse(buf_cstr(&with));
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "text"));
    if (!json || used < -1 || (text && (!*text || strstr(text, "bad"))))
        abort();
    cJSON_Delete(json);
    buf_free(&with);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    look_at_address(text);
    look_at_answer(text, size);
    free(text);
    return 0;
}
