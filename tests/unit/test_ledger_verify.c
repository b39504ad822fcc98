/* Verify: every byte of every stored row matters; what is wrong is found and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "ledger_toy.h"

struct report {
    int count;
    char where[64][200];
    char all[16384];
};

static void take(void *ctx, const struct ledger_finding *f)
{
    struct report *r = ctx;
    size_t used = strlen(r->all);

    if (r->count < 64)
        snprintf(r->where[r->count], sizeof(r->where[0]), "%s", f->where);
    r->count++;
    snprintf(r->all + used, sizeof(r->all) - used, "  %s: %s\n", f->where, f->what);
}

static struct report verify(struct node *n)
{
    struct report r = {0};
    struct ledger_progress p = {.found = take, .ctx = &r};
    struct err e = ERR_NONE;
    int64_t count = ledger_verify(n->ledger, toy_scratch, NULL, &p, &e);

    if (count < 0)
        fail_msg("%s", e.text);
    assert_int_equal(count, r.count);
    return r;
}

static void exec(struct node *n, const char *sql)
{
    struct err e = ERR_NONE;

    if (db_exec(n->db, sql, &e) != OK)
        fail_msg("%s", e.text);
}

/* The first finding, or any, begins like this. */
static void named(struct node *n, const char *where)
{
    struct report r = verify(n);

    for (int i = 0; i < r.count && i < 64; i++)
        if (strncmp(r.where[i], where, strlen(where)) == 0)
            return;
    fail_msg("not named: %s; found %d:\n%s", where, r.count, r.all);
}

static void sound(struct node *n)
{
    struct report r = verify(n);

    if (r.count)
        fail_msg("found:\n%s", r.all);
}

/* Five entries, two checkpoints, one more entry; contents plain and compressed. */
static int small_node(void **state)
{
    struct node *n;
    struct err e = ERR_NONE;
    struct buf words;

    if (node_setup(state) != 0)
        return -1;
    n = *state;
    buf_init(&words, 10000);
    for (int i = 0; i < 40; i++)
        buf_add(&words, SV("smoke-smoke-smoke-smoke-smoke-smoke "));
    buf_addc(&words, 0);
    toy_commit(n, "one two");
    toy_commit(n, words.p);
    must(ledger_checkpoint(n->ledger, TOY_TIME, &e), &e);
    toy_commit(n, "three");
    must(ledger_checkpoint(n->ledger, TOY_TIME + USEC_HOUR, &e), &e);
    toy_commit(n, "four");
    buf_clear(&words);
    sound(n);
    return 0;
}

/* ---- every byte ---- */

struct column {
    const char *table, *name;
    const char *key;   /* SQL that names a row's key as text */
    const char *where; /* what a finding begins with, before the row's key; one of two */
    const char *or_where;
};

static const struct column columns[] = {
    {"entry", "body", "id", "entry ", NULL},
    {"entry", "hash", "id", "entry ", NULL},
    {"content", "bytes", "entry", "content of entry ", NULL},
    {"content", "sum", "entry", "content of entry ", NULL},
    {"content", "codec", "entry", "content of entry ", NULL},
    {"checkpoint", "note", "size", "checkpoint of epoch 1 at size ", NULL},
    {"epoch", "origin", "epoch", "epoch ", NULL},
    {"epoch", "vkey", "epoch", "epoch ", "checkpoint of epoch "},
    {"epoch", "witness", "epoch", "epoch ", "checkpoint of epoch "},
};

/* Puts `bytes` into one row's column, with the type the column has. */
static void put(struct node *n, const struct column *c, const char *key, struct sv bytes, bool blob)
{
    struct err e = ERR_NONE;
    char sql[200];
    struct stmt *s;

    snprintf(sql, sizeof(sql), "UPDATE %s SET %s = ? WHERE CAST(%s AS TEXT) = ?", c->table, c->name, c->key);
    must(db_begin(n->db, &e), &e);
    s = db_query(n->db, sql, &e);
    assert_non_null(s);
    if (blob)
        db_blob(s, bytes);
    else
        db_text(s, bytes);
    db_text(s, sv_c(key));
    must(db_run(s, &e), &e);
    assert_int_equal(db_changed(n->db), 1);
    db_done(s);
    must(db_end(n->db, true, &e), &e);
}

