/* The tables of the TAXII server, and what the entries of kind "taxii" make of them. */
#include "share/taxii/taxii_records.h"

/*
 * api_root, collection, collection_right, collection_source and taxii_setting are views: they are made of
 * ledger entries. What stands in a collection since when is state: a member names an object or claim by its
 * number, which a rebuild gives again.
 */
const char taxii_migration[] =
    "CREATE TABLE api_root (id BIGINT PRIMARY KEY, path TEXT NOT NULL, title TEXT NOT NULL, description TEXT "
    "NOT NULL, max_content BIGINT NOT NULL, standard INTEGER NOT NULL, entry BIGINT NOT NULL);"
    "CREATE UNIQUE INDEX api_root_path ON api_root (path);"
    "CREATE TABLE collection (id BIGINT PRIMARY KEY, root BIGINT NOT NULL, uuid TEXT NOT NULL, alias TEXT "
    "NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL, media TEXT NOT NULL, ceiling INTEGER NOT "
    "NULL, source BIGINT NOT NULL, admins INTEGER NOT NULL, removed INTEGER NOT NULL, entry BIGINT NOT "
    "NULL);"
    "CREATE INDEX collection_root ON collection (root, uuid);"
    "CREATE TABLE collection_right (collection BIGINT NOT NULL, principal TEXT NOT NULL, reads INTEGER NOT "
    "NULL, writes INTEGER NOT NULL, entry BIGINT NOT NULL, PRIMARY KEY (collection, principal));"
    "CREATE TABLE collection_source (collection BIGINT NOT NULL, source BIGINT NOT NULL, entry BIGINT NOT "
    "NULL, PRIMARY KEY (collection, source));"
    "CREATE TABLE taxii_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL, entry BIGINT NOT NULL);"
    "CREATE TABLE member (id INTEGER PRIMARY KEY, collection BIGINT NOT NULL, added BIGINT NOT NULL, h "
    "BIGINT NOT NULL, stix_id TEXT NOT NULL, type TEXT NOT NULL, version BIGINT NOT NULL, versioned "
    "INTEGER NOT NULL, spec INTEGER NOT NULL, source BIGINT NOT NULL, tlp INTEGER NOT NULL, alone INTEGER "
    "NOT NULL, claim INTEGER NOT NULL, own "
    "INTEGER NOT NULL, number BIGINT NOT NULL);"
    "CREATE UNIQUE INDEX member_added ON member (collection, added);"
    "CREATE INDEX member_type ON member (collection, type, added);"
    "CREATE INDEX member_h ON member (collection, h, spec, version, added);"
    "CREATE TABLE member_text (member BIGINT PRIMARY KEY, body BYTEA NOT NULL);"
    "CREATE TABLE collection_clock (collection BIGINT PRIMARY KEY, last BIGINT NOT NULL);"
    "CREATE TABLE collection_feed (collection BIGINT NOT NULL, source BIGINT NOT NULL, object BIGINT NOT "
    "NULL, entry BIGINT NOT NULL, claim BIGINT NOT NULL, PRIMARY KEY (collection, source));"
    "CREATE TABLE tombstone (id INTEGER PRIMARY KEY, collection BIGINT NOT NULL, deleted BIGINT NOT NULL, "
    "stix_id TEXT NOT NULL, version BIGINT, source BIGINT NOT NULL, tlp INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX tombstone_deleted ON tombstone (collection, deleted);"
    "CREATE TABLE taxii_status (id TEXT PRIMARY KEY, root BIGINT NOT NULL, principal TEXT NOT NULL, made "
    "BIGINT NOT NULL, expires BIGINT NOT NULL, body TEXT NOT NULL);"
    "CREATE INDEX taxii_status_expires ON taxii_status (expires);";

/* Collections made before have the purpose they were read for. */
const char taxii_purpose_migration[] =
    "ALTER TABLE collection ADD COLUMN purpose INTEGER NOT NULL DEFAULT 0;";

/* ---- records */

