#include "share/recall/recall_private.h"

static const struct db_migration migrations[] = {
    {1, "CREATE TABLE obligation ("
        " source BIGINT NOT NULL, h BIGINT NOT NULL, stix_id TEXT NOT NULL, agreement TEXT NOT NULL, version "
        "BIGINT NOT NULL, grant_id TEXT NOT NULL, delete_after BIGINT, judicial INTEGER NOT NULL, onward "
        "INTEGER NOT NULL, share BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (source, h));"
        "CREATE INDEX obligation_due ON obligation (delete_after) WHERE delete_after IS NOT NULL;"
        "CREATE INDEX obligation_h ON obligation (h);"},
    {2,
     "CREATE TABLE withdrawal ("
     " number INTEGER PRIMARY KEY, message TEXT NOT NULL, partner TEXT NOT NULL, kind TEXT NOT NULL, why "
     "TEXT NOT NULL, reason TEXT NOT NULL, by_whom TEXT NOT NULL, entries TEXT NOT NULL, things BIGINT NOT "
     "NULL, sent BIGINT NOT NULL, answered BIGINT, accepted INTEGER NOT NULL, result TEXT NOT NULL);"
     "CREATE INDEX withdrawal_message ON withdrawal (message);"
     "CREATE INDEX withdrawal_open ON withdrawal (sent) WHERE answered IS NULL;"
     /* What was taken back from whom, how, and by which entry of the register it had gone then. */
     "CREATE TABLE withdrawal_thing (partner TEXT NOT NULL, h BIGINT NOT NULL, gone INTEGER NOT NULL, entry "
     "BIGINT NOT NULL, withdrawal BIGINT NOT NULL, PRIMARY KEY (partner, h));"
     "CREATE INDEX withdrawal_thing_of ON withdrawal_thing (withdrawal);"
     /* What partners told that they deleted. */
     "CREATE TABLE deletion (partner TEXT NOT NULL, h BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY "
     "(partner, h));"
     /* How far sources were looked through; source 0: the time up to which things expired. */
     "CREATE TABLE recall_mark (what INTEGER NOT NULL, source BIGINT NOT NULL, object BIGINT NOT NULL, "
     "entry BIGINT NOT NULL, claim BIGINT NOT NULL, PRIMARY KEY (what, source));"},
    {0, NULL},
};

static const struct db_table tables[] = {
    {"obligation", TABLE_STATE}, {"withdrawal", TABLE_STATE},  {"withdrawal_thing", TABLE_STATE},
    {"deletion", TABLE_STATE},   {"recall_mark", TABLE_STATE}, {NULL, TABLE_STATE},
};

const struct db_room recall_room = {.name = "recall", .migrations = migrations, .tables = tables};
