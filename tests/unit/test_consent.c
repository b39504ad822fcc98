/* Requests for consents and their answers, read strictly; a queue bounded and without doubles. */
#include "fuse_node.h"

#include "share/partner/queue_private.h"

#define FOR "11111111-1111-4111-8111-111111111111"
#define ID "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3c001"
#define AT "2026-01-01T00:00:00.000Z"

static int reads(const char *body, bool answer)
{
    struct arena a;
    struct consent c;
    struct err e = ERR_NONE;
    arena_init(&a, 1u << 20);
    int rc = consent_read(sv_c(body), answer, &a, &c, &e);
    arena_clear(&a);
    return rc;
}

static void test_bodies(void **state)
{
    struct arena a;
    struct consent c, back;
    struct err e = ERR_NONE;
    struct buf b;
    arena_init(&a, 1u << 20);
    buf_init(&b, 65536);
    assert_int_equal(
        consent_read(SV("{\"for\":\"" FOR "\",\"id\":\"" ID "\",\"version\":\"" AT "\"}"), false, &a, &c, &e),
        OK);
    assert_true(sv_eq(c.id, SV(ID)) && sv_eq(c.version, SV(AT)) && c.until == USEC_NONE && !c.granted);
    c.granted = true;
    c.until = 1900000000 * USEC_SECOND;
    consent_write(&c, true, &b);
    assert_int_equal(consent_read(buf_sv(&b), true, &a, &back, &e), OK);
    assert_true(back.granted && back.until == c.until && uuid_eq(back.partner, c.partner));
    buf_clear(&b);
    arena_clear(&a);
}

static void test_what_is_no_consent(void **state)
{
    static const char *const requests[] = {
        "",
        "[]",
        "{}",
        "{\"for\":\"x\",\"id\":\"" ID "\",\"version\":\"\"}",
        "{\"for\":\"00000000-0000-0000-0000-000000000000\",\"id\":\"" ID "\",\"version\":\"\"}",
        "{\"for\":\"" FOR "\",\"id\":\"\",\"version\":\"\"}",
        "{\"for\":\"" FOR "\",\"id\":\"" ID "\"}",
        "{\"for\":\"" FOR "\",\"id\":\"" ID "\",\"version\":\"\",\"more\":1}",
        "{\"for\":\"" FOR "\",\"id\":7,\"version\":\"\"}"};
    static const char *const answers[] = {
        "{\"for\":\"" FOR "\",\"id\":\"" ID "\",\"version\":\"\"}",
        "{\"for\":\"" FOR "\",\"granted\":1,\"id\":\"" ID "\",\"until\":\"" AT "\",\"version\":\"\"}",
        "{\"for\":\"" FOR "\",\"granted\":true,\"id\":\"" ID "\",\"until\":null,\"version\":\"\"}",
        "{\"for\":\"" FOR "\",\"granted\":true,\"id\":\"" ID "\",\"until\":\"soon\",\"version\":\"\"}"};
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_int_not_equal(reads(requests[i], false), OK);
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        assert_int_not_equal(reads(answers[i], true), OK);
    }
    assert_int_equal(reads("{\"for\":\"" FOR "\",\"granted\":false,\"id\":\"" ID
                           "\",\"until\":null,\"version\":\"\"}",
                           true),
                     OK);
}

static struct queued thing(struct uuid partner, const char *id, const char *sha)
{
    return (struct queued){.partner = partner,
                           .agreement = {{4}},
                           .grant = {{3}},
                           .id = sv_c(id),
                           .type = SV("indicator"),
                           .version = SV(AT),
                           .sha256 = sv_c(sha),
                           .source = 1,
                           .asked = 1,
                           .item_version = USEC_NONE,
                           .asked_by = SV("")};
}

static int put(struct db *db, const struct queued *q, bool *full)
{
    struct err e = ERR_NONE;
    assert_int_equal(db_begin(db, &e), OK);
    int rc = queue_put(db, q, full, &e);
    assert_int_equal(db_finish(db, rc < 0 ? rc : OK, &e), OK);
    return rc;
}

static void test_a_bounded_queue(void **state)
{
    struct db *db = toy_db();
    struct err e = ERR_NONE;
    struct uuid one = {{1}}, other = {{2}};
    struct queue_counts n;
    char id[80];
    bool full;
    struct queued q = thing(one, ID, "aa");
    assert_int_equal(put(db, &q, &full), 1);
    assert_int_equal(put(db, &q, &full), 0); /* the same again */
    q.sha256 = SV("bb");
    assert_int_equal(put(db, &q, &full), 1); /* a newer version takes its place */
    assert_int_equal(queue_count(db, 2, &n, &e), OK);
    assert_int_equal(n.waiting, 1);
    for (int i = 1; i < QUEUE_MOST; i++) {
        snprintf(id, sizeof(id), "indicator--%d", i);
        q = thing(one, id, "aa");
        assert_int_equal(put(db, &q, &full), 1);
    }
    q = thing(one, "indicator--more", "aa");
    assert_int_equal(put(db, &q, &full), 0);
    assert_true(full);
    q = thing(other, "indicator--more", "aa");
    assert_int_equal(put(db, &q, &full), 1); /* another partner has places of its own */
    assert_int_equal(queue_count(db, 1 + QUEUE_OVERDUE, &n, &e), OK);
    assert_int_equal(n.waiting, QUEUE_MOST + 1);
    assert_int_equal(n.overdue, QUEUE_MOST + 1);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bodies),
                                       cmocka_unit_test(test_what_is_no_consent),
                                       cmocka_unit_test(test_a_bounded_queue)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
