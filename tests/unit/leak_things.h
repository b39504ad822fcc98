/*
 * Things by chance: every type of STIX 2.1 and one of nobody's, with a canary in each member, references to
 * each other, markings of both TLPs, of statements and of nobody, addresses of people in plain and escaped
 * text, members and extensions that no standard knows.
 */
#pragma once

#include "leak_pact.h"

/* In a text: ~ a canary, # a SHA-256 (a canary too), ^type^ the id of such a thing. */
struct member_row {
    const char *name, *text;
    bool required;
    const char *inner[3];
};
#define ROW_MEMBERS 8
struct type_row {
    const char *type, *kinds, *relationship;
    bool observable, person, no_modified;
    struct member_row member[ROW_MEMBERS];
};

#define NAME                                                                                                 \
    {                                                                                                        \
        "name", "\"~\"", false,                                                                              \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define NAMED                                                                                                \
    {                                                                                                        \
        "name", "\"~\"", true,                                                                               \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define ABOUT                                                                                                \
    {                                                                                                        \
        "description", "\"what is said of ~\"", false,                                                       \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define STIX_PATTERN(p)                                                                                      \
    {"pattern", "\"" p "\"", true, {0}}, {"pattern_type", "\"stix\"", true, {0}},                            \
    {                                                                                                        \
        "valid_from", "\"2025-01-01T00:00:00Z\"", true,                                                      \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define LINK(word, from, to)                                                                                 \
    {"relationship_type", "\"" word "\"", true, {0}}, {"source_ref", "\"^" from "^\"", true, {0}},           \
    {                                                                                                        \
        "target_ref", "\"^" to "^\"", true,                                                                  \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define REFS(to)                                                                                             \
    {                                                                                                        \
        "object_refs", "[\"^" to "^\"]", true,                                                               \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }

static const struct type_row type_rows[] = {
    {"indicator",
     "domain-name",
     NULL,
     0,
     0,
     0,
     {STIX_PATTERN("[domain-name:value = '~.example']"),
      NAME,
      ABOUT,
      {"indicator_types", "[\"malicious-activity\"]", 0, {0}}}},
    {"indicator", "url", NULL, 0, 0, 0, {STIX_PATTERN("[url:value = 'http://h.example/~']"), NAME, ABOUT}},
    {"indicator", "sha-256", NULL, 0, 0, 0, {STIX_PATTERN("[file:hashes.'SHA-256' = '#']"), NAME}},
    {"indicator",
     "ipv4-addr,domain-name",
     NULL,
     0,
     0,
     0,
     {STIX_PATTERN("[ipv4-addr:value = '198.51.100.7' AND domain-name:value = '~.example']"), NAME}},
    {"indicator", "email-addr", NULL, 0, 1, 0, {STIX_PATTERN("[email-addr:value = '~@mail.example']"), NAME}},
    {"indicator",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"pattern", "\"rule ~ { condition: true }\"", 1, {0}},
      {"pattern_type", "\"yara\"", 1, {0}},
      {"valid_from", "\"2025-01-01T00:00:00Z\"", 1, {0}},
      NAME}},
    {"malware",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"is_family", "false", 1, {0}},
      NAME,
      ABOUT,
      {"aliases", "[\"~\",\"~\"]", 0, {0}},
      {"sample_refs", "[\"^file^\"]", 0, {0}}}},
    {"threat-actor",
     NULL,
     NULL,
     0,
     0,
     0,
     {NAMED,
      ABOUT,
      {"goals", "[\"~\"]", 0, {0}},
      {"threat_actor_types", "[\"crime-syndicate\"]", 0, {0}},
      {"sophistication", "\"expert\"", 0, {0}},
      {"resource_level", "\"team\"", 0, {0}}}},
    {"intrusion-set",
     NULL,
     NULL,
     0,
     0,
     0,
     {NAMED, {"goals", "[\"~\"]", 0, {0}}, {"primary_motivation", "\"personal-gain\"", 0, {0}}}},
    {"campaign", NULL, NULL, 0, 0, 0, {NAMED, {"objective", "\"~\"", 0, {0}}}},
    {"identity",
     NULL,
     NULL,
     0,
     1,
     0,
     {NAMED, {"identity_class", "\"individual\"", 1, {0}}, {"contact_information", "\"~\"", 0, {0}}}},
    {"identity",
     NULL,
     NULL,
     0,
     0,
     0,
     {NAMED,
      {"identity_class", "\"organization\"", 1, {0}},
      {"sectors", "[\"energy\"]", 0, {0}},
      {"contact_information", "\"~\"", 0, {0}}}},
    {"attack-pattern", NULL, NULL, 0, 0, 0, {NAMED, ABOUT}},
    {"tool", NULL, NULL, 0, 0, 0, {NAMED, ABOUT}},
    {"course-of-action", NULL, NULL, 0, 0, 0, {NAMED, ABOUT}},
    {"infrastructure", NULL, NULL, 0, 0, 0, {NAMED, ABOUT}},
    {"vulnerability", NULL, NULL, 0, 0, 0, {NAMED, ABOUT}},
    {"location",
     NULL,
     NULL,
     0,
     0,
     0,
     {NAME, {"country", "\"TW\"", 1, {0}}, {"street_address", "\"~\"", 0, {0}}}},
    {"report",
     NULL,
     NULL,
     0,
     0,
     0,
     {NAMED, {"published", "\"2026-01-01T00:00:00Z\"", 1, {0}}, REFS("indicator"), ABOUT}},
    {"grouping",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"context", "\"suspicious-activity\"", 1, {0}}, REFS("malware"), NAME, ABOUT}},
    {"note",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"content", "\"~\"", 1, {0}}, REFS("indicator"), {"abstract", "\"~\"", 0, {0}}}},
    {"opinion",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"opinion", "\"agree\"", 1, {0}}, REFS("malware"), {"explanation", "\"~\"", 0, {0}}}},
    {"relationship", NULL, "indicates", 0, 0, 0, {LINK("indicates", "indicator", "malware"), ABOUT}},
    {"relationship",
     NULL,
     "attributed-to",
     0,
     0,
     0,
     {LINK("attributed-to", "campaign", "threat-actor"), ABOUT}},
    {"relationship", NULL, "targets", 0, 0, 0, {LINK("targets", "malware", "identity"), ABOUT}},
    {"relationship", NULL, "uses", 0, 0, 0, {LINK("uses", "threat-actor", "malware"), ABOUT}},
    {"sighting",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"sighting_of_ref", "\"^indicator^\"", 1, {0}},
      ABOUT,
      {"where_sighted_refs", "[\"^identity^\"]", 0, {0}},
      {"observed_data_refs", "[\"^observed-data^\"]", 0, {0}}}},
    {"observed-data",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"first_observed", "\"2026-01-01T00:00:00Z\"", 1, {0}},
      {"last_observed", "\"2026-01-01T00:00:00Z\"", 1, {0}},
      {"number_observed", "1", 1, {0}},
      {"object_refs", "[\"^domain-name^\"]", 1, {0}}}},
    {"observed-data",
     "domain-name",
     NULL,
     0,
     0,
     0,
     {{"first_observed", "\"2026-01-01T00:00:00Z\"", 1, {0}},
      {"last_observed", "\"2026-01-01T00:00:00Z\"", 1, {0}},
      {"number_observed", "1", 1, {0}},
      {"objects", "{\"0\":{\"type\":\"domain-name\",\"value\":\"~.example\"}}", 1, {"value", 0}}}},
    {"language-content",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"object_ref", "\"^malware^\"", 1, {0}},
      {"contents", "{\"ja\":{\"name\":\"~\",\"description\":\"~\"}}", 1, {"name", "description", 0}}}},
    {"marking-definition",
     NULL,
     NULL,
     0,
     0,
     1,
     {{"definition_type", "\"statement\"", 1, {0}}, {"definition", "{\"statement\":\"~\"}", 1, {0}}}},
    {"malware-analysis",
     NULL,
     NULL,
     0,
     0,
     0,
     {{"product", "\"~\"", 1, {0}}, {"result", "\"malicious\"", 1, {0}}}},
    {"x-acme-thing", NULL, NULL, 0, 0, 0, {{"x_said", "{\"deep\":[\"~\"]}", 0, {0}}, NAME}},
    {"domain-name", "domain-name", NULL, 1, 0, 0, {{"value", "\"~.example\"", 1, {0}}}},
    {"url", "url", NULL, 1, 0, 0, {{"value", "\"https://h.example/~\"", 1, {0}}}},
    {"email-addr",
     "email-addr",
     NULL,
     1,
     1,
     0,
     {{"value", "\"~@mail.example\"", 1, {0}}, {"display_name", "\"~\"", 0, {0}}}},
    {"user-account",
     NULL,
     NULL,
     1,
     1,
     0,
     {{"account_login", "\"~\"", 0, {0}}, {"display_name", "\"~\"", 0, {0}}}},
    {"file", "sha-256", NULL, 1, 0, 0, {{"hashes", "{\"SHA-256\":\"#\"}", 0, {0}}}},
    {"file", "file-name", NULL, 1, 0, 0, {{"name", "\"~\"", 0, {0}}}},
    {"mutex", "mutex", NULL, 1, 0, 0, {NAMED}},
    {"process",
     NULL,
     NULL,
     1,
     0,
     0,
     {{"command_line", "\"~\"", 0, {0}}, {"environment_variables", "{\"~\":\"~\"}", 0, {0}}}},
    {"software", NULL, NULL, 1, 0, 0, {NAMED}},
    {"directory", NULL, NULL, 1, 0, 0, {{"path", "\"/srv/~\"", 1, {0}}}},
    {"network-traffic",
     NULL,
     NULL,
     1,
     0,
     0,
     {{"protocols", "[\"tcp\"]", 1, {0}}, {"src_ref", "\"^domain-name^\"", 0, {0}}}},
    {"artifact",
     "url,md5",
     NULL,
     1,
     0,
     0,
     {{"url", "\"https://h.example/~\"", 0, {0}},
      {"hashes", "{\"MD5\":\"0123456789abcdef0123456789abcdef\"}", 0, {0}}}},
    {"autonomous-system", "autonomous-system", NULL, 1, 0, 0, {{"number", "64500", 1, {0}}, NAME}},
    {"phone-number",
     "phone-number",
     NULL,
     1,
     1,
     0,
     {{"value", "\"+886 2 5550 0199\"", 0, {0}}, {"x_owner", "\"~\"", 0, {0}}}},
    {"email-message", NULL, NULL, 1, 1, 0, {{"is_multipart", "false", 1, {0}}, {"subject", "\"~\"", 0, {0}}}},
};

