/* The ledger: accepting, rolling back, checkpoints, proofs, epochs, rebuild, reopening, and being killed in
 * the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger_toy.h"

#include <signal.h>
#include <sys/wait.h>

static struct ledger_state state_of(struct node *n)
{
    struct err e = ERR_NONE;
    struct ledger_state s;

    must(ledger_state(n->ledger, &s, &e), &e);
    return s;
}

static int64_t rows(struct node *n, const char *table)
{
    char sql[80];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    return db_value(n->db, sql, -1);
}

static void reopen(struct node *n)
{
    struct err e = ERR_NONE;

    node_close(n);
    must(node_open(n, &e), &e);
}

static int64_t verify(struct node *n)
{
    struct err e = ERR_NONE;
    int64_t found = ledger_verify(n->ledger, toy_scratch, NULL, NULL, &e);

    if (found < 0)
        fail_msg("%s", e.text);
    return found;
}

/* ---- packs ---- */

static void packs(void **state)
{
    struct pack p;
    struct pack_it it;
    struct sv r;
    char salts[3][16];
    static const char big[300] = {'b'};

    pack_init(&p);
    pack_add(&p, SV("one"));
    pack_add(&p, SV(""));
    pack_add(&p, sv_from(big, sizeof(big)));
    assert_int_equal(p.n, 3);
    assert_int_equal(p.tree.size, 3);
    it = pack_each(buf_sv(&p.b));
    assert_true(pack_next(&it, &r) && sv_eq(r, SV("one")));
    memcpy(salts[0], r.p - 16, 16);
    assert_true(pack_next(&it, &r) && r.p && r.n == 0);
    memcpy(salts[1], r.p - 16, 16);
    assert_true(pack_next(&it, &r) && r.n == 300);
    memcpy(salts[2], r.p - 16, 16);
    assert_false(pack_next(&it, &r));
    assert_false(it.c.failed);
    assert_memory_not_equal(salts[0], salts[1], 16);
    assert_memory_not_equal(salts[1], salts[2], 16);
    pack_clear(&p);
    pack_clear(&p);
}

/* The root a pack commits to, computed a second way from its documented format. */
static void pack_commitment(void **state)
{
    struct pack p;
    struct merkle m = {0};
    struct sha256 want, got;
    const uint8_t *at;

    pack_init(&p);
    for (int i = 0; i < 1000; i++)
        pack_add(&p, SV("twenty-one characters"));
    at = (const uint8_t *)p.b.p;
    for (int i = 0; i < 1000; i++) {
        struct sha256 h, leaf;

        assert_int_equal(at[0], 22);
        h = sha256_of(sv_from((const char *)at + 1, 16 + 21));
        leaf = sha256_leaf(sv_from((const char *)h.b, 32));
        merkle_append(&m, &leaf);
        at += 1 + 16 + 21;
    }
    assert_ptr_equal(at, p.b.p + p.b.n);
    want = merkle_root(&m);
    got = merkle_root(&p.tree);
    assert_memory_equal(want.b, got.b, 32);
    pack_clear(&p);
}

/* ---- accepting ---- */

static void accepted(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct ledger_state s = state_of(n);
    struct sha256 empty = sha256_of(SV(""));
    int64_t id = 0;

    assert_int_equal(s.size, 0);
    assert_memory_equal(s.root.b, empty.b, 32);
    assert_true(s.checkpoint_at == USEC_NONE);
    must(db_begin(n->db, &e), &e);
    must(toy_accept(n, "fire on the hill", &id, &e), &e);
    assert_int_equal(id, 1);
    must(toy_accept(n, "smoke", &id, &e), &e);
    assert_int_equal(id, 2);
    must(db_end(n->db, true, &e), &e);
    s = state_of(n);
    assert_int_equal(s.epoch, 1);
    assert_int_equal(s.size, 2);
    assert_int_equal(s.entries, 2);
    assert_int_equal(rows(n, "toy"), 5);
    assert_int_equal(
        db_value(n->db, "SELECT count(*) FROM toy WHERE source = 3 AND at = 1780000000000000", -1), 5);
}

