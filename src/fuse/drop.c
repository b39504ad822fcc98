#include "fuse/private.h"

#include <stdlib.h>

/*
 * Everything of a source, from the inside out. The sources' own rows go too; the ledger keeps its entries, so
 * that what happened stays provable. State tables (past, quarantine, event chunks, documents) hold nothing
 * the views depend on: dropping them here keeps a rebuild equal.
 */
static const char *const DROPS[] = {
    "DELETE FROM object_ref WHERE object IN (SELECT id FROM object WHERE source = ?)",
    "DELETE FROM object_value WHERE object IN (SELECT id FROM object WHERE source = ?)",
    "DELETE FROM object WHERE source = ?",
    "DELETE FROM file_alias WHERE source = ?",
    "DELETE FROM speaker WHERE source = ?",
    "DELETE FROM withdrawn WHERE source = ?",
    "DELETE FROM claim WHERE source = ?",
    "DELETE FROM list_entry WHERE list IN (SELECT id FROM list WHERE source = ?)",
    "DELETE FROM list WHERE source = ?",
    "DELETE FROM sighting WHERE source = ?",
    "DELETE FROM past WHERE source = ?",
    "DELETE FROM event_record WHERE source = ?",
    "DELETE FROM document WHERE source = ?",
    "DELETE FROM quarantine WHERE source = ?",
    "DELETE FROM event_chunk WHERE source = ?",
    "DELETE FROM source WHERE id = ?",
};

static int drop_source(struct fuse *f, int64_t source, struct err *e)
{
    for (size_t i = 0; i < sizeof(DROPS) / sizeof(DROPS[0]); i++) {
        struct stmt *s = db_query(f->db, DROPS[i], e);
        if (!s) {
            return e->code;
        }
        db_int(s, source);
        int rc = db_run(s, e);
        db_done(s);
        if (rc < 0) {
            return rc;
        }
    }
    return OK;
}

int drop_apply(struct fuse *f, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    while (pack_next(&it, &record)) {
        struct cur c = cur_of(record);
        int64_t source = record.p ? cur_zigzag(&c) : 0;
        int rc = source > 0 && !c.failed ? drop_source(f, source, e) : OK;
        if (rc < 0) {
            return rc;
        }
    }
    benign_free(f->benign);
    f->benign = NULL;
    f->index_stale = true;
    f->patterns_stale = true;
    return OK;
}

struct exercise_sources {
    struct pack pack;
    uint64_t n;
};

static int gather(void *ctx, const struct source *s)
{
    struct exercise_sources *x = ctx;
    if (s->exercise) {
        struct buf b;
        buf_init(&b, 16);
        buf_zigzag(&b, s->id);
        pack_add(&x->pack, buf_sv(&b));
        buf_clear(&b);
        x->n++;
    }
    return OK;
}

int fuse_drop_exercise(struct fuse *f, usec now, uint64_t *ret_dropped, struct err *e)
{
    struct exercise_sources x = {0};
    struct arena a;
    struct org home;
    arena_init(&a, 16u << 20);
    pack_init(&x.pack);
    int rc = db_begin(f->db, e);
    if (rc == OK) {
        rc = org_home(f->db, &a, &home, e);
        if (rc == OK) {
            rc = source_each(f->db, &a, gather, &x, e);
        }
        if (rc == OK && x.n) {
            const struct ledger_header header = {.kind = "drop", .org = home.id, .at = now};
            int64_t entry;
            rc = ledger_accept(f->ledger, &header, &x.pack, &entry, e);
        }
        rc = db_finish(f->db, rc, e);
    }
    *ret_dropped = rc == OK ? x.n : 0;
    pack_clear(&x.pack);
    arena_clear(&a);
    return rc == OK ? fuse_index_refresh(f, now, e) : rc;
}
