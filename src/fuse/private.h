/* Shared inside fuse/ only. */
#pragma once

#include "fuse/fuse.h"
#include <pthread.h>

struct benign;
struct network;
struct pattern_set;
struct seen;

/* withdrawn.c: row numbers that expunged records had. */
enum numbered {
    NUMBER_CLAIM,
    NUMBER_OBJECT,
    NUMBER_REF,
    NUMBER_VALUE,
    NUMBER_ALIAS,
    NUMBER_SIGHTING,
    NUMBERED
};
struct number_range {
    int64_t first, last, entry; /* the entry that made the rows */
    int64_t furthest;           /* largest `last` up to here */
};
struct numbers {
    bool loaded;
    uint64_t rollbacks;
    struct number_range *range[NUMBERED];
    size_t n[NUMBERED], room[NUMBERED];
};

struct fuse {
    struct db *db;
    struct ledger *ledger;
    const struct hash_secret *secret;
    /*
     * Taking applies records one by one before their entry is appended in the same transaction; the kind's
     * apply must then not do it twice. Only touched inside a write transaction.
     */
    bool applied;
    bool index_stale; /* an indicator was taken back or a warninglist changed: the whole index is to be built
                         anew */
    struct buf told;  /* sightings of the open transaction, to be told once it is committed */
    pthread_mutex_t index_lock;
    struct fuse_index index;
    struct benign *benign; /* NULL = to be loaded */
    struct seen *seen;     /* NULL = to be loaded; only inside a write transaction */
    struct network *network;
    /* Compound patterns; only inside a write transaction. NULL = to be loaded, stale: anew. */
    struct pattern_set *patterns;
    int64_t patterns_upto; /* objects up to this id are in */
    bool patterns_stale;
    struct numbers numbers;     /* only inside a write transaction */
    uint64_t pattern_counts[7]; /* for others to read, under index_lock; as pattern_status_write names them */
};

/* Hash a value is found by: claim.h, object_value.h, past.h, sighting.h, list_entry.h (kind 0). */
int64_t value_hash(const struct fuse *f, enum kind kind, struct sv value);
int64_t id_hash(const struct fuse *f, struct sv stix_id);

/* seen.c: may a claim of this hash be there? False is certain. */
bool seen_maybe(struct fuse *f, int64_t h);
void seen_add(struct fuse *f, int64_t h);
void seen_free(struct seen *s);

/* What applying a record did. CHANGE_CONFLICT: its version stands for other content already; CHANGE_ENDED: it
 * would go on with what its source has revoked. Neither is stored. */
enum change { CHANGE_NONE, CHANGE_NEW, CHANGE_UPDATE, CHANGE_CONFLICT, CHANGE_ENDED };

/* holds.c: the last instant at which a claim holds: its `valid_until`, else its last time and the source's
 * expiry (seconds, 0 = none). INT64_MAX = it does not end; nor does one of which the source gives no time. */
struct claim_times {
    usec valid_until, last, modified, created, valid_from;
};
usec claim_end(const struct claim_times *c, int64_t expiry);
int source_expiry(struct fuse *f, int64_t source, int64_t *ret, struct err *e);

/* claim.c: merges one claim of `entry->source` into its row. */
int claim_apply(struct fuse *f, const struct entry *entry, const struct claim_rec *c, enum change *ret,
                struct err *e);
/* items.c: the claim came from an indicator that is stored itself. */
bool claim_is_object(struct sv ref);
/* An indicator can be made of values of this kind. */
bool claim_is_given(enum kind k);
/* Number of the stored object that this one is: the one of the same content, else the newest of its id. */
int object_number(struct fuse *f, int64_t source, const struct object_rec *o, int64_t *ret, struct err *e);
/* object.c */
int object_apply(struct fuse *f, const struct entry *entry, const struct object_rec *o, enum change *ret,
                 struct err *e);
/* Times are kept to the microsecond; what a time stamp says beyond that tells versions apart: 0 to 999. */
int64_t object_nanoseconds(struct sv time_text);
/* Why an object was not stored, with the stored text that stands against it. Text lives in `a`, `o` and
 * static memory. */
int object_refusal(struct fuse *f, int64_t source, const struct object_rec *o, enum change why,
                   struct arena *a, struct reject *ret, struct err *e);

/* alias.c: hashes of one file, joined by value. */
int alias_add_object(struct fuse *f, const struct entry *entry, const struct object_rec *o, struct err *e);
/* *ret_added: the claim joins a hash to others of its file that were not joined by it before. */
int alias_add_claim(struct fuse *f, const struct entry *entry, const struct claim_rec *c, bool *ret_added,
                    struct err *e);
struct alias {
    enum kind kind;
    struct sv value;
    struct sv sources; /* names of those that join it, separated by newlines */
};
#define ALIASES_MAX 16
/* Other hashes of the file that a hash belongs to, as far as the view sees who says so; in an order that does
 * not depend on the order of arrival. Views live in `a`. Returns how many, or a negative code. */
int alias_find(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value, struct arena *a,
               struct alias ret[ALIASES_MAX], struct err *e);
/* list.c: a list is applied whole; see take_list.c for how it is gathered. */
void list_head_encode(struct buf *b, const struct list_rec *l);
bool list_head_decode(struct sv bytes, struct list_rec *ret);
int list_apply(struct fuse *f, const struct entry *entry, struct err *e);
/* Number of the source's list of that name, 0 = none; its version. */
int64_t list_find(struct fuse *f, int64_t source, struct sv name, uint64_t *ret_version, struct err *e);
bool list_has(struct fuse *f, int64_t list, struct sv entry_value);
int64_t list_size(struct fuse *f, int64_t list);
/* "benign" or "context" for a warninglist's name (docs/fusion.md holds the table). */
const char *list_role(struct sv name);

