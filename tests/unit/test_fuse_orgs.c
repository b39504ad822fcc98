/* What one organisation of a node must not learn of, nor do to, another one. */
#include "fuse_node.h"

/* An event of `source` that names a domain, taken in for its organisation, as the API does. */
static struct take_report post_event(struct toy *t, size_t org, const struct source *s, const char *domain)
{
    struct err e = ERR_NONE;
    struct take_report r;
    struct pact_view view;
    struct arena a;
    char text[400];
    int n =
        snprintf(text, sizeof(text),
                 "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"event_type\":\"dns\",\"src_ip\":\"192.0.2.1\","
                 "\"dest_ip\":\"192.0.2.2\",\"dns\":{\"type\":\"query\",\"rrname\":\"%s\"}}\n",
                 domain);
    arena_init(&a, 1 << 20);
    assert_int_equal(gate_view(t->db, t->org[org], PURPOSE_NETWORK_SAFETY, t->now, &a, &view, &e), OK);
    const struct take_opts o = {.source = s, .now = t->now, .events_only = true, .view = &view};
    int fd = memfd_create("event", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, (size_t)n), n);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(fuse_take(t->fuse, fd, SV("event"), &o, &r, &e), OK);
    close(fd);
    arena_clear(&a);
    return r;
}

static struct toy_answer status_of(struct toy *t, size_t org)
{
    struct err e = ERR_NONE;
    struct toy_answer a = {.doc = json_doc_new(1 << 20)};
    struct arena arena;
    struct pact_view view;
    struct jw w;
    arena_init(&arena, 1 << 20);
    buf_init(&a.text, 1 << 20);
    assert_int_equal(gate_view(t->db, t->org[org], PURPOSE_NETWORK_SAFETY, t->now, &arena, &view, &e), OK);
    jw_init(&w, &a.text);
    jw_obj(&w);
    assert_int_equal(fuse_status(t->fuse, &view, &w, &e), OK);
    jw_end_obj(&w);
    assert_int_equal(json_parse(a.doc, buf_sv(&a.text), &a.v, &e), OK);
    arena_clear(&arena);
    return a;
}

static int64_t number(struct jv v, const char *outer, const char *inner)
{
    int64_t n = -1;
    struct jv at = inner ? json_get(json_get(v, sv_c(outer)), sv_c(inner)) : json_get(v, sv_c(outer));
    (void)json_i64(at, &n);
    return n;
}

static int64_t sightings_in_look(struct toy *t, size_t org, const char *value)
{
    struct toy_answer a = toy_look(t, org, value);
    int64_t n = number(a.v, "sightings", "count");
    toy_answer_free(&a);
    return n;
}

/* Own events must not tell what others hold as indicators: neither the report, nor look, nor status. */
static void matches_with_hidden_indicators_stay_hidden(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source theirs = toy_source(&t, "secret", 0, 'B', TLP_RED);
    struct source sensor = toy_source(&t, "sensor", 1, 'B', TLP_AMBER);
    struct source own = toy_source(&t, "own", 0, 'B', TLP_AMBER);
    (void)toy_take(&t, &theirs, "secret.example.org\n");

    struct take_report r = post_event(&t, 1, &sensor, "secret.example.org");
    assert_int_equal(r.accepted, 1);
    assert_int_equal(r.matched, 0);
    assert_int_equal(r.sightings, 0);
    assert_int_equal(sightings_in_look(&t, 1, "secret.example.org"), 0);
    struct toy_answer a = status_of(&t, 1);
    assert_int_equal(number(a.v, "counts", "sightings"), 0);
    toy_answer_free(&a);

    r = post_event(&t, 0, &own, "secret.example.org");
    assert_int_equal(r.matched, 1);
    assert_int_equal(r.sightings, 1);
    assert_int_equal(sightings_in_look(&t, 0, "secret.example.org"), 1);
    toy_close(&t);
}

