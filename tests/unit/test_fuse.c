#include "fuse_node.h"

#include <math.h>

#define CSV "type,value,first_seen,last_seen,confidence,tags,note\n"

static double confidence(struct jv indicator)
{
    double c = -1;
    assert_true(json_f64(json_get(indicator, SV("confidence")), &c));
    return c;
}

/* How many documents a search finds. */
static size_t hits(struct toy *t, const char *words)
{
    struct err e = ERR_NONE;
    struct arena arena;
    struct pact_view view;
    struct buf json;
    struct jv v;
    struct json_doc *d = json_doc_new(1 << 22);
    arena_init(&arena, 1 << 22);
    buf_init(&json, 1 << 22);
    const struct find_opts o = {.text = sv_c(words), .since = USEC_NONE, .until = USEC_NONE};
    assert_int_equal(gate_view(t->db, t->org[0], PURPOSE_NETWORK_SAFETY, t->now, &arena, &view, &e), OK);
    assert_int_equal(fuse_find(t->fuse, &view, &o, &json, &e), OK);
    assert_int_equal(json_parse(d, buf_sv(&json), &v, &e), OK);
    size_t n = json_count(json_get(v, SV("hits")));
    buf_clear(&json);
    arena_clear(&arena);
    json_doc_free(d);
    return n;
}

/* ---- claims
 * --------------------------------------------------------------------------------------------------------------------
 */

static void the_same_file_twice_changes_nothing(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source s = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
    const char *text = CSV "domain,EVIL.example,2026-01-02,2026-01-05,80,phishing,first\nip,192.0.2.7,2026-"
                           "01-02,2026-01-03,,scan,\n";
    struct take_report r = toy_take(&t, &s, text);
    assert_int_equal(r.accepted, 2);
    int64_t entries = db_value(t.db, "SELECT count(*) FROM entry", 0);
    r = toy_take(&t, &s, text);
    assert_int_equal(r.duplicates, 2);
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM entry", 0), entries);
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM claim", 0), 2);
    toy_close(&t);
}

static void a_later_line_widens_the_claim(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source s = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
    toy_take(&t, &s, CSV "domain,evil.example,2026-01-02,2026-01-05,80,phishing,\n");
    struct take_report r =
        toy_take(&t, &s, CSV "domain,evil.example,2026-01-01,2026-01-09,80,malware phishing,\n");
    assert_int_equal(r.accepted, 1);
    struct toy_answer a = toy_look(&t, 0, "evil[.]example");
    struct jv i = toy_at(json_get(a.v, SV("indicators")), 0);
    assert_true(sv_eq(json_get_str(i, SV("first")), SV("2026-01-01T00:00:00Z")));
    assert_true(sv_eq(json_get_str(i, SV("last")), SV("2026-01-09T00:00:00Z")));
    assert_int_equal(json_count(json_get(i, SV("labels"))), 2);
    toy_answer_free(&a);
    /* An earlier line that says less changes nothing. */
    r = toy_take(&t, &s, CSV "domain,evil.example,2026-01-03,2026-01-04,80,phishing,\n");
    assert_int_equal(r.duplicates, 1);
    toy_close(&t);
}

/* Worked by hand: B .80 and C .60, both fresh and sure: 1 - .2 * .4 = .92; a copy of the same upstream adds
 * nothing. */
static void confidence_is_noisy_or_over_upstreams(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source b = toy_source(&t, "b", 0, 'B', TLP_GREEN), c = toy_source(&t, "c", 0, 'C', TLP_GREEN),
                  copy = toy_source(&t, "copy", 0, 'C', TLP_GREEN);
    struct err e = ERR_NONE;
    copy.upstream = SV("c");
    assert_int_equal(db_begin(t.db, &e), OK);
    assert_int_equal(source_put(t.ledger, t.db, &copy, t.now, &e), OK);
    assert_int_equal(db_end(t.db, true, &e), OK);
    /* Hashes do not age, so that the clock plays no part. */
    const char *line = CSV "md5,d41d8cd98f00b204e9800998ecf8427a,2026-01-02,2026-01-02,100,,\n";
    const double want[] = {0.80, 0.92, 0.92};
    struct source *const sources[] = {&b, &c, &copy};
    for (size_t i = 0; i < 3; i++) {
        toy_take(&t, sources[i], line);
        struct toy_answer a = toy_look(&t, 0, "D41D8CD98F00B204E9800998ECF8427A");
        assert_true(fabs(confidence(toy_at(json_get(a.v, SV("indicators")), 0)) - want[i]) < 0.0011);
        toy_answer_free(&a);
    }
    toy_close(&t);
}

