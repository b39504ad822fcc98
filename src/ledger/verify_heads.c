/* What verify checks above single entries: checkpoints, tiles, epochs. */
#include "ledger/verify_private.h"

/* ---- checkpoints ---- */

int next_checkpoint(struct check *c, struct err *e)
{
    struct checkpoint cp;
    struct err why = ERR_NONE;
    struct epoch ep;
    uint64_t time;
    int rc = db_step(c->checkpoints, e);

    c->have_checkpoint = rc == 1;
    c->cp_good = false;
    if (rc <= 0)
        return rc;
    c->cp_epoch = col_int(c->checkpoints, 0);
    c->cp_size = col_int(c->checkpoints, 1);
    rc = epoch_read(c->l->db, c->cp_epoch, &ep, e);
    if (rc < 0)
        return rc;
    if (rc == 0 || c->cp_epoch <= 0)
        found(&c->f, "its epoch does not exist", "checkpoint of epoch %lld at size %lld",
              (long long)c->cp_epoch, (long long)c->cp_size);
    else if (checkpoint_check(&ep, col_text(c->checkpoints, 2), &cp, &time, &why) != OK)
        found(&c->f, why.text, "checkpoint of epoch %lld at size %lld", (long long)c->cp_epoch,
              (long long)c->cp_size);
    else if (c->cp_size < 0 || cp.size != (uint64_t)c->cp_size)
        found(&c->f, "it was signed for another size", "checkpoint of epoch %lld at size %lld",
              (long long)c->cp_epoch, (long long)c->cp_size);
    else {
        c->cp_good = true;
        c->cp_root = cp.root;
    }
    return OK;
}

static void check_checkpoint_root(struct check *c)
{
    struct sha256 root = merkle_root(&c->tree);

    if (c->cp_good && memcmp(root.b, c->cp_root.b, sizeof(root.b)) != 0)
        found(&c->f, "the entries up to here are not those that were signed",
              "checkpoint of epoch %lld at size %lld", (long long)c->cp_epoch, (long long)c->cp_size);
}

/* Checkpoints that belong before the entry with this epoch and index. */
int pass_checkpoints(struct check *c, int64_t epoch, int64_t seq, struct err *e)
{
    int rc = OK;

    while (rc == OK && c->have_checkpoint &&
           (c->cp_epoch < epoch || (c->cp_epoch == epoch && c->cp_size <= seq))) {
        if (c->in_epoch && c->cp_epoch == c->epoch.epoch && c->cp_size == (int64_t)c->tree.size)
            check_checkpoint_root(c);
        else if (c->cp_good)
            found(&c->f, "entries that were signed are missing", "checkpoint of epoch %lld at size %lld",
                  (long long)c->cp_epoch, (long long)c->cp_size);
        rc = next_checkpoint(c, e);
    }
    return rc;
}

/* ---- the tree ---- */

void check_tile(void *ctx, unsigned height, uint64_t index, const struct sha256 *hash)
{
    struct check *c = ctx;
    struct stmt *s;

    if (height == 0 || height % 8 || c->tile_rc != OK)
        return;
    s = db_query(c->l->db, "SELECT hash FROM tile WHERE epoch = ? AND level = ? AND idx = ?", &c->tile_err);
    if (!s) {
        c->tile_rc = err_of(&c->tile_err);
        return;
    }
    db_int(s, c->epoch.epoch);
    db_int(s, height / 8);
    db_int(s, (int64_t)index);
    c->tile_rc = db_step(s, &c->tile_err);
    if (c->tile_rc >= 0) {
        bool have = c->tile_rc == 1;
        struct sv stored = have ? col_blob(s, 0) : SV_NONE;

        c->tiles += have;
        c->tile_rc = OK;
        if (stored.n != sizeof(hash->b) || memcmp(stored.p, hash->b, sizeof(hash->b)) != 0)
            found(&c->f, have ? "it is not the hash of the entries under it" : "it is missing",
                  "tile %llu of level %u of epoch %lld", (unsigned long long)index, height / 8,
                  (long long)c->epoch.epoch);
    }
    db_done(s);
}

static void check_keys(struct check *c, const struct epoch *ep)
{
    struct epoch mine = *ep;

    if (c->l->keeper && epoch_keys(c->l, &mine, NULL) == OK &&
        (strcmp(mine.vkey, ep->vkey) != 0 || strcmp(mine.witness, ep->witness) != 0))
        found(&c->f, "its keys are not those of this node", "epoch %lld", (long long)ep->epoch);
}

/* The row of an epoch against what the epoch before it came to. */
static void check_epoch_row(struct check *c, const struct epoch *ep, uint64_t prev_size,
                            const struct sha256 *prev_root)
{
    char origin[200];
    struct sha256 none = {0};

    if (ep->epoch == 1)
        (void)snprintf(origin, sizeof(origin), "%s", c->l->origin);
    else
        (void)snprintf(origin, sizeof(origin), "%s/%lld", c->l->origin, (long long)ep->epoch);
    if (strcmp(origin, ep->origin) != 0)
        found(&c->f, "its origin is not that of this log", "epoch %lld", (long long)ep->epoch);
    if (ep->first_entry != c->next_id)
        found(&c->f, "it does not begin where the epoch before it ends", "epoch %lld", (long long)ep->epoch);
    if ((uint64_t)ep->prev_size != prev_size ||
        memcmp(ep->prev_root.b, ep->epoch == 1 ? none.b : prev_root->b, sizeof(none.b)) != 0)
        found(&c->f, "the head it names is not that of the epoch before it", "epoch %lld",
              (long long)ep->epoch);
    check_keys(c, ep);
}

/* Enters the epoch that the next entry belongs to, when one begins here. */
int enter_epoch(struct check *c, struct err *e)
{
    struct sha256 prev_root = merkle_root(&c->tree);
    uint64_t prev_size = c->tree.size;
    struct epoch next;
    int rc = epoch_read(c->l->db, c->in_epoch ? c->epoch.epoch + 1 : 1, &next, e);

    if (rc < 0)
        return rc;
    if (rc == 0) {
        if (!c->in_epoch)
            found(&c->f, "it is missing", "epoch 1");
        return OK;
    }
    if (c->in_epoch && next.first_entry > c->next_id)
        return OK;
    if (c->in_epoch) {
        rc = pass_checkpoints(c, next.epoch, -1, e);
        if (rc != OK)
            return rc;
    }
    check_epoch_row(c, &next, c->in_epoch ? prev_size : 0, &prev_root);
    c->epoch = next;
    c->in_epoch = true;
    c->tree.size = 0;
    return OK;
}