#define THINGS_MOST 256
struct thing {
    struct thing_spec spec;
    const struct type_row *row;
    char id[100];
    int source;
    usec version; /* USEC_NONE for observables and marking-definitions */
    bool revoked, versioned_again;
    struct buf json;
    struct {
        const char *member;
        char id[100];
    } ref[12];
    size_t refs;
};
struct source_spec {
    int tlp, origin;
    bool exercise, attached;
};

/* Everything drawn for one world. */
#define SOURCES 8
#define AGREEMENTS_MOST 4
struct drawn {
    struct dice dice;
    struct secrets secrets;
    struct party party[PARTIES];
    bool partner_active;
    struct agreement_spec agreement[AGREEMENTS_MOST * 2];
    size_t agreements;
    struct source_spec source[SOURCES];
    struct uuid source_id[SOURCES], org_id[2];
    struct thing thing[THINGS_MOST];
    size_t things;
};

/* ---- one object */

static inline void fresh_id(struct drawn *w, const char *type, char ret[100])
{
    char text[37];
    uuid_text(draw_uuid(&w->dice), text);
    snprintf(ret, 100, "%s--%s", type, text);
}

/* The id of a thing of the type, or of nothing that is here. */
static inline void refer(struct drawn *w, struct thing *t, const char *member, const char *type,
                         char ret[100])
{
    size_t from = w->things ? draw(&w->dice, (unsigned)w->things) : 0;
    fresh_id(w, type, ret);
    for (size_t i = 0; i < w->things; i++) {
        const struct thing *other = &w->thing[(from + i) % w->things];
        if (strcmp(other->row->type, type) == 0) {
            memcpy(ret, other->id, sizeof(other->id));
            break;
        }
    }
    assert_true(t->refs < 12);
    t->ref[t->refs].member = member;
    memcpy(t->ref[t->refs++].id, ret, 100);
    t->spec.names_actor = t->spec.names_actor || strcmp(type, "threat-actor") == 0 ||
                          strcmp(type, "campaign") == 0 || strcmp(type, "intrusion-set") == 0;
}