static void confidence_ages_by_half_lives(void **state)
{
    usec now = 1770000000 * USEC_SECOND;
    assert_true(fabs(fuse_term('A', 100, KIND_IPV4, now, now) - 0.95) < 1e-12);
    assert_true(fabs(fuse_term('A', 100, KIND_IPV4, now - 30 * USEC_DAY, now) - 0.475) < 1e-12);
    assert_true(fabs(fuse_term('A', 50, KIND_SHA256, now - 3000 * USEC_DAY, now) - 0.475) < 1e-12);
    /* A clock that was set back does not make things surer than they were. */
    assert_true(fabs(fuse_term('E', 100, KIND_URL, now + USEC_DAY, now) - 0.20) < 1e-12);
    const double terms[] = {0.5, 0.5, 0.5};
    assert_true(fabs(fuse_noisy_or(terms, 3) - 0.875) < 1e-12);
    assert_true(fuse_noisy_or(NULL, 0) == 0.0);
}

static void the_newest_catalogue_replaces(void **state)
{
    static const char older[] =
        "{\"title\":\"CISA Catalog of Known Exploited "
        "Vulnerabilities\",\"catalogVersion\":\"2026.01.01\",\"dateReleased\":\"2026-01-01T00:00:00.0000Z\","
        "\"count\":1,"
        "\"vulnerabilities\":[{\"cveID\":\"CVE-2026-0001\",\"vendorProject\":\"Example\",\"product\":\"Box\","
        "\"vulnerabilityName\":\"Example Box flaw\","
        "\"dateAdded\":\"2026-01-01\",\"shortDescription\":\"x\",\"requiredAction\":\"patch\",\"dueDate\":"
        "\"2026-01-21\",\"knownRansomwareCampaignUse\":\"Unknown\",\"notes\":\"\"}]}";
    char newer[sizeof(older) + 16];
    snprintf(newer, sizeof(newer), "%s", older);
    memcpy(strstr(newer, "2026.01.01"), "2026.02.01", 10);
    memcpy(strstr(newer, "2026-01-01T"), "2026-02-01T", 11);
    memcpy(strstr(newer, "\"Unknown\""), "\"Known\"  ", 9);
    for (int order = 0; order < 2; order++) {
        struct toy t;
        toy_open(&t);
        struct source s = toy_source(&t, "kev", 0, 'A', TLP_CLEAR);
        toy_take(&t, &s, order ? newer : older);
        toy_take(&t, &s, order ? older : newer);
        struct toy_answer a = toy_look(&t, 0, "cve-2026-0001");
        struct jv labels = json_get(toy_at(json_get(a.v, SV("indicators")), 0), SV("labels"));
        assert_int_equal(json_count(labels), 2); /* known-exploited and ransomware, whichever came first */
        toy_answer_free(&a);
        toy_close(&t);
    }
}

/* ---- sightings: the same whichever came first
 * ------------------------------------------------------------------------------------- */

#define EVE(time, src, dst)                                                                                  \
    "{\"timestamp\":\"" time "\",\"event_type\":\"flow\",\"host\":\"s1\",\"src_ip\":\"" src                  \
    "\",\"dest_ip\":\"" dst "\",\"proto\":\"TCP\"}\n"

static const char EVENTS[] = EVE("2026-01-03T10:00:01.000000+0000", "192.0.2.7", "198.51.100.1")
    EVE("2026-01-03T10:59:59.000000+0000", "192.0.2.7", "198.51.100.1")
        EVE("2026-01-03T11:00:00.000000+0000", "192.0.2.7", "198.51.100.2")
            EVE("2026-01-03T11:00:00.000000+0000", "192.0.2.8", "203.0.113.9");
static const char FEED[] =
    CSV "ip,192.0.2.7,2026-01-02,2026-01-05,80,,\ncidr,203.0.113.0/24,2026-01-02,2026-01-05,80,,\n";

static void dump_sightings(struct toy *t, struct buf *out)
{
    struct err e = ERR_NONE;
    struct stmt *s = db_query(t->db,
                              "SELECT value, observed, field, hour, count, first_seen, last_seen FROM "
                              "sighting ORDER BY value, observed, field, hour",
                              &e);
    assert_non_null(s);
    while (db_step(s, &e) == 1) {
        buf_printf(out, "%.*s %.*s %.*s %lld %lld %lld %lld\n", SV_ARG(col_text(s, 0)),
                   SV_ARG(col_text(s, 1)), SV_ARG(col_text(s, 2)), (long long)col_int(s, 3),
                   (long long)col_int(s, 4), (long long)col_int(s, 5), (long long)col_int(s, 6));
    }
    db_done(s);
}