static void expect_named(struct node *n, const struct column *c, const char *key, size_t at)
{
    struct report r = verify(n);
    char a[200], b[200];

    snprintf(a, sizeof(a), "%s%s", c->where, key);
    snprintf(b, sizeof(b), "%s%s", c->or_where ? c->or_where : c->where, key);
    for (int i = 0; i < r.count && i < 64; i++)
        if (strncmp(r.where[i], a, strlen(a)) == 0 || strncmp(r.where[i], b, strlen(b)) == 0)
            return;
    fail_msg("byte %zu of %s.%s of row %s changed; found %d:\n%s", at, c->table, c->name, key, r.count,
             r.all);
}

static void flip_row(struct node *n, const struct column *c, const char *key, struct buf *bytes, bool blob)
{
    for (size_t i = 0; i < bytes->n; i++) {
        char was = bytes->p[i];

        bytes->p[i] = (char)(was ^ (1 << (i % 8)));
        put(n, c, key, buf_sv(bytes), blob);
        expect_named(n, c, key, i);
        bytes->p[i] = was;
    }
    put(n, c, key, buf_sv(bytes), blob);
}

static void flip_column(struct node *n, const struct column *c)
{
    struct err e = ERR_NONE;
    char sql[200], keys[16][24];
    struct stmt *s;
    struct buf bytes[16];
    size_t count = 0;
    bool blob = false;

    snprintf(sql, sizeof(sql), "SELECT CAST(%s AS TEXT), %s FROM %s", c->key, c->name, c->table);
    s = db_query(n->db, sql, &e);
    assert_non_null(s);
    while (db_step(s, &e) == 1 && count < 16) {
        assert_true(sv_copy(col_text(s, 0), keys[count], sizeof(keys[0])));
        blob = col_type(s, 1) == COL_BLOB;
        buf_init(&bytes[count], 1 << 16);
        buf_add(&bytes[count], blob ? col_blob(s, 1) : col_text(s, 1));
        count++;
    }
    db_done(s);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        flip_row(n, c, keys[i], &bytes[i], blob);
        buf_clear(&bytes[i]);
    }
    sound(n);
}

static void every_byte(void **state)
{
    struct node *n = *state;

    assert_true(db_value(n->db, "SELECT count(*) FROM content WHERE codec = 'pack1+zstd'", 0) > 0);
    assert_true(db_value(n->db, "SELECT count(*) FROM content WHERE codec = 'pack1'", 0) > 0);
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        flip_column(n, &columns[i]);
}

/* ---- numbers, and whole rows ---- */

static void numbers(void **state)
{
    struct node *n = *state;
    static const char *const change[][2] = {
        {"UPDATE entry SET seq = seq + 1 WHERE id = 2", "UPDATE entry SET seq = seq - 1 WHERE id = 2"},
        {"UPDATE entry SET epoch = 7 WHERE id = 2", "UPDATE entry SET epoch = 1 WHERE id = 2"},
        {"UPDATE content SET key_id = 'k' WHERE entry = 2",
         "UPDATE content SET key_id = NULL WHERE entry = 2"},
        {"UPDATE checkpoint SET size = 1 WHERE size = 2", "UPDATE checkpoint SET size = 2 WHERE size = 1"},
        {"UPDATE checkpoint SET size = 90 WHERE size = 2", "UPDATE checkpoint SET size = 2 WHERE size = 90"},
        {"UPDATE checkpoint SET epoch = 2 WHERE size = 2", "UPDATE checkpoint SET epoch = 1 WHERE size = 2"},
        {"UPDATE epoch SET first_entry = 2", "UPDATE epoch SET first_entry = 1"},
        {"UPDATE epoch SET prev_size = 2", "UPDATE epoch SET prev_size = 0"},
        {"UPDATE epoch SET prev_root = hash FROM entry WHERE id = 1", "UPDATE epoch SET prev_root = NULL"},
    };
    static const char *const where[] = {"entry 2",    "entry 2",    "content of entry 2",
                                        "checkpoint", "checkpoint", "checkpoint",
                                        "epoch 1",    "epoch 1",    "epoch 1"};

    for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
        exec(n, change[i][0]);
        named(n, where[i]);
        exec(n, change[i][1]);
        sound(n);
    }
}

