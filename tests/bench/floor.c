/* floor.c -- the least that can answer a OneBot group: the yardstick of scripts/bench.
 * libuv + libwebsockets with its defaults + cJSON, one forward connection. A message "ping N" is answered
 * from C with send_group_msg; there is no Lua, no Redis, no pacing, and no care for anything else.
 * Owns: one lws context, one connection. Called by: tests/bench/bench.py, or by hand:
 *     bench_floor ws://127.0.0.1:6700/0 [--write receive|writeable]
 * `receive` hands each answer to lws_write from the receive callback; `writeable` is the textbook's way, one
 * lws_write per WRITEABLE callback. */
#include <cjson/cJSON.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct answer {
    struct answer *next;
    size_t len;
    unsigned char frame[]; /* LWS_PRE bytes of head-room, then the text */
};

struct floor {
    struct lws_context *lws;
    struct lws *wsi;
    bool textbook; /* write in the WRITEABLE callback only */
    bool lost;     /* the connection failed or was closed */
    unsigned long echo;
    char *message; /* the parts of a message that came in pieces */
    size_t message_len, message_cap;
    struct answer *head, **tail; /* waiting for WRITEABLE */
};

static void *must(void *p)
{
    if (!p) {
        fputs("bench_floor: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

/* Hands one action to lws, now or at the next WRITEABLE. */
static void floor_send(struct floor *f, const char *text)
{
    size_t len = strlen(text);
    struct answer *a = must(malloc(sizeof(*a) + LWS_PRE + len));
    a->next = NULL;
    a->len = len;
    memcpy(a->frame + LWS_PRE, text, len);
    if (f->textbook) {
        *f->tail = a;
        f->tail = &a->next;
        lws_callback_on_writable(f->wsi);
        return;
    }
    if (lws_write(f->wsi, a->frame + LWS_PRE, len, LWS_WRITE_TEXT) < 0)
        f->lost = true;
    free(a);
}

static void floor_write_one(struct floor *f)
{
    struct answer *a = f->head;
    if (!a)
        return;
    f->head = a->next;
    if (!f->head)
        f->tail = &f->head;
    if (lws_write(f->wsi, a->frame + LWS_PRE, a->len, LWS_WRITE_TEXT) < 0)
        f->lost = true;
    free(a);
    if (f->head)
        lws_callback_on_writable(f->wsi);
}

/* {"action":"send_group_msg","params":{"group_id":..,"message":[{"type":"text",..}]},"echo":".."} */
static void floor_answer(struct floor *f, const cJSON *group, const char *number)
{
    char text[64], echo[32];
    snprintf(text, sizeof(text), "pong %.40s", number);
    snprintf(echo, sizeof(echo), "f-%lu", ++f->echo);
    cJSON *action = cJSON_CreateObject();
    cJSON_AddStringToObject(action, "action", "send_group_msg");
    cJSON *params = cJSON_AddObjectToObject(action, "params");
    cJSON_AddNumberToObject(params, "group_id", group->valuedouble);
    cJSON *message = cJSON_AddArrayToObject(params, "message");
    cJSON *segment = cJSON_CreateObject();
    cJSON_AddStringToObject(segment, "type", "text");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(segment, "data"), "text", text);
    cJSON_AddItemToArray(message, segment);
    cJSON_AddStringToObject(action, "echo", echo);
    char *printed = must(cJSON_PrintUnformatted(action));
    floor_send(f, printed);
    cJSON_free(printed);
    cJSON_Delete(action);
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* One whole frame: a group message whose first text segment is "ping N" is answered. */
static void floor_frame(struct floor *f, const char *text, size_t len)
{
    cJSON *event = cJSON_ParseWithLength(text, len);
    const char *post = cJSON_GetStringValue(member(event, "post_type"));
    const char *kind = cJSON_GetStringValue(member(event, "message_type"));
    const cJSON *group = member(event, "group_id");
    const cJSON *segment = NULL;
    if (post && kind && group && strcmp(post, "message") == 0 && strcmp(kind, "group") == 0) {
        cJSON_ArrayForEach (segment, member(event, "message")) {
            const char *said = cJSON_GetStringValue(member(member(segment, "data"), "text"));
            if (said && strncmp(said, "ping ", 5) == 0) {
                floor_answer(f, group, said + 5);
                break;
            }
        }
    }
    cJSON_Delete(event);
}

/* Collects the pieces of a message; a message that comes in one piece is not copied. */
static void floor_receive(struct floor *f, const void *in, size_t len)
{
    bool last = lws_is_final_fragment(f->wsi) && !lws_remaining_packet_payload(f->wsi);
    if (last && f->message_len == 0) {
        floor_frame(f, in, len);
        return;
    }
    if (f->message_len + len > f->message_cap) {
        f->message_cap = 2 * (f->message_len + len);
        f->message = must(realloc(f->message, f->message_cap));
    }
    memcpy(f->message + f->message_len, in, len);
    f->message_len += len;
    if (last) {
        floor_frame(f, f->message, f->message_len);
        f->message_len = 0;
    }
}

static int floor_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                          size_t len)
{
    (void)user;
    struct floor *f = lws_context_user(lws_get_context(wsi));
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED: f->wsi = wsi; break;
    case LWS_CALLBACK_CLIENT_RECEIVE: floor_receive(f, in, len); break;
    case LWS_CALLBACK_CLIENT_WRITEABLE: floor_write_one(f); break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fprintf(stderr, "bench_floor: %s\n", in ? (const char *)in : "cannot connect");
        f->lost = true;
        break;
    case LWS_CALLBACK_CLIENT_CLOSED: f->lost = true; break;
    default: break;
    }
    return f && f->lost ? -1 : 0;
}

static bool floor_connect(struct floor *f, const char *url)
{
    char host[64], path[128] = "";
    int port = 0;
    if (sscanf(url, "ws://%63[^:]:%d/%127s", host, &port, path) < 2)
        return false;
    char full[130];
    snprintf(full, sizeof(full), "/%s", path);
    struct lws_client_connect_info to = {.context = f->lws,
                                         .address = host,
                                         .host = host,
                                         .origin = host,
                                         .port = port,
                                         .path = full,
                                         .local_protocol_name = "onebot"};
    return lws_client_connect_via_info(&to) != NULL;
}

static void stop_loop(uv_signal_t *signal, int number)
{
    (void)number;
    uv_stop(signal->loop);
}

static void stop_when_lost(uv_timer_t *timer)
{
    const struct floor *f = timer->data;
    if (f->lost)
        uv_stop(timer->loop);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* lws closes in two steps, with the loop running between them. */
static void floor_close(struct floor *f, uv_loop_t *loop, uv_signal_t *signals, uv_timer_t *watch)
{
    lws_context_destroy(f->lws);
    close_handle((uv_handle_t *)&signals[0], NULL);
    close_handle((uv_handle_t *)&signals[1], NULL);
    close_handle((uv_handle_t *)watch, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    lws_context_destroy(f->lws);
    while (f->head) {
        struct answer *a = f->head;
        f->head = a->next;
        free(a);
    }
    free(f->message);
    uv_loop_close(loop);
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {{.name = "onebot", .callback = floor_callback},
                                                     {.name = NULL}};
    const char *write = argc > 3 && strcmp(argv[2], "--write") == 0 ? argv[3] : "receive";
    if (argc < 2 || (strcmp(write, "receive") != 0 && strcmp(write, "writeable") != 0)) {
        fputs("usage: bench_floor ws://HOST:PORT/PATH [--write receive|writeable]\n", stderr);
        return 2;
    }
    uv_loop_t loop;
    uv_signal_t signals[2];
    uv_timer_t watch;
    struct floor f = {.textbook = strcmp(write, "writeable") == 0};
    f.tail = &f.head;
    uv_loop_init(&loop);
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&loop, &signals[i]);
        uv_signal_start(&signals[i], stop_loop, i ? SIGINT : SIGTERM);
    }
    uv_timer_init(&loop, &watch);
    watch.data = &f;
    uv_timer_start(&watch, stop_when_lost, 100, 100);

    void *loops[1] = {&loop};
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                             .protocols = protocols,
                                             .options = LWS_SERVER_OPTION_LIBUV,
                                             .foreign_loops = loops,
                                             .user = &f};
    lws_set_log_level(LLL_ERR, NULL);
    f.lws = lws_create_context(&info);
    if (!f.lws) {
        fputs("bench_floor: no lws context (is libwebsockets-evlib-uv installed?)\n", stderr);
        return 1;
    }
    if (floor_connect(&f, argv[1]))
        uv_run(&loop, UV_RUN_DEFAULT);
    else
        f.lost = true;
    floor_close(&f, &loop, signals, &watch);
    return f.lost ? 1 : 0;
}
