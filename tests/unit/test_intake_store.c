#include "intake/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* A node's database and ledger with only this room's kinds. */
struct node {
    struct db *db;
    struct ledger *l;
    struct arena a;
    struct org org;
};

static int64_t now = 1787400000 * USEC_SECOND;

static void node_open(struct node *n)
{
    struct err e = ERR_NONE;
    assert_int_equal(crypto_start(&e), OK);
    *n = (struct node){.db = db_open(":memory:", DB_MEMORY, &e)};
    assert_non_null(n->db);
    assert_int_equal(db_migrate(n->db, &ledger_room, &e), OK);
    assert_int_equal(db_migrate(n->db, &intake_room, &e), OK);
    n->l = ledger_open(n->db, NULL, SV("node.example"), intake_kinds, &e);
    assert_non_null(n->l);
    arena_init(&n->a, 1u << 24);
    n->org = (struct org){uuid_v4(), SV("CERT Example"), SV("TW"), SV("Asia/Taipei"), false};
    assert_int_equal(db_begin(n->db, &e), OK);
    assert_int_equal(org_put(n->l, n->db, &n->org, now, &e), OK);
    assert_int_equal(db_end(n->db, true, &e), OK);
}

static void node_close(struct node *n)
{
    ledger_close(n->l);
    db_close(n->db);
    arena_clear(&n->a);
}

static int put(struct node *n, struct source *s, struct err *e)
{
    struct err end = ERR_NONE;
    *e = ERR_NONE;
    assert_int_equal(db_begin(n->db, e), OK);
    int rc = source_put(n->l, n->db, s, now, e);
    assert_int_equal(db_end(n->db, rc == OK, &end), OK);
    return rc;
}

static struct source a_source(const struct node *n, struct sv name)
{
    return (struct source){
        .org = n->org.id,
        .name = name,
        .reliability = 'B',
        .zone = SV("UTC"),
        .tlp = TLP_GREEN,
        .licence = SV("CC0-1.0"),
        .mapping = SV(""),
        .upstream = SV(""),
        .expiry = 3600,
    };
}

static int count_sources(void *ctx, const struct source *s)
{
    size_t *n = ctx;
    ++*n;
    return OK;
}

static void sources_are_kept(void **state)
{
    struct node n;
    struct err e;
    struct source got;
    node_open(&n);
    struct source first = a_source(&n, SV("feed one")), second = a_source(&n, SV("feed two"));
    assert_int_equal(put(&n, &first, &e), OK);
    assert_int_equal(put(&n, &second, &e), OK);
    assert_true(first.id == 1 && second.id == 2 && !uuid_nil(first.uuid));

    assert_int_equal(source_find(n.db, SV("feed two"), &n.a, &got, &e), OK);
    assert_int_equal(got.id, 2);
    assert_true(uuid_eq(got.uuid, second.uuid) && uuid_eq(got.org, n.org.id));
    assert_true(sv_eq(got.licence, SV("CC0-1.0")) && sv_eq(got.zone, SV("UTC")) && got.reliability == 'B');
    assert_true(got.tlp == TLP_GREEN && got.expiry == 3600 && !got.exercise);
    char uuid[37];
    uuid_text(first.uuid, uuid);
    assert_int_equal(source_find(n.db, sv_c(uuid), &n.a, &got, &e), OK);
    assert_int_equal(got.id, 1);
    assert_int_equal(source_find(n.db, SV("feed three"), &n.a, &got, &e), ERR_NOT_FOUND);
    assert_int_equal(source_get(n.db, 7, &n.a, &got, &e), ERR_NOT_FOUND);

    /* A change keeps number and identifier. */
    first.name = SV("feed uno");
    first.reliability = 'D';
    first.mapping = SV("{\"labels\":\"x\"}");
    assert_int_equal(put(&n, &first, &e), OK);
    assert_int_equal(source_get(n.db, 1, &n.a, &got, &e), OK);
    assert_true(sv_eq(got.name, SV("feed uno")) && got.reliability == 'D' && uuid_eq(got.uuid, first.uuid));

    struct source same = a_source(&n, SV("feed two"));
    assert_int_equal(put(&n, &same, &e), ERR_EXISTS);
    assert_int_equal(same.id, 0);
    size_t count = 0;
    assert_int_equal(source_each(n.db, &n.a, count_sources, &count, &e), OK);
    assert_int_equal(count, 2);
    node_close(&n);
}

