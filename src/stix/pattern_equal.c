#include "stix/pattern_private.h"

#include <stdlib.h>

/*
 * Both patterns become alternatives of terms, each with a text of its own: distributed, flattened, sorted,
 * without repetitions and without what another alternative covers. Equal texts, equal patterns.
 */
#define ALTERNATIVES_MAX 1024
#define WORK_MAX (32u << 20)
#define KEY_MAX (1u << 20)

/* A comparison, an observation expression, a qualified expression (both LEAF), or what is joined. */
enum term_type { TERM_LEAF, TERM_ALL, TERM_FOLLOWED };
struct term {
    enum term_type type;
    struct sv key;
    struct sv root; /* object type of a comparison */
    const struct term **child;
    size_t n;
};
struct terms {
    const struct term **t;
    size_t n;
};
struct normal {
    struct arena *a;
    struct buf key;
    struct err *e;
};

static int too_long(struct normal *w)
{
    return err_set(w->e, ERR_LIMIT, "the normal form of a pattern has more than %u alternatives",
                   ALTERNATIVES_MAX);
}

/* ---- terms
 * --------------------------------------------------------------------------------------------------------------------
 */

static int by_key(const void *a, const void *b)
{
    return sv_cmp((*(const struct term *const *)a)->key, (*(const struct term *const *)b)->key);
}

static bool same(const struct term *a, const struct term *b)
{
    return sv_eq(a->key, b->key);
}

static struct term *new_term(struct normal *w, enum term_type type, size_t children)
{
    struct term *t = arena_calloc(w->a, 1, sizeof(*t));
    if (!t)
        return NULL;
    t->type = type;
    t->child = arena_calloc(w->a, children + 1, sizeof(*t->child));
    return t->child ? t : NULL;
}

/* Takes what was written to w->key. */
static bool take_key(struct normal *w, struct term *t)
{
    t->key = w->key.failed ? SV_NONE : arena_sv(w->a, buf_sv(&w->key));
    return t->key.p != NULL;
}

/* "a AND b", "a FOLLOWEDBY b" as one term; parts of the same type are taken apart. */
static const struct term *join_terms(struct normal *w, enum term_type type, bool set, const struct term *a,
                                     const struct term *b)
{
    const struct term *both[2] = {a, b};
    struct term *t = new_term(w, type, a->n + b->n + 2);
    for (int i = 0; t && i < 2; i++) {
        if (both[i]->type != type)
            t->child[t->n++] = both[i];
        for (size_t k = 0; both[i]->type == type && k < both[i]->n; k++)
            t->child[t->n++] = both[i]->child[k];
    }
    if (!t)
        return NULL;
    if (type == TERM_ALL)
        qsort(t->child, t->n, sizeof(*t->child), by_key);
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!set || kept == 0 || !same(t->child[kept - 1], t->child[i]))
            t->child[kept++] = t->child[i];
    t->n = kept;
    if (t->n == 1)
        return t->child[0];
    buf_reset(&w->key);
    buf_addc(&w->key, '(');
    for (size_t i = 0; i < t->n; i++) {
        buf_add(&w->key, i == 0 ? SV("") : type == TERM_ALL ? SV(" AND ") : SV(" FOLLOWEDBY "));
        buf_add(&w->key, t->child[i]->key);
    }
    buf_addc(&w->key, ')');
    return take_key(w, t) ? t : NULL;
}

/* Are all of `small` among those of `large`, each its own, in their order? Both are sorted or sequences. */
static bool holds_all(const struct term *large, const struct term *small)
{
    size_t at = 0;
    for (size_t i = 0; i < large->n && at < small->n; i++)
        at += same(large->child[i], small->child[at]);
    return at == small->n;
}

/* Does whatever meets `narrow` meet `wide`? */
static bool covers(const struct term *wide, const struct term *narrow)
{
    if (same(wide, narrow))
        return true;
    if (wide->type != TERM_LEAF && wide->type == narrow->type)
        return holds_all(narrow, wide);
    for (size_t i = 0; narrow->type != TERM_LEAF && i < narrow->n; i++)
        if (same(wide, narrow->child[i]))
            return true;
    return false;
}

