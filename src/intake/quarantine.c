/* What could not be accepted: kept with its place and reason, until a retry is accepted. And the chunks of
 * events that were taken. */
#include "intake/private.h"

#define COLUMNS                                                                                              \
    "SELECT id, source, file, format, line, at_byte, code, text, remedy, bytes, context, at, against"        \
    " FROM quarantine"

/* One text for "the same bytes from the same source at the same place". */
static void place_of(int64_t source, struct sv file, const struct reject *r, char ret[65])
{
    char numbers[96];
    int n = snprintf(numbers, sizeof(numbers), "%lld %llu %llu %zu ", (long long)source,
                     (unsigned long long)r->line, (unsigned long long)r->offset, file.n);
    const struct sv parts[] = {sv_from(numbers, n > 0 ? (size_t)n : 0), file, r->bytes};
    struct sha256 sha = sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
    hex_text(sha.b, sizeof(sha.b), ret);
}

static void bind_text(struct stmt *s, struct sv v)
{
    db_text(s, v.p ? v : SV(""));
}

static void bind_blob(struct stmt *s, struct sv v)
{
    db_blob(s, v.p ? v : SV(""));
}

/* Bytes that are no UTF-8 must not stand in a text column: file names and parts of records in messages. */
static struct sv clean(struct arena *a, struct sv v)
{
    if (sv_utf8(v))
        return v;
    char *p = arena_alloc(a, v.n);
    if (!p)
        return SV("");
    for (size_t i = 0; i < v.n; i++)
        p[i] = (unsigned char)v.p[i] < 0x80 ? v.p[i] : '?';
    return sv_from(p, v.n);
}

int quarantine_add(struct db *db, int64_t source, struct sv file, struct sv format, const struct reject *r,
                   usec now, struct err *e)
{
    struct stmt *s = db_query(
        db,
        "INSERT INTO quarantine (id, place, source, file, format, line, at_byte, code, text, remedy,"
        " bytes, context, at, against)"
        " SELECT COALESCE(MAX(id), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM quarantine WHERE true"
        " ON CONFLICT (place) DO NOTHING",
        e);
    if (!s)
        return e->code;
    struct arena a;
    char place[65];
    arena_init(&a, (size_t)1 << 20);
    place_of(source, file, r, place);
    db_text(s, sv_c(place));
    db_int(s, source);
    bind_text(s, clean(&a, file));
    bind_text(s, format);
    db_int(s, (int64_t)r->line);
    db_int(s, (int64_t)r->offset);
    db_text(s, sv_c(err_name(r->code)));
    bind_text(s, clean(&a, r->text));
    bind_text(s, clean(&a, r->remedy));
    bind_blob(s, sv_sub(r->bytes, 0, REJECT_BYTES));
    bind_blob(s, r->context);
    db_time(s, now);
    bind_blob(s, sv_sub(r->against, 0, REJECT_BYTES));
    int rc = db_run(s, e);
    db_done(s);
    arena_clear(&a);
    return rc < 0 ? rc : OK;
}

static bool keep(struct arena *a, struct sv v, struct sv *ret)
{
    *ret = arena_sv(a, v.p ? v : SV(""));
    return ret->p;
}

static int read_row(struct stmt *s, struct arena *a, struct quarantined *ret, struct err *e)
{
    char code[32];
    sv_copy(col_text(s, 6), code, sizeof(code));
    *ret = (struct quarantined){
        .id = col_int(s, 0),
        .source = col_int(s, 1),
        .why = {.line = (uint64_t)col_int(s, 4),
                .offset = (uint64_t)col_int(s, 5),
                .code = err_code_of(code)},
        .at = col_time(s, 11),
    };
    bool kept = keep(a, col_text(s, 2), &ret->file) && keep(a, col_text(s, 3), &ret->format) &&
                keep(a, col_text(s, 7), &ret->why.text) && keep(a, col_text(s, 8), &ret->why.remedy) &&
                keep(a, col_blob(s, 9), &ret->why.bytes) && keep(a, col_blob(s, 10), &ret->why.context) &&
                keep(a, col_blob(s, 12), &ret->why.against);
    return kept ? OK : err_set(e, ERR_MEMORY, "no memory for a quarantined record");
}

int quarantine_each(struct db *db, int64_t source, int64_t after_id, size_t max, struct arena *a,
                    int (*each)(void *ctx, const struct quarantined *q), void *ctx, struct err *e)
{
    struct stmt *s = source ? db_query(db, COLUMNS " WHERE source = ? AND id > ? ORDER BY id LIMIT ?", e)
                            : db_query(db, COLUMNS " WHERE id > ? ORDER BY id LIMIT ?", e);
    if (!s)
        return e->code;
    if (source)
        db_int(s, source);
    db_int(s, after_id);
    db_int(s, max > INT32_MAX ? INT32_MAX : (int64_t)max);
    int rc;
    while ((rc = db_step(s, e)) > 0) {
        struct quarantined q;
        rc = read_row(s, a, &q, e);
        if (rc == OK)
            rc = each(ctx, &q);
        if (rc < 0)
            break;
    }
    db_done(s);
    return rc;
}

int quarantine_get(struct db *db, int64_t id, struct arena *a, struct quarantined *ret, struct err *e)
{
    struct stmt *s = db_query(db, COLUMNS " WHERE id = ?", e);
    if (!s)
        return e->code;
    db_int(s, id);
    int rc = db_step(s, e);
    if (rc > 0) {
        rc = read_row(s, a, ret, e);
    } else if (rc == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no rejected record %lld", (long long)id);
        rc = err_hint(e, "`noroshi rejected list` shows them");
    }
    db_done(s);
    return rc;
}

int quarantine_remove(struct db *db, int64_t id, struct err *e)
{
    struct stmt *s = db_query(db, "DELETE FROM quarantine WHERE id = ?", e);
    if (!s)
        return e->code;
    db_int(s, id);
    int rc = db_run(s, e);
    db_done(s);
    return rc < 0 ? rc : OK;
}

int64_t quarantine_count(struct db *db)
{
    return db_value(db, "SELECT COUNT(*) FROM quarantine", 0);
}

int event_chunk_known(struct db *db, int64_t source, const struct sha256 *sha, uint64_t offset, struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT 1 FROM event_chunk WHERE source = ? AND sha = ? AND at_byte = ?", e);
    if (!s)
        return e->code;
    db_int(s, source);
    db_blob(s, sv_from((const char *)sha->b, sizeof(sha->b)));
    db_int(s, (int64_t)offset);
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

int event_chunk_add(struct db *db, int64_t source, const struct sha256 *sha, uint64_t offset, uint64_t length,
                    usec now, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "INSERT INTO event_chunk (source, sha, at_byte, bytes, at) VALUES (?, ?, ?, ?, ?)"
                 " ON CONFLICT (source, sha, at_byte) DO NOTHING",
                 e);
    if (!s)
        return e->code;
    db_int(s, source);
    db_blob(s, sv_from((const char *)sha->b, sizeof(sha->b)));
    db_int(s, (int64_t)offset);
    db_int(s, (int64_t)length);
    db_time(s, now);
    int rc = db_run(s, e);
    db_done(s);
    return rc < 0 ? rc : OK;
}