/* What an entry looks like is a promise to verifiers elsewhere. */
static void entry_text(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct stmt *s;
    struct sv body, hash;
    struct sha256 leaf;

    toy_commit(n, "a b c");
    s = db_query(n->db, "SELECT body, hash FROM entry WHERE id = 1", &e);
    assert_int_equal(db_step(s, &e), 1);
    body = col_text(s, 0);
    hash = col_blob(s, 1);
    assert_true(sv_starts(body, SV("{\"at\":\"2026-05-28T20:26:40Z\",\"epoch\":1,\"kind\":\"toys\",\"n\":3,"
                                   "\"org\":\"11111111-1111-1111-1111-111111111111\",\"record\":\"")));
    assert_true(sv_ends(body, SV("\",\"seq\":0,\"source\":3,\"v\":2}")));
    assert_int_equal(sv_find(body, SV("word")), SIZE_MAX);
    leaf = sha256_leaf(body);
    assert_int_equal(hash.n, 32);
    assert_memory_equal(hash.p, leaf.b, 32);
    db_done(s);
}

static void without_content(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct ledger_header h = {.kind = "toys", .at = TOY_TIME};
    struct pack empty;
    struct stmt *s;

    pack_init(&empty);
    must(db_begin(n->db, &e), &e);
    must(ledger_accept(n->ledger, &h, NULL, NULL, &e), &e);
    must(ledger_accept(n->ledger, &h, &empty, NULL, &e), &e);
    must(db_end(n->db, true, &e), &e);
    pack_clear(&empty);
    assert_int_equal(rows(n, "content"), 0);
    s = db_query(n->db, "SELECT body FROM entry ORDER BY id", &e);
    assert_int_equal(db_step(s, &e), 1);
    assert_int_equal(sv_find(col_text(s, 0), SV("\"n\":")), SIZE_MAX);
    assert_int_equal(sv_find(col_text(s, 0), SV("\"root\":")), SIZE_MAX);
    db_done(s);
    assert_int_equal(verify(n), 0);
}

static void refused(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct ledger_header h = {.kind = "nobody's", .at = TOY_TIME};

    assert_int_equal(ledger_accept(n->ledger, &h, NULL, NULL, &e), ERR_INTERNAL); /* outside a transaction */
    must(db_begin(n->db, &e), &e);
    assert_int_equal(ledger_accept(n->ledger, &h, NULL, NULL, &e), ERR_INTERNAL);
    assert_int_equal(db_end(n->db, true, &e), ERR_INTERNAL);
    h = (struct ledger_header){.kind = "toys", .at = USEC_NONE};
    must(db_begin(n->db, &e), &e);
    assert_int_equal(ledger_accept(n->ledger, &h, NULL, NULL, &e), ERR_VALUE);
    assert_int_equal(db_end(n->db, true, &e), ERR_VALUE);
    assert_int_equal(rows(n, "entry"), 0);
}

/* An entry that cannot be applied takes its whole transaction with it, even when the caller forgets. */
static void failed_apply(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;

    toy_commit(n, "first");
    must(db_begin(n->db, &e), &e);
    must(toy_accept(n, "second", NULL, &e), &e);
    assert_int_equal(toy_accept(n, "third fail", NULL, &e), ERR_VALUE);
    assert_int_equal(db_end(n->db, true, &e), ERR_VALUE);
    assert_string_equal(e.text, "this toy is broken");
    assert_int_equal(rows(n, "entry"), 1);
    assert_int_equal(rows(n, "toy"), 1);
    toy_commit(n, "second again");
    assert_int_equal(state_of(n).size, 2);
    assert_int_equal(verify(n), 0);
}

