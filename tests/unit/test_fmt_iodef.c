/* IODEF of both versions, and what hostile XML does to it. The data is ours: tests/data/iodef. */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void read_file(struct collect *c, const char *name)
{
    char path[128];
    struct err e = ERR_NONE;

    (void)snprintf(path, sizeof(path), "tests/data/iodef/%s", name);
    collect_init(c);
    if (collect_file(c, path, "", &e) < 0)
        fail_msg("%s: %s", name, e.text);
    assert_string_equal(c->format.p, "iodef");
    assert_int_equal(c->empty, 0);
    assert_int_equal(c->mixed, 0);
}

static usec at(const char *text)
{
    usec t = 0;

    assert_int_equal(time_parse(sv_c(text), &(struct time_opts){0}, &t, NULL), OK);
    return t;
}

static const struct claim_rec *claim(const struct collect *c, enum kind kind, const char *value, bool bad)
{
    const struct claim_rec *k = collect_find(c, kind, value);

    if (!k)
        fail_msg("no claim of %s", value);
    if (bad == ((k->flags & CLAIM_CONTEXT) != 0))
        fail_msg("%s is %s", value, bad ? "context" : "bad");
    return k;
}

static void reads_systems_of_version_2(void **state)
{
    struct collect c;

    read_file(&c, "v2.xml");
    assert_int_equal(c.records, 5);
    assert_int_equal(collect_count(&c, "reporting"), 1);
    const struct claim_rec *k = claim(&c, KIND_IPV4, "192.0.2.200", true);
    assert_true(k->first == at("2026-08-22T05:00:00Z") && k->last == at("2026-08-22T06:00:00Z"));
    assert_true(k->created == at("2026-08-22T09:00:00Z"));
    assert_true(k->marked && k->tlp == TLP_AMBER);
    assert_int_equal(k->confidence, 85);
    assert_int_equal(k->value.port, 40000);
    assert_string_equal(k->ref.p, "189493");
    assert_string_equal(k->labels.p, "malware-distribution takeover-account");
    assert_string_equal(k->note.p, "Reconnaissance of a network\nthen a controller & a dropper");
    assert_string_equal(k->meta.p, "{\"role\":\"source\",\"ports\":\"40000\",\"protocol\":\"6\","
                                   "\"reporter\":\"csirt.example\",\"purpose\":\"reporting\"}");
    claim(&c, KIND_DOMAIN, "scanner.example", true);
    claim(&c, KIND_AS, "AS64500", false);
    claim(&c, KIND_IPV4, "198.51.100.16/28", false);
    claim(&c, KIND_IPV6, "2001:db8::25", false);
    claim(&c, KIND_IPV4, "192.0.2.201", false); /* spoofed */
    k = claim(&c, KIND_EMAIL, "a@mail.example", true);
    assert_true(k->tlp == TLP_AMBER_STRICT); /* the inner restriction is the stricter */
    assert_true(k->first == at("2026-08-22T05:00:00Z"));
    collect_clear(&c);
}