/* Which of the inner members a canary stands in: the last one that was named before it. */
static inline const char *inner_at(const struct member_row *m, const char *text, const char *at)
{
    const char *found = NULL, *where = text;
    for (size_t i = 0; i < 3 && m->inner[i]; i++) {
        const char *named = strstr(text, m->inner[i]);
        if (named && named < at && named >= where) {
            found = m->inner[i];
            where = named;
        }
    }
    return found;
}

static inline void add_member(struct drawn *w, struct thing *t, const struct member_row *m)
{
    int me = (int)(t - w->thing);
    struct member_spec *spec = &t->spec.member[t->spec.members++];
    assert_true(t->spec.members <= MEMBERS_MOST);
    *spec = (struct member_spec){.name = m->name, .required = m->required};
    memcpy(spec->inner, m->inner, sizeof(spec->inner));
    buf_printf(&t->json, ",\"%s\":", m->name);
    for (const char *p = m->text; *p; p++) {
        if (*p == '~') {
            buf_add(&t->json, sv_c(canary(&w->secrets, &w->dice, me, m->name, inner_at(m, m->text, p))));
        } else if (*p == '#') {
            char hex[65];
            for (size_t i = 0; i < 64; i++) {
                hex[i] = "0123456789abcdef"[draw(&w->dice, 16)];
            }
            hex[64] = 0;
            secret_text(&w->secrets, me, m->name, NULL, hex);
            buf_add(&t->json, sv_c(hex));
        } else if (*p == '^') {
            const char *end = strchr(p + 1, '^');
            char type[40] = "", id[100];
            memcpy(type, p + 1, (size_t)(end - p - 1));
            refer(w, t, m->name, type, id);
            buf_add(&t->json, sv_c(id));
            p = end;
        } else {
            buf_addc(&t->json, *p);
        }
    }
}

