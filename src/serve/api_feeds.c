#include "serve/private.h"

int api_feeds(struct call *c, struct err *e)
{
    return feed_list_json(c->node->db, uuid_eq(c->who.org, c->node->org), &c->out, e);
}
