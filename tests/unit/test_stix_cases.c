/*
 * The collected expectations of the OASIS test suites (see the README beside them), read in place from
 * $NOROSHI_SHARED/cases or ../shared/cases, as oracle for patterns, ids and the checker. Skipped when they
 * are not there. Every case we judge otherwise stands in a table below with the reason; any other
 * disagreement fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stix/pattern_match.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>

#define ARENA_MAX (256u << 20)
#define FILE_MAX (64u << 20)

struct differ {
    size_t index;
    const char *why;
};

struct run {
    struct buf text;
    struct json_doc *doc;
    struct arena a;
    struct stix_report report;
    struct stix_checker *checker;
    size_t agreed, total, unexpected;
    const char *name;
};

static void shared_path(char *ret, size_t n, const char *below)
{
    const char *root = getenv("NOROSHI_SHARED");
    snprintf(ret, n, "%s/%s", root ? root : "../shared", below);
}

/* The `cases` list of a file, or skips the test. */
static struct jv open_cases(struct run *r, const char *name)
{
    char path[512], below[128];
    struct err e = ERR_NONE;
    struct jv root;
    *r = (struct run){.name = name};
    snprintf(below, sizeof(below), "cases/%s", name);
    shared_path(path, sizeof(path), below);
    buf_init(&r->text, FILE_MAX);
    if (file_read(AT_FDCWD, path, &r->text, &e) != OK) {
        printf("skipped: %s\n", e.text);
        buf_clear(&r->text);
        skip();
    }
    r->doc = json_doc_new(FILE_MAX);
    r->checker = stix_checker_new(FILE_MAX);
    arena_init(&r->a, ARENA_MAX);
    r->report.a = &r->a;
    if (json_parse(r->doc, buf_sv(&r->text), &root, &e) != OK)
        fail_msg("%s: %s", path, e.text);
    return json_get(root, SV("cases"));
}

static void judge(struct run *r, const struct differ *known, size_t nknown, size_t index, bool agree,
                  const char *what)
{
    r->total++;
    r->agreed += agree;
    if (agree)
        return;
    const char *why = NULL;
    for (size_t i = 0; i < nknown; i++)
        if (known[i].index == index)
            why = known[i].why;
    r->unexpected += why == NULL;
    printf("  %s %zu: %s: %s\n", r->name, index, why ? why : "NOT EXPECTED", what);
}

static void close_cases(struct run *r, size_t nknown)
{
    printf("%s: %zu of %zu agree\n", r->name, r->agreed, r->total);
    json_doc_free(r->doc);
    stix_checker_free(r->checker);
    arena_clear(&r->a);
    buf_clear(&r->text);
    assert_int_equal(r->unexpected, 0);
    assert_int_equal(r->total - r->agreed, nknown);
}

static unsigned pattern_version(struct jv c)
{
    return sv_eq(json_get_str(c, SV("stix_version")), SV("2.0")) ? PATTERN_V20 : 0;
}

static void test_patterns(void **state)
{
    struct run r;
    struct sv key;
    struct jv v;
    struct json_it it = json_each(open_cases(&r, "pattern_validity.json"));
    for (size_t i = 0; json_next(&it, &key, &v); i++) {
        bool valid = false;
        struct err e = ERR_NONE;
        assert_true(json_bool(json_get(v, SV("valid")), &valid));
        arena_reset(&r.a);
        struct pat_node *root;
        int rc = pattern_parse_as(json_get_str(v, SV("pattern")), pattern_version(v), &r.a, &root, &e);
        judge(&r, NULL, 0, i, (rc == OK) == valid, rc < 0 ? e.text : "we accept");
    }
    close_cases(&r, 0);
}

/* `match` true, false, or null: an error, in the pattern or in the observations. */
static void test_matches(void **state)
{
    struct run r;
    struct sv key;
    struct jv v;
    struct json_it it = json_each(open_cases(&r, "pattern_match.json"));
    for (size_t i = 0; json_next(&it, &key, &v); i++) {
        bool wanted = false, match = false;
        bool error = !json_bool(json_get(v, SV("match")), &wanted);
        struct err e = ERR_NONE;
        struct pattern *p = NULL;
        struct pat_seen *seen;
        size_t n;
        arena_reset(&r.a);
        int rc = pattern_read_seen(json_get(v, SV("observed_data")), &r.a, &seen, &n, &e);
        rc = rc < 0 ? rc
                    : pattern_new(json_get_str(v, SV("pattern")),
                                  pattern_version(v) | PATTERN_REPEATED_QUALIFIERS, &p, &e);
        rc = rc < 0 ? rc : pattern_match(p, seen, n, &r.a, &match, &e);
        pattern_free(p);
        judge(&r, NULL, 0, i, rc < 0 ? error : !error && match == wanted,
              rc < 0  ? e.text
              : match ? "we match"
                      : "we do not match");
    }
    close_cases(&r, 0);
}

