/* The gate of a collection: what a caller may see of it. */
#include "share/taxii_private.h"

#define VIEW_MOST (64u << 20)

int taxii_eye_open(struct db *db, const struct taxii_collection *c, const struct taxii_who *who, usec now,
                   struct taxii_eye *ret, struct err *e)
{
    ret->ceiling = c->ceiling;
    arena_init(&ret->a, VIEW_MOST);
    return gate_view(db, who->org, PURPOSE_NETWORK_SAFETY, now, &ret->a, &ret->view, e);
}

void taxii_eye_close(struct taxii_eye *y)
{
    arena_clear(&y->a);
}
