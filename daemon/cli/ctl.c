/* ctl.c -- `sopd ctl`: asks a running daemon over its control socket, and prints tables or JSON.
 * Toggles, draws and lists of runs go straight to Redis (ctl_toggles.c, ctl_draws.c, ctl_runs*.c). */
#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include "lua/config.h"

static const char ctl_help[] =
    "Usage: sopd ctl [--config FILE | --data-dir DIR] [--json] COMMAND\n"
    "\n"
    "Commands:\n"
    "  status                        how the daemon is, and what it runs\n"
    "  gateways                      link, account and queues of each gateway\n"
    "  chats [GATEWAY]               chats that are known\n"
    "  flows [GATEWAY:CHAT]          what is served in a chat, and why not; without one: the flows that are loaded\n"
    "  outbox [GATEWAY]              messages that are committed and not yet acknowledged\n"
    "  reload                        load configuration and SOPs anew (as SIGHUP does)\n"
    "  resume GATEWAY:CHAT FLOW      end the pause of a flow that failed too often\n"
    "  toggles                       list all toggles\n"
    "  toggles set FLOW on|off [--chat GATEWAY:CHAT | --tag TAG | --gateway GATEWAY]\n"
    "  toggles unset FLOW [--chat GATEWAY:CHAT | --tag TAG | --gateway GATEWAY]\n"
    "  toggle FLOW on|off ...        short for toggles set\n"
    "  draws GATEWAY:CHAT [--csv]    red packets of a group, open and ended; --json and --csv with every grab\n"
    "  verify-draw GATEWAY:CHAT ID [HASH]\n"
    "                                compute every share of a packet anew from its seed; HASH: as announced at its opening\n"
    "  runs list [--gateway G] [--chat C] [--flow F] [--user U] [--stuck] [--limit N]\n"
    "                                handlers that wait for a person or a time, and those that cannot go on\n"
    "  runs show ID [--gateway G] [--raw]\n"
    "                                what came in, what it did, what it waits for\n"
    "  runs cancel ID... [--gateway G]\n"
    "                                end runs: nothing more of them happens\n"
    "  runs retry ID... | --all-stuck [--gateway G] [--chat C] [--flow F]\n"
    "                                let stuck and failed runs try again what stopped them\n"
    "  migrate FLOW [--gateway G] [--chat C] [--dry-run]\n"
    "                                move the runs of a flow that fit to its newest version, list those that do not\n"
    "  clock [now | next | at TIME]  of a daemon started with --clock, for tests: wait until all is done that is due, turn to\n"
    "                                the next moment at which something is, or to TIME, and wait again\n"
    "\n"
    "  -c, --config FILE    the daemon's configuration (default: $SOPD_CONFIG, else /etc/sopd/sopd.lua)\n"
    "  -d, --data-dir DIR   the daemon's data directory, instead of a configuration\n"
    "  -j, --json           print JSON\n"
    "  -h, --help           this text\n"
    "\n"
    "Toggles, draws and runs are in Redis: toggles, draws, verify-draw, runs list and runs show work while the daemon is\n"
    "down. Exit codes: 0 good, 1 the daemon does not run or refused, a draw does not hold, a run is not there or does not\n"
    "fit, 2 wrong usage, 3 problems in the configuration, 5 Redis not reachable.\n";

/* ---- asking ---- */

static int ctl_connect(const struct ctl *c)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int dir_fd;
    if (!control_path(c->data_dir, addr.sun_path, sizeof addr.sun_path, &dir_fd))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval timeout = {30, 0};
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        if (connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
            close(fd);
            fd = -1;
        }
    }
    int saved = errno;
    if (dir_fd >= 0)
        close(dir_fd);
    errno = saved;
    return fd;
}

