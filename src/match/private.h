/*
 * What the files of match/ share: the layout of a block, how keys are hashed, and the steps of a look-up.
 *
 * A block is a header, a heap of values, one hash table over everything but IPv4, a filter in front of that
 * table, and the IPv4 tables. All of it is offsets and plain integers of the host's byte order.
 */
#pragma once

#include "match/match.h"

#define BLOCK_MAGIC UINT64_C(0x3154455348434d4e) /* "NMCHSET1" on the machines we build for */
#define BLOCK_VERSION 1u
#define BLOCK_HEAD                                                                                           \
    1024u /* where the heap begins; its first bytes stay empty so that no record has offset 0 */
#define BLOCK_HEAP_FIRST 8u
#define NONE32 UINT32_MAX
#define UNINITIALIZED                                                                                        \
    __attribute__((uninitialized)) /* scratch in the hot path, written before it is read                     \
                                    */

/* ---- layout ---- */

struct section {
    uint64_t at; /* byte offset in the block */
    uint64_t n;  /* elements */
};

struct block {
    uint64_t magic;
    uint32_t version;
    uint32_t kinds;         /* bit per kind that stands in the hash table */
    uint64_t bytes;         /* of the whole block */
    uint64_t count;         /* indicators */
    uint64_t homes;         /* slots that a hash can point at; `slots` has some more behind them */
    uint64_t v6_lengths[3]; /* bit per IPv6 prefix length in use, 0 to 128 */
    struct hash_secret secret;
    struct section heap;   /* bytes */
    struct section slots;  /* struct slot */
    struct section filter; /* uint64_t */
    struct section v4;     /* struct v4_entry, by address, then length: parents stand before their children */
    struct section ranges; /* struct v4_range: disjoint, ascending from 0.0.0.0: they cover everything */
    struct section top;    /* uint32_t: range that holds the first address of each /16, and the last range */
};
_Static_assert(sizeof(struct block) <= BLOCK_HEAD, "the header must fit before the heap");

enum { SLOT_WILDCARD = 1 };

/*
 * The table is ordered: hash h stands at or behind its home h * homes / 2^64, slots are sorted by hash within
 * a run, and the last slot is empty. So a search ends at the first greater hash, and growing is one sweep
 * from left to right.
 */
struct slot {
    uint64_t hash;
    uint32_t ref; /* record in the heap: uint32_t number, then the value's bytes; 0 = empty slot */
    uint16_t len; /* bytes of the value in the heap; for IPv6 its prefix length (the value is 16 bytes) */
    uint8_t kind;
    uint8_t flags; /* of a name: SLOT_*; of a URL: where its match key begins, 255 = not within 254 bytes */
};
_Static_assert(sizeof(struct slot) == 16, "four slots a cache line");

struct v4_entry {
    uint32_t addr;
    uint32_t number;
    uint32_t parent; /* next wider entry that holds this one, or NONE32 */
    uint32_t bits;
};

struct v4_range {
    uint32_t start;
    uint32_t owner; /* most specific entry of its addresses, or NONE32 */
};

#define SUFFIX_CACHE 1024u

struct matchset {
    _Atomic unsigned refs;
    int fd;
    size_t bytes;
    const struct block *block;
    const char *heap;
    const struct slot *slots;
    const uint64_t *filter;
    const struct v4_entry *v4;
    const struct v4_range *ranges;
    const uint32_t *top;
    _Atomic uint64_t *suffixes; /* SUFFIX_CACHE answers of public_suffix: (entry + 1) * 2 + answer */
    uint8_t v6_bits[129];       /* lengths in use, longest first */
    uint8_t v6_n;
};

static inline size_t scale(uint64_t hash, uint64_t n)
{
    __extension__ typedef unsigned __int128 wide;
    return (size_t)((wide)hash * n >> 64);
}

static inline size_t slot_bytes(const struct slot *s)
{
    return s->kind == KIND_IPV6 ? 16 : s->len;
}

static inline struct sv slot_value(const char *heap, const struct slot *s)
{
    return (struct sv){heap + s->ref + sizeof(uint32_t), slot_bytes(s)};
}

/* First slot at or behind the home of `hash` that is empty or not smaller. */
static inline const struct slot *slot_seek(const struct slot *slots, uint64_t homes, uint64_t hash)
{
    const struct slot *s = slots + scale(hash, homes);
    while (s->ref && s->hash < hash)
        s++;
    return s;
}

/* ---- filter: one word a key, four bits in it; about 1 % of absent keys pass ---- */

#define FILTER_KEY_BITS 12u

static inline uint64_t filter_mask(uint64_t hash)
{
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) | UINT64_C(1) << (hash >> 12 & 63) |
           UINT64_C(1) << (hash >> 18 & 63);
}

static inline const uint64_t *filter_word(const struct matchset *m, uint64_t hash)
{
    return m->filter + scale(hash, m->block->filter.n);
}

static inline bool filter_has(const struct matchset *m, uint64_t hash)
{
    return (*filter_word(m, hash) & filter_mask(hash)) == filter_mask(hash);
}

/* ---- key.c: from values to hashed keys ---- */

#define URL_HOST_SPACE 255u /* "this host has URL indicators": in the filter only */

/* Keys of different spaces (kinds, and prefix lengths of IPv6) must not meet. */
uint64_t key_hash(const struct hash_secret *secret, unsigned space, struct sv bytes);

static inline unsigned v6_space(unsigned bits)
{
    return KIND_IPV6 | bits << 8;
}

