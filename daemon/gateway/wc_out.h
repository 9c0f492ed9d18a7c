/* wc_out.h -- what the files of the WeCom codec's way out share (wc_out.c, wc_send.c, wc_part.c, wc_stream.c, wc_card.c, wc_call.c,
 * wc_media.c, wc_image.c, wc_download.c and the pure ones). Nobody else includes it but wc_*.c and tests.
 * The way of a message: wc_send (job) -> wc_part.c (its frames: texts, cards, pictures) -> one frame at a time per chat -> its
 * acknowledgement -> the next frame, a second try elsewhere, or the result. Pictures go through wc_image.c (where from) and
 * wc_media.c (upload) first. */
#ifndef SOPD_GATEWAY_WC_OUT_H
#define SOPD_GATEWAY_WC_OUT_H

#include <uthash.h>

#include "gateway/wc.h"
#include "web/http_client.h"

enum {
    WC_CONTENT_MAX = 20480, /* bytes of a Markdown text or a snapshot */
    WC_CONTENT_CUT = 20000, /* a longer one is cut there */
    WC_WELCOME_MS = 4800,   /* of the 5 s that the platform gives, from when we heard of it */
    WC_REPLY_MS = 86340000, /* 24 h less a minute: how long a message can be answered */
    WC_CHUNK = 512 * 1024,  /* bytes of a piece of an upload */
    WC_CHUNKS_MAX = 100,
    WC_IMAGE_MAX = 10 * 1024 * 1024,
    WC_VOICE_MAX = 2 * 1024 * 1024,
    WC_VIDEO_MAX = 10 * 1024 * 1024,
    WC_FILE_MAX = 20 * 1024 * 1024,
    WC_PAD_MAX = 32,
    WC_MEDIA_LEAST = 6,                  /* bytes */
    WC_DOWNLOAD_MAX = 100 * 1024 * 1024, /* bytes of what a member sent */
    WC_ACK_MS = 10000                    /* default time for an acknowledgement */
};

/* ---- texts (wc_text.c) ---- */

enum wc_mention { WC_MENTION_BOLD, WC_MENTION_ANGLE, WC_MENTION_PLAIN };
/* The texts and mentions of a message as Markdown (PLAIN: as text without any), made harmless. */
void wc_text_render(struct buf *out, const struct out_message *m, enum wc_mention how);
bool wc_text_blank(const char *s, size_t len);

/* Where a long text has been cut so far; zero at its beginning. */
struct wc_split {
    size_t at;  /* bytes taken */
    size_t run; /* marks of the fence that is open there, 0 none */
    size_t opening_len;
    char opening[64]; /* its line: it is opened again in the next piece */
};
/* Appends the next piece, at most `max` (512 or more) bytes, preferably ending with a paragraph or line; fenced code is closed at its end
 * and opened again. False: there was nothing left. */
bool wc_split_next(struct wc_split *s, const char *text, size_t len, size_t max, struct buf *piece);

/* ---- cards (wc_card.c) ---- */

/* Checks the platform's rules and appends the card as it goes out; a missing task_id is made (`unique` goes into it), or set to task_id if
 * that is given: an update. NULL, or what is wrong with it (in a buffer of its own, until the next call). */
const char *wc_card_check(struct buf *out, const char *json, size_t len, const char *task_id,
                          const char *unique);
/* Cards of at most six buttons for a text. False with why: a label is too long or the like. `fn` gets each card. `text` is what stands
 * on the first; when it does not fit, *text_too is set: it must be sent before. */
const char *wc_card_buttons(const struct out_message *m, const char *text, const char *unique,
                            void (*fn)(void *ud, const char *json, size_t len), void *ud,
                            bool *text_too);

/* ---- error codes (wc_error.c) ---- */

