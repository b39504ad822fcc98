/* A partner at a collection: each thing is asked about, and what goes is registered. */
#include "share/partner/copies.h"
#include "share/partner/shares.h"
#include "share/taxii/taxii_private.h"

#include <stdlib.h>

#define THING_MOST ((size_t)64 << 20)

/* What one page may cost (docs/taxii.md, "Partners"): decisions, and bytes of copies. */
#define DECISIONS_MOST 10000
#define COPY_COSTS 8 /* decisions that one copy, made or not, counts for: a page of 1000 has room */
#define COPIES_MOST ((size_t)8 << 20)

/* What was decided of a member; kept for the page, since versions are compared with each other. */
struct decision {
    bool goes;
    const struct agreement *agreement; /* NULL: what copies refer to, under no grant */
    const struct agreement_grant *grant;
    usec delete_after, version;
    int64_t h; /* of the id under which it goes */
    struct taxii_copy copy;
    struct sv original; /* id, of a copy */
};

struct taxii_partner {
    struct release release;
    struct arena a;   /* decisions, ids of originals */
    struct map known; /* member to decision */
    struct buf thing, texts;
    struct share_grant grant[SHARE_GRANTS];
    size_t grants;
    usec delete_after;
    const struct decision *last; /* of what was asked about last */
    int64_t given[TAXII_PAGE_MOST];
    usec version[TAXII_PAGE_MOST];
    size_t given_count;
    struct share_copy copy[TAXII_PAGE_MOST];
    size_t copies;
    size_t tried; /* copies, also those that could not be made */
};

int taxii_partner_open(struct db *db, struct uuid partner, enum purpose purpose, usec now,
                       struct taxii_partner **ret, struct err *e)
{
    struct taxii_partner *p = calloc(1, sizeof(*p));
    *ret = p;
    if (!p) {
        return err_set(e, ERR_MEMORY, "no memory for a partner's page");
    }
    buf_init(&p->thing, THING_MOST);
    buf_init(&p->texts, THING_MOST);
    arena_init(&p->a, THING_MOST);
    map_init(&p->known, (size_t)1 << 20, (size_t)16 << 20);
    p->delete_after = USEC_NONE;
    int rc = release_open(&p->release, db, partner, purpose, now, e);
    return rc == OK ? share_sent_since(db, partner, now - USEC_DAY, &p->release.sent, e) : rc;
}

int taxii_partner_copies(struct taxii_partner *p, const struct taxii *t, struct err *e)
{
    const struct release_maker m = {.fuse = t->fuse, .ledger = t->ledger, .secret = t->secret};
    return release_copies(&p->release, &m, e);
}

void taxii_partner_free(struct taxii_partner *p)
{
    if (p) {
        release_close(&p->release);
        buf_clear(&p->thing);
        buf_clear(&p->texts);
        map_clear(&p->known);
        arena_clear(&p->a);
        free(p);
    }
}

struct taxii_copy taxii_partner_copy(const struct taxii_partner *p)
{
    return p->last->copy;
}

struct buf *taxii_partner_texts(struct taxii_partner *p)
{
    return &p->texts;
}

bool taxii_partner_tired(const struct taxii_partner *p)
{
    return p->known.count + p->tried * (COPY_COSTS - 1) >= DECISIONS_MOST || p->texts.n >= COPIES_MOST;
}

struct uuid taxii_partner_id(const struct taxii_partner *p)
{
    return p->release.partner;
}

/* Its grant's place in what is registered; SHARE_GRANTS when there is no room. */
static size_t place_of(const struct taxii_partner *p, struct uuid grant)
{
    size_t i = 0;
    while (i < p->grants && !uuid_eq(p->grant[i].grant, grant)) {
        i++;
    }
    return i;
}

