/* View tables made again from the log. */
#include "ledger/private.h"

#define MAX_TABLES 128
#define PROGRESS_EVERY 64

struct rebuild {
    struct ledger *l;
    const struct ledger_progress *p;
    uint64_t done, total;
};

static int damaged(const struct stored *s, const char *what, struct err *e)
{
    err_set(e, ERR_CORRUPT, "entry %lld: %s", (long long)s->id, what);
    return err_hint(e, "Nothing was changed. Run `noroshi verify`, then restore the database from a backup.");
}

/* Only what the entry committed to is applied: tables made of damaged content would look sound. */
static int check_content(struct ledger *l, const struct stored *s, const struct entry_body *b,
                         struct sv *ret_pack, struct err *e)
{
    struct merkle tree;
    struct sha256 root;
    uint64_t expunged;
    int rc;

    *ret_pack = SV("");
    if (b->n == 0)
        return OK;
    if (!s->has_content)
        return damaged(s, "its content is missing", e);
    rc = content_decode(l->codec, s->codec, s->bytes, ret_pack, e);
    if (rc != OK)
        return rc;
    if (!pack_tree(*ret_pack, &tree, &expunged) || tree.size != b->n)
        return damaged(s, "its content is not the pack it committed to", e);
    root = merkle_root(&tree);
    return memcmp(root.b, b->root.b, sizeof(root.b)) == 0
               ? OK
               : damaged(s, "its content does not have the root it committed to", e);
}

static int rebuild_one(void *ctx, const struct stored *s, struct err *e)
{
    struct rebuild *r = ctx;
    struct entry_body b;
    struct sha256 leaf = sha256_leaf(s->body);
    struct sv pack;
    int rc;

    if (s->hash.n != sizeof(leaf.b) || memcmp(leaf.b, s->hash.p, sizeof(leaf.b)) != 0)
        return damaged(s, "its bytes do not have its hash", e);
    rc = entry_read(r->l->doc, s->body, &b, e);
    if (rc != OK)
        return damaged(s, "it is not an entry", e);
    rc = check_content(r->l, s, &b, &pack, e);
    if (rc == OK)
        rc = replay_apply(r->l->kinds, r->l->kind_count, r->l->db, s->id, &b, pack, e);
    r->done++;
    if (r->p && r->p->step && (r->done % PROGRESS_EVERY == 0 || r->done == r->total))
        r->p->step(r->p->ctx, "rebuild", r->done, r->total);
    return rc;
}

static int clear_views(struct db *db, struct err *e)
{
    const char *names[MAX_TABLES];
    size_t n = db_tables(db, TABLE_VIEW, names, MAX_TABLES);
    int rc = OK;

    /* Later tables name rows of earlier ones. */
    while (rc == OK && n > 0)
        rc = db_clear_table(db, names[--n], e);
    return rc;
}

int ledger_rebuild(struct ledger *l, const struct ledger_progress *p, struct err *e)
{
    struct err local = ERR_NONE;
    struct err *err = e ? e : &local;
    struct rebuild r = {.l = l, .p = p};
    int rc = db_begin(l->db, err);

    if (rc != OK)
        return rc;
    rc = ledger_refresh(l, err);
    if (rc == OK)
        rc = clear_views(l->db, err);
    r.total = (uint64_t)db_value(l->db, "SELECT count(*) FROM entry", 0);
    if (rc == OK)
        rc = stored_each(l->db, rebuild_one, &r, err);
    if (rc == OK)
        return db_end(l->db, true, err);
    db_rollback(l->db);
    return rc;
}
