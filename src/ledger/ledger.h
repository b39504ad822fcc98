/*
 * ledger: what happened, provably.
 *
 * An append-only Merkle log (RFC 6962 hashes) with entries of canonical JSON, content packs committed to by
 * salted leaves, signed C2SP checkpoints, and entry kinds that other rooms register. The ledger is the truth:
 * view tables are what `apply` makes of it. May call base/ stix/ store/ net/ jobs/.
 */
#pragma once

#include "store/store.h"

/* ---- pure parts: Merkle trees and signed notes
 * -------------------------------------------------------------------------- */

/* Compact range of an append-only tree: full-subtree roots. */
struct merkle {
    uint64_t size;
    struct sha256 stack[64];
};
void merkle_append(struct merkle *m, const struct sha256 *leaf_hash);
struct sha256 merkle_root(const struct merkle *m); /* of the empty tree: SHA-256("") */
/* RFC 9162 2.1.3.2 / 2.1.4.2. */
bool merkle_check_inclusion(uint64_t index, uint64_t size, const struct sha256 *leaf,
                            const struct sha256 *proof, size_t n, const struct sha256 *root);
bool merkle_check_consistency(uint64_t m, uint64_t n, const struct sha256 *root_m,
                              const struct sha256 *root_n, const struct sha256 *proof, size_t count);
/* Proofs over leaf hashes given by `leaf(ctx, i)`; at most 64 hashes into `proof`; returns how many. */
typedef struct sha256 (*merkle_leaf_fn)(void *ctx, uint64_t i);
size_t merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_leaf_fn leaf, void *ctx,
                              struct sha256 *proof);
size_t merkle_prove_consistency(uint64_t m, uint64_t n, merkle_leaf_fn leaf, void *ctx, struct sha256 *proof);

#define NOTE_ED25519 0x01
#define NOTE_COSIGNATURE 0x04
struct note_key {
    char name[128];
    uint8_t type;
    uint8_t pub[32];
    uint32_t id;
};
/* key id = SHA-256(name || 0x0A || type || pub)[0:4]. Names: no white space, no '+'. */
int note_key_make(struct sv name, uint8_t type, const uint8_t pub[32], struct note_key *ret,
                  struct err *e) MUST_USE;
int note_key_parse(struct sv vkey, struct note_key *ret, struct err *e) MUST_USE;
void note_key_text(const struct note_key *k, struct buf *out);
/* Appends "— name base64(id || sig)\n". */
void note_add_signature(struct buf *note, const struct note_key *k, struct sv signature);
/* Verifies a signed note: splits text and signatures, checks those of the known keys; ERR_CRYPTO when a known
 * key's signature fails or none is known. `ret_text` includes its final LF. *ret_mask: bit i = keys[i]
 * signed. */
int note_check(struct sv note, const struct note_key *keys, size_t n, struct sv *ret_text, uint32_t *ret_mask,
               struct err *e) MUST_USE;
struct checkpoint {
    struct sv origin;
    uint64_t size;
    struct sha256 root;
};
int checkpoint_parse(struct sv text, struct checkpoint *ret, struct err *e) MUST_USE;
void checkpoint_text(const struct checkpoint *c, struct buf *out);
/* The message a cosignature signs: "cosignature/v1\ntime N\n" || checkpoint text. */
void cosignature_message(uint64_t unix_time, struct sv checkpoint, struct buf *out);
/* "c2sp.org/tlog-proof@v1" file; `extra` is base64 for its extra line, "" = none. */
void tlog_proof_text(uint64_t index, const struct sha256 *proof, size_t n, struct sv extra,
                     struct sv checkpoint_note, struct buf *out);

/* ---- keeper: the process that holds the seeds
 * ----------------------------------------------------------------------------- */

enum keeper_key { KEEPER_LOG, KEEPER_WITNESS, KEEPER_MESSAGES };
struct keeper;
/* Makes the three seed files ("log.seed", "witness.seed", "messages.seed", mode 0600) and "*.vkey" files in
 * the directory. Existing ones are ERR_EXISTS. */
