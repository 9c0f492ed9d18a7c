/* inbox.c -- the stream sopd:commands:{<gateway>}: its entries are read on a connection of their own, checked, and become inputs of
 * chats; the commit of each one's turn takes it out of the stream (command_turn.c).
 * There is one reader, the owner of the gateway, and the stream holds exactly what is still to be done: after a crash, a lost
 * connection or a take-over it is read from its beginning. What cannot be carried out goes to sopd:commands-dead:{<gateway>}.
 * At most INBOX_WINDOW entries are in hand at a time, so a flood of them takes neither memory nor the members' turn.
 * Owns: the connection and the list of entries in hand. Callers: gw.c, the drain, turn_run.c. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum {
    INBOX_WINDOW = 64,
    INBOX_LOW = 32, /* more are read when so few are left */
    INBOX_BLOCK_MS = 5000,
    INBOX_LEARN_MS = 30000, /* after a start: a group may not be known yet */
    INBOX_AGAIN_MS = 100,
    INBOX_AGAIN_MAX_MS = 3000,
    INBOX_ERROR_MS = 5000,
    INBOX_COUNT_MS = 10000,
    INBOX_OLD_MS = 7 * 86400000,
    INBOX_DEAD_FIELDS = 64,
    INBOX_DEAD_BYTES = 65536
};

struct inbox_item {
    char entry[COMMAND_ENTRY_MAX];
    UT_hash_handle hh;
};

struct inbox {
    struct gw *gw;
    struct redis *link;
    char cursor[COMMAND_ENTRY_MAX];
    bool up, reading, ended;
    bool rescan; /* something was left in the stream: read it from the beginning */
    int64_t rescan_at, wait_until, began_ms, counted_ms; /* monotonic */
    int64_t again_ms; /* how long to wait before that: longer each time */
    struct inbox_item *window;
    unsigned nwindow;
    struct log_gate gate_dead, gate_error;
    struct metric *m_waiting, *m_dead;
};

/* ---- entries in hand ---- */

static struct inbox_item *inbox_find(struct inbox *in, const char *entry)
{
    struct inbox_item *item;
    HASH_FIND_STR(in->window, entry, item);
    return item;
}

static void inbox_hold(struct inbox *in, const char *entry)
{
    struct inbox_item *item = MEM_NEW(struct inbox_item);
    snprintf(item->entry, sizeof item->entry, "%s", entry);
    HASH_ADD_STR(in->window, entry, item);
    in->nwindow++;
}

static void inbox_again(struct inbox *in)
{
    if (in->rescan)
        return;
    in->rescan = true;
    in->rescan_at = clock_mono(in->gw->e->clock) + in->again_ms;
    in->again_ms = in->again_ms * 2 < INBOX_AGAIN_MAX_MS ? in->again_ms * 2 : INBOX_AGAIN_MAX_MS;
}

static void inbox_release(struct inbox *in, const char *entry, bool settled)
{
    struct inbox_item *item = inbox_find(in, entry);
    if (!item)
        return;
    HASH_DEL(in->window, item);
    free(item);
    in->nwindow--;
    if (!settled)
        inbox_again(in);
    engine_spin(in->gw->e);
}

void command_free(struct command *c)
{
    if (!c)
        return;
    if (c->gw && c->gw->inbox && !c->elsewhere)
        inbox_release(c->gw->inbox, c->entry, c->settled);
    buf_free(&c->room);
    free(c);
}

/* ---- dead letters ---- */

static void inbox_count(struct gw *gw, const char *op, const char *outcome)
{
    metric_inc(
        metric_counter("sopd_commands_total", "Entries of sopd:commands by how they ended.",
                       metric_labels("gateway", gw->name, "op", op, "outcome", outcome, NULL)));
}

void inbox_note_dead(struct gw *gw, const char *op, const char *entry, const char *reason)
{
    struct inbox *in = gw->inbox;
    inbox_count(gw, op, "dead");
    if (in && log_gate_open(&in->gate_dead, clock_mono(gw->e->clock), 1000))
        log_warn("command refused: see sopd ctl commands", "gateway", gw->name, "op", op, "entry",
                 entry, "reason", reason, NULL);
}

/* Moves an entry to the dead letters, once: whoever takes it out of the one stream puts it into the other. Strangers made it, so only
 * so many fields of so many bytes come along. KEYS: commands, dead letters. ARGV: id, reason, now, length, fields, bytes. */
