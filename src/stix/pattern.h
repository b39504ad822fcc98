/*
 * A STIX pattern as a tree (STIX 2.1 part 9), shaped for evaluation: chains of one operator are one node with
 * many children, literals are decoded, qualifiers are nodes round what they restrict. Everything lives in the
 * arena of the caller or views the pattern's text.
 */
#pragma once

#include "stix/stix.h"

#define PATTERN_MAX_DEPTH 64
#define PATTERN_MAX_BYTES (1u << 20)

enum lit_type { LIT_STRING, LIT_INT, LIT_FLOAT, LIT_BOOL, LIT_TIME, LIT_HEX, LIT_BASE64 };

struct pat_lit {
    enum lit_type type;
    bool truth;      /* LIT_BOOL */
    int64_t integer; /* LIT_INT */
    double real;     /* LIT_INT and LIT_FLOAT */
    usec time;       /* LIT_TIME; a day past the end of its month counts on into the next */
    struct sv bytes; /* decoded text or bytes of LIT_STRING, LIT_HEX, LIT_BASE64; as written otherwise */
    struct pat_lit *next;
};

enum step_type { STEP_KEY, STEP_INDEX, STEP_ANY };

/* One component of an object path: ".name", ".'quoted-name'", "[3]", "[*]". */
struct pat_step {
    enum step_type type;
    struct sv key;
    int64_t index;
    struct pat_step *next;
};

enum pat_type {
    PAT_TEST, /* path, op, literals, negated */
    PAT_AND,  /* comparison expressions: children */
    PAT_OR,
    PAT_OBSERVED, /* "[ ... ]": one child, a comparison expression */
    PAT_ALL,      /* observation expressions joined by AND: children */
    PAT_ANY,      /* by OR */
    PAT_FOLLOWED, /* by FOLLOWEDBY, in order */
    PAT_WITHIN,   /* one child; seconds */
    PAT_REPEATS,  /* one child; times */
    PAT_BETWEEN,  /* one child; START and STOP */
};

enum pat_op {
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_IN,
    OP_LIKE,
    OP_MATCHES,
    OP_ISSUBSET,
    OP_ISSUPERSET,
    OP_EXISTS,
};

struct pat_node {
    enum pat_type type;
    enum pat_op op;
    bool negated;
    struct sv object_type; /* PAT_TEST: "file" */
    struct pat_step *path;
    struct pat_lit *literals; /* one; any number for OP_IN, none for OP_EXISTS */
    double seconds;
    int64_t times;
    usec start, stop;
    size_t offset;                 /* of its first byte in the pattern */
    uint32_t number;               /* PAT_TEST and PAT_OBSERVED, each from 0 in their order */
    struct pat_node *first, *last; /* children */
    struct pat_node *next;         /* sibling */
};

/* Parses a whole pattern. ERR_SYNTAX with e->offset and e->line; ERR_LIMIT past depth 64 or 1 MiB. */
int pattern_parse(struct sv text, struct arena *a, struct pat_node **ret, struct err *e) MUST_USE;

enum pattern_flags {
    PATTERN_V20 = 1, /* as STIX 2.0 part 5: START and STOP may be strings, qualifiers may be repeated */
    PATTERN_REPEATED_QUALIFIERS = 2, /* evaluate "REPEATS 2 TIMES REPEATS 2 TIMES", which 2.1 forbids */
    PATTERN_CANONICAL = 4, /* pattern_new: constants equal to well-known values in their canonical spelling */
};
/* As pattern_parse, with a union of enum pattern_flags. */
int pattern_parse_as(struct sv text, unsigned flags, struct arena *a, struct pat_node **ret,
                     struct err *e) MUST_USE;
/* Column (characters, from 1, in its line) of a byte of a pattern: for people who look for an error. */
uint64_t pattern_column(struct sv text, uint64_t offset);
