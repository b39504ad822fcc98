/* What the files of ledger/ share. */
#pragma once

#include "ledger/ledger.h"

#include <pthread.h>

#define ENTRY_MAX 65535u     /* bytes of an entry: tlog-tiles has 16 bits for its length */
#define PACK_MAX (64u << 20) /* bytes of a pack */
#define PACK_SALT 16u
#define NOTE_MAX 65536u
#define NOTE_MAX_SIGNATURES 64
#define CODEC_PLAIN "pack1"
#define CODEC_ZSTD "pack1+zstd"
#define KIND_EPOCH "epoch"     /* the ledger's own kind: first entry of every epoch but the first */
#define KIND_PAD "pad"         /* says nothing: fills the tree up before a checkpoint */
#define KIND_EXPUNGE "expunge" /* the ledger's own: orders that records be destroyed */

static inline int err_of(const struct err *e)
{
    return e && e->code ? e->code : ERR_INTERNAL;
}

/* ---- merkle.c ---- */

/* Appends a full subtree of 2^height leaves; the size must be a multiple of 2^height. `full` (may be NULL) is
 * told every subtree that became full. */
typedef void (*merkle_full_fn)(void *ctx, unsigned height, uint64_t index, const struct sha256 *hash);
void merkle_append_full(struct merkle *m, unsigned height, const struct sha256 *hash, merkle_full_fn full,
                        void *ctx);
/* Root over the leaves begin <= i < end. False stops the proof. */
typedef bool (*merkle_range_fn)(void *ctx, uint64_t begin, uint64_t end, struct sha256 *ret);
/* Proof from range roots; SIZE_MAX when `range` failed. */
size_t merkle_prove_inclusion_ranges(uint64_t index, uint64_t size, merkle_range_fn range, void *ctx,
                                     struct sha256 *proof);
size_t merkle_prove_consistency_ranges(uint64_t m, uint64_t n, merkle_range_fn range, void *ctx,
                                       struct sha256 *proof);

/* ---- note.c ---- */

struct note_sig {
    struct sv name;
    uint32_t id;
    struct sv bytes; /* without the key id; in the arena given to note_sig_parse */
};
/* Splits a note into text (with its final LF) and signature lines. */
int note_split(struct sv note, struct sv *ret_text, struct sv *ret_signatures, struct err *e) MUST_USE;
/* Reads one line "— name base64". */
int note_sig_parse(struct sv line, struct arena *a, struct note_sig *ret, struct err *e) MUST_USE;
/* Seconds since 1970 that a cosigner wrote into the note; 0 when it did not sign. The signature must have
 * been checked. */
uint64_t note_cosigned_at(struct sv note, const struct note_key *cosigner);

/* ---- content.c ---- */

struct codec;
struct codec *codec_new(void);
void codec_free(struct codec *c);
struct content {
    const char *codec;
    struct sv bytes;
    struct sha256 sum; /* over codec, NUL and bytes as stored: damage is found before it is decoded */
};
/* How a pack is stored: compressed where that saves an eighth. Views die at the next call. */
void content_encode(struct codec *c, struct sv pack, struct content *ret);
int content_decode(struct codec *c, struct sv codec, struct sv bytes, struct sv *ret_pack,
                   struct err *e) MUST_USE;
struct sha256 content_sum(struct sv codec, struct sv bytes);

/* ---- pack.c ---- */

/* One record with its salt before it, or the hash of an expunged one. False at the end; c->failed: no pack.
 */
bool pack_next_raw(struct cur *c, struct sv *ret, bool *ret_expunged);
/* Root and number of records, computed from a pack's bytes; *ret_expunged counts those of which only the hash
 * is left. False: not a pack. */
bool pack_tree(struct sv pack, struct merkle *ret, uint64_t *ret_expunged);

/* ---- expunge.c ---- */

void places_sort(struct ledger_place *p, size_t n);
int places_compare(const struct ledger_place *a, const struct ledger_place *b);
/* The places that one record of an order names. False: it is none. */
bool expunge_each(struct sv record, void (*each)(void *ctx, const struct ledger_place *p), void *ctx);

/* ---- entry.c ---- */

struct entry_body {
    usec at;
    uint64_t epoch;
    struct sv kind;
    uint64_t n; /* 0 = no content */
    struct uuid org;
    bool has_prev; /* kind "epoch": the head of the epoch before */
    struct sha256 prev_root;
    uint64_t prev_size;
    struct uuid record;
    struct sha256 root; /* when n > 0 */
    uint64_t seq;
    uint64_t source;
    uint64_t version;
};
/* Canonical JSON (RFC 8785). */
void entry_write(const struct entry_body *b, struct buf *out);
/* Reads one and checks that it is the canonical form of exactly these members. `kind` is a view that dies
 * with the document's next parse. */
int entry_read(struct json_doc *doc, struct sv text, struct entry_body *ret, struct err *e) MUST_USE;

