#include "serve/private.h"

/* ---- descriptions that several routes share */

#define OBJECT "{\"type\":\"object\"}"
#define REPORT                                                                                               \
    "{\"type\":\"object\",\"required\":[\"files\",\"totals\"],\"properties\":{\"files\":{\"type\":"          \
    "\"array\","                                                                                             \
    "\"items\":{\"type\":\"object\",\"required\":[\"path\",\"format\",\"records\",\"accepted\","             \
    "\"duplicates\",\"rejected\",\"seconds\",\"by_type\"]}},\"totals\":{\"type\":\"object\"}}}"
#define SESSION                                                                                              \
    "{\"type\":\"object\",\"required\":[\"name\",\"role\",\"org\",\"csrf\"],\"properties\":{\"name\":"       \
    "{\"type\":\"string\"},\"role\":{\"type\":\"string\"},\"org\":{\"type\":\"string\",\"format\":\"uuid\"}" \
    ","                                                                                                      \
    "\"csrf\":{\"type\":[\"string\",\"null\"]}}}"
#define CREDENTIALS                                                                                          \
    "{\"type\":\"object\",\"required\":[\"name\",\"password\"],\"properties\":{\"name\":{\"type\":"          \
    "\"string\""                                                                                             \
    "},\"password\":{\"type\":\"string\",\"format\":\"password\"}}}"
#define SOURCE                                                                                               \
    "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"},"           \
    "\"reliability\":{\"type\":\"string\",\"enum\":[\"A\",\"B\",\"C\",\"D\",\"E\",\"F\"]},\"zone\":"         \
    "{\"type\":\"string\"},\"marking\":{\"type\":\"string\"},\"licence\":{\"type\":\"string\"},"             \
    "\"upstream\":{\"type\":\"string\"},\"mapping\":{\"type\":\"object\"},\"expiry_seconds\":{\"type\":"     \
    "\"integer\",\"minimum\":0},\"exercise\":{\"type\":\"boolean\"}}}"
#define DECISION                                                                                             \
    "{\"type\":\"object\",\"required\":[\"decision\",\"sha256\",\"password\"],\"properties\":{"              \
    "\"decision\":{\"type\":\"string\",\"enum\":[\"approve\",\"refuse\"]},\"sha256\":{\"type\":\"string\"}," \
    "\"reason\":{\"type\":\"string\"},\"password\":{\"type\":\"string\",\"format\":\"password\"}}}"
#define ANY_BYTES "{\"type\":\"string\",\"format\":\"binary\"}"
#define JSON "application/json"

#define P_SOURCE                                                                                             \
    {                                                                                                        \
        "source", "query", "string", false,                                                                  \
            "Name, UUID or number of a source of your organisation; a sensor's key is bound to its own"      \
    }
#define P_FORMAT                                                                                             \
    {                                                                                                        \
        "format", "query", "string", false, "Name of the format; without it the content decides"             \
    }
#define P_NAME                                                                                               \
    {                                                                                                        \
        "name", "query", "string", false, "File name for reports and the quarantine"                         \
    }
#define P_KEY                                                                                                \
    {                                                                                                        \
        "Idempotency-Key", "header", "string", false,                                                        \
            "The same key and body get the stored answer again for 7 days; another body is refused (409)"    \
    }
#define P_LIMIT                                                                                              \
    {                                                                                                        \
        "limit", "query", "integer", false, "At most so many (1 to 1000, 100 without it)"                    \
    }
#define P_BEFORE                                                                                             \
    {                                                                                                        \
        "before", "query", "integer", false, "Cursor: the `next` of the page before"                         \
    }

#define P_PURPOSE                                                                                            \
    {                                                                                                        \
        "purpose", "query", "string", false, "Of the sharing: network_safety (default) and so on"            \
    }
#define P_AS                                                                                                 \
    {                                                                                                        \
        "as", "query", "string", false,                                                                      \
            "A partner: each thing is marked as it would see it (analysts and administrators)"               \
    }
#define PARTY_ONLY                                                                                           \
    "Another organisation of this node knows of agreements to which it is a party, and of their parties."
