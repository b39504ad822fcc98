/* What was taken back: the entry that says so applied, who is barred from bringing it again, and the numbers
 * that rows of expunged records had. */
#include "fuse/private.h"

#include <stdlib.h>

/* ---- numbers ---- */

void numbers_clear(struct numbers *n)
{
    for (size_t i = 0; i < NUMBERED; i++) {
        free(n->range[i]);
    }
    *n = (struct numbers){0};
}

static bool add_range(struct numbers *n, size_t what, const struct number_range *r)
{
    if (n->n[what] == n->room[what]) {
        size_t room = n->room[what] ? n->room[what] * 2 : 64;
        struct number_range *more = reallocarray(n->range[what], room, sizeof(*more));
        if (!more) {
            return false;
        }
        n->range[what] = more;
        n->room[what] = room;
    }
    struct number_range *to = &n->range[what][n->n[what]];
    *to = *r;
    to->furthest = n->n[what] && to[-1].furthest > r->last ? to[-1].furthest : r->last;
    n->n[what]++;
    return true;
}

static void load(struct fuse *f)
{
    struct numbers *n = &f->numbers;
    numbers_clear(n);
    struct stmt *s =
        db_query(f->db, "SELECT what, first, last, entry FROM number_gone ORDER BY what, first", NULL);
    bool good = s != NULL;
    while (good && db_step(s, NULL) == 1) {
        int64_t what = col_int(s, 0);
        const struct number_range r = {.first = col_int(s, 1), .last = col_int(s, 2), .entry = col_int(s, 3)};
        good = what >= 0 && what < NUMBERED && add_range(n, (size_t)what, &r);
    }
    db_done(s);
    n->loaded = true;
    n->rollbacks = db_rollbacks(f->db);
}

/* The end of a range that holds the number and was begun by then; 0 = none does. */
static int64_t covered(const struct numbers *n, size_t what, int64_t number, int64_t entry)
{
    const struct number_range *r = n->range[what];
    size_t low = 0, high = n->n[what];
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r[mid].first <= number) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    while (low > 0 && r[low - 1].furthest >= number) {
        low--;
        if (r[low].last >= number && r[low].entry <= entry) {
            return r[low].last;
        }
    }
    return 0;
}

int64_t number_next(struct fuse *f, enum numbered what, int64_t entry)
{
    static const char *const newest[NUMBERED] = {
        "SELECT max(id) FROM claim",      "SELECT max(id) FROM object",
        "SELECT max(id) FROM object_ref", "SELECT max(id) FROM object_value",
        "SELECT max(id) FROM file_alias", "SELECT max(id) FROM sighting",
    };
    if (!f->numbers.loaded || f->numbers.rollbacks != db_rollbacks(f->db)) {
        load(f);
    }
    if (!f->numbers.n[what]) {
        return 0;
    }
    int64_t next = db_value(f->db, newest[what], 0) + 1, last;
    while ((last = covered(&f->numbers, what, next, entry)) != 0) {
        next = last + 1;
    }
    return next;
}

int number_keep(struct fuse *f, enum numbered what, int64_t first, int64_t last, int64_t entry, struct err *e)
{
    struct stmt *s =
        db_query(f->db, "INSERT INTO number_gone (what, first, last, entry) VALUES (?,?,?,?)", e);
    if (!s) {
        return e->code;
    }
    db_int(s, what);
    db_int(s, first);
    db_int(s, last);
    db_int(s, entry);
    int rc = db_run(s, e);
    db_done(s);
    f->numbers.loaded = false;
    return rc;
}

int fuse_ground(struct fuse *f, const struct fuse *of, struct err *e)
{
    struct stmt *s = db_query(of->db, "SELECT what, first, last, entry FROM number_gone", e);
    int rc = s ? 1 : e->code;
    while (rc == 1 && (rc = db_step(s, e)) == 1) {
        rc = number_keep(f, (enum numbered)col_int(s, 0), col_int(s, 1), col_int(s, 2), col_int(s, 3), e);
        rc = rc == OK ? 1 : rc;
    }
    db_done(s);
    return rc;
}

