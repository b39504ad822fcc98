/* The OpenAPI 3.1 document, from the route table alone. */
#include "serve/taxii.h"

int api_openapi(struct call *c, struct err *e)
{
    openapi_write(&c->out, NOROSHI_VERSION);
    return OK;
}

static void write_params(struct jw *w, const struct route *r)
{
    jw_key(w, "parameters");
    jw_arr(w);
    for (const struct param *p = r->params; p < r->params + PARAMS_MAX && p->name; p++) {
        jw_obj(w);
        jw_kstr(w, "name", sv_c(p->name));
        jw_kstr(w, "in", sv_c(p->in));
        jw_kbool(w, "required", p->required);
        jw_kstr(w, "description", sv_c(p->text));
        jw_key(w, "schema");
        jw_obj(w);
        jw_kstr(w, "type", sv_c(p->type));
        jw_end_obj(w);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void write_content(struct jw *w, const char *type, const char *schema)
{
    jw_key(w, "content");
    jw_obj(w);
    jw_key(w, type);
    jw_obj(w);
    if (schema) {
        jw_key(w, "schema");
        jw_raw(w, sv_c(schema));
    }
    jw_end_obj(w);
    jw_end_obj(w);
}

static void write_answers(struct jw *w, const struct route *r, const char *error)
{
    char status[8];
    snprintf(status, sizeof(status), "%u", r->status);
    jw_key(w, "responses");
    jw_obj(w);
    jw_key(w, status);
    jw_obj(w);
    jw_kstr(w, "description", sv_c(r->summary));
    if (r->status != 204) {
        write_content(w, r->answer_type, r->answer_schema);
    }
    jw_end_obj(w);
    jw_key(w, "default");
    jw_obj(w);
    jw_kstr(w, "$ref", sv_c(error));
    jw_end_obj(w);
    jw_end_obj(w);
}

static void write_scheme(struct jw *w, const char *name)
{
    jw_obj(w);
    jw_key(w, name);
    jw_arr(w);
    jw_end_arr(w);
    jw_end_obj(w);
}

static void write_security(struct jw *w, const struct route *r, bool session, bool basic)
{
    jw_key(w, "security");
    jw_arr(w);
    if (session) {
        write_scheme(w, "session");
    }
    if (!(r->audience & FOR_EVERYBODY)) {
        write_scheme(w, "key");
    }
    if (basic) {
        write_scheme(w, "basic");
        write_scheme(w, "certificate");
    }
    jw_end_arr(w);
    jw_key(w, "x-roles");
    jw_arr(w);
    for (int role = ROLE_VIEWER; role <= ROLE_CLIENT; role++) {
        if (route_allows(r, true, (enum role)role)) {
            jw_str(w, sv_c(role_name((enum role)role)));
        }
    }
    jw_end_arr(w);
}

static void write_operation(struct jw *w, const struct route *r)
{
    jw_key(w, route_method_name(r->method));
    jw_obj(w);
    jw_kstr(w, "operationId", sv_c(r->name));
    jw_kstr(w, "summary", sv_c(r->summary));
    if (r->text[0]) {
        jw_kstr(w, "description", sv_c(r->text));
    }
    write_params(w, r);
    if (r->body_type) {
        jw_key(w, "requestBody");
        jw_obj(w);
        jw_kbool(w, "required", true);
        write_content(w, r->body_type, r->body_schema);
        jw_end_obj(w);
    }
    bool taxii = strcmp(r->answer_type, TAXII_TYPE) == 0;
    write_answers(w, r, taxii ? "#/components/responses/TaxiiError" : "#/components/responses/Error");
    write_security(w, r, !taxii && !(r->audience & FOR_EVERYBODY), taxii || (r->audience & ALSO_BASIC));
    jw_end_obj(w);
}

static bool seen_before(const struct route *r)
{
    for (const struct route *other = routes; other != r; other++) {
        if (strcmp(other->pattern, r->pattern) == 0) {
            return true;
        }
    }
    return false;
}

/* OpenAPI has no pattern for "the rest": "/assets/" and a star is written with a parameter. */
static void write_path_key(struct jw *w, const char *pattern)
{
    char key[128];
    struct sv s = sv_c(pattern);
    if (sv_ends(s, SV("/*"))) {
        snprintf(key, sizeof(key), "%.*s{path}", SV_ARG(sv_sub(s, 0, s.n - 1)));
        s = sv_c(key);
    }
    jw_key_sv(w, s);
}

static bool taxii_same_path(const struct taxii_route *a, const struct taxii_route *b)
{
    return a->place == b->place && strcmp(a->r.pattern, b->r.pattern) == 0;
}

static void write_taxii_paths(struct jw *w)
{
    for (const struct taxii_route *t = taxii_routes; t->r.pattern; t++) {
        const struct taxii_route *first = taxii_routes;
        char path[160];
        while (!taxii_same_path(first, t)) {
            first++;
        }
        if (first != t) {
            continue;
        }
        taxii_route_path(t, path);
        jw_key(w, path);
        jw_obj(w);
        for (const struct taxii_route *same = t; same->r.pattern; same++) {
            if (taxii_same_path(same, t)) {
                write_operation(w, &same->r);
            }
        }
        jw_end_obj(w);
    }
}

static void write_paths(struct jw *w)
{
    jw_key(w, "paths");
    jw_obj(w);
    for (const struct route *r = routes; r->pattern; r++) {
        if (seen_before(r)) {
            continue;
        }
        write_path_key(w, r->pattern);
        jw_obj(w);
        for (const struct route *same = r; same->pattern; same++) {
            if (strcmp(same->pattern, r->pattern) == 0) {
                write_operation(w, same);
            }
        }
        jw_end_obj(w);
    }
    write_taxii_paths(w);
    jw_end_obj(w);
}

void openapi_write(struct buf *out, const char *version)
{
    static const char components[] =
        "{\"securitySchemes\":{\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"" SESSION_COOKIE
        "\"},\"key\":{\"type\":\"http\",\"scheme\":\"bearer\"},\"basic\":{\"type\":\"http\",\"scheme\":"
        "\"basic\"},"
        "\"certificate\":{\"type\":\"mutualTLS\"}},"
        "\"responses\":{\"Error\":{\"description\":\"What went wrong and what to do\",\"content\":"
        "{\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":"
        "{\"error\":{\"type\":\"object\",\"properties\":{\"code\":{\"type\":\"string\"},\"text\":{\"type\":"
        "\"string\"},\"remedy\":{\"type\":\"string\"},\"file\":{\"type\":\"string\"},\"line\":{\"type\":"
        "\"integer\"},\"offset\":{\"type\":\"integer\"}}}}}}}},"
        "\"TaxiiError\":{\"description\":\"TAXII 2.1, 3.6.1\",\"content\":{\"" TAXII_TYPE "\":{\"schema\":"
        "{\"type\":\"object\",\"required\":[\"title\"],\"properties\":{\"title\":{\"type\":\"string\"},"
        "\"description\":{\"type\":\"string\"},\"error_id\":{\"type\":\"string\"},\"http_status\":"
        "{\"type\":\"string\"}}}}}}}}";
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "openapi", SV("3.1.0"));
    jw_key(&w, "info");
    jw_obj(&w);
    jw_kstr(&w, "title", SV("Noroshi"));
    jw_kstr(&w, "version", sv_c(version));
    jw_kstr(
        &w, "description",
        SV("Every answer about data is fused from what the asking organisation may see. All answers carry "
           "Cache-Control: no-store."));
    jw_end_obj(&w);
    write_paths(&w);
    jw_key(&w, "components");
    jw_raw(&w, sv_c(components));
    jw_end_obj(&w);
}
