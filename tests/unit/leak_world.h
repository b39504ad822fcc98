/*
 * A node made of what was drawn, with everything in it or without what the asker may not know of; and the
 * asker, who tries whatever a TAXII client can say.
 */
#pragma once

#include "leak_things.h"

#include "share/partner/release.h"

struct world {
    struct toy t;
    struct taxii x;
    struct taxii_root root;
    struct taxii_collection c;
    struct source source[SOURCES];
    struct arena a;
    struct taxii_who asker;
};

/* ---- drawing */

static inline void draw_grant(struct drawn *w, struct agreement_spec *s, enum purpose mostly,
                              bool from_origin)
{
    static const char *const denies[] = {
        "name",     "description", "labels", "x_note",      "x_nested",
        "contents", "aliases",     "goals",  "abstract",    "external_references",
        "value",    "extensions",  "x_mail", "display_name"};
    static const char *const kinds[] = {"domain-name", "url", "sha-256", "ipv4-addr", "email-addr"};
    struct dice *d = &w->dice;
    struct grant_spec *g = &s->grant[s->grants++];
    *g = (struct grant_spec){
        .id = draw_uuid(d), .from = HOME, .to = ASKER, .purpose = mostly, .cap = 1000000000};
    if (from_origin) {
        g->from = ORIGIN;
        g->to = HOME;
    } else if (s->party[THIRD] && once(d, 4)) {
        g->to = THIRD;
    }
    if (once(d, 6)) {
        g->purpose = (enum purpose)draw(d, PURPOSE_MAX);
    }
    for (size_t i = 0, n = once(d, 5) ? 1 + draw(d, 4) : 0; i < n; i++) {
        const char *type = type_rows[draw(d, sizeof(type_rows) / sizeof(type_rows[0]))].type;
        if (!in_words(g->types, type)) {
            g->types[i] = type;
        } else {
            break;
        }
    }
    for (size_t i = 0, n = once(d, 7) ? 1 + draw(d, 3) : 0; i < n; i++) {
        g->kinds[i] = kinds[(draw(d, 2) + 2 * i) % 5];
        n = i && in_words((const char *const[WORDS]){g->kinds[0]}, g->kinds[i]) ? i : n;
        g->kinds[i] = i == n ? NULL : g->kinds[i];
    }
    for (size_t i = 0, at = draw(d, 14), n = once(d, 4) ? 0 : 1 + draw(d, 4); i < n; i++) {
        g->deny[i] = denies[(at + i * 3) % 14];
    }
    g->deny_all = once(d, 40);
    g->offences_only = once(d, 30);
    g->ceiling = 1 + (int)draw(d, 3);
    g->personal = !once(d, 3) ? 2 : (int)draw(d, 2);
    g->attribution = !once(d, 3);
    g->victim = !once(d, 3);
    g->person_releases = once(d, 10) ? 1 + (int)draw(d, 2) : 0;
    g->onward = once(d, 4) ? (int)draw(d, 2) : 2;
    g->onward_to = once(d, 4) ? THIRD : ASKER;
}

static inline void draw_agreement(struct drawn *w, enum purpose mostly, bool from_origin)
{
    struct dice *d = &w->dice;
    struct agreement_spec *s = &w->agreement[w->agreements++];
    *s = (struct agreement_spec){.id = draw_uuid(d), .version = 1};
    s->party[HOME] = true;
    s->party[ASKER] = !from_origin || once(d, 3);
    s->party[ORIGIN] = from_origin;
    s->party[THIRD] = once(d, 4);
    s->from = WORLD_BEGINS + (once(d, 4) ? 2 * USEC_DAY : -(usec)(1 + draw(d, 300)) * USEC_DAY);
    s->until = WORLD_BEGINS + (usec)(3 + draw(d, once(d, 3) ? 6 : 300)) * USEC_DAY;
    s->standing = once(d, 6) ? (enum standing)draw(d, STANDINGS) : IN_FORCE;
    memcpy(s->title, canary(&w->secrets, d, NOBODYS, "title of an agreement", NULL), CANARY_TEXT);
    for (size_t i = 0, n = 1 + draw(d, 3); i < n; i++) {
        draw_grant(w, s, mostly, from_origin);
    }
}