void taxii_root_encode(struct buf *b, const struct taxii_root *r)
{
    buf_u8(b, TAXII_RECORD_ROOT);
    buf_zigzag(b, r->id);
    buf_str(b, r->path);
    buf_str(b, r->title);
    buf_str(b, r->description);
    buf_zigzag(b, r->max_content);
    buf_u8(b, r->standard);
}

void taxii_collection_encode(struct buf *b, const struct taxii_collection *c)
{
    buf_u8(b, TAXII_RECORD_COLLECTION);
    buf_zigzag(b, c->id);
    buf_zigzag(b, c->root);
    buf_str(b, c->uuid);
    buf_str(b, c->alias);
    buf_str(b, c->title);
    buf_str(b, c->description);
    buf_str(b, c->media);
    buf_u8(b, (uint8_t)c->ceiling);
    buf_zigzag(b, c->source);
    buf_u8(b, c->admins);
    buf_u8(b, c->removed);
    buf_u8(b, (uint8_t)c->purpose);
}

void taxii_right_encode(struct buf *b, int64_t collection, const struct taxii_right *r)
{
    buf_u8(b, TAXII_RECORD_RIGHT);
    buf_zigzag(b, collection);
    buf_str(b, r->principal);
    buf_u8(b, r->reads);
    buf_u8(b, r->writes);
}

void taxii_attach_encode(struct buf *b, int64_t collection, int64_t source, bool on)
{
    buf_u8(b, TAXII_RECORD_ATTACH);
    buf_zigzag(b, collection);
    buf_zigzag(b, source);
    buf_u8(b, on);
}

void taxii_setting_encode(struct buf *b, struct sv name, struct sv value)
{
    buf_u8(b, TAXII_RECORD_SETTING);
    buf_str(b, name);
    buf_str(b, value);
}

/* ---- apply */

static void text(struct stmt *s, struct sv v)
{
    db_text(s, v.p ? v : SV(""));
}