int keeper_make_keys(const char *dir, const char *node_name, struct err *e) MUST_USE;
/*
 * Forks the keeper: it reads the seeds (refusing files others may read), narrows itself, and answers typed
 * requests over a socketpair. Call before threads are started and before any input is read. A wrong or
 * damaged key file is named.
 */
struct keeper *keeper_start(const char *dir, struct err *e);
void keeper_stop(struct keeper *k);
const struct note_key *keeper_public(const struct keeper *k, enum keeper_key which);
/* Signs a checkpoint text with the log key. The keeper refuses text that is not a checkpoint of its origin or
 * whose size is smaller than one it signed in this run. */
int keeper_sign_checkpoint(struct keeper *k, struct sv text, uint8_t ret_sig[64], struct err *e) MUST_USE;
int keeper_cosign(struct keeper *k, struct sv text, uint64_t unix_time, uint8_t ret_sig[64],
                  struct err *e) MUST_USE;
/* DSSE PAE of payload type and body, with the messages key. */
int keeper_sign_message(struct keeper *k, struct sv payload_type, struct sv body, uint8_t ret_sig[64],
                        struct err *e) MUST_USE;

/* ---- files signed with the message key in the form of minisign 0.11 (https://jedisct1.github.io/minisign):
 * prehashed, "ED"; whoever has the card can check them without this program */

#define MINISIGN_HASH 64 /* BLAKE2b-512 */
#define MINISIGN_NUMBER 8
#define MINISIGN_COMMENT 1024
/* The public key's file. */
void minisign_public(const struct note_key *messages, struct buf *out);
/* The signature's file from its parts; pure. */
void minisign_write(const uint8_t number[MINISIGN_NUMBER], const uint8_t sig[64], struct sv comment,
                    const uint8_t comment_sig[64], struct buf *out);
bool minisign_comment(struct sv s); /* one line of text that is not too long */
/* Reads `fd` to its end; appends the signature's file. The comment is signed too. */
int minisign_sign(struct keeper *k, int fd, struct sv comment, struct buf *out, struct err *e) MUST_USE;
/* What the keeper signs for it: the hash of a file; that signature with a comment behind it. */
int keeper_sign_file(struct keeper *k, const uint8_t hash[MINISIGN_HASH], uint8_t ret_sig[64],
                     struct err *e) MUST_USE;
int keeper_sign_comment(struct keeper *k, const uint8_t hash[MINISIGN_HASH], struct sv comment,
                        uint8_t ret_sig[64], struct err *e) MUST_USE;

/* ---- the log
 * -------------------------------------------------------------------------------------------------------------
 */

struct ledger;

/* A pack: the records of one entry, each with its own random 16-byte salt; record hash = SHA-256(salt ||
 * bytes). An expunged record keeps only its hash. */
struct pack {
    struct buf b;
    size_t n;
    struct merkle tree;
    uint8_t salts[4096]; /* random bytes not used yet: the kernel is asked once for many records */
    size_t salts_left;
};
void pack_init(struct pack *p);
void pack_clear(struct pack *p);
void pack_reset(struct pack *p);
void pack_add(struct pack *p, struct sv record);
struct pack_it {
    struct cur c;
};
struct pack_it pack_each(struct sv pack_bytes);
/* False at the end (check it->c.failed). `ret_record.p` is NULL for an expunged record. */
bool pack_next(struct pack_it *it, struct sv *ret_record);

/* What `apply` gets to see. */
struct entry {
    int64_t id; /* position over all epochs: 1, 2, ... */
    int epoch;
    uint64_t seq;       /* index in the epoch's tree */
    struct uuid record; /* random */
    usec at;            /* when it was accepted */
    struct uuid org;    /* owner */
    int64_t source;     /* source number, 0 = the node itself */
    struct sv content;  /* the pack's bytes; empty without content */
};
/*
 * A kind of entry. `apply` makes the view rows; it reads no clock, no random bytes, no configuration, no
 * network, and does the same every time. `ctx` is given at ledger_open. Table hash secrets of the node may be
 * used: they are restored with it.
 */
struct ledger_kind {
    const char *name; /* "claims" */
    int version;
    int (*apply)(void *ctx, struct db *db, const struct entry *entry, struct err *e);
    void *ctx;
};

