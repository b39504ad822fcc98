/*
 * The human side of sharing (docs/release.md): what waits for a person before it goes to a partner, what
 * persons decided, and consents of origins. Partners are never shown any of it.
 *
 * A decision is an entry of the ledger (kind "release"). It holds for exactly the bytes that were decided on,
 * under exactly the grant and version of the agreement that wanted a person.
 */
#pragma once

#include "share/partner/release.h"

#define QUEUE_MOST 1000 /* waiting, of a partner and kind */
#define QUEUE_OVERDUE USEC_DAY
#define QUEUE_REASON_MOST 2000 /* bytes */
#define CONSENT_DAYS 365       /* when nobody says how long */
#define CONSENT_DAYS_MOST 3650

/* CONSENT: a partner asks whether what we gave it may go on to another. */
enum queue_kind { QUEUE_RELEASE, QUEUE_CONSENT };
const char *queue_kind_name(enum queue_kind k); /* "release", "consent" */

/* One thing that waits. Texts are views; "" where there is none. */
struct queued {
    int64_t number;
    enum queue_kind kind;
    struct uuid partner; /* to whom it would go */
    struct uuid asker;   /* CONSENT: who asks; nil otherwise */
    struct sv id, type;
    struct sv version; /* `modified` as it is written, else `created`, else "" */
    struct sv sha256;  /* of the bytes that are asked about, in hex */
    int64_t source;
    enum tlp tlp; /* as the store holds it */
    bool claim;
    int64_t item; /* as fuse_item_write knows it */
    usec item_version;
    enum purpose purpose;
    struct uuid agreement, grant;
    int64_t agreement_version;
    bool two_persons; /* the grant says "always" */
    usec asked;
    struct sv asked_by;  /* "" = the node found it, or a partner asked */
    struct uuid message; /* of a partner's request */
};

struct queue {
    struct db *db;
    struct ledger *ledger;
    struct fuse *fuse;
    struct uuid home;
    /* Inside of the transaction of a decision on a partner's request: tells that partner. */
    int (*tell)(void *ctx, const struct queued *q, bool granted, usec until, usec now, struct err *e);
    /* Inside of the transaction of an approval: the thing may go now. May be NULL. */
    int (*approved)(void *ctx, const struct queued *q, usec now, struct err *e);
    /* What stands under an id besides stored objects (generated indicators). May be NULL. */
    int (*items)(void *ctx, struct sv id, item_fn each, void *each_ctx, struct err *e);
    void *ctx;
};

/*
 * Looks at what came since the last call and asks for what a grant would let go if a person released it, some
 * thousand things a call; forgets what is gone, went, or would not go any more. Cheap when there is nothing.
 * In no transaction.
 */
int queue_round(const struct queue *k, usec now, struct err *e) MUST_USE;
/*
 * A person asks for one thing: a STIX id, or a value that a feed has stated. *ret = how many became or are
 * queued. ERR_DENIED with the rule when more than a release is missing, ERR_EXISTS when it goes already.
 */
int queue_ask(const struct queue *k, const struct pact_view *view, struct sv what, struct uuid partner,
              enum purpose purpose, struct sv person, usec now, unsigned *ret, struct err *e) MUST_USE;
/* Oldest first. `partner` nil = all. `each` may stop with a code. */
int queue_each(struct db *db, struct uuid partner, int (*each)(void *ctx, const struct queued *q), void *ctx,
               struct err *e) MUST_USE;
/* By number. ERR_NOT_FOUND. Texts in `a`. */
int queue_get(struct db *db, int64_t number, struct arena *a, struct queued *ret, struct err *e) MUST_USE;
/* The numbers that wait of one STIX id. `partner` nil = for anybody. Returns how many. */
int queue_numbers(struct db *db, struct sv id, struct uuid partner, int64_t *ret, size_t most,
                  struct err *e) MUST_USE;
