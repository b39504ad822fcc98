#include "stix/pattern_private.h"
#include "stix/values.h"

#include <stdlib.h>

#define COMPILED_MAX (64u << 20)
#define REGEX_MAX 65536u

struct compiling {
    struct pattern *p;
    struct sv text;
    unsigned flags;
    struct err *e;
};

static int refuse(struct compiling *c, const struct pat_node *n, const char *what)
{
    uint64_t line = 1;
    for (size_t i = 0; i < n->offset && i < c->text.n; i++)
        line += c->text.p[i] == '\n';
    err_set(c->e, ERR_VALUE, "STIX pattern: %s at byte %zu", what, n->offset);
    return err_at(c->e, NULL, line, n->offset);
}

static int no_memory(struct compiling *c)
{
    return err_set(c->e, ERR_LIMIT, "STIX pattern: too long to be evaluated");
}

/* 9.6.1: a set holds constants of one type; integers and floats are both numbers. */
static bool one_type(const struct pat_lit *l)
{
    enum lit_type first = l ? l->type : LIT_STRING;
    bool number = first == LIT_INT || first == LIT_FLOAT;
    for (; l; l = l->next)
        if (l->type != first && !(number && (l->type == LIT_INT || l->type == LIT_FLOAT)))
            return false;
    return true;
}

static pcre2_code *regex(struct sv text, uint32_t options, char *why, size_t room)
{
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_compile_context *limits = pcre2_compile_context_create(NULL);
    pcre2_code *code = NULL;
    if (limits && pcre2_set_max_pattern_length(limits, REGEX_MAX) == 0)
        code = pcre2_compile((PCRE2_SPTR)(text.p ? text.p : ""), text.n, options | PCRE2_NEVER_BACKSLASH_C,
                             &error, &at, limits);
    if (!code && pcre2_get_error_message(error, (PCRE2_UCHAR *)why, room) < 0)
        snprintf(why, room, "no memory");
    pcre2_compile_context_free(limits);
    return code;
}

static int compile_regex(struct compiling *c, const struct pat_node *n, struct compiled *test)
{
    char why[128], what[200], unused[128];
    struct sv text = pat_nfc(&c->p->a, n->literals->bytes), bytes;
    if (!text.p)
        return no_memory(c);
    test->text = regex(text, PCRE2_UTF, why, sizeof(why));
    if (!test->text) {
        snprintf(what, sizeof(what), "a regular expression that is none (%s)", why);
        return refuse(c, n, what);
    }
    if (pat_latin(&c->p->a, text, &bytes))
        test->bytes = regex(bytes, 0, unused, sizeof(unused));
    return OK;
}

/* What is compared are values in their canonical spelling: so must be what they are compared with. */
static void canonical(struct compiling *c, const struct pat_node *n)
{
    enum kind kind = pattern_test_kind(n);
    for (struct pat_lit *l = n->literals; l && kind != KIND_NONE; l = l->next) {
        struct obs o;
        if (l->type == LIT_STRING && value_read(&c->p->a, kind, l->bytes, &o))
            l->bytes = o.value.p ? arena_sv(&c->p->a, o.value) : l->bytes;
    }
}

static int compile_test(struct compiling *c, const struct pat_node *n)
{
    struct compiled *test = &c->p->tests[n->number];
    if (n->op == OP_IN && !one_type(n->literals))
        return refuse(c, n, "a set whose constants are of several types");
    if ((c->flags & PATTERN_CANONICAL) && (n->op == OP_EQ || n->op == OP_NE || n->op == OP_IN))
        canonical(c, n);
    if (n->op == OP_MATCHES)
        return compile_regex(c, n, test);
    if (n->op == OP_LIKE) {
        test->like = pat_nfc(&c->p->a, n->literals->bytes);
        if (!pat_latin(&c->p->a, test->like, &test->like_bytes))
            test->like_bytes = SV_NONE;
        return test->like.p ? OK : no_memory(c);
    }
    bool net = n->op == OP_ISSUBSET || n->op == OP_ISSUPERSET;
    if (net && !ip_read(n->literals->bytes, true, &test->net))
        return refuse(c, n, "a constant that is no address and no CIDR prefix");
    return OK;
}

/* The parser bounds the depth of the tree. */
static int compile_node(struct compiling *c, const struct pat_node *n)
{
    int rc = OK;
    if (n->type == PAT_TEST)
        rc = compile_test(c, n);
    else if (n->type == PAT_OBSERVED)
        c->p->expressions[n->number] = n;
    else if (n->type == PAT_WITHIN && !(n->seconds > 0))
        rc = refuse(c, n, "WITHIN a time that is not longer than 0");
    else if (n->type == PAT_REPEATS && n->times < 1)
        rc = refuse(c, n, "REPEATS less than once");
    for (const struct pat_node *child = n->first; rc == OK && child; child = child->next)
        rc = compile_node(c, child);
    return rc;
}

static void count(struct pattern *p, const struct pat_node *n)
{
    p->ntests += n->type == PAT_TEST;
    p->nexpressions += n->type == PAT_OBSERVED;
    for (const struct pat_node *child = n->first; child; child = child->next)
        count(p, child);
}

static int fill(struct pattern *p, struct sv text, unsigned flags, struct err *e)
{
    struct compiling c = {p, arena_sv(&p->a, text), flags, e};
    if (!c.text.p)
        return no_memory(&c);
    int rc = pattern_parse_as(c.text, flags, &p->a, &p->root, e);
    if (rc < 0)
        return rc;
    count(p, p->root);
    p->tests = arena_calloc(&p->a, p->ntests + 1, sizeof(*p->tests));
    p->expressions = arena_calloc(&p->a, p->nexpressions + 1, sizeof(*p->expressions));
    if (!p->tests || !p->expressions) {
        p->ntests = 0;
        return no_memory(&c);
    }
    return compile_node(&c, p->root);
}

int pattern_new(struct sv text, unsigned flags, struct pattern **ret, struct err *e)
{
    struct err unread;
    struct pattern *p = calloc(1, sizeof(*p));
    e = e ? e : &unread;
    *ret = NULL;
    if (!p)
        return err_set(e, ERR_MEMORY, "no memory for a pattern");
    arena_init(&p->a, COMPILED_MAX);
    int rc = text.n > PATTERN_MAX_BYTES
                 ? err_set(e, ERR_LIMIT, "STIX pattern: longer than %u bytes", PATTERN_MAX_BYTES)
                 : fill(p, text, flags, e);
    if (rc < 0)
        pattern_free(p);
    else
        *ret = p;
    return rc;
}

void pattern_free(struct pattern *p)
{
    for (size_t i = 0; p && p->tests && i < p->ntests; i++) {
        pcre2_code_free(p->tests[i].text);
        pcre2_code_free(p->tests[i].bytes);
    }
    if (p)
        arena_clear(&p->a);
    free(p);
}

const struct pat_node *pattern_tree(const struct pattern *p)
{
    return p->root;
}

size_t pattern_expressions(const struct pattern *p)
{
    return p->nexpressions;
}