static void missing_rows(void **state)
{
    struct node *n = *state;
    static const char *const take_away[] = {
        "DELETE FROM entry WHERE id = 1",      "DELETE FROM entry WHERE id IN (1, 2)",
        "DELETE FROM entry WHERE id = 3",      "DELETE FROM entry WHERE id = 4",
        "DELETE FROM content WHERE entry = 2", "DELETE FROM epoch"};
    static const char *const where[] = {
        "entry 1", "entries 1 to 2", "entry 3", "table toy, row 4, 0", "content of entry 2", "epoch 1"};

    exec(n, "CREATE TEMP TABLE e AS SELECT * FROM entry; CREATE TEMP TABLE c AS SELECT * FROM content;"
            "CREATE TEMP TABLE p AS SELECT * FROM epoch");
    for (size_t i = 0; i < sizeof(take_away) / sizeof(take_away[0]); i++) {
        exec(n, take_away[i]);
        named(n, where[i]);
        exec(n, "DELETE FROM entry; INSERT INTO entry SELECT * FROM e; DELETE FROM content;"
                "INSERT INTO content SELECT * FROM c; DELETE FROM epoch; INSERT INTO epoch SELECT * FROM p");
        sound(n);
    }
}

static void extra_rows(void **state)
{
    struct node *n = *state;
    static const char *const change[][3] = {
        {"INSERT INTO entry SELECT 5, epoch, 4, body, hash FROM entry WHERE id = 4",
         "DELETE FROM entry WHERE id = 5", "entry 5"},
        {"INSERT INTO entry SELECT 0, epoch, seq, body, hash FROM entry WHERE id = 1",
         "DELETE FROM entry WHERE id = 0", "entry 0"},
        {"INSERT INTO content SELECT 77, codec, key_id, sum, bytes FROM content WHERE entry = 1",
         "DELETE FROM content WHERE entry = 77", "content of entry 77"},
        {"INSERT INTO tile SELECT 1, 1, 0, hash FROM entry WHERE id = 1", "DELETE FROM tile", "tiles"},
        {"INSERT INTO epoch SELECT 2, origin || '/2', vkey, witness, 99, 0, NULL FROM epoch",
         "DELETE FROM epoch WHERE epoch = 2", "epochs"},
        {"INSERT INTO checkpoint SELECT 1, 1, note FROM checkpoint WHERE size = 2",
         "DELETE FROM checkpoint WHERE size = 1", "checkpoint of epoch 1 at size 1"},
    };

    for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
        exec(n, change[i][0]);
        named(n, change[i][2]);
        exec(n, change[i][1]);
        sound(n);
    }
}

static void reordered(void **state)
{
    struct node *n = *state;
    static const char swap[] =
        "UPDATE entry SET id = id + 100 WHERE id IN (1, 3); UPDATE entry SET id = 104 - id WHERE id > 100;"
        "UPDATE entry SET seq = id - 1";

    exec(n, swap);
    named(n, "entry 1");
    named(n, "entry 3");
    named(n, "checkpoint of epoch 1 at size 2");
    exec(n, swap);
    sound(n);
}

/* Somebody rewrites an entry with its hash and its rows: only the signature tells. */
static void rewritten_history(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct stmt *s;
    char body[1000], *source;
    struct sha256 leaf;
    size_t len;

    s = db_query(n->db, "SELECT body FROM entry WHERE id = 1", &e);
    assert_int_equal(db_step(s, &e), 1);
    len = col_text(s, 0).n;
    assert_true(sv_copy(col_text(s, 0), body, sizeof(body)));
    db_done(s);
    source = strstr(body, "\"source\":3");
    assert_non_null(source);
    source[9] = '4';
    leaf = sha256_leaf(sv_from(body, len));
    must(db_begin(n->db, &e), &e);
    s = db_query(n->db, "UPDATE entry SET body = ?, hash = ? WHERE id = 1", &e);
    db_text(s, sv_from(body, len));
    db_blob(s, sv_from((char *)leaf.b, 32));
    must(db_run(s, &e), &e);
    db_done(s);
    must(db_end(n->db, true, &e), &e);
    exec(n, "UPDATE toy SET source = 4 WHERE entry = 1");
    named(n, "checkpoint of epoch 1 at size 2");
    named(n, "checkpoint of epoch 1 at size 3");
    assert_int_equal(verify(n).count, 2);
}

