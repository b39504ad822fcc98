#include "stix/pattern_parse.h"

#include "stix/private.h"

static int add_step(struct parser *p, struct pat_step ***tail, struct pat_step step)
{
    struct pat_step *s = arena_alloc(p->lex.a, sizeof(*s));
    if (!s)
        return err_set(p->e, ERR_MEMORY, "no memory for a pattern");
    *s = step;
    **tail = s;
    *tail = &s->next;
    return parser_advance(p);
}

static int parse_key(struct parser *p, struct pat_step ***tail)
{
    bool string = p->tok.type == TOK_LITERAL && p->tok.literal.type == LIT_STRING;
    if (p->tok.type != TOK_NAME && !string)
        return parser_fail(p, "a property name (in quotes when it holds anything but letters, digits and _)");
    return add_step(p, tail,
                    (struct pat_step){STEP_KEY, string ? p->tok.literal.bytes : p->tok.text, 0, NULL});
}

static int parse_index(struct parser *p, struct pat_step ***tail)
{
    int rc = parser_advance(p);
    if (rc < 0)
        return rc;
    if (p->tok.type == TOK_STAR)
        rc = add_step(p, tail, (struct pat_step){STEP_ANY, SV_NONE, 0, NULL});
    else if (p->tok.type == TOK_LITERAL && p->tok.literal.type == LIT_INT)
        rc = add_step(p, tail, (struct pat_step){STEP_INDEX, SV_NONE, p->tok.literal.integer, NULL});
    else
        return parser_fail(p, "a list index or *");
    return rc < 0 ? rc : parser_expect(p, TOK_RBRACK, "]");
}

/* type:name.name[*].'quoted name' */
static int parse_path(struct parser *p, struct pat_node *n)
{
    struct pat_step **tail = &n->path;
    if (p->tok.type != TOK_NAME && p->tok.type != TOK_HYPHEN_NAME)
        return parser_fail(p, "an object path (type:property)");
    n->object_type = p->tok.text;
    int rc = parser_advance(p);
    if (rc == OK)
        rc = parser_expect(p, TOK_COLON, "\":\" after the object type");
    if (rc == OK)
        rc = parse_key(p, &tail);
    while (rc == OK && (p->tok.type == TOK_DOT || p->tok.type == TOK_LBRACK)) {
        if (p->tok.type == TOK_LBRACK) {
            rc = parse_index(p, &tail);
            continue;
        }
        rc = parser_advance(p);
        if (rc == OK)
            rc = parse_key(p, &tail);
    }
    return rc;
}

static int take_literal(struct parser *p, struct pat_lit ***tail, const char *expected)
{
    if (p->tok.type != TOK_LITERAL)
        return parser_fail(p, expected);
    struct pat_lit *l = arena_alloc(p->lex.a, sizeof(*l));
    if (!l)
        return err_set(p->e, ERR_MEMORY, "no memory for a pattern");
    *l = p->tok.literal;
    **tail = l;
    *tail = &l->next;
    return parser_advance(p);
}

static int parse_set(struct parser *p, struct pat_node *n)
{
    struct pat_lit **tail = &n->literals;
    int rc = parser_expect(p, TOK_LPAREN, "( after IN");
    if (rc < 0 || p->tok.type == TOK_RPAREN)
        return rc < 0 ? rc : parser_advance(p);
    for (;;) {
        rc = take_literal(p, &tail, "a constant");
        if (rc < 0 || p->tok.type != TOK_COMMA)
            break;
        rc = parser_advance(p);
        if (rc < 0)
            break;
    }
    return rc < 0 ? rc : parser_expect(p, TOK_RPAREN, ", or ) in the set");
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
        return parser_fail(p, "a string");
    if (n->op >= OP_LT && n->op <= OP_GE && literal && type == LIT_BOOL)
        return parser_fail(p, "a constant that has an order");
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
    struct pat_node *n = parser_node(p, PAT_TEST, p->tok.offset);
    if (!n)
        return ERR_MEMORY;
    *ret = n;
    n->number = p->tests++;
    int rc = OK;
    if (p->tok.type == TOK_NOT) {
        n->negated = true;
        rc = parser_advance(p);
        if (rc == OK && p->tok.type != TOK_EXISTS)
            return parser_fail(p, "EXISTS after a NOT that stands first");
    }
    if (rc == OK && p->tok.type == TOK_EXISTS) {
        n->op = OP_EXISTS;
        rc = parser_advance(p);
        return rc < 0 ? rc : parse_path(p, n);
    }
    if (rc == OK)
        rc = parse_path(p, n);
    if (rc == OK && p->tok.type == TOK_NOT) {
        n->negated = true;
        rc = parser_advance(p);
    }
    if (rc < 0)
        return rc;
    if (!comparison(p->tok.type, &n->op))
        return parser_fail(p, "a comparison operator");
    rc = parser_advance(p);
    if (rc == OK)
        rc = parse_operand(p, n);
    return rc < 0 ? rc : check_hashes(p, n);
}

static int parse_comparison(struct parser *p, struct pat_node **ret)
{
    if (p->tok.type != TOK_LPAREN)
        return parse_test(p, ret);
    int rc = parser_enter(p);
    if (rc == OK)
        rc = parser_advance(p);
    if (rc == OK)
        rc = parse_comparison_or(p, ret);
    if (rc == OK)
        rc = parser_expect(p, TOK_RPAREN, ")");
    p->depth--;
    return rc;
}

static int parse_comparison_and(struct parser *p, struct pat_node **ret)
{
    return parser_chain(p, TOK_AND, PAT_AND, parse_comparison, ret);
}

int parse_comparison_or(struct parser *p, struct pat_node **ret)
{
    return parser_chain(p, TOK_OR, PAT_OR, parse_comparison_and, ret);
}
