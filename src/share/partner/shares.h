/*
 * The register of what went to partners: what, to whom, when, on which agreement. One entry of the ledger a
 * page, on disk before the page's first byte leaves, completed when it was wholly written.
 */
#pragma once

#include "share/partner/partner.h"

#define SHARE_GRANTS 64
struct share_grant {
    struct uuid agreement, grant;
    int64_t version;
    uint64_t things; /* that went by it */
};
struct share_copy {
    struct sv id, original;
};
struct share {
    struct uuid partner;
    enum purpose purpose;
    usec at;
    struct sv channel;    /* "taxii objects", "taxii manifest"... */
    struct sv collection; /* UUID, or "" */
    struct sv filter;     /* as asked, for people */
    usec first, last;     /* date_added of the first and last thing */
    uint64_t things;
    usec delete_after; /* the earliest of all of them */
    const struct share_grant *grant;
    size_t grants;
    const int64_t *given; /* hashes of the ids (hash64 under the node's secret) */
    const usec *version;  /* of each, USEC_NONE = it has none; NULL = not told */
    size_t given_count;
    const struct share_copy *copy; /* what went as a copy: of what it is one is kept here, and not told */
    size_t copies;
    struct sv payload_sha256; /* of the bytes that go, in hex; "" = they are written as they go */
};
int share_begin(struct ledger *l, struct db *db, const struct share *s, int64_t *ret_entry,
                struct err *e) MUST_USE;
/* The same inside the caller's transaction: what is sent waits until that is on disk. */
int share_append(struct ledger *l, struct db *db, const struct share *s, int64_t *ret_entry,
                 struct err *e) MUST_USE;
int share_end(struct db *db, int64_t entry, usec now, struct err *e) MUST_USE;
/* The same inside the caller's transaction. */
int share_complete(struct db *db, int64_t entry, usec now, struct err *e) MUST_USE;
/*
 * Things (hashes of ids) that an entry said went did not leave after all. What went by no other entry counts
 * as not given; `left`: it may have reached the partner, so that it counts as given, in a version that is not
 * known. In a transaction.
 */
int share_unsent(struct db *db, struct uuid partner, int64_t entry, const int64_t *h, size_t n, bool left,
                 struct err *e) MUST_USE;
/* 1 = something of this id went to the partner. */
int share_was_given(struct db *db, struct uuid partner, int64_t h, struct err *e) MUST_USE;
/* 1 = this version of it, or a newer one, went to the partner; what went without its version being told
 * counts as older. Without versions (USEC_NONE): it went. */
int share_version_given(struct db *db, struct uuid partner, int64_t h, usec version, struct err *e) MUST_USE;
/* 1 and the newest version that went, USEC_NONE where it has none or was not told; 0 = nothing of it went. */
int share_last_version(struct db *db, struct uuid partner, int64_t h, usec *ret, struct err *e) MUST_USE;
/* How many things went to the partner since a time. */
int share_sent_since(struct db *db, struct uuid partner, usec since, int64_t *ret, struct err *e) MUST_USE;
/* Newest first; `record` is the entry's JSON, `done` USEC_NONE when the page was not wholly written.
 * `partner` a UUID or "" for all; `before` an entry, 0 = from the newest. */
int share_each(struct db *db, struct sv partner, int64_t before, size_t most,
               int (*each)(void *ctx, int64_t entry, struct sv record, usec done), void *ctx,
               struct err *e) MUST_USE;