/* A record whose bytes were destroyed keeps its commitment, but somebody must have ordered it. */
static void expunged_record(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    struct buf pack;
    struct sha256 h, sum;
    struct sv was, parts[3];
    struct report r;
    struct stmt *s;

    buf_init(&pack, 10000);
    s = db_query(n->db, "SELECT bytes FROM content WHERE entry = 1", &e); /* "one two" */
    assert_int_equal(db_step(s, &e), 1);
    was = col_blob(s, 0);
    assert_int_equal(was.n, 2 * (1 + 16 + 3));
    h = sha256_of(sv_sub(was, 1, 19));
    buf_varint(&pack, 0);
    buf_add(&pack, sv_from((char *)h.b, 32));
    buf_add(&pack, sv_sub(was, 20, SIZE_MAX));
    db_done(s);
    parts[0] = SV("pack1");
    parts[1] = (struct sv){"", 1};
    parts[2] = buf_sv(&pack);
    sum = sha256_parts(parts, 3);
    must(db_begin(n->db, &e), &e);
    s = db_query(n->db, "UPDATE content SET bytes = ?, sum = ? WHERE entry = 1", &e);
    db_blob(s, buf_sv(&pack));
    db_blob(s, sv_from((char *)sum.b, 32));
    must(db_run(s, &e), &e);
    db_done(s);
    must(db_end(n->db, true, &e), &e);
    exec(n, "DELETE FROM toy WHERE entry = 1 AND place = 0; DELETE FROM tally WHERE word = 'one'");
    r = verify(n);
    assert_int_equal(r.count, 1); /* the commitment still holds, the other record is still there */
    assert_string_equal(r.where[0], "content of entry 1, record 1");
    buf_clear(&pack);
}

static bool holds(const char *path, const char *word)
{
    struct err e = ERR_NONE;
    struct buf b;
    bool found;

    buf_init(&b, 64u << 20);
    must(file_read(AT_FDCWD, path, &b, &e), &e);
    found = sv_find(buf_sv(&b), sv_c(word)) != SIZE_MAX;
    buf_clear(&b);
    return found;
}

static int gather(void *ctx, const struct ledger_place *p, struct sv record, struct err *e)
{
    struct buf *seen = ctx;

    buf_printf(seen, "%lld/%llu=%.*s ", (long long)p->entry, (unsigned long long)p->record, SV_ARG(record));
    return OK;
}

