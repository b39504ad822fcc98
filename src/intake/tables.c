#include "intake/intake.h"

static const struct db_migration migrations[] = {
    {1, "CREATE TABLE org ("
        " id TEXT PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL, zone TEXT NOT NULL, exercise "
        "INTEGER NOT NULL,"
        " entry BIGINT NOT NULL);"
        "CREATE TABLE source ("
        " id BIGINT PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, org TEXT NOT NULL, name TEXT NOT NULL, "
        "reliability TEXT NOT NULL,"
        " zone TEXT NOT NULL, tlp INTEGER NOT NULL, licence TEXT NOT NULL, mapping TEXT NOT NULL, upstream "
        "TEXT NOT NULL,"
        " expiry BIGINT NOT NULL, exercise INTEGER NOT NULL, UNIQUE (org, name));"
        /* Numbers are never given twice, also not after a source was removed. */
        "CREATE TABLE source_last (one INTEGER PRIMARY KEY, id BIGINT NOT NULL);"
        "CREATE TABLE quarantine ("
        " id BIGINT PRIMARY KEY, place TEXT NOT NULL UNIQUE, source BIGINT NOT NULL, file TEXT NOT NULL, "
        "format TEXT NOT NULL,"
        " line BIGINT NOT NULL, at_byte BIGINT NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL, remedy TEXT "
        "NOT NULL,"
        " bytes BYTEA NOT NULL, context BYTEA NOT NULL, at BIGINT NOT NULL);"
        "CREATE INDEX quarantine_source ON quarantine (source, id);"
        "CREATE TABLE event_chunk ("
        " source BIGINT NOT NULL, sha BYTEA NOT NULL, at_byte BIGINT NOT NULL, bytes BIGINT NOT NULL, at "
        "BIGINT NOT NULL,"
        " PRIMARY KEY (source, sha, at_byte));"},
    {2, "ALTER TABLE quarantine ADD COLUMN against BYTEA;"},
    {0, NULL},
};

static const struct db_table tables[] = {
    {"org", TABLE_VIEW},         {"source", TABLE_VIEW},       {"source_last", TABLE_VIEW},
    {"quarantine", TABLE_STATE}, {"event_chunk", TABLE_STATE}, {NULL, TABLE_STATE},
};

const struct db_room intake_room = {.name = "intake", .migrations = migrations, .tables = tables};
