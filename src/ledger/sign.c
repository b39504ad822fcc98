/* Checkpoints, epochs and proofs: what of the log leaves the node. */
#include "ledger/private.h"

#include <sodium.h>

#define CLOCK_SLACK (5 * 60 * USEC_SECOND) /* what time services correct without anybody minding */

struct head {
    struct epoch epoch;
    uint64_t size;
    struct sha256 root;
};

static int no_keeper(struct err *e)
{
    err_set(e, ERR_CRYPTO, "the signing keys are not open");
    return err_hint(e, "Start the node with its key files.");
}

/* Signs text as a checkpoint of the log and, with the time, as this node's witness. */
static int sign_note(struct ledger *l, const struct head *h, usec now, struct buf *note, struct err *e)
{
    const struct note_key *witness = keeper_public(l->keeper, KEEPER_WITNESS);
    struct checkpoint cp = {.origin = sv_c(h->epoch.origin), .size = h->size, .root = h->root};
    uint64_t unix_time = now > 0 ? (uint64_t)(now / USEC_SECOND) : 0;
    struct note_key log;
    struct buf text;
    uint8_t sig[64], cosig[8 + 64];
    int rc = note_key_parse(sv_c(h->epoch.vkey), &log, e);

    if (rc != OK)
        return rc;
    buf_init(&text, NOTE_MAX);
    checkpoint_text(&cp, &text);
    rc = text.failed ? err_set(e, ERR_MEMORY, "no memory for a checkpoint") : OK;
    if (rc == OK)
        rc = keeper_sign_checkpoint(l->keeper, buf_sv(&text), sig, e);
    if (rc == OK)
        rc = keeper_cosign(l->keeper, buf_sv(&text), unix_time, cosig + 8, e);
    if (rc == OK) {
        for (unsigned i = 0; i < 8; i++)
            cosig[i] = (uint8_t)(unix_time >> (56 - 8 * i));
        buf_add(note, buf_sv(&text));
        buf_addc(note, '\n');
        note_add_signature(note, &log, sv_from((const char *)sig, sizeof(sig)));
        note_add_signature(note, witness, sv_from((const char *)cosig, sizeof(cosig)));
        rc = note->failed ? err_set(e, ERR_MEMORY, "no memory for a checkpoint") : OK;
    }
    buf_clear(&text);
    return rc;
}

static int insert_checkpoint(struct db *db, const struct head *h, struct sv note, struct err *e)
{
    struct stmt *s;
    int rc = db_begin(db, e);

    if (rc != OK)
        return rc;
    s = db_query(
        db, "INSERT INTO checkpoint(epoch, size, note) VALUES(?, ?, ?) ON CONFLICT(epoch, size) DO NOTHING",
        e);
    if (s) {
        db_int(s, h->epoch.epoch);
        db_int(s, (int64_t)h->size);
        db_text(s, note);
        rc = db_run(s, e);
        db_done(s);
    } else {
        rc = err_of(e);
    }
    if (rc == OK)
        return db_end(db, true, e);
    db_rollback(db);
    return rc;
}

/* Fills the tree up to the next multiple when something is new: its growth then tells partners little. */
static int pad(struct ledger *l, usec now, struct err *e)
{
    uint64_t signed_size = 0;
    struct buf unused;
    int rc;

    buf_init(&unused, NOTE_MAX);
    rc = checkpoint_newest(l->db, l->epoch.epoch, &signed_size, &unused, e);
    buf_clear(&unused);
    rc = rc < 0 ? rc : OK;
    while (rc == OK && l->pad > 1 && l->tree.size > signed_size && l->tree.size % l->pad) {
        struct entry_body b = {.at = now, .kind = SV(KIND_PAD), .version = 1};
        struct entry en;

        rc = ledger_append(l, &b, SV(""), &en, e);
    }
    return rc;
}

/* The committed head: nobody else can append while we hold the writer. */
static int committed_head(struct ledger *l, usec now, struct head *ret, struct err *e)
{
    int rc = db_begin(l->db, e);

    if (rc != OK)
        return rc;
    rc = ledger_refresh(l, e);
    if (rc == OK)
        rc = pad(l, now, e);
    ret->epoch = l->epoch;
    ret->size = l->tree.size;
    ret->root = merkle_root(&l->tree);
    if (rc == OK)
        return db_end(l->db, true, e);
    db_rollback(l->db);
    return rc;
}

static int checkpoint_exists(struct db *db, const struct head *h, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT 1 FROM checkpoint WHERE epoch = ? AND size = ?", e);
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, h->epoch.epoch);
    db_int(s, (int64_t)h->size);
    rc = db_step(s, e);
    db_done(s);
    return rc;
}

