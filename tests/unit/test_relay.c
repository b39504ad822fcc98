/* The relay's own parts: the frame of a message, ranges and what goes first, what is held back, answers. */
#include "taxii_toy.h"

#include "share/relay/relay_private.h"
#include "share/taxii/taxii_private.h"

#define A "\"agreement\":\"00000000-0000-4000-8000-000000000001\""
#define G "\"grant\":\"00000000-0000-4000-8000-000000000002\""
#define IDS(list) "\"ids\":[" list "]"
#define GRANT(ids, onward)                                                                                   \
    "{" A ",\"delete_after\":\"2027-01-01T00:00:00.000000Z\"," G "," ids                                     \
    ",\"judicial_use\":\"lead_only\",\"onward\":" onward ",\"purpose\":\"network_safety\",\"version\":1}"
#define BODY(grants, objects)                                                                                \
    "{\"collection\":\"00000000-0000-4000-8000-000000000003\",\"exercise\":false,\"grants\":[" grants        \
    "],\"objects\":[" objects "]}"
#define MALWARE_ID(n) "malware--00000000-0000-4000-8000-0000000000" n
#define MALWARE(n)                                                                                           \
    "{\"type\":\"malware\",\"spec_version\":\"2.1\",\"id\":\"" MALWARE_ID(                                   \
        n) "\",\"created\":\"2020-01-01T00:00:00.000Z\",\"modified\":\"2020-01-01T00:00:00.000Z\","          \
           "\"name\":\"m" n "\",\"is_family\":false}"

/* ---- the frame */

static void test_a_body_is_read(void **state)
{
    struct err e = ERR_NONE;
    struct relay_body b;
    (void)state;
    const struct sv text = SV(BODY(GRANT(IDS("\"" MALWARE_ID("01") "\""), "\"none\""), MALWARE("01")));
    assert_int_equal(relay_body_read(text, &b, &e), OK);
    assert_int_equal(b.objects, 1);
    assert_true(sv_eq(b.object[0], SV(MALWARE("01"))));
    assert_int_equal(b.grants, 1);
    assert_int_equal(b.grant[0].version, 1);
    assert_int_equal(b.grant[0].purpose, PURPOSE_NETWORK_SAFETY);
    assert_int_equal(b.grant[0].onward, ONWARD_NONE);
    uint64_t *at = map_get(&b.ids, SV(MALWARE_ID("01")));
    assert_non_null(at);
    assert_int_equal(*at, 0);
    relay_body_clear(&b);
}

static void test_a_list_of_organisations(void **state)
{
    struct err e = ERR_NONE;
    struct relay_body b;
    (void)state;
    const struct sv text =
        SV(BODY(GRANT(IDS("\"a\""), "[\"00000000-0000-4000-8000-000000000009\"]"), "") "  ");
    assert_int_equal(relay_body_read(text, &b, &e), OK);
    assert_int_equal(b.grant[0].onward, ONWARD_LIST);
    assert_int_equal(b.objects, 0);
    relay_body_clear(&b);
}

