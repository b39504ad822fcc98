/* Compound patterns of indicators over events: what is watched, what completes a pattern, what bounds it. */
#include "fuse_node.h"

#include "fuse/pattern_set.h"

#include <stdlib.h>

/* ---- the set alone
 * ------------------------------------------------------------------------------------------------------------------
 */

struct hits {
    char id[8][64];
    size_t n;
};

static int remember(void *ctx, const struct pattern_hit *hit, struct err *e)
{
    struct hits *h = ctx;
    (void)e;
    if (h->n < 8)
        (void)sv_copy(hit->id, h->id[h->n], sizeof(h->id[0]));
    h->n++;
    return OK;
}

/* An event of "field=value" words. */
static size_t event(struct pattern_set *s, usec at, const char *const *words)
{
    static struct observed v[16];
    static struct arena a;
    struct hits h = {.n = 0};
    struct err e = ERR_NONE;
    size_t n = 0;
    arena_init(&a, 1u << 20);
    for (; words[n]; n++) {
        struct sv value = sv_c(words[n]), field;
        assert_true(sv_cut(&value, '=', &field));
        v[n].field = field;
        assert_int_equal(obs_guess(&a, value, &v[n].value, &e), OK);
    }
    const struct pattern_event ev = {at, 1, v, n};
    assert_int_equal(pattern_set_ready(s, &e), OK);
    assert_int_equal(pattern_set_event(s, &ev, remember, &h, &e), OK);
    arena_clear(&a);
    return h.n;
}
#define EVENT(s, at, ...) event(s, (at)*USEC_SECOND, (const char *const[]){__VA_ARGS__, NULL})

static void put(struct pattern_set *s, const char *id, const char *pattern)
{
    struct err e = ERR_NONE;
    assert_int_equal(pattern_set_put(s, sv_c(id), 1, sv_c(pattern), USEC_NONE, &e), OK);
}

static void one_event_meets_a_compound_pattern(void **state)
{
    struct pattern_set *s = pattern_set_new();
    put(s, "a",
        "[network-traffic:dst_ref.value = '198.51.100.7' AND network-traffic:src_ref.value ISSUBSET "
        "'10.0.0.0/8']");
    put(s, "b", "[domain-name:value = 'Login.Example' AND domain-name:value LIKE '%.example']");
    put(s, "c", "[file:hashes.MD5 = '00112233445566778899AABBCCDDEEFF' AND NOT EXISTS file:name]");
    assert_int_equal(EVENT(s, 1, "src_ip=192.0.2.1", "dest_ip=198.51.100.7"), 0);
    assert_int_equal(EVENT(s, 1, "src_ip=198.51.100.7", "dest_ip=10.0.0.1"), 0);
    assert_int_equal(EVENT(s, 1, "src_ip=10.9.8.7", "dest_ip=198.51.100.7"), 1);
    assert_int_equal(EVENT(s, 1, "dns.rrname=login.example"), 1);
    assert_int_equal(EVENT(s, 1, "dns.rrname=other.example"), 0);
    assert_int_equal(EVENT(s, 1, "fileinfo.md5=00112233445566778899aabbccddeeff"), 1);
    struct pattern_counts c = pattern_set_counts(s);
    assert_int_equal(c.watched, 3);
    assert_int_equal(c.matched, 3);
    pattern_set_drop(s, SV("b"), 1);
    assert_int_equal(EVENT(s, 1, "dns.rrname=login.example"), 0);
    put(s, "a",
        "[ipv4-addr:value = '203.0.113.1'] AND [ipv4-addr:value = '203.0.113.2'] AND [url:value LIKE '%x']");
    assert_int_equal(EVENT(s, 1, "src_ip=10.9.8.7", "dest_ip=198.51.100.7"), 0);
    c = pattern_set_counts(s);
    assert_int_equal(c.watched, 1);
    assert_int_equal(c.unwatched, 1);
    pattern_set_free(s);
}

static void events_complete_a_pattern_together(void **state)
{
    struct pattern_set *s = pattern_set_new();
    put(s, "a",
        "([domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']) WITHIN 60 SECONDS");
    assert_int_equal(EVENT(s, 100, "dns.rrname=b.example"), 0);
    assert_int_equal(EVENT(s, 110, "dns.rrname=a.example"), 0);
    assert_int_equal(EVENT(s, 190, "dns.rrname=b.example"), 0);
    assert_int_equal(EVENT(s, 150, "dns.rrname=b.example"), 1); /* later to come, earlier to have happened */
    assert_int_equal(EVENT(s, 151, "dns.rrname=b.example"), 0); /* the first is used up */
    put(s, "r", "[ipv4-addr:value = '203.0.113.9'] REPEATS 3 TIMES WITHIN 10 SECONDS");
    assert_int_equal(EVENT(s, 1, "src_ip=203.0.113.9"), 0);
    assert_int_equal(EVENT(s, 9, "src_ip=203.0.113.9"), 0);
    assert_int_equal(EVENT(s, 12, "src_ip=203.0.113.9"), 0);
    assert_int_equal(EVENT(s, 19, "src_ip=203.0.113.9"), 1);
    pattern_set_free(s);
}

