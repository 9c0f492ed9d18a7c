/* config_secret.c -- secrets of the configuration: in the file, in the environment, in a file, or a systemd credential.
 * A secret is never printed: messages name only where it should come from. Callers: lua/config.c, config_gateway.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "lua/config_internal.h"

enum { SECRET_MAX = 4096 };

static const struct conf_value *secret_key(const struct conf_value *table, const char *stem,
                                           const char *suffix)
{
    char key[64];
    snprintf(key, sizeof key, "%s%s", stem, suffix);
    return conf_get(table, key);
}

const struct conf_value *config_secret_at(const struct conf_value *table, const char *stem)
{
    static const char *const suffixes[] = {"", "_env", "_file"};
    for (int i = 0; i < 3; i++) {
        const struct conf_value *v = secret_key(table, stem, suffixes[i]);
        if (v)
            return v;
    }
    return NULL;
}

/* A relative name is a systemd credential first ($CREDENTIALS_DIRECTORY), else a file beside the configuration. */
static void secret_path(const struct config *c, const char *name, struct buf *out)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (name[0] == '/') {
        buf_adds(out, name);
    } else if (credentials) {
        buf_addf(out, "%s/%s", credentials, name);
        if (access(buf_cstr(out), F_OK) == 0)
            return;
        buf_reset(out);
    }
    if (name[0] != '/') {
        const char *slash = c->file ? strrchr(c->file, '/') : NULL;
        buf_addf(out, "%.*s%s", slash ? (int)(slash - c->file + 1) : 0, slash ? c->file : "", name);
    }
    buf_cstr(out);
}

static char *secret_from_file(struct conf_report *r, struct config *c, const struct conf_value *v,
                              const char *stem)
{
    struct buf path = {0};
    secret_path(c, v->string, &path);
    char text[SECRET_MAX + 1];
    struct stat st;
    FILE *f = fopen(path.data, "re");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    if (!f || ferror(f)) {
        conf_problem(r, v, "%s_file: %s cannot be read: %s", stem, path.data, strerror(errno));
    } else if (n > SECRET_MAX) {
        conf_problem(r, v, "%s_file: %s is longer than %d bytes", stem, path.data, SECRET_MAX);
        n = 0;
    } else if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH)) {
        config_warn(c, r, v, "%s_file: everybody can read %s; chmod 600 it", stem, path.data);
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (f && n == 0 && !ferror(f))
        conf_problem(r, v, "%s_file: %s holds no secret", stem, path.data);
    if (f)
        fclose(f);
    buf_free(&path);
    char *secret = n > 0 ? mem_strndup(text, n) : NULL;
    explicit_bzero(text, sizeof text);
    return secret;
}

static char *secret_from_env(struct conf_report *r, const struct conf_value *v, const char *stem)
{
    const char *value = getenv(v->string);
    if (!value)
        conf_problem(r, v, "%s_env: the environment has no variable %s", stem, v->string);
    else if (!*value)
        conf_problem(r, v, "%s_env: the variable %s is empty", stem, v->string);
    return value && *value ? mem_strdup(value) : NULL;
}

char *config_secret(struct conf_report *r, struct config *c, const struct conf_value *table,
                    const char *stem, bool inline_too, unsigned flags)
{
    const struct conf_value *plain = inline_too ? secret_key(table, stem, "") : NULL;
    const struct conf_value *env = secret_key(table, stem, "_env"),
                            *file = secret_key(table, stem, "_file");
    const struct conf_value *v = plain ? plain : env ? env : file;
    if (!v)
        return NULL;
    if ((plain != NULL) + (env != NULL) + (file != NULL) > 1) {
        conf_problem(r, v, "give only one of %s, %s_env and %s_file", stem, stem, stem);
        return NULL;
    }
    if (v->type != CONF_STRING || v->len == 0 || strlen(v->string) != v->len) {
        conf_problem(r, v, "%s%s must be a text that is not empty", stem,
                     v == env    ? "_env"
                     : v == file ? "_file"
                                 : "");
        return NULL;
    }
    if (plain)
        return mem_strdup(v->string);
    if (flags & CONFIG_NO_SECRETS)
        return mem_strdup("not-looked-up");
    return env ? secret_from_env(r, v, stem) : secret_from_file(r, c, v, stem);
}
