/* stix.h, objects: heads, markings, references, values, text, the checker's messages, upgrade from 2.0, what
 * we write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stix/stix.h"

#include <stdlib.h>

static struct arena arena;
static struct json_doc *doc, *second;
static struct stix_report report;

static int setup(void **state)
{
    arena_init(&arena, 64u << 20);
    report.a = &arena;
    doc = json_doc_new(16u << 20);
    second = json_doc_new(16u << 20);
    return doc && second ? 0 : -1;
}

static int teardown(void **state)
{
    json_doc_free(doc);
    json_doc_free(second);
    arena_clear(&arena);
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

#define U "11111111-1111-4111-8111-111111111111"
#define V "22222222-2222-4222-8222-222222222222"
#define TIMES "\"created\":\"2024-01-02T03:04:05.678Z\",\"modified\":\"2024-01-03T00:00:00.000Z\""
#define HEAD(type) "{\"type\":\"" type "\",\"spec_version\":\"2.1\",\"id\":\"" type "--" U "\"," TIMES
#define TLP1_AMBER "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"
#define TLP2_STRICT "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"

static void test_head(void **state)
{
    struct stix_head h;
    struct err e = ERR_NONE;
    struct jv v = parse(
        HEAD("indicator") ",\"created_by_ref\":\"identity--" V "\",\"confidence\":70,\"revoked\":true,"
                          "\"valid_from\":\"2024-01-01T00:00:00Z\",\"object_marking_refs\":[\"" TLP1_AMBER
                          "\"],\"granular_markings\":[{\"selectors\":[\"id\"],\"marking_ref\":\"" TLP2_STRICT
                          "\"}]}");
    assert_int_equal(stix_head(v, &arena, &h, &e), OK);
    assert_true(sv_eq(h.type, SV("indicator")));
    assert_true(sv_eq(h.created_by, SV("identity--" V)));
    assert_int_equal(h.created, INT64_C(1704164645678000));
    assert_true(sv_eq(h.modified_text, SV("2024-01-03T00:00:00.000Z")));
    assert_int_equal(h.modified, INT64_C(1704240000000000));
    assert_int_equal(h.valid_from, INT64_C(1704067200000000));
    assert_int_equal(h.valid_until, USEC_NONE);
    assert_true(h.revoked && h.marked && !h.v20);
    assert_int_equal(h.tlp, TLP_AMBER_STRICT);
    assert_int_equal(h.confidence, 70);

    assert_int_equal(
        stix_head(parse("{\"type\":\"url\",\"id\":\"url--" U "\",\"value\":\"x\"}"), &arena, &h, &e), OK);
    assert_true(h.created == USEC_NONE && h.modified == USEC_NONE && !h.v20 && !h.marked &&
                h.confidence == -1);
    assert_int_equal(stix_head(parse("{\"type\":\"tool\",\"id\":\"tool--" U "\"," TIMES "}"), &arena, &h, &e),
                     OK);
    assert_true(h.v20);
    /* An offset other than Z is read all the same: an instant is an instant. */
    assert_int_equal(
        stix_head(parse("{\"type\":\"x-a\",\"id\":\"x-a--" U "\",\"created\":\"2024-01-01T09:00:00+09:00\"}"),
                  &arena, &h, &e),
        OK);
    assert_int_equal(h.created, INT64_C(1704067200000000));
}

static void test_head_refused(void **state)
{
    static const char *const rows[] = {
        "[]",
        "{}",
        "{\"type\":\"tool\"}",
        "{\"type\":\"tool\",\"id\":\"tool--" U "\"}",
        "{\"type\":\"tool\",\"id\":\"url--" U "\"," TIMES "}",
        "{\"type\":\"tool\",\"id\":\"tool-" U "\"," TIMES "}",
        "{\"type\":\"tool\",\"id\":\"tool--1\"," TIMES "}",
        "{\"type\":\"tool\",\"id\":\"tool--" U
        "\",\"created\":\"2024-02-30T00:00:00Z\",\"modified\":\"2024-01-01T00:00:00Z\"}",
        "{\"type\":\"tool\",\"id\":\"tool--" U
        "\",\"created\":\"2024-01-01T00:00:00\",\"modified\":\"2024-01-01T00:00:00Z\"}",
        "{\"type\":\"tool\",\"id\":\"tool--" U "\",\"created\":7,\"modified\":\"2024-01-01T00:00:00Z\"}",
        "{\"type\":\"bundle\",\"id\":\"bundle--" U "\"}",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stix_head h;
        struct err e = ERR_NONE;
        if (stix_head(parse(rows[i]), &arena, &h, &e) != ERR_VALUE)
            fail_msg("%s accepted", rows[i]);
        assert_int_not_equal(e.text[0], 0);
    }
}

