/* test.c -- `sopd test`: SOP tests in Lua, run by the real engine on a Redis of their own with a clock that only they turn.
 * This file: the command line, finding the files, the report. Owns: the list of results. */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/test/test.h"

struct test_result {
    char *file, *test, *name;
    char *why; /* NULL: passed */
    double seconds;
};

struct test_run {
    const char *filter, *junit, *transcript, *events;
    char **files;
    size_t nfiles;
    struct test_result *results;
    size_t nresults;
    size_t passed, failed;
    bool broken; /* a file, or a playbook in it, has problems */
    struct world world;
};

static volatile sig_atomic_t test_interrupted;

static const char test_usage[] =
    "Usage: sopd test [FILE|FOLDER...] [OPTION...]\n"
    "\n"
    "Runs SOP tests: Lua files named *_test.lua (a folder is searched for them; default: sop/tests). The real engine runs\n"
    "them on an empty Redis of their own, with a clock that stands still unless the test turns it. docs/lua.md, \"Testing a\n"
    "flow\", has all that a test can say.\n"
    "\n"
    "  -f, --filter TEXT   only cases whose file, test or name contains TEXT\n"
    "  -j, --junit FILE    also write a JUnit report\n"
    "  -t, --transcript FILE\n"
    "                      write all that was said, and the state that each case left, to FILE\n"
    "  -e, --events FILE   every event that a case leaves must be as FILE declares it (docs/events.json)\n"
    "      --replay        keep no waiting handler in memory: every run goes on by replay of its journal\n"
    "      --restart-each  restart the daemon after each step\n"
    "  -S, --sop DIR       SOP folder (default: ./sop, else the one of the installation)\n"
    "  -v, --verbose       the daemon's log to standard error\n"
    "  -h, --help          this text\n"
    "\n"
    "With --replay and with --restart-each everything must come out as it does without.\n"
    "\n"
    "Exit codes: 0 all passed, 1 some failed, 2 wrong usage, 3 problems in the files.\n";

/* ---- files ---- */

static void test_add_file(struct test_run *t, const char *path)
{
    t->files = mem_realloc(t->files, (t->nfiles + 1) * sizeof *t->files);
    t->files[t->nfiles++] = mem_strdup(path);
}

static int test_is_file(const struct dirent *d)
{
    static const char end[] = "_test.lua";
    size_t len = strlen(d->d_name), n = sizeof end - 1;
    return *d->d_name != '.' && len > n && strcmp(d->d_name + len - n, end) == 0;
}

/* A file, or all test files right in a folder. False: there is no such thing. */
static bool test_add_path(struct test_run *t, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "sopd test: %s: %s\n", path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        test_add_file(t, path);
        return true;
    }
    struct dirent **names = NULL;
    int n = scandir(path, &names, test_is_file, alphasort);
    for (int i = 0; i < n; i++) {
        struct buf b = {0};
        buf_addf(&b, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", names[i]->d_name);
        test_add_file(t, buf_cstr(&b));
        buf_free(&b);
        free(names[i]);
    }
    free(names);
    if (n > 0)
        return true;
    fprintf(stderr, "sopd test: %s holds no *_test.lua\n", path);
    return false;
}

/* ---- running ---- */

/* The case at hand is ended as usual, so that Redis and the folder go; a second signal ends everything. */
static void test_on_signal(int number)
{
    (void)number;
    test_interrupted = 1;
}

static void test_watch_signals(void)
{
    struct sigaction action = {.sa_handler = test_on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool test_wanted(const struct test_run *t, const char *file, const struct test_case *c)
{
    return !t->filter || strstr(file, t->filter) || strstr(c->test, t->filter) ||
           strstr(c->name, t->filter);
}

static void test_print_indented(const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        printf("      %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void test_record(struct test_run *t, const char *file, const char *test, const char *name,
                        double seconds, const char *why)
{
    t->results = mem_realloc(t->results, (t->nresults + 1) * sizeof *t->results);
    t->results[t->nresults++] = (struct test_result){mem_strdup(file), mem_strdup(test),
                                                     mem_strdup(name), mem_strdup(why), seconds};
    if (why)
        t->failed++;
    else
        t->passed++;
    printf("  %s %s: %s (%.0f ms)\n", why ? "FAIL" : "ok  ", test, name, seconds * 1000);
    if (why)
        test_print_indented(why);
    fflush(stdout);
}

static void test_run_file(struct test_run *t, const char *file)
{
    struct buf out = {0};
    printf("%s\n", file);
    struct script *s = script_load(&t->world, file, &out);
    if (!s) {
        t->broken = true;
        test_record(t, file, "file", "loads", 0, buf_cstr(&out));
    }
    for (size_t i = 0; s && i < s->ncases && !test_interrupted; i++) {
        const struct test_case *c = &s->cases[i];
        if (!test_wanted(t, file, c))
            continue;
        buf_reset(&out);
        uint64_t from = clock_ns();
        enum case_result result = script_run(s, c, &out);
        double seconds = (double)(clock_ns() - from) / 1e9;
        t->broken = t->broken || result == CASE_BROKEN;
        test_record(t, file, c->test, c->name, seconds,
                    result == CASE_PASSED ? NULL : buf_cstr(&out));
    }
    script_free(s);
    buf_free(&out);
}

/* ---- JUnit ---- */

static void test_xml(FILE *f, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        switch (c) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        case '\n': fputs("&#10;", f); break;
        default: fputc(c < 0x20 ? ' ' : c, f);
        }
    }
}

static void test_xml_case(FILE *f, const struct test_result *r)
{
    fputs("  <testcase classname=\"", f);
    test_xml(f, r->test);
    fputs("\" name=\"", f);
    test_xml(f, r->name);
    fputs("\" file=\"", f);
    test_xml(f, r->file);
    fprintf(f, "\" time=\"%.3f\"%s>\n", r->seconds, r->why ? "" : "/");
    if (!r->why)
        return;
    char *first = mem_strndup(r->why, strcspn(r->why, "\n"));
    fputs("    <failure message=\"", f);
    test_xml(f, first);
    fputs("\">", f);
    test_xml(f, r->why);
    fputs("</failure>\n  </testcase>\n", f);
    free(first);
}

static bool test_write_junit(const struct test_run *t)
{
    double seconds = 0;
    FILE *f = fopen(t->junit, "we");
    if (!f)
        return false;
    for (size_t i = 0; i < t->nresults; i++)
        seconds += t->results[i].seconds;
    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"sopd\" tests=\"%zu\" failures=\"%zu\" time=\"%.3f\">\n",
            t->nresults, t->failed, seconds);
    for (size_t i = 0; i < t->nresults; i++)
        test_xml_case(f, &t->results[i]);
    fputs("</testsuite>\n", f);
    return fclose(f) == 0;
}

