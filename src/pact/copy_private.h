/* Shared by the copy*.c of pact/ only. */
#pragma once

#include "pact/copy.h"

/* Nested members that stand nowhere in the copy are written in one place of the text: then `made`. */
struct copier {
    struct json_doc *doc;     /* the copy */
    struct json_doc *another; /* what is looked at meanwhile */
    struct arena a;
    struct buf text;      /* the copy without its own proof */
    size_t place;         /* where that goes */
    bool more;            /* after another one */
    struct buf canonical; /* scratch */
    struct buf scratch;
    struct copy_part *part; /* of the original */
    size_t parts;
    struct sha256 key; /* of the salts of this original */
    struct sha256 whole;
    struct copy_made made;
};
#define COPY_PLACEHOLDER "[redacted]"
/* Finds out parts and key of an original. */
int copier_begin(struct copier *c, struct jv original, const struct copy_secret *secret, struct err *e);
void copy_salt_of(const struct sha256 *key, struct sv name, uint8_t ret[32]);
/* A part's name as it stands in proofs. */
struct sv copy_part_name(struct sv key, bool extension, struct arena *a);
struct sha256 copy_digest(const uint8_t salt[32], struct sv bytes);

/* copy_read.c: every salt of the proofs is that of a part, and its digest is there. */
int copy_check_salts(struct copier *c, const struct copy_proof *p, size_t n, const struct copy_part *part,
                     size_t parts, unsigned *by, struct err *e);

/* copy_scan.c: text as people mean it: small letters, full-width forms, %40, [at] and [.] undone. */
void copy_plain(struct sv text, struct buf *out);
/* Something like an e-mail address stands in plain text. */
bool copy_plain_names_somebody(struct sv plain);
