/* Tokens of the STIX patterning grammar. */
#pragma once

#include "stix/pattern.h"

enum token_type {
    TOK_END,
    TOK_NAME,        /* identifier without hyphen */
    TOK_HYPHEN_NAME, /* identifier with hyphen: object types only */
    TOK_LITERAL,
    TOK_AND,
    TOK_OR,
    TOK_NOT,
    TOK_FOLLOWEDBY,
    TOK_LIKE,
    TOK_MATCHES,
    TOK_ISSUPERSET,
    TOK_ISSUBSET,
    TOK_EXISTS,
    TOK_IN,
    TOK_START,
    TOK_STOP,
    TOK_SECONDS,
    TOK_WITHIN,
    TOK_REPEATS,
    TOK_TIMES,
    TOK_EQ,
    TOK_NE,
    TOK_LT,
    TOK_LE,
    TOK_GT,
    TOK_GE,
    TOK_COLON,
    TOK_DOT,
    TOK_COMMA,
    TOK_LPAREN,
    TOK_RPAREN,
    TOK_LBRACK,
    TOK_RBRACK,
    TOK_STAR,
};

struct token {
    enum token_type type;
    size_t offset;
    struct sv text;
    struct pat_lit literal;
};

struct lexer {
    struct sv text;
    size_t at;
    struct arena *a;
};

/* The next token; TOK_END at the end. */
int lex_next(struct lexer *l, struct token *ret, struct err *e) MUST_USE;
/* Fills e with a syntax error at a byte of the pattern. */
int pattern_error(struct sv pattern, size_t offset, struct err *e, const char *fmt, ...) PRINTF(4, 5);