static void test_markings(void **state)
{
    enum tlp t;
    assert_int_equal(tlp_of_id(SV("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9")), TLP_CLEAR);
    assert_int_equal(tlp_of_id(SV("marking-definition--" U)), TLP_UNKNOWN);
    assert_true(tlp_parse(SV("tlp:white"), &t) && t == TLP_CLEAR);
    assert_true(tlp_parse(SV("TLP:AMBER+STRICT"), &t) && t == TLP_AMBER_STRICT);
    assert_true(tlp_parse(SV("red"), &t) && t == TLP_RED);
    assert_false(tlp_parse(SV("TLP:PURPLE"), &t));
    for (int i = TLP_CLEAR; i <= TLP_RED; i++) {
        assert_int_equal(tlp_of_id(tlp_id((enum tlp)i)), i);
        assert_true(tlp_parse(sv_c(tlp_name((enum tlp)i)), &t) && (int)t == i);
    }
}

struct list {
    char text[2000];
    size_t bad;
};

static void add(struct list *l, struct sv a, struct sv b)
{
    size_t at = strlen(l->text);
    snprintf(l->text + at, sizeof(l->text) - at, "%.*s=%.*s;", SV_ARG(a), SV_ARG(b));
}

static void add_ref(void *ctx, struct sv property, struct sv id)
{
    add(ctx, property, id);
}

static void add_value(void *ctx, const struct obs *o, bool bad)
{
    struct list *l = ctx;
    l->bad += bad;
    add(l, sv_c(kind_name(o->kind)), o->value);
}

static void test_refs(void **state)
{
    struct list l = {0};
    stix_refs(parse("{\"created_by_ref\":\"identity--1\",\"object_refs\":[\"a--1\",\"b--2\"],\"src_ref\":"
                    "\"0\",\"x\":[{\"y_ref\":"
                    "\"c--3\"}],\"extensions\":{\"extension-definition--4\":{\"z_refs\":[\"d--5\",7]}}}"),
              add_ref, &l);
    assert_string_equal(l.text, "created_by_ref=identity--1;object_refs=a--1;object_refs=b--2;y_ref=c--3;"
                                "extensions=extension-definition--4;z_refs=d--5;");
}

