/* Shared by the files of share/relay. */
#pragma once

#include "share/partner/release.h"
#include "share/partner/shares.h"
#include "share/relay/relay.h"

#define RELAY_OPEN_FRESH 8 /* messages that may wait for their acknowledgement */
#define RELAY_OPEN_BULK 2  /* while there are more than that, history waits */
#define RELAY_HELD_MOST 100000
#define RELAY_RANGES_MOST 64
#define RELAY_LOOK_AGAIN (15 * 60 * USEC_SECOND) /* at what the other node refused, and at full days */

/* A statement bound with texts and numbers: "t" text, "i" number, "u" time, which may be USEC_NONE. */
int relay_sql(struct db *db, struct err *e, const char *sql, const char *types, ...) MUST_USE;

/* ---- relay_batch.c: one message as it is gathered; everything inside one transaction */

struct relay_grant_out {
    const struct agreement *agreement;
    const struct agreement_grant *grant;
    usec delete_after;
    struct buf ids; /* JSON strings, joined */
};
struct relay_batch {
    const struct relays *r;
    const struct relay *relay;
    const struct taxii_collection *collection;
    struct release *release;
    usec now;
    struct arena a;
    struct buf text, goes, objects;
    struct json_doc *doc;
    struct relay_grant_out out[SHARE_GRANTS];
    struct share_grant grant[SHARE_GRANTS];
    size_t grants;
    int64_t given[RELAY_OBJECTS], member[RELAY_OBJECTS];
    usec version[RELAY_OBJECTS], added[RELAY_OBJECTS];
    struct sv id[RELAY_OBJECTS];
    size_t n;
    struct share_copy copy[RELAY_OBJECTS]; /* those of them that go as copies */
    size_t copies;
    int64_t held; /* members held back, -1 = not counted */
    bool fresh;   /* what is taken now is new: its time counts */
    usec since, first, last;
    bool full;
};
int relay_batch_open(struct relay_batch *b, const struct relays *r, const struct relay *relay,
                     const struct taxii_collection *c, struct release *release, usec now,
                     struct err *e) MUST_USE;
void relay_batch_close(struct relay_batch *b);
/*
 * Takes one member in when it may go; else notes why it is held back. `again`: also what the partner was
 * given in this version. 1 = taken, 0 = not, and when it did not fit b->full is set and nothing was noted.
 */
int relay_batch_member(struct relay_batch *b, const struct taxii_item *i, bool again, struct err *e) MUST_USE;
/* Takes one text of our own making, of this source and marking. As above; `version` as its `modified`. */
int relay_batch_text(struct relay_batch *b, const struct release_thing *t, usec version,
                     struct err *e) MUST_USE;
/* Registers and queues what was gathered. Nothing when it is empty. */
int relay_batch_send(struct relay_batch *b, struct err *e) MUST_USE;

/* ---- relay_held.c */

/* `held`: how many are held back, -1 = to be counted; kept by who calls, for one transaction. */
int relay_hold(struct db *db, int64_t relay, const struct taxii_item *i, struct sv rule, usec now,
               int64_t *held, struct err *e) MUST_USE;
int relay_unhold(struct db *db, int64_t relay, int64_t member, struct err *e) MUST_USE;
/* What decisions depend on beside the things themselves. */
int relay_register_sum(struct db *db, const struct release *release, struct sha256 *ret,
                       struct err *e) MUST_USE;
/* Looks at what is held back again, as far as it fits. *ret_more: there is more to look at. */
int relay_held_round(struct relay_batch *b, bool *ret_more, struct err *e) MUST_USE;

/* ---- relay_range.c */

/* What came since the last time becomes ranges. */
int relay_discover(const struct relays *r, struct relay *relay, struct err *e) MUST_USE;
/* Takes from the ranges of a lane, newest first, as far as it fits; looks at some thousand rows at most. */
int relay_range_round(struct relay_batch *b, int lane, bool *ret_more, struct err *e) MUST_USE;
bool relay_range_any(struct db *db, int64_t relay, int lane);

/* ---- relay_sighting.c */

/* What was seen since the last time becomes due, as far as the partner knows the indicator. */
int relay_sightings_note(struct relay_batch *b, struct relay *relay, struct err *e) MUST_USE;
/* *ret_again: when the next one is due at the earliest, USEC_NONE = none is. */
int relay_sightings_round(struct relay_batch *b, usec *ret_again, struct err *e) MUST_USE;

/* ---- relay_still.c: struct message_kind */

int relay_still(void *relays, const struct message *m, usec now, struct err *e);
int relay_dropped(void *relays, const struct message *m, bool left, usec at, struct err *e);

#define RELAY_SOURCES 64 /* of events, that one sighting joins */
/* What was seen of an indicator in one hour, by source of the events. */
struct relay_seen_by {
    int64_t source;
    enum tlp tlp;
    bool exercise;
    uint64_t count;
    usec first, last;
};
struct relay_hour {
    const struct relay_batch *b;
    struct sv ref;
    usec hour, version;
    enum tlp tlp; /* of the indicator */
    struct relay_seen_by by[RELAY_SOURCES];
    size_t n;
};
/* relay_sighting_text.c: appends it; `where`: it names this organisation as where it was seen. */
void relay_sighting_write(const struct relay_hour *h, const struct relay_seen_by *y, bool where,
                          struct buf *out);

/* ---- relay_body.c */

struct relay_grant_in {
    struct uuid agreement, grant;
    int64_t version;
    enum purpose purpose;
    usec delete_after;
    enum judicial_use judicial;
    enum onward onward;
    const struct agreement_grant *in_force; /* filled by who checks */
    int64_t left;                           /* things that may come by it today */
    int64_t taken;
};
#define RELAY_GRANTS_IN SHARE_GRANTS
struct relay_body {
    struct uuid collection;
    bool exercise;
    struct relay_grant_in grant[RELAY_GRANTS_IN];
    size_t grants;
    struct map ids;                  /* id to the number of its grant */
    struct sv object[RELAY_OBJECTS]; /* views of the message */
    size_t objects;
};
/* The frame of a body, strictly; objects are found and not read. ERR_VALUE. Clear it also after errors. */
int relay_body_read(struct sv body, struct relay_body *ret, struct err *e) MUST_USE;
void relay_body_clear(struct relay_body *b);
/* Canonical JSON (RFC 8785): members in their order. `objects` are canonical already. */
void relay_body_write(const struct relay_batch *b, struct buf *out);
