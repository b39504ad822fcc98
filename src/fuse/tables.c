#include "fuse/pattern_set.h"

#include <stdlib.h>

static const struct db_migration migrations[] = {
    {1,
     "CREATE TABLE claim ("
     " id INTEGER PRIMARY KEY, h BIGINT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, source BIGINT "
     "NOT NULL,"
     " flags INTEGER NOT NULL, tlp INTEGER NOT NULL, created BIGINT, modified BIGINT, valid_from BIGINT, "
     "valid_until BIGINT,"
     " first_seen BIGINT, last_seen BIGINT, confidence INTEGER NOT NULL, labels TEXT NOT NULL, ref TEXT NOT "
     "NULL, note TEXT NOT NULL,"
     " meta TEXT NOT NULL, accepted BIGINT NOT NULL, entry BIGINT NOT NULL);"
     "CREATE INDEX claim_h ON claim (h);"
     "CREATE TABLE object ("
     " id INTEGER PRIMARY KEY, h BIGINT NOT NULL, stix_id TEXT NOT NULL, type TEXT NOT NULL, source BIGINT "
     "NOT NULL, tlp INTEGER NOT NULL,"
     " created BIGINT, modified BIGINT, created_by TEXT NOT NULL, revoked INTEGER NOT NULL, pattern_other "
     "INTEGER NOT NULL,"
     " sha BYTEA NOT NULL, body BYTEA NOT NULL, text TEXT NOT NULL, accepted BIGINT NOT NULL, entry BIGINT "
     "NOT NULL);"
     "CREATE INDEX object_h ON object (h);"
     "CREATE TABLE object_ref (id INTEGER PRIMARY KEY, target_h BIGINT NOT NULL, target TEXT NOT NULL, "
     "property TEXT NOT NULL, object BIGINT NOT NULL);"
     "CREATE INDEX object_ref_target ON object_ref (target_h);"
     "CREATE TABLE object_value (id INTEGER PRIMARY KEY, h BIGINT NOT NULL, kind INTEGER NOT NULL, value "
     "TEXT NOT NULL, bad INTEGER NOT NULL, object BIGINT NOT NULL);"
     "CREATE INDEX object_value_h ON object_value (h);"
     "CREATE INDEX object_value_object ON object_value (object);"
     "CREATE TABLE speaker (created_by TEXT PRIMARY KEY, source BIGINT NOT NULL);"
     "CREATE TABLE list (id INTEGER PRIMARY KEY, source BIGINT NOT NULL, name TEXT NOT NULL, description "
     "TEXT NOT NULL, role TEXT NOT NULL,"
     " match INTEGER NOT NULL, version BIGINT NOT NULL, attributes TEXT NOT NULL, entry BIGINT NOT NULL);"
     "CREATE TABLE list_entry (id INTEGER PRIMARY KEY, list BIGINT NOT NULL, h BIGINT NOT NULL, value TEXT "
     "NOT NULL);"
     "CREATE INDEX list_entry_h ON list_entry (h);"
     "CREATE INDEX list_entry_list ON list_entry (list);"
     "CREATE TABLE sighting ("
     " id INTEGER PRIMARY KEY, h BIGINT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, observed_kind "
     "INTEGER NOT NULL, observed TEXT NOT NULL,"
     " source BIGINT NOT NULL, sensor TEXT NOT NULL, class TEXT NOT NULL, field TEXT NOT NULL, hour BIGINT "
     "NOT NULL,"
     " count BIGINT NOT NULL, first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL);"
     "CREATE INDEX sighting_h ON sighting (h, hour);"
     "CREATE TABLE past ("
     " id INTEGER PRIMARY KEY, h BIGINT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, source BIGINT "
     "NOT NULL, sensor TEXT NOT NULL,"
     " class TEXT NOT NULL, field TEXT NOT NULL, hour BIGINT NOT NULL, count BIGINT NOT NULL, first_seen "
     "BIGINT NOT NULL, last_seen BIGINT NOT NULL,"
     " arrived BIGINT NOT NULL);"
     "CREATE INDEX past_h ON past (h, hour);"
     "CREATE INDEX past_arrived ON past (arrived);"
     "CREATE TABLE event_record (source BIGINT NOT NULL, h BIGINT NOT NULL, PRIMARY KEY (source, h));"
     "CREATE TABLE cursor (name TEXT PRIMARY KEY, at BIGINT NOT NULL);"
     "CREATE TABLE document (id INTEGER PRIMARY KEY, object BIGINT, claim BIGINT, source BIGINT NOT NULL, "
     "type TEXT NOT NULL, at BIGINT);"
     "CREATE VIRTUAL TABLE search USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2');"},
    /* What is given out, in the order in which it changed: docs/taxii.md. Indexes over an expression, so that
     * nobody who looks for a hash and a source is led through all of the source. */
    {2, "ALTER TABLE claim ADD COLUMN version BIGINT NOT NULL DEFAULT 0;"
        "ALTER TABLE claim ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;"
        "UPDATE claim SET version = coalesce(modified, created, valid_from, 0), changed = entry;"
        "CREATE INDEX claim_changed ON claim ((source + 0), changed, id);"
        "CREATE INDEX object_source ON object ((source + 0), id);"},
    /* Versions that differ by less than a microsecond; hashes that one file has (alias.c). */
    {3, "ALTER TABLE object ADD COLUMN modified_ns INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE file_alias ("
        " id INTEGER PRIMARY KEY, h BIGINT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, file BIGINT "
        "NOT "
        "NULL, joined TEXT NOT NULL,"
        " source BIGINT NOT NULL, tlp INTEGER NOT NULL, entry BIGINT NOT NULL);"
        "CREATE INDEX file_alias_h ON file_alias (h);"
        "CREATE INDEX file_alias_file ON file_alias (file);"},
    /* Which entry touched a sighting last: what is new or grew, for who passes it on. */
    {4, "CREATE TABLE sighting_change (sighting BIGINT PRIMARY KEY, entry BIGINT NOT NULL);"
        "CREATE INDEX sighting_change_entry ON sighting_change (entry, sighting);"},
    /* What was taken back (withdraw.c); numbers that rows of expunged records had. */
    {5,
     "CREATE TABLE withdrawn (source BIGINT NOT NULL, h BIGINT NOT NULL, mode INTEGER NOT NULL, why TEXT "
     "NOT NULL, by_whom TEXT NOT NULL, at BIGINT NOT NULL, entry BIGINT NOT NULL, PRIMARY KEY (source, h));"
     "CREATE INDEX withdrawn_h ON withdrawn (h);"
     "CREATE TABLE number_gone (what INTEGER NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, entry "
     "BIGINT NOT NULL);"
     "CREATE INDEX document_object ON document (object) WHERE object IS NOT NULL;"
     "CREATE INDEX document_claim ON document (claim) WHERE claim IS NOT NULL;"},
    {0, NULL},
};

