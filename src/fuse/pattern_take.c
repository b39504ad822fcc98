#include "fuse/pattern_watch.h"
#include "fuse/take.h"

/* An event being watched. */
struct watching {
    struct take *t;
    struct sighting_batch *batch;
    const uint32_t *aggs; /* of the event's values */
    usec time, hour;
    uint64_t count;
};

static int on_hit(void *ctx, const struct pattern_hit *hit, struct err *e)
{
    struct watching *w = ctx;
    struct agg *a = &w->t->aggs[w->aggs[hit->trigger]];
    const struct sighting s = {
        .observed = a->seen.value.value,
        .observed_kind = a->seen.value.kind,
        .indicator = hit->id,
        .kind = KIND_NONE,
        .sensor = a->sensor,
        .class = a->class,
        .field = a->seen.field,
        .hour = a->hour,
        .count = w->count,
        .first = w->time,
        .last = w->time,
    };
    bool told = take_may_tell(w->t, &s);
    a->hit |= told;
    w->t->report->sightings += told;
    return sightings_add(w->batch, &s, e);
}

static int watch_event(struct take *t, struct sighting_batch *b, const uint32_t *use, struct err *e)
{
    struct observed v[PATTERN_EVENT_VALUES];
    struct watching w = {.t = t, .batch = b, .aggs = use + USE_HEAD, .count = use[USE_COUNT]};
    size_t n = use[USE_VALUES] < PATTERN_EVENT_VALUES ? use[USE_VALUES] : PATTERN_EVENT_VALUES;
    bool waits = false;
    for (size_t i = 0; i < n; i++) {
        waits |= t->aggs[w.aggs[i]].waits;
    }
    if (!waits) {
        return OK;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = t->aggs[w.aggs[i]].seen;
    }
    w.time = (usec)((uint64_t)use[USE_TIME_HIGH] << 32 | use[USE_TIME_LOW]);
    const struct pattern_event event = {
        .time = w.time, .count = w.count ? (int64_t)w.count : 1, .v = v, .n = n};
    return pattern_set_event(t->f->patterns, &event, on_hit, &w, e);
}

int take_watch(struct take *t, struct sighting_batch *b, struct err *e)
{
    bool any = false;
    int rc = OK;
    for (size_t i = 0; i < t->naggs; i++) {
        t->aggs[i].waits = pattern_set_waits_for(t->f->patterns, &t->aggs[i].seen.value);
        any |= t->aggs[i].waits;
    }
    for (size_t i = 0; any && rc == OK && i < t->nuses; i += USE_HEAD + t->uses[i + USE_VALUES]) {
        rc = watch_event(t, b, t->uses + i, e);
    }
    if (any) {
        patterns_publish(t->f);
    }
    return rc;
}