static inline void draw_world(struct drawn *w, enum purpose purpose, size_t things)
{
    struct dice *d = &w->dice;
    for (int i = 0; i < PARTIES; i++) {
        w->party[i].id = draw_uuid(d);
        uuid_text(w->party[i].id, w->party[i].id_text);
        /* Who we are is no secret to a partner: copies name it. */
        const char *name = i == HOME ? "home" : canary(&w->secrets, d, NOBODYS, "name of a partner", NULL);
        memcpy(w->party[i].name, name, strlen(name) + 1);
        if (i != ASKER && i != HOME) {
            secret_text(&w->secrets, NOBODYS, "id of an organisation", NULL, w->party[i].id_text);
        }
    }
    w->partner_active = !once(d, 20);
    w->org_id[0] = w->party[HOME].id;
    w->org_id[1] = draw_uuid(d);
    for (size_t i = 0; i < SOURCES; i++) {
        char text[37];
        w->source_id[i] = draw_uuid(d);
        uuid_text(w->source_id[i], text);
        secret_text(&w->secrets, NOBODYS, "id of a source", NULL, text);
        w->source[i] = (struct source_spec){.tlp = (int)draw(d, once(d, 4) ? 5 : 3),
                                            .origin = once(d, 4) ? (once(d, 4) ? ASKER : ORIGIN) : HOME,
                                            .exercise = i == 0,
                                            .attached = i > 1};
    }
    for (size_t i = 0, n = 1 + draw(d, 2); i < n; i++) {
        draw_agreement(w, purpose, false);
    }
    if (!once(d, 3)) {
        draw_agreement(w, purpose, true);
    }
    for (size_t i = 0; i < things; i++) {
        struct thing *again = w->things && once(d, 7) ? &w->thing[draw(d, (unsigned)w->things)] : NULL;
        bool can = again && again->version != USEC_NONE && !again->versioned_again && !again->revoked &&
                   !again->row->no_modified;
        add_thing(w, can ? again : NULL);
    }
}

static inline void drawn_free(struct drawn *w)
{
    for (size_t i = 0; i < w->things; i++) {
        buf_clear(&w->thing[i].json);
    }
    free(w->secrets.v);
    free(w);
}

/* ---- building */

static inline void world_org(struct world *s, size_t at, struct uuid id, const char *name)
{
    struct err e = ERR_NONE;
    const struct org o = {.id = id, .name = sv_c(name), .country = SV("TW"), .zone = SV("UTC")};
    s->t.org[at] = id;
    assert_int_equal(db_begin(s->t.db, &e), OK);
    assert_int_equal(org_put(s->t.ledger, s->t.db, &o, s->t.now, &e), OK);
    assert_int_equal(db_end(s->t.db, true, &e), OK);
}

static inline void world_source(struct world *s, struct drawn *w, size_t i)
{
    struct err e = ERR_NONE;
    char upstream[60];
    const struct source_spec *spec = &w->source[i];
    snprintf(upstream, sizeof(upstream), "partner:%s", w->party[spec->origin].id_text);
    s->source[i] =
        (struct source){.uuid = w->source_id[i],
                        .org = s->t.org[0],
                        .name = sv_c(canary(&w->secrets, &w->dice, NOBODYS, "name of a source", NULL)),
                        .reliability = 'B',
                        .zone = SV("UTC"),
                        .tlp = (enum tlp)spec->tlp,
                        .licence = sv_c(canary(&w->secrets, &w->dice, NOBODYS, "licence of a source", NULL)),
                        .upstream = spec->origin == HOME ? SV("") : sv_c(upstream),
                        .exercise = spec->exercise};
    assert_int_equal(db_begin(s->t.db, &e), OK);
    assert_int_equal(source_put(s->t.ledger, s->t.db, &s->source[i], s->t.now, &e), OK);
    if (spec->attached) {
        assert_int_equal(taxii_attach(&s->x, s->c.id, s->source[i].id, true, s->t.now, &e), OK);
    }
    assert_int_equal(db_end(s->t.db, true, &e), OK);
}

static inline void world_taxii(struct world *s, struct drawn *w, enum purpose purpose, int ceiling)
{
    struct err e = ERR_NONE;
    struct taxii_right r = {.reads = true};
    char principal[60], other[60];
    s->x = (struct taxii){.db = s->t.db, .fuse = s->t.fuse, .ledger = s->t.ledger, .secret = &s->t.secret};
    s->root = (struct taxii_root){.path = SV("share"), .title = SV("Root"), .max_content = 1 << 20};
    s->c = (struct taxii_collection){
        .title = SV("Things"), .ceiling = (enum tlp)ceiling, .purpose = purpose, .admins = true};
    struct taxii_collection theirs = {
        .title = sv_c(canary(&w->secrets, &w->dice, NOBODYS, "title of another's collection", NULL)),
        .description =
            sv_c(canary(&w->secrets, &w->dice, NOBODYS, "description of another's collection", NULL)),
        .alias = sv_c(canary(&w->secrets, &w->dice, NOBODYS, "alias of another's collection", NULL)),
        .ceiling = TLP_UNKNOWN};
    snprintf(principal, sizeof(principal), "partner:%s", w->party[ASKER].id_text);
    snprintf(other, sizeof(other), "partner:%s", w->party[THIRD].id_text);
    assert_int_equal(db_begin(s->t.db, &e), OK);
    assert_int_equal(taxii_root_put(&s->x, &s->root, s->t.now, &e), OK);
    s->c.root = theirs.root = s->root.id;
    s->c.uuid = SV("5f0a1b72-3c8a-4c45-9f2e-000000000001");
    theirs.uuid = SV("5f0a1b72-3c8a-4c45-9f2e-000000000002");
    assert_int_equal(taxii_collection_put(&s->x, &s->c, s->t.now, &s->a, &e), OK);
    assert_int_equal(taxii_collection_put(&s->x, &theirs, s->t.now, &s->a, &e), OK);
    r.principal = sv_c(principal);
    assert_int_equal(taxii_right_put(&s->x, s->c.id, &r, s->t.now, &e), OK);
    r.principal = sv_c(other);
    assert_int_equal(taxii_right_put(&s->x, theirs.id, &r, s->t.now, &e), OK);
    assert_int_equal(taxii_attach(&s->x, theirs.id, 0, true, s->t.now, &e), OK);
    assert_int_equal(db_end(s->t.db, true, &e), OK);
    s->asker = (struct taxii_who){.principal = arena_sv(&s->a, sv_c(principal)), .org = w->party[ASKER].id};
}

