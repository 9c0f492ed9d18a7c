/* ctl_drawn.c -- `sopd ctl draws` of the flow draw: the draws of a group and who took part, as sop/flows/draw.lua keeps them
 * in Redis: list "draws" (ended ones), list "entrants-<id>", field "draw" of the group's hash (the newest one, which stands in
 * the list too when it has ended). Callers: cli/ctl/ctl_draws.c, cli/ctl/ctl_verify.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"

static cJSON *drawn_get(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

bool drawn_secret(const cJSON *draw)
{
    if (strcmp(ctl_string(draw, "flow"), "draw") != 0)
        return false;
    const char *state = ctl_string(draw, "state");
    return strcmp(state, "open") == 0 ||
           (strcmp(state, "closed") == 0 && ctl_number(draw, "picks") == 0);
}

static void drawn_add_entrants(struct draws *d, cJSON *draw, int *code)
{
    char name[40];
    snprintf(name, sizeof name, "entrants-%.0f", ctl_number(draw, "id"));
    cJSON *list = draws_list(d, "draw", name, code);
    if (list)
        cJSON_AddItemToObject(draw, "entered", list);
}

/* Puts the newest draw in the place of what the list has of it, or behind the others. */
static void drawn_add_current(cJSON *list, cJSON *current)
{
    int n = cJSON_GetArraySize(list);
    const cJSON *last = n > 0 ? cJSON_GetArrayItem(list, n - 1) : NULL;
    if (!cJSON_IsObject(current))
        return;
    if (last && ctl_number(last, "id") == ctl_number(current, "id"))
        cJSON_DeleteItemFromArray(list, n - 1);
    cJSON_AddItemToArray(list, cJSON_Duplicate(current, true));
}

void drawn_read(struct draws *d, int *code)
{
    int read = CLI_OK;
    /* the newest one first: if it ends meanwhile, it is in the list */
    cJSON *group = draws_hash(d, "draw", NULL, &read), *draw;
    d->drawn = group ? draws_list(d, "draw", "draws", &read) : NULL;
    if (d->drawn)
        drawn_add_current(d->drawn, drawn_get(group, "draw"));
    cJSON_Delete(group);
    cJSON_ArrayForEach (draw, d->drawn) {
        cJSON_AddStringToObject(draw, "flow", "draw");
        draws_seal(draw, drawn_secret(draw));
        drawn_add_entrants(d, draw, &read);
    }
    *code = read ? read : *code;
}

/* ---- printing ---- */

static int drawn_count(const cJSON *draw, const char *state)
{
    int n = 0;
    const cJSON *winner;
    cJSON_ArrayForEach (winner, drawn_get(draw, "winners"))
        n += !state || strcmp(ctl_string(winner, "state"), state) == 0;
    return n;
}

void drawn_print_table(const cJSON *drawn)
{
    static const char *const titles[] = {"DRAW",     "PRIZE", "STATE", "OPENED", "ENDED",
                                         "ENTRANTS", "COUNT", "DRAWN", "CLAIMED"};
    struct table *t = table_new(titles, 9);
    const cJSON *draw;
    cJSON_ArrayForEach (draw, drawn) {
        table_number(t, ctl_number(draw, "id"));
        table_cell(t, ctl_string(draw, "prize"));
        table_cell(t, ctl_string(draw, "state"));
        table_time(t, ctl_number(draw, "opened"));
        table_time(t, ctl_number(draw, "ended"));
        table_number(t, ctl_number(draw, "entrants"));
        table_number(t, ctl_number(draw, "count"));
        table_number(t, drawn_count(draw, NULL));
        table_number(t, drawn_count(draw, "claimed"));
    }
    table_print(t, "no draws are recorded in this group");
}

/* What became of an entrant: the state of the win, or nothing. */
static const char *drawn_won(const cJSON *draw, int no)
{
    const cJSON *winner;
    cJSON_ArrayForEach (winner, drawn_get(draw, "winners")) {
        if (ctl_number(winner, "no") == no)
            return ctl_string(winner, "state");
    }
    return "";
}

/* One line an entrant; a draw without entrants is one line too. */
static void drawn_csv_draw(const cJSON *draw)
{
    struct buf head = {0}, row = {0};
    const cJSON *list = drawn_get(draw, "entered"), *entrant = list ? list->child : NULL;
    int no = 0;
    buf_addf(&head, "%.0f", ctl_number(draw, "id"));
    ctl_csv_text(&head, ctl_string(draw, "prize"));
    buf_addf(&head, ",%s", ctl_string(draw, "state"));
    ctl_csv_time(&head, draw, "opened");
    ctl_csv_time(&head, draw, "ended");
    ctl_csv_number(&head, draw, "count");
    buf_addf(&head, ",%s,%s", ctl_string(draw, "seed"), ctl_string(draw, "commitment"));
    if (!entrant)
        printf("%s,,,,\n", buf_cstr(&head));
    for (; entrant; entrant = entrant->next) {
        buf_reset(&row);
        buf_addf(&row, ",%d", ++no);
        ctl_csv_text(&row, ctl_string(entrant, "user"));
        ctl_csv_text(&row, ctl_string(entrant, "name"));
        buf_addf(&row, ",%s", drawn_won(draw, no));
        printf("%s%s\n", buf_cstr(&head), buf_cstr(&row));
    }
    buf_free(&head);
    buf_free(&row);
}

void drawn_print_csv(const cJSON *drawn)
{
    const cJSON *draw;
    puts("draw,prize,state,opened,ended,count,seed,commitment,no,user,name,won");
    cJSON_ArrayForEach (draw, drawn)
        drawn_csv_draw(draw);
}
