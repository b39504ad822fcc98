/* What is read out of a request's texts, and path patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/text.h"

static void same(struct sv have, struct sv want)
{
    assert_int_equal(have.p == NULL, want.p == NULL);
    assert_int_equal(have.n, want.n);
    assert_memory_equal(have.n ? have.p : "", want.n ? want.p : "", have.n);
}

static void test_target(void **state)
{
    struct sv path, query;
    assert_true(text_target(SV("/a/b?c=1?d#e"), &path, &query));
    same(path, SV("/a/b"));
    same(query, SV("c=1?d"));
    assert_true(text_target(SV("https://h:1/a"), &path, &query));
    same(path, SV("/a"));
    same(query, SV(""));
    assert_true(text_target(SV("HTTP://h"), &path, &query));
    same(path, SV("/"));
    assert_false(text_target(SV(""), &path, &query));
    assert_false(text_target(SV("*"), &path, &query));
    assert_false(text_target(SV("a/b"), &path, &query));
}

static void test_unescape(void **state)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    same(text_unescape(&a, SV("a%2Fb+c%e9%8a%80"), false), SV("a/b+c\xe9\x8a\x80"));
    same(text_unescape(&a, SV("a+b%2B"), true), SV("a b+"));
    same(text_unescape(&a, SV("%2541"), true), SV("%41")); /* once, not twice */
    same(text_unescape(&a, SV(""), true), SV(""));
    const struct sv wrong[] = {SV("%"),   SV("%4"),     SV("%g1"),       SV("a%1"),  SV("%00"), SV("%0a"),
                               SV("%7f"), SV("%c0%80"), SV("%ed%a0%80"), SV("\xff"), SV("%-1"), SV("% 1")};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        same(text_unescape(&a, wrong[i], true), SV_NONE);
    }
    arena_clear(&a);
}

static void test_pair(void **state)
{
    struct sv q = SV("a=1&b&c=&%64=4&a=2&e=x=y&&%zz=1&f=5");
    same(text_pair(q, SV("a")), SV("1"));
    same(text_pair(q, SV("b")), SV(""));
    same(text_pair(q, SV("c")), SV(""));
    same(text_pair(q, SV("d")), SV("4"));
    same(text_pair(q, SV("e")), SV("x=y"));
    same(text_pair(q, SV("f")), SV("5"));
    same(text_pair(q, SV("g")), SV_NONE);
    same(text_pair(SV(""), SV("a")), SV_NONE);
    same(text_pair(SV("aa=1"), SV("a")), SV_NONE);
}

static void test_cookie(void **state)
{
    struct sv c = SV("a=1; __Host-b=\"two\";c=3 ; d; e=\"");
    same(text_cookie(c, SV("a")), SV("1"));
    same(text_cookie(c, SV("__Host-b")), SV("two"));
    same(text_cookie(c, SV("c")), SV("3"));
    same(text_cookie(c, SV("d")), SV_NONE);
    same(text_cookie(c, SV("e")), SV("\""));
    same(text_cookie(c, SV("Host-b")), SV_NONE);
}

static void test_accepts(void **state)
{
    assert_true(text_accepts(SV("gzip, deflate, br"), SV("br")));
    assert_true(text_accepts(SV("GZIP;q=0.5"), SV("gzip")));
    assert_false(text_accepts(SV("gzip;q=0"), SV("gzip")));
    assert_false(text_accepts(SV("gzip; q=0.000, br"), SV("gzip")));
    assert_true(text_accepts(SV("gzip;q=0.001"), SV("gzip")));
    assert_false(text_accepts(SV("x-gzip"), SV("gzip")));
    assert_false(text_accepts(SV(""), SV("gzip")));
}

static void test_match(void **state)
{
    struct sv part[2];
    assert_int_equal(http_match("/", SV("/"), part, 2), 0);
    assert_int_equal(http_match("/a/b", SV("/a/b"), part, 2), 0);
    assert_int_equal(http_match("/a/b", SV("/a/b/"), part, 2), -1);
    assert_int_equal(http_match("/a/b", SV("/a"), part, 2), -1);
    assert_int_equal(http_match("/a/b", SV("/a/B"), part, 2), -1);
    assert_int_equal(http_match("/a/{id}/c/{k}", SV("/a/7/c/x.y"), part, 2), 2);
    same(part[0], SV("7"));
    same(part[1], SV("x.y"));
    assert_int_equal(http_match("/a/{id}/c", SV("/a//c"), part, 2), -1);
    assert_int_equal(http_match("/a/{id}/{k}/{l}", SV("/a/1/2/3"), part, 2), -1); /* no room */
    assert_int_equal(http_match("/f/*", SV("/f/x/y"), part, 2), 1);
    same(part[0], SV("x/y"));
    assert_int_equal(http_match("/f/*", SV("/f/"), part, 2), -1);
    assert_int_equal(http_match("/f/*", SV("/f"), part, 2), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target), cmocka_unit_test(test_unescape), cmocka_unit_test(test_pair),
        cmocka_unit_test(test_cookie), cmocka_unit_test(test_accepts),  cmocka_unit_test(test_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
