/* The decision on one thing, as a mark in an answer. */
#include "share/eyes/private.h"

#include "share/partner/shares.h"

#include <stdlib.h>

#define KEPT_MOST ((size_t)256 << 20)
#define THING_MOST ((size_t)64 << 20)
#define MARK_MOST ((size_t)1 << 20)
#define VERSIONS_MOST 256 /* of one id or value */

const char *eyes_state_name(enum eyes_state s)
{
    static const char *const names[EYES_STATE_MAX] = {"goes", "redacted", "stays"};
    return (unsigned)s < EYES_STATE_MAX ? names[s] : "unknown";
}

const char *eyes_rule_name(int rule)
{
    return rule == EYES_RULE_NOT_GIVEN    ? "not_given"
           : rule == EYES_RULE_WITHDRAWAL ? "withdrawal"
                                          : release_rule_name((enum release_rule)rule);
}

struct eyes *eyes_new(const struct eyes_opts *o, struct err *e)
{
    struct eyes *x = calloc(1, sizeof(*x));
    if (!x) {
        err_set(e, ERR_MEMORY, "no memory to look through a partner's eyes");
        return NULL;
    }
    x->o = *o;
    arena_init(&x->a, KEPT_MOST);
    buf_init(&x->thing, THING_MOST);
    buf_init(&x->goes, THING_MOST);
    buf_init(&x->mark, MARK_MOST);
    const struct uuid partner = o->partner->card.id;
    int rc = release_open(&x->release, o->db, partner, o->purpose, o->now, e);
    const struct release_maker maker = {.fuse = o->fuse, .ledger = o->ledger, .secret = o->secret};
    rc = rc == OK ? release_copies(&x->release, &maker, e) : rc;
    rc = rc == OK ? share_sent_since(o->db, partner, o->now - USEC_DAY, &x->release.sent, e) : rc;
    if (rc != OK) {
        eyes_free(x);
        return NULL;
    }
    return x;
}

void eyes_free(struct eyes *x)
{
    if (x) {
        release_close(&x->release);
        buf_clear(&x->mark);
        buf_clear(&x->goes);
        buf_clear(&x->thing);
        arena_clear(&x->a);
        free(x);
    }
}

/* ---- one thing */

static void write_grant(struct jw *w, const struct release_answer *a)
{
    char id[37];
    uuid_text(a->agreement->id, id);
    jw_kstr(w, "agreement", sv_c(id));
    jw_kint(w, "version", a->agreement->version);
    uuid_text(a->grant->id, id);
    jw_kstr(w, "grant", sv_c(id));
    jw_kstr(w, "title", a->agreement->title[LANGUAGE_EN]);
    jw_kstr(w, "ceiling", sv_c(tlp_name(a->grant->ceiling)));
}

static void write_mark(struct eyes *x, const struct release_written *r, const struct verdict *v, bool given)
{
    const struct release_answer *a = &r->answer;
    struct jw w;
    char until[32];
    buf_reset(&x->mark);
    jw_init(&w, &x->mark);
    jw_obj(&w);
    jw_kstr(&w, "state", sv_c(eyes_state_name(v->state)));
    jw_kstr(&w, "rule", sv_c(eyes_rule_name(v->rule)));
    if (r->why) {
        jw_kstr(&w, "why", sv_c(r->why));
    }
    jw_key(&w, "redact");
    jw_arr(&w);
    for (size_t i = 0; i < a->redactions; i++) {
        jw_str(&w, a->redact[i]);
    }
    jw_end_arr(&w);
    if (a->agreement && a->grant) {
        write_grant(&w, a);
    }
    if (v->state != EYES_STAYS && a->grant) {
        time_text(a->delete_after, until);
        jw_kstr(&w, "goes_as", r->id);
        jw_kstr(&w, "delete_after", sv_c(until));
        jw_kstr(&w, "judicial_use", sv_c(judicial_use_name(a->grant->judicial_use)));
        jw_kstr(&w, "onward", sv_c(onward_name(a->grant->onward)));
    }
    jw_kbool(&w, "given", given);
    jw_end_obj(&w);
}

static int name_of(struct eyes *x, int64_t source, struct sv *ret, struct err *e)
{
    struct arena a;
    struct source s;
    for (size_t i = 0; i < x->names; i++) {
        if (x->name[i].source == source) {
            *ret = x->name[i].name;
            return OK;
        }
    }
    arena_init(&a, 1u << 20);
    int rc = source_get(x->o.db, source, &a, &s, e);
    if (rc == OK) {
        *ret = arena_sv(&x->a, s.name);
        size_t place = x->names < EYES_NAMES ? x->names++ : (size_t)source % EYES_NAMES;
        x->name[place].source = source;
        x->name[place].name = *ret;
    }
    arena_clear(&a);
    return rc;
}

/* What is allowed and stays all the same: what takes something back goes to those who have it; of the rest no
 * copy without what must not go could be made. */
static void judge(const struct eyes *x, const struct release_written *r, struct verdict *v)
{
    static const enum eyes_state states[] = {
        [FORM_STAYS] = EYES_STAYS, [FORM_ORIGINAL] = EYES_GOES, [FORM_COPY] = EYES_REDACTED};
    v->state = states[r->form];
    v->rule = (int)r->answer.rule;
    if (r->form == FORM_STAYS && r->answer.allow) {
        v->rule = r->answer.redactions ? (int)RULE_REDACTION : (int)EYES_RULE_WITHDRAWAL;
    }
}

