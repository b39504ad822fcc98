#include "share/share.h"

#include "share/message/message.h"
#include "share/peer/peer_private.h"
#include "share/taxii/taxii_private.h"

static const struct db_migration migrations[] = {
    {1, gate_migration},    {2, taxii_migration},         {3, peer_migration},
    {4, message_migration}, {5, taxii_purpose_migration}, {0, NULL},
};
static const struct db_table tables[] = {
    {"permission", TABLE_VIEW},
    {"api_root", TABLE_VIEW},
    {"collection", TABLE_VIEW},
    {"collection_right", TABLE_VIEW},
    {"collection_source", TABLE_VIEW},
    {"taxii_setting", TABLE_VIEW},
    {"member", TABLE_STATE},
    {"member_text", TABLE_STATE},
    {"collection_clock", TABLE_STATE},
    {"collection_feed", TABLE_STATE},
    {"tombstone", TABLE_STATE},
    {"taxii_status", TABLE_STATE},
    {"peer", TABLE_STATE},
    {"peer_collection", TABLE_STATE},
    {"peer_refusal", TABLE_STATE},
    {"message", TABLE_VIEW},
    {"outbox", TABLE_STATE},
    {"outbox_last", TABLE_STATE},
    {"message_in", TABLE_STATE},
    {"message_refused", TABLE_STATE},
    {NULL, TABLE_STATE},
};
const struct db_room share_room = {.name = "share", .migrations = migrations, .tables = tables};

const struct ledger_kind share_kinds[] = {
    {"grant", 1, gate_apply, NULL}, {"taxii", 1, taxii_apply, NULL}, {0}};
