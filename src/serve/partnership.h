/* What the handlers of partners, agreements and shares have in common; inside of serve/. */
#pragma once

#include "serve/private.h"
#include "share/eyes/eyes.h"

/*
 * Who one deals with is data too. The register is the home organisation's; another organisation of this node
 * knows of the agreements to which it is a party, and of the partners that are parties to them, and of
 * nothing else: what is not shown is answered as what does not exist.
 */
bool partnership_home(const struct call *c);
bool partnership_party(const struct agreement *g, struct uuid org);
/* By UUID or name; ERR_NOT_FOUND in the same words for one that the caller may not know of. */
int partnership_find(struct call *c, struct sv name, struct partner *ret, struct err *e) MUST_USE;
/* 1 = the caller may know of this partner. */
int partnership_knows(struct call *c, struct uuid partner, struct err *e) MUST_USE;

/* Texts in three languages as an object. */
void write_languages(struct jw *w, const char *key, const struct sv text[LANGUAGE_MAX]);
void write_instant(struct jw *w, const char *key, usec t); /* USEC_NONE = null */
/* A member of a record of the ledger as a time; USEC_NONE when there is none. */
usec record_time(struct sv record, const char *member);
void write_uuid(struct jw *w, const char *key, struct uuid id);

/* The partner of ?NAME= with the purpose of ?purpose= as eyes over the caller's view. ERR_DENIED for roles
 * that may not look through them. All of it is cleared by partnership_blind. */
struct sight {
    struct pact_view view;
    struct partner partner;
    struct eyes *eyes;
};
int partnership_eyes(struct call *c, const char *name, struct sight *ret, struct err *e) MUST_USE;
void partnership_blind(struct sight *s);
