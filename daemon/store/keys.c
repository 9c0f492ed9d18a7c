/* keys.c -- see keys.h. The table is the documentation: docs/redis.md repeats it, and tests/e2e/test_keys.py compares them. */
#include "store/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define GW     "sopd:{<gateway>}:"
#define COMMIT "a turn's commit"
#define STAYS  "until the flow removes it, or the member is forgotten"
#define EDITED "until it is edited"
#define LAYERS(kind, field, value, what)                                                         \
    {"sopd:" kind, "hash", KEY_SETTINGS, field " → " value ", everywhere", what, EDITED, ""},    \
        {"sopd:" kind ":gw:<gateway>",                                                           \
         "hash",                                                                                 \
         KEY_SETTINGS,                                                                           \
         "the same, one gateway",                                                                \
         what,                                                                                   \
         EDITED,                                                                                 \
         ""},                                                                                    \
        {"sopd:" kind ":tag:<name>",                                                             \
         "hash",                                                                                 \
         KEY_SETTINGS,                                                                           \
         "the same, chats with that tag",                                                        \
         what,                                                                                   \
         EDITED,                                                                                 \
         ""},                                                                                    \
    {                                                                                            \
        "sopd:" kind ":chat:<gateway>:<chat>", "hash", KEY_SETTINGS, "the same, one chat", what, \
            EDITED, "a private chat's name is its member"                                        \
    }

