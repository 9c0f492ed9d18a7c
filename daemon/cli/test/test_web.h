/* test_web.h -- what test_web.c (the world outside) and test_web_answer.c (what a case says that it answers) share. */
#ifndef SOPD_CLI_TEST_WEB_H
#define SOPD_CLI_TEST_WEB_H

#include <cjson/cJSON.h>

#include "cli/test/test.h"
#include "web/http_client.h"

/* One request that was made. */
struct web_request {
    struct web_request *next; /* older */
    uint64_t id;              /* of the client; 0: answered, or the daemon that made it is gone */
    char *method, *url, *body;
    cJSON *headers;
    int64_t asked_ms; /* for the first time, if a daemon died in between */
    int64_t over_ms;  /* nobody waits for it any more */
    int64_t ready_ms; /* when it is answered; -1: not looked at yet */
    bool answered;
    struct http_answer answer; /* what is in it is owned */
};

/* The answer at the top of the stack becomes the request's: for c:http, for c:llm. */
void web_take_http(lua_State *L, struct web_request *q);
void web_take_llm(lua_State *L, struct web_request *q);
/* No answer, for this reason; one that is a timeout comes when the time is up. */
void web_set_error(struct web_request *q, const char *error);

#endif