static void order_of_arrival_does_not_matter(void **state)
{
    struct buf dump[4];
    for (int order = 0; order < 4; order++) {
        struct toy t;
        toy_open(&t);
        struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN),
                      again = toy_source(&t, "again", 0, 'C', TLP_GREEN),
                      sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
        if (order == 0 || order == 3) {
            toy_take(&t, &feed, FEED);
        }
        struct take_report r = toy_take(&t, &sensor, EVENTS);
        assert_int_equal(r.accepted, 4);
        assert_int_equal(r.matched, order == 0 || order == 3 ? 4 : 0);
        if (order == 1 || order == 2) {
            toy_take(&t, &feed, FEED);
        }
        if (order >= 2) { /* a second source saying the same counts nothing twice */
            toy_take(&t, &again, FEED);
        }
        r = toy_take(&t, &sensor, EVENTS);
        assert_int_equal(r.duplicates, 4);
        buf_init(&dump[order], 1 << 16);
        dump_sightings(&t, &dump[order]);
        toy_close(&t);
    }
    assert_true(dump[0].n > 0);
    for (int order = 1; order < 4; order++) {
        assert_true(sv_eq(buf_sv(&dump[0]), buf_sv(&dump[order])));
    }
    for (int order = 0; order < 4; order++) {
        buf_clear(&dump[order]);
    }
}

/* ---- how long a claim holds
 * -----------------------------------------------------------------------------------------------------------
 */

static const char HELD[] = CSV "ip,192.0.2.7,2026-01-01,2026-01-02,80,,\n",
                  HELD_LONGER[] = CSV "ip,192.0.2.7,2026-01-01,2026-01-03T10:30:00Z,80,,\n";

static int64_t sightings_of(struct toy *t, const char *value, bool *ret_active)
{
    struct toy_answer a = toy_look(t, 0, value);
    int64_t count = -1;
    assert_true(json_i64(json_path(a.v, "sightings", "count", NULL), &count));
    assert_true(json_bool(json_get(toy_at(json_get(a.v, SV("indicators")), 0), SV("active")), ret_active));
    toy_answer_free(&a);
    return count;
}

static void set_expiry(struct toy *t, struct source *s, int64_t seconds)
{
    struct err e = ERR_NONE;
    s->expiry = seconds;
    assert_int_equal(db_begin(t->db, &e), OK);
    assert_int_equal(source_put(t->ledger, t->db, s, t->now, &e), OK);
    assert_int_equal(db_end(t->db, true, &e), OK);
}

static void events_after_the_end_of_a_claim_do_not_match(void **state)
{
    static const char *const orders[] = {"fe", "ef", "fle", "fel", "efl", "lfe"};
    static const int64_t counts[] = {0, 0, 3, 3, 3, 3};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct toy t;
        bool active;
        toy_open(&t);
        struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN),
                      sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
        set_expiry(&t, &feed, 3600);
        for (const char *step = orders[i]; *step; step++) {
            toy_take(&t, *step == 'e' ? &sensor : &feed,
                     *step == 'e'   ? EVENTS
                     : *step == 'f' ? HELD
                                    : HELD_LONGER);
        }
        /* until 11:30: both hours of the three events */
        assert_int_equal(sightings_of(&t, "192.0.2.7", &active), counts[i]);
        assert_false(active);
        set_expiry(&t, &feed, 365 * 86400);
        assert_int_equal(sightings_of(&t, "192.0.2.7", &active), counts[i]);
        assert_true(active);
        toy_close(&t);
    }
}

static void what_was_context_and_is_now_called_bad_is_looked_up_in_the_past(void **state)
{
    static const char LINK[] =
        "{\"Event\":{\"uuid\":\"5a0092c5-5f74-4287-9642-33f4c354e56d\",\"info\":\"x\",\"date\":\"2026-01-"
        "01\","
        "\"timestamp\":\"%d\",\"Attribute\":[{\"uuid\":\"5b0092c5-5f74-4287-9642-33f4c354e56d\",\"type\":"
        "\"ip-dst\",\"category\":\"Network activity\",\"value\":\"192.0.2.7\",\"to_ids\":%s,\"timestamp\":"
        "\"%d\"}]}}";
    struct toy t;
    char text[1024];
    bool active;
    toy_open(&t);
    struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN),
                  sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    snprintf(text, sizeof(text), LINK, 1767225600, "false", 1767225600);
    toy_take(&t, &feed, text);
    toy_take(&t, &sensor, EVENTS);
    assert_int_equal(sightings_of(&t, "192.0.2.7", &active), 0);
    assert_false(active);
    snprintf(text, sizeof(text), LINK, 1767312000, "true", 1767312000);
    toy_take(&t, &feed, text);
    assert_int_equal(sightings_of(&t, "192.0.2.7", &active), 3);
    assert_true(active);
    toy_close(&t);
}

