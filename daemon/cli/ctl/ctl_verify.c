/* ctl_verify.c -- `sopd ctl verify-draw`: computes a packet or a draw anew from its seed, and names the first difference to the
 * record. The rule is not written here a second time: the SOP folder's own lib/fair.lua and cli/ctl/verify_draw.lua (of a draw:
 * verify_picks.lua) run together with the record as one chunk in the sandbox of lua/luaconf.h. That has no SHA-256, so the digests that fair.lua asks for are put
 * in front, from libcrypto. Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "lua/luaconf.h"

extern const char embed_verify_draw_lua[];
extern const unsigned long embed_verify_draw_lua_len;
extern const char embed_verify_picks_lua[];
extern const unsigned long embed_verify_picks_lua_len;

enum { VERIFY_DEPTH_MAX = 8, VERIFY_FILE_MAX = 1 << 20 };

/* ---- the chunk ---- */

static void verify_add_string(struct buf *out, const char *s)
{
    buf_addc(out, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
            buf_addf(out, "\\%03d", c);
        else
            buf_addc(out, (char)c);
    }
    buf_addc(out, '"');
}

void verify_add_value(struct buf *out, const cJSON *v, int depth)
{
    const cJSON *item;
    if (cJSON_IsString(v)) {
        verify_add_string(out, v->valuestring);
    } else if (cJSON_IsBool(v)) {
        buf_adds(out, cJSON_IsTrue(v) ? "true" : "false");
    } else if (cJSON_IsNumber(v)) {
        double n = v->valuedouble;
        if (floor(n) == n && fabs(n) < 9e15)
            buf_addi(out, (int64_t)n);
        else
            buf_addf(out, "(0 + %.17g)", isfinite(n) ? n : 0.5);
    } else if ((cJSON_IsArray(v) || cJSON_IsObject(v)) && depth < VERIFY_DEPTH_MAX) {
        buf_addc(out, '{');
        cJSON_ArrayForEach (item, v) {
            if (cJSON_IsObject(v)) {
                buf_addc(out, '[');
                verify_add_string(out, item->string);
                buf_adds(out, "]=");
            }
            verify_add_value(out, item, depth + 1);
            buf_addc(out, ',');
        }
        buf_adds(out, "}\n");
    } else {
        buf_adds(out, "nil");
    }
}

/* local digests = { ["<seed>:1"] = "...", ... } and the sop.sha256 that looks them up. */
static void verify_add_digests(struct buf *out, const char *seed, int n)
{
    char hash[65];
    struct buf text = {0};
    buf_adds(out, "local digests = {");
    for (int i = 0; i <= n; i++) {
        buf_reset(&text);
        buf_adds(&text, seed);
        if (i > 0)
            buf_addf(&text, ":%d", i);
        draws_sha256(buf_cstr(&text), hash);
        buf_addc(out, '[');
        verify_add_string(out, buf_cstr(&text));
        buf_addf(out, "]=\"%s\",\n", hash);
    }
    buf_adds(
        out,
        "}\nlocal sop = { sha256 = function(s)\n"
        "  return digests[s] or error(\"a digest of another text than the seed and the number of a grab\")\n"
        "end }\n");
    buf_free(&text);
}

static bool verify_add_file(struct buf *out, const char *path)
{
    FILE *f = fopen(path, "re");
    size_t before = out->len, n = 1;
    while (f && n > 0 && out->len - before < VERIFY_FILE_MAX) {
        n = fread(buf_reserve(out, 65536), 1, 65536, f);
        out->len += n;
    }
    bool ok = f && n == 0 && !ferror(f);
    if (!ok)
        fprintf(stderr, "sopd ctl: %s cannot be read: %s\n", path,
                !f || ferror(f) ? strerror(errno) : "it is too large");
    if (f)
        fclose(f);
    return ok;
}

static bool verify_is_draw(const cJSON *record)
{
    return strcmp(ctl_string(record, "flow"), "draw") == 0;
}

/* How many numbers of the seed were used: a grab each, or a number drawn each. */
static int verify_steps(const cJSON *record)
{
    const char *list = verify_is_draw(record) ? "out" : "grabs";
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(record, list));
}

/* Runs it. The table that verify_draw.lua or verify_picks.lua returns, or NULL after an error was printed. */
static struct conf_value *verify_compute(const struct ctl *c, const cJSON *packet)
{
    bool draw = verify_is_draw(packet);
    const cJSON *seed = cJSON_GetObjectItemCaseSensitive(packet, "seed");
    struct buf chunk = {0}, err = {0};
    struct conf_value *result = NULL;
    verify_add_digests(&chunk, cJSON_IsString(seed) ? seed->valuestring : "", verify_steps(packet));
    buf_adds(&chunk, "local fair = (function(...)\n");
    if (verify_add_file(&chunk, c->fair)) {
        buf_adds(&chunk, "\nend)()\nlocal record = ");
        verify_add_value(&chunk, packet, 0);
        buf_adds(&chunk, "local grabs = record.grabs\n");
        buf_add(&chunk, draw ? embed_verify_picks_lua : embed_verify_draw_lua,
                draw ? embed_verify_picks_lua_len : embed_verify_draw_lua_len);
        result = conf_eval(buf_cstr(&chunk), chunk.len, c->fair, &err);
        if (!result)
            fprintf(stderr, "sopd ctl: the draw cannot be computed: %s", buf_cstr(&err));
    }
    buf_free(&chunk);
    buf_free(&err);
    return result;
}

