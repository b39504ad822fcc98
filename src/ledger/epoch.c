/*
 * Epochs: one tree each. A log that was restored from a backup may lack entries that partners have seen
 * signed; it cannot go on under the same origin without forking, so it begins a new tree under the next
 * origin, whose first entry names the head of the tree before.
 */
#include "ledger/private.h"

static void copy_text(struct sv s, char *dst, size_t cap)
{
    (void)sv_copy(s, dst, cap);
}

int epoch_read(struct db *db, int64_t number, struct epoch *ret, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT epoch, origin, vkey, witness, first_entry, prev_size, prev_root FROM epoch "
                 "WHERE epoch = ? OR ? = 0 ORDER BY epoch DESC LIMIT 1",
                 e);
    int rc;

    memset(ret, 0, sizeof(*ret));
    if (!s)
        return err_of(e);
    db_int(s, number);
    db_int(s, number);
    rc = db_step(s, e);
    if (rc == 1) {
        ret->epoch = col_int(s, 0);
        copy_text(col_text(s, 1), ret->origin, sizeof(ret->origin));
        copy_text(col_text(s, 2), ret->vkey, sizeof(ret->vkey));
        copy_text(col_text(s, 3), ret->witness, sizeof(ret->witness));
        ret->first_entry = col_int(s, 4);
        ret->prev_size = col_int(s, 5);
        hash_copy(col_blob(s, 6), &ret->prev_root);
    }
    db_done(s);
    return rc;
}

int epoch_insert(struct db *db, const struct epoch *ep, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "INSERT INTO epoch(epoch, origin, vkey, witness, first_entry, prev_size, prev_root) "
                 "VALUES(?, ?, ?, ?, ?, ?, ?)",
                 e);
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, ep->epoch);
    db_text(s, sv_c(ep->origin));
    db_text(s, sv_c(ep->vkey));
    db_text(s, sv_c(ep->witness));
    db_int(s, ep->first_entry);
    db_int(s, ep->prev_size);
    if (ep->epoch == 1)
        db_null(s);
    else
        db_blob(s, sv_from((const char *)ep->prev_root.b, sizeof(ep->prev_root.b)));
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

static void vkey_text(const struct note_key *k, char *ret, size_t cap)
{
    struct buf b;

    buf_init(&b, cap);
    note_key_text(k, &b);
    (void)sv_copy(buf_sv(&b), ret, cap);
    buf_clear(&b);
}

int epoch_keys(const struct ledger *l, struct epoch *ep, struct err *e)
{
    struct note_key log;
    int rc;

    if (!l->keeper)
        return OK;
    rc = note_key_make(sv_c(ep->origin), NOTE_ED25519, keeper_public(l->keeper, KEEPER_LOG)->pub, &log, e);
    if (rc != OK)
        return rc;
    vkey_text(&log, ep->vkey, sizeof(ep->vkey));
    vkey_text(keeper_public(l->keeper, KEEPER_WITNESS), ep->witness, sizeof(ep->witness));
    return OK;
}

static int set_keys(struct db *db, const struct epoch *ep, struct err *e)
{
    struct stmt *s = db_query(db, "UPDATE epoch SET vkey = ?, witness = ? WHERE epoch = ?", e);
    int rc;

    if (!s)
        return err_of(e);
    db_text(s, sv_c(ep->vkey));
    db_text(s, sv_c(ep->witness));
    db_int(s, ep->epoch);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int wrong_key(const struct epoch *ep, struct err *e)
{
    err_set(e, ERR_CONFLICT,
            "the signing keys are not those of this database (epoch %lld is signed by %.180s)",
            (long long)ep->epoch, ep->vkey);
    return err_hint(e, "Put back the key files that belong to this node.");
}

int epoch_settle(struct ledger *l, struct err *e)
{
    struct epoch ep, mine;
    int have = epoch_read(l->db, 0, &ep, e), rc;

    if (have < 0)
        return have;
    mine = ep;
    if (!have) {
        mine = (struct epoch){.epoch = 1, .first_entry = 1};
        (void)sv_copy(sv_c(l->origin), mine.origin, sizeof(mine.origin));
    }
    rc = epoch_keys(l, &mine, e);
    if (rc != OK)
        return rc;
    if (!have)
        return epoch_insert(l->db, &mine, e);
    if (!sv_starts(sv_c(ep.origin), sv_c(l->origin)) ||
        (ep.origin[strlen(l->origin)] != 0 && ep.origin[strlen(l->origin)] != '/')) {
        err_set(e, ERR_CONFLICT, "the ledger in this database is that of \"%s\", not of \"%s\"", ep.origin,
                l->origin);
        return err_hint(e, "Use the configuration and key files that belong to this database.");
    }
    if (ep.vkey[0] == 0 && mine.vkey[0] != 0)
        return set_keys(l->db, &mine, e);
    if (strcmp(ep.vkey, mine.vkey) != 0 || strcmp(ep.witness, mine.witness) != 0)
        return wrong_key(&ep, e);
    return OK;
}
