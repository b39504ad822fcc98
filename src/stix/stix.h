/*
 * stix: the shared language. STIX 2.1 objects read, checked, upgraded from 2.0 and written; the kinds of
 * observable values and their one canonical spelling; deterministic ids; patterns; markings.
 *
 * Calls base/ only. Keeps no state, does no I/O: safe inside the narrowed parser process.
 */
#pragma once

#include "base/base.h"

/* ---- observable values
 * ------------------------------------------------------------------------------------------------ */

/* Stored in the database and in the ledger: numbers are never reused. */
enum kind {
    KIND_NONE = 0,
    KIND_IPV4 = 1,   /* address or CIDR prefix; canonical "192.0.2.1", "192.0.2.0/24"; host bits cleared */
    KIND_IPV6 = 2,   /* RFC 5952 text, zone removed; IPv4-mapped becomes KIND_IPV4 */
    KIND_DOMAIN = 3, /* lower-case A-label (IDNA2008/UTS46), no final dot; "*.x" kept as wildcard, leading "."
                        removed */
    KIND_URL = 4, /* scheme and host lower-case, default port and fragment dropped, at least "/"; scheme-less
                     "host/path" stays so */
    KIND_EMAIL = 5, /* domain lower-case, local part lower-case for comparison */
    KIND_MD5 = 6,
    KIND_SHA1 = 7,
    KIND_SHA224 = 8,
    KIND_SHA256 = 9,
    KIND_SHA384 = 10,
    KIND_SHA512 = 11,
    KIND_SSDEEP = 12,
    KIND_TLSH = 13,
    KIND_IMPHASH = 14,
    KIND_JA3 = 15,
    KIND_JA3S = 16,
    KIND_JA4 = 17,
    KIND_JARM = 18,
    KIND_VULNERABILITY = 19, /* "CVE-2021-44228" upper-case */
    KIND_WALLET =
        20, /* cryptocurrency address as written (base58 is case-sensitive; bech32 and 0x lower-case) */
    KIND_MAC = 21, /* "00:11:22:aa:bb:cc" */
    KIND_AS = 22,  /* "AS64496" */
    KIND_FILENAME = 23,
    KIND_MUTEX = 24,
    KIND_REGISTRY = 25, /* lower-case hive expanded: "hkey_local_machine\\..." */
    KIND_USER_AGENT = 26,
    KIND_CERT_SHA1 = 27, /* X.509 certificate fingerprint */
    KIND_CERT_SHA256 = 28,
    KIND_PHONE = 29,
    KIND_TEXT = 30, /* anything else a report states (a comment, a rule, a size): kept and found, never
                       matched; any text is canonical */
    KIND_MAX = 31,
};

/* "ipv4-addr", "domain-name", "url", "md5", "sha-256", "ja3", "vulnerability", "cryptocurrency-wallet"... */
const char *kind_name(enum kind k);
enum kind kind_of_name(struct sv name);
/* Kinds that the in-memory index can match. */
bool kind_matched(enum kind k);

struct obs {
    enum kind kind;
    struct sv value; /* canonical text */
    uint8_t ip[16];  /* KIND_IPV4 as ::ffff:a.b.c.d, and KIND_IPV6 */
    uint8_t bits;    /* prefix length in its own family: 32 / 128 for one address */
    uint16_t port;   /* from "address:port" or a URL's explicit port, else 0 */
};

/*
 * Reads one value of unknown shape as people write it in lists and reports: address, address:port, [v6]:port,
 * CIDR, domain, wildcard domain, URL, path without scheme, hash by length, e-mail, CVE, wallet, MAC, AS
 * number; defanged text (hxxp, [.], (dot), {.}, [:], [at], \.) is refanged. New text is put into `a`; when
 * the text is canonical already the value views it. ERR_SYNTAX when it is none of these.
 */
int obs_guess(struct arena *a, struct sv text, struct obs *ret, struct err *e) MUST_USE;
/* Reads a value whose kind is known; refuses what does not fit the kind. */
int obs_read(struct arena *a, enum kind kind, struct sv text, struct obs *ret, struct err *e) MUST_USE;
/* Hot-path readers for events: no allocation, no error text. `scratch` of 256 bytes (address, domain) must
 * outlive the value. */
bool obs_ip(struct sv text, char *scratch, struct obs *ret);
bool obs_domain(struct sv text, char *scratch, struct obs *ret);
/* Host part of a canonical URL value (domain or address text), and "host/path?query" without scheme, user and
 * default port: the key URLs are matched by. */
