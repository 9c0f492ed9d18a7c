/* ctl.c -- `sopd ctl`: asks a running daemon over its control socket, and prints tables or JSON.
 * Toggles, draws and lists of runs go straight to Redis (ctl_toggles.c, ctl_draws.c, ctl_runs*.c). */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "lua/config.h"

#define CTL_SCOPE                                                                                                           \
    "                                SCOPE: --chat GATEWAY:CHAT, --tag TAG or --gateway GATEWAY; else everywhere. All of\n" \
    "                                these take --who NAME, --reason WHY (for the record) and --force (unknown names)\n"

static const char ctl_help[] =
    "Usage: sopd ctl [--config FILE | --data-dir DIR] [--json] COMMAND\n"
    "\n"
    "Commands:\n"
    "  status                        how the daemon is, and what it runs\n"
    "  gateways                      link, account and queues of each gateway\n"
    "  swap POOL [--show]            which account of a pool serves which groups\n"
    "  swap POOL FROM TO [CHAT...] [--reason WHY]\n"
    "                                move these groups, or all of FROM's, to the account TO; state stays\n"
    "  swap POOL --auto [CHAT...]    let the configured order decide again\n"
    "  chats [GATEWAY]               chats that are known\n"
    "  flows [GATEWAY:CHAT]          what is served in a chat, and why not; without one: the flows that are loaded\n"
    "  explain GATEWAY:CHAT [FLOW] [--all]\n"
    "                                tags, playbooks, overlays, flows and parameters that hold in a chat, and where each comes\n"
    "                                from; --all: the defaults, too\n"
    "  tag GATEWAY:CHAT [+TAG] [-TAG] [=TAG,TAG] [--reason TEXT]\n"
    "                                give a chat tags in Redis, or take them away; the first is the strongest\n"
    "  tag list [TAG]                which chats have which tags\n"
    "  outbox [GATEWAY] [--unknown]  messages that are committed and not yet acknowledged; --unknown: those of the last day of\n"
    "                                which nobody knows whether they arrived\n"
    "  outbox resend|drop ID [--gateway G]\n"
    "                                one of those: send it again, or give it up\n"
    "  account [GATEWAY]             how far the platform puts up with each account: its level, and why\n"
    "  account GATEWAY [ACCOUNT] normal|slow|quiet\n"
    "                                set it: normal ends what was found, slow and quiet (it only answers) stay until normal\n"
    "  alarms                        what is wrong now, and what was: since when, how often\n"
    "  reload                        load configuration and SOPs anew (as SIGHUP does)\n"
    "  toggles                       list all toggles\n"
    "  toggle FLOW on|off|default [SCOPE]\n"
    "                                switch a flow; default: as weaker layers and the playbook say\n"
    "  param [list [FLOW]]           list the parameters that are set in Redis\n"
    "  param get FLOW.PARAM [SCOPE]  what it is for, what is allowed, and what is set\n"
    "  param set FLOW.PARAM VALUE [SCOPE]\n"
    "  param unset FLOW.PARAM [SCOPE]\n"
    "  pause                         list all pauses\n"
    "  pause FLOW|all [--for 2h | --until 2026-11-22T20:00] [SCOPE]\n"
    "                                it says and does nothing until then; toggles stay as they are\n"
    "  resume FLOW|all [SCOPE]       end a pause\n"
    "  resume GATEWAY:CHAT FLOW      the same in a chat, and of a flow that failed too often there\n"
    "  kill [off]                    stop everything: no handler runs, nothing is sent\n" CTL_SCOPE
    "  audit [--since 2d] [--who W] [--key K] [--flow F] [--gateway G] [--limit N]\n"
    "                                who changed what, newest last\n"
    "  draws GATEWAY:CHAT [--flow redpacket|draw] [--csv]\n"
    "                                red packets and draws of a group, open and ended; --json and --csv with everybody who\n"
    "                                took part\n"
    "  verify-draw GATEWAY:CHAT ID [HASH] [--flow redpacket|draw]\n"
    "                                compute every share of a packet, or the winners of a draw, anew from its seed; HASH: as\n"
    "                                announced at its opening\n"
    "  lists GATEWAY:CHAT [ID] [--flow presale|signup] [--csv]\n"
    "                                sales and sign-ups of a group; of one, or with --json and --csv, who is on them\n"
    "  experiment [NAME] [--csv] [--gateway G]\n"
    "                                what flows try out: who got which variant, and whether there is a difference\n"
    "  experiment NAME --keep VARIANT|none\n"
    "                                all get that variant from now on; none: each its own again\n"
    "  experiment NAME --drop        forget it, and who got what\n"
    "  report [GATEWAY:CHAT] [--playbook P] [--tag T] [--from DATE] [--to DATE] [--by chat|store|day|all] [--csv]\n"
    "                                figures of the groups (docs/metrics.md), of the last 7 days unless said\n"
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
    "  rollout [FLOW]                which groups serve which version of a flow, and the steps that can be taken back\n"
    "  rollout FLOW hold [off]       from now on edits reach nobody (off: those of its ring again)\n"
    "  rollout FLOW to RING|all [--version V] [--dry-run]\n"
    "                                groups with the tag RING, or all, serve its newest version, or V\n"
    "  rollout FLOW free             all groups follow the files again\n"
    "  rollback FLOW [--dry-run]     every group serves what it served before the last step; again: the one before\n"
    "  quota [GATEWAY] [--all]       what accounts, chats and members have used of each limit, when it is free again, and where\n"
    "                                the figure is from; --all: every chat and member\n"
    "  plan FLOW[.TIME] | --chats N [--messages M] [--kind KIND] [--at TIME] [--late 30m] [--gateway G] [--tag T]\n"
    "                                when a broadcast would be through, by which limits, and what would be left out: nothing\n"
    "                                is sent. TIME: one of the flow's times of day. KIND: broadcast (usual), game, dm, at_all\n"
    "  why GATEWAY:CHAT [MEMBER] [--limit N] [--since 2h]\n"
    "                                what came in, what ran, what was said, and what became of it\n"
    "  commands [GATEWAY] [--limit N] [--retry ID|all | --drop ID|all]\n"
    "                                what outside systems asked for: how much waits, what was refused and why; put refused\n"
    "                                entries back, or throw them away\n"
    "  export GATEWAY:CHAT | --member MEMBER [--gateway G] [-o FILE]\n"
    "                                everything that is kept of a chat or a member, as JSON\n"
    "  import FILE [--dry-run] [--replace]\n"
    "                                put it back; refused where something is already, unless --replace\n"
    "  forget MEMBER [--gateway G] [--dry-run]\n"
    "                                remove what is kept of a member, everywhere\n"
    "  keys                          every kind of key that sopd keeps in Redis\n"
    "  clock [now | next | at TIME]  of a daemon started with --clock, for tests: wait until all is done that is due, turn to\n"
    "                                the next moment at which something is, or to TIME, and wait again\n"
    "\n"
    "  -c, --config FILE    the daemon's configuration (default: $SOPD_CONFIG, else /etc/sopd/sopd.lua)\n"
    "  -d, --data-dir DIR   the daemon's data directory, instead of a configuration\n"
    "  -j, --json           print JSON\n"
    "  -h, --help           this text\n"
    "\n"
    "COMMAND --help tells of one command. What is in Redis is read there, also while the daemon is down: toggles, param,\n"
    "pause, audit, draws, verify-draw, lists, report, runs list, runs show. Exit codes: 0 good, 1 the daemon does not run or\n"
    "refused, a draw does not hold, a run is not there or does not fit, 2 wrong usage, 3 problems in the configuration, 5\n"
    "Redis not reachable.\n";

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
    {"reload", 0, 0, "", ctl_print_done},
    {"alarms", 0, 0, "", ctl_print_alarms},
};

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
        ctl_print_json(answer);
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
        if (!config_gateway_again(config, i))
            c->gateways[c->ngateways++] = mem_strdup(config_gateway_key(&config->gateways[i]));
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
            c->timezone = mem_strdup(config->timezone);
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

