/*
 * What this node says to partners' nodes and what it understands of theirs: the kinds of messages, and what
 * is done before each round of the courier. Rooms of share/ add a line to each of the two tables.
 */
#include "serve/node.h"

/* ---- kinds: what a message of a partner means here, and what its acknowledgement means */

static struct message_kind (*const KINDS[])(struct node *n) = {
    node_probe_kind,      node_relay_kind,   node_recall_kind, /* after the relay's */
    node_withdrawal_kind, node_deleted_kind, node_consent_request_kind, node_consent_kind, NULL,
};

/* ---- rounds: what turns news into messages */

const struct node_round node_rounds[] = {
    {"release", node_release_round},
    {"relay", node_relay_round},
    {"recall", node_recall_round},
    {NULL, NULL},
};

/* ---- setting up */

static int sign(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e)
{
    struct node *n = ctx;
    return keeper_sign_message(n->keeper, type, body, ret, e);
}

static void wake(void *ctx)
{
    struct node *n = ctx;
    node_wake_courier(n);
}

int node_open_messages(struct node *n, struct err *e)
{
    size_t count = 0;
    while (KINDS[count]) {
        if (count + 1 >= NODE_MESSAGE_KINDS) {
            return err_set(e, ERR_INTERNAL, "there are more kinds of messages than places for them");
        }
        n->message_kinds[count] = KINDS[count](n);
        count++;
    }
    n->message_kinds[count] = (struct message_kind){0};
    n->messages = (struct messages){.db = n->db,
                                    .ledger = n->ledger,
                                    .fetcher = n->messenger,
                                    .home = n->home,
                                    .sign = sign,
                                    .sign_ctx = n,
                                    .own = keeper_public(n->keeper, KEEPER_MESSAGES),
                                    .kinds = n->message_kinds,
                                    .wake = wake,
                                    .wake_ctx = n};
    n->courier = courier_new(n);
    return n->courier ? OK : err_set(e, ERR_MEMORY, "no memory to open the node");
}
