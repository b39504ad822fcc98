#include "pact/pact.h"

static const char *const PURPOSES[PURPOSE_MAX] = {
    [PURPOSE_NETWORK_SAFETY] = "network_safety",
    [PURPOSE_CYBERCRIME_INVESTIGATION] = "cybercrime_investigation",
    [PURPOSE_PROSECUTION_ASSISTANCE] = "prosecution_assistance",
    [PURPOSE_VICTIM_NOTIFICATION] = "victim_notification",
    [PURPOSE_DECONFLICTION] = "deconfliction",
    [PURPOSE_EXERCISE] = "exercise",
};

const char *purpose_name(enum purpose p)
{
    return (unsigned)p < PURPOSE_MAX ? PURPOSES[p] : "unknown";
}

bool purpose_parse(struct sv s, enum purpose *ret)
{
    for (unsigned i = 0; i < PURPOSE_MAX; i++) {
        if (sv_eq(s, sv_c(PURPOSES[i]))) {
            *ret = (enum purpose)i;
            return true;
        }
    }
    return false;
}

const char *pact_rule_name(enum pact_rule r)
{
    static const char *const names[] = {
        [PACT_OWN] = "own",         [PACT_GRANTED] = "granted",           [PACT_NO_GRANT] = "no_grant",
        [PACT_MARKING] = "marking", [PACT_NOT_IN_FORCE] = "not_in_force", [PACT_EXERCISE] = "exercise",
        [PACT_NOBODY] = "nobody",
    };
    return (unsigned)r < sizeof(names) / sizeof(names[0]) ? names[r] : "unknown";
}

static bool in_force(const struct pact_grant *g, usec now)
{
    return g->valid_from <= now && now < g->valid_until;
}

static bool covers_marking(const struct pact_grant *g, enum tlp marking)
{
    return marking <= TLP_AMBER_STRICT && g->ceiling <= TLP_AMBER_STRICT && marking <= g->ceiling;
}

/* How far a grant of the right parties gets: the refusal furthest along is the one worth telling. */
static enum pact_rule judge(const struct pact_grant *g, const struct pact_ask *ask)
{
    if (g->exercise != ask->exercise) {
        return PACT_EXERCISE;
    }
    if (!in_force(g, ask->now)) {
        return PACT_NOT_IN_FORCE;
    }
    return covers_marking(g, ask->marking) ? PACT_GRANTED : PACT_MARKING;
}

struct pact_answer pact_decide(const struct pact_grant *grants, size_t n, const struct pact_ask *ask)
{
    if (uuid_nil(ask->viewer) || uuid_nil(ask->owner)) {
        return (struct pact_answer){.rule = PACT_NOBODY};
    }
    if (uuid_eq(ask->viewer, ask->owner)) {
        return (struct pact_answer){.allow = true, .rule = PACT_OWN};
    }
    static const int rank[] = {[PACT_NO_GRANT] = 0,
                               [PACT_EXERCISE] = 1,
                               [PACT_NOT_IN_FORCE] = 2,
                               [PACT_MARKING] = 3,
                               [PACT_GRANTED] = 4};
    struct pact_answer best = {.rule = PACT_NO_GRANT};
    for (size_t i = 0; i < n; i++) {
        const struct pact_grant *g = &grants[i];
        if (!uuid_eq(g->from, ask->owner) || !uuid_eq(g->to, ask->viewer) || g->purpose != ask->purpose) {
            continue;
        }
        enum pact_rule rule = judge(g, ask);
        if (rank[rule] > rank[best.rule]) {
            best = (struct pact_answer){
                .allow = rule == PACT_GRANTED, .rule = rule, .grant = rule == PACT_GRANTED ? g : NULL};
        }
    }
    return best;
}
