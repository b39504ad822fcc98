/* Copies for one partner: keys, names and references around pact/copy.h. */
#include "share/partner/copies.h"

#include "share/partner/shares.h"

#include <stdlib.h>

#define KNOWN_MOST 65536 /* references decided in one sitting */
#define KNOWN_BYTES ((size_t)16 << 20)
#define THING_MOST ((size_t)64 << 20)
#define VERSIONS_MOST 64 /* of one id that are looked at */

/* What of a thing that is referred to the partner has, or may have. WHERE_ABSENT: it is not stored here.
 * WHERE_UNLISTED: an organisation that is kept for no more than that no grant lists its type. */
enum where { WHERE_UNKNOWN, WHERE_ABSENT, WHERE_KEPT, WHERE_UNLISTED, WHERE_COPY, WHERE_ORIGINAL };

struct copying {
    struct release_maker maker;
    struct copier *copier;
    struct copy_secret secret;
    char holder[48];       /* "identity--" and our organisation */
    char key[160];         /* "name+hash" of our message key */
    struct release inner;  /* asked about what is referred to */
    struct pact_view view; /* of everything here: what may go is decided thing by thing */
    struct map known;      /* id to enum where */
    struct arena a;        /* ids, for as long as one copy */
    struct arena lasting;
    struct buf thing;
    struct sha256 profile; /* of the copy that is made */
    bool marked_end;       /* an end of a relationship that the partner may not have */
};

/* ---- opening */

static int count_source(void *ctx, const struct source *s)
{
    size_t *most = ctx;
    *most = s->id > 0 && (size_t)s->id >= *most ? (size_t)s->id + 1 : *most;
    return OK;
}

static int open_view(struct copying *c, struct db *db, struct uuid home, struct err *e)
{
    size_t n = 1;
    struct arena a;
    arena_init(&a, THING_MOST);
    int rc = source_each(db, &a, count_source, &n, e);
    arena_clear(&a);
    c->view = (struct pact_view){.org = home, .ceiling = arena_alloc(&c->lasting, n), .sources = n};
    if (rc != OK || !c->view.ceiling) {
        return rc != OK ? rc : err_set(e, ERR_MEMORY, "no memory for a view");
    }
    memset(c->view.ceiling, TLP_UNKNOWN, n);
    return OK;
}

/* A second one that asks: its documents are its own, the register is shared. */
static int open_inner(struct copying *c, const struct release *r, struct err *e)
{
    c->inner = *r;
    c->inner.copying = NULL;
    c->inner.makes_copies = false;
    c->inner.doc = json_doc_new(THING_MOST);
    arena_init(&c->inner.thing, THING_MOST);
    return c->inner.doc ? OK : err_set(e, ERR_MEMORY, "no memory to decide what may go");
}

int copying_open(const struct release *r, const struct release_maker *m, struct copying **ret, struct err *e)
{
    struct copying *c = calloc(1, sizeof(*c));
    const struct note_key *key = keeper_public(ledger_keeper(m->ledger), KEEPER_MESSAGES);
    struct org home;
    char id[37];
    *ret = c;
    if (!c) {
        return err_set(e, ERR_MEMORY, "no memory to make copies");
    }
    c->maker = *m;
    arena_init(&c->a, THING_MOST);
    arena_init(&c->lasting, THING_MOST);
    buf_init(&c->thing, THING_MOST);
    map_init(&c->known, KNOWN_MOST, KNOWN_BYTES);
    copy_secret_of(m->secret, &c->secret);
    int rc = open_inner(c, r, e);
    rc = rc == OK ? org_home(r->db, &c->lasting, &home, e) : rc;
    rc = rc == OK ? open_view(c, r->db, home.id, e) : rc;
    c->copier = rc == OK ? copier_new() : NULL;
    if (!c->copier) {
        return rc == OK ? err_set(e, ERR_MEMORY, "no memory to make copies") : rc;
    }
    uuid_text(home.id, id);
    snprintf(c->holder, sizeof(c->holder), "identity--%s", id);
    snprintf(c->key, sizeof(c->key), "%s+%08x", key->name, key->id);
    return OK;
}

void copying_close(struct copying *c)
{
    if (!c) {
        return;
    }
    copier_free(c->copier);
    json_doc_free(c->inner.doc);
    arena_clear(&c->inner.thing);
    map_clear(&c->known);
    arena_clear(&c->a);
    arena_clear(&c->lasting);
    buf_clear(&c->thing);
    free(c);
}