/* A second source's claim stands in the small block beside the whole one: the same value is in both. */
static void a_value_in_both_blocks_of_the_index_is_counted_once(void **state)
{
    struct toy t;
    bool active;
    toy_open(&t);
    struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN),
                  again = toy_source(&t, "again", 0, 'C', TLP_GREEN),
                  sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    toy_take(&t, &feed, FEED);
    toy_take(&t, &sensor, EVENTS);
    toy_take(&t, &again, FEED);
    toy_take(&t, &sensor, EVE("2026-01-03T12:00:00.000000+0000", "192.0.2.7", "198.51.100.2"));
    assert_int_equal(sightings_of(&t, "192.0.2.7", &active), 4);
    toy_close(&t);
}

static void sightings_before_the_indicator_are_told_so(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN),
                  sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    toy_take(&t, &feed,
             "{\"type\":\"bundle\",\"id\":\"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d\",\"objects\":[{"
             "\"type\":\"indicator\",\"spec_version\":\"2.1\","
             "\"id\":\"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\",\"created\":\"2026-01-04T00:00:00."
             "000Z\",\"modified\":\"2026-01-04T00:00:00.000Z\","
             "\"pattern\":\"[ipv4-addr:value = "
             "'192.0.2.7']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-04T00:00:00Z\"}]}");
    toy_take(&t, &sensor, EVENTS);
    struct toy_answer a = toy_look(&t, 0, "192.0.2.7");
    bool before = false;
    assert_true(json_bool(json_path(a.v, "sightings", "before_valid_from", NULL), &before));
    assert_true(before);
    int64_t count = 0;
    assert_true(json_i64(json_path(a.v, "sightings", "count", NULL), &count));
    assert_int_equal(count, 3);
    assert_int_equal(json_count(json_get(a.v, SV("objects"))), 1);
    toy_answer_free(&a);
    toy_close(&t);
}

/* ---- warninglists
 * -------------------------------------------------------------------------------------------------------------------
 */

static const char BENIGN[] = "{\"name\":\"List of known example "
                             "domains\",\"description\":\"d\",\"version\":1,\"type\":\"hostname\",\"list\":["
                             "\".good.example\",\"exact.example\"],"
                             "\"matching_attributes\":[\"hostname\"]}";
static const char CONTEXT[] =
    "{\"name\":\"Top 10K websites from "
    "Tranco\",\"description\":\"d\",\"version\":1,\"type\":\"hostname\",\"list\":[\"popular.example\"],"
    "\"matching_attributes\":[\"hostname\"]}";
#define DNS(name)                                                                                            \
    "{\"timestamp\":\"2026-01-03T10:00:00.000000+0000\",\"event_type\":\"dns\",\"src_ip\":\"192.0.2.1\","    \
    "\"dest_ip\":\"192.0.2.2\",\"dns\":{\"type\":\"query\",\"rrname\":\"" name "\"}}\n"
#define HTTP(name, url)                                                                                      \
    "{\"timestamp\":\"2026-01-03T10:00:00.000000+0000\",\"event_type\":\"http\",\"src_ip\":\"192.0.2.1\","   \
    "\"dest_ip\":\"192.0.2.2\",\"dest_port\":80,\"http\":{\"hostname\":\"" name "\",\"url\":\"" url "\"}}\n"

static void warninglists_suppress_by_role(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN),
                  lists = toy_source(&t, "lists", 0, 'A', TLP_CLEAR),
                  sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    toy_take(&t, &feed,
             CSV "domain,docs.good.example,2026-01-02,2026-01-05,,,\ndomain,exact.example,2026-01-02,2026-01-"
                 "05,,,\ndomain,sub.exact.example,2026-01-02,2026-01-05,,,\n"
                 "domain,popular.example,2026-01-02,2026-01-05,,,\ndomain,sub.popular.example,2026-01-02,"
                 "2026-01-05,,,\nurl,http://popular.example/evil/a,2026-01-02,2026-01-05,,,\n");
    toy_take(&t, &lists, BENIGN);
    toy_take(&t, &lists, CONTEXT);
    struct take_report r =
        toy_take(&t, &sensor, DNS("docs.good.example") DNS("exact.example") DNS("popular.example"));
    assert_int_equal(r.matched, 0);
    r = toy_take(&t, &sensor,
                 DNS("sub.exact.example") DNS("sub.popular.example") HTTP("popular.example", "/evil/a?x=1"));
    assert_int_equal(r.matched, 3);
    struct toy_answer a = toy_look(&t, 0, "docs.good.example");
    struct jv b = toy_at(json_get(a.v, SV("benign")), 0);
    bool suppresses = false;
    assert_true(json_bool(json_get(b, SV("suppresses")), &suppresses) && suppresses);
    assert_true(sv_eq(json_get_str(b, SV("entry")), SV(".good.example")));
    assert_int_equal(json_count(json_get(a.v, SV("indicators"))), 1); /* shown, only not matched */
    toy_answer_free(&a);
    /* A newer version without the entry: it matches again. */
    toy_take(&t, &lists,
             "{\"name\":\"List of known example "
             "domains\",\"description\":\"d\",\"version\":2,\"type\":\"hostname\",\"list\":[\"exact."
             "example\"],\"matching_attributes\":[\"hostname\"]}");
    r = toy_take(&t, &sensor, DNS("docs.good.example") DNS("other.example"));
    assert_int_equal(r.matched, 1);
    toy_close(&t);
}

