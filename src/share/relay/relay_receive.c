/*
 * A partner's message of kind "objects": what its grants cover is taken in, through the parsers, as the
 * partner's. The answer says what became of it, and nothing of what else is known here.
 */
#include "share/relay/relay_private.h"

#include <sys/mman.h>
#include <unistd.h>

#define REJECTED_TOLD 500

struct taking {
    const struct relays *r;
    const struct message *m;
    const struct relay_body *body;
    struct source source;
    usec now;
    struct arena a;
    struct buf envelope, rejected; /* JSON objects, joined */
    uint64_t taken, refused, kept; /* kept: it is another source's here, and stays that */
};

/* ---- where it goes to */

/* In a transaction of its own only when there is something to write. */
static int open_source(struct taking *t, struct err *e)
{
    int64_t number = 0;
    int rc = relay_source_find(t->r, t->m->from, t->body->exercise, &number, e);
    if (rc != OK || number) {
        return rc != OK ? rc : source_get(t->r->taxii.db, number, &t->a, &t->source, e);
    }
    rc = db_begin(t->r->taxii.db, e);
    return rc == OK ? db_finish(t->r->taxii.db,
                                relay_source(t->r, t->m->from, t->body->exercise, 0, TLP_UNKNOWN, t->now,
                                             &t->source, &t->a, e),
                                e)
                    : rc;
}

/* ---- by which right it came */

static const struct agreement_grant *grant_of(const struct agreement *g, struct uuid id)
{
    for (size_t i = 0; i < g->grants; i++) {
        if (uuid_eq(g->grant[i].id, id)) {
            return &g->grant[i];
        }
    }
    return NULL;
}