static void test_other_bodies_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"objects\":[]}",
        BODY("", "") "x",
        BODY(GRANT(IDS(""), "\"none\""), ""),            /* a grant for nothing */
        BODY(GRANT(IDS("1"), "\"none\""), ""),           /* no id */
        BODY(GRANT(IDS("\"a\",\"a\""), "\"none\""), ""), /* twice */
        BODY(GRANT(IDS("\"a\""), "\"none\"") "," GRANT(IDS("\"a\""), "\"none\""), ""), /* under two grants */
        BODY(GRANT(IDS("\"a\""), "\"anybody\""), ""),                                  /* no word */
        BODY(GRANT(IDS("\"a\""), "\"list\""), ""),                                     /* a list is a list */
        BODY(GRANT(IDS("\"a\""), "[]"), ""),                                           /* empty is nobody */
        BODY(GRANT(IDS("\"a\""), "\"none\",\"more\":1"), ""),                          /* an unknown member */
        BODY("{" A "}", ""),
        "{\"collection\":\"x\",\"exercise\":false,\"grants\":[],\"objects\":[]}",
        "{\"collection\":\"00000000-0000-4000-8000-000000000003\",\"exercise\":0,\"grants\":[],\"objects\":[]"
        "}",
        "{\"collection\":\"00000000-0000-4000-8000-000000000003\",\"exercise\":false,\"grants\":[],\"more\":"
        "1,"
        "\"objects\":[]}",
        "{\"collection\":\"00000000-0000-4000-8000-000000000003\",\"exercise\":false,\"grants\":[],"
        "\"objects\":{}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = ERR_NONE;
        struct relay_body b;
        int rc = relay_body_read(sv_c(bad[i]), &b, &e);
        if (rc != ERR_VALUE) {
            fail_msg("%zu: %s: %d", i, bad[i], rc);
        }
        relay_body_clear(&b);
    }
}

static void test_too_many_objects(void **state)
{
    struct buf text;
    struct relay_body b;
    (void)state;
    for (size_t n = RELAY_OBJECTS; n <= RELAY_OBJECTS + 1; n++) {
        struct err e = ERR_NONE;
        buf_init(&text, 1u << 20);
        buf_add(&text, SV("{\"collection\":\"00000000-0000-4000-8000-000000000003\",\"exercise\":true,"
                          "\"grants\":[],\"objects\":["));
        for (size_t i = 0; i < n; i++) {
            buf_add(&text, i ? SV(",{}") : SV("{}"));
        }
        buf_add(&text, SV("]}"));
        assert_int_equal(relay_body_read(buf_sv(&text), &b, &e), n > RELAY_OBJECTS ? ERR_VALUE : OK);
        relay_body_clear(&b);
        buf_clear(&text);
    }
}

/* ---- what goes first */

struct rt {
    struct tt s;
    struct relays r;
    struct relay relay;
    struct uuid partner;
};

static int reread(void *ctx, const struct relay *r, struct err *e)
{
    (void)e;
    *(struct relay *)ctx = *r;
    return OK;
}

static void rt_open(struct rt *t, bool history)
{
    struct err e = ERR_NONE;
    char principal[48] = "partner:";
    tt_open(&t->s);
    assert_int_equal(db_migrate(t->s.t.db, &relay_room, &e), OK);
    t->partner = uuid_v4();
    uuid_text(t->partner, principal + 8);
    t->r = (struct relays){.taxii = t->s.x, .home = t->s.t.org[0]};
    assert_int_equal(db_begin(t->s.t.db, &e), OK);
    assert_int_equal(relay_add(&t->r, t->partner, t->s.c.id, history, t->s.t.now, &e), ERR_DENIED);
    assert_int_equal(db_end(t->s.t.db, false, &e), OK);
    tt_right(&t->s, t->s.c.id, principal, true, false);
    assert_int_equal(db_begin(t->s.t.db, &e), OK);
    e = ERR_NONE;
    assert_int_equal(relay_add(&t->r, t->partner, t->s.c.id, history, t->s.t.now, &e), OK);
    assert_int_equal(db_end(t->s.t.db, true, &e), OK);
    assert_int_equal(relay_each(t->s.t.db, reread, &t->relay, &e), OK);
}

static void rt_close(struct rt *t)
{
    tt_close(&t->s);
}