/* An ordered one is gone from the files, proved all the same, counted, and made again by no rebuild. */
static void ordered_expunging(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    const struct ledger_header h = {.at = TOY_TIME};
    struct ledger_place place[] = {{3, 0}, {1, 0}, {1, 0}}, wrong[] = {{1, 7}};
    uint64_t done = 0, expunged = 0;
    struct ledger_progress p = {.expunged = &expunged};
    struct buf seen;

    must(db_begin(n->db, &e), &e);
    must(ledger_expunge(n->ledger, &h, place, 3, &done, &e), &e);
    assert_int_equal(done, 2);
    must(db_end(n->db, true, &e), &e);
    exec(n,
         "DELETE FROM tally WHERE word IN (SELECT word FROM toy WHERE (entry = 1 OR entry = 3) AND place = "
         "0); DELETE FROM toy WHERE (entry = 1 OR entry = 3) AND place = 0");
    assert_int_equal(ledger_verify(n->ledger, toy_scratch, NULL, &p, &e), 0);
    assert_int_equal(expunged, 2);
    must(ledger_rebuild(n->ledger, NULL, &e), &e);
    sound(n);
    /* Again changes nothing and orders nothing. */
    int64_t entries = db_value(n->db, "SELECT count(*) FROM entry", 0);
    must(db_begin(n->db, &e), &e);
    must(ledger_expunge(n->ledger, &h, place, 2, &done, &e), &e);
    must(db_end(n->db, true, &e), &e);
    assert_int_equal(done, 0);
    assert_int_equal(db_value(n->db, "SELECT count(*) FROM entry", 0), entries);
    must(db_begin(n->db, &e), &e);
    assert_int_equal(ledger_expunge(n->ledger, &h, wrong, 1, &done, &e), ERR_VALUE);
    assert_int_equal(db_end(n->db, true, &e), ERR_VALUE);
    sound(n);
    buf_init(&seen, 10000);
    must(db_begin(n->db, &e), &e);
    must(ledger_records_of(n->ledger, "toys", 3, 1, gather, &seen, &e), &e);
    assert_true(sv_starts(buf_sv(&seen), SV("1/1=two ")));
    buf_reset(&seen);
    must(ledger_records(n->ledger, 1, gather, &seen, &e), &e);
    assert_true(sv_eq(buf_sv(&seen), SV("1/1=two ")));
    must(db_end(n->db, true, &e), &e);
    buf_clear(&seen);
    must(db_scrub(n->db, &e), &e);
    assert_false(holds(n->path, "one"));
    assert_true(holds(n->path, "two"));
}

/* An order whose record is still there was not carried out. */
static void order_not_carried_out(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    const struct ledger_header h = {.at = TOY_TIME};
    struct ledger_place place = {1, 1};
    uint64_t done;

    exec(n, "CREATE TABLE kept AS SELECT * FROM content WHERE entry = 1");
    must(db_begin(n->db, &e), &e);
    must(ledger_expunge(n->ledger, &h, &place, 1, &done, &e), &e);
    must(db_end(n->db, true, &e), &e);
    exec(n, "UPDATE content SET (codec, sum, bytes) = (SELECT codec, sum, bytes FROM kept) WHERE entry = 1;"
            "DROP TABLE kept");
    struct report r = verify(n);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.where[0], "content of entry 1, record 2");
}

/* ---- view tables ---- */

static void view_rows(void **state)
{
    struct node *n = *state;
    static const char *const change[][2] = {
        {"UPDATE toy SET word = 'onf' WHERE entry = 1 AND place = 0", "table toy, row 1, 0"},
        {"UPDATE toy SET weight = weight + 0.25 WHERE entry = 3 AND place = 0", "table toy, row 3, 0"},
        {"UPDATE toy SET weight = 1 WHERE entry = 4 AND place = 0; UPDATE toy SET weight = NULL WHERE entry "
         "= 4",
         "table toy, row 4, 0"},
        {"UPDATE toy SET raw = x'00' WHERE entry = 1 AND place = 1", "table toy, row 1, 1"},
        {"UPDATE toy SET raw = CAST(word AS TEXT) WHERE entry = 1 AND place = 1", "table toy, row 1, 1"},
        {"UPDATE toy SET at = at + 1 WHERE entry = 2 AND place = 39", "table toy, row 2, 39"},
        {"UPDATE toy SET place = 99 WHERE entry = 2 AND place = 0", "table toy, row 2, 0"},
        {"UPDATE toy SET place = 99 WHERE entry = 2 AND place = 0", "table toy, row 2, 99"},
        {"DELETE FROM toy WHERE entry = 3", "table toy, row 3, 0"},
        {"INSERT INTO toy SELECT 9, place, word, weight, raw, source, at FROM toy WHERE entry = 1",
         "table toy, row 9, 1"},
        {"DELETE FROM toy", "table toy, row 1, 0"},
        {"UPDATE tally SET n = 2 WHERE word = 'two'", "table tally, row \"two\", 2"},
        {"DELETE FROM tally WHERE word = 'two'", "table tally, row \"two\", 1"},
        {"INSERT INTO tally VALUES('two', 1)", "table tally, row \"two\", 1"},
    };
    struct err e = ERR_NONE;

    for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
        exec(n, change[i][0]);
        named(n, change[i][1]);
        must(ledger_rebuild(n->ledger, NULL, &e), &e);
        sound(n);
    }
    /* State is not the ledger's to judge. */
    exec(n, "INSERT INTO cursor VALUES('x', 1)");
    sound(n);
}

