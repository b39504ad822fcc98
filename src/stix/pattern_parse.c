#include "stix/pattern_parse.h"

#include "stix/private.h"

/*
 * Recursive descent over the grammar of STIX 2.1 part 9. Binding, loosest first: FOLLOWEDBY, OR, AND,
 * qualifiers; inside the brackets OR, AND.
 */
int parser_advance(struct parser *p)
{
    return lex_next(&p->lex, &p->tok, p->e);
}

int parser_fail(struct parser *p, const char *expected)
{
    bool end = p->tok.type == TOK_END;
    return pattern_error(p->lex.text, p->tok.offset, p->e, "%s expected%s", expected,
                         end ? " before the end" : "");
}

int parser_expect(struct parser *p, enum token_type type, const char *expected)
{
    return p->tok.type == type ? parser_advance(p) : parser_fail(p, expected);
}

int parser_enter(struct parser *p)
{
    if (++p->depth <= PATTERN_MAX_DEPTH)
        return OK;
    pattern_error(p->lex.text, p->tok.offset, p->e, "more than %d levels of parentheses", PATTERN_MAX_DEPTH);
    p->e->code = ERR_LIMIT;
    return ERR_LIMIT;
}

struct pat_node *parser_node(struct parser *p, enum pat_type type, size_t offset)
{
    struct pat_node *n = arena_calloc(p->lex.a, 1, sizeof(*n));
    if (!n) {
        err_set(p->e, ERR_MEMORY, "no memory for a pattern");
        return NULL;
    }
    n->type = type;
    n->offset = offset;
    return n;
}

