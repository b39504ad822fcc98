/*
 * Peers: the TAXII client (TAXII 2.1 OASIS Standard; 2.0 servers too). What their collections hold is taken
 * in through the parsers, page by page, with a cursor a collection; what a collection of ours holds is posted
 * to theirs, through the gate. Which faults of servers are borne stands in docs/peers.md.
 */
#pragma once

#include "jobs/jobs.h"
#include "net/fetch.h"
#include "share/recall/recall.h"
#include "share/taxii/taxii.h"

struct peer {
    int64_t id;
    struct sv uuid;  /* names the file with the credentials */
    struct sv name;  /* letters, digits, '-', '_', '.'; the principal "peer:NAME" of rights */
    struct sv url;   /* of its discovery, as given: https */
    struct sv pin;   /* SHA-256 of the server's SPKI in hex, "" = none */
    struct sv title; /* as discovery says */
    int64_t source;  /* what comes from it is this source's */
    struct uuid org; /* whose view it gets of what is pushed to it */
    bool enabled;
    bool pick;        /* collections are read only when enabled one by one */
    unsigned version; /* 21, 20; 0 = not known yet */
    int64_t every_seconds;
    int64_t page;             /* objects to ask for at once */
    int64_t bytes_per_second; /* 0 = unlimited */
    usec last_run, last_ok;   /* USEC_NONE = never */
    usec not_before;          /* it asked to be left alone until then; USEC_NONE = it did not */
    struct sv error;          /* of the last run, in words; "" = none */
};
#define PEER_PAGE 1000
#define PEER_PAGE_MOST 100000
#define PEER_EVERY 900

/* Credentials; views. They stand in a file below keys/, never in the database. */
struct peer_secret {
    struct sv user, password;               /* Basic */
    struct sv key;                          /* Bearer */
    struct sv certificate, private_key, ca; /* PEM */
};

struct peer_collection {
    int64_t id, peer;
    struct sv root; /* URL of the API root, ends in '/' */
    struct sv uuid, alias, title;
    bool can_read, can_write;
    bool enabled; /* read from */
    int64_t max_content;
    /* cursor: the requests of a drain have added_after = after and, from page two on, next */
    usec after; /* USEC_NONE = from the start */
    usec seen;  /* latest date added met in the drain under way; USEC_NONE = none */
    struct sv next;
    struct sv etag;  /* of the request that asks what comes after `after`; "" = none */
    int64_t page;    /* what this server can do at once; 0 = as the peer says */
    bool last_only;  /* the server refuses match[version]=all */
    struct sv notes; /* faults met and borne, names of docs/peers.md separated by spaces */
    struct sv error; /* of the last run */
    usec last_run, last_ok;
    int64_t pages, accepted, duplicates, rejected; /* in all */
    /* pushing */
    int64_t from; /* collection of ours that is posted to it; 0 = none */
    usec pushed_to;
    int64_t pushed, refused;
};

struct peer_report {
    struct sv collection; /* being worked on */
    uint64_t pages, bytes, requests, retries;
    uint64_t objects, accepted, duplicates, rejected;
    uint64_t pushed, refused;
    unsigned collections, failed;
    double seconds;
};

typedef int (*peer_fetch_fn)(void *ctx, const struct fetch_request *r, struct arena *a,
                             struct fetch_answer *ret, struct err *e);
/* What this part works with; all borrowed from the node. */
struct peers {
    struct taxii taxii;
    const char *home;
    peer_fetch_fn fetch; /* NULL = fetch() with `ctx` a struct fetcher */
    void *ctx;
    bool (*stopping)(void *of); /* true: end soon with ERR_CANCELLED; may be NULL */
    void *of;
    void (*progress)(void *who, const struct peer_report *so_far); /* after each page; may be NULL */
    void *who;
    void (*sighting)(void *node, const struct sighting *s); /* may be NULL */
    void *node;
    const struct recall *recall; /* follows what is deleted at peers; NULL: nobody does */
};

