/* What waits for a person before it goes to a partner, and the person's decision. */
#include "serve/partnership.h"

#include "share/partner/queue.h"

#define DECISIONS 50
#define BYTES_MOST ((size_t)64 << 20)

struct listing {
    struct call *c;
    struct jw w;
    struct err *e;
};

static struct sv or_none(struct sv s)
{
    return s.n ? s : SV_NONE;
}

static int write_queued(struct listing *l, const struct queued *q)
{
    struct jw *w = &l->w;
    struct source s = {0};
    int rc = q->source ? source_get(l->c->node->db, q->source, &l->c->a, &s, l->e) : OK;
    jw_kint(w, "number", q->number);
    jw_kstr(w, "kind", sv_c(queue_kind_name(q->kind)));
    write_uuid(w, "partner", q->partner);
    jw_key(w, "asker");
    if (uuid_nil(q->asker)) {
        jw_null(w);
    } else {
        char id[37];
        uuid_text(q->asker, id);
        jw_str(w, sv_c(id));
    }
    jw_kstr(w, "id", q->id);
    jw_kstr(w, "type", q->type);
    jw_kstr(w, "version", or_none(q->version));
    jw_kstr(w, "sha256", q->sha256);
    jw_kstr(w, "source", or_none(s.name));
    jw_kstr(w, "tlp", sv_c(tlp_name(q->tlp)));
    jw_kstr(w, "purpose", sv_c(purpose_name(q->purpose)));
    write_uuid(w, "agreement", q->agreement);
    jw_kint(w, "agreement_version", q->agreement_version);
    write_uuid(w, "grant", q->grant);
    jw_kbool(w, "two_persons", q->two_persons);
    write_instant(w, "asked", q->asked);
    jw_kstr(w, "asked_by", or_none(q->asked_by));
    jw_kbool(w, "overdue", q->asked <= l->c->now - QUEUE_OVERDUE);
    return rc;
}

static int on_queued(void *ctx, const struct queued *q)
{
    struct listing *l = ctx;
    jw_obj(&l->w);
    int rc = write_queued(l, q);
    jw_end_obj(&l->w);
    return rc;
}

static int on_decision(void *ctx, int64_t entry, struct sv record)
{
    struct listing *l = ctx;
    jw_obj(&l->w);
    jw_kint(&l->w, "entry", entry);
    jw_key(&l->w, "decision");
    jw_raw(&l->w, record);
    jw_end_obj(&l->w);
    return OK;
}

int api_release_queue(struct call *c, struct err *e)
{
    struct listing l = {.c = c, .e = e};
    struct queue_counts n = {.oldest = USEC_NONE};
    struct db *db = c->node->db;
    struct sv name = http_query(c->r, "partner");
    struct partner p = {.status = PARTNER_ENDED};
    char partner[37] = "";
    const bool home = partnership_home(c);
    int rc = name.n ? partnership_find(c, name, &p, e) : OK;
    if (rc != OK) {
        return rc;
    }
    if (name.n) {
        uuid_text(p.card.id, partner);
    }
    rc = home ? queue_count(db, c->now, &n, e) : OK;
    jw_init(&l.w, &c->out);
    jw_obj(&l.w);
    jw_kint(&l.w, "waiting", (int64_t)n.waiting);
    jw_kint(&l.w, "overdue", (int64_t)n.overdue);
    write_instant(&l.w, "oldest", n.oldest);
    jw_key(&l.w, "queue");
    jw_arr(&l.w);
    rc = rc == OK && home ? queue_each(db, p.card.id, on_queued, &l, e) : rc;
    jw_end_arr(&l.w);
    jw_key(&l.w, "decisions");
    jw_arr(&l.w);
    rc = rc == OK && home ? queue_decisions(db, sv_c(partner), DECISIONS, on_decision, &l, e) : rc;
    jw_end_arr(&l.w);
    jw_end_obj(&l.w);
    return rc;
}

/* ---- one */

static int find_queued(struct call *c, struct queued *ret, struct err *e)
{
    int64_t number;
    bool good = sv_i64(c->part[0], &number) && number > 0 && partnership_home(c);
    int rc = good ? queue_get(c->node->db, number, &c->a, ret, e) : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND) {
        err_set(e, ERR_NOT_FOUND, "nothing waits under this number");
        rc = err_hint(e, "it may have been decided on meanwhile; GET /api/v1/release lists what waits");
    }
    return rc;
}

