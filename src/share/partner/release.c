#include "share/partner/release.h"

#include "share/partner/copies.h"
#include "share/partner/queue.h"
#include "share/partner/shares.h"

#include <stdlib.h>

#define REGISTER_MOST ((size_t)512 << 20)
#define THING_MOST ((size_t)64 << 20)
#define KINDS_MOST 32
#define FIELDS_MOST 256

bool release_principal(struct sv principal, struct uuid *ret)
{
    return sv_starts(principal, SV("partner:")) && uuid_parse(sv_sub(principal, 8, SIZE_MAX), ret);
}

int release_open(struct release *r, struct db *db, struct uuid partner, enum purpose purpose, usec now,
                 struct err *e)
{
    char id[37];
    *r = (struct release){.db = db, .partner = partner, .purpose = purpose, .now = now};
    arena_init(&r->a, REGISTER_MOST);
    arena_init(&r->thing, THING_MOST);
    r->doc = json_doc_new(THING_MOST);
    uuid_text(partner, id);
    int rc = partner_is_active(db, sv_c(id), e);
    r->active = rc == 1;
    if (rc < 0) {
        return rc;
    }
    if (!r->doc) {
        return err_set(e, ERR_MEMORY, "no memory to decide what may go");
    }
    return agreed_register(db, now, &r->a, &r->agreement, &r->agreements, e);
}

int release_copies(struct release *r, const struct release_maker *m, struct err *e)
{
    if (!m->secret) {
        return err_set(e, ERR_USAGE, "who has something is known by hashes under the node's secret");
    }
    r->maker = *m;
    r->makes_copies = m->ledger && ledger_keeper(m->ledger);
    return r->makes_copies ? copying_open(r, m, &r->copying, e) : OK;
}

void release_close(struct release *r)
{
    copying_close(r->copying);
    json_doc_free(r->doc);
    arena_clear(&r->thing);
    arena_clear(&r->a);
    *r = (struct release){0};
}

/* ---- what the thing is */

struct kinds {
    struct sv name[KINDS_MOST];
    size_t n;
    bool more;
};

static void on_value(void *ctx, const struct obs *o, bool bad)
{
    struct kinds *k = ctx;
    struct sv name = sv_c(kind_name(o->kind));
    for (size_t i = 0; i < k->n; i++) {
        if (sv_eq(k->name[i], name)) {
            return;
        }
    }
    k->more = k->more || k->n == KINDS_MOST;
    if (k->n < KINDS_MOST) {
        k->name[k->n++] = name;
    }
}

/* Types of the objects it refers to, each once. */
static void on_ref(void *ctx, struct sv property, struct sv target)
{
    struct kinds *k = ctx;
    size_t at = sv_find(target, SV("--"));
    struct sv type = sv_sub(target, 0, at == SIZE_MAX ? target.n : at);
    for (size_t i = 0; i < k->n; i++) {
        if (sv_eq(k->name[i], type)) {
            return;
        }
    }
    k->more = k->more || k->n == KINDS_MOST;
    if (k->n < KINDS_MOST) {
        k->name[k->n++] = type;
    }
}

/* Whether it is worth looking for an address of a person: it has one of the characters with which an @ is
 * written, in JSON or in the text itself. */
static bool may_name_somebody(struct sv json)
{
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        bool escaped = c == '\\' && i + 1 < json.n && json.p[i + 1] == 'u';
        bool bracketed = i > 1 && (c == ']' || c == ')' || c == '}') && (json.p[i - 1] | 0x20) == 't' &&
                         (json.p[i - 2] | 0x20) == 'a';
        if (c == '@' || c == '%' || c == '&' || (uint8_t)c == 0xef || escaped || bracketed) {
            return true;
        }
    }
    return false;
}