/* n members of a source. */
static void bring(struct rt *t, int64_t source, unsigned n)
{
    static unsigned count;
    struct err e = ERR_NONE;
    struct taxii_adder a;
    assert_int_equal(db_begin(t->s.t.db, &e), OK);
    assert_int_equal(taxii_adder_open(&a, &t->s.x, t->s.c.id, &e), OK);
    for (unsigned i = 0; i < n; i++) {
        char id[80];
        snprintf(id, sizeof(id), "malware--00000000-0000-4000-8000-%012u", ++count);
        const struct taxii_new m = {.id = sv_c(id),
                                    .type = SV("malware"),
                                    .source = source,
                                    .version = t->s.t.now,
                                    .spec = 21,
                                    .tlp = TLP_GREEN,
                                    .number = count};
        assert_int_equal(taxii_adder_add(&a, &m, t->s.t.now, NULL, &e), 1);
    }
    assert_int_equal(taxii_adder_close(&a, &e), OK);
    assert_int_equal(db_end(t->s.t.db, true, &e), OK);
}

static void discover(struct rt *t)
{
    struct err e = ERR_NONE;
    assert_int_equal(db_begin(t->s.t.db, &e), OK);
    assert_int_equal(relay_discover(&t->r, &t->relay, &e), OK);
    assert_int_equal(db_end(t->s.t.db, true, &e), OK);
}

static int64_t count(struct rt *t, const char *sql)
{
    return db_value(t->s.t.db, sql, -1);
}

#define IN_LANE(n) "SELECT count(*) FROM relay_range WHERE lane = " #n

static void test_few_are_fresh_and_history_waits(void **state)
{
    struct rt t;
    (void)state;
    rt_open(&t, true);
    assert_int_equal(count(&t, "SELECT count(*) FROM relay_range"), 0); /* there was nothing */
    bring(&t, 1, 40);
    discover(&t);
    assert_int_equal(count(&t, IN_LANE(0)), 1);
    assert_int_equal(count(&t, IN_LANE(1)), 0);
    discover(&t);
    assert_int_equal(count(&t, IN_LANE(0)), 1); /* nothing new */
    rt_close(&t);
}

static void test_many_of_one_source_do_not_stand_before_few_of_another(void **state)
{
    struct rt t;
    (void)state;
    rt_open(&t, true);
    bring(&t, 1, 2000);
    bring(&t, 2, 3);
    bring(&t, 1, 2000);
    discover(&t);
    assert_int_equal(count(&t, IN_LANE(1)), 1);
    assert_int_equal(count(&t, IN_LANE(0)), 1);
    assert_int_equal(count(&t, "SELECT source FROM relay_range WHERE lane = 0"), 2);
    rt_close(&t);
}

static void test_ranges_are_bounded_and_lose_nothing(void **state)
{
    struct rt t;
    struct err e = ERR_NONE;
    (void)state;
    rt_open(&t, true);
    usec first = t.relay.high;
    for (unsigned i = 0; i < RELAY_RANGES_MOST + 5; i++) {
        bring(&t, 1, 1);
        discover(&t);
    }
    assert_true(count(&t, "SELECT count(*) FROM relay_range") <= RELAY_RANGES_MOST + 1);
    assert_int_equal(count(&t, "SELECT min(after) FROM relay_range"), first);
    assert_int_equal(count(&t, "SELECT count(*) FROM member m WHERE NOT EXISTS (SELECT 1 FROM relay_range r "
                               "WHERE m.added > r.after AND m.added <= r.upto)"),
                     0);
    struct relay_state state_of;
    assert_int_equal(relay_state_of(&t.r, &t.relay, &state_of, &e), OK);
    assert_int_equal(state_of.to_do, RELAY_RANGES_MOST + 5);
    assert_int_equal(state_of.push.n, 0);
    rt_close(&t);
}

