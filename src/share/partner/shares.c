/* The register of what went to partners: an entry before the first byte of a page, a note when it was wholly
 * written. */
#include "share/partner/shares.h"

#include "share/partner/register.h"

static void write_grant(struct jw *w, const struct share_grant *g)
{
    char agreement[37], grant[37];
    uuid_text(g->agreement, agreement);
    uuid_text(g->grant, grant);
    jw_obj(w);
    jw_kstr(w, "agreement", sv_c(agreement));
    jw_kstr(w, "grant", sv_c(grant));
    jw_kint(w, "things", (int64_t)g->things);
    jw_kint(w, "version", g->version);
    jw_end_obj(w);
}

static void write_time(struct jw *w, const char *key, usec at)
{
    char text[32];
    if (at != USEC_NONE) {
        time_text6(at, text);
    }
    jw_kstr(w, key, at != USEC_NONE ? sv_c(text) : SV_NONE);
}

static void write_share(const struct share *s, struct buf *out)
{
    struct jw w;
    char partner[37];
    uuid_text(s->partner, partner);
    jw_init(&w, out);
    jw_obj(&w);
    write_time(&w, "at", s->at);
    jw_kstr(&w, "channel", s->channel);
    jw_kstr(&w, "collection", s->collection);
    write_time(&w, "delete_after", s->delete_after);
    jw_kstr(&w, "filter", s->filter);
    write_time(&w, "first", s->first);
    jw_key(&w, "grants");
    jw_arr(&w);
    for (size_t i = 0; i < s->grants; i++) {
        write_grant(&w, &s->grant[i]);
    }
    jw_end_arr(&w);
    write_time(&w, "last", s->last);
    jw_kstr(&w, "partner", sv_c(partner));
    if (s->payload_sha256.n) {
        jw_kstr(&w, "payload_sha256", s->payload_sha256);
    }
    jw_kstr(&w, "purpose", sv_c(purpose_name(s->purpose)));
    jw_kint(&w, "things", (int64_t)s->things);
    jw_end_obj(&w);
}

int share_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct jv v = {0};
    int64_t things = 0;
    if (!pack_next(&it, &record) || !record.p) {
        return OK; /* expunged */
    }
    struct json_doc *d = json_doc_new(1u << 20);
    int rc = d ? json_parse(d, record, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a share");
    (void)(rc == OK && json_i64(json_get(v, SV("things")), &things));
    struct stmt *s =
        rc == OK
            ? db_query(db, "INSERT INTO share (entry, partner, at, things, record) VALUES (?,?,?,?,?)", e)
            : NULL;
    if (s) {
        db_int(s, entry->id);
        db_text(s, json_get_str(v, SV("partner")));
        db_time(s, entry->at);
        db_int(s, things);
        db_text(s, record);
        rc = db_run(s, e);
        db_done(s);
    } else if (rc == OK) {
        rc = e->code;
    }
    json_doc_free(d);
    return rc;
}

/* What went is known by the hash of its id: withdrawals go to those who have it, and to nobody else. */
static int note_given(struct db *db, const struct share *s, int64_t entry, struct err *e)
{
    char partner[37];
    struct stmt *q =
        s->given_count
            ? db_query(db,
                       "INSERT INTO share_given (partner, h, version, entry, first_entry) VALUES (?,?,?,?,?) "
                       "ON CONFLICT "
                       "(partner, h) DO UPDATE SET version = excluded.version, entry = excluded.entry WHERE "
                       "excluded.version IS NOT NULL AND "
                       "(share_given.version IS NULL OR share_given.version < excluded.version)",
                       e)
            : NULL;
    int rc = q || !s->given_count ? OK : e->code;
    uuid_text(s->partner, partner);
    for (size_t i = 0; rc == OK && i < s->given_count; i++) {
        db_text(q, sv_c(partner));
        db_int(q, s->given[i]);
        db_time(q, s->version ? s->version[i] : USEC_NONE);
        db_int(q, entry);
        db_int(q, entry);
        rc = db_run(q, e);
    }
    db_done(q);
    return rc;
}

int share_unsent(struct db *db, struct uuid partner, int64_t entry, const int64_t *h, size_t n, bool left,
                 struct err *e)
{
    static const char *const sql[] = {
        "DELETE FROM share_given WHERE partner = ? AND h = ? AND first_entry = ?",
        "UPDATE share_given SET version = NULL WHERE partner = ? AND h = ? AND entry = ?"};
    char id[37];
    int rc = OK;
    uuid_text(partner, id);
    for (size_t i = left ? 1 : 0; rc == OK && i < 2; i++) {
        struct stmt *s = db_query(db, sql[i], e);
        rc = s ? OK : e->code;
        for (size_t k = 0; rc == OK && k < n; k++) {
            db_text(s, sv_c(id));
            db_int(s, h[k]);
            db_int(s, entry);
            rc = db_run(s, e);
        }
        db_done(s);
    }
    return rc;
}

