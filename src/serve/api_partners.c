/* Partners, and who witnesses whom. */
#include "serve/partnership.h"

#include "share/partner/shares.h"

struct telling {
    struct call *c;
    struct jw w;
    struct sv wanted; /* a log's origin */
    usec last;
    struct err *e;
};

/* ---- one partner */

static int on_last_share(void *ctx, int64_t entry, struct sv record, usec done)
{
    struct telling *t = ctx;
    t->last = record_time(record, "at");
    return 1;
}

static int on_own_log(void *ctx, const struct witnessed *w)
{
    struct telling *t = ctx;
    if (!sv_eq(w->origin, t->wanted)) {
        return OK;
    }
    jw_kint(&t->w, "log_size", (int64_t)w->size);
    write_instant(&t->w, "log_cosigned_at", w->at);
    jw_kbool(&t->w, "frozen", w->frozen);
    jw_kstr(&t->w, "alarm", w->frozen ? w->alarm : SV_NONE);
    return 1;
}

/* Whose log we cosigned, and what it cosigned of ours. */
static int write_witness(struct telling *t, const struct partner_card *card)
{
    struct note_key log, witness;
    uint64_t size = 0;
    usec at = USEC_NONE;
    int rc = note_key_parse(card->log, &log, t->e);
    rc = rc == OK ? note_key_parse(card->witness, &witness, t->e) : rc;
    if (rc != OK) {
        return rc;
    }
    t->wanted = sv_c(log.name);
    jw_key(&t->w, "witness");
    jw_obj(&t->w);
    rc = witness_each(t->c->node->db, on_own_log, t, t->e);
    rc = rc >= 0 ? ledger_cosigned_by(t->c->node->ledger, &witness, &size, &at, t->e) : rc;
    jw_kint(&t->w, "cosigned_size", (int64_t)size);
    write_instant(&t->w, "cosigned_at", at);
    jw_end_obj(&t->w);
    return rc < 0 ? rc : OK;
}

static void write_keys(struct jw *w, const struct partner_card *card)
{
    jw_key(w, "keys");
    jw_obj(w);
    jw_kstr(w, "log", card->log);
    jw_kstr(w, "witness", card->witness);
    jw_kstr(w, "messages", card->messages);
    jw_key(w, "tls_spki_sha256");
    jw_arr(w);
    for (size_t i = 0; i < 2 && card->spki[i].n; i++) {
        jw_str(w, card->spki[i]);
    }
    jw_end_arr(w);
    jw_end_obj(w);
}

/* What only the home organisation is told: its own persons, and what it exchanges with the partner. */
static int write_own(struct telling *t, const struct partner *p)
{
    char id[37];
    uuid_text(p->card.id, id);
    t->last = USEC_NONE;
    jw_kstr(&t->w, "proposed_by", p->proposed_by);
    jw_kstr(&t->w, "confirmed_by", p->confirmed_by.n ? p->confirmed_by : SV_NONE);
    int rc = share_each(t->c->node->db, sv_c(id), 0, 1, on_last_share, t, t->e);
    write_instant(&t->w, "last_share", t->last);
    return rc < 0 ? rc : write_witness(t, &p->card);
}

static int write_partner(struct telling *t, const struct partner *p)
{
    struct jw *w = &t->w;
    char digits[PARTNER_FINGERPRINT];
    int rc = OK;
    partner_fingerprint(&p->card.digest, digits);
    jw_obj(w);
    write_uuid(w, "id", p->card.id);
    write_languages(w, "name", p->card.name);
    jw_kstr(w, "status", sv_c(partner_status_name(p->status)));
    jw_kstr(w, "country", p->card.country);
    jw_kstr(w, "zone", p->card.zone);
    jw_kstr(w, "kind", p->card.kind);
    jw_kstr(w, "contact", p->card.contact);
    jw_kstr(w, "url", p->card.url);
    jw_kstr(w, "fingerprint", sv_c(digits));
    write_instant(w, "card_at", p->card.version * USEC_SECOND); /* a card's version is its second */
    write_instant(w, "changed", p->changed);
    write_keys(w, &p->card);
    if (partnership_home(t->c)) {
        rc = write_own(t, p);
    }
    jw_end_obj(w);
    return rc;
}

static int on_partner(void *ctx, const struct partner *p)
{
    struct telling *t = ctx;
    int knows = partnership_knows(t->c, p->card.id, t->e);
    return knows == 1 ? write_partner(t, p) : knows;
}

int api_partners(struct call *c, struct err *e)
{
    struct telling t = {.c = c, .e = e};
    jw_init(&t.w, &c->out);
    jw_obj(&t.w);
    jw_key(&t.w, "partners");
    jw_arr(&t.w);
    int rc = partner_each(c->node->db, &c->a, on_partner, &t, e);
    jw_end_arr(&t.w);
    jw_end_obj(&t.w);
    return rc;
}

int api_partner(struct call *c, struct err *e)
{
    struct telling t = {.c = c, .e = e};
    struct partner p;
    int rc = partnership_find(c, c->part[0], &p, e);
    jw_init(&t.w, &c->out);
    return rc == OK ? write_partner(&t, &p) : rc;
}

/* ---- who witnesses whom */

static int on_log(void *ctx, const struct witnessed *w)
{
    struct telling *t = ctx;
    jw_obj(&t->w);
    jw_kstr(&t->w, "origin", w->origin);
    jw_kint(&t->w, "size", (int64_t)w->size);
    write_instant(&t->w, "cosigned_at", w->at);
    jw_kbool(&t->w, "frozen", w->frozen);
    jw_kstr(&t->w, "alarm", w->alarm);
    jw_end_obj(&t->w);
    return OK;
}

static int on_witness(void *ctx, const struct partner *p)
{
    struct telling *t = ctx;
    struct note_key key;
    struct err ignored = ERR_NONE;
    uint64_t size = 0;
    usec at = USEC_NONE;
    if (p->status != PARTNER_ACTIVE || note_key_parse(p->card.witness, &key, &ignored) != OK) {
        return OK;
    }
    int rc = ledger_cosigned_by(t->c->node->ledger, &key, &size, &at, t->e);
    jw_obj(&t->w);
    jw_kstr(&t->w, "partner", p->card.name[LANGUAGE_EN]);
    write_uuid(&t->w, "id", p->card.id);
    jw_kstr(&t->w, "witness", sv_c(key.name));
    jw_kint(&t->w, "size", (int64_t)size);
    write_instant(&t->w, "cosigned_at", at);
    jw_end_obj(&t->w);
    return rc < 0 ? rc : OK;
}

int api_witness_status(struct call *c, struct err *e)
{
    struct telling t = {.c = c, .e = e};
    const bool home = partnership_home(c);
    jw_init(&t.w, &c->out);
    jw_obj(&t.w);
    jw_key(&t.w, "witnessed_here");
    jw_arr(&t.w);
    int rc = home ? witness_each(c->node->db, on_log, &t, e) : OK;
    jw_end_arr(&t.w);
    jw_key(&t.w, "witnesses");
    jw_arr(&t.w);
    rc = rc == OK && home ? partner_each(c->node->db, &c->a, on_witness, &t, e) : rc;
    jw_end_arr(&t.w);
    jw_end_obj(&t.w);
    return rc;
}