/* Commands that read their own arguments; each in a file of its own. */
static const struct {
    const char *name;
    int (*run)(struct ctl *c, int argc, char **argv);
} ctl_files[] = {
    {"explain", ctl_explain},    {"tag", ctl_tag},
    {"rollout", ctl_rollout},    {"rollback", ctl_rollback},
    {"clock", ctl_clock},        {"commands", ctl_inbox},
    {"draws", ctl_draws},        {"migrate", ctl_migrate},
    {"runs", ctl_runs},          {"toggle", ctl_toggles},
    {"toggles", ctl_toggles},    {"param", ctl_param},
    {"pause", ctl_pause},        {"resume", ctl_resume},
    {"kill", ctl_kill},          {"audit", ctl_audit},
    {"verify-draw", ctl_verify}, {"why", ctl_why},
    {"export", ctl_export},      {"forget", ctl_forget},
    {"import", ctl_import},      {"keys", ctl_keys},
    {"swap", ctl_swap},          {"account", ctl_account},
    {"outbox", ctl_outbox},      {"quota", ctl_quota},
    {"plan", ctl_plan},          {"report", ctl_report},
    {"lists", ctl_lists},        {"experiment", ctl_experiment},
};

static int ctl_dispatch(struct ctl *c, int argc, char **argv)
{
    enum {
        FILES = sizeof ctl_files / sizeof ctl_files[0],
        COMMANDS = sizeof ctl_commands / sizeof ctl_commands[0]
    };
    for (int i = 0; i < FILES; i++) {
        if (strcmp(ctl_files[i].name, argv[0]) == 0)
            return ctl_files[i].run(c, argc, argv);
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(ctl_commands[i].name, argv[0]) == 0)
            return ctl_run(c, &ctl_commands[i], argc, argv);
    }
    return cli_usage("ctl", "unknown command '%s'", argv[0]);
}

/* `sopd ctl toggle --help`: what the help says of that command; all of it where there is none of that name. */
static int ctl_help_of(const char *name)
{
    size_t length = strlen(name);
    bool inside = false, found = false, scope = false;
    for (const char *line = ctl_help, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        if (strncmp(line, "  ", 2) != 0 || line[2] != ' ') /* else it goes on from the line above */
            inside = strncmp(line, "  ", 2) == 0 && strncmp(line + 2, name, length) == 0 &&
                     (line[2 + length] == ' ' || line[2 + length] == '\n');
        if (inside)
            printf("%.*s\n", (int)(end - line), line);
        found = found || inside;
        scope = scope || (inside && memmem(line, (size_t)(end - line), "[SCOPE]", 7));
    }
    fputs(!found ? ctl_help : scope ? CTL_SCOPE : "", stdout);
    return CLI_OK;
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
    if (strcmp(argv[argc - 1], "--help") == 0)
        return ctl_help_of(argv[optind]);
    int first = optind, n = argc;
    if (strcmp(argv[n - 1], "--json") == 0) { /* people put it last */
        c.json = true;
        n--;
    }
    int code = n > first ? ctl_find(&c, data_dir) : cli_usage("ctl", "a command is missing");
    if (code == CLI_OK)
        code = ctl_dispatch(&c, n - first, argv + first);
    free(c.data_dir);
    free(c.timezone);
    free(c.fair);
    for (int i = 0; i < c.ngateways; i++)
        free(c.gateways[i]);
    free(c.gateways);
    redis_addr_free(&c.redis);
    return code;
}
