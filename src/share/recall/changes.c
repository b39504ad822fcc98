/* What changed here: withdrawn from those who have it; and what came from partners by their servers gets the
 * obligations that the grants in force put on it. */
#include "share/partner/release.h"
#include "share/recall/recall_private.h"

#include <stdlib.h>

#define STEP 500
#define ITEM_MOST ((size_t)64 << 20)

struct change {
    struct sv id;
    bool claim, revoked;
    int64_t number, source;
    usec version;
    enum tlp tlp;
};
struct looking {
    const struct recall *r;
    struct arena a;
    struct change *change;
    size_t n;
};

/* ---- who has it at all ---- */

static int was_given(const struct recall *r, struct sv id, struct err *e)
{
    struct stmt *s =
        db_query(r->db,
                 "SELECT EXISTS (SELECT 1 FROM share_given WHERE h = ?) OR EXISTS (SELECT 1 FROM "
                 "share_copy WHERE original = ?)",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, recall_hash(r, id));
    db_text(s, id);
    int rc = db_step(s, e);
    rc = rc == 1 ? col_int(s, 0) != 0 : rc;
    db_done(s);
    return rc;
}

static int note_change(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct looking *l = ctx;
    int rc = was_given(l->r, i->id, e);
    if (rc != 1) {
        return rc;
    }
    struct change *c = &l->change[l->n++];
    *c = (struct change){.id = arena_sv(&l->a, i->id),
                         .claim = i->claim,
                         .revoked = i->revoked,
                         .number = i->number,
                         .source = i->source,
                         .version = i->version,
                         .tlp = i->tlp};
    return c->id.p ? OK : err_set(e, ERR_MEMORY, "no memory for what changed");
}

/* ---- why it is to be withdrawn ---- */

static bool has_word(struct jv list, struct sv word)
{
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;
    while (json_next(&it, &key, &v)) {
        struct sv s = json_str(v);
        if (s.p && sv_ieq(s, word)) {
            return true;
        }
    }
    return false;
}

/* It says itself that it was none: by a label, or by being benign and nothing else (STIX 2.1 10.5). */
static bool false_positive(struct jv o)
{
    struct jv types = json_get(o, SV("indicator_types"));
    return has_word(json_get(o, SV("labels")), SV("false-positive")) ||
           has_word(json_get(o, SV("labels")), SV("false_positive")) ||
           (json_count(types) == 1 && has_word(types, SV("benign")));
}

