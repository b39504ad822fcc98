#include "fuse/private.h"

void sighting_encode(struct buf *b, const struct sighting *s)
{
    buf_varint(b, s->kind);
    buf_str(b, s->indicator);
    buf_varint(b, s->observed_kind);
    buf_str(b, s->observed);
    buf_str(b, s->sensor);
    buf_str(b, s->class);
    buf_str(b, s->field);
    buf_zigzag(b, s->hour);
    buf_zigzag(b, s->first);
    buf_zigzag(b, s->last);
    buf_varint(b, s->count);
}

bool sighting_decode(struct sv bytes, struct sighting *ret)
{
    struct cur c = cur_of(bytes);
    *ret = (struct sighting){0};
    uint64_t kind = cur_varint(&c);
    ret->indicator = cur_str(&c);
    uint64_t observed_kind = cur_varint(&c);
    ret->observed = cur_str(&c);
    ret->sensor = cur_str(&c);
    ret->class = cur_str(&c);
    ret->field = cur_str(&c);
    ret->hour = cur_zigzag(&c);
    ret->first = cur_zigzag(&c);
    ret->last = cur_zigzag(&c);
    ret->count = cur_varint(&c);
    ret->kind = (enum kind)kind;
    ret->observed_kind = (enum kind)observed_kind;
    return !c.failed && kind < KIND_MAX && observed_kind < KIND_MAX;
}

static int find(struct fuse *f, int64_t source, int64_t h, const struct sighting *s, int64_t *ret_id,
                uint64_t *ret_count, struct err *e)
{
    struct stmt *q =
        db_query(f->db,
                 "SELECT id, source, kind, value, observed_kind, observed, sensor, class, field, "
                 "count FROM sighting WHERE h = ? AND hour = ?",
                 e);
    if (!q) {
        return e->code;
    }
    db_int(q, h);
    db_time(q, s->hour);
    int rc;
    *ret_id = 0;
    while (*ret_id == 0 && (rc = db_step(q, e)) == 1) {
        if (col_int(q, 1) == source && col_int(q, 2) == (int64_t)s->kind &&
            sv_eq(col_text(q, 3), s->indicator) && col_int(q, 4) == (int64_t)s->observed_kind &&
            sv_eq(col_text(q, 5), s->observed) && sv_eq(col_text(q, 6), s->sensor) &&
            sv_eq(col_text(q, 7), s->class) && sv_eq(col_text(q, 8), s->field)) {
            *ret_id = col_int(q, 0);
            *ret_count = (uint64_t)col_int(q, 9);
        }
    }
    db_done(q);
    return *ret_id ? OK : rc;
}

static int grow(struct fuse *f, int64_t id, const struct sighting *s, struct err *e)
{
    struct stmt *q = db_query(f->db,
                              "UPDATE sighting SET count = count + ?, first_seen = CASE WHEN first_seen < ? "
                              "THEN first_seen ELSE ? END,"
                              " last_seen = CASE WHEN last_seen > ? THEN last_seen ELSE ? END WHERE id = ?",
                              e);
    if (!q) {
        return e->code;
    }
    db_int(q, (int64_t)s->count);
    db_time(q, s->first);
    db_time(q, s->first);
    db_time(q, s->last);
    db_time(q, s->last);
    db_int(q, id);
    int rc = db_run(q, e);
    db_done(q);
    return rc;
}

static int insert(struct fuse *f, const struct entry *entry, int64_t h, const struct sighting *s,
                  int64_t *ret_id, struct err *e)
{
    struct stmt *q = db_query(f->db,
                              "INSERT INTO sighting (id, h, kind, value, observed_kind, observed, source, "
                              "sensor, class, field, hour, count, first_seen, last_seen)"
                              " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id",
                              e);
    if (!q) {
        return e->code;
    }
    bind_number(q, number_next(f, NUMBER_SIGHTING, entry->id));
    db_int(q, h);
    db_int(q, s->kind);
    db_text(q, s->indicator);
    db_int(q, s->observed_kind);
    db_text(q, s->observed);
    db_int(q, entry->source);
    db_text(q, s->sensor);
    db_text(q, s->class);
    db_text(q, s->field);
    db_time(q, s->hour);
    db_int(q, (int64_t)s->count);
    db_time(q, s->first);
    db_time(q, s->last);
    int rc = db_step(q, e);
    if (rc == 1) {
        *ret_id = col_int(q, 0);
        rc = OK;
    }
    db_done(q);
    return rc;
}

int sighting_counted(struct fuse *f, int64_t source, const struct sighting *s, uint64_t *ret, struct err *e)
{
    int64_t id;
    *ret = 0;
    return find(f, source, value_hash(f, s->kind, s->indicator), s, &id, ret, e);
}

int sighting_apply(struct fuse *f, const struct entry *entry, const struct sighting *s, int64_t *ret_id,
                   struct err *e)
{
    int64_t h = value_hash(f, s->kind, s->indicator);
    uint64_t counted;
    int rc = find(f, entry->source, h, s, ret_id, &counted, e);
    if (rc != OK) {
        return rc;
    }
    return *ret_id ? grow(f, *ret_id, s, e) : insert(f, entry, h, s, ret_id, e);
}
