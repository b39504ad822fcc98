/* json.h against jansson, an independent strict reader: random documents, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

#include <stdlib.h>

/* jansson uses some of our names for its own types: after this line they mean jansson's. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_NULL JANSSON_NULL
#define json_type jansson_type
#include <jansson.h>

#define STRICT (JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

static uint64_t seed = 0x9E3779B97F4A7C15u;

static unsigned random_below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 33) % n);
}

static void random_string(struct buf *b, bool key)
{
    static const char *const parts[] = {"a",
                                        "bc",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\/",
                                        "\\u00e9",
                                        "\xC3\xA9",
                                        "\\u4e2d",
                                        "\xE4\xB8\xAD",
                                        "\\ud83d\\ude02",
                                        "\xF0\x9F\x98\x82",
                                        " ",
                                        "{",
                                        "]",
                                        ",",
                                        ":"};

    buf_addc(b, '"');
    for (unsigned n = random_below(key ? 6 : 30); n > 0; n--)
        buf_add(b, sv_c(parts[random_below(sizeof parts / sizeof *parts)]));
    if (key)
        buf_printf(b, "%u", random_below(1000));
    buf_addc(b, '"');
}

static void random_space(struct buf *b)
{
    while (random_below(4) == 0)
        buf_addc(b, " \n\t\r"[random_below(4)]);
}

static void random_value(struct buf *b, unsigned depth)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "-0",
                                          "-1",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "0.1",
                                          "1e5",
                                          "-2.5E-3",
                                          "123456789.125",
                                          "5e-324",
                                          "1.7976931348623157e308",
                                          "\"\""};
    unsigned kind = random_below(depth > 5 ? 6 : 10);

    random_space(b);
    if (kind < 3) {
        buf_add(b, sv_c(scalars[random_below(sizeof scalars / sizeof *scalars)]));
    } else if (kind < 4) {
        buf_printf(b, "%.*g", 1 + (int)random_below(17), (double)seed / (double)(1 + random_below(1u << 30)));
    } else if (kind < 6) {
        random_string(b, false);
    } else {
        bool object = kind < 8;
        buf_addc(b, object ? '{' : '[');
        for (unsigned n = random_below(6), i = 0; i < n; i++) {
            if (i > 0)
                buf_addc(b, ',');
            random_space(b);
            if (object) {
                random_string(b, true);
                random_space(b);
                buf_addc(b, ':');
            }
            random_value(b, depth + 1);
        }
        random_space(b);
        buf_addc(b, object ? '}' : ']');
    }
    random_space(b);
}

static void assert_same(struct jv v, const json_t *j)
{
    struct json_it it = json_each(v);
    struct sv key;
    struct jv item;
    int64_t i = 0;
    double d = 0;

    if (json_is_string(j)) {
        struct sv s = json_str(v);
        assert_int_equal(s.n, json_string_length(j));
        assert_memory_equal(s.p, json_string_value(j), s.n);
    } else if (json_is_integer(j)) {
        assert_true(json_i64(v, &i) && i == json_integer_value(j));
    } else if (json_is_real(j)) {
        assert_true(json_f64(v, &d) && d == json_real_value(j));
    } else if (json_is_object(j)) {
        assert_int_equal(json_count(v), json_object_size(j));
        while (json_next(&it, &key, &item)) {
            char *name = strndup(key.p, key.n);
            assert_same(item, json_object_get(j, name));
            free(name);
        }
    } else if (json_is_array(j)) {
        assert_int_equal(json_count(v), json_array_size(j));
        for (size_t n = 0; json_next(&it, NULL, &item); n++)
            assert_same(item, json_array_get(j, n));
    }
}

static json_t *oracle_reads(struct sv text, json_error_t *why)
{
    return json_loadb(text.p, text.n, STRICT, why);
}

/* Parses both ways and compares the trees; then what json_add and json_canonical write must read the same. */
static void whole_documents_are_read_alike_and_written_back(void **state)
{
    struct json_doc *doc = json_doc_new(1 << 20), *again = json_doc_new(1 << 20);
    struct buf text, out;

    assert_non_null(doc);
    assert_non_null(again);
    buf_init(&text, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < 20000; i++) {
        struct err e = ERR_NONE;
        json_error_t why;
        struct jv v, w;
        buf_reset(&text);
        random_value(&text, 0);
        json_t *j = oracle_reads(buf_sv(&text), &why);
        int rc = json_parse(doc, buf_sv(&text), &v, &e);
        if ((j != NULL) != (rc == OK))
            fail_msg("%.*s: %s / %s", SV_ARG(buf_sv(&text)), why.text, e.text);
        if (!j)
            continue;
        assert_same(v, j);
        buf_reset(&out);
        json_add(&out, v);
        assert_int_equal(json_parse(again, buf_sv(&out), &w, &e), OK);
        assert_same(w, j);
        buf_reset(&out);
        if (json_canonical(v, &out, &e) == OK) {
            json_t *k = oracle_reads(buf_sv(&out), &why);
            assert_non_null(k);
            json_decref(k);
        } else {
            assert_int_equal(e.code, ERR_VALUE);
        }
        json_decref(j);
    }
    buf_clear(&text);
    buf_clear(&out);
    json_doc_free(doc);
    json_doc_free(again);
}

static void damage(struct buf *b)
{
    static const char bytes[] = "{}[]\",:0123456789.eE+-truefalsn\\u\x01\xC3\xA9\xED\xFF \n";

    for (unsigned n = 1 + random_below(2); n > 0 && b->n > 0; n--) {
        unsigned at = random_below((unsigned)b->n);
        switch (random_below(3)) {
        case 0:
            b->p[at] = bytes[random_below(sizeof bytes - 1)];
            break;
        case 1:
            b->n = at;
            break;
        default:
            memmove(b->p + at, b->p + at + 1, --b->n - at);
            break;
        }
    }
}

static void damaged_documents_are_refused_alike_with_a_place(void **state)
{
    struct json_doc *doc = json_doc_new(1 << 20);
    struct buf text;
    int refused = 0, accepted = 0;

    assert_non_null(doc);
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 100000; i++) {
        struct err e = ERR_NONE;
        json_error_t why;
        struct jv v;
        buf_reset(&text);
        random_value(&text, 3);
        damage(&text);
        json_t *j = oracle_reads(buf_sv(&text), &why);
        int rc = json_parse(doc, buf_sv(&text), &v, &e);
        /* jansson has no unsigned integers and takes no NUL in keys */
        bool limited = !j && (json_error_code(&why) == json_error_numeric_overflow ||
                              json_error_code(&why) == json_error_null_byte_in_key);
        if (!limited && (j != NULL) != (rc == OK))
            fail_msg("%.*s: %s / %s", SV_ARG(buf_sv(&text)), j ? "accepted" : why.text, e.text);
        if (rc != OK)
            assert_true(e.offset <= text.n && e.line >= 1);
        refused += rc != OK;
        accepted += rc == OK;
        json_decref(j);
    }
    assert_true(refused > 1000 && accepted > 1000);
    buf_clear(&text);
    json_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_documents_are_read_alike_and_written_back),
        cmocka_unit_test(damaged_documents_are_refused_alike_with_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