#define HOME_ONLY "Empty for other organisations of this node than its own."
#define REGISTER (FOR_ANALYSTS | FOR_ROLE(ROLE_AUDITOR))
#define GET_JSON(pattern, audience, run, name, summary, text, ...)                                           \
    {                                                                                                        \
        HTTP_GET, pattern, audience, run, 0, name, summary, text, {__VA_ARGS__}, NULL, NULL, 200, JSON,      \
            OBJECT                                                                                           \
    }

const struct route routes[] = {
    {HTTP_POST,
     "/api/v1/session",
     FOR_EVERYBODY,
     api_session_make,
     16384,
     "signIn",
     "Sign in",
     "Sets the session cookie (idle 30 minutes, at most 12 hours). Unsafe requests with it need the header "
     "X-CSRF-Token.",
     {{0}},
     JSON,
     CREDENTIALS,
     200,
     JSON,
     SESSION},
    {HTTP_GET,
     "/api/v1/session",
     FOR_SIGNED_IN,
     api_session_get,
     0,
     "whoAmI",
     "Who asks",
     "",
     {{0}},
     NULL,
     NULL,
     200,
     JSON,
     SESSION},
    {HTTP_DELETE,
     "/api/v1/session",
     FOR_SIGNED_IN,
     api_session_end,
     0,
     "signOut",
     "Sign out",
     "",
     {{0}},
     NULL,
     NULL,
     204,
     JSON,
     NULL},
    {HTTP_POST,
     "/api/v1/events",
     FOR_ANALYSTS | FOR_ROLE(ROLE_SENSOR),
     api_events,
     BODY_INTAKE,
     "postEvents",
     "Match sensor events",
     "NDJSON, a JSON array, or Zeek logs, also with Content-Encoding: gzip. Acknowledged once durable.",
     {P_SOURCE, P_FORMAT, P_NAME, P_KEY},
     "application/x-ndjson",
     ANY_BYTES,
     200,
     JSON,
     REPORT},
    {HTTP_POST,
     "/api/v1/intake",
     FOR_ANALYSTS,
     api_intake,
     BODY_INTAKE,
     "postIntake",
     "Take a feed, bundle, list or event file in",
     "Any known format, also .gz, .zst and .tar. Acknowledged once durable.",
     {P_SOURCE, P_FORMAT, P_NAME, P_KEY},
     "application/octet-stream",
     ANY_BYTES,
     200,
     JSON,
     REPORT},
    {HTTP_GET,
     "/api/v1/look",
     FOR_READERS,
     api_look,
     0,
     "look",
     "Everything known about a value",
     "",
     {{"value", "query", "string", true,
       "Address, CIDR, domain, URL, hash, e-mail, wallet, CVE or STIX id; defanged text is understood"},
      {"version", "query", "string", false,
       "Of a STIX id: all (default), last, or the modified of a version"},
      P_AS,
      P_PURPOSE},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_GET,
     "/api/v1/find",
     FOR_READERS,
     api_find,
     0,
     "find",
     "Full-text search",
     "",
     {{"q", "query", "string", true, "Words; Japanese and Chinese text is found by pairs of characters"},
      {"type", "query", "string", false, "STIX type or kind of value"},
      {"source", "query", "string", false, "Name, UUID or number of a source"},
      {"since", "query", "string", false, "Time or date"},
      {"until", "query", "string", false, "Time or date"},
      P_LIMIT,
      P_BEFORE,
      P_AS,
      P_PURPOSE},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_GET,
     "/api/v1/sightings",
     FOR_READERS,
     api_sightings,
     0,
     "sightings",
     "What was seen, newest first",
     "",
     {P_BEFORE, P_LIMIT},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_GET,
     "/api/v1/export/{format}",
     FOR_READERS | ALSO_BASIC,
     api_export,
     0,
     "export",
     "Indicators in force, as equipment reads them",
     "Made for polling: answers 304 to the ETag it gave while nothing changed. Never holds what a "
     "warninglist "
     "or the never-block list covers, nor TLP:RED.",
     {{"format", "path", "string", true,
       "stix, misp, csv, list, rpz, suricata, suricata-dataset, zeek, nft, yara or sigma"},
      {"kind", "query", "string", false, "Kinds of values with commas: ipv4-addr, domain-name, url..."},
      {"confidence", "query", "integer", false, "Fused confidence of at least so many of 100"},
      {"age", "query", "string", false, "Last seen within: 30d, 12h"},
      {"label", "query", "string", false, "With this label"},
      {"tlp", "query", "string", false, "Nothing marked higher; the highest is amber+strict"},
      {"source", "query", "string", false, "Only what this source says"},
      {"objects", "query", "string", false, "true: stix also holds stored objects"},
      {"If-None-Match", "header", "string", false, "The ETag of the last answer"}},
     NULL,
     NULL,
     200,
     "application/octet-stream",
     NULL},
    {HTTP_GET,
     "/api/v1/live",
     FOR_READERS,
     api_live,
     0,
     "live",
     "Sightings as they come",
     "Server-sent events `sighting` with ids; a heartbeat comment every 15 seconds; `lost` tells a slow "
     "client that "
     "it missed some.",
     {{"Last-Event-ID", "header", "string", false, "Resume after this event, as far as it is remembered"}},
     NULL,
     NULL,
     200,
     "text/event-stream",
     NULL},
    {HTTP_GET,
     "/api/v1/sources",
     FOR_READERS | FOR_ROLE(ROLE_AUDITOR),
     api_sources,
     0,
     "sources",
     "Sources whose reports you may see",
     "",
     {{0}},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_GET,
     "/api/v1/feeds",
     FOR_READERS | FOR_ROLE(ROLE_AUDITOR),
     api_feeds,
     0,
     "feeds",
     "Feeds that are fetched, how the last run of each went, and the catalogue",
     "Feeds belong to the organisation that runs the node: others get the catalogue only.",
     {{0}},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_POST,
     "/api/v1/sources",
     FOR_ADMINS,
     api_source_put,
     1u << 20,
     "addSource",
     "Add a source to your organisation",
     "",
     {{0}},
     JSON,
     SOURCE,
     201,
     JSON,
     SOURCE},
    {HTTP_GET,
     "/api/v1/rejected",
     FOR_READERS,
     api_rejected,
     0,
     "rejected",
     "The quarantine of your organisation",
     "",
     {P_SOURCE, {"after", "query", "integer", false, "Cursor: the `next` of the page before"}, P_LIMIT},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_POST,
     "/api/v1/rejected/{id}/retry",
     FOR_ANALYSTS,
     api_retry,
     0,
     "retryRejected",
     "Take a quarantined record again",
     "",
     {{"id", "path", "integer", true, "Number of the record"}},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_GET,
     "/api/v1/status",
     FOR_READERS | FOR_ROLE(ROLE_AUDITOR),
     api_status,
     0,
     "status",
     "Counts, ledger, index, quarantine, versions",
     "",
     {{"digest", "query", "integer", false, "1: also the content digest, which reads everything"}},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    GET_JSON("/api/v1/partners", FOR_READERS | FOR_ROLE(ROLE_AUDITOR), api_partners, "partners",
             "Partners: who they are, their keys, and when one last heard of them", PARTY_ONLY, {0}),
    GET_JSON("/api/v1/partners/{id}", FOR_READERS | FOR_ROLE(ROLE_AUDITOR), api_partner, "partner",
             "One partner", PARTY_ONLY, {"id", "path", "string", true, "UUID, or a name in any language"}),
    GET_JSON("/api/v1/agreements", FOR_READERS | FOR_ROLE(ROLE_AUDITOR), api_agreements, "agreements",
             "Every version of every agreement, with its status and what persons stated of it", PARTY_ONLY,
             {0}),
    GET_JSON("/api/v1/agreements/{id}", FOR_READERS | FOR_ROLE(ROLE_AUDITOR), api_agreement, "agreement",
             "One agreement with its text for people", PARTY_ONLY, {"id", "path", "string", true, "UUID"},
             {"language", "query", "string", false, "en (default), ja or zh-Hant"},
             {"version", "query", "integer", false, "The newest without it"}),
    GET_JSON("/api/v1/shares", REGISTER, api_shares, "shares",
             "The register of what went to partners, newest first", HOME_ONLY,
             {"partner", "query", "string", false, "UUID or name"}, P_BEFORE, P_LIMIT),
    GET_JSON("/api/v1/shares/{entry}", REGISTER, api_share, "share", "One entry of the register", HOME_ONLY,
             {"entry", "path", "integer", true, "Number of the ledger's entry"}),
    GET_JSON(
        "/api/v1/explain", REGISTER, api_explain, "explain",
        "Why a thing would go to a partner, or not; without an object: everything, a step at a time",
        "The same decision is made for every thing that leaves. Only what the asker may see is told of.",
        {"to", "query", "string", true, "A partner: UUID or name"},
        {"object", "query", "string", false, "STIX id or value"}, P_PURPOSE,
        {"after", "query", "string", false, "Cursor: the `next` of the step before"},
        {"limit", "query", "integer", false, "Things to look at in a step (1 to 10000, 2000 without it)"},
        {"list", "query", "integer", false, "1: each thing, not the counts alone"}),
    GET_JSON("/api/v1/withdrawals", REGISTER, api_withdrawals, "withdrawals",
             "What was taken back from partners, newest first, and who has not answered", HOME_ONLY,
             {"partner", "query", "string", false, "UUID or name"},
             {"overdue", "query", "integer", false, "1: only what should have been answered by now"},
             P_LIMIT),
    GET_JSON("/api/v1/witness", FOR_READERS | FOR_ROLE(ROLE_AUDITOR), api_witness_status, "witnessStatus",
             "Whose logs this node cosigns, and who cosigns its own", HOME_ONLY, {0}),
    GET_JSON("/api/v1/exchange", REGISTER, api_exchange, "exchange",
             "TAXII collections with their rights, and peers", HOME_ONLY, {0}),
    GET_JSON(
        "/api/v1/messages", REGISTER, api_outbox, "messages",
        "Messages to and from partners, newest first, without what they say; what was refused", HOME_ONLY,
        {"partner", "query", "string", false, "UUID or name"},
        {"kind", "query", "string", false, "Of message: objects, recall..."},
        {"overdue", "query", "integer", false, "1: only what waits for its acknowledgement for over a day"},
        P_LIMIT),
    GET_JSON("/api/v1/release", REGISTER, api_release_queue, "releaseQueue",
             "What waits for a person before it goes to a partner, oldest first, and what was decided",
             HOME_ONLY, {"partner", "query", "string", false, "UUID or name"}),
    GET_JSON("/api/v1/release/{number}", FOR_ANALYSTS, api_release_one, "releaseOne",
             "One of these, with the bytes that would go", HOME_ONLY,
             {"number", "path", "integer", true, "Of the list"}),
    {HTTP_POST,
     "/api/v1/release/{number}",
     FOR_ADMINS,
     api_release_decide,
     65536,
     "releaseDecide",
     "Approve or refuse what waits for a person",
     "With a session, never with a key, and the person's password once more. Holds for exactly the bytes of "
     "`sha256`.",
     {{"number", "path", "integer", true, "Of the list"}},
     JSON,
     DECISION,
     200,
     JSON,
     OBJECT},
    GET_JSON("/api/v1/exports", FOR_READERS, api_exports, "exports",
             "The formats of exports, with the address to poll", "", {0}),
    {HTTP_GET,
     "/api/v1/openapi.json",
     FOR_EVERYBODY,
     api_openapi,
     0,
     "openapi",
     "This document",
     "",
     {{0}},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_POST,
     "/witness/add-checkpoint",
     FOR_CLIENTS | ALSO_CERTIFICATE,
     api_witness_add,
     65536,
     "addCheckpoint",
     "Witness a partner's log",
     "C2SP tlog-witness: the size this node holds, a consistency proof and the checkpoint; the answer is a "
     "cosignature, or 400, 403, 404, 409 or 422 as the protocol says.",
     {{0}},
     "text/plain",
     "{\"type\":\"string\"}",
     200,
     "text/plain; charset=utf-8",
     NULL},
    {HTTP_GET,
     "/witness/checkpoint",
     FOR_SIGNED_IN | FOR_CLIENTS | ALSO_BASIC,
     api_checkpoint,
     0,
     "checkpoint",
     "The newest checkpoint of this node's log with its cosignatures",
     "",
     {{0}},
     NULL,
     NULL,
     200,
     "text/plain; charset=utf-8",
     NULL},
    {HTTP_GET,
     "/healthz",
     FOR_EVERYBODY,
     api_healthz,
     0,
     "healthz",
     "Does the node answer",
     "",
     {{0}},
     NULL,
     NULL,
     200,
     JSON,
     OBJECT},
    {HTTP_GET,
     "/metrics",
     FOR_EVERYBODY,
     api_metrics,
     0,
     "metrics",
     "Prometheus metrics",
     "Without a sign-in only from this machine; else for auditors and administrators.",
     {{0}},
     NULL,
     NULL,
     200,
     "text/plain; version=0.0.4",
     NULL},
    {HTTP_GET,
     "/",
     FOR_EVERYBODY,
     api_page,
     0,
     "page",
     "The console",
     "",
     {{0}},
     NULL,
     NULL,
     200,
     "text/html",
     NULL},
    {HTTP_GET,
     "/assets/*",
     FOR_EVERYBODY,
     api_asset,
     0,
     "asset",
     "Files of the console",
     "",
     {{"path", "path", "string", true, "Name of the file"}},
     NULL,
     NULL,
     200,
     "application/octet-stream",
     NULL},
    {.pattern = NULL},
};

/* ---- finding */

static const char *const method_names[] = {
    [HTTP_GET] = "get",     [HTTP_HEAD] = "head",     [HTTP_POST] = "post",       [HTTP_PUT] = "put",
    [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete", [HTTP_OPTIONS] = "options", [HTTP_OTHER] = "other"};

const char *route_method_name(enum http_method m)
{
    return method_names[m];
}

void route_allow(char allow[64], enum http_method m)
{
    size_t n = strlen(allow);
    snprintf(allow + n, 64 - n, "%s%s", n ? ", " : "", m == HTTP_GET ? "GET, HEAD" : method_names[m]);
    for (char *p = allow; *p; p++) {
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    }
}

const struct route *route_find(enum http_method method, struct sv path, struct sv part[2], char ret_allow[64])
{
    method = method == HTTP_HEAD ? HTTP_GET : method;
    ret_allow[0] = 0;
    for (const struct route *r = routes; r->pattern; r++) {
        if (http_match(r->pattern, path, part, 2) < 0) {
            continue;
        }
        if (r->method == method) {
            return r;
        }
        route_allow(ret_allow, r->method);
    }
    return NULL;
}

bool route_allows(const struct route *r, bool known, enum role role)
{
    return (r->audience & FOR_EVERYBODY) || (known && (r->audience & FOR_ROLE(role)));
}

/* ---- checking */

const char *route_wrong(const struct route *r)
{
    bool writes = r->method != HTTP_GET;
    if (r->audience == 0 ||
        (r->audience & ~(FOR_EVERYBODY | FOR_SIGNED_IN | FOR_CLIENTS | ALSO_BASIC | ALSO_CERTIFICATE))) {
        return "declares no audience";
    }
    if ((r->audience & FOR_EVERYBODY) && writes && r->run != api_session_make) {
        return "lets everybody write";
    }
    if ((r->audience & ALSO_BASIC) && writes) {
        return "takes Basic for a write: a browser sends that for other sites too";
    }
    if (!r->run || !r->name || !r->summary || !r->text || !r->answer_type || r->status < 200) {
        return "is not described";
    }
    if (!r->body_type != (r->max_body == 0) || (r->max_body && !writes)) {
        return "takes a body without describing it, or the other way round";
    }
    return NULL;
}

static bool same_route(const struct route *a, const struct route *b)
{
    return strcmp(a->name, b->name) == 0 || (a->method == b->method && strcmp(a->pattern, b->pattern) == 0);
}

int routes_check(struct err *e)
{
    for (const struct route *r = routes; r->pattern; r++) {
        const char *wrong = route_wrong(r);
        for (const struct route *other = routes; !wrong && other != r; other++) {
            wrong = same_route(r, other) ? "stands twice" : NULL;
        }
        if (wrong) {
            return err_set(e, ERR_INTERNAL, "the route %s %s %s", method_names[r->method], r->pattern, wrong);
        }
    }
    return OK;
}
