/*
 * Partners and agreements by chance, signed as they are in life; and what follows from them, decided a second
 * time: slowly, from docs/agreements.md, without a line of pact/.
 */
#pragma once

#include "leak_scan.h"

#include "share/partner/partner.h"

#include <sodium.h>

enum { HOME, ASKER, ORIGIN, THIRD, PARTIES }; /* the asker is a partner; the origin gives us things */

struct party {
    struct uuid id;
    char name[64], id_text[37], vkey[200];
    uint8_t secret[64];
};

#define WORDS 6
struct grant_spec {
    struct uuid id;
    int from, to;
    enum purpose purpose;
    const char *types[WORDS], *kinds[WORDS], *deny[WORDS]; /* types and kinds: none = all */
    bool offences_only, deny_all, attribution, victim;
    int ceiling, personal, person_releases, onward; /* onward: 0 none, 1 with consent, 2 the list */
    int onward_to;
    int64_t cap;
};
enum standing { IN_FORCE, ONE_SIGNATURE_SHORT, SUSPENDED, RESUMED, ENDED, STANDINGS };
#define GRANTS_MOST 4
struct agreement_spec {
    struct uuid id;
    int64_t version;
    bool party[PARTIES];
    usec from, until;
    enum standing standing;
    bool superseded;
    struct grant_spec grant[GRANTS_MOST];
    size_t grants;
    char title[CANARY_TEXT];
};

/* ---- writing them */

static inline void write_words(struct jw *w, const char *key, const char *const *words, bool none_is_all)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < WORDS && words[i]; i++) {
        jw_str(w, sv_c(words[i]));
    }
    if (!words[0] && none_is_all) {
        jw_str(w, SV("*"));
    }
    jw_end_arr(w);
}

static inline void write_id(struct jw *w, const char *key, struct uuid id)
{
    char text[37];
    uuid_text(id, text);
    jw_kstr(w, key, sv_c(text));
}

static inline void write_texts(struct jw *w, const char *key, const char *text)
{
    jw_key(w, key);
    jw_obj(w);
    for (int l = 0; l < LANGUAGE_MAX; l++) {
        jw_kstr(w, language_name((enum language)l), sv_c(text));
    }
    jw_end_obj(w);
}

static inline void write_grant_spec(struct jw *w, const struct grant_spec *g, const struct party *p)
{
    static const char *const personal[] = {"none", "suspect_only", "all"};
    static const char *const releases[] = {"never", "sensitive", "always"};
    static const char *const some[WORDS] = {"fraud:phishing"}, *const star[WORDS] = {"*"};
    static const char *const none[WORDS] = {NULL};
    jw_obj(w);
    write_id(w, "id", g->id);
    jw_kstr(w, "from", sv_c(p[g->from].id_text));
    jw_kstr(w, "to", sv_c(p[g->to].id_text));
    jw_kstr(w, "purpose", sv_c(purpose_name(g->purpose)));
    write_words(w, "object_types", g->types, true);
    write_words(w, "kinds", g->kinds, true);
    write_words(w, "offences", g->offences_only ? some : none, true);
    jw_kstr(w, "tlp_ceiling", sv_c(tlp_name((enum tlp)g->ceiling)));
    write_words(w, "fields_deny", g->deny_all ? star : g->deny, false);
    jw_kstr(w, "redact", SV("drop"));
    jw_kstr(w, "personal_data", sv_c(personal[g->personal]));
    jw_kbool(w, "attribution", g->attribution);
    jw_kbool(w, "victim_identity", g->victim);
    jw_kint(w, "max_items_per_day", g->cap);
    jw_kstr(w, "human_release", sv_c(releases[g->person_releases]));
    jw_kstr(w, "judicial_use", SV("lead_only"));
    if (g->onward == 2) {
        const char *const to[WORDS] = {p[g->onward_to].id_text};
        write_words(w, "onward", to, false);
    } else {
        jw_kstr(w, "onward", g->onward ? SV("with_consent") : SV("none"));
    }
    jw_kint(w, "retention_days", 30);
    jw_kbool(w, "exercise", g->purpose == PURPOSE_EXERCISE);
    jw_end_obj(w);
}

static inline void write_parties(struct jw *w, const struct agreement_spec *s, const struct party *p)
{
    jw_key(w, "parties");
    jw_arr(w);
    for (int i = 0; i < PARTIES; i++) {
        if (s->party[i]) {
            jw_obj(w);
            jw_kstr(w, "id", sv_c(p[i].id_text));
            write_texts(w, "name", p[i].name);
            jw_kstr(w, "country", SV("TW"));
            jw_end_obj(w);
        }
    }
    jw_end_arr(w);
}

