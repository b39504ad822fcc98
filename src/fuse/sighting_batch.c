#include "fuse/private.h"

int sightings_begin(struct sighting_batch *b, struct fuse *f, const struct take_opts *o, int64_t source,
                    struct err *e)
{
    *b = (struct sighting_batch){.f = f, .o = o};
    struct ledger_state state;
    struct arena a;
    struct source s;
    arena_init(&a, 1 << 20);
    int rc = ledger_state(f->ledger, &state, e);
    if (rc == OK) {
        rc = source_get(f->db, source, &a, &s, e);
    }
    if (rc == OK) {
        b->entry = (struct entry){.id = state.entries + 1, .at = o->now, .org = s.org, .source = source};
    }
    arena_clear(&a);
    pack_init(&b->pack);
    buf_init(&b->record, 1 << 20);
    return rc;
}

int sightings_add(struct sighting_batch *b, const struct sighting *s, struct err *e)
{
    int64_t id;
    int rc = sighting_apply(b->f, &b->entry, s, &id, e);
    if (rc != OK) {
        return rc;
    }
    buf_reset(&b->record);
    sighting_encode(&b->record, s);
    pack_add(&b->pack, buf_sv(&b->record));
    b->touched++;
    if (b->o->sighting) {
        struct sighting told = *s;
        told.id = id;
        told.source = b->entry.source;
        b->o->sighting(b->o->ctx, &told);
    }
    return b->record.failed || b->pack.b.failed ? err_set(e, ERR_MEMORY, "no memory for a batch of sightings")
                                                : OK;
}

int sightings_end(struct sighting_batch *b, struct err *e)
{
    int rc = OK;
    if (b->pack.n) {
        const struct ledger_header header = {
            .kind = "sightings", .source = b->entry.source, .org = b->entry.org, .at = b->entry.at};
        int64_t entry;
        b->f->applied = true;
        rc = ledger_accept(b->f->ledger, &header, &b->pack, &entry, e);
        b->f->applied = false;
    }
    pack_clear(&b->pack);
    buf_clear(&b->record);
    return rc;
}
