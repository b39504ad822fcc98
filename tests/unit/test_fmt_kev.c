/* CISA's catalogue as JSON and CSV. The data is ours: tests/data/kev. */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void read_file(struct collect *c, const char *name)
{
    char path[128];
    struct err e = ERR_NONE;

    (void)snprintf(path, sizeof(path), "tests/data/kev/%s", name);
    collect_init(c);
    if (collect_file(c, path, "", &e) < 0)
        fail_msg("%s: %s", name, e.text);
    assert_string_equal(c->format.p, "kev");
    assert_int_equal(c->empty, 0);
    assert_int_equal(c->mixed, 0);
}

static usec at(const char *text)
{
    usec t = 0;

    assert_int_equal(time_parse(sv_c(text), &(struct time_opts){0}, &t, NULL), OK);
    return t;
}

static void reads_an_entry(void **state)
{
    struct collect c;

    read_file(&c, "kev.json");
    assert_int_equal(c.records, 2);
    assert_int_equal(collect_count(&c, "vulnerability"), 2);
    const struct claim_rec *k = collect_find(&c, KIND_VULNERABILITY, "CVE-2026-10001");
    assert_non_null(k);
    assert_int_equal(k->flags, CLAIM_REPLACE);
    assert_true(k->modified == at("2026-03-03T15:04:15.9276Z"));
    assert_true(k->first == at("2026-03-02T00:00:00Z"));
    assert_string_equal(k->labels.p, "known-exploited ransomware");
    assert_string_equal(
        k->note.p, "Example Gateway: Example Gateway \"Auth\" Bypass\nGateway, before 2.1, lets\nanyone in.");
    assert_string_equal(
        k->meta.p,
        "{\"vendor\":\"Example\",\"product\":\"Gateway\",\"due\":\"2026-03-23\",\"ransomware\":\"Known\","
        "\"action\":\"Apply updates.\",\"notes\":\"https://vendor.example/a ; https://nvd.example/1\","
        "\"cwes\":[\"CWE-287\",\"CWE-306\"]}");
    k = collect_find(&c, KIND_VULNERABILITY, "CVE-2025-20002");
    assert_non_null(k);
    assert_string_equal(k->labels.p, "known-exploited");
    assert_null(strstr(k->meta.p, "cwes"));
    collect_clear(&c);
}

static void both_forms_say_the_same(void **state)
{
    struct collect json, csv;

    read_file(&json, "kev.json");
    read_file(&csv, "kev.csv"); /* BOM, CRLF, quotes doubled, a line end inside of a field */
    assert_int_equal(csv.nclaims, json.nclaims);
    for (size_t i = 0; i < csv.nclaims; i++) {
        struct buf a, b;
        assert_true(csv.claim[i].modified == at("2026-03-03T00:00:00Z")); /* the newest dateAdded */
        csv.claim[i].modified = json.claim[i].modified;
        buf_init(&a, 1 << 16);
        buf_init(&b, 1 << 16);
        claim_encode(&a, &json.claim[i]);
        claim_encode(&b, &csv.claim[i]);
        assert_true(sv_eq(buf_sv(&a), buf_sv(&b)));
        buf_clear(&a);
        buf_clear(&b);
    }
    collect_clear(&json);
    collect_clear(&csv);
}

static void rejects_entries_alone(void **state)
{
    struct collect c;

    read_file(&c, "kev_bad.json");
    assert_int_equal(c.records, 5);
    assert_int_equal(c.nclaims, 2);
    assert_int_equal(c.records_rejected, 3);
    assert_true(c.reject[0].line > 0 && c.reject[0].line < c.reject[1].line &&
                c.reject[1].line < c.reject[2].line);
    assert_non_null(strstr(c.reject[0].text.p, "CVE-26-1"));
    assert_non_null(strstr(c.reject[1].text.p, "2026-02-30"));
    assert_int_equal(c.reject[2].code, ERR_SYNTAX);
    collect_clear(&c);
}