enum wc_class {
    WC_CLASS_OK,
    WC_CLASS_SILENT,      /* no code at all */
    WC_CLASS_BUSY,        /* once more after a moment */
    WC_CLASS_CONCURRENT,  /* the same, and fewer at a time */
    WC_CLASS_CREDENTIALS, /* bot id or secret */
    WC_CLASS_BUG,         /* we made it wrong */
    WC_CLASS_LIMIT,       /* this conversation has had too much */
    WC_CLASS_ROOM,        /* not allowed to write there, until it is heard from */
    WC_CLASS_NO_CHAT,     /* the id is wrong for ever */
    WC_CLASS_OUTSIDE,     /* not in this group */
    WC_CLASS_WINDOW,      /* cannot be answered so: push it */
    WC_CLASS_OLD_STREAM,  /* another stream, or push it */
    WC_CLASS_UNSUBSCRIBED,
    WC_CLASS_OTHER
};
enum wc_class wc_error_class(int64_t code);
const char *wc_error_text(int64_t code);
enum send_outcome wc_error_outcome(enum wc_class class);

/* ---- media: pure parts (wc_crypt.c, wc_download.c) ---- */

/* One character of a text with %XX in it; returns how many bytes it stood in. */
size_t wc_percent(const char *s, size_t len, char *out);
/* Opens what a member sent; NULL, or what is wrong (a fixed text). */
const char *wc_decrypt(const char *aeskey, const char *data, size_t len, struct buf *out);
/* Of a file's content; md5 "" where libcrypto has none. */
struct wc_print {
    char md5[33], sha256[65];
};
bool wc_fingerprint(const void *data, size_t len, struct wc_print *out);
/* The name in a Content-Disposition header: no folders, no control characters; "" none. */
void wc_file_name(const char *disposition, char *out, size_t size);

/* ---- event.ref (wc_part.c) ---- */

struct wc_ref {
    char kind; /* 'm' message, 'w' enter_chat, 'c' card event; 0: none */
    char chat_type;
    int64_t arrived_ms; /* wall */
    char task_id[132], card_type[32];
    char req_id[WC_REQ_ID_MAX + 1];
};
/* False (and kind 0): it is none of ours. */
bool wc_ref_read(struct wc_ref *r, const char *ref);

/* ---- conversations: their queue and what the platform lets them have (wc_limit.c) ---- */

enum { WC_PER_MINUTE = 28, WC_PER_HOUR = 950, WC_TALKS = 4096, WC_HOUR_PARTS = 12 };

/* A sliding minute, exact, and a sliding hour in parts of five minutes. */
struct wc_window {
    int64_t stamps[WC_PER_MINUTE]; /* mono, a ring */
    uint16_t at, parts[WC_HOUR_PARTS];
    int64_t part; /* number of the latest part */
};
/* When one more may leave, keeping `spare` for others; now or earlier: at once. */
int64_t wc_window_free(const struct wc_window *w, int64_t now, int spare);
void wc_window_take(struct wc_window *w, int64_t now);

struct wc_job;
struct wc_talk {
    UT_hash_handle hh;
    struct wc_job *head, *tail; /* messages for it, the first is at work */
    struct wc_window window;
    int64_t step_ms, until_ms; /* mono: it said "too many": silent until then, longer each time */
    int64_t refused;           /* the code with which it refuses us; 0 none */
    bool spoken;               /* somebody wrote there, or it took something from us */
    char chat[];
};
/* Made when it is not there. The longest unused one without messages goes when there are too many. */
struct wc_talk *wc_talk_get(struct wc *g, const char *chat);
struct wc_talk *wc_talk_find(struct wc *g, const char *chat);
/* When the next frame for it may leave (mono). */
int64_t wc_talk_free(const struct wc_talk *t, int64_t now, int spare);
/* It said "too many": 60 s, doubled each time up to 10 minutes, until there was peace for half an hour. Returns the end (mono). */
int64_t wc_talk_crowded(struct wc_talk *t, int64_t now);
void wc_talks_free(struct wc *g);

/* ---- messages at work ---- */

