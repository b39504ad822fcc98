/* What this node exchanges over TAXII, and the formats equipment takes. */
#include "serve/partnership.h"

#include "share/export/export.h"

struct telling {
    struct call *c;
    struct jw w;
    int64_t collection; /* of a relay */
    struct err *e;
};

static struct sv or_none(struct sv s)
{
    return s.n ? s : SV_NONE;
}

/* ---- collections of ours */

static int on_right(void *ctx, const struct taxii_right *r)
{
    struct telling *t = ctx;
    jw_obj(&t->w);
    jw_kstr(&t->w, "principal", r->principal);
    jw_kbool(&t->w, "reads", r->reads);
    jw_kbool(&t->w, "writes", r->writes);
    jw_end_obj(&t->w);
    return OK;
}

static int on_collection(void *ctx, const struct taxii_collection *k)
{
    struct telling *t = ctx;
    struct jw *w = &t->w;
    jw_obj(w);
    jw_kstr(w, "id", k->uuid);
    jw_kstr(w, "alias", or_none(k->alias));
    jw_kstr(w, "title", k->title);
    jw_kstr(w, "ceiling", k->ceiling == TLP_UNKNOWN ? SV_NONE : sv_c(tlp_name(k->ceiling)));
    jw_kint(w, "members", taxii_count(t->c->node->db, k->id));
    jw_kbool(w, "admins", k->admins);
    jw_key(w, "rights");
    jw_arr(w);
    int rc = taxii_right_each(t->c->node->db, k->id, &t->c->a, on_right, t, t->e);
    jw_end_arr(w);
    jw_end_obj(w);
    return rc;
}

static int on_root(void *ctx, const struct taxii_root *r)
{
    struct telling *t = ctx;
    jw_obj(&t->w);
    jw_kstr(&t->w, "path", r->path);
    jw_kstr(&t->w, "title", r->title);
    jw_key(&t->w, "collections");
    jw_arr(&t->w);
    int rc = taxii_collection_each(t->c->node->db, r->id, &t->c->a, on_collection, t, t->e);
    jw_end_arr(&t->w);
    jw_end_obj(&t->w);
    return rc;
}

/* ---- collections of others */

static const char *state_of(const struct peer *p)
{
    return !p->enabled ? "disabled" : p->error.n ? "failing" : p->last_ok == USEC_NONE ? "new" : "ok";
}

static int on_peer_collection(void *ctx, const struct peer_collection *k)
{
    struct telling *t = ctx;
    struct jw *w = &t->w;
    jw_obj(w);
    jw_kstr(w, "id", k->uuid);
    jw_kstr(w, "title", k->title);
    jw_kbool(w, "reads", k->enabled && k->can_read);
    jw_kbool(w, "pushes", k->from != 0);
    write_instant(w, "last_ok", k->last_ok);
    jw_kint(w, "accepted", k->accepted);
    jw_kint(w, "rejected", k->rejected);
    jw_kint(w, "pushed", k->pushed);
    jw_kint(w, "refused", k->refused);
    jw_kstr(w, "error", or_none(k->error));
    jw_end_obj(w);
    return OK;
}

static int on_peer(void *ctx, const struct peer *p)
{
    struct telling *t = ctx;
    struct jw *w = &t->w;
    struct source s = {0};
    int rc = source_get(t->c->node->db, p->source, &t->c->a, &s, t->e);
    if (rc != OK) {
        return rc;
    }
    jw_obj(w);
    jw_kstr(w, "name", p->name);
    jw_kstr(w, "url", p->url);
    jw_kstr(w, "title", or_none(p->title));
    jw_kstr(w, "state", sv_c(state_of(p)));
    jw_kstr(w, "source", s.name);
    jw_kstr(w, "upstream", or_none(s.upstream));
    jw_kint(w, "every_seconds", p->every_seconds);
    write_instant(w, "last_run", p->last_run);
    write_instant(w, "last_ok", p->last_ok);
    write_instant(w, "not_before", p->not_before);
    jw_kstr(w, "error", or_none(p->error));
    jw_key(w, "collections");
    jw_arr(w);
    rc = peer_collection_each(t->c->node->db, p->id, &t->c->a, on_peer_collection, t, t->e);
    jw_end_arr(w);
    jw_end_obj(w);
    return rc;
}

