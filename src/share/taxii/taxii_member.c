/* Members: which version of what stands in a collection since when. */
#include "share/taxii/taxii_private.h"

void taxii_member_read(struct stmt *s, struct taxii_member *ret)
{
    *ret = (struct taxii_member){
        .id = col_int(s, 0),
        .added = col_time(s, 1),
        .version = col_time(s, 2),
        .versioned = col_int(s, 13) != 0,
        .alone = col_int(s, 3) != 0,
        .claim = col_int(s, 4) != 0,
        .own = col_int(s, 5) != 0,
        .spec = (uint8_t)col_int(s, 6),
        .number = col_int(s, 7),
        .source = col_int(s, 8),
        .h = col_int(s, 9),
        .tlp = (enum tlp)col_int(s, 10),
    };
}

/* `modified` and `created` have milliseconds (STIX 2.1 3.2), or as many digits as they came with. */
void taxii_version_text(usec version, bool versioned, char ret[32])
{
    time_text6(version, ret);
    if (versioned && version % 1000 == 0) {
        memcpy(ret + strlen(ret) - 4, "Z", 2);
    }
}

static int64_t id_hash(const struct taxii *t, struct sv id)
{
    return (int64_t)hash64(t->secret, id);
}

/* ---- the clock of a collection */

int taxii_adder_open(struct taxii_adder *a, const struct taxii *t, int64_t collection, struct err *e)
{
    *a = (struct taxii_adder){.t = t, .collection = collection, .last = INT64_MIN};
    struct stmt *s = db_query(t->db, "SELECT last FROM collection_clock WHERE collection = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    int rc = db_step(s, e);
    a->last = rc == 1 ? col_int(s, 0) : a->last;
    db_done(s);
    return rc < 0 ? rc : OK;
}

usec taxii_adder_tick(struct taxii_adder *a, usec at)
{
    a->last = a->last != INT64_MIN && at <= a->last ? a->last + 1 : at;
    a->moved = true;
    return a->last;
}

int taxii_adder_close(struct taxii_adder *a, struct err *e)
{
    if (!a->moved) {
        return OK;
    }
    struct stmt *s = db_query(a->t->db,
                              "INSERT INTO collection_clock (collection, last) VALUES (?, ?) ON CONFLICT "
                              "(collection) DO UPDATE SET last = excluded.last",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, a->collection);
    db_int(s, a->last);
    int rc = db_run(s, e);
    db_done(s);
    a->moved = false;
    return rc;
}

/* ---- adding */

/* What stands under the id already. */
struct kin {
    bool any, same;
    int64_t old; /* the member of an older version of the same claim */
};

static int find_kin(const struct taxii_adder *a, const struct taxii_new *m, int64_t h, struct kin *ret,
                    struct err *e)
{
    *ret = (struct kin){0};
    struct stmt *s = db_query(
        a->t->db,
        "SELECT id, claim, number, version, spec, stix_id FROM member WHERE collection = ? AND h = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, a->collection);
    db_int(s, h);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        if (!sv_eq(col_text(s, 5), m->id)) {
            continue;
        }
        bool same = (col_int(s, 1) != 0) == m->claim && col_int(s, 2) == m->number;
        bool version = col_time(s, 3) == m->version && col_int(s, 4) == (int64_t)m->spec;
        if (same && m->claim && !version) {
            ret->old = col_int(s, 0);
        } else {
            ret->same |= same && (version || !m->own.p);
            ret->any = true;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int run_on(struct db *db, const char *sql, int64_t a, int64_t b, struct err *e)
{
    struct stmt *s = db_query(db, sql, e);
    if (!s) {
        return e->code;
    }
    db_int(s, a);
    db_int(s, b);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int insert(struct taxii_adder *a, const struct taxii_new *m, int64_t h, bool alone, usec added,
                  int64_t *ret_id, struct err *e)
{
    struct stmt *s = db_query(a->t->db,
                              "INSERT INTO member (collection, added, h, stix_id, type, version, versioned, "
                              "spec, source, tlp, alone, claim, own, number) VALUES "
                              "(?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, a->collection);
    db_time(s, added);
    db_int(s, h);
    db_text(s, m->id);
    db_text(s, m->type);
    db_time(s, m->version != USEC_NONE ? m->version : added);
    db_int(s, m->version != USEC_NONE);
    db_int(s, m->spec);
    db_int(s, m->source);
    db_int(s, m->tlp);
    db_int(s, alone);
    db_int(s, m->claim);
    db_int(s, m->own.p != NULL);
    db_int(s, m->number);
    int rc = db_step(s, e);
    *ret_id = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int insert_text(struct taxii_adder *a, int64_t member, struct sv text, struct err *e)
{
    struct stmt *s = db_query(a->t->db, "INSERT INTO member_text (member, body) VALUES (?, ?)", e);
    if (!s) {
        return e->code;
    }
    db_int(s, member);
    db_blob(s, text);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int taxii_adder_add(struct taxii_adder *a, const struct taxii_new *m, usec at, usec *ret_added, struct err *e)
{
    struct kin kin;
    struct db *db = a->t->db;
    int64_t h = id_hash(a->t, m->id), id = 0;
    int rc = find_kin(a, m, h, &kin, e);
    if (rc != OK || kin.same) {
        return rc;
    }
    if (kin.old) {
        rc = run_on(db, "DELETE FROM member WHERE id = ? AND collection = ?", kin.old, a->collection, e);
    }
    if (rc == OK && kin.any) {
        rc = run_on(db, "UPDATE member SET alone = 0 WHERE collection = ? AND h = ?", a->collection, h, e);
    }
    usec added = taxii_adder_tick(a, at);
    rc = rc == OK ? insert(a, m, h, !kin.any, added, &id, e) : rc;
    if (rc == OK && m->own.p) {
        rc = insert_text(a, id, m->own, e);
    }
    if (ret_added) {
        *ret_added = added;
    }
    return rc == OK ? 1 : rc;
}

int taxii_has(const struct taxii *t, int64_t collection, struct sv id, struct err *e)
{
    struct stmt *s = db_query(t->db, "SELECT stix_id FROM member WHERE collection = ? AND h = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    db_int(s, id_hash(t, id));
    int rc;
    while ((rc = db_step(s, e)) == 1 && !sv_eq(col_text(s, 0), id)) {
    }
    db_done(s);
    return rc;
}