/* Sorted, without repetitions and covered ones. */
static void reduce(struct terms *s)
{
    if (!s->t)
        return;
    qsort(s->t, s->n, sizeof(*s->t), by_key);
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (i == 0 || !same(s->t[i - 1], s->t[i]))
            s->t[kept++] = s->t[i];
    s->n = kept;
    kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool covered = false;
        for (size_t k = 0; !covered && k < s->n; k++)
            covered = k != i && s->t[k] && covers(s->t[k], s->t[i]);
        if (covered)
            s->t[i] = NULL;
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->t[i])
            s->t[kept++] = s->t[i];
    s->n = kept;
}

static int terms_init(struct normal *w, struct terms *s, size_t room)
{
    *s = (struct terms){.t = room <= ALTERNATIVES_MAX ? arena_calloc(w->a, room + 1, sizeof(*s->t)) : NULL};
    return s->t ? OK : too_long(w);
}

static int either(struct normal *w, struct terms *into, const struct terms *more)
{
    struct terms both = {0};
    int rc = terms_init(w, &both, into->n + more->n);
    for (size_t i = 0; rc == OK && both.t && i < into->n; i++)
        both.t[both.n++] = into->t[i];
    for (size_t i = 0; rc == OK && both.t && i < more->n; i++)
        both.t[both.n++] = more->t[i];
    *into = both;
    return rc;
}

static struct sv root_of(const struct term *t)
{
    return t->type == TERM_LEAF ? t->root : t->child[0]->root;
}

/* Each with each. Comparisons of one AND speak of one object: those of several types hold for none. */
static int each_with_each(struct normal *w, enum term_type type, bool comparisons, struct terms *into,
                          const struct terms *with)
{
    struct terms all = {0};
    int rc = into->n && with->n > ALTERNATIVES_MAX / into->n ? too_long(w)
                                                             : terms_init(w, &all, into->n * with->n);
    for (size_t i = 0; rc == OK && i < into->n; i++) {
        for (size_t k = 0; rc == OK && all.t && k < with->n; k++) {
            if (comparisons && !sv_eq(root_of(into->t[i]), root_of(with->t[k])))
                continue;
            all.t[all.n] = join_terms(w, type, comparisons, into->t[i], with->t[k]);
            rc = all.t[all.n++] ? OK : too_long(w);
        }
    }
    if (rc == OK) {
        reduce(&all);
        *into = all;
    }
    return rc;
}

/* ---- comparisons
 * --------------------------------------------------------------------------------------------------------------
 */

/* Dotted decimal with zeros in front, where octal and decimal agree. */
static struct sv without_zeros(struct sv s, char out[64])
{
    size_t n = 0;
    if (s.n > 40)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        bool begins = i == 0 || s.p[i - 1] == '.';
        while (begins && i + 1 < s.n && s.p[i] == '0' && is_digit(s.p[i + 1])) {
            bool small = s.p[i + 1] < '8' && (i + 2 >= s.n || !is_digit(s.p[i + 2]));
            if (!small && s.p[i + 1] != '0')
                return s;
            i++;
        }
        out[n++] = s.p[i];
    }
    return sv_from(out, n);
}

static void add_text(struct buf *b, char mark, struct sv s)
{
    buf_printf(b, "%c%zu'", mark, s.n);
    buf_add(b, s);
    buf_addc(b, '\'');
}

static bool add_address(struct buf *b, struct sv text, bool v4)
{
    struct obs ip;
    char plain[64], canonical[52];
    if (!ip_read(v4 ? without_zeros(text, plain) : text, true, &ip) || (ip.kind == KIND_IPV4) != v4)
        return false;
    ip_text(ip.ip, ip.bits, canonical);
    add_text(b, 's', sv_c(canonical));
    return true;
}

static bool is_key(const struct pat_step *s, struct sv key)
{
    return s && s->type == STEP_KEY && sv_eq(s->key, key);
}

static bool registry_name(const struct pat_node *n)
{
    const struct pat_step *s = n->path;
    if (!sv_eq(n->object_type, SV("windows-registry-key")))
        return false;
    if (is_key(s, SV("key")))
        return !s->next;
    return is_key(s, SV("values")) && s->next && s->next->type != STEP_KEY &&
           is_key(s->next->next, SV("name")) && !s->next->next->next;
}

