/*
 * share: THE GATE: the one way out. Its rooms, from the bottom: share/partner who they are, what they signed,
 * what went to them; share/gate what an organisation may see; share/taxii the TAXII server; share/export the
 * forms equipment takes; share/peer the TAXII client. May call all lower floors.
 *
 * Here: the tables and entry kinds of all of them.
 */
#pragma once

#include "share/partner/partner.h"

extern const struct db_room share_room;        /* of gate, taxii and peer */
extern const struct ledger_kind share_kinds[]; /* "grant", "taxii"; ends with a NULL name */
