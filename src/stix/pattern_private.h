/* Shared by the files that evaluate patterns. */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include "stix/pattern_match.h"
#include "stix/private.h"
#include <pcre2.h>

/* What a test needs beside its node. */
struct compiled {
    pcre2_code *text, *bytes; /* MATCHES: for strings, and for binary values (NULL: never matches these) */
    struct sv like,
        like_bytes; /* LIKE: in NFC, and as bytes; `p` NULL when it holds other than U+00 to U+FF */
    struct obs net; /* ISSUBSET and ISSUPERSET */
};
struct pattern {
    struct arena a;
    struct pat_node *root;
    const struct pat_node **expressions;
    struct compiled *tests;
    size_t nexpressions, ntests;
};

/* State of one evaluation. */
struct pat_eval {
    const struct pattern *p;
    const struct pat_seen *seen;
    uint64_t left; /* steps */
    usec regex_left;
    pcre2_match_context *context;
    pcre2_match_data *data;
    struct arena decoded; /* of binary values */
};
/* A value a path came to. */
struct pat_value {
    struct jv json;
    bool binary;
    struct sv bytes; /* when it is binary */
};
int pat_spend(struct pat_eval *v, uint64_t steps, struct err *e);

/* pattern_path.c: calls `each` with every value at the path; a result but 0 ends the walk and is returned. */
typedef int (*pat_value_fn)(void *ctx, const struct pat_value *value, struct err *e);
int pat_path_each(struct pat_eval *v, const struct pat_step *path, struct jv object, pat_value_fn each,
                  void *ctx, struct err *e);
/* pattern_compare.c: 0 or 1, negative on error. */
int pat_compare(struct pat_eval *v, const struct pat_node *test, const struct pat_value *value,
                struct err *e);

/* pattern_text.c: normal form C; SV_NONE without memory. Views what is ASCII already. */
struct sv pat_nfc(struct arena *a, struct sv text);
/* Characters U+0000 to U+00FF as bytes; false when there are others (`*ret` unset) or no memory. */
bool pat_latin(struct arena *a, struct sv text, struct sv *ret);
/* Orders bytes against the characters of a text; false when these are not comparable (U+0100 and beyond). */
bool pat_bytes_cmp(struct sv bytes, struct sv text, int *ret);
/* "%" any text, "_" one character (one byte for `binary`). 0 or 1, negative past the steps. */
int pat_like(struct pat_eval *v, struct sv like, struct sv text, bool binary, struct err *e);
/* A time with all its digits against another; both are well formed. */
int pat_time_cmp(struct sv a, usec at, struct sv b, usec bt);