/* Members that a thing of any type may have. */
static const struct member_row more_rows[] = {
    {"x_note", "\"~\"", 0, {0}},
    {"x_nested", "{\"deep\":[{\"note\":\"~\",\"goals\":[\"~\"]}]}", 0, {"goals", 0}},
    {"x_list", "[\"~\",{\"a\":[[\"~\"]]}]", 0, {0}},
    {"extensions",
     "{\"extension-definition--0b4a9a2e-6d6f-4c27-8a8f-5d0d7a3c1f11\":{\"extension_type\":"
     "\"property-extension\",\"secret\":\"~\"}}",
     0,
     {0}},
    {"x_actor_ref", "\"^threat-actor^\"", 0, {0}},
};
static const struct member_row mail_rows[] = {
    {"x_mail", "\"reported by ~@people.example last week\"", 0, {0}},
    {"x_mail", "\"reported by ~\\u0040people.example last week\"", 0, {0}},
};
static const struct member_row domain_rows[] = {
    {"labels", "[\"~\",\"botnet\"]", 0, {0}},
    {"external_references", "[{\"source_name\":\"~\",\"description\":\"~\"}]", 0, {"description", 0}},
    {"confidence", "70", 0, {0}},
    {"lang", "\"en\"", 0, {0}},
};

/* Markings: none, one or several, whole or of a part; of both TLPs, a statement's, or of nobody's. */
static inline void add_markings(struct drawn *w, struct thing *t)
{
    static const struct {
        const char *id;
        int tlp;
    } marks[] = {{"94868c89-83c2-464b-929b-a1a8aa3c8487", TLP_CLEAR},
                 {"613f2e26-407d-48c7-9eca-b8e91df99dc9", TLP_CLEAR},
                 {"bab4a63c-aed9-4cf5-a766-dfca5abac2bb", TLP_GREEN},
                 {"34098fce-860f-48ae-8e50-ebd3cc5e41da", TLP_GREEN},
                 {"55d920b0-5e8b-4f79-9ee9-91f868d9b421", TLP_AMBER},
                 {"f88d31f6-486f-44da-b317-01333bde0b82", TLP_AMBER},
                 {"939a9414-2ddd-4d32-a0cd-375ea402b003", TLP_AMBER_STRICT},
                 {"e828b379-4e03-4974-9ac4-e53a884c97c1", TLP_RED},
                 {"5e57c739-391a-4eb3-b6be-7d15ca92d5ed", TLP_RED},
                 {"7b0c1f9e-1d1d-4a55-8c1f-3f6f1a2b3c4d", TLP_UNKNOWN}};
    const unsigned often = 6; /* the first ones: what may go with most ceilings */
    unsigned n = once(&w->dice, 2) ? 0 : 1 + (once(&w->dice, 6) ? 1u : 0u), highest = 0;
    bool granular = once(&w->dice, 12);
    if (n) {
        buf_add(&t->json, SV(",\"object_marking_refs\":["));
        t->spec.member[t->spec.members++] = (struct member_spec){.name = "object_marking_refs"};
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned k = draw(&w->dice, once(&w->dice, 3) ? 10 : often);
        highest = (unsigned)marks[k].tlp > highest ? (unsigned)marks[k].tlp : highest;
        buf_printf(&t->json, "%s\"marking-definition--%s\"", i ? "," : "", marks[k].id);
    }
    buf_add(&t->json, n ? SV("]") : SV(""));
    if (granular) {
        unsigned k = draw(&w->dice, 10);
        highest = (unsigned)marks[k].tlp > highest ? (unsigned)marks[k].tlp : highest;
        buf_printf(&t->json,
                   ",\"granular_markings\":[{\"marking_ref\":\"marking-definition--%s\",\"selectors\":["
                   "\"type\"]}]",
                   marks[k].id);
        t->spec.member[t->spec.members++] = (struct member_spec){.name = "granular_markings"};
    }
    int own = w->source[t->source].tlp;
    /* What it says of itself counts; the source's stands where it says nothing. */
    t->spec.tlp = n || granular ? (int)highest : own;
}

