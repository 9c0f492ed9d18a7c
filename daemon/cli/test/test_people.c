/* test_people.c -- the people of a case and what they do. The playground forgets both when the daemon goes; the world remembers who is
 * there, and repeats what they did last to an engine that died over it, as platforms do.
 * Owns: people, names and inputs of the world. Callers: test_world.c, test_steps.c. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "cli/test/test.h"

/* ---- who is there ---- */

static struct world_person *people_find(struct world *w, const char *chat, const char *name)
{
    for (size_t i = 0; i < w->npeople; i++)
        if (strcmp(w->people[i].name, name) == 0 && strcmp(w->people[i].chat, chat) == 0)
            return &w->people[i];
    return NULL;
}

void world_enters(struct world *w, const char *chat, const char *name, const char *role)
{
    struct world_person *p = people_find(w, chat, name);
    if (!p) {
        if (w->npeople % 64 == 0)
            w->people = mem_realloc(w->people, (w->npeople + 64) * sizeof *w->people);
        p = &w->people[w->npeople++];
        *p = (struct world_person){.chat = mem_strdup(chat),
                                   .name = mem_strdup(name),
                                   .role = "member",
                                   .since_s = clock_wall(&w->daemon->clock) / 1000};
    }
    if (role)
        p->role = role;
}

void world_leaves(struct world *w, const char *chat, const char *name)
{
    struct world_person *p = people_find(w, chat, name);
    if (!p)
        return;
    free(p->chat);
    free(p->name);
    size_t at = (size_t)(p - w->people);
    memmove(p, p + 1, (--w->npeople - at) * sizeof *p);
}

void world_knows(struct world *w, const char *name)
{
    for (size_t i = 0; i < w->nnames; i++)
        if (strcmp(w->names[i], name) == 0)
            return;
    if (w->nnames % 64 == 0)
        w->names = mem_realloc(w->names, (w->nnames + 64) * sizeof *w->names);
    w->names[w->nnames++] = mem_strdup(name);
    if (w->gateway)
        playground_user(w->gateway, name);
}

void world_gather(struct world *w)
{
    struct gateway *g = w->gateway;
    playground_set_lacks(g, w->lacks);
    if (w->platform)
        playground_set_platform(g, w->platform);
    if (w->memory)
        playground_give_memory(g, w->memory);
    w->memory = NULL;
    playground_add_group(g, WORLD_GROUP, "演示群");
    playground_add_group(g, WORLD_STAFF, "店员群");
    for (size_t i = 0; i < w->nnames; i++)
        playground_user(g, w->names[i]);
    for (size_t i = 0; i < w->npeople; i++) {
        const struct world_person *p = &w->people[i];
        if (strcmp(p->chat, WORLD_GROUP) != 0 && strcmp(p->chat, WORLD_STAFF) != 0)
            playground_add_group(g, p->chat, p->chat);
        playground_admit(g, p->chat, p->name, p->role, p->since_s);
    }
    if (w->last_id)
        playground_set_last_id(g, w->last_id);
}

/* ---- what they do ---- */

static const char *people_tell(struct world *w, const struct world_input *in)
{
    struct gateway *g = w->gateway;
    switch (in->deed) {
    case DEED_SAY: return playground_say(g, in->chat, in->who, in->text);
    case DEED_REPLY: return playground_reply(g, in->chat, in->who, in->with, in->text);
    case DEED_IMAGE: return playground_image(g, in->chat, in->who, in->text);
    case DEED_JOIN: playground_join(g, in->chat, in->who, in->with); break;
    case DEED_LEAVE: playground_leave(g, in->chat, in->who, in->with); break;
    case DEED_POKE: playground_poke(g, in->chat, in->who, in->with); break;
    case DEED_ENTER: playground_enter(g, in->who); break;
    case DEED_PRESS: playground_press(g, in->chat, in->who, in->with, in->text); break;
    }
    return "";
}

const char *world_does(struct world *w, enum world_deed deed, const char *chat, const char *who,
                       const char *text, const char *with)
{
    if (w->ninputs % 16 == 0)
        w->inputs = mem_realloc(w->inputs, (w->ninputs + 16) * sizeof *w->inputs);
    if (with && deed != DEED_REPLY && deed != DEED_PRESS)
        world_knows(w, with);
    struct world_input *in = &w->inputs[w->ninputs++];
    *in = (struct world_input){.deed = deed,
                               .chat = mem_strdup(chat),
                               .who = mem_strdup(who),
                               .text = mem_strdup(text),
                               .with = mem_strdup(with),
                               .before_id = playground_last_id(w->gateway)};
    return people_tell(w, in);
}

static void people_repeat(struct world *w, const struct world_input *inputs, size_t n)
{
    int64_t last = playground_last_id(w->gateway);
    for (size_t i = 0; i < n; i++) {
        playground_set_last_id(w->gateway, inputs[i].before_id);
        people_tell(w, &inputs[i]);
    }
    if (playground_last_id(w->gateway) < last)
        playground_set_last_id(w->gateway, last);
}

void world_repeats(struct world *w)
{
    people_repeat(w, w->inputs, w->ninputs);
}

static void people_free_inputs(struct world_input *inputs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(inputs[i].chat);
        free(inputs[i].who);
        free(inputs[i].text);
        free(inputs[i].with);
    }
    free(inputs);
}

void world_forget_inputs(struct world *w)
{
    if (w->ninputs == 0)
        return;
    people_free_inputs(w->past, w->npast);
    w->past = w->inputs;
    w->npast = w->ninputs;
    w->inputs = NULL;
    w->ninputs = 0;
}

/* g:again(): the platform reports once more what people did in the step before, under the same ids. Returns how much that is. */
static int people_again(lua_State *L)
{
    struct world *w = world_of(L);
    if (w->together)
        return luaL_error(L, "g:again: not inside g:together");
    step_begin(w);
    people_repeat(w, w->past, w->npast);
    lua_pushinteger(L, (lua_Integer)w->npast);
    return step_wait(L, 1);
}

const luaL_Reg test_people[] = {{"again", people_again}, {NULL, NULL}};

void world_free_people(struct world *w)
{
    for (size_t i = 0; i < w->npeople; i++) {
        free(w->people[i].chat);
        free(w->people[i].name);
    }
    for (size_t i = 0; i < w->nnames; i++)
        free(w->names[i]);
    free(w->people);
    free(w->names);
    w->people = NULL;
    w->names = NULL;
    w->npeople = w->nnames = 0;
    people_free_inputs(w->inputs, w->ninputs);
    people_free_inputs(w->past, w->npast);
    w->inputs = w->past = NULL;
    w->ninputs = w->npast = 0;
}
