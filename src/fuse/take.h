/* One taking: the state between intake's sink calls. Inside fuse/ only. */
#pragma once

#include "fuse/private.h"

/*
 * A batch is committed when it reaches one of these, so that other writers get their turn and a crash loses
 * little. Large ones are worth it: a commit writes every index page that the batch touched, and hashes touch
 * them all.
 */
#define BATCH_RECORDS 50000
#define BATCH_BYTES (32u << 20)
#define BATCH_TIME USEC_SECOND

/* The head of an observation in `uses`: how many aggs, its time in two words, how often it was seen. */
enum { USE_VALUES, USE_TIME_LOW, USE_TIME_HIGH, USE_COUNT, USE_HEAD };

struct take {
    struct fuse *f;
    const struct take_opts *o;
    struct take_report *report;
    struct buf record; /* encoding scratch */
    usec started, told;
    char member[512]; /* file, with "!member" inside archives */

    /* the record being read */
    bool open, fresh, refused;
    bool object_refused; /* the record's object: its claims are not taken */
    bool objects_aside;

    /* claims and objects of the open transaction */
    bool in_tx;
    bool barred; /* the source took something back for good */
    struct pack claims, objects;
    struct entry claims_entry, objects_entry;
    int64_t next_entry;
    size_t batched;
    usec batch_began; /* ticks */

    /* a warninglist being gathered */
    bool in_list;
    struct list_rec list;
    struct arena list_text;
    struct pack list_pack;
    struct map list_seen;
    int64_t list_old;
    uint64_t list_old_version, list_fresh;

    /* a chunk of events */
    bool in_chunk, chunk_known, chunk_partial; /* partial: known, but some records were refused then */
    size_t chunk_refused;
    uint64_t *marks; /* hashes of the records accepted from this chunk now */
    size_t nmarks, mark_room;
    struct sha256 chunk_sha;
    uint64_t chunk_offset, chunk_length;
    struct arena chunk_text;
    struct map chunk_keys; /* encoded key -> index into aggs */
    struct agg *aggs;
    size_t naggs, agg_room;
    uint32_t *uses; /* for each observation: USE_HEAD words, then agg indices */
    size_t nuses, use_room;
};

int take_begin(struct take *t, struct err *e); /* opens the transaction unless it is open */
int take_flush(struct take *t, struct err *e); /* appends the entries and commits */
void take_end_record(struct take *t);
int take_reject(struct take *t, const struct reject *r, struct err *e);

/* take_list.c */
int take_list(void *ctx, const struct list_rec *l, struct err *e);
int take_list_entry(void *ctx, struct sv value, struct err *e);
int take_list_end(struct take *t, struct err *e);

/* take_events.c */
int take_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length, struct err *e);
int take_observation(void *ctx, const struct observation *o, struct err *e);
int take_chunk_end(struct take *t, struct err *e);

/* pattern_take.c: the chunk's events against compound patterns; aggs that complete one count as hit. */
int take_watch(struct take *t, struct sighting_batch *b, struct err *e);
/* A report that counted matches with hidden indicators would be a way to ask for them one by one. */
bool take_may_tell(const struct take *t, const struct sighting *s);

/* event_record.c: which records of a chunk with refused ones, or retried alone, were taken. */
int64_t event_mark(const struct take *t, struct sv raw, uint64_t offset);
int64_t event_mark_chunk(const struct take *t);
bool event_marked(struct take *t, int64_t mark);
int event_mark_add(struct take *t, int64_t mark, struct err *e);
