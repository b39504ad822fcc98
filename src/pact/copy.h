/*
 * Copies: an object without some of its members under an id of its own, and the proof that what remains is
 * the original's: salted commitments to every member of the original, signed by who made the copy. A member
 * that is told later can be checked against them. docs/copies.md has every byte. Pure: no I/O, no clock.
 */
#pragma once

#include "pact/partner.h"

#define COPY_EXTENSION "extension-definition--8cb201dd-ee1d-497d-a184-5551d77765dd"
#define COPY_PAYLOAD "application/vnd.noroshi.copy+json;v=1"
#define COPY_MEMBERS 512      /* parts of an original at most */
#define COPY_DIGESTS_ROUND 8  /* their number is filled up to a multiple of this */
#define COPY_DIGESTS_MOST 520 /* COPY_MEMBERS and the whole, filled up */
#define COPY_CHAIN 8          /* proofs of one copy at most */
#define COPY_MOST ((size_t)64 << 20)

/* Keys that follow from the node's secret: of salts, and of the ids of copies. */
struct copy_secret {
    struct sha256 salts, ids;
};
void copy_secret_of(const struct hash_secret *node, struct copy_secret *ret);

/* The members that this grant takes out, by name, wherever they stand. */
bool pact_denies(const struct agreement_grant *g, struct sv member);
/* What a grant takes out and how: copies under the same profile are the same. */
struct sha256 copy_profile(const struct agreement_grant *g);
/* The id that the copy of an object has under a profile; of another secret it is another. In the arena. */
struct sv copy_id(const struct copy_secret *s, const struct sha256 *profile, struct sv original,
                  struct arena *a);

struct copy_proof;

/* ---- parts: what is committed to */

/* A member, or one extension; name: the member's, or "extensions/" and the extension's, with "~" as "~0" and
 * "/" as "~1". */
struct copy_part {
    struct sv name;
    struct sv key;  /* of the member or extension as it stands */
    bool extension; /* it stands in `extensions` */
    struct jv value;
    bool kept; /* it stands in the copy unchanged */
};
/* All parts of an object but the extension of copies. ERR_LIMIT when there are more than COPY_MEMBERS. */
int copy_parts(struct jv object, struct arena *a, struct copy_part **ret, size_t *ret_n,
               struct err *e) MUST_USE;
/* Appends what is hashed after the salt: canonical [name, value] or ["extensions", name, value]. */
int copy_part_bytes(const struct copy_part *p, struct buf *out, struct err *e) MUST_USE;
/* The object as JSON with only the first `proofs` proofs; SIZE_MAX: without the extension. */
void copy_without(struct jv object, size_t proofs, struct buf *out);
/* What remains the same of 32 bytes in text: 43 characters of base64url. */
#define COPY_TEXT 44
void copy_text(const uint8_t b[32], char ret[COPY_TEXT]);
/* False unless it is exactly what copy_text gives for some bytes. */
bool copy_text_read(struct sv s, uint8_t ret[32]);

/* ---- making */

struct copy_terms {
    const struct agreement_grant *grant;
    struct sha256 profile;
    const struct copy_secret *secret;
    struct sv creator; /* our identity */
    enum tlp marking;  /* of the whole, as the node holds it */
    /* What stands for a reference: 1 and an id, 0 = the object stays. */
    int (*ref)(void *ctx, struct sv property, struct sv target, struct sv *ret, struct err *e);
    /* Appends an object that is known here, 1, or 0: what one that is taken out is called must not show
     * either. May be NULL. */
    int (*about)(void *ctx, struct sv id, struct buf *json, struct err *e);
    /* Whether a proof that the original came with may be passed on: its signature is checked where its
     * holder's key is known. NULL: it may. */
    bool (*vouch)(void *ctx, const struct copy_proof *p);
    void *ctx;
};
/* Works on one object at a time; its memory serves the next. */
struct copier;
struct copier *copier_new(void); /* NULL without memory */
void copier_free(struct copier *c);
/*
 * Makes the copy, not signed yet: 1 = *ret is it, read (its views die at the next call), 0 = there is none.
 * `original` lives in another document than the copier's.
 */
struct copy_made {
    struct sv id;
    struct jv object;
    struct sv text; /* as it goes, save for its proof */
};
int copy_make(struct copier *c, struct jv original, const struct copy_terms *t, struct copy_made *ret,
              struct err *e) MUST_USE;
/* Whether the copy just made may not go after all: a sentence that says why, or NULL. docs/copies.md, "Looked
 * at again". */
int copy_look_again(struct copier *c, struct jv original, const struct copy_terms *t, const char **ret_why,
                    struct err *e) MUST_USE;
/* Something like an e-mail address stands in a text or name inside of the value, however it is written. */
bool pact_names_somebody(struct jv v);
/* `sign` signs a payload of this type (DSSE) with the key that `key` names ("name+hash" of a verification
 * key); appends the copy with its proof. */
struct copy_signer {
    int (*sign)(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e);
    void *ctx;
    struct sv key;
    struct sv holder; /* our identity */
};
int copy_seal(struct copier *c, const struct copy_signer *s, struct buf *out, struct err *e) MUST_USE;
/* What tells one part of an original later: {"member","salt","type","value"}. `name` "" = the whole object.
 * ERR_NOT_FOUND when it has no such part. */
int copy_disclose(struct copier *c, struct jv original, const struct copy_secret *secret, struct sv name,
                  struct buf *out, struct err *e) MUST_USE;

/* ---- checking */

struct copy_salt {
    struct sv name;
    uint8_t salt[32];
};
struct copy_proof {
    struct uuid holder;
    struct sv key;               /* "name+hash" of the message key that signed */
    const uint8_t (*digest)[32]; /* by their text, each once */
    size_t digests;
    const struct copy_salt *salt;
    size_t salts;
    struct sha256 copy;
    uint8_t signature[64];
    struct sv payload; /* what was signed, under COPY_PAYLOAD */
};
/* Reads the proofs strictly, eldest first; views into the document or the arena. ERR_NOT_FOUND: it is no
 * copy; ERR_VALUE names what is not as it must be. */
int copy_proofs(struct jv object, struct arena *a, struct copy_proof **ret, size_t *ret_n,
                struct err *e) MUST_USE;
bool copy_signed_by(const struct copy_proof *p, const uint8_t pub[32]);
/*
 * Whether the copy is what the last proof says, and every member with a salt is one of the digests. ERR_VALUE
 * names what is not. *ret: its parts; by[i]: which proofs stand for part i, bit k for the k-th, 0 = nothing
 * but the last holder's word.
 */
struct copy_checked {
    const struct copy_part *part;
    const unsigned *by;
    size_t parts;
};
int copy_check(struct copier *c, struct jv object, const struct copy_proof *p, size_t n, struct arena *a,
               struct copy_checked *ret, struct err *e) MUST_USE;
/* Which proof a disclosure belongs to; ERR_VALUE when it is none or belongs to none of them. *ret_name views
 * into it ("" = the whole object). */
int copy_disclosed(struct jv disclosure, const struct copy_proof *p, size_t n, struct arena *a,
                   size_t *ret_proof, struct sv *ret_name, struct jv *ret_value, struct err *e) MUST_USE;
