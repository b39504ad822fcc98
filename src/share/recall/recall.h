/*
 * share/recall: what was shared can be taken back. docs/recall.md.
 *
 * At who gave: recalls by a person, withdrawals that follow by themselves from what changed (revoked, marked
 * higher, a false positive, expired, an agreement that ended), to those and only those who were given the
 * thing; who has not answered. At who received: what is taken back goes (fuse_withdraw), is passed on to whom
 * it was passed on, and is acknowledged; what each received thing stands under, and its deletion in time. May
 * call share/partner share/message share/gate share/taxii and all lower floors.
 */
#pragma once

#include "share/message/message.h"
#include "share/taxii/taxii.h"

extern const struct db_room recall_room; /* tables: obligation (state) */

/* What this room works with; all borrowed from the node. */
struct recall {
    struct db *db;
    struct ledger *ledger;
    struct fuse *fuse;
    const struct hash_secret *secret; /* of the node: share_given is keyed by it */
    const struct messages *messages;  /* NULL: nothing can be sent (yet) */
    struct uuid home;                 /* the organisation that runs the node */
};

/* ---- what a received thing stands under */

struct obligation {
    int64_t source; /* it was accepted as; its upstream is "partner:UUID" */
    struct sv id;   /* STIX id as it came */
    struct uuid agreement, grant;
    int64_t version;   /* of the agreement */
    usec delete_after; /* USEC_NONE = no day was told */
    enum judicial_use judicial;
    enum onward onward;
    int64_t share; /* entry of the origin's register of shares; 0 = not told */
};
/*
 * Notes what a received thing stands under; of two words on one thing the later one holds, but for
 * `delete_after`, which only ever comes nearer under the same grant. Inside of the caller's transaction: the
 * one that takes the thing in, or one right after it.
 */
int recall_oblige(const struct recall *r, const struct obligation *o, usec now, struct err *e) MUST_USE;
