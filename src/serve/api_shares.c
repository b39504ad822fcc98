/* The register of what went to partners, and why a thing would go, or not. */
#include "serve/partnership.h"

#include "share/partner/shares.h"
#include "share/recall/recall.h"

#define LIMIT_USUAL 100
#define LIMIT_MOST 1000
#define STEP_USUAL 2000
#define OBJECT_MOST 8192

struct listing {
    struct call *c;
    struct jw w;
    int64_t wanted, last; /* an entry, 0 = all */
    size_t n, most;
    struct err *e;
};

/* What the partner should have deleted by now. */
static bool past(const struct call *c, struct sv record)
{
    usec until = record_time(record, "delete_after");
    return until != USEC_NONE && until <= c->now;
}

/* What became of what went by it last. */
static int write_state(struct listing *l, int64_t entry)
{
    struct share_state s;
    struct jw *w = &l->w;
    int rc = recall_share_state(&l->c->node->relays.recall, entry, &s, l->e);
    jw_key(w, "state");
    jw_obj(w);
    jw_kint(w, "things", (int64_t)s.things);
    jw_kint(w, "recalled", (int64_t)s.recalled);
    jw_kint(w, "confirmed", (int64_t)s.confirmed);
    jw_kint(w, "deleted", (int64_t)s.deleted);
    write_instant(w, "last_deleted", s.last_deleted);
    jw_end_obj(w);
    return rc;
}

static int on_share(void *ctx, int64_t entry, struct sv record, usec done)
{
    struct listing *l = ctx;
    if (l->wanted && entry != l->wanted) {
        return 1; /* newest first: there is none of this number */
    }
    if (l->n == l->most) {
        l->n++; /* one more than was asked for: there are more */
        return 1;
    }
    jw_obj(&l->w);
    jw_kint(&l->w, "entry", entry);
    write_instant(&l->w, "complete_at", done);
    jw_kbool(&l->w, "past_deletion", past(l->c, record));
    jw_key(&l->w, "share");
    jw_raw(&l->w, record);
    int rc = write_state(l, entry);
    jw_end_obj(&l->w);
    l->last = entry;
    l->n++;
    return rc;
}

static int read_partner(struct call *c, char ret[37], struct err *e)
{
    struct sv name = http_query(c->r, "partner");
    struct partner p;
    ret[0] = 0;
    int rc = name.n ? partnership_find(c, name, &p, e) : OK;
    if (rc == OK && name.n) {
        uuid_text(p.card.id, ret);
    }
    return rc;
}

int api_shares(struct call *c, struct err *e)
{
    struct listing l = {.c = c, .e = e};
    char partner[37];
    int64_t before, limit = 0;
    int rc = call_number(c, "before", 0, 0, INT64_MAX, &before, e);
    rc = rc == OK ? call_number(c, "limit", LIMIT_USUAL, 1, LIMIT_MOST, &limit, e) : rc;
    rc = rc == OK ? read_partner(c, partner, e) : rc;
    if (rc != OK) {
        return rc;
    }
    l.most = (size_t)limit;
    jw_init(&l.w, &c->out);
    jw_obj(&l.w);
    jw_key(&l.w, "shares");
    jw_arr(&l.w);
    rc = partnership_home(c) ? share_each(c->node->db, sv_c(partner), before, l.most + 1, on_share, &l, e)
                             : OK;
    jw_end_arr(&l.w);
    jw_key(&l.w, "next");
    l.n > l.most ? jw_int(&l.w, l.last) : jw_null(&l.w);
    jw_end_obj(&l.w);
    return rc < 0 ? rc : OK;
}

int api_share(struct call *c, struct err *e)
{
    struct listing l = {.c = c, .most = 1, .e = e};
    bool number = sv_i64(c->part[0], &l.wanted) && l.wanted > 0 && l.wanted < INT64_MAX;
    jw_init(&l.w, &c->out);
    int rc = number && partnership_home(c) ? share_each(c->node->db, SV(""), l.wanted + 1, 1, on_share, &l, e)
                                           : OK;
    if (rc >= 0 && l.n == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no such share");
        return err_hint(e, "GET /api/v1/shares lists them");
    }
    return rc < 0 ? rc : OK;
}

/* ---- why, or why not */

int api_explain(struct call *c, struct err *e)
{
    struct sight s;
    struct sv object = http_query(c->r, "object");
    int64_t limit = STEP_USUAL;
    int rc = partnership_eyes(c, "to", &s, e);
    rc = rc == OK ? call_number(c, "limit", STEP_USUAL, 1, EYES_STEP_MOST, &limit, e) : rc;
    if (rc == OK && object.n > OBJECT_MOST) {
        rc = err_set(e, ERR_VALUE, "?object= is too long");
    }
    if (rc == OK && object.n) {
        rc = eyes_explain(s.eyes, object, &c->out, e);
    } else if (rc == OK) {
        rc = eyes_survey(s.eyes, http_query(c->r, "after"), (size_t)limit,
                         sv_eq(http_query(c->r, "list"), SV("1")), &c->out, e);
    }
    partnership_blind(&s);
    return rc;
}