struct sv url_host(struct sv canonical_url);
struct sv url_match_key(struct sv canonical_url);
/* Address of a binary form: at most 46 bytes with NUL; `bits` as in struct obs, prefix written only when
 * shorter than an address. */
void ip_text(const uint8_t ip[16], unsigned bits, char ret[52]);
/* Registrable domain (public suffix list through libpsl), or the value itself. */
struct sv registrable_domain(struct sv domain);
/* STIX pattern of one value: "[domain-name:value = 'x.example']". */
void obs_pattern(const struct obs *o, struct buf *out);

/* ---- markings
 * ---------------------------------------------------------------------------------------------------------
 */

/* TLP 2.0 as a lattice; most restrictive wins. TLP_UNKNOWN: a marking we do not understand: never released.
 */
enum tlp { TLP_CLEAR = 0, TLP_GREEN = 1, TLP_AMBER = 2, TLP_AMBER_STRICT = 3, TLP_RED = 4, TLP_UNKNOWN = 5 };
const char *tlp_name(enum tlp t);              /* "TLP:AMBER+STRICT" */
bool tlp_parse(struct sv text, enum tlp *ret); /* "TLP:WHITE", "tlp:clear", "amber"... */
/* Of a marking-definition id of TLP 1 or TLP 2; TLP_UNKNOWN for any other id. */
enum tlp tlp_of_id(struct sv marking_id);
struct sv tlp_id(enum tlp t); /* TLP 2.0 marking-definition id */

/* ---- objects
 * ----------------------------------------------------------------------------------------------------------
 */

enum stix_level { STIX_MUST, STIX_SHOULD, STIX_NOTE };
const char *stix_level_name(enum stix_level l); /* "MUST", "SHOULD", "note" */

/* The recommendations (SHOULD) by the names the OASIS validator gives its checks: people have lists of them.
 */
enum stix_advice {
    ADVICE_NONE, /* a message that cannot be switched off */
    ADVICE_UUID,
    ADVICE_VOCAB_FORMAT,
    ADVICE_KILL_CHAIN,
    ADVICE_OBSERVABLE_KEYS,
    ADVICE_DICTIONARY_KEYS,
    ADVICE_ANALYSIS_PRODUCT,
    ADVICE_PROCESS_PRIORITY,
    ADVICE_HASH_LENGTH,
    ADVICE_MARKING_TYPE,
    ADVICE_RELATIONSHIP,
    ADVICE_DUPLICATE_IDS,
    ADVICE_MOTIVATION,
    ADVICE_RESOURCE_LEVEL,
    ADVICE_GROUPING,
    ADVICE_LANGUAGES,
    ADVICE_INFRASTRUCTURE,
    ADVICE_CAPABILITIES,
    ADVICE_RESULT,
    ADVICE_PROCESSOR,
    ADVICE_IDENTITY_CLASS,
    ADVICE_INDICATOR_TYPES,
    ADVICE_SECTOR,
    ADVICE_MALWARE_TYPES,
    ADVICE_PATTERN_TYPES,
    ADVICE_REPORT_TYPES,
    ADVICE_ACTOR_TYPES,
    ADVICE_ACTOR_ROLE,
    ADVICE_SOPHISTICATION,
    ADVICE_TOOL_TYPES,
    ADVICE_REGION,
    ADVICE_HASH_ALGORITHM,
    ADVICE_PE_TYPE,
    ADVICE_ACCOUNT_TYPE,
    ADVICE_MIME,
    ADVICE_PROTOCOLS,
    ADVICE_IPFIX,
    ADVICE_HTTP_HEADERS,
    ADVICE_SOCKET_OPTIONS,
    ADVICE_PDF_INFO,
    ADVICE_COUNTRIES,
    ADVICE_PORTS,
    ADVICE_REFERENCE_HASHES,
    ADVICE_INDICATOR_PROPERTIES,
    ADVICE_DEPRECATED,
    ADVICE_EXTENSION_DESCRIPTION,
    ADVICE_EXTENSION_PROPERTIES,
    ADVICE_EXTENSIONS_USE,
    ADVICE_CUSTOM_PREFIX,
    ADVICE_CUSTOM_PREFIX_LAX,
    ADVICE_MAX
};
const char *stix_advice_name(enum stix_advice r); /* "hash-algo"; "" for ADVICE_NONE */

