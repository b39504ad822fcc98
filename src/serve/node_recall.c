/* Taking back what was shared: the kinds of messages, and the round. */
#include "serve/node.h"

static struct message_kind kind_of(struct node *n, size_t i)
{
    struct message_kind kinds[RECALL_KINDS];
    n->relays.recall.looked = &n->recall_looked; /* the relay's kind set the rest up before */
    recall_message_kinds(&n->relays.recall, kinds);
    return kinds[i];
}

struct message_kind node_recall_kind(struct node *n)
{
    return kind_of(n, 0);
}

struct message_kind node_withdrawal_kind(struct node *n)
{
    return kind_of(n, 1);
}

struct message_kind node_deleted_kind(struct node *n)
{
    return kind_of(n, 2);
}

int node_recall_round(struct node *n, usec now, struct err *e)
{
    return recall_round(&n->relays.recall, now, e);
}