static bool ctl_exchange(int fd, const char *request, struct buf *answer)
{
    size_t len = strlen(request), done = 0;
    while (done < len) {
        ssize_t n = send(fd, request + done, len - done, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    for (;;) {
        ssize_t n = recv(fd, buf_reserve(answer, 65536), 65536, 0);
        if (n <= 0)
            return n == 0 && answer->len > 0;
        answer->len += (size_t)n;
    }
}

static void __attribute__((format(printf, 2, 3)))
ctl_complain(const struct ctl *c, const char *fmt, ...)
{
    va_list ap;
    if (c->quiet)
        return;
    va_start(ap, fmt);
    fputs("sopd ctl: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

struct cJSON *ctl_ask(const struct ctl *c, struct cJSON *request)
{
    struct buf line = {0}, answer = {0};
    cJSON *reply = NULL;
    char *text = cJSON_PrintUnformatted(request);
    buf_addf(&line, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(request);
    int fd = ctl_connect(c);
    if (fd < 0)
        ctl_complain(c, "no daemon answers in %s: %s", c->data_dir, strerror(errno));
    else if (!ctl_exchange(fd, buf_cstr(&line), &answer))
        ctl_complain(c, "the daemon did not answer");
    else if (!(reply = cJSON_ParseWithLength(answer.data, answer.len)))
        ctl_complain(c, "the daemon's answer is not JSON");
    if (fd >= 0)
        close(fd);
    buf_free(&line);
    buf_free(&answer);
    return reply;
}

/* ---- printing ---- */

const char *ctl_string(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

double ctl_number(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

bool ctl_true(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static void ctl_print_reload(const cJSON *reload)
{
    char when[32];
    const char *watch = ctl_string(reload, "watch");
    time_t last = (time_t)ctl_number(reload, "last");
    struct tm tm;
    if (!reload)
        return;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&last, &tm));
    printf("reload    changed files are %s; %.0f reloads taken, %.0f refused\n",
           strcmp(watch, "off") == 0    ? "not watched"
           : strcmp(watch, "poll") == 0 ? "looked for every 2 s"
                                        : "taken at once",
           ctl_number(reload, "taken"), ctl_number(reload, "refused"));
    if (!ctl_true(reload, "last_refused"))
        return;
    printf("          REFUSED at %s (%s): an older version runs than lies on disk\n", when,
           ctl_string(reload, "cause"));
    for (const char *at = ctl_string(reload, "text"); *at;) {
        size_t len = strcspn(at, "\n");
        printf("          %.*s\n", (int)len, at);
        at += len + (at[len] == '\n');
    }
}

static void ctl_print_status(const cJSON *answer)
{
    const cJSON *health = cJSON_GetObjectItemCaseSensitive(answer, "health"), *item, *flow;
    printf("sopd %s, process %.0f, %s, up %.0f s\n", ctl_string(answer, "version"),
           ctl_number(answer, "pid"), ctl_string(health, "status"), ctl_number(health, "uptime_s"));
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(health, "reasons"))
        printf("  %s\n", cJSON_IsString(item) ? item->valuestring : "?");
    const cJSON *redis = cJSON_GetObjectItemCaseSensitive(health, "redis");
    printf("redis     %s (%s)\n", ctl_string(answer, "redis"),
           ctl_true(redis, "up") ? "up" : "down");
    printf("loop lag  %.3f s\nqueued    %.0f inputs, %.0f messages in the outbox\n",
           ctl_number(health, "loop_lag_s"), ctl_number(health, "queued"),
           ctl_number(health, "outbox"));
    printf("config    %s\ndata      %s\n", ctl_string(answer, "config"),
           ctl_string(answer, "data_dir"));
    ctl_print_reload(cJSON_GetObjectItemCaseSensitive(answer, "reload"));
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(health, "gateways"))
        printf("gateway   %s: link %s, account %s\n", ctl_string(item, "name"),
               ctl_string(item, "link"), ctl_string(item, "account"));
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(answer, "playbooks")) {
        printf("playbook  %s (%s):", ctl_string(item, "name"), ctl_string(item, "title"));
        cJSON_ArrayForEach (flow, cJSON_GetObjectItemCaseSensitive(item, "flows"))
            printf(" %s", ctl_string(flow, "name"));
        putchar('\n');
    }
}

static void ctl_print_gateways(const cJSON *answer)
{
    static const char *const titles[] = {
        "GATEWAY", "TYPE",   "LINK",   "ACCOUNT", "SELF",       "IMPL",       "OWNER",     "CHATS",
        "ACTIVE",  "QUEUED", "OUTBOX", "UNKNOWN", "RECONNECTS", "LAST FRAME", "HELD UNTIL"};
    struct table *t = table_new(titles, 15);
    const cJSON *g;
    cJSON_ArrayForEach (g, cJSON_GetObjectItemCaseSensitive(answer, "gateways")) {
        static const char *const texts[] = {"name", "type", "link", "account", "self_id", "impl"};
        static const char *const numbers[] = {"chats",  "active",  "queued",
                                              "outbox", "unknown", "reconnects"};
        for (int i = 0; i < 6; i++)
            table_cell(t, ctl_string(g, texts[i]));
        table_cell(t, ctl_true(g, "owner") ? "yes" : "no");
        for (int i = 0; i < 6; i++)
            table_number(t, ctl_number(g, numbers[i]));
        table_time(t, ctl_number(g, "last_rx"));
        table_time(t, ctl_number(g, "held_until"));
    }
    table_print(t, "no gateways are configured");
}

static void ctl_print_chats(const cJSON *answer)
{
    static const char *const titles[] = {"CHAT", "NAME", "TAGS", "QUEUED", "LAST USED"};
    struct table *t = table_new(titles, 5);
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(answer, "chats")) {
        struct buf full = {0};
        buf_addf(&full, "%s:%s", ctl_string(item, "gateway"), ctl_string(item, "chat"));
        table_cell(t, buf_cstr(&full));
        table_cell(t, ctl_string(item, "name"));
        table_cell(t, ctl_string(item, "tags"));
        table_number(t, ctl_number(item, "queued"));
        table_time(t, ctl_number(item, "last"));
        buf_free(&full);
    }
    table_print(t, "no chats are known yet");
}

static void ctl_print_flows(const cJSON *answer)
{
    static const char *const titles[] = {"FLOW", "STATE", "DECIDED BY", "PLAYBOOK", "VERSION"};
    struct table *t = table_new(titles, 5);
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(answer, "flows")) {
        table_cell(t, ctl_string(item, "flow"));
        table_cell(t, ctl_true(item, "on") ? "on" : "off");
        table_cell(t, ctl_string(item, "why"));
        table_cell(t, ctl_string(item, "playbook"));
        table_cell(t, ctl_string(item, "version"));
    }
    table_print(t, "no playbook serves this chat");
}

static void ctl_print_outbox(const cJSON *answer)
{
    static const char *const titles[] = {"ID", "CHAT", "STATE", "CREATED", "DUE"};
    struct table *t = table_new(titles, 5);
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(answer, "outbox")) {
        struct buf full = {0};
        buf_addf(&full, "%s:%s", ctl_string(item, "gateway"), ctl_string(item, "chat"));
        table_cell(t, ctl_string(item, "id"));
        table_cell(t, buf_cstr(&full));
        table_cell(t, ctl_string(item, "state"));
        table_time(t, ctl_number(item, "created"));
        table_time(t, ctl_number(item, "due"));
        buf_free(&full);
    }
    table_print(t, "the outbox is empty");
}

