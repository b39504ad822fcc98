#include "stix/pattern_join.h"

#include <math.h>
#include <stdlib.h>

/*
 * A pattern holds when every observation expression can have observations of its own and their times fit. All
 * conditions on time come down to a lower bound of `last` and an upper bound of `first` for the observations
 * of a part, once two kinds of instants are chosen: where the window of a WITHIN begins (some observation's
 * `last` will do), and what separates the sides of a FOLLOWEDBY (some observation's `first`). What is left is
 * who takes which observation: a flow (pattern_flow.c). Instants are tried in order; after each choice the
 * flow over all that must be there, however the rest is chosen, cuts off what cannot be.
 */
#define NODES_MAX 4096
#define COPIES_MAX 64
#define SECONDS_MAX 1e12

struct part {
    enum pat_type type; /* PAT_OBSERVED, PAT_ALL, PAT_ANY, PAT_FOLLOWED, PAT_WITHIN */
    usec span;
    int64_t demand;             /* of observations, for PAT_OBSERVED */
    int64_t least;              /* observations this part takes at least */
    bool timeless;              /* PAT_OBSERVED and PAT_ALL of such */
    const uint32_t *candidates; /* PAT_OBSERVED: by `last` */
    size_t ncandidates;
    struct part **child;
    size_t n;
    size_t leaves; /* PAT_OBSERVED below, copies counted */
};
/* STARTs and STOPs round a part. */
struct period {
    usec start, stop;
    const struct period *outer;
};
struct building {
    struct join *j;
    struct arena *a;
    size_t parts;
    struct err *e;
};

static int too_long(struct err *e)
{
    err_set(e, ERR_LIMIT, "the pattern takes too many steps over these observations");
    return err_hint(e,
                    "give it fewer observations at a time, or a pattern with fewer REPEATS and FOLLOWEDBY");
}

/* ---- the parts
 * -------------------------------------------------------------------------------------------------------------------
 */

static int64_t add_sat(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_add_overflow(a, b, &r) ? INT64_MAX : r;
}

static int64_t mul_sat(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_mul_overflow(a, b, &r) ? INT64_MAX : r;
}

static struct part *new_part(struct building *b, enum pat_type type, size_t children)
{
    struct part *p = ++b->parts <= NODES_MAX ? arena_calloc(b->a, 1, sizeof(*p)) : NULL;
    if (p)
        p->child = arena_calloc(b->a, children + 1, sizeof(struct part *));
    if (!p || !p->child) {
        (void)too_long(b->e);
        return NULL;
    }
    p->type = type;
    return p;
}

static bool in_periods(const struct pat_moment *m, const struct period *when)
{
    for (; when; when = when->outer)
        if (when->start >= when->stop || m->first >= when->stop || m->last < when->start)
            return false;
    return true;
}

static struct part *build_observed(struct building *b, const struct pat_node *n, const struct period *when)
{
    struct join *j = b->j;
    struct part *p = new_part(b, PAT_OBSERVED, 0);
    uint32_t *list = p ? arena_alloc(b->a, (j->n + 1) * sizeof(*list)) : NULL;
    if (!list)
        return p ? (too_long(b->e), NULL) : NULL;
    for (size_t i = 0; i < j->n; i++) {
        const struct pat_moment *m = &j->moments[j->by_last[i]];
        if ((m->met[n->number / 64] >> (n->number % 64) & 1) && in_periods(m, when))
            list[p->ncandidates++] = j->by_last[i];
    }
    p->candidates = list;
    p->demand = p->least = 1;
    p->timeless = true;
    return p;
}

static struct part *build(struct building *b, const struct pat_node *n, const struct period *when);

/* "[a] OR [b]", one observation each, is one expression that either meets. */
static struct part *unite(struct building *b, struct part *p)
{
    struct join *j = b->j;
    uint64_t *there = arena_calloc(b->a, j->n / 64 + 1, sizeof(*there));
    uint32_t *list = arena_alloc(b->a, (j->n + 1) * sizeof(*list));
    struct part *one = new_part(b, PAT_OBSERVED, 0);
    if (!there || !list || !one)
        return too_long(b->e), NULL;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->child[i]->ncandidates; k++)
            there[p->child[i]->candidates[k] / 64] |= UINT64_C(1) << (p->child[i]->candidates[k] % 64);
    for (size_t i = 0; i < j->n; i++)
        if (there[j->by_last[i] / 64] >> (j->by_last[i] % 64) & 1)
            list[one->ncandidates++] = j->by_last[i];
    one->candidates = list;
    one->demand = one->least = 1;
    one->timeless = true;
    return one;
}