static inline void write_agreement(const struct agreement_spec *s, const struct party *p, struct buf *out)
{
    struct jw w;
    char text[32];
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("noroshi-agreement"));
    write_id(&w, "id", s->id);
    jw_kint(&w, "version", s->version);
    write_texts(&w, "title", s->title);
    write_texts(&w, "legal_basis", s->title);
    write_parties(&w, s, p);
    jw_key(&w, "purposes");
    jw_arr(&w);
    for (int i = 0; i < PURPOSE_MAX; i++) {
        jw_str(&w, sv_c(purpose_name((enum purpose)i)));
    }
    jw_end_arr(&w);
    time_text(s->from, text);
    jw_kstr(&w, "valid_from", sv_c(text));
    time_text(s->until, text);
    jw_kstr(&w, "valid_until", sv_c(text));
    jw_kint(&w, "review_days", 90);
    jw_kstr(&w, "on_termination", SV("delete"));
    jw_key(&w, "grants");
    jw_arr(&w);
    for (size_t i = 0; i < s->grants; i++) {
        write_grant_spec(&w, &s->grant[i], p);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    assert_false(out->failed);
}

/* ---- keys, cards, statements */

static inline void sign_envelope(const struct party *p, struct sv type, struct sv body, struct buf *out)
{
    struct buf pae;
    struct dsse_signature s = {.keyid = SV("")};
    buf_init(&pae, 1u << 20);
    dsse_pae(type, body, &pae);
    crypto_sign_detached(s.sig, NULL, (const uint8_t *)pae.p, pae.n, p->secret);
    dsse_write(type, body, &s, 1, out);
    buf_clear(&pae);
}

static inline void make_key(struct dice *d, const char *name, uint8_t type, uint8_t *ret_secret,
                            char ret_vkey[200])
{
    uint8_t seed[32], pub[32], secret[64];
    struct note_key key;
    struct buf b;
    struct err e = ERR_NONE;
    for (size_t i = 0; i < sizeof(seed); i++) {
        seed[i] = (uint8_t)draw(d, 256);
    }
    crypto_sign_seed_keypair(pub, secret, seed);
    if (ret_secret) {
        memcpy(ret_secret, secret, sizeof(secret));
    }
    assert_int_equal(note_key_make(sv_c(name), type, pub, &key, &e), OK);
    buf_init(&b, 200);
    note_key_text(&key, &b);
    assert_true(sv_copy(buf_sv(&b), ret_vkey, 200));
    buf_clear(&b);
}

/* A card in its envelope; `p->secret` becomes its message key. */
static inline void make_card(struct dice *d, struct party *p, struct buf *out)
{
    char log[200], witness[200], origin[100], spki[65];
    struct uuid chance = draw_uuid(d), more = draw_uuid(d);
    struct buf b;
    snprintf(origin, sizeof(origin), "%s.example/log", p->name);
    make_key(d, origin, NOTE_ED25519, NULL, log);
    make_key(d, origin, NOTE_COSIGNATURE, NULL, witness);
    make_key(d, origin, NOTE_ED25519, p->secret, p->vkey);
    hex_text(chance.b, 16, spki);
    hex_text(more.b, 16, spki + 32);
    const struct partner_card c = {.id = p->id,
                                   .version = 1,
                                   .name = {sv_c(p->name), sv_c(p->name), sv_c(p->name)},
                                   .country = SV("JP"),
                                   .zone = SV("Asia/Tokyo"),
                                   .kind = SV("cert"),
                                   .contact = sv_c(p->name),
                                   .url = SV("https://127.0.0.1:9/"),
                                   .log = sv_c(log),
                                   .witness = sv_c(witness),
                                   .messages = sv_c(p->vkey),
                                   .spki = {sv_c(spki), SV("")}};
    buf_init(&b, PARTNER_CARD_MAX);
    partner_card_write(&c, &b);
    sign_envelope(p, SV(PARTNER_PAYLOAD), buf_sv(&b), out);
    buf_clear(&b);
}

static inline void befriend(struct toy *t, struct dice *d, struct party *p)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf b;
    struct partner_card card;
    arena_init(&a, 4u << 20);
    buf_init(&b, 1u << 20);
    make_card(d, p, &b);
    if (partner_propose(t->ledger, t->db, buf_sv(&b), SV("mei"), t->now, &card, &a, &e) != OK) {
        fail_msg("a card: %s", e.text);
    }
    assert_int_equal(partner_confirm(t->ledger, t->db, p->id, SV("lin"), t->now, &e), OK);
    buf_clear(&b);
    arena_clear(&a);
}

