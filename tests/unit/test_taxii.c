/* The TAXII server below HTTP, through its header. */
#include "taxii_toy.h"

#define UUID(n) "00000000-0000-4000-8000-0000000000" n
#define MARKED(tlp) "\"object_marking_refs\":[\"marking-definition--" tlp "\"],"
#define GREEN "bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
#define AMBER "55d920b0-5e8b-4f79-9ee9-91f868d9b421"
#define RED "e828b379-4e03-4974-9ac4-e53a884c97c1"
#define MALWARE(n, modified, more)                                                                           \
    "{\"type\":\"malware\",\"spec_version\":\"2.1\",\"id\":\"malware--" UUID(                                \
        n) "\",\"created\":\"2020-01-01T00:00:00.000Z\",\"modified\":\"" modified "\"," more                 \
           "\"name\":\"m" n "\",\"is_family\":false}"
#define ENVELOPE(objects) "{\"objects\":[" objects "]}"
#define EARLY "2020-01-01T00:00:00.000Z"
#define LATER "2021-01-01T00:00:00.000Z"
#define LATEST "2022-01-01T00:00:00.000Z"

static const struct taxii_query NO_FILTER;

/* "id@modified id@modified ..." without the common part of ids. */
static void assert_objects(const struct tt_answer *r, const char *expected)
{
    struct buf b;
    struct json_it it = json_each(json_get(r->v, SV("objects")));
    struct sv key;
    struct jv v;
    buf_init(&b, 1 << 20);
    while (json_next(&it, &key, &v)) {
        struct sv id = json_get_str(v, SV("id")), version = json_get_str(v, SV("modified"));
        version = version.p ? version : json_get_str(v, SV("version"));
        buf_printf(&b, "%s%.*s@%.*s", b.n ? " " : "", SV_ARG(sv_sub(id, id.n - 2, 2)),
                   SV_ARG(sv_sub(version, 0, 4)));
    }
    buf_addc(&b, 0);
    assert_string_equal(b.p, expected);
    buf_clear(&b);
}

static void post(struct tt *s, const struct taxii_collection *c, const char *text, int64_t good, int64_t bad)
{
    struct tt_answer r = tt_post(s, c, &s->admin, text);
    if (r.rc != OK) {
        fail_msg("post: %s", r.e.text);
    }
    assert_int_equal(tt_number(r.v, "success_count"), good);
    assert_int_equal(tt_number(r.v, "failure_count"), bad);
    assert_int_equal(tt_number(r.v, "total_count"), good + bad);
    tt_free(&r);
}

static void expect(struct tt *s, const struct taxii_who *who, const struct taxii_query *q,
                   const char *objects)
{
    struct tt_answer r = tt_page(s, &s->c, who, TAXII_OBJECTS, q);
    if (r.rc != OK) {
        fail_msg("page: %s", r.e.text);
    }
    assert_objects(&r, objects);
    tt_free(&r);
    r = tt_page(s, &s->c, who, TAXII_MANIFEST, q);
    assert_int_equal(r.rc, OK);
    assert_objects(&r, objects);
    tt_free(&r);
}

/* ---- roots, collections, rights */

static void discovery_and_roots(void **state)
{
    struct tt s;
    struct err e = ERR_NONE;
    struct buf json;
    struct taxii_root r;
    struct sv rest;
    tt_open(&s);
    buf_init(&json, 1 << 20);
    assert_int_equal(taxii_discovery(s.t.db, &s.reader, &json, &e), OK);
    buf_addc(&json, 0);
    assert_string_equal(
        json.p, "{\"title\":\"Noroshi\",\"default\":\"/trust/group1/\",\"api_roots\":[\"/trust/group1/\"]}");
    assert_int_equal(taxii_root_find(s.t.db, SV("/trust/group1/collections/x/"), &s.a, &r, &rest, &e), OK);
    assert_int_equal(r.id, s.root.id);
    assert_true(sv_eq(rest, SV("collections/x")));
    assert_int_equal(taxii_root_find(s.t.db, SV("/trust/group1"), &s.a, &r, &rest, &e), OK);
    assert_int_equal(rest.n, 0);
    assert_int_equal(taxii_root_find(s.t.db, SV("/trust/group/"), &s.a, &r, &rest, &e), ERR_NOT_FOUND);
    assert_int_equal(taxii_root_find(s.t.db, SV("/trust/group12/"), &s.a, &r, &rest, &e), ERR_NOT_FOUND);
    buf_clear(&json);
    tt_close(&s);
}

