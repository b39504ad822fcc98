/* stix/pattern.h and stix_pattern: the tree, its precedence, decoded literals, classes, limits and places of
 * errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stix/pattern.h"

#include <stdlib.h>

static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena, 64u << 20);
    return 0;
}

static int teardown(void **state)
{
    arena_clear(&arena);
    return 0;
}

/* The tree as text: fully bracketed. */
static void show(const struct pat_node *n, struct buf *out)
{
    static const char *const names[] = {
        [PAT_TEST] = "test",       [PAT_AND] = "and",        [PAT_OR] = "or",         [PAT_OBSERVED] = "obs",
        [PAT_ALL] = "AND",         [PAT_ANY] = "OR",         [PAT_FOLLOWED] = "THEN", [PAT_WITHIN] = "within",
        [PAT_REPEATS] = "repeats", [PAT_BETWEEN] = "between"};
    if (n->type == PAT_TEST) {
        buf_add(out, n->path->key);
        return;
    }
    buf_printf(out, "(%s", names[n->type]);
    for (const struct pat_node *c = n->first; c; c = c->next) {
        buf_addc(out, ' ');
        show(c, out);
    }
    buf_addc(out, ')');
}

static void test_precedence(void **state)
{
    static const char *const rows[][2] = {
        {"[x:a=1]", "(obs a)"},
        {"[x:a=1 OR x:b=1 AND x:c=1]", "(obs (or a (and b c)))"},
        {"[(x:a=1 OR x:b=1) AND x:c=1]", "(obs (and (or a b) c))"},
        {"[x:a=1 OR x:b=1 OR x:c=1]", "(obs (or a b c))"},
        {"[x:a=1] OR [x:b=1] AND [x:c=1]", "(OR (obs a) (AND (obs b) (obs c)))"},
        {"[x:a=1] FOLLOWEDBY [x:b=1] OR [x:c=1]", "(THEN (obs a) (OR (obs b) (obs c)))"},
        {"[x:a=1] AND [x:b=1] WITHIN 5 SECONDS", "(AND (obs a) (within (obs b)))"},
        {"([x:a=1] AND [x:b=1]) WITHIN 5 SECONDS REPEATS 2 TIMES",
         "(repeats (within (AND (obs a) (obs b))))"},
        {"[x:a=1] /* why */ OR // and\n [x:b=1]", "(OR (obs a) (obs b))"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pat_node *root;
        struct err e = ERR_NONE;
        struct buf b;
        buf_init(&b, 4096);
        if (pattern_parse(sv_c(rows[i][0]), &arena, &root, &e) != OK)
            fail_msg("%s: %s", rows[i][0], e.text);
        show(root, &b);
        buf_addc(&b, 0);
        assert_string_equal(b.p, rows[i][1]);
        buf_clear(&b);
    }
}

static const struct pat_node *only_test(const char *text)
{
    struct pat_node *root;
    struct err e = ERR_NONE;
    if (pattern_parse(sv_c(text), &arena, &root, &e) != OK)
        fail_msg("%s: %s", text, e.text);
    assert_int_equal(root->type, PAT_OBSERVED);
    return root->first;
}

static void test_literals(void **state)
{
    const struct pat_node *n =
        only_test("[file:'na\\'me'[3].b[*].c NOT IN ('a\\\\b', -4, .5, true, h'00ff', b'AQI=', "
                  "t'1970-01-01T00:00:01.5Z')]");
    const struct pat_step *s = n->path;
    const struct pat_lit *l = n->literals;
    assert_true(n->negated);
    assert_int_equal(n->op, OP_IN);
    assert_true(sv_eq(s->key, SV("na'me")));
    assert_int_equal(s->next->index, 3);
    assert_int_equal(s->next->next->next->type, STEP_ANY);
    assert_true(sv_eq(l->bytes, SV("a\\b")));
    l = l->next;
    assert_int_equal(l->integer, -4);
    l = l->next;
    assert_true(l->type == LIT_FLOAT && l->real > 0.49 && l->real < 0.51);
    l = l->next;
    assert_true(l->type == LIT_BOOL && l->truth);
    l = l->next;
    assert_true(l->bytes.n == 2 && memcmp(l->bytes.p, "\x00\xff", 2) == 0);
    l = l->next;
    assert_true(l->bytes.n == 2 && memcmp(l->bytes.p, "\x01\x02", 2) == 0);
    l = l->next;
    assert_int_equal(l->time, 1500000);
    assert_null(l->next);
}

static void test_qualifier_values(void **state)
{
    struct pat_node *root;
    struct err e = ERR_NONE;
    assert_int_equal(
        pattern_parse(SV("[x:a=1] WITHIN 2.5 SECONDS REPEATS 3 TIMES START t'1970-01-01T00:00:01Z' STOP "
                         "t'1970-01-01T00:00:02Z'"),
                      &arena, &root, &e),
        OK);
    assert_int_equal(root->type, PAT_BETWEEN);
    assert_int_equal(root->start, USEC_SECOND);
    assert_int_equal(root->stop, 2 * USEC_SECOND);
    assert_int_equal(root->first->times, 3);
    assert_true(root->first->first->seconds > 2.49 && root->first->first->seconds < 2.51);
}

struct values {
    size_t n, bad;
    char text[400];
};

static void collect(void *ctx, const struct obs *o, bool bad)
{
    struct values *v = ctx;
    size_t at = strlen(v->text);
    v->n++;
    v->bad += bad;
    snprintf(v->text + at, sizeof(v->text) - at, "%s=%.*s;", kind_name(o->kind), SV_ARG(o->value));
}

static void test_classes(void **state)
{
    static const struct {
        const char *pattern;
        enum pattern_class class;
        size_t bad;
        const char *values;
    } rows[] = {
        {"[domain-name:value = 'X.Example']", PATTERN_ATOMS, 1, "domain-name=x.example;"},
        {"[domain-name:value = 'a.example' OR ipv4-addr:value = '192.0.2.1'] OR [url:value = "
         "'http://b.example']",
         PATTERN_ATOMS, 3, "domain-name=a.example;ipv4-addr=192.0.2.1;url=http://b.example/;"},
        {"[ipv4-addr:value IN ('192.0.2.1', '192.0.2.0/24')]", PATTERN_ATOMS, 2,
         "ipv4-addr=192.0.2.1;ipv4-addr=192.0.2.0/24;"},
        {"[ipv6-addr:value ISSUBSET '2001:db8::/32']", PATTERN_ATOMS, 1, "ipv6-addr=2001:db8::/32;"},
        {"[domain-name:value LIKE '%.a.example']", PATTERN_ATOMS, 1, "domain-name=*.a.example;"},
        {"[domain-name:value = '192.0.2.9']", PATTERN_ATOMS, 1, "ipv4-addr=192.0.2.9;"},
        {"[network-traffic:dst_ref.value = 'c2.example']", PATTERN_ATOMS, 1, "domain-name=c2.example;"},
        {"[email-message:to_refs[*].value = 'a@b.example']", PATTERN_ATOMS, 1, "email-addr=a@b.example;"},
        {"[file:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']", PATTERN_ATOMS, 1,
         "sha-1=da39a3ee5e6b4b0d3255bfef95601890afd80709;"},
        {"[x509-certificate:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']", PATTERN_ATOMS, 1,
         "x509-sha-1=da39a3ee5e6b4b0d3255bfef95601890afd80709;"},
        {"[autonomous-system:number = 64496]", PATTERN_ATOMS, 1, "autonomous-system=AS64496;"},
        {"[file:name = 'a.exe' AND domain-name:value = 'a.example']", PATTERN_OTHER, 0,
         "file-name=a.exe;domain-name=a.example;"},
        {"[domain-name:value = 'a.example'] REPEATS 2 TIMES", PATTERN_OTHER, 0, "domain-name=a.example;"},
        {"[domain-name:value != 'a.example']", PATTERN_OTHER, 0, ""},
        {"[domain-name:value NOT = 'a.example']", PATTERN_OTHER, 0, ""},
        {"[domain-name:value NOT IN ('a.example')]", PATTERN_OTHER, 0, ""},
        {"[domain-name:value LIKE '%a.example']", PATTERN_OTHER, 0, ""},
        {"[domain-name:value = 'not a name']", PATTERN_OTHER, 0, ""},
        {"[email-message:to_refs[0].value = 'a@b.example']", PATTERN_OTHER, 0, ""},
        {"[process:command_line = 'x']", PATTERN_OTHER, 0, ""},
        {"[ipv4-addr:value IN ()]", PATTERN_OTHER, 0, ""},
        {"[domain-name:value = 'a.example'", PATTERN_BAD, 0, ""},
        {"", PATTERN_BAD, 0, ""},
        {"domain-name:value = 'a.example'", PATTERN_BAD, 0, ""},
        {"[a:b = 'x' and a:c = 1]", PATTERN_BAD, 0, ""},
        {"[a:b = \"x\"]", PATTERN_BAD, 0, ""},
        {"[a:b = '\\x']", PATTERN_BAD, 0, ""},
        {"[a:b < true]", PATTERN_BAD, 0, ""},
        {"[a:b = 007]", PATTERN_BAD, 0, ""},
        {"[a:b = 99999999999999999999]", PATTERN_BAD, 0, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = ERR_NONE;
        struct values v = {0};
        enum pattern_class c = stix_pattern(sv_c(rows[i].pattern), &arena, collect, &v, &e);
        if (c != rows[i].class || v.bad != rows[i].bad || strcmp(v.text, rows[i].values) != 0)
            fail_msg("%s: class %d, %zu bad, %s", rows[i].pattern, (int)c, v.bad, v.text);
        if (c == PATTERN_BAD)
            assert_int_not_equal(e.offset, UINT64_MAX);
    }
}

static void test_error_place(void **state)
{
    struct err e = ERR_NONE;
    assert_int_equal(stix_pattern(SV("[a:b = 1\n OR\n a.c = 2]"), &arena, NULL, NULL, &e), PATTERN_BAD);
    assert_int_equal(e.line, 3);
    assert_int_equal(e.offset, 15);
}

/* Hostile sizes: deep nesting is refused, long flat chains are not, and nothing takes quadratic time. */
static void test_limits(void **state)
{
    struct err e = ERR_NONE;
    struct buf b;
    buf_init(&b, 4u << 20);
    for (int i = 0; i < 100000; i++)
        buf_addc(&b, '(');
    assert_int_equal(stix_pattern(buf_sv(&b), &arena, NULL, NULL, &e), PATTERN_BAD);
    assert_int_equal(e.code, ERR_LIMIT);
    buf_reset(&b);
    buf_add(&b, SV("[a:b=1]"));
    for (int i = 0; i < 20000; i++)
        buf_add(&b, SV(" OR [domain-name:value = 'a.example']"));
    assert_int_equal(stix_pattern(buf_sv(&b), &arena, NULL, NULL, &e), PATTERN_OTHER);
    buf_reset(&b);
    buf_add(&b, SV("([a:b=1])"));
    for (int i = 0; i < 20000; i++)
        buf_add(&b, SV(" WITHIN 1 SECONDS"));
    assert_int_equal(stix_pattern(buf_sv(&b), &arena, NULL, NULL, &e), PATTERN_BAD);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),       cmocka_unit_test(test_literals),
        cmocka_unit_test(test_qualifier_values), cmocka_unit_test(test_classes),
        cmocka_unit_test(test_error_place),      cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
