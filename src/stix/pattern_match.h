/*
 * Evaluation of STIX patterns (STIX 2.1 part 9) over observed-data.
 *
 * A pattern is compiled once; an observation is a span of time, how often it was seen, and its objects. Every
 * "[...]" of a compound pattern takes an observation of its own; observed-data that was seen N times gives N
 * of them. Work is bounded: what would take longer is ERR_LIMIT, never "no match".
 */
#pragma once

#include "stix/pattern.h"

/* Steps one evaluation may take (path steps, characters compared, observations tried): about a second. */
#define PATTERN_STEPS_MAX UINT64_C(100000000)
/* Internal calls of PCRE2 for one value, and the depth and kibibytes of its backtracking. */
#define PATTERN_REGEX_CALLS 500000u
#define PATTERN_REGEX_DEPTH 20000u
#define PATTERN_REGEX_KIB 20000u

struct pattern;
/*
 * `flags`: enum pattern_flags. Beside what pattern_parse refuses: regular expressions PCRE2 does not take,
 * sets of mixed types, addresses that are none after ISSUBSET and ISSUPERSET, WITHIN and REPEATS that are not
 * positive (ERR_VALUE with e->offset). Thread-safe to use once made.
 */
int pattern_new(struct sv text, unsigned flags, struct pattern **ret, struct err *e) MUST_USE;
void pattern_free(struct pattern *p);
const struct pat_node *pattern_tree(const struct pattern *p);
/* Number of observation expressions ("[...]"). */
size_t pattern_expressions(const struct pattern *p);

struct pat_object {
    struct sv id, type;
    struct jv value;
};
/* One observed-data. References are looked up in `scope`, which is sorted by id. */
struct pat_seen {
    usec first, last;
    int64_t count;
    const struct pat_object *objects, *scope;
    size_t n, nscope;
};
/* Sorts a scope by id. */
void pattern_scope(struct pat_object *scope, size_t n);
/*
 * Reads a list whose members are 2.0 observed-data (`objects`), bundles, or the members of a bundle: 2.1
 * observed-data with object_refs and what these name, wherever in the list. Views the JSON; memory from `a`.
 * ERR_VALUE when first_observed, last_observed or number_observed (>= 1) is missing or wrong.
 */
int pattern_read_seen(struct jv list, struct arena *a, struct pat_seen **ret, size_t *ret_n,
                      struct err *e) MUST_USE;

/* The whole evaluation. `scratch` is used, not reset. */
int pattern_match(const struct pattern *p, const struct pat_seen *seen, size_t n, struct arena *scratch,
                  bool *ret, struct err *e) MUST_USE;
/* 0 or 1: does the observation meet observation expression `expression`? Negative on error. */
int pattern_meets(const struct pattern *p, size_t expression, const struct pat_seen *seen,
                  struct err *e) MUST_USE;

/* When and how often something was seen, and which expressions it meets: bit i of `met`. */
struct pat_moment {
    usec first, last;
    int64_t count;
    const uint64_t *met;
};
#define PAT_WORDS(expressions) (((expressions) + 63) / 64)
/* Can each observation expression have observations of its own so that all operators and qualifiers hold? 0
 * or 1; negative on error. */
int pattern_join(const struct pattern *p, const struct pat_moment *moments, size_t n, struct arena *scratch,
                 struct err *e) MUST_USE;

/*
 * Values of which an observation must have one to meet an expression: equalities (and prefixes) of values the
 * match index holds. False: there are none, because the expression can be met without. Memory from `a`.
 */
bool pattern_triggers(const struct pattern *p, size_t expression, struct arena *a, const struct obs **ret,
                      size_t *ret_n);
/* No match of it takes more than one observation. */
bool pattern_is_lone(const struct pattern *p);

/*
 * Do two patterns mean the same, as far as the laws of their operators and of the values of well-known
 * properties tell? (Order, grouping and repetition of what is joined, absorption, distribution; IP addresses
 * and prefixes, case of registry keys.) 0 or 1; ERR_LIMIT when a normal form would become too long.
 */
int pattern_equivalent(struct sv a, struct sv b, unsigned flags, struct err *e) MUST_USE;
