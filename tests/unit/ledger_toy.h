/* A small room for the ledger's tests: a view table made of pack records, and a scratch database for verify.
 */
#pragma once

#include "ledger/ledger.h"

#include <stdlib.h>
#include <unistd.h>

static const struct db_migration toy_steps[] = {
    {1, "CREATE TABLE toy(entry INTEGER NOT NULL, place INTEGER NOT NULL, word TEXT NOT NULL, weight REAL, "
        "raw BLOB,"
        "  source INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(entry, place));"
        "CREATE TABLE tally(word TEXT NOT NULL, n INTEGER NOT NULL);"
        "CREATE TABLE cursor(name TEXT PRIMARY KEY, at INTEGER NOT NULL);"},
    {0, NULL},
};
static const struct db_table toy_tables[] = {
    {"toy", TABLE_VIEW}, {"tally", TABLE_VIEW}, {"cursor", TABLE_STATE}, {NULL, TABLE_STATE}};
static const struct db_room toy_room = {"toy", toy_steps, toy_tables};

static int toy_row(struct db *db, const struct entry *en, int64_t place, struct sv word, struct err *e)
{
    struct stmt *s = db_query(
        db, "INSERT INTO toy(entry, place, word, weight, raw, source, at) VALUES(?, ?, ?, ?, ?, ?, ?)", e);
    int rc;

    if (!s)
        return e->code;
    db_int(s, en->id);
    db_int(s, place);
    db_text(s, word);
    db_double(s, (double)word.n / 4);
    db_blob(s, sv_from((const char *)en->record.b, 16));
    db_int(s, en->source);
    db_time(s, en->at);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int toy_count(struct db *db, struct sv word, struct err *e)
{
    struct stmt *s = db_query(db, "INSERT INTO tally(word, n) VALUES(?, 1)", e);
    int rc;

    if (!s)
        return e->code;
    db_text(s, word);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* One row a record; a record that is "fail" cannot be applied. */
static int toy_apply(void *ctx, struct db *db, const struct entry *en, struct err *e)
{
    struct pack_it it = pack_each(en->content);
    struct sv record;
    int rc = OK;

    for (int64_t place = 0; rc == OK && pack_next(&it, &record); place++) {
        if (sv_eq(record, SV("fail")))
            return err_set(e, ERR_VALUE, "this toy is broken");
        if (!record.p)
            continue;
        rc = toy_row(db, en, place, record, e);
        if (rc == OK)
            rc = toy_count(db, record, e);
    }
    return rc == OK && it.c.failed ? err_set(e, ERR_CORRUPT, "not a pack") : rc;
}

/* Version 1 of the kind put all words in capitals' place: only replay may use it. */
static int toy_apply_old(void *ctx, struct db *db, const struct entry *en, struct err *e)
{
    return toy_row(db, en, -1, SV("old"), e);
}

static const struct ledger_kind toy_kinds[] = {
    {"toys", 2, toy_apply, NULL},
    {"toys", 1, toy_apply_old, NULL},
    {NULL, 0, NULL, NULL},
};

__attribute__((unused)) static struct db *toy_scratch(void *ctx, struct ledger_kind **ret_kinds,
                                                      struct err *e)
{
    static struct ledger_kind kinds[3];
    struct db *db = db_open(NULL, DB_MEMORY, e);

    memcpy(kinds, toy_kinds, sizeof(kinds));
    *ret_kinds = kinds;
    if (db && db_migrate(db, &toy_room, e) != OK) {
        db_close(db);
        return NULL;
    }
    return db;
}

static void must(int rc, const struct err *e)
{
    if (rc != OK)
        fail_msg("%d: %s", rc, e->text);
}

/* One node: a directory with keys and a database. */
struct node {
    char dir[64];
    char keys[96];
    char path[96];
    struct keeper *keeper;
    struct db *db;
    struct ledger *ledger;
};

#define TOY_ORIGIN "noroshi.example/toys"
#define TOY_TIME (1780000000 * USEC_SECOND)

static int node_open(struct node *n, struct err *e)
{
    n->keeper = keeper_start(n->keys, e);
    n->db = n->keeper ? db_open(n->path, DB_CREATE, e) : NULL;
    if (!n->db || db_migrate(n->db, &ledger_room, e) != OK || db_migrate(n->db, &toy_room, e) != OK)
        return e->code;
    n->ledger = ledger_open(n->db, n->keeper, SV(TOY_ORIGIN), toy_kinds, e);
    return n->ledger ? OK : e->code;
}

static void node_close(struct node *n)
{
    ledger_close(n->ledger);
    db_close(n->db);
    keeper_stop(n->keeper);
    n->ledger = NULL;
    n->db = NULL;
    n->keeper = NULL;
}

static int node_setup(void **state)
{
    struct node *n = calloc(1, sizeof(*n));
    struct err e = ERR_NONE;

    if (!n || crypto_start(&e) != OK)
        return -1;
    snprintf(n->dir, sizeof(n->dir), "/tmp/noroshi-ledger-XXXXXX");
    if (!mkdtemp(n->dir))
        return -1;
    snprintf(n->keys, sizeof(n->keys), "%s/keys", n->dir);
    snprintf(n->path, sizeof(n->path), "%s/node.db", n->dir);
    *state = n;
    if (keeper_make_keys(n->keys, TOY_ORIGIN, &e) == OK && node_open(n, &e) == OK)
        return 0;
    print_error("%s\n", e.text);
    return -1;
}

static int node_teardown(void **state)
{
    struct node *n = *state;
    char command[128];
    int rc;

    node_close(n);
    snprintf(command, sizeof(command), "rm -rf %s", n->dir);
    rc = system(command);
    free(n);
    return rc;
}

/* Accepts one entry whose records are the words of `words`; inside the caller's transaction. */
static int toy_accept(struct node *n, const char *words, int64_t *ret_entry, struct err *e)
{
    struct ledger_header h = {.kind = "toys", .source = 3, .at = TOY_TIME};
    struct sv rest = sv_c(words), word;
    struct pack pack;
    int rc;

    memset(h.org.b, 0x11, sizeof(h.org.b));
    pack_init(&pack);
    while (rest.n > 0 && sv_cut(&rest, ' ', &word))
        pack_add(&pack, word);
    rc = ledger_accept(n->ledger, &h, &pack, ret_entry, e);
    pack_clear(&pack);
    return rc;
}

static void toy_commit(struct node *n, const char *words)
{
    struct err e = ERR_NONE;

    must(db_begin(n->db, &e), &e);
    must(toy_accept(n, words, NULL, &e), &e);
    must(db_end(n->db, true, &e), &e);
}
