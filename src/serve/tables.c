#include "serve/node.h"

/* `session.token` and `api_key.secret` are SHA-256 sums: a copy of the database signs nobody in. */
static const struct db_migration migrations[] = {
    {1,
     "CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, org TEXT NOT NULL, role TEXT "
     "NOT NULL, password TEXT NOT NULL, made INTEGER NOT NULL, changed INTEGER NOT NULL);"
     "CREATE TABLE session (id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, account INTEGER NOT NULL "
     "REFERENCES account (id) ON DELETE CASCADE, made INTEGER NOT NULL, seen INTEGER NOT NULL);"
     "CREATE INDEX session_account ON session (account);"
     "CREATE TABLE api_key (id INTEGER PRIMARY KEY, name TEXT NOT NULL, prefix TEXT NOT NULL, secret BLOB "
     "NOT "
     "NULL UNIQUE, org TEXT NOT NULL, role TEXT NOT NULL, source INTEGER NOT NULL, made INTEGER NOT NULL, "
     "expires INTEGER NOT NULL, revoked INTEGER, last_used INTEGER);"
     "CREATE INDEX api_key_name ON api_key (name);"
     "CREATE TABLE idempotent (id INTEGER PRIMARY KEY, actor TEXT NOT NULL, request_key TEXT NOT NULL, body "
     "BLOB NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (actor, "
     "request_key));"
     "CREATE INDEX idempotent_at ON idempotent (at);"},
    /* SHA-256 of the SPKI in hex, for keys that are a client certificate. */
    {2, "ALTER TABLE api_key ADD COLUMN certificate TEXT;"
        "CREATE INDEX api_key_certificate ON api_key (certificate);"},
    {0, NULL},
};
static const struct db_table tables[] = {
    {"account", TABLE_STATE},    {"session", TABLE_STATE}, {"api_key", TABLE_STATE},
    {"idempotent", TABLE_STATE}, {NULL, TABLE_STATE},
};
const struct db_room serve_room = {.name = "serve", .migrations = migrations, .tables = tables};
