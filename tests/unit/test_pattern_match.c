/*
 * Evaluation of patterns: what the collected cases (test_stix_cases) leave open, limits, and the join over
 * times against an oracle that goes through all sets of observations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stix/pattern_match.h"

#include <stdlib.h>

/* ---- a pattern over JSON
 * -------------------------------------------------------------------------------------------------------------
 */

#define SPAN "\"first_observed\":\"2026-01-01T00:00:00Z\",\"last_observed\":\"2026-01-01T00:00:01Z\""

/* 0, 1 or an error's code. `objects`: members of the dict of one 2.0 observed-data. */
static int run(const char *pattern, const char *objects, struct err *e)
{
    struct json_doc *doc = json_doc_new(1u << 24);
    struct pattern *p = NULL;
    struct pat_seen *seen;
    struct arena a;
    struct buf text;
    struct jv root;
    size_t n;
    bool match = false;
    arena_init(&a, 64u << 20);
    buf_init(&text, 1u << 24);
    buf_printf(&text, "[{\"type\":\"observed-data\"," SPAN ",\"number_observed\":1,\"objects\":{");
    buf_add(&text, sv_c(objects));
    buf_add(&text, SV("}}]"));
    *e = ERR_NONE;
    int rc = json_parse(doc, buf_sv(&text), &root, e);
    rc = rc < 0 ? rc : pattern_read_seen(root, &a, &seen, &n, e);
    rc = rc < 0 ? rc : pattern_new(sv_c(pattern), 0, &p, e);
    rc = rc < 0 ? rc : pattern_match(p, seen, n, &a, &match, e);
    pattern_free(p);
    json_doc_free(doc);
    buf_clear(&text);
    arena_clear(&a);
    return rc < 0 ? rc : match;
}

struct expectation {
    const char *pattern, *objects;
    int result;
};