static void test_what_was_there_is_history(void **state)
{
    struct rt t;
    struct err e = ERR_NONE;
    (void)state;
    for (int history = 0; history < 2; history++) {
        rt_open(&t, false);
        bring(&t, 1, 10);
        assert_int_equal(db_begin(t.s.t.db, &e), OK);
        assert_int_equal(relay_remove(&t.r, t.partner, t.s.c.id, &e), OK);
        assert_int_equal(relay_remove(&t.r, t.partner, t.s.c.id, &e), ERR_NOT_FOUND);
        e = ERR_NONE;
        assert_int_equal(relay_add(&t.r, t.partner, t.s.c.id, history, t.s.t.now, &e), OK);
        assert_int_equal(relay_add(&t.r, t.partner, t.s.c.id, history, t.s.t.now, &e), ERR_EXISTS);
        assert_int_equal(db_end(t.s.t.db, true, &e), OK);
        assert_int_equal(relay_each(t.s.t.db, reread, &t.relay, &e), OK);
        discover(&t);
        assert_int_equal(count(&t, IN_LANE(0)), 0);
        assert_int_equal(count(&t, IN_LANE(1)), history);
        rt_close(&t);
    }
}

/* ---- held back, answered */

static int sum_rule(void *ctx, struct sv rule, uint64_t n)
{
    *(uint64_t *)ctx += sv_eq(rule, SV("marking")) || sv_eq(rule, SV("refused")) ? n : 1000;
    return OK;
}

static uint64_t held(struct rt *t)
{
    struct err e = ERR_NONE;
    uint64_t n = 0;
    assert_int_equal(relay_held_each(t->s.t.db, t->relay.id, sum_rule, &n, &e), OK);
    return n;
}

static void test_held_back_by_rule(void **state)
{
    struct rt t;
    struct err e = ERR_NONE;
    const struct taxii_item i = {.member = 7, .added = 100}, gone = {.member = 8, .added = 101};
    int64_t n = -1, full = RELAY_HELD_MOST;
    (void)state;
    rt_open(&t, false);
    struct db *db = t.s.t.db;
    assert_int_equal(db_begin(db, &e), OK);
    assert_int_equal(relay_hold(db, t.relay.id, &i, SV("marking"), t.s.t.now, &n, &e), OK);
    assert_int_equal(relay_hold(db, t.relay.id, &i, SV("marking"), t.s.t.now, &n, &e), OK);
    assert_int_equal(relay_hold(db, t.relay.id, &gone, SV("local"), t.s.t.now, &n, &e), OK); /* it is over */
    assert_int_equal(db_end(db, true, &e), OK);
    assert_int_equal(held(&t), 1);
    assert_int_equal(db_begin(db, &e), OK);
    assert_int_equal(relay_unhold(db, t.relay.id, 7, &e), OK);
    assert_int_equal(db_end(db, true, &e), OK);
    assert_int_equal(held(&t), 0);
    assert_int_equal(count(&t, "SELECT rescan IS NULL FROM relay"), 1);
    assert_int_equal(relay_hold(db, t.relay.id, &gone, SV("marking"), t.s.t.now, &full, &e), OK);
    assert_int_equal(relay_hold(db, t.relay.id, &i, SV("marking"), t.s.t.now, &full, &e), OK);
    assert_int_equal(held(&t), 0); /* the list is full: from where all is looked at again */
    assert_int_equal(count(&t, "SELECT rescan FROM relay"), 99);
    rt_close(&t);
}

static void put_message(struct rt *t, const struct uuid *id)
{
    struct err e = ERR_NONE;
    char text[37];
    uuid_text(*id, text);
    assert_int_equal(relay_sql(t->s.t.db, &e,
                               "INSERT INTO relay_message (id, relay, share, things, since, queued) VALUES "
                               "(?,?,1,2,?,?)",
                               "tiuu", sv_c(text), t->relay.id, (usec)1000000, (usec)2000000),
                     OK);
    for (int64_t m = 1; m <= 2; m++) {
        assert_int_equal(
            relay_sql(t->s.t.db, &e,
                      "INSERT INTO relay_message_member (message, member, added, stix_id) VALUES "
                      "(?,?,?,?)",
                      "tiut", sv_c(text), m, m * 100, m == 1 ? SV("one") : SV("two")),
            OK);
    }
}