/* What means the same in a comparison is written the same. */
static void add_string(struct normal *w, const struct pat_node *n, struct sv text)
{
    bool v4 = sv_eq(n->object_type, SV("ipv4-addr")), v6 = sv_eq(n->object_type, SV("ipv6-addr"));
    bool value = is_key(n->path, SV("value")) && !n->path->next;
    bool as_written = n->op == OP_LIKE || n->op == OP_MATCHES;
    if (!as_written && registry_name(n))
        text = lower_sv(w->a, text);
    else if (!as_written && (v4 || v6) && value && add_address(&w->key, text, v4))
        return;
    add_text(&w->key, 's', text);
}

static void add_literal(struct normal *w, const struct pat_node *n, const struct pat_lit *l)
{
    bool whole =
        l->type == LIT_FLOAT && l->real > -9e15 && l->real < 9e15 && l->real == (double)(int64_t)l->real;
    size_t dot;
    switch (l->type) {
    case LIT_INT:
        buf_printf(&w->key, "%lld", (long long)l->integer);
        break;
    case LIT_FLOAT:
        if (whole)
            buf_printf(&w->key, "%lld", (long long)l->real);
        else
            buf_printf(&w->key, "%.17g", l->real);
        break;
    case LIT_BOOL:
        buf_add(&w->key, l->truth ? SV("true") : SV("false"));
        break;
    case LIT_TIME:
        dot = sv_chr(l->bytes, '.');
        buf_printf(&w->key, "t%lld", (long long)l->time);
        for (size_t i = dot == SIZE_MAX ? l->bytes.n : dot + 7; i + 1 < l->bytes.n; i++)
            buf_addc(&w->key, l->bytes.p[i]);
        break;
    case LIT_STRING:
        add_string(w, n, l->bytes);
        break;
    default:
        add_text(&w->key, 'x', l->bytes);
    }
}

static int by_text(const void *a, const void *b)
{
    return sv_cmp(*(const struct sv *)a, *(const struct sv *)b);
}

/* A set without order and repetitions. */
static int add_set(struct normal *w, const struct pat_node *n)
{
    size_t count = 0, start = w->key.n;
    for (const struct pat_lit *l = n->literals; l; l = l->next)
        count++;
    struct sv *texts = arena_calloc(w->a, count + 1, sizeof(*texts));
    if (!texts)
        return too_long(w);
    size_t i = 0;
    for (const struct pat_lit *l = n->literals; l; l = l->next, i++) {
        w->key.n = start;
        add_literal(w, n, l);
        texts[i] = arena_sv(w->a, sv_sub(buf_sv(&w->key), start, SIZE_MAX));
        if (!texts[i].p || w->key.failed)
            return too_long(w);
    }
    w->key.n = start;
    qsort(texts, count, sizeof(*texts), by_text);
    buf_addc(&w->key, '(');
    for (i = 0; i < count; i++) {
        if (i && sv_eq(texts[i - 1], texts[i]))
            continue;
        buf_add(&w->key, texts[i]);
        buf_addc(&w->key, ',');
    }
    buf_addc(&w->key, ')');
    return OK;
}

static int normal_test(struct normal *w, const struct pat_node *n, struct terms *ret)
{
    static const char *const ops[] = {
        "=", "!=", "<", "<=", ">", ">=", "IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET", "EXISTS"};
    bool one = n->op == OP_IN && n->literals && !n->literals->next;
    enum pat_op op = one ? OP_EQ : n->op;
    bool negated = n->negated;
    if (negated && (op == OP_EQ || op == OP_NE)) {
        op = op == OP_EQ ? OP_NE : OP_EQ;
        negated = false;
    }
    struct term *t = new_term(w, TERM_LEAF, 0);
    int rc = t ? terms_init(w, ret, 1) : too_long(w);
    if (rc < 0)
        return rc;
    buf_reset(&w->key);
    add_text(&w->key, 'o', n->object_type);
    for (const struct pat_step *s = n->path; s; s = s->next) {
        if (s->type == STEP_KEY)
            add_text(&w->key, '.', s->key);
        else if (s->type == STEP_ANY)
            buf_add(&w->key, SV("[*]"));
        else
            buf_printf(&w->key, "[%lld]", (long long)s->index);
    }
    buf_printf(&w->key, " %s%s ", negated ? "NOT " : "", ops[op]);
    if (op == OP_IN)
        rc = add_set(w, n);
    else if (n->literals)
        add_literal(w, n, n->literals);
    t->root = n->object_type;
    ret->t[ret->n++] = t;
    return rc < 0 ? rc : take_key(w, t) ? OK : too_long(w);
}