struct queue_counts {
    uint64_t waiting, overdue;
    usec oldest; /* USEC_NONE = nothing waits */
};
int queue_count(struct db *db, usec now, struct queue_counts *ret, struct err *e) MUST_USE;
/* The bytes that are asked about. ERR_CONFLICT when they changed since. */
int queue_bytes(const struct queue *k, const struct queued *q, struct buf *out, struct err *e) MUST_USE;

/* ---- decisions */

enum queue_outcome { QUEUE_APPROVED, QUEUE_REFUSED, QUEUE_SECONDED };
struct queue_word {
    bool approve;
    struct sv person, reason;
    usec until; /* of a consent; USEC_NONE = CONSENT_DAYS from now */
};
/*
 * Decides, after asking once more whether a release is all that is missing. Where the grant says "always",
 * the person who asked and the one who approves are two: the first approval of what the node found by itself
 * only asks (QUEUE_SECONDED). ERR_DENIED: the same person, or something else is missing by now.
 */
int queue_decide(const struct queue *k, int64_t number, const struct queue_word *w, usec now,
                 enum queue_outcome *ret, struct err *e) MUST_USE;
/* Takes back approvals and consents of an id for a partner; *ret = how many. */
int queue_revoke(const struct queue *k, struct sv id, struct uuid partner, const struct queue_word *w,
                 usec now, unsigned *ret, struct err *e) MUST_USE;
/* The newest entries first; `record` is the entry's JSON. `partner` "" = all. */
int queue_decisions(struct db *db, struct sv partner, size_t most,
                    int (*each)(void *ctx, int64_t entry, struct sv record), void *ctx,
                    struct err *e) MUST_USE;
/* The newest entry that any answer about releases and consents depends on. */
int64_t queue_changes(struct db *db);

/*
 * For release_ask: when a person's release is missing, or would let more of it go, the answer under the
 * grants by which exactly this was approved takes the place of *ret if it lets more go.
 */
int queue_released(const struct release *r, const struct release_thing *t, const struct release_ask *ask,
                   struct release_answer *ret, struct err *e) MUST_USE;

/* ---- consents of origins */

/* What asks, and what answers; as bodies of messages (docs/release.md). */
struct consent {
    struct uuid partner; /* to whom it is to go on */
    struct sv id, version;
    bool granted; /* of an answer */
    usec until;
};
int consent_read(struct sv body, bool answer, struct arena *a, struct consent *ret, struct err *e) MUST_USE;
void consent_write(const struct consent *c, bool answer, struct buf *out);

/* At who asks. What is to be asked: where the newest version of `what` came from. ERR_USAGE: it is ours. */
int consent_of(const struct queue *k, const struct pact_view *view, struct sv what, struct uuid partner,
               struct arena *a, struct uuid *ret_origin, struct consent *ret, struct err *e) MUST_USE;
/* It was asked; in the transaction that queues the message. */
int consent_asked(struct db *db, struct uuid origin, const struct consent *c, struct uuid message,
                  struct sv person, usec now, struct err *e) MUST_USE;
/* The origin's answer; in no transaction. ERR_NOT_FOUND: it was not asked. */
int consent_answered(const struct queue *k, struct uuid origin, const struct consent *c, usec now,
                     struct err *e) MUST_USE;
/* A request that was not answered, an answer, newest first. */
struct consent_state {
    struct uuid origin;
    struct consent c;
    struct sv person;
    usec asked;
    bool answered;
};
int consent_each(struct db *db, int (*each)(void *ctx, const struct consent_state *s), void *ctx,
                 struct err *e) MUST_USE;
/* At the origin: queues a partner's request; in no transaction. ERR_NOT_FOUND in the same words for what is
 * not here and what the partner was never given. */
int consent_requested(const struct queue *k, const struct hash_secret *secret, struct uuid asker,
                      const struct consent *c, struct uuid message, usec now, struct err *e) MUST_USE;
/* For release_ask: fills `consent` of what came with the onward rule with_consent. */
int consent_fill(const struct release *r, struct release_ask *ask, struct err *e) MUST_USE;