/* Kinds and types that tell of a person. Whose they are is not known here: anybody's. */
static enum pact_data data_of(struct jv o, struct sv type, const struct kinds *k)
{
    static const char *const types[] = {"user-account", "email-addr", "email-message"};
    static const char *const kinds[] = {"email-addr", "phone-number"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (sv_eq(type, sv_c(types[i]))) {
            return DATA_OTHER;
        }
    }
    for (size_t i = 0; i < k->n; i++) {
        for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
            if (sv_eq(k->name[i], sv_c(kinds[n]))) {
                return DATA_OTHER;
            }
        }
    }
    bool person = sv_eq(type, SV("identity")) &&
                  !sv_eq(json_get_str(o, SV("identity_class")), SV("organization")) &&
                  !sv_eq(json_get_str(o, SV("identity_class")), SV("system"));
    return person ? DATA_OTHER : DATA_NONE;
}

/* Names of members, each once: of the object itself, and of what stands inside of its members. */
struct fields {
    struct release_field *f;
    size_t n;
    bool more; /* than are looked through */
};

static void add_field(struct fields *g, struct sv key, bool required)
{
    size_t i = 0;
    while (i < g->n && !sv_eq(g->f[i].name, key)) {
        i++;
    }
    g->more = g->more || i == FIELDS_MOST;
    if (i == g->n && !g->more) {
        g->f[g->n++] = (struct release_field){key, required};
    }
}

static void gather_inner(struct fields *g, struct jv v)
{
    struct json_it it = json_each(v);
    struct sv key;
    struct jv member;
    while (json_next(&it, &key, &member)) {
        if (json_type(v) == JSON_OBJECT) {
            add_field(g, key, false);
        }
        gather_inner(g, member);
    }
}

static void gather_fields(struct fields *g, struct jv o, struct sv type)
{
    struct json_it it = json_each(o);
    struct sv key;
    struct jv member;
    while (json_next(&it, &key, &member)) {
        add_field(g, key, stix_requires(type, key));
    }
    it = json_each(o);
    while (json_next(&it, &key, &member)) {
        gather_inner(g, member);
    }
}

/* What is too much to look through is kept here. */
static int fields_of(struct release *r, struct jv o, struct sv type, struct release_ask *ask, struct err *e)
{
    struct fields g = {.f = arena_calloc(&r->thing, FIELDS_MOST, sizeof(*g.f))};
    if (!g.f) {
        return err_set(e, ERR_MEMORY, "no memory for the members of an object");
    }
    gather_fields(&g, o, type);
    ask->field = g.f;
    ask->fields = g.n;
    ask->local_only = ask->local_only || g.more;
    return OK;
}

/* ---- where it came from */

/* The strictest word of all grants in force by which the origin gives us such things: by which of them it
 * came is not known. */
static void onward_of(const struct release *r, struct uuid home, struct release_ask *ask)
{
    bool any = false, listed = true;
    ask->onward = ONWARD_LIST;
    for (size_t i = 0; i < r->agreements; i++) {
        const struct agreement *g = r->agreement[i].agreement;
        /* Active says that it is signed and not over, not that it has begun. */
        bool in_force = r->agreement[i].active && g->valid_from <= r->now;
        for (size_t k = 0; in_force && k < g->grants; k++) {
            const struct agreement_grant *grant = &g->grant[k];
            if (!uuid_eq(grant->from, ask->origin) || !uuid_eq(grant->to, home) ||
                !word_list_has(grant->object_types, ask->type)) {
                continue;
            }
            bool named = false;
            for (size_t n = 0; n < grant->onward_count; n++) {
                named = named || uuid_eq(grant->onward_to[n], ask->partner);
            }
            any = true;
            listed = listed && named;
            ask->onward = grant->onward < ask->onward ? grant->onward : ask->onward;
        }
    }
    ask->onward_to = &ask->partner;
    ask->onward_count = listed ? 1 : 0;
    if (!any) {
        ask->onward = ONWARD_NONE;
    }
}

static int origin_of(struct release *r, int64_t source, struct release_ask *ask, struct err *e)
{
    struct source s;
    int rc = source_get(r->db, source, &r->thing, &s, e);
    if (rc != OK) {
        return rc;
    }
    ask->owner = s.org;
    ask->origin = s.org;
    ask->exercise = s.exercise;
    if (release_principal(s.upstream, &ask->origin)) {
        onward_of(r, s.org, ask);
    }
    return consent_fill(r, ask, e);
}

/* ---- asking */