static void a_rejected_entry_can_be_tried_again_alone(void **state)
{
    struct collect c, again;
    struct buf file;
    struct err e = ERR_NONE;

    read_file(&c, "kev_bad.json");
    const struct reject *r = &c.reject[0];
    size_t at = sv_find(r->bytes, SV("CVE-26-1"));
    buf_init(&file, 1 << 16);
    buf_add(&file, r->context);
    buf_addc(&file, '\n');
    buf_add(&file, sv_sub(r->bytes, 0, at));
    buf_add(&file, SV("CVE-2026-1001"));
    buf_add(&file, sv_sub(r->bytes, at + 8, SIZE_MAX));
    collect_init(&again);
    assert_int_equal(collect_text(&again, buf_sv(&file), "kev", &e), OK);
    assert_int_equal(again.records, 1);
    assert_int_equal(again.nclaims, 1);
    assert_true(again.claim[0].modified == c.claim[0].modified);
    buf_clear(&file);
    collect_clear(&again);
    collect_clear(&c);
}

static void rejects_rows_alone(void **state)
{
    struct collect c;

    read_file(&c, "kev_bad.csv");
    assert_int_equal(c.records, 5);
    assert_int_equal(c.nclaims, 2);
    assert_int_equal(c.reject[0].line, 5);
    assert_string_equal(c.reject[0].bytes.p, "CVE-2026-10004,too,few");
    assert_true(sv_starts(c.reject[0].context, SV("cveID,")));
    assert_int_equal(c.reject[1].line, 7);
    assert_int_equal(c.reject[2].line, 8);
    collect_clear(&c);
}

static int code_of(const char *text)
{
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    int rc = collect_text(&c, sv_c(text), "kev", &e);
    collect_clear(&c);
    return rc;
}

static void a_broken_catalogue_is_an_error(void **state)
{
    assert_int_equal(code_of("{\"vulnerabilities\":[],\"dateReleased\":\"2026-03-03T15:04:15Z\"}"), OK);
    assert_int_equal(code_of("{\"vulnerabilities\":[]}"), ERR_VALUE);
    assert_int_equal(code_of("{\"dateReleased\":\"2026-03-03T15:04:15Z\"}"), ERR_VALUE);
    assert_int_equal(code_of("{\"dateReleased\":\"2026-03-03T15:04:15\",\"vulnerabilities\":[]}"), ERR_ZONE);
    assert_int_equal(code_of("{\"dateReleased\":\"2026-03-03T15:04:15Z\",\"vulnerabilities\":[{\"cveID\""),
                     ERR_SYNTAX);
    assert_int_equal(code_of("{\"dateReleased\":\"2026-03-03T15:04:15Z\",\"vulnerabilities\":[]} x"),
                     ERR_SYNTAX);
    assert_int_equal(
        code_of("{\"dateReleased\":\"2026-03-03T15:04:15Z\",\"vulnerabilities\":[],\"vulnerabilities\":[]}"),
        ERR_VALUE);
    assert_int_equal(code_of("a,b,c\n1,2,3\n"), ERR_SYNTAX);
}

static void detects_by_content(void **state)
{
    const struct intake_format *f = intake_detect(
        SV("{\"title\":\"t\",\"catalogVersion\":\"1\",\"count\":3,\"vulnerabilities\":[{\"cv"), SV("x"));

    assert_non_null(f);
    assert_string_equal(f->name, "kev");
    f = intake_detect(SV("cveID,vendorProject,product,dateAdded\r\nCVE-2026-10001,a,b,2026-01-01\r\n"),
                      SV("x"));
    assert_non_null(f);
    assert_string_equal(f->name, "kev");
    /* the catalogue's JSON schema names the same keys */
    f = intake_detect(SV("{\"$schema\":\"x\",\"properties\":{\"vulnerabilities\":{\"type\":\"array\"},"
                         "\"catalogVersion\":{}}}"),
                      SV("x"));
    assert_true(!f || strcmp(f->name, "kev") != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_entry),        cmocka_unit_test(both_forms_say_the_same),
        cmocka_unit_test(rejects_entries_alone), cmocka_unit_test(a_rejected_entry_can_be_tried_again_alone),
        cmocka_unit_test(rejects_rows_alone),    cmocka_unit_test(a_broken_catalogue_is_an_error),
        cmocka_unit_test(detects_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
