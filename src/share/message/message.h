/*
 * share/message: what nodes say to each other, beside pages of TAXII: signed messages that are delivered once
 * and in order, acknowledged, and on record. docs/messages.md.
 *
 * A message is canonical JSON in a DSSE envelope under the sender's message key. It waits in the outbox until
 * the partner's signed acknowledgement is there; it is pushed, and the partner can fetch it when pushing does
 * not get through. What a kind of message means is its room's business (struct message_kind). May call
 * share/partner and all lower floors.
 */
#pragma once

#include "net/fetch.h"
#include "share/partner/partner.h"

#define MESSAGE_PAYLOAD "application/vnd.noroshi.message+json;v=1"
#define MESSAGE_MOST ((size_t)16 << 20) /* bytes of an envelope */
/* Bytes of a body. */
#define MESSAGE_BODY_MOST ((size_t)8 << 20)
/* A message further in the future than this is refused for now. */
#define MESSAGE_SKEW (5 * 60 * USEC_SECOND)
/* Then an unacknowledged one is written and signed anew, under its id and counter. */
#define MESSAGE_LIFE (30 * USEC_DAY)
/* Bodies up to this size stand in the record of the ledger, larger ones by their SHA-256 alone. */
#define MESSAGE_RECORDED ((size_t)1 << 20)

/* How they travel over TAXII: API root "messages/", one collection, STIX objects of a type of ours.
 * UUIDv5 in the URL namespace of RFC 4122: of urn:noroshi:collection:messages and
 * urn:noroshi:extension:message. */
#define MESSAGE_COLLECTION "46dc170d-7fe9-510b-bf43-3eb388874035"
#define MESSAGE_EXTENSION "extension-definition--8153c9fe-2f54-573b-80fd-d058bc90d81e"
#define MESSAGE_TYPE "noroshi-message"
#define MESSAGE_PATH "messages/collections/" MESSAGE_COLLECTION "/objects/"

extern const char message_migration[]; /* tables: outbox, message_in (state), message (view) */
extern const struct ledger_kind message_kinds_of_ledger[]; /* "message"; ends with a NULL name */

/* What travels:
 * {"agreement","agreement_version","body","counter","created","expires","from","id","kind","to",
 * "type":"noroshi-message","v":1}, canonical. */
struct message {
    struct uuid id, from, to;
    struct sv kind; /* "objects", "recall"...: a name of struct message_kind, or "ack" */
    /* Rises with each message from one node to one partner; a restored node goes on above all it can have
     * used. An ack's is 0. */
    int64_t counter;
    usec created, expires;
    struct uuid agreement; /* it stands on; nil = none */
    int64_t agreement_version;
    struct sv body; /* JSON object, as its kind says */
};
/* Reads the canonical form strictly; what is unknown is refused. Views live in `a`. */
int message_read(struct sv json, struct arena *a, struct message *ret, struct err *e) MUST_USE;
int message_write(const struct message *m, struct buf *out, struct err *e) MUST_USE;

/* ---- kinds */

struct message_kind {
    const char *name;
    /*
     * At the receiver, in no transaction: the sender is an active partner, the signature its pinned key's,
     * the time within. Must bear being called again for the same message (after a crash). What it appends to
     * `result` (a JSON value, or nothing) goes back in the acknowledgement. ERR_VALUE, ERR_DENIED,
     * ERR_UNSUPPORTED and ERR_NOT_FOUND refuse it for good, with their text; any other error means: later.
     */
    int (*receive)(void *ctx, const struct message *m, usec now, struct buf *result, struct err *e);
    /* At the sender, inside of the transaction that keeps the acknowledgement. May be NULL. `result` is the
     * receiver's, or the text of its refusal. */
    int (*acknowledged)(void *ctx, const struct message *m, bool accepted, struct sv result, usec at,
                        struct err *e);
    /*
     * At the sender, in no transaction, each time before it leaves: 1 = it may still go, 0 = not any more,
     * and it is taken out of the outbox. NULL: what was right when it was queued stays right.
     */
    int (*still)(void *ctx, const struct message *m, usec now, struct err *e);
    /* Inside of the transaction that takes it out; `left`: the partner may have got it before. May be NULL.
     */
    int (*dropped)(void *ctx, const struct message *m, bool left, usec at, struct err *e);
    void *ctx;
};

