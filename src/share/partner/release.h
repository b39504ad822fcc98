/*
 * What may go to a partner: the agreements in force asked about one thing at a time (pact_release), and the
 * bytes that go. For the rooms of share/, and for `noroshi explain`.
 */
#pragma once

#include "share/partner/partner.h"

/* What copies are made with; all borrowed from the node. Without a keeper behind the ledger no copies are
 * made. */
struct release_maker {
    struct fuse *fuse;
    struct ledger *ledger;
    const struct hash_secret *secret;
};

struct release {
    struct db *db;
    struct uuid partner;
    enum purpose purpose;
    usec now;
    struct arena a; /* the register */
    struct agreement_state *agreement;
    size_t agreements;
    bool active;      /* the partner */
    bool revoked;     /* what was asked about last takes something back */
    struct sv id;     /* its id */
    struct jv object; /* itself, read */
    enum tlp marking; /* as it counts */
    int64_t sent;     /* to the partner within a day, for the day's number; kept by who asks */
    struct json_doc *doc;
    struct arena thing; /* what is asked about; reset each time */
    struct release_maker maker;
    struct copying *copying;
    bool makes_copies; /* what would have to be changed goes as a copy; else it stays */
};
/* Reads the register once. A partner that is not known is not active. */
int release_open(struct release *r, struct db *db, struct uuid partner, enum purpose purpose, usec now,
                 struct err *e) MUST_USE;
void release_close(struct release *r);
struct release_thing {
    struct sv json; /* of our own store */
    int64_t source;
    enum tlp tlp; /* as the store holds it: the source's where the object has none */
};
/* The decision; views live until the next call. */
int release_ask(struct release *r, const struct release_thing *t, struct release_answer *ret,
                struct err *e) MUST_USE;
/* ---- what goes, as bytes (docs/copies.md) */

/* From now on what cannot go as it is goes as a copy without what must not go, where it can. Once, after
 * release_open. Without the node's secret ERR_USAGE. */
int release_copies(struct release *r, const struct release_maker *m, struct err *e) MUST_USE;

enum release_form { FORM_STAYS, FORM_ORIGINAL, FORM_COPY };
struct release_written {
    enum release_form form;
    struct release_answer answer; /* of what stays too; RULE_REDACTION when no copy could be made of it */
    struct sv id;                 /* under which it goes; the copy's is another than the original's */
    struct sv original;           /* its own id: never to be shown to the partner when it goes as a copy */
    const char *why;              /* of what a grant allows and stays all the same; else NULL */
};
/*
 * Decides on one thing and appends exactly the bytes that may go: the thing's own, or those of its copy.
 * 1 = it goes, 0 = it stays and nothing was appended; what takes something back goes only to who has it.
 * Views live until the next call. After release_copies. What goes has to stand in the register before it
 * leaves: share_begin with the hash of `id`, and of copies with `copy` as well.
 */
int release_write(struct release *r, const struct release_thing *t, struct buf *out,
                  struct release_written *ret, struct err *e) MUST_USE;

/* "partner:UUID" as rights name it. */
bool release_principal(struct sv principal, struct uuid *ret);
