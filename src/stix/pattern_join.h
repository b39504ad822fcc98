/* Who takes which observation (pattern_flow.c), for the search over times (pattern_join.c). */
#pragma once

#include "stix/pattern_private.h"

/* So many observations out of some, with bounds on their times. */
struct need {
    const uint32_t *candidates; /* by `last` */
    size_t n;
    int64_t demand;
    usec low, high; /* last >= low, first <= high */
};
struct edge {
    uint32_t need, next; /* next edge of the same observation + 1, 0 = none */
    int64_t amount;
};
struct join {
    const struct pat_moment *moments;
    size_t n;
    uint32_t *by_last, *by_first;
    int64_t capacity; /* observations there are */
    uint64_t left;    /* steps */
    struct need *needs;
    size_t nneeds, needs_room;
    /* The flow; entries of another `round` are stale. */
    uint32_t round, search;
    uint32_t *obs_round, *obs_search, *obs_edges, *obs_from;
    int64_t *obs_free;
    uint32_t *need_search, *need_via, *queue;
    struct edge *edges;
    size_t nedges, edge_room;
};
int join_begin(struct join *j, struct arena *a) MUST_USE;
/* Room for `n` needs. */
int join_room(struct join *j, struct arena *a, size_t n) MUST_USE;
void join_end(struct join *j);
/* Can all needs be met at once? 0 or 1; ERR_LIMIT past the steps. */
int join_flow(struct join *j) MUST_USE;
