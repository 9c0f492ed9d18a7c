/* stage.c -- see stage.h. Callers: play*.c and test*.c. */
#include "cli/serve/stage.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/route/book.h"
#include "gateway/playground.h"

/* ---- folders ---- */

static bool stage_is_sop(const char *path)
{
    struct buf b = {0};
    buf_addf(&b, "%s/playbooks", path);
    bool is = access(buf_cstr(&b), R_OK) == 0;
    buf_free(&b);
    return is;
}

char *stage_find_sop(const char *given)
{
    char exe[4096];
    if (given)
        return realpath(given, NULL);
    if (stage_is_sop("sop"))
        return realpath("sop", NULL);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    static const char *const places[] = {"../sop", "../share/sopd/sop"};
    for (int i = 0; slash && i < 2; i++) {
        struct buf b = {0};
        buf_addf(&b, "%.*s/%s", (int)(slash - exe), exe, places[i]);
        char *real = stage_is_sop(buf_cstr(&b)) ? realpath(b.data, NULL) : NULL;
        buf_free(&b);
        if (real)
            return real;
    }
    return stage_is_sop(SOPD_SOURCE_DIR "/sop") ? realpath(SOPD_SOURCE_DIR "/sop", NULL) : NULL;
}

char *stage_make_dir(const char *prefix, struct buf *err)
{
    const char *tmp = getenv("TMPDIR");
    struct buf b = {0};
    buf_addf(&b, "%s/%sXXXXXX", tmp && *tmp ? tmp : "/tmp", prefix);
    char *path = buf_take(&b);
    if (mkdtemp(path))
        return path;
    buf_addf(err, "no folder could be made in %s: %s\n", tmp && *tmp ? tmp : "/tmp",
             strerror(errno));
    free(path);
    return NULL;
}

static int stage_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void stage_remove_dir(const char *path)
{
    nftw(path, stage_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- texts ---- */

void stage_add_quoted(struct buf *b, const char *s, size_t len)
{
    buf_addc(b, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            buf_addf(b, "\\%c", c);
        else if (c < 0x20)
            buf_addf(b, "\\%03d", c);
        else
            buf_addc(b, s[i]);
    }
    buf_addc(b, '"');
}

bool stage_parse_moment(const struct zone *zone, const char *text, int64_t *out)
{
    char date[16] = "", clock[16] = "00:00";
    int64_t day, ms;
    if (sscanf(text, "%15s %15s", date, clock) < 1 || !time_parse_date(date, &day) ||
        !time_parse_clock(clock, &ms))
        return false;
    *out = zone_moment(zone, day, ms);
    return true;
}

/* ---- people ---- */

static void stage_name(struct gateway *g, struct staff *staff, int n)
{
    static const char prefix[] = STAGE_GATEWAY ":";
    for (int i = 0; i < n; i++) {
        const char *name = staff[i].user + sizeof prefix - 1;
        if (strncmp(staff[i].user, prefix, sizeof prefix - 1) != 0 ||
            strspn(name, "0123456789") == strlen(name))
            continue;
        struct buf user = {0};
        buf_addf(&user, "%s%s", prefix, playground_user(g, name));
        free(staff[i].user);
        staff[i].user = buf_take(&user);
    }
}

void stage_name_staff(struct gateway *g, struct book *b)
{
    stage_name(g, b->staff, b->nstaff);
    for (int i = 0; i < b->nbooks; i++)
        stage_name(g, b->books[i]->staff, b->books[i]->nstaff);
}

const char *stage_bot_name(const struct book *b)
{
    for (int i = 0; i < b->nbooks; i++) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(b->books[i]->persona, "name");
        if (cJSON_IsString(name) && *name->valuestring)
            return name->valuestring;
    }
    return "小福";
}
