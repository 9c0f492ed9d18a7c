/* import.c -- puts a chat that `sopd ctl import` has staged into its place: one script between two turns of the chat, and then nothing
 * of the old state is in memory any more. The script is sent on the connection of all turns, so a turn that begins after it reads
 * what it wrote. Callers: admin/control_rights.c; the drain drives it. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rights/forget.h"

extern const char embed_import_apply_lua[];
extern const unsigned long embed_import_apply_lua_len;

struct import {
    struct import *next;
    struct gw *gw;
    char *chat; /* "": a member's file, which touches many */
    char *stage;
    bool replace, pending;
    void (*told)(void *ud, const char *error);
    void *ud;
};

static void import_end(struct import *m, const char *error)
{
    struct import **p = &m->gw->imports;
    while (*p && *p != m)
        p = &(*p)->next;
    if (*p)
        *p = m->next;
    m->told(m->ud, error);
    free(m->chat);
    free(m->stage);
    free(m);
}

void import_free(struct gw *gw)
{
    while (gw->imports)
        import_end(gw->imports, "the gateway is not served here any more");
}

static bool import_is_of(const struct import *m, const char *chat)
{
    return !*m->chat || strcmp(m->chat, chat) == 0;
}

/* Is a turn of the chat on its way? */
static bool import_busy(const struct import *m)
{
    for (const struct chat *c = m->gw->chats; c; c = c->hh.next)
        if (c->turn && import_is_of(m, c->key))
            return true;
    for (const struct run *run = m->gw->runs; run; run = run->hh.next)
        if (run->busy && import_is_of(m, run->chat))
            return true;
    return false;
}

/* Runs, waits and timers are read anew when they are needed. */
static void import_forget_memory(struct import *m)
{
    struct gw *gw = m->gw;
    struct run *run, *tmp;
    HASH_ITER (hh, gw->runs, run, tmp)
        if (import_is_of(m, run->chat))
            run_forget(run);
    for (struct chat *c = gw->chats; c; c = c->hh.next)
        if (import_is_of(m, c->key))
            waits_forget(c);
    timers_drop_chat(gw, *m->chat ? m->chat : NULL);
}

static void import_applied(void *ud, const struct redisReply *r)
{
    struct import *m = ud;
    struct gw *gw = m->gw;
    struct buf text = {0};
    if (!r || r->type != REDIS_REPLY_ARRAY || r->elements < 2)
        buf_addf(&text, "Redis did not answer: %s; look, and import again if nothing is there",
                 r && r->str ? r->str : "the connection was lost");
    else if (r->element[0]->integer == -2)
        buf_adds(&text, "what was staged is gone: import again");
    else if (r->element[0]->integer)
        buf_addf(&text, "%s is there already; --replace takes its place", r->element[1]->str);
    timers_note(gw, clock_wall(gw->e->clock));
    gw_read_registry(gw);
    engine_spin(gw->e);
    log_info("imported", "gateway", gw->name, "chat", m->chat, "problem", buf_cstr(&text), NULL);
    import_end(m, text.len ? buf_cstr(&text) : NULL);
    buf_free(&text);
}

void import_run(struct gw *gw)
{
    struct import *m = gw->imports;
    if (!m || m->pending || !gw->owner || !gw->loaded || import_busy(m))
        return;
    import_forget_memory(m);
    const char *argv[] = {"EVAL", embed_import_apply_lua, "1", m->stage,
                          m->replace ? "replace" : ""};
    const size_t lens[] = {4, embed_import_apply_lua_len, 1, strlen(m->stage), strlen(argv[4])};
    m->pending = redis_command(gw->e->redis, import_applied, m, 5, argv, lens);
}

const char *engine_import(struct engine *e, const char *gateway, const char *chat,
                          const char *stage, bool replace,
                          void (*told)(void *ud, const char *error), void *ud)
{
    struct gw *gw = engine_gw(e, gateway);
    struct buf prefix = {0};
    if (!gw)
        return "there is no such gateway";
    if (!gw->owner || !gw->loaded || !e->redis_up)
        return "the gateway is not served here now";
    gw_key(gw, &prefix, "stage:");
    bool staged = strncmp(stage, buf_cstr(&prefix), prefix.len) == 0;
    buf_free(&prefix);
    if (!staged)
        return "that is no staged import of this gateway";
    struct import *m = MEM_NEW(struct import), **p = &gw->imports;
    m->gw = gw;
    m->chat = mem_strdup(chat);
    m->stage = mem_strdup(stage);
    m->replace = replace;
    m->told = told;
    m->ud = ud;
    while (*p)
        p = &(*p)->next;
    *p = m;
    engine_spin(e);
    return NULL;
}