static void a_prefix_shows_what_is_inside(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    toy_open(&t);
    struct source feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
    toy_take(&t, &feed,
             "203.0.113.7\n203.0.113.128/25\n203.0.112.0/23\n203.0.114.1\n2001:db8::7\n2001:db8:1::/48\n");
    assert_int_equal(fuse_index_refresh(t.fuse, t.now, &e), OK);
    struct toy_answer a = toy_look(&t, 0, "203.0.113.0/24");
    assert_int_equal(json_count(json_get(a.v, SV("indicators"))),
                     3); /* the wider one, the address, the narrower one */
    toy_answer_free(&a);
    a = toy_look(&t, 0, "2001:db8::/32");
    assert_int_equal(json_count(json_get(a.v, SV("indicators"))), 2);
    toy_answer_free(&a);
    toy_close(&t);
}

/* ---- objects
 * -------------------------------------------------------------------------------------------------------------------------
 */

static void the_same_version_with_other_content_is_a_conflict(void **state)
{
#define IDENTITY(name, modified)                                                                             \
    "{\"type\":\"identity\",\"spec_version\":\"2.1\",\"id\":\"identity--311b2d2d-f010-4473-83ec-"            \
    "1edf84858f4c\",\"created\":\"2026-01-01T00:00:00.000Z\","                                               \
    "\"modified\":\"" modified "\",\"name\":\"" name "\",\"identity_class\":\"organization\"}"
    struct toy t;
    toy_open(&t);
    struct source s = toy_source(&t, "bundle", 0, 'B', TLP_GREEN);
    assert_int_equal(toy_take(&t, &s, IDENTITY("A", "2026-01-01T00:00:00.000Z")).accepted, 1);
    struct take_report r = toy_take(&t, &s, IDENTITY("B", "2026-01-01T00:00:00.000Z"));
    assert_int_equal(r.rejected, 1);
    assert_int_equal(quarantine_count(t.db), 1);
    assert_int_equal(toy_take(&t, &s, IDENTITY("B", "2026-01-02T00:00:00.000Z")).accepted, 1);
    struct toy_answer a = toy_look(&t, 0, "identity--311b2d2d-f010-4473-83ec-1edf84858f4c");
    assert_int_equal(json_count(json_get(a.v, SV("objects"))), 2);
    assert_true(
        sv_eq(json_get_str(json_get(toy_at(json_get(a.v, SV("objects")), 0), SV("object")), SV("name")),
              SV("B"))); /* newest first */
    toy_answer_free(&a);
    toy_close(&t);
}

/* Objects of two sources that hold the same value meet through it; one that everybody holds is counted only.
 */
static void objects_are_correlated_by_value(void **state)
{
#define INDICATOR(id, name)                                                                                  \
    "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--" id                               \
    "\",\"created\":\"2026-01-04T00:00:00.000Z\",\"modified\":\"2026-01-04T00:00:00.000Z\","                 \
    "\"pattern\":\"[domain-name:value = '" name                                                              \
    "']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-04T00:00:00Z\"}"
    struct toy t;
    toy_open(&t);
    struct source a = toy_source(&t, "a", 0, 'B', TLP_GREEN), b = toy_source(&t, "b", 0, 'B', TLP_GREEN),
                  hidden = toy_source(&t, "hidden", 1, 'B', TLP_GREEN);
    toy_take(&t, &a, INDICATOR("8e2e2d2b-17d4-4cbf-938f-98ee46b3cd01", "shared.example"));
    toy_take(&t, &b, INDICATOR("8e2e2d2b-17d4-4cbf-938f-98ee46b3cd02", "SHARED.example"));
    toy_take(&t, &hidden, INDICATOR("8e2e2d2b-17d4-4cbf-938f-98ee46b3cd03", "shared.example"));
    struct toy_answer r = toy_look(&t, 0, "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd01");
    struct jv c = toy_at(json_get(r.v, SV("correlations")), 0);
    assert_int_equal(json_count(json_get(c, SV("objects"))), 1);
    assert_true(sv_eq(json_str(toy_at(json_get(c, SV("objects")), 0)),
                      SV("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd02")));
    assert_true(sv_find(buf_sv(&r.text), SV("cd03")) == SIZE_MAX);
    toy_answer_free(&r);
    for (int i = 10; i < 40; i++) {
        char text[1024];
        snprintf(text, sizeof(text), INDICATOR("8e2e2d2b-17d4-4cbf-938f-98ee46b3cd%d", "shared.example"), i);
        toy_take(&t, &b, text);
    }
    r = toy_look(&t, 0, "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd01");
    c = toy_at(json_get(r.v, SV("correlations")), 0);
    int64_t count = 0;
    bool common = false;
    assert_true(json_i64(json_get(c, SV("count")), &count) && json_bool(json_get(c, SV("common")), &common));
    assert_int_equal(count, 31);
    assert_true(common);
    assert_int_equal(json_count(json_get(c, SV("objects"))), 0);
    toy_answer_free(&r);
    toy_close(&t);
}