/* What is looked for beside the MUST level. */
struct stix_policy {
    bool must_only;        /* nothing else: what intake needs */
    bool known_types;      /* a type the standard does not define is a broken MUST */
    bool known_properties; /* so is a property */
    bool whole_bundle;     /* so is a reference of a relationship that leaves the bundle */
    bool v20;              /* every object is STIX 2.0, whatever it says; see stix_checker_run */
    bool v21;              /* every object is STIX 2.1 */
    uint64_t off;          /* bit 1 << enum stix_advice */
};
/* All recommendations on, but the prefixes of custom names: since 2.1 those are to be made by extensions
 * (7.3, 11). */
void stix_policy_init(struct stix_policy *p);
/*
 * One recommendation, or a group of them ("all", "format-checks", "approved-values", "all-vocabs",
 * "all-external-sources"), off or on. Without "extensions-use" custom names are held to "custom-prefix"
 * (x_example_com_name), without both to "custom-prefix-lax" (x_name). False when there is no such name.
 */
bool stix_policy_set(struct stix_policy *p, struct sv name, bool on);

/* The options of the OASIS validator: {"version","enabled":[],"disabled":[],"strict_types",
 * "strict_properties","enforce_refs"}. False when a check is named that does not exist. */
bool stix_policy_options(struct stix_policy *p, struct jv options);

struct stix_msg {
    enum stix_level level;
    struct sv id;        /* of the object; SV_NONE when it has none */
    struct sv pointer;   /* JSON pointer inside what was checked */
    const char *section; /* of the STIX 2.1 standard, "3.2" */
    enum stix_advice advice;
    struct sv text;
};
/* Messages of one object, at most 64; more are counted, and a MUST takes the place of another. Text lives in
 * the arena. */
struct stix_report {
    struct arena *a;
    struct stix_msg msg[64];
    size_t n;
    size_t more;
    size_t must, should; /* how many are STIX_MUST, STIX_SHOULD */
};
/* Checks one STIX 2.1 object (not a bundle) on all three levels. The report is filled even when it is fine.
 */
void stix_check(struct jv object, struct stix_report *r);
void stix_check_by(struct jv object, const struct stix_policy *p, struct stix_report *r);

/*
 * Checks whatever a file may hold as one value: an object, a list of them, or a bundle with its frame. An
 * object of STIX 2.0 (no spec_version, or the bundle says so) is checked as what it becomes in 2.1, and
 * against the recommendations 2.0 had. `max_object` bounds what such an upgrade may give. *r is filled; the
 * result is negative only when memory ran out.
 */
struct stix_checker;
struct stix_checker *stix_checker_new(size_t max_object); /* NULL without memory */
void stix_checker_free(struct stix_checker *k);
/* A bundle or file begins: the ids of the last one are forgotten. What of one bundle is checked in several
 * runs is held against each other (up to 65536 versions; those after are not). */
void stix_checker_begin(struct stix_checker *k);
int stix_checker_run(struct stix_checker *k, struct jv v, const struct stix_policy *p, struct stix_report *r,
                     struct err *e) MUST_USE;
/* The frame of a bundle whose `members` were checked by themselves: its own properties (8.1). */
void stix_check_frame(struct jv bundle, size_t members, const struct stix_policy *p, struct stix_report *r);
/* Names of the properties that the id of an observable type is made of (section 6, "ID Contributing
 * Properties"); NULL-terminated, empty for a process, NULL for types that are none. */
const char *const *stix_sco_contributing(struct sv type);

/* What the rest of the node needs to know of an object. Views into the document or the arena. */
struct stix_head {
    struct sv type;
    struct sv id;
    struct sv created_by;    /* SV_NONE when absent */
    usec created;            /* USEC_NONE for objects without (SCOs) */
    usec modified;           /* USEC_NONE for SCOs */
    struct sv modified_text; /* as written */
    bool revoked;
    bool v20;     /* no spec_version: STIX 2.0 */
    enum tlp tlp; /* most restrictive of the object's markings; `marked` false when it has none */
    bool marked;
    int confidence;               /* 0..100, -1 when absent */
    usec valid_from, valid_until; /* indicators; USEC_NONE when absent */
};
/* Reads the head; ERR_VALUE with the broken rule when type, id or a time is missing or malformed. */
int stix_head(struct jv object, struct arena *a, struct stix_head *ret, struct err *e) MUST_USE;

/* True for the 18 observable types of the standard. */
bool stix_is_sco(struct sv type);

