/* Agreements: what was signed, by whom, in force until when, and as text for people. */
#include "serve/partnership.h"

#define TEXT_MOST (AGREEMENT_MAX * 8)

struct listing {
    struct call *c;
    struct jw w;
    struct sv wanted;    /* an id, or p NULL for all */
    int64_t version;     /* 0 = the newest */
    struct agreed found; /* lives in the call's arena */
    size_t n;
};

static void write_parties(struct jw *w, const struct agreement *g)
{
    jw_key(w, "parties");
    jw_arr(w);
    for (size_t i = 0; i < g->parties; i++) {
        jw_obj(w);
        write_uuid(w, "id", g->party[i].id);
        write_languages(w, "name", g->party[i].name);
        jw_kstr(w, "country", g->party[i].country);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void write_statements(struct jw *w, const struct agreed *g)
{
    jw_key(w, "statements");
    jw_arr(w);
    for (size_t i = 0; i < g->signatures; i++) {
        const struct agreed_signature *s = &g->signature[i];
        jw_obj(w);
        jw_kstr(w, "act", sv_c(agreed_act_name(s->act)));
        write_uuid(w, "party", s->party);
        jw_kstr(w, "person", s->person);
        write_instant(w, "at", s->at);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void write_head(struct jw *w, const struct agreed *g)
{
    const struct agreement *d = &g->document;
    char digest[65];
    hex_text(d->digest.b, sizeof(d->digest.b), digest);
    write_uuid(w, "id", d->id);
    jw_kint(w, "version", d->version);
    write_languages(w, "title", d->title);
    jw_kstr(w, "status", sv_c(agreed_status_name(g->status)));
    write_instant(w, "valid_from", d->valid_from);
    write_instant(w, "valid_until", d->valid_until);
    jw_kint(w, "review_days", d->review_days);
    write_instant(w, "review_at", d->valid_from + d->review_days * USEC_DAY);
    jw_kstr(w, "on_termination", sv_c(on_termination_name(d->on_termination)));
    jw_kstr(w, "sha256", sv_c(digest));
    jw_key(w, "purposes");
    jw_arr(w);
    for (int p = 0; p < PURPOSE_MAX; p++) {
        if (d->purpose[p]) {
            jw_str(w, sv_c(purpose_name((enum purpose)p)));
        }
    }
    jw_end_arr(w);
    write_parties(w, d);
    jw_kint(w, "grants", (int64_t)d->grants);
    jw_kint(w, "signatures_of_a_party", SIGNATURES_OF_A_PARTY);
    write_statements(w, g);
}

static bool shown(const struct call *c, const struct agreed *g)
{
    return partnership_home(c) || partnership_party(&g->document, c->who.org);
}

static int list_one(void *ctx, const struct agreed *g)
{
    struct listing *l = ctx;
    if (shown(l->c, g)) {
        jw_obj(&l->w);
        write_head(&l->w, g);
        jw_end_obj(&l->w);
    }
    return OK;
}

int api_agreements(struct call *c, struct err *e)
{
    struct listing l = {.c = c};
    jw_init(&l.w, &c->out);
    jw_obj(&l.w);
    jw_key(&l.w, "agreements");
    jw_arr(&l.w);
    int rc = agreed_each(c->node->db, c->now, &c->a, list_one, &l, e);
    jw_end_arr(&l.w);
    jw_end_obj(&l.w);
    return rc;
}

/* ---- one with its text */

static int find_one(void *ctx, const struct agreed *g)
{
    struct listing *l = ctx;
    char id[37];
    uuid_text(g->document.id, id);
    if (sv_ieq(l->wanted, sv_c(id)) && shown(l->c, g) &&
        (l->version == 0 || l->version == g->document.version)) {
        l->found = *g; /* versions come oldest first */
        l->n++;
    }
    return OK;
}

static void write_text(struct call *c, struct jw *w, const struct agreement *g, enum language l)
{
    struct buf text;
    buf_init(&text, TEXT_MOST);
    agreement_text(g, l, &text);
    jw_kstr(w, "language", sv_c(language_name(l)));
    jw_kstr(w, "text", buf_sv(&text));
    jw_key(w, "document");
    jw_raw(w, g->canonical);
    c->out.failed = c->out.failed || text.failed;
    buf_clear(&text);
}

int api_agreement(struct call *c, struct err *e)
{
    struct listing l = {.c = c, .wanted = c->part[0]};
    struct sv word = http_query(c->r, "language");
    enum language language = LANGUAGE_EN;
    if (word.n && !language_parse(word, &language)) {
        return err_set(e, ERR_VALUE, "the languages are en, ja and zh-Hant");
    }
    int rc = call_number(c, "version", 0, 1, INT64_MAX, &l.version, e);
    rc = rc == OK ? agreed_each(c->node->db, c->now, &c->a, find_one, &l, e) : rc;
    if (rc == OK && l.n == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no such agreement");
        rc = err_hint(e, "GET /api/v1/agreements lists them");
    }
    if (rc == OK) {
        jw_init(&l.w, &c->out);
        jw_obj(&l.w);
        write_head(&l.w, &l.found);
        write_text(c, &l.w, &l.found.document, language);
        jw_end_obj(&l.w);
    }
    return rc;
}