static int finish(struct stmt *s, struct err *e)
{
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int apply_root(struct db *db, struct cur *c, int64_t entry, struct err *e)
{
    int64_t id = cur_zigzag(c);
    struct sv path = cur_str(c), title = cur_str(c), description = cur_str(c);
    int64_t max_content = cur_zigzag(c);
    bool standard = cur_u8(c) != 0;
    if (c->failed) {
        return OK; /* told by the caller */
    }
    if (standard && db_exec(db, "UPDATE api_root SET standard = 0", e) != OK) {
        return e->code;
    }
    struct stmt *s = db_query(db,
                              "INSERT INTO api_root (id, path, title, description, max_content, standard, "
                              "entry) VALUES (?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET path = "
                              "excluded.path, title = excluded.title, description = excluded.description, "
                              "max_content = excluded.max_content, standard = excluded.standard",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, id);
    text(s, path);
    text(s, title);
    text(s, description);
    db_int(s, max_content);
    db_int(s, standard);
    db_int(s, entry);
    return finish(s, e);
}

static int apply_collection(struct db *db, struct cur *c, int64_t entry, struct err *e)
{
    int64_t id = cur_zigzag(c), root = cur_zigzag(c);
    struct sv uuid = cur_str(c), alias = cur_str(c), title = cur_str(c), description = cur_str(c),
              media = cur_str(c);
    uint8_t ceiling = cur_u8(c);
    int64_t source = cur_zigzag(c);
    bool admins = cur_u8(c) != 0, removed = cur_u8(c) != 0;
    uint8_t purpose = cur_more(c) ? cur_u8(c) : PURPOSE_NETWORK_SAFETY; /* older records have none */
    if (c->failed || ceiling > TLP_UNKNOWN || purpose >= PURPOSE_MAX) {
        c->failed = true;
        return OK;
    }
    struct stmt *s = db_query(
        db,
        "INSERT INTO collection (id, root, uuid, alias, title, description, media, ceiling, source, admins, "
        "removed, purpose, entry) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET alias = "
        "excluded.alias, title = excluded.title, description = excluded.description, media = "
        "excluded.media, ceiling = excluded.ceiling, source = excluded.source, admins = excluded.admins, "
        "removed = excluded.removed, purpose = excluded.purpose",
        e);
    if (!s) {
        return e->code;
    }
    db_int(s, id);
    db_int(s, root);
    text(s, uuid);
    text(s, alias);
    text(s, title);
    text(s, description);
    text(s, media);
    db_int(s, ceiling);
    db_int(s, source);
    db_int(s, admins);
    db_int(s, removed);
    db_int(s, purpose);
    db_int(s, entry);
    return finish(s, e);
}

static int apply_right(struct db *db, struct cur *c, int64_t entry, struct err *e)
{
    int64_t collection = cur_zigzag(c);
    struct sv principal = cur_str(c);
    bool reads = cur_u8(c) != 0, writes = cur_u8(c) != 0;
    if (c->failed) {
        return OK;
    }
    struct stmt *s =
        reads || writes
            ? db_query(db,
                       "INSERT INTO collection_right (collection, principal, reads, writes, entry) VALUES "
                       "(?,?,?,?,?) ON CONFLICT (collection, principal) DO UPDATE SET reads = "
                       "excluded.reads, writes = excluded.writes, entry = excluded.entry",
                       e)
            : db_query(db, "DELETE FROM collection_right WHERE collection = ? AND principal = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    text(s, principal);
    if (reads || writes) {
        db_int(s, reads);
        db_int(s, writes);
        db_int(s, entry);
    }
    return finish(s, e);
}

static int apply_attach(struct db *db, struct cur *c, int64_t entry, struct err *e)
{
    int64_t collection = cur_zigzag(c), source = cur_zigzag(c);
    bool on = cur_u8(c) != 0;
    if (c->failed) {
        return OK;
    }
    struct stmt *s =
        on ? db_query(db,
                      "INSERT INTO collection_source (collection, source, entry) VALUES (?,?,?) ON CONFLICT "
                      "(collection, source) DO NOTHING",
                      e)
           : db_query(db, "DELETE FROM collection_source WHERE collection = ? AND source = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    db_int(s, source);
    if (on) {
        db_int(s, entry);
    }
    return finish(s, e);
}

static int apply_setting(struct db *db, struct cur *c, int64_t entry, struct err *e)
{
    struct sv name = cur_str(c), value = cur_str(c);
    if (c->failed) {
        return OK;
    }
    struct stmt *s = db_query(db,
                              "INSERT INTO taxii_setting (name, value, entry) VALUES (?,?,?) ON CONFLICT "
                              "(name) DO UPDATE SET value = excluded.value, entry = excluded.entry",
                              e);
    if (!s) {
        return e->code;
    }
    text(s, name);
    text(s, value);
    db_int(s, entry);
    return finish(s, e);
}

int taxii_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    (void)ctx;
    while (pack_next(&it, &record)) {
        static int (*const apply[])(struct db *, struct cur *, int64_t,
                                    struct err *) = {[TAXII_RECORD_ROOT] = apply_root,
                                                     [TAXII_RECORD_COLLECTION] = apply_collection,
                                                     [TAXII_RECORD_RIGHT] = apply_right,
                                                     [TAXII_RECORD_ATTACH] = apply_attach,
                                                     [TAXII_RECORD_SETTING] = apply_setting};
        struct cur c = cur_of(record);
        if (!record.p) {
            continue; /* expunged */
        }
        uint8_t type = cur_u8(&c);
        c.failed |= type == 0 || type >= sizeof(apply) / sizeof(apply[0]);
        int rc = c.failed ? OK : apply[type](db, &c, entry->id, e);
        if (rc < 0) {
            return rc;
        }
        if (c.failed || cur_more(&c)) {
            return err_set(e, ERR_CORRUPT, "entry %lld holds a TAXII definition that cannot be read",
                           (long long)entry->id);
        }
    }
    return OK;
}