/* What this room works with; all borrowed from the node. */
struct messages {
    struct db *db;
    struct ledger *ledger;
    struct fetcher *fetcher;
    const char *home; /* its tls/ holds our certificate */
    /* Signs the DSSE PAE of type and body with the node's message key. */
    int (*sign)(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e);
    void *sign_ctx;
    const struct note_key *own;       /* the public half: acknowledgements of ours verify under it */
    const struct message_kind *kinds; /* ends with a NULL name */
    /* Something waits in the outbox, once the caller's transaction has ended; may be NULL. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

/* ---- sending */

/*
 * Puts a message into the outbox and its record (never its body's content when `private_body`: then only the
 * SHA-256) into the ledger. In a transaction; it leaves only after the transaction is on disk. A partner that
 * is not active: ERR_DENIED. *ret_id may be NULL.
 */
struct message_draft {
    struct uuid to;
    const char *kind;
    struct sv body; /* JSON object */
    bool private_body;
    struct uuid agreement; /* nil = none */
    int64_t agreement_version;
    int64_t share; /* entry of the register of shares it belongs to; 0 = none */
};
int message_queue(const struct messages *m, const struct message_draft *d, usec now, struct uuid *ret_id,
                  struct err *e) MUST_USE;
/*
 * Pushes what waits for the partner, oldest first, and keeps the acknowledgements that come back; stops at
 * the first that does not get through. *ret_done = how many were acknowledged. In no transaction.
 */
int message_push(const struct messages *m, struct uuid partner, unsigned *ret_done, struct err *e) MUST_USE;
/* Fetches what waits for us at the partner, handles it, and posts the acknowledgements. */
int message_pull(const struct messages *m, struct uuid partner, unsigned *ret_done, struct err *e) MUST_USE;

/* ---- receiving (serve/ speaks TAXII over it) */

/*
 * One envelope from the partner who authenticated with its TLS key. Known and handled already: the same
 * acknowledgement again. `ack` gets the acknowledgement's envelope (nothing for an ack). ERR_DENIED: not its
 * key, not to us, a replay, out of order, too old; every refusal is counted and kept with its reason.
 */
int message_receive(const struct messages *m, struct uuid partner, struct sv envelope, usec now,
                    struct buf *ack, struct err *e) MUST_USE;
/*
 * The envelopes that wait for the partner, oldest first, on disk: those added after a time (USEC_NONE = all).
 * `added` rises strictly. `each` may stop with a positive number, which is returned. In no transaction.
 */
int message_waiting(const struct messages *m, struct uuid partner, usec added_after, size_t most,
                    int (*each)(void *ctx, const struct message *msg, usec added, struct sv envelope,
                                struct err *e),
                    void *ctx, struct err *e) MUST_USE;
/* The STIX object that carries an envelope. `id` the message's. */
void message_object(struct uuid id, struct uuid from, usec created, struct sv envelope, struct buf *out);

/* ---- looking (`noroshi messages`, health) */

struct message_state {
    struct message m; /* `body` as far as it is kept, else empty */
    struct sha256 body_sha256;
    int64_t share;     /* 0 = none */
    int64_t entry;     /* of the ledger */
    bool out;          /* we sent it */
    usec at;           /* queued, or received */
    usec acknowledged; /* USEC_NONE = not yet */
    bool accepted;
    struct sv text; /* result, or why not; of one that waits: the last failure */
    unsigned attempts;
};
/* Newest first; `partner` nil = all; `kind` "" = all; `overdue` not USEC_NONE: only unacknowledged ones
 * queued before. */
int message_each(struct db *db, struct uuid partner, struct sv kind, usec overdue, size_t most,
                 int (*each)(void *ctx, const struct message_state *s), void *ctx, struct err *e) MUST_USE;
/* The one of that id, sent or received. ERR_NOT_FOUND. */
int message_find(struct db *db, struct uuid id, struct arena *a, struct message_state *ret,
                 struct err *e) MUST_USE;
struct message_counts {
    uint64_t waiting, overdue; /* of all partners; overdue: queued more than MESSAGE_OVERDUE ago */
    uint64_t refused;          /* what partners' nodes did that was refused, in all */
    usec oldest;               /* queued; USEC_NONE = nothing waits */
    usec skewed;               /* when a message was last refused for its clock; USEC_NONE = never */
};
#define MESSAGE_OVERDUE USEC_DAY
int message_count(struct db *db, usec now, struct message_counts *ret, struct err *e) MUST_USE;
/* What a partner's node did that was refused: "signature", "replay", "order", "time", "size", "kind"...,
 * how often, when last. */
struct message_refusal {
    struct uuid partner;
    struct sv why, text; /* the last one's */
    uint64_t count;
    usec first, last;
};
int message_refusal_each(struct db *db, int (*each)(void *ctx, const struct message_refusal *r), void *ctx,
                         struct err *e) MUST_USE;
