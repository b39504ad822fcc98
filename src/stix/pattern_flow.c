#include "stix/pattern_join.h"

#include <stdlib.h>

#define NEEDS_MAX 8192

static int by_last(const void *a, const void *b, void *ctx)
{
    const struct pat_moment *m = ctx;
    const uint32_t *x = a, *y = b;
    return m[*x].last != m[*y].last ? (m[*x].last > m[*y].last) - (m[*x].last < m[*y].last)
                                    : (*x > *y) - (*x < *y);
}

static int by_first(const void *a, const void *b, void *ctx)
{
    const struct pat_moment *m = ctx;
    const uint32_t *x = a, *y = b;
    return m[*x].first != m[*y].first ? (m[*x].first > m[*y].first) - (m[*x].first < m[*y].first)
                                      : (*x > *y) - (*x < *y);
}

int join_begin(struct join *j, struct arena *a)
{
    uint32_t **lists[] = {&j->by_last,    &j->by_first,  &j->obs_round,
                          &j->obs_search, &j->obs_edges, &j->obs_from};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        *lists[i] = arena_calloc(a, j->n + 1, sizeof(uint32_t));
        if (!*lists[i])
            return ERR_LIMIT;
    }
    j->obs_free = arena_calloc(a, j->n + 1, sizeof(*j->obs_free));
    if (!j->obs_free)
        return ERR_LIMIT;
    for (uint32_t i = 0; i < j->n; i++) {
        j->by_last[i] = j->by_first[i] = i;
        if (__builtin_add_overflow(j->capacity, j->moments[i].count, &j->capacity))
            j->capacity = INT64_MAX;
    }
    qsort_r(j->by_last, j->n, sizeof(uint32_t), by_last, (void *)j->moments);
    qsort_r(j->by_first, j->n, sizeof(uint32_t), by_first, (void *)j->moments);
    return OK;
}

int join_room(struct join *j, struct arena *a, size_t n)
{
    if (n > NEEDS_MAX)
        return ERR_LIMIT;
    j->needs_room = n;
    j->needs = arena_calloc(a, n + 1, sizeof(*j->needs));
    j->need_search = arena_calloc(a, n + 1, sizeof(uint32_t));
    j->need_via = arena_calloc(a, n + 1, sizeof(uint32_t));
    j->queue = arena_calloc(a, n + 1, sizeof(uint32_t));
    return j->needs && j->need_search && j->need_via && j->queue ? OK : ERR_LIMIT;
}

void join_end(struct join *j)
{
    free(j->edges);
    j->edges = NULL;
}

/* ---- the flow
 * --------------------------------------------------------------------------------------------------------------------
 */

static int spend(struct join *j, uint64_t steps)
{
    bool enough = steps <= j->left;
    j->left = enough ? j->left - steps : 0;
    return enough ? OK : ERR_LIMIT;
}

static void refresh(struct join *j, uint32_t o)
{
    if (j->obs_round[o] == j->round)
        return;
    j->obs_round[o] = j->round;
    j->obs_free[o] = j->moments[o].count;
    j->obs_edges[o] = 0;
}

static struct edge *edge_of(struct join *j, uint32_t o, uint32_t need)
{
    for (uint32_t at = j->obs_edges[o]; at; at = j->edges[at - 1].next)
        if (j->edges[at - 1].need == need)
            return &j->edges[at - 1];
    return NULL;
}

static int add_flow(struct join *j, uint32_t o, uint32_t need, int64_t amount)
{
    struct edge *edge = edge_of(j, o, need);
    if (!edge) {
        if (j->nedges == j->edge_room) {
            size_t room = j->edge_room ? j->edge_room * 2 : 32;
            struct edge *grown = room < UINT32_MAX ? reallocarray(j->edges, room, sizeof(*grown)) : NULL;
            if (!grown)
                return ERR_MEMORY;
            j->edges = grown;
            j->edge_room = room;
        }
        edge = &j->edges[j->nedges++];
        *edge = (struct edge){need, j->obs_edges[o], 0};
        j->obs_edges[o] = (uint32_t)j->nedges;
    }
    edge->amount += amount;
    return OK;
}

