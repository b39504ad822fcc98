/* Walks a collection in the order in which it grew, from any place at the same cost. */
#include "share/taxii/taxii_private.h"

#include <stdlib.h>

#define FOUND_MOST ((size_t)1 << 20) /* versions of the ids that one request names */

static const char ALL[] =
    "SELECT" TAXII_MEMBER_COLUMNS "FROM member WHERE collection = ? AND added > ? ORDER BY added";
static const char OF_TYPE[] = "SELECT" TAXII_MEMBER_COLUMNS
                              "FROM member WHERE collection = ? AND type = ? AND added > ? ORDER BY added";

/* ---- match[id] */

static int note(struct taxii_scan *s, usec added, struct err *e)
{
    if (s->n == s->room) {
        size_t room = s->room ? s->room * 2 : 64;
        int64_t *found = room <= FOUND_MOST ? reallocarray(s->found, room, sizeof(*found)) : NULL;
        if (!found) {
            return err_set(e, ERR_LIMIT, "the ids have more than %zu versions in all", s->room);
        }
        s->found = found;
        s->room = room;
    }
    s->found[s->n++] = added;
    return OK;
}

static int gather(struct taxii_scan *s, int64_t h, struct sv id, usec after, struct err *e)
{
    struct stmt *q =
        db_query(s->db, "SELECT added, stix_id FROM member WHERE collection = ? AND h = ? AND added > ?", e);
    if (!q) {
        return e->code;
    }
    db_int(q, s->collection);
    db_int(q, h);
    db_int(q, after);
    int rc;
    while ((rc = db_step(q, e)) == 1) {
        rc = sv_eq(col_text(q, 1), id) ? note(s, col_time(q, 0), e) : OK;
        if (rc < 0) {
            break;
        }
    }
    db_done(q);
    return rc;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int gather_all(struct taxii_scan *s, const struct hash_secret *secret, usec after, struct err *e)
{
    int rc = OK;
    size_t n = 0;
    for (size_t i = 0; rc == OK && i < s->filter->ids; i++) {
        struct sv id = s->filter->id[i];
        rc = gather(s, (int64_t)hash64(secret, id), id, after, e);
    }
    if (s->n) {
        qsort(s->found, s->n, sizeof(*s->found), by_number);
    }
    for (size_t i = 0; i < s->n; i++) { /* an id that is named twice */
        if (i == 0 || s->found[i] != s->found[i - 1]) {
            s->found[n++] = s->found[i];
        }
    }
    s->n = n;
    return rc;
}

/* ---- streams */

static int step(struct taxii_scan *s, size_t i, struct err *e)
{
    int rc = db_step(s->stream[i], e);
    s->head[i] = rc == 1 ? col_time(s->stream[i], 1) : INT64_MAX;
    return rc < 0 ? rc : OK;
}

static int open_stream(struct taxii_scan *s, const struct sv *type, usec after, struct err *e)
{
    struct stmt *q = db_query(s->db, type ? OF_TYPE : ALL, e);
    if (!q) {
        return e->code;
    }
    s->stream[s->streams++] = q;
    db_int(q, s->collection);
    if (type) {
        db_text(q, *type);
    }
    db_int(q, after);
    return step(s, s->streams - 1, e);
}

static int compare_types(const void *a, const void *b)
{
    return sv_cmp(*(const struct sv *)a, *(const struct sv *)b);
}

/* Sorted and each once, so that no member is met twice and each look is short. */
static void sort_types(struct taxii_filter *f)
{
    size_t n = 0;
    if (f->types) {
        qsort(f->type, f->types, sizeof(*f->type), compare_types);
    }
    for (size_t i = 0; i < f->types; i++) {
        if (i == 0 || !sv_eq(f->type[i], f->type[n - 1])) {
            f->type[n++] = f->type[i];
        }
    }
    f->types = n;
}

int taxii_scan_open(struct taxii_scan *s, struct db *db, const struct hash_secret *secret, int64_t collection,
                    struct taxii_filter *filter, usec after, struct err *e)
{
    *s = (struct taxii_scan){.db = db,
                             .filter = filter,
                             .collection = collection,
                             .given = SIZE_MAX,
                             .check_type = !filter->any_type};
    sort_types(filter);
    if (!filter->any_id) {
        return gather_all(s, secret, after, e);
    }
    if (filter->any_type || filter->types > TAXII_SCAN_STREAMS) {
        return open_stream(s, NULL, after, e);
    }
    int rc = OK;
    for (size_t i = 0; rc == OK && i < filter->types; i++) {
        rc = open_stream(s, &filter->type[i], after, e);
    }
    return rc;
}

static bool wanted_type(const struct taxii_scan *s, struct sv type)
{
    return !s->check_type || (s->filter->types &&
                              bsearch(&type, s->filter->type, s->filter->types, sizeof(type), compare_types));
}

/* The row that one of the ids has at this time. */
static int next_found(struct taxii_scan *s, struct err *e)
{
    db_done(s->stream[0]);
    s->streams = 0;
    s->stream[0] = NULL;
    if (s->at == s->n) {
        return 0;
    }
    struct stmt *q =
        db_query(s->db, "SELECT" TAXII_MEMBER_COLUMNS "FROM member WHERE collection = ? AND added = ?", e);
    if (!q) {
        return e->code;
    }
    s->stream[s->streams++] = q;
    db_int(q, s->collection);
    db_int(q, s->found[s->at++]);
    int rc = step(s, 0, e);
    return rc < 0 ? rc : 1;
}

static int next_row(struct taxii_scan *s, struct err *e)
{
    if (!s->filter->any_id) {
        s->given = 0;
        return next_found(s, e);
    }
    int rc = s->given != SIZE_MAX ? step(s, s->given, e) : OK;
    s->given = 0;
    for (size_t i = 1; i < s->streams; i++) {
        s->given = s->head[i] < s->head[s->given] ? i : s->given;
    }
    return rc < 0 ? rc : s->streams > 0 && s->head[s->given] != INT64_MAX;
}

int taxii_scan_next(struct taxii_scan *s, struct taxii_member *ret, struct sv *ret_id, struct err *e)
{
    int rc;
    while ((rc = next_row(s, e)) == 1) {
        struct stmt *q = s->stream[s->given];
        /* A row that was deleted since it was found, or of another type. */
        if (s->head[s->given] == INT64_MAX || !wanted_type(s, col_text(q, TAXII_MEMBER_TYPE))) {
            continue;
        }
        taxii_member_read(q, ret);
        *ret_id = col_text(q, TAXII_MEMBER_ID);
        return 1;
    }
    return rc;
}

void taxii_scan_close(struct taxii_scan *s)
{
    for (size_t i = 0; i < s->streams; i++) {
        db_done(s->stream[i]);
    }
    free(s->found);
    *s = (struct taxii_scan){0};
}
