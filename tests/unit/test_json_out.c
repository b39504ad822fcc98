/* json.h, writing: RFC 8785 vectors, ECMAScript numbers, the streaming writer, and values written again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

#include <math.h>
#include <stdlib.h>

static struct json_doc *doc;
static struct buf out;

static int setup(void **state)
{
    doc = json_doc_new(1 << 20);
    buf_init(&out, 1 << 20);
    return doc ? 0 : -1;
}

static int teardown(void **state)
{
    json_doc_free(doc);
    buf_clear(&out);
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

static void assert_out(const char *want)
{
    assert_false(out.failed);
    if (!sv_eq(buf_sv(&out), sv_c(want)))
        fail_msg("wrote %.*s\nwanted %s", SV_ARG(buf_sv(&out)), want);
}

static void canonical_form_matches_published_vectors(void **state)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        /* RFC 8785 3.2.2 and 3.2.4 */
        {"{\n  \"numbers\": [333333333.33333329, 1E30, 4.50,\n  2e-3, 0.000000000000000000000000001],\n"
         "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n  \"literals\": "
         "[null, true, false]\n}",
         "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
         "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"},
        /* RFC 8785 3.2.3: by UTF-16 code units, so the emoji stands before U+FB33 */
        {"{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet With "
         "Dagesh\","
         "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
         "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
         "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\",\"\xC3\xB6\":\"Latin Small "
         "Letter O With "
         "Diaeresis\",\"\xE2\x82\xAC\":\"Euro Sign\",\"\xF0\x9F\x98\x80\":\"Emoji: Grinning Face\","
         "\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}"},
        /* the test data that goes with the RFC: arrays, structures, french, unicode, weird */
        {"[\n  56,\n  {\n    \"d\": true,\n    \"10\": null,\n    \"1\": [ ]\n  }\n]",
         "[56,{\"1\":[],\"10\":null,\"d\":true}]"},
        {"{\n  \"1\": {\"f\": {\"f\": \"hi\",\"F\": 5} ,\"\\n\": 56.0},\n  \"10\": { },\n  \"\": "
         "\"empty\",\n  \"a\": { },\n"
         "  \"111\": [ { } ],\n  \"A\": { }\n}",
         "{\"\":\"empty\",\"1\":{\"\\n\":56,\"f\":{\"F\":5,\"f\":\"hi\"}},\"10\":{},\"111\":[{}],\"A\":{},"
         "\"a\":{}}"},
        {"{\"peach\":1,\"p\xC3\xA9\x63h\xC3\xA9\":2,\"p\xC3\xAA\x63he\":3,\"sin\":4}",
         "{\"peach\":1,\"p\xC3\xA9\x63h\xC3\xA9\":2,\"p\xC3\xAA\x63he\":3,\"sin\":4}"},
        {"{\"Unnormalized Unicode\":\"\\u1e0d\\u0307\"}",
         "{\"Unnormalized Unicode\":\"\xE1\xB8\x8D\xCC\x87\"}"},
        {"{\"\\u0080\":\"Control\\u007f\",\"</script>\":\"Browser Challenge\"}",
         "{\"</script>\":\"Browser Challenge\",\"\xC2\x80\":\"Control\x7F\"}"},
        /* a key that is the start of another; two characters beyond U+FFFF; code units that differ in the
           second half */
        {"{\"ab\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"ab\":1}"},
        {"{\"\\ud83d\\ude02\":1,\"\\ud83c\\udf0f\":2,\"\\ue000\":3,\"\\ud7ff\":4}",
         "{\"\xED\x9F\xBF\":4,\"\xF0\x9F\x8C\x8F\":2,\"\xF0\x9F\x98\x82\":1,\"\xEE\x80\x80\":3}"},
        {"[-0, -0.0, 9007199254740991, -9007199254740991, 1.0]",
         "[0,0,9007199254740991,-9007199254740991,1]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_NONE;
        buf_reset(&out);
        assert_int_equal(json_canonical(parse(cases[i].in), &out, &e), OK);
        assert_out(cases[i].want);
    }
}

static void unsafe_integers_have_no_canonical_form(void **state)
{
    static const char *const cases[] = {"9007199254740992", "-9007199254740992", "[18446744073709551615]",
                                        "{\"a\":1e20}"};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_NONE;
        buf_reset(&out);
        assert_int_equal(json_canonical(parse(cases[i]), &out, &e), ERR_VALUE);
        assert_non_null(strstr(e.remedy, "string"));
    }
}

static void canonical_form_respects_the_limit_of_the_buffer(void **state)
{
    struct err e = ERR_NONE;
    struct buf small;

    buf_init(&small, 5);
    assert_int_equal(json_canonical(parse("[1,2,3]"), &small, &e), ERR_LIMIT);
    buf_reset(&small);
    assert_int_equal(json_canonical(parse("[1,2]"), &small, &e), OK);
    buf_clear(&small);
}

/* RFC 8785 appendix B. */
static void numbers_are_written_as_ecmascript_does(void **state)
{
    static const struct {
        uint64_t bits;
        const char *want;
    } cases[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x7fffffffffffffff, "null"},
        {0x7ff0000000000000, "null"},
        {0xfff0000000000000, "null"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jw w;
        double v;
        memcpy(&v, &cases[i].bits, sizeof v);
        buf_reset(&out);
        jw_init(&w, &out);
        jw_double(&w, v);
        assert_out(cases[i].want);
    }
}

