/* The configuration schema and its file. */
#include "base/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct conf_item schema[] = {
    {"http.listen", CONF_TEXT, 0, 0, "127.0.0.1:8443", "Address and port of the console."},
    {"http.threads", CONF_INT, 1, 64, "4", "Threads that answer."},
    {"http.open", CONF_BOOL, 0, 0, "no", "Whether a|b is open."},
    {"http.body_max", CONF_SIZE, 1024, INT64_MAX, "64M", "Largest request."},
    {"log.keep", CONF_SECONDS, 60, 90 * 86400, "30d", "How long logs are kept."},
    {"score.shift", CONF_INT, -10, 10, "-3", "May be negative."},
    {"free.number", CONF_INT, 0, 0, "0", "Any number."},
    {NULL, CONF_TEXT, 0, 0, NULL, NULL},
};

static void defaults_hold(void **state)
{
    struct conf *c = conf_new(schema);
    assert_non_null(c);
    assert_string_equal(conf_text(c, "http.listen"), "127.0.0.1:8443");
    assert_int_equal(conf_int(c, "http.threads"), 4);
    assert_false(conf_bool(c, "http.open"));
    assert_int_equal(conf_int(c, "http.body_max"), 64 << 20);
    assert_int_equal(conf_int(c, "log.keep"), 30 * 86400);
    assert_int_equal(conf_int(c, "score.shift"), -3);
    conf_free(c);
    conf_free(NULL);
}

static void files_are_read(void **state)
{
    struct conf *c = conf_new(schema);
    struct err e = ERR_NONE;
    assert_int_equal(
        conf_read(c,
                  SV("\xef\xbb\xbf# a comment\r\n\r\n  http.listen =  [::1]:9 # not a comment \r\n"
                     "http.threads=64\nhttp.open = YES\nhttp.body_max = 3k\nlog.keep = 12h\n"
                     "score.shift = 10\nfree.number = -9223372036854775808"),
                  "node.conf", &e),
        OK);
    assert_string_equal(conf_text(c, "http.listen"), "[::1]:9 # not a comment");
    assert_int_equal(conf_int(c, "http.threads"), 64);
    assert_true(conf_bool(c, "http.open"));
    assert_int_equal(conf_int(c, "http.body_max"), 3072);
    assert_int_equal(conf_int(c, "log.keep"), 43200);
    assert_int_equal(conf_int(c, "score.shift"), 10);
    assert_true(conf_int(c, "free.number") == INT64_MIN);
    /* A second file may set the same names again. */
    assert_int_equal(conf_read(c, SV("http.threads = 5"), "more.conf", &e), OK);
    assert_int_equal(conf_int(c, "http.threads"), 5);
    assert_int_equal(conf_set(c, SV("http.listen"), SV(""), &e), OK);
    assert_string_equal(conf_text(c, "http.listen"), "");
    conf_free(c);
}

static const struct {
    const char *text;
    int code;
    unsigned line;
    unsigned offset;
    const char *in_text;
    const char *in_remedy;
} bad[] = {
    {"\nhttp.treads = 5\n", ERR_NOT_FOUND, 2, 1, "http.treads", "http.threads"},
    {"something.else = 5\n", ERR_NOT_FOUND, 1, 0, "something.else", "reference"},
    {"# x\r\nhttp.threads = 65", ERR_VALUE, 2, 5, "http.threads", "1 to 64"},
    {"http.threads = 0", ERR_VALUE, 1, 0, "http.threads", "1 to 64"},
    {"http.threads = four", ERR_SYNTAX, 1, 0, "four", "whole number"},
    {"http.threads = 4 5", ERR_SYNTAX, 1, 0, "4 5", "whole number"},
    {"http.threads = 4k", ERR_SYNTAX, 1, 0, "4k", "whole number"},
    {"http.threads =", ERR_SYNTAX, 1, 0, "http.threads", "whole number"},
    {"http.threads", ERR_SYNTAX, 1, 0, "not a setting", "name = value"},
    {"= 5", ERR_NOT_FOUND, 1, 0, "\"\"", "reference"},
    {"http.open = maybe", ERR_SYNTAX, 1, 0, "maybe", "yes or no"},
    {"http.body_max = 1023", ERR_VALUE, 1, 0, "1023", "at least 1k"},
    {"http.body_max = 9999999T", ERR_SYNTAX, 1, 0, "9999999T", "64k"},
    {"http.body_max = k", ERR_SYNTAX, 1, 0, "\"k\"", "64k"},
    {"log.keep = 59s", ERR_VALUE, 1, 0, "59s", "1m to 90d"},
    {"log.keep = 1y", ERR_SYNTAX, 1, 0, "1y", "30s"},
    {"http.threads = 4\nhttp.open = on\nhttp.threads = 5", ERR_EXISTS, 3, 32, "line 1", "keep one"},
    {"http.listen = a\tb", ERR_SYNTAX, 1, 0, "a?b", "UTF-8"},
    {"http.listen = \xff", ERR_SYNTAX, 1, 0, "http.listen", "UTF-8"},
};

static void mistakes_are_named(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct conf *c = conf_new(schema);
        struct err e = ERR_NONE;
        int rc = conf_read(c, sv_c(bad[i].text), "node.conf", &e);
        if (rc != bad[i].code || e.code != rc || e.line != bad[i].line || e.offset != bad[i].offset)
            fail_msg("%s: %s at %u:%u", bad[i].text, err_name(rc), (unsigned)e.line, (unsigned)e.offset);
        if (!strstr(e.text, bad[i].in_text) || !strstr(e.remedy, bad[i].in_remedy))
            fail_msg("%s: \"%s\", \"%s\"", bad[i].text, e.text, e.remedy);
        assert_string_equal(e.file, "node.conf");
        conf_free(c);
    }
    struct conf *c = conf_new(schema);
    assert_int_equal(conf_set(c, SV("http.threads"), SV("99"), NULL), ERR_VALUE);
    assert_int_equal(conf_int(c, "http.threads"), 4);
    conf_free(c);
}

static void templates_read_back_as_the_defaults(void **state)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    conf_write_template(schema, &b);
    assert_false(b.failed);
    assert_true(sv_find(buf_sv(&b), SV("# A duration: 1m to 90d.\n#log.keep = 30d\n")) != SIZE_MAX);
    struct conf *c = conf_new(schema);
    struct err e = ERR_NONE;
    assert_int_equal(conf_read(c, buf_sv(&b), "template", &e), OK);
    /* Also with every "#name" made a setting. */
    for (size_t i = 0; i + 1 < b.n; i++)
        if (b.p[i] == '#' && b.p[i + 1] != ' ')
            b.p[i] = ' ';
    if (conf_read(c, buf_sv(&b), "template", &e) != OK)
        fail_msg("line %u: %s", (unsigned)e.line, e.text);
    assert_int_equal(conf_int(c, "log.keep"), 30 * 86400);
    conf_free(c);
    buf_reset(&b);
    conf_write_markdown(schema, &b);
    size_t rows = 0;
    struct sv rest = buf_sv(&b), line;
    while (sv_line(&rest, &line))
        rows += sv_starts(line, SV("| "));
    assert_int_equal(rows, 2 + sizeof(schema) / sizeof(schema[0]) - 1);
    assert_true(sv_find(buf_sv(&b), SV("a\\|b")) != SIZE_MAX);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(templates_read_back_as_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