static void refuses_paths_that_cannot_be_served(void **state)
{
    static const char *const bad[] = {"",       "/x",           "x/",   "a//b", "a/../b",
                                      "taxii2", "api/v1",       "a b",  "a?b",  "x/collections",
                                      "status", "trust/group1", "a\xff"};
    struct tt s;
    tt_open(&s);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = ERR_NONE;
        struct taxii_root r = {.path = sv_c(bad[i]), .title = SV("t"), .max_content = 1};
        assert_int_equal(db_begin(s.t.db, &e), OK);
        int rc = taxii_root_put(&s.x, &r, s.t.now, &e);
        if (rc == OK) {
            fail_msg("the path \"%s\" was taken", bad[i]);
        }
        db_rollback(s.t.db);
    }
    tt_close(&s);
}

static void rights_decide_what_is_there(void **state)
{
    struct tt s;
    struct err e = ERR_NONE;
    struct taxii_collection c;
    char upper[37];
    tt_open(&s);
    /* Nobody but admins until granted; somebody without any right does not learn that it is there. */
    assert_int_equal(taxii_collection_find(s.t.db, &s.root, &s.admin, s.c.uuid, &s.a, &c, &e), OK);
    assert_true(c.can_read && c.can_write);
    assert_int_equal(taxii_collection_find(s.t.db, &s.root, &s.reader, s.c.uuid, &s.a, &c, &e),
                     ERR_NOT_FOUND);
    tt_right(&s, s.c.id, "user:reader", true, true);
    assert_int_equal(taxii_collection_find(s.t.db, &s.root, &s.reader, s.c.uuid, &s.a, &c, &e), OK);
    assert_true(c.can_read && !c.can_write); /* its role writes nothing */
    for (size_t i = 0; i < 37; i++) {
        char ch = i < 36 ? s.c.uuid.p[i] : 0;
        upper[i] = ch >= 'a' && ch <= 'f' ? (char)(ch - 32) : ch;
    }
    assert_int_equal(taxii_collection_find(s.t.db, &s.root, &s.reader, sv_c(upper), &s.a, &c, &e), OK);
    tt_right(&s, s.c.id, "user:reader", false, false);
    assert_int_equal(taxii_collection_find(s.t.db, &s.root, &s.reader, s.c.uuid, &s.a, &c, &e),
                     ERR_NOT_FOUND);
    tt_right(&s, s.c.id, "*", false, true);
    assert_int_equal(taxii_collection_find(s.t.db, &s.root, &s.partner, s.c.uuid, &s.a, &c, &e), OK);
    assert_true(!c.can_read && c.can_write);
    const struct taxii_who nobody = {.org = s.t.org[0], .writes = true};
    assert_int_equal(taxii_collection_find(s.t.db, &s.root, &nobody, s.c.uuid, &s.a, &c, &e), ERR_NOT_FOUND);
    struct tt_answer r = tt_page(&s, &s.c, &s.partner, TAXII_OBJECTS, &NO_FILTER);
    assert_int_equal(r.rc, ERR_DENIED);
    tt_free(&r);
    tt_close(&s);
}

/* ---- pages */

