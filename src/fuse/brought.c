/* What a source has brought, and what came of it: numbers for people. */
#include "fuse/private.h"

static int number(struct fuse *f, const char *sql, int64_t source, usec since, uint64_t ret[2], struct err *e)
{
    struct stmt *s = db_query(f->db, sql, e);
    if (!s) {
        return e->code;
    }
    db_int(s, source);
    db_int(s, since); /* USEC_NONE is before all times */
    int rc = db_step(s, e);
    ret[0] = rc == 1 ? (uint64_t)col_int(s, 0) : 0;
    ret[1] = rc == 1 ? (uint64_t)col_int(s, 1) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

static const char OBJECTS[] =
    "SELECT count(DISTINCT stix_id), 0 FROM object WHERE source = ? AND accepted >= ?";
static const char VALUES[] = "SELECT count(*), coalesce(sum(CASE WHEN EXISTS (SELECT 1 FROM claim o WHERE "
                             "o.h = c.h AND o.kind = c.kind AND "
                             "o.value = c.value AND o.id < c.id) THEN 0 ELSE 1 END), 0) FROM claim c WHERE "
                             "c.source = ? AND c.accepted >= ?";
static const char HITS[] = "SELECT coalesce(sum(s.count), 0), count(DISTINCT s.kind || ' ' || s.value) FROM "
                           "sighting s WHERE EXISTS (SELECT "
                           "1 FROM claim c WHERE c.h = s.h AND c.kind = s.kind AND c.value = s.value AND "
                           "c.source = ?) AND s.last_seen >= ?";
static const char TAKEN_BACK[] = "SELECT count(*), coalesce(sum(CASE WHEN why = 'false_positive' THEN 1 ELSE "
                                 "0 END), 0) FROM withdrawn WHERE "
                                 "source = ? AND at >= ?";

int fuse_brought(struct fuse *f, int64_t source, usec since, struct fuse_brought *ret, struct err *e)
{
    static const char *const sql[] = {OBJECTS, VALUES, HITS, TAKEN_BACK};
    uint64_t n[4][2] = {{0}};
    int rc = OK;
    for (size_t i = 0; rc == OK && i < 4; i++) {
        rc = number(f, sql[i], source, since, n[i], e);
    }
    *ret = (struct fuse_brought){.objects = n[0][0],
                                 .values = n[1][0],
                                 .first = n[1][1],
                                 .hits = n[2][0],
                                 .values_hit = n[2][1],
                                 .withdrawn = n[3][0],
                                 .false_positives = n[3][1]};
    return rc;
}

int fuse_brought_types(struct fuse *f, int64_t source, usec since, type_count_fn each, void *ctx,
                       struct err *e)
{
    struct stmt *s =
        db_query(f->db,
                 "SELECT type, count(DISTINCT stix_id) FROM object WHERE source = ? AND accepted "
                 ">= ? GROUP BY type ORDER BY type",
                 e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, source);
    db_int(s, since);
    while ((rc = db_step(s, e)) == 1) {
        each(ctx, col_text(s, 0), (uint64_t)col_int(s, 1));
    }
    db_done(s);
    return rc;
}
