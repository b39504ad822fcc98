/* Objects taken out of a collection, and the tombstones that tell our own peers. */
#include "share/partner/copies.h"
#include "share/partner/shares.h"
#include "share/taxii/taxii_private.h"

#define FILTER_MOST (1u << 20)

struct deleting {
    const struct taxii *t;
    const struct taxii_collection *c;
    struct taxii_adder clock;
    uint64_t gone;
};

static int run_on(struct db *db, const char *sql, int64_t a, struct err *e)
{
    struct stmt *s = db_query(db, sql, e);
    if (!s) {
        return e->code;
    }
    db_int(s, a);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int bury(struct deleting *d, const struct taxii_member *m, struct sv id, usec now, struct err *e)
{
    struct stmt *s = db_query(d->t->db,
                              "INSERT INTO tombstone (collection, deleted, stix_id, version, source, tlp) "
                              "VALUES (?,?,?,?,?,?)",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, d->c->id);
    db_time(s, taxii_adder_tick(&d->clock, now));
    db_text(s, id);
    db_time(s, m->versioned ? m->version : USEC_NONE);
    db_int(s, m->source);
    db_int(s, m->tlp);
    int rc = db_run(s, e);
    db_done(s);
    rc = rc == OK ? run_on(d->t->db, "DELETE FROM member WHERE id = ?", m->id, e) : rc;
    rc = rc == OK && m->own ? run_on(d->t->db, "DELETE FROM member_text WHERE member = ?", m->id, e) : rc;
    d->gone++;
    return rc;
}

/* What is asked for is chosen first: choosing among versions looks at the ones that stand. */
#define CHOSEN_MOST ((size_t)1 << 20)

struct chosen {
    struct taxii_member *m;
    size_t n, room;
};

static int choose(struct deleting *d, struct taxii_chooser *chooser, struct taxii_filter *f, struct arena *a,
                  struct chosen *ret, struct err *e)
{
    struct taxii_scan scan;
    struct taxii_member m;
    struct sv id;
    int rc = taxii_scan_open(&scan, d->t->db, d->t->secret, d->c->id, f, f->after, e);
    while (rc == OK && (rc = taxii_scan_next(&scan, &m, &id, e)) == 1) {
        rc = taxii_eye_sees(chooser->eye, m.source, m.tlp) ? taxii_chosen(chooser, &m, id, e) : 0;
        if (rc == 1 && ret->n == ret->room) {
            size_t room = ret->room ? ret->room * 2 : 64;
            struct taxii_member *more = room <= CHOSEN_MOST ? arena_calloc(a, room, sizeof(*more)) : NULL;
            if (!more) {
                rc = err_set(e, ERR_LIMIT, "the object has more than %zu versions", ret->room);
                break;
            }
            if (ret->n) {
                memcpy(more, ret->m, ret->n * sizeof(*more));
            }
            ret->m = more;
            ret->room = room;
        }
        if (rc == 1) {
            ret->m[ret->n++] = m;
        }
        rc = rc < 0 ? rc : OK;
    }
    taxii_scan_close(&scan);
    return rc;
}

/* The last version that is left stands alone again. */
static int settle_alone(struct deleting *d, int64_t h, struct err *e)
{
    struct stmt *s = db_query(d->t->db,
                              "UPDATE member SET alone = 1 WHERE collection = ? AND h = ? AND (SELECT "
                              "count(*) FROM member WHERE collection = ? AND h = ?) = 1",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, d->c->id);
    db_int(s, h);
    db_int(s, d->c->id);
    db_int(s, h);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int delete_chosen(struct deleting *d, struct taxii_chooser *chooser, struct taxii_filter *f,
                         struct arena *a, usec now, struct err *e)
{
    struct chosen chosen = {0};
    int rc = choose(d, chooser, f, a, &chosen, e);
    rc = rc == OK ? taxii_adder_open(&d->clock, d->t, d->c->id, e) : rc;
    for (size_t i = 0; rc == OK && i < chosen.n; i++) {
        rc = bury(d, &chosen.m[i], f->id[0], now, e);
    }
    rc = rc == OK ? taxii_adder_close(&d->clock, e) : rc;
    if (rc == OK && !d->gone) {
        rc = err_set(e, ERR_NOT_FOUND, "there is no such object");
    }
    return rc == OK && chosen.n ? settle_alone(d, chosen.m[0].h, e) : rc;
}

static int check_rights(const struct taxii *t, struct taxii_collection *c, const struct taxii_who *who,
                        struct err *e)
{
    int rc = taxii_rights(t->db, c, who, e);
    if (rc == OK && !c->can_read && !c->can_write) {
        return err_set(e, ERR_NOT_FOUND, "there is no such collection");
    }
    if (rc == OK && !(c->can_read && c->can_write)) {
        return err_set(e, ERR_DENIED,
                       "to delete from this collection one must be allowed to read and write it");
    }
    return rc;
}

int taxii_delete(const struct taxii *t, const struct taxii_collection *c, const struct taxii_who *who,
                 const struct taxii_query *q, usec now, struct err *e)
{
    struct taxii_collection present = *c;
    struct taxii_filter f;
    struct taxii_eye eye;
    struct arena a;
    struct deleting d = {.t = t, .c = &present};
    int rc = check_rights(t, &present, who, e);
    if (rc == OK && !q->object.p) {
        rc = err_set(e, ERR_VALUE, "which object is to be deleted?");
    }
    if (rc != OK) {
        return rc;
    }
    arena_init(&a, 256u << 20);
    struct sv object = q->object;
    const struct taxii_query only = {
        .object = object, .match_version = q->match_version, .match_spec_version = q->match_spec_version};
    rc = taxii_filter_read(&only, true, &a, &f, e);
    if (rc == OK) {
        f.id = &object;
        f.ids = 1;
        f.any_id = false;
        /* Without match[spec_version] every form of the object is meant, as without match[version]. */
        f.specs = f.any_spec ? 3u : f.specs;
        f.any_spec = false;
        rc = db_begin(t->db, e);
    }
    if (rc == OK) {
        rc = taxii_eye_open(t->db, &present, who, now, &eye, e);
        struct taxii_chooser chooser = {
            .t = t, .db = t->db, .collection = present.id, .eye = &eye, .filter = &f};
        rc = rc == OK ? delete_chosen(&d, &chooser, &f, &a, now, e) : rc;
        taxii_eye_close(&eye);
        rc = db_finish(t->db, rc, e);
    }
    arena_clear(&a);
    return rc;
}

/* ---- tombstones */

struct burying {
    const struct taxii *t;
    const struct taxii_eye *eye;
    struct jw *w;
    size_t n;
    bool more;
    usec deleted, version; /* of the present one */
    struct err *e;
};

static void write_tombstone(struct burying *b, struct sv id)
{
    char text[32];
    b->more = b->n == TAXII_PAGE_MOST;
    if (b->more) {
        return;
    }
    if (b->n++ == 0) {
        jw_key(b->w, "tombstones");
        jw_arr(b->w);
    }
    jw_obj(b->w);
    jw_kstr(b->w, "id", id);
    if (b->version != USEC_NONE) {
        taxii_version_text(b->version, true, text);
        jw_kstr(b->w, "version", sv_c(text));
    }
    time_text6(b->deleted, text);
    jw_kstr(b->w, "deleted", sv_c(text));
    jw_end_obj(b->w);
}

/* A partner is told of what it has, under the id and of the version that went; of others not even that they
 * were there. */
static int tell_if_given(struct burying *b, struct sv id, struct err *e)
{
    usec last = USEC_NONE;
    int rc = share_last_version(b->t->db, taxii_partner_id(b->eye->partner),
                                (int64_t)hash64(b->t->secret, id), &last, e);
    if (rc == 1 && last == b->version) {
        write_tombstone(b, id);
    }
    return rc < 0 ? rc : OK;
}

static int on_copy(void *ctx, struct sv copy_id)
{
    struct burying *b = ctx;
    return tell_if_given(b, copy_id, b->e);
}

static int tell(struct burying *b, struct sv id, struct err *e)
{
    if (!b->eye->partner) {
        write_tombstone(b, id);
        return OK;
    }
    int rc = tell_if_given(b, id, e);
    return rc == OK && !b->more
               ? copies_given(b->t->db, b->t->secret, taxii_partner_id(b->eye->partner), id, on_copy, b, e)
               : rc;
}

static int write_tombstones(const struct taxii *t, const struct taxii_collection *c,
                            const struct taxii_eye *eye, usec after, struct jw *w, struct err *e)
{
    struct burying b = {.t = t, .eye = eye, .w = w, .e = e};
    struct stmt *s = db_query(t->db,
                              "SELECT deleted, stix_id, version, source, tlp FROM tombstone WHERE collection "
                              "= ? AND deleted > ? ORDER BY deleted",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, c->id);
    db_int(s, after);
    int rc = OK;
    while (!b.more && (rc = db_step(s, e)) == 1) {
        b.deleted = col_time(s, 0);
        b.version = col_time(s, 2);
        if (taxii_eye_sees(eye, col_int(s, 3), (enum tlp)col_int(s, 4))) {
            rc = tell(&b, col_text(s, 1), e);
        }
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    if (b.n) {
        jw_end_arr(w);
        jw_kbool(w, "more", b.more);
    }
    return b.more || rc >= 0 ? OK : rc;
}

int taxii_tombstones_json(const struct taxii *t, const struct taxii_collection *c,
                          const struct taxii_who *who, usec after, usec now, struct buf *json, struct err *e)
{
    struct taxii_collection present = *c;
    struct taxii_eye eye;
    struct jw w;
    int rc = taxii_rights(t->db, &present, who, e);
    if (rc == OK && !present.can_read) {
        rc = err_set(e, ERR_DENIED, "this collection is not yours to read");
    }
    if (rc != OK) {
        return rc;
    }
    rc = taxii_eye_open(t->db, &present, who, now, &eye, e);
    jw_init(&w, json);
    jw_obj(&w);
    rc = rc == OK ? write_tombstones(t, &present, &eye, after, &w, e) : rc;
    jw_end_obj(&w);
    taxii_eye_close(&eye);
    return rc == OK && json->failed ? err_set(e, ERR_LIMIT, "the answer does not fit") : rc;
}
