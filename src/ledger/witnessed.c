/* Being witnessed: what is asked of a witness, and the cosignatures that are kept. */
#include "ledger/private.h"

static int write_request(struct ledger *l, const struct epoch *ep, uint64_t old, uint64_t size,
                         struct sv note, struct buf *out, struct err *e)
{
    struct tree_ranges r = {l->db, ep, e};
    struct sha256 proof[64];
    size_t n = merkle_prove_consistency_ranges(old, size, tree_range_root, &r, proof);

    if (n == SIZE_MAX)
        return err_of(e);
    buf_printf(out, "old %llu\n", (unsigned long long)old);
    for (size_t i = 0; i < n; i++) {
        base64_add(out, sv_from((const char *)proof[i].b, sizeof(proof[i].b)));
        buf_addc(out, '\n');
    }
    buf_addc(out, '\n');
    buf_add(out, note);
    return out->failed ? err_set(e, ERR_LIMIT, "the request to the witness does not fit") : OK;
}

int ledger_witness_request(struct ledger *l, uint64_t old, uint64_t *ret_size, struct buf *out, struct err *e)
{
    struct epoch ep;
    struct buf note;
    int rc = epoch_read(l->db, 0, &ep, e);

    *ret_size = 0;
    buf_init(&note, NOTE_MAX);
    if (rc == 1)
        rc = checkpoint_newest(l->db, ep.epoch, ret_size, &note, e);
    if (rc == 1 && old <= *ret_size)
        rc = write_request(l, &ep, old, *ret_size, buf_sv(&note), out, e);
    else if (rc >= 0)
        rc = err_set(e, ERR_NOT_FOUND, "there is no checkpoint of that size or larger");
    buf_clear(&note);
    return rc;
}

/* ---- cosignatures */

static int stored_note(struct db *db, int64_t epoch, uint64_t size, struct buf *note, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT note FROM checkpoint WHERE epoch = ? AND size = ?", e);
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, epoch);
    db_int(s, (int64_t)size);
    rc = db_step(s, e);
    if (rc == 1)
        buf_add(note, col_text(s, 0));
    db_done(s);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no checkpoint of size %llu", (unsigned long long)size);
    return rc < 0 ? rc : OK;
}

/* The one line of the answer that is this witness's and holds for our checkpoint. */
static int good_line(struct sv note, struct sv lines, const struct note_key *witness, struct sv *ret,
                     struct err *e)
{
    struct sv text, signatures, line;
    struct buf with;
    uint32_t mask = 0;
    int rc = note_split(note, &text, &signatures, e);

    buf_init(&with, NOTE_MAX);
    while (rc == OK && !mask && lines.n && sv_cut(&lines, '\n', &line)) {
        struct sv checked;
        struct err ignored = ERR_NONE;

        buf_reset(&with);
        buf_add(&with, text);
        buf_addc(&with, '\n');
        buf_add(&with, line);
        buf_addc(&with, '\n');
        if (with.failed || note_check(buf_sv(&with), witness, 1, &checked, &mask, &ignored) != OK)
            mask = 0;
        *ret = line;
    }
    buf_clear(&with);
    if (rc == OK && !mask)
        rc = err_set(e, ERR_CRYPTO, "the answer holds no cosignature of %s over our checkpoint",
                     witness->name);
    return rc;
}

static int keep_line(struct ledger *l, int64_t epoch, uint64_t size, struct sv name, struct sv line,
                     struct err *e)
{
    struct stmt *s = db_query(l->db,
                              "INSERT INTO cosignature(epoch, size, name, line) VALUES(?, ?, ?, ?) ON "
                              "CONFLICT(epoch, size, name) DO UPDATE SET line = excluded.line",
                              e);
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, epoch);
    db_int(s, (int64_t)size);
    db_text(s, name);
    db_text(s, line);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

int ledger_cosigned(struct ledger *l, uint64_t size, struct sv lines, const struct note_key *witness,
                    struct err *e)
{
    struct epoch ep;
    struct buf note;
    struct sv line;
    int rc = epoch_read(l->db, 0, &ep, e);

    if (rc != 1)
        return rc < 0 ? rc : err_set(e, ERR_CORRUPT, "the ledger has no epoch");
    buf_init(&note, NOTE_MAX);
    rc = stored_note(l->db, ep.epoch, size, &note, e);
    rc = rc == OK ? good_line(buf_sv(&note), lines, witness, &line, e) : rc;
    rc = rc == OK ? db_begin(l->db, e) : rc;
    if (rc == OK)
        rc = db_finish(l->db, keep_line(l, ep.epoch, size, sv_c(witness->name), line, e), e);
    buf_clear(&note);
    return rc;
}

int ledger_cosigned_by(struct ledger *l, const struct note_key *witness, uint64_t *ret_size, usec *ret_at,
                       struct err *e)
{
    struct stmt *s =
        db_query(l->db,
                 "SELECT c.size, c.line, k.note FROM cosignature c JOIN checkpoint k ON k.epoch = "
                 "c.epoch AND k.size = c.size WHERE c.name = ? AND c.epoch = (SELECT max(epoch) FROM "
                 "epoch) ORDER BY c.size DESC LIMIT 1",
                 e);
    struct buf note;
    int rc;

    *ret_size = 0;
    *ret_at = USEC_NONE;
    if (!s)
        return err_of(e);
    db_text(s, sv_c(witness->name));
    rc = db_step(s, e);
    if (rc == 1) {
        buf_init(&note, 2 * NOTE_MAX);
        buf_add(&note, col_text(s, 2));
        buf_add(&note, col_text(s, 1));
        buf_addc(&note, '\n');
        *ret_size = (uint64_t)col_int(s, 0);
        *ret_at = (usec)note_cosigned_at(buf_sv(&note), witness) * USEC_SECOND;
        buf_clear(&note);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int checkpoint_cosignatures(struct db *db, int64_t epoch, uint64_t size, struct buf *note, struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT line FROM cosignature WHERE epoch = ? AND size = ? ORDER BY name", e);
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, epoch);
    db_int(s, (int64_t)size);
    while ((rc = db_step(s, e)) == 1) {
        buf_add(note, col_text(s, 0));
        buf_addc(note, '\n');
    }
    db_done(s);
    return rc == OK && note->failed ? err_set(e, ERR_LIMIT, "a checkpoint has too many cosignatures") : rc;
}

int ledger_checkpoint_note(struct ledger *l, struct buf *out, struct err *e)
{
    struct epoch ep;
    uint64_t size = 0;
    int rc = epoch_read(l->db, 0, &ep, e);

    rc = rc == 1 ? checkpoint_newest(l->db, ep.epoch, &size, out, e) : rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no checkpoint yet");
    return rc == 1 ? checkpoint_cosignatures(l->db, ep.epoch, size, out, e) : rc;
}