static inline void state_of_agreement(struct toy *t, const struct party *p, int by, const struct agreement *g,
                                      enum agreed_act act, const char *person, usec at)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf text, envelope;
    struct note_key own;
    const struct agreed_signature s = {.agreement = g->id,
                                       .party = p[by].id,
                                       .version = g->version,
                                       .digest = g->digest,
                                       .act = act,
                                       .person = sv_c(person),
                                       .at = at};
    arena_init(&a, 4u << 20);
    buf_init(&text, 65536);
    buf_init(&envelope, 1u << 20);
    assert_int_equal(note_key_parse(sv_c(p[HOME].vkey), &own, &e), OK);
    assert_int_equal(agreed_statement(&s, &text, &e), OK);
    sign_envelope(&p[by], SV(SIGNATURE_PAYLOAD), buf_sv(&text), &envelope);
    int rc = agreed_state(t->ledger, t->db, buf_sv(&envelope), &own, at, &a, &e);
    if (rc != OK) {
        fail_msg("a statement: %s", e.text);
    }
    buf_clear(&text);
    buf_clear(&envelope);
    arena_clear(&a);
}

static inline void conclude(struct toy *t, const struct party *p, const struct agreement_spec *s)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf b;
    struct agreement g;
    bool first = true;
    arena_init(&a, 8u << 20);
    buf_init(&b, AGREEMENT_MAX);
    write_agreement(s, p, &b);
    if (agreed_add(t->ledger, t->db, buf_sv(&b), t->now, &a, &g, &e) != OK) {
        fail_msg("an agreement: %s in %.*s", e.text, SV_ARG(buf_sv(&b)));
    }
    for (int i = 0; i < PARTIES; i++) {
        if (s->party[i]) {
            state_of_agreement(t, p, i, &g, ACT_SIGN, "mei", t->now);
            if (!first || s->standing != ONE_SIGNATURE_SHORT) {
                state_of_agreement(t, p, i, &g, ACT_SIGN, "lin", t->now);
            }
            first = false;
        }
    }
    if (s->standing == SUSPENDED || s->standing == RESUMED) {
        state_of_agreement(t, p, HOME, &g, ACT_SUSPEND, "lin", t->now + USEC_SECOND);
    }
    if (s->standing == RESUMED) {
        state_of_agreement(t, p, HOME, &g, ACT_RESUME, "mei", t->now + 2 * USEC_SECOND);
    }
    if (s->standing == ENDED) {
        state_of_agreement(t, p, HOME, &g, ACT_END, "mei", t->now + USEC_SECOND);
    }
    buf_clear(&b);
    arena_clear(&a);
}

/* ---- deciding again */

struct member_spec {
    const char *name;
    const char *inner[3]; /* names of members inside of it */
    bool required;
};
#define MEMBERS_MOST 24
struct thing_spec {
    const char *type, *relationship, *kinds; /* kinds with commas between */
    struct member_spec member[MEMBERS_MOST];
    size_t members;
    int tlp; /* of the whole, as the source's where it says nothing; TLP_UNKNOWN = not understood */
    int origin;
    bool exercise, person, names_actor;
    usec valid_until; /* USEC_NONE = it does not end */
};
struct question {
    int partner;
    bool partner_active;
    enum purpose purpose;
    usec now;
};
/* Changes: only a copy without some members may go. Refers: it may go, but it names something that may not:
 * as a copy that does not name it, or not at all; whole if the partner knows that already. */
enum fate { STAYS, GOES, CHANGES, REFERS, FATES };
struct verdict {
    enum fate fate;
    const struct grant_spec *grant; /* whose denied members must not show */
};