/* ---- what stands for a reference */

/* A producer whose name the grant does not list: who reads its things may know that it is one. */
static bool is_unlisted_producer(const struct copying *c, const struct release_answer *a)
{
    struct sv class = json_get_str(c->inner.object, SV("identity_class"));
    return a->rule == RULE_TYPE && a->grant && c->inner.marking <= a->grant->ceiling &&
           (sv_eq(class, SV("organization")) || sv_eq(class, SV("system")));
}

/* A copy under another profile than the referring one's counts as none: its id would be another. */
static enum where where_of(const struct copying *c, const struct release_answer *a)
{
    if (!a->allow) {
        return is_unlisted_producer(c, a) ? WHERE_UNLISTED : WHERE_KEPT;
    }
    struct sha256 profile = copy_profile(a->grant);
    bool same = memcmp(profile.b, c->profile.b, sizeof(profile.b)) == 0;
    return !a->redactions ? WHERE_ORIGINAL : same ? WHERE_COPY : WHERE_KEPT;
}

struct deciding {
    struct copying *c;
    enum where best;
};

/* What came from the partner it knows; else it is asked about as if it were to go. */
static int judge_version(struct copying *c, const struct fuse_item *i, enum where *ret, struct err *e)
{
    struct source s;
    struct uuid upstream;
    struct arena a;
    struct release_answer answer;
    arena_init(&a, 1u << 20);
    int rc = source_get(c->inner.db, i->source, &a, &s, e);
    bool theirs = rc == OK && release_principal(s.upstream, &upstream) && uuid_eq(upstream, c->inner.partner);
    arena_clear(&a);
    *ret = theirs ? WHERE_ORIGINAL : WHERE_KEPT;
    if (rc != OK || theirs) {
        return rc;
    }
    buf_reset(&c->thing);
    rc = fuse_item_write(c->maker.fuse, i->claim, i->number, i->version, &c->thing, e);
    if (rc == 1) {
        const struct release_thing t = {.json = buf_sv(&c->thing), .source = i->source, .tlp = i->tlp};
        rc = release_ask(&c->inner, &t, &answer, e);
        *ret = rc == OK ? where_of(c, &answer) : WHERE_KEPT;
    }
    return rc;
}

static int on_version(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct deciding *d = ctx;
    enum where where;
    int rc = d->best == WHERE_ORIGINAL ? OK : judge_version(d->c, i, &where, e);
    if (rc == OK && d->best != WHERE_ORIGINAL) {
        d->best = where > d->best ? where : d->best;
    }
    return rc;
}

/* Whether the partner has, or may have, what is referred to, in some version: as it is, as a copy, or not at
 * all. */
static int decide(struct copying *c, struct sv id, enum where *ret, struct err *e)
{
    struct deciding d = {c, WHERE_ABSENT};
    int rc = share_was_given(c->inner.db, c->inner.partner, (int64_t)hash64(c->maker.secret, id), e);
    *ret = WHERE_ORIGINAL;
    if (rc != 0) {
        return rc < 0 ? rc : OK;
    }
    rc = fuse_items_of(c->maker.fuse, &c->view, id, VERSIONS_MOST, on_version, &d, e);
    *ret = d.best;
    return rc < 0 ? rc : OK;
}

/* The verdict holds under one profile: the key is both. */
static int look_up(struct copying *c, struct sv id, enum where *ret, struct err *e)
{
    struct sv key = arena_printf(&c->a, "%02x%02x%02x%02x %.*s", c->profile.b[0], c->profile.b[1],
                                 c->profile.b[2], c->profile.b[3], SV_ARG(id));
    uint64_t *known = key.p ? map_get(&c->known, key) : NULL;
    if (known) {
        *ret = (enum where) * known;
        return OK;
    }
    int rc = decide(c, id, ret, e);
    known = rc == OK && key.p ? map_put(&c->known, key, NULL) : NULL;
    if (known) {
        *known = *ret;
    }
    return rc;
}

/* What a relationship, a sighting or a translation is about: without it it says nothing. */
static bool is_end(struct sv property)
{
    return sv_eq(property, SV("source_ref")) || sv_eq(property, SV("target_ref")) ||
           sv_eq(property, SV("sighting_of_ref")) || sv_eq(property, SV("object_ref"));
}