static void test_equivalence(void **state)
{
    struct run r;
    struct sv key;
    struct jv v;
    struct json_it it = json_each(open_cases(&r, "pattern_equivalence.json"));
    for (size_t i = 0; json_next(&it, &key, &v); i++) {
        bool wanted = false;
        struct err e = ERR_NONE;
        assert_true(json_bool(json_get(v, SV("equivalent")), &wanted));
        int got = pattern_equivalent(json_get_str(v, SV("a")), json_get_str(v, SV("b")),
                                     PATTERN_REPEATED_QUALIFIERS, &e);
        judge(&r, NULL, 0, i, got == wanted,
              got < 0 ? e.text
              : got   ? "we say equivalent"
                      : "we say different");
    }
    close_cases(&r, 0);
}

static void test_ids(void **state)
{
    struct run r;
    struct sv key, id;
    struct jv v;
    struct json_it it = json_each(open_cases(&r, "sco_ids.json"));
    for (size_t i = 0; json_next(&it, &key, &v); i++) {
        struct err e = ERR_NONE;
        arena_reset(&r.a);
        int rc = stix_sco_id(json_get(v, SV("object")), &r.a, &id, &e);
        bool agree = rc == OK && sv_eq(id, json_get_str(v, SV("id")));
        judge(&r, NULL, 0, i, agree, rc == OK ? id.p : e.text);
    }
    close_cases(&r, 0);
}

/* The options of the OASIS validator as our policy. */
static struct stix_policy policy_of(struct jv options, struct sv spec)
{
    struct stix_policy p;
    stix_policy_init(&p);
    (void)stix_policy_options(&p, options);
    p.v20 |= sv_eq(spec, SV("2.0"));
    return p;
}

static bool holds(struct run *r, struct jv object, const struct stix_policy *p, bool strict)
{
    struct err e = ERR_NONE;
    arena_reset(&r->a);
    stix_checker_begin(r->checker);
    assert_int_equal(stix_checker_run(r->checker, object, p, &r->report, &e), OK);
    return r->report.must == 0 && (!strict || r->report.should == 0);
}

static void first_message(const struct run *r, bool strict, char *ret, size_t n)
{
    snprintf(ret, n, "we accept");
    for (size_t i = r->report.n; i > 0; i--) {
        const struct stix_msg *m = &r->report.msg[i - 1];
        if (m->level == STIX_MUST || (strict && m->level == STIX_SHOULD))
            snprintf(ret, n, "%.*s: %.*s (%s)", SV_ARG(m->pointer), SV_ARG(m->text),
                     stix_advice_name(m->advice));
    }
}

#define SHORT_UUID "2.9: the id in src_ref ends in eleven digits, a UUID has twelve there"
#define PREFIX_20 "2.1 section 11.2 does not ask custom types for the prefix \"x-\" of 2.0"
#define RESERVED_20 "the name was reserved in 2.0 only (2.1 section 3.1)"

/* 2.0 objects are judged after their upgrade: what 2.1 no longer forbids, or the upgrade mends, is no fault.
 */
static const struct differ check_differs[] = {
    {48, PREFIX_20},
    {49, PREFIX_20},
    {56, RESERVED_20},
    {59, RESERVED_20},
    {129, "6.7.2 of 2.1 lets an archive contain files and directories, 2.0 files only"},
    {146, "3.1 of 2.1 reserves the property name \"action\", 2.0 did not"},
    {159, "6.14 asks for a code of ISO 639-2; the form is held, the registry's content is not carried here"},
    {165, "6.7 of 2.1 has no encryption_algorithm in files: it is a custom property like any other"},
    {316, "RFC 5646 2.2.9: \"foo\" is well-formed; the registry's content is not carried here"},
    {402, SHORT_UUID},
    {403, SHORT_UUID},
    {404, SHORT_UUID},
    {405, SHORT_UUID},
    {406, SHORT_UUID},
    {407, SHORT_UUID},
    {408, SHORT_UUID},
    {409, SHORT_UUID},
};

