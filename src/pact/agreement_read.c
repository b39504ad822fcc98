#include "pact/read.h"

#include <stdlib.h>

#define YEARS_MOST 10
#define DAYS_MOST 3650

/* ---- words that a list may hold */

/* STIX 2.1 section 3.1: lower-case letters, digits and hyphens, 3 to 250 of them. */
static bool is_type(struct sv s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return s.n >= 3 && s.n <= 250 && s.p[0] != '-';
}

static bool is_kind(struct sv s)
{
    return kind_of_name(s) != KIND_NONE;
}

/* Member names of STIX objects: section 3.1. */
static bool is_field(struct sv s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return s.n >= 2;
}

/* RSIT classes and offence names of the parties: the same shape as types, with the taxonomy's colon. */
static bool is_offence(struct sv s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == ':')) {
            return false;
        }
    }
    return s.n >= 3;
}

/* ---- names of the closed lists by number */

static const char *purpose_word(int i)
{
    return purpose_name((enum purpose)i);
}
static const char *redaction_word(int i)
{
    return redaction_name((enum redaction)i);
}
static const char *personal_word(int i)
{
    return personal_data_name((enum personal_data)i);
}
static const char *release_word(int i)
{
    return human_release_name((enum human_release)i);
}
static const char *judicial_word(int i)
{
    return judicial_use_name((enum judicial_use)i);
}
static const char *termination_word(int i)
{
    return on_termination_name((enum on_termination)i);
}
/* TLP:RED and what is unknown cannot be granted. */
static const char *ceiling_word(int i)
{
    return tlp_name((enum tlp)i);
}

/* ---- parts */

static bool is_party(const struct agreement *g, struct uuid id)
{
    for (size_t i = 0; i < g->parties; i++) {
        if (uuid_eq(g->party[i].id, id)) {
            return true;
        }
    }
    return false;
}

static void read_parties(struct reading *r, struct jv doc, struct agreement *g)
{
    static const char *const keys[] = {"id", "name", "country", NULL};
    size_t n;
    struct jv list = read_array(r, doc, "parties", 2, AGREEMENT_PARTIES, &n);
    struct agreement_party *party = n ? arena_calloc(r->a, n, sizeof(*party)) : NULL;
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv v;
    g->party = party;
    for (size_t i = 0; party && i < n && r->rc == OK && json_next(&it, &unused, &v); i++) {
        size_t was = read_enter(r, "parties", i);
        read_known(r, v, keys);
        struct uuid id = read_uuid(r, v, "id");
        if (is_party(g, id)) {
            read_fail(r, "id", "stands twice");
        }
        party[i].id = id;
        read_texts(r, v, "name", party[i].name);
        struct sv country = json_get_str(v, SV("country"));
        if (country.n != 2 || country.p[0] < 'A' || country.p[0] > 'Z' || country.p[1] < 'A' ||
            country.p[1] > 'Z') {
            read_fail(r, "country", "must be two capital letters (ISO 3166-1)");
        }
        party[i].country = arena_sv(r->a, country);
        g->parties++;
        read_leave(r, was);
    }
}

static void read_purposes(struct reading *r, struct jv doc, struct agreement *g)
{
    size_t n;
    struct jv list = read_array(r, doc, "purposes", 1, PURPOSE_MAX, &n);
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv v;
    while (r->rc == OK && json_next(&it, &unused, &v)) {
        enum purpose p;
        if (!json_str(v).p || !purpose_parse(json_str(v), &p) || g->purpose[p]) {
            read_fail(r, "purposes", "holds a word that is unknown or doubled");
            return;
        }
        g->purpose[p] = true;
    }
}

/* "none", "with_consent", or the list of parties it may go on to. */
static void read_onward(struct reading *r, struct jv v, const struct agreement *g,
                        struct agreement_grant *ret)
{
    struct jv onward = json_get(v, SV("onward"));
    if (json_type(onward) == JSON_STRING) {
        ret->onward = sv_eq(json_str(onward), SV("none")) ? ONWARD_NONE : ONWARD_WITH_CONSENT;
        if (ret->onward == ONWARD_WITH_CONSENT && !sv_eq(json_str(onward), SV("with_consent"))) {
            read_fail(r, "onward", "must be none, with_consent, or a list of UUIDs");
        }
        return;
    }
    size_t n;
    struct jv list = read_array(r, v, "onward", 1, AGREEMENT_PARTIES, &n);
    struct uuid *to = n ? arena_calloc(r->a, n, sizeof(*to)) : NULL;
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv id;
    ret->onward = ONWARD_LIST;
    ret->onward_to = to;
    while (to && r->rc == OK && json_next(&it, &unused, &id)) {
        struct uuid *at = &to[ret->onward_count];
        if (!json_str(id).p || !uuid_parse(json_str(id), at) || uuid_nil(*at)) {
            read_fail(r, "onward", "must be none, with_consent, or a list of UUIDs");
            return;
        }
        ret->onward_count++;
    }
}

static void read_grant_parties(struct reading *r, struct jv v, const struct agreement *g,
                               struct agreement_grant *ret)
{
    ret->id = read_uuid(r, v, "id");
    ret->from = read_uuid(r, v, "from");
    ret->to = read_uuid(r, v, "to");
    for (const struct agreement_grant *other = g->grant; other != ret; other++) {
        if (uuid_eq(other->id, ret->id)) {
            read_fail(r, "id", "stands twice");
        }
    }
    if (!is_party(g, ret->from) || !is_party(g, ret->to) || uuid_eq(ret->from, ret->to)) {
        read_fail(r, "to", "a grant is from one party to another");
    }
}

