/* json.h, reading: what is refused and where, repeated keys, limits, accessors, and jansson as the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

#include <stdlib.h>

static struct json_doc *doc;

static int setup(void **state)
{
    doc = json_doc_new(1 << 20);
    return doc ? 0 : -1;
}

static int teardown(void **state)
{
    json_doc_free(doc);
    return 0;
}

static struct jv parse(const char *text)
{
    struct err e = ERR_NONE;
    struct jv v;

    if (json_parse(doc, sv_c(text), &v, &e) != OK)
        fail_msg("%s: %s", text, e.text);
    return v;
}

struct refused {
    struct sv text;
    int code;
    uint64_t line;
    uint64_t offset;
};

static void check_refused(const struct refused *r)
{
    struct err e = ERR_NONE;
    struct jv v;
    int rc = json_parse(doc, r->text, &v, &e);

    if (rc != r->code || e.code != r->code || e.line != r->line || e.offset != r->offset)
        fail_msg("%.*s: code %d line %d offset %d: %s", SV_ARG(r->text), rc, (int)e.line, (int)e.offset,
                 e.text);
    assert_true(e.text[0] != '\0');
    assert_int_equal(json_type(v), JSON_NONE);
}

static void malformed_text_is_refused_at_the_exact_byte(void **state)
{
    static const struct refused cases[] = {
        {SV("{\"a\":tru}"), ERR_SYNTAX, 1, 5},
        {SV("{\"a\":01}"), ERR_SYNTAX, 1, 5},
        {SV("{\"a\":1.}"), ERR_SYNTAX, 1, 7},
        {SV("{\"a\":\"x\\q\"}"), ERR_SYNTAX, 1, 7},
        {SV("{\"a\":\"x\ny\"}"), ERR_SYNTAX, 1, 7},
        {SV("{\"a\":1,}"), ERR_SYNTAX, 1, 7},
        {SV("{\n\"a\":1\n\"b\":2}"), ERR_SYNTAX, 3, 8},
        {SV("{\"a\":1} x"), ERR_SYNTAX, 1, 8},
        {SV("{\"a\":\"\xC0\xAF\"}"), ERR_SYNTAX, 1, 6},
        {SV("{\"a\":\"z\\ud800\"}"), ERR_SYNTAX, 1, 7},
        {SV("{\"a\":NaN}"), ERR_SYNTAX, 1, 5},
        {SV("{'a':1}"), ERR_SYNTAX, 1, 1},
        {SV("{\"a\":[1,2}"), ERR_SYNTAX, 1, 9},
        {SV("{\"a\" 1}"), ERR_SYNTAX, 1, 5},
        {SV("{\"a\":\"x\0y\"}"), ERR_SYNTAX, 1, 7},
        {SV("{\"a\":1 /* c */}"), ERR_SYNTAX, 1, 7},
        /* beyond the sixteen */
        {SV(""), ERR_SYNTAX, 1, 0},
        {SV(" \n "), ERR_SYNTAX, 2, 3},
        {SV("\xEF\xBB\xBF{}"), ERR_SYNTAX, 1, 0},
        {SV("[1,\n2,\n\n3"), ERR_SYNTAX, 4, 9},
        {SV("[\"abc"), ERR_SYNTAX, 1, 1},
        {SV("[\"abc\\"), ERR_SYNTAX, 1, 5},
        {SV("[\"\\udc00\"]"), ERR_SYNTAX, 1, 2},
        {SV("[\"\\ud800\\ue000\"]"), ERR_SYNTAX, 1, 2},
        {SV("[\"\\u00g0\"]"), ERR_SYNTAX, 1, 2},
        {SV("[\"\xED\xA0\x80\"]"), ERR_SYNTAX, 1, 2},
        {SV("[\"\xF4\x90\x80\x80\"]"), ERR_SYNTAX, 1, 2},
        {SV("[-]"), ERR_SYNTAX, 1, 2},
        {SV("[1e]"), ERR_SYNTAX, 1, 3},
        {SV("[+1]"), ERR_SYNTAX, 1, 1},
        {SV("[.5]"), ERR_SYNTAX, 1, 1},
        {SV("{1:2}"), ERR_SYNTAX, 1, 1},
        {SV("[,1]"), ERR_SYNTAX, 1, 1},
        {SV("]"), ERR_SYNTAX, 1, 0},
        {SV("nulls"), ERR_SYNTAX, 1, 4},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(&cases[i]);
}

