/* The tables of the relay. All of it is state: what went stands in the register of shares, what came in the
 * ledger. */
#include "share/relay/relay.h"

static const struct db_migration migrations[] = {
    {1,
     "CREATE TABLE relay (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, collection BIGINT NOT NULL, made "
     "BIGINT NOT NULL, high BIGINT NOT NULL, seen_entry BIGINT NOT NULL, seen_sighting BIGINT NOT NULL, "
     "looked BYTEA NOT NULL, look_after BIGINT NOT NULL, rescan BIGINT, last_sent BIGINT, things BIGINT NOT "
     "NULL, messages BIGINT NOT NULL);"
     "CREATE UNIQUE INDEX relay_partner ON relay (partner, collection);"
     /* What is to be looked at: (after, upto] of the collection, of one source or (0) all. Lane 0 is fresh, 1
      * is bulk. */
     "CREATE TABLE relay_range (id INTEGER PRIMARY KEY, relay BIGINT NOT NULL, lane INTEGER NOT NULL, source "
     "BIGINT NOT NULL, after BIGINT NOT NULL, upto BIGINT NOT NULL);"
     "CREATE INDEX relay_range_next ON relay_range (relay, lane, upto);"
     "CREATE TABLE relay_held (relay BIGINT NOT NULL, member BIGINT NOT NULL, added BIGINT NOT NULL, rule "
     "TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (relay, member));"
     "CREATE TABLE relay_message (id TEXT PRIMARY KEY, relay BIGINT NOT NULL, share BIGINT NOT NULL, things "
     "BIGINT NOT NULL, since BIGINT, queued BIGINT NOT NULL, acknowledged BIGINT, accepted INTEGER);"
     "CREATE INDEX relay_message_open ON relay_message (relay, acknowledged, queued);"
     "CREATE TABLE relay_message_member (message TEXT NOT NULL, member BIGINT NOT NULL, added BIGINT NOT "
     "NULL, stix_id TEXT NOT NULL, PRIMARY KEY (message, member));"
     /* Sightings that go, by the id under which the partner knows the indicator. */
     "CREATE TABLE relay_sighting (relay BIGINT NOT NULL, ref TEXT NOT NULL, hour BIGINT NOT NULL, kind "
     "INTEGER NOT NULL, value TEXT NOT NULL, due INTEGER NOT NULL, sent BIGINT, version BIGINT, PRIMARY KEY "
     "(relay, ref, hour));"
     "CREATE INDEX relay_sighting_due ON relay_sighting (relay, due, sent);"
     /* Of indicators that the partner does not know yet: asked about again for a while. */
     "CREATE TABLE relay_sighting_open (relay BIGINT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, "
     "hour BIGINT NOT NULL, since BIGINT NOT NULL, tried BIGINT NOT NULL, PRIMARY KEY (relay, kind, value, "
     "hour));"
     /* Received. */
     "CREATE TABLE relay_source (partner TEXT NOT NULL, exercise INTEGER NOT NULL, source BIGINT NOT NULL, "
     "PRIMARY KEY (partner, exercise));"
     "CREATE TABLE relay_in (id TEXT PRIMARY KEY, partner TEXT NOT NULL, at BIGINT NOT NULL, result TEXT NOT "
     "NULL);"
     "CREATE TABLE relay_in_grant (message TEXT NOT NULL, grant_id TEXT NOT NULL, at BIGINT NOT NULL, things "
     "BIGINT NOT NULL, PRIMARY KEY (message, grant_id));"
     "CREATE INDEX relay_in_grant_day ON relay_in_grant (grant_id, at);"
     "CREATE TABLE relay_arrival (h BIGINT PRIMARY KEY, partner TEXT NOT NULL, source BIGINT NOT NULL, sent "
     "BIGINT NOT NULL, arrived BIGINT NOT NULL);"},
    {0, NULL},
};
static const struct db_table tables[] = {
    {"relay", TABLE_STATE},
    {"relay_range", TABLE_STATE},
    {"relay_held", TABLE_STATE},
    {"relay_message", TABLE_STATE},
    {"relay_message_member", TABLE_STATE},
    {"relay_sighting", TABLE_STATE},
    {"relay_sighting_open", TABLE_STATE},
    {"relay_source", TABLE_STATE},
    {"relay_in", TABLE_STATE},
    {"relay_in_grant", TABLE_STATE},
    {"relay_arrival", TABLE_STATE},
    {NULL, TABLE_STATE},
};
const struct db_room relay_room = {.name = "relay", .migrations = migrations, .tables = tables};