static int on_ref(void *ctx, struct sv property, struct sv target, struct sv *ret, struct err *e)
{
    struct copying *c = ctx;
    enum where where = WHERE_UNKNOWN;
    if (sv_starts(target, SV("marking-definition--"))) {
        /* Inside of a member: known markings under their ids of today, others do not go (rule `marking`). */
        enum tlp tlp = tlp_of_id(target);
        *ret = tlp_id(tlp);
        return tlp <= TLP_AMBER_STRICT;
    }
    int rc = look_up(c, target, &where, e);
    if (rc != OK) {
        return rc;
    }
    if (where != WHERE_ORIGINAL && where != WHERE_COPY && is_end(property)) {
        c->marked_end = true;
        return 0;
    }
    *ret = where == WHERE_ORIGINAL ? target : copy_id(&c->secret, &c->profile, target, &c->a);
    return 1;
}

/* ---- what a thing that goes whole refers to */

struct references {
    struct copying *c;
    int rc;
    bool hidden;
    struct err *e;
};

static void on_reference(void *ctx, struct sv property, struct sv target)
{
    struct references *s = ctx;
    enum where where = WHERE_UNKNOWN;
    if (s->rc != OK || s->hidden || sv_starts(target, SV("marking-definition--"))) {
        return;
    }
    s->rc = look_up(s->c, target, &where, s->e);
    s->hidden = where == WHERE_KEPT || where == WHERE_COPY ||
                (where == WHERE_UNLISTED && !sv_eq(property, SV("created_by_ref")));
}

int copying_hides(struct copying *c, const struct release *r, const struct agreement_grant *grant,
                  struct err *e)
{
    struct references s = {.c = c, .e = e};
    arena_reset(&c->a);
    c->profile = copy_profile(grant);
    stix_refs(r->object, on_reference, &s);
    return s.rc == OK ? s.hidden : s.rc;
}

static int on_about(void *ctx, struct sv id, struct buf *json, struct err *e)
{
    struct copying *c = ctx;
    struct err missing = ERR_NONE;
    int64_t source;
    enum tlp tlp;
    int rc = fuse_thing(c->maker.fuse, &c->view, id, json, &source, &tlp, &missing);
    if (rc != OK && rc != ERR_NOT_FOUND) {
        *e = missing;
    }
    return rc == OK ? 1 : rc == ERR_NOT_FOUND ? 0 : rc;
}

/* A proof by a holder whose key is pinned here is passed on when it is his. */
static bool on_vouch(void *ctx, const struct copy_proof *proof)
{
    const struct copying *c = ctx;
    struct partner p;
    struct note_key key;
    struct err ignored = ERR_NONE;
    struct arena a;
    char id[37], text[160];
    uuid_text(proof->holder, id);
    arena_init(&a, 1u << 20);
    bool good = true;
    if (partner_find(c->inner.db, sv_c(id), &a, &p, &ignored) == OK) {
        good = note_key_parse(p.card.messages, &key, &ignored) == OK;
        if (good) {
            const struct note_key k = key;
            snprintf(text, sizeof(text), "%s+%08x", k.name, k.id);
            good = sv_eq(proof->key, sv_c(text)) && copy_signed_by(proof, k.pub);
        }
    }
    arena_clear(&a);
    return good;
}

/* ---- making */

static int sign(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e)
{
    const struct copying *c = ctx;
    return keeper_sign_message(ledger_keeper(c->maker.ledger), type, body, ret, e);
}

/* A withdrawal tells of what was: it goes to those who have it. */
static int may_tell(struct copying *c, const struct release *r, struct sv id, struct err *e)
{
    return r->revoked ? share_was_given(r->db, r->partner, (int64_t)hash64(c->maker.secret, id), e) : 1;
}