static void numbers_out_of_range_name_a_remedy(void **state)
{
    static const struct refused cases[] = {
        {SV("{\"x\":18446744073709551616}"), ERR_VALUE, 1, 5},
        {SV("[-9223372036854775809]"), ERR_VALUE, 1, 1},
        {SV("[0, 1e400]"), ERR_VALUE, 1, 4},
        {SV("[-1.8e308]"), ERR_VALUE, 1, 1},
        {SV("-2.5e09223372036854775807"), ERR_VALUE, 1, 0},
        {SV("1e99999999999999999999999999"), ERR_VALUE, 1, 0},
    };
    struct err e = ERR_NONE;
    struct jv v;
    double f;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(&cases[i]);
    assert_int_equal(json_parse(doc, cases[0].text, &v, &e), ERR_VALUE);
    assert_non_null(strstr(e.remedy, "string"));
    assert_true(json_f64(parse("1e-400"), &f) && f == 0);
    assert_true(json_f64(parse("0e99999"), &f) && f == 0);
    assert_true(json_f64(parse("-0.000001e-9223372036854775807"), &f) && f == 0);
}

static void repeated_keys_are_refused_at_any_depth(void **state)
{
    static const struct refused cases[] = {
        {SV("{\"a\":1,\"a\":2}"), ERR_VALUE, 1, 7},
        {SV("{\"a\":1,\n\"\\u0061\":2}"), ERR_VALUE, 2, 8},
        {SV("{\"\":1,\"\":2}"), ERR_VALUE, 1, 6},
        {SV("[{\"x\":{\"k\":\"k\",\"y\":0,\"k\":[]}}]"), ERR_VALUE, 1, 21},
        {SV("{\"o\":{\"i\":1,\"i\":2},\"o\":3}"), ERR_VALUE, 1, 12},
        {SV("{\"\\ud83d\\ude02\":1,\"\xF0\x9F\x98\x82\":2}"), ERR_VALUE, 1, 18},
    };
    struct err e = ERR_NONE;
    struct jv v;
    int64_t first = 0;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(&cases[i]);
    parse("{\"a\":{\"a\":{\"a\":1}},\"b\":\"a\",\"ab\":[{\"a\":1},{\"a\":1}]}");
    assert_int_equal(json_parse_event(doc, SV("{\"a\":1,\"a\":2}"), &v, &e), OK);
    assert_true(json_i64(json_get(v, SV("a")), &first) && first == 1);
}

/* More members than are compared without sorting: the repeat is put at every place in turn. */
static void repeated_keys_are_found_in_large_objects(void **state)
{
    for (size_t n = 2; n < 200; n += n < 70 ? 1 : 43) {
        for (size_t twin = 0; twin <= n; twin += 1 + n / 7) {
            struct buf b;
            struct jw w;
            struct jv v;
            struct err e = ERR_NONE;
            buf_init(&b, 1 << 16);
            jw_init(&w, &b);
            jw_obj(&w);
            for (size_t i = 0; i < n; i++) {
                char key[16];
                (void)snprintf(key, sizeof key, "key%zu", i == n - 1 && twin < n - 1 ? twin : i);
                jw_kint(&w, key, 1);
            }
            jw_end_obj(&w);
            assert_int_equal(json_parse(doc, buf_sv(&b), &v, &e), twin < n - 1 ? ERR_VALUE : OK);
            if (twin < n - 1)
                assert_int_equal(e.offset, sv_rchr(sv_sub(buf_sv(&b), 0, sv_rchr(buf_sv(&b), ':') - 1), '"'));
            buf_clear(&b);
        }
    }
}

static struct sv nested(char *text, size_t levels, const char *open, const char *close, const char *core)
{
    struct buf b;
    struct sv s;

    buf_init(&b, 4096);
    for (size_t i = 0; i < levels; i++)
        buf_add(&b, sv_c(open));
    buf_add(&b, sv_c(core));
    for (size_t i = 0; i < levels; i++)
        buf_add(&b, sv_c(close));
    s = sv_from(text, b.n);
    memcpy(text, b.p, b.n);
    buf_clear(&b);
    return s;
}

static void depth_is_limited_to_64_levels(void **state)
{
    static const struct {
        const char *open, *close;
    } kinds[] = {{"[", "]"}, {"{\"a\":", "}"}};
    char text[4096];
    struct jv v;

    for (size_t k = 0; k < 2; k++) {
        struct err e = ERR_NONE;
        struct sv fits = nested(text, JSON_MAX_DEPTH - 1, kinds[k].open, kinds[k].close, "1");
        assert_int_equal(json_parse(doc, fits, &v, &e), OK);
        struct sv deep = nested(text, JSON_MAX_DEPTH, kinds[k].open, kinds[k].close, "1");
        assert_int_equal(json_parse(doc, deep, &v, &e), ERR_LIMIT);
        assert_int_equal(e.offset, JSON_MAX_DEPTH * strlen(kinds[k].open));
        assert_int_equal(json_parse_event(doc, deep, &v, &e), ERR_LIMIT);
    }
}