static void ctl_print_done(const cJSON *answer)
{
    const char *text = ctl_string(answer, "text");
    printf("done%s%s\n", *text ? ": " : "", text);
}

/* ---- commands ---- */

struct ctl_command {
    const char *name;
    int min, max; /* arguments */
    const char *usage;
    void (*print)(const cJSON *answer);
};

static const struct ctl_command ctl_commands[] = {
    {"status", 0, 0, "", ctl_print_status},
    {"gateways", 0, 0, "", ctl_print_gateways},
    {"chats", 0, 1, "[GATEWAY]", ctl_print_chats},
    {"flows", 0, 1, "[GATEWAY:CHAT]", ctl_print_flows},
    {"outbox", 0, 1, "[GATEWAY]", ctl_print_outbox},
    {"reload", 0, 0, "", ctl_print_done},
    {"resume", 2, 2, "GATEWAY:CHAT FLOW", ctl_print_done},
};

char *ctl_split_chat(const char *full, const char **chat)
{
    const char *colon = strchr(full, ':');
    if (!colon || colon == full || !colon[1])
        return NULL;
    *chat = colon + 1;
    return mem_strndup(full, (size_t)(colon - full));
}

static bool ctl_add_chat(cJSON *request, const char *full)
{
    const char *chat;
    char *gateway = ctl_split_chat(full, &chat);
    if (!gateway)
        return false;
    cJSON_AddStringToObject(request, "gateway", gateway);
    cJSON_AddStringToObject(request, "chat", chat);
    free(gateway);
    return true;
}

static int ctl_show(const struct ctl *c, const struct ctl_command *command, cJSON *answer)
{
    int code = CLI_OK;
    if (!ctl_true(answer, "ok")) {
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
        code = CLI_FAILED;
    }
    if (c->json) {
        char *text = cJSON_Print(answer);
        puts(text);
        cJSON_free(text);
    } else if (code == CLI_OK) {
        command->print(answer);
    }
    cJSON_Delete(answer);
    return code;
}

static int ctl_run(struct ctl *c, const struct ctl_command *command, int argc, char **argv)
{
    if (argc - 1 < command->min || argc - 1 > command->max)
        return cli_usage("ctl", "it is: %s %s", command->name, command->usage);
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", command->name);
    bool ok = true;
    if (argc > 1 && strstr(command->usage, "GATEWAY:CHAT"))
        ok = ctl_add_chat(request, argv[1]);
    else if (argc > 1)
        cJSON_AddStringToObject(request, "gateway", argv[1]);
    if (ok && command->min == 2)
        cJSON_AddStringToObject(request, "flow", argv[2]);
    if (!ok) {
        cJSON_Delete(request);
        return cli_usage("ctl", "'%s' is not GATEWAY:CHAT, for example qq1:700000001", argv[1]);
    }
    cJSON *answer = ctl_ask(c, request);
    return answer ? ctl_show(c, command, answer) : CLI_FAILED;
}