/* sighting.c */
void sighting_encode(struct buf *b, const struct sighting *s);
bool sighting_decode(struct sv bytes, struct sighting *ret);
/* How many events the stored sighting counts; 0 = there is none. */
int sighting_counted(struct fuse *f, int64_t source, const struct sighting *s, uint64_t *ret, struct err *e);
int sighting_apply(struct fuse *f, const struct entry *entry, const struct sighting *s, int64_t *ret_id,
                   struct err *e);

/*
 * withdrawn.c. Rebuilding makes the same rows with the same numbers although what was expunged makes none any
 * more: the number for the next row of a table, 0 = let the database give it.
 */
int64_t number_next(struct fuse *f, enum numbered what, int64_t entry);
void numbers_clear(struct numbers *n);
/* The numbers are not given again, from now on. Live only: rebuilding finds them so. */
int number_keep(struct fuse *f, enum numbered what, int64_t first, int64_t last, int64_t entry,
                struct err *e);
static inline void bind_number(struct stmt *s, int64_t number)
{
    number ? db_int(s, number) : db_null(s);
}
int withdraw_apply(struct fuse *f, const struct entry *entry, struct err *e);
/* 1 = the source took the id back, and may not bring it again. */
int withdrawn_bars(struct fuse *f, int64_t source, struct sv id, struct err *e);
/* The claim's object has ended here, and this is none of its newer versions. */
bool withdrawn_ended(struct fuse *f, int64_t source, const struct claim_rec *c, struct err *e);
bool withdrawn_any(struct fuse *f, int64_t source);

/* drop.c: removes all of the sources named in the pack. */
int drop_apply(struct fuse *f, const struct entry *entry, struct err *e);

/* index.c: one claim into a builder; OK also when its value is none that can be matched. */
int index_add(struct matchset_build *b, const struct obs *o, int64_t claim, struct err *e);

/* The organisation that runs the node, as org_home() finds it. */
#define HOME_ORG "(SELECT id FROM org ORDER BY entry, id LIMIT 1)"

/* benign.c: warninglists in memory, for building the index. */
/* The lists as they are now; loaded again after a change. Only inside the writer's turn. NULL with `e` set on
 * failure. */
const struct benign *benign_get(struct fuse *f, struct err *e);
void benign_free(struct benign *b); /* drops one owner */
/* The lists as they are now for whoever reads longer than a writer's turn: another owner. Takes the turn when
 * the caller has none. */
struct benign *benign_share(struct fuse *f, struct err *e);
/* True when a benign list covers the value, or a context list holds exactly this host and the value is
 * host-only. */
bool benign_covers(const struct benign *b, const struct obs *o);

/* One lookup of a value in the lists, for people: calls each with list name, role, and the entry that covers
 * it. `suppresses`: it is never matched or exported because of this. */
int benign_each(struct fuse *f, const struct pact_view *view, const struct obs *o, struct arena *a,
                void (*each)(void *ctx, struct sv list, struct sv role, struct sv entry, bool suppresses),
                void *ctx, struct err *e);

/* never.c: what is never given away beside that: the operator's list, and addresses inside of which benign
 * ones stand. */
struct never;
bool never_covers(const struct never *n, const struct obs *o);

/* past.c: hourly aggregates of all observables. */
struct agg {
    struct observed seen; /* copies in the chunk's arena */
    struct sv sensor, class;
    usec hour, first, last;
    uint64_t count;
    bool hit;   /* some indicator covers it */
    bool waits; /* some compound pattern waits for it */
};
int past_add(struct fuse *f, int64_t source, const struct agg *a, usec now, struct err *e);
/* In a transaction: looks claims up in the past that came after the last call. `touched` counts sighting
 * rows. */
int past_settle(struct fuse *f, const struct take_opts *o, uint64_t *touched, struct err *e);
int64_t cursor_get(struct fuse *f, const char *name);
/* The past is to be looked up again in all claims at the next settling: one holds longer than it did. */
int past_again(struct fuse *f, struct err *e);
int cursor_set(struct fuse *f, const char *name, int64_t at, struct err *e);

/* Gathers the sightings of one source into one ledger entry: begin, add (applies at once), end (appends the
 * entry). In a transaction. */
struct sighting_batch {
    struct fuse *f;
    const struct take_opts *o;
    struct entry entry;
    struct pack pack;
    struct buf record;
    uint64_t touched;
};
int sightings_begin(struct sighting_batch *b, struct fuse *f, const struct take_opts *o, int64_t source,
                    struct err *e);
int sightings_add(struct sighting_batch *b, const struct sighting *s, struct err *e);
/* Sightings are told (live stream, relay) only when they are committed: taken out before the commit, sent
 * after; `o` NULL forgets them. */
#define TOLD_MAX (64u << 20)
struct buf told_take(struct fuse *f);
void told_send(struct buf *told, const struct take_opts *o);
int sightings_end(struct sighting_batch *b, struct err *e); /* also clears; call it on failure too */

/* Calls `each` with the values that would cover an observed value, most specific first: itself, parents,
 * wildcards, prefixes, URL path prefixes and host. */
typedef int (*cover_fn)(void *ctx, enum kind kind, struct sv value, enum match_how how, struct err *e);
int covers_each(const struct obs *o, struct arena *a, cover_fn each, void *ctx, struct err *e);

/* correlate.c: {"value","kind","count","common","objects"} for each value of the object that other visible
 * objects hold too. */
int correlate_object(struct fuse *f, const struct pact_view *view, struct sv stix_id, struct jw *w,
                     struct err *e);

/* network.c: {"asn","owner","country"} members known for an address; writes an object. */
void network_write(const struct network *n, const struct obs *o, struct jw *w);
void network_free(struct network *n);