extern const struct db_room ledger_room; /* tables: epoch, entry, content, checkpoint (all neither view nor
                                            state: the truth; declared STATE) */

/* `kinds` ends with a NULL name and is copied. `keeper` may be NULL: then checkpoints cannot be signed.
 * Checks that the last checkpoint fits the entries' count. */
struct ledger *ledger_open(struct db *db, struct keeper *keeper, struct sv origin,
                           const struct ledger_kind *kinds, struct err *e);
void ledger_close(struct ledger *l);
/* The keeper it was opened with; NULL without one. */
struct keeper *ledger_keeper(const struct ledger *l);
/* From now on a tree with something new is filled up to a multiple of so many entries (kind "pad", without
 * content) before its checkpoint is signed. */
void ledger_pad_to(struct ledger *l, unsigned multiple);

/*
 * The one way in: appends an entry and applies it, inside the caller's transaction (db_begin). `pack` may be
 * NULL. After an error the transaction can only be rolled back (db_doom is called): an entry is never
 * committed without its rows.
 */
struct ledger_header {
    const char *kind;
    int64_t source;
    struct uuid org;
    usec at;
};
int ledger_accept(struct ledger *l, const struct ledger_header *h, const struct pack *pack,
                  int64_t *ret_entry, struct err *e) MUST_USE;

/* ---- expunging: what is taken back leaves its commitment behind and nothing else */

struct ledger_place {
    int64_t entry;
    uint64_t record; /* in the entry's pack, from 0 */
};
/*
 * Destroys salt and bytes of records, and appends the entry (kind "expunge") that says it was ordered. Inside
 * the caller's transaction, in which the rows made of them go as well: what `apply` makes of an entry is made
 * without them from now on. Those expunged before are passed over. Sorts `p`. ERR_VALUE: no such record.
 * After an error the transaction can only be rolled back. `h->kind` is not looked at.
 */
int ledger_expunge(struct ledger *l, const struct ledger_header *h, struct ledger_place *p, size_t n,
                   uint64_t *ret_done, struct err *e) MUST_USE;
/* The records of one entry, or of all entries of a kind and source (0 = any) from an entry on, but for
 * expunged ones. Inside a write transaction; `each` must not append. ERR_NOT_FOUND: the entry holds none. */
typedef int (*ledger_each_fn)(void *ctx, const struct ledger_place *p, struct sv record, struct err *e);
int ledger_records(struct ledger *l, int64_t entry, ledger_each_fn each, void *ctx, struct err *e) MUST_USE;
int ledger_records_of(struct ledger *l, const char *kind, int64_t source, int64_t from, ledger_each_fn each,
                      void *ctx, struct err *e) MUST_USE;

/*
 * Signs a checkpoint over all committed entries after a full sync, and stores it. Nothing when nothing was
 * added since the last one. A clock more than five minutes before the last checkpoint's time is ERR_VALUE
 * with a remedy: nothing is signed, nothing lost.
 */
int ledger_checkpoint(struct ledger *l, usec now, struct err *e) MUST_USE;
struct ledger_state {
    int epoch;
    uint64_t size;   /* entries of this epoch */
    int64_t entries; /* of all epochs */
    struct sha256 root;
    usec checkpoint_at; /* USEC_NONE = none yet */
    uint64_t checkpoint_size;
};
int ledger_state(struct ledger *l, struct ledger_state *ret, struct err *e) MUST_USE;

/* One thing `verify` found wrong: where ("entry 17", "content of entry 17, record 3", "checkpoint at size
 * 40", "table claim, row 9") and what. */
struct ledger_finding {
    const char *where;
    const char *what;
};
struct ledger_progress {
    void (*step)(void *ctx, const char *stage, uint64_t done, uint64_t total);
    void (*found)(void *ctx, const struct ledger_finding *f);
    void *ctx;
    uint64_t *expunged; /* verify: how many records were destroyed by order; may be NULL */
};
/*
 * Recomputes everything: entry hashes, roots, checkpoints and their signatures, content against commitments,
 * then applies all entries into a scratch database and compares every view table row by row. Returns how many
 * findings (>= 0) or a negative code. `scratch` opens an empty database with all rooms migrated and its own
 * kinds (ctx's bound to it); the database is closed here, the kinds stay the caller's. NULL leaves the view
 * tables out.
 */
