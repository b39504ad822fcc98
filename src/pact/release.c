/* The decision on one thing: docs/agreements.md, "What may go". */
#include "pact/copy.h"

/* Objects and members that say who is held responsible. */
static const char *const ATTRIBUTION_TYPES[] = {"threat-actor", "intrusion-set", "campaign"};
static const char *const ATTRIBUTION_FIELDS[] = {"threat_actor_types",  "goals",
                                                 "sophistication",      "resource_level",
                                                 "primary_motivation",  "secondary_motivations",
                                                 "personal_motivations"};
static const char *const ATTRIBUTION_LINKS[] = {"attributed-to"};
static const char *const VICTIM_LINKS[] = {"targets"};
/* Members that say who was hit, or where; also those that other platforms derive from them. */
static const char *const VICTIM_FIELDS[] = {"where_sighted_refs",      "observed_data_refs",
                                            "contact_information",     "where_sighted_values",
                                            "x_opencti_where_sighted", "sectors"};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool among(const char *const *list, size_t n, struct sv word)
{
    for (size_t i = 0; i < n; i++) {
        if (sv_eq(word, sv_c(list[i]))) {
            return true;
        }
    }
    return false;
}

static bool in_force(const struct agreement_state *s, const struct release_ask *ask)
{
    return s->active && s->agreement->valid_from <= ask->now && ask->now < s->agreement->valid_until;
}

static bool has_party(const struct agreement *g, struct uuid id)
{
    for (size_t i = 0; i < g->parties; i++) {
        if (uuid_eq(g->party[i].id, id)) {
            return true;
        }
    }
    return false;
}

/* Every kind of value in it must be covered, not only one of them. */
static bool covers_type(const struct agreement_grant *g, const struct release_ask *ask)
{
    for (size_t i = 0; i < ask->kinds.n; i++) {
        if (!word_list_has(g->kinds, ask->kinds.v[i])) {
            return false;
        }
    }
    return word_list_has(g->object_types, ask->type) && word_list_has(g->offences, ask->offence);
}

/* What came from another partner goes on only as far as that partner said. */
static bool origin_allows(const struct release_ask *ask)
{
    if (uuid_eq(ask->origin, ask->owner)) {
        return true;
    }
    if (ask->onward == ONWARD_WITH_CONSENT) {
        return ask->consent;
    }
    for (size_t i = 0; ask->onward == ONWARD_LIST && i < ask->onward_count; i++) {
        if (uuid_eq(ask->onward_to[i], ask->partner)) {
            return true;
        }
    }
    return false;
}

/* It refers to an object that says who is held responsible: the reference alone tells that there is one. */
static bool refers_to_attribution(const struct release_ask *ask)
{
    for (size_t i = 0; i < ask->refs.n; i++) {
        if (among(ATTRIBUTION_TYPES, COUNT(ATTRIBUTION_TYPES), ask->refs.v[i])) {
            return true;
        }
    }
    return false;
}

/* The object as a whole says who is held responsible, or who was hit. */
static bool says_too_much(const struct agreement_grant *g, const struct release_ask *ask)
{
    return (!g->attribution &&
            (refers_to_attribution(ask) || among(ATTRIBUTION_TYPES, COUNT(ATTRIBUTION_TYPES), ask->type) ||
             among(ATTRIBUTION_LINKS, COUNT(ATTRIBUTION_LINKS), ask->relationship))) ||
           (!g->victim_identity && among(VICTIM_LINKS, COUNT(VICTIM_LINKS), ask->relationship));
}

static bool covers_person(const struct agreement_grant *g, enum pact_data data)
{
    return data == DATA_NONE || g->personal_data == PERSONAL_ALL ||
           (data == DATA_SUSPECT && g->personal_data == PERSONAL_SUSPECT_ONLY);
}

static bool needs_person(const struct agreement_grant *g, const struct release_ask *ask)
{
    return g->human_release == RELEASE_ALWAYS || (g->human_release == RELEASE_SENSITIVE && ask->sensitive);
}