enum {
    WC_JOBS_MAX = 1024,  /* messages taken and not ended */
    WC_FLIGHT_MAX = 512, /* of them waiting for an acknowledgement; fewer after "too many calls" */
    WC_FLIGHT_LEAST = 4,
    WC_STREAMS = 64, /* answers being written */
    WC_USED =
        2048, /* welcomes and card updates that are done: of the few seconds that they count */
    WC_LATE = 64
};
enum wc_kind { WC_PART_TEXT, WC_PART_WELCOME, WC_PART_CARD, WC_PART_IMAGE };
struct wc_part {
    enum wc_kind kind;
    size_t at, len; /* in the job's bytes */
    char stream[24];
};
enum wc_way { WC_WAY_PUSH, WC_WAY_REPLY, WC_WAY_WELCOME };

struct wc_stream;
struct wc_job {
    struct wc_job *next; /* of its talk; or free */
    struct wc_talk *talk;
    uint64_t number, ticket;
    struct wc_ref ref;
    struct wc_stream *stream; /* which it ends; waits for its acknowledgement */
    struct buf bytes;
    struct wc_part *parts;
    int nparts, cap, part; /* the one at work */
    enum wc_way way;
    bool flying, retried, fetching, fetched;
    int64_t due, until; /* mono: not before; given up */
    char media_id[256];
    uint64_t frame; /* hash of the req_id in flight, for late answers */
};

/* An answer being written, see gateway_ops.draft. */
struct wc_stream {
    bool used, open; /* open: the platform shows a bubble that is not finished */
    bool flying, dirty, dead, ending;
    char name[68], id[24];
    struct wc_ref ref;
    char *chat;
    struct buf text;                       /* the newest snapshot, rendered */
    struct wc_split shown;                 /* what finished bubbles show of it */
    struct wc_split before;                /* the same before the last frame */
    uint64_t shown_hash;                   /* of that part */
    unsigned bubbles;                      /* that were begun */
    int64_t first_ms, sent_ms, touched_ms; /* mono */
    uint64_t number;
};

struct wc_call;
struct wc_upload;
struct wc_fetch;

/* What waits to be reported, because it must not be from inside the call that it answers. */
struct wc_result {
    struct wc_result *next;
    bool is_call;
    uint64_t ticket;
    enum send_outcome outcome;
    int64_t retry_ms;
    char reason[WC_REASON_MAX + 1];
};

struct wc_out {
    struct wc_talk *talks;
    struct wc_job *jobs[WC_JOBS_MAX];
    struct wc_job *idle;
    unsigned njobs, nidle, flying, width;
    uint64_t numbers;
    unsigned slot; /* where the next free one is looked for */
    bool in_send;  /* results must wait */
    struct wc_result *results, **results_tail;
    struct wc_stream streams[WC_STREAMS];
    struct wc_call *calls;
    uint64_t used[WC_USED]; /* hashes of req_ids that may be answered once */
    unsigned used_at;
    struct {
        uint64_t hash, ticket;
    } late[WC_LATE];
    unsigned late_at;
    struct wc_upload *uploads;
    struct wc_window upload_window;
    struct memo *media; /* fingerprint -> media_id */
    struct wc_fetch *fetches;
    unsigned reading; /* files in the thread pool */
    struct http_conf http_conf;
    struct http_client *http;
    bool http_open, stopped;
    int64_t stream_ms, pace_ms; /* see wc_stream.c */
    int64_t image_ms;           /* how long a picture may take */
    struct log_gate bug_gate;
};

/* ---- numbers of frames: whose is the acknowledgement? ---- */

enum wc_owner { WC_OWNER_JOB, WC_OWNER_STREAM, WC_OWNER_UPLOAD, WC_OWNER_CALL };
static inline uint64_t wc_number(struct wc_out *o, enum wc_owner owner, unsigned slot)
{
    return (uint64_t)owner << 60 | (++o->numbers & 0xffffffffffff) << 12 | slot;
}

/* wc_out.c */
bool wc_out_gone(const struct wc *g); /* after wc_out_stop: nothing is left to be closed */
void wc_out_heard(struct wc *g, const char *chat); /* something came in from there */
/* An acknowledgement that nobody waits for any more; true: it was ours. */
bool wc_out_late(struct wc *g, const char *req_id, size_t len, const struct wc_ack *a);
void wc_out_note_late(struct wc *g, uint64_t frame, uint64_t ticket);
/* A req_id that takes one answer only: has it been used? It is now, or it is not after all. */
bool wc_out_used(struct wc *g, const char *req_id);
void wc_out_use(struct wc *g, const char *req_id, bool use);
void wc_out_result(struct wc *g, uint64_t ticket, enum send_outcome outcome, const char *reason,
                   int64_t retry_ms);
