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

static int note_change(const struct sighting_batch *b, int64_t sighting, struct err *e)
{
    struct stmt *s = db_query(b->f->db,
                              "INSERT INTO sighting_change (sighting, entry) VALUES (?,?) ON CONFLICT "
                              "(sighting) DO UPDATE SET entry = excluded.entry",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, sighting);
    db_int(s, b->entry.id);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int sightings_add(struct sighting_batch *b, const struct sighting *s, struct err *e)
{
    int64_t id;
    int rc = sighting_apply(b->f, &b->entry, s, &id, e);
    rc = rc == OK ? note_change(b, id, e) : rc;
    if (rc != OK) {
        return rc;
    }
    buf_reset(&b->record);
    sighting_encode(&b->record, s);
    pack_add(&b->pack, buf_sv(&b->record));
    b->touched++;
    if (b->o->sighting) {
        buf_zigzag(&b->f->told, id);
        buf_zigzag(&b->f->told, b->entry.source);
        buf_str(&b->f->told, buf_sv(&b->record));
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

struct buf told_take(struct fuse *f)
{
    struct buf told = f->told;
    buf_init(&f->told, TOLD_MAX);
    return told;
}

void told_send(struct buf *told, const struct take_opts *o)
{
    struct cur c = cur_of(buf_sv(told));
    while (o && o->sighting && !told->failed && cur_more(&c)) {
        struct sighting s;
        int64_t id = cur_zigzag(&c), source = cur_zigzag(&c);
        if (sighting_decode(cur_str(&c), &s)) {
            s.id = id;
            s.source = source;
            o->sighting(o->ctx, &s);
        }
    }
    buf_clear(told);
}
