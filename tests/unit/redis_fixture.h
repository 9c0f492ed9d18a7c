/* redis_fixture.h -- a redis-server of the test's own in a folder of its own, and a blocking client for it. */
#ifndef SOPD_TESTS_UNIT_REDIS_FIXTURE_H
#define SOPD_TESTS_UNIT_REDIS_FIXTURE_H

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct redis_fixture {
    char dir[64], socket[96], url[128];
    pid_t pid;
    redisContext *client;
};

static inline void fixture_sleep(int ms)
{
    struct timespec ts = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&ts, NULL);
}

static inline bool fixture_start(struct redis_fixture *f)
{
    if (!f->dir[0]) {
        strcpy(f->dir, "/tmp/sopd-unit-XXXXXX");
        if (!mkdtemp(f->dir))
            return false;
    }
    snprintf(f->socket, sizeof f->socket, "%s/redis.sock", f->dir);
    snprintf(f->url, sizeof f->url, "unix://%s", f->socket);
    f->pid = fork();
    if (f->pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", f->socket, "--dir",
               f->dir, "--save", "", "--appendonly", "no", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500; i++) {
        f->client = redisConnectUnix(f->socket);
        if (f->client && !f->client->err)
            return true;
        if (f->client)
            redisFree(f->client);
        f->client = NULL;
        fixture_sleep(10);
    }
    return false;
}

static inline void fixture_stop(struct redis_fixture *f)
{
    if (f->client)
        redisFree(f->client);
    f->client = NULL;
    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
    }
    f->pid = 0;
}

static inline void fixture_remove(struct redis_fixture *f)
{
    char command[96];
    fixture_stop(f);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    if (system(command) != 0)
        fprintf(stderr, "%s could not be removed\n", f->dir);
}

/* A command whose answer does not matter. */
static inline bool fixture_do(struct redis_fixture *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = redisvCommand(f->client, fmt, ap);
    va_end(ap);
    bool ok = r && r->type != REDIS_REPLY_ERROR;
    if (r)
        freeReplyObject(r);
    return ok;
}

#endif
