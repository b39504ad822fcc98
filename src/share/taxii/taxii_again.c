/* What may go only now stands at the end of the collections that a partner reads: who asks for what is new
 * finds it. */
#include "share/taxii/taxii_private.h"

#define MEMBERS_MOST 64

struct members {
    int64_t id[MEMBERS_MOST], collection[MEMBERS_MOST];
    size_t n;
};

static int find_members(const struct taxii *t, struct sv id, bool claim, int64_t number, struct members *ret,
                        struct err *e)
{
    struct stmt *s =
        db_query(t->db,
                 "SELECT m.id, m.collection, m.stix_id FROM collection c JOIN member m ON "
                 "m.collection = c.id AND m.h = ? WHERE m.number = ? AND m.claim = ? ORDER BY m.id",
                 e);
    int rc;
    ret->n = 0;
    if (!s) {
        return e->code;
    }
    db_int(s, (int64_t)hash64(t->secret, id));
    db_int(s, number);
    db_int(s, claim);
    while ((rc = db_step(s, e)) == 1 && ret->n < MEMBERS_MOST) {
        if (sv_eq(col_text(s, 2), id)) {
            ret->id[ret->n] = col_int(s, 0);
            ret->collection[ret->n++] = col_int(s, 1);
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int reads(const struct taxii *t, int64_t collection, struct uuid partner, bool *ret, struct err *e)
{
    struct arena a;
    struct taxii_collection c;
    char principal[48] = "partner:";
    uuid_text(partner, principal + 8);
    const struct taxii_who who = {.principal = sv_c(principal), .org = partner};
    arena_init(&a, 1u << 20);
    int rc = taxii_collection_get(t->db, collection, &who, &a, &c, e);
    *ret = rc == OK && c.can_read;
    arena_clear(&a);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

static int put_last(const struct taxii *t, int64_t collection, int64_t member, usec now, struct err *e)
{
    struct taxii_adder clock;
    int rc = taxii_adder_open(&clock, t, collection, e);
    struct stmt *s = rc == OK ? db_query(t->db, "UPDATE member SET added = ? WHERE id = ?", e) : NULL;
    if (rc != OK || !s) {
        return rc != OK ? rc : e->code;
    }
    db_time(s, taxii_adder_tick(&clock, now));
    db_int(s, member);
    rc = db_run(s, e);
    db_done(s);
    return rc == OK ? taxii_adder_close(&clock, e) : rc;
}

int taxii_again(const struct taxii *t, struct uuid partner, struct sv id, bool claim, int64_t number,
                usec now, struct err *e)
{
    struct members m;
    int rc = find_members(t, id, claim, number, &m, e);
    for (size_t i = 0; rc == OK && i < m.n; i++) {
        bool may = false;
        rc = reads(t, m.collection[i], partner, &may, e);
        rc = rc == OK && may ? put_last(t, m.collection[i], m.id[i], now, e) : rc;
    }
    return rc;
}

int taxii_items_of(const struct taxii *t, struct sv id, item_fn each, void *ctx, struct err *e)
{
    struct stmt *s =
        db_query(t->db,
                 "SELECT DISTINCT m.claim, m.number, m.type, m.source, m.version, m.versioned, m.tlp, "
                 "m.stix_id FROM collection c JOIN member m ON m.collection = c.id AND m.h = ? WHERE "
                 "m.own = 0 ORDER BY m.version DESC",
                 e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, (int64_t)hash64(t->secret, id));
    while ((rc = db_step(s, e)) == 1) {
        const struct fuse_item i = {.claim = col_int(s, 0) != 0,
                                    .number = col_int(s, 1),
                                    .id = id,
                                    .type = col_text(s, 2),
                                    .source = col_int(s, 3),
                                    .version = col_int(s, 5) ? col_time(s, 4) : USEC_NONE,
                                    .tlp = (enum tlp)col_int(s, 6)};
        rc = sv_eq(col_text(s, 7), id) ? each(ctx, &i, e) : OK;
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}
