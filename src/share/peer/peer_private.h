/* Shared by the peer*.c of share/ only. */
#pragma once

#include "share/peer/peer.h"

extern const char peer_migration[];

#define PEER_TEXT_MOST 2048          /* bytes of a title, URL, `next` or ETag that are kept */
#define PEER_NEXT_MOST 8192          /* a longer cursor is no cursor */
#define PEER_ANSWER_MOST (4u << 20)  /* bytes of discovery, collections or a status */
#define PEER_PAGE_BYTES (256u << 20) /* of a page, decoded */
#define PEER_RUN_SECONDS 3600
#define PEER_RUN_PAGES 100000
#define PEER_COLLECTIONS_MOST 2000
#define PEER_ROOTS_MOST 64

/* ---- rows (peer_rows.c) */

int peer_collection_save(struct db *db, const struct peer_collection *c, struct err *e);
/* Adds what discovery found or brings it up to date; `enabled` holds for a new one. In a transaction. */
int peer_collection_note(struct db *db, const struct peer_collection *c, struct err *e);
int peer_ran(struct db *db, const struct peer *p, struct err *e);
int peer_rows_remove(struct db *db, int64_t peer, struct err *e);
int peer_refusal_add(struct db *db, int64_t collection, const struct peer_refusal *r, struct err *e);

/* ---- addresses (peer_url.c) */

/* `ref` as seen from `base` (RFC 3986 5.2, paths and absolute URLs only), with a slash at its end. ERR_DENIED
 * when it leads to another host: credentials are for this one. */
int peer_url_join(struct sv base, struct sv ref, struct arena *a, struct sv *ret, struct err *e);
bool peer_url_good(struct sv url);
/* Adds a name or value of a query, percent-encoded. */
void peer_url_escape(struct buf *b, struct sv text);

/* ---- answers (peer_read.c): small bodies, by the bounded JSON reader. All texts are copied into `a`. */

struct peer_found {
    bool discovery, root, collections; /* what the answer was */
    bool tombstones;                   /* a root of our own program: it tells what was deleted */
    struct sv title;
    struct sv root_url[PEER_ROOTS_MOST]; /* as written */
    size_t roots;
    int64_t max_content; /* 0 = not said */
    struct peer_collection *collection;
    size_t n;
};
int peer_read(struct sv json, struct arena *a, struct peer_found *ret, struct err *e);
/* An error object or whatever else a refusal came with; "" when it says nothing. */
struct sv peer_read_error(struct sv body, struct arena *a);
struct peer_status {
    struct sv id;
    bool pending;
    int64_t successes, failures;
    struct peer_refusal *refusal;
    size_t n;
};
int peer_read_status(struct sv json, struct arena *a, struct peer_status *ret, struct err *e);
/* TAXII times with 0 to 9 digits, offsets, or none; USEC_NONE when it is no time. */
usec peer_read_time(struct sv text);
/* "120" or an HTTP date: seconds from now; -1 when it is neither. */
int64_t peer_read_wait(struct sv text, usec now);

/* ---- pages (peer_page.c): spooled bodies of any size. Objects are counted, never parsed here. */

struct peer_page {
    bool more;
    struct sv next; /* p NULL = absent */
    uint64_t objects;
    struct sha256 sha; /* of the objects' bytes in order */
    /* of a manifest */
    usec date;       /* latest date_added among the first `most` entries; USEC_NONE = none */
    bool disordered; /* dates that do not ascend */
};
/* ERR_SYNTAX when it is no envelope, bundle, list or manifest; ERR_UNSUPPORTED with its words for an error
 * object. The descriptor stands at the beginning afterwards. */
int peer_page_read(int fd, bool manifest, uint64_t most, struct arena *a, struct peer_page *ret,
                   struct err *e);

/* ---- one run (peer_run.c, peer_ask.c) */

struct peer_run {
    const struct peers *p;
    struct peer peer;
    struct peer_secret secret;
    struct sv authorization;
    bool tombstones;  /* some root tells what was deleted */
    bool partner;     /* known by its card: the pinned key stands in the place of authorities */
    struct arena a;   /* as long as the run */
    struct arena ask; /* reset at each request */
    struct peer_report *report;
    usec began;    /* ticks */
    int64_t wait;  /* seconds that the peer asked for and that are too long to sit through; 0 = none */
    bool too_much; /* of the last request: a smaller page may do */
    unsigned status;
};
int peer_run_open(struct peer_run *r, const struct peers *p, struct sv name, struct peer_report *report,
                  struct err *e);
/* Writes the end of the run to the peer's row. */
void peer_run_close(struct peer_run *r, int rc, const struct err *e);
/* ERR_CANCELLED when the run is to end. */
int peer_run_goes_on(const struct peer_run *r, struct err *e);
bool peer_run_late(const struct peer_run *r);

struct peer_ask {
    const char *method;
    struct sv url;
    bool stix; /* asks for objects: 2.0 has another media type for them */
    struct sv body, etag, range;
    uint64_t max_bytes;
    unsigned tries; /* when what came was too much: fewer than PEER_TRIES; 0 = as many */
};
#define PEER_TRIES 6
/*
 * One request, tried again after a wait when that can help. OK with any status that is an answer: 2xx, 304
 * and refusals that do not pass by themselves. A body that was cut off is ERR_IO, one too large ERR_LIMIT.
 * Views and r->ask live until the next call.
 */
int peer_ask(struct peer_run *r, const struct peer_ask *q, struct fetch_answer *ret, struct err *e);
/* Puts a refusal into words: what the server said, and what can be done. Closes the body. */
int peer_refused(struct peer_run *r, struct fetch_answer *a, const char *what, struct err *e);
/* Reads and closes a small body. */
int peer_body(struct fetch_answer *a, struct buf *b, struct err *e);
/* GET of a small answer, read. */
int peer_get(struct peer_run *r, struct sv url, struct peer_found *ret, struct err *e);

int peer_run_discover(struct peer_run *r, struct err *e);
int peer_run_pull(struct peer_run *r, struct peer_collection *c, struct err *e);
/* peer_graves.c: what was deleted there since the last time. */
int peer_run_tombstones(struct peer_run *r, struct peer_collection *c, struct err *e);
int peer_run_push(struct peer_run *r, struct peer_collection *c, struct err *e);
