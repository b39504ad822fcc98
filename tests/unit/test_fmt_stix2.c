/* STIX 2.0 and 2.1 as intake reads them. The data is ours: tests/data/stix2. */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void read_file(struct collect *c, const char *name, int want)
{
    char path[128];
    struct err e = ERR_NONE;

    (void)snprintf(path, sizeof(path), "tests/data/stix2/%s", name);
    collect_init(c);
    int rc = collect_file(c, path, "", &e);
    if (rc != want)
        fail_msg("%s: %d %s", name, rc, e.text);
    assert_string_equal(c->format.p, "stix2");
    assert_int_equal(c->empty, 0);
    assert_int_equal(c->mixed, 0);
}

static const struct collected_object *object(const struct collect *c, const char *id_start)
{
    for (size_t i = 0; i < c->nobjects; i++)
        if (sv_starts(c->object[i].id, sv_c(id_start)))
            return &c->object[i];
    fail_msg("no object %s", id_start);
    return NULL;
}

static const struct claim_rec *claim(const struct collect *c, enum kind kind, const char *value)
{
    const struct claim_rec *k = collect_find(c, kind, value);

    if (!k)
        fail_msg("no claim %s", value);
    return k;
}

static usec at(const char *text)
{
    usec t = 0;

    assert_int_equal(time_parse(sv_c(text), &(struct time_opts){0}, &t, NULL), OK);
    return t;
}

static void reads_a_bundle(void **state)
{
    struct collect c;

    read_file(&c, "bundle21.json", OK);
    assert_int_equal(c.records, 9);
    assert_int_equal(c.nrejects, 0);
    assert_int_equal(c.nobjects, 9);
    assert_int_equal(collect_count(&c, "indicator"), 5);
    assert_int_equal(collect_count(&c, "x-example-note"), 1);
    assert_int_equal(collect_count(&c, "domain-name"), 1);
    assert_int_equal(object(&c, "indicator--3f1c")->nvalues, 3);
    assert_int_equal(object(&c, "relationship--")->nrefs, 2);
    assert_int_equal(object(&c, "domain-name--")->nvalues, 1);
    assert_true(sv_find(object(&c, "identity--")->text, SV("Example CERT")) != SIZE_MAX);
    collect_clear(&c);
}

static void makes_a_claim_of_each_bad_value(void **state)
{
    struct collect c;

    read_file(&c, "bundle21.json", OK);
    const struct claim_rec *k = claim(&c, KIND_DOMAIN, "login.portal.example");
    assert_true(k->created == at("2026-03-01T08:00:00Z"));
    assert_true(k->modified == at("2026-03-02T09:30:00.5Z"));
    assert_true(k->valid_from == at("2026-03-01T00:00:00Z"));
    assert_true(k->valid_until == at("2026-06-01T00:00:00Z"));
    assert_true(k->first == USEC_NONE);
    assert_int_equal(k->confidence, 85);
    assert_true(k->marked);
    assert_int_equal(k->tlp, TLP_GREEN);
    assert_int_equal(k->flags, 0);
    assert_string_equal(k->labels.p, "loader malicious-activity phishing-kit");
    assert_string_equal(k->ref.p, "indicator--3f1c2a4e-5b6d-4e7f-8a90-1b2c3d4e5f60");
    assert_string_equal(k->note.p, "Loader hosts\nHosts of the loader of spring.");
    claim(&c, KIND_IPV4, "198.51.100.23");
    claim(&c, KIND_URL, "https://portal.example/a?b=c");
    /* the name repeats the value: only the description says something */
    k = claim(&c, KIND_IPV4, "198.51.100.77");
    assert_int_equal(k->flags, CLAIM_REVOKED);
    assert_string_equal(k->note.p, "Taken back.");
    assert_int_equal(k->confidence, -1);
    assert_false(k->marked);
    assert_int_equal(claim(&c, KIND_DOMAIN, "mirror.example")->flags, CLAIM_CONTEXT);
    /* only seen, and part of a pattern that needs two things at once: no claims */
    assert_null(collect_find(&c, KIND_DOMAIN, "seen.example"));
    assert_null(collect_find(&c, KIND_IPV4, "203.0.113.9"));
    assert_int_equal(c.nclaims, 5);
    collect_clear(&c);
}

static void tells_patterns_memory_cannot_match(void **state)
{
    struct collect c;

    read_file(&c, "bundle21.json", OK);
    assert_false(object(&c, "indicator--3f1c")->pattern_other);
    assert_true(object(&c, "indicator--9a8b")->pattern_other);
    assert_true(object(&c, "indicator--4d5e")->pattern_other);
    assert_false(object(&c, "indicator--1a2b")->pattern_other);
    collect_clear(&c);
}

