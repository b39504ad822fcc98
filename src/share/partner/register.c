/* The tables and entry kinds of the registers of partners and agreements. */
#include "share/partner/register.h"

static const struct db_migration migrations[] = {
    {1,
     "CREATE TABLE partner (id TEXT PRIMARY KEY, record TEXT NOT NULL, status INTEGER NOT NULL, spki_now "
     "TEXT NOT NULL, spki_next TEXT NOT NULL, log TEXT NOT NULL, changed BIGINT NOT NULL, entry BIGINT NOT "
     "NULL);"
     "CREATE TABLE agreement (id TEXT NOT NULL, version BIGINT NOT NULL, digest BYTEA NOT NULL, document "
     "TEXT NOT NULL, entry BIGINT NOT NULL, PRIMARY KEY (id, version));"
     "CREATE TABLE agreement_signature (agreement TEXT NOT NULL, version BIGINT NOT NULL, party TEXT NOT "
     "NULL, person TEXT NOT NULL, act INTEGER NOT NULL, at BIGINT NOT NULL, envelope TEXT NOT NULL, entry "
     "BIGINT NOT NULL, PRIMARY KEY (agreement, version, party, person, act, at));"
     "CREATE TABLE share (entry BIGINT PRIMARY KEY, partner TEXT NOT NULL, at BIGINT NOT NULL, things BIGINT "
     "NOT NULL, record TEXT NOT NULL);"
     "CREATE INDEX share_partner ON share (partner, at);"
     "CREATE TABLE share_done (entry BIGINT PRIMARY KEY, at BIGINT NOT NULL);"
     "CREATE TABLE share_given (partner TEXT NOT NULL, h BIGINT NOT NULL, PRIMARY KEY (partner, h));"},
    /* Which version of it went last; NULL where that was not told. */
    {2, "ALTER TABLE share_given ADD COLUMN version BIGINT;"},
    /* Of what a copy that went to somebody is one. */
    {3, "CREATE TABLE share_copy (id TEXT PRIMARY KEY, original TEXT NOT NULL);"
        "CREATE INDEX share_copy_original ON share_copy (original);"},
    /* The entry by which it, or its newest version, went. */
    {4, "ALTER TABLE share_given ADD COLUMN entry BIGINT NOT NULL DEFAULT 0;"
        "CREATE INDEX share_given_h ON share_given (h);"
        "CREATE INDEX share_given_entry ON share_given (entry);"},
    /* The first entry by which it went; 0 where that was not told. */
    {5, "ALTER TABLE share_given ADD COLUMN first_entry BIGINT NOT NULL DEFAULT 0;"},
    /* What waits for persons, what they decided, and consents of origins (queue.h). */
    {6,
     "CREATE TABLE release_queue (number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, partner TEXT NOT NULL, "
     "asker TEXT NOT NULL, stix_id TEXT NOT NULL, type TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT "
     "NULL, source BIGINT NOT NULL, tlp INTEGER NOT NULL, claim INTEGER NOT NULL, item BIGINT NOT NULL, "
     "item_version BIGINT, purpose INTEGER NOT NULL, agreement TEXT NOT NULL, agreement_version BIGINT NOT "
     "NULL, grant_id TEXT NOT NULL, two_persons INTEGER NOT NULL, asked BIGINT NOT NULL, asked_by TEXT NOT "
     "NULL, message TEXT NOT NULL, UNIQUE (kind, partner, asker, stix_id, source, purpose));"
     "CREATE TABLE release_mark (partner TEXT NOT NULL, purpose INTEGER NOT NULL, source BIGINT NOT NULL, "
     "object BIGINT NOT NULL, entry BIGINT NOT NULL, claim BIGINT NOT NULL, PRIMARY KEY (partner, purpose, "
     "source));"
     "CREATE TABLE release_decision (kind INTEGER NOT NULL, partner TEXT NOT NULL, asker TEXT NOT NULL, "
     "stix_id TEXT NOT NULL, sha256 TEXT NOT NULL, agreement TEXT NOT NULL, agreement_version BIGINT NOT "
     "NULL, "
     "grant_id TEXT NOT NULL, approved INTEGER NOT NULL, record TEXT NOT NULL, entry BIGINT NOT NULL, "
     "PRIMARY "
     "KEY (kind, partner, asker, stix_id, sha256, agreement, agreement_version, grant_id));"
     "CREATE INDEX release_decision_of ON release_decision (partner, stix_id);"
     "CREATE INDEX release_decision_entry ON release_decision (entry);"
     "CREATE TABLE consent_request (origin TEXT NOT NULL, stix_id TEXT NOT NULL, version TEXT NOT NULL, "
     "partner "
     "TEXT NOT NULL, message TEXT NOT NULL, by_whom TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (origin, "
     "stix_id, version, partner));"
     "CREATE TABLE consent (origin TEXT NOT NULL, stix_id TEXT NOT NULL, version TEXT NOT NULL, partner TEXT "
     "NOT NULL, granted INTEGER NOT NULL, until BIGINT, entry BIGINT NOT NULL, PRIMARY KEY (origin, stix_id, "
     "version, partner));"
     "CREATE INDEX consent_entry ON consent (entry);"},
    {0, NULL},
};
static const struct db_table tables[] = {{"partner", TABLE_VIEW},
                                         {"agreement", TABLE_VIEW},
                                         {"agreement_signature", TABLE_VIEW},
                                         {"share", TABLE_VIEW},
                                         {"share_done", TABLE_STATE},
                                         {"share_given", TABLE_STATE},
                                         {"share_copy", TABLE_STATE},
                                         {"release_queue", TABLE_STATE},
                                         {"release_mark", TABLE_STATE},
                                         {"release_decision", TABLE_VIEW},
                                         {"consent_request", TABLE_STATE},
                                         {"consent", TABLE_VIEW},
                                         {NULL, TABLE_STATE}};
const struct db_room partner_room = {.name = "partner", .migrations = migrations, .tables = tables};

const struct ledger_kind partner_kinds[] = {{"partner", 1, partner_apply, NULL},
                                            {"agreement", 1, agreement_apply, NULL},
                                            {"signature", 1, signature_apply, NULL},
                                            {"share", 1, share_apply, NULL},
                                            {"release", 1, release_apply, NULL},
                                            {"consent", 1, consent_apply, NULL},
                                            {0}};

static int append(struct ledger *l, struct db *db, const char *kind, const struct pack *pack, usec now,
                  int64_t *ret_entry, struct err *e)
{
    struct arena a;
    struct org home;
    arena_init(&a, 1 << 20);
    int rc = org_home(db, &a, &home, e);
    if (rc == OK) {
        const struct ledger_header header = {.kind = kind, .org = home.id, .at = now};
        rc = ledger_accept(l, &header, pack, ret_entry, e);
    }
    arena_clear(&a);
    return rc;
}

int register_append(struct ledger *l, struct db *db, const char *kind, struct sv record, usec now,
                    int64_t *ret_entry, struct err *e)
{
    struct pack pack;
    pack_init(&pack);
    pack_add(&pack, record);
    int rc = append(l, db, kind, &pack, now, ret_entry, e);
    pack_clear(&pack);
    return rc;
}

int register_accept(struct ledger *l, struct db *db, const char *kind, struct sv record, usec now,
                    struct err *e)
{
    int64_t entry;
    int rc = db_begin(db, e);
    if (rc != OK) {
        return rc;
    }
    rc = db_finish(db, register_append(l, db, kind, record, now, &entry, e), e);
    return rc == OK ? db_sync(db, e) : rc;
}
