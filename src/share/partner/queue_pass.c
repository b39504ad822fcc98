/* Finding what waits for a person: what came since the last look, and what a person asks for. */
#include "share/partner/queue_private.h"

#define BATCH 500                     /* things looked at in one transaction */
#define BATCHES_MOST 8                /* of one call */
#define LOOK_AGAIN (60 * USEC_SECOND) /* time alone may change what is decided */
#define THING_MOST ((size_t)64 << 20)

/* ---- one thing as it stands in the queue */

static struct sv version_of(struct jv o)
{
    struct sv v = json_get_str(o, SV("modified"));
    v = v.p ? v : json_get_str(o, SV("created"));
    return v.p ? v : SV("");
}

void queue_describe(const struct release *r, const struct release_thing *t, const struct release_answer *a,
                    char sha256[65], struct queued *ret)
{
    struct sha256 sum = sha256_of(t->json);
    hex_text(sum.b, sizeof(sum.b), sha256);
    *ret = (struct queued){.kind = QUEUE_RELEASE,
                           .partner = r->partner,
                           .id = r->id,
                           .type = json_get_str(r->object, SV("type")),
                           .version = version_of(r->object),
                           .sha256 = sv_c(sha256),
                           .source = t->source,
                           .tlp = t->tlp,
                           .purpose = r->purpose,
                           .item_version = USEC_NONE,
                           .asked = r->now,
                           .asked_by = SV("")};
    if (a->grant) {
        ret->agreement = a->agreement->id;
        ret->agreement_version = a->agreement->version;
        ret->grant = a->grant->id;
        ret->two_persons = a->grant->human_release == RELEASE_ALWAYS;
    }
}

int queue_refusal(const struct release_answer *a, struct err *e)
{
    err_set(e, ERR_DENIED, "more than a release is missing: rule %s", release_rule_name(a->rule));
    return err_hint(e, "`noroshi explain OBJECT --to PARTNER` says which grant and why");
}

int queue_bytes(const struct queue *k, const struct queued *q, struct buf *out, struct err *e)
{
    char hex[65];
    size_t start = out->n;
    int rc = fuse_item_write(k->fuse, q->claim, q->item, q->item_version, out, e);
    if (rc < 0) {
        return rc;
    }
    struct sha256 sum = sha256_of(sv_from(out->p + start, out->n - start));
    hex_text(sum.b, sizeof(sum.b), hex);
    if (rc == 0 || !sv_eq(sv_c(hex), q->sha256)) {
        err_set(e, ERR_CONFLICT, "it has changed, or is gone, since it was asked about");
        return err_hint(e, "its new version is asked about anew");
    }
    return OK;
}

/* ---- walking */

struct pass {
    const struct queue *k;
    struct release release;
    struct buf thing;
    usec now;
    bool full;
    unsigned left; /* batches */
};

/* Versions that take something back go by themselves to who has it; older versions never. */
static int take_item(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct pass *p = ctx;
    struct release_answer answer;
    struct queued q;
    char sha[65];
    if (i->ended || i->revoked || p->full) {
        return OK;
    }
    buf_reset(&p->thing);
    int rc = fuse_item_write(p->k->fuse, i->claim, i->number, i->version, &p->thing, e);
    if (rc != 1) {
        return rc;
    }
    const struct release_thing t = {buf_sv(&p->thing), i->source, i->tlp};
    rc = release_ask(&p->release, &t, &answer, e);
    if (rc != OK || answer.rule != RULE_RELEASE) {
        return rc;
    }
    queue_describe(&p->release, &t, &answer, sha, &q);
    q.claim = i->claim;
    q.item = i->number;
    q.item_version = i->version;
    rc = queue_decided(p->k->db, &q, e);
    if (rc != 0) {
        return rc < 0 ? rc : OK;
    }
    rc = queue_put(p->k->db, &q, &p->full, e);
    return rc < 0 ? rc : OK;
}

static int nothing(void *ctx, const struct fuse_item *i, struct err *e)
{
    return OK;
}