static void windows_are_bounded_and_say_so(void **state)
{
    struct pattern_set *s = pattern_set_new();
    put(s, "a", "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']");
    for (usec i = 0; i < 1000; i++)
        assert_int_equal(EVENT(s, 1000 - i, "dns.rrname=b.example"), 0);
    assert_int_equal(pattern_set_counts(s).evicted, 1000 - PATTERN_WINDOW);
    pattern_set_forget(s);
    assert_int_equal(pattern_set_counts(s).evicted, 1000);
    pattern_set_free(s);
}

/* ---- in a node
 * ----------------------------------------------------------------------------------------------------------------------
 */

#define INDICATOR(id, modified, pattern, more)                                                               \
    "{\"type\":\"bundle\",\"id\":\"bundle--2f9a6c8e-8f3e-4a6b-9d4e-0a1b2c3d4e5f\",\"objects\":[{\"type\":"   \
    "\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--" id                                         \
    "\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"" modified                                   \
    "\",\"name\":\"EXERCISE compound\",\"indicator_types\":[\"malicious-activity\"],\"pattern\":\"" pattern  \
    "\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\"" more "}]}"
#define ID "3f9a6c8e-8f3e-4a6b-9d4e-0a1b2c3d4e5f"
#define DNS(second, name)                                                                                    \
    "{\"timestamp\":\"2026-01-03T10:00:" second                                                              \
    ".000000+0000\",\"event_type\":\"dns\",\"src_ip\":\"192.0.2.1\",\"dns\":{\"rrname\":\"" name "\"}}\n"
#define PAIR                                                                                                 \
    "([domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']) WITHIN 30 SECONDS"

static void a_complete_pattern_is_a_sighting(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
    struct source sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    struct take_report r = toy_take(&t, &feed, INDICATOR(ID, "2026-01-01T00:00:00.000Z", PAIR, ""));
    assert_int_equal(r.accepted, 1);
    r = toy_take(&t, &sensor, DNS("01", "a.example") DNS("02", "c.example"));
    assert_int_equal(r.sightings, 0);
    r = toy_take(&t, &sensor, DNS("20", "b.example") DNS("21", "c.example"));
    assert_int_equal(r.sightings, 1);
    assert_int_equal(r.matched, 1);
    assert_int_equal(db_value(t.db,
                              "SELECT count(*) FROM sighting WHERE kind = 0 AND observed = 'b.example' AND "
                              "value = 'indicator--" ID "'",
                              0),
                     1);
    struct arena a;
    struct pact_view view;
    struct buf json;
    struct err e = ERR_NONE;
    arena_init(&a, 16u << 20);
    buf_init(&json, 1u << 20);
    for (size_t org = 0; org < 3; org++) {
        buf_reset(&json);
        assert_int_equal(gate_view(t.db, t.org[org], PURPOSE_NETWORK_SAFETY, t.now, &a, &view, &e), OK);
        assert_int_equal(fuse_sightings(t.fuse, &view, 0, 10, t.now, &json, &e), OK);
        assert_int_equal(sv_find(buf_sv(&json), SV("indicator--" ID)) != SIZE_MAX, org == 0);
    }
    buf_reset(&json);
    assert_int_equal(gate_view(t.db, t.org[0], PURPOSE_NETWORK_SAFETY, t.now, &a, &view, &e), OK);
    assert_int_equal(fuse_look(t.fuse, &view, SV("indicator--" ID), t.now, &json, &e), OK);
    assert_true(sv_find(buf_sv(&json), SV("\"not_watched\":false")) != SIZE_MAX);
    buf_clear(&json);
    arena_clear(&a);
    toy_close(&t);
}

static void a_new_version_takes_the_place_of_the_old(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
    struct source sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    (void)toy_take(&t, &feed,
                   INDICATOR(ID, "2026-01-02T00:00:00.000Z",
                             "[domain-name:value = 'a.example' AND domain-name:value LIKE 'a%']", ""));
    (void)toy_take(&t, &feed,
                   INDICATOR(ID, "2026-01-01T00:00:00.000Z",
                             "[domain-name:value = 'b.example' AND domain-name:value LIKE 'b%']", ""));
    struct take_report r = toy_take(&t, &sensor, DNS("01", "a.example") DNS("02", "b.example"));
    assert_int_equal(r.sightings, 1);
    (void)toy_take(&t, &feed,
                   INDICATOR(ID, "2026-01-03T00:00:00.000Z",
                             "[domain-name:value = 'a.example' AND domain-name:value LIKE 'a%']",
                             ",\"revoked\":true"));
    r = toy_take(&t, &sensor, DNS("03", "a.example") DNS("04", "b.example"));
    assert_int_equal(r.sightings, 0);
    toy_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_meets_a_compound_pattern),
        cmocka_unit_test(events_complete_a_pattern_together),
        cmocka_unit_test(windows_are_bounded_and_say_so),
        cmocka_unit_test(a_complete_pattern_is_a_sighting),
        cmocka_unit_test(a_new_version_takes_the_place_of_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