static const char inbox_bury[] =
    "local e = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]\n"
    "if not e or redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end\n"
    "local f, left = {}, tonumber(ARGV[6])\n"
    "for i = 1, math.min(#e[2], 2 * tonumber(ARGV[5])) do\n"
    "  f[i] = string.sub(e[2][i], 1, left)\n"
    "  left = math.max(0, left - #f[i])\n"
    "end\n"
    "redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'dead-reason', ARGV[2],\n"
    "  'dead-time', ARGV[3], 'dead-entry', ARGV[1], unpack(f))\n"
    "return 1\n";

struct inbox_burial {
    struct gw *gw;
    char entry[COMMAND_ENTRY_MAX];
};

static void inbox_buried(void *ud, const struct redisReply *reply)
{
    struct inbox_burial *b = ud;
    bool ok = reply && reply->type == REDIS_REPLY_INTEGER;
    struct inbox *in = b->gw->inbox;
    if (reply && !ok && in &&
        log_gate_open(&in->gate_error, clock_mono(b->gw->e->clock), INBOX_ERROR_MS))
        log_error("a command cannot be moved to the dead letters", "gateway", b->gw->name, "entry",
                  b->entry, "answer", reply->str ? reply->str : "?", NULL);
    if (in)
        inbox_release(in, b->entry, ok);
    free(b);
}

void inbox_dead(struct gw *gw, const char *op, const char *entry, const char *reason)
{
    struct buf from = {0}, to = {0};
    struct inbox_burial *b = MEM_NEW(struct inbox_burial);
    b->gw = gw;
    snprintf(b->entry, sizeof b->entry, "%s", entry);
    gw_stream_key(gw, &from, "commands");
    gw_stream_key(gw, &to, "commands-dead");
    const char *argv[] = {"EVAL",
                          inbox_bury,
                          "2",
                          buf_cstr(&from),
                          buf_cstr(&to),
                          entry,
                          reason,
                          log_int(clock_wall(gw->e->clock)),
                          log_int(STREAM_DEAD_LENGTH),
                          log_int(INBOX_DEAD_FIELDS),
                          log_int(INBOX_DEAD_BYTES)};
    inbox_note_dead(gw, op, entry, reason);
    if (!redis_command(gw->e->redis, inbox_buried, b, 11, argv, NULL))
        inbox_buried(b, NULL);
    buf_free(&from);
    buf_free(&to);
}

void inbox_drop(struct gw *gw, const struct command *c)
{
    struct buf key = {0};
    gw_stream_key(gw, &key, "commands");
    redis_command(gw->e->redis, NULL, NULL, 3, (const char *[]){"XDEL", buf_cstr(&key), c->entry},
                  NULL);
    buf_free(&key);
}

void command_committed(struct turn *t, enum commit_status status, const char *text, bool again)
{
    struct command *c = t->input->command;
    const char *op = command_op_name(c->op);
    c->settled = true;
    if (status == COMMIT_REFUSED) {
        c->elsewhere = true;
        inbox_dead(t->gw, op, c->entry, text);
    } else if (status == COMMIT_DUPLICATE && !again) {
        inbox_drop(t->gw, c); /* the sender asked twice: nothing of this one was applied */
        inbox_count(t->gw, op, "duplicate");
    } else if (!c->dead) {
        inbox_count(t->gw, op, "done");
    }
}

/* ---- an entry becomes an input ---- */

/* Where its turn happens: its chat, the private chat of its user, or the place of those that concern many chats. */
static const char *inbox_chat(const struct command *c, struct buf *room)
{
    if (c->text[COMMAND_CHAT])
        return c->text[COMMAND_CHAT];
    if (command_is_many(c))
        return "*";
    buf_addf(room, "@%s", c->text[COMMAND_USER]);
    return buf_cstr(room);
}

static bool inbox_chat_known(struct gw *gw, const char *chat)
{
    struct known *k;
    if (*chat == '@' || strcmp(chat, "*") == 0 || chat_get(gw, chat, false))
        return true;
    HASH_FIND_STR(gw->known, chat, k);
    return k != NULL;
}