int eyes_judge(struct eyes *x, const struct fuse_item *i, struct arena *a, struct verdict *ret, struct err *e)
{
    struct release_written r;
    buf_reset(&x->thing);
    buf_reset(&x->goes);
    *ret = (struct verdict){.version = i->version};
    int rc = fuse_item_write(x->o.fuse, i->claim, i->number, i->version, &x->thing, e);
    if (rc != 1) {
        return rc;
    }
    const struct release_thing t = {.json = buf_sv(&x->thing), .source = i->source, .tlp = i->tlp};
    rc = release_write(&x->release, &t, &x->goes, &r, e);
    if (rc < 0) {
        return rc;
    }
    struct sv as = r.form == FORM_COPY ? r.id : i->id;
    int given = share_was_given(x->o.db, x->o.partner->card.id, (int64_t)hash64(x->o.secret, as), e);
    rc = given < 0 ? given : name_of(x, i->source, &ret->source_name, e);
    if (rc != OK) {
        return rc;
    }
    judge(x, &r, ret);
    write_mark(x, &r, ret, given == 1);
    ret->id = arena_sv(a, i->id);
    ret->json = arena_sv(a, buf_sv(&x->mark));
    return ret->json.p && ret->id.p ? 1 : err_set(e, ERR_LIMIT, "too much to look at through other eyes");
}

void eyes_count(struct eyes *x, const struct verdict *v)
{
    x->counts.things++;
    x->counts.state[v->state]++;
    x->counts.rule[v->rule]++;
}

void eyes_write_counts(const struct eyes *x, struct jw *w)
{
    const struct partner *p = x->o.partner;
    char id[37], at[32];
    uuid_text(p->card.id, id);
    time_text(x->o.now, at);
    jw_key(w, "eyes");
    jw_obj(w);
    jw_key(w, "partner");
    jw_obj(w);
    jw_kstr(w, "id", sv_c(id));
    jw_kstr(w, "name", p->card.name[LANGUAGE_EN]);
    jw_kstr(w, "status", sv_c(partner_status_name(p->status)));
    jw_end_obj(w);
    jw_kstr(w, "purpose", sv_c(purpose_name(x->o.purpose)));
    jw_kstr(w, "at", sv_c(at));
    jw_kint(w, "things", (int64_t)x->counts.things);
    for (int s = 0; s < EYES_STATE_MAX; s++) {
        jw_kint(w, eyes_state_name((enum eyes_state)s), (int64_t)x->counts.state[s]);
    }
    jw_key(w, "rules");
    jw_obj(w);
    for (int r = 0; r < EYES_RULES; r++) {
        if (x->counts.rule[r]) {
            jw_kint(w, eyes_rule_name(r), (int64_t)x->counts.rule[r]);
        }
    }
    jw_end_obj(w);
    jw_end_obj(w);
}

/* ---- what is kept under an id, or stated of a value */

struct asking {
    struct eyes *x;
    struct verdicts *all;
};

static int on_item(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct asking *q = ctx;
    struct verdict *v = arena_calloc(&q->x->a, 1, sizeof(*v));
    if (!v) {
        return err_set(e, ERR_LIMIT, "too much to look at through other eyes");
    }
    int rc = eyes_judge(q->x, i, &q->x->a, v, e);
    struct verdict **end = &q->all->first;
    while (*end) {
        end = &(*end)->next;
    }
    *end = rc == 1 ? v : NULL;
    return rc < 0 ? rc : OK;
}

static struct verdicts *find_known(const struct eyes *x, struct sv key)
{
    struct verdicts *k = x->known;
    while (k && !sv_eq(k->key, key)) {
        k = k->next;
    }
    return k;
}

static struct verdicts *start(struct eyes *x, struct sv key, struct err *e)
{
    struct verdicts *k = arena_calloc(&x->a, 1, sizeof(*k));
    if (!k || !(k->key = arena_sv(&x->a, key)).p) {
        err_set(e, ERR_LIMIT, "too much to look at through other eyes");
        return NULL;
    }
    k->next = x->known;
    x->known = k;
    return k;
}

const struct verdicts *eyes_of_id(struct eyes *x, struct sv id, struct err *e)
{
    struct verdicts *k = find_known(x, id);
    if (k || !(k = start(x, id, e))) {
        return k;
    }
    struct asking q = {x, k};
    return fuse_items_of(x->o.fuse, x->o.view, id, VERSIONS_MOST, on_item, &q, e) < 0 ? NULL : k;
}

static bool kind_of(struct sv name, enum kind *ret)
{
    for (int k = KIND_NONE + 1; k < KIND_MAX; k++) {
        if (sv_eq(name, sv_c(kind_name((enum kind)k)))) {
            *ret = (enum kind)k;
            return true;
        }
    }
    return false;
}

const struct verdicts *eyes_of_value(struct eyes *x, struct sv kind, struct sv value, struct err *e)
{
    enum kind which;
    struct sv key = arena_printf(&x->a, "%.*s %.*s", SV_ARG(kind), SV_ARG(value));
    struct verdicts *k = find_known(x, key);
    if (k || !(k = start(x, key, e)) || !kind_of(kind, &which)) {
        return k;
    }
    struct asking q = {x, k};
    return fuse_items_of_value(x->o.fuse, x->o.view, which, value, VERSIONS_MOST, on_item, &q, e) < 0 ? NULL
                                                                                                      : k;
}
