/* The relay of this node: what it works with, its kind of message, its round. */
#include "serve/node.h"

#include <stdatomic.h>

static void tell_sighting(void *ctx, const struct sighting *s)
{
    node_publish(ctx, s);
}

struct message_kind node_relay_kind(struct node *n)
{
    struct arena a;
    struct org home;
    struct err ignored = ERR_NONE;
    arena_init(&a, 1 << 20);
    struct uuid org = {{0}}; /* while the home is being made there is none yet */
    if (org_home(n->db, &a, &home, &ignored) == OK) {
        org = home.id;
    }
    arena_clear(&a);
    n->relays = (struct relays){.taxii = {.db = n->db,
                                          .fuse = n->fuse,
                                          .ledger = n->ledger,
                                          .parsers = n->parsers,
                                          .secret = &n->secret},
                                .messages = &n->messages,
                                .recall = {.db = n->db,
                                           .ledger = n->ledger,
                                           .fuse = n->fuse,
                                           .secret = &n->secret,
                                           .messages = &n->messages,
                                           .home = org},
                                .home = org,
                                .sighting = tell_sighting,
                                .node = n};
    return relay_message_kind(&n->relays);
}

int node_relay_round(struct node *n, usec now, struct err *e)
{
    usec again = USEC_NONE;
    int rc = relay_round(&n->relays, now, &again, NULL, e);
    atomic_store(&n->relay_again, again == USEC_NONE ? INT64_MAX : again);
    return rc;
}
