/* What its source took back leaves every collection, with a tombstone for our own peers. */
#include "share/taxii/taxii_private.h"

static int bury(struct taxii_adder *clock, int64_t member, usec now, struct err *e)
{
    struct db *db = clock->t->db;
    struct stmt *s = db_query(
        db,
        "INSERT INTO tombstone (collection, deleted, stix_id, version, source, tlp) SELECT collection, ?, "
        "stix_id, CASE WHEN versioned THEN version END, source, tlp FROM member WHERE id = ?",
        e);
    int rc = s ? OK : e->code;
    if (s) {
        db_time(s, taxii_adder_tick(clock, now));
        db_int(s, member);
        rc = db_run(s, e);
        db_done(s);
    }
    static const char *const deletes[] = {"DELETE FROM member_text WHERE member = ?",
                                          "DELETE FROM member WHERE id = ?"};
    for (size_t i = 0; rc == OK && i < 2; i++) {
        s = db_query(db, deletes[i], e);
        rc = s ? OK : e->code;
        if (s) {
            db_int(s, member);
            rc = db_run(s, e);
            db_done(s);
        }
    }
    return rc;
}

/* The first member of the id by the source in a collection after this one. */
static int next_member(struct db *db, int64_t h, struct sv id, int64_t source, int64_t *collection,
                       int64_t *ret_member, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT m.id, m.collection, m.stix_id FROM collection c JOIN member m ON "
                 "m.collection = c.id AND m.h = ? WHERE m.source = ? ORDER BY m.collection, m.id",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, h);
    db_int(s, source);
    int rc;
    while ((rc = db_step(s, e)) == 1 && !sv_eq(col_text(s, 2), id)) {
    }
    if (rc == 1) {
        *ret_member = col_int(s, 0);
        *collection = col_int(s, 1);
    }
    db_done(s);
    return rc;
}

/* The last version that is left stands alone again. */
static int settle(struct db *db, int64_t collection, int64_t h, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "UPDATE member SET alone = 1 WHERE collection = ? AND h = ? AND (SELECT count(*) "
                 "FROM member WHERE collection = ? AND h = ?) = 1",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    db_int(s, h);
    db_int(s, collection);
    db_int(s, h);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int taxii_bury(const struct taxii *t, struct sv id, int64_t source, usec now, uint64_t *ret_gone,
               struct err *e)
{
    int64_t h = (int64_t)hash64(t->secret, id), collection = 0, member = 0;
    int rc;
    while ((rc = next_member(t->db, h, id, source, &collection, &member, e)) == 1) {
        struct taxii_adder clock;
        rc = taxii_adder_open(&clock, t, collection, e);
        rc = rc == OK ? bury(&clock, member, now, e) : rc;
        rc = rc == OK ? taxii_adder_close(&clock, e) : rc;
        rc = rc == OK ? settle(t->db, collection, h, e) : rc;
        if (rc != OK) {
            break;
        }
        ++*ret_gone;
    }
    return rc;
}