/* ---- who sees what
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void another_organisation_sees_only_what_is_granted(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    toy_open(&t);
    struct source green = toy_source(&t, "green", 1, 'B', TLP_GREEN),
                  red = toy_source(&t, "red", 1, 'A', TLP_RED);
    toy_take(&t, &green, CSV "domain,canary-green.example,2026-01-02,2026-01-05,80,canaryword,\n");
    toy_take(&t, &red, CSV "domain,canary-green.example,2026-01-01,2026-01-06,90,secretword,secretnote\n");
    struct toy_answer a = toy_look(&t, 0, "canary-green.example");
    assert_int_equal(json_count(json_get(a.v, SV("indicators"))), 0);
    assert_int_equal(json_count(json_get(a.v, SV("sources"))), 0);
    toy_answer_free(&a);
    const struct pact_grant g = {.id = uuid_v4(),
                                 .from = t.org[1],
                                 .to = t.org[0],
                                 .purpose = PURPOSE_NETWORK_SAFETY,
                                 .ceiling = TLP_AMBER,
                                 .valid_from = t.now,
                                 .valid_until = t.now + USEC_DAY};
    assert_int_equal(db_begin(t.db, &e), OK);
    assert_int_equal(gate_grant(t.ledger, t.db, &g, t.now, &e), OK);
    assert_int_equal(db_end(t.db, true, &e), OK);
    /* Fused anew from what may be seen: the red claim leaves no trace in first seen, confidence, labels,
     * notes or sources. */
    a = toy_look(&t, 0, "canary-green.example");
    assert_int_equal(json_count(json_get(a.v, SV("indicators"))), 1);
    assert_true(sv_find(buf_sv(&a.text), SV("canaryword")) != SIZE_MAX);
    assert_true(sv_find(buf_sv(&a.text), SV("secret")) == SIZE_MAX);
    assert_true(sv_find(buf_sv(&a.text), SV("\"red\"")) == SIZE_MAX);
    assert_true(sv_eq(json_get_str(toy_at(json_get(a.v, SV("indicators")), 0), SV("first")),
                      SV("2026-01-02T00:00:00Z")));
    toy_answer_free(&a);
    a = toy_look(&t, 2, "canary-green.example"); /* the stranger still sees nothing */
    assert_int_equal(json_count(json_get(a.v, SV("indicators"))), 0);
    toy_answer_free(&a);
    toy_close(&t);
}

/* ---- the ledger is the truth
 * --------------------------------------------------------------------------------------------------------------
 */

struct scratch {
    struct toy *toy;
    struct fuse *fuse;
    struct ledger_kind kinds[32];
};

static struct db *open_scratch(void *ctx, struct ledger_kind **ret_kinds, struct err *e)
{
    struct scratch *s = ctx;
    struct db *db = toy_db();
    s->fuse = fuse_new(db, &s->toy->secret);
    toy_kinds(s->fuse, s->kinds);
    *ret_kinds = s->kinds;
    return db;
}

static void on_found(void *ctx, const struct ledger_finding *f)
{
    print_message("  %s: %s\n", f->where, f->what);
}

static int64_t verify(struct toy *t)
{
    const struct ledger_progress p = {.found = on_found};
    struct err e = ERR_NONE;
    struct scratch s = {.toy = t};
    int64_t n = ledger_verify(t->ledger, open_scratch, &s, &p, &e);
    if (n < 0) {
        print_error("verify: %s\n", e.text);
    }
    fuse_free(s.fuse);
    return n;
}

static void fill(struct toy *t)
{
    struct source feed = toy_source(t, "feed", 0, 'B', TLP_GREEN),
                  lists = toy_source(t, "lists", 0, 'A', TLP_CLEAR),
                  sensor = toy_source(t, "sensor", 0, 'A', TLP_GREEN);
    toy_take(t, &sensor, EVENTS);
    toy_take(t, &feed, FEED);
    toy_take(t, &lists, BENIGN);
    toy_take(t, &feed, CSV "ip,192.0.2.7,2026-01-01,2026-01-08,90,late,\n");
    toy_take(t, &feed, IDENTITY("A", "2026-01-01T00:00:00.000Z"));
    toy_take(t, &sensor, DNS("docs.good.example"));
}