static void test_values(void **state)
{
    static const struct expectation list[] = {
        {"[a:n = 9007199254740993]", "\"0\":{\"type\":\"a\",\"n\":9007199254740993}", 1},
        {"[a:n = 9007199254740992]", "\"0\":{\"type\":\"a\",\"n\":9007199254740993}", 0},
        {"[a:n > 9007199254740992.0]", "\"0\":{\"type\":\"a\",\"n\":9007199254740993}", 1},
        {"[a:n > 9223372036854775807]", "\"0\":{\"type\":\"a\",\"n\":18446744073709551615}", 1},
        {"[a:n = 5]", "\"0\":{\"type\":\"a\",\"n\":5.0}", 1},
        {"[a:t = t'2026-01-01T00:00:00.1234567Z']",
         "\"0\":{\"type\":\"a\",\"t\":\"2026-01-01T00:00:00.12345670Z\"}", 1},
        {"[a:t < t'2026-01-01T00:00:00.1234567Z']",
         "\"0\":{\"type\":\"a\",\"t\":\"2026-01-01T00:00:00.1234566Z\"}", 1},
        {"[a:t = t'2026-01-01T00:00:00.1234567Z']",
         "\"0\":{\"type\":\"a\",\"t\":\"2026-01-01T00:00:00.1234566Z\"}", 0},
        {"[a:t = t'2026-01-01T00:00:00Z']", "\"0\":{\"type\":\"a\",\"t\":\"2026-02-30T00:00:00Z\"}",
         ERR_VALUE},
        {"[EXISTS a:b]", "\"0\":{\"type\":\"a\",\"b\":null}", 1},
        {"[NOT EXISTS a:c]", "\"0\":{\"type\":\"a\",\"b\":1}", 1},
        {"[NOT EXISTS a:c]", "\"0\":{\"type\":\"x\",\"b\":1}", 0},
        {"[a:l[1] = 'y']", "\"0\":{\"type\":\"a\",\"l\":[\"x\",\"y\"]}", 1},
        {"[a:l[2] = 'y']", "\"0\":{\"type\":\"a\",\"l\":[\"x\",\"y\"]}", 0},
        {"[a:l[-1] = 'y']", "\"0\":{\"type\":\"a\",\"l\":[\"x\",\"y\"]}", 0},
        {"[a:l[*].'k-k' = 2]", "\"0\":{\"type\":\"a\",\"l\":[{\"k-k\":1},{\"k-k\":2}]}", 1},
        {"[a:b_ref.v = 1]", "\"0\":{\"type\":\"a\",\"b_ref\":\"1\"},\"1\":{\"type\":\"b\",\"v\":1}", 1},
        {"[a:b_refs[1].v = 1]",
         "\"0\":{\"type\":\"a\",\"b_refs\":[\"0\",\"1\"]},\"1\":{\"type\":\"b\",\"v\":1}", 1},
        {"[a:b_refs[0].v = 1]",
         "\"0\":{\"type\":\"a\",\"b_refs\":[\"0\",\"1\"]},\"1\":{\"type\":\"b\",\"v\":1}", 0},
        {"[a:b_ref.v = 1]", "\"0\":{\"type\":\"a\",\"b_ref\":7}", ERR_VALUE},
        {"[a:p_bin = h'00ff']", "\"0\":{\"type\":\"a\",\"p_bin\":\"AP8=\"}", 1},
        {"[a:p_hex = 'zz']", "\"0\":{\"type\":\"a\",\"p_hex\":\"0\"}", ERR_VALUE},
        {"[a:p_hex = '\xc3\xbf']", "\"0\":{\"type\":\"a\",\"p_hex\":\"ff\"}", 1},
        {"[a:s LIKE 'a%b%c']", "\"0\":{\"type\":\"a\",\"s\":\"axxbxxbxxc\"}", 1},
        {"[a:s LIKE 'a%b']", "\"0\":{\"type\":\"a\",\"s\":\"a\\nb\"}", 1},
        {"[a:s LIKE '_']", "\"0\":{\"type\":\"a\",\"s\":\"\xe7\x8b\xbc\"}", 1},
        {"[a:s LIKE '__']", "\"0\":{\"type\":\"a\",\"s\":\"\xe7\x8b\xbc\"}", 0},
        {"[a:s MATCHES '^.$']", "\"0\":{\"type\":\"a\",\"s\":\"\xe7\x8b\xbc\"}", 1},
        {"[a:s MATCHES '(']", "\"0\":{\"type\":\"a\",\"s\":\"x\"}", ERR_VALUE},
        {"[a:s MATCHES '^(a+)+$']", "\"0\":{\"type\":\"a\",\"s\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}",
         ERR_LIMIT},
        {"[a:v ISSUBSET '2001:db8::/33']", "\"0\":{\"type\":\"a\",\"v\":\"2001:db8:7fff::1\"}", 1},
        {"[a:v ISSUBSET '2001:db8::/33']", "\"0\":{\"type\":\"a\",\"v\":\"2001:db8:8000::1\"}", 0},
        {"[a:v ISSUPERSET '192.0.2.7']", "\"0\":{\"type\":\"a\",\"v\":\"192.0.2.0/29\"}", 1},
        {"[a:v ISSUBSET '0.0.0.0/0']", "\"0\":{\"type\":\"a\",\"v\":\"192.0.2.0/29\"}", 1},
        {"[a:v ISSUBSET '0.0.0.0/0']", "\"0\":{\"type\":\"a\",\"v\":\"::1\"}", 0},
        {"[a:v ISSUBSET 'name.example']", "\"0\":{\"type\":\"a\",\"v\":\"::1\"}", ERR_VALUE},
        {"[a:x = 1 AND a:y = 2]", "\"0\":{\"type\":\"a\",\"x\":1},\"1\":{\"type\":\"a\",\"y\":2}", 0},
        {"[a:x = 1] REPEATS 0 TIMES", "\"0\":{\"type\":\"a\",\"x\":1}", ERR_VALUE},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        struct err e;
        int rc = run(list[i].pattern, list[i].objects, &e);
        if (rc != list[i].result)
            fail_msg("%s over %s: %d, not %d (%s)", list[i].pattern, list[i].objects, rc, list[i].result,
                     e.text);
    }
}

/* A circle of references, followed again and again from lists of them. */
static void test_circles_end(void **state)
{
    struct buf pattern, objects;
    struct err e;
    buf_init(&pattern, 1u << 20);
    buf_init(&objects, 1u << 20);
    buf_add(&pattern, SV("[a:"));
    for (int i = 0; i < 150; i++)
        buf_add(&pattern, SV("n_refs[*]."));
    buf_printf(&pattern, "v = 1]%c", 0);
    buf_add(&objects, SV("\"0\":{\"type\":\"a\",\"n_refs\":[\"0\",\"0\",\"0\",\"0\",\"0\",\"0\",\"0\"]}"));
    buf_addc(&objects, 0);
    assert_int_equal(run(pattern.p, objects.p, &e), ERR_LIMIT);
    buf_clear(&pattern);
    buf_clear(&objects);
}

