/* The gate of a collection: what a caller may see of it. */
#include "share/partner/release.h"
#include "share/taxii/taxii_private.h"

#define VIEW_MOST (64u << 20)

/* An organisation that is not of this node is asked about as a partner, however it came here. */
static bool is_foreign(struct db *db, struct uuid org, struct uuid *ret)
{
    char id[37];
    struct stmt *s = db_query(db, "SELECT 1 FROM org WHERE id = ?", NULL);
    if (!s) {
        *ret = (struct uuid){{0}}; /* nobody: nothing is allowed */
        return true;
    }
    uuid_text(org, id);
    db_text(s, sv_c(id));
    bool here = db_step(s, NULL) == 1;
    db_done(s);
    *ret = org;
    return !here;
}

int taxii_eye_open(struct db *db, const struct taxii_collection *c, const struct taxii_who *who, usec now,
                   struct taxii_eye *ret, struct err *e)
{
    struct uuid partner;
    *ret = (struct taxii_eye){.ceiling = c->ceiling};
    arena_init(&ret->a, VIEW_MOST);
    int rc = gate_view(db, who->org, c->purpose, now, &ret->a, &ret->view, e);
    if (rc == OK && who->except > 0 && (size_t)who->except < ret->view.sources) {
        ret->view.ceiling[who->except] = -1;
    }
    bool is_partner = release_principal(who->principal, &partner) || is_foreign(db, who->org, &partner);
    return rc == OK && is_partner ? taxii_partner_open(db, partner, c->purpose, now, &ret->partner, e) : rc;
}

void taxii_eye_close(struct taxii_eye *y)
{
    taxii_partner_free(y->partner);
    arena_clear(&y->a);
}