bool pact_denies(const struct agreement_grant *g, struct sv field)
{
    return word_list_has(g->fields_deny, field) ||
           (!g->attribution && among(ATTRIBUTION_FIELDS, COUNT(ATTRIBUTION_FIELDS), field)) ||
           (!g->victim_identity && among(VICTIM_FIELDS, COUNT(VICTIM_FIELDS), field));
}

/* Gathers what must not go; false when the object cannot be without it, or there is too much. */
static bool redact(const struct agreement_grant *g, const struct release_ask *ask, struct release_answer *ret)
{
    for (size_t i = 0; i < ask->fields; i++) {
        if (!pact_denies(g, ask->field[i].name)) {
            continue;
        }
        if (ask->field[i].required || ret->redactions == RELEASE_REDACTIONS) {
            return false;
        }
        ret->redact[ret->redactions++] = ask->field[i].name;
    }
    return true;
}

static enum release_rule judge(const struct agreement_grant *g, const struct release_ask *ask,
                               struct release_answer *ret)
{
    if (!uuid_eq(g->from, ask->owner) || !uuid_eq(g->to, ask->partner) || g->purpose != ask->purpose) {
        return RULE_NO_GRANT;
    }
    if (!covers_type(g, ask)) {
        return RULE_TYPE;
    }
    if (g->exercise != ask->exercise) {
        return RULE_EXERCISE;
    }
    if (ask->local_only || ask->expired) {
        return RULE_LOCAL;
    }
    if (ask->marking > TLP_AMBER_STRICT || g->ceiling > TLP_AMBER_STRICT || ask->marking > g->ceiling) {
        return RULE_MARKING;
    }
    if (!origin_allows(ask)) {
        return RULE_ORIGIN;
    }
    if (says_too_much(g, ask)) {
        return RULE_ATTRIBUTION;
    }
    if (!covers_person(g, ask->data)) {
        return RULE_PERSONAL;
    }
    if (!redact(g, ask, ret)) {
        return RULE_REDACTION;
    }
    if (ask->sent_today >= g->max_items_per_day) {
        return RULE_CAP;
    }
    return needs_person(g, ask) && !ask->released ? RULE_RELEASE : RULE_GRANTED;
}

/* The granting answer that takes least away; else the refusal that got furthest; the first of equals. */
static bool better(const struct release_answer *a, const struct release_answer *than)
{
    if (a->allow != than->allow) {
        return a->allow;
    }
    return a->allow ? a->redactions < than->redactions : a->rule > than->rule;
}

static void try_agreement(const struct agreement *g, const struct release_ask *ask,
                          struct release_answer *best)
{
    for (size_t i = 0; i < g->grants; i++) {
        struct release_answer r = {.agreement = g, .grant = &g->grant[i]};
        r.rule = judge(r.grant, ask, &r);
        r.allow = r.rule == RULE_GRANTED;
        if (r.allow) {
            r.delete_after = ask->now + r.grant->retention_days * USEC_DAY;
        } else {
            r.redactions = 0;
        }
        if (better(&r, best)) {
            *best = r;
        }
    }
}

struct release_answer pact_release(const struct agreement_state *s, size_t n, const struct release_ask *ask)
{
    struct release_answer best = {.rule = RULE_NO_AGREEMENT};
    if (uuid_nil(ask->owner) || uuid_nil(ask->partner) || uuid_nil(ask->origin) ||
        uuid_eq(ask->owner, ask->partner)) {
        return (struct release_answer){.rule = RULE_NOBODY};
    }
    if (!ask->partner_active || !ask->partner_pinned) {
        return (struct release_answer){.rule = RULE_PARTNER};
    }
    for (size_t i = 0; i < n; i++) {
        if (in_force(&s[i], ask) && has_party(s[i].agreement, ask->owner) &&
            has_party(s[i].agreement, ask->partner)) {
            try_agreement(s[i].agreement, ask, &best);
        }
    }
    return best;
}