static struct part *build_joined(struct building *b, const struct pat_node *n, const struct period *when)
{
    size_t children = 0;
    for (const struct pat_node *c = n->first; c; c = c->next)
        children++;
    struct part *p = new_part(b, n->type, children);
    bool single = true, timeless = n->type == PAT_ALL;
    for (const struct pat_node *c = n->first; p && c; c = c->next) {
        struct part *child = build(b, c, when);
        if (!child)
            return NULL;
        bool first = p->n == 0;
        p->child[p->n++] = child;
        single &= child->type == PAT_OBSERVED && child->demand == 1;
        timeless &= child->timeless;
        if (n->type == PAT_ANY)
            p->least = first || child->least < p->least ? child->least : p->least;
        else
            p->least = add_sat(p->least, child->least);
    }
    if (!p)
        return NULL;
    p->timeless = timeless;
    return n->type == PAT_ANY && single ? unite(b, p) : p;
}

static struct part *build_within(struct building *b, const struct pat_node *n, const struct period *when)
{
    struct part *child = build(b, n->first, when);
    if (!child || (child->type == PAT_OBSERVED && child->demand == 1))
        return child;
    struct part *p = new_part(b, PAT_WITHIN, 1);
    if (!p)
        return NULL;
    p->span = n->seconds < SECONDS_MAX ? (usec)llround(n->seconds * 1e6) : (usec)(SECONDS_MAX * 1e6);
    p->least = child->least;
    p->child[p->n++] = child;
    return p;
}

/* What has no order in time is scaled. */
static struct part *scaled(struct building *b, const struct part *from, int64_t times)
{
    struct part *p = new_part(b, from->type, from->n);
    if (!p)
        return NULL;
    p->demand = mul_sat(from->demand, times);
    p->least = mul_sat(from->least, times);
    p->timeless = true;
    p->candidates = from->candidates;
    p->ncandidates = from->ncandidates;
    for (; p->n < from->n; p->n++) {
        p->child[p->n] = scaled(b, from->child[p->n], times);
        if (!p->child[p->n])
            return NULL;
    }
    return p;
}

/* Copies that each choose for themselves. */
static struct part *build_repeats(struct building *b, const struct pat_node *n, const struct period *when)
{
    struct part *child = build(b, n->first, when);
    if (!child || n->times == 1)
        return child;
    if (child->timeless)
        return scaled(b, child, n->times);
    bool never = mul_sat(child->least, n->times) > b->j->capacity;
    if (!never && n->times > COPIES_MAX)
        return too_long(b->e), NULL;
    size_t copies = never ? 1 : (size_t)n->times;
    struct part *p = new_part(b, PAT_ALL, copies);
    if (!p)
        return NULL;
    p->least = mul_sat(child->least, n->times);
    while (p->n < copies)
        p->child[p->n++] = child;
    return p;
}

static struct part *build(struct building *b, const struct pat_node *n, const struct period *when)
{
    struct period inner = {n->start, n->stop, when};
    switch (n->type) {
    case PAT_OBSERVED:
        return build_observed(b, n, when);
    case PAT_BETWEEN:
        return build(b, n->first, &inner);
    case PAT_WITHIN:
        return build_within(b, n, when);
    case PAT_REPEATS:
        return build_repeats(b, n, when);
    default:
        return build_joined(b, n, when);
    }
}

/* ---- the choices
 * -----------------------------------------------------------------------------------------------------------------
 */

/* What is still to be placed: the first `n` children of a part (all of it for others than FOLLOWEDBY), or for
 * AND the children from `n` on. */
struct todo {
    const struct part *p;
    size_t n;
    usec low, high; /* bounds of `last` from below, of `first` from above */
    const struct todo *next;
};

static int need(struct join *j, const struct part *p, usec low, usec high)
{
    if (j->nneeds == j->needs_room)
        return ERR_LIMIT;
    j->needs[j->nneeds++] = (struct need){p->candidates, p->ncandidates, p->demand, low, high};
    return OK;
}

/* Everything a part needs however it is chosen. */
static int need_part(struct join *j, const struct part *p, size_t from, size_t to, usec low, usec high)
{
    int rc = OK;
    if (p->type == PAT_OBSERVED)
        return need(j, p, low, high);
    for (size_t i = from; rc == OK && p->type != PAT_ANY && i < to; i++)
        rc = need_part(j, p->child[i], 0, p->child[i]->n, low, high);
    return rc;
}

/* Could it be, as far as is chosen? */
static int possible(struct join *j, const struct todo *t)
{
    size_t placed = j->nneeds;
    int rc = OK;
    for (; rc == OK && t; t = t->next) {
        bool all = t->p->type == PAT_ALL;
        rc = need_part(j, t->p, all ? t->n : 0, all ? t->p->n : t->n, t->low, t->high);
    }
    rc = rc == OK ? join_flow(j) : rc;
    j->nneeds = placed;
    return rc;
}

static int place(struct join *j, const struct todo *t);

