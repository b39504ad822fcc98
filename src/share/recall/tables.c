#include "share/recall/recall_private.h"

static const struct db_migration migrations[] = {
    {1, "CREATE TABLE obligation ("
        " source BIGINT NOT NULL, h BIGINT NOT NULL, stix_id TEXT NOT NULL, agreement TEXT NOT NULL, version "
        "BIGINT NOT NULL, grant_id TEXT NOT NULL, delete_after BIGINT, judicial INTEGER NOT NULL, onward "
        "INTEGER NOT NULL, share BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (source, h));"
        "CREATE INDEX obligation_due ON obligation (delete_after) WHERE delete_after IS NOT NULL;"
        "CREATE INDEX obligation_h ON obligation (h);"},
    {0, NULL},
};

static const struct db_table tables[] = {
    {"obligation", TABLE_STATE},
    {NULL, TABLE_STATE},
};

const struct db_room recall_room = {.name = "recall", .migrations = migrations, .tables = tables};
