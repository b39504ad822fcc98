/* The source that a partner's things are accepted as. */
#include "share/relay/relay_private.h"

#define NAME_MOST 200

static int keep_source(struct db *db, struct sv partner, bool exercise, int64_t source, struct err *e)
{
    return relay_sql(db, e,
                     "INSERT INTO relay_source (partner, exercise, source) VALUES (?,?,?) ON CONFLICT "
                     "(partner, exercise) DO UPDATE SET source = excluded.source",
                     "tii", partner, (int64_t)exercise, source);
}

/* The one that was chosen before, else the oldest whose upstream is the partner: a peer's, for example. */
static int find_source(const struct relays *r, struct sv partner, bool exercise, int64_t *ret, struct err *e)
{
    char upstream[48], org[37];
    snprintf(upstream, sizeof(upstream), "partner:%.*s", SV_ARG(partner));
    uuid_text(r->home, org);
    struct stmt *s = db_query(
        r->taxii.db,
        "SELECT id FROM source WHERE upstream = ? AND exercise = ? AND org = ? ORDER BY id IN (SELECT "
        "source FROM relay_source WHERE partner = ? AND exercise = ?) DESC, id LIMIT 1",
        e);
    *ret = 0;
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(upstream));
    db_int(s, exercise);
    db_text(s, sv_c(org));
    db_text(s, partner);
    db_int(s, exercise);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

int relay_source_find(const struct relays *r, struct uuid partner, bool exercise, int64_t *ret, struct err *e)
{
    char id[37];
    uuid_text(partner, id);
    return find_source(r, sv_c(id), exercise, ret, e);
}

static int make_source(const struct relays *r, const struct partner *p, bool exercise, usec now,
                       struct source *ret, struct arena *a, struct err *e)
{
    char id[37], name[NAME_MOST + 1];
    uuid_text(p->card.id, id);
    (void)sv_copy(p->card.name[LANGUAGE_EN], name, NAME_MOST - 60);
    *ret = (struct source){.uuid = uuid_v4(),
                           .org = r->home,
                           .name = arena_printf(a, "%s%s", name, exercise ? " (exercise)" : ""),
                           .reliability = 'F',
                           .zone = SV("UTC"),
                           .tlp = TLP_AMBER,
                           .licence = SV(""),
                           .mapping = SV(""),
                           .upstream = arena_printf(a, "partner:%s", id),
                           .exercise = exercise};
    int rc = source_put(r->taxii.ledger, r->taxii.db, ret, now, e);
    if (rc == ERR_EXISTS) { /* somebody else's source has the name */
        *e = ERR_NONE;
        ret->name = arena_printf(a, "%s%s (%.8s)", name, exercise ? " (exercise)" : "", id);
        rc = source_put(r->taxii.ledger, r->taxii.db, ret, now, e);
    }
    return rc;
}

int relay_source(const struct relays *r, struct uuid partner, bool exercise, char reliability, enum tlp tlp,
                 usec now, struct source *ret, struct arena *a, struct err *e)
{
    char id[37];
    struct partner p;
    int64_t number = 0;
    uuid_text(partner, id);
    int rc = partner_find(r->taxii.db, sv_c(id), a, &p, e);
    rc = rc == OK ? find_source(r, sv_c(id), exercise, &number, e) : rc;
    if (rc == OK) {
        rc = number ? source_get(r->taxii.db, number, a, ret, e)
                    : make_source(r, &p, exercise, now, ret, a, e);
    }
    bool graded = reliability && rc == OK && ret->reliability != reliability;
    bool marked = tlp != TLP_UNKNOWN && rc == OK && ret->tlp != tlp;
    if (graded || marked) {
        ret->reliability = graded ? reliability : ret->reliability;
        ret->tlp = marked ? tlp : ret->tlp;
        rc = source_put(r->taxii.ledger, r->taxii.db, ret, now, e);
    }
    return rc == OK ? keep_source(r->taxii.db, sv_c(id), exercise, ret->id, e) : rc;
}
