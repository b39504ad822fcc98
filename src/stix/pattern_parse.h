/* What the two halves of the pattern parser share: observation expressions (pattern_parse.c), comparisons
 * (pattern_test.c). */
#pragma once

#include "stix/pattern_lex.h"

struct parser {
    struct lexer lex;
    struct token tok;
    unsigned depth;
    unsigned flags; /* enum pattern_flags */
    uint32_t tests, expressions;
    struct err *e;
};

int parser_advance(struct parser *p);
int parser_fail(struct parser *p, const char *expected);
int parser_expect(struct parser *p, enum token_type type, const char *expected);
/* One level of parentheses deeper; ERR_LIMIT past PATTERN_MAX_DEPTH. */
int parser_enter(struct parser *p);
struct pat_node *parser_node(struct parser *p, enum pat_type type, size_t offset);
/* A node of `type` round `child`. */
struct pat_node *parser_wrap(struct parser *p, enum pat_type type, struct pat_node *child);

typedef int (*parse_fn)(struct parser *p, struct pat_node **ret);
/* operand (op operand)*: one node for the whole chain. */
int parser_chain(struct parser *p, enum token_type op, enum pat_type type, parse_fn operand,
                 struct pat_node **ret);
/* What stands between the brackets. */
int parse_comparison_or(struct parser *p, struct pat_node **ret);