static void pages_versions_and_filters(void **state)
{
    struct tt s;
    tt_open(&s);
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, "") "," MALWARE("02", EARLY, "")), 2, 0);
    post(&s, &s.c, ENVELOPE(MALWARE("01", LATER, "") "," MALWARE("03", EARLY, "")), 2, 0);
    post(&s, &s.c, ENVELOPE(MALWARE("01", LATEST, "") "," MALWARE("02", EARLY, "")), 2, 0);
    expect(&s, &s.admin, &NO_FILTER, "02@2020 03@2020 01@2022");
    expect(&s, &s.admin, &(struct taxii_query){.match_version = SV("all")},
           "01@2020 02@2020 01@2021 03@2020 01@2022");
    expect(&s, &s.admin, &(struct taxii_query){.match_version = SV("first")}, "01@2020 02@2020 03@2020");
    expect(&s, &s.admin, &(struct taxii_query){.match_version = SV("last,first")},
           "01@2020 02@2020 03@2020 01@2022");
    expect(&s, &s.admin, &(struct taxii_query){.match_version = SV("2021-01-01T00:00:00Z")}, "01@2021");
    expect(&s, &s.admin, &(struct taxii_query){.match_version = SV("never")}, "");
    expect(&s, &s.admin, &(struct taxii_query){.match_type = SV("tool,malware")}, "02@2020 03@2020 01@2022");
    expect(&s, &s.admin, &(struct taxii_query){.match_type = SV("tool")}, "");
    expect(&s, &s.admin, &(struct taxii_query){.match_spec_version = SV("2.0")}, "");
    expect(&s, &s.admin, &(struct taxii_query){.match_spec_version = SV("2.1,2.0")},
           "02@2020 03@2020 01@2022");
    expect(&s, &s.admin,
           &(struct taxii_query){.match_id = SV("malware--" UUID("03") ",x,malware--" UUID("01"))},
           "03@2020 01@2022");
    expect(&s, &s.admin, &(struct taxii_query){.object = SV("malware--" UUID("01"))}, "01@2022");
    struct tt_answer r =
        tt_page(&s, &s.c, &s.admin, TAXII_VERSIONS,
                &(struct taxii_query){.object = SV("malware--" UUID("01")), .limit = SV("2")});
    assert_int_equal(tt_count(&r), 2);
    assert_true(tt_more(&r) && json_get_str(r.v, SV("next")).n > 0);
    tt_free(&r);
    r = tt_page(&s, &s.c, &s.admin, TAXII_OBJECTS,
                &(struct taxii_query){.object = SV("malware--" UUID("09"))});
    assert_int_equal(r.rc, ERR_NOT_FOUND);
    tt_free(&r);
    tt_close(&s);
}

static void empty_answers_hold_no_empty_lists(void **state)
{
    struct tt s;
    tt_open(&s);
    struct tt_answer r = tt_page(&s, &s.c, &s.admin, TAXII_OBJECTS, &NO_FILTER);
    assert_true(sv_eq(buf_sv(&r.text), SV("{}")));
    assert_true(r.first == USEC_NONE && r.last == USEC_NONE);
    tt_free(&r);
    tt_close(&s);
}

static void bad_parameters_are_named(void **state)
{
    static const struct {
        struct taxii_query q;
        int rc;
    } cases[] = {
        {{.limit = SV("-1")}, ERR_VALUE},
        {{.limit = SV("ten")}, ERR_VALUE},
        {{.limit = SV("1.5")}, ERR_VALUE},
        {{.limit = SV("0")}, OK},
        {{.limit = SV("")}, OK},
        {{.limit = SV("99999999999999999999999999")}, OK},
        {{.added_after = SV("yesterday")}, ERR_VALUE},
        {{.added_after = SV("2020-01-01")}, ERR_VALUE},
        {{.added_after = SV("2020-01-01T00:00:00")}, ERR_VALUE},
        {{.added_after = SV("2020-01-01t00:00:00.123456789z")}, OK},
        {{.added_after = SV("2020-01-01T00:00:00+00:00")}, OK},
        {{.next = SV("")}, OK},
        {{.next = SV("x")}, ERR_VALUE},
        {{.next = SV("000000000000000000000000000000000000000000000000")}, ERR_VALUE},
    };
    struct tt s;
    tt_open(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tt_answer r = tt_page(&s, &s.c, &s.admin, TAXII_MANIFEST, &cases[i].q);
        if (r.rc != cases[i].rc) {
            fail_msg("case %zu: %d", i, r.rc);
        }
        tt_free(&r);
    }
    struct buf many;
    buf_init(&many, 4 << 20);
    for (unsigned i = 0; i < 100000; i++) {
        buf_printf(&many, "%sx%u", i ? "," : "", i);
    }
    const struct sv lists[] = {buf_sv(&many)};
    const struct taxii_query too_many[] = {{.match_id = lists[0]},
                                           {.match_type = lists[0]},
                                           {.match_version = lists[0]},
                                           {.match_spec_version = lists[0]}};
    for (size_t i = 0; i < 4; i++) {
        struct tt_answer r = tt_page(&s, &s.c, &s.admin, TAXII_OBJECTS, &too_many[i]);
        assert_int_equal(r.rc, ERR_LIMIT);
        tt_free(&r);
    }
    buf_clear(&many);
    tt_close(&s);
}