/*
 * STIX 2.0 to 2.1: spec_version added, hash key spelling (md5 -> MD5, sha256 -> SHA-256), observed-data's
 * `objects` split out into SCOs with deterministic ids and object_refs, indicator pattern_type "stix" and
 * hash spelling inside patterns, labels of indicators/malware/... into the 2.1 `*_types` properties,
 * relationship kept. Each resulting 2.1 object is given to `each` as JSON text (main object last). The input
 * is not changed.
 */
typedef int (*stix_each_fn)(void *ctx, struct sv json, struct err *e);
int stix_upgrade(struct jv object20, struct arena *a, stix_each_fn each, void *ctx, struct err *e) MUST_USE;

/* Deterministic id of an observable as STIX 2.1 section 2.9 defines it ("domain-name--uuid5"), or
 * ERR_NOT_FOUND when nothing contributing is present. */
int stix_sco_id(struct jv sco, struct arena *a, struct sv *ret_id, struct err *e) MUST_USE;
/* Namespace 00abedb4-aa42-466c-9c01-fed23315a9b7: only for standard SCO ids. */
extern const struct uuid STIX_SCO_NAMESPACE;

/* True when an object of this type is none without the member (the standard's tables; of custom types: what
 * all objects need). */
bool stix_requires(struct sv type, struct sv property);
/* Calls `each` for every reference: property name ("source_ref", "object_refs", "created_by_ref") and target
 * id. */
typedef void (*stix_ref_fn)(void *ctx, struct sv property, struct sv target_id);
void stix_refs(struct jv object, stix_ref_fn each, void *ctx);
/* Calls `each` for every observable value an SCO, an indicator's pattern, a vulnerability (external CVE
 * id)... holds. `bad`: stated by an indicator, not only seen. */
typedef void (*stix_value_fn)(void *ctx, const struct obs *o, bool bad);
int stix_values(struct jv object, struct arena *a, stix_value_fn each, void *ctx, struct err *e) MUST_USE;
/* Calls `each` for hashes that one file has: those of a file or artifact, and those that one observation
 * expression of an indicator's pattern names, each algorithm once at most. Hashes of one file have one
 * `group`, from 1 on; a group has two at least. */
#define STIX_FILES_MAX 100
typedef void (*stix_file_fn)(void *ctx, unsigned group, const struct obs *hash);
void stix_file_hashes(struct jv object, struct arena *a, stix_file_fn each, void *ctx);
/* Words people search for: name, description, abstract, content, opinion, explanation, aliases, labels,
 * pattern; separated by newlines. */
void stix_text(struct jv object, struct buf *out);

/* ---- patterns
 * ---------------------------------------------------------------------------------------------------------
 */

/* What a pattern is for the in-memory index. */
enum pattern_class {
    PATTERN_ATOMS,   /* equality comparisons joined by OR: each became a value */
    PATTERN_OTHER,   /* valid STIX, but more than that: watched over events where it has values to wait for */
    PATTERN_FOREIGN, /* pattern_type is not "stix" */
    PATTERN_BAD,     /* not a valid pattern: `e` says where */
};
/*
 * Classifies a STIX pattern and gives its values. Grammar of STIX 2.1 part 9 is parsed wholly (qualifiers,
 * nesting, literals), so PATTERN_BAD is exact; bounded depth 64. e->offset is the byte in the pattern,
 * e->line its line.
 */
enum pattern_class stix_pattern(struct sv pattern, struct arena *a, stix_value_fn each, void *ctx,
                                struct err *e);

/* ---- written by us
 * ---------------------------------------------------------------------------------------------------- */

/* One claim as a STIX 2.1 indicator: everything comes from the claim, nothing from the clock. */
struct stix_indicator {
    struct obs value;
    struct sv catalogue_source; /* name of the feed in the catalogue: part of the id */
    usec created, modified, valid_from,
        valid_until; /* USEC_NONE = leave out valid_until; others fall back to each other, at last 1970 */
    enum tlp tlp;
    struct sv labels;   /* separated by spaces; may be empty */
    struct sv identity; /* the source's (stix_source_identity) when it is at hand; "" = it is worked out */
};
/* Writes the indicator; id = indicator--UUIDv5(our namespace, canonical {"kind","source","value"}),
 * created_by_ref = the feed's fixed identity. */
void stix_write_indicator(const struct stix_indicator *i, struct buf *out);
/* The id stix_write_indicator gives: "indicator--uuid5". */
void stix_claim_id(struct sv catalogue_source, enum kind kind, struct sv value, char ret[64]);
/* Fixed identity of a catalogue source: "identity--uuid5". */
void stix_source_identity(struct sv catalogue_source, char ret[64]);
