/*
 * Compound patterns over a stream of events, in memory: patterns wait behind the values without which none of
 * their expressions can be met (triggers), so an event that holds none of these costs a look-up a value. An
 * event that does is put into STIX objects (pattern_event.c) and evaluated. Patterns over several
 * observations keep what met one of their expressions in a window of bounded size; what leaves it is counted.
 * Inside fuse/ only; one thread at a time.
 */
#pragma once

#include "fuse/private.h"
#include "stix/pattern_match.h"

#define PATTERN_WINDOW 64          /* observations a pattern keeps */
#define PATTERN_WINDOWS (1u << 20) /* observations all patterns keep */
#define PATTERN_EXPRESSIONS 64     /* "[...]" of a pattern that is watched */
#define PATTERN_CANDIDATES 256     /* patterns evaluated for one event */
#define PATTERN_EVENT_VALUES 256

/* How patterns are read that are evaluated over events. */
#define PATTERN_FOR_EVENTS (PATTERN_CANONICAL | PATTERN_REPEATED_QUALIFIERS)

struct pattern_set;
struct pattern_counts {
    uint64_t watched;
    uint64_t unwatched; /* some expression has no value to look for, or there are too many expressions */
    uint64_t triggers;  /* values that are looked for */
    uint64_t evaluated, matched;
    uint64_t evicted; /* observations that left a window before their pattern was complete */
    uint64_t failed;  /* evaluations past a limit, or not begun because too many waited for one event */
};
struct pattern_set *pattern_set_new(void);
void pattern_set_free(struct pattern_set *s);
/* Takes a pattern in, in the place of the one of the same id and source. `until`: its last instant, or
 * USEC_NONE. Patterns that cannot be watched are counted. ERR_LIMIT past 2^31 patterns, ERR_MEMORY. */
int pattern_set_put(struct pattern_set *s, struct sv id, int64_t source, struct sv text, usec until,
                    struct err *e) MUST_USE;
void pattern_set_drop(struct pattern_set *s, struct sv id, int64_t source);
/* Builds the index of triggers anew when patterns came or went. To be called before the two below. */
int pattern_set_ready(struct pattern_set *s, struct err *e) MUST_USE;
bool pattern_set_waits_for(const struct pattern_set *s, const struct obs *o);
struct pattern_event {
    usec time;
    int64_t count;
    const struct observed *v;
    size_t n;
};
struct pattern_hit {
    struct sv id; /* of the indicator */
    int64_t source;
    size_t trigger; /* which value of the event completed it */
};
typedef int (*pattern_hit_fn)(void *ctx, const struct pattern_hit *hit, struct err *e);
/* Calls `each` for every pattern the event completes. Negative: the first error of `each`, or no memory. */
int pattern_set_event(struct pattern_set *s, const struct pattern_event *v, pattern_hit_fn each, void *ctx,
                      struct err *e) MUST_USE;
/* Empties all windows: what they hold did not happen after all (a transaction was taken back). */
void pattern_set_forget(struct pattern_set *s);
struct pattern_counts pattern_set_counts(const struct pattern_set *s);

/* pattern_event.c: the event as STIX objects, JSON of a list of one 2.0 observed-data. */
void pattern_event_write(const struct pattern_event *v, struct buf *json);
