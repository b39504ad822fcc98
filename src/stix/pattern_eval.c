#include "stix/pattern_private.h"

/* Decoded and normalised values of one evaluation. */
#define DECODED_MAX (64u << 20)
#define REGEX_TIME (5 * USEC_SECOND)

struct testing {
    struct pat_eval *v;
    const struct pat_node *test;
};

static int on_value(void *ctx, const struct pat_value *value, struct err *e)
{
    struct testing *t = ctx;
    return pat_compare(t->v, t->test, value, e);
}

static int on_existing(void *ctx, const struct pat_value *value, struct err *e)
{
    return 1;
}

/* One comparison on one object: 9.4, it holds when it does for any value the path comes to. */
static int test_object(struct pat_eval *v, const struct pat_node *n, const struct pat_object *o,
                       struct err *e)
{
    struct testing t = {v, n};
    if (!sv_eq(n->object_type, o->type))
        return 0;
    if (n->op != OP_EXISTS)
        return pat_path_each(v, n->path, o->value, on_value, &t, e);
    int rc = pat_path_each(v, n->path, o->value, on_existing, &t, e);
    return rc < 0 ? rc : rc != (int)n->negated;
}

static int object_meets(struct pat_eval *v, const struct pat_node *n, const struct pat_object *o,
                        struct err *e)
{
    if (n->type == PAT_TEST)
        return test_object(v, n, o, e);
    bool all = n->type == PAT_AND;
    int rc = all;
    for (const struct pat_node *c = n->first; c; c = c->next) {
        rc = object_meets(v, c, o, e);
        if (rc < 0 || (rc == 1) != all)
            return rc;
    }
    return rc;
}

/* All comparisons of an observation expression speak of one object (and what it refers to). */
static int seen_meets(struct pat_eval *v, const struct pat_node *observed, const struct pat_seen *seen,
                      struct err *e)
{
    int rc = 0;
    v->seen = seen;
    for (size_t i = 0; rc == 0 && i < seen->n; i++) {
        rc = pat_spend(v, 1, e);
        rc = rc < 0 ? rc : object_meets(v, observed->first, &seen->objects[i], e);
        arena_reset(&v->decoded);
    }
    return rc;
}

static void begin(struct pat_eval *v, const struct pattern *p)
{
    *v = (struct pat_eval){.p = p, .left = PATTERN_STEPS_MAX, .regex_left = REGEX_TIME};
    arena_init(&v->decoded, DECODED_MAX);
}

static void end(struct pat_eval *v)
{
    pcre2_match_data_free(v->data);
    pcre2_match_context_free(v->context);
    arena_clear(&v->decoded);
}

int pattern_meets(const struct pattern *p, size_t expression, const struct pat_seen *seen, struct err *e)
{
    struct err unread;
    struct pat_eval v;
    begin(&v, p);
    int rc = seen_meets(&v, p->expressions[expression], seen, e ? e : &unread);
    end(&v);
    return rc;
}

static int meet_all(struct pat_eval *v, const struct pat_seen *seen, size_t n, uint64_t *met, struct err *e)
{
    size_t words = PAT_WORDS(v->p->nexpressions);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < v->p->nexpressions; k++) {
            int rc = seen_meets(v, v->p->expressions[k], &seen[i], e);
            if (rc < 0)
                return rc;
            met[i * words + k / 64] |= (uint64_t)rc << (k % 64);
        }
    }
    return OK;
}

int pattern_match(const struct pattern *p, const struct pat_seen *seen, size_t n, struct arena *scratch,
                  bool *ret, struct err *e)
{
    struct err unread;
    struct pat_eval v;
    size_t words = PAT_WORDS(p->nexpressions);
    struct pat_moment *moments = arena_calloc(scratch, n + 1, sizeof(*moments));
    uint64_t *met =
        moments && n < SIZE_MAX / 8 / words ? arena_calloc(scratch, n * words + 1, sizeof(*met)) : NULL;
    *ret = false;
    e = e ? e : &unread;
    if (!moments || !met)
        return err_set(e, ERR_LIMIT, "too many observations at a time");
    for (size_t i = 0; i < n; i++)
        moments[i] = (struct pat_moment){seen[i].first, seen[i].last, seen[i].count, met + i * words};
    begin(&v, p);
    int rc = meet_all(&v, seen, n, met, e);
    end(&v);
    rc = rc < 0 ? rc : pattern_join(p, moments, n, scratch, e);
    *ret = rc == 1;
    return rc < 0 ? rc : OK;
}
