/* What was taken back from partners, and who has not answered. */
#include "serve/partnership.h"

#include "share/recall/recall.h"

#define LIMIT_USUAL 100
#define LIMIT_MOST 1000

struct listing {
    struct call *c;
    struct jw w;
    usec overdue; /* what was sent before it and is not answered */
};

static int on_withdrawal(void *ctx, const struct withdrawal *s)
{
    struct listing *l = ctx;
    struct jw *w = &l->w;
    bool answered = s->answered != USEC_NONE;
    jw_obj(w);
    jw_kstr(w, "message", s->message.n ? s->message : SV_NONE);
    jw_kstr(w, "partner", s->partner);
    jw_kstr(w, "kind", s->kind);
    jw_kstr(w, "why", s->why);
    jw_kstr(w, "reason", s->reason.n ? s->reason : SV_NONE);
    jw_kstr(w, "by", s->by.n ? s->by : SV_NONE);
    jw_key(w, "entries");
    jw_raw(w, s->entries.n ? s->entries : SV("[]"));
    jw_kint(w, "things", (int64_t)s->things);
    write_instant(w, "sent", s->sent);
    write_instant(w, "answered", s->answered);
    jw_key(w, "accepted");
    answered ? jw_bool(w, s->accepted) : jw_null(w);
    jw_kbool(w, "overdue", !answered && s->sent <= l->overdue);
    jw_end_obj(w);
    return OK;
}

int api_withdrawals(struct call *c, struct err *e)
{
    struct listing l = {.c = c, .overdue = c->now - conf_int(c->node->conf, "recall.overdue") * USEC_SECOND};
    struct sv name = http_query(c->r, "partner");
    const bool only = sv_eq(http_query(c->r, "overdue"), SV("1"));
    struct partner p;
    char partner[37] = "";
    int64_t limit;
    int rc = call_number(c, "limit", LIMIT_USUAL, 1, LIMIT_MOST, &limit, e);
    rc = rc == OK && name.n ? partnership_find(c, name, &p, e) : rc;
    if (rc != OK) {
        return rc;
    }
    if (name.n) {
        uuid_text(p.card.id, partner);
    }
    jw_init(&l.w, &c->out);
    jw_obj(&l.w);
    jw_key(&l.w, "withdrawals");
    jw_arr(&l.w);
    rc = partnership_home(c) ? recall_each(&c->node->relays.recall, sv_c(partner), 0,
                                           only ? l.overdue : USEC_NONE, (size_t)limit, on_withdrawal, &l, e)
                             : OK;
    jw_end_arr(&l.w);
    jw_end_obj(&l.w);
    return rc < 0 ? rc : OK;
}
