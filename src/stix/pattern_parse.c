#include "stix/pattern_lex.h"

#include "stix/private.h"

/*
 * Recursive descent over the grammar of STIX 2.1 part 9. Binding, loosest first: FOLLOWEDBY, OR, AND,
 * qualifiers; inside the brackets OR, AND.
 */
struct parser {
    struct lexer lex;
    struct token tok;
    unsigned depth;
    struct err *e;
};

static int advance(struct parser *p)
{
    return lex_next(&p->lex, &p->tok, p->e);
}

static int fail(struct parser *p, const char *expected)
{
    bool end = p->tok.type == TOK_END;
    return pattern_error(p->lex.text, p->tok.offset, p->e, "%s expected%s", expected,
                         end ? " before the end" : "");
}

static int expect(struct parser *p, enum token_type type, const char *expected)
{
    return p->tok.type == type ? advance(p) : fail(p, expected);
}

static int enter(struct parser *p)
{
    if (++p->depth <= PATTERN_MAX_DEPTH)
        return OK;
    pattern_error(p->lex.text, p->tok.offset, p->e, "more than %d levels of parentheses", PATTERN_MAX_DEPTH);
    p->e->code = ERR_LIMIT;
    return ERR_LIMIT;
}

static struct pat_node *new_node(struct parser *p, enum pat_type type, size_t offset)
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

static struct pat_node *wrap(struct parser *p, enum pat_type type, struct pat_node *child)
{
    struct pat_node *n = new_node(p, type, child->offset);
    if (n)
        add_child(n, child);
    return n;
}

typedef int (*parse_fn)(struct parser *p, struct pat_node **ret);

/* operand (op operand)*: one node for the whole chain. */
static int parse_chain(struct parser *p, enum token_type op, enum pat_type type, parse_fn operand,
                       struct pat_node **ret)
{
    struct pat_node *chain = NULL;
    int rc = operand(p, ret);
    while (rc == OK && p->tok.type == op) {
        struct pat_node *next;
        if (!chain) {
            chain = wrap(p, type, *ret);
            if (!chain)
                return ERR_MEMORY;
        }
        rc = advance(p);
        if (rc == OK)
            rc = operand(p, &next);
        if (rc == OK)
            add_child(chain, next);
    }
    if (rc == OK && chain)
        *ret = chain;
    return rc;
}

static int add_step(struct parser *p, struct pat_step ***tail, struct pat_step step)
{
    struct pat_step *s = arena_alloc(p->lex.a, sizeof(*s));
    if (!s)
        return err_set(p->e, ERR_MEMORY, "no memory for a pattern");
    *s = step;
    **tail = s;
    *tail = &s->next;
    return advance(p);
}

static int parse_key(struct parser *p, struct pat_step ***tail)
{
    bool string = p->tok.type == TOK_LITERAL && p->tok.literal.type == LIT_STRING;
    if (p->tok.type != TOK_NAME && !string)
        return fail(p, "a property name (in quotes when it holds anything but letters, digits and _)");
    return add_step(p, tail,
                    (struct pat_step){STEP_KEY, string ? p->tok.literal.bytes : p->tok.text, 0, NULL});
}

static int parse_index(struct parser *p, struct pat_step ***tail)
{
    int rc = advance(p);
    if (rc < 0)
        return rc;
    if (p->tok.type == TOK_STAR)
        rc = add_step(p, tail, (struct pat_step){STEP_ANY, SV_NONE, 0, NULL});
    else if (p->tok.type == TOK_LITERAL && p->tok.literal.type == LIT_INT)
        rc = add_step(p, tail, (struct pat_step){STEP_INDEX, SV_NONE, p->tok.literal.integer, NULL});
    else
        return fail(p, "a list index or *");
    return rc < 0 ? rc : expect(p, TOK_RBRACK, "]");
}

/* type:name.name[*].'quoted name' */
static int parse_path(struct parser *p, struct pat_node *n)
{
    struct pat_step **tail = &n->path;
    if (p->tok.type != TOK_NAME && p->tok.type != TOK_HYPHEN_NAME)
        return fail(p, "an object path (type:property)");
    n->object_type = p->tok.text;
    int rc = advance(p);
    if (rc == OK)
        rc = expect(p, TOK_COLON, "\":\" after the object type");
    if (rc == OK)
        rc = parse_key(p, &tail);
    while (rc == OK && (p->tok.type == TOK_DOT || p->tok.type == TOK_LBRACK)) {
        if (p->tok.type == TOK_LBRACK) {
            rc = parse_index(p, &tail);
            continue;
        }
        rc = advance(p);
        if (rc == OK)
            rc = parse_key(p, &tail);
    }
    return rc;
}