static int describe(struct release *r, const struct release_thing *t, struct kinds *k, struct kinds *refs,
                    struct release_ask *ask, struct err *e)
{
    struct jv o;
    struct stix_head head;
    int rc = json_parse(r->doc, t->json, &o, e);
    rc = rc == OK ? stix_head(o, &r->thing, &head, e) : rc;
    if (rc != OK) {
        return rc;
    }
    ask->type = head.type;
    ask->relationship = json_get_str(o, SV("relationship_type"));
    ask->relationship = ask->relationship.p ? ask->relationship : SV("");
    ask->offence = SV("");
    ask->marking = head.marked && head.tlp > t->tlp ? head.tlp : t->tlp;
    ask->expired = head.valid_until != USEC_NONE && head.valid_until <= r->now;
    ask->sensitive = ask->marking >= TLP_AMBER;
    r->revoked = head.revoked;
    r->id = head.id;
    r->object = o;
    r->marking = ask->marking;
    rc = stix_values(o, &r->thing, on_value, k, e);
    ask->kinds = (struct word_list){k->name, k->n};
    stix_refs(o, on_ref, refs);
    ask->refs = (struct word_list){refs->name, refs->n};
    /* What is too much to look through is taken for the most. */
    bool unsure = k->more || refs->more || (may_name_somebody(t->json) && pact_names_somebody(o));
    ask->data = unsure ? DATA_OTHER : data_of(o, head.type, k);
    rc = rc == OK ? fields_of(r, o, head.type, ask, e) : rc;
    return rc == OK ? origin_of(r, t->source, ask, e) : rc;
}

int release_ask(struct release *r, const struct release_thing *t, struct release_answer *ret, struct err *e)
{
    struct kinds k = {.n = 0}, refs = {.n = 0};
    struct release_ask ask = {.partner = r->partner,
                              .partner_active = r->active,
                              .partner_pinned = r->active,
                              .purpose = r->purpose,
                              .now = r->now,
                              .sent_today = r->sent};
    arena_reset(&r->thing);
    int rc = describe(r, t, &k, &refs, &ask, e);
    if (rc == OK) {
        *ret = pact_release(r->agreement, r->agreements, &ask);
        rc = queue_released(r, t, &ask, ret, e);
    }
    return rc;
}

/* ---- what goes */

/* A withdrawal tells of what was: it goes to those who have it. */
static int write_original(struct release *r, const struct release_thing *t, struct buf *out,
                          struct release_written *ret, struct err *e)
{
    int rc = r->revoked && r->maker.secret
                 ? share_was_given(r->db, r->partner, (int64_t)hash64(r->maker.secret, r->id), e)
                 : !r->revoked;
    if (rc != 1) {
        ret->why = "it takes back what the partner never had";
        return rc;
    }
    ret->form = FORM_ORIGINAL;
    buf_add(out, t->json);
    return out->failed ? err_set(e, ERR_LIMIT, "the object does not fit") : 1;
}

static int write_copy(struct release *r, struct buf *out, struct release_written *ret, struct err *e)
{
    if (!r->makes_copies) {
        ret->why = "members of it must not go, and no copies are made here";
        return 0;
    }
    int rc = copying_write(r->copying, r, ret->answer.grant, out, &ret->id, &ret->why, e);
    ret->form = rc == 1 ? FORM_COPY : FORM_STAYS;
    if (rc == 0) {
        ret->answer.allow = false;
        ret->answer.rule = RULE_REDACTION;
    }
    return rc;
}

int release_write(struct release *r, const struct release_thing *t, struct buf *out,
                  struct release_written *ret, struct err *e)
{
    *ret = (struct release_written){0};
    int rc = release_ask(r, t, &ret->answer, e);
    if (rc != OK) {
        return rc;
    }
    ret->id = ret->original = r->id;
    if (!ret->answer.allow) {
        return 0;
    }
    rc = ret->answer.redactions ? 1
         : r->makes_copies      ? copying_hides(r->copying, r, ret->answer.grant, e)
                                : 0;
    return rc < 0 ? rc : rc == 1 ? write_copy(r, out, ret, e) : write_original(r, t, out, ret, e);
}