/* Rolled back appends leave no trace in the tree, across the borders of tiles too. */
static void rolled_back(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct ledger_state s;
    struct merkle m = {0};
    struct stmt *q;
    struct sha256 root;

    for (int round = 0; round < 60; round++) {
        must(db_begin(n->db, &e), &e);
        for (int i = 0; i < 11; i++)
            must(toy_accept(n, "x", NULL, &e), &e);
        must(db_end(n->db, round % 3 != 1, &e), &e);
    }
    s = state_of(n);
    assert_int_equal(s.size, 440);
    assert_int_equal(rows(n, "tile"), 1);
    q = db_query(n->db, "SELECT body FROM entry ORDER BY id", &e);
    while (db_step(q, &e) == 1) {
        struct sha256 leaf = sha256_leaf(col_text(q, 0));

        merkle_append(&m, &leaf);
    }
    db_done(q);
    root = merkle_root(&m);
    assert_int_equal(m.size, 440);
    assert_memory_equal(root.b, s.root.b, 32);
    reopen(n);
    s = state_of(n);
    assert_memory_equal(root.b, s.root.b, 32);
    assert_int_equal(verify(n), 0);
}

/* ---- checkpoints and proofs ---- */

static void checkpoints(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct note_key keys[2];
    struct checkpoint cp;
    struct ledger_state s;
    struct stmt *q;
    struct sv text;
    uint32_t mask;

    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    assert_int_equal(rows(n, "checkpoint"), 0); /* nothing to sign yet */
    toy_commit(n, "a");
    toy_commit(n, "b");
    must(ledger_checkpoint(n->ledger, TOY_TIME + 5 * USEC_SECOND, &e), &e);
    must(ledger_checkpoint(n->ledger, TOY_TIME + 9 * USEC_SECOND, &e), &e);
    assert_int_equal(rows(n, "checkpoint"), 1);
    s = state_of(n);
    assert_int_equal(s.checkpoint_size, 2);
    assert_true(s.checkpoint_at == TOY_TIME + 5 * USEC_SECOND);
    keys[0] = *keeper_public(n->keeper, KEEPER_LOG);
    keys[1] = *keeper_public(n->keeper, KEEPER_WITNESS);
    q = db_query(n->db, "SELECT note FROM checkpoint", &e);
    assert_int_equal(db_step(q, &e), 1);
    must(note_check(col_text(q, 0), keys, 2, &text, &mask, &e), &e);
    assert_int_equal(mask, 3);
    must(checkpoint_parse(text, &cp, &e), &e);
    assert_true(sv_eq(cp.origin, SV(TOY_ORIGIN)));
    assert_int_equal(cp.size, 2);
    assert_memory_equal(cp.root.b, s.root.b, 32);
    db_done(q);
}

/* A clock set back: a clear error, nothing signed, nothing lost. */
static void clock_set_back(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;

    toy_commit(n, "a");
    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    toy_commit(n, "b");
    assert_int_equal(ledger_checkpoint(n->ledger, TOY_TIME - USEC_DAY, &e), ERR_VALUE);
    assert_non_null(strstr(e.text, "clock"));
    assert_true(e.remedy[0]);
    assert_int_equal(ledger_new_epoch(n->ledger, TOY_TIME - USEC_DAY, &e), ERR_VALUE);
    assert_int_equal(rows(n, "checkpoint"), 1);
    assert_int_equal(rows(n, "epoch"), 1);
    must(ledger_checkpoint(n->ledger, TOY_TIME - 60 * USEC_SECOND, &e),
         &e); /* small corrections are no news */
    assert_int_equal(state_of(n).checkpoint_size, 2);
    assert_int_equal(verify(n), 0);
}

/* A copy opened for reading only can be verified and proved from. */
static void read_only(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct ledger *l;
    struct buf out;
    struct db *db;
    char copy[128];

    buf_init(&out, 1 << 16);
    toy_commit(n, "a b c");
    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    snprintf(copy, sizeof(copy), "%s/copy.db", n->dir);
    must(db_copy_to(n->db, copy, &e), &e);
    db = db_open(copy, DB_READ, &e);
    assert_non_null(db);
    must(db_migrate(db, &ledger_room, &e), &e);
    must(db_migrate(db, &toy_room, &e), &e);
    l = ledger_open(db, NULL, SV(TOY_ORIGIN), toy_kinds, &e);
    if (!l)
        fail_msg("%s", e.text);
    assert_int_equal(ledger_verify(l, toy_scratch, NULL, NULL, &e), 0);
    must(ledger_prove(l, 1, &out, &e), &e);
    assert_true(ledger_rebuild(l, NULL, &e) < 0);
    ledger_close(l);
    db_close(db);
    buf_clear(&out);
}

