/*
 * share/relay: what is new here is at partners within seconds. docs/relay.md.
 *
 * A relay brings one collection to one partner: each new member, and each sighting of an indicator the
 * partner knows, is asked about (release_write), registered, and queued as a message of kind "objects"; fresh
 * things go before history. At the other side they are taken in, through the parsers, as the partner's. May
 * call share/partner share/message share/taxii share/recall and all lower floors.
 */
#pragma once

#include "share/message/message.h"
#include "share/recall/recall.h"
#include "share/taxii/taxii.h"

extern const struct db_room relay_room; /* tables: relay* (state) */

#define RELAY_KIND "objects"
#define RELAY_OBJECTS 500             /* of one message */
#define RELAY_BYTES ((size_t)1 << 20) /* of its objects; one larger object goes alone */
#define RELAY_OBJECT_MOST ((size_t)8 << 20)
#define RELAY_GATHER (USEC_SECOND / 4)          /* what comes so close together goes in one message */
#define RELAY_SIGHTING_EVERY (60 * USEC_SECOND) /* of one indicator */

/* What this room works with; all borrowed from the node. */
struct relays {
    struct taxii taxii;
    const struct messages *messages;
    struct recall recall;
    struct uuid home;
    void (*sighting)(void *node, const struct sighting *s); /* of what came in; may be NULL */
    void *node;
};

/* ---- relays */

struct relay {
    int64_t id;
    struct uuid partner;
    int64_t collection;
    usec made;
    usec high; /* members up to this date_added are sent, held back, or stand in a range to do */
    struct sighting_mark seen;
    struct sha256 looked; /* the agreements as they were when what is held back was last looked at */
    usec last_sent;       /* USEC_NONE = never */
};
/* In a transaction. With history what the collection holds already goes too, after all that is new.
 * ERR_EXISTS; ERR_DENIED when the partner may not read the collection. */
int relay_add(const struct relays *r, struct uuid partner, int64_t collection, bool history, usec now,
              struct err *e) MUST_USE;
/* In a transaction. What waits in the outbox still goes while its grants stand. ERR_NOT_FOUND. */
int relay_remove(const struct relays *r, struct uuid partner, int64_t collection, struct err *e) MUST_USE;
int relay_each(struct db *db, int (*each)(void *ctx, const struct relay *r, struct err *e), void *ctx,
               struct err *e) MUST_USE;

/* How a relay stands. Seconds of the last RELAY_TIMED messages that were accepted; -1 = none yet. */
#define RELAY_TIMED 1000
struct relay_times {
    double p50, p95;
    uint64_t n;
};
struct relay_state {
    uint64_t sent;           /* things, in all */
    uint64_t messages;       /* in all */
    uint64_t unanswered;     /* messages */
    int64_t to_do;           /* members not looked at yet, about */
    uint64_t held;           /* members held back */
    struct relay_times push; /* from queued to acknowledged */
    struct relay_times
        fresh; /* from the oldest date_added in it to acknowledged, of messages of new things */
};
int relay_state_of(const struct relays *r, const struct relay *relay, struct relay_state *ret,
                   struct err *e) MUST_USE;
/* Held back: how many by which rule. */
int relay_held_each(struct db *db, int64_t relay, int (*each)(void *ctx, struct sv rule, uint64_t n),
                    void *ctx, struct err *e) MUST_USE;

/*
 * One round over all relays: what is new becomes messages, as far as the partner's node keeps up. In no
 * transaction; one transaction a message. A failing relay does not stop the others; the first error is
 * returned. *ret_again is when it wants to be called again without news, USEC_NONE = it need not;
 * *ret_messages (may be NULL) how many were queued.
 */
int relay_round(const struct relays *r, usec now, usec *ret_again, unsigned *ret_messages,
                struct err *e) MUST_USE;

/* ---- receiving */

/* The kind of message, for the table of the node: relay_receive and relay_acknowledged with `r`. */
struct message_kind relay_message_kind(const struct relays *r);
int relay_receive(void *relays, const struct message *m, usec now, struct buf *result,
                  struct err *e) MUST_USE;
int relay_acknowledged(void *relays, const struct message *m, bool accepted, struct sv result, usec at,
                       struct err *e) MUST_USE;
/*
 * The source that a partner's things are accepted as, real ones and those of exercises apart: one whose
 * upstream is the partner, made when there is none. In a transaction. `reliability` 0 and `tlp` TLP_UNKNOWN:
 * as it is, or 'F' and TLP:AMBER.
 */
int relay_source(const struct relays *r, struct uuid partner, bool exercise, char reliability, enum tlp tlp,
                 usec now, struct source *ret, struct arena *a, struct err *e) MUST_USE;
/* The number of that source, 0 = there is none yet. */
int relay_source_find(const struct relays *r, struct uuid partner, bool exercise, int64_t *ret,
                      struct err *e) MUST_USE;

/* How a thing came here first by relay. ERR_NOT_FOUND. */
struct relay_arrival {
    struct uuid partner;
    int64_t source;
    usec sent, arrived; /* by the sender's clock, by ours */
};
int relay_first(const struct relays *r, struct sv stix_id, struct relay_arrival *ret, struct err *e) MUST_USE;
/* Adds to an answer of fuse_look what of it came by relay, as far as the view sees its source:
 * "relayed":[{"id","partner","node","sent","arrived","seconds"}]. */
int relay_look(struct db *db, const struct hash_secret *secret, const struct pact_view *view,
               struct buf *answer, struct err *e) MUST_USE;