/* Time of the newest checkpoint of all epochs; USEC_NONE without one. */
static int last_signed(struct ledger *l, usec *ret, struct err *e)
{
    struct stmt *s = db_query(l->db, "SELECT note FROM checkpoint ORDER BY epoch DESC, size DESC LIMIT 1", e);
    uint64_t at;
    int rc;

    *ret = USEC_NONE;
    if (!s)
        return err_of(e);
    rc = db_step(s, e);
    if (rc == 1) {
        at = note_cosigned_at(col_text(s, 0), keeper_public(l->keeper, KEEPER_WITNESS));
        if (at > 0 && at < (uint64_t)(INT64_MAX / USEC_SECOND))
            *ret = (usec)at * USEC_SECOND;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* A signed time that goes back would make the log's own witness a liar. Entries are kept; signing waits for
 * the clock. */
static int check_clock(struct ledger *l, usec now, struct err *e)
{
    char then_text[32], now_text[32];
    usec then;
    int rc = last_signed(l, &then, e);

    if (rc != OK || then == USEC_NONE || now + CLOCK_SLACK >= then)
        return rc;
    time_text(then, then_text);
    time_text(now, now_text);
    err_set(e, ERR_VALUE, "the clock was set back: it is %s, and the last checkpoint was signed at %s",
            now_text, then_text);
    return err_hint(e, "Set the clock right. Nothing is lost: what is accepted meanwhile is signed then.");
}

static int sign_head(struct ledger *l, usec now, struct err *e)
{
    struct head h;
    struct buf note;
    int rc = check_clock(l, now, e);

    if (rc == OK)
        rc = committed_head(l, now, &h, e);
    if (rc == OK && h.size == 0)
        return OK;
    if (rc == OK)
        rc = checkpoint_exists(l->db, &h, e);
    if (rc != OK)
        return rc < 0 ? rc : OK;
    /* What is signed must be on disk: a node that forgot signed entries would have to fork its own log. */
    rc = db_sync(l->db, e);
    buf_init(&note, NOTE_MAX);
    if (rc == OK)
        rc = sign_note(l, &h, now, &note, e);
    if (rc == OK)
        rc = insert_checkpoint(l->db, &h, buf_sv(&note), e);
    if (rc == OK)
        rc = db_sync(l->db, e);
    buf_clear(&note);
    return rc;
}

int ledger_checkpoint(struct ledger *l, usec now, struct err *e)
{
    int rc;

    if (!l->keeper)
        return no_keeper(e);
    pthread_mutex_lock(&l->signing);
    rc = sign_head(l, now, e);
    pthread_mutex_unlock(&l->signing);
    return rc;
}

/* ---- state ---- */

static int read_state(struct ledger *l, struct ledger_state *ret, struct err *e)
{
    struct epoch ep;
    struct merkle tree;
    struct buf note;
    struct note_key witness;
    int rc = epoch_read(l->db, 0, &ep, e);

    if (rc == 0)
        rc = err_set(e, ERR_CORRUPT, "the ledger has no epoch");
    if (rc > 0)
        rc = tree_last_entry(l->db, &ret->entries, e);
    if (rc != OK)
        return rc;
    ret->epoch = (int)ep.epoch;
    ret->size = (uint64_t)(ret->entries - ep.first_entry + 1);
    rc = tree_range(l->db, &ep, 0, ret->size, &tree, e);
    if (rc != OK)
        return rc;
    ret->root = merkle_root(&tree);
    buf_init(&note, NOTE_MAX);
    rc = checkpoint_newest(l->db, ep.epoch, &ret->checkpoint_size, &note, e);
    if (rc == 1 && note_key_parse(sv_c(ep.witness), &witness, NULL) == OK)
        ret->checkpoint_at = (usec)note_cosigned_at(buf_sv(&note), &witness) * USEC_SECOND;
    buf_clear(&note);
    return rc < 0 ? rc : OK;
}

int ledger_state(struct ledger *l, struct ledger_state *ret, struct err *e)
{
    struct stmt *hold;
    int rc;

    *ret = (struct ledger_state){.checkpoint_at = USEC_NONE};
    /* A statement kept open keeps this thread's reader at one instant while the others run. */
    hold = db_query(l->db, "SELECT epoch FROM epoch", e);
    if (!hold)
        return err_of(e);
    rc = db_step(hold, e);
    if (rc >= 0)
        rc = read_state(l, ret, e);
    db_done(hold);
    return rc;
}

/* ---- epochs ---- */

static int begin_epoch(struct ledger *l, usec now, struct err *e)
{
    struct entry_body b = {.at = now, .kind = SV(KIND_EPOCH), .version = 1, .has_prev = true};
    struct epoch next = {.epoch = l->epoch.epoch + 1, .first_entry = l->last_entry + 1};
    struct entry en;
    int rc;

    b.prev_size = l->tree.size;
    b.prev_root = merkle_root(&l->tree);
    next.prev_size = (int64_t)b.prev_size;
    next.prev_root = b.prev_root;
    if (snprintf(next.origin, sizeof(next.origin), "%s/%lld", l->origin, (long long)next.epoch) < 0)
        return err_set(e, ERR_INTERNAL, "the origin of a new epoch cannot be written");
    rc = epoch_keys(l, &next, e);
    if (rc == OK)
        rc = epoch_insert(l->db, &next, e);
    if (rc != OK)
        return rc;
    l->epoch = next;
    l->tree.size = 0;
    return ledger_append(l, &b, SV(""), &en, e);
}

int ledger_new_epoch(struct ledger *l, usec now, struct err *e)
{
    int rc;

    if (!l->keeper)
        return no_keeper(e);
    rc = check_clock(l, now, e);
    if (rc == OK)
        rc = db_begin(l->db, e);
    if (rc != OK)
        return rc;
    rc = ledger_refresh(l, e);
    if (rc == OK)
        rc = begin_epoch(l, now, e);
    if (rc != OK) {
        db_rollback(l->db);
        return rc;
    }
    rc = db_end(l->db, true, e);
    return rc == OK ? ledger_checkpoint(l, now, e) : rc;
}