/* ---- the join, against all sets of observations
 * -------------------------------------------------------------------------------------- */

#define OBSERVATIONS 5
#define SETS (1u << (2 * OBSERVATIONS))

struct sets {
    bool has[SETS];
};
struct oracle {
    const struct pat_moment *m; /* instance i belongs to moment i / 2 */
    unsigned there;             /* instances that are there */
    unsigned leaves;
};

static bool fits(const struct oracle *o, unsigned a, unsigned b)
{
    usec first = INT64_MIN, last = INT64_MAX;
    for (unsigned i = 0; i < 2 * OBSERVATIONS; i++) {
        if ((a >> i & 1) && o->m[i / 2].first > first)
            first = o->m[i / 2].first;
        if ((b >> i & 1) && o->m[i / 2].last < last)
            last = o->m[i / 2].last;
    }
    return first <= last;
}

/* A window of that length that begins at any microsecond. */
static bool within(const struct oracle *o, unsigned set, usec span)
{
    for (usec from = 0; from < 40; from++) {
        bool all = true;
        for (unsigned i = 0; i < 2 * OBSERVATIONS; i++)
            if (set >> i & 1)
                all &= o->m[i / 2].last >= from && o->m[i / 2].first <= from + span;
        if (all)
            return true;
    }
    return false;
}

static bool between(const struct oracle *o, unsigned set, const struct pat_node *n)
{
    for (unsigned i = 0; i < 2 * OBSERVATIONS; i++)
        if ((set >> i & 1) &&
            (n->start >= n->stop || o->m[i / 2].first >= n->stop || o->m[i / 2].last < n->start))
            return false;
    return true;
}

static void joined(const struct oracle *o, struct sets *into, const struct sets *with, bool followed)
{
    struct sets *out = calloc(1, sizeof(*out));
    for (unsigned a = 0; a < SETS; a++)
        for (unsigned b = 0; into->has[a] && b < SETS; b++)
            if (with->has[b] && !(a & b) && (!followed || fits(o, a, b)))
                out->has[a | b] = true;
    *into = *out;
    free(out);
}

static struct sets *all_sets(struct oracle *o, const struct pat_node *n)
{
    struct sets *ret = n->first && n->type != PAT_OBSERVED ? all_sets(o, n->first) : calloc(1, sizeof(*ret));
    if (n->type == PAT_OBSERVED) {
        for (unsigned i = 0; i < 2 * OBSERVATIONS; i++)
            ret->has[1u << i] = (o->there >> i & 1) && (o->m[i / 2].met[0] >> n->number & 1);
        return ret;
    }
    struct sets one = *ret;
    for (int64_t i = 1; n->type == PAT_REPEATS && i < n->times; i++)
        joined(o, ret, &one, false);
    for (unsigned s = 0; s < SETS; s++) {
        ret->has[s] &= n->type != PAT_WITHIN || within(o, s, (usec)(n->seconds * 1e6 + 0.5));
        ret->has[s] &= n->type != PAT_BETWEEN || between(o, s, n);
    }
    for (const struct pat_node *c = n->first->next; c; c = c->next) {
        struct sets *next = all_sets(o, c);
        for (unsigned s = 0; n->type == PAT_ANY && s < SETS; s++)
            ret->has[s] |= next->has[s];
        if (n->type != PAT_ANY)
            joined(o, ret, next, n->type == PAT_FOLLOWED);
        free(next);
    }
    return ret;
}

static unsigned draw(uint64_t *random, unsigned below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (unsigned)((*random >> 33) % below);
}