static void a_cursor_belongs_to_its_question(void **state)
{
    struct tt s;
    tt_open(&s);
    struct taxii_collection other = tt_collection(&s, "Other", TLP_AMBER_STRICT, s.source.id);
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, "") "," MALWARE("02", EARLY, "")), 2, 0);
    post(&s, &other, ENVELOPE(MALWARE("01", EARLY, "") "," MALWARE("02", EARLY, "")), 2, 0);
    struct tt_answer r = tt_page(&s, &s.c, &s.admin, TAXII_OBJECTS,
                                 &(struct taxii_query){.limit = SV("1"), .match_type = SV("malware")});
    char next[100];
    assert_true(sv_copy(json_get_str(r.v, SV("next")), next, sizeof(next)));
    tt_free(&r);
    const struct taxii_query good = {.next = sv_c(next), .match_type = SV("malware"), .limit = SV("7")};
    r = tt_page(&s, &s.c, &s.admin, TAXII_OBJECTS, &good);
    assert_objects(&r, "02@2020");
    tt_free(&r);
    r = tt_page(&s, &other, &s.admin, TAXII_OBJECTS, &good);
    assert_int_equal(r.rc, ERR_VALUE);
    tt_free(&r);
    r = tt_page(&s, &s.c, &s.admin, TAXII_MANIFEST, &good);
    assert_int_equal(r.rc, ERR_VALUE);
    tt_free(&r);
    r = tt_page(&s, &s.c, &s.admin, TAXII_OBJECTS,
                &(struct taxii_query){.next = sv_c(next), .match_type = SV("tool")});
    assert_int_equal(r.rc, ERR_VALUE);
    tt_free(&r);
    for (size_t i = 0; i < strlen(next); i++) { /* every digit counts */
        char forged[100];
        memcpy(forged, next, sizeof(forged));
        forged[i] = forged[i] == '0' ? '1' : '0';
        r = tt_page(&s, &s.c, &s.admin, TAXII_OBJECTS,
                    &(struct taxii_query){.next = sv_c(forged), .match_type = SV("malware")});
        assert_int_equal(r.rc, ERR_VALUE);
        tt_free(&r);
    }
    /* Rights are looked up at every page. */
    tt_right(&s, s.c.id, "user:reader", true, false);
    r = tt_page(&s, &s.c, &s.reader, TAXII_OBJECTS, &good);
    assert_int_equal(r.rc, OK);
    tt_free(&r);
    tt_right(&s, s.c.id, "user:reader", false, false);
    r = tt_page(&s, &s.c, &s.reader, TAXII_OBJECTS, &good);
    assert_int_equal(r.rc, ERR_DENIED);
    tt_free(&r);
    tt_close(&s);
}

static void date_added_grows_when_the_clock_is_set_back(void **state)
{
    struct tt s;
    tt_open(&s);
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, "") "," MALWARE("02", EARLY, "")), 2, 0);
    s.t.now -= 10 * USEC_DAY;
    post(&s, &s.c, ENVELOPE(MALWARE("03", EARLY, "")), 1, 0);
    s.t.now += 10 * USEC_DAY;
    struct tt_answer r = tt_page(&s, &s.c, &s.admin, TAXII_MANIFEST, &NO_FILTER);
    assert_objects(&r, "01@2020 02@2020 03@2020");
    assert_true(r.first == s.t.now && r.last == s.t.now + 2);
    char at[32];
    time_text6(r.first, at);
    assert_true(sv_eq(json_get_str(toy_at(json_get(r.v, SV("objects")), 0), SV("date_added")), sv_c(at)));
    tt_free(&r);
    /* A client that goes on from the header misses nothing. */
    time_text6(s.t.now + 1, at);
    expect(&s, &s.admin, &(struct taxii_query){.added_after = sv_c(at)}, "03@2020");
    tt_close(&s);
}

/* ---- the gate */

