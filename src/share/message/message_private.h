/* What the files of share/message have in common: inside this room only. */
#pragma once

#include "share/message/message.h"

/* ---- message_record.c: the ledger's kind "message" and its view */

/* Records are JSON objects whose member "event" says what happened: "sent", "renewed" (written and signed
 * anew), "dropped" (no longer right when it was to leave), "acknowledged" (by the partner; with its
 * envelope), "received" (and acknowledged by us). */
void message_record_begin(struct jw *w, struct buf *b, const char *event, const struct message *msg);
void message_record_time(struct jw *w, const char *key, usec at);
int message_record(const struct messages *m, struct sv record, usec now, struct err *e) MUST_USE;

/* ---- message_seal.c: messages in their envelopes */

/* Writes and signs. */
int message_seal(const struct messages *m, const struct message *msg, struct buf *envelope,
                 struct err *e) MUST_USE;
enum message_flaw { FLAW_NONE, FLAW_SIZE, FLAW_FORM, FLAW_SIGNATURE };
/*
 * Reads an envelope: the signature, by this key, is verified before anything that is signed is looked at.
 * *ret_flaw says what was wrong with it; FLAW_NONE with an error: nothing was, but it could not be read.
 */
int message_unseal(struct sv envelope, const uint8_t pub[32], struct arena *a, struct message *ret,
                   uint8_t ret_sig[64], enum message_flaw *ret_flaw, struct err *e) MUST_USE;

/* Who signs now, as the outbox notes it. */
void message_signer(const struct messages *m, char ret[65]);

/* ---- message_out.c, message_wait.c, message_ack.c */

/* The partner, who must be active and not frozen: ERR_DENIED. */
int message_partner(const struct messages *m, struct uuid id, struct arena *a, struct partner *ret,
                    struct note_key *ret_key, struct err *e) MUST_USE;
int message_check_active(const struct messages *m, struct uuid id, struct err *e) MUST_USE;
int message_home(const struct messages *m, struct uuid *ret, struct err *e) MUST_USE;
const struct message_kind *message_kind_of(const struct messages *m, struct sv name);
/*
 * Keeps a partner's acknowledgement, whose signature was verified: the message leaves the outbox. One that is
 * acknowledged already is OK. `about` nil: of whichever message it names.
 */
int message_acknowledged(const struct messages *m, const struct message *ack, struct sv envelope,
                         struct uuid about, usec now, struct err *e) MUST_USE;
/*
 * Before the next `most` messages of the outbox added after a time leave: takes out what may not go any more,
 * and notes of the rest that it may have left. On disk when it returns. In no transaction.
 */
int message_before_leaving(const struct messages *m, struct uuid partner, usec added_after, size_t most,
                           usec now, struct err *e) MUST_USE;
/* Notes a failure to deliver a message, for people. */
void message_failed(const struct messages *m, struct uuid id, const struct err *why, usec now);

/* ---- message_refuse.c: what was refused, one row a partner and reason */

#define WHY_PARTNER "partner"     /* suspended, ended, frozen */
#define WHY_SIZE "size"           /* larger than MESSAGE_MOST */
#define WHY_FORM "form"           /* no envelope, or no message in it */
#define WHY_SIGNATURE "signature" /* not by its pinned key */
#define WHY_ADDRESS "address"     /* not from it, or not to us */
#define WHY_TIME "time"           /* from the future: the clocks differ */
#define WHY_EXPIRED "expired"
#define WHY_ORDER "order"     /* a counter that was used before */
#define WHY_REPLAY "replay"   /* a known id with another content */
#define WHY_KIND "kind"       /* not known here */
#define WHY_CONTENT "content" /* what its kind says to it */
#define WHY_LATER "later"     /* it could not be handled here, for now */
#define WHY_ACK "ack"         /* acknowledges what was not sent */
/* Counts, with the error's text; gives back its code. In no transaction. */
int message_refuse(const struct messages *m, struct uuid partner, const char *why, usec now, struct err *e);

/* ---- message_turn.c: who is at work with a partner */

enum turn { TURN_IN, TURN_OUT };
/* Waits until nobody else of this process handles (in), or sends and fetches (out), the partner's messages.
 */
void turn_take(enum turn t, struct uuid partner);
void turn_give(enum turn t, struct uuid partner);
