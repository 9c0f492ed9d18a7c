/* ob_action.c -- requests to the implementation: the frame (written straight into the socket's buffer), its echo, and the
 * table of those that wait for a response. An echo is "<connection>-<number>", both hexadecimal, never used twice in the
 * life of the process; the number's low bits are the slot in the table, so matching costs no search. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/jsonout.h"
#include "gateway/ob.h"

enum { OB_SLOTS_FIRST = 16 };

static const char *const ob_names[OB_NAMES] = {
    [OB_SEND_GROUP] = "send_group_msg",
    [OB_SEND_PRIVATE] = "send_private_msg",
    [OB_DELETE_MSG] = "delete_msg",
    [OB_KICK] = "set_group_kick",
    [OB_BAN] = "set_group_ban",
    [OB_WHOLE_BAN] = "set_group_whole_ban",
    [OB_CARD] = "set_group_card",
    [OB_FRIEND_ANSWER] = "set_friend_add_request",
    [OB_GROUP_ANSWER] = "set_group_add_request",
    [OB_MEMBER_LIST] = "get_group_member_list",
    [OB_AT_ALL_REMAIN] = "get_group_at_all_remain",
    [OB_EMOJI_LIKE] = "set_msg_emoji_like",
    [OB_REACTION] = "set_group_reaction",
    [OB_NOTICE] = "_send_group_notice",
    [OB_POKE] = "group_poke",
    [OB_VERSION] = "get_version_info",
    [OB_LOGIN] = "get_login_info",
    [OB_STATUS] = "get_status",
    [OB_GROUP_LIST] = "get_group_list",
    [OB_SYSTEM_MSG] = "get_group_system_msg",
    [OB_GROUP_REQUESTS] = "get_group_requests",
    [OB_HISTORY] = "get_group_msg_history",
};

const char *ob_name_text(enum ob_name name)
{
    return ob_names[name];
}

bool ob_unsupported(const struct ob_peer *p, enum ob_name name)
{
    return p->unsupported >> name & 1;
}

/* ---- the frame ---- */

bool ob_action_begin(struct ob *g, struct ob_frame_out *f, enum ob_name name)
{
    struct ob_peer *p = ob_link_api(g);
    if (!p || conn_full(p->conn) || p->npending >= OB_PENDING_MAX || p->auth_failed)
        return false;
    if ((name == OB_SEND_GROUP || name == OB_SEND_PRIVATE) && !ob_pressure_room(p))
        return false;
    f->p = p;
    f->name = name;
    f->queued = conn_queued(p->conn);
    f->out = conn_begin(p->conn, &f->start);
    buf_adds(f->out, "{\"action\":\"");
    buf_adds(f->out, ob_names[name]);
    buf_adds(f->out, "\",\"params\":{");
    return true;
}

void ob_action_cancel(struct ob_frame_out *f)
{
    conn_cancel(f->p->conn, f->start);
}

/* Whole numbers that fit 64 bits go as numbers, with all their digits; anything else as a string. */
void ob_id_json(struct buf *out, const char *id, bool as_string)
{
    size_t len = strlen(id), digits = strspn(id + (*id == '-'), "0123456789"), sign = *id == '-';
    bool number =
        digits && digits + sign == len && digits <= 18 && (digits == 1 || id[sign] != '0');
    if (number && !as_string)
        buf_add(out, id, len);
    else
        buf_add_json(out, id, len);
}

void ob_action_id(struct ob_frame_out *f, const char *key, const char *id)
{
    const struct ob *g = f->p->g;
    bool bridge = g->impl == OB_IMPL_GENERIC || g->impl == OB_IMPL_UNKNOWN;
    jsonout_key(f->out, key);
    ob_id_json(f->out, id, bridge && g->string_ids);
}

void ob_action_string(struct ob_frame_out *f, const char *key, const char *text)
{
    jsonout_string(f->out, key, text);
}

void ob_action_raw(struct ob_frame_out *f, const char *key, const char *raw)
{
    jsonout_raw(f->out, key, raw);
}

static void ob_add_hex(struct buf *b, uint64_t n)
{
    char tmp[16];
    int i = 16;
    do {
        tmp[--i] = "0123456789abcdef"[n & 15];
        n >>= 4;
    } while (n);
    buf_add(b, tmp + i, (size_t)(16 - i));
}

/* ---- the table ---- */

static void ob_slots_grow(struct ob_peer *p)
{
    uint32_t n = p->nslots ? p->nslots * 2 : OB_SLOTS_FIRST;
    struct ob_pending *slots = mem_zero(n * sizeof *slots);
    for (uint32_t i = 0; i < p->nslots; i++)
        if (p->slots[i].used)
            slots[p->slots[i].seq & (n - 1)] = p->slots[i];
    free(p->slots);
    p->slots = slots;
    p->nslots = n;
}

