/* Everything the log says, computed again and compared with what is stored. */
#include "ledger/verify_private.h"

#include <stdarg.h>
#include <stdlib.h>

#define PROGRESS_EVERY 64

void found(struct findings *f, const char *what, const char *where, ...)
{
    char place[400];
    struct ledger_finding finding = {.where = place, .what = what};
    va_list ap;
    int n;

    va_start(ap, where);
    n = vsnprintf(place, sizeof(place), where, ap);
    va_end(ap);
    f->count++;
    if (n >= 0 && f->p && f->p->found)
        f->p->found(f->p->ctx, &finding);
}

void progress(const struct findings *f, const char *stage, uint64_t done, uint64_t total)
{
    if (f->p && f->p->step)
        f->p->step(f->p->ctx, stage, done, total);
}

/* ---- entries ---- */

static void check_body(struct check *c, const struct stored *s, const struct entry_body *b)
{
    int64_t seq = s->id - c->epoch.first_entry;

    if ((int64_t)b->epoch != c->epoch.epoch || (int64_t)b->seq != seq)
        found(&c->f, "it was written for another place in the log", "entry %lld", (long long)s->id);
    if (s->epoch != c->epoch.epoch || s->seq != seq)
        found(&c->f, "its row stands at another place than the entry", "entry %lld", (long long)s->id);
    if (sv_eq(b->kind, SV(KIND_EPOCH)) != (seq == 0 && c->epoch.epoch > 1))
        found(&c->f, "an epoch begins where none should, or does not where one should", "entry %lld",
              (long long)s->id);
    else if (b->has_prev && ((int64_t)b->prev_size != c->epoch.prev_size ||
                             memcmp(b->prev_root.b, c->epoch.prev_root.b, sizeof(b->prev_root.b)) != 0))
        found(&c->f, "the head it names is not that of its epoch", "entry %lld", (long long)s->id);
}

static void add_place(void *ctx, const struct ledger_place *p)
{
    struct places *l = ctx;
    size_t room = l->room ? l->room * 2 : 256;
    struct ledger_place *more;

    if (l->n == l->room && !l->failed) {
        more = reallocarray(l->p, room, sizeof(*more));
        l->failed = !more;
        l->p = more ? more : l->p;
        l->room = more ? room : l->room;
    }
    if (!l->failed)
        l->p[l->n++] = *p;
}

static void note_expunged(struct check *c, const struct stored *s, struct sv pack)
{
    struct pack_it it = pack_each(pack);
    struct sv record;

    for (uint64_t i = 0; pack_next(&it, &record); i++)
        if (!record.p)
            add_place(&c->gone, &(struct ledger_place){s->id, i});
}

static void note_order(struct check *c, const struct stored *s, struct sv pack)
{
    struct pack_it it = pack_each(pack);
    struct sv record;

    while (pack_next(&it, &record))
        if (!record.p || !expunge_each(record, add_place, &c->ordered))
            found(&c->f, "it orders nothing that can be read", "content of entry %lld", (long long)s->id);
}

/* What is gone against what was ordered to go. */
static int check_expunged(struct check *c, struct err *e)
{
    size_t g = 0, o = 0;

    if (c->gone.failed || c->ordered.failed)
        return err_set(e, ERR_MEMORY, "no memory for the list of expunged records");
    places_sort(c->ordered.p, c->ordered.n);
    while (g < c->gone.n || o < c->ordered.n) {
        int order = g == c->gone.n      ? 1
                    : o == c->ordered.n ? -1
                                        : places_compare(&c->gone.p[g], &c->ordered.p[o]);
        const struct ledger_place *p = order <= 0 ? &c->gone.p[g] : &c->ordered.p[o];

        if (order)
            found(&c->f,
                  order < 0 ? "it is expunged, and no entry of this ledger says so"
                            : "an entry says that it was expunged, and it is still there",
                  "content of entry %lld, record %llu", (long long)p->entry,
                  (unsigned long long)p->record + 1);
        else if (c->f.p && c->f.p->expunged)
            ++*c->f.p->expunged;
        g += order <= 0;
        o += order >= 0;
    }
    return OK;
}

