/* Messages between nodes as officers look at them: what waits, what is overdue, what was refused. Never what
 * a message says. */
#include "serve/partnership.h"

#include "share/message/message.h"

#define LIMIT_USUAL 100
#define LIMIT_MOST 1000

struct listing {
    struct call *c;
    struct jw w;
};

static int on_message(void *ctx, const struct message_state *s)
{
    struct listing *l = ctx;
    struct jw *w = &l->w;
    bool answered = s->acknowledged != USEC_NONE;
    jw_obj(w);
    write_uuid(w, "id", s->m.id);
    jw_kstr(w, "direction", s->out ? SV("out") : SV("in"));
    jw_kstr(w, "kind", s->m.kind);
    write_uuid(w, "partner", s->out ? s->m.to : s->m.from);
    jw_kint(w, "counter", s->m.counter);
    write_instant(w, "at", s->at);
    write_instant(w, "acknowledged", s->acknowledged);
    jw_key(w, "accepted");
    answered ? jw_bool(w, s->accepted) : jw_null(w);
    jw_kbool(w, "overdue", s->out && !answered && s->at <= l->c->now - MESSAGE_OVERDUE);
    /* A result may hold what was shared; why something was refused, or does not get through, does not. */
    jw_kstr(w, "problem", (answered && s->accepted) || !s->text.n ? SV_NONE : s->text);
    jw_kint(w, "attempts", s->attempts);
    jw_key(w, "share");
    s->share ? jw_int(w, s->share) : jw_null(w);
    jw_end_obj(w);
    return OK;
}

static int on_refusal(void *ctx, const struct message_refusal *r)
{
    struct listing *l = ctx;
    jw_obj(&l->w);
    write_uuid(&l->w, "partner", r->partner);
    jw_kstr(&l->w, "why", r->why);
    jw_kstr(&l->w, "text", r->text);
    jw_kint(&l->w, "count", (int64_t)r->count);
    write_instant(&l->w, "first", r->first);
    write_instant(&l->w, "last", r->last);
    jw_end_obj(&l->w);
    return OK;
}

static int write_counts(struct listing *l, bool home, struct err *e)
{
    struct message_counts n = {.oldest = USEC_NONE};
    int rc = home ? message_count(l->c->node->db, l->c->now, &n, e) : OK;
    jw_kint(&l->w, "waiting", (int64_t)n.waiting);
    jw_kint(&l->w, "overdue", (int64_t)n.overdue);
    jw_kint(&l->w, "refused", (int64_t)n.refused);
    write_instant(&l->w, "oldest", n.oldest);
    return rc;
}

int api_outbox(struct call *c, struct err *e)
{
    struct listing l = {.c = c};
    struct db *db = c->node->db;
    struct partner partner = {.status = PARTNER_ENDED};
    struct sv name = http_query(c->r, "partner"), kind = http_query(c->r, "kind");
    const bool home = partnership_home(c);
    usec overdue = sv_eq(http_query(c->r, "overdue"), SV("1")) ? c->now - MESSAGE_OVERDUE : USEC_NONE;
    int64_t limit;
    int rc = call_number(c, "limit", LIMIT_USUAL, 1, LIMIT_MOST, &limit, e);
    rc = rc == OK && name.n ? partnership_find(c, name, &partner, e) : rc;
    if (rc != OK) {
        return rc;
    }
    jw_init(&l.w, &c->out);
    jw_obj(&l.w);
    rc = write_counts(&l, home, e);
    jw_key(&l.w, "messages");
    jw_arr(&l.w);
    rc = rc == OK && home ? message_each(db, partner.card.id, kind.n ? kind : SV(""), overdue, (size_t)limit,
                                         on_message, &l, e)
                          : rc;
    jw_end_arr(&l.w);
    jw_key(&l.w, "refusals");
    jw_arr(&l.w);
    rc = rc == OK && home ? message_refusal_each(db, on_refusal, &l, e) : rc;
    jw_end_arr(&l.w);
    jw_end_obj(&l.w);
    return rc;
}