void wc_out_response(struct wc *g, uint64_t ticket, const char *reason); /* "" : done */
int64_t wc_out_ack_ms(const struct wc *g);
/* A short text that never comes twice: for stream ids and task ids. */
void wc_out_unique(struct wc *g, char *out, size_t size);

/* wc_part.c: the frames of a message. NULL, or why it cannot be sent. */
const char *wc_parts(struct wc *g, struct wc_job *j, const struct out_message *m);
/* Writes the part at work; false: not now. */
bool wc_part_write(struct wc *g, struct wc_job *j);

/* wc_send.c */
void wc_pump(struct wc *g, struct wc_talk *t);
void wc_jobs_tick(struct wc *g, int64_t now);
void wc_jobs_stop(struct wc *g);
void wc_job_answer(struct wc *g, uint64_t number, const struct wc_ack *a);
void wc_job_lost(struct wc *g, uint64_t number, bool written, const char *reason);
/* wc_image.c: the picture of that job is there (media_id), or is not (why). */
void wc_job_fetched(struct wc *g, uint64_t number, const char *media_id, const char *why);

/* wc_stream.c */
struct wc_stream *wc_stream_find(struct wc *g, const char *name);
void wc_stream_drop(struct wc_stream *s);
/* The streams of a chat may have been waiting for its messages. */
void wc_streams_step(struct wc *g, const char *chat);
void wc_streams_tick(struct wc *g, int64_t now);
void wc_streams_free(struct wc *g);
void wc_stream_answer(struct wc *g, uint64_t number, const struct wc_ack *a);
void wc_stream_lost(struct wc *g, uint64_t number, bool written);
/* {"msgtype":"stream","stream":{...}} */
void wc_stream_body(struct buf *out, const char *id, bool finish, const char *text, size_t len);

/* wc_call.c */
void wc_call_done(struct wc *g, uint64_t number, const struct wc_ack *a);
void wc_call_lost(struct wc *g, uint64_t number, bool written, const char *reason);
void wc_calls_free(struct wc *g);

/* wc_media.c: uploads. `type`: "image", "file", "voice", "video". The data is taken over, unless the same is on its way. fn once, from the loop. NULL, or why it is
 * refused at once (fn is not called then, the data is the caller's). */
typedef void (*wc_media_fn)(void *ud, struct wc *g, const char *media_id, const char *why);
struct wc_file {
    const char *type, *name;
    const struct wc_print *print; /* of the data */
};
const char *wc_upload(struct wc *g, const struct wc_file *file, struct buf *data, wc_media_fn fn,
                      void *ud);
void wc_uploads_tick(struct wc *g, int64_t now);
void wc_uploads_free(struct wc *g);
void wc_upload_answer(struct wc *g, uint64_t number, const struct wc_ack *a);
void wc_upload_lost(struct wc *g, uint64_t number);
/* What fits the bytes: "png", "jpg", "gif"; NULL: no picture that the platform takes. */
const char *wc_image_type(const char *data, size_t len);

/* wc_image.c: the picture of a message part, from wherever it is, uploaded. wc_job_fetched tells how it ended. */
void wc_image_get(struct wc *g, uint64_t job, const char *source, size_t len);
void wc_images_free(struct wc *g);

/* wc_download.c: what a member sent: fetched, decrypted. `data` is the receiver's to take. The address is good for 5 minutes. fn once, from
 * the loop, unless it is cancelled by wc_out_stop. NULL, or why it cannot be asked. */
typedef void (*wc_download_fn)(void *ud, struct wc *g, struct buf *data, const char *name,
                               const char *why);
const char *wc_download(struct wc *g, const struct wc_media *m, size_t max, wc_download_fn fn,
                        void *ud);
void wc_downloads_free(struct wc *g);
struct http_client *wc_http(struct wc *g); /* made when it is first needed */

#endif