#define SCHEMA "asks for a schema of somebody's own beside the standard"
#define TOPLEVEL "7.3 and 10.5 allow a toplevel-property-extension on any object, observables too"

static const struct differ strict_differs[] = {
    {96, SCHEMA},
    {97, SCHEMA},
    {129, "6.7.2 of 2.1 lets an archive contain files and directories, 2.0 files only"},
    {159, "6.14 asks for a code of ISO 639-2; the form is held, the registry's content is not carried here"},
    {165, "6.7 of 2.1 has no encryption_algorithm in files: it is a custom property like any other"},
    {167, "6.7 of 2.1 has no encryption_algorithm in files: it is a custom property like any other"},
    {298, SCHEMA},
    {302, SCHEMA},
    {305, SCHEMA},
    {316, "RFC 5646 2.2.9: \"foo\" is well-formed; the registry's content is not carried here"},
    {337, "2.9: the id of the second object begins with another type than its own"},
    {405, SHORT_UUID},
    {407, SHORT_UUID},
    {408, SHORT_UUID},
    {410, SCHEMA},
    {445, TOPLEVEL},
    {447, TOPLEVEL},
};

static void judge_cases(const char *verdict, bool strict_too, const struct differ *known, size_t nknown)
{
    struct run r;
    struct sv key;
    struct jv v;
    struct json_it it = json_each(open_cases(&r, "stix_validate.json"));
    for (size_t i = 0; json_next(&it, &key, &v); i++) {
        bool valid, strict = false;
        char what[700];
        struct jv options = json_get(v, SV("options"));
        struct stix_policy p = policy_of(strict_too ? options : (struct jv){0}, json_get_str(v, SV("spec")));
        if (!json_bool(json_get(v, sv_c(verdict)), &valid))
            continue;
        if (strict_too)
            (void)json_bool(json_get(options, SV("strict")), &strict);
        bool ours = holds(&r, json_get(v, SV("object")), &p, strict);
        first_message(&r, strict, what, sizeof(what));
        judge(&r, known, nknown, i, ours == valid, what);
    }
    close_cases(&r, nknown);
}

static void test_check(void **state)
{
    judge_cases("valid_default", false, check_differs, sizeof(check_differs) / sizeof(check_differs[0]));
}

static void test_check_options(void **state)
{
    judge_cases("valid", true, strict_differs, sizeof(strict_differs) / sizeof(strict_differs[0]));
}

#define NO_ID "3.2: id is required; the library makes one"
#define NO_VERSION "3.2: spec_version and id are required; the library makes them"
#define NO_STRING "2.11: the name of a phase is a string; the library turns numbers into text"
#define REGISTERED "3.2: the type is known only to the process of that test"
#define PROPERTY_NAME "7.3.2: property names are made of a-z, 0-9 and underscores"
#define UUID_15 "2.9: a UUID of RFC 4122; there is no version 15"

static const struct differ parse_differs[] = {
    {7, NO_ID},
    {11, NO_VERSION},
    {21, NO_STRING},
    {38, NO_ID},
    {46, NO_ID},
    {50, NO_ID},
    {52, NO_ID},
    {55, NO_ID},
    {56, NO_VERSION},
    {59, NO_ID},
    {60, PROPERTY_NAME},
    {61, PROPERTY_NAME},
    {62, REGISTERED},
    {63, REGISTERED},
    {64, REGISTERED},
    {65, NO_ID},
    {66, NO_ID},
    {81, UUID_15},
    {82, UUID_15},
    {83, UUID_15},
    {84, NO_STRING},
    {100, NO_STRING},
    {101, NO_ID},
    {102, "4.12.1: sample_ref refers to a file, network-traffic or artifact"},
    {103, "4.12.1: sample_ref refers to a file, network-traffic or artifact"},
};