/* The bytes of an object are those of the file: numbers and spaces are not rewritten. */
static void keeps_bytes(void **state)
{
    struct collect c;
    struct buf file;
    struct err e = ERR_NONE;

    read_file(&c, "bundle21.json", OK);
    buf_init(&file, 1 << 20);
    assert_int_equal(file_read(AT_FDCWD, "tests/data/stix2/bundle21.json", &file, &e), OK);
    for (size_t i = 0; i < c.nobjects; i++)
        assert_true(sv_find(buf_sv(&file), c.object[i].json) != SIZE_MAX);
    assert_true(sv_find(object(&c, "x-example-note--")->json, SV("2.50")) != SIZE_MAX);
    assert_true(sv_find(object(&c, "indicator--3f1c")->json, SV("\"x_example_score\": 12345678901234")) !=
                SIZE_MAX);
    buf_clear(&file);
    collect_clear(&c);
}

/* SHA-256 of the canonical form: the same object written in other ways has the same hash. */
static void hashes_the_canonical_form(void **state)
{
    struct collect one, two;

    read_file(&one, "bundle21.json", OK);
    read_file(&two, "single.json", OK);
    assert_int_equal(two.records, 1);
    assert_string_equal(object(&one, "indicator--3f1c")->sha.p, object(&two, "indicator--3f1c")->sha.p);
    /* python3: sha256(json.dumps(o, sort_keys=True, separators=(',',':'), ensure_ascii=False)) */
    assert_string_equal(object(&two, "indicator--3f1c")->sha.p,
                        "f85751d8055478e21c9c49d54dc9bc942cd94a392c10ecb1c75e4b95933049b4");
    collect_clear(&one);
    collect_clear(&two);
}

static void reads_every_frame(void **state)
{
    static const char *const names[] = {"envelope.json", "array.json", "late_type.json"};

    for (size_t i = 0; i < 3; i++) {
        struct collect c;
        read_file(&c, names[i], OK);
        assert_int_equal(c.records, 2);
        assert_int_equal(c.nobjects, 2);
        assert_int_equal(c.nclaims, 3);
        collect_clear(&c);
    }
}

static void goes_on_after_a_broken_member(void **state)
{
    struct collect c;

    read_file(&c, "broken_middle.json", OK);
    assert_int_equal(c.records, 8);
    assert_int_equal(c.nobjects, 3);
    assert_int_equal(c.records_rejected, 5);
    /* "spec_version":"2.1",} on line 3: the place is the brace */
    assert_int_equal(c.reject[0].line, 3);
    assert_int_equal(c.reject[0].code, ERR_SYNTAX);
    assert_string_equal(c.reject[0].bytes.p, "{\"type\":\"identity\",\"spec_version\":\"2.1\",}");
    assert_int_equal(c.reject[1].line, 5);
    assert_true(sv_find(c.reject[1].text, SV("pattern")) != SIZE_MAX);
    assert_int_equal(c.reject[2].line, 6);
    assert_string_equal(c.reject[2].bytes.p, "\"text\"");
    assert_int_equal(c.reject[3].line, 7);
    assert_true(sv_find(c.reject[3].text, SV("created")) != SIZE_MAX ||
                sv_find(c.reject[3].text, SV("modified")) != SIZE_MAX);
    assert_int_equal(c.reject[4].line, 8);
    assert_int_equal(collect_count(&c, "identity"), 3);
    assert_int_equal(collect_count(&c, "unknown"), 1);
    collect_clear(&c);
}

static void a_cut_file_gives_what_came_before(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    assert_int_equal(collect_file(&c, "tests/data/stix2/cut.json", "", &e), ERR_SYNTAX);
    assert_int_equal(c.nobjects, 2);
    assert_true(e.offset != UINT64_MAX || e.line > 0);
    collect_clear(&c);
}

static void upgrades_20(void **state)
{
    struct collect c;

    read_file(&c, "bundle20.json", OK);
    assert_int_equal(c.records, 4);
    assert_int_equal(collect_count(&c, "observed-data"), 1);
    assert_int_equal(collect_count(&c, "ipv4-addr"), 0);
    assert_int_equal(c.records_rejected, 1);
    /* observed-data, an address and a name, an indicator, malware */
    assert_int_equal(c.nobjects, 5);
    for (size_t i = 0; i < c.nobjects; i++)
        assert_true(sv_find(c.object[i].json, SV("2.1")) != SIZE_MAX);
    assert_int_equal(c.nclaims, 1);
    claim(&c, KIND_SHA256, "aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f");
    assert_true(sv_find(c.claim[0].labels, SV("malicious-activity")) != SIZE_MAX);
    /* the id of the standard's own example namespace over {"value":"203.0.113.40"} */
    assert_true(object(&c, "ipv4-addr--eba5253f-1172-51fa-8139-94533decf6d8") != NULL);
    collect_clear(&c);
}

