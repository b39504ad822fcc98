/*
 * Every file of real data in the formats stix2, misp, misp-manifest, kev and warninglist against counts that
 * another program made (COUNTS.json): the number of records, their types, and nothing unaccounted for.
 * Skipped where the data is not there.
 */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct buf counts_text;
static struct json_doc *counts_doc;
static struct jv files;
static const char *shared;

static int load(void **state)
{
    static char path[512];
    struct err e = ERR_NONE;
    struct jv root;

    shared = getenv("NOROSHI_SHARED");
    shared = shared ? shared : "../shared";
    (void)snprintf(path, sizeof(path), "%s/data/COUNTS.json", shared);
    buf_init(&counts_text, (size_t)16 << 20);
    counts_doc = json_doc_new((size_t)16 << 20);
    if (file_read(AT_FDCWD, path, &counts_text, &e) == OK &&
        json_parse(counts_doc, buf_sv(&counts_text), &root, &e) == OK)
        files = json_get(root, SV("files"));
    return 0;
}

static int unload(void **state)
{
    json_doc_free(counts_doc);
    buf_clear(&counts_text);
    return 0;
}

typedef void (*check_fn)(const struct collect *c, struct jv want, const char *name);

/* Reads every file whose format in COUNTS.json is `theirs`; returns how many. */
static size_t each_file(const char *theirs, const char *ours, check_fn check)
{
    struct json_it it = json_each(files);
    struct sv name;
    struct jv want;
    size_t n = 0;

    if (json_count(files) == 0)
        skip();
    while (json_next(&it, &name, &want)) {
        char path[1024];
        struct collect c;
        struct err e = ERR_NONE;
        if (!sv_eq(json_get_str(want, SV("format")), sv_c(theirs)))
            continue;
        (void)snprintf(path, sizeof(path), "%s/data/%.*s", shared, SV_ARG(name));
        collect_init(&c);
        int rc = collect_file(&c, path, "", &e);
        if (rc < 0 && ours)
            fail_msg("%s: %s", path, e.text);
        if (ours && strcmp(c.format.p, ours) != 0)
            fail_msg("%s is taken for %s", path, c.format.p);
        if (c.empty || c.mixed)
            fail_msg("%s: %zu records with nothing, %zu with content and reject", path, c.empty, c.mixed);
        check(&c, want, path);
        collect_clear(&c);
        n++;
    }
    return n;
}

static int64_t number(struct jv v, const char *key)
{
    int64_t n = 0;

    return json_i64(json_get(v, sv_c(key)), &n) ? n : 0;
}

static void check_types(const struct collect *c, struct jv types, const char *name)
{
    struct json_it it = json_each(types);
    struct sv type;
    struct jv v;
    size_t n = 0;

    while (json_next(&it, &type, &v)) {
        char key[128];
        int64_t want = 0;
        (void)sv_copy(type, key, sizeof(key));
        assert_true(json_i64(v, &want));
        if ((int64_t)collect_count(c, key) != want)
            fail_msg("%s: %zu records of type %s, not %lld", name, collect_count(c, key), key,
                     (long long)want);
        n++;
    }
    if (n != c->ntypes)
        fail_msg("%s: %zu types of records, not %zu", name, c->ntypes, n);
}

static void check_records(const struct collect *c, int64_t want, const char *name)
{
    if ((int64_t)c->records != want)
        fail_msg("%s: %zu records, not %lld", name, c->records, (long long)want);
}

static void no_rejects(const struct collect *c, const char *name)
{
    if (c->nrejects)
        fail_msg("%s: %zu rejects; line %llu: %s", name, c->nrejects, (unsigned long long)c->reject[0].line,
                 c->reject[0].text.p);
}

static size_t claims_of_indicators(const struct collect *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->nobjects; i++)
        n += sv_eq(c->object[i].type, SV("indicator")) ? c->object[i].nvalues : 0;
    return n;
}

/* Objects that break a MUST of the standard: the validator's bad examples, and one identity whose class is a
 * list. */
static size_t broken_objects(const struct collect *c, const char *name)
{
    if (strstr(name, "stix-oasis-validator-cases") && strstr(name, "/invalid_"))
        return c->records;
    return strstr(name, "stix-unit42-playbooks/gobruteforcer.json") ? 1 : 0;
}

static void check_stix(const struct collect *c, struct jv want, const char *name)
{
    check_records(c, number(want, "objects"), name);
    check_types(c, json_get(want, SV("by_type")), name);
    if (c->records_rejected != broken_objects(c, name))
        fail_msg("%s: %zu rejects; line %llu: %s", name, c->nrejects,
                 (unsigned long long)(c->nrejects ? c->reject[0].line : 0),
                 c->nrejects ? c->reject[0].text.p : "");
    assert_true(c->nclaims <= claims_of_indicators(c));
}

static void check_page(const struct collect *c, struct jv want, const char *name)
{
    struct json_it it = json_each(json_get(want, SV("atomic_by_path")));
    struct sv path;
    struct jv v;
    int64_t atoms = 0, n = 0;

    check_stix(c, want, name);
    while (json_next(&it, &path, &v))
        atoms += json_i64(v, &n) ? n : 0;
    if ((int64_t)c->nclaims != atoms)
        fail_msg("%s: %zu claims, not %lld", name, c->nclaims, (long long)atoms);
}