/* parse() of the python library: without allow_custom only what the standard defines. */
static void test_parse(void **state)
{
    struct run r;
    struct sv key;
    struct jv v;
    struct json_doc *text = json_doc_new(FILE_MAX);
    struct json_it it = json_each(open_cases(&r, "stix_parse.json"));
    for (size_t i = 0; json_next(&it, &key, &v); i++) {
        char what[700] = "no JSON";
        bool ok = false, custom = false;
        struct err e = ERR_NONE;
        struct stix_policy p;
        struct jv data = json_get(v, SV("data"));
        stix_policy_init(&p);
        assert_true(json_bool(json_get(v, SV("ok")), &ok));
        (void)json_bool(json_get(v, SV("allow_custom")), &custom);
        p.known_types = p.known_properties = !custom;
        bool ours = !json_str(data).p || json_parse(text, json_str(data), &data, &e) == OK;
        if (ours) {
            ours = holds(&r, data, &p, false);
            first_message(&r, false, what, sizeof(what));
        }
        judge(&r, parse_differs, sizeof(parse_differs) / sizeof(parse_differs[0]), i, ours == ok, what);
    }
    json_doc_free(text);
    close_cases(&r, sizeof(parse_differs) / sizeof(parse_differs[0]));
}

/* ---- real bundles: all of them must hold ---- */

static struct run *walked;
static size_t files_walked, objects_walked, broken;

static void judge_object(struct run *r, const char *path, struct jv v)
{
    struct stix_head head;
    struct err e = ERR_NONE;
    arena_reset(&r->a);
    r->report.must = r->report.n = 0;
    int rc = stix_head(v, &r->a, &head, &e);
    objects_walked++;
    static const struct stix_policy policy;
    if (rc == OK && holds(r, v, &policy, false))
        return;
    struct sv id = json_get_str(v, SV("id"));
    /* 4.5: identity_class is a string; this publisher wrote a list, once. */
    bool known =
        sv_eq(id, SV("identity--1e6fc8b8-bbc0-4169-a492-1a9659dbf61f")) && strstr(path, "gobruteforcer");
    broken += !known;
    printf("  %s: %.*s: %s\n", path, SV_ARG(id), rc < 0 ? e.text : "");
    for (size_t m = 0; m < r->report.n; m++)
        if (r->report.msg[m].level == STIX_MUST)
            printf("    %.*s: %.*s\n", SV_ARG(r->report.msg[m].pointer), SV_ARG(r->report.msg[m].text));
}

static int judge_file(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    struct run *r = walked;
    struct err e = ERR_NONE;
    struct sv key;
    struct jv root, v;
    if (flag != FTW_F || (!sv_ends(sv_c(path), SV(".json")) && !sv_ends(sv_c(path), SV(".stix2"))) ||
        strstr(path, "SOURCE.json") || strstr(path, "COUNTS.json"))
        return 0;
    buf_reset(&r->text);
    assert_int_equal(file_read(AT_FDCWD, path, &r->text, &e), OK);
    if (json_parse(r->doc, buf_sv(&r->text), &root, &e) != OK)
        fail_msg("%s: %s", path, e.text);
    if (json_type(json_get(root, SV("objects"))) != JSON_ARRAY)
        return 0;
    files_walked++;
    struct json_it it = json_each(json_get(root, SV("objects")));
    while (json_next(&it, &key, &v))
        judge_object(r, path, v);
    return 0;
}

static void test_real_bundles(void **state)
{
    static const char *const folders[] = {"stix-amnesty",
                                          "stix-attack-flow",
                                          "stix-mitre-attack-ics",
                                          "stix-oasis-examples",
                                          "stix-oasis-schema-examples",
                                          "stix-opencti-reference",
                                          "stix-unit42-playbooks",
                                          "tweetfeed/stix"};
    struct run r = {.name = "real bundles"};
    buf_init(&r.text, FILE_MAX);
    r.doc = json_doc_new(FILE_MAX);
    r.checker = stix_checker_new(FILE_MAX);
    arena_init(&r.a, ARENA_MAX);
    r.report.a = &r.a;
    walked = &r;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char below[128], path[512];
        snprintf(below, sizeof(below), "data/%s", folders[i]);
        shared_path(path, sizeof(path), below);
        nftw(path, judge_file, 8, FTW_PHYS);
    }
    printf("real bundles: %zu files, %zu objects, %zu broken\n", files_walked, objects_walked, broken);
    json_doc_free(r.doc);
    stix_checker_free(r.checker);
    arena_clear(&r.a);
    buf_clear(&r.text);
    if (files_walked == 0) {
        printf("skipped: no data\n");
        skip();
    }
    assert_int_equal(broken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),    cmocka_unit_test(test_matches),
        cmocka_unit_test(test_equivalence), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_check),       cmocka_unit_test(test_check_options),
        cmocka_unit_test(test_parse),       cmocka_unit_test(test_real_bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
