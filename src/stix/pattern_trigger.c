#include "stix/pattern_private.h"
#include "stix/values.h"

/* More values than this are looked for by nobody: the expression counts as one without. */
#define TRIGGERS_MAX 4096

struct triggers {
    struct arena *a;
    struct obs *at;
    size_t n, room;
};

static bool add(struct triggers *t, const struct obs *o)
{
    if (t->n == t->room) {
        size_t room = t->room ? t->room * 2 : 8;
        struct obs *grown = room <= TRIGGERS_MAX ? arena_calloc(t->a, room, sizeof(*grown)) : NULL;
        if (!grown)
            return false;
        for (size_t i = 0; i < t->n; i++)
            grown[i] = t->at[i];
        t->at = grown;
        t->room = room;
    }
    t->at[t->n++] = *o;
    return true;
}

/* All constants of the test, when it cannot hold for an object without one of them. */
static bool of_test(struct triggers *t, const struct pat_node *n)
{
    enum kind kind = pattern_test_kind(n);
    bool equal = n->op == OP_EQ || n->op == OP_IN || n->op == OP_ISSUBSET;
    if (kind == KIND_NONE || n->negated || !equal || !n->literals)
        return false;
    for (const struct pat_lit *l = n->literals; l; l = l->next) {
        struct obs o;
        if (l->type != LIT_STRING || !value_read(t->a, kind, l->bytes, &o) || !kind_matched(o.kind) ||
            !add(t, &o))
            return false;
    }
    return true;
}

static bool of_node(struct triggers *t, const struct pat_node *n);

/* The part with the fewest values is enough. */
static bool of_and(struct triggers *t, const struct pat_node *n)
{
    struct triggers best = {.a = t->a, .n = SIZE_MAX};
    for (const struct pat_node *c = n->first; c; c = c->next) {
        struct triggers one = {.a = t->a};
        if (of_node(&one, c) && one.n < best.n)
            best = one;
    }
    for (size_t i = 0; best.n != SIZE_MAX && i < best.n; i++)
        if (!add(t, &best.at[i]))
            return false;
    return best.n != SIZE_MAX;
}

static bool of_node(struct triggers *t, const struct pat_node *n)
{
    if (n->type == PAT_TEST)
        return of_test(t, n);
    if (n->type == PAT_AND)
        return of_and(t, n);
    for (const struct pat_node *c = n->first; c; c = c->next)
        if (!of_node(t, c))
            return false;
    return true;
}

bool pattern_triggers(const struct pattern *p, size_t expression, struct arena *a, const struct obs **ret,
                      size_t *ret_n)
{
    struct triggers t = {.a = a};
    bool found = of_node(&t, p->expressions[expression]->first);
    *ret = t.at;
    *ret_n = t.n;
    return found && t.n;
}

static bool one_at_a_time(const struct pat_node *n)
{
    bool many = n->type == PAT_ALL || n->type == PAT_FOLLOWED || (n->type == PAT_REPEATS && n->times > 1);
    if (many)
        return false;
    for (const struct pat_node *c = n->type == PAT_OBSERVED ? NULL : n->first; c; c = c->next)
        if (!one_at_a_time(c))
            return false;
    return true;
}

bool pattern_is_lone(const struct pattern *p)
{
    return one_at_a_time(p->root);
}
