/* What a source takes back is gone from every answer, from the log and from the files; a log applied again
 * makes the same tables all the same. */
#include "fuse_node.h"

#include <fcntl.h>
#include <stdlib.h>

#define CANARY "zanzibarcanary"
#define ID(n) "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3c" n
#define HEAD(id, modified)                                                                                   \
    "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"" id                                          \
    "\",\"created_by_ref\":\"identity--11111111-1111-4111-8111-111111111111\",\"created\":"                  \
    "\"2026-01-01T00:00:00.000Z\",\"modified\":\"" modified                                                  \
    "\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\","
#define DOMAIN(name) "\"pattern\":\"[domain-name:value = '" name "']\"}"
#define FIRST                                                                                                \
    HEAD(ID("001"), "2026-01-01T00:00:00.000Z")                                                              \
    "\"name\":\"" CANARY " one\",\"labels\":[\"" CANARY "-label\"]," DOMAIN("gate." CANARY ".example")
#define SECOND                                                                                               \
    HEAD(ID("001"), "2026-01-02T00:00:00.000Z")                                                              \
    "\"name\":\"" CANARY " two\"," DOMAIN("gate." CANARY ".example")
#define OTHER                                                                                                \
    HEAD(ID("002"), "2026-01-03T00:00:00.000Z") "\"labels\":[\"plain\"]," DOMAIN("gate." CANARY ".example")
#define APART HEAD(ID("003"), "2026-01-03T00:00:00.000Z") DOMAIN("apart.phish.example")
#define LINE                                                                                                 \
    "{\"timestamp\":\"2026-02-01T00:00:00.000000+0000\",\"event_type\":\"dns\",\"src_ip\":\"10.0.0.1\","     \
    "\"dest_ip\":\"10.0.0.2\",\"dns\":{\"type\":\"query\",\"rrname\":\"gate." CANARY ".example\"}}\n"

/* ---- the log again, without what is gone ---- */

struct scratch {
    struct toy *t;
    struct fuse *fuse;
    struct ledger_kind kinds[32];
};

static struct db *open_scratch(void *ctx, struct ledger_kind **ret_kinds, struct err *e)
{
    struct scratch *s = ctx;
    struct db *db = toy_db();
    s->fuse = fuse_new(db, &s->t->secret);
    assert_int_equal(fuse_ground(s->fuse, s->t->fuse, e), OK);
    toy_kinds(s->fuse, s->kinds);
    *ret_kinds = s->kinds;
    return db;
}

static void on_found(void *ctx, const struct ledger_finding *f)
{
    print_error("%s: %s\n", f->where, f->what);
}

static uint64_t sound(struct toy *t)
{
    struct err e = ERR_NONE;
    struct scratch s = {.t = t};
    uint64_t expunged = 0;
    const struct ledger_progress p = {.found = on_found, .expunged = &expunged};
    int64_t found = ledger_verify(t->ledger, open_scratch, &s, &p, &e);
    fuse_free(s.fuse);
    if (found) {
        fail_msg("%lld findings %s", (long long)found, e.text);
    }
    return expunged;
}

/* ---- what is still known ---- */

static struct withdrawn_report withdraw(struct toy *t, const struct source *s, const char *id,
                                        enum withdraw_mode mode)
{
    struct err e = ERR_NONE;
    struct withdrawn_report r;
    const struct sv ids[] = {sv_c(id)};
    const struct withdraw w = {.source = s->id,
                               .id = ids,
                               .ids = 1,
                               .mode = mode,
                               .for_good = mode == WITHDRAW_ENDED,
                               .why = SV("recalled"),
                               .by = SV("a test")};
    assert_int_equal(db_begin(t->db, &e), OK);
    int rc = fuse_withdraw(t->fuse, &w, t->now, &r, &e);
    if (rc != OK) {
        fail_msg("%s", e.text);
    }
    assert_int_equal(db_end(t->db, true, &e), OK);
    assert_int_equal(fuse_withdraw_settle(t->fuse, t->now, &e), OK);
    assert_false(fuse_withdraw_unsettled(t->fuse));
    return r;
}

static size_t index_hits(struct toy *t, const char *name)
{
    struct err e = ERR_NONE;
    char scratch[256];
    struct obs o;
    struct index_hit hits[INDEX_HITS];
    assert_int_equal(fuse_index_refresh(t->fuse, t->now, &e), OK);
    assert_true(obs_domain(sv_c(name), scratch, &o));
    struct fuse_index i = fuse_index_get(t->fuse);
    size_t n = fuse_index_find(&i, &o, hits);
    fuse_index_put(&i);
    return n;
}