typedef struct db *(*ledger_scratch_fn)(void *ctx, struct ledger_kind **ret_kinds, struct err *e);
int64_t ledger_verify(struct ledger *l, ledger_scratch_fn scratch, void *ctx, const struct ledger_progress *p,
                      struct err *e) MUST_USE;
/* Empties the view tables and applies all entries again, in one transaction. */
int ledger_rebuild(struct ledger *l, const struct ledger_progress *p, struct err *e) MUST_USE;
/* After a restore: opens a new epoch whose first entry (kind "epoch") names the last head, and signs it. */
int ledger_new_epoch(struct ledger *l, usec now, struct err *e) MUST_USE;
/* tlog-proof of one entry against the newest checkpoint. */
int ledger_prove(struct ledger *l, int64_t entry, struct buf *out, struct err *e) MUST_USE;
/*
 * The same with an extra line that holds the entry and the first of its records that `wanted` takes, with
 * salt and path (docs/ledger.md, "Proofs"): all that a stranger needs to check the record. `wanted` NULL: the
 * entry alone. ERR_NOT_FOUND when the record is not there (any more).
 */
typedef bool (*ledger_record_fn)(void *ctx, struct sv record);
int ledger_prove_record(struct ledger *l, int64_t entry, ledger_record_fn wanted, void *ctx, struct buf *out,
                        struct err *e) MUST_USE;

/* ---- witnessing (https://c2sp.org/tlog-witness)
 * ------------------------------------------------------------------------------------------------- */

/* Lets a log be witnessed here; its name is its origin. In a transaction. ERR_EXISTS when it is known with
 * another key. */
int witness_trust(struct ledger *l, const struct note_key *log, usec now, struct err *e) MUST_USE;
struct witness_answer {
    unsigned status;  /* HTTP: 200, 400, 403, 404, 409, 422 */
    const char *type; /* of the body */
    bool alarm;       /* the log has shown two heads that exclude each other: it is frozen now */
};
/*
 * Answers an add-checkpoint request: cosigns a head that provably holds the one remembered, which is on disk
 * before the cosignature is made. `body` gets the answer's body. Negative only when the node itself failed.
 */
int witness_add(struct ledger *l, struct sv request, usec now, struct witness_answer *ret, struct buf *body,
                struct err *e) MUST_USE;
/* The log has shown two heads that exclude each other, and no person has decided yet. */
bool witness_frozen(struct db *db, struct sv origin);
/* A person decided that a frozen log may go on. In a transaction. ERR_NOT_FOUND. */
int witness_thaw(struct ledger *l, struct sv origin, struct err *e) MUST_USE;
struct witnessed {
    struct sv origin, vkey;
    uint64_t size; /* of the last head; 0 = none yet */
    usec at;       /* when it was cosigned */
    bool frozen;
    struct sv alarm; /* the last one, or p NULL */
};
int witness_each(struct db *db, int (*each)(void *ctx, const struct witnessed *w), void *ctx,
                 struct err *e) MUST_USE;
/*
 * Being witnessed. The add-checkpoint request for our newest checkpoint from the size a witness is known to
 * hold, which may be the newest itself; ERR_NOT_FOUND when there is no checkpoint of that size or larger.
 */
int ledger_witness_request(struct ledger *l, uint64_t old, uint64_t *ret_size, struct buf *out,
                           struct err *e) MUST_USE;
/* Keeps the cosignature lines a witness answered with for our checkpoint of that size, after checking them
 * against its key. */
int ledger_cosigned(struct ledger *l, uint64_t size, struct sv lines, const struct note_key *witness,
                    struct err *e) MUST_USE;
/* The newest size and time that this witness cosigned of the present epoch; 0 and USEC_NONE = none. */
int ledger_cosigned_by(struct ledger *l, const struct note_key *witness, uint64_t *ret_size, usec *ret_at,
                       struct err *e) MUST_USE;
/* The newest checkpoint with every cosignature that is kept for it. */
int ledger_checkpoint_note(struct ledger *l, struct buf *out, struct err *e) MUST_USE;
