/*
 * What may go to a partner: the agreements in force asked about one thing at a time (pact_release). Inside
 * this room, and for `noroshi explain`.
 */
#pragma once

#include "share/partner/partner.h"

struct release {
    struct db *db;
    struct uuid partner;
    enum purpose purpose;
    usec now;
    struct arena a; /* the register */
    struct agreement_state *agreement;
    size_t agreements;
    bool active;  /* the partner */
    bool revoked; /* what was asked about last takes something back */
    int64_t sent; /* to the partner within a day, for the day's number; kept by who asks */
    struct json_doc *doc;
    struct arena thing; /* what is asked about; reset each time */
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
/* "partner:UUID" as rights name it. */
bool release_principal(struct sv principal, struct uuid *ret);