static struct event *inbox_event(const struct gw *gw, const struct command *c, const char *chat)
{
    static const enum event_type types[COMMAND_OPS] = {EVENT_OTHER, EVENT_OTHER,   EVENT_OTHER,
                                                       EVENT_ORDER, EVENT_TRIGGER, EVENT_OTHER,
                                                       EVENT_OTHER, EVENT_OTHER};
    struct event *e = event_new(types[c->op], 0);
    struct buf key = {0};
    const char *user = c->text[COMMAND_USER], *order = c->text[COMMAND_ORDER_ID],
               *sub = c->op == COMMAND_TRIGGER ? c->text[COMMAND_NAME] : command_op_name(c->op);
    int64_t now = clock_wall(gw->e->clock), when = command_entry_ms(c->entry);
    command_identity(c, &key);
    e->key = event_string(e, key.data, key.len);
    e->chat = event_string(e, chat, strlen(chat));
    e->user = event_string(e, user ? user : "", user ? strlen(user) : 0);
    e->text = event_string(e, order ? order : "", order ? strlen(order) : 0);
    e->sub = event_string(e, sub, strlen(sub));
    e->number = c->amount;
    e->private_chat = *chat == '@';
    /* the sender may have written the id's time; one that cannot be is not believed */
    bool usable = when <= now && now - when < INBOX_OLD_MS && !gw->e->clock->frozen;
    e->time_ms = when >= 0 && usable ? when : now;
    e->arrived_ms =
        e->time_ms; /* a repeat may come on another day: its turn is looked for on two */
    e->arrived_ns = clock_ns();
    buf_free(&key);
    return e;
}

static void inbox_push(struct inbox *in, struct command *c, const char *chat)
{
    struct buf args = {0};
    struct input *input = input_event(inbox_event(in->gw, c, chat));
    command_args(c, &args);
    input->args = args.len ? buf_take(&args) : NULL;
    input->command = c;
    c->gw = in->gw;
    if (input->event->type != EVENT_OTHER)
        metric_inc(in->gw->m_events[input->event->type]);
    inbox_hold(in, c->entry);
    chat_push(chat_get(in->gw, chat, true), input);
}

static void inbox_take(struct inbox *in, const char *entry, const struct redisReply *fields)
{
    struct gw *gw = in->gw;
    struct command_text pieces[COMMAND_PAIRS * 2 + 2];
    struct buf why = {0}, room = {0};
    size_t npairs = fields->elements / 2;
    size_t n = npairs > COMMAND_PAIRS ? COMMAND_PAIRS + 1 : npairs;
    for (size_t i = 0; i < n * 2; i++)
        pieces[i] = (struct command_text){fields->element[i]->str, fields->element[i]->len};
    struct command *c = command_parse(gw->name, entry, pieces, n, &why);
    const char *chat = c ? inbox_chat(c, &room) : "", *op = c ? command_op_name(c->op) : "?";
    int64_t now = clock_mono(gw->e->clock);
    if (c && c->until_ms && c->until_ms < clock_wall(gw->e->clock))
        buf_adds(&why, "it came too late: field \"until\" is past");
    else if (c && !inbox_chat_known(gw, chat) && now - in->began_ms >= INBOX_LEARN_MS)
        buf_addf(&why, "chat \"%s\" is not known", chat);
    if (!c || why.len) {
        inbox_hold(in, entry);
        inbox_dead(gw, op, entry, buf_cstr(&why));
        command_free(c);
    } else if (!inbox_chat_known(gw, chat)) {
        inbox_again(in); /* it stays where it is */
        command_free(c);
    } else {
        inbox_push(in, c, chat);
    }
    buf_free(&why);
    buf_free(&room);
}

/* ---- reading ---- */

static void inbox_read_entries(struct inbox *in, const struct redisReply *list)
{
    for (size_t i = 0; i < list->elements; i++) {
        const struct redisReply *entry = list->element[i];
        if (entry->type != REDIS_REPLY_ARRAY || entry->elements < 2 ||
            entry->element[1]->type != REDIS_REPLY_ARRAY)
            continue;
        const char *id = entry->element[0]->str;
        snprintf(in->cursor, sizeof in->cursor, "%s", id);
        if (!inbox_find(in, id))
            inbox_take(in, id, entry->element[1]);
    }
}

static void inbox_answer(void *ud, const struct redisReply *reply)
{
    struct inbox *in = ud;
    in->reading = false;
    if (in->ended || !reply || !in->gw->owner || in->gw->stopped)
        return;
    engine_spin(in->gw->e);
    if (reply->type == REDIS_REPLY_ERROR) {
        in->wait_until = clock_mono(in->gw->e->clock) + INBOX_ERROR_MS;
        if (log_gate_open(&in->gate_error, clock_mono(in->gw->e->clock), INBOX_ERROR_MS))
            log_error("commands cannot be read", "gateway", in->gw->name, "answer", reply->str,
                      NULL);
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements &&
        reply->element[0]->type == REDIS_REPLY_ARRAY && reply->element[0]->elements == 2)
        inbox_read_entries(in, reply->element[0]->element[1]);
}