static void status_counts_own_things_only(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source theirs = toy_source(&t, "theirs", 0, 'B', TLP_AMBER);
    (void)toy_take(&t, &theirs, "a.example.org\nnot an indicator at all\n");
    (void)post_event(&t, 0, &theirs, "b.example.org");
    struct toy_answer a = status_of(&t, 1);
    assert_int_equal(number(a.v, "quarantine", NULL), 0);
    assert_int_equal(number(a.v, "counts", "observables_kept"), 0);
    assert_int_equal(json_type(json_get(json_get(a.v, SV("index")), SV("indicators"))), JSON_NULL);
    toy_answer_free(&a);
    a = status_of(&t, 0);
    assert_true(number(a.v, "quarantine", NULL) == 1);
    assert_true(number(a.v, "counts", "observables_kept") > 0);
    toy_answer_free(&a);
    toy_close(&t);
}

/* One claim that cannot be matched must not keep the others from being matched, for ever and for all. */
static void no_claim_stops_the_index(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source s = toy_source(&t, "feed", 0, 'B', TLP_AMBER);
    (void)toy_take(&t, &s,
                   "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"event_type\":\"dns\",\"src_ip\":"
                   "\"192.0.2.1\",\"dns\":{\"type\":\"query\",\"rrname\":\"x.example.org\"}}\n");
    (void)toy_take(&t, &s, "*.org\nevil.example.org\n");
    struct take_report r = post_event(&t, 0, &s, "evil.example.org");
    assert_int_equal(r.matched, 1);
    toy_close(&t);
}

/* A list of a guest organisation explains its own answers; it does not blind the node. */
static void warninglists_of_others_suppress_nothing(void **state)
{
    static const char list[] = "{\"name\":\"all\",\"description\":\"\",\"version\":1,\"type\":\"hostname\","
                               "\"matching_attributes\":[\"domain\"],\"list\":[\".example.org\"]}";
    struct toy t;
    toy_open(&t);
    struct source home = toy_source(&t, "home", 0, 'B', TLP_AMBER);
    struct source guest = toy_source(&t, "guest", 1, 'B', TLP_AMBER);
    (void)toy_take(&t, &home, "evil.example.org\n");
    (void)toy_take(&t, &guest, list);
    assert_int_equal(post_event(&t, 0, &home, "evil.example.org").matched, 1);
    (void)toy_take(&t, &home, list);
    assert_int_equal(post_event(&t, 0, &home, "www.evil.example.org").matched, 0);
    toy_close(&t);
}

#define GOOD "a1.example.org\na2.example.org\na3.example.org\na4.example.org\na5.example.org\n"

static int64_t rejected_of(struct toy *t, const struct source *s)
{
    char sql[100];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM quarantine WHERE source = %lld", (long long)s->id);
    return db_value(t->db, sql, -1);
}

/* A record refused again leaves no second row, and takes nobody else's with it. */
static void retry_removes_no_other_record(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    struct take_report r;
    bool accepted = true;
    toy_open(&t);
    struct source theirs = toy_source(&t, "theirs", 0, 'B', TLP_AMBER);
    struct source mine = toy_source(&t, "mine", 1, 'B', TLP_AMBER);
    (void)toy_take(&t, &mine, GOOD "no indicator %\n");
    const struct source *const both[] = {&theirs, &mine};
    for (size_t i = 0; i < 2; i++) {
        const struct take_opts named = {.source = both[i], .now = t.now};
        int fd = memfd_create("retry", MFD_CLOEXEC);
        static const char text[] = GOOD "another bad line %\n";
        assert_int_equal(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(fuse_take(t.fuse, fd, SV("retry"), &named, &r, &e), OK);
        close(fd);
    }
    assert_int_equal(rejected_of(&t, &theirs), 1);
    assert_int_equal(rejected_of(&t, &mine), 2);

    const struct take_opts o = {.now = t.now};
    int64_t id = db_value(t.db, "SELECT min(id) FROM quarantine", 0);
    int rc = fuse_retry(t.fuse, id, &o, &accepted, &e);
    if (rc != OK) {
        print_error("retry: %s\n", e.text);
    }
    assert_int_equal(rc, OK);
    assert_false(accepted);
    assert_int_equal(rejected_of(&t, &theirs), 1);
    assert_int_equal(rejected_of(&t, &mine), 2);
    toy_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_with_hidden_indicators_stay_hidden),
        cmocka_unit_test(status_counts_own_things_only),
        cmocka_unit_test(no_claim_stops_the_index),
        cmocka_unit_test(warninglists_of_others_suppress_nothing),
        cmocka_unit_test(retry_removes_no_other_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