/* Reads a tlog-proof again and checks it the way a stranger would. */
static void check_proof(struct node *n, struct sv proof, uint64_t want_index, uint64_t want_size)
{
    struct sv rest = proof, line, text;
    struct sha256 hashes[64], leaf;
    struct checkpoint cp;
    struct note_key key = *keeper_public(n->keeper, KEEPER_LOG);
    struct err e = ERR_NONE;
    struct arena a;
    struct stmt *q;
    uint32_t mask;
    uint64_t index;
    size_t count = 0;

    arena_init(&a, 1 << 20);
    assert_true(sv_line(&rest, &line) && sv_eq(line, SV("c2sp.org/tlog-proof@v1")));
    assert_true(sv_line(&rest, &line) && sv_starts(line, SV("index ")));
    assert_true(sv_u64(sv_sub(line, 6, SIZE_MAX), &index));
    while (sv_line(&rest, &line) && line.n) {
        struct sv raw;

        assert_true(base64_parse(&a, line, &raw) && raw.n == 32);
        memcpy(hashes[count++].b, raw.p, 32);
    }
    must(note_check(rest, &key, 1, &text, &mask, &e), &e);
    must(checkpoint_parse(text, &cp, &e), &e);
    assert_int_equal(index, want_index);
    assert_int_equal(cp.size, want_size);
    q = db_query(n->db, "SELECT body FROM entry WHERE id = ?", &e);
    db_int(q, (int64_t)index + 1);
    assert_int_equal(db_step(q, &e), 1);
    leaf = sha256_leaf(col_text(q, 0));
    db_done(q);
    assert_true(merkle_check_inclusion(index, cp.size, &leaf, hashes, count, &cp.root));
    arena_clear(&a);
}

static void proofs(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct buf out;

    buf_init(&out, 1 << 16);
    must(db_begin(n->db, &e), &e);
    for (int i = 0; i < 700; i++)
        must(toy_accept(n, "x", NULL, &e), &e);
    must(db_end(n->db, true, &e), &e);
    assert_int_equal(ledger_prove(n->ledger, 1, &out, &e), ERR_NOT_FOUND); /* not signed yet */
    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    for (int64_t id = 1; id <= 700; id += id < 10 || id > 690 ? 1 : 37) {
        buf_reset(&out);
        must(ledger_prove(n->ledger, id, &out, &e), &e);
        check_proof(n, buf_sv(&out), (uint64_t)id - 1, 700);
    }
    toy_commit(n, "later");
    assert_int_equal(ledger_prove(n->ledger, 701, &out, &e), ERR_NOT_FOUND);
    assert_int_equal(ledger_prove(n->ledger, 900, &out, &e), ERR_NOT_FOUND);
    assert_int_equal(verify(n), 0);
    buf_clear(&out);
}

/* ---- epochs ---- */

static void epochs(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct ledger_state before, after;
    char body[600], root[65];
    struct stmt *q;

    for (int i = 0; i < 3; i++)
        toy_commit(n, "before");
    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    before = state_of(n);
    must(ledger_new_epoch(n->ledger, TOY_TIME + USEC_HOUR, &e), &e);
    after = state_of(n);
    assert_int_equal(after.epoch, 2);
    assert_int_equal(after.size, 1);
    assert_int_equal(after.entries, 4);
    assert_int_equal(after.checkpoint_size, 1);
    assert_true(after.checkpoint_at == TOY_TIME + USEC_HOUR);
    q = db_query(n->db, "SELECT body FROM entry WHERE id = 4", &e);
    assert_int_equal(db_step(q, &e), 1);
    assert_true(sv_copy(col_text(q, 0), body, sizeof(body)));
    db_done(q);
    hex_text(before.root.b, 32, root);
    assert_non_null(strstr(body, "\"kind\":\"epoch\""));
    assert_non_null(strstr(body, "\"prev_size\":3"));
    assert_non_null(strstr(body, root));
    q = db_query(n->db, "SELECT note FROM checkpoint WHERE epoch = 2", &e);
    assert_int_equal(db_step(q, &e), 1);
    assert_true(sv_starts(col_text(q, 0), SV(TOY_ORIGIN "/2\n1\n")));
    db_done(q);
    toy_commit(n, "after");
    must(ledger_checkpoint(n->ledger, TOY_TIME + 2 * USEC_HOUR, &e), &e);
    reopen(n);
    must(ledger_new_epoch(n->ledger, TOY_TIME + 3 * USEC_HOUR, &e), &e);
    toy_commit(n, "and after");
    must(ledger_checkpoint(n->ledger, TOY_TIME + 4 * USEC_HOUR, &e), &e);
    assert_int_equal(state_of(n).epoch, 3);
    assert_int_equal(verify(n), 0);
    must(ledger_rebuild(n->ledger, NULL, &e), &e);
    assert_int_equal(rows(n, "toy"), 6);
}