/* ---- the answer ---- */

static void verify_print(const struct ctl *c, const char *chat, const cJSON *packet,
                         const char *problem)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(packet, "id");
    const cJSON *hash = cJSON_GetObjectItemCaseSensitive(packet, "commitment");
    int grabs = verify_steps(packet);
    bool draw = verify_is_draw(packet);
    const char *commitment = cJSON_IsString(hash) ? hash->valuestring : "-";
    if (c->json) {
        cJSON *answer = cJSON_CreateObject();
        cJSON_AddBoolToObject(answer, "ok", !problem);
        cJSON_AddNumberToObject(answer, draw ? "draw" : "packet", id->valuedouble);
        cJSON_AddNumberToObject(answer, draw ? "drawn" : "grabs", grabs);
        cJSON_AddStringToObject(answer, "commitment", commitment);
        if (problem)
            cJSON_AddStringToObject(answer, "problem", problem);
        ctl_print_json(answer);
        cJSON_Delete(answer);
        return;
    }
    printf("%s %.0f of %s: ", draw ? "draw" : "packet", id->valuedouble, chat);
    if (problem) {
        for (; *problem; problem++) /* it names members, whose names are strangers' texts */
            putchar((unsigned char)*problem < ' ' || *problem == 0x7f ? ' ' : *problem);
        putchar('\n');
    } else if (draw) {
        printf("OK, %d %s as the seed gives\n", grabs,
               grabs == 1 ? "number is drawn" : "numbers are all drawn");
    } else {
        printf("OK, %d %s as the seed gives\n", grabs, grabs == 1 ? "grab is" : "grabs are all");
    }
    printf("commitment: %s\n", commitment);
}

/* `hash` is what was announced, or NULL. */
static int verify_packet(const struct ctl *c, const char *chat, const cJSON *packet,
                         const char *hash)
{
    const cJSON *commitment = cJSON_GetObjectItemCaseSensitive(packet, "commitment");
    struct conf_value *result = NULL;
    const char *problem = NULL;
    bool open = strcmp(ctl_string(packet, "state"), "open") == 0;
    if (open || drawn_secret(packet)) {
        problem = "it is still open; the seed is told when it ends";
    } else if (hash &&
               (!cJSON_IsString(commitment) || strcasecmp(commitment->valuestring, hash) != 0)) {
        problem = "the seed is not the one whose hash was announced";
    } else {
        result = verify_compute(c, packet);
        if (!result)
            return CLI_FAILED;
        const struct conf_value *text = conf_get(result, "problem");
        problem = text && text->type == CONF_STRING ? text->string : NULL;
    }
    verify_print(c, chat, packet, problem);
    conf_free(result);
    return problem ? CLI_FAILED : CLI_OK;
}

static cJSON *verify_find(const cJSON *packets, double id)
{
    cJSON *p;
    cJSON_ArrayForEach (p, packets) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(p, "id");
        if (cJSON_IsNumber(v) && v->valuedouble == id)
            return p;
    }
    return NULL;
}

/* Reads `--flow draw` out of the arguments; how many are left, -1 if they are wrong. */
static int verify_arguments(int argc, char **argv, bool *draw)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--flow") != 0) {
            argv[n++] = argv[i];
            continue;
        }
        const char *flow = ++i < argc ? argv[i] : "";
        *draw = strcmp(flow, "draw") == 0;
        if (!*draw && strcmp(flow, "redpacket") != 0)
            return -1;
    }
    return n;
}

int ctl_verify(struct ctl *c, int argc, char **argv)
{
    struct draws d;
    char *end = NULL;
    bool draw = false;
    argc = verify_arguments(argc, argv, &draw);
    if (argc != 3 && argc != 4)
        return cli_usage("ctl",
                         "it is: verify-draw GATEWAY:CHAT ID [HASH] [--flow redpacket|draw]");
    long id = strtol(argv[2], &end, 10);
    if (id < 1 || *end)
        return cli_usage("ctl", "'%s' is not the number of a packet", argv[2]);
    if (!c->fair)
        return cli_usage("ctl", "verify-draw computes with lib/fair.lua of the SOP folder: give a "
                                "--config whose folders have it");
    int code = draws_open(c, argv[1], &d);
    if (d.packets && draw)
        drawn_read(&d, &code);
    cJSON *packet = verify_find(draw ? d.drawn : d.packets, (double)id);
    if (packet) { /* another record that cannot be read does not matter here */
        code = draw ? CLI_OK : draws_add_grabs(&d, packet);
        if (code == CLI_OK)
            code = verify_packet(c, argv[1], packet, argc == 4 ? argv[3] : NULL);
    } else if (code == CLI_OK) {
        fprintf(stderr, "sopd ctl: no %s %ld is recorded in %s\n", draw ? "draw" : "packet", id,
                argv[1]);
        code = CLI_FAILED;
    }
    draws_close(&d);
    return code;
}