static void an_empty_frame_has_no_records(void **state)
{
    static const char *const texts[] = {
        "{\"type\":\"bundle\",\"id\":\"bundle--708192a3-b4c5-46d7-a8f9-01a2b3c4d5e6\"}",
        "{\"type\":\"bundle\",\"id\":\"bundle--708192a3-b4c5-46d7-a8f9-01a2b3c4d5e6\",\"objects\":[]}",
        "{\"more\":false,\"objects\":[]}",
    };

    for (size_t i = 0; i < 3; i++) {
        struct collect c;
        struct err e = ERR_NONE;
        collect_init(&c);
        assert_int_equal(collect_text(&c, sv_c(texts[i]), "", &e), OK);
        assert_string_equal(c.format.p, "stix2");
        assert_int_equal(c.records, 0);
        collect_clear(&c);
    }
}

static void a_list_of_bundles_is_read(void **state)
{
    const char *text =
        "[{\"type\":\"bundle\",\"id\":\"bundle--708192a3-b4c5-46d7-a8f9-01a2b3c4d5e6\",\"objects\":[\n"
        "{\"type\":\"domain-name\",\"spec_version\":\"2.1\",\"id\":\"domain-name--8bd4a1a8-3a6b-5b7e-8e0a-"
        "c2a7a5d5d9f1\","
        "\"value\":\"one.example\"},\n{\"type\":\"x\"}]},\n"
        "{\"type\":\"bundle\",\"id\":\"bundle--708192a3-b4c5-46d7-a8f9-01a2b3c4d5e7\",\"objects\":7}]";
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    assert_int_equal(collect_text(&c, sv_c(text), "", &e), OK);
    assert_int_equal(c.records, 3);
    assert_int_equal(c.nobjects, 1);
    assert_int_equal(c.nrejects, 2);
    assert_int_equal(c.reject[0].line, 3);
    assert_int_equal(c.reject[1].line, 4);
    collect_clear(&c);
}

static int detected(const char *text)
{
    const struct intake_format *f = intake_detect(sv_c(text), SV("x.json"));

    return f && strcmp(f->name, "stix2") == 0;
}

static void detects_by_content(void **state)
{
    struct buf file;
    struct err e = ERR_NONE;

    buf_init(&file, 1 << 20);
    assert_int_equal(file_read(AT_FDCWD, "tests/data/stix2/taxii_manifest.json", &file, &e), OK);
    buf_addc(&file, '\0');
    assert_false(detected(file.p)); /* a TAXII manifest has ids but no objects */
    buf_clear(&file);
    assert_false(detected("{}"));
    assert_false(detected("[]"));
    assert_false(detected("{\"type\":\"object\",\"properties\":{\"objects\":{\"type\":\"array\"}}}"));
    assert_false(detected("{\"event_type\":\"dns\",\"type\":\"answer\",\"id\":1}"));
    assert_true(detected("[17,{\"type\":\"tool\",\"id\":\"tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\""));
    assert_true(detected("{\"id\":\"bundle--1\",\"type\":\"bundle\",\"objects\":[{\"ty"));
}

/* A bundle far larger than any buffer of the reader goes through, object by object. */
static void streams_a_long_bundle(void **state)
{
    enum { OBJECTS = 60000 };
    struct collect c;
    struct err e = ERR_NONE;
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    FILE *f = fdopen(dup(fd), "w");

    assert_non_null(f);
    (void)fputs("{\"type\":\"bundle\",\"objects\":[", f);
    for (int i = 0; i < OBJECTS; i++)
        (void)fprintf(f,
                      "%s{\"type\":\"ipv4-addr\",\"spec_version\":\"2.1\",\"id\":\"ipv4-addr--%08x-0000-5000-"
                      "8000-000000000000\","
                      "\"value\":\"10.%d.%d.%d\",\"x_pad\":\"%0200d\"}",
                      i ? "," : "", (unsigned)i, i >> 16, (i >> 8) & 255, i & 255, i);
    (void)fputs("],\"id\":\"bundle--708192a3-b4c5-46d7-a8f9-01a2b3c4d5e6\"}", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    collect_init(&c);
    c.light = true;
    int rc = collect_fd(&c, fd, "", "bundle.json", NULL, &e);
    if (rc < 0)
        fail_msg("%s", e.text);
    assert_int_equal(c.records, OBJECTS);
    assert_int_equal(c.nobjects, OBJECTS);
    assert_int_equal(c.nrejects, 0);
    collect_clear(&c);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_bundle),
        cmocka_unit_test(makes_a_claim_of_each_bad_value),
        cmocka_unit_test(tells_patterns_memory_cannot_match),
        cmocka_unit_test(keeps_bytes),
        cmocka_unit_test(hashes_the_canonical_form),
        cmocka_unit_test(reads_every_frame),
        cmocka_unit_test(goes_on_after_a_broken_member),
        cmocka_unit_test(a_cut_file_gives_what_came_before),
        cmocka_unit_test(upgrades_20),
        cmocka_unit_test(an_empty_frame_has_no_records),
        cmocka_unit_test(a_list_of_bundles_is_read),
        cmocka_unit_test(detects_by_content),
        cmocka_unit_test(streams_a_long_bundle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