static void rebuild_makes_equal_tables(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    toy_open(&t);
    fill(&t);
    assert_int_equal(verify(&t), 0);
    assert_int_equal(ledger_rebuild(t.ledger, NULL, &e), OK);
    assert_int_equal(verify(&t), 0);
    struct toy_answer a = toy_look(&t, 0, "192.0.2.7");
    assert_int_equal(json_count(json_get(a.v, SV("indicators"))), 1);
    toy_answer_free(&a);
    toy_close(&t);
}

static void verify_names_a_changed_row_of_every_view(void **state)
{
    static const char *const changes[] = {
        "UPDATE claim SET confidence = confidence + 1 WHERE id = 1",
        "UPDATE sighting SET count = count + 1 WHERE id = 1",
        "UPDATE object SET revoked = 1",
        "UPDATE list SET role = 'context'",
        "DELETE FROM list_entry WHERE id = 1",
        "UPDATE source SET reliability = 'A' WHERE id = 1",
        "UPDATE org SET name = 'other'",
        "INSERT INTO speaker (created_by, source) VALUES ('identity--x', 1)",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct toy t;
        struct err e = ERR_NONE;
        toy_open(&t);
        fill(&t);
        assert_int_equal(db_begin(t.db, &e), OK);
        assert_int_equal(db_exec(t.db, changes[i], &e), OK);
        assert_int_equal(db_end(t.db, true, &e), OK);
        if (verify(&t) <= 0) {
            fail_msg("not found: %s", changes[i]);
        }
        toy_close(&t);
    }
}

static void an_exercise_leaves_nothing_behind(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    uint64_t dropped = 0;
    toy_open(&t);
    struct source real = toy_source(&t, "real", 0, 'B', TLP_GREEN);
    toy_take(&t, &real, CSV "domain,real.example,2026-01-02,2026-01-05,80,,\n");
    struct source drill = {.uuid = uuid_v4(),
                           .org = t.org[0],
                           .name = SV("drill"),
                           .reliability = 'A',
                           .zone = SV("UTC"),
                           .tlp = TLP_GREEN,
                           .exercise = true};
    assert_int_equal(db_begin(t.db, &e), OK);
    assert_int_equal(source_put(t.ledger, t.db, &drill, t.now, &e), OK);
    assert_int_equal(db_end(t.db, true, &e), OK);
    toy_take(&t, &drill, CSV "ip,192.0.2.7,2026-01-02,2026-01-05,80,,note of the drill\n");
    toy_take(&t, &drill, EVENTS);
    assert_int_equal(fuse_drop_exercise(t.fuse, t.now, &dropped, &e), OK);
    assert_int_equal(dropped, 1);
    static const char *const tables[] = {"SELECT count(*) FROM claim WHERE source = 2",
                                         "SELECT count(*) FROM sighting", "SELECT count(*) FROM past",
                                         "SELECT count(*) FROM source WHERE id = 2",
                                         "SELECT count(*) FROM event_chunk"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(db_value(t.db, tables[i], -1), 0);
    }
    assert_int_equal(verify(&t), 0);
    struct take_report r = toy_take(&t, &real, EVENTS);
    assert_int_equal(r.matched, 0);
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM claim", 0), 1);
    /* The next text does not answer to words of the dropped one. */
    toy_take(&t, &real, CSV "ip,192.0.2.99,2026-01-02,2026-01-05,80,,something else\n");
    assert_int_equal(hits(&t, "else"), 1);
    assert_int_equal(hits(&t, "drill"), 0);
    toy_close(&t);
}

static void a_record_without_zone_is_retried_after_the_zone_is_declared(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    toy_open(&t);
    struct source s = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    s.zone = SV("");
    assert_int_equal(db_begin(t.db, &e), OK);
    assert_int_equal(source_put(t.ledger, t.db, &s, t.now, &e), OK);
    assert_int_equal(db_end(t.db, true, &e), OK);
    struct take_report r = toy_take(&t, &s,
                                    EVE("2026-01-03T10:00:01.000000", "192.0.2.7", "198.51.100.1")
                                        EVE("2026-01-03T10:00:02.000000+0000", "192.0.2.7", "198.51.100.1"));
    assert_int_equal(r.rejected, 1);
    assert_int_equal(r.accepted, 1);
    int64_t id = db_value(t.db, "SELECT max(id) FROM quarantine", 0);
    const struct take_opts o = {.now = t.now};
    bool accepted = true;
    assert_int_equal(fuse_retry(t.fuse, id, &o, &accepted, &e), OK);
    assert_false(accepted);
    assert_int_equal(quarantine_count(t.db), 1);
    s.zone = SV("Asia/Taipei");
    assert_int_equal(db_begin(t.db, &e), OK);
    assert_int_equal(source_put(t.ledger, t.db, &s, t.now, &e), OK);
    assert_int_equal(db_end(t.db, true, &e), OK);
    assert_int_equal(fuse_retry(t.fuse, id, &o, &accepted, &e), OK);
    assert_true(accepted);
    assert_int_equal(quarantine_count(t.db), 0);
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM past WHERE hour = 1767405600000000", 0),
                     2); /* 02:00Z */
    toy_close(&t);
}

