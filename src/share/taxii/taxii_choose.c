/* match[version] and match[spec_version] (TAXII 2.1 3.4.1), among what the caller sees. */
#include "share/taxii/taxii_private.h"

static int sees(const struct taxii_chooser *c, const struct taxii_member *m, struct err *e)
{
    if (!taxii_eye_sees(c->eye, m->source, m->tlp)) {
        return 0;
    }
    /* Versions that do not go to a partner are none for it: else the others would tell of them. */
    return c->eye->partner ? taxii_partner_gives(c->eye->partner, c->t, m, e) : 1;
}

/* The first member that the caller sees of what a query gives, bound with collection, hash and spec; 0 =
 * none.
 */
static int first_seen(const struct taxii_chooser *c, struct stmt *s, struct sv id, struct taxii_member *ret,
                      struct err *e)
{
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        taxii_member_read(s, ret);
        rc = sv_eq(col_text(s, TAXII_MEMBER_ID), id) ? sees(c, ret, e) : 0;
        if (rc != 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

#define OF_ID " FROM member WHERE collection = ? AND h = ? AND spec = ?"

/* The newest or oldest version; of equal ones the one that came first. */
static int end_of(const struct taxii_chooser *c, bool newest, int64_t h, struct sv id, unsigned spec,
                  struct taxii_member *ret, struct err *e)
{
    struct stmt *s =
        newest ? db_query(c->db, "SELECT" TAXII_MEMBER_COLUMNS OF_ID " ORDER BY version DESC, added DESC", e)
               : db_query(c->db, "SELECT" TAXII_MEMBER_COLUMNS OF_ID " ORDER BY version, added", e);
    if (!s) {
        return e->code;
    }
    db_int(s, c->collection);
    db_int(s, h);
    db_int(s, spec);
    return first_seen(c, s, id, ret, e);
}

static int of_version(const struct taxii_chooser *c, usec version, int64_t h, struct sv id, unsigned spec,
                      struct taxii_member *ret, struct err *e)
{
    struct stmt *s =
        db_query(c->db, "SELECT" TAXII_MEMBER_COLUMNS OF_ID " AND version = ? ORDER BY added", e);
    if (!s) {
        return e->code;
    }
    db_int(s, c->collection);
    db_int(s, h);
    db_int(s, spec);
    db_time(s, version);
    return first_seen(c, s, id, ret, e);
}

static unsigned bit(unsigned spec)
{
    return spec == 20 ? 1u : 2u;
}

static bool names_version(const struct taxii_filter *f, usec version)
{
    for (size_t i = 0; i < f->versions; i++) {
        if (f->version[i] == version) {
            return true;
        }
    }
    return false;
}

/* Whether no version at the end, in the specs that take part, lies beyond this one's. */
static int at_end(const struct taxii_chooser *c, bool newest, const struct taxii_member *m, struct sv id,
                  struct err *e)
{
    static const unsigned all[] = {20, 21};
    for (size_t i = 0; i < 2; i++) {
        struct taxii_member end = {0};
        if (c->filter->any_spec ? all[i] != m->spec : !(c->filter->specs & bit(all[i]))) {
            continue;
        }
        int rc = end_of(c, newest, m->h, id, all[i], &end, e);
        if (rc < 0) {
            return rc;
        }
        if (rc == 1 && (newest ? end.version > m->version : end.version < m->version)) {
            return 0;
        }
    }
    return 1;
}

/* One of several members of an id. */
static int chosen_of_many(const struct taxii_chooser *c, const struct taxii_member *m, struct sv id,
                          struct err *e)
{
    const struct taxii_filter *f = c->filter;
    struct taxii_member other = {0};
    /* The same version from two sources is given once: the one that came first. */
    int rc = of_version(c, m->version, m->h, id, m->spec, &other, e);
    if (rc < 0 || (rc == 1 && other.id != m->id)) {
        return rc < 0 ? rc : 0;
    }
    bool old_spec = f->any_spec && m->spec == 20;
    if (names_version(f, m->version)) {
        rc = old_spec ? of_version(c, m->version, m->h, id, 21, &other, e) : 0;
        if (rc <= 0) {
            return rc < 0 ? rc : 1;
        }
    }
    rc = old_spec ? end_of(c, true, m->h, id, 21, &other, e) : 0;
    if (rc != 0 || f->all) {
        return rc < 0 ? rc : rc == 0;
    }
    rc = f->last ? at_end(c, true, m, id, e) : 0;
    return rc == 0 && f->first ? at_end(c, false, m, id, e) : rc;
}

int taxii_chosen(const struct taxii_chooser *c, const struct taxii_member *m, struct sv id, struct err *e)
{
    const struct taxii_filter *f = c->filter;
    if (!f->any_spec && !(f->specs & bit(m->spec))) {
        return 0;
    }
    if (m->alone) {
        return f->last || f->first || f->all || names_version(f, m->version);
    }
    return chosen_of_many(c, m, id, e);
}
