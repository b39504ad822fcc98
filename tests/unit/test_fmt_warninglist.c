/* MISP warninglists. The data is ours: tests/data/warninglist. */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void read_file(struct collect *c, const char *name)
{
    char path[128];
    struct err e = ERR_NONE;

    (void)snprintf(path, sizeof(path), "tests/data/warninglist/%s", name);
    collect_init(c);
    if (collect_file(c, path, "", &e) < 0)
        fail_msg("%s: %s", name, e.text);
    assert_string_equal(c->format.p, "warninglist");
    assert_int_equal(c->empty, 0);
    assert_int_equal(c->mixed, 0);
    assert_int_equal(c->lists, 1);
}

static void reads_head_and_entries(void **state)
{
    struct collect c;

    read_file(&c, "cidr.json"); /* name, type and version stand behind the list */
    assert_string_equal(c.list.name.p, "Exercise networks");
    assert_string_equal(c.list.description.p, "Networks of the exercise");
    assert_string_equal(c.list.attributes.p, "ip-src ip-dst");
    assert_int_equal(c.list.match, LIST_CIDR);
    assert_int_equal(c.list.version, 20260301);
    assert_int_equal(c.records, 8);
    assert_int_equal(collect_count(&c, "cidr"), 8);
    assert_int_equal(c.nentries, 4);
    assert_string_equal(c.entry[1].p, "2001:DB8::/32"); /* as the list writes it */
    assert_string_equal(c.entry[3].p, "203.0.113.0/24");
    collect_clear(&c);
}

static void rejects_entries_alone(void **state)
{
    struct collect c;

    read_file(&c, "cidr.json");
    assert_int_equal(c.records_rejected, 4);
    assert_int_equal(c.reject[0].line, 8);
    assert_string_equal(c.reject[0].bytes.p, "\"nonsense\"");
    assert_int_equal(c.reject[2].line, 10);
    assert_string_equal(c.reject[2].bytes.p, "17");
    assert_non_null(strstr(c.reject[3].text.p, "10.0.0.0/33"));
    collect_clear(&c);
}

static void reads_other_types(void **state)
{
    struct collect c;

    read_file(&c, "hostname.json");
    assert_int_equal(c.list.match, LIST_HOSTNAME);
    assert_int_equal(c.list.version, 4); /* as text */
    assert_string_equal(c.entry[0].p, ".example.");
    collect_clear(&c);
    read_file(&c, "regex.json");
    assert_int_equal(c.list.match, LIST_REGEX);
    assert_string_equal(c.entry[0].p, "/^a\\.example$/i");
    assert_string_equal(c.list.attributes.p, "");
    collect_clear(&c);
}

static int code_of(const char *text)
{
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    int rc = collect_text(&c, sv_c(text), "warninglist", &e);
    collect_clear(&c);
    return rc;
}

static void a_broken_list_is_an_error(void **state)
{
    assert_int_equal(code_of("{\"name\":\"n\",\"type\":\"string\",\"list\":[]}"), OK);
    assert_int_equal(code_of("{\"name\":\"n\",\"type\":\"fuzzy\",\"list\":[]}"), ERR_VALUE);
    assert_int_equal(code_of("{\"type\":\"string\",\"list\":[]}"), ERR_VALUE);
    assert_int_equal(code_of("{\"name\":\"n\",\"type\":\"string\"}"), ERR_VALUE);
    assert_int_equal(code_of("{\"name\":\"n\",\"type\":\"string\",\"list\":[\"a\",]}"), ERR_SYNTAX);
    assert_int_equal(code_of("{\"name\":\"n\",\"type\":\"string\",\"list\":[\"a\",\"b"), ERR_SYNTAX);
    assert_int_equal(code_of("{\"name\":\"n\",\"type\":\"string\",\"list\":[]} {}"), ERR_SYNTAX);
    assert_int_equal(code_of("{\"name\":\"n\",\"type\":\"string\",\"list\":[],\"list\":[]}"), ERR_VALUE);
    assert_int_equal(code_of("{\"name\":\"n\",\"name\":\"m\",\"type\":\"string\",\"list\":[]}"), ERR_VALUE);
}

static void detects_by_content(void **state)
{
    const struct intake_format *f = intake_detect(
        SV("{\"description\":\"d\",\"list\":[\"a\",\"b\"],\"matching_attributes\":[\"domain\"]}"), SV("x"));

    assert_non_null(f);
    assert_string_equal(f->name, "warninglist");
    /* a list longer than what detection sees */
    f = intake_detect(SV("{\"description\":\"d\",\"list\":[\"a\",\"b\",\"c"), SV("x"));
    assert_non_null(f);
    assert_string_equal(f->name, "warninglist");
    f = intake_detect(SV("{\"list\":[{\"name\":1}],\"name\":\"n\",\"type\":\"t\"}"), SV("x"));
    assert_true(!f || strcmp(f->name, "warninglist") != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_head_and_entries), cmocka_unit_test(rejects_entries_alone),
        cmocka_unit_test(reads_other_types),      cmocka_unit_test(a_broken_list_is_an_error),
        cmocka_unit_test(detects_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
