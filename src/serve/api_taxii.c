/* Handlers of discovery, API roots, collections and status resources. */
#include "serve/taxii.h"

int api_taxii_discovery(struct call *c, struct err *e)
{
    return taxii_discovery(c->node->db, &c->taxii->who, &c->out, e);
}

/* Where our own peers learn what was deleted: TAXII has no word for it. Clients pass over properties that
 * begin with x_ (TAXII 2.1, 3.8). */
#define TOMBSTONES ",\"x_noroshi_tombstones\":\"collections/{id}/tombstones/\"}"

int api_taxii_root(struct call *c, struct err *e)
{
    int rc = taxii_root_json(c->node->db, &c->taxii->root, &c->out, e);
    if (rc == OK && c->out.n && c->out.p[c->out.n - 1] == '}') {
        c->out.n--;
        buf_add(&c->out, SV(TOMBSTONES));
    }
    return rc;
}

int api_taxii_collections(struct call *c, struct err *e)
{
    return taxii_collections_json(c->node->db, &c->taxii->root, &c->taxii->who, &c->out, e);
}

int api_taxii_collection(struct call *c, struct err *e)
{
    return taxii_collection_json(c->node->db, &c->taxii->collection, &c->out, e);
}

int api_taxii_status(struct call *c, struct err *e)
{
    int rc = taxii_status_json(c->node->db, &c->taxii->root, &c->taxii->who, c->part[0], &c->out, e);
    return rc == ERR_NOT_FOUND ? err_set(e, ERR_NOT_FOUND, "there is no such status") : rc;
}