static void check_misp(const struct collect *c, struct jv want, const char *name)
{
    if (number(want, "events") == 0) {
        assert_int_equal(c->records, 0); /* a list of sharing groups: nothing that intake reads */
        return;
    }
    if (strcmp(c->format.p, "misp") != 0)
        fail_msg("%s is taken for %s", name, c->format.p);
    check_records(c, number(want, "attributes") + number(want, "object_attributes"), name);
    check_types(c, json_get(want, SV("types")), name);
    no_rejects(c, name);
    size_t bad = 0;
    for (size_t i = 0; i < c->nclaims; i++)
        bad += !(c->claim[i].flags & (CLAIM_CONTEXT | CLAIM_REVOKED));
    if (number(want, "to_ids_true") > 0 && bad == 0)
        fail_msg("%s: nothing stated as bad", name);
    size_t reports = 0;
    for (size_t i = 0; i < c->nobjects; i++)
        reports += sv_eq(c->object[i].type, SV("report"));
    if ((int64_t)reports != number(want, "events"))
        fail_msg("%s: %zu reports of %lld events", name, reports, (long long)number(want, "events"));
}

static void check_manifest(const struct collect *c, struct jv want, const char *name)
{
    check_records(c, number(want, "events"), name);
    no_rejects(c, name);
}

static void check_kev(const struct collect *c, struct jv want, const char *name)
{
    size_t ransomware = 0;

    check_records(c, number(want, "entries") + number(want, "rows"), name);
    no_rejects(c, name);
    for (size_t i = 0; i < c->nclaims; i++)
        ransomware += sv_eq(c->claim[i].labels, SV("known-exploited ransomware"));
    if (json_type(json_get(want, SV("ransomware_known"))) != JSON_NONE)
        assert_int_equal(ransomware, number(want, "ransomware_known"));
}

static void check_warninglist(const struct collect *c, struct jv want, const char *name)
{
    check_records(c, number(want, "entries"), name);
    no_rejects(c, name);
    assert_int_equal(c->lists, 1);
    assert_int_equal(c->nentries, c->records);
    assert_true(sv_eq(c->list.name, json_get_str(want, SV("name"))));
    assert_int_equal(c->ntypes, 1);
    assert_true(sv_eq(c->type[0].name, json_get_str(want, SV("type"))));
}

static void stix(void **state)
{
    assert_int_equal(each_file("stix-bundle", "stix2", check_stix), 39);
    assert_int_equal(each_file("stix-list", "stix2", check_stix), 1);
    assert_int_equal(each_file("stix-object", "stix2", check_stix), 11);
}

static void taxii_pages(void **state)
{
    assert_int_equal(each_file("taxii-object-page", "stix2", check_page), 22);
}

static void check_not_stix(const struct collect *c, struct jv want, const char *name)
{
    assert_int_equal(c->nobjects, 0);
    if (c->format.p && strcmp(c->format.p, "stix2") == 0)
        fail_msg("%s is taken for STIX", name);
}

static void what_is_no_stix(void **state)
{
    assert_int_equal(each_file("taxii-manifest-page", NULL, check_not_stix), 22);
    assert_int_equal(each_file("json-schema", NULL, check_not_stix), 1);
}

static void misp(void **state)
{
    assert_int_equal(each_file("misp", NULL, check_misp), 82);
    assert_int_equal(each_file("misp-manifest", "misp-manifest", check_manifest), 1);
}

static void kev(void **state)
{
    assert_int_equal(each_file("kev-json", "kev", check_kev), 2);
    assert_int_equal(each_file("kev-csv", "kev", check_kev), 2);
}

/* JSON and CSV of one day are the same claims, but for `modified`. */
static void kev_forms_agree(void **state)
{
    static const char *const days[] = {"2025-03-03", "2025-07-07"};

    if (json_count(files) == 0)
        skip();
    for (size_t d = 0; d < 2; d++) {
        struct collect form[2];
        for (size_t i = 0; i < 2; i++) {
            char path[512];
            struct err e = ERR_NONE;
            (void)snprintf(path, sizeof(path), "%s/data/us-cisa-kev/%s/known_exploited_vulnerabilities.%s",
                           shared, days[d], i ? "csv" : "json");
            collect_init(&form[i]);
            if (collect_file(&form[i], path, "", &e) < 0)
                fail_msg("%s: %s", path, e.text);
        }
        assert_int_equal(form[0].nclaims, form[1].nclaims);
        for (size_t i = 0; i < form[0].nclaims; i++) {
            struct claim_rec *a = &form[0].claim[i], *b = &form[1].claim[i];
            assert_true(a->modified >= b->modified && a->modified - b->modified < USEC_DAY);
            assert_true(a->first == b->first);
            assert_string_equal(a->value.value.p, b->value.value.p);
            assert_string_equal(a->note.p, b->note.p);
            assert_string_equal(a->labels.p, b->labels.p);
            assert_string_equal(a->meta.p, b->meta.p);
        }
        collect_clear(&form[0]);
        collect_clear(&form[1]);
    }
}

static void warninglists(void **state)
{
    assert_int_equal(each_file("warninglist", "warninglist", check_warninglist), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stix),         cmocka_unit_test(taxii_pages), cmocka_unit_test(what_is_no_stix),
        cmocka_unit_test(misp),         cmocka_unit_test(kev),         cmocka_unit_test(kev_forms_agree),
        cmocka_unit_test(warninglists),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