static void read_grant(struct reading *r, struct jv v, const struct agreement *g, struct agreement_grant *ret)
{
    static const char *const keys[] = {"id",
                                       "from",
                                       "to",
                                       "purpose",
                                       "object_types",
                                       "kinds",
                                       "offences",
                                       "tlp_ceiling",
                                       "fields_deny",
                                       "redact",
                                       "personal_data",
                                       "attribution",
                                       "victim_identity",
                                       "max_items_per_day",
                                       "human_release",
                                       "judicial_use",
                                       "onward",
                                       "retention_days",
                                       "exercise",
                                       NULL};
    read_known(r, v, keys);
    read_grant_parties(r, v, g, ret);
    ret->purpose = (enum purpose)read_word(r, v, "purpose", PURPOSE_MAX, purpose_word);
    if (!g->purpose[ret->purpose]) {
        read_fail(r, "purpose", "is not among the purposes of the agreement");
    }
    ret->object_types = read_words(r, v, "object_types", false, is_type);
    ret->kinds = read_words(r, v, "kinds", false, is_kind);
    ret->offences = read_words(r, v, "offences", false, is_offence);
    ret->ceiling = (enum tlp)read_word(r, v, "tlp_ceiling", TLP_AMBER_STRICT + 1, ceiling_word);
    ret->fields_deny = read_words(r, v, "fields_deny", true, is_field);
    ret->redact = (enum redaction)read_word(r, v, "redact", REDACT_MAX, redaction_word);
    ret->personal_data = (enum personal_data)read_word(r, v, "personal_data", PERSONAL_MAX, personal_word);
    ret->attribution = read_bool(r, v, "attribution");
    ret->victim_identity = read_bool(r, v, "victim_identity");
    ret->max_items_per_day = read_number(r, v, "max_items_per_day", 1, 1000000000);
    ret->human_release = (enum human_release)read_word(r, v, "human_release", RELEASE_MAX, release_word);
    ret->judicial_use = (enum judicial_use)read_word(r, v, "judicial_use", JUDICIAL_MAX, judicial_word);
    read_onward(r, v, g, ret);
    ret->retention_days = read_number(r, v, "retention_days", 1, DAYS_MOST);
    ret->exercise = read_bool(r, v, "exercise");
    if (ret->exercise != (ret->purpose == PURPOSE_EXERCISE)) {
        read_fail(r, "exercise", "is true for the purpose exercise, and only for it");
    }
}

static void read_grants(struct reading *r, struct jv doc, struct agreement *g)
{
    size_t n;
    struct jv list = read_array(r, doc, "grants", 1, AGREEMENT_GRANTS, &n);
    struct agreement_grant *grant = n ? arena_calloc(r->a, n, sizeof(*grant)) : NULL;
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv v;
    g->grant = grant;
    while (grant && r->rc == OK && json_next(&it, &unused, &v)) {
        size_t was = read_enter(r, "grants", g->grants);
        read_grant(r, v, g, &grant[g->grants]);
        g->grants++;
        read_leave(r, was);
    }
}

static void read_document(struct reading *r, struct jv doc, struct agreement *g)
{
    static const char *const keys[] = {
        "type",       "id",          "version",     "title",          "legal_basis", "parties", "purposes",
        "valid_from", "valid_until", "review_days", "on_termination", "grants",      NULL};
    read_known(r, doc, keys);
    if (!sv_eq(json_get_str(doc, SV("type")), SV("noroshi-agreement"))) {
        read_fail(r, "type", "must be noroshi-agreement");
    }
    g->id = read_uuid(r, doc, "id");
    g->version = read_number(r, doc, "version", 1, 1000000);
    read_texts(r, doc, "title", g->title);
    read_texts(r, doc, "legal_basis", g->legal_basis);
    read_parties(r, doc, g);
    read_purposes(r, doc, g);
    g->valid_from = read_time(r, doc, "valid_from");
    g->valid_until = read_time(r, doc, "valid_until");
    if (r->rc == OK &&
        (g->valid_until <= g->valid_from || g->valid_until - g->valid_from > YEARS_MOST * 366 * USEC_DAY)) {
        read_fail(r, "valid_until", "must be after valid_from, by at most ten years");
    }
    g->review_days = read_number(r, doc, "review_days", 1, DAYS_MOST);
    g->on_termination =
        (enum on_termination)read_word(r, doc, "on_termination", TERMINATION_MAX, termination_word);
    read_grants(r, doc, g);
}

/* What is signed: the canonical form and its digest. */
static int keep_canonical(struct reading *r, struct jv doc, struct agreement *g)
{
    struct buf b;
    buf_init(&b, AGREEMENT_MAX * 2);
    int rc = json_canonical(doc, &b, r->e);
    if (rc == OK) {
        g->canonical = arena_sv(r->a, buf_sv(&b));
        g->digest = sha256_of(buf_sv(&b));
        rc = g->canonical.p ? OK : err_set(r->e, ERR_MEMORY, "no memory to read the agreement");
    }
    buf_clear(&b);
    return rc;
}

int agreement_read(struct sv json, struct arena *a, struct agreement *ret, struct err *e)
{
    struct reading r = {.a = a, .e = e};
    struct jv doc = {0};
    struct json_doc *d = json_doc_new(AGREEMENT_MAX);
    *ret = (struct agreement){0};
    int rc = d ? json_parse(d, json, &doc, e) : err_set(e, ERR_MEMORY, "no memory to read the agreement");
    if (rc == OK) {
        read_document(&r, doc, ret);
        rc = r.rc;
    }
    rc = rc == OK ? keep_canonical(&r, doc, ret) : rc;
    json_doc_free(d);
    return rc;
}