/* ---- rebuild ---- */

static int64_t digest(struct node *n)
{
    return db_value(n->db,
                    "SELECT count(*) * 1000003 + coalesce(sum(entry * 31 + place * 7 + length(word) + weight "
                    "* 3 + source), 0) "
                    "FROM toy",
                    -1);
}

static void rebuilt(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    int64_t before;

    for (int i = 0; i < 40; i++)
        toy_commit(n, "some words that make rows");
    must(db_exec(n->db, "INSERT INTO cursor(name, at) VALUES('feed', 7)", &e), &e);
    before = digest(n);
    must(ledger_rebuild(n->ledger, NULL, &e), &e);
    assert_int_equal(digest(n), before);
    must(db_exec(n->db, "DELETE FROM toy WHERE place = 1; UPDATE toy SET word = 'lie' WHERE entry = 3", &e),
         &e);
    assert_int_not_equal(digest(n), before);
    must(ledger_rebuild(n->ledger, NULL, &e), &e);
    assert_int_equal(digest(n), before);
    assert_int_equal(rows(n, "tally"), 200);
    assert_int_equal(rows(n, "cursor"), 1); /* state is not rebuilt */
    assert_int_equal(verify(n), 0);
}

/* Damaged content must not become tables that look sound: nothing is changed. */
static void rebuild_of_damage(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    int64_t before;

    toy_commit(n, "a b");
    toy_commit(n, "c d");
    before = digest(n);
    must(db_exec(
             n->db,
             "UPDATE content SET bytes = substr(bytes, 1, 20) || x'00' || substr(bytes, 22) WHERE entry = 2",
             &e),
         &e);
    assert_int_equal(ledger_rebuild(n->ledger, NULL, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "entry 2"));
    assert_int_equal(digest(n), before);
}

/* A kind's older versions apply old entries; without them the entry is named. */
static void old_versions(void **state)
{
    static const struct ledger_kind old_kinds[] = {{"toys", 1, toy_apply_old, NULL}, {NULL, 0, NULL, NULL}};
    static const struct ledger_kind new_only[] = {{"toys", 2, toy_apply, NULL}, {NULL, 0, NULL, NULL}};
    struct node *n = *state;
    struct err e = ERR_NONE;

    ledger_close(n->ledger);
    n->ledger = ledger_open(n->db, n->keeper, SV(TOY_ORIGIN), old_kinds, &e);
    assert_non_null(n->ledger);
    toy_commit(n, "one two");
    ledger_close(n->ledger);
    n->ledger = ledger_open(n->db, n->keeper, SV(TOY_ORIGIN), toy_kinds, &e);
    assert_non_null(n->ledger);
    toy_commit(n, "three four");
    must(ledger_rebuild(n->ledger, NULL, &e), &e);
    assert_int_equal(db_value(n->db, "SELECT count(*) FROM toy WHERE word = 'old'", -1), 1);
    assert_int_equal(rows(n, "toy"), 3);
    assert_int_equal(verify(n), 0);
    ledger_close(n->ledger);
    n->ledger = ledger_open(n->db, n->keeper, SV(TOY_ORIGIN), new_only, &e);
    assert_int_equal(ledger_rebuild(n->ledger, NULL, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "entry 1"));
    assert_int_equal(rows(n, "toy"), 3);
}

