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

/* tables: obligation, withdrawal, withdrawal_thing, deletion, recall_mark (state) */
extern const struct db_room recall_room;

/* What this room works with; all borrowed from the node. */
struct recall {
    struct db *db;
    struct ledger *ledger;
    struct fuse *fuse;
    const struct hash_secret *secret; /* of the node: share_given is keyed by it */
    const struct messages *messages;  /* NULL: nothing can be sent (yet) */
    struct uuid home;                 /* the organisation that runs the node */
    usec *looked; /* of recall_round: when (time_ticks) it last looked at what comes with time; NULL: each
                     time */
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
/* What stands on an id, a word for each source it came by; the id as it came. Views die when the call
 * returns. */
int recall_obligations(const struct recall *r, struct sv id,
                       int (*each)(void *ctx, const struct obligation *o), void *ctx, struct err *e) MUST_USE;

/*
 * Adds to an answer of fuse_look what stands on the objects it shows, as far as the view sees them (absent
 * when there is nothing):
 * "obligations":[{"agreement","delete_by","grant","id","judicial_use","onward","source"}],
 * "withdrawn":[{"at","by","id","source","why"}].
 */
int recall_look(struct db *db, struct fuse *fuse, const struct hash_secret *secret,
                const struct pact_view *view, struct buf *answer, struct err *e) MUST_USE;

/* ---- at who gave */

/*
 * Why something is taken back. RECALLED, MARKING and AGREEMENT_ENDED: it is deleted and expunged where it
 * went; of the others the fact stays, and is matched no longer.
 */
enum withdraw_why {
    WHY_RECALLED,
    WHY_REVOKED,
    WHY_MARKING,
    WHY_FALSE_POSITIVE,
    WHY_EXPIRED,
    WHY_AGREEMENT,
    WHY_MAX
};
const char *withdraw_why_name(enum withdraw_why w); /* "recalled", "false_positive"... */
bool withdraw_why_parse(struct sv s, enum withdraw_why *ret);

#define RECALL_IDS 1000 /* of one message */
struct recall_order {
    const struct sv *id; /* STIX ids, ours: copies of them are meant too */
    size_t ids;
    int64_t entry;       /* or all that went by this entry of the register; 0 = none */
    struct uuid partner; /* only from this one; nil = from everybody who has it */
    struct uuid except;  /* not from this one; nil = nobody */
    enum withdraw_why why;
    struct sv reason, by; /* words of a person, and who */
};
struct recall_sent {
    unsigned messages, partners;
    uint64_t things;      /* counted for each partner */
    uint64_t before;      /* passed over: taken back from that partner already */
    unsigned unreachable; /* partners that are not active: nothing can be said to them; kept as overdue */
};
/* Queues the messages to those who were given it. In a transaction. ERR_NOT_FOUND: nobody was given any. */
int recall_send(const struct recall *r, const struct recall_order *o, usec now, struct recall_sent *ret,
                struct err *e) MUST_USE;

/* One message that takes something back, newest first. `overdue` not USEC_NONE: those that wait for an answer
 * and were sent before it. */
struct withdrawal {
    struct sv message, partner, kind, why, reason, by; /* `message` "" = nobody could be told */
    struct sv entries;                                 /* JSON array: of the register of shares */
    uint64_t things;
    usec sent, answered; /* USEC_NONE = not yet */
    bool accepted;
    struct sv result; /* JSON of the partner's answer, or why it refused */
};
int recall_each(const struct recall *r, struct sv partner, int64_t entry, usec overdue, size_t most,
                int (*each)(void *ctx, const struct withdrawal *w), void *ctx, struct err *e) MUST_USE;
/* How a partner kept what it owes for one entry of the register. */
struct share_state {
    uint64_t things;    /* whose last version went by the entry */
    uint64_t deleted;   /* of them: the partner told that it deleted them */
    uint64_t recalled;  /* taken back */
    uint64_t confirmed; /* taken back, and the partner answered that it did */
    usec last_deleted;  /* USEC_NONE = none */
};
int recall_share_state(const struct recall *r, int64_t entry, struct share_state *ret,
                       struct err *e) MUST_USE;

/* ---- at who received, and by themselves */

#define RECALL_KINDS 3
/* "recall", "withdrawal", "deleted": for the table of the node. `r` stays the caller's. */
void recall_message_kinds(const struct recall *r, struct message_kind ret[RECALL_KINDS]);
/*
 * One round: what changed here is withdrawn from those who have it; what came from partners gets its
 * obligations; what is past its day, or whose agreement has ended, is deleted and its origin told; what was
 * deleted is removed from the files. In no transaction. Cheap when there is nothing.
 */
int recall_round(const struct recall *r, usec now, struct err *e) MUST_USE;
/*
 * What a list of another time says was taken back (fuse_withdrawn_each), taken back again: for a home
 * restored from a backup that is older. Nobody is told. In a transaction; fuse_withdraw_settle after it.
 */
int recall_again(const struct recall *r, const struct withdrawn *w, usec now, struct err *e) MUST_USE;
/* Up to which time the tombstones of a peer's collection were followed; 0 = not at all. */
int recall_followed(const struct recall *r, int64_t peer_collection, usec *ret, struct err *e) MUST_USE;
int recall_follow_to(const struct recall *r, int64_t peer_collection, usec upto, struct err *e) MUST_USE;
/* A partner's server says that it deleted these (its tombstones): what its source stated here of them goes,
 * and who got it from here is told. In no transaction. *ret_taken = ids of which something was here. */
int recall_deleted_at_peer(const struct recall *r, int64_t source, const struct sv *id, size_t ids, usec now,
                           uint64_t *ret_taken, struct err *e) MUST_USE;