/* ---- epoch.c ---- */

struct epoch {
    int64_t epoch;
    int64_t first_entry;
    int64_t prev_size;
    struct sha256 prev_root;
    char origin[160];
    char vkey[256];    /* public log key; "" while none is known */
    char witness[256]; /* public witness key of the same node: its cosignature carries a checkpoint's time */
};
/* Reads one epoch; number 0 means the newest. 1 = found, 0 = none. */
int epoch_read(struct db *db, int64_t number, struct epoch *ret, struct err *e) MUST_USE;
int epoch_insert(struct db *db, const struct epoch *ep, struct err *e) MUST_USE;
struct ledger;
/* Fills in the public keys that sign the epoch: the log key under the epoch's origin, and the witness key. */
int epoch_keys(const struct ledger *l, struct epoch *ep, struct err *e) MUST_USE;
/* At the first opening makes epoch 1; later demands the same origin and keys as before. */
int epoch_settle(struct ledger *l, struct err *e) MUST_USE;

/* ---- tree.c ---- */

void hash_copy(struct sv s, struct sha256 *ret); /* zeros when it is not 32 bytes */
/* The compact range of the epoch's leaves begin <= i < end, from stored tiles and leaf hashes. `begin` is
 * aligned as in RFC 6962 trees. */
int tree_range(struct db *db, const struct epoch *ep, uint64_t begin, uint64_t end, struct merkle *ret,
               struct err *e) MUST_USE;
/* A merkle_range_fn over the stored tree. */
struct tree_ranges {
    struct db *db;
    const struct epoch *epoch;
    struct err *e;
};
bool tree_range_root(void *ctx, uint64_t begin, uint64_t end, struct sha256 *ret);
int tree_last_entry(struct db *db, int64_t *ret, struct err *e) MUST_USE;
/* The newest checkpoint of an epoch. 1 = found (note appended to `note`), 0 = none. */
int checkpoint_newest(struct db *db, int64_t epoch, uint64_t *ret_size, struct buf *note,
                      struct err *e) MUST_USE;
/* Checks a stored note: signatures, origin, and what it says. */
int checkpoint_check(const struct epoch *ep, struct sv note, struct checkpoint *ret, uint64_t *ret_time,
                     struct err *e) MUST_USE;

/* ---- witnessed.c ---- */

/* Appends the cosignature lines kept for a checkpoint to its note. */
int checkpoint_cosignatures(struct db *db, int64_t epoch, uint64_t size, struct buf *note,
                            struct err *e) MUST_USE;

/* ---- ledger.c ---- */

struct ledger {
    struct db *db;
    struct keeper *keeper;
    char origin[128];
    unsigned pad; /* checkpoints are of a multiple of this; 0, 1 = of any size */
    struct ledger_kind *kinds;
    size_t kind_count;
    struct codec *codec;
    struct json_doc *doc; /* used inside write transactions only */
    struct buf body;
    pthread_mutex_t
        signing; /* one checkpoint at a time: the keeper signs no smaller tree after a larger one */

    /* What the tables said when last read or appended to; only touched inside a write transaction. */
    struct epoch epoch;
    struct merkle tree;
    int64_t last_entry;
    uint64_t rollbacks;
};
const struct ledger_kind *kind_find(const struct ledger_kind *kinds, size_t n, struct sv name,
                                    int64_t version);
/* Reads the memory above again when a transaction was rolled back since. Inside a write transaction. */
int ledger_refresh(struct ledger *l, struct err *e) MUST_USE;
int ledger_load(struct ledger *l, struct err *e) MUST_USE;
/* Appends one entry; `b` lacks record, epoch and seq, which are filled in. */
int ledger_append(struct ledger *l, struct entry_body *b, struct sv pack, struct entry *ret,
                  struct err *e) MUST_USE;

/* ---- replay.c ---- */

/* One stored entry, met in order. Views live during the call. */
struct stored {
    int64_t id, epoch, seq;
    struct sv body, hash;
    bool has_content;
    struct sv codec, key_id, bytes, sum;
};
typedef int (*stored_fn)(void *ctx, const struct stored *s, struct err *e);
int stored_each(struct db *db, stored_fn each, void *ctx, struct err *e) MUST_USE;
/* Applies an entry whose body was read and whose content is `pack`. */
int replay_apply(const struct ledger_kind *kinds, size_t n, struct db *into, int64_t id,
                 const struct entry_body *b, struct sv pack, struct err *e) MUST_USE;

/* ---- verify.c, verify_tables.c ---- */

struct findings {
    const struct ledger_progress *p;
    int64_t count;
};
void found(struct findings *f, const char *what, const char *where, ...) PRINTF(3, 4);
void progress(const struct findings *f, const char *stage, uint64_t done, uint64_t total);
/* Compares every view table of `live` with that of `made`. */
int verify_tables(struct db *live, struct db *made, struct findings *f, struct err *e) MUST_USE;
