/*
 * pact: who may see what.
 *
 * A pure decision over grants: no I/O, default deny. Every source belongs to one organisation; what another
 * organisation may know of it is decided here, and only share/gate acts on the answer. May call base/ stix/
 * store/ net/ jobs/.
 */
#pragma once

#include "stix/stix.h"

/* Purposes are a closed list; a grant never names a country as target. */
enum purpose {
    PURPOSE_NETWORK_SAFETY,
    PURPOSE_CYBERCRIME_INVESTIGATION,
    PURPOSE_PROSECUTION_ASSISTANCE,
    PURPOSE_VICTIM_NOTIFICATION,
    PURPOSE_DECONFLICTION,
    PURPOSE_EXERCISE,
    PURPOSE_MAX,
};
const char *purpose_name(enum purpose p); /* "network_safety" */
bool purpose_parse(struct sv s, enum purpose *ret);

/* One permission: `from` lets `to` see what it owns up to a TLP ceiling, for one purpose, in a time. */
struct pact_grant {
    struct uuid id;
    struct uuid from, to;
    enum purpose purpose;
    enum tlp ceiling; /* never above TLP_AMBER_STRICT: TLP:RED and unknown markings are not grantable */
    usec valid_from, valid_until;
    bool exercise; /* exercise grants cover exercise things only, and the other way round */
};

/* What is asked: may `viewer` see a thing of `owner`? */
struct pact_ask {
    struct uuid owner, viewer;
    enum tlp marking;
    bool exercise; /* the thing belongs to an exercise */
    enum purpose purpose;
    usec now;
};

enum pact_rule {
    PACT_OWN,          /* the viewer owns it */
    PACT_GRANTED,      /* a grant in force covers it */
    PACT_NO_GRANT,     /* default deny */
    PACT_MARKING,      /* grants exist, but the marking is above each ceiling or unknown */
    PACT_NOT_IN_FORCE, /* grants exist, but none at this time */
    PACT_EXERCISE,     /* exercise and real things do not mix */
    PACT_NOBODY,       /* a nil organisation asked or owns: empty audience is nobody */
};
const char *pact_rule_name(enum pact_rule r);
struct pact_answer {
    bool allow;
    enum pact_rule rule;
    const struct pact_grant *grant; /* the grant that allowed it, or NULL */
};
/* The decision. Pure: the same arguments give the same answer. `valid_until` itself is outside. */
struct pact_answer pact_decide(const struct pact_grant *grants, size_t n, const struct pact_ask *ask);

/*
 * A view: what one organisation may see, worked out once per request. For each source number the highest TLP
 * it may see, or -1. Made by share/gate; fusing rooms read it, so that every answer is fused from visible
 * claims only.
 */
struct pact_view {
    struct uuid org;
    bool at_node; /* asked at the node's own machine, by who runs it: figures of the whole node (index, kept
                     observables) are shown; contents are not */
    int8_t *ceiling; /* [0 .. sources): index = source number */
    size_t sources;
};
/* A source number outside the view is not visible. TLP_UNKNOWN is visible to the owner only (ceiling
 * TLP_UNKNOWN). */
static inline bool pact_sees(const struct pact_view *v, int64_t source, enum tlp marking)
{
    return source >= 0 && (size_t)source < v->sources && (int)marking <= v->ceiling[source];
}
