/* Releases by persons and consents of origins: what the queue works with, the two messages, the round. */
#include "serve/node.h"

static int queue_consent(struct node *n, struct uuid to, const char *kind, const struct consent *c,
                         bool answer, usec now, struct uuid *ret_id, struct err *e)
{
    struct buf body;
    buf_init(&body, 65536);
    consent_write(c, answer, &body);
    const struct message_draft d = {.to = to, .kind = kind, .body = buf_sv(&body)};
    int rc = body.failed ? err_set(e, ERR_LIMIT, "the message does not fit")
                         : message_queue(&n->messages, &d, now, ret_id, e);
    buf_clear(&body);
    return rc;
}

/* ---- what the queue works with */

static int tell(void *ctx, const struct queued *q, bool granted, usec until, usec now, struct err *e)
{
    const struct consent c = {.partner = q->partner,
                              .id = q->id,
                              .version = q->version,
                              .granted = granted,
                              .until = granted ? until : USEC_NONE};
    return queue_consent(ctx, q->asker, "consent", &c, true, now, NULL, e);
}

static int approved(void *ctx, const struct queued *q, usec now, struct err *e)
{
    struct node *n = ctx;
    node_wake_courier(n);
    return taxii_again(&n->relays.taxii, q->partner, q->id, q->claim, q->item, now, e);
}

static int items(void *ctx, struct sv id, item_fn each, void *each_ctx, struct err *e)
{
    struct node *n = ctx;
    return taxii_items_of(&n->relays.taxii, id, each, each_ctx, e);
}

struct queue node_queue(struct node *n)
{
    return (struct queue){.db = n->db,
                          .ledger = n->ledger,
                          .fuse = n->fuse,
                          .home = n->org,
                          .tell = tell,
                          .approved = approved,
                          .items = items,
                          .ctx = n};
}

int node_consent_ask(struct node *n, const struct pact_view *view, struct sv what, struct uuid partner,
                     struct sv person, usec now, struct uuid *ret_origin, struct err *e)
{
    struct arena a;
    struct consent c;
    struct uuid message;
    const struct queue k = node_queue(n);
    arena_init(&a, (size_t)64 << 20);
    int rc = consent_of(&k, view, what, partner, &a, ret_origin, &c, e);
    rc = rc == OK ? db_begin(n->db, e) : rc;
    if (rc == OK) {
        rc = queue_consent(n, *ret_origin, "consent-request", &c, false, now, &message, e);
        rc = rc == OK ? consent_asked(n->db, *ret_origin, &c, message, person, now, e) : rc;
        rc = db_finish(n->db, rc, e);
        rc = rc == OK ? db_sync(n->db, e) : rc;
    }
    arena_clear(&a);
    return rc;
}

/* ---- messages */

static int receive_request(void *ctx, const struct message *m, usec now, struct buf *result, struct err *e)
{
    struct node *n = ctx;
    struct arena a;
    struct consent c;
    const struct queue k = node_queue(n);
    arena_init(&a, 1u << 20);
    int rc = consent_read(m->body, false, &a, &c, e);
    rc = rc == OK ? consent_requested(&k, &n->secret, m->from, &c, m->id, now, e) : rc;
    arena_clear(&a);
    return rc;
}

static int receive_answer(void *ctx, const struct message *m, usec now, struct buf *result, struct err *e)
{
    struct node *n = ctx;
    struct arena a;
    struct consent c;
    const struct queue k = node_queue(n);
    arena_init(&a, 1u << 20);
    int rc = consent_read(m->body, true, &a, &c, e);
    rc = rc == OK ? consent_answered(&k, m->from, &c, now, e) : rc;
    arena_clear(&a);
    return rc;
}

struct message_kind node_consent_request_kind(struct node *n)
{
    return (struct message_kind){.name = "consent-request", .receive = receive_request, .ctx = n};
}

struct message_kind node_consent_kind(struct node *n)
{
    return (struct message_kind){.name = "consent", .receive = receive_answer, .ctx = n};
}

int node_release_round(struct node *n, usec now, struct err *e)
{
    const struct queue k = node_queue(n);
    return queue_round(&k, now, e);
}
