/* The node as a witness of its partners' logs: https://c2sp.org/tlog-witness. */
#include "serve/private.h"

#define WHO_ROOM 200

/* The partner who asks, as people call it. */
static const char *partner_name(struct call *c, char ret[WHO_ROOM])
{
    struct err none = ERR_NONE;
    struct partner p;
    struct arena a;
    char id[37];
    uuid_text(c->who.org, id);
    snprintf(ret, WHO_ROOM, "partner %s", id);
    arena_init(&a, 4u << 20);
    if (partner_find(c->node->db, sv_c(id), &a, &p, &none) == OK) {
        sv_show(p.card.name[LANGUAGE_EN], ret, WHO_ROOM);
    }
    arena_clear(&a);
    return ret;
}

int api_witness_add(struct call *c, struct err *e)
{
    struct witness_answer a;
    char who[WHO_ROOM], text[160];
    int rc = witness_add(c->node->ledger, http_body(c->r), c->now, &a, &c->out, e);
    if (rc != OK) {
        return rc;
    }
    c->status = a.status;
    c->type = a.type;
    if (a.alarm) {
        log_warn("witness",
                 "%s has shown two heads of its log that exclude each other: it is frozen, and so is "
                 "what goes to it, until `noroshi witness thaw`",
                 partner_name(c, who));
    } else if (a.status >= 400 && a.status != 409) { /* 409 is how a partner learns where it stands */
        log_warn("witness", "what %s brought is not cosigned (%u): %s", partner_name(c, who), a.status,
                 sv_show(sv_trim(buf_sv(&c->out)), text, sizeof(text)));
    }
    return OK;
}

int api_checkpoint(struct call *c, struct err *e)
{
    return ledger_checkpoint_note(c->node->ledger, &c->out, e);
}