static void wrong_settings_are_refused(void **state)
{
    struct node n;
    struct err e;
    node_open(&n);
    struct source s = a_source(&n, SV(""));
    assert_int_equal(put(&n, &s, &e), ERR_VALUE);
    s = a_source(&n, SV(" x"));
    assert_int_equal(put(&n, &s, &e), ERR_VALUE);
    s = a_source(&n, SV("x"));
    s.reliability = 'G';
    assert_int_equal(put(&n, &s, &e), ERR_VALUE);
    s = a_source(&n, SV("x"));
    s.zone = SV("Mars/Olympus");
    assert_true(put(&n, &s, &e) < 0);
    s = a_source(&n, SV("x"));
    s.mapping = SV("{\"columns\":{\"a\":\"nothing\"}}");
    assert_int_equal(put(&n, &s, &e), ERR_VALUE);
    s.mapping = SV("{");
    assert_true(put(&n, &s, &e) < 0);
    s = a_source(&n, SV("x"));
    s.tlp = TLP_UNKNOWN;
    assert_int_equal(put(&n, &s, &e), ERR_VALUE);
    assert_int_equal(db_value(n.db, "SELECT COUNT(*) FROM source", -1), 0);

    struct org o = n.org;
    o.country = SV("tw");
    assert_int_equal(db_begin(n.db, &e), OK);
    assert_int_equal(org_put(n.l, n.db, &o, now, &e), ERR_VALUE);
    assert_int_equal(db_end(n.db, false, &e), OK);
    node_close(&n);
}

static void numbers_are_never_given_twice(void **state)
{
    struct node n;
    struct err e;
    node_open(&n);
    struct source s = a_source(&n, SV("one")), t = a_source(&n, SV("two"));
    assert_int_equal(put(&n, &s, &e), OK);
    assert_int_equal(db_exec(n.db, "DELETE FROM source", &e), OK);
    assert_int_equal(put(&n, &t, &e), OK);
    assert_int_equal(t.id, 2);
    node_close(&n);
}

static void the_ledger_makes_the_tables_again(void **state)
{
    struct node n;
    struct err e;
    node_open(&n);
    for (unsigned i = 0; i < 5; i++) {
        struct source s = a_source(&n, i == 3 ? SV("again") : SV("feed"));
        s.id = i > 0 && i != 3 ? 1 : 0;
        s.expiry = i;
        assert_int_equal(put(&n, &s, &e), OK);
    }
    struct org second = {uuid_v4(), SV("Drill"), SV("JP"), SV(""), true};
    assert_int_equal(db_begin(n.db, &e), OK);
    assert_int_equal(org_put(n.l, n.db, &second, now, &e), OK);
    assert_int_equal(db_end(n.db, true, &e), OK);
    const char *sums = "SELECT SUM(id * 1000 + expiry * 10 + LENGTH(name)) FROM source";
    int64_t before = db_value(n.db, sums, -1);
    assert_true(before > 0);
    assert_int_equal(ledger_rebuild(n.l, NULL, &e), OK);
    assert_int_equal(db_value(n.db, sums, -2), before);
    assert_int_equal(db_value(n.db, "SELECT COUNT(*) FROM org", -1), 2);
    struct org home;
    assert_int_equal(org_home(n.db, &n.a, &home, &e), OK);
    assert_true(uuid_eq(home.id, n.org.id) && sv_eq(home.country, SV("TW")));
    node_close(&n);
}

static int count_rows(void *ctx, const struct quarantined *q)
{
    size_t *n = ctx;
    assert_true(q->id > 0 && q->why.text.n);
    ++*n;
    return OK;
}

