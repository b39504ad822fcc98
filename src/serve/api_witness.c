/* The node as a witness of its partners' logs: https://c2sp.org/tlog-witness. */
#include "serve/private.h"

int api_witness_add(struct call *c, struct err *e)
{
    struct witness_answer a;
    int rc = witness_add(c->node->ledger, http_body(c->r), c->now, &a, &c->out, e);
    if (rc == OK) {
        c->status = a.status;
        c->type = a.type;
    }
    if (rc == OK && a.alarm) {
        char who[72];
        log_warn("witness",
                 "%s has shown two heads of its log that exclude each other: it is frozen, and so is "
                 "what goes to it, until `noroshi witness thaw`",
                 sv_show(sv_c(c->who.name), who, sizeof(who)));
    }
    return rc;
}

int api_checkpoint(struct call *c, struct err *e)
{
    return ledger_checkpoint_note(c->node->ledger, &c->out, e);
}