static int place_any(struct join *j, const struct todo *t)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->p->n; i++) {
        const struct part *c = t->p->child[i];
        struct todo one = {c, c->type == PAT_ALL ? 0 : c->n, t->low, t->high, t->next};
        rc = possible(j, &one);
        rc = rc == 1 ? place(j, &one) : rc;
    }
    return rc;
}

static int place_all(struct join *j, const struct todo *t)
{
    if (t->n == t->p->n)
        return place(j, t->next);
    const struct part *c = t->p->child[t->n];
    struct todo rest = {t->p, t->n + 1, t->low, t->high, t->next};
    struct todo one = {c, c->type == PAT_ALL ? 0 : c->n, t->low, t->high, &rest};
    return place(j, &one);
}

static usec max(usec a, usec b)
{
    return a > b ? a : b;
}

static usec min(usec a, usec b)
{
    return a < b ? a : b;
}

static int place_within(struct join *j, const struct todo *t)
{
    const struct part *c = t->p->child[0];
    usec before = INT64_MIN;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < j->n; i++) {
        usec at = j->moments[j->by_last[i]].last, end;
        if (at < t->low || at == before)
            continue;
        before = at;
        end = __builtin_add_overflow(at, t->p->span, &end) ? INT64_MAX : end;
        struct todo one = {c, c->type == PAT_ALL ? 0 : c->n, at, min(t->high, end), t->next};
        rc = possible(j, &one);
        rc = rc == 1 ? place(j, &one) : rc;
    }
    return rc;
}

/* The last of the children after all before it; these are a FOLLOWEDBY of their own. */
static int place_followed(struct join *j, const struct todo *t)
{
    const struct part *last = t->p->child[t->n - 1];
    size_t whole = last->type == PAT_ALL ? 0 : last->n;
    usec before = INT64_MIN;
    int rc = 0;
    if (t->n == 1) {
        struct todo one = {last, whole, t->low, t->high, t->next};
        return place(j, &one);
    }
    for (size_t i = 0; rc == 0 && i < j->n; i++) {
        usec at = j->moments[j->by_first[i]].first;
        if (at > t->high)
            break;
        if (i > 0 && at == before)
            continue;
        before = at;
        struct todo right = {last, whole, max(t->low, at), t->high, t->next};
        struct todo left = {t->p, t->n - 1, t->low, min(t->high, at), &right};
        rc = possible(j, &left);
        rc = rc == 1 ? place(j, &left) : rc;
    }
    return rc;
}

/* 0 or 1, negative past the steps. */
static int place(struct join *j, const struct todo *t)
{
    size_t placed = j->nneeds;
    int rc;
    if (!t)
        return join_flow(j);
    switch (t->p->type) {
    case PAT_OBSERVED:
        rc = need(j, t->p, t->low, t->high);
        rc = rc == OK ? place(j, t->next) : rc;
        j->nneeds = placed;
        return rc;
    case PAT_ALL:
        return place_all(j, t);
    case PAT_ANY:
        return place_any(j, t);
    case PAT_WITHIN:
        return place_within(j, t);
    default:
        return place_followed(j, t);
    }
}

/* Copies are one part with several owners: counted once, added often. */
static size_t count_leaves(struct part *p)
{
    size_t below = 0;
    if (p->leaves)
        return p->leaves;
    for (size_t i = 0; i < p->n; i++)
        if (__builtin_add_overflow(below, count_leaves(p->child[i]), &below))
            below = SIZE_MAX / 2;
    p->leaves = below ? below : 1;
    return p->leaves;
}

static int solve(struct building *b, const struct pattern *p)
{
    struct join *j = b->j;
    struct part *root = build(b, p->root, NULL);
    if (!root)
        return ERR_LIMIT;
    if (root->least > j->capacity)
        return 0;
    if (join_room(j, b->a, count_leaves(root)) < 0)
        return too_long(b->e);
    struct todo all = {root, root->type == PAT_ALL ? 0 : root->n, INT64_MIN, INT64_MAX, NULL};
    int rc = possible(j, &all);
    rc = rc == 1 ? place(j, &all) : rc;
    return rc == ERR_LIMIT ? too_long(b->e) : rc < 0 ? err_set(b->e, rc, "no memory for a pattern") : rc;
}

int pattern_join(const struct pattern *p, const struct pat_moment *moments, size_t n, struct arena *scratch,
                 struct err *e)
{
    struct err unread;
    struct join j = {.moments = moments, .n = n, .left = PATTERN_STEPS_MAX};
    struct building b = {.j = &j, .a = scratch, .e = e ? e : &unread};
    int rc = n > UINT32_MAX / 2 ? ERR_LIMIT : join_begin(&j, scratch);
    rc = rc == OK ? solve(&b, p) : too_long(b.e);
    join_end(&j);
    return rc;
}