/* ---- opening what does not belong together ---- */

static void wrong_company(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct ledger *l;
    char other[96];
    struct keeper *stranger;

    toy_commit(n, "a");
    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    ledger_close(n->ledger);
    n->ledger = NULL;
    assert_null(ledger_open(n->db, n->keeper, SV("noroshi.example/other"), toy_kinds, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_null(ledger_open(n->db, NULL, SV("noroshi.example/other"), toy_kinds, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    /* Same name, other keys. */
    snprintf(other, sizeof(other), "%s/keys2", n->dir);
    must(keeper_make_keys(other, TOY_ORIGIN, &e), &e);
    stranger = keeper_start(other, &e);
    assert_null(ledger_open(n->db, stranger, SV(TOY_ORIGIN), toy_kinds, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_true(e.remedy[0]);
    keeper_stop(stranger);
    /* Without keys one can read and append, not sign. */
    l = ledger_open(n->db, NULL, SV(TOY_ORIGIN), toy_kinds, &e);
    assert_non_null(l);
    assert_int_equal(ledger_checkpoint(l, TOY_TIME, &e), ERR_CRYPTO);
    assert_int_equal(ledger_new_epoch(l, TOY_TIME, &e), ERR_CRYPTO);
    ledger_close(l);
}

/* Entries that were signed and are gone are missed at opening already. */
static void lost_tail(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;

    toy_commit(n, "a");
    toy_commit(n, "b");
    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    must(db_exec(n->db, "DELETE FROM entry WHERE id = 2", &e), &e);
    node_close(n);
    assert_int_equal(node_open(n, &e), ERR_CORRUPT);
    assert_true(e.remedy[0]);
}

static void changed_beneath_a_checkpoint(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;

    toy_commit(n, "a");
    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    must(db_exec(n->db, "UPDATE entry SET hash = x'00' WHERE id = 1", &e), &e);
    node_close(n);
    assert_int_equal(node_open(n, &e), ERR_CORRUPT);
}

/* ---- being killed ---- */

static void append_for_ever(struct node *n, int told)
{
    struct err e = ERR_NONE;

    must(node_open(n, &e), &e);
    for (int64_t i = 0;; i++) {
        must(db_begin(n->db, &e), &e);
        for (int k = 0; k < 7; k++)
            must(toy_accept(n, "seven words make seven rows every time", NULL, &e), &e);
        must(db_end(n->db, true, &e), &e);
        if (i % 3 == 0)
            must(ledger_checkpoint(n->ledger, TOY_TIME + i * USEC_SECOND, &e), &e);
        (void)!write(told, "x", 1);
    }
}

static void killed(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    int64_t least = 0;

    node_close(n);
    for (int round = 0; round < 8; round++) {
        int told[2], status;
        char c;
        pid_t pid;

        assert_int_equal(pipe(told), 0);
        pid = fork();
        if (pid == 0)
            append_for_ever(n, told[1]);
        close(told[1]);
        for (int i = 0; i < 2 + 5 * round && read(told[0], &c, 1) == 1; i++)
            least += 7;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        while (read(told[0], &c, 1) == 1)
            least += 7;
        close(told[0]);
        must(node_open(n, &e), &e);
        assert_int_equal(verify(n), 0);
        assert_true(rows(n, "entry") >= least && rows(n, "entry") % 7 == 0);
        assert_int_equal(rows(n, "toy"), 7 * rows(n, "entry"));
        least = rows(n, "entry");
        node_close(n);
    }
    must(node_open(n, &e), &e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, node_setup, node_teardown)

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(packs),
        cmocka_unit_test(pack_commitment),
        TEST(accepted),
        TEST(entry_text),
        TEST(without_content),
        TEST(refused),
        TEST(failed_apply),
        TEST(rolled_back),
        TEST(checkpoints),
        TEST(proofs),
        TEST(epochs),
        TEST(clock_set_back),
        TEST(read_only),
        TEST(rebuilt),
        TEST(rebuild_of_damage),
        TEST(old_versions),
        TEST(wrong_company),
        TEST(lost_tail),
        TEST(changed_beneath_a_checkpoint),
        TEST(killed),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