static inline bool in_words(const char *const *words, const char *word)
{
    for (size_t i = 0; i < WORDS && words[i]; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static inline bool stands(const struct agreement_spec *a, int one, int other, usec now)
{
    return a->party[one] && a->party[other] && !a->superseded &&
           (a->standing == IN_FORCE || a->standing == RESUMED) && a->from <= now && now < a->until;
}

static inline bool denied(const struct grant_spec *g, const char *name)
{
    static const char *const responsible[] = {"threat_actor_types",  "goals",
                                              "sophistication",      "resource_level",
                                              "primary_motivation",  "secondary_motivations",
                                              "personal_motivations"};
    static const char *const hit[] = {"where_sighted_refs", "observed_data_refs", "contact_information",
                                      "sectors"};
    bool says = g->deny_all || in_words(g->deny, name);
    for (size_t i = 0; i < 7; i++) {
        says = says || (!g->attribution && strcmp(name, responsible[i]) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        says = says || (!g->victim && strcmp(name, hit[i]) == 0);
    }
    return says;
}

static inline bool name_before(const struct thing_spec *t, size_t member, size_t inner, const char *name)
{
    for (size_t i = 0; i <= member; i++) {
        bool same = (i < member || inner > 0) && strcmp(t->member[i].name, name) == 0;
        for (size_t k = 0; k < 3 && (i < member || k + 1 < inner); k++) {
            same = same || (t->member[i].inner[k] && strcmp(t->member[i].inner[k], name) == 0);
        }
        if (same) {
            return true;
        }
    }
    return false;
}

/* How many names must not go, each counted once wherever it stands; 1000 and more when the thing cannot be
 * without one of them. */
static inline unsigned taken(const struct grant_spec *g, const struct thing_spec *t)
{
    unsigned n = 0;
    for (size_t i = 0; i < t->members; i++) {
        const struct member_spec *m = &t->member[i];
        n += denied(g, m->name) && !name_before(t, i, 0, m->name);
        n += denied(g, m->name) && m->required ? 1000 : 0;
        for (size_t k = 0; k < 3 && m->inner[k]; k++) {
            n += denied(g, m->inner[k]) && !name_before(t, i, k + 1, m->inner[k]);
        }
    }
    return n;
}

static inline bool kinds_listed(const struct grant_spec *g, const char *kinds)
{
    struct sv rest = sv_c(kinds ? kinds : ""), word;
    char text[40];
    while (g->kinds[0] && rest.n && sv_cut(&rest, ',', &word)) {
        assert_true(sv_copy(word, text, sizeof(text)));
        if (!in_words(g->kinds, text)) {
            return false;
        }
    }
    return true;
}

/* Everything in force that the origin said of such things, at once. */
static inline bool origin_lets(const struct agreement_spec *a, size_t n, const struct thing_spec *t,
                               const struct question *q)
{
    unsigned said = 0, named = 0;
    if (t->origin == HOME) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; stands(&a[i], HOME, t->origin, q->now) && k < a[i].grants; k++) {
            const struct grant_spec *g = &a[i].grant[k];
            bool its = g->from == t->origin && g->to == HOME && (!g->types[0] || in_words(g->types, t->type));
            said += its;
            named += its && g->onward == 2 && g->onward_to == q->partner;
        }
    }
    return said > 0 && said == named;
}

static inline bool grant_lets(const struct grant_spec *g, const struct thing_spec *t,
                              const struct question *q)
{
    const char *link = t->relationship ? t->relationship : "";
    bool actor = strcmp(t->type, "threat-actor") == 0 || strcmp(t->type, "intrusion-set") == 0 ||
                 strcmp(t->type, "campaign") == 0 || strcmp(link, "attributed-to") == 0 || t->names_actor;
    const bool against[] = {
        g->from != HOME || g->to != q->partner || g->purpose != q->purpose,
        g->types[0] && !in_words(g->types, t->type),
        !kinds_listed(g, t->kinds),
        g->offences_only, /* no thing here has an offence */
        t->exercise != (g->purpose == PURPOSE_EXERCISE),
        t->valid_until != USEC_NONE && t->valid_until <= q->now,
        t->tlp > g->ceiling || t->tlp > TLP_AMBER_STRICT,
        actor && !g->attribution,
        strcmp(link, "targets") == 0 && !g->victim,
        t->person && g->personal != 2,
        taken(g, t) >= 1000,
        g->person_releases == 2 || (g->person_releases == 1 && t->tlp >= TLP_AMBER),
    };
    for (size_t i = 0; i < sizeof(against); i++) {
        if (against[i]) {
            return false;
        }
    }
    return true;
}

/* The grant that takes least away decides, the first of equals. Numbers of the day are not part of it. */
static inline struct verdict decide(const struct agreement_spec *a, size_t n, const struct thing_spec *t,
                                    const struct question *q)
{
    struct verdict v = {STAYS, NULL};
    unsigned least = UINT32_MAX;
    if (!q->partner_active || !origin_lets(a, n, t, q)) {
        return v;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; stands(&a[i], HOME, q->partner, q->now) && k < a[i].grants; k++) {
            const struct grant_spec *g = &a[i].grant[k];
            unsigned away = grant_lets(g, t, q) ? taken(g, t) : UINT32_MAX;
            if (away < least) {
                least = away;
                v = (struct verdict){away ? CHANGES : GOES, g};
            }
        }
    }
    return v;
}