/* What another organisation gets must be the same, byte for byte, whether the hidden is there or not. */
static void hidden_objects_leave_no_trace(void **state)
{
    struct tt s;
    tt_open(&s);
    tt_grant(&s, TLP_GREEN);
    tt_right(&s, s.c.id, "key:partner", true, false);
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, MARKED(GREEN)) "," MALWARE("02", EARLY, MARKED(GREEN))), 2,
         0);
    struct tt_answer before =
        tt_page(&s, &s.c, &s.partner, TAXII_OBJECTS, &(struct taxii_query){.limit = SV("2")});
    assert_objects(&before, "01@2020 02@2020");
    s.t.now += 5;
    post(&s, &s.c,
         ENVELOPE(MALWARE("01", LATER, MARKED(AMBER)) "," MALWARE("03", EARLY, MARKED(RED)) "," MALWARE(
             "04", EARLY, MARKED("00000000-0000-4000-8000-00000000aaaa"))),
         3, 0);
    struct tt_answer after =
        tt_page(&s, &s.c, &s.partner, TAXII_OBJECTS, &(struct taxii_query){.limit = SV("2")});
    assert_true(sv_eq(buf_sv(&before.text), buf_sv(&after.text)));
    assert_true(before.first == after.first && before.last == after.last);
    assert_false(tt_more(&after));
    tt_free(&before);
    tt_free(&after);
    expect(&s, &s.partner, &(struct taxii_query){.match_version = SV("all")}, "01@2020 02@2020");
    struct tt_answer r = tt_page(&s, &s.c, &s.partner, TAXII_OBJECTS,
                                 &(struct taxii_query){.object = SV("malware--" UUID("03"))});
    assert_int_equal(r.rc, ERR_NOT_FOUND);
    tt_free(&r);
    r = tt_page(&s, &s.c, &s.partner, TAXII_VERSIONS,
                &(struct taxii_query){.object = SV("malware--" UUID("01"))});
    assert_int_equal(tt_count(&r), 1);
    tt_free(&r);
    /* The ceiling of the collection holds for the owner too; without one it sees all that is its own. */
    expect(&s, &s.admin, &NO_FILTER, "02@2020 01@2021");
    tt_close(&s);
}

static void a_grant_taken_back_ends_what_is_seen(void **state)
{
    struct tt s;
    tt_open(&s);
    tt_right(&s, s.c.id, "key:partner", true, false);
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, MARKED(GREEN))), 1, 0);
    expect(&s, &s.partner, &NO_FILTER, "");
    tt_grant(&s, TLP_GREEN);
    expect(&s, &s.partner, &NO_FILTER, "01@2020");
    s.t.now += 366 * USEC_DAY;
    expect(&s, &s.partner, &NO_FILTER, "");
    tt_close(&s);
}

/* ---- posting */

static void posts_are_settled_one_by_one(void **state)
{
    struct tt s;
    tt_open(&s);
    struct tt_answer r =
        tt_post(&s, &s.c, &s.admin,
                ENVELOPE(MALWARE("01", EARLY, "") ",{\"type\":\"malware\",\"id\":\"malware--x\"}," MALWARE(
                    "02", EARLY, "")));
    assert_int_equal(r.rc, OK);
    assert_int_equal(tt_number(r.v, "success_count"), 2);
    assert_int_equal(tt_number(r.v, "failure_count"), 1);
    struct jv bad = toy_at(json_get(r.v, SV("failures")), 0);
    assert_true(sv_eq(json_get_str(bad, SV("id")), SV("malware--x")));
    assert_true(json_get_str(bad, SV("message")).n > 0);
    struct jv good = toy_at(json_get(r.v, SV("successes")), 1);
    assert_true(sv_eq(json_get_str(good, SV("id")), SV("malware--" UUID("02"))));
    assert_true(sv_eq(json_get_str(good, SV("version")), SV(EARLY)));

    struct buf json;
    struct err e = ERR_NONE;
    buf_init(&json, 1 << 20);
    struct sv id = json_get_str(r.v, SV("id"));
    assert_int_equal(taxii_status_json(s.t.db, &s.root, &s.admin, id, &json, &e), OK);
    assert_true(sv_eq(buf_sv(&json), buf_sv(&r.text)));
    assert_int_equal(taxii_status_json(s.t.db, &s.root, &s.reader, id, &json, &e), ERR_NOT_FOUND);
    assert_int_equal(taxii_collect(&s.x, s.t.now + 24 * USEC_HOUR, &e), OK);
    assert_int_equal(taxii_status_json(s.t.db, &s.root, &s.admin, id, &json, &e), OK);
    assert_int_equal(taxii_collect(&s.x, s.t.now + 26 * USEC_HOUR, &e), OK);
    assert_int_equal(taxii_status_json(s.t.db, &s.root, &s.admin, id, &json, &e), ERR_NOT_FOUND);
    buf_clear(&json);
    tt_free(&r);

    /* The same again is a success and no new member; the same version with other content is not. */
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, "")), 1, 0);
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, "\"description\":\"other\",")), 0, 1);
    expect(&s, &s.admin, &(struct taxii_query){.match_version = SV("all")}, "01@2020 02@2020");
    tt_close(&s);
}