static void the_view(struct toy *t, struct arena *a, struct pact_view *ret)
{
    struct err e = ERR_NONE;
    arena_init(a, 1 << 24);
    assert_int_equal(gate_view(t->db, t->org[0], PURPOSE_NETWORK_SAFETY, t->now, a, ret, &e), OK);
    ret->at_node = true;
}

static int add_text(void *ctx, size_t i, struct sv json, struct err *e)
{
    buf_add(ctx, json);
    return OK;
}

static int add_item(void *ctx, const struct fuse_item *i, struct err *e)
{
    buf_add(ctx, i->id);
    return OK;
}

static int add_given(void *ctx, const struct given *g, struct err *e)
{
    buf_add(ctx, g->value.value);
    buf_add(ctx, g->labels);
    return OK;
}

/* The bytes of every answer there is. */
static void everything(struct toy *t, const struct source *s, struct buf *out)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct jw w;
    struct item_mark mark = {0};
    struct give_report given;
    const struct give_filter all = {.since = USEC_NONE, .aged_at = USEC_NONE, .ceiling = GIVE_HIGHEST};
    static const char *const asked[] = {ID("001"), ID("002"),
                                        "identity--11111111-1111-4111-8111-111111111111"};
    the_view(t, &a, &view);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fuse_look(t->fuse, &view, sv_c(asked[i]), t->now, out, &e), OK);
    }
    struct buf value;
    buf_init(&value, 1 << 20);
    assert_int_equal(fuse_look(t->fuse, &view, SV("gate." CANARY ".example"), t->now, &value, &e), OK);
    buf_clear(&value); /* it repeats the question */
    const struct find_opts find = {.text = SV("one"), .since = USEC_NONE, .until = USEC_NONE};
    assert_int_equal(fuse_find(t->fuse, &view, &find, out, &e), OK);
    assert_int_equal(fuse_sightings(t->fuse, &view, 0, 0, t->now, out, &e), OK);
    jw_init(&w, out);
    jw_obj(&w);
    assert_int_equal(fuse_status(t->fuse, &view, &w, &e), OK);
    jw_end_obj(&w);
    assert_true(fuse_items_since(t->fuse, s->id, &mark, 1000, add_item, out, &e) >= 0);
    for (int64_t n = 1; n < 20; n++) {
        const struct item_pick pick = {.number = n};
        assert_int_equal(fuse_items_read(t->fuse, &pick, 1, add_text, out, &e), OK);
    }
    assert_int_equal(fuse_give(t->fuse, &view, &all, t->now, add_given, out, &given, &e), OK);
    assert_false(out->failed);
    arena_clear(&a);
}

static bool told(struct toy *t, const struct source *s, const char *word)
{
    struct buf b;
    buf_init(&b, 64u << 20);
    everything(t, s, &b);
    bool found = sv_find(buf_sv(&b), sv_c(word)) != SIZE_MAX;
    buf_clear(&b);
    return found;
}

static int64_t rows(struct toy *t)
{
    return db_value(
        t->db,
        "SELECT (SELECT count(*) FROM claim) + (SELECT count(*) FROM object) + (SELECT count(*) "
        "FROM object_ref) + (SELECT count(*) FROM object_value) + (SELECT count(*) FROM sighting) "
        "+ (SELECT count(*) FROM speaker) + (SELECT count(*) FROM document) + (SELECT count(*) "
        "FROM sighting_change)",
        -1);
}

/* ---- tests ---- */