/* The rule of draws, from the folder in which flows would find it. */
static void ctl_find_fair(struct ctl *c, const struct config *config)
{
    for (int i = 0; i < config->nsop && !c->fair; i++) {
        struct buf path = {0};
        buf_addf(&path, "%s/lib/fair.lua", config->sop[i]);
        if (access(buf_cstr(&path), R_OK) == 0)
            c->fair = buf_take(&path);
        buf_free(&path);
    }
}

static void ctl_find_gateways(struct ctl *c, const struct config *config)
{
    c->gateways = mem_zero(((size_t)config->ngateways + 1) * sizeof *c->gateways);
    for (int i = 0; i < config->ngateways; i++)
        c->gateways[c->ngateways++] = mem_strdup(config->gateways[i].conf.name);
}

/* Fills in where the daemon and its Redis are. */
static int ctl_find(struct ctl *c, const char *data_dir)
{
    struct buf err = {0}, url = {0};
    int code = CLI_OK;
    if (!data_dir) {
        struct config *config = config_load(c->config_file ? c->config_file : cli_default_config(),
                                            CONFIG_NO_TOKENS, &err);
        if (!config) {
            cli_print_problems(&err);
            code = CLI_PROBLEMS;
        } else {
            c->data_dir = mem_strdup(config->data_dir);
            c->redis = config->redis;
            memset(&config->redis, 0, sizeof config->redis);
            ctl_find_fair(c, config);
            ctl_find_gateways(c, config);
        }
        config_free(config);
    } else {
        c->data_dir = mem_strdup(data_dir);
    }
    if (code == CLI_OK && !c->redis.path && !c->redis.host) { /* the embedded one */
        buf_addf(&url, "%s/redis.sock", c->data_dir);
        c->redis.path = buf_take(&url);
    }
    buf_free(&err);
    return code;
}

static int ctl_dispatch(struct ctl *c, int argc, char **argv)
{
    enum { COMMANDS = sizeof ctl_commands / sizeof ctl_commands[0] };
    if (strcmp(argv[0], "toggles") == 0 || strcmp(argv[0], "toggle") == 0)
        return ctl_toggles(c, argc, argv);
    if (strcmp(argv[0], "draws") == 0)
        return ctl_draws(c, argc, argv);
    if (strcmp(argv[0], "verify-draw") == 0)
        return ctl_verify(c, argc, argv);
    if (strcmp(argv[0], "runs") == 0)
        return ctl_runs(c, argc, argv);
    if (strcmp(argv[0], "migrate") == 0)
        return ctl_migrate(c, argc, argv);
    if (strcmp(argv[0], "clock") == 0)
        return ctl_clock(c, argc, argv);
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(ctl_commands[i].name, argv[0]) == 0)
            return ctl_run(c, &ctl_commands[i], argc, argv);
    }
    return cli_usage("ctl", "unknown command '%s'", argv[0]);
}

int cli_ctl(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"data-dir", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct ctl c = {0};
    const char *data_dir = NULL;
    for (int o; (o = getopt_long(argc, argv, "+:c:d:jh", options, NULL)) != -1;) {
        switch (o) {
        case 'c': c.config_file = optarg; break;
        case 'd': data_dir = optarg; break;
        case 'j': c.json = true; break;
        case 'h': fputs(ctl_help, stdout); return CLI_OK;
        default: return cli_bad_option("ctl", o, argv);
        }
    }
    if (optind == argc)
        return cli_usage("ctl", "a command is missing");
    if (c.config_file && data_dir)
        return cli_usage("ctl", "give --config or --data-dir, not both");
    int first = optind, n = argc;
    if (strcmp(argv[n - 1], "--json") == 0) { /* people put it last */
        c.json = true;
        n--;
    }
    int code = n > first ? ctl_find(&c, data_dir) : cli_usage("ctl", "a command is missing");
    if (code == CLI_OK)
        code = ctl_dispatch(&c, n - first, argv + first);
    free(c.data_dir);
    free(c.fair);
    for (int i = 0; i < c.ngateways; i++)
        free(c.gateways[i]);
    free(c.gateways);
    redis_addr_free(&c.redis);
    return code;
}