static void bodies_that_are_no_envelope(void **state)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "x",
                                      "{\"objects\":{}}",
                                      "[" MALWARE("01", EARLY, "") "]",
                                      MALWARE("01", EARLY, ""),
                                      "{\"objects\":[",
                                      "{\"objects\":[{}"};
    struct tt s;
    tt_open(&s);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tt_answer r = tt_post(&s, &s.c, &s.admin, bad[i]);
        if (r.rc != ERR_SYNTAX) {
            fail_msg("\"%s\" gave %d", bad[i], r.rc);
        }
        tt_free(&r);
    }
    assert_int_equal(taxii_count(s.t.db, s.c.id), 0);
    post(&s, &s.c, "{\"objects\":[]}", 0, 0);
    struct tt_answer r = tt_post(&s, &s.c, &s.reader, ENVELOPE(MALWARE("01", EARLY, "")));
    assert_int_equal(r.rc, ERR_DENIED);
    tt_free(&r);
    tt_close(&s);
}

/* ---- deleting */

static void delete (struct tt *s, const struct taxii_query *q, int expected)
{
    struct err e = ERR_NONE;
    assert_int_equal(taxii_delete(&s->x, &s->c, &s->admin, q, s->t.now, &e), expected);
}

static void deletes_versions_and_tells_of_it(void **state)
{
    struct tt s;
    struct err e = ERR_NONE;
    tt_open(&s);
    post(&s, &s.c,
         ENVELOPE(MALWARE("01", EARLY, "") "," MALWARE("01", LATER, "") "," MALWARE("02", EARLY, "")), 3, 0);
    delete (&s, &(struct taxii_query){.object = SV("malware--" UUID("09"))}, ERR_NOT_FOUND);
    delete (&s, &(struct taxii_query){.object = SV("malware--" UUID("01")), .match_version = SV("last")}, OK);
    expect(&s, &s.admin, &(struct taxii_query){.match_version = SV("all")}, "01@2020 02@2020");
    delete (&s, &(struct taxii_query){.object = SV("malware--" UUID("01"))}, OK);
    delete (&s, &(struct taxii_query){.object = SV("malware--" UUID("01"))}, ERR_NOT_FOUND);
    expect(&s, &s.admin, &NO_FILTER, "02@2020");
    tt_right(&s, s.c.id, "key:partner", true, false);
    assert_int_equal(taxii_delete(&s.x, &s.c, &s.partner,
                                  &(struct taxii_query){.object = SV("malware--" UUID("02"))}, s.t.now, &e),
                     ERR_DENIED);
    struct tt_answer r = {.e = ERR_NONE};
    buf_init(&r.text, 1 << 20);
    assert_int_equal(taxii_tombstones_json(&s.x, &s.c, &s.admin, USEC_NONE, s.t.now, &r.text, &e), OK);
    tt_parse(&r);
    assert_int_equal(json_count(json_get(r.v, SV("tombstones"))), 2);
    assert_true(sv_eq(json_get_str(toy_at(json_get(r.v, SV("tombstones")), 0), SV("version")), SV(LATER)));
    tt_free(&r);
    /* The partner does not see the object: nor its tombstone. */
    r = (struct tt_answer){.e = ERR_NONE};
    buf_init(&r.text, 1 << 20);
    assert_int_equal(taxii_tombstones_json(&s.x, &s.c, &s.partner, USEC_NONE, s.t.now, &r.text, &e), OK);
    assert_true(sv_eq(buf_sv(&r.text), SV("{}")));
    tt_free(&r);
    /* Posted again it is there again, at the end. */
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, "")), 1, 0);
    expect(&s, &s.admin, &NO_FILTER, "02@2020 01@2020");
    tt_close(&s);
}

/* ---- attached sources */