static void add_child(struct pat_node *parent, struct pat_node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

struct pat_node *parser_wrap(struct parser *p, enum pat_type type, struct pat_node *child)
{
    struct pat_node *n = child ? parser_node(p, type, child->offset) : NULL;
    if (n)
        add_child(n, child);
    return n;
}

int parser_chain(struct parser *p, enum token_type op, enum pat_type type, parse_fn operand,
                 struct pat_node **ret)
{
    struct pat_node *chain = NULL;
    int rc = operand(p, ret);
    while (rc == OK && p->tok.type == op) {
        struct pat_node *next = NULL;
        if (!chain) {
            chain = parser_wrap(p, type, *ret);
            if (!chain)
                return ERR_MEMORY;
        }
        rc = parser_advance(p);
        if (rc == OK)
            rc = operand(p, &next);
        if (rc == OK)
            add_child(chain, next);
    }
    if (rc == OK && chain)
        *ret = chain;
    return rc;
}

static int parse_followed(struct parser *p, struct pat_node **ret);

static int parse_bracketed(struct parser *p, struct pat_node **ret)
{
    struct pat_node *child = NULL;
    size_t offset = p->tok.offset;
    int rc = parser_advance(p);
    if (rc == OK)
        rc = parse_comparison_or(p, &child);
    if (rc == OK)
        rc = parser_expect(p, TOK_RBRACK, "] or another comparison");
    if (rc != OK)
        return rc;
    *ret = parser_wrap(p, PAT_OBSERVED, child);
    if (!*ret)
        return ERR_MEMORY;
    (*ret)->offset = offset;
    (*ret)->number = p->expressions++;
    return OK;
}

static int parse_group(struct parser *p, struct pat_node **ret)
{
    int rc = parser_enter(p);
    if (rc == OK)
        rc = parser_advance(p);
    if (rc == OK)
        rc = parse_followed(p, ret);
    if (rc == OK)
        rc = parser_expect(p, TOK_RPAREN, ")");
    p->depth--;
    return rc;
}

/* The grammar of 2.0 has a plain string here, its text and examples a time. */
static int parse_time(struct parser *p, usec *ret)
{
    const struct pat_lit *l = &p->tok.literal;
    bool literal = p->tok.type == TOK_LITERAL;
    *ret = l->time;
    if (literal && (p->flags & PATTERN_V20) && l->type == LIT_STRING && stix_time(l->bytes, true, ret))
        return parser_advance(p);
    if (!literal || l->type != LIT_TIME)
        return parser_fail(p, "a time (t'...')");
    return parser_advance(p);
}

static int parse_between(struct parser *p, struct pat_node *n)
{
    int rc = parser_advance(p);
    if (rc == OK)
        rc = parse_time(p, &n->start);
    if (rc == OK)
        rc = parser_expect(p, TOK_STOP, "STOP");
    return rc < 0 ? rc : parse_time(p, &n->stop);
}

static int parse_within(struct parser *p, struct pat_node *n)
{
    int rc = parser_advance(p);
    if (rc < 0)
        return rc;
    bool number =
        p->tok.type == TOK_LITERAL && (p->tok.literal.type == LIT_INT || p->tok.literal.type == LIT_FLOAT);
    if (!number || p->tok.literal.bytes.p[0] == '-')
        return parser_fail(p, "a number of seconds");
    n->seconds = p->tok.literal.real;
    rc = parser_advance(p);
    return rc < 0 ? rc : parser_expect(p, TOK_SECONDS, "SECONDS");
}

static int parse_repeats(struct parser *p, struct pat_node *n)
{
    int rc = parser_advance(p);
    if (rc < 0)
        return rc;
    if (p->tok.type != TOK_LITERAL || p->tok.literal.type != LIT_INT || p->tok.literal.bytes.p[0] == '-')
        return parser_fail(p, "a number of times");
    n->times = p->tok.literal.integer;
    rc = parser_advance(p);
    return rc < 0 ? rc : parser_expect(p, TOK_TIMES, "TIMES");
}

static bool qualifier(enum token_type t, enum pat_type *ret)
{
    *ret = t == TOK_WITHIN ? PAT_WITHIN : t == TOK_REPEATS ? PAT_REPEATS : PAT_BETWEEN;
    return t == TOK_WITHIN || t == TOK_REPEATS || t == TOK_START;
}

/* 9.5: an observation expression in brackets takes each kind of qualifier once at most; a group in
 * parentheses more. */
static int parse_qualifiers(struct parser *p, bool once, struct pat_node **ret)
{
    enum pat_type type;
    unsigned seen = 0, count = 0;
    while (qualifier(p->tok.type, &type)) {
        if (once && (seen & 1u << type))
            return pattern_error(p->lex.text, p->tok.offset, p->e, "the same qualifier a second time");
        if (++count > PATTERN_MAX_DEPTH)
            return pattern_error(p->lex.text, p->tok.offset, p->e, "more than %d qualifiers",
                                 PATTERN_MAX_DEPTH);
        seen |= 1u << type;
        struct pat_node *n = parser_wrap(p, type, *ret);
        if (!n)
            return ERR_MEMORY;
        int rc = type == PAT_WITHIN    ? parse_within(p, n)
                 : type == PAT_REPEATS ? parse_repeats(p, n)
                                       : parse_between(p, n);
        if (rc < 0)
            return rc;
        *ret = n;
    }
    return OK;
}

static int parse_observation(struct parser *p, struct pat_node **ret)
{
    bool group = p->tok.type == TOK_LPAREN;
    if (!group && p->tok.type != TOK_LBRACK)
        return parser_fail(p, "[ or (");
    int rc = group ? parse_group(p, ret) : parse_bracketed(p, ret);
    bool once = !group && !(p->flags & (PATTERN_V20 | PATTERN_REPEATED_QUALIFIERS));
    return rc < 0 ? rc : parse_qualifiers(p, once, ret);
}

static int parse_all(struct parser *p, struct pat_node **ret)
{
    return parser_chain(p, TOK_AND, PAT_ALL, parse_observation, ret);
}

static int parse_any(struct parser *p, struct pat_node **ret)
{
    return parser_chain(p, TOK_OR, PAT_ANY, parse_all, ret);
}

static int parse_followed(struct parser *p, struct pat_node **ret)
{
    return parser_chain(p, TOK_FOLLOWEDBY, PAT_FOLLOWED, parse_any, ret);
}

int pattern_parse_as(struct sv text, unsigned flags, struct arena *a, struct pat_node **ret, struct err *e)
{
    struct err unread;
    struct parser p = {.lex = {.text = text, .a = a}, .flags = flags, .e = e ? e : &unread};
    if (text.n > PATTERN_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "STIX pattern: longer than %u bytes", PATTERN_MAX_BYTES);
    int rc = parser_advance(&p);
    if (rc == OK)
        rc = parse_followed(&p, ret);
    if (rc == OK && p.tok.type != TOK_END)
        rc = parser_fail(&p, "the end or an operator");
    return rc;
}

int pattern_parse(struct sv text, struct arena *a, struct pat_node **ret, struct err *e)
{
    return pattern_parse_as(text, 0, a, ret, e);
}

uint64_t pattern_column(struct sv text, uint64_t offset)
{
    struct sv before = sv_sub(text, 0, offset < text.n ? (size_t)offset : text.n);
    size_t newline = sv_rchr(before, '\n');
    uint64_t column = 1;
    for (size_t i = newline == SIZE_MAX ? 0 : newline + 1; i < before.n; i++)
        column += ((uint8_t)before.p[i] & 0xc0) != 0x80;
    return column;
}