static void count_grant(struct taxii_partner *p, const struct decision *d)
{
    size_t i = place_of(p, d->grant->id);
    if (i == p->grants) {
        p->grant[p->grants++] = (struct share_grant){
            .agreement = d->agreement->id, .version = d->agreement->version, .grant = d->grant->id};
    }
    p->grant[i].things++;
    p->release.sent++;
    if (p->delete_after == USEC_NONE || d->delete_after < p->delete_after) {
        p->delete_after = d->delete_after;
    }
}

void taxii_partner_count(struct taxii_partner *p)
{
    const struct decision *d = p->last;
    if (d->grant) {
        count_grant(p, d);
    }
    if (p->given_count == TAXII_PAGE_MOST) {
        return;
    }
    p->version[p->given_count] = d->version;
    p->given[p->given_count++] = d->h;
    if (d->copy.n) {
        const struct sv id = sv_sub(buf_sv(&p->texts), d->copy.id_at, d->copy.id_n);
        p->copy[p->copies++] = (struct share_copy){arena_sv(&p->a, id), d->original};
    }
}

/* ---- deciding */

/* What copies refer to goes to who may get copies at all. */
static bool has_agreement(const struct taxii_partner *p)
{
    const struct release *r = &p->release;
    for (size_t i = 0; r->active && i < r->agreements; i++) {
        const struct agreement *g = r->agreement[i].agreement;
        for (size_t k = 0; r->agreement[i].active && k < g->grants; k++) {
            if (uuid_eq(g->grant[k].to, r->partner) && g->grant[k].purpose == r->purpose &&
                g->valid_from <= r->now && r->now < g->valid_until) {
                return true;
            }
        }
    }
    return false;
}

/* Keeps a copy's text behind the ids and texts that are there already. */
static int keep_copy(struct taxii_partner *p, const struct taxii *t, size_t at,
                     const struct release_written *w, struct decision *d, struct err *e)
{
    d->copy = (struct taxii_copy){.at = at, .n = p->texts.n - at, .id_at = p->texts.n, .id_n = w->id.n};
    buf_add(&p->texts, w->id);
    d->h = (int64_t)hash64(t->secret, w->id);
    d->original = arena_sv(&p->a, w->original);
    return p->texts.failed || !d->original.p ? err_set(e, ERR_LIMIT, "the page's copies do not fit") : OK;
}

static int decide(struct taxii_partner *p, const struct taxii *t, const struct taxii_member *m,
                  struct decision *d, struct err *e)
{
    struct release_written w;
    size_t at = p->texts.n;
    if (taxii_is_supporting(m)) {
        d->goes = has_agreement(p);
        return OK;
    }
    buf_reset(&p->thing);
    int rc = m->own ? taxii_own_text(t, m->id, &p->thing, e)
                    : fuse_item_write(t->fuse, m->claim, m->number, m->version, &p->thing, e);
    if (rc != 1) {
        return rc;
    }
    const struct release_thing thing = {.json = buf_sv(&p->thing), .source = m->source, .tlp = m->tlp};
    rc = release_write(&p->release, &thing, &p->texts, &w, e);
    p->tried += w.answer.redactions > 0;
    if (rc == 1 && w.form == FORM_COPY) {
        rc = keep_copy(p, t, at, &w, d, e) == OK ? 1 : e->code;
    } else {
        p->texts.n = at; /* what goes as it is, is read again when it is written */
    }
    if (rc != 1) {
        p->texts.n = at;
        return rc;
    }
    d->agreement = w.answer.agreement;
    d->grant = w.answer.grant;
    d->delete_after = w.answer.delete_after;
    d->goes = place_of(p, d->grant->id) < SHARE_GRANTS; /* what cannot be registered stays */
    return OK;
}