static void inbox_ask(struct inbox *in)
{
    struct buf key = {0};
    gw_stream_key(in->gw, &key, "commands");
    const char *argv[] = {"XREAD",
                          "COUNT",
                          log_int(INBOX_WINDOW - in->nwindow),
                          "BLOCK",
                          log_int(in->rescan ? in->again_ms : INBOX_BLOCK_MS),
                          "STREAMS",
                          buf_cstr(&key),
                          in->cursor};
    in->reading = redis_command(in->link, inbox_answer, in, 8, argv, NULL);
    buf_free(&key);
}

static void inbox_counted_waiting(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (gw->inbox && reply && reply->type == REDIS_REPLY_INTEGER)
        metric_set(gw->inbox->m_waiting, (double)reply->integer);
}

static void inbox_counted_dead(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (gw->inbox && reply && reply->type == REDIS_REPLY_INTEGER)
        metric_set(gw->inbox->m_dead, (double)reply->integer);
}

static void inbox_measure(struct inbox *in, int64_t now)
{
    static const char *const kinds[] = {"commands", "commands-dead"};
    if (now - in->counted_ms < INBOX_COUNT_MS)
        return;
    in->counted_ms = now;
    for (int i = 0; i < 2; i++) {
        struct buf key = {0};
        gw_stream_key(in->gw, &key, kinds[i]);
        redis_command(in->gw->e->redis, i ? inbox_counted_dead : inbox_counted_waiting, in->gw, 2,
                      (const char *[]){"XLEN", buf_cstr(&key)}, NULL);
        buf_free(&key);
    }
}

void inbox_run(struct gw *gw)
{
    struct inbox *in = gw->inbox;
    if (!in || !in->up || !gw->owner || !gw->loaded || gw->stopped)
        return;
    int64_t now = clock_mono(gw->e->clock);
    inbox_measure(in, now);
    if (in->reading || in->nwindow > INBOX_LOW || now < in->wait_until)
        return;
    if (in->rescan && now >= in->rescan_at) {
        in->rescan = false;
        snprintf(in->cursor, sizeof in->cursor, "0-0");
    }
    inbox_ask(in);
}

void inbox_flush(struct gw *gw)
{
    if (gw->inbox && gw->inbox->link)
        redis_flush(gw->inbox->link);
}

bool inbox_quiet(const struct gw *gw)
{
    return !gw->inbox || !gw->inbox->nwindow;
}

/* ---- life ---- */

static void inbox_status(void *ud, enum redis_status status)
{
    struct inbox *in = ud;
    in->up = status == REDIS_UP;
    in->reading = false;
    in->again_ms = INBOX_AGAIN_MS;
    snprintf(in->cursor, sizeof in->cursor, "0-0");
    engine_spin(in->gw->e);
}

void inbox_start(struct gw *gw)
{
    if (gw->inbox)
        return;
    struct inbox *in = gw->inbox = MEM_NEW(struct inbox);
    const char *labels = metric_labels("gateway", gw->name, NULL);
    in->gw = gw;
    in->again_ms = INBOX_AGAIN_MS;
    in->began_ms = clock_mono(gw->e->clock);
    snprintf(in->cursor, sizeof in->cursor, "0-0");
    in->m_waiting = metric_gauge("sopd_commands_waiting", "Entries in sopd:commands.", labels);
    in->m_dead = metric_gauge("sopd_commands_dead", "Entries in sopd:commands-dead.", labels);
    struct redis_opts ro = {
        .addr = gw->e->opts.redis, .name = "sopd-commands", .on_status = inbox_status, .ud = in};
    in->link = redis_create(gw->e->opts.loop, gw->e->clock, &ro);
}

void inbox_stop(struct gw *gw, void (*done)(void *ud), void *ud)
{
    struct inbox *in = gw->inbox;
    struct redis *link = in ? in->link : NULL;
    if (in) {
        in->ended = true;
        in->up = false;
        in->link = NULL;
    }
    redis_destroy(link, done, ud);
}

void inbox_free(struct gw *gw)
{
    struct inbox *in = gw->inbox;
    struct inbox_item *item, *tmp;
    if (!in)
        return;
    gw->inbox = NULL;
    HASH_ITER (hh, in->window, item, tmp) {
        HASH_DEL(in->window, item);
        free(item);
    }
    free(in);
}