int api_release_one(struct call *c, struct err *e)
{
    struct listing l = {.c = c, .e = e};
    struct queued q;
    struct buf bytes;
    struct queue k = node_queue(c->node);
    int rc = find_queued(c, &q, e);
    buf_init(&bytes, BYTES_MOST);
    rc = rc == OK ? queue_bytes(&k, &q, &bytes, e) : rc;
    if (rc == OK) {
        jw_init(&l.w, &c->out);
        jw_obj(&l.w);
        rc = write_queued(&l, &q);
        jw_key(&l.w, "object");
        jw_raw(&l.w, buf_sv(&bytes));
        jw_end_obj(&l.w);
    }
    buf_clear(&bytes);
    return rc;
}

/* ---- deciding */

static int is_person(const struct call *c, struct err *e)
{
    if (c->who.session) {
        return OK;
    }
    err_set(e, ERR_DENIED, "a person decides, not an API key");
    return err_hint(e, "sign in at the console, or `noroshi release approve NUMBER --by NAME`");
}

/* What leaves by this is a person's act: the person shows that it is he who sits there, also with a session
 * that is open. */
static int same_person(struct call *c, struct sv password, struct err *e)
{
    if (!password.n || password.n > PASSWORD_MOST) {
        return err_set(e, ERR_VALUE, "give your password again");
    }
    int rc = person_check(c->node, sv_c(c->who.name), password, e);
    if (rc == ERR_BUSY) {
        c->status = 429;
    } else if (rc == ERR_AUTH) { /* the session stands: only this was refused */
        c->status = 403;
        err_set(e, ERR_DENIED, "this is not your password");
        rc = err_hint(e, "nothing was decided; type it again");
    }
    return rc;
}

/* What is decided on is what was looked at. */
static int same_thing(const struct queued *q, struct sv sha256, struct err *e)
{
    if (sv_ieq(q->sha256, sha256)) {
        return OK;
    }
    err_set(e, ERR_CONFLICT, "it has changed since you looked at it");
    return err_hint(e, "look at it again, then decide");
}

static int decide(struct call *c, struct jv body, enum queue_outcome *ret, struct err *e)
{
    struct queued q;
    struct queue k = node_queue(c->node);
    struct sv decision = json_get_str(body, SV("decision")), reason = json_get_str(body, SV("reason"));
    const struct queue_word word = {.approve = sv_eq(decision, SV("approve")),
                                    .person = sv_c(c->who.name),
                                    .reason = reason.p ? reason : SV(""),
                                    .until = USEC_NONE};
    if (!word.approve && !sv_eq(decision, SV("refuse"))) {
        return err_set(e, ERR_VALUE, "a decision is approve or refuse");
    }
    if (word.reason.n > QUEUE_REASON_MOST) {
        return err_set(e, ERR_VALUE, "the reason is longer than %d bytes", QUEUE_REASON_MOST);
    }
    int rc = find_queued(c, &q, e);
    rc = rc == OK ? is_person(c, e) : rc;
    rc = rc == OK ? same_thing(&q, json_get_str(body, SV("sha256")), e) : rc;
    rc = rc == OK ? same_person(c, json_get_str(body, SV("password")), e) : rc;
    return rc == OK ? queue_decide(&k, q.number, &word, c->now, ret, e) : rc;
}

int api_release_decide(struct call *c, struct err *e)
{
    static const char *const outcomes[] = {
        [QUEUE_APPROVED] = "approved", [QUEUE_REFUSED] = "refused", [QUEUE_SECONDED] = "waits for a second"};
    enum queue_outcome outcome = QUEUE_REFUSED;
    struct json_doc *doc = NULL;
    struct jv body;
    struct jw w;
    int rc = call_json(c, &doc, &body, e);
    rc = rc == OK ? decide(c, body, &outcome, e) : rc;
    rc = rc == OK ? db_sync(c->node->db, e) : rc;
    if (rc == OK) {
        jw_init(&w, &c->out);
        jw_obj(&w);
        jw_kstr(&w, "outcome", sv_c(outcomes[outcome]));
        jw_end_obj(&w);
    }
    json_doc_free(doc);
    return rc;
}