static void answer(struct rt *t, bool accepted, struct sv result)
{
    struct err e = ERR_NONE;
    const struct message m = {.id = uuid_v4()};
    assert_int_equal(db_begin(t->s.t.db, &e), OK);
    put_message(t, &m.id);
    assert_int_equal(relay_acknowledged(&t->r, &m, accepted, result, 5000000, &e), OK);
    assert_int_equal(db_end(t->s.t.db, true, &e), OK);
}

static void test_what_the_other_node_refuses_is_held_back(void **state)
{
    struct rt t;
    struct err e = ERR_NONE;
    struct relay_state s;
    const struct message unknown = {.id = uuid_v4()};
    (void)state;
    rt_open(&t, false);
    assert_int_equal(relay_acknowledged(&t.r, &unknown, true, SV(""), 1, &e), OK); /* of a relay that went */
    answer(&t, true, SV("{\"accepted\":2,\"rejected\":[]}"));
    assert_int_equal(held(&t), 0);
    answer(&t, true, SV("{\"rejected\":[{\"id\":\"one\",\"reason\":\"invalid\"}]}"));
    assert_int_equal(held(&t), 0); /* it would be refused again */
    answer(&t, true, SV("{\"rejected\":[{\"id\":\"two\",\"reason\":\"cap\"}]}"));
    assert_int_equal(held(&t), 1);
    answer(&t, false, SV("a grant of the message is not known here"));
    assert_int_equal(held(&t), 2);
    answer(&t, true, SV("no JSON"));
    assert_int_equal(relay_state_of(&t.r, &t.relay, &s, &e), OK);
    assert_int_equal(s.unanswered, 0);
    assert_int_equal(s.push.n, 4);
    assert_true(s.push.p50 == 3.0 && s.push.p95 == 3.0 && s.fresh.p95 == 4.0);
    rt_close(&t);
}

/* ---- receiving */

static void test_the_same_message_gets_the_same_answer(void **state)
{
    struct rt t;
    struct err e = ERR_NONE;
    struct buf result;
    struct message m = {.id = uuid_v4(), .from = uuid_v4(), .body = SV("{}")};
    char id[37];
    (void)state;
    rt_open(&t, false);
    uuid_text(m.id, id);
    buf_init(&result, 4096);
    assert_int_equal(relay_receive(&t.r, &m, t.s.t.now, &result, &e), ERR_VALUE);
    m.body = SV(BODY(GRANT(IDS("\"" MALWARE_ID("01") "\""), "\"none\""), MALWARE("01")));
    assert_int_equal(relay_receive(&t.r, &m, t.s.t.now, &result, &e), ERR_DENIED); /* no such agreement */
    assert_int_equal(result.n, 0);
    assert_int_equal(count(&t, "SELECT count(*) FROM relay_source"), 0);
    assert_int_equal(relay_sql(t.s.t.db, &e,
                               "INSERT INTO relay_in (id, partner, at, result) VALUES (?,'x',1,?)", "tt",
                               sv_c(id), SV("{\"accepted\":1}")),
                     OK);
    e = ERR_NONE;
    assert_int_equal(relay_receive(&t.r, &m, t.s.t.now, &result, &e), OK);
    assert_true(sv_eq(buf_sv(&result), SV("{\"accepted\":1}")));
    buf_clear(&result);
    rt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_body_is_read),
        cmocka_unit_test(test_a_list_of_organisations),
        cmocka_unit_test(test_other_bodies_are_refused),
        cmocka_unit_test(test_too_many_objects),
        cmocka_unit_test(test_few_are_fresh_and_history_waits),
        cmocka_unit_test(test_many_of_one_source_do_not_stand_before_few_of_another),
        cmocka_unit_test(test_ranges_are_bounded_and_lose_nothing),
        cmocka_unit_test(test_what_was_there_is_history),
        cmocka_unit_test(test_held_back_by_rule),
        cmocka_unit_test(test_what_the_other_node_refuses_is_held_back),
        cmocka_unit_test(test_the_same_message_gets_the_same_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