static int normal_comparison(struct normal *w, const struct pat_node *n, struct terms *ret)
{
    if (n->type == PAT_TEST)
        return normal_test(w, n, ret);
    int rc = normal_comparison(w, n->first, ret);
    for (const struct pat_node *c = n->first->next; rc == OK && c; c = c->next) {
        struct terms more;
        rc = normal_comparison(w, c, &more);
        if (rc == OK)
            rc = n->type == PAT_OR ? either(w, ret, &more) : each_with_each(w, TERM_ALL, true, ret, &more);
        if (rc == OK)
            reduce(ret);
    }
    return rc;
}

/* ---- observations
 * ---------------------------------------------------------------------------------------------------------------
 */

/* "[a OR b]" is "[a] OR [b]": one observation either way. */
static int normal_observed(struct normal *w, const struct pat_node *n, struct terms *ret)
{
    int rc = normal_comparison(w, n->first, ret);
    for (size_t i = 0; rc == OK && i < ret->n; i++) {
        struct term *t = new_term(w, TERM_LEAF, 0);
        buf_reset(&w->key);
        buf_addc(&w->key, '[');
        buf_add(&w->key, ret->t[i]->key);
        buf_addc(&w->key, ']');
        if (!t || !take_key(w, t))
            return too_long(w);
        ret->t[i] = t;
    }
    return rc;
}

static int normal_node(struct normal *w, const struct pat_node *n, struct terms *ret);

static int normal_qualified(struct normal *w, const struct pat_node *n, struct terms *ret)
{
    int rc = normal_node(w, n->first, ret);
    if (rc < 0 || ret->n == 0 || (n->type == PAT_REPEATS && n->times == 1))
        return rc;
    struct term *t = new_term(w, TERM_LEAF, 0);
    buf_reset(&w->key);
    buf_addc(&w->key, '{');
    for (size_t i = 0; i < ret->n; i++) {
        buf_add(&w->key, i ? SV(" OR ") : SV(""));
        buf_add(&w->key, ret->t[i]->key);
    }
    if (n->type == PAT_WITHIN)
        buf_printf(&w->key, "} WITHIN %.17g", n->seconds);
    else if (n->type == PAT_REPEATS)
        buf_printf(&w->key, "} REPEATS %lld", (long long)n->times);
    else
        buf_printf(&w->key, "} START %lld STOP %lld", (long long)n->start, (long long)n->stop);
    if (!t || !take_key(w, t))
        return too_long(w);
    ret->t[0] = t;
    ret->n = 1;
    return OK;
}

static int normal_node(struct normal *w, const struct pat_node *n, struct terms *ret)
{
    if (n->type == PAT_OBSERVED)
        return normal_observed(w, n, ret);
    if (n->type >= PAT_WITHIN)
        return normal_qualified(w, n, ret);
    int rc = normal_node(w, n->first, ret);
    for (const struct pat_node *c = n->first->next; rc == OK && c; c = c->next) {
        struct terms more;
        enum term_type type = n->type == PAT_ALL ? TERM_ALL : TERM_FOLLOWED;
        rc = normal_node(w, c, &more);
        if (rc == OK)
            rc = n->type == PAT_ANY ? either(w, ret, &more) : each_with_each(w, type, false, ret, &more);
    }
    if (rc == OK)
        reduce(ret);
    return rc;
}

static int normal_of(struct normal *w, struct sv text, unsigned flags, struct terms *ret)
{
    struct pat_node *root;
    int rc = pattern_parse_as(text, flags, w->a, &root, w->e);
    return rc < 0 ? rc : normal_node(w, root, ret);
}

int pattern_equivalent(struct sv a, struct sv b, unsigned flags, struct err *e)
{
    struct err unread;
    struct arena arena;
    struct normal w = {.a = &arena, .e = e ? e : &unread};
    struct terms x, y;
    arena_init(&arena, WORK_MAX);
    buf_init(&w.key, KEY_MAX);
    int rc = normal_of(&w, a, flags, &x);
    rc = rc < 0 ? rc : normal_of(&w, b, flags, &y);
    bool equal = rc == OK && x.n == y.n;
    for (size_t i = 0; equal && i < x.n; i++)
        equal = same(x.t[i], y.t[i]);
    buf_clear(&w.key);
    arena_clear(&arena);
    return rc < 0 ? rc : equal;
}
