#include "fuse/take.h"

#include "fuse/pattern_watch.h"

#include <stdlib.h>

/* ---- chunks: the same bytes from the same source are counted once
 * ------------------------------------------------------ */

int take_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length, struct err *e)
{
    struct take *t = ctx;
    take_end_record(t);
    int rc = take_chunk_end(t, e);
    rc = rc == OK ? take_begin(t, e) : rc;
    if (rc != OK) {
        return rc;
    }
    t->in_chunk = true;
    t->chunk_sha = *sha;
    t->chunk_offset = offset;
    t->chunk_length = length;
    t->chunk_refused = 0;
    int known = t->o->retry ? 0 : event_chunk_known(t->f->db, t->o->source->id, sha, offset, e);
    t->chunk_known = known == 1;
    t->chunk_partial = t->o->retry || (t->chunk_known && event_marked(t, event_mark_chunk(t)));
    return known < 0 ? known : OK;
}

/* ---- observations to hourly aggregates
 * ------------------------------------------------------------------------------------ */

static bool room_for(void **p, size_t *room, size_t n, size_t size)
{
    if (n <= *room) {
        return true;
    }
    size_t want = *room ? *room * 2 : 4096;
    want = want < n ? n : want;
    void *q = reallocarray(*p, want, size);
    if (q) {
        *p = q;
        *room = want;
    }
    return q != NULL;
}

static usec hour_of(usec t)
{
    usec r = t % USEC_HOUR;
    return r < 0 ? t - r - USEC_HOUR : t - r;
}

/* Index of the aggregate an observed value belongs to, made when it is the first; SIZE_MAX without memory. */
static size_t agg_of(struct take *t, const struct observation *o, const struct observed *v, usec hour)
{
    struct buf *key = &t->record;
    buf_reset(key);
    buf_u8(key, (uint8_t)v->value.kind);
    buf_u64(key, (uint64_t)hour);
    buf_str(key, v->value.value);
    buf_str(key, v->field);
    buf_str(key, o->class);
    buf_str(key, o->sensor);
    bool first;
    uint64_t *index = key->failed ? NULL : map_put(&t->chunk_keys, buf_sv(key), &first);
    if (!index) {
        return SIZE_MAX;
    }
    if (first) {
        if (!room_for((void **)&t->aggs, &t->agg_room, t->naggs + 1, sizeof(*t->aggs))) {
            return SIZE_MAX;
        }
        struct agg *a = &t->aggs[t->naggs];
        *a = (struct agg){.seen = *v, .hour = hour, .first = o->time, .last = o->time};
        a->seen.value.value = arena_sv(&t->chunk_text, v->value.value);
        a->seen.field = arena_sv(&t->chunk_text, v->field);
        a->class = arena_sv(&t->chunk_text, o->class);
        a->sensor = arena_sv(&t->chunk_text, o->sensor);
        if (!a->seen.value.value.p || !a->seen.field.p || !a->class.p || !a->sensor.p) {
            return SIZE_MAX;
        }
        *index = t->naggs++;
    }
    return (size_t)*index;
}

int take_observation(void *ctx, const struct observation *o, struct err *e)
{
    struct take *t = ctx;
    int64_t mark = event_mark(t, o->raw, o->offset);
    t->fresh = t->chunk_partial ? !event_marked(t, mark) : !t->chunk_known;
    if (!t->fresh) {
        return OK;
    }
    if (!room_for((void **)&t->marks, &t->mark_room, t->nmarks + 1, sizeof(*t->marks))) {
        return err_set(e, ERR_MEMORY, "no memory for a chunk of events");
    }
    t->marks[t->nmarks++] = (uint64_t)mark;
    if (!room_for((void **)&t->uses, &t->use_room, t->nuses + USE_HEAD + o->n, sizeof(*t->uses))) {
        return err_set(e, ERR_MEMORY, "no memory for a chunk of events");
    }
    usec hour = o->n ? hour_of(o->time) : 0; /* rows without time hold no values */
    uint32_t *head = t->uses + t->nuses;
    head[USE_VALUES] = (uint32_t)o->n;
    head[USE_TIME_LOW] = (uint32_t)o->time;
    head[USE_TIME_HIGH] = (uint32_t)((uint64_t)o->time >> 32);
    head[USE_COUNT] = o->count < UINT32_MAX ? (uint32_t)o->count : UINT32_MAX;
    t->nuses += USE_HEAD;
    for (size_t i = 0; i < o->n; i++) {
        size_t at = agg_of(t, o, &o->v[i], hour);
        if (at == SIZE_MAX) {
            return err_set(e, ERR_MEMORY, "no memory for a chunk of events");
        }
        struct agg *a = &t->aggs[at];
        a->count += o->count;
        a->first = o->time < a->first ? o->time : a->first;
        a->last = o->time > a->last ? o->time : a->last;
        t->uses[t->nuses++] = (uint32_t)at;
    }
    return OK;
}

/* ---- the end of a chunk: match, store, commit
 * ------------------------------------------------------------------------------- */