static void write_pattern(struct buf *b, uint64_t *r, unsigned depth)
{
    static const char *const joins[] = {" AND ", " OR ", " FOLLOWEDBY "};
    if (depth == 0 || draw(r, 4) == 0) {
        buf_printf(b, "[a:x = %u]", draw(r, 3));
    } else {
        unsigned n = 1 + draw(r, 3), join = draw(r, 3);
        buf_addc(b, '(');
        for (unsigned i = 0; i < n; i++) {
            write_pattern(b, r, depth - 1);
            buf_add(b, i + 1 < n ? sv_c(joins[join]) : SV(")"));
        }
    }
    if (draw(r, 3) == 0)
        buf_printf(b, " REPEATS %u TIMES", 1 + draw(r, 3));
    if (draw(r, 3) == 0)
        buf_printf(b, " WITHIN 0.00000%u SECONDS", 1 + draw(r, 9));
    if (draw(r, 5) == 0)
        buf_printf(b, " START t'1970-01-01T00:00:00.00000%uZ' STOP t'1970-01-01T00:00:00.00001%uZ'",
                   draw(r, 10), draw(r, 10));
}

static void test_join_is_exact(void **state)
{
    uint64_t random = 20260101;
    size_t matches = 0;
    struct buf text;
    struct arena a;
    buf_init(&text, 1u << 16);
    arena_init(&a, 64u << 20);
    for (int round = 0; round < 1500; round++) {
        struct pattern *p;
        struct err e = ERR_NONE;
        struct pat_moment m[OBSERVATIONS];
        uint64_t met[OBSERVATIONS] = {0};
        struct oracle o = {.m = m};
        buf_reset(&text);
        write_pattern(&text, &random, 2);
        if (pattern_new(buf_sv(&text), 0, &p, &e) < 0)
            fail_msg("%.*s: %s", SV_ARG(buf_sv(&text)), e.text);
        for (unsigned i = 0; i < OBSERVATIONS; i++) {
            usec first = draw(&random, 20);
            m[i] = (struct pat_moment){first, first + draw(&random, 4), 1 + draw(&random, 2), &met[i]};
            met[i] = random;
            o.there |= (m[i].count == 2 ? 3u : 1u) << (2 * i);
        }
        arena_reset(&a);
        int got = pattern_join(p, m, OBSERVATIONS, &a, &e);
        struct sets *wanted = all_sets(&o, pattern_tree(p));
        bool any = false;
        for (unsigned s = 1; s < SETS; s++)
            any |= wanted->has[s];
        if (got != any)
            fail_msg("%.*s: %d, not %d (%s)", SV_ARG(buf_sv(&text)), got, any, got < 0 ? e.text : "");
        matches += any;
        free(wanted);
        pattern_free(p);
    }
    assert_true(matches > 150 && matches < 1350);
    arena_clear(&a);
    buf_clear(&text);
}

/* What would have to try every subset, if subsets were tried. */
static void test_many_observations(void **state)
{
    enum { N = 3000 };
    static const struct {
        const char *pattern;
        int result;
    } list[] = {
        {"[a:x=1] REPEATS 3000 TIMES", 1},
        {"[a:x=1] REPEATS 3001 TIMES", 0},
        {"[a:x=1] REPEATS 12 TIMES WITHIN 10 SECONDS", 0},
        {"[a:x=1] REPEATS 11 TIMES WITHIN 10 SECONDS", 1},
        {"([a:x=1] AND [a:x=2] AND [a:x=3]) REPEATS 1000 TIMES", 1},
        {"([a:x=1] AND [a:x=2] AND [a:x=3]) REPEATS 1001 TIMES", 0},
        {"[a:x=1] FOLLOWEDBY [a:x=2] FOLLOWEDBY [a:x=3] FOLLOWEDBY [a:x=4]", 1},
        {"([a:x=1] AND [a:x=2]) REPEATS 99999999 TIMES WITHIN 1 SECONDS", 0},
    };
    static struct pat_moment m[N];
    static uint64_t met = UINT64_MAX;
    struct arena a;
    arena_init(&a, 64u << 20);
    for (usec i = 0; i < N; i++)
        m[i] = (struct pat_moment){i * USEC_SECOND, i * USEC_SECOND, 1, &met};
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        struct pattern *p;
        struct err e = ERR_NONE;
        usec start = time_ticks();
        assert_int_equal(pattern_new(sv_c(list[i].pattern), 0, &p, &e), OK);
        int got = pattern_join(p, m, N, &a, &e);
        printf("  %s: %d in %lld us %s\n", list[i].pattern, got, (long long)(time_ticks() - start),
               got < 0 ? e.text : "");
        assert_int_equal(got, list[i].result);
        pattern_free(p);
        arena_reset(&a);
    }
    arena_clear(&a);
}

/* Sixty pairs in order where fifty-nine can be: each has its own instant between the two, and all choices of
 * fifty-nine look good until the last. */
