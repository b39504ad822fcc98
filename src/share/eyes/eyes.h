/*
 * share/eyes: what a partner would see, before anything is shared. Answers of fuse/ (look, find, one thing,
 * everything) with each thing marked: it goes, it goes redacted, or it stays, and by which rule. The same
 * decision is asked that is made when something leaves (share/partner/release.h). docs/eyes.md.
 *
 * What the partner's eyes are put on is what the asker's own view shows: nobody learns here of things that
 * are not his. May call share/partner, share/gate and all lower floors.
 */
#pragma once

#include "share/partner/release.h"

enum eyes_state { EYES_GOES, EYES_REDACTED, EYES_STAYS, EYES_STATE_MAX };
const char *eyes_state_name(enum eyes_state s); /* "goes", "redacted", "stays" */

struct eyes_opts {
    struct db *db;
    struct fuse *fuse;
    struct ledger *ledger;
    const struct hash_secret *secret; /* of the node: what went before is known by hashes under it */
    const struct pact_view *view;     /* the asker's */
    const struct partner *partner;
    enum purpose purpose;
    usec now;
};
struct eyes;
/* Reads the register of agreements once; all of `o` is borrowed until eyes_free. NULL with `e`. */
struct eyes *eyes_new(const struct eyes_opts *o, struct err *e);
void eyes_free(struct eyes *x);

/*
 * An answer of fuse_look or fuse_find again, with "eyes" in each claim, object, relationship and hit, and one
 * "eyes" for the whole: the partner, the purpose, and the counts as it would see them. A relationship also
 * tells of its two ends: what goes may point to what stays.
 */
int eyes_look(struct eyes *x, struct sv look, struct buf *json, struct err *e) MUST_USE;
int eyes_find(struct eyes *x, struct sv found, struct buf *json, struct err *e) MUST_USE;
/* One thing: {"object","source","mark","copy","statements":[{"object","source","mark"}],"eyes"}: all that is
 * stated of it, first the statement that decides. `copy` is what would go of what goes redacted.
 * ERR_NOT_FOUND also for what the view does not show. */
int eyes_explain(struct eyes *x, struct sv what, struct buf *json, struct err *e) MUST_USE;

/*
 * Everything that the view shows, a step at a time: what stands after the cursor `after` ("" = from the
 * start), at most `most` things. {"eyes":{counts},"things":[...] with `list`,"next":cursor|null}. ERR_VALUE
 * for what is no cursor.
 */
#define EYES_STEP_MOST 10000
int eyes_survey(struct eyes *x, struct sv after, size_t most, bool list, struct buf *json,
                struct err *e) MUST_USE;
