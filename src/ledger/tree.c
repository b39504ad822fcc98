/*
 * The stored tree: leaf hashes stand in the entries, and every 256 of them give a tile, every 256 tiles one
 * of the next level. So the head of a log of n entries is known from at most 256 hashes a level, and a proof
 * needs no walk over all entries.
 */
#include "ledger/private.h"

void hash_copy(struct sv s, struct sha256 *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (s.n == sizeof(ret->b))
        memcpy(ret->b, s.p, sizeof(ret->b));
}

int tree_last_entry(struct db *db, int64_t *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT max(id) FROM entry", e);
    int rc;

    *ret = 0;
    if (!s)
        return err_of(e);
    rc = db_step(s, e);
    if (rc == 1)
        *ret = col_int(s, 0);
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* Appends `count` hashes of one level; level 0 are the leaves. */
static int append_run(struct db *db, const struct epoch *ep, unsigned level, uint64_t first, uint64_t count,
                      struct merkle *m, struct err *e)
{
    struct stmt *s;
    uint64_t n = 0;
    int rc;

    if (level == 0)
        s = db_query(db, "SELECT hash FROM entry WHERE id >= ? AND id < ? ORDER BY id", e);
    else
        s = db_query(
            db, "SELECT hash FROM tile WHERE epoch = ? AND level = ? AND idx >= ? AND idx < ? ORDER BY idx",
            e);
    if (!s)
        return err_of(e);
    if (level == 0) {
        first += (uint64_t)ep->first_entry;
    } else {
        db_int(s, ep->epoch);
        db_int(s, level);
    }
    db_int(s, (int64_t)first);
    db_int(s, (int64_t)(first + count));
    while ((rc = db_step(s, e)) == 1) {
        struct sha256 h;

        hash_copy(col_blob(s, 0), &h);
        merkle_append_full(m, 8 * level, &h, NULL, NULL);
        n++;
    }
    db_done(s);
    if (rc == OK && n != count) {
        err_set(e, ERR_CORRUPT, "the ledger lacks %llu of %llu hashes of level %u from %llu on",
                (unsigned long long)(count - n), (unsigned long long)count, level, (unsigned long long)first);
        rc = err_hint(e, "Run `noroshi verify`, then restore the database from a backup.");
    }
    return rc;
}

int tree_range(struct db *db, const struct epoch *ep, uint64_t begin, uint64_t end, struct merkle *ret,
               struct err *e)
{
    int rc = OK;

    ret->size = 0;
    while (rc == OK && begin < end) {
        unsigned level = 0;
        uint64_t count, in_parent;

        /* The largest step that is aligned at `begin` and does not pass `end`. */
        while (level < 7 && (begin & (((uint64_t)1 << (8 * (level + 1))) - 1)) == 0 &&
               (end - begin) >> (8 * (level + 1)) > 0)
            level++;
        count = (end - begin) >> (8 * level);
        in_parent = 256 - ((begin >> (8 * level)) & 255);
        if (count > in_parent)
            count = in_parent;
        rc = append_run(db, ep, level, begin >> (8 * level), count, ret, e);
        begin += count << (8 * level);
    }
    return rc;
}

bool tree_range_root(void *ctx, uint64_t begin, uint64_t end, struct sha256 *ret)
{
    struct tree_ranges *r = ctx;
    struct merkle m;

    if (tree_range(r->db, r->epoch, begin, end, &m, r->e) != OK)
        return false;
    *ret = merkle_root(&m);
    return true;
}

int checkpoint_newest(struct db *db, int64_t epoch, uint64_t *ret_size, struct buf *note, struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT size, note FROM checkpoint WHERE epoch = ? ORDER BY size DESC LIMIT 1", e);
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, epoch);
    rc = db_step(s, e);
    if (rc == 1) {
        *ret_size = (uint64_t)col_int(s, 0);
        buf_add(note, col_text(s, 1));
        if (note->failed)
            rc = err_set(e, ERR_LIMIT, "a stored checkpoint is longer than %u bytes", NOTE_MAX);
    }
    db_done(s);
    return rc;
}

int checkpoint_check(const struct epoch *ep, struct sv note, struct checkpoint *ret, uint64_t *ret_time,
                     struct err *e)
{
    struct note_key keys[2];
    struct sv text;
    uint32_t mask;
    int rc = note_key_parse(sv_c(ep->vkey), &keys[0], e);

    if (rc == OK)
        rc = note_key_parse(sv_c(ep->witness), &keys[1], e);
    if (rc == OK)
        rc = note_check(note, keys, 2, &text, &mask, e);
    if (rc == OK && mask != 3)
        rc = err_set(e, ERR_CRYPTO, "the node's log key and witness key did not both sign it");
    if (rc == OK)
        rc = checkpoint_parse(text, ret, e);
    if (rc == OK && !sv_eq(ret->origin, sv_c(ep->origin)))
        rc = err_set(e, ERR_CONFLICT, "it is of another log: %.*s", SV_ARG(sv_sub(ret->origin, 0, 128)));
    if (rc == OK)
        *ret_time = note_cosigned_at(note, &keys[1]);
    return rc;
}