static void reads_indicators(void **state)
{
    struct collect c;

    read_file(&c, "v2.xml");
    const struct claim_rec *k = claim(&c, KIND_IPV4, "192.0.2.11", true);
    assert_int_equal(k->confidence, 15);
    assert_true(k->valid_from == at("2026-08-01T00:00:00Z") && k->valid_until == at("2026-09-01T00:00:00Z"));
    claim(&c, KIND_SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", true);
    claim(&c, KIND_MD5, "d41d8cd98f00b204e9800998ecf8427e", true);
    claim(&c, KIND_FILENAME, "dropper.exe", false);
    claim(&c, KIND_REGISTRY, "hkey_local_machine\\software\\dropper", true);
    claim(&c, KIND_DOMAIN, "cc.example", true);
    claim(&c, KIND_URL, "http://cc.example/gate", true);
    claim(&c, KIND_IPV6, "2001:db8:1::/48", true);
    claim(&c, KIND_DOMAIN, "good.example", false); /* under "not" */
    collect_clear(&c);
}

static void rejects_incidents_alone(void **state)
{
    struct collect c, again;
    struct err e = ERR_NONE;

    read_file(&c, "v2.xml");
    assert_int_equal(c.nrejects, 3);
    assert_non_null(strstr(c.reject[0].text.p, "EventData: System: Address[@category='ipv4-addr']: "));
    assert_int_equal(c.reject[0].line, 94);
    assert_string_equal(c.reject[1].text.p, "IncidentID: is missing");
    assert_string_equal(c.reject[2].text.p, "GenerationTime: is missing");
    const struct claim_rec *k = claim(&c, KIND_TEXT, "iodef:3", false);
    assert_true(k->marked && k->tlp == TLP_RED); /* an Incident that says nothing is private */
    assert_string_equal(k->note.p, "no value");

    /* What was kept of it is a document of its own. */
    struct buf text;
    buf_init(&text, 1 << 16);
    size_t bad = sv_find(c.reject[0].bytes, SV("192.0.2.300"));
    assert_true(bad != SIZE_MAX);
    buf_add(&text, sv_sub(c.reject[0].bytes, 0, bad));
    buf_add(&text, SV("192.0.2.30"));
    buf_add(&text, sv_sub(c.reject[0].bytes, bad + 11, SIZE_MAX));
    collect_init(&again);
    assert_int_equal(collect_text(&again, buf_sv(&text), "", &e), OK);
    assert_string_equal(again.format.p, "iodef");
    assert_int_equal(again.records, 1);
    claim(&again, KIND_IPV4, "192.0.2.30", true);
    collect_clear(&again);
    buf_clear(&text);
    collect_clear(&c);
}

static void reads_version_1(void **state)
{
    struct collect c;

    read_file(&c, "v1.xml");
    assert_int_equal(c.records, 1);
    const struct claim_rec *k = claim(&c, KIND_IPV4, "192.0.2.50", true);
    assert_true(k->first == at("2026-08-22T09:30:00Z") && k->last == k->first);
    assert_true(k->created == at("2026-08-22T10:00:00Z"));
    assert_true(k->marked && k->tlp == TLP_CLEAR);
    assert_string_equal(k->labels.p, "dos");
    assert_string_equal(k->note.p, "S\xc3\xa9"
                                   "curit\xc3\xa9: a flood");
    claim(&c, KIND_DOMAIN, "zombie.example", true);
    assert_int_equal(claim(&c, KIND_IPV4, "198.51.100.1", false)->value.port, 53);
    collect_clear(&c);
}

static void ends_with(const char *text, size_t records, int code, const char *why)
{
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    assert_int_equal(collect_text(&c, sv_c(text), "iodef", &e), code);
    assert_int_equal(c.records, records);
    if (!strstr(e.text, why))
        fail_msg("%s", e.text);
    collect_clear(&c);
}

#define DOCUMENT "<IODEF-Document xmlns=\"urn:ietf:params:xml:ns:iodef-2.0\">"
#define INCIDENT                                                                                             \
    "<Incident><IncidentID>1</IncidentID><GenerationTime>2026-08-22T09:00:00Z</GenerationTime></Incident>"

static void hostile_documents_are_refused(void **state)
{
    ends_with("<?xml version='1.0'?><!-- x --><!DOCTYPE IODEF-Document [<!ENTITY x SYSTEM "
              "'file:///etc/passwd'>]>" DOCUMENT "<Incident><IncidentID>&x;</IncidentID></Incident>"
              "</IODEF-Document>",
              0, ERR_VALUE, "document type declaration");
    ends_with("<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>" DOCUMENT
              "</IODEF-Document>",
              0, ERR_VALUE, "document type declaration");
    /* An entity that nobody declared; libxml2 looks half a kilobyte ahead. */
    char text[2048];
    (void)snprintf(text, sizeof(text),
                   DOCUMENT INCIDENT "%1000s<Incident><IncidentID>&x;</IncidentID></Incident>", "");
    ends_with(text, 1, ERR_SYNTAX, "not well-formed");
    (void)snprintf(text, sizeof(text), DOCUMENT INCIDENT "%1000s<Incident>", "");
    ends_with(text, 1, ERR_SYNTAX, "not well-formed");
    ends_with("<?xml version='1.0' encoding='Shift_JIS'?>" DOCUMENT "</IODEF-Document>", 0, ERR_UNSUPPORTED,
              "Shift_JIS");
    ends_with("<IODEF-Document xmlns='urn:example'>" INCIDENT "</IODEF-Document>", 0, ERR_VALUE, "namespace");
    ends_with("<html/>", 0, ERR_VALUE, "not an IODEF-Document");
}

static void deep_documents_end(void **state)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_add(&b, SV(DOCUMENT INCIDENT "<Incident>"));
    for (int i = 0; i < 5000; i++)
        buf_add(&b, SV("<EventData>"));
    buf_addc(&b, 0);
    ends_with(b.p, 1, ERR_SYNTAX, "not well-formed");
    buf_clear(&b);
}

/* One tag of many attributes would be compared pairwise. */
static void endless_tags_are_refused(void **state)
{
    struct buf b;

    buf_init(&b, 32 << 20);
    buf_add(&b, SV(DOCUMENT INCIDENT "<Incident"));
    for (int i = 0; i < 1000000; i++)
        buf_printf(&b, " a%d=''", i);
    buf_add(&b, SV("/></IODEF-Document>"));
    buf_addc(&b, 0);
    ends_with(b.p, 0, ERR_LIMIT, "tag");
    buf_reset(&b);
    buf_printf(&b, DOCUMENT "<!-- %200000s --><![CDATA[ %200000s ]]>" INCIDENT "</IODEF-Document>", "x>",
               "<y");
    buf_addc(&b, 0);
    ends_with(b.p, 1, OK, "");
    buf_clear(&b);
}

/* A document of many incidents needs the memory of its text and of one of them. */
static void many_incidents(void **state)
{
    struct collect c;
    struct buf b;
    struct err e = ERR_NONE;

    buf_init(&b, 64 << 20);
    buf_add(&b, SV(DOCUMENT));
    for (int i = 0; i < 20000; i++)
        buf_printf(
            &b,
            "<Incident restriction=\"green\"><IncidentID>%d</IncidentID><GenerationTime>2026-08-22T09:00:00Z"
            "</GenerationTime><EventData><Flow><System category=\"source\"><Node><Address "
            "category=\"ipv4-addr\">10.1.%d.%d</Address></Node></System></Flow></EventData></Incident>",
            i, i / 256, i % 256);
    buf_add(&b, SV("</IODEF-Document>"));
    collect_init(&c);
    c.light = true;
    assert_int_equal(collect_text(&c, buf_sv(&b), "", &e), OK);
    assert_int_equal(c.records, 20000);
    assert_int_equal(c.nclaims, 20000);
    collect_clear(&c);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_systems_of_version_2),
        cmocka_unit_test(reads_indicators),
        cmocka_unit_test(rejects_incidents_alone),
        cmocka_unit_test(reads_version_1),
        cmocka_unit_test(hostile_documents_are_refused),
        cmocka_unit_test(deep_documents_end),
        cmocka_unit_test(many_incidents),
        cmocka_unit_test(endless_tags_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
