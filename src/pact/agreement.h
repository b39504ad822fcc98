/*
 * Agreements: what partners signed, as data that the node executes. Read strictly (an unknown member or word
 * is refused, never skipped), written as text in three languages, and decided by one pure function.
 *
 * The document is JSON; what is signed is its canonical form (RFC 8785) in a DSSE envelope.
 * docs/agreements.md describes every member.
 */
#pragma once

#include "pact/pact.h"

/* ---- the closed lists */

enum redaction { REDACT_DROP, REDACT_MASK, REDACT_MAX };
enum personal_data { PERSONAL_NONE, PERSONAL_SUSPECT_ONLY, PERSONAL_ALL, PERSONAL_MAX };
enum human_release { RELEASE_NEVER, RELEASE_SENSITIVE, RELEASE_ALWAYS, RELEASE_MAX };
enum judicial_use { JUDICIAL_LEAD_ONLY, JUDICIAL_WITH_CONSENT, JUDICIAL_EVIDENCE, JUDICIAL_MAX };
enum onward { ONWARD_NONE, ONWARD_WITH_CONSENT, ONWARD_LIST, ONWARD_MAX };
enum on_termination { TERMINATION_DELETE, TERMINATION_RETURN, TERMINATION_KEEP, TERMINATION_MAX };
enum language { LANGUAGE_EN, LANGUAGE_JA, LANGUAGE_ZH, LANGUAGE_MAX };
const char *redaction_name(enum redaction r);         /* "drop" */
const char *personal_data_name(enum personal_data p); /* "suspect_only" */
const char *human_release_name(enum human_release r); /* "always" */
const char *judicial_use_name(enum judicial_use j);   /* "lead_only" */
const char *onward_name(enum onward o);               /* "with_consent" */
const char *on_termination_name(enum on_termination t);
const char *language_name(enum language l); /* "en", "ja", "zh-Hant" */
bool language_parse(struct sv s, enum language *ret);

struct word_list {
    const struct sv *v;
    size_t n;
};
bool word_list_has(struct word_list l, struct sv word); /* also when the list is the single word "*" */

/* ---- the document */

struct agreement_party {
    struct uuid id;
    struct sv name[LANGUAGE_MAX];
    struct sv country; /* ISO 3166-1 alpha-2 */
};

/* One permission: `from` gives `to`. A country is never its target: parties are organisations. */
struct agreement_grant {
    struct uuid id, from, to;
    enum purpose purpose;
    struct word_list object_types; /* STIX types; "*" alone = all; never empty */
    struct word_list kinds;        /* of observable values (kind_name); "*" alone = all */
    struct word_list offences;     /* "*" alone = all; a thing without an offence needs "*" */
    enum tlp ceiling;              /* never above TLP:AMBER+STRICT */
    struct word_list fields_deny;  /* members that must not go */
    enum redaction redact;         /* what happens to them */
    enum personal_data personal_data;
    bool attribution;     /* who is held responsible may be told */
    bool victim_identity; /* who was hit may be told */
    int64_t max_items_per_day;
    enum human_release human_release;
    enum judicial_use judicial_use;
    enum onward onward;
    const struct uuid *onward_to; /* for ONWARD_LIST */
    size_t onward_count;
    int64_t retention_days;
    bool exercise;
};

struct agreement {
    struct uuid id;
    int64_t version;
    struct sv title[LANGUAGE_MAX], legal_basis[LANGUAGE_MAX];
    const struct agreement_party *party;
    size_t parties;
    bool purpose[PURPOSE_MAX];
    usec valid_from, valid_until; /* valid_until itself is outside */
    int64_t review_days;
    enum on_termination on_termination;
    const struct agreement_grant *grant;
    size_t grants;
    struct sha256 digest; /* of the canonical form */
    struct sv canonical;
};
#define AGREEMENT_MAX ((size_t)1 << 20)
#define AGREEMENT_PARTIES 64
#define AGREEMENT_GRANTS 256

/*
 * Reads an agreement. Everything lives in `a`. ERR_SYNTAX, or ERR_VALUE with the member's path for whatever
 * is missing, unknown, doubled, empty where emptiness would mean "everybody", or names somebody who is no
 * party.
 */
int agreement_read(struct sv json, struct arena *a, struct agreement *ret, struct err *e) MUST_USE;
/* The document for people, made from the same data. Plain text, UTF-8. */
void agreement_text(const struct agreement *g, enum language l, struct buf *out);
/* A draft of one of the two templates ("network-safety", "joint-cybercrime") between parties, as JSON. */
struct agreement_draft {
    struct sv template;
    struct uuid id;
    const struct agreement_party *party;
    size_t parties;
    usec valid_from, valid_until;
    void (*make_id)(void *ctx, struct uuid *ret); /* ids of the grants */
    void *ctx;
};
int agreement_draft(const struct agreement_draft *d, struct buf *json, struct err *e) MUST_USE;

