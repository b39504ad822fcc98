/*
 * Copies for partners: which id stands for what in them, who signs them, and what they need beside them. The
 * format is pact/copy.h's; docs/copies.md.
 */
#pragma once

#include "pact/copy.h"
#include "share/partner/release.h"

struct copying;
int copying_open(const struct release *r, const struct release_maker *m, struct copying **ret,
                 struct err *e) MUST_USE;
void copying_close(struct copying *c);
/*
 * The copy that a grant lets go of what `r` was asked about last (r->object, r->marking): 1 = appended to
 * `out` and *ret_id is its id, 0 = it stays, *ret_why says why. Views live until the next call.
 */
int copying_write(struct copying *c, const struct release *r, const struct agreement_grant *grant,
                  struct buf *out, struct sv *ret_id, const char **ret_why, struct err *e) MUST_USE;

/*
 * 1 = the object that `r` was asked about last refers to something here that the partner may not know of
 * under that id: it cannot go whole. What is not stored here is its creator's to name, and the organisation
 * that made it may be named.
 */
int copying_hides(struct copying *c, const struct release *r, const struct agreement_grant *grant,
                  struct err *e) MUST_USE;

/* ---- what copies refer to: our identity, and the definition of the extension their proofs stand in */

#define SUPPORTING 3
#define COPIES_SUPPORTING_VERSION (1767225600 * USEC_SECOND) /* their `modified`: the start of 2026 */
struct supporting {
    struct sv id, type, json; /* in the arena */
};
int copies_supporting(struct db *db, struct arena *a, struct supporting ret[SUPPORTING],
                      struct err *e) MUST_USE;

/* ---- which copies there are of what */

/* 1 and the original of a copy that went to somebody; 0 = there is none of this id. */
int copies_original(struct db *db, struct sv copy_id, struct arena *a, struct sv *ret,
                    struct err *e) MUST_USE;
/* The ids of the copies of an object that went to a partner. */
int copies_given(struct db *db, const struct hash_secret *secret, struct uuid partner, struct sv original,
                 int (*each)(void *ctx, struct sv copy_id), void *ctx, struct err *e) MUST_USE;