int copying_write(struct copying *c, const struct release *r, const struct agreement_grant *grant,
                  struct buf *out, struct sv *ret_id, const char **ret_why, struct err *e)
{
    struct copy_made made;
    arena_reset(&c->a);
    c->profile = copy_profile(grant);
    c->marked_end = false;
    const struct copy_terms terms = {.grant = grant,
                                     .profile = c->profile,
                                     .secret = &c->secret,
                                     .creator = sv_c(c->holder),
                                     .marking = r->marking,
                                     .ref = on_ref,
                                     .about = on_about,
                                     .vouch = on_vouch,
                                     .ctx = c};
    *ret_why = NULL;
    int rc = copy_make(c->copier, r->object, &terms, &made, e);
    if (rc != 1) {
        *ret_why = c->marked_end ? "it is about an object that the partner may not have"
                                 : "no copy can be made of it";
        return rc;
    }
    *ret_id = made.id;
    rc = copy_look_again(c->copier, r->object, &terms, ret_why, e);
    if (rc != OK || *ret_why) {
        return rc;
    }
    rc = may_tell(c, r, made.id, e);
    if (rc != 1) {
        *ret_why = "it takes back what the partner never had";
        return rc;
    }
    const struct copy_signer signer = {sign, c, sv_c(c->key), sv_c(c->holder)};
    rc = copy_seal(c->copier, &signer, out, e);
    return rc == OK ? 1 : rc;
}

/* ---- what copies refer to */

#define DEFINER "identity--5f1d6c1e-3a0e-4c61-9f5c-0d0c7b9c7c51"
#define MADE "2026-01-01T00:00:00.000Z"

/* No more than what the standard wants: members that a grant denies are not in them. */
static const char definer[] =
    "{\"type\":\"identity\",\"spec_version\":\"2.1\",\"id\":\"" DEFINER "\",\"created\":\"" MADE
    "\",\"modified\":\"" MADE "\",\"name\":\"Noroshi\",\"identity_class\":\"system\"}";
static const char definition[] =
    "{\"type\":\"extension-definition\",\"spec_version\":\"2.1\",\"id\":\"" COPY_EXTENSION
    "\",\"created_by_ref\":\"" DEFINER "\",\"created\":\"" MADE "\",\"modified\":\"" MADE
    "\",\"name\":\"Copies of objects, with proofs\",\"schema\":\"docs/copies.md\",\"version\":\"1.0.0\","
    "\"extension_types\":[\"property-extension\"]}";

static void write_identity(const struct org *home, struct buf *out)
{
    char id[37];
    struct jw w;
    uuid_text(home->id, id);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("identity"));
    jw_kstr(&w, "spec_version", SV("2.1"));
    jw_key(&w, "id");
    buf_printf(out, "\"identity--%s\"", id);
    w.after_key = false;
    jw_kstr(&w, "created", SV(MADE));
    jw_kstr(&w, "modified", SV(MADE));
    jw_kstr(&w, "name", home->name);
    jw_kstr(&w, "identity_class", SV("organization"));
    jw_end_obj(&w);
}

int copies_supporting(struct db *db, struct arena *a, struct supporting ret[SUPPORTING], struct err *e)
{
    struct org home;
    struct buf b;
    char id[37];
    int rc = org_home(db, a, &home, e);
    if (rc != OK) {
        return rc;
    }
    buf_init(&b, 1u << 20);
    write_identity(&home, &b);
    uuid_text(home.id, id);
    ret[0] =
        (struct supporting){arena_printf(a, "identity--%s", id), SV("identity"), arena_sv(a, buf_sv(&b))};
    ret[1] = (struct supporting){SV(DEFINER), SV("identity"), sv_c(definer)};
    ret[2] = (struct supporting){SV(COPY_EXTENSION), SV("extension-definition"), sv_c(definition)};
    bool fine = !b.failed && ret[0].id.p && ret[0].json.p;
    buf_clear(&b);
    return fine ? OK : err_set(e, ERR_MEMORY, "no memory for our identity");
}

/* ---- which copies there are of what */

int copies_original(struct db *db, struct sv copy_id, struct arena *a, struct sv *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT original FROM share_copy WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, copy_id);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = arena_sv(a, col_text(s, 0));
        rc = ret->p ? 1 : err_set(e, ERR_MEMORY, "no memory for an id");
    }
    db_done(s);
    return rc;
}

int copies_given(struct db *db, const struct hash_secret *secret, struct uuid partner, struct sv original,
                 int (*each)(void *ctx, struct sv copy_id), void *ctx, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT id FROM share_copy WHERE original = ? ORDER BY id", e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_text(s, original);
    while ((rc = db_step(s, e)) == 1) {
        struct sv id = col_text(s, 0);
        rc = share_was_given(db, partner, (int64_t)hash64(secret, id), e);
        rc = rc == 1 ? each(ctx, id) : rc;
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}