static inline void add_head(struct drawn *w, struct thing *t)
{
    static const char *const heads[] = {"type", "id", "spec_version", "created", "modified"};
    char text[32];
    size_t n = t->row->observable ? 3 : t->row->no_modified ? 4 : 5;
    buf_printf(&t->json, "{\"type\":\"%s\",\"id\":\"%s\",\"spec_version\":\"2.1\"", t->row->type, t->id);
    if (n >= 4) {
        buf_add(&t->json, SV(",\"created\":\"2026-01-01T00:00:00.000Z\""));
    }
    if (n == 5) {
        time_text(t->version, text);
        buf_printf(&t->json, ",\"modified\":\"%.19s.000Z\"", text);
    }
    for (size_t i = 0; i < n; i++) {
        t->spec.member[t->spec.members++] = (struct member_spec){.name = heads[i], .required = true};
    }
}

static inline void add_more(struct drawn *w, struct thing *t)
{
    const size_t more = sizeof(more_rows) / sizeof(more_rows[0]);
    for (size_t i = 0; i < more; i++) {
        if (once(&w->dice, i == more - 1 ? 40 : 8)) {
            add_member(w, t, &more_rows[i]);
        }
    }
    for (size_t i = 0; !t->row->observable && !t->row->no_modified && i < 4; i++) {
        if (once(&w->dice, 5)) {
            add_member(w, t, &domain_rows[i]);
        }
    }
    if (once(&w->dice, 16)) {
        add_member(w, t, &mail_rows[draw(&w->dice, 2)]);
        t->spec.person = true;
    }
}

static const usec WORLD_BEGINS = 1770000000 * USEC_SECOND;

/* `again` NULL: a new thing; else another version of that one. */
static inline struct thing *add_thing(struct drawn *w, struct thing *again)
{
    assert_true(w->things < THINGS_MOST);
    int me = (int)w->things;
    struct thing *t = &w->thing[me];
    *t = (struct thing){.source = again ? again->source : (int)draw(&w->dice, SOURCES), .version = USEC_NONE};
    t->row = again ? again->row : &type_rows[draw(&w->dice, sizeof(type_rows) / sizeof(type_rows[0]))];
    t->spec = (struct thing_spec){.type = t->row->type,
                                  .kinds = t->row->kinds,
                                  .relationship = t->row->relationship,
                                  .person = t->row->person,
                                  .origin = w->source[t->source].origin,
                                  .exercise = w->source[t->source].exercise,
                                  .valid_until = USEC_NONE};
    buf_init(&t->json, 1u << 20);
    if (again) {
        memcpy(t->id, again->id, sizeof(t->id));
        again->versioned_again = true;
    } else {
        fresh_id(w, t->row->type, t->id);
    }
    if (!t->row->observable) {
        t->version = again ? again->version + USEC_DAY : 1767225600 * USEC_SECOND; /* 2026-01-01 */
    }
    secret_text(&w->secrets, me, "id", NULL, strchr(t->id, '-') ? strstr(t->id, "--") + 2 : t->id);
    add_head(w, t);
    for (size_t i = 0; i < ROW_MEMBERS && t->row->member[i].name; i++) {
        if (t->row->member[i].required || !once(&w->dice, 3) || t->row->observable) {
            add_member(w, t, &t->row->member[i]);
        }
    }
    add_more(w, t);
    add_markings(w, t);
    if (strcmp(t->row->type, "indicator") == 0 && once(&w->dice, 3)) {
        char text[32];
        t->spec.valid_until = WORLD_BEGINS + (usec)draw(&w->dice, 12) * USEC_DAY;
        time_text(t->spec.valid_until, text);
        buf_printf(&t->json, ",\"valid_until\":\"%s\"", text);
        t->spec.member[t->spec.members++] = (struct member_spec){.name = "valid_until"};
    }
    if (again && once(&w->dice, 3)) {
        t->revoked = true;
        buf_add(&t->json, SV(",\"revoked\":true"));
        t->spec.member[t->spec.members++] = (struct member_spec){.name = "revoked"};
    }
    buf_addc(&t->json, '}');
    w->things++;
    return t;
}