/* Bytes of a kind whose canonical text is that many bytes as hexadecimal digits; 0 for other kinds. */
size_t hex_bytes(unsigned kind);
/* Strict: exactly 2n lower-case digits. */
bool hex_read(struct sv text, uint8_t *ret, size_t n);
/* True when `text` is `bytes` as lower-case digits. */
bool hex_same(struct sv text, struct sv bytes);
/* Address with the bits behind the first `bits` cleared. */
void v6_masked(const uint8_t ip[16], unsigned bits, uint8_t ret[16]);
/* Match key of the URL indicator with this text. */
struct sv url_slot_key(const struct slot *s, struct sv text);
/* "host:port" of a URL's match key. */
struct sv url_key_host(struct sv key);
/* Length of the match key without one final separator ('/', '?', or '&' in the query). */
size_t url_key_stem(struct sv key);
/* True when names below it belong to strangers: "co.jp", "duckdns.org", every top-level domain. */
bool public_suffix(struct sv domain);

/* ---- range.c: IPv4 ---- */

struct v4_add {
    uint32_t addr;
    uint32_t number;
    uint32_t order; /* of addition: the first of equal prefixes wins */
    uint32_t bits;
};
struct v4_tables {
    struct v4_entry *entries;
    struct v4_range *ranges;
    size_t n; /* entries */
    size_t n_ranges;
};
#define V4_TOP 65537u

static inline uint32_t v4_addr(const uint8_t ip[16])
{
    return (uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 | (uint32_t)ip[14] << 8 | ip[15];
}

static inline uint32_t v4_mask(unsigned bits)
{
    return bits ? UINT32_MAX << (32 - bits) : 0;
}

/* Sorts `add` and makes entries and ranges of it; release with v4_tables_clear. */
int v4_tables_make(struct v4_add *add, size_t n, struct v4_tables *ret, struct err *e) MUST_USE;
void v4_tables_clear(struct v4_tables *t);
/* Fills the table of V4_TOP numbers. */
void v4_top_fill(const struct v4_tables *t, uint32_t *top);
/* Checks what v4_find relies on; false when the tables could lead it out of bounds or into a circle. */
bool v4_tables_ok(const struct matchset *m);
/* Most specific entry that holds the prefix, or NONE32. */
uint32_t v4_find(const struct matchset *m, uint32_t addr, unsigned bits);

/* ---- block.c, map.c, build.c ---- */

struct matchset_build {
    int fd;
    uint8_t *map; /* the memfd: header and heap while building */
    size_t mapped;
    size_t heap_n; /* bytes of the heap in use */
    struct slot *slots;
    size_t homes;
    size_t room; /* slots allocated, the last one always empty */
    size_t used;
    struct slot pending[32];
    uint32_t pending_size[32];
    size_t n_pending;
    struct v4_add *v4;
    size_t v4_n, v4_room;
    uint64_t *hosts; /* hashes of hosts with URL indicators */
    size_t hosts_n, hosts_room;
    uint64_t v6_lengths[3];
    uint32_t kinds;
    bool used_up;
    struct hash_secret secret;
};

/* Gives the builder's hashes a known secret instead of a random one: for tests that must repeat exactly.
 * Before the first add. */
void matchset_build_secret(struct matchset_build *b, const struct hash_secret *secret);
/* Inserts the pending records into the builder's table. */
int build_drain(struct matchset_build *b, struct err *e) MUST_USE;
/* Makes the memfd and its mapping `bytes` long. */
int build_reserve(struct matchset_build *b, size_t bytes, struct err *e) MUST_USE;
/* Copies the ordered table `from` into `to` for another number of homes; with `to` NULL only measures.
 * Returns the slots needed. */
size_t slots_spread(const struct slot *from, size_t n, uint64_t homes, struct slot *to);

/* ---- query.c: what one observation asks for ---- */

#define CUTS_MAX 32u                 /* keys of one URL or one name */
#define NAME_DOTS 128u               /* a name has at most 253 bytes */
#define PROBES_MAX (CUTS_MAX + 129u) /* a URL's keys, then its host as name or as IPv6 address */

/* One key to look for. */
struct probe {
    uint64_t hash;
    const char *p; /* the key's bytes; for IPv6 the whole address */
    uint32_t n;
    uint8_t kind;
    uint8_t bits; /* IPv6: prefix length */
    bool whole;   /* a name with nothing cut off */
    bool host;    /* asked for the host of a URL or e-mail address */
};

struct query {
    const struct obs *o;
    struct sv key;      /* a URL's match key, or the value as it is */
    struct sv name;     /* a domain, or the host of a URL or e-mail address when that is a name */
    uint64_t host_hash; /* URL: hash of its host in URL_HOST_SPACE */
    uint8_t ip[16];
    uint8_t family; /* 4 or 6 when an address is asked for, else 0 */
    uint8_t bits;
    uint32_t v4_entry; /* what v4_find answered */
    bool ip_host;      /* the address is the host of a URL */
    size_t first, n;   /* its probes in a shared array */
};

/* Reads the observation and prefetches what query_probes looks at first. */
void query_start(const struct matchset *m, const struct obs *o, struct query *q);
/* Lists the keys, most specific first, and prefetches their filter words; SIZE_MAX when `max` is too small.
 */
size_t query_probes(const struct matchset *m, struct query *q, struct probe *out, size_t max);
/*
 * Confirms the run of equal hashes at `s` byte by byte and appends hits in order. Hash equality alone is
 * never a match.
 */
size_t query_hits(const struct matchset *m, const struct query *q, const struct probe *p,
                  const struct slot *s, struct hit *ret, size_t max);
/* Looks the IPv4 address up and prefetches what query_v4_hits reads. */
void query_v4(const struct matchset *m, struct query *q);
/* The entries that query_v4 found. */
size_t query_v4_hits(const struct matchset *m, const struct query *q, struct hit *ret, size_t max);