/* ---- all ---- */

static int test_code(const struct test_run *t)
{
    if (t->broken)
        return CLI_PROBLEMS;
    return t->failed || test_interrupted ? CLI_FAILED : CLI_OK;
}

/* The daemon and its Redis wait for each other all the time: on one processor the one wakes the other at once, which takes half as long. */
static void test_share_processor(void)
{
    cpu_set_t one;
    int here = sched_getcpu();
    if (here < 0)
        return;
    CPU_ZERO(&one);
    CPU_SET(here, &one);
    sched_setaffinity(0, sizeof one, &one); /* it is only slower without */
}

static int test_main(struct test_run *t, const char *sop)
{
    struct buf err = {0};
    test_share_processor();
    test_watch_signals();
    if (t->transcript && !(t->world.transcript = fopen(t->transcript, "we"))) {
        fprintf(stderr, "sopd test: %s: %s\n", t->transcript, strerror(errno));
        return CLI_FAILED;
    }
    if (t->events && !events_load(&t->world, t->events, &err)) {
        fprintf(stderr, "sopd test: %s", buf_cstr(&err));
        buf_free(&err);
        return CLI_USAGE;
    }
    int code = world_open(&t->world, sop, &err);
    if (code != CLI_OK)
        fprintf(stderr, "sopd test: %s", buf_cstr(&err));
    for (size_t i = 0; code == CLI_OK && i < t->nfiles && !test_interrupted; i++)
        test_run_file(t, t->files[i]);
    world_close(&t->world);
    cJSON_Delete(t->world.events);
    buf_free(&err);
    bool written = !t->world.transcript || fclose(t->world.transcript) == 0;
    if (code != CLI_OK)
        return code;
    printf("%zu passed, %zu failed\n", t->passed, t->failed);
    code = test_code(t);
    if (t->nresults == 0 && !test_interrupted) {
        fprintf(stderr, "sopd test: no case contains '%s'\n", t->filter);
        code = CLI_USAGE;
    }
    if (!written) {
        fprintf(stderr, "sopd test: %s cannot be written\n", t->transcript);
        code = code == CLI_OK ? CLI_FAILED : code;
    }
    if (t->junit && !test_write_junit(t)) {
        fprintf(stderr, "sopd test: %s: %s\n", t->junit, strerror(errno));
        code = code == CLI_OK ? CLI_FAILED : code;
    }
    return code;
}

static void test_free(struct test_run *t)
{
    for (size_t i = 0; i < t->nresults; i++) {
        free(t->results[i].file);
        free(t->results[i].test);
        free(t->results[i].name);
        free(t->results[i].why);
    }
    for (size_t i = 0; i < t->nfiles; i++)
        free(t->files[i]);
    free(t->results);
    free(t->files);
}

int cli_test(int argc, char **argv)
{
    enum { TEST_REPLAY = 256, TEST_RESTART };
    static const struct option options[] = {{"filter", required_argument, NULL, 'f'},
                                            {"junit", required_argument, NULL, 'j'},
                                            {"sop", required_argument, NULL, 'S'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"transcript", required_argument, NULL, 't'},
                                            {"events", required_argument, NULL, 'e'},
                                            {"replay", no_argument, NULL, TEST_REPLAY},
                                            {"restart-each", no_argument, NULL, TEST_RESTART},
                                            {0}};
    struct test_run t = {0};
    const char *sop = NULL;
    for (int c; (c = getopt_long(argc, argv, ":f:j:S:t:e:vh", options, NULL)) != -1;) {
        switch (c) {
        case 'f': t.filter = optarg; break;
        case 'j': t.junit = optarg; break;
        case 'S': sop = optarg; break;
        case 't': t.transcript = optarg; break;
        case 'e': t.events = optarg; break;
        case TEST_REPLAY: t.world.mode = MODE_REPLAY; break;
        case TEST_RESTART: t.world.mode = MODE_RESTART; break;
        case 'v': t.world.verbose = true; break;
        case 'h': fputs(test_usage, stdout); return CLI_OK;
        default: return cli_bad_option("test", c, argv);
        }
    }
    bool found = true;
    for (int i = optind; i < argc; i++)
        found = test_add_path(&t, argv[i]) && found;
    if (optind == argc)
        found = test_add_path(&t, "sop/tests");
    int code = found ? test_main(&t, sop) : CLI_USAGE;
    test_free(&t);
    return code;
}