/* ---- relays */

static int on_rule(void *ctx, struct sv rule, uint64_t n)
{
    struct telling *t = ctx;
    jw_key_sv(&t->w, rule);
    jw_uint(&t->w, n);
    return OK;
}

static int match_collection(void *ctx, const struct taxii_collection *k)
{
    struct telling *t = ctx;
    if (k->id == t->collection) {
        jw_kstr(&t->w, "collection", k->uuid);
        jw_kstr(&t->w, "title", k->title);
    }
    return OK;
}

static void write_seconds(struct jw *w, const char *key, double seconds)
{
    jw_key(w, key);
    seconds < 0 ? jw_null(w) : jw_double(w, seconds);
}

static int on_relay(void *ctx, const struct relay *r, struct err *e)
{
    struct telling *t = ctx;
    struct jw *w = &t->w;
    struct relay_state s;
    int rc = relay_state_of(&t->c->node->relays, r, &s, e);
    if (rc != OK) {
        return rc;
    }
    t->collection = r->collection;
    jw_obj(w);
    write_uuid(w, "partner", r->partner);
    rc = taxii_collection_each(t->c->node->db, 0, &t->c->a, match_collection, t, e);
    write_instant(w, "last_sent", r->last_sent);
    jw_kint(w, "sent", (int64_t)s.sent);
    jw_kint(w, "messages", (int64_t)s.messages);
    jw_kint(w, "unanswered", (int64_t)s.unanswered);
    jw_kint(w, "to_do", s.to_do);
    jw_kint(w, "held", (int64_t)s.held);
    jw_key(w, "rules");
    jw_obj(w);
    rc = rc == OK ? relay_held_each(t->c->node->db, r->id, on_rule, t, e) : rc;
    jw_end_obj(w);
    write_seconds(w, "p50", s.fresh.p50);
    write_seconds(w, "p95", s.fresh.p95);
    jw_end_obj(w);
    return rc;
}

int api_exchange(struct call *c, struct err *e)
{
    struct telling t = {.c = c, .e = e};
    const bool home = partnership_home(c);
    jw_init(&t.w, &c->out);
    jw_obj(&t.w);
    jw_key(&t.w, "roots");
    jw_arr(&t.w);
    int rc = home ? taxii_root_each(c->node->db, &c->a, on_root, &t, e) : OK;
    jw_end_arr(&t.w);
    jw_key(&t.w, "peers");
    jw_arr(&t.w);
    rc = rc == OK && home ? peer_each(c->node->db, &c->a, on_peer, &t, e) : rc;
    jw_end_arr(&t.w);
    jw_key(&t.w, "relays");
    jw_arr(&t.w);
    rc = rc == OK && home ? relay_each(c->node->db, on_relay, &t, e) : rc;
    jw_end_arr(&t.w);
    jw_end_obj(&t.w);
    return rc;
}

/* ---- formats */

int api_exports(struct call *c, struct err *e)
{
    struct jw w;
    char url[128];
    jw_init(&w, &c->out);
    jw_obj(&w);
    jw_key(&w, "formats");
    jw_arr(&w);
    for (const struct export_format *const *f = EXPORT_FORMATS; *f; f++) {
        snprintf(url, sizeof(url), "/api/v1/export/%s", export_name(*f));
        jw_obj(&w);
        jw_kstr(&w, "name", sv_c(export_name(*f)));
        jw_kstr(&w, "text", sv_c(export_text(*f)));
        jw_kstr(&w, "type", sv_c(export_type(*f)));
        jw_kstr(&w, "extension", sv_c(export_extension(*f)));
        jw_kstr(&w, "url", export_is_folder(*f) ? SV_NONE : sv_c(url)); /* a folder is written by the CLI */
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    return OK;
}
