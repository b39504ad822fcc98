/*
 * The card of a partner: who it is and which keys are its own, as one JSON document that its own message key
 * signs (DSSE). Two officers compare its fingerprint by phone before anybody acts on it. docs/partners.md.
 */
#pragma once

#include "pact/agreement.h"

struct partner_card {
    struct uuid id;  /* of the organisation; the same at every node */
    int64_t version; /* grows with every change; an older card never replaces a newer one */
    struct sv name[LANGUAGE_MAX];
    struct sv country, zone;          /* ISO 3166-1, IANA */
    struct sv kind;                   /* "police", "prosecutor", "cert", "ministry" */
    struct sv contact;                /* reachable day and night */
    struct sv url;                    /* https address of its node */
    struct sv log, witness, messages; /* verification keys, "name+hash+base64" */
    struct sv spki[2];                /* SHA-256 of the TLS key in hex: now, and next ("" = none) */
    struct sha256 digest;             /* of the canonical form */
    struct sv canonical;
};
#define PARTNER_CARD_MAX ((size_t)65536)
#define PARTNER_PAYLOAD "application/vnd.noroshi.partner+json;v=1"

/* Reads a card strictly, as agreement_read does. */
int partner_card_read(struct sv json, struct arena *a, struct partner_card *ret, struct err *e) MUST_USE;
/* The card as JSON, from its members; digest and canonical are not used. */
void partner_card_write(const struct partner_card *c, struct buf *out);
/* Eight groups of four digits, "0123 4567 ...", for the phone: 32 bits of the digest a group. */
#define PARTNER_FINGERPRINT 40
void partner_fingerprint(const struct sha256 *digest, char ret[PARTNER_FINGERPRINT]);
/* The same digits, whatever stands between them. */
bool partner_fingerprint_is(const struct sha256 *digest, struct sv typed);