/* ---- the decision on one thing */

enum pact_data {
    DATA_NONE,
    DATA_SUSPECT,
    DATA_OTHER
}; /* personal data in it: of nobody, suspects, anybody */

/* An agreement as the register has it. */
struct agreement_state {
    const struct agreement *agreement;
    bool active; /* signed by two persons of every party, neither suspended nor ended */
};

struct release_field {
    struct sv name;
    bool required; /* without it the object is no valid STIX object */
};
struct release_ask {
    struct uuid owner, partner;
    bool partner_active, partner_pinned;
    enum purpose purpose;
    usec now;
    struct sv type;         /* STIX type */
    struct sv relationship; /* relationship_type of a relationship, else "" */
    struct word_list refs;  /* types of the objects it refers to */
    struct word_list kinds; /* of the values it holds */
    struct sv offence;      /* "" = none */
    enum tlp marking;
    bool exercise, local_only, expired;
    enum pact_data data;
    bool sensitive;
    bool released;      /* a person released it for this partner */
    struct uuid origin; /* who stated it; the owner, or the partner it came from */
    enum onward onward; /* of the grant it came by, when the origin is another */
    bool consent;       /* the origin consented to this partner */
    const struct uuid *onward_to;
    size_t onward_count;
    int64_t sent_today;
    const struct release_field *field;
    size_t fields;
};

/* In the order in which they are asked; the answer names the one that refused. */
enum release_rule {
    RULE_GRANTED,
    RULE_NOBODY,       /* a nil organisation asks, owns or is the origin */
    RULE_PARTNER,      /* the partner is not active, or no key of it is pinned */
    RULE_NO_AGREEMENT, /* no active agreement between the two at this time */
    RULE_NO_GRANT,     /* none of its grants has this direction and purpose */
    RULE_TYPE,         /* type, kind of value or offence is in none of them */
    RULE_EXERCISE,     /* exercise and real things do not mix */
    RULE_LOCAL,        /* kept here, or expired */
    RULE_MARKING,      /* above the ceiling, TLP:RED, or unknown */
    RULE_ORIGIN,       /* the origin does not let it go on to this partner */
    RULE_ATTRIBUTION,  /* it says who is held responsible, or who was hit */
    RULE_PERSONAL,     /* personal data the grant does not cover */
    RULE_REDACTION,    /* without what must not go it would be no object any more */
    RULE_CAP,          /* the day's number is reached */
    RULE_RELEASE,      /* a person must release it first */
    RULE_MAX,
};
const char *release_rule_name(enum release_rule r);

#define RELEASE_REDACTIONS 64
struct release_answer {
    bool allow;
    enum release_rule rule;
    const struct agreement *agreement;    /* that allowed it, or whose refusal got furthest; may be NULL */
    const struct agreement_grant *grant;  /* likewise */
    struct sv redact[RELEASE_REDACTIONS]; /* members that must not go, in the order of the ask */
    size_t redactions;
    usec delete_after;
};
/*
 * May this thing go to this partner for this purpose now, and without what? Pure: no I/O, no clock. Default
 * deny. Grants are tried one by one and never merged; of several that allow it, the one that takes least away
 * decides. Ending a grant never lets a thing go that stayed, nor a member that no other grant lets go.
 */
struct release_answer pact_release(const struct agreement_state *s, size_t n, const struct release_ask *ask);

/* ---- signatures (DSSE, github.com/secure-systems-lab/dsse) */

/* Pre-authentication encoding: "DSSEv1 <n> <type> <n> <body>". */
void dsse_pae(struct sv type, struct sv body, struct buf *out);
struct dsse_signature {
    struct sv keyid; /* a hint only */
    uint8_t sig[64];
};
/* {"payload","payloadType","signatures":[{"keyid","sig"}]} */
void dsse_write(struct sv type, struct sv body, const struct dsse_signature *sig, size_t n, struct buf *out);
#define DSSE_SIGNATURES 64
struct dsse {
    struct sv type, body; /* in the arena */
    struct dsse_signature sig[DSSE_SIGNATURES];
    size_t n;
};
/* Reads an envelope without trusting it; base64 in either alphabet. */
int dsse_read(struct sv json, struct arena *a, struct dsse *ret, struct err *e) MUST_USE;
/* True when one of the signatures is this Ed25519 key's over the body. */
bool dsse_signed_by(const struct dsse *d, const uint8_t pub[32]);