static const struct db_table tables[] = {
    {"claim", TABLE_VIEW},         {"object", TABLE_VIEW},       {"object_ref", TABLE_VIEW},
    {"object_value", TABLE_VIEW},  {"speaker", TABLE_VIEW},      {"list", TABLE_VIEW},
    {"list_entry", TABLE_VIEW},    {"sighting", TABLE_VIEW},     {"past", TABLE_STATE},
    {"event_record", TABLE_STATE}, {"cursor", TABLE_STATE},      {"document", TABLE_STATE},
    {"file_alias", TABLE_VIEW},    {"search", TABLE_STATE},      {"sighting_change", TABLE_STATE},
    {"withdrawn", TABLE_VIEW},     {"number_gone", TABLE_STATE}, {NULL, TABLE_STATE},
};

const struct db_room fuse_room = {.name = "fuse", .migrations = migrations, .tables = tables};

struct fuse *fuse_new(struct db *db, const struct hash_secret *secret)
{
    struct fuse *f = calloc(1, sizeof(*f));
    if (!f) {
        return NULL;
    }
    f->db = db;
    f->secret = secret;
    f->index_stale = true;
    buf_init(&f->told, TOLD_MAX);
    pthread_mutex_init(&f->index_lock, NULL);
    return f;
}

void fuse_free(struct fuse *f)
{
    if (!f) {
        return;
    }
    fuse_index_put(&f->index);
    network_free(f->network);
    pattern_set_free(f->patterns);
    buf_clear(&f->told);
    benign_free(f->benign);
    seen_free(f->seen);
    numbers_clear(&f->numbers);
    pthread_mutex_destroy(&f->index_lock);
    free(f);
}