/* Every column of every row of a view, changed a little. */
static void every_view_cell(void **state)
{
    struct node *n = *state;
    static const char *const cols[] = {"entry", "place", "word", "weight", "raw", "source", "at"};
    struct err e = ERR_NONE;
    char sql[300];

    for (size_t i = 0; i < sizeof(cols) / sizeof(cols[0]); i++) {
        for (int row = 0; row < 4; row++) {
            const char *to = i == 2 ? "word || '.'" : i == 4 ? "x'01'" : "";
            char plus[40];

            snprintf(plus, sizeof(plus), "%s + 100", cols[i]);
            snprintf(sql, sizeof(sql),
                     "UPDATE toy SET %s = %s WHERE (entry, place) = (SELECT entry, place FROM toy ORDER BY "
                     "entry, place "
                     "LIMIT 1 OFFSET %d)",
                     cols[i], *to ? to : plus, row);
            exec(n, sql);
            named(n, "table toy, row");
            must(ledger_rebuild(n->ledger, NULL, &e), &e);
        }
    }
    sound(n);
}

/* ---- long logs ---- */

static void tiles(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;

    must(db_begin(n->db, &e), &e);
    for (int i = 0; i < 600; i++)
        must(toy_accept(n, "x", NULL, &e), &e);
    must(db_end(n->db, true, &e), &e);
    must(ledger_checkpoint(n->ledger, TOY_TIME + 2 * USEC_HOUR, &e), &e);
    sound(n);
    assert_int_equal(db_value(n->db, "SELECT count(*) FROM tile", 0), 2);
    exec(n, "UPDATE tile SET hash = x'00' || substr(hash, 2) WHERE idx = 1");
    named(n, "tile 1 of level 1");
    exec(n, "DELETE FROM tile WHERE idx = 1");
    named(n, "tile 1 of level 1");
}

static void epochs(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;
    char *sql = "UPDATE epoch SET prev_size = prev_size + 1 WHERE epoch = 2";

    must(ledger_new_epoch(n->ledger, TOY_TIME + 2 * USEC_HOUR, &e), &e);
    toy_commit(n, "after");
    must(ledger_checkpoint(n->ledger, TOY_TIME + 3 * USEC_HOUR, &e), &e);
    sound(n);
    exec(n, sql);
    named(n, "epoch 2");
    exec(n, "UPDATE epoch SET prev_size = prev_size - 1, prev_root = x'00' || substr(prev_root, 2) WHERE "
            "epoch = 2");
    named(n, "epoch 2");
    exec(n, "DELETE FROM epoch WHERE epoch = 2");
    named(n, "entry 5");
    named(n, "checkpoint of epoch 2");
}

/* The last entry before a new epoch cannot vanish: the epoch names the head that was. */
static void cut_before_epoch(void **state)
{
    struct node *n = *state;
    struct err e = ERR_NONE;

    must(ledger_new_epoch(n->ledger, TOY_TIME + 2 * USEC_HOUR, &e), &e);
    exec(n, "DELETE FROM content WHERE entry = 4; DELETE FROM toy WHERE entry = 4; DELETE FROM tally WHERE "
            "word = 'four';"
            "DELETE FROM entry WHERE id = 4");
    named(n, "entry 4");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, small_node, node_teardown)

int main(void)
{
    const struct CMUnitTest all[] = {
        TEST(every_byte),      TEST(numbers),           TEST(missing_rows),
        TEST(extra_rows),      TEST(reordered),         TEST(rewritten_history),
        TEST(expunged_record), TEST(ordered_expunging), TEST(order_not_carried_out),
        TEST(view_rows),       TEST(every_view_cell),   TEST(tiles),
        TEST(epochs),          TEST(cut_before_epoch),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