static int take_literal(struct parser *p, struct pat_lit ***tail, const char *expected)
{
    if (p->tok.type != TOK_LITERAL)
        return fail(p, expected);
    struct pat_lit *l = arena_alloc(p->lex.a, sizeof(*l));
    if (!l)
        return err_set(p->e, ERR_MEMORY, "no memory for a pattern");
    *l = p->tok.literal;
    **tail = l;
    *tail = &l->next;
    return advance(p);
}

static int parse_set(struct parser *p, struct pat_node *n)
{
    struct pat_lit **tail = &n->literals;
    int rc = expect(p, TOK_LPAREN, "( after IN");
    if (rc < 0 || p->tok.type == TOK_RPAREN)
        return rc < 0 ? rc : advance(p);
    for (;;) {
        rc = take_literal(p, &tail, "a constant");
        if (rc < 0 || p->tok.type != TOK_COMMA)
            break;
        rc = advance(p);
        if (rc < 0)
            break;
    }
    return rc < 0 ? rc : expect(p, TOK_RPAREN, ", or ) in the set");
}

static bool comparison(enum token_type t, enum pat_op *ret)
{
    static const struct {
        enum token_type token;
        enum pat_op op;
    } ops[] = {{TOK_EQ, OP_EQ},
               {TOK_NE, OP_NE},
               {TOK_LT, OP_LT},
               {TOK_LE, OP_LE},
               {TOK_GT, OP_GT},
               {TOK_GE, OP_GE},
               {TOK_IN, OP_IN},
               {TOK_LIKE, OP_LIKE},
               {TOK_MATCHES, OP_MATCHES},
               {TOK_ISSUBSET, OP_ISSUBSET},
               {TOK_ISSUPERSET, OP_ISSUPERSET}};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (ops[i].token == t) {
            *ret = ops[i].op;
            return true;
        }
    }
    return false;
}

/* What the literal of an operator may be: orderable for < and its kin, a string for LIKE and its kin. */
static int parse_operand(struct parser *p, struct pat_node *n)
{
    struct pat_lit **tail = &n->literals;
    enum lit_type type = p->tok.literal.type;
    bool literal = p->tok.type == TOK_LITERAL;
    if (n->op == OP_IN)
        return parse_set(p, n);
    if (n->op >= OP_LIKE && !(literal && type == LIT_STRING))
        return fail(p, "a string");
    if (n->op >= OP_LT && n->op <= OP_GE && literal && type == LIT_BOOL)
        return fail(p, "a constant that has an order");
    return take_literal(p, &tail, "a constant");
}

static struct sv text_key(const struct pat_step *s)
{
    return s && s->type == STEP_KEY ? s->key : SV("");
}

/* 10.7: a hash that is compared must be one of its algorithm: "f00" never is a SHA-256. */
static int check_hashes(struct parser *p, const struct pat_node *n)
{
    const struct pat_step *s = n->path;
    while (s && !(sv_eq(text_key(s), SV("hashes")) && s->next && !s->next->next))
        s = s->next;
    enum kind kind = s ? hash_kind_of_name(text_key(s->next)) : KIND_NONE;
    if (kind < KIND_MD5 || kind > KIND_SHA512 || (n->op != OP_EQ && n->op != OP_NE && n->op != OP_IN))
        return OK;
    for (const struct pat_lit *l = n->literals; l; l = l->next) {
        if (l->type != LIT_STRING || (all_hex(l->bytes) && hash_kind(l->bytes.n) == kind))
            continue;
        return pattern_error(p->lex.text, n->offset, p->e, "a constant that is no %s", kind_name(kind));
    }
    return OK;
}

static int parse_test(struct parser *p, struct pat_node **ret)
{
    struct pat_node *n = new_node(p, PAT_TEST, p->tok.offset);
    if (!n)
        return ERR_MEMORY;
    *ret = n;
    int rc = OK;
    if (p->tok.type == TOK_NOT) {
        n->negated = true;
        rc = advance(p);
        if (rc == OK && p->tok.type != TOK_EXISTS)
            return fail(p, "EXISTS after a NOT that stands first");
    }
    if (rc == OK && p->tok.type == TOK_EXISTS) {
        n->op = OP_EXISTS;
        rc = advance(p);
        return rc < 0 ? rc : parse_path(p, n);
    }
    if (rc == OK)
        rc = parse_path(p, n);
    if (rc == OK && p->tok.type == TOK_NOT) {
        n->negated = true;
        rc = advance(p);
    }
    if (rc < 0)
        return rc;
    if (!comparison(p->tok.type, &n->op))
        return fail(p, "a comparison operator");
    rc = advance(p);
    if (rc == OK)
        rc = parse_operand(p, n);
    return rc < 0 ? rc : check_hashes(p, n);
}

static int parse_comparison_or(struct parser *p, struct pat_node **ret);

