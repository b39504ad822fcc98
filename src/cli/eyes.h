/* `--as PARTNER`: an answer as the partner would see it, before anything is shared. */
#pragma once

#include "cli/cli.h"
#include "share/eyes/eyes.h"

struct eyes_words {
    const char *as, *purpose; /* as NULL: one's own eyes */
};
typedef int (*see_fn)(struct eyes *x, struct sv answer, struct buf *json, struct err *e);
/* The answer again in `json`, each thing marked. */
int eyes_put_on(struct cmd *c, const struct eyes_words *w, const struct pact_view *view, see_fn see,
                struct buf *json, struct err *e) MUST_USE;
/* The mark of a thing for people: "[goes] ", "[stays: marking] "; nothing without one. */
void print_mark(FILE *out, struct jv thing);
/* The counts of the whole answer. */
void print_eyes(FILE *out, struct jv answer);