/* strtod is the oracle for the round trip; %.*g with fewer digits must not reach the same double. */
static void numbers_read_back_and_are_shortest(void **state)
{
    uint64_t seed = 88172645463325252u;

    for (int i = 0; i < 50000; i++) {
        char text[64], shorter[64];
        struct jw w;
        double v;
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(&v, &seed, sizeof v);
        if (!isfinite(v))
            continue;
        buf_reset(&out);
        jw_init(&w, &out);
        jw_double(&w, v);
        assert_true(sv_copy(buf_sv(&out), text, sizeof text));
        assert_true(strtod(text, NULL) == v);
        if (strpbrk(text, ".e") == NULL)
            continue; /* digits of an integer may be zeros that only fill */
        int digits = 0;
        for (const char *p = text; *p && *p != 'e'; p++)
            digits += *p >= '0' && *p <= '9' && (digits > 0 || *p != '0');
        if (digits > 1) {
            (void)snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
            assert_true(strtod(shorter, NULL) != v);
        }
    }
}

static void the_writer_keeps_commas_and_nesting_right(void **state)
{
    struct jw w;

    buf_reset(&out);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstr(&w, "s", SV("a\"\\\b\f\n\r\t\x01\x1f\x7f/"));
    jw_kstr(&w, "none", SV_NONE);
    jw_kstr(&w, "empty", SV(""));
    jw_kint(&w, "i", INT64_MIN);
    jw_key(&w, "u");
    jw_uint(&w, UINT64_MAX);
    jw_kbool(&w, "t", true);
    jw_key_sv(&w, SV("a\n"));
    jw_arr(&w);
    jw_arr(&w);
    jw_end_arr(&w);
    jw_int(&w, 0);
    jw_obj(&w);
    jw_end_obj(&w);
    jw_raw(&w, SV("{\"x\":1}"));
    jw_null(&w);
    jw_double(&w, -1.5);
    jw_end_arr(&w);
    jw_kbool(&w, "f", false);
    jw_end_obj(&w);
    assert_out("{\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/"
               "\",\"none\":null,\"empty\":\"\",\"i\":-9223372036854775808,"
               "\"u\":18446744073709551615,\"t\":true,\"a\\n\":[[],0,{},{\"x\":1},null,-1.5],\"f\":false}");
    buf_addc(&out, '\0');
    assert_int_equal(json_count(parse(out.p)), 8);
}

/* Unicode 15, table 3-8: one U+FFFD for each maximal part. */
static void bytes_that_are_not_utf8_become_the_replacement_character(void **state)
{
    struct jw w;

    buf_reset(&out);
    jw_init(&w, &out);
    jw_str(&w, sv_from("a\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", 13));
    assert_out("\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\x62\xEF\xBF\xBD\x63\xEF\xBF\xBD\xEF\xBF\xBD\x64\"");
    buf_reset(&out);
    jw_init(&w, &out);
    jw_str(&w, SV("\xED\xA0\x80\xF4\x90\x80\x80\xC0\xAF\xE4\xB8\xAD\xE4\xB8"));
    assert_out("\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF"
               "\xBF\xBD\xEF\xBF\xBD"
               "\xE4\xB8\xAD\xEF\xBF\xBD\"");
}

static void the_writer_stops_at_the_depth_a_reader_would_refuse(void **state)
{
    struct jw w;

    buf_reset(&out);
    jw_init(&w, &out);
    for (int i = 0; i < JSON_MAX_DEPTH - 1; i++)
        jw_arr(&w);
    jw_int(&w, 1);
    assert_false(out.failed);
    jw_arr(&w);
    assert_true(out.failed);
    buf_reset(&out);
}

static void values_are_written_again_without_change_of_type(void **state)
{
    static const char *const same[] = {
        "{\"b\":1,\"a\":[null,true,false,-1,18446744073709551615,\"\\u0000\\u001f\xE4\xB8\xAD\"],\"o\":{}}",
        "[1.0,-0.0,1e+21,5e-324,0.1,123456789012345680000.0,9007199254740993]",
        "\"x\"",
        "[]",
        "-5",
    };

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        buf_reset(&out);
        json_add(&out, parse(same[i]));
        assert_out(same[i]);
    }
    buf_reset(&out);
    json_add(&out, (struct jv){0});
    assert_out("null");
}

static void errors_are_written_with_what_is_known(void **state)
{
    struct err e = ERR_NONE;
    struct jw w;

    err_set(&e, ERR_SYNTAX, "a \"quote\"");
    buf_reset(&out);
    jw_init(&w, &out);
    jw_err(&w, &e);
    assert_out("{\"code\":\"syntax\",\"text\":\"a \\\"quote\\\"\"}");
    err_hint(&e, "mend it");
    err_at(&e, "f.json", 3, 0);
    buf_reset(&out);
    jw_init(&w, &out);
    jw_err(&w, &e);
    assert_out("{\"code\":\"syntax\",\"text\":\"a \\\"quote\\\"\",\"remedy\":\"mend "
               "it\",\"file\":\"f.json\",\"line\":3,\"offset\":0}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_form_matches_published_vectors),
        cmocka_unit_test(unsafe_integers_have_no_canonical_form),
        cmocka_unit_test(canonical_form_respects_the_limit_of_the_buffer),
        cmocka_unit_test(numbers_are_written_as_ecmascript_does),
        cmocka_unit_test(numbers_read_back_and_are_shortest),
        cmocka_unit_test(the_writer_keeps_commas_and_nesting_right),
        cmocka_unit_test(bytes_that_are_not_utf8_become_the_replacement_character),
        cmocka_unit_test(the_writer_stops_at_the_depth_a_reader_would_refuse),
        cmocka_unit_test(values_are_written_again_without_change_of_type),
        cmocka_unit_test(errors_are_written_with_what_is_known),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