/* ---- definitions */

/* Whether the URL, name, pin and numbers are such as can be kept: ERR_VALUE says what is wrong. */
int peer_check(const struct peer *p, struct err *e) MUST_USE;
/* id 0 = a new one; sets id and uuid (lives in `a`). ERR_EXISTS. In a transaction. */
int peer_put(struct db *db, struct peer *p, struct arena *a, struct err *e) MUST_USE;
/* By name. ERR_NOT_FOUND. */
int peer_find(struct db *db, struct sv name, struct arena *a, struct peer *ret, struct err *e) MUST_USE;
int peer_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct peer *p), void *ctx,
              struct err *e) MUST_USE;
/* Forgets the peer, its cursors and its credentials; what came from it stays. In a transaction; the file goes
 * first. */
int peer_remove(struct db *db, const char *home, const struct peer *p, struct err *e) MUST_USE;
/* Keeps the credentials in keys/peer-UUID.json, mode 0600. */
int peer_secret_write(const char *home, const struct peer *p, const struct peer_secret *s,
                      struct err *e) MUST_USE;
/* Views live in `a`; a peer without a file has no credentials. */
int peer_secret_read(const char *home, const struct peer *p, struct arena *a, struct peer_secret *ret,
                     struct err *e) MUST_USE;

int peer_collection_each(struct db *db, int64_t peer, struct arena *a,
                         int (*each)(void *ctx, const struct peer_collection *c), void *ctx,
                         struct err *e) MUST_USE;
/* By id, alias, title or number. ERR_NOT_FOUND; ERR_VALUE when several fit. */
int peer_collection_find(struct db *db, int64_t peer, struct sv what, struct arena *a,
                         struct peer_collection *ret, struct err *e) MUST_USE;
/* In a transaction. A collection that is read again after a pause goes on where it was. */
int peer_collection_enable(struct db *db, int64_t collection, bool on, struct err *e) MUST_USE;
/* `from` 0 = no longer; another collection than before is sent from its start. In a transaction. */
int peer_collection_push(struct db *db, int64_t collection, int64_t from, struct err *e) MUST_USE;
/* Objects the peer refused, newest first. */
struct peer_refusal {
    struct sv id, version, message;
    usec at;
};
int peer_refusal_each(struct db *db, int64_t collection, size_t most,
                      int (*each)(void *ctx, const struct peer_refusal *r), void *ctx,
                      struct err *e) MUST_USE;

/* ---- work; in no transaction */

/* Discovery: API roots and collections become rows. */
int peer_discover(const struct peers *p, struct sv name, struct peer_report *ret, struct err *e) MUST_USE;
/*
 * Discovery, then all enabled collections are read to their ends (or to the limits of one run: an hour,
 * 100,000 pages), then what is pushed is posted. A failing collection does not stop the others; its error is
 * kept and the first one returned. ERR_BUSY when the peer is being worked on already. Killed at any moment it
 * can be called again. *ret_wait: the peer asked to be left alone for so many seconds, else 0.
 */
int peer_sync(const struct peers *p, struct sv name, struct peer_report *ret, int64_t *ret_wait,
              struct err *e) MUST_USE;
/* Posts what the collection `from` holds since the last time, and nothing else. */
int peer_push(const struct peers *p, struct sv name, int64_t collection, struct peer_report *ret,
              struct err *e) MUST_USE;

/* ---- scheduled: jobs of the name "peer:NAME" */

#define PEER_KIND "peer"
/* Brings the job of the peer in line with its interval and whether it is enabled. In a transaction. */
int peer_schedule(struct db *db, const struct peer *p, usec now, struct err *e) MUST_USE;
int peer_unschedule(struct db *db, const struct peer *p, struct err *e) MUST_USE;
/* The run of a job of this kind; `ctx` is a struct peers. */
int peer_job(void *ctx, struct job_call *call, struct err *e) MUST_USE;
