/* A partner at a collection: each thing is asked about, and what goes is registered. */
#include "share/partner/release.h"
#include "share/partner/shares.h"
#include "share/taxii/taxii_private.h"

#include <stdlib.h>

#define THING_MOST ((size_t)64 << 20)

struct taxii_partner {
    struct release release;
    struct buf thing;
    struct share_grant grant[SHARE_GRANTS];
    size_t grants;
    usec delete_after;
    struct release_answer last; /* to what was asked about last */
    int64_t last_h;
    int64_t given[TAXII_PAGE_MOST];
    size_t given_count;
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
    p->delete_after = USEC_NONE;
    int rc = release_open(&p->release, db, partner, purpose, now, e);
    return rc == OK ? share_sent_since(db, partner, now - USEC_DAY, &p->release.sent, e) : rc;
}

void taxii_partner_free(struct taxii_partner *p)
{
    if (p) {
        release_close(&p->release);
        buf_clear(&p->thing);
        free(p);
    }
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

void taxii_partner_count(struct taxii_partner *p)
{
    const struct release_answer *a = &p->last;
    size_t i = place_of(p, a->grant->id);
    if (i == p->grants) {
        p->grant[p->grants++] = (struct share_grant){
            .agreement = a->agreement->id, .version = a->agreement->version, .grant = a->grant->id};
    }
    p->grant[i].things++;
    if (p->given_count < TAXII_PAGE_MOST) {
        p->given[p->given_count++] = p->last_h;
    }
    p->release.sent++;
    if (p->delete_after == USEC_NONE || a->delete_after < p->delete_after) {
        p->delete_after = a->delete_after;
    }
}

int taxii_partner_has(const struct taxii_partner *p, const struct taxii *t, int64_t h, struct err *e)
{
    return share_was_given(t->db, p->release.partner, h, e);
}

int taxii_partner_gives(struct taxii_partner *p, const struct taxii *t, const struct taxii_member *m,
                        struct err *e)
{
    struct release_answer *a = &p->last;
    buf_reset(&p->thing);
    int rc = m->own ? taxii_own_text(t, m->id, &p->thing, e)
                    : fuse_item_write(t->fuse, m->claim, m->number, m->version, &p->thing, e);
    if (rc != 1) {
        return rc;
    }
    const struct release_thing thing = {.json = buf_sv(&p->thing), .source = m->source, .tlp = m->tlp};
    rc = release_ask(&p->release, &thing, a, e);
    if (rc != OK) {
        return rc;
    }
    p->last_h = m->h;
    /* What would have to be changed before it goes stays here: a copy of it is another object. What cannot be
     * registered stays too. */
    if (!a->allow || a->redactions || place_of(p, a->grant->id) == SHARE_GRANTS) {
        return 0;
    }
    /* A withdrawal tells of what was: it goes to those who have it. */
    return p->release.revoked ? taxii_partner_has(p, t, m->h, e) : 1;
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
                            .given_count = p->given_count};
    int rc = share_begin(t->ledger, t->db, &s, ret_entry, e);
    buf_clear(&filter);
    return rc;
}