static int note_copies(struct db *db, const struct share *s, struct err *e)
{
    struct stmt *q =
        s->copies
            ? db_query(db, "INSERT INTO share_copy (id, original) VALUES (?,?) ON CONFLICT DO NOTHING", e)
            : NULL;
    int rc = q || !s->copies ? OK : e->code;
    for (size_t i = 0; rc == OK && i < s->copies; i++) {
        db_text(q, s->copy[i].id);
        db_text(q, s->copy[i].original);
        rc = db_run(q, e);
    }
    db_done(q);
    return rc;
}

int share_append(struct ledger *l, struct db *db, const struct share *s, int64_t *ret_entry, struct err *e)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    write_share(s, &b);
    int rc = b.failed ? err_set(e, ERR_LIMIT, "the share does not fit")
                      : register_append(l, db, "share", buf_sv(&b), s->at, ret_entry, e);
    rc = rc == OK ? note_given(db, s, *ret_entry, e) : rc;
    rc = rc == OK ? note_copies(db, s, e) : rc;
    buf_clear(&b);
    return rc;
}

int share_begin(struct ledger *l, struct db *db, const struct share *s, int64_t *ret_entry, struct err *e)
{
    int rc = db_begin(db, e);
    if (rc == OK) {
        rc = db_finish(db, share_append(l, db, s, ret_entry, e), e);
        rc = rc == OK ? db_sync(db, e) : rc;
    }
    return rc;
}

int share_was_given(struct db *db, struct uuid partner, int64_t h, struct err *e)
{
    char id[37];
    struct stmt *s = db_query(db, "SELECT 1 FROM share_given WHERE partner = ? AND h = ?", e);
    if (!s) {
        return e->code;
    }
    uuid_text(partner, id);
    db_text(s, sv_c(id));
    db_int(s, h);
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

int share_version_given(struct db *db, struct uuid partner, int64_t h, usec version, struct err *e)
{
    char id[37];
    struct stmt *s = db_query(
        db, "SELECT 1 FROM share_given WHERE partner = ? AND h = ? AND (? IS NULL OR version >= ?)", e);
    if (!s) {
        return e->code;
    }
    uuid_text(partner, id);
    db_text(s, sv_c(id));
    db_int(s, h);
    db_time(s, version);
    db_time(s, version);
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

int share_complete(struct db *db, int64_t entry, usec now, struct err *e)
{
    struct stmt *s =
        db_query(db, "INSERT INTO share_done (entry, at) VALUES (?,?) ON CONFLICT DO NOTHING", e);
    if (!s) {
        return e->code;
    }
    db_int(s, entry);
    db_time(s, now);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int share_last_version(struct db *db, struct uuid partner, int64_t h, usec *ret, struct err *e)
{
    char id[37];
    struct stmt *s = db_query(db, "SELECT version FROM share_given WHERE partner = ? AND h = ?", e);
    if (!s) {
        return e->code;
    }
    uuid_text(partner, id);
    db_text(s, sv_c(id));
    db_int(s, h);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_time(s, 0) : USEC_NONE;
    db_done(s);
    return rc;
}

int share_end(struct db *db, int64_t entry, usec now, struct err *e)
{
    int rc = db_begin(db, e);
    return rc == OK ? db_finish(db, share_complete(db, entry, now, e), e) : rc;
}

int share_sent_since(struct db *db, struct uuid partner, usec since, int64_t *ret, struct err *e)
{
    char id[37];
    struct stmt *s =
        db_query(db, "SELECT coalesce(sum(things), 0) FROM share WHERE partner = ? AND at >= ?", e);
    *ret = 0;
    if (!s) {
        return e->code;
    }
    uuid_text(partner, id);
    db_text(s, sv_c(id));
    db_time(s, since);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

int share_each(struct db *db, struct sv partner, int64_t before, size_t most,
               int (*each)(void *ctx, int64_t entry, struct sv record, usec done), void *ctx, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT share.entry, record, share_done.at FROM share LEFT JOIN share_done ON "
                 "share_done.entry = share.entry WHERE (? = '' OR partner = ?) AND share.entry < ? "
                 "ORDER BY share.entry DESC LIMIT ?",
                 e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_text(s, partner);
    db_text(s, partner);
    db_int(s, before ? before : INT64_MAX);
    db_int(s, (int64_t)most);
    while ((rc = db_step(s, e)) == 1) {
        rc = each(ctx, col_int(s, 0), col_text(s, 1), col_time(s, 2));
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}
