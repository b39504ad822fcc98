/*
 * Partners and agreements as this node knows them: registers in the ledger, and what follows from them at an
 * instant. Cards, agreements and signatures are verified when they come in; docs/partners.md,
 * docs/agreements.md.
 */
#pragma once

#include "ledger/ledger.h"
#include "pact/partner.h"
#include "fuse/fuse.h"

extern const struct db_room partner_room; /* tables: partner, agreement, agreement_signature (views) */
extern const struct ledger_kind
    partner_kinds[]; /* "partner", "agreement", "signature"; ends with a NULL name */

/* ---- partners */

enum partner_status {
    PARTNER_PROPOSED,
    PARTNER_ACTIVE,
    PARTNER_SUSPENDED,
    PARTNER_ENDED,
    PARTNER_STATUS_MAX
};
const char *partner_status_name(enum partner_status s);

struct partner {
    struct partner_card card;
    enum partner_status status;
    struct sv proposed_by, confirmed_by; /* two different persons before it is active */
    usec changed;
};
/* Keys of a card are to be replaced after so long; nothing stops when they are not. */
#define PARTNER_KEYS_STALE (90 * USEC_DAY)
/* Since the card was made: its version counts seconds. */
static inline usec partner_keys_age(const struct partner *p, usec now)
{
    return now - p->card.version * USEC_SECOND;
}
static inline bool partner_keys_stale(const struct partner *p, usec now)
{
    return partner_keys_age(p, now) > PARTNER_KEYS_STALE;
}
/* Takes a card that its own message key signed (a DSSE envelope). A new partner is proposed; a card with new
 * keys of one that is there (rotation) must be signed by the key that is pinned, and takes effect at once. */
int partner_propose(struct ledger *l, struct db *db, struct sv envelope, struct sv person, usec now,
                    struct partner_card *ret, struct arena *a, struct err *e) MUST_USE;
/* The second person: proposed becomes active. ERR_DENIED for the person who proposed. */
int partner_confirm(struct ledger *l, struct db *db, struct uuid id, struct sv person, usec now,
                    struct err *e) MUST_USE;
/* Suspends, ends, or makes a suspended one active again. What has ended stays ended. */
int partner_set(struct ledger *l, struct db *db, struct uuid id, enum partner_status status, struct sv person,
                usec now, struct err *e) MUST_USE;
/* By UUID or a name in any language. ERR_NOT_FOUND. */
int partner_find(struct db *db, struct sv id_or_name, struct arena *a, struct partner *ret,
                 struct err *e) MUST_USE;
int partner_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct partner *p), void *ctx,
                 struct err *e) MUST_USE;

/* 1 and the active partner whose TLS key this is, the present or the next one; 0 = nobody's. */
int partner_by_key(struct db *db, const struct sha256 *spki, struct uuid *ret, struct err *e) MUST_USE;
/* 1 = it is an active partner's whose log is not frozen, 0 = it is not. */
int partner_is_active(struct db *db, struct sv id, struct err *e) MUST_USE;
bool partner_any(struct db *db); /* some partner is active */

/* ---- agreements */

#define SIGNATURE_PAYLOAD "application/vnd.noroshi.agreement-signature+json;v=1"
#define SIGNATURES_OF_A_PARTY 2

enum agreed_status {
    AGREED_DRAFT,
    AGREED_ACTIVE,
    AGREED_EXPIRED,
    AGREED_SUPERSEDED,
    AGREED_SUSPENDED,
    AGREED_ENDED
};
const char *agreed_status_name(enum agreed_status s);

/* What one person says of one version: signs it, or (of the whole agreement) suspends, resumes or ends it. */
enum agreed_act { ACT_SIGN, ACT_SUSPEND, ACT_RESUME, ACT_END, ACT_MAX };
const char *agreed_act_name(enum agreed_act a);
struct agreed_signature {
    struct uuid agreement, party;
    int64_t version;
    struct sha256 digest; /* of the version's canonical form */
    enum agreed_act act;
    struct sv person;
    usec at;
    struct sv envelope; /* DSSE, as it travels */
};
/* The text that is signed: canonical JSON. */
int agreed_statement(const struct agreed_signature *s, struct buf *out, struct err *e) MUST_USE;

/* Takes a version of an agreement to which the home organisation is a party. The same again is fine; another
 * text under the same id and version is ERR_CONFLICT. */
int agreed_add(struct ledger *l, struct db *db, struct sv json, usec now, struct arena *a,
               struct agreement *ret, struct err *e) MUST_USE;
/* Takes one statement in its envelope. It must be by a party's pinned message key (`own` for the home
 * organisation), of a version that is here, by a person who has not said it yet (that is fine, and changes
 * nothing). */
int agreed_state(struct ledger *l, struct db *db, struct sv envelope, const struct note_key *own, usec now,
                 struct arena *a, struct err *e) MUST_USE;
struct agreed {
    struct agreement document;
    enum agreed_status status;
    const struct agreed_signature *signature;
    size_t signatures;
};
/* Every version, oldest first, with its status at an instant. Needs no clock but `now`. */
int agreed_each(struct db *db, usec now, struct arena *a, int (*each)(void *ctx, const struct agreed *g),
                void *ctx, struct err *e) MUST_USE;
/* What pact_release is asked with. */
int agreed_register(struct db *db, usec now, struct arena *a, struct agreement_state **ret, size_t *ret_n,
                    struct err *e) MUST_USE;
/* The file that travels between parties: {"agreement":{...},"signatures":[envelope,...]}. */
int agreed_file(struct db *db, struct uuid id, int64_t version, struct buf *out, struct err *e) MUST_USE;