void fuse_attach(struct fuse *f, struct ledger *ledger)
{
    f->ledger = ledger;
}

int64_t value_hash(const struct fuse *f, enum kind kind, struct sv value)
{
    /* The kind stands in front so that a name and a file name of the same text do not meet. */
    char stack[512];
    if (value.n < sizeof(stack)) {
        stack[0] = (char)kind;
        if (value.n) {
            memcpy(stack + 1, value.p, value.n);
        }
        return (int64_t)hash64(f->secret, sv_from(stack, value.n + 1));
    }
    uint64_t h = hash64(f->secret, value);
    return (int64_t)(h ^ ((uint64_t)kind * 0x9E3779B97F4A7C15u));
}

int64_t id_hash(const struct fuse *f, struct sv stix_id)
{
    return (int64_t)hash64(f->secret, stix_id);
}

/* ---- entry kinds: what applying an entry means
 * -------------------------------------------------------------------------- */

static int apply_claims(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct fuse *f = ctx;
    if (f->applied) {
        return OK;
    }
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    while (pack_next(&it, &record)) {
        struct claim_rec c;
        enum change change;
        if (!record.p) {
            continue;
        }
        if (!claim_decode(record, &c)) {
            return err_set(e, ERR_CORRUPT, "entry %lld holds a claim that cannot be read",
                           (long long)entry->id);
        }
        int rc = claim_apply(f, entry, &c, &change, e);
        if (rc < 0) {
            return rc;
        }
    }
    return it.c.failed
               ? err_set(e, ERR_CORRUPT, "the content of entry %lld is cut short", (long long)entry->id)
               : OK;
}

static int apply_objects(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct fuse *f = ctx;
    if (f->applied) {
        return OK;
    }
    struct arena a;
    arena_init(&a, 256u << 20);
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    int rc = OK;
    while (rc == OK && pack_next(&it, &record)) {
        struct object_rec o;
        enum change change;
        if (!record.p) {
            continue;
        }
        if (!object_decode(record, &a, &o)) {
            rc = err_set(e, ERR_CORRUPT, "entry %lld holds an object that cannot be read",
                         (long long)entry->id);
            break;
        }
        rc = object_apply(f, entry, &o, &change, e);
        arena_reset(&a);
    }
    arena_clear(&a);
    if (rc == OK && it.c.failed) {
        rc = err_set(e, ERR_CORRUPT, "the content of entry %lld is cut short", (long long)entry->id);
    }
    return rc;
}

static int apply_list(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    return list_apply(ctx, entry, e);
}

static int apply_sightings(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct fuse *f = ctx;
    if (f->applied) {
        return OK;
    }
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    while (pack_next(&it, &record)) {
        struct sighting s;
        int64_t id;
        if (!record.p) {
            continue;
        }
        if (!sighting_decode(record, &s)) {
            return err_set(e, ERR_CORRUPT, "entry %lld holds a sighting that cannot be read",
                           (long long)entry->id);
        }
        int rc = sighting_apply(f, entry, &s, &id, e);
        if (rc < 0) {
            return rc;
        }
    }
    return it.c.failed
               ? err_set(e, ERR_CORRUPT, "the content of entry %lld is cut short", (long long)entry->id)
               : OK;
}

static int apply_drop(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    return drop_apply(ctx, entry, e);
}

static int apply_withdraw(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    return withdraw_apply(ctx, entry, e);
}

void fuse_kinds(struct fuse *f, struct ledger_kind *ret)
{
    const struct ledger_kind kinds[FUSE_KINDS] = {
        {"claims", 1, apply_claims, f},
        {"objects", 1, apply_objects, f},
        {"list", 1, apply_list, f},
        {"sightings", 1, apply_sightings, f},
        {"drop", 1, apply_drop, f},
        {"withdraw", 1, apply_withdraw, f},
        {0},
    };
    memcpy(ret, kinds, sizeof(kinds));
}