/* Content against its commitment. False when it must not be applied. */
static bool check_content(struct check *c, const struct stored *s, const struct entry_body *b,
                          struct sv *ret_pack)
{
    struct sha256 sum, root;
    struct merkle tree;
    uint64_t expunged;
    struct err why = ERR_NONE;

    *ret_pack = SV("");
    if (b->n == 0) {
        if (s->has_content)
            found(&c->f, "the entry commits to no content", "content of entry %lld", (long long)s->id);
        return true;
    }
    if (!s->has_content) {
        found(&c->f, "it is missing", "content of entry %lld", (long long)s->id);
        return false;
    }
    if (s->key_id.p)
        found(&c->f, "it names a key, but content of this kind is not encrypted", "content of entry %lld",
              (long long)s->id);
    sum = content_sum(s->codec, s->bytes);
    if (s->sum.n != sizeof(sum.b) || memcmp(sum.b, s->sum.p, sizeof(sum.b)) != 0)
        found(&c->f, "its stored bytes do not have their checksum", "content of entry %lld",
              (long long)s->id);
    if (content_decode(c->codec, s->codec, s->bytes, ret_pack, &why) != OK) {
        found(&c->f, why.text, "content of entry %lld", (long long)s->id);
        return false;
    }
    if (!pack_tree(*ret_pack, &tree, &expunged)) {
        found(&c->f, "it is not a pack of records", "content of entry %lld", (long long)s->id);
        return false;
    }
    root = merkle_root(&tree);
    if (tree.size != b->n || memcmp(root.b, b->root.b, sizeof(root.b)) != 0)
        found(&c->f, "it is not what the entry committed to", "content of entry %lld", (long long)s->id);
    if (expunged)
        note_expunged(c, s, *ret_pack);
    if (sv_eq(b->kind, SV(KIND_EXPUNGE)))
        note_order(c, s, *ret_pack);
    return true;
}

static void check_missing(struct check *c, int64_t id)
{
    if (id == c->next_id + 1)
        found(&c->f, "it is missing", "entry %lld", (long long)c->next_id);
    else if (id > c->next_id)
        found(&c->f, "they are missing", "entries %lld to %lld", (long long)c->next_id, (long long)id - 1);
    else if (id < c->next_id)
        found(&c->f, "it is before the beginning of the log", "entry %lld", (long long)id);
}

static void check_entry_text(struct check *c, const struct stored *s, const struct sha256 *leaf)
{
    struct entry_body b;
    struct err why = ERR_NONE;
    struct sv pack;

    if (s->hash.n != sizeof(leaf->b) || memcmp(s->hash.p, leaf->b, sizeof(leaf->b)) != 0)
        found(&c->f, "its bytes do not have its hash", "entry %lld", (long long)s->id);
    if (entry_read(c->doc, s->body, &b, &why) != OK) {
        found(&c->f, why.text, "entry %lld", (long long)s->id);
        return;
    }
    check_body(c, s, &b);
    if (check_content(c, s, &b, &pack) && c->scratch &&
        replay_apply(c->kinds, c->kind_count, c->scratch, s->id, &b, pack, &why) != OK)
        found(&c->f, why.text, "entry %lld, applied again", (long long)s->id);
}

static int check_entry(void *ctx, const struct stored *s, struct err *e)
{
    struct check *c = ctx;
    struct sha256 leaf = sha256_leaf(s->body);
    int rc;

    if (s->id != c->next_id)
        check_missing(c, s->id);
    c->next_id = s->id;
    rc = enter_epoch(c, e);
    if (rc != OK)
        return rc;
    check_entry_text(c, s, &leaf);
    merkle_append_full(&c->tree, 0, &leaf, check_tile, c);
    if (c->tile_rc != OK) {
        if (e)
            *e = c->tile_err;
        return c->tile_rc;
    }
    c->next_id = s->id + 1;
    if ((uint64_t)s->id % PROGRESS_EVERY == 0 || (uint64_t)s->id == c->total)
        progress(&c->f, "entries", (uint64_t)s->id, c->total);
    return pass_checkpoints(c, c->epoch.epoch, (int64_t)c->tree.size, e);
}

/* ---- what must not be there ---- */