/* The same file again, after the zone was declared: what was refused then comes in, what was accepted counts
 * once. */
static void a_chunk_with_refused_records_is_completed(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    static const char text[] = EVE("2026-01-03T10:00:01.000000", "192.0.2.7", "198.51.100.1")
        EVE("2026-01-03T10:00:02.000000+0000", "192.0.2.7", "198.51.100.1")
            EVE("2026-01-03T10:00:02.000000+0000", "192.0.2.7", "198.51.100.1");
    toy_open(&t);
    struct source s = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    struct source bare = s;
    bare.zone = SV("");
    struct take_report r = toy_take(&t, &bare, text);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(r.rejected, 1);
    r = toy_take(&t, &bare, text);
    assert_int_equal(r.duplicates, 2);
    r = toy_take(&t, &s, text);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(r.duplicates, 2);
    r = toy_take(&t, &s, text);
    assert_int_equal(r.duplicates, 3);
    assert_int_equal(db_value(t.db, "SELECT sum(count) FROM past WHERE field = 'src_ip'", 0), 3);
    /* What is retried out of the quarantine now is there already. */
    const struct take_opts o = {.now = t.now};
    bool accepted = false;
    assert_int_equal(
        fuse_retry(t.fuse, db_value(t.db, "SELECT max(id) FROM quarantine", 0), &o, &accepted, &e), OK);
    assert_true(accepted);
    assert_int_equal(db_value(t.db, "SELECT sum(count) FROM past WHERE field = 'src_ip'", 0), 3);
    toy_close(&t);
}

/* ---- search
 * -------------------------------------------------------------------------------------------------------------------------------
 */

static void two_chinese_or_japanese_characters_are_found(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source s = toy_source(&t, "scam", 0, 'B', TLP_GREEN);
    toy_take(&t, &s,
             CSV
             "domain,a.example,2026-01-02,2026-01-05,,,假投資詐騙網站\ndomain,b.example,2026-01-02,2026-01-"
             "05,,,フィッシングサイト report\ndomain,c.example,2026-01-02,2026-01-05,,,Plain report\n");
    assert_int_equal(hits(&t, "詐騙"), 1);
    assert_int_equal(hits(&t, "投資詐騙"), 1);
    assert_int_equal(hits(&t, "騙詐"), 0);
    assert_int_equal(hits(&t, "サイト"), 1);
    assert_int_equal(hits(&t, "網"), 1);
    assert_int_equal(hits(&t, "REPORT"), 2);
    assert_int_equal(hits(&t, "report サイト"), 1);
    /* Operators of the engine are words like others. */
    assert_int_equal(hits(&t, "report OR nothing\" NEAR("), 0);
    toy_close(&t);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(the_same_file_twice_changes_nothing),
        cmocka_unit_test(a_later_line_widens_the_claim),
        cmocka_unit_test(confidence_is_noisy_or_over_upstreams),
        cmocka_unit_test(confidence_ages_by_half_lives),
        cmocka_unit_test(the_newest_catalogue_replaces),
        cmocka_unit_test(order_of_arrival_does_not_matter),
        cmocka_unit_test(events_after_the_end_of_a_claim_do_not_match),
        cmocka_unit_test(what_was_context_and_is_now_called_bad_is_looked_up_in_the_past),
        cmocka_unit_test(a_value_in_both_blocks_of_the_index_is_counted_once),
        cmocka_unit_test(sightings_before_the_indicator_are_told_so),
        cmocka_unit_test(warninglists_suppress_by_role),
        cmocka_unit_test(a_prefix_shows_what_is_inside),
        cmocka_unit_test(the_same_version_with_other_content_is_a_conflict),
        cmocka_unit_test(objects_are_correlated_by_value),
        cmocka_unit_test(another_organisation_sees_only_what_is_granted),
        cmocka_unit_test(rebuild_makes_equal_tables),
        cmocka_unit_test(verify_names_a_changed_row_of_every_view),
        cmocka_unit_test(an_exercise_leaves_nothing_behind),
        cmocka_unit_test(a_record_without_zone_is_retried_after_the_zone_is_declared),
        cmocka_unit_test(a_chunk_with_refused_records_is_completed),
        cmocka_unit_test(two_chinese_or_japanese_characters_are_found),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