bool take_may_tell(const struct take *t, const struct sighting *s)
{
    return !t->o->view || fuse_sees(t->f, t->o->view, s->kind, s->indicator);
}

static int match_agg(struct take *t, struct sighting_batch *b, const struct fuse_index *index, struct agg *a,
                     struct err *e)
{
    struct index_hit hit[INDEX_HITS];
    size_t n = fuse_index_find(index, &a->seen.value, hit);
    int rc = OK;
    for (size_t i = 0; rc == OK && i < n; i++) {
        const struct sighting s = {
            .observed = a->seen.value.value,
            .observed_kind = a->seen.value.kind,
            .indicator = hit[i].value,
            .kind = hit[i].kind,
            .sensor = a->sensor,
            .class = a->class,
            .field = a->seen.field,
            .hour = a->hour,
            .count = a->count,
            .first = a->first,
            .last = a->last,
        };
        int holds = fuse_holds(t->f, NULL, s.kind, s.indicator, s.hour, e);
        if (holds <= 0) {
            rc = holds;
            continue;
        }
        bool told = take_may_tell(t, &s);
        a->hit |= told;
        t->report->sightings += told;
        rc = sightings_add(b, &s, e);
    }
    return rc;
}

static int store_chunk(struct take *t, struct err *e)
{
    struct sighting_batch batch = {0};
    struct fuse_index index = fuse_index_get(t->f);
    int rc = sightings_begin(&batch, t->f, t->o, t->o->source->id, e);
    for (size_t i = 0; rc == OK && i < t->naggs; i++) {
        rc = past_add(t->f, t->o->source->id, &t->aggs[i], t->o->now, e);
        rc = rc == OK ? match_agg(t, &batch, &index, &t->aggs[i], e) : rc;
    }
    rc = rc == OK ? take_watch(t, &batch, e) : rc;
    struct err ignored = ERR_NONE;
    int end = sightings_end(&batch, rc == OK ? e : &ignored);
    fuse_index_put(&index);
    return rc == OK ? end : rc;
}

static void count_matched(struct take *t)
{
    for (size_t i = 0; i < t->nuses; i += USE_HEAD + t->uses[i]) {
        bool hit = false;
        for (uint32_t k = 0; k < t->uses[i]; k++) {
            hit |= t->aggs[t->uses[i + USE_HEAD + k]].hit;
        }
        t->report->matched += hit;
    }
}

/* Complete chunks are known by their hash alone. */
static int remember_chunk(struct take *t, struct err *e)
{
    int rc = OK;
    if (t->chunk_partial || t->chunk_refused) {
        for (size_t i = 0; rc == OK && i < t->nmarks; i++) {
            rc = event_mark_add(t, (int64_t)t->marks[i], e);
        }
    }
    if (t->chunk_known || t->o->retry) {
        return rc;
    }
    if (rc == OK && t->chunk_refused) {
        rc = event_mark_add(t, event_mark_chunk(t), e);
    }
    return rc == OK ? event_chunk_add(t->f->db, t->o->source->id, &t->chunk_sha, t->chunk_offset,
                                      t->chunk_length, t->o->now, e)
                    : rc;
}

/* Between a chunk's beginning and its end others had their turn: the same bytes may be there by now. */
static int taken_meanwhile(struct take *t, struct err *e)
{
    return t->chunk_known || t->o->retry
               ? 0
               : event_chunk_known(t->f->db, t->o->source->id, &t->chunk_sha, t->chunk_offset, e);
}

/* In this order inside one transaction: the past catches up with all claims, so does the index, then this
 * chunk joins both. */
static int commit_chunk(struct take *t, struct err *e)
{
    uint64_t touched = 0;
    int rc = t->claims.n || t->objects.n ? take_flush(t, e) : OK;
    rc = rc == OK ? take_begin(t, e) : rc;
    int known = rc == OK ? taken_meanwhile(t, e) : 0;
    if (rc == OK && known != 0) {
        return known < 0 ? known : take_flush(t, e);
    }
    rc = rc == OK ? past_settle(t->f, t->o, &touched, e) : rc;
    rc = rc == OK ? fuse_index_refresh(t->f, t->o->now, e) : rc;
    rc = rc == OK ? patterns_refresh(t->f, e) : rc;
    rc = rc == OK ? store_chunk(t, e) : rc;
    rc = rc == OK ? remember_chunk(t, e) : rc;
    rc = rc == OK ? take_flush(t, e) : rc;
    if (rc == OK) {
        count_matched(t);
    }
    return rc;
}

int take_chunk_end(struct take *t, struct err *e)
{
    if (!t->in_chunk) {
        return OK;
    }
    t->in_chunk = false;
    int rc = !t->chunk_known || t->nmarks ? commit_chunk(t, e) : OK;
    t->naggs = t->nuses = t->nmarks = 0;
    arena_reset(&t->chunk_text);
    map_reset(&t->chunk_keys);
    return rc;
}