static int read_mark(const struct pass *p, int64_t source, struct item_mark *ret, struct err *e)
{
    *ret = (struct item_mark){0};
    struct stmt *s = db_query(
        p->k->db,
        "SELECT object, entry, claim FROM release_mark WHERE partner = ? AND purpose = ? AND source = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, QUEUE_ID(p->release.partner));
    db_int(s, p->release.purpose);
    db_int(s, source);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = (struct item_mark){col_int(s, 0), col_int(s, 1), col_int(s, 2)};
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int write_mark(const struct pass *p, int64_t source, const struct item_mark *m, struct err *e)
{
    return queue_sql(p->k->db, e,
                     "INSERT INTO release_mark (partner, purpose, source, object, entry, claim) VALUES "
                     "(?,?,?,?,?,?) ON CONFLICT (partner, purpose, source) DO UPDATE SET object = "
                     "excluded.object, entry = excluded.entry, claim = excluded.claim",
                     "diiiii", p->release.partner, (int64_t)p->release.purpose, source, m->object, m->entry,
                     m->claim);
}

/* When there is no place left the mark stays: the rest is taken when there is. */
static int take_batch(struct pass *p, int64_t source, struct item_mark *mark, struct err *e)
{
    int done = fuse_items_since(p->k->fuse, source, mark, BATCH, take_item, p, e);
    if (done <= 0 || p->full) {
        return done < 0 ? done : 0;
    }
    int rc = write_mark(p, source, mark, e);
    return rc == OK ? done : rc;
}

static int walk_source(struct pass *p, int64_t source, struct err *e)
{
    struct item_mark mark;
    int rc = read_mark(p, source, &mark, e);
    struct item_mark peek = mark;
    int done = rc == OK ? fuse_items_since(p->k->fuse, source, &peek, 1, nothing, NULL, e) : rc;
    while (done > 0 && p->left > 0 && !p->full) {
        rc = db_begin(p->k->db, e);
        if (rc != OK) {
            return rc;
        }
        rc = read_mark(p, source, &mark, e);
        done = rc == OK ? take_batch(p, source, &mark, e) : rc;
        rc = db_finish(p->k->db, done < 0 ? done : OK, e);
        if (rc != OK) {
            return rc;
        }
        p->left--;
        done = done == BATCH ? done : 0;
    }
    return done < 0 ? done : OK;
}

#define SOURCES_MOST 4096

struct sources {
    int64_t id[SOURCES_MOST];
    size_t n;
    struct uuid partner;
};

/* What a partner stated does not go back to it. */
static int on_source(void *ctx, const struct source *s)
{
    struct sources *l = ctx;
    struct uuid upstream;
    bool own = release_principal(s->upstream, &upstream) && uuid_eq(upstream, l->partner);
    if (!own && l->n < SOURCES_MOST) {
        l->id[l->n++] = s->id;
    }
    return OK;
}

static int walk_purpose(struct pass *p, struct uuid partner, enum purpose purpose, struct err *e)
{
    struct sources l = {.partner = partner};
    struct arena a;
    arena_init(&a, THING_MOST);
    int rc = release_open(&p->release, p->k->db, partner, purpose, p->now, e);
    rc = rc == OK && p->release.active ? source_each(p->k->db, &a, on_source, &l, e) : rc;
    for (size_t i = 0; rc == OK && i < l.n && p->left && !p->full; i++) {
        rc = walk_source(p, l.id[i], e);
    }
    release_close(&p->release);
    arena_clear(&a);
    return rc;
}

/* ---- which purposes want a person */

static bool wants_person(const struct agreement_state *s, struct uuid home, struct uuid partner, usec now,
                         bool purpose[PURPOSE_MAX])
{
    bool any = false;
    for (size_t i = 0; s->active && s->agreement->valid_from <= now && i < s->agreement->grants; i++) {
        const struct agreement_grant *g = &s->agreement->grant[i];
        if (uuid_eq(g->from, home) && uuid_eq(g->to, partner) && g->human_release != RELEASE_NEVER) {
            any = purpose[g->purpose] = true;
        }
    }
    return any;
}

/* What is decided depends on these agreements: when they are others all is looked through again. */
static int64_t sum_of(const struct agreement_state *s, size_t n, usec now)
{
    struct sha256_state h;
    int64_t sum;
    sha256_start(&h);
    for (size_t i = 0; i < n; i++) {
        bool in_force = s[i].active && s[i].agreement->valid_from <= now;
        sha256_more(&h, sv_from((const char *)s[i].agreement->digest.b, 32));
        sha256_more(&h, sv_from((const char *)&in_force, sizeof(in_force)));
    }
    struct sha256 end = sha256_end(&h);
    memcpy(&sum, end.b, sizeof(sum));
    return sum;
}

/* The row of nobody: up to which entry of the ledger was looked, when to look again, over which agreements.
 */
static int read_seen(struct db *db, struct item_mark *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT object, entry, claim FROM release_mark WHERE partner = ''", e);
    *ret = (struct item_mark){0};
    if (!s) {
        return e->code;
    }
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = (struct item_mark){col_int(s, 0), col_int(s, 1), col_int(s, 2)};
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int write_seen(struct db *db, const struct item_mark *m, struct err *e)
{
    int rc = db_begin(db, e);
    return rc != OK
               ? rc
               : db_finish(db,
                           queue_sql(db, e,
                                     "INSERT INTO release_mark (partner, purpose, source, object, entry, "
                                     "claim) VALUES ('',0,0,?,?,?) ON CONFLICT (partner, purpose, source) "
                                     "DO UPDATE SET object = excluded.object, entry = excluded.entry, "
                                     "claim = excluded.claim",
                                     "iii", m->object, m->entry, m->claim),
                           e);
}

static int begin_anew(const struct queue *k, struct err *e)
{
    int rc = db_begin(k->db, e);
    return rc != OK
               ? rc
               : db_finish(k->db, queue_sql(k->db, e, "DELETE FROM release_mark WHERE partner <> ''", ""), e);
}

/* ---- what waits and would not go any more */

struct stale {
    const struct queue *k;
    const struct agreement_state *state;
    size_t states;
    usec now;
    struct buf thing;
    int64_t number[QUEUE_MOST];
    size_t n;
};

static bool stands(const struct stale *s, const struct queued *q)
{
    for (size_t i = 0; i < s->states; i++) {
        const struct agreement *g = s->state[i].agreement;
        if (s->state[i].active && g->valid_from <= s->now && uuid_eq(g->id, q->agreement) &&
            g->version == q->agreement_version) {
            return true;
        }
    }
    return false;
}

static int look_again(void *ctx, const struct queued *q)
{
    struct stale *s = ctx;
    struct err ignored = ERR_NONE;
    buf_reset(&s->thing);
    if (q->kind == QUEUE_RELEASE && s->n < QUEUE_MOST &&
        (!stands(s, q) || queue_bytes(s->k, q, &s->thing, &ignored) == ERR_CONFLICT)) {
        s->number[s->n++] = q->number;
    }
    return OK;
}

static int forget_gone(const struct queue *k, const struct agreement_state *state, size_t states, usec now,
                       struct err *e)
{
    struct stale s = {.k = k, .state = state, .states = states, .now = now};
    buf_init(&s.thing, THING_MOST);
    int rc = queue_each(k->db, (struct uuid){{0}}, look_again, &s, e);
    buf_clear(&s.thing);
    rc = rc == OK && s.n ? db_begin(k->db, e) : rc;
    if (rc != OK || !s.n) {
        return rc;
    }
    for (size_t i = 0; rc == OK && i < s.n; i++) {
        rc = queue_drop(k->db, s.number[i], e);
    }
    return db_finish(k->db, rc, e);
}

/* ---- a round */

struct partners {
    struct uuid id[64];
    size_t n;
};

static int on_partner(void *ctx, const struct partner *p)
{
    struct partners *l = ctx;
    if (p->status == PARTNER_ACTIVE && l->n < sizeof(l->id) / sizeof(l->id[0])) {
        l->id[l->n++] = p->card.id;
    }
    return OK;
}

static int walk_partners(struct pass *p, const struct agreement_state *s, size_t n, struct arena *a,
                         struct err *e)
{
    struct partners l = {.n = 0};
    int rc = partner_each(p->k->db, a, on_partner, &l, e);
    for (size_t i = 0; rc == OK && i < l.n; i++) {
        bool purpose[PURPOSE_MAX] = {false};
        for (size_t g = 0; g < n; g++) {
            (void)wants_person(&s[g], p->k->home, l.id[i], p->now, purpose);
        }
        p->full = false;
        for (int u = 0; rc == OK && u < PURPOSE_MAX; u++) {
            rc = purpose[u] ? walk_purpose(p, l.id[i], (enum purpose)u, e) : OK;
        }
    }
    return rc;
}

int queue_round(const struct queue *k, usec now, struct err *e)
{
    struct item_mark seen;
    struct arena a;
    struct agreement_state *s = NULL;
    size_t n = 0;
    struct pass p = {.k = k, .now = now, .left = BATCHES_MOST};
    int64_t entries = db_value(k->db, "SELECT max(id) FROM entry", 0);
    int rc = partner_any(k->db) ? read_seen(k->db, &seen, e) : 1;
    if (rc != OK || (seen.object == entries && now < seen.entry && now > seen.entry - LOOK_AGAIN)) {
        return rc < 0 ? rc : OK;
    }
    arena_init(&a, (size_t)512 << 20);
    buf_init(&p.thing, THING_MOST);
    rc = agreed_register(k->db, now, &a, &s, &n, e);
    int64_t sum = rc == OK ? sum_of(s, n, now) : 0;
    bool others = sum != seen.claim;
    bool due = others || now >= seen.entry || now <= seen.entry - LOOK_AGAIN;
    rc = rc == OK && others ? begin_anew(k, e) : rc;
    rc = rc == OK && due ? forget_gone(k, s, n, now, e) : rc;
    rc = rc == OK ? walk_partners(&p, s, n, &a, e) : rc;
    /* Where some are left the next round goes on. */
    const struct item_mark mark = {p.left ? entries : 0, due ? now + LOOK_AGAIN : seen.entry, sum};
    rc = rc == OK ? write_seen(k->db, &mark, e) : rc;
    buf_clear(&p.thing);
    arena_clear(&a);
    return rc;
}

/* ---- a person asks */

struct asking {
    struct pass p;
    struct sv person;
    struct release_answer refusal;
    unsigned queued, goes, denied;
};

static int ask_item(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct asking *q = ctx;
    struct queued row;
    struct release_answer answer;
    char sha[65];
    buf_reset(&q->p.thing);
    int rc = i->ended ? 0 : fuse_item_write(q->p.k->fuse, i->claim, i->number, i->version, &q->p.thing, e);
    if (rc != 1) {
        return rc;
    }
    const struct release_thing t = {buf_sv(&q->p.thing), i->source, i->tlp};
    rc = release_ask(&q->p.release, &t, &answer, e);
    if (rc != OK || answer.rule != RULE_RELEASE) {
        q->goes += rc == OK && answer.allow;
        q->denied += rc == OK && !answer.allow;
        q->refusal = answer;
        return rc;
    }
    queue_describe(&q->p.release, &t, &answer, sha, &row);
    row.claim = i->claim;
    row.item = i->number;
    row.item_version = i->version;
    row.asked_by = q->person;
    rc = queue_put(q->p.k->db, &row, &q->p.full, e);
    q->queued += rc >= 0 && !q->p.full;
    return rc < 0 ? rc : OK;
}

static int ask_all(struct asking *q, const struct pact_view *view, struct sv what, struct err *e)
{
    struct arena a;
    struct obs o;
    struct err ignored = ERR_NONE;
    char shown[80];
    int rc;
    arena_init(&a, 1u << 20);
    if (sv_find(what, SV("--")) != SIZE_MAX) {
        /* The newest version is the one that goes. */
        rc = fuse_items_of(q->p.k->fuse, view, what, 1, ask_item, q, e);
    } else if (obs_guess(&a, what, &o, &ignored) == OK) {
        rc = fuse_items_of_value(q->p.k->fuse, view, o.kind, o.value, 100, ask_item, q, e);
    } else {
        rc = 0;
    }
    arena_clear(&a);
    if (rc == 0) {
        err_set(e, ERR_NOT_FOUND, "nothing is known of '%s'", sv_show(what, shown, sizeof(shown)));
        return err_hint(e, "give the STIX id of a stored object, or a value that a feed has stated");
    }
    return rc < 0 ? rc : OK;
}

static int tell_asked(const struct asking *q, struct err *e)
{
    if (q->queued) {
        return OK;
    }
    if (q->p.full) {
        return err_set(e, ERR_LIMIT, "%d things wait for this partner already", QUEUE_MOST);
    }
    return q->goes ? err_set(e, ERR_EXISTS, "it goes to the partner without a person")
                   : queue_refusal(&q->refusal, e);
}

int queue_ask(const struct queue *k, const struct pact_view *view, struct sv what, struct uuid partner,
              enum purpose purpose, struct sv person, usec now, unsigned *ret, struct err *e)
{
    struct asking q = {.p = {.k = k, .now = now}, .person = person};
    buf_init(&q.p.thing, THING_MOST);
    int rc = release_open(&q.p.release, k->db, partner, purpose, now, e);
    rc = rc == OK ? db_begin(k->db, e) : rc;
    if (rc == OK) {
        rc = ask_all(&q, view, what, e);
        rc = db_finish(k->db, rc, e);
    }
    release_close(&q.p.release);
    buf_clear(&q.p.thing);
    *ret = q.queued;
    return rc == OK ? tell_asked(&q, e) : rc;
}