static void test_limits_are_errors(void **state)
{
    enum { PAIRS = 59 };
    static struct pat_moment m[4 * PAIRS];
    static const uint64_t met[2] = {1, 2};
    struct pattern *p;
    struct err e = ERR_NONE;
    struct arena a;
    arena_init(&a, 64u << 20);
    for (usec i = 0; i < 4 * PAIRS; i++) {
        usec group = i / PAIRS, at = (group * 1000 + i) * USEC_SECOND;
        m[i] = (struct pat_moment){at, at, 1, &met[group == 0 || group == 2]};
    }
    assert_int_equal(pattern_new(SV("([a:x=1] FOLLOWEDBY [a:x=2]) REPEATS 60 TIMES"), 0, &p, &e), OK);
    usec start = time_ticks();
    assert_int_equal(pattern_join(p, m, 4 * PAIRS, &a, &e), ERR_LIMIT);
    printf("  given up after %lld us: %s\n", (long long)(time_ticks() - start), e.text);
    assert_true(e.remedy[0] != 0);
    pattern_free(p);
    assert_int_equal(pattern_new(SV("([a:x=1] FOLLOWEDBY [a:x=2]) REPEATS 59 TIMES"), 0, &p, &e), OK);
    arena_reset(&a);
    assert_int_equal(pattern_join(p, m, 4 * PAIRS, &a, &e), 1);
    pattern_free(p);
    arena_clear(&a);
}

/* ---- equivalence
 * ------------------------------------------------------------------------------------------------------------------
 */

static void test_equivalent(void **state)
{
    static const struct {
        const char *a, *b;
        int result;
    } list[] = {
        {"[a:b IN (3,1,2,1)]", "[a:b IN (1,2,3)]", 1},
        {"[a:b IN (1)]", "[a:b = 1.0]", 1},
        {"[a:b NOT = 1]", "[a:b != 1]", 1},
        {"[a:b NOT < 1]", "[a:b >= 1]", 0},
        {"[a:b = 1 OR a:b = 2]", "[a:b = 1] OR [a:b = 2]", 1},
        {"[a:b = 1] AND [a:b = 1]", "[a:b = 1]", 0},
        {"[a:b = h'4f']", "[a:b = b'Tw==']", 1},
        {"[a:b = t'2026-01-01T00:00:00.1Z']", "[a:b = t'2026-01-01T00:00:00.100Z']", 1},
        {"[a:b = t'2026-01-01T00:00:00.0000001Z']", "[a:b = t'2026-01-01T00:00:00.0000002Z']", 0},
        {"[a:'b' = 'x']", "[ a:b='x' ] /* the same */", 1},
        {"[a:b = 1", "[a:b = 1]", ERR_SYNTAX},
        {"[ipv4-addr:value ISSUBSET '192.0.2.7/24']", "[ipv4-addr:value ISSUBSET '192.0.2.0/24']", 1},
        {"[a:b = 1 AND c:d = 1]", "[x:y = 1 AND z:y = 1]", 1},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        struct err e = ERR_NONE;
        int got = pattern_equivalent(sv_c(list[i].a), sv_c(list[i].b), 0, &e);
        if (got != list[i].result)
            fail_msg("%s and %s: %d, not %d (%s)", list[i].a, list[i].b, got, list[i].result, e.text);
        if (got >= 0)
            assert_int_equal(pattern_equivalent(sv_c(list[i].b), sv_c(list[i].a), 0, &e), got);
    }
}

/* (1 OR 2) AND (3 OR 4) AND ... would have 2^40 alternatives. */
static void test_normal_forms_end(void **state)
{
    struct buf b;
    struct err e = ERR_NONE;
    buf_init(&b, 1u << 20);
    for (int i = 0; i < 40; i++)
        buf_printf(&b, "%s([a:b = %d] OR [a:b = %d])", i ? " AND " : "", 2 * i, 2 * i + 1);
    assert_int_equal(pattern_equivalent(buf_sv(&b), buf_sv(&b), 0, &e), ERR_LIMIT);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_circles_end),
        cmocka_unit_test(test_join_is_exact),
        cmocka_unit_test(test_many_observations),
        cmocka_unit_test(test_limits_are_errors),
        cmocka_unit_test(test_equivalent),
        cmocka_unit_test(test_normal_forms_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