static void the_quarantine_keeps_a_record_once(void **state)
{
    struct node n;
    struct err e = ERR_NONE;
    node_open(&n);
    const struct reject r = {
        .line = 7,
        .offset = 99,
        .code = ERR_ZONE,
        .text = SV("a time without \xff zone"),
        .remedy = SV("declare one"),
        .bytes = SV("2026-08-22,\x00x"),
        .context = SV("date,value\n"),
    };
    const struct reject unplaced = {.offset = UINT64_MAX,
                                    .code = ERR_SYNTAX,
                                    .text = SV("bad"),
                                    .remedy = SV(""),
                                    .bytes = SV(""),
                                    .context = SV("")};
    assert_int_equal(db_begin(n.db, &e), OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(quarantine_add(n.db, 1, SV("a.csv"), SV("csv"), &r, now + i, &e), OK);
    assert_int_equal(quarantine_add(n.db, 2, SV("a.csv"), SV("csv"), &r, now, &e), OK);
    assert_int_equal(quarantine_add(n.db, 2, SV("b.csv"), SV("csv"), &r, now, &e), OK);
    assert_int_equal(quarantine_add(n.db, 2, SV("b.csv"), SV("csv"), &unplaced, now, &e), OK);
    assert_int_equal(db_end(n.db, true, &e), OK);
    assert_int_equal(quarantine_count(n.db), 4);

    struct quarantined q;
    assert_int_equal(quarantine_get(n.db, 1, &n.a, &q, &e), OK);
    assert_true(q.source == 1 && q.why.line == 7 && q.why.offset == 99 && q.why.code == ERR_ZONE &&
                q.at == now);
    assert_true(sv_eq(q.why.bytes, r.bytes) && sv_eq(q.why.context, r.context));
    assert_true(sv_eq(q.file, SV("a.csv")) && sv_eq(q.format, SV("csv")) && sv_utf8(q.why.text));
    assert_int_equal(quarantine_get(n.db, 4, &n.a, &q, &e), OK);
    assert_true(q.why.line == 0 && q.why.offset == UINT64_MAX);
    assert_int_equal(quarantine_get(n.db, 9, &n.a, &q, &e), ERR_NOT_FOUND);

    size_t count = 0;
    assert_int_equal(quarantine_each(n.db, 0, 0, SIZE_MAX, &n.a, count_rows, &count, &e), OK);
    assert_int_equal(count, 4);
    count = 0;
    assert_int_equal(quarantine_each(n.db, 2, 2, 1, &n.a, count_rows, &count, &e), OK);
    assert_int_equal(count, 1);
    assert_int_equal(db_begin(n.db, &e), OK);
    assert_int_equal(quarantine_remove(n.db, 1, &e), OK);
    assert_int_equal(db_end(n.db, true, &e), OK);
    assert_int_equal(quarantine_count(n.db), 3);
    node_close(&n);
}

static void chunks_are_known_by_source_hash_and_place(void **state)
{
    struct node n;
    struct err e = ERR_NONE;
    struct sha256 sha = sha256_of(SV("a")), other = sha256_of(SV("b"));
    node_open(&n);
    assert_int_equal(event_chunk_known(n.db, 1, &sha, 0, &e), 0);
    assert_int_equal(db_begin(n.db, &e), OK);
    assert_int_equal(event_chunk_add(n.db, 1, &sha, 0, 10, now, &e), OK);
    assert_int_equal(event_chunk_add(n.db, 1, &sha, 0, 10, now, &e), OK);
    assert_int_equal(event_chunk_known(n.db, 1, &sha, 0, &e), 1);
    assert_int_equal(db_end(n.db, true, &e), OK);
    assert_int_equal(event_chunk_known(n.db, 1, &sha, 0, &e), 1);
    assert_int_equal(event_chunk_known(n.db, 2, &sha, 0, &e), 0);
    assert_int_equal(event_chunk_known(n.db, 1, &sha, 1, &e), 0);
    assert_int_equal(event_chunk_known(n.db, 1, &other, 0, &e), 0);
    node_close(&n);
}

/* ---- record encodings ------------------------------------------------------------------------ */

static uint64_t seed = 88172645463325252u;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static usec draw_time(void)
{
    static const usec odd[] = {USEC_NONE, 0, -1, INT64_MAX, INT64_MIN + 1, 1787400000000000};
    uint64_t v = draw();
    return v % 3 ? odd[v / 3 % 6] : (usec)(v >> 1);
}

static struct sv draw_text(char *room, size_t most)
{
    size_t n = draw() % 4 ? draw() % most : 0;
    for (size_t i = 0; i < n; i++)
        room[i] = (char)draw();
    return n ? sv_from(room, n) : SV("");
}

static const struct obs values[] = {
    {.kind = KIND_IPV4,
     .value = {"192.0.2.7", 9},
     .ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 7},
     .bits = 32},
    {.kind = KIND_IPV4,
     .value = {"192.0.2.0/24", 12},
     .ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 0},
     .bits = 24},
    {.kind = KIND_IPV6, .value = {"2001:db8::/32", 13}, .ip = {0x20, 1, 0xd, 0xb8}, .bits = 32},
    {.kind = KIND_DOMAIN, .value = {"bad.example", 11}},
    {.kind = KIND_TEXT, .value = {"", 0}},
};