/* A number whose slot is free. */
static struct ob_pending *ob_pending_add(struct ob_peer *p)
{
    if (p->npending * 2 >= p->nslots)
        ob_slots_grow(p);
    do
        p->seq++;
    while (p->slots[p->seq & (p->nslots - 1)].used);
    struct ob_pending *e = &p->slots[p->seq & (p->nslots - 1)];
    memset(e, 0, sizeof *e);
    e->used = true;
    e->seq = p->seq;
    p->npending++;
    return e;
}

void ob_pending_done(struct ob_peer *p, struct ob_pending *e)
{
    e->used = false;
    p->npending--;
}

void ob_action_end(struct ob_frame_out *f, enum ob_for what, uint8_t action, uint64_t ticket,
                   int64_t timeout_ms)
{
    struct ob_peer *p = f->p;
    struct ob_pending *e = ob_pending_add(p);
    e->what = (uint8_t)what;
    e->name = (uint8_t)f->name;
    e->action = action;
    e->ticket = ticket;
    e->start = f->queued;
    e->deadline = ob_now(p->g) + timeout_ms;
    e->timeout_ms = timeout_ms;
    buf_adds(f->out, "},\"echo\":\"");
    ob_add_hex(f->out, p->gen);
    buf_addc(f->out, '-');
    ob_add_hex(f->out, e->seq);
    buf_add(f->out, "\"}", 2);
    conn_end(p->conn, f->start);
    metric_inc(p->g->meter.out);
}

bool ob_ask(struct ob *g, enum ob_name name, enum ob_for what)
{
    struct ob_frame_out f;
    struct ob_peer *p = ob_link_api(g);
    if (!p || ob_unsupported(p, name) || !ob_action_begin(g, &f, name))
        return false;
    bool list = name == OB_GROUP_LIST || name == OB_SYSTEM_MSG || name == OB_GROUP_REQUESTS;
    ob_action_end(&f, what, 0, 0, list ? g->conf.timeout_ms : g->conf.timeout_ms / 4);
    return true;
}

/* Lower-case hexadecimal without leading zero; false if s is not of that form. */
static bool ob_read_hex(const char *s, const char *end, uint64_t *n)
{
    *n = 0;
    if (s == end || end - s > 16 || (*s == '0' && end - s > 1))
        return false;
    for (; s < end; s++) {
        int digit = *s >= '0' && *s <= '9' ? *s - '0' : *s >= 'a' && *s <= 'f' ? *s - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *n = *n << 4 | (uint64_t)digit;
    }
    return true;
}

static bool ob_read_echo(const char *echo, size_t len, uint64_t *gen, uint64_t *seq)
{
    const char *dash = memchr(echo, '-', len);
    return dash && ob_read_hex(echo, dash, gen) && ob_read_hex(dash + 1, echo + len, seq);
}

struct ob_pending *ob_pending_find(struct ob_peer *p, const char *echo, size_t len)
{
    uint64_t gen, seq;
    if (!ob_read_echo(echo, len, &gen, &seq) || gen != p->gen || !p->nslots)
        return NULL;
    struct ob_pending *e = &p->slots[seq & (p->nslots - 1)];
    return e->used && e->seq == seq ? e : NULL;
}

uint64_t ob_late_take(struct ob *g, const char *echo, size_t len)
{
    uint64_t gen, seq;
    if (!ob_read_echo(echo, len, &gen, &seq) || !gen)
        return 0;
    for (int i = 0; i < OB_LATE; i++) {
        if (g->late[i].gen != gen || g->late[i].seq != seq)
            continue;
        g->late[i].gen = 0;
        return g->late[i].ticket;
    }
    return 0;
}

/* Ends those for which `over` holds. Entries are copied and freed first: whoever is told may send again. */
static void ob_pending_end(struct ob_peer *p, int64_t now, enum send_outcome outcome,
                           const char *reason)
{
    uint64_t newest = p->seq;
    for (uint32_t i = 0; i < p->nslots; i++) {
        struct ob_pending *e = &p->slots[i];
        if (!e->used || e->seq > newest || (now && now < e->deadline))
            continue;
        bool written = !p->conn || e->start < conn_written(p->conn);
        if (now && !written && e->what == OB_FOR_SEND) { /* it may still leave: not late yet */
            e->deadline = now + e->timeout_ms;
            continue;
        }
        struct ob_pending copy = *e;
        ob_pending_done(p, e);
        if (now && written && copy.what == OB_FOR_SEND) {
            p->g->late[p->g->late_at++ % OB_LATE] =
                (struct ob_late){.gen = p->gen, .seq = copy.seq, .ticket = copy.ticket};
            ob_login_send_late(p->g);
        }
        ob_response_lost(p->g, &copy, written ? outcome : SEND_UNWRITTEN, reason);
        if (!p->slots)
            return;
    }
}

void ob_pending_fail_all(struct ob_peer *p, const char *reason)
{
    ob_pending_end(p, 0, SEND_UNKNOWN, reason);
}

void ob_pending_timeouts(struct ob_peer *p, int64_t now)
{
    if (p->npending)
        ob_pending_end(p, now, SEND_UNKNOWN, "no answer in time");
}
