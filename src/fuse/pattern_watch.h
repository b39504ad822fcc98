/* Compound patterns of stored indicators over the events that are taken. Inside fuse/ only. */
#pragma once

#include "fuse/pattern_set.h"

/* In a transaction: brings the set up to the newest object. */
int patterns_refresh(struct fuse *f, struct err *e) MUST_USE;
/* Tells readers the counts as they are now. */
void patterns_publish(struct fuse *f);
/* A transaction that events were watched in was taken back. */
void patterns_rolled_back(struct fuse *f);

/* Sightings of a pattern have kind KIND_NONE and the indicator's id as value. True: the view sees a version
 * that is not taken back. */
bool pattern_sees(struct fuse *f, const struct pact_view *view, struct sv id);
/* As fuse_indicator, for the indicator of such a sighting. */
bool pattern_indicator(struct fuse *f, const struct pact_view *view, struct sv id, struct jw *w,
                       usec *ret_valid_from);
/* Would this indicator, an object with a compound pattern, be watched? Thread-safe. */
bool pattern_is_watched(struct sv json);
/* The members of "patterns" in the status, an object. */
void pattern_status_write(struct fuse *f, bool all, struct jw *w);