static int parse_comparison(struct parser *p, struct pat_node **ret)
{
    if (p->tok.type != TOK_LPAREN)
        return parse_test(p, ret);
    int rc = enter(p);
    if (rc == OK)
        rc = advance(p);
    if (rc == OK)
        rc = parse_comparison_or(p, ret);
    if (rc == OK)
        rc = expect(p, TOK_RPAREN, ")");
    p->depth--;
    return rc;
}

static int parse_comparison_and(struct parser *p, struct pat_node **ret)
{
    return parse_chain(p, TOK_AND, PAT_AND, parse_comparison, ret);
}

static int parse_comparison_or(struct parser *p, struct pat_node **ret)
{
    return parse_chain(p, TOK_OR, PAT_OR, parse_comparison_and, ret);
}

static int parse_followed(struct parser *p, struct pat_node **ret);

static int parse_bracketed(struct parser *p, struct pat_node **ret)
{
    struct pat_node *child;
    size_t offset = p->tok.offset;
    int rc = advance(p);
    if (rc == OK)
        rc = parse_comparison_or(p, &child);
    if (rc == OK)
        rc = expect(p, TOK_RBRACK, "] or another comparison");
    if (rc < 0)
        return rc;
    *ret = wrap(p, PAT_OBSERVED, child);
    if (!*ret)
        return ERR_MEMORY;
    (*ret)->offset = offset;
    return OK;
}

static int parse_group(struct parser *p, struct pat_node **ret)
{
    int rc = enter(p);
    if (rc == OK)
        rc = advance(p);
    if (rc == OK)
        rc = parse_followed(p, ret);
    if (rc == OK)
        rc = expect(p, TOK_RPAREN, ")");
    p->depth--;
    return rc;
}

static int parse_time(struct parser *p, usec *ret)
{
    if (p->tok.type != TOK_LITERAL || p->tok.literal.type != LIT_TIME)
        return fail(p, "a time (t'...')");
    *ret = p->tok.literal.time;
    return advance(p);
}

static int parse_between(struct parser *p, struct pat_node *n)
{
    int rc = advance(p);
    if (rc == OK)
        rc = parse_time(p, &n->start);
    if (rc == OK)
        rc = expect(p, TOK_STOP, "STOP");
    return rc < 0 ? rc : parse_time(p, &n->stop);
}

static int parse_within(struct parser *p, struct pat_node *n)
{
    int rc = advance(p);
    if (rc < 0)
        return rc;
    bool number =
        p->tok.type == TOK_LITERAL && (p->tok.literal.type == LIT_INT || p->tok.literal.type == LIT_FLOAT);
    if (!number || p->tok.literal.bytes.p[0] == '-')
        return fail(p, "a number of seconds");
    n->seconds = p->tok.literal.real;
    rc = advance(p);
    return rc < 0 ? rc : expect(p, TOK_SECONDS, "SECONDS");
}

static int parse_repeats(struct parser *p, struct pat_node *n)
{
    int rc = advance(p);
    if (rc < 0)
        return rc;
    if (p->tok.type != TOK_LITERAL || p->tok.literal.type != LIT_INT || p->tok.literal.bytes.p[0] == '-')
        return fail(p, "a number of times");
    n->times = p->tok.literal.integer;
    rc = advance(p);
    return rc < 0 ? rc : expect(p, TOK_TIMES, "TIMES");
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
    unsigned seen = 0;
    while (qualifier(p->tok.type, &type)) {
        if (once && (seen & 1u << type))
            return pattern_error(p->lex.text, p->tok.offset, p->e, "the same qualifier a second time");
        seen |= 1u << type;
        struct pat_node *n = wrap(p, type, *ret);
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
        return fail(p, "[ or (");
    int rc = group ? parse_group(p, ret) : parse_bracketed(p, ret);
    return rc < 0 ? rc : parse_qualifiers(p, !group, ret);
}

static int parse_all(struct parser *p, struct pat_node **ret)
{
    return parse_chain(p, TOK_AND, PAT_ALL, parse_observation, ret);
}

static int parse_any(struct parser *p, struct pat_node **ret)
{
    return parse_chain(p, TOK_OR, PAT_ANY, parse_all, ret);
}

static int parse_followed(struct parser *p, struct pat_node **ret)
{
    return parse_chain(p, TOK_FOLLOWEDBY, PAT_FOLLOWED, parse_any, ret);
}

int pattern_parse(struct sv text, struct arena *a, struct pat_node **ret, struct err *e)
{
    struct err unread;
    struct parser p = {.lex = {.text = text, .a = a}, .e = e ? e : &unread};
    if (text.n > PATTERN_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "STIX pattern: longer than %u bytes", PATTERN_MAX_BYTES);
    int rc = advance(&p);
    if (rc == OK)
        rc = parse_followed(&p, ret);
    if (rc == OK && p.tok.type != TOK_END)
        rc = fail(&p, "the end or an operator");
    return rc;
}