/* First candidate whose `last` is not before the lower bound. */
static size_t begin_of(const struct join *j, const struct need *n)
{
    size_t low = 0, high = n->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (j->moments[n->candidates[mid]].last < n->low)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Takes what is free, in order. */
static int take_free(struct join *j, uint32_t need, int64_t *left)
{
    const struct need *n = &j->needs[need];
    size_t from = begin_of(j, n), at = from;
    int rc = OK;
    for (; rc == OK && *left > 0 && at < n->n; at++) {
        uint32_t o = n->candidates[at];
        if (j->moments[o].first > n->high)
            continue;
        refresh(j, o);
        int64_t amount = j->obs_free[o] < *left ? j->obs_free[o] : *left;
        if (amount > 0) {
            rc = add_flow(j, o, need, amount);
            j->obs_free[o] -= amount;
            *left -= amount;
        }
    }
    return rc == OK ? spend(j, at - from + 1) : rc;
}

/* Moves the flow along the way found from `need` to `end`. */
static int shift(struct join *j, uint32_t need, uint32_t end, int64_t *left)
{
    int64_t amount = j->obs_free[end] < *left ? j->obs_free[end] : *left;
    for (uint32_t n = j->obs_from[end]; n != need; n = j->obs_from[j->need_via[n]]) {
        int64_t there = edge_of(j, j->need_via[n], n)->amount;
        amount = there < amount ? there : amount;
    }
    j->obs_free[end] -= amount;
    *left -= amount;
    for (uint32_t o = end;;) {
        uint32_t n = j->obs_from[o];
        int rc = add_flow(j, o, n, amount);
        if (rc != OK || n == need)
            return rc;
        o = j->need_via[n];
        edge_of(j, o, n)->amount -= amount;
    }
}

/* Looks at the candidates of one need: 1 and the observation that has some free, 0 and the needs that hold
 * taken ones are queued. */
static int look(struct join *j, uint32_t need, size_t *queued, uint32_t *ret)
{
    const struct need *n = &j->needs[need];
    uint64_t steps = 1;
    for (size_t i = begin_of(j, n); i < n->n; i++, steps++) {
        uint32_t o = n->candidates[i];
        if (j->moments[o].first > n->high || j->obs_search[o] == j->search)
            continue;
        refresh(j, o);
        j->obs_search[o] = j->search;
        j->obs_from[o] = need;
        if (j->obs_free[o] > 0) {
            *ret = o;
            return spend(j, steps) == OK ? 1 : ERR_LIMIT;
        }
        for (uint32_t at = j->obs_edges[o]; at; at = j->edges[at - 1].next, steps++) {
            const struct edge *edge = &j->edges[at - 1];
            if (edge->amount == 0 || j->need_search[edge->need] == j->search)
                continue;
            j->need_search[edge->need] = j->search;
            j->need_via[edge->need] = o;
            j->queue[(*queued)++] = edge->need;
        }
    }
    return spend(j, steps);
}

/* One shortest way on which others give way. 0: there is none. */
static int augment(struct join *j, uint32_t need, int64_t *left)
{
    size_t queued = 0;
    uint32_t end;
    j->search++;
    j->need_search[need] = j->search;
    j->queue[queued++] = need;
    for (size_t i = 0; i < queued; i++) {
        int rc = look(j, j->queue[i], &queued, &end);
        if (rc < 0)
            return rc;
        if (rc == 1) {
            rc = shift(j, need, end, left);
            return rc < 0 ? rc : 1;
        }
    }
    return 0;
}

int join_flow(struct join *j)
{
    j->round++;
    j->nedges = 0;
    for (uint32_t i = 0; i < j->nneeds; i++) {
        int64_t left = j->needs[i].demand;
        int rc = take_free(j, i, &left);
        if (rc < 0)
            return rc;
        while (left > 0) {
            rc = augment(j, i, &left);
            if (rc <= 0)
                return rc;
        }
    }
    return 1;
}