int taxii_partner_gives(struct taxii_partner *p, const struct taxii *t, const struct taxii_member *m,
                        struct err *e)
{
    const struct sv key = sv_from((const char *)&m->id, sizeof(m->id));
    uint64_t *known = map_get(&p->known, key);
    if (known) {
        p->last = (const struct decision *)(uintptr_t)*known;
        /* More went since it was decided. */
        bool full = p->last->grant && p->release.sent >= p->last->grant->max_items_per_day;
        return p->last->goes && !full;
    }
    struct decision *d = arena_calloc(&p->a, 1, sizeof(*d));
    known = d ? map_put(&p->known, key, NULL) : NULL;
    if (!known) {
        return err_set(e, ERR_LIMIT, "too much was asked about for one page");
    }
    *d = (struct decision){.h = m->h, .version = m->versioned ? m->version : USEC_NONE};
    *known = (uint64_t)(uintptr_t)d;
    p->last = d;
    int rc = decide(p, t, m, d, e);
    return rc < 0 ? rc : d->goes;
}

/* The filters as they were asked, for people. */
static void write_filter(const struct taxii_query *q, struct buf *out)
{
    const struct {
        const char *name;
        struct sv value;
    } parts[] = {{"added_after", q->added_after}, {"match[id]", q->match_id},
                 {"match[type]", q->match_type},  {"match[version]", q->match_version},
                 {"object", q->object},           {"match[spec_version]", q->match_spec_version}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].value.n) {
            buf_printf(out, "%s%s=%.*s", out->n ? " " : "", parts[i].name,
                       SV_ARG(sv_sub(parts[i].value, 0, 400)));
        }
    }
}

/* With the first copies their collection gets what they refer to, once: whoever goes on with `added_after` or
 * `next` comes to it. */
static int add_supporting(const struct taxii *t, int64_t collection, usec now, struct err *e)
{
    struct supporting object[SUPPORTING];
    struct taxii_adder adder;
    struct arena a;
    arena_init(&a, 1u << 20);
    int rc = copies_supporting(t->db, &a, object, e);
    int there = rc == OK ? taxii_has(t, collection, object[0].id, e) : rc;
    if (there != 0) {
        arena_clear(&a);
        return there < 0 ? there : OK;
    }
    rc = db_begin(t->db, e);
    if (rc == OK) {
        rc = taxii_adder_open(&adder, t, collection, e);
        for (size_t i = 0; rc == OK && i < SUPPORTING; i++) {
            const struct taxii_new m = {.id = object[i].id,
                                        .type = object[i].type,
                                        .version = COPIES_SUPPORTING_VERSION,
                                        .spec = 21,
                                        .tlp = TLP_CLEAR,
                                        .own = object[i].json};
            rc = taxii_adder_add(&adder, &m, now, NULL, e);
            rc = rc < 0 ? rc : OK;
        }
        rc = rc == OK ? taxii_adder_close(&adder, e) : rc;
        rc = db_finish(t->db, rc, e);
    }
    arena_clear(&a);
    return rc;
}

int taxii_partner_note(struct taxii_partner *p, const struct taxii *t, const struct taxii_page_facts *f,
                       int64_t *ret_entry, struct err *e)
{
    static const char *const channels[] = {"taxii objects", "taxii manifest", "taxii versions"};
    struct buf filter;
    buf_init(&filter, 8192);
    write_filter(f->query, &filter);
    const struct share s = {.partner = p->release.partner,
                            .purpose = p->release.purpose,
                            .at = p->release.now,
                            .channel = sv_c(channels[f->what]),
                            .collection = f->collection->uuid,
                            .filter = buf_sv(&filter),
                            .first = f->first,
                            .last = f->last,
                            .things = f->things,
                            .delete_after = p->delete_after,
                            .grant = p->grant,
                            .grants = p->grants,
                            .given = p->given,
                            .version = p->version,
                            .given_count = p->given_count,
                            .copy = p->copy,
                            .copies = p->copies};
    int rc = share_begin(t->ledger, t->db, &s, ret_entry, e);
    buf_clear(&filter);
    return rc == OK && p->copies ? add_supporting(t, f->collection->id, p->release.now, e) : rc;
}