static void it_is_gone_from_every_answer_and_stays_away(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    toy_open(&t);
    struct source s = toy_source(&t, "partner", 0, 'B', TLP_GREEN);
    struct source sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    toy_take(&t, &s, FIRST);
    toy_take(&t, &s, SECOND);
    assert_int_equal(toy_take(&t, &sensor, LINE).sightings, 1);
    assert_true(told(&t, &s, CANARY));
    assert_int_equal(index_hits(&t, "gate." CANARY ".example"), 1);
    struct withdrawn_report r = withdraw(&t, &s, ID("001"), WITHDRAW_GONE);
    assert_int_equal(r.objects, 2);
    assert_int_equal(r.claims, 1);
    assert_int_equal(r.sightings, 1);
    assert_int_equal(r.records, 5); /* two objects, two claims, one sighting */
    assert_int_equal(r.unknown, 0);
    assert_false(told(&t, &s, CANARY));
    assert_int_equal(rows(&t), 0);
    assert_int_equal(index_hits(&t, "gate." CANARY ".example"), 0);
    assert_int_equal(sound(&t), 5);
    /* Not again by the same source, and not in the quarantine; by another it is another's statement. */
    struct take_report again = toy_take(&t, &s, SECOND);
    assert_int_equal(again.rejected, 1);
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM quarantine", -1), 0);
    assert_int_equal(index_hits(&t, "gate." CANARY ".example"), 0);
    int64_t entries = db_value(t.db, "SELECT count(*) FROM entry", 0);
    assert_int_equal(withdraw(&t, &s, ID("001"), WITHDRAW_GONE).objects, 0);
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM entry", 0), entries);
    struct source relay = toy_source(&t, "relay", 0, 'C', TLP_GREEN);
    assert_int_equal(toy_take(&t, &relay, SECOND).accepted, 1);
    /* What the sensor saw is found again in the past. */
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM sighting", -1), 1);
    sound(&t);
    const struct sv id = SV(ID("001"));
    assert_int_equal(db_begin(t.db, &e), OK);
    assert_int_equal(fuse_unwithdraw(t.fuse, s.id, &id, 1, t.now, &e), OK);
    assert_int_equal(fuse_unwithdraw(t.fuse, s.id, &id, 1, t.now, &e), ERR_NOT_FOUND);
    assert_int_equal(db_end(t.db, true, &e), OK);
    assert_int_equal(toy_take(&t, &s, SECOND).accepted, 1);
    sound(&t);
    assert_int_equal(ledger_rebuild(t.ledger, NULL, &e), OK);
    sound(&t);
    assert_true(told(&t, &s, CANARY));
    toy_close(&t);
}

/* Two of a source's indicators state one value: what the other says of it stays, and only that. */
static void what_others_state_stays(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source s = toy_source(&t, "partner", 0, 'B', TLP_GREEN);
    toy_take(&t, &s, FIRST);
    toy_take(&t, &s, OTHER);
    toy_take(&t, &s, APART);
    assert_true(told(&t, &s, CANARY "-label"));
    withdraw(&t, &s, ID("001"), WITHDRAW_GONE);
    assert_false(told(&t, &s, CANARY "-label"));
    assert_true(told(&t, &s, "plain"));
    assert_int_equal(index_hits(&t, "gate." CANARY ".example"), 1);
    assert_int_equal(index_hits(&t, "apart.phish.example"), 1);
    sound(&t);
    withdraw(&t, &s, ID("002"), WITHDRAW_GONE);
    assert_int_equal(index_hits(&t, "gate." CANARY ".example"), 0);
    assert_int_equal(index_hits(&t, "apart.phish.example"), 1);
    sound(&t);
    /* The numbers of what was taken from the end are not given again. */
    int64_t last = db_value(t.db, "SELECT max(id) FROM object", 0);
    withdraw(&t, &s, ID("003"), WITHDRAW_GONE);
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM object", -1), 0);
    struct source relay = toy_source(&t, "relay", 0, 'C', TLP_GREEN);
    toy_take(&t, &relay, APART);
    assert_true(db_value(t.db, "SELECT min(id) FROM object", 0) > last);
    sound(&t);
    toy_close(&t);
}

/* A line of a feed is known by the id it is given out under. */
static void lines_of_feeds_go_by_their_made_ids(void **state)
{
    struct toy t;
    char id[64], seen[80];
    toy_open(&t);
    struct source s = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
    toy_take(&t, &s, "gate." CANARY ".example\nkept.phish.example\n");
    stix_claim_id(SV("feed"), KIND_DOMAIN, SV("gate." CANARY ".example"), id);
    snprintf(seen, sizeof(seen), "%s", id);
    assert_true(told(&t, &s, seen));
    struct withdrawn_report r = withdraw(&t, &s, id, WITHDRAW_GONE);
    assert_int_equal(r.claims, 1);
    assert_int_equal(r.records, 1);
    assert_false(told(&t, &s, CANARY));
    assert_int_equal(index_hits(&t, "kept.phish.example"), 1);
    assert_int_equal(toy_take(&t, &s, "gate." CANARY ".example\nnew.phish.example\n").accepted, 1);
    assert_false(told(&t, &s, CANARY));
    sound(&t);
    toy_close(&t);
}

