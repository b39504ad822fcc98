/* Hashes, random bytes, identifiers and their text forms. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct sha256 {
    uint8_t b[32];
};

/* One-shot SHA-256 (nettle). */
struct sha256 sha256_of(struct sv s);
/* SHA-256 over the concatenation of `n` parts. */
struct sha256 sha256_parts(const struct sv *parts, size_t n);
/* HMAC-SHA-256 (RFC 2104) under a key of 32 bytes. */
struct sha256 hmac_sha256(const struct sha256 *key, struct sv message);
struct sha256_state {
    uint64_t opaque[16];
};
void sha256_start(struct sha256_state *s);
void sha256_more(struct sha256_state *s, struct sv bytes);
struct sha256 sha256_end(struct sha256_state *s);
/* RFC 6962 2.1: leaf = SHA-256(0x00 || entry), node = SHA-256(0x01 || left || right). */
struct sha256 sha256_leaf(struct sv entry);
struct sha256 sha256_node(const struct sha256 *left, const struct sha256 *right);
/* SHA-1 for UUIDv5 only. */
void sha1_of(struct sv s, uint8_t ret[20]);
void sha1_parts(const struct sv *parts, size_t n, uint8_t ret[20]);

/* Keyed 64-bit hash (XXH3 with a 192-byte secret): table keys that are stored use the node's secret, others
 * the process's. */
struct hash_secret {
    uint8_t b[192];
};
uint64_t hash64(const struct hash_secret *k, struct sv s);
/* Secret made once per process from random bytes. */
const struct hash_secret *hash_process_secret(void);

/* Fills from the kernel's generator through libsodium; never fails after hash_init. */
void random_bytes(void *p, size_t n);
/* Must be called once at start (libsodium). */
int crypto_start(struct err *e) MUST_USE;

struct uuid {
    uint8_t b[16];
};
struct uuid uuid_v4(void);
/* RFC 4122 4.3 name-based with SHA-1. */
struct uuid uuid_v5(struct uuid ns, struct sv name);
bool uuid_parse(struct sv s, struct uuid *ret); /* 36 characters, any case, any version */
void uuid_text(struct uuid u, char ret[37]);    /* lower case */
bool uuid_eq(struct uuid a, struct uuid b);
bool uuid_nil(struct uuid u);

void hex_text(const void *p, size_t n, char *ret); /* 2n+1 bytes, lower case */
bool hex_parse(struct sv s, void *ret, size_t n);  /* exactly 2n digits, any case */
void base64_add(struct buf *b, struct sv bytes);   /* RFC 4648 4, padded */
/* Strict padded base64 into an arena; false when malformed. */
bool base64_parse(struct arena *a, struct sv s, struct sv *ret);
/* base64url without padding, for tokens. */
void base64url_add(struct buf *b, struct sv bytes);
/* Constant-time equality. */
bool secret_eq(struct sv a, struct sv b);