static void collect(struct tt *s)
{
    struct err e = ERR_NONE;
    if (taxii_collect(&s->x, s->t.now, &e) != OK) {
        fail_msg("collect: %s", e.text);
    }
}

static void attach(struct tt *s, int64_t collection, int64_t source)
{
    struct err e = ERR_NONE;
    assert_int_equal(db_begin(s->t.db, &e), OK);
    assert_int_equal(taxii_attach(&s->x, collection, source, true, s->t.now, &e), OK);
    assert_int_equal(db_end(s->t.db, true, &e), OK);
}

static void attached_sources_fill_collections(void **state)
{
    struct tt s;
    tt_open(&s);
    struct source feed = toy_source(&s.t, "feed", 0, 'B', TLP_GREEN);
    struct source other = toy_source(&s.t, "other", 1, 'B', TLP_GREEN);
    struct taxii_collection all = tt_collection(&s, "All", TLP_AMBER_STRICT, 0);
    (void)toy_take(&s.t, &feed, "a.example\nb.example\n");
    (void)toy_take(&s.t, &other, "c.example\n");
    attach(&s, all.id, 0);
    collect(&s);
    assert_int_equal(taxii_count(s.t.db, all.id), 2);
    collect(&s);
    assert_int_equal(taxii_count(s.t.db, all.id), 2);
    (void)toy_take(&s.t, &feed, "d.example\n");
    (void)toy_take(&s.t, &s.source, ENVELOPE(MALWARE("01", EARLY, "")));
    collect(&s);
    assert_int_equal(taxii_count(s.t.db, all.id), 4);
    struct tt_answer r =
        tt_page(&s, &all, &s.admin, TAXII_OBJECTS, &(struct taxii_query){.match_type = SV("indicator")});
    struct jv first = toy_at(json_get(r.v, SV("objects")), 0);
    assert_true(sv_eq(json_get_str(first, SV("pattern")), SV("[domain-name:value = 'a.example']")));
    assert_int_equal(tt_count(&r), 3);
    tt_free(&r);
    tt_close(&s);
}

/* A claim that changed comes again as a new version; the old one is no more. */
static void changed_claims_come_again(void **state)
{
    struct tt s;
    tt_open(&s);
    struct source feed = toy_source(&s.t, "feed", 0, 'B', TLP_GREEN);
    struct taxii_collection all = tt_collection(&s, "All", TLP_AMBER_STRICT, 0);
    attach(&s, all.id, feed.id);
    (void)toy_take(&s.t, &feed, "a.example\nb.example\n");
    collect(&s);
    struct tt_answer r = tt_page(&s, &all, &s.admin, TAXII_MANIFEST, &NO_FILTER);
    usec last = r.last;
    char id[100], version[40];
    struct jv first = toy_at(json_get(r.v, SV("objects")), 0);
    assert_true(sv_copy(json_get_str(first, SV("id")), id, sizeof(id)));
    assert_true(sv_copy(json_get_str(first, SV("version")), version, sizeof(version)));
    tt_free(&r);
    (void)toy_take(&s.t, &feed, "a.example\n");
    collect(&s);
    r = tt_page(&s, &all, &s.admin, TAXII_MANIFEST, &NO_FILTER);
    assert_true(r.last == last); /* nothing new was said */
    tt_free(&r);
    s.t.now += USEC_SECOND;
    (void)toy_take(
        &s.t, &feed,
        "{\"Event\":{\"uuid\":\"" UUID("77") "\",\"info\":\"i\",\"date\":\"2024-01-01\",\"timestamp\":"
                                             "\"1704067200\",\"Attribute\":[{\"uuid\":\"" UUID(
                                                 "78") "\",\"type\":\"domain\",\"category\":"
                                                       "\"Network "
                                                       "activity\",\"to_ids\":true,\"value\":\"a.example\","
                                                       "\"timestamp\":\"1704067200\"}]}}");
    collect(&s);
    assert_int_equal(taxii_count(s.t.db, all.id) >= 2, 1);
    char at[32];
    time_text6(last, at);
    r = tt_page(
        &s, &all, &s.admin, TAXII_MANIFEST,
        &(struct taxii_query){.added_after = sv_c(at), .match_id = sv_c(id), .match_version = SV("all")});
    assert_int_equal(tt_count(&r), 1);
    first = toy_at(json_get(r.v, SV("objects")), 0);
    assert_true(sv_cmp(json_get_str(first, SV("version")), sv_c(version)) > 0);
    tt_free(&r);
    r = tt_page(&s, &all, &s.admin, TAXII_VERSIONS, &(struct taxii_query){.object = sv_c(id)});
    assert_int_equal(tt_count(&r), 1);
    tt_free(&r);
    tt_close(&s);
}

