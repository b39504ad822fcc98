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

/* ---- after a restore */

#define LIST_MOST ((size_t)256 << 20)

static bool read_withdrawn(struct jv v, struct withdrawn *ret)
{
    struct sv mode = json_get_str(v, SV("mode")), h = json_get_str(v, SV("h"));
    uint8_t bytes[8];
    uint64_t n = 0;
    *ret = (struct withdrawn){.mode = sv_eq(mode, SV("gone")) ? WITHDRAW_GONE : WITHDRAW_ENDED,
                              .why = json_get_str(v, SV("why")),
                              .by = json_get_str(v, SV("by"))};
    if (!json_i64(json_get(v, SV("source")), &ret->source) || !hex_parse(h, bytes, 8) || !ret->why.p ||
        !ret->by.p || (!sv_eq(mode, SV("gone")) && !sv_eq(mode, SV("ended")))) {
        return false;
    }
    for (size_t i = 0; i < 8; i++) {
        n = n << 8 | bytes[i];
    }
    ret->h = (int64_t)n;
    return true;
}

static int take_back_again(struct node *n, struct jv list, uint64_t *ret_n, struct err *e)
{
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;
    int rc = db_begin(n->db, e);
    if (rc != OK) {
        return rc;
    }
    while (rc == OK && json_next(&it, &key, &v)) {
        struct withdrawn w;
        rc = read_withdrawn(v, &w) ? recall_again(&n->relays.recall, &w, time_now(), e)
                                   : err_set(e, ERR_SYNTAX,
                                             "the list of what was taken back has an entry that is "
                                             "none");
        ++*ret_n;
    }
    rc = db_finish(n->db, rc, e);
    return rc == OK ? fuse_withdraw_settle(n->fuse, time_now(), e) : rc;
}

int node_withdraw_again(const char *home, struct sv list, uint64_t *ret_n, struct err *e)
{
    struct json_doc *d = json_doc_new(LIST_MOST);
    struct jv v;
    struct node n;
    *ret_n = 0;
    int rc = d ? json_parse(d, list, &v, e) : err_set(e, ERR_MEMORY, "no memory to read the list");
    if (rc == OK && json_type(v) != JSON_ARRAY) {
        err_set(e, ERR_SYNTAX, "this is no list of what was taken back");
        rc = err_hint(e, "`noroshi shares withdrawn --json` writes it");
    }
    rc = rc == OK ? node_open(home, NODE_WRITE, &n, e) : rc;
    if (rc == OK) {
        rc = take_back_again(&n, v, ret_n, e);
        node_close(&n);
    }
    json_doc_free(d);
    return rc;
}