static void test_values(void **state)
{
    static const struct {
        const char *object, *values;
        size_t bad;
    } rows[] = {
        {"{\"type\":\"domain-name\",\"value\":\"A.Example\"}", "domain-name=a.example;", 0},
        {"{\"type\":\"autonomous-system\",\"number\":64496}", "autonomous-system=AS64496;", 0},
        {"{\"type\":\"file\",\"name\":\"a.exe\",\"hashes\":{\"MD5\":\"D41D8CD98F00B204E9800998ECF8427E\"},"
         "\"extensions\":"
         "{\"windows-pebinary-ext\":{\"imphash\":\"d41d8cd98f00b204e9800998ecf8427e\"}}}",
         "file-name=a.exe;md5=d41d8cd98f00b204e9800998ecf8427e;imphash=d41d8cd98f00b204e9800998ecf8427e;", 0},
        {"{\"type\":\"indicator\",\"pattern_type\":\"stix\",\"pattern\":\"[url:value='http://a.example/"
         "x']\"}",
         "url=http://a.example/x;", 1},
        {"{\"type\":\"indicator\",\"pattern_type\":\"yara\",\"pattern\":\"rule x {}\"}", "", 0},
        {"{\"type\":\"vulnerability\",\"name\":\"CVE-2021-44228\",\"external_references\":[{\"source_name\":"
         "\"cve\","
         "\"external_id\":\"CVE-2021-44228\"},{\"source_name\":\"cve\",\"external_id\":\"CVE-2021-45046\"}]}",
         "vulnerability=CVE-2021-44228;vulnerability=CVE-2021-45046;", 0},
        {"{\"type\":\"observed-data\",\"objects\":{\"0\":{\"type\":\"ipv4-addr\",\"value\":\"192.0.2.1\"}}}",
         "ipv4-addr=192.0.2.1;", 0},
        {"{\"type\":\"network-traffic\",\"extensions\":{\"http-request-ext\":{\"request_header\":{\"User-"
         "Agent\":[\"curl\"]}}}}",
         "user-agent=curl;", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct list l = {0};
        struct err e = ERR_NONE;
        assert_int_equal(stix_values(parse(rows[i].object), &arena, add_value, &l, &e), OK);
        assert_string_equal(l.text, rows[i].values);
        assert_int_equal(l.bad, rows[i].bad);
    }
}

static void test_text(void **state)
{
    struct buf b;
    buf_init(&b, 4096);
    stix_text(parse("{\"type\":\"language-content\",\"name\":\"n\",\"labels\":[\"a\",\"b\"],\"external_"
                    "references\":[{\"external_id\":"
                    "\"T1059\"}],\"contents\":{\"ja\":{\"name\":\"狼煙\"}}}"),
              &b);
    buf_addc(&b, 0);
    assert_string_equal(b.p, "n\na\nb\nT1059\n狼煙\n");
    buf_clear(&b);
}

/* What is said, where, and after which section. */
static void test_messages(void **state)
{
    static const struct {
        const char *object, *pointer, *section;
    } rows[] = {
        {HEAD("malware") ",\"is_family\":\"true\",\"name\":\"x\"}", "/is_family", "2.2"},
        {HEAD("tool") ",\"name\":\"x\",\"kill_chain_phases\":[{\"kill_chain_name\":\"k\"}]}",
         "/kill_chain_phases/0", "2.11"},
        {HEAD("tool") ",\"name\":\"x\",\"aliases\":[\"a\",5]}", "/aliases/1", "2.15"},
        {HEAD("tool") ",\"name\":\"x\",\"aliases\":[]}", "/aliases", "2.12"},
        {HEAD("tool") ",\"name\":\"x\",\"Upper\":1}", "/Upper", "3.1"},
        {HEAD("tool") ",\"name\":\"x\",\"granular_markings\":[{\"selectors\":[\"aliases.[3]\"],\"marking_"
                      "ref\":\"" TLP1_AMBER "\"}]}",
         "/granular_markings/0/selectors/0", "7.2.3.1"},
        {HEAD("tool") "}", "", "4.18"},
        {HEAD("location") ",\"latitude\":91,\"longitude\":0}", "", "4.10"},
        {HEAD("relationship") ",\"relationship_type\":\"uses\",\"source_ref\":\"tool--" U
                              "\",\"target_ref\":\"sighting--" U "\"}",
         "/target_ref", "5.1"},
        {HEAD("sighting") ",\"sighting_of_ref\":\"tool--" U "\",\"observed_data_refs\":[\"tool--" U "\"]}",
         "/observed_data_refs/0", "5.2"},
        {HEAD("indicator") ",\"pattern\":\"[a\",\"pattern_type\":\"stix\",\"valid_from\":\"2024-01-01T00:00:"
                           "00Z\"}",
         "/pattern", "9"},
        {"{\"type\":\"file\",\"id\":\"file--" U "\",\"hashes\":{\"a/b~c\":\"x\"}}", "/hashes/a~1b~0c", "2.7"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stix_check(parse(rows[i].object), &report);
        if (report.must != 1)
            fail_msg("%s: %zu", rows[i].object, report.must);
        const struct stix_msg *m = report.msg;
        while (m->level != STIX_MUST)
            m++;
        if (!sv_eq(m->pointer, sv_c(rows[i].pointer)) || strcmp(m->section, rows[i].section) != 0)
            fail_msg("%s: at %.*s, section %s: %.*s", rows[i].object, SV_ARG(m->pointer), m->section,
                     SV_ARG(m->text));
    }
}

static void test_message_limit(void **state)
{
    struct buf b;
    struct err e = ERR_NONE;
    struct jv v;
    buf_init(&b, 1 << 20);
    buf_add(&b, SV(HEAD("tool") ",\"name\":\"x\",\"aliases\":[0"));
    for (int i = 0; i < 999; i++)
        buf_add(&b, SV(",0"));
    buf_add(&b, SV("]}"));
    assert_int_equal(json_parse(doc, buf_sv(&b), &v, &e), OK);
    stix_check(v, &report);
    assert_int_equal(report.n, 64);
    assert_int_equal(report.more, 1000 + report.should - 64 + 1); /* and a note: nobody made it */
    assert_int_equal(report.must, 1000);
    buf_clear(&b);
}

struct outputs {
    char text[8][2000];
    size_t n;
};

static int keep(void *ctx, struct sv json, struct err *e)
{
    struct outputs *o = ctx;
    struct jv v;
    int rc = json_parse(second, json, &v, e);
    if (rc < 0)
        return rc;
    stix_check(v, &report);
    for (size_t i = 0; i < report.n; i++)
        if (report.msg[i].level == STIX_MUST)
            fail_msg("%.*s: %.*s", SV_ARG(json), SV_ARG(report.msg[i].text));
    assert_true(o->n < 8 && sv_copy(json, o->text[o->n++], sizeof(o->text[0])));
    return OK;
}

#define HEAD20(type) "{\"type\":\"" type "\",\"id\":\"" type "--" U "\"," TIMES

static void test_upgrade_indicator(void **state)
{
    struct outputs o = {0};
    struct err e = ERR_NONE;
    struct jv v = parse(
        HEAD20("indicator") ",\"labels\":[\"malicious-activity\"],\"valid_from\":\"2024-01-01T00:00:00Z\","
                            "\"pattern\":"
                            "\"[file:hashes.md5 = 'd41d8cd98f00b204e9800998ecf8427e'] START "
                            "'2024-01-01T00:00:00Z' STOP "
                            "'2024-01-02T00:00:00Z'\",\"granular_markings\":[{\"selectors\":[\"labels.[0]\"],"
                            "\"marking_ref\":\"" TLP1_AMBER "\"}],\"x_n\":[1,2.50,{\"a\":null}]}");
    assert_int_equal(stix_upgrade(v, &arena, keep, &o, &e), OK);
    assert_int_equal(o.n, 1);
    assert_non_null(strstr(o.text[0], "\"spec_version\":\"2.1\""));
    assert_non_null(strstr(o.text[0], "\"indicator_types\":[\"malicious-activity\"]"));
    assert_non_null(strstr(o.text[0], "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e'] START t'2024"));
    assert_non_null(strstr(o.text[0], "\"indicator_types.[0]\""));
    assert_non_null(strstr(o.text[0], "\"pattern_type\":\"stix\""));
    assert_non_null(strstr(o.text[0], "\"x_n\":[1,2.5,{\"a\":null}]"));
    assert_null(strstr(o.text[0], "\"labels"));
}

static void test_upgrade_observed_data(void **state)
{
    struct outputs o = {0};
    struct err e = ERR_NONE;
    struct jv v =
        parse(HEAD20("observed-data") ",\"first_observed\":\"2024-01-01T00:00:00Z\",\"last_observed\":\"2024-"
                                      "01-01T00:00:00Z\",\"number_observed\":1,"
                                      "\"objects\":{\"0\":{\"type\":\"file\",\"name\":\"a\",\"parent_"
                                      "directory_ref\":\"1\",\"created\":\"2024-01-01T00:00:00Z\","
                                      "\"hashes\":{\"md5\":\"d41d8cd98f00b204e9800998ecf8427e\"}},\"1\":{"
                                      "\"type\":\"directory\",\"path\":\"/tmp\","
                                      "\"contains_refs\":[\"0\"]},\"2\":{\"type\":\"process\",\"pid\":1,"
                                      "\"binary_ref\":\"0\"}},"
                                      "\"granular_markings\":[{\"selectors\":[\"objects.0.name\"],\"marking_"
                                      "ref\":\"" TLP1_AMBER "\"}]}");
    assert_int_equal(stix_upgrade(v, &arena, keep, &o, &e), OK);
    assert_int_equal(o.n, 4);
    /* Ids against python: uuid5 over {"path":"/tmp"}, and over the file with that id in parent_directory_ref.
     */
    assert_non_null(strstr(o.text[1], "\"id\":\"directory--9d5142ea-3041-5292-b76f-5b9091552621\""));
    assert_non_null(strstr(o.text[0], "\"id\":\"file--34e8b78d-f074-5eda-8cb1-0f75817567a8\""));
    assert_non_null(strstr(o.text[0], "\"MD5\":\"d41d8cd98f00b204e9800998ecf8427e\""));
    assert_non_null(strstr(o.text[0], "\"ctime\":"));
    for (int i = 0; i < 4; i++)
        assert_non_null(strstr(o.text[i], "\"object_marking_refs\":[\"" TLP1_AMBER "\"]"));
    assert_non_null(strstr(o.text[2], "\"image_ref\":\"file--"));
    assert_non_null(strstr(o.text[3], "\"object_refs\":[\"file--"));
    assert_null(strstr(o.text[3], "\"objects\""));
    assert_null(strstr(o.text[3], "granular_markings"));

    struct outputs again = {0};
    assert_int_equal(stix_upgrade(v, &arena, keep, &again, &e), OK);
    for (int i = 0; i < 4; i++)
        assert_string_equal(o.text[i], again.text[i]);
}

static void test_upgrade_refused(void **state)
{
    struct outputs o = {0};
    struct err e = ERR_NONE;
    assert_int_equal(
        stix_upgrade(
            parse(HEAD20(
                "observed-data") ",\"objects\":{\"0\":{\"type\":\"network-traffic\",\"src_ref\":\"9\"}}}"),
            &arena, keep, &o, &e),
        ERR_VALUE);
    assert_non_null(strstr(e.text, "\"9\""));
    assert_int_equal(stix_upgrade(parse("{}"), &arena, keep, &o, &e), ERR_VALUE);
    assert_int_equal(o.n, 0);
}

static void test_written_indicator(void **state)
{
    struct stix_indicator i = {.catalogue_source = SV("a feed"),
                               .created = 1704164645678901,
                               .modified = USEC_NONE,
                               .valid_from = USEC_NONE,
                               .valid_until = 1704164645678999,
                               .tlp = TLP_GREEN,
                               .labels = SV(" phishing  kit ")};
    struct err e = ERR_NONE;
    struct buf b, again;
    struct list l = {0};
    char identity[64];
    buf_init(&b, 1 << 16);
    buf_init(&again, 1 << 16);
    assert_int_equal(obs_guess(&arena, SV("O'Brien.example/a\\b"), &i.value, &e), ERR_SYNTAX);
    assert_int_equal(obs_guess(&arena, SV("http://Brien.example/a'b\\c"), &i.value, &e), OK);
    stix_write_indicator(&i, &b);
    stix_write_indicator(&i, &again);
    assert_true(sv_eq(buf_sv(&b), buf_sv(&again)));
    buf_addc(&b, 0);
    struct jv v = parse(b.p);
    stix_check(v, &report);
    assert_int_equal(report.must, 0);
    stix_source_identity(SV("a feed"), identity);
    assert_true(sv_eq(json_get_str(v, SV("created_by_ref")), sv_c(identity)));
    assert_true(sv_eq(json_get_str(v, SV("created")), SV("2024-01-02T03:04:05.678Z")));
    assert_true(sv_eq(json_get_str(v, SV("modified")), SV("2024-01-02T03:04:05.678Z")));
    assert_int_equal(json_type(json_get(v, SV("valid_until"))), JSON_NONE);
    assert_int_equal(json_count(json_get(v, SV("labels"))), 2);
    assert_int_equal(stix_values(v, &arena, add_value, &l, &e), OK);
    assert_string_equal(l.text, "url=http://brien.example/a'b\\c;");
    assert_int_equal(l.bad, 1);
    buf_clear(&b);
    buf_clear(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_head_refused),
        cmocka_unit_test(test_markings),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_message_limit),
        cmocka_unit_test(test_upgrade_indicator),
        cmocka_unit_test(test_upgrade_observed_data),
        cmocka_unit_test(test_upgrade_refused),
        cmocka_unit_test(test_written_indicator),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