const struct key_kind key_kinds[] = {
    /* what admins edit */
    LAYERS("toggles", "flow", "`on` or `off`", "admins, `开关` in a chat"),
    LAYERS("params", "`flow.parameter`", "value", "admins"),
    LAYERS("paused", "flow or `*`", "`yes` or until when", "admins, `暂停` in a chat"),
    LAYERS("staff", "`gateway:user`", "role", "admins"),
    LAYERS("versions", "flow", "version, `newest` or `none`",
           "`sopd ctl rollout`, the daemon when a flow with a ring is edited, admins"),
    {"sopd:chat-tags:<gateway>", "hash", KEY_SETTINGS, "chat → tags, separated by commas", "admins",
     EDITED, "a private chat's name is its member"},
    {"sopd:settings-keys", "set", KEY_PLAIN, "names of the keys above that were found, and `-`",
     "the daemon", "always", ""},
    {"sopd:settings-seen", "hash", KEY_ENTRIES, "`<key> <field>` → value that the audit knows",
     "the daemon, `sopd ctl`", "as long as the edit stands", "roles of members"},
    {"sopd:settings-kept", "hash", KEY_ENTRIES,
     "`<key> <field>` → what was good before a wrong value", "the daemon",
     "as long as the wrong value stands", "roles of members"},
    {"sopd:settings-by", "hash", KEY_ENTRIES,
     "`<key> <field>` → who says that the next edit is theirs", "admins' own programs",
     "until that edit is found", "who edited"},
    /* roll-outs of flows */
    {"sopd:version:<flow>:<name>", "string", KEY_PLAIN,
     "`{\"title\",\"by\",\"at\",\"declares\",\"params\",\"overlays\",\"files\"}`: a version that was served",
     "the daemon", "the last 5 of a flow, those that are pinned, and those that a step brings back",
     ""},
    {"sopd:version-list:<flow>", "zset", KEY_PLAIN, "version → when it was first on disk (ms)",
     "the daemon", "as its version", ""},
    {"sopd:rollout-steps:<flow>", "list", KEY_PLAIN,
     "`{\"id\",\"what\",\"at\",\"by\",\"from\",\"version\",\"set\":[[key, before, after]]}`, newest first",
     "the daemon, `sopd ctl rollout`", "the last 10; `sopd ctl rollback` takes the first", ""},
    {"sopd:rollout-seen", "hash", KEY_PLAIN,
     "flow, `flow|machine` → `version|ring`: what was on disk last; `flow|stored`", "the daemon",
     "always", ""},
    {"sopd:rollout-hold", "hash", KEY_PLAIN, "flow → `yes`: edits reach nobody",
     "`sopd ctl rollout FLOW hold`", "until `hold off` or `free`", ""},
    /* state of flows */
    {GW "g:<flow>:<chat>", "hash", KEY_OWN, "fields of the group: `c.group`", COMMIT, STAYS,
     "ids and names inside values"},
    {GW "m:<flow>:<chat>:<user>", "hash", KEY_OWN, "fields of the member: `c.member`", COMMIT,
     STAYS "; `retention.left` after the member left", "the key"},
    {GW "hash:<flow>:<chat>:<name>", "hash", KEY_ENTRIES, "a hash by name: `c:hash(name)`", COMMIT,
     STAYS, "fields, and ids and names inside values"},
    {GW "board:<flow>:<chat>:<name>", "zset", KEY_ENTRIES, "user → score: `c:board(name)`", COMMIT,
     STAYS, "entries"},
    {GW "days:<flow>:<chat>:<name>:<user>", "string", KEY_OWN,
     "bitmap, bit n = day or place n: `c:days(name)`", COMMIT, STAYS, "the key"},
    {GW "count:<flow>:<chat>:<name>", "string", KEY_PLAIN, "integer: `c:counter(name)`", COMMIT,
     STAYS, ""},
    {GW "list:<flow>:<chat>:<name>", "list", KEY_ENTRIES, "JSON or text a piece: `c:list(name)`",
     COMMIT, STAYS "; draws `keep_days` (2 years)", "ids and names inside entries"},
    {GW "set:<flow>:<chat>:<name>", "set", KEY_ENTRIES, "ids or words: `c:set(name)`", COMMIT,
     STAYS, "entries"},
    {GW "once:<flow>:<chat>:<user>:<name>", "string", KEY_OWN,
     "when it was (seconds): `c:once(key)`", COMMIT, "its `ttl`, 30 days if none is given",
     "the key"},
    {GW "limit:<flow>:<chat>:<user>:<name>", "string", KEY_OWN,
     "when the full allowance is free again (ms): `c:limit(key, n, window)`", COMMIT, "its window",
     "the key"},
    /* what is counted: docs/metrics.md */
    {GW "tally:<chat>:<name>", "hash", KEY_PLAIN,
     "what was counted in the chat on that business day (days since 1970) → integer", COMMIT,
     "`retention.tally` (400 days)", "a private chat is never counted"},
    {GW "voices:<chat>:<name>", "hash", KEY_ENTRIES,
     "user → `<first ms>,<messages>,<ms since when an answer is waited for>,<answered 0 or 1>` on that business day; empty field: times of posts after which nobody spoke yet",
     COMMIT, "3 days", "fields"},
    {GW "calls:<chat>", "hash", KEY_PLAIN,
     "`what|id` → `{\"at\",\"until\",\"day\",\"members\",\"keep\"}`: calls that are open", COMMIT,
     "until the first call after its end", ""},
    {GW "called:<chat>:<name>", "hash", KEY_PLAIN,
     "`what|id` → `{\"what\",\"id\",\"at\",\"members\"}`: calls of that business day; `n|what|id` → how many responded",
     COMMIT, "`retention.tally` (400 days)", ""},
    {GW "responded:<chat>:<name>", "hash", KEY_ENTRIES, "user → when they responded to that call",
     COMMIT, "a day after the call's end", "fields"},
    /* people */
    {GW "u:<user>", "hash", KEY_OWN, "fields of a user across flows and chats: `c.profile`", COMMIT,
     STAYS, "the key"},
    {GW "tags:<user>", "set", KEY_OWN, "tags of a user: `c:tag`, `c:has_tag`", COMMIT, STAYS,
     "the key"},
    {GW "optout", "set", KEY_ENTRIES, "users who said `退订`; `hmac:…` of those who were forgotten",
     COMMIT, "until `恢复`", "entries"},
    {GW "optout-key", "string", KEY_PLAIN, "the secret of the `hmac:` entries of `optout`",
     "the daemon, with the first of them", "always", ""},
    {GW "left", "zset", KEY_ENTRIES, "`chat|user` → when they left (ms)", "the daemon",
     "until they are back, or `retention.left`", "entries"},
    {GW "forgetting", "hash", KEY_ENTRIES, "user → `{\"by\",\"at\"}`: being forgotten",
     COMMIT ", the daemon", "minutes: until it is done", "fields"},
    {GW "edits", "hash", KEY_PLAIN,
     "toggles and pauses that a turn set and that are not written yet: `{\"who\",\"what\",\"why\",\"edits\"}`",
     COMMIT, "milliseconds: until they are written", "who asked"},
    {GW "home:<chat>", "string", KEY_OWN,
     "the group whose flow wrote to this private chat last: it is served as that one is", COMMIT,
     "400 days after that", "the key"},
    /* messages and turns */
    {GW "epoch", "string", KEY_PLAIN, "integer, rises with every process that takes the gateway",
     "the daemon", "always", ""},
    {GW "seen:<name>:<name>", "set", KEY_PLAIN,
     "integers: ids of turns of that day (UTC) and shard that are committed", COMMIT, "3 days", ""},
    {GW "outbox", "hash", KEY_PLAIN, "id → message, see below", COMMIT ", acknowledgements",
     "until it ended as sent, failed or unknown", "chat, mentions and names in texts"},
    {GW "written", "hash", KEY_PLAIN, "outbox id → when it was handed to the socket (ms)",
     "the daemon", "until it ended", ""},
    {GW "unknown", "list", KEY_ENTRIES,
     "messages whose outcome stayed unknown: the entry, `id`, `written`, `ended`, `reason`; newest first",
     "the daemon; `sopd ctl outbox`", "a day; the latest 200", "chat, mentions and names in texts"},
    {GW "accounts", "hash", KEY_PLAIN,
     "account → `{\"level\",\"slow\",\"since\",\"reason\",\"until\",\"step\",\"by\"}`: one that is slowed down or silent",
     "the daemon", "until it is normal again", ""},
    {GW "pace", "hash", KEY_PLAIN,
     "`a|<account>|`, `<chat>|`, `m|<user>|`, and the kinds that it is of → send times reserved (µs)",
     COMMIT, "until they have passed", "a private chat's name is its member; members of `m|`"},
    {GW "since", "hash", KEY_PLAIN,
     "account → when it was first seen (ms); 0 before that was noted", "the daemon", "always", ""},
    {GW "quota:<name>:<name>", "hash", KEY_ENTRIES,
     "`a|<account>|<limit>`, `c|<chat>|<limit>`, `m|<user>|<limit>` → how many messages were counted",
     COMMIT, "3 days; of a month 65", "fields"},
    {GW "chats", "hash", KEY_PLAIN, "chat → `{\"name\"}`: groups that were seen", "the daemon",
     "until the account leaves the group", ""},
    {GW "timers", "zset", KEY_ENTRIES,
     "`flow|chat|name|key` or `run|<id>|<chat>` → when it is due (ms)", COMMIT, "until it is over",
     "entries"},
    {GW "timer", "hash", KEY_ENTRIES,
     "timer → `{\"flow\",\"chat\",\"name\",\"key\",\"user\",\"due\",\"serial\",\"args\"}`", COMMIT,
     "until it is over", "ids and names inside values"},
    {GW "trace:<chat>", "list", KEY_ENTRIES, "JSON lines for `sopd ctl why`, at most 200",
     "the daemon", "`retention.trace` (7 days) after the last", "ids, names, what was said"},
    {GW "stage:<name>", "list", KEY_PLAIN, "the plan of an import", "`sopd ctl import`", "an hour",
     ""},
    {GW "stage:<name>:<name>", "any", KEY_PLAIN, "a key that is about to be put back",
     "`sopd ctl import`", "an hour", "as in the key that it will be"},
    {"sopd:llm:<name>", "hash", KEY_PLAIN, "`calls` and `tokens` that `c:llm` took on that date",
     "the daemon", "3 days", ""},
    {GW "health", "hash", KEY_PLAIN,
     "`link`, `link_since`, `account`, `account_since`, `reason`, `text`: the state that was known last (ms)",
     "the daemon", "always", ""},
    {GW "alarms", "hash", KEY_PLAIN,
     "`kind|what` → `{\"kind\",\"what\",\"text\",\"since\",\"repeats\"}`: alarms that are open",
     "the daemon", "until it is over", ""},
    {GW "usual", "hash", KEY_PLAIN,
     "hour of the day → minutes of 60 in which something usually comes in, and days learnt from",
     "the daemon", "always", ""},
    {GW "pool", "hash", KEY_PLAIN,
     "of a pool: `chat:<chat>` → the account that is to serve it; `identity` → `content` when an account does not tell message numbers",
     "`sopd ctl swap`, the daemon", "until `sopd ctl swap --auto`; `identity`: always", ""},
    {GW "experiments", "hash", KEY_PLAIN,
     "experiment → `{\"name\",\"flow\",\"by\",\"variants\",\"outcome\",…}`: `c:experiment`", COMMIT,
     "until `sopd ctl experiment NAME --drop`", ""},
    {GW "experiment:<name>", "hash", KEY_ENTRIES,
     "`g|<chat>` or `m|<user>` → `variant time outcomes per`; `keep` → the variant that all get",
     COMMIT "; `sopd ctl experiment`",
     "400 days after the last exposure; not while a variant is kept for all", "fields"},
    {GW "alive", "string", KEY_PLAIN, "when the gateway's stream was last known to be whole (ms)",
     "the daemon", "always", ""},
    /* runs */
    {GW "run:<name>", "string", KEY_RECORD, "the record of one run, see below", COMMIT,
     "until the run is over", "whose run it is, what was said, names in texts"},
    {GW "waits:<chat>", "hash", KEY_ENTRIES, "run → what it waits for", COMMIT,
     "until the run is over", "ids inside values"},
    {GW "parked", "hash", KEY_ENTRIES,
     "run → `{\"status\",\"at\",\"error\",\"chat\",\"flow\",\"wake\"}`", COMMIT,
     "until it is retried or cancelled", "ids and names inside values"},
    {GW "run-keys:<chat>", "hash", KEY_ENTRIES, "`flow|key` → run", COMMIT, "until the run is over",
     "fields"},
    {GW "put-off", "hash", KEY_ENTRIES,
     "a run's timer → when it was due, and its flow, while that is paused", COMMIT,
     "until the flow goes on", "a private chat's name is its member"},
    {GW "http", "hash", KEY_ENTRIES,
     "run that waits for an answer of `c:http` or `c:llm` → its chat", COMMIT,
     "until it is answered, or nobody knows", "a private chat's name is a value"},
    {GW "pin:<name>", "string", KEY_PLAIN, "`{\"flow\",\"version\",\"params\"}`", COMMIT,
     "until no run needs it", ""},
    {GW "pins", "hash", KEY_PLAIN, "pin → how many runs", COMMIT, "until no run needs it", ""},
    {GW "source:<flow>:<name>", "string", KEY_PLAIN,
     "`{\"flows/x.lua\":\"...\"}`: a version's files", COMMIT, "until no run needs it", ""},
    {GW "source-pins:<flow>:<name>", "set", KEY_PLAIN, "pins of that version", COMMIT,
     "until no run needs it", ""},
    /* streams */
    {"sopd:events:{<gateway>}", "stream", KEY_ENTRIES, "business events, see below",
     COMMIT ": `c:emit`", "`retention.events` (90 days)", "user, and ids and names in data"},
    {"sopd:audit:{<gateway>}", "stream", KEY_ENTRIES, "what staff did, see below",
     COMMIT ": `c:audit`, the daemon", "`retention.audit` (730 days)",
     "user, and ids and names in data"},
    {"sopd:commands:{<gateway>}", "stream", KEY_ENTRIES, "what outside systems ask for, see below",
     "outside systems, and the daemon for a trigger of many chats", "until it is done",
     "user, and ids in values"},
    {"sopd:commands-dead:{<gateway>}", "stream", KEY_ENTRIES,
     "what was refused of it, with `dead-reason`, `dead-time`, `dead-entry`",
     "the daemon; `sopd ctl commands`", "`retention.commands`, at most 100,000",
     "user, and ids in values"},
    {"sopd:audit", "stream", KEY_ENTRIES,
     "edits of settings and what `sopd ctl` does: time, who, what, key, field, before, after, reason",
     "the daemon, `sopd ctl`", "`retention.audit` (730 days)", "who, field"},
};
const size_t key_kinds_count = sizeof key_kinds / sizeof key_kinds[0];

