#include "fuse/take.h"

/*
 * A chunk is known by the hash of all its bytes. When some of its records were refused (no zone declared yet,
 * say), it must be possible to take these later without counting the others twice: then the accepted ones are
 * remembered one by one, by content and place. So is every record that is retried alone.
 */

int64_t event_mark(const struct take *t, struct sv raw, uint64_t offset)
{
    struct sha256 content = sha256_of(raw);
    uint64_t place = t->o->retry ? t->o->place : offset;
    char key[40];
    memcpy(key, content.b, 32);
    memcpy(key + 32, &place, 8);
    return (int64_t)hash64(t->f->secret, sv_from(key, sizeof(key)));
}

int64_t event_mark_chunk(const struct take *t)
{
    char key[41] = {'c'};
    memcpy(key + 1, t->chunk_sha.b, 32);
    memcpy(key + 33, &t->chunk_offset, 8);
    return (int64_t)hash64(t->f->secret, sv_from(key, sizeof(key)));
}

bool event_marked(struct take *t, int64_t mark)
{
    struct stmt *s = db_query(t->f->db, "SELECT 1 FROM event_record WHERE source = ? AND h = ?", NULL);
    bool found = false;
    if (s) {
        db_int(s, t->o->source->id);
        db_int(s, mark);
        found = db_step(s, NULL) == 1;
        db_done(s);
    }
    return found;
}

int event_mark_add(struct take *t, int64_t mark, struct err *e)
{
    struct stmt *s = db_query(
        t->f->db, "INSERT INTO event_record (source, h) VALUES (?, ?) ON CONFLICT (source, h) DO NOTHING", e);
    if (!s) {
        return e->code;
    }
    db_int(s, t->o->source->id);
    db_int(s, mark);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}
