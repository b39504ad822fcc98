/*
 * fuse/feed: reports that are fetched by themselves.
 *
 * A catalogue of well-known feeds is compiled in; one is enabled by name and becomes a source, a row of table
 * `feed` and a job of kind "feed". A run asks conditionally, judges the answer before anything is believed of
 * it, and hands the bytes to fuse_take: what a feed states no longer ages, it is never deleted because a list
 * came back short. Uses net/ (the fetcher), jobs/ and intake/.
 */
#pragma once

#include "fuse/fuse.h"
#include "jobs/jobs.h"
#include "net/fetch.h"

extern const struct db_room feed_room; /* tables: feed (state), feed_item (state) */
#define FEED_KIND "feed"               /* of its job, which is named "feed:NAME" */

/* How a feed is asked for. */
enum feed_way {
    FEED_FILE, /* one file, or one archive of files */
    FEED_MISP, /* manifest.json and an event a file; `url` is the directory */
    FEED_OTX,  /* pages of pulses that changed */
};
const char *feed_way_name(enum feed_way way); /* "file", "misp", "otx" */
bool feed_way_parse(struct sv s, enum feed_way *ret);

/* One feed that is known; what a source gets when it is enabled. */
struct feed_entry {
    const char *name, *title, *url;
    enum feed_way way;
    const char *format;  /* of intake; "" = found out */
    const char *mapping; /* of the source; "" = none */
    const char *licence, *zone;
    char reliability;
    enum tlp tlp;
    const char *upstream;   /* "" = itself */
    unsigned expiry_days;   /* 0 = by kind */
    unsigned every_minutes; /* what its makers ask for, at least */
    bool steady;            /* a state, not a window: half of its bytes missing is suspicious */
    uint64_t max_bytes;
    const char *key_header; /* "" = anybody may read it; else the header that carries the key */
    const char *note;
};
const struct feed_entry *feed_catalogue(size_t *ret_n);
const struct feed_entry *feed_entry_find(struct sv name); /* NULL */
/* The catalogue as a Markdown table, for docs/feeds.md. */
void feed_catalogue_markdown(struct buf *out);

struct feed {
    int64_t id;
    struct sv name;
    struct sv entry; /* of the catalogue; "" = one's own */
    struct sv url;
    enum feed_way way;
    struct sv format;
    int64_t source;
    bool steady;
    uint64_t max_bytes;
    struct sv ca_pem, key_header;
    /* of the last answers */
    struct sv etag, modified;
    unsigned status;       /* HTTP; 0 = none came */
    usec checked, changed; /* last answer; last one that was taken. USEC_NONE = never */
    uint64_t bytes;        /* of the last one taken */
    uint64_t records, accepted, duplicates, rejected; /* of it */
    uint64_t total_accepted;                          /* of all */
};
#define FEED_NAME_MOST 40

/* What feeds work with: of the node. */
struct feeds {
    struct db *db;
    struct ledger *ledger;
    struct fuse *fuse;
    struct fetcher *fetcher;
    struct parsers *parsers;
    const char *keys; /* directory of the keys of feeds: feed-NAME.key, mode 0600 */
    void (*sighting)(void *ctx, const struct sighting *s); /* as in take_opts */
    void *ctx;
};

/* Lower-case letters, digits and '-'; https, or http on this machine. ERR_VALUE. */
int feed_check(struct sv name, struct sv url, struct err *e) MUST_USE;
/*
 * Adds or changes a feed (id is set) and its job, due at once. In a transaction. Forgets ETag and items when
 * the address changed.
 */
int feed_put(struct db *db, struct feed *f, int64_t every_seconds, bool enabled, usec now,
             struct err *e) MUST_USE;
/* Removes feed and job; the source and what it stated stay. In a transaction. */
int feed_remove(struct db *db, struct sv name, struct err *e) MUST_USE;
int feed_get(struct db *db, struct sv name, struct arena *a, struct feed *ret, struct err *e) MUST_USE;
int feed_each(struct db *db, int (*each)(void *ctx, const struct feed *f), void *ctx, struct err *e) MUST_USE;
/*
 * Enables an entry of the catalogue: makes its source when the organisation has none of that name, its feed
 * and job. `url` "" = the catalogue's. In no transaction.
 */
int feed_enable(const struct feeds *f, const struct feed_entry *entry, struct uuid org, struct sv url,
                struct sv ca_pem, int64_t every_seconds, usec now, struct err *e) MUST_USE;
/* Stops or starts its job. */
int feed_switch(const struct feeds *f, struct sv name, bool enabled, usec now, struct err *e) MUST_USE;
/* Keeps the key of a feed in its file; "" removes it. */
int feed_key_put(const struct feeds *f, struct sv name, struct sv key, struct err *e) MUST_USE;

struct feed_report {
    bool unchanged;          /* 304, or nothing new */
    uint64_t fetched;        /* bytes */
    unsigned answers;        /* files taken */
    unsigned absent;         /* events that the manifest names and that are not there */
    struct take_report take; /* sums */
};
struct feed_run_opts {
    bool accept_small; /* a person looked: less than before is right */
    void (*progress)(void *ctx, const struct take_report *so_far);
    void *ctx;
};
/*
 * Asks once and takes what is new. `call` (not NULL) gets its sentence and the wait a server asks for; its
 * `stopping` is looked at between answers. A failed run keeps the last ETag, so that the next one asks again.
 */
int feed_run(const struct feeds *f, struct sv name, const struct feed_run_opts *o, struct job_call *call,
             struct feed_report *ret, struct err *e) MUST_USE;
/* The job kind's function; ctx is the `struct feeds`. */
int feed_job(void *ctx, struct job_call *call, struct err *e);

/* One object for CLI and API: the feed, its job (NULL = none) and the catalogue's words. */
void feed_write(struct jw *w, const struct feed *f, const struct job *j);
/* {"feeds":[...],"catalogue":[...]}; `feeds` are left out for who may not see them. */
int feed_list_json(struct db *db, bool feeds, struct buf *json, struct err *e) MUST_USE;