static int check_extra_content(struct check *c, struct err *e)
{
    struct stmt *s = db_query(
        c->l->db,
        "SELECT entry FROM content WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.id = content.entry)", e);
    int rc;

    if (!s)
        return err_of(e);
    while ((rc = db_step(s, e)) == 1)
        found(&c->f, "the entry does not exist", "content of entry %lld", (long long)col_int(s, 0));
    db_done(s);
    return rc;
}

static int check_rest(struct check *c, struct err *e)
{
    int64_t tiles, epochs;
    int rc = pass_checkpoints(c, INT64_MAX, INT64_MAX, e);

    if (rc == OK)
        rc = check_expunged(c, e);
    if (rc == OK && !c->in_epoch)
        rc = enter_epoch(c, e);
    if (rc == OK)
        rc = check_extra_content(c, e);
    tiles = db_value(c->l->db, "SELECT count(*) FROM tile", 0);
    if (rc == OK && (uint64_t)tiles > c->tiles)
        found(&c->f, "there are more tiles than the entries make", "tiles");
    epochs = db_value(c->l->db, "SELECT count(*) FROM epoch", 0);
    if (rc == OK && epochs != c->epoch.epoch)
        found(&c->f, "there are more epochs than the entries make, or fewer", "epochs");
    return rc;
}

/* ---- all ---- */

static int open_scratch(struct check *c, ledger_scratch_fn scratch, void *ctx, struct err *e)
{
    if (!scratch)
        return OK;
    c->scratch = scratch(ctx, &c->kinds, e);
    if (!c->scratch)
        return err_of(e);
    while (c->kinds && c->kinds[c->kind_count].name)
        c->kind_count++;
    return db_begin(c->scratch, e);
}

static int verify_log(struct check *c, struct err *e)
{
    int rc;

    c->checkpoints = db_query(c->l->db, "SELECT epoch, size, note FROM checkpoint ORDER BY epoch, size", e);
    if (!c->checkpoints)
        return err_of(e);
    rc = next_checkpoint(c, e);
    if (rc == OK)
        rc = stored_each(c->l->db, check_entry, c, e);
    if (rc == OK)
        rc = check_rest(c, e);
    db_done(c->checkpoints);
    return rc;
}

static int verify_all(struct check *c, ledger_scratch_fn scratch, void *ctx, struct err *e)
{
    int rc = open_scratch(c, scratch, ctx, e);

    c->total = (uint64_t)db_value(c->l->db, "SELECT count(*) FROM entry", 0);
    if (rc == OK)
        rc = verify_log(c, e);
    if (c->scratch && db_in_tx(c->scratch)) {
        if (rc == OK)
            rc = db_end(c->scratch, true, e);
        else
            db_rollback(c->scratch);
    }
    if (rc == OK && c->scratch)
        rc = verify_tables(c->l->db, c->scratch, &c->f, e);
    db_close(c->scratch);
    return rc;
}

int64_t ledger_verify(struct ledger *l, ledger_scratch_fn scratch, void *ctx, const struct ledger_progress *p,
                      struct err *e)
{
    struct err local = ERR_NONE;
    struct err *err = e ? e : &local;
    struct check *c = calloc(1, sizeof(*c));
    struct stmt *hold = NULL;
    int rc = OK;
    int64_t count;

    if (!c)
        return err_set(err, ERR_MEMORY, "no memory to verify the ledger");
    c->l = l;
    c->f.p = p;
    c->next_id = 1;
    c->tile_err = ERR_NONE;
    c->doc = json_doc_new(2 * (size_t)ENTRY_MAX);
    c->codec = codec_new();
    if (!c->doc || !c->codec)
        rc = err_set(err, ERR_MEMORY, "no memory to verify the ledger");
    /* A statement kept open keeps this thread's reader at one instant: entries may be appended meanwhile. */
    if (rc == OK && (!(hold = db_query(l->db, "SELECT epoch FROM epoch", err)) || db_step(hold, err) < 0))
        rc = err_of(err);
    if (rc == OK)
        rc = verify_all(c, scratch, ctx, err);
    db_done(hold);
    free(c->gone.p);
    free(c->ordered.p);
    codec_free(c->codec);
    json_doc_free(c->doc);
    count = c->f.count;
    free(c);
    return rc == OK ? count : rc;
}