/* ---- taking keys apart ---- */

static enum key_part key_part_of(const char *name, size_t len)
{
    static const char *const names[] = {"gateway", "chat", "user", "flow", "name"};
    for (int i = 0; i < KEY_PARTS; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return (enum key_part)i;
    return KEY_NAME;
}

static int key_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static char *key_decode(const char *s, size_t len)
{
    struct buf b = {0};
    for (size_t i = 0; i < len; i++) {
        int hi = s[i] == '%' && i + 2 < len ? key_hex(s[i + 1]) : -1;
        int lo = hi >= 0 ? key_hex(s[i + 2]) : -1;
        if (lo >= 0) {
            buf_addc(&b, (char)(hi << 4 | lo));
            i += 2;
        } else {
            buf_addc(&b, s[i]);
        }
    }
    buf_cstr(&b);
    return buf_take(&b);
}

void key_free(struct key *k)
{
    for (int i = 0; i < KEY_PARTS; i++)
        free(k->part[i]);
    memset(k, 0, sizeof *k);
}

/* Parts may be empty (a hash of the whole gateway has no chat), and never hold a colon or a brace. */
static bool key_fits(const char *p, const char *s, const char *end, struct key *out)
{
    while (*p) {
        if (*p != '<') {
            if (s == end || *s++ != *p++)
                return false;
            continue;
        }
        const char *close = strchr(p, '>'), *from = s;
        while (s < end && *s != ':' && *s != '{' && *s != '}')
            s++;
        enum key_part part = key_part_of(p + 1, (size_t)(close - p - 1));
        free(out->part[part]);
        out->part[part] = key_decode(from, (size_t)(s - from));
        p = close + 1;
    }
    return s == end;
}

bool key_parse(const char *text, size_t len, struct key *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < key_kinds_count; i++) {
        const char *p = key_kinds[i].pattern;
        size_t fixed = strcspn(p, "<");
        if (len < fixed || memcmp(p, text, fixed) != 0)
            continue;
        if (key_fits(p, text, text + len, out)) {
            out->kind = &key_kinds[i];
            return true;
        }
        key_free(out);
    }
    return false;
}

const char *key_word(const struct key_kind *kind, size_t *len)
{
    static const char own[] = GW;
    const char *p = kind->pattern;
    p += strncmp(p, own, sizeof own - 1) == 0 ? sizeof own - 1 : sizeof "sopd:" - 1;
    *len = strcspn(p, ":");
    return p;
}

void key_of_gateway(struct buf *out, const char *gateway, const char *kind)
{
    buf_adds(out, "sopd:{");
    buf_add_key(out, gateway);
    buf_adds(out, "}:");
    buf_adds(out, kind);
}
