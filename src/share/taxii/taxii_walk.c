/* Members of a collection one after the other, for who brings them to partners by itself. */
#include "share/taxii/taxii_private.h"

struct found_collection {
    int64_t id;
    struct taxii_collection *ret;
    bool found;
};

static int match_collection(void *ctx, const struct taxii_collection *c)
{
    struct found_collection *f = ctx;
    if (c->id == f->id) {
        *f->ret = *c;
        f->found = true;
    }
    return OK;
}

int taxii_collection_get(struct db *db, int64_t id, const struct taxii_who *who, struct arena *a,
                         struct taxii_collection *ret, struct err *e)
{
    struct found_collection f = {.id = id, .ret = ret};
    int rc = taxii_collection_each(db, 0, a, match_collection, &f, e);
    if (rc == OK && !f.found) {
        rc = err_set(e, ERR_NOT_FOUND, "there is no such collection");
    }
    return rc == OK ? taxii_rights(db, ret, who, e) : rc;
}

/* Whether another member of the id comes before this one: a newer version, or the same from elsewhere that
 * came first. */
static int is_covered(const struct taxii *t, int64_t collection, const struct taxii_member *m, struct sv id,
                      struct err *e)
{
    struct stmt *s = db_query(t->db,
                              "SELECT stix_id FROM member WHERE collection = ? AND h = ? AND spec = 21 AND "
                              "(version > ? OR (version = ? AND added < ?))",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    db_int(s, m->h);
    db_time(s, m->version);
    db_time(s, m->version);
    db_time(s, m->added);
    int rc;
    while ((rc = db_step(s, e)) == 1 && !sv_eq(col_text(s, 0), id)) {
    }
    db_done(s);
    return rc;
}

/* 1 = it is one that can be given. */
static int read_item(const struct taxii *t, const struct taxii_collection *c, struct stmt *s, struct arena *a,
                     struct taxii_item *ret, struct err *e)
{
    struct taxii_member m;
    taxii_member_read(s, &m);
    if (m.spec != 21 || m.tlp > c->ceiling || taxii_is_supporting(&m)) {
        return 0;
    }
    int covered = m.alone ? 0 : is_covered(t, c->id, &m, col_text(s, TAXII_MEMBER_ID), e);
    if (covered) {
        return covered < 0 ? covered : 0;
    }
    *ret = (struct taxii_item){.member = m.id,
                               .number = m.number,
                               .source = m.source,
                               .h = m.h,
                               .added = m.added,
                               .version = m.versioned ? m.version : USEC_NONE,
                               .claim = m.claim,
                               .own = m.own,
                               .tlp = m.tlp,
                               .id = arena_sv(a, col_text(s, TAXII_MEMBER_ID)),
                               .type = arena_sv(a, col_text(s, TAXII_MEMBER_TYPE))};
    return ret->id.p && ret->type.p ? 1 : err_set(e, ERR_MEMORY, "no memory for members");
}

int taxii_walk(const struct taxii *t, const struct taxii_collection *c, struct taxii_range *r,
               struct arena *a, struct taxii_item **ret, size_t *ret_n, struct err *e)
{
    size_t looked = 0;
    struct taxii_item *item = arena_calloc(a, TAXII_PAGE_MOST, sizeof(*item));
    struct stmt *s = item ? db_query(t->db,
                                     "SELECT" TAXII_MEMBER_COLUMNS
                                     "FROM member WHERE collection = ? AND added > ? AND added <= ? AND (? = "
                                     "0 OR source = ?) ORDER BY added",
                                     e)
                          : NULL;
    *ret = item;
    *ret_n = 0;
    if (!s) {
        return item ? e->code : err_set(e, ERR_MEMORY, "no memory for members");
    }
    db_int(s, c->id);
    db_time(s, r->after);
    db_time(s, r->upto);
    db_int(s, r->source);
    db_int(s, r->source);
    int rc = 0;
    while (looked < TAXII_PAGE_MOST && (rc = db_step(s, e)) == 1) {
        int got = read_item(t, c, s, a, &item[*ret_n], e);
        if (got < 0) {
            rc = got;
            break;
        }
        *ret_n += got == 1;
        looked++;
        r->after = col_time(s, 1);
    }
    db_done(s);
    r->after = rc == 0 ? r->upto : r->after;
    return rc < 0 ? rc : OK;
}

int taxii_member_get(const struct taxii *t, const struct taxii_collection *c, int64_t member, struct arena *a,
                     struct taxii_item *ret, struct err *e)
{
    struct stmt *s =
        db_query(t->db, "SELECT" TAXII_MEMBER_COLUMNS "FROM member WHERE id = ? AND collection = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, member);
    db_int(s, c->id);
    int rc = db_step(s, e);
    rc = rc == 1 ? read_item(t, c, s, a, ret, e) : rc;
    db_done(s);
    return rc;
}

int taxii_member_now(const struct taxii *t, const struct taxii_collection *c, int64_t member, struct arena *a,
                     struct taxii_item *ret, struct err *e)
{
    struct stmt *s =
        db_query(t->db,
                 "SELECT" TAXII_MEMBER_COLUMNS
                 "FROM member WHERE collection = ? AND spec = 21 AND h = (SELECT h FROM member "
                 "WHERE id = ?) AND stix_id = (SELECT stix_id FROM member WHERE id = ?) ORDER BY "
                 "version DESC, added LIMIT 1",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, c->id);
    db_int(s, member);
    db_int(s, member);
    int rc = db_step(s, e);
    rc = rc == 1 ? read_item(t, c, s, a, ret, e) : rc;
    db_done(s);
    return rc;
}

int taxii_item_write(const struct taxii *t, const struct taxii_item *i, struct buf *out, struct err *e)
{
    return i->own ? taxii_own_text(t, i->member, out, e)
                  : fuse_item_write(t->fuse, i->claim, i->number, i->version, out, e);
}

int taxii_given_types(struct db *db, struct uuid partner, type_count_fn each, void *ctx, struct err *e)
{
    char id[37];
    struct stmt *s =
        db_query(db,
                 "SELECT m.type, count(DISTINCT g.h) FROM share_given g JOIN member m ON m.h = g.h "
                 "WHERE g.partner = ? GROUP BY m.type ORDER BY m.type",
                 e);
    int rc;
    if (!s) {
        return e->code;
    }
    uuid_text(partner, id);
    db_text(s, sv_c(id));
    while ((rc = db_step(s, e)) == 1) {
        each(ctx, col_text(s, 0), (uint64_t)col_int(s, 1));
    }
    db_done(s);
    return rc;
}

int taxii_newest(const struct taxii *t, int64_t collection, usec *ret, struct err *e)
{
    struct stmt *s =
        db_query(t->db, "SELECT added FROM member WHERE collection = ? ORDER BY added DESC LIMIT 1", e);
    *ret = USEC_NONE;
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_time(s, 0) : USEC_NONE;
    db_done(s);
    return rc < 0 ? rc : OK;
}