/* ---- the entry ----
 *
 * record = type, then
 *   'd' varint(table) varint(first) varint(last)    rows that go
 *   'e' varint(first) varint(last)                  objects that are as good as revoked
 *   'f' varint(claim) str(ref)                      a claim that ends; with a ref: it goes on as that
 * object's 's' str(created_by) varint(source)              who speaks for a creator now, 0 = nobody 't'
 * zigzag(hash) u8(mode) str(why) str(by)      an id that is taken back 'u' zigzag(hash) an id that may come
 * again
 */

static int run2(struct fuse *f, const char *sql, int64_t a, int64_t b, struct err *e)
{
    struct stmt *s = db_query(f->db, sql, e);
    if (!s) {
        return e->code;
    }
    db_int(s, a);
    db_int(s, b);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int delete_rows(struct fuse *f, struct cur *c, struct err *e)
{
    static const char *const deletes[NUMBERED] = {
        "DELETE FROM claim WHERE id BETWEEN ? AND ?",
        "DELETE FROM object WHERE id BETWEEN ? AND ?",
        "DELETE FROM object_ref WHERE id BETWEEN ? AND ?",
        "DELETE FROM object_value WHERE id BETWEEN ? AND ?",
        "DELETE FROM file_alias WHERE id BETWEEN ? AND ?",
        "DELETE FROM sighting WHERE id BETWEEN ? AND ?",
    };
    uint64_t what = cur_varint(c), first = cur_varint(c), last = cur_varint(c);
    if (c->failed || what >= NUMBERED) {
        return err_set(e, ERR_CORRUPT, "a withdrawal names rows of no table");
    }
    return run2(f, deletes[what], (int64_t)first, (int64_t)last, e);
}

static int end_claim(struct fuse *f, const struct entry *entry, struct cur *c, struct err *e)
{
    int64_t id = (int64_t)cur_varint(c);
    struct sv ref = cur_str(c);
    /* Two milliseconds on, as each change that is given out (claim.c). */
    struct stmt *s = db_query(
        f->db,
        ref.n ? "UPDATE claim SET ref = ?, changed = ? WHERE id = ?"
              : "UPDATE claim SET flags = flags | 2, version = version + 2000, changed = ? WHERE id = ?",
        e);
    if (!s) {
        return e->code;
    }
    if (ref.n) {
        db_text(s, ref);
    }
    db_int(s, entry->id);
    db_int(s, id);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int set_speaker(struct fuse *f, struct cur *c, struct err *e)
{
    struct sv created_by = cur_str(c);
    int64_t source = (int64_t)cur_varint(c);
    struct stmt *s = db_query(f->db,
                              source ? "INSERT INTO speaker (created_by, source) VALUES (?, ?) ON CONFLICT "
                                       "(created_by) DO UPDATE SET source = excluded.source"
                                     : "DELETE FROM speaker WHERE created_by = ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_text(s, created_by);
    if (source) {
        db_int(s, source);
    }
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int note(struct fuse *f, const struct entry *entry, struct cur *c, struct err *e)
{
    int64_t h = cur_zigzag(c);
    uint8_t mode = cur_u8(c);
    struct sv why = cur_str(c), by = cur_str(c);
    /* What is gone does not come back as merely ended. */
    struct stmt *s =
        db_query(f->db,
                 "INSERT INTO withdrawn (source, h, mode, why, by_whom, at, entry) VALUES (?,?,?,?,?,?,?) ON "
                 "CONFLICT (source, h) DO UPDATE SET mode = excluded.mode, why = excluded.why, by_whom = "
                 "excluded.by_whom, at = excluded.at, entry = excluded.entry WHERE withdrawn.mode > 0",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, entry->source);
    db_int(s, h);
    db_int(s, mode);
    db_text(s, why);
    db_text(s, by);
    db_time(s, entry->at);
    db_int(s, entry->id);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int apply_one(struct fuse *f, const struct entry *entry, struct cur *c, struct err *e)
{
    uint64_t first, last;
    switch (cur_u8(c)) {
    case 'd':
        return delete_rows(f, c, e);
    case 'e':
        first = cur_varint(c);
        last = cur_varint(c);
        return run2(f, "UPDATE object SET revoked = 1 WHERE id BETWEEN ? AND ?", (int64_t)first,
                    (int64_t)last, e);
    case 'f':
        return end_claim(f, entry, c, e);
    case 's':
        return set_speaker(f, c, e);
    case 't':
        return note(f, entry, c, e);
    case 'u':
        return run2(f, "DELETE FROM withdrawn WHERE source = ? AND h = ?", entry->source, cur_zigzag(c), e);
    default:
        return err_set(e, ERR_CORRUPT, "a withdrawal holds what this program does not know");
    }
}

int withdraw_apply(struct fuse *f, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    int rc = OK;
    while (rc == OK && pack_next(&it, &record)) {
        struct cur c = cur_of(record);
        rc = record.p ? apply_one(f, entry, &c, e) : OK;
        if (rc == OK && record.p && c.failed) {
            rc = err_set(e, ERR_CORRUPT, "entry %lld holds a withdrawal that cannot be read",
                         (long long)entry->id);
        }
    }
    f->index_stale = true;
    f->patterns_stale = true;
    return rc;
}

/* ---- who is barred ---- */

bool withdrawn_any(struct fuse *f, int64_t source)
{
    struct stmt *s = db_query(f->db, "SELECT 1 FROM withdrawn WHERE source = ? LIMIT 1", NULL);
    if (!s) {
        return true; /* the look-up itself will tell what is wrong */
    }
    db_int(s, source);
    bool any = db_step(s, NULL) != 0;
    db_done(s);
    return any;
}

int withdrawn_bars(struct fuse *f, int64_t source, struct sv id, struct err *e)
{
    struct stmt *s = db_query(f->db, "SELECT 1 FROM withdrawn WHERE source = ? AND h = ? AND mode = 0", e);
    if (!s) {
        return e->code;
    }
    db_int(s, source);
    db_int(s, id_hash(f, id));
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

bool withdrawn_ended(struct fuse *f, int64_t source, const struct claim_rec *c, struct err *e)
{
    struct stmt *s =
        db_query(f->db,
                 "SELECT 1 FROM withdrawn w WHERE w.source = ? AND w.h = ? AND w.mode = 1 AND NOT "
                 "EXISTS (SELECT 1 FROM object o WHERE o.h = w.h AND o.source = w.source AND "
                 "o.modified = ? AND o.entry > w.entry)",
                 e);
    if (!s) {
        return false;
    }
    db_int(s, source);
    db_int(s, id_hash(f, c->ref));
    db_time(s, c->modified);
    bool ended = db_step(s, e) == 1;
    db_done(s);
    return ended;
}

/* ---- looking ---- */

static int each_row(struct stmt *s, withdrawn_fn each, void *ctx, struct err *e)
{
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        const struct withdrawn w = {
            .source = col_int(s, 0),
            .h = col_int(s, 1),
            .mode = col_int(s, 2) ? WITHDRAW_ENDED : WITHDRAW_GONE,
            .why = col_text(s, 3),
            .by = col_text(s, 4),
            .at = col_time(s, 5),
        };
        rc = each(ctx, &w, e);
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int fuse_withdrawn_of(struct fuse *f, struct sv id, int64_t source, withdrawn_fn each, void *ctx,
                      struct err *e)
{
    struct stmt *s =
        db_query(f->db,
                 "SELECT source, h, mode, why, by_whom, at FROM withdrawn WHERE h = ? AND (? = 0 "
                 "OR source = ?) ORDER BY source",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, id_hash(f, id));
    db_int(s, source);
    db_int(s, source);
    return each_row(s, each, ctx, e);
}

int fuse_withdrawn_each(struct fuse *f, withdrawn_fn each, void *ctx, struct err *e)
{
    struct stmt *s = db_query(
        f->db, "SELECT source, h, mode, why, by_whom, at FROM withdrawn ORDER BY entry, source, h", e);
    return s ? each_row(s, each, ctx, e) : e->code;
}