static int note_withdrawn(void *ctx, const struct withdrawn *w, struct err *e)
{
    assert_true(sv_eq(w->why, SV("recalled")));
    assert_int_equal(w->mode, WITHDRAW_ENDED);
    ++*(size_t *)ctx;
    return OK;
}

static void ended_is_shown_and_not_matched(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    size_t n = 0;
    toy_open(&t);
    struct source s = toy_source(&t, "partner", 0, 'B', TLP_GREEN);
    toy_take(&t, &s, FIRST);
    toy_take(&t, &s, OTHER);
    withdraw(&t, &s, ID("001"), WITHDRAW_ENDED);
    assert_int_equal(index_hits(&t, "gate." CANARY ".example"), 1); /* by the other */
    withdraw(&t, &s, ID("002"), WITHDRAW_ENDED);
    assert_int_equal(index_hits(&t, "gate." CANARY ".example"), 0);
    assert_int_equal(fuse_withdrawn_of(t.fuse, SV(ID("001")), 0, note_withdrawn, &n, &e), OK);
    assert_int_equal(n, 1);
    assert_true(told(&t, &s, CANARY));
    assert_int_equal(toy_take(&t, &s, FIRST).duplicates, 1);
    assert_int_equal(toy_take(&t, &s, SECOND).rejected, 1); /* as after a revocation */
    assert_int_equal(sound(&t), 0);
    withdraw(&t, &s, ID("001"), WITHDRAW_GONE);
    assert_false(told(&t, &s, CANARY " one"));
    sound(&t);
    toy_close(&t);
}

/* Random histories over few ids and values: the tables are at any time what the log makes without what went.
 */
static void any_history_can_be_applied_again(void **state)
{
    static const char *const names[] = {"a.example.com", "b.example.com", "c.example.com"};
    unsigned seed = 20261123;
    for (int round = 0; round < 12; round++) {
        struct toy t;
        struct err e = ERR_NONE;
        struct source s[2];
        toy_open(&t);
        s[0] = toy_source(&t, "one", 0, 'B', TLP_GREEN);
        s[1] = toy_source(&t, "two", 0, 'C', TLP_GREEN);
        struct source sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
        for (int step = 0; step < 60; step++) {
            char text[1200], id[64];
            unsigned n = (unsigned)rand_r(&seed);
            struct source *who = &s[n % 2];
            const char *name = names[n / 2 % 3];
            snprintf(id, sizeof(id), ID("0%02u"), n / 8 % 5);
            switch (n / 64 % 8) {
            case 0:
                withdraw(&t, who, id, n & 512 ? WITHDRAW_GONE : WITHDRAW_ENDED);
                break;
            case 1:
                stix_claim_id(who->name, KIND_DOMAIN, sv_c(name), id);
                withdraw(&t, who, id, WITHDRAW_GONE);
                break;
            case 2:
                snprintf(text, sizeof(text), "%s\nx%u.example.org\n", name, n / 4096 % 7);
                toy_take(&t, who, text);
                break;
            case 3:
                snprintf(
                    text, sizeof(text),
                    "{\"timestamp\":\"2026-02-0%uT00:00:00.000000+0000\",\"event_type\":\"dns\",\"src_ip\":"
                    "\"10.0.0.1\",\"dest_ip\":\"10.0.0.2\",\"dns\":{\"type\":\"query\",\"rrname\":\"%s\"}}\n",
                    n / 4096 % 6 + 1, name);
                toy_take(&t, &sensor, text);
                break;
            default:
                snprintf(
                    text, sizeof(text),
                    "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"%s\",\"created_by_ref\":"
                    "\"identity--1111111%u-1111-4111-8111-111111111111\",\"created\":\"2026-01-01T00:00:00."
                    "000Z\",\"modified\":\"2026-01-%02uT00:00:00.000Z\",\"pattern_type\":\"stix\","
                    "\"valid_from\":\"2026-01-01T00:00:00Z\",\"pattern\":\"[domain-name:value = '%s']\"}",
                    id, n / 4096 % 3, n / 512 % 27 + 1, name);
                toy_take(&t, who, text);
            }
            t.now += USEC_SECOND;
            if (step % 10 == 9) {
                sound(&t);
            }
        }
        assert_int_equal(ledger_rebuild(t.ledger, NULL, &e), OK);
        sound(&t);
        toy_close(&t);
    }
}

