/* http_curl.h -- libcurl, loaded at run time (docs/decisions.md), and its sockets and timers on a uv loop. Private to http_client.c. */
#ifndef SOPD_WEB_HTTP_CURL_H
#define SOPD_WEB_HTTP_CURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

/* The functions that are used; CURL_NAMES is the list. */
#define CURL_NAMES(X)           \
    X(curl_global_init)         \
    X(curl_easy_init)           \
    X(curl_easy_setopt)         \
    X(curl_easy_getinfo)        \
    X(curl_easy_cleanup)        \
    X(curl_multi_init)          \
    X(curl_multi_cleanup)       \
    X(curl_multi_setopt)        \
    X(curl_multi_add_handle)    \
    X(curl_multi_remove_handle) \
    X(curl_multi_socket_action) \
    X(curl_multi_assign)        \
    X(curl_multi_info_read)

/* libcurl's header wraps some of them in macros that check types; what is wanted here are the functions. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

struct curl_api {
#define CURL_FIELD(name) __typeof__(name) *(name);
    CURL_NAMES(CURL_FIELD)
#undef CURL_FIELD
};

/* Loads and initialises it, once per process. NULL with why (stays). */
const struct curl_api *curl_api_get(const char **why);

/* A multi handle on the loop. */
struct curl_loop;
struct curl_loop *curl_loop_create(uv_loop_t *loop, const struct curl_api *api,
                                   void (*on_done)(void *ud, CURL *easy, CURLcode code), void *ud);
CURLM *curl_loop_multi(const struct curl_loop *l);
/* How many connections are kept. */
void curl_loop_keep(struct curl_loop *l, long connections);
/* The socket of a connection (CURLOPT_OPENSOCKETFUNCTION), whose poll outlives transfers. */
curl_socket_t curl_loop_open(struct curl_loop *l, const struct curl_sockaddr *a);
/* Once for every easy handle: its connections are closed through us. */
void curl_loop_watch(struct curl_loop *l, CURL *easy);
/* All easy handles have been removed. done runs when the loop has let go. */
void curl_loop_destroy(struct curl_loop *l, void (*done)(void *ud), void *ud);

#endif