/* How many things came by the grant within a day. */
static int came_today(struct db *db, struct uuid grant, usec now, int64_t *ret, struct err *e)
{
    char id[37];
    struct stmt *s =
        db_query(db, "SELECT coalesce(sum(things), 0) FROM relay_in_grant WHERE grant_id = ? AND at > ?", e);
    if (!s) {
        return e->code;
    }
    uuid_text(grant, id);
    db_text(s, sv_c(id));
    db_time(s, now - USEC_DAY);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

static bool covers(const struct taking *t, const struct agreement_state *s, const struct relay_grant_in *g,
                   const struct agreement_grant *grant)
{
    return s->active && s->agreement->version == g->version && s->agreement->valid_from <= t->now &&
           t->now < s->agreement->valid_until && uuid_eq(grant->from, t->m->from) &&
           uuid_eq(grant->to, t->r->home) && grant->purpose == g->purpose &&
           grant->exercise == t->body->exercise;
}

static int check_grant(const struct taking *t, const struct agreement_state *state, size_t n,
                       struct relay_grant_in *g, struct err *e)
{
    int64_t came = 0;
    for (size_t i = 0; i < n && !g->in_force; i++) {
        const struct agreement_grant *grant =
            uuid_eq(state[i].agreement->id, g->agreement) ? grant_of(state[i].agreement, g->grant) : NULL;
        g->in_force = grant && covers(t, &state[i], g, grant) ? grant : NULL;
    }
    if (!g->in_force) {
        err_set(e, ERR_DENIED, "a grant of the message is not known here, or not in force");
        return err_hint(e, "both sides need the same signed version of the agreement");
    }
    int rc = came_today(t->r->taxii.db, g->grant, t->now, &came, e);
    g->left = g->in_force->max_items_per_day > came ? g->in_force->max_items_per_day - came : 0;
    return rc;
}

/* ---- one object */

static void refuse(struct taking *t, struct sv id, const char *why)
{
    struct jw w;
    char shown[256];
    if (t->refused++ >= REJECTED_TOLD) {
        return;
    }
    if (t->rejected.n) {
        buf_addc(&t->rejected, ',');
    }
    jw_init(&w, &t->rejected);
    jw_obj(&w);
    jw_kstr(&w, "id", sv_c(sv_show(id.p ? id : SV(""), shown, sizeof(shown))));
    jw_kstr(&w, "reason", sv_c(why));
    jw_end_obj(&w);
}

/* An id that another source has stated stays that source's: who it belongs to is not for a partner to change.
 */
static int is_anothers(const struct taking *t, struct sv id, struct err *e)
{
    struct stmt *s = db_query(t->r->taxii.db,
                              "SELECT o.stix_id FROM object o JOIN source s ON s.id = o.source WHERE o.h = ? "
                              "AND o.source <> ? AND s.upstream <> ? AND s.exercise = ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, (int64_t)hash64(t->r->taxii.secret, id));
    db_int(s, t->source.id);
    db_text(s, t->source.upstream);
    db_int(s, t->source.exercise);
    int rc;
    while ((rc = db_step(s, e)) == 1 && !sv_eq(col_text(s, 0), id)) {
    }
    db_done(s);
    return rc;
}

/* A claim of a source is given out as an indicator of that source: the same line of the same feed at two
 * nodes is one. */
struct owner {
    const struct taking *t;
    struct sv id;
    struct arena *a;
    bool anothers;
    int rc;
    struct err *e;
};

static int on_stated(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct owner *o = ctx;
    struct source s;
    if (o->anothers || !i->claim || !sv_eq(i->id, o->id)) {
        return OK;
    }
    int rc = source_get(o->t->r->taxii.db, i->source, o->a, &s, e);
    o->anothers =
        rc == OK && !sv_eq(s.upstream, o->t->source.upstream) && s.exercise == o->t->source.exercise;
    return rc;
}

static void on_value(void *ctx, const struct obs *v, bool bad)
{
    struct owner *o = ctx;
    if (bad && o->rc == OK && !o->anothers) {
        o->rc = fuse_indicators_of(o->t->r->taxii.fuse, v->kind, v->value, on_stated, o, o->e);
    }
}

static int is_anothers_claim(const struct taking *t, struct jv object, struct sv type, struct sv id,
                             struct arena *a, struct err *e)
{
    struct err ignored = ERR_NONE;
    struct owner o = {.t = t, .id = id, .a = a, .e = e};
    if (sv_eq(type, SV("indicator")) && stix_values(object, a, on_value, &o, &ignored) != OK) {
        return 0; /* a pattern that cannot be read: the parser says so */
    }
    return o.rc != OK ? o.rc : o.anothers;
}

/* Why it is not taken, NULL = it is. */
static const char *why_not(struct taking *t, struct relay_grant_in *g, const struct stix_head *head)
{
    if (!g) {
        return "grant";
    }
    if (!word_list_has(g->in_force->object_types, head->type)) {
        return "type";
    }
    if (head->marked && head->tlp > g->in_force->ceiling) {
        return "marking";
    }
    return g->taken >= g->left ? "cap" : NULL;
}

static int read_object(struct taking *t, struct json_doc *d, struct sv json, struct arena *a, struct err *e)
{
    struct jv v;
    struct stix_head head;
    struct err why = ERR_NONE;
    arena_reset(a);
    if (json_parse(d, json, &v, &why) != OK) {
        refuse(t, SV_NONE, "invalid");
        return OK;
    }
    struct sv id = json_get_str(v, SV("id"));
    if (stix_head(v, a, &head, &why) != OK) {
        refuse(t, id, "invalid");
        return OK;
    }
    uint64_t *at = map_get(&t->body->ids, id);
    struct relay_grant_in *g = at ? (struct relay_grant_in *)&t->body->grant[*at] : NULL;
    const char *reason = why_not(t, g, &head);
    if (reason) {
        refuse(t, id, reason);
        return OK;
    }
    g->taken++;
    int others = is_anothers(t, id, e);
    others = others == 0 ? is_anothers_claim(t, v, head.type, id, a, e) : others;
    if (others) {
        t->kept += others > 0;
        return others < 0 ? others : OK;
    }
    buf_add(&t->envelope, t->taken++ ? SV(",") : SV("{\"objects\":["));
    buf_add(&t->envelope, json);
    return t->envelope.failed ? err_set(e, ERR_LIMIT, "the message is too large") : OK;
}

static int choose(struct taking *t, struct err *e)
{
    struct arena a;
    struct json_doc *d = json_doc_new(RELAY_OBJECT_MOST);
    int rc = d ? OK : err_set(e, ERR_MEMORY, "no memory to read a message");
    arena_init(&a, 64u << 20);
    for (size_t i = 0; rc == OK && i < t->body->objects; i++) {
        rc = read_object(t, d, t->body->object[i], &a, e);
    }
    if (rc == OK && t->taken) {
        buf_add(&t->envelope, SV("]}"));
    }
    arena_clear(&a);
    json_doc_free(d);
    return rc;
}

/* ---- taking it in */

static int note_arrival(struct taking *t, struct sv id, struct err *e)
{
    char partner[37];
    uuid_text(t->m->from, partner);
    return relay_sql(t->r->taxii.db, e,
                     "INSERT INTO relay_arrival (h, partner, source, sent, arrived) VALUES (?,?,?,?,?) ON "
                     "CONFLICT (h) DO NOTHING",
                     "itiuu", (int64_t)hash64(t->r->taxii.secret, id), sv_c(partner), t->source.id,
                     t->m->created, t->now);
}

static int on_settled(void *ctx, const struct take_object *o, struct err *e)
{
    struct taking *t = ctx;
    if (o->why) {
        refuse(t, o->id, o->why->code == ERR_CONFLICT ? "conflict" : "invalid");
        return OK;
    }
    uint64_t *at = map_get(&t->body->ids, o->id);
    int rc = note_arrival(t, o->id, e);
    if (rc != OK || !at) {
        return rc;
    }
    const struct relay_grant_in *g = &t->body->grant[*at];
    const struct obligation obligation = {.source = t->source.id,
                                          .id = o->id,
                                          .agreement = g->agreement,
                                          .grant = g->grant,
                                          .version = g->version,
                                          .delete_after = g->delete_after,
                                          .judicial = g->judicial,
                                          .onward = g->onward};
    return recall_oblige(&t->r->recall, &obligation, t->now, e);
}

static int take(struct taking *t, struct take_report *report, struct err *e)
{
    int fd = memfd_create("relay", MFD_CLOEXEC);
    int rc = fd < 0 ? err_set(e, ERR_MEMORY, "no memory for a message") : OK;
    rc = rc == OK ? fd_write_all(fd, buf_sv(&t->envelope), e) : rc;
    if (rc == OK && lseek(fd, 0, SEEK_SET) != 0) {
        rc = err_set(e, ERR_IO, "the message cannot be read");
    }
    if (rc == OK) {
        const struct take_opts o = {.parsers = t->r->taxii.parsers,
                                    .source = &t->source,
                                    .format = SV("stix2"),
                                    .now = t->now,
                                    .sighting = t->r->sighting,
                                    .ctx = t->r->node,
                                    .settled = on_settled,
                                    .settled_ctx = t};
        rc = fuse_take(t->r->taxii.fuse, fd, SV("relay"), &o, report, e);
    }
    close_fd(&fd);
    if (rc == OK && report->problem.code != OK) { /* the parser ended early: later, from the start */
        *e = report->problem;
        rc = e->code = ERR_IO;
    }
    return rc;
}

/* ---- the answer */

static void write_result(const struct taking *t, const struct take_report *report, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    /* What stays another source's counts as accepted: whether it is known from elsewhere is not told. */
    jw_kint(&w, "accepted", (int64_t)(report->accepted + t->kept));
    jw_kint(&w, "duplicates", (int64_t)report->duplicates);
    jw_key(&w, "rejected");
    jw_arr(&w);
    jw_raw(&w, buf_sv(&t->rejected));
    jw_end_arr(&w);
    jw_kint(&w, "rejected_count", (int64_t)t->refused);
    jw_end_obj(&w);
}

static int keep_result(struct taking *t, struct sv result, struct err *e)
{
    char id[37], partner[37], grant[37];
    struct db *db = t->r->taxii.db;
    uuid_text(t->m->id, id);
    uuid_text(t->m->from, partner);
    int rc = db_begin(db, e);
    if (rc != OK) {
        return rc;
    }
    rc = relay_sql(db, e,
                   "INSERT INTO relay_in (id, partner, at, result) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
                   "ttut", sv_c(id), sv_c(partner), t->now, result);
    for (size_t i = 0; rc == OK && i < t->body->grants; i++) {
        const struct relay_grant_in *g = &t->body->grant[i];
        uuid_text(g->grant, grant);
        rc = relay_sql(db, e,
                       "INSERT INTO relay_in_grant (message, grant_id, at, things) VALUES (?,?,?,?) ON "
                       "CONFLICT DO NOTHING",
                       "ttui", sv_c(id), sv_c(grant), t->now, g->taken);
    }
    rc = rc == OK ? relay_sql(db, e, "DELETE FROM relay_in_grant WHERE at < ?", "u", t->now - 2 * USEC_DAY)
                  : rc;
    rc = rc == OK
             ? relay_sql(db, e, "DELETE FROM relay_in WHERE at < ?", "u", t->now - MESSAGE_LIFE - USEC_DAY)
             : rc;
    return db_finish(db, rc, e);
}

/* 1 = it was handled before: the same answer. */
static int known(const struct relays *r, struct uuid message, struct buf *result, struct err *e)
{
    char id[37];
    struct stmt *s = db_query(r->taxii.db, "SELECT result FROM relay_in WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    uuid_text(message, id);
    db_text(s, sv_c(id));
    int rc = db_step(s, e);
    if (rc == 1) {
        buf_add(result, col_text(s, 0));
    }
    db_done(s);
    return rc;
}

static int handle(struct taking *t, struct relay_body *body, struct buf *result, struct err *e)
{
    struct agreement_state *state = NULL;
    struct take_report report = {.problem = ERR_NONE};
    size_t n = 0, before = result->n;
    int rc = agreed_register(t->r->taxii.db, t->now, &t->a, &state, &n, e);
    for (size_t i = 0; rc == OK && i < body->grants; i++) {
        rc = check_grant(t, state, n, &body->grant[i], e);
    }
    rc = rc == OK ? open_source(t, e) : rc;
    rc = rc == OK ? choose(t, e) : rc;
    rc = rc == OK && t->taken ? take(t, &report, e) : rc;
    if (rc != OK) {
        return rc;
    }
    write_result(t, &report, result);
    return keep_result(t, sv_sub(buf_sv(result), before, SIZE_MAX), e);
}

int relay_receive(void *relays, const struct message *m, usec now, struct buf *result, struct err *e)
{
    const struct relays *r = relays;
    struct relay_body body;
    struct taking t = {.r = r, .m = m, .body = &body, .now = now};
    int rc = known(r, m->id, result, e);
    if (rc != 0) {
        return rc < 0 ? rc : OK;
    }
    arena_init(&t.a, 512u << 20);
    buf_init(&t.envelope, MESSAGE_MOST);
    buf_init(&t.rejected, 1u << 20);
    rc = relay_body_read(m->body, &body, e);
    rc = rc == OK ? handle(&t, &body, result, e) : rc;
    relay_body_clear(&body);
    buf_clear(&t.envelope);
    buf_clear(&t.rejected);
    arena_clear(&t.a);
    return rc;
}

struct message_kind relay_message_kind(const struct relays *r)
{
    return (struct message_kind){.name = RELAY_KIND,
                                 .receive = relay_receive,
                                 .acknowledged = relay_acknowledged,
                                 .still = relay_still,
                                 .dropped = relay_dropped,
                                 .ctx = (void *)(uintptr_t)r};
}