static void size_is_limited_and_the_document_can_be_used_again(void **state)
{
    struct json_doc *small = json_doc_new(10);
    struct err e = ERR_NONE;
    struct jv v;

    assert_non_null(small);
    assert_int_equal(json_parse(small, SV("[1,2,3,4,5]"), &v, &e), ERR_LIMIT);
    assert_int_equal(json_parse(small, SV("[1,2,3,45]"), &v, &e), OK);
    assert_int_equal(json_count(v), 4);
    assert_int_equal(json_parse(small, SV_NONE, &v, &e), ERR_SYNTAX);
    assert_int_equal(json_parse(small, SV("tru"), &v, NULL), ERR_SYNTAX);
    json_doc_free(small);
    json_doc_free(NULL);
}

static void accessors_answer_for_every_type(void **state)
{
    struct jv v =
        parse(" {\"n\":null,\"t\":true,\"f\":false,\"i\":-9223372036854775808,\"u\":18446744073709551615,"
              "\"d\":1.5,\"s\":\"a\\u0000b\",\"a\":[1,[2],{}],\"o\":{\"p\":{\"q\":7}},\"z\":0} ");
    struct sv s = json_get_str(v, SV("s"));
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;
    bool truth = false;

    assert_int_equal(json_type(v), JSON_OBJECT);
    assert_int_equal(json_count(v), 10);
    assert_int_equal(json_type(json_get(v, SV("n"))), JSON_NULL);
    assert_true(json_bool(json_get(v, SV("t")), &truth) && truth);
    assert_true(json_bool(json_get(v, SV("f")), &truth) && !truth);
    assert_false(json_bool(json_get(v, SV("n")), &truth));
    assert_true(json_i64(json_get(v, SV("i")), &i) && i == INT64_MIN);
    assert_false(json_u64(json_get(v, SV("i")), &u));
    assert_false(json_i64(json_get(v, SV("u")), &i));
    assert_true(json_u64(json_get(v, SV("u")), &u) && u == UINT64_MAX);
    assert_true(json_u64(json_get(v, SV("z")), &u) && u == 0);
    assert_int_equal(json_type(json_get(v, SV("u"))), JSON_UINT);
    assert_false(json_i64(json_get(v, SV("d")), &i));
    assert_true(json_f64(json_get(v, SV("d")), &d) && d == 1.5);
    assert_true(json_f64(json_get(v, SV("i")), &d) && d == -0x1p63);
    assert_true(json_f64(json_get(v, SV("u")), &d) && d == 0x1p64);
    assert_false(json_f64(json_get(v, SV("s")), &d));
    assert_true(sv_eq(s, sv_from("a\0b", 3)));
    assert_null(json_str(json_get(v, SV("i"))).p);
    assert_int_equal(json_count(json_get(v, SV("a"))), 3);
    assert_true(json_i64(json_path(v, "o", "p", "q", NULL), &i) && i == 7);
    assert_int_equal(json_type(json_path(v, "o", "x", "q", NULL)), JSON_NONE);
    assert_int_equal(json_type(json_get(json_get(v, SV("a")), SV("a"))), JSON_NONE);
    assert_int_equal(json_type((struct jv){0}), JSON_NONE);
    assert_int_equal(json_count((struct jv){0}), 0);
}

static void walks_see_every_member_in_order(void **state)
{
    struct json_it it =
        json_each(parse("{\"a\":[1,{\"x\":[]}],\"b\":-1.5e3,\"c\":18446744073709551615,\"d\":{}}"));
    struct json_it none = json_each((struct jv){0});
    struct sv key;
    struct jv v;
    char keys[8];
    size_t n = 0;

    while (json_next(&it, &key, &v))
        keys[n++] = key.p[0];
    assert_int_equal(n, 4);
    assert_memory_equal(keys, "abcd", 4);
    it = json_each(parse("[[],[[]],7]"));
    for (n = 0; json_next(&it, &key, &v); n++)
        assert_null(key.p);
    assert_int_equal(n, 3);
    assert_false(json_next(&none, &key, &v));
    it = json_each(parse("\"text\""));
    assert_false(json_next(&it, &key, &v));
}

static void the_text_need_not_be_readable_past_its_end(void **state)
{
    for (size_t n = 1; n < 130; n++) {
        char *exact = malloc(n + 2); /* an overrun shows under the address sanitizer */
        struct jv v;
        assert_non_null(exact);
        memset(exact, 'x', n + 2);
        exact[0] = exact[n + 1] = '"';
        assert_int_equal(json_parse(doc, sv_from(exact, n + 2), &v, NULL), OK);
        assert_int_equal(json_str(v).n, n);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_text_is_refused_at_the_exact_byte),
        cmocka_unit_test(numbers_out_of_range_name_a_remedy),
        cmocka_unit_test(repeated_keys_are_refused_at_any_depth),
        cmocka_unit_test(repeated_keys_are_found_in_large_objects),
        cmocka_unit_test(depth_is_limited_to_64_levels),
        cmocka_unit_test(size_is_limited_and_the_document_can_be_used_again),
        cmocka_unit_test(accessors_answer_for_every_type),
        cmocka_unit_test(walks_see_every_member_in_order),
        cmocka_unit_test(the_text_need_not_be_readable_past_its_end),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