#define INDICATOR(modified, more)                                                                            \
    "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--" UUID(                            \
        "51") "\",\"created\":\"2020-01-01T00:00:00.000Z\",\"modified\":\"" modified "\"," more              \
              "\"pattern\":\"[domain-name:value = 'x.example']\",\"pattern_type\":\"stix\",\"valid_from\":"  \
              "\"2020-01-01T00:00:00Z\"}"

static void revoked_versions_go_to_those_who_had_it(void **state)
{
    struct tt s;
    tt_open(&s);
    struct source feed = toy_source(&s.t, "feed", 0, 'B', TLP_GREEN);
    struct taxii_collection had = tt_collection(&s, "Had", TLP_AMBER_STRICT, 0);
    struct taxii_collection had_not = tt_collection(&s, "Had not", TLP_AMBER_STRICT, 0);
    attach(&s, had.id, feed.id);
    (void)toy_take(&s.t, &feed, ENVELOPE(INDICATOR(EARLY, "")));
    collect(&s);
    (void)toy_take(&s.t, &feed, ENVELOPE(INDICATOR(LATER, "\"revoked\":true,")));
    attach(&s, had_not.id, feed.id);
    collect(&s);
    struct tt_answer r = tt_page(&s, &had, &s.admin, TAXII_OBJECTS, &NO_FILTER);
    assert_objects(&r, "51@2021");
    assert_true(sv_find(buf_sv(&r.text), SV("\"revoked\":true")) != SIZE_MAX);
    tt_free(&r);
    assert_int_equal(taxii_count(s.t.db, had_not.id), 0);
    tt_close(&s);
}

/* Definitions are views: made again, equal, from the ledger alone; members stay where they are. */
static void a_rebuild_makes_the_definitions_again(void **state)
{
    struct tt s;
    struct err e = ERR_NONE;
    tt_open(&s);
    tt_right(&s, s.c.id, "user:reader", true, false);
    post(&s, &s.c, ENVELOPE(MALWARE("01", EARLY, "") "," MALWARE("02", EARLY, "")), 2, 0);
    assert_int_equal(ledger_rebuild(s.t.ledger, NULL, &e), OK);
    expect(&s, &s.reader, &NO_FILTER, "01@2020 02@2020");
    struct taxii_collection gone = s.c;
    gone.removed = true;
    assert_int_equal(db_begin(s.t.db, &e), OK);
    assert_int_equal(taxii_collection_put(&s.x, &gone, s.t.now, &s.a, &e), OK);
    assert_int_equal(db_end(s.t.db, true, &e), OK);
    struct taxii_collection c;
    assert_int_equal(taxii_collection_find(s.t.db, &s.root, &s.admin, s.c.uuid, &s.a, &c, &e), ERR_NOT_FOUND);
    tt_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discovery_and_roots),
        cmocka_unit_test(refuses_paths_that_cannot_be_served),
        cmocka_unit_test(rights_decide_what_is_there),
        cmocka_unit_test(pages_versions_and_filters),
        cmocka_unit_test(empty_answers_hold_no_empty_lists),
        cmocka_unit_test(bad_parameters_are_named),
        cmocka_unit_test(a_cursor_belongs_to_its_question),
        cmocka_unit_test(date_added_grows_when_the_clock_is_set_back),
        cmocka_unit_test(hidden_objects_leave_no_trace),
        cmocka_unit_test(a_grant_taken_back_ends_what_is_seen),
        cmocka_unit_test(posts_are_settled_one_by_one),
        cmocka_unit_test(bodies_that_are_no_envelope),
        cmocka_unit_test(deletes_versions_and_tells_of_it),
        cmocka_unit_test(attached_sources_fill_collections),
        cmocka_unit_test(changed_claims_come_again),
        cmocka_unit_test(revoked_versions_go_to_those_who_had_it),
        cmocka_unit_test(a_rebuild_makes_the_definitions_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
