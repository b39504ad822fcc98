#include "fuse/private.h"

int64_t cursor_get(struct fuse *f, const char *name)
{
    struct stmt *s = db_query(f->db, "SELECT at FROM cursor WHERE name = ?", NULL);
    int64_t at = 0;
    if (s) {
        db_text(s, sv_c(name));
        at = db_step(s, NULL) == 1 ? col_int(s, 0) : 0;
        db_done(s);
    }
    return at;
}

int cursor_set(struct fuse *f, const char *name, int64_t at, struct err *e)
{
    struct stmt *s = db_query(
        f->db,
        "INSERT INTO cursor (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(name));
    db_int(s, at);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* ---- hourly aggregates
 * ---------------------------------------------------------------------------------------------------- */

static int find(struct fuse *f, int64_t source, int64_t h, const struct agg *a, int64_t *ret_id,
                struct err *e)
{
    struct stmt *s = db_query(
        f->db, "SELECT id, source, kind, value, sensor, class, field FROM past WHERE h = ? AND hour = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, h);
    db_time(s, a->hour);
    int rc = OK;
    *ret_id = 0;
    while (*ret_id == 0 && (rc = db_step(s, e)) == 1) {
        if (col_int(s, 1) == source && col_int(s, 2) == (int64_t)a->seen.value.kind &&
            sv_eq(col_text(s, 3), a->seen.value.value) && sv_eq(col_text(s, 4), a->sensor) &&
            sv_eq(col_text(s, 5), a->class) && sv_eq(col_text(s, 6), a->seen.field)) {
            *ret_id = col_int(s, 0);
        }
    }
    db_done(s);
    return *ret_id ? OK : rc;
}

static int grow(struct fuse *f, int64_t id, const struct agg *a, usec now, struct err *e)
{
    struct stmt *s = db_query(
        f->db,
        "UPDATE past SET count = count + ?, first_seen = CASE WHEN first_seen < ? THEN first_seen ELSE ? END,"
        " last_seen = CASE WHEN last_seen > ? THEN last_seen ELSE ? END, arrived = ? WHERE id = ?",
        e);
    if (!s) {
        return e->code;
    }
    db_int(s, (int64_t)a->count);
    db_time(s, a->first);
    db_time(s, a->first);
    db_time(s, a->last);
    db_time(s, a->last);
    db_time(s, now);
    db_int(s, id);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int past_add(struct fuse *f, int64_t source, const struct agg *a, usec now, struct err *e)
{
    int64_t h = value_hash(f, a->seen.value.kind, a->seen.value.value), id = 0;
    int rc = find(f, source, h, a, &id, e);
    if (rc != OK || id) {
        return rc != OK ? rc : grow(f, id, a, now, e);
    }
    struct stmt *s = db_query(f->db,
                              "INSERT INTO past (h, kind, value, source, sensor, class, field, hour, count, "
                              "first_seen, last_seen, arrived)"
                              " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, h);
    db_int(s, a->seen.value.kind);
    db_text(s, a->seen.value.value);
    db_int(s, source);
    db_text(s, a->sensor);
    db_text(s, a->class);
    db_text(s, a->seen.field);
    db_time(s, a->hour);
    db_int(s, (int64_t)a->count);
    db_time(s, a->first);
    db_time(s, a->last);
    db_time(s, now);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

int fuse_forget(struct fuse *f, usec now, struct err *e)
{
    int rc = db_begin(f->db, e);
    if (rc != OK) {
        return rc;
    }
    struct stmt *s = db_query(f->db, "DELETE FROM past WHERE arrived < ?", e);
    rc = s ? OK : e->code;
    if (s) {
        db_time(s, now - 30 * USEC_DAY);
        rc = db_run(s, e);
        db_done(s);
    }
    return db_finish(f->db, rc, e);
}

/* ---- new indicators against the past
 * -------------------------------------------------------------------------------------- */

/*
 * Claims of entries after `settled` that could match, as a block of their own. Newest rows are last, so the
 * walk starts at the end. A value that an older claim stated already is in too: what is counted sorts it out,
 * for the few that are met.
 */
static int new_claims(struct fuse *f, int64_t settled, struct matchset_build *b, size_t *ret_n, struct err *e)
{
    const struct benign *benign = benign_get(f, e);
    struct stmt *s =
        benign ? db_query(f->db, "SELECT id, kind, value, entry, flags FROM claim ORDER BY id DESC", e)
               : NULL;
    if (!s) {
        return e->code;
    }
    struct arena a;
    arena_init(&a, 1 << 20);
    int rc;
    while ((rc = db_step(s, e)) == 1 && col_int(s, 3) > settled) {
        enum kind kind = (enum kind)col_int(s, 1);
        struct obs o;
        struct err ignored = ERR_NONE;
        arena_reset(&a);
        if (col_int(s, 4) != 0 || !kind_matched(kind) ||
            obs_read(&a, kind, col_text(s, 2), &o, &ignored) != OK || benign_covers(benign, &o)) {
            continue;
        }
        rc = index_add(b, &o, col_int(s, 0), e);
        if (rc < 0) {
            break;
        }
        ++*ret_n;
    }
    db_done(s);
    arena_clear(&a);
    return rc < 0 ? rc : OK;
}

/* Brings one sighting up to what the past holds: done again it changes nothing. */
static int catch_up(struct sighting_batch *b, struct sighting *s, struct err *e)
{
    uint64_t counted = 0;
    int holds = fuse_holds(b->f, NULL, s->kind, s->indicator, s->hour, e);
    int rc = holds == 1 ? sighting_counted(b->f, s->source, s, &counted, e) : holds;
    if (rc != OK || !holds || counted >= s->count) {
        return rc;
    }
    s->count -= counted;
    return sightings_add(b, s, e);
}

static int add_hits(struct sighting_batch *b, struct stmt *row, const struct fuse_index *index,
                    struct arena *a, struct err *e)
{
    struct index_hit hit[INDEX_HITS];
    struct obs o;
    struct err ignored = ERR_NONE;
    arena_reset(a);
    if (obs_read(a, (enum kind)col_int(row, 1), col_text(row, 2), &o, &ignored) != OK) {
        return OK;
    }
    size_t n = fuse_index_find(index, &o, hit);
    int rc = OK;
    for (size_t i = 0; rc == OK && i < n; i++) {
        struct sighting s = {
            .observed = o.value,
            .observed_kind = o.kind,
            .indicator = hit[i].value,
            .kind = hit[i].kind,
            .sensor = col_text(row, 3),
            .class = col_text(row, 4),
            .field = col_text(row, 5),
            .source = col_int(row, 0),
            .hour = col_time(row, 6),
            .count = (uint64_t)col_int(row, 7),
            .first = col_time(row, 8),
            .last = col_time(row, 9),
        };
        rc = catch_up(b, &s, e);
    }
    return rc;
}

static int scan_past(struct fuse *f, const struct take_opts *o, const struct fuse_index *index,
                     uint64_t *touched, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT source, kind, value, sensor, class, field, hour, count, first_seen, "
                              "last_seen FROM past ORDER BY source, id",
                              e);
    if (!s) {
        return e->code;
    }
    struct arena a;
    struct sighting_batch batch = {.f = f};
    int64_t source = -1;
    int rc = OK, row;
    arena_init(&a, 1 << 20);
    while (rc == OK && (row = db_step(s, e)) != 0) {
        rc = row < 0 ? row : OK;
        if (rc == OK && col_int(s, 0) != source) {
            rc = source >= 0 ? sightings_end(&batch, e) : OK;
            *touched += batch.touched;
            source = col_int(s, 0);
            rc = rc == OK ? sightings_begin(&batch, f, o, source, e) : rc;
        }
        rc = rc == OK ? add_hits(&batch, s, index, &a, e) : rc;
    }
    db_done(s);
    arena_clear(&a);
    if (source >= 0) {
        struct err ignored = ERR_NONE;
        int end = sightings_end(&batch, rc == OK ? e : &ignored);
        *touched += batch.touched;
        rc = rc == OK ? end : rc;
    }
    return rc;
}

int past_again(struct fuse *f, struct err *e)
{
    return cursor_get(f, "again") ? OK : cursor_set(f, "again", 1, e);
}

static int settle_all(struct fuse *f, const struct take_opts *o, uint64_t *touched, struct err *e)
{
    int rc = fuse_index_refresh(f, o->now, e);
    if (rc == OK) {
        struct fuse_index index = fuse_index_get(f);
        rc = scan_past(f, o, &index, touched, e);
        fuse_index_put(&index);
    }
    return rc == OK ? cursor_set(f, "again", 0, e) : rc;
}

static int settle_new(struct fuse *f, const struct take_opts *o, int64_t settled, uint64_t *touched,
                      struct err *e)
{
    size_t n = 0;
    struct matchset_build *b = matchset_build_new(1024);
    int rc = b ? new_claims(f, settled, b, &n, e)
               : err_set(e, ERR_MEMORY, "no memory to look new indicators up in the past");
    if (rc == OK && n) {
        struct fuse_index index = {.base = matchset_build_finish(b, e)};
        rc = index.base ? scan_past(f, o, &index, touched, e) : e->code;
        fuse_index_put(&index);
    }
    matchset_build_free(b);
    return rc;
}

int past_settle(struct fuse *f, const struct take_opts *o, uint64_t *touched, struct err *e)
{
    int64_t settled = cursor_get(f, "settled"), again = cursor_get(f, "again"),
            newest = db_value(f->db, "SELECT entry FROM claim ORDER BY id DESC LIMIT 1", 0);
    if (newest <= settled && !again) {
        return OK;
    }
    int rc = OK;
    if (db_value(f->db, "SELECT 1 FROM past LIMIT 1", 0)) {
        rc = again ? settle_all(f, o, touched, e) : settle_new(f, o, settled, touched, e);
    } else if (again) {
        rc = cursor_set(f, "again", 0, e);
    }
    return rc == OK ? cursor_set(f, "settled", newest, e) : rc;
}