/* Marked higher than an earlier version of it was. */
static int marked_higher(const struct recall *r, const struct change *c, struct err *e)
{
    if (c->claim) {
        return 1;
    }
    struct stmt *s =
        db_query(r->db, "SELECT 1 FROM object WHERE h = ? AND source = ? AND id < ? AND tlp < ? LIMIT 1", e);
    if (!s) {
        return e->code;
    }
    db_int(s, recall_hash(r, c->id));
    db_int(s, c->source);
    db_int(s, c->number);
    db_int(s, c->tlp);
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

static int holders_of(const struct recall *r, struct sv id, struct uuid *ret, size_t most, size_t *ret_n,
                      struct err *e)
{
    struct stmt *s = db_query(r->db, "SELECT DISTINCT partner FROM share_given WHERE h = ?", e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, recall_hash(r, id));
    while ((rc = db_step(s, e)) == 1 && *ret_n < most) {
        size_t i = 0;
        struct uuid partner;
        if (!uuid_parse(col_text(s, 0), &partner)) {
            continue;
        }
        while (i < *ret_n && !uuid_eq(ret[i], partner)) {
            i++;
        }
        ret[i] = partner;
        *ret_n = i == *ret_n ? i + 1 : *ret_n;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* Under its own id or under that of a copy. */
static int all_holders(const struct recall *r, struct sv id, struct uuid *ret, size_t most, size_t *ret_n,
                       struct err *e)
{
    *ret_n = 0;
    struct stmt *s = db_query(r->db, "SELECT id FROM share_copy WHERE original = ?", e);
    int rc = s ? holders_of(r, id, ret, most, ret_n, e) : e->code;
    if (s) {
        db_text(s, id);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        rc = holders_of(r, col_text(s, 0), ret, most, ret_n, e);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int send_one(const struct recall *r, const struct change *c, enum withdraw_why why, struct sv reason,
                    struct uuid partner, usec now, struct err *e)
{
    struct recall_sent sent;
    const struct recall_order o = {
        .id = &c->id, .ids = 1, .partner = partner, .why = why, .reason = reason, .by = SV("change")};
    int rc = recall_send(r, &o, now, &sent, e);
    if (rc == ERR_NOT_FOUND) {
        *e = ERR_NONE;
        rc = OK;
    }
    return rc;
}

/* Those whom its new marking would not reach. */
static int withdraw_marked(const struct recall *r, const struct change *c, struct sv json, usec now,
                           struct err *e)
{
    struct uuid partner[64];
    size_t n;
    int rc = all_holders(r, c->id, partner, 64, &n, e);
    for (size_t i = 0; rc == OK && i < n; i++) {
        struct release release;
        struct release_answer answer = {0};
        const struct release_thing thing = {.json = json, .source = c->source, .tlp = c->tlp};
        rc = release_open(&release, r->db, partner[i], PURPOSE_NETWORK_SAFETY, now, e);
        rc = rc == OK ? release_ask(&release, &thing, &answer, e) : rc;
        bool above = rc == OK && !answer.allow && answer.rule == RULE_MARKING;
        release_close(&release);
        rc = above ? send_one(r, c, WHY_MARKING, SV("it is marked higher now than the agreement lets go"),
                              partner[i], now, e)
                   : rc;
    }
    return rc;
}

static int withdraw_change(const struct recall *r, const struct change *c, struct json_doc *d, struct buf *b,
                           usec now, struct err *e)
{
    struct uuid nil = {{0}};
    struct jv v;
    struct err none = ERR_NONE;
    buf_reset(b);
    int rc = fuse_item_write(r->fuse, c->claim, c->number, c->version, b, e);
    if (rc != 1) {
        return rc;
    }
    bool wrong = json_parse(d, buf_sv(b), &v, &none) == OK && false_positive(v);
    if (wrong) {
        return send_one(r, c, WHY_FALSE_POSITIVE, SV("it was a false positive"), nil, now, e);
    }
    if (c->revoked) {
        return send_one(r, c, WHY_REVOKED, SV("its producer revoked it"), nil, now, e);
    }
    rc = marked_higher(r, c, e);
    return rc == 1 ? withdraw_marked(r, c, buf_sv(b), now, e) : rc;
}

static int withdraw_all(struct looking *l, usec now, struct err *e)
{
    struct json_doc *d = json_doc_new(ITEM_MOST);
    struct buf b;
    int rc = d ? OK : err_set(e, ERR_MEMORY, "no memory to look at what changed");
    buf_init(&b, ITEM_MOST);
    for (size_t i = 0; rc == OK && i < l->n; i++) {
        rc = withdraw_change(l->r, &l->change[i], d, &b, now, e);
    }
    buf_clear(&b);
    json_doc_free(d);
    return rc;
}

/* ---- sources one by one ---- */

static int list_sources(const struct recall *r, bool partners, struct arena *a, int64_t **ret, size_t *ret_n,
                        struct err *e)
{
    size_t room = (size_t)db_value(r->db, "SELECT count(*) FROM source", 0) + 8;
    struct stmt *s =
        db_query(r->db, "SELECT id FROM source WHERE ? = 0 OR upstream LIKE 'partner:%' ORDER BY id", e);
    *ret = arena_calloc(a, room, sizeof(**ret));
    *ret_n = 0;
    if (!s || !*ret) {
        db_done(s);
        return s ? err_set(e, ERR_MEMORY, "no memory for the list of sources") : e->code;
    }
    int rc;
    db_int(s, partners);
    while ((rc = db_step(s, e)) == 1 && *ret_n < room) {
        (*ret)[(*ret_n)++] = col_int(s, 0);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

typedef int (*step_fn)(const struct recall *r, int64_t source, struct item_mark *mark, usec now,
                       struct err *e);

static int change_step(const struct recall *r, int64_t source, struct item_mark *mark, usec now,
                       struct err *e)
{
    struct looking l = {.r = r};
    arena_init(&l.a, 64u << 20);
    l.change = arena_calloc(&l.a, STEP, sizeof(*l.change));
    int done = l.change ? fuse_items_since(r->fuse, source, mark, STEP, note_change, &l, e)
                        : err_set(e, ERR_MEMORY, "no memory for what changed");
    int rc = done > 0 && l.n ? withdraw_all(&l, now, e) : OK;
    arena_clear(&l.a);
    return done < 0 ? done : rc < 0 ? rc : done;
}

static int nothing(void *ctx, const struct fuse_item *i, struct err *e)
{
    return OK;
}

static int follow(const struct recall *r, int64_t what, int64_t source, step_fn step, usec now, struct err *e)
{
    struct item_mark mark, peek;
    int rc = mark_read(r, what, source, &mark, e);
    peek = mark;
    int done = rc < 0 ? rc : fuse_items_since(r->fuse, source, &peek, 1, nothing, NULL, e);
    for (size_t i = 0; done > 0 && i < 100; i++) {
        rc = db_begin(r->db, e);
        if (rc != OK) {
            return rc;
        }
        rc = mark_read(r, what, source, &mark, e);
        done = rc < 0 ? rc : step(r, source, &mark, now, e);
        rc = done < 0 ? done : mark_write(r, what, source, &mark, e);
        rc = db_finish(r->db, rc, e);
        if (rc != OK) {
            return rc;
        }
        done = done == STEP ? done : 0;
    }
    return done < 0 ? done : OK;
}

/* Nothing was appended since the last time: nothing changed. */
static int follow_all(const struct recall *r, int64_t what, bool partners, step_fn step, usec now,
                      struct err *e)
{
    struct arena a;
    struct item_mark seen;
    int64_t *source, last = db_value(r->db, "SELECT max(id) FROM entry", 0);
    size_t n;
    int rc = mark_read(r, what, 0, &seen, e);
    if (rc < 0 || seen.entry == last) {
        return rc < 0 ? rc : OK;
    }
    arena_init(&a, 1u << 20);
    rc = list_sources(r, partners, &a, &source, &n, e);
    for (size_t i = 0; rc == OK && i < n; i++) {
        rc = follow(r, what, source[i], step, now, e);
    }
    arena_clear(&a);
    rc = rc == OK ? db_begin(r->db, e) : rc;
    return rc == OK ? db_finish(r->db, mark_write(r, what, 0, &(struct item_mark){.entry = last}, e), e) : rc;
}

int recall_changes(const struct recall *r, usec now, struct err *e)
{
    return follow_all(r, MARK_CHANGES, false, change_step, now, e);
}

/* ---- what came from a partner by its server ---- */

struct arrival {
    const struct recall *r;
    struct uuid partner;
    const struct agreement_state *state;
    size_t states;
    int64_t source;
    usec now;
};

/* The strictest word of all grants in force by which such things come: by which of them is not known. */
static bool strictest(const struct arrival *v, struct sv type, struct obligation *o)
{
    bool any = false;
    for (size_t i = 0; i < v->states; i++) {
        const struct agreement *g = v->state[i].agreement;
        for (size_t k = 0; v->state[i].active && k < g->grants; k++) {
            const struct agreement_grant *grant = &g->grant[k];
            if (!uuid_eq(grant->from, v->partner) || !uuid_eq(grant->to, v->r->home) ||
                !word_list_has(grant->object_types, type)) {
                continue;
            }
            usec until = v->now + grant->retention_days * USEC_DAY;
            if (!any || until < o->delete_after) {
                o->delete_after = until;
                o->agreement = g->id;
                o->version = g->version;
                o->grant = grant->id;
            }
            o->judicial = !any || grant->judicial_use < o->judicial ? grant->judicial_use : o->judicial;
            o->onward = !any || grant->onward < o->onward ? grant->onward : o->onward;
            any = true;
        }
    }
    return any;
}

static int note_arrival(void *ctx, const struct fuse_item *i, struct err *e)
{
    const struct arrival *v = ctx;
    struct obligation o = {.source = v->source, .id = i->id};
    struct stmt *s =
        i->claim ? NULL : db_query(v->r->db, "SELECT 1 FROM obligation WHERE source = ? AND h = ?", e);
    if (!s) {
        return i->claim ? OK : e->code;
    }
    db_int(s, v->source);
    db_int(s, recall_hash(v->r, i->id));
    int rc = db_step(s, e);
    db_done(s);
    return rc == 0 && strictest(v, i->type, &o) ? recall_oblige(v->r, &o, v->now, e) : rc < 0 ? rc : OK;
}

static int arrival_step(const struct recall *r, int64_t source, struct item_mark *mark, usec now,
                        struct err *e)
{
    struct arena a;
    struct source s;
    struct agreement_state *state = NULL;
    struct arrival v = {.r = r, .source = source, .now = now};
    arena_init(&a, 512u << 20);
    int rc = source_get(r->db, source, &a, &s, e);
    rc = rc == OK ? agreed_register(r->db, now, &a, &state, &v.states, e) : rc;
    v.state = state;
    if (rc == OK && uuid_parse(sv_sub(s.upstream, 8, SIZE_MAX), &v.partner)) {
        rc = fuse_items_since(r->fuse, source, mark, STEP, note_arrival, &v, e);
    }
    arena_clear(&a);
    return rc;
}

int recall_arrivals(const struct recall *r, usec now, struct err *e)
{
    return follow_all(r, MARK_ARRIVALS, true, arrival_step, now, e);
}

/* ---- a round ---- */

#define TIMES_EVERY (10 * USEC_SECOND)

int recall_round(const struct recall *r, usec now, struct err *e)
{
    usec ticks = time_ticks();
    bool look = !r->looked || *r->looked == 0 || ticks - *r->looked >= TIMES_EVERY;
    int rc = recall_changes(r, now, e);
    rc = rc == OK ? recall_arrivals(r, now, e) : rc;
    if (look) {
        if (r->looked) {
            *r->looked = ticks;
        }
        rc = rc == OK ? recall_agreements(r, now, e) : rc;
        rc = rc == OK ? recall_expired(r, now, e) : rc;
        rc = rc == OK ? recall_due(r, now, e) : rc;
        if (rc == OK && fuse_withdraw_unsettled(r->fuse)) {
            struct err busy = ERR_NONE;
            rc = fuse_withdraw_settle(r->fuse, now, &busy);
            if (rc != OK && rc != ERR_BUSY) {
                *e = busy;
            }
            rc = rc == ERR_BUSY ? OK : rc;
        }
    }
    return rc;
}