static void claims_come_back(void **state)
{
    char room[4][300];
    for (unsigned i = 0; i < 20000; i++) {
        struct claim_rec c = {.value = values[draw() % 5]}, back;
        usec *times[] = {&c.created, &c.modified, &c.valid_from, &c.valid_until, &c.first, &c.last};
        for (size_t k = 0; k < 6; k++)
            *times[k] = draw_time();
        c.value.port = draw() % 2 ? (uint16_t)draw() : 0;
        c.confidence = (int)(draw() % 102) - 1;
        c.marked = draw() % 2;
        c.tlp = c.marked ? (enum tlp)(draw() % 6) : TLP_CLEAR;
        c.flags = (unsigned)(draw() % 8);
        c.labels = draw_text(room[0], 300);
        c.ref = draw_text(room[1], 300);
        c.note = draw_text(room[2], 300);
        c.meta = draw_text(room[3], 300);
        struct buf b, again;
        buf_init(&b, 1u << 16);
        buf_init(&again, 1u << 16);
        claim_encode(&b, &c);
        assert_true(claim_decode(buf_sv(&b), &back));
        for (size_t k = 0; k < 6; k++) {
            const usec *came[] = {&back.created,     &back.modified, &back.valid_from,
                                  &back.valid_until, &back.first,    &back.last};
            assert_true(*came[k] == *times[k]);
        }
        assert_true(back.value.kind == c.value.kind && sv_eq(back.value.value, c.value.value));
        assert_true(back.value.port == c.value.port && back.value.bits == c.value.bits);
        assert_memory_equal(back.value.ip, c.value.ip, 16);
        assert_true(back.confidence == c.confidence && back.marked == c.marked && back.tlp == c.tlp &&
                    back.flags == c.flags);
        assert_true(sv_eq(back.labels, c.labels) && sv_eq(back.ref, c.ref) && sv_eq(back.note, c.note) &&
                    sv_eq(back.meta, c.meta));
        claim_encode(&again, &back);
        assert_true(sv_eq(buf_sv(&b), buf_sv(&again)));
        /* No shorter part of it, and nothing longer, is a claim. */
        size_t cut = draw() % b.n;
        assert_false(claim_decode(sv_sub(buf_sv(&b), 0, cut), &back));
        buf_addc(&b, 0);
        assert_false(claim_decode(buf_sv(&b), &back));
        buf_clear(&b);
        buf_clear(&again);
    }
}