static inline struct world *world_open(struct drawn *w, struct keeper *keeper, enum purpose purpose,
                                       int ceiling)
{
    struct err e = ERR_NONE;
    struct world *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    arena_init(&s->a, 1u << 20);
    s->t = (struct toy){.db = toy_db(), .now = WORLD_BEGINS};
    memset(s->t.secret.b, 0x5a, sizeof(s->t.secret.b));
    s->t.fuse = fuse_new(s->t.db, &s->t.secret);
    toy_kinds(s->t.fuse, s->t.kinds);
    size_t kinds = 0;
    for (; s->t.kinds[kinds].name; kinds++) {
    }
    for (const struct ledger_kind *k = partner_kinds; k->name; k++) {
        assert_true(kinds + 1 < sizeof(s->t.kinds) / sizeof(s->t.kinds[0]));
        s->t.kinds[kinds++] = *k;
    }
    s->t.ledger = ledger_open(s->t.db, keeper, keeper ? SV("") : SV("home.example/log"), s->t.kinds, &e);
    assert_non_null(s->t.ledger);
    fuse_attach(s->t.fuse, s->t.ledger);
    world_org(s, 0, w->org_id[0], w->party[HOME].name);
    world_org(s, 1, w->org_id[1], "neighbour");
    world_taxii(s, w, purpose, ceiling);
    for (size_t i = 0; i < SOURCES; i++) {
        world_source(s, w, i);
    }
    for (int i = 1; i < PARTIES; i++) {
        befriend(&s->t, &w->dice, &w->party[i]);
    }
    /* Its own statements are signed under a key that is nobody's card. */
    make_key(&w->dice, "home.example/log", NOTE_ED25519, w->party[HOME].secret, w->party[HOME].vkey);
    for (size_t i = 0; i < w->agreements; i++) {
        conclude(&s->t, w->party, &w->agreement[i]);
    }
    if (!w->partner_active) {
        assert_int_equal(
            partner_set(s->t.ledger, s->t.db, w->party[ASKER].id, PARTNER_SUSPENDED, SV("mei"), s->t.now, &e),
            OK);
    }
    return s;
}

static inline void world_close(struct world *s)
{
    toy_close(&s->t);
    arena_clear(&s->a);
    free(s);
}

/* Takes in things [from, to) but those that are left out. */
static inline void world_take(struct world *s, const struct drawn *w, size_t from, size_t to, const bool *out)
{
    struct err e = ERR_NONE;
    for (size_t k = 0; k < SOURCES; k++) {
        struct buf b;
        size_t n = 0;
        buf_init(&b, 1u << 24);
        buf_add(
            &b,
            SV("{\"type\":\"bundle\",\"id\":\"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff\",\"objects\":["));
        for (size_t i = from; i < to; i++) {
            if (w->thing[i].source == (int)k && !(out && out[i])) {
                buf_add(&b, n++ ? SV(",") : SV(""));
                buf_add(&b, buf_sv(&w->thing[i].json));
            }
        }
        buf_addp(&b, "]}", 3);
        if (n) {
            struct take_report r = toy_take(&s->t, &s->source[k], b.p);
            if (r.rejected) {
                fail_msg("%u of %zu things are no valid objects: %s", (unsigned)r.rejected, n, b.p);
            }
        }
        buf_clear(&b);
    }
    assert_int_equal(taxii_collect(&s->x, s->t.now, &e), OK);
}

/* What nobody may see at all: records that were refused. */
static inline void world_refuse(struct world *s, struct drawn *w)
{
    char text[300];
    snprintf(text, sizeof(text), "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--%s\"}",
             canary(&w->secrets, &w->dice, NOBODYS, "a refused record", NULL));
    assert_int_equal(toy_take(&s->t, &s->source[2], text).rejected, 1);
}
