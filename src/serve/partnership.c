/* Who may know of which partner; a partner's eyes. */
#include "serve/partnership.h"

#define EYES (FOR_ANALYSTS | FOR_ROLE(ROLE_AUDITOR))

bool partnership_home(const struct call *c)
{
    return uuid_eq(c->who.org, c->node->org);
}

bool partnership_party(const struct agreement *g, struct uuid org)
{
    for (size_t i = 0; i < g->parties; i++) {
        if (uuid_eq(g->party[i].id, org)) {
            return true;
        }
    }
    return false;
}

struct acquaintance {
    struct uuid org, partner;
};

static int on_agreement(void *ctx, const struct agreed *g)
{
    const struct acquaintance *q = ctx;
    return partnership_party(&g->document, q->org) && partnership_party(&g->document, q->partner);
}

int partnership_knows(struct call *c, struct uuid partner, struct err *e)
{
    struct arena a;
    struct acquaintance q = {c->who.org, partner};
    if (partnership_home(c)) {
        return 1;
    }
    arena_init(&a, CALL_ARENA);
    int rc = agreed_each(c->node->db, c->now, &a, on_agreement, &q, e);
    arena_clear(&a);
    return rc;
}

int partnership_find(struct call *c, struct sv name, struct partner *ret, struct err *e)
{
    char shown[80];
    int rc = partner_find(c->node->db, name, &c->a, ret, e);
    rc = rc == OK ? partnership_knows(c, ret->card.id, e) : rc;
    if (rc == 0 || rc == ERR_NOT_FOUND) {
        err_set(e, ERR_NOT_FOUND, "no partner '%s' is known", sv_show(name, shown, sizeof(shown)));
        return err_hint(e, "GET /api/v1/partners lists them");
    }
    return rc == 1 ? OK : rc;
}

void write_languages(struct jw *w, const char *key, const struct sv text[LANGUAGE_MAX])
{
    jw_key(w, key);
    jw_obj(w);
    for (int l = 0; l < LANGUAGE_MAX; l++) {
        jw_kstr(w, language_name((enum language)l), text[l]);
    }
    jw_end_obj(w);
}

void write_instant(struct jw *w, const char *key, usec t)
{
    char text[32];
    if (t != USEC_NONE) {
        time_text(t, text);
    }
    jw_kstr(w, key, t != USEC_NONE ? sv_c(text) : SV_NONE);
}

void write_uuid(struct jw *w, const char *key, struct uuid id)
{
    char text[37];
    uuid_text(id, text);
    jw_kstr(w, key, sv_c(text));
}

usec record_time(struct sv record, const char *member)
{
    const struct time_opts utc = {.fallback = zone_find(SV("UTC"), NULL)};
    struct json_doc *d = json_doc_new(record.n + 1);
    struct err ignored = ERR_NONE;
    struct jv v;
    usec t = USEC_NONE;
    bool read = d && json_parse(d, record, &v, &ignored) == OK &&
                time_parse(json_get_str(v, sv_c(member)), &utc, &t, &ignored) == OK;
    json_doc_free(d);
    return read ? t : USEC_NONE;
}

/* ---- eyes */

static int read_purpose(struct call *c, enum purpose *ret, struct err *e)
{
    struct sv text = http_query(c->r, "purpose");
    *ret = PURPOSE_NETWORK_SAFETY;
    if (text.n && !purpose_parse(text, ret)) {
        err_set(e, ERR_VALUE, "there is no such purpose");
        return err_hint(e, "network_safety, cybercrime_investigation, prosecution_assistance, "
                           "victim_notification, deconfliction or exercise");
    }
    return OK;
}

int partnership_eyes(struct call *c, const char *name, struct sight *ret, struct err *e)
{
    struct eyes_opts o = {.db = c->node->db,
                          .fuse = c->node->fuse,
                          .ledger = c->node->ledger,
                          .secret = &c->node->secret,
                          .view = &ret->view,
                          .partner = &ret->partner,
                          .now = c->now};
    struct sv partner = http_query(c->r, name);
    *ret = (struct sight){.eyes = NULL};
    if (!(FOR_ROLE(c->who.role) & EYES)) {
        err_set(e, ERR_DENIED, "the role %s does not look through a partner's eyes", role_name(c->who.role));
        return err_hint(e, "ask an analyst, or leave ?%s= out", name);
    }
    if (!partner.n) {
        return err_set(e, ERR_VALUE, "name a partner in ?%s=", name);
    }
    int rc = read_purpose(c, &o.purpose, e);
    rc = rc == OK ? partnership_find(c, partner, &ret->partner, e) : rc;
    rc = rc == OK ? call_view(c, &ret->view, e) : rc;
    ret->eyes = rc == OK ? eyes_new(&o, e) : NULL;
    return rc == OK && !ret->eyes ? e->code : rc;
}

void partnership_blind(struct sight *s)
{
    eyes_free(s->eyes);
    s->eyes = NULL;
}