/* ---- bytes on disk ---- */

static bool file_holds(const char *path, const char *word)
{
    struct err e = ERR_NONE;
    struct buf b;
    buf_init(&b, 1u << 30);
    int rc = file_read(AT_FDCWD, path, &b, &e);
    bool found = rc == OK && sv_find(buf_sv(&b), sv_c(word)) != SIZE_MAX;
    buf_clear(&b);
    return found;
}

static void nothing_of_it_is_left_in_the_files(void **state)
{
    char dir[] = "/tmp/noroshi-withdraw-XXXXXX", path[64], wal[80], cmd[80];
    struct toy t;
    struct err e = ERR_NONE;
    struct buf many;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/noroshi.db", dir);
    snprintf(wal, sizeof(wal), "%s-wal", path);
    toy_open_at(&t, path);
    struct source s = toy_source(&t, "partner", 0, 'B', TLP_GREEN);
    struct source sensor = toy_source(&t, "sensor", 0, 'A', TLP_GREEN);
    /* Among many others, so that pages split and move. */
    buf_init(&many, 64u << 20);
    buf_add(&many,
            SV("{\"type\":\"bundle\",\"id\":\"bundle--11111111-1111-4111-8111-111111111111\",\"objects\":["));
    for (unsigned i = 0; i < 3000; i++) {
        buf_printf(
            &many,
            "%s{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--%08x-17d4-4cbf-938f-"
            "98ee46b3c000\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-01T00:00:00."
            "000Z\",\"name\":\"%s number %u\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:"
            "00Z\",\"pattern\":\"[domain-name:value = 'n%u.%s.example']\"}",
            i ? "," : "", i, i % 3 ? "plain" : CANARY, i, i, i % 3 ? "plain" : CANARY);
    }
    buf_add(&many, SV("]}"));
    buf_addc(&many, 0);
    toy_take(&t, &s, many.p);
    toy_take(&t, &s, SECOND);
    toy_take(&t, &s, FIRST);
    toy_take(&t, &s, FIRST);
    assert_int_equal(toy_take(&t, &sensor, LINE).sightings, 1);
    assert_int_equal(db_scrub(t.db, &e), OK);
    assert_true(file_holds(path, CANARY));
    struct arena a;
    arena_init(&a, 1 << 20);
    struct sv ids[1001];
    for (unsigned i = 0; i < 1000; i++) {
        ids[i] = arena_printf(&a, "indicator--%08x-17d4-4cbf-938f-98ee46b3c000", i * 3);
    }
    ids[1000] = SV(ID("001"));
    const struct withdraw w = {
        .source = s.id, .id = ids, .ids = 1001, .why = SV("recalled"), .by = SV("a test")};
    struct withdrawn_report r;
    assert_int_equal(db_begin(t.db, &e), OK);
    assert_int_equal(fuse_withdraw(t.fuse, &w, t.now, &r, &e), OK);
    assert_int_equal(db_end(t.db, true, &e), OK);
    assert_int_equal(r.objects, 1002);
    assert_int_equal(r.claims, 1001);
    assert_int_equal(fuse_withdraw_settle(t.fuse, t.now, &e), OK);
    assert_false(told(&t, &s, CANARY));
    assert_true(told(&t, &s, "plain"));
    sound(&t);
    /* What our own sensor saw is ours and stays for its 30 days. */
    assert_int_equal(db_value(t.db, "SELECT count(*) FROM past WHERE value LIKE '%" CANARY "%'", -1), 1);
    assert_int_equal(db_exec(t.db, "DELETE FROM past", &e), OK);
    assert_int_equal(db_scrub(t.db, &e), OK);
    assert_true(file_holds(path, "plain"));
    assert_false(file_holds(path, CANARY));
    assert_false(file_holds(wal, CANARY));
    arena_clear(&a);
    buf_clear(&many);
    toy_close(&t);
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    assert_int_equal(system(cmd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_gone_from_every_answer_and_stays_away),
        cmocka_unit_test(what_others_state_stays),
        cmocka_unit_test(lines_of_feeds_go_by_their_made_ids),
        cmocka_unit_test(ended_is_shown_and_not_matched),
        cmocka_unit_test(any_history_can_be_applied_again),
        cmocka_unit_test(nothing_of_it_is_left_in_the_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