/* The bytes stand in ledgers: they may not change under a version. */
static void the_encoding_of_a_claim_is_fixed(void **state)
{
    struct claim_rec c = {
        .value = values[0],
        .created = USEC_NONE,
        .modified = USEC_NONE,
        .valid_from = 1000000,
        .valid_until = USEC_NONE,
        .first = 1000000,
        .last = 3000000,
        .confidence = 80,
        .labels = {"scam", 4},
        .ref = {"", 0},
        .note = {"", 0},
        .meta = {"", 0},
    };
    struct buf b;
    char hex[128];
    buf_init(&b, 128);
    claim_encode(&b, &c);
    hex_text(b.p, b.n, hex);
    /* version 1, mask 0x0274, kind 1, value, 1000000 (zigzag 2000000), +0, +2000000, 80, labels */
    assert_string_equal(hex, "01"
                             "f404"
                             "01"
                             "093139322e302e322e37"
                             "80897a"
                             "00"
                             "8092f401"
                             "50"
                             "047363616d");
    buf_clear(&b);
}

static void objects_come_back(void **state)
{
    struct arena a;
    char room[8][200];
    arena_init(&a, 1u << 20);
    for (unsigned i = 0; i < 5000; i++) {
        struct object_ref refs[5];
        struct object_value vals[5];
        struct object_rec o = {.refs = refs, .nrefs = draw() % 6, .values = vals, .nvalues = draw() % 6},
                          back;
        for (size_t k = 0; k < 5; k++) {
            refs[k] = (struct object_ref){draw_text(room[0], 200), SV("identity--x")};
            vals[k] = (struct object_value){.kind = KIND_DOMAIN,
                                            .value = draw_text(room[1], 200),
                                            .bad = draw() % 2,
                                            .file = (uint8_t)(draw() % (STIX_FILES_MAX + 1))};
        }
        o.head = (struct stix_head){
            .type = SV("indicator"), .id = draw_text(room[2], 200), .modified_text = draw_text(room[3], 200)};
        o.head.created_by = draw() % 2 ? SV("identity--y") : SV_NONE;
        o.head.created = draw_time();
        o.head.modified = draw_time();
        o.head.valid_from = draw_time();
        o.head.valid_until = draw_time();
        o.head.confidence = (int)(draw() % 102) - 1;
        o.head.marked = draw() % 2;
        o.head.tlp = o.head.marked ? TLP_RED : TLP_CLEAR;
        o.head.revoked = draw() % 2;
        o.head.v20 = draw() % 2;
        o.pattern_other = draw() % 2;
        o.sha = sha256_of(SV("x"));
        o.text = draw_text(room[4], 200);
        o.json = draw_text(room[5], 200);
        struct buf b, again;
        buf_init(&b, 1u << 16);
        buf_init(&again, 1u << 16);
        object_encode(&b, &o);
        assert_true(object_decode(buf_sv(&b), &a, &back));
        assert_true(back.nrefs == o.nrefs && back.nvalues == o.nvalues &&
                    back.head.created == o.head.created);
        assert_true(!back.head.created_by.p == !o.head.created_by.p && back.pattern_other == o.pattern_other);
        assert_true(sv_eq(back.json, o.json) && sv_eq(back.text, o.text) && sv_eq(back.head.id, o.head.id));
        object_encode(&again, &back);
        assert_true(sv_eq(buf_sv(&b), buf_sv(&again)));
        assert_false(object_decode(sv_sub(buf_sv(&b), 0, draw() % b.n), &a, &back));
        /* Damage is refused or is another object, never a read past the bytes. */
        b.p[draw() % b.n] = (char)draw();
        (void)object_decode(buf_sv(&b), &a, &back);
        buf_clear(&b);
        buf_clear(&again);
        arena_reset(&a);
    }
    arena_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_are_kept),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(numbers_are_never_given_twice),
        cmocka_unit_test(the_ledger_makes_the_tables_again),
        cmocka_unit_test(the_quarantine_keeps_a_record_once),
        cmocka_unit_test(chunks_are_known_by_source_hash_and_place),
        cmocka_unit_test(claims_come_back),
        cmocka_unit_test(the_encoding_of_a_claim_is_fixed),
        cmocka_unit_test(objects_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
