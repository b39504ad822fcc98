/* One request: which route, who asks, may they, what is the answer. */
#include "serve/taxii.h"

#include <stdlib.h>

/* ---- the head */

static bool unsafe(enum http_method m)
{
    return m != HTTP_GET && m != HTTP_HEAD && m != HTTP_OPTIONS;
}

bool call_same_origin(const struct web *w, const struct http_request *r)
{
    struct sv site = http_header(r, "Sec-Fetch-Site"), origin = http_header(r, "Origin");
    struct sv host = http_header(r, "Host");
    if (site.p && !sv_eq(site, SV("same-origin")) && !sv_eq(site, SV("none"))) {
        return false;
    }
    if (!origin.p) {
        return true;
    }
    struct sv scheme = w->tls ? SV("https://") : SV("http://");
    return sv_starts(origin, scheme) && sv_ieq(sv_sub(origin, scheme.n, SIZE_MAX), host);
}

/* A cookie travels with requests that other pages make; the token does not. */
static int check_forgery(const struct call *c, struct err *e)
{
    bool signs_in = c->route->run == api_session_make;
    if (!unsafe(http_method(c->r)) || (!c->who.session && !signs_in)) {
        return OK;
    }
    struct sv token = http_header(c->r, "X-CSRF-Token");
    bool good =
        call_same_origin(c->web, c->r) && (signs_in || (token.p && secret_eq(token, sv_c(c->who.csrf))));
    if (!good) {
        err_set(e, ERR_DENIED, "the request does not come from this node's own page");
        return err_hint(e, "send the session's token in the header X-CSRF-Token; programs use an API key");
    }
    return OK;
}

static int check_role(const struct call *c, struct err *e)
{
    if (route_allows(c->route, c->who.known, c->who.role)) {
        return OK;
    }
    if (!c->who.known) {
        err_set(e, ERR_AUTH, "sign in first");
        return err_hint(e, "POST /api/v1/session with name and password, or send an API key");
    }
    err_set(e, ERR_DENIED, "the role %s may not do this", role_name(c->who.role));
    return err_hint(e, "ask an administrator of this node");
}

static int check_type(const struct call *c, struct err *e)
{
    struct sv type = http_header(c->r, "Content-Type");
    bool wants = c->route->body_type && strcmp(c->route->body_type, "application/json") == 0;
    if (!wants || (type.p && sv_istarts(type, SV("application/json")))) {
        return OK;
    }
    return err_set(e, ERR_UNSUPPORTED, "send the body as application/json");
}

static int find_route(struct call *c, struct err *e)
{
    char allow[64] = "";
    bool open = !c->door || sv_starts(http_path(c->r), SV("/witness/")); /* to who came in here */
    c->route = open ? route_find(http_method(c->r), http_path(c->r), c->part, allow) : NULL;
    if (c->route) {
        return OK;
    }
    if (allow[0]) {
        http_set(c->r, "Allow", allow);
        c->status = 405;
        return err_set(e, ERR_USAGE, "this address does not take this method");
    }
    int rc = taxii_find(c, e);
    if (rc != OK || c->taxii) {
        return rc;
    }
    err_set(e, ERR_NOT_FOUND, "there is nothing at this address");
    return err_hint(e, "GET /api/v1/openapi.json lists the addresses");
}

/* Equipment that polls an address often knows Basic only. */
static int find_caller(struct call *c, bool patient, struct err *e)
{
    if (c->door) {
        return OK;
    }
    struct sv authorization = http_header(c->r, "Authorization");
    bool other =
        authorization.p ? !sv_istarts(authorization, SV("Bearer ")) : !http_cookie(c->r, SESSION_COOKIE).p;
    bool certificate = (c->route->audience & ALSO_CERTIFICATE) && !authorization.p;
    if ((!(c->route->audience & ALSO_BASIC) && !certificate) || !other) {
        return caller_find(c->node->db, c->r, c->now, &c->who, e);
    }
    int rc = program_find(c->web, c->r, c->now, patient, &c->who, &c->wait, e);
    c->status = rc == ERR_BUSY && c->wait ? 429 : 0;
    return rc;
}

static int admit(struct call *c, bool patient, struct err *e)
{
    int rc = find_caller(c, patient, e);
    if (rc == CALLER_LATER) {
        return rc;
    }
    if (rc == ERR_AUTH && (c->route->audience & FOR_EVERYBODY)) {
        rc = OK;
    }
    rc = rc == OK ? check_role(c, e) : rc;
    rc = rc == OK ? check_forgery(c, e) : rc;
    return rc == OK ? check_type(c, e) : rc;
}

static void refuse(struct call *c, const struct err *e)
{
    if (c->taxii) {
        taxii_refuse(c, e);
        return;
    }
    unsigned status = c->status ? c->status : answer_status(e->code);
    char wait[16];
    if (c->wait) {
        snprintf(wait, sizeof(wait), "%u", c->wait);
        http_set(c->r, "Retry-After", wait);
    }
    if (status == 401 && c->route && (c->route->audience & ALSO_BASIC) &&
        !http_header(c->r, "Sec-Fetch-Site").p) { /* to a browser it would open a box */
        http_set(c->r, "WWW-Authenticate", "Basic realm=\"Noroshi\", charset=\"UTF-8\"");
    }
    answer_error(c->r, c->web->tls, status, e);
    web_count(c->web, status);
    c->status = status;
}

/* 0 to take the body, HTTP_LATER, or the status it was answered with. */
static int judge(struct call *c, bool patient, size_t *ret_max_body, bool *ret_to_file)
{
    struct err e = ERR_NONE;
    if (c->taxii) {
        return taxii_judge(c, patient, ret_max_body, ret_to_file);
    }
    int rc = admit(c, patient, &e);
    if (rc == CALLER_LATER) {
        return HTTP_LATER;
    }
    if (rc != OK) {
        refuse(c, &e);
        return (int)c->status;
    }
    *ret_to_file = c->route->max_body == BODY_INTAKE;
    *ret_max_body = *ret_to_file ? c->web->max_body : c->route->max_body;
    return 0;
}

static int on_later(void *ctx, struct http_request *r, void *user, size_t *ret_max_body, bool *ret_to_file)
{
    return judge(user, true, ret_max_body, ret_to_file);
}

static struct call *call_new(struct web *w, struct http_request *r, bool door)
{
    struct call *c = calloc(1, sizeof(*c));
    if (c) {
        *c = (struct call){.web = w, .node = w->node, .r = r, .now = time_now(), .door = door};
        arena_init(&c->a, CALL_ARENA);
        buf_init(&c->out, CALL_ANSWER);
    }
    return c;
}

static int on_head(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file,
                   void **ret_user)
{
    struct err e = ERR_NONE;
    struct call *c = call_new(ctx, r, false);
    if (!c) {
        return 503;
    }
    *ret_user = c;
    if (find_route(c, &e) != OK) {
        refuse(c, &e);
        return (int)c->status;
    }
    return judge(c, false, ret_max_body, ret_to_file);
}

/* ---- the body */

static void answer(struct call *c)
{
    unsigned status = c->status ? c->status : c->route->status;
    const char *type = c->type ? c->type : c->route->answer_type;
    answer_headers(c->r, c->web->tls);
    http_set(c->r, "Cache-Control", "no-store");
    http_respond(c->r, status, type, buf_sv(&c->out));
    web_count(c->web, status);
}

static void on_body(void *ctx, struct http_request *r, void *user)
{
    struct call *c = user;
    struct err e = ERR_NONE;
    c->now = time_now();
    web_touch(c->web, &c->who);
    int rc = c->route->run(c, &e);
    if (c->answered) {
        web_count(c->web, c->status ? c->status : c->route->status);
        return;
    }
    if (rc == OK && c->out.failed) {
        err_set(&e, ERR_LIMIT, "the answer is too large");
        rc = err_hint(&e, "ask for less: a smaller limit, a shorter time");
    }
    if (rc < 0) {
        refuse(c, &e);
        return;
    }
    answer(c);
}

static void on_done(void *ctx, void *user)
{
    struct call *c = user;
    if (c) {
        if (c->busy[0]) {
            web_busy_end(c->web, c->busy);
        }
        arena_clear(&c->a);
        buf_clear(&c->out);
        free(c);
    }
}

static void on_refuse(void *ctx, struct http_request *r, unsigned status, const char *text)
{
    struct web *w = ctx;
    struct err e = ERR_NONE;
    int code = status == 413 || status == 431 ? ERR_LIMIT
               : status == 415                ? ERR_UNSUPPORTED
               : status == 400                ? ERR_SYNTAX
               : status == 503                ? ERR_BUSY
               : status == 507                ? ERR_FULL
                                              : ERR_INTERNAL;
    err_set(&e, code, "%s", text);
    const struct call *c = http_user(r);
    if (c ? c->taxii != NULL : taxii_spoken(r)) {
        if (status == 503) {
            http_set(r, "Retry-After", "2");
        }
        taxii_answer_error(r, w, status, &e);
    } else {
        answer_error(r, w->tls, status, &e);
    }
    web_count(w, status);
}

const struct http_handler call_handler = {
    .head = on_head, .later = on_later, .body = on_body, .done = on_done, .refuse = on_refuse};

/* ---- the partners' own listener: whoever is no active partner gets one and the same answer to anything */

static void turn_away(struct web *w, struct http_request *r)
{
    struct err e = ERR_NONE;
    err_set(&e, ERR_NOT_FOUND, "there is nothing at this address");
    http_set(r, "Connection", "close");
    answer_error(r, w->tls, 404, &e);
    web_count(w, 404);
}

static int on_door_head(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file,
                        void **ret_user)
{
    struct err e = ERR_NONE;
    struct call *c = call_new(ctx, r, true);
    if (!c || partner_find_caller(c, &e) != 1) {
        turn_away(ctx, r);
        on_done(ctx, c);
        return 404;
    }
    *ret_user = c;
    if (find_route(c, &e) != OK) {
        refuse(c, &e);
        return (int)c->status;
    }
    return judge(c, false, ret_max_body, ret_to_file);
}

static void on_door_refuse(void *ctx, struct http_request *r, unsigned status, const char *text)
{
    if (http_user(r)) {
        on_refuse(ctx, r, status, text);
    } else {
        turn_away(ctx, r);
    }
}

const struct http_handler door_handler = {
    .head = on_door_head, .later = on_later, .body = on_body, .done = on_done, .refuse = on_door_refuse};

/* ---- what handlers ask for */

int call_view(struct call *c, struct pact_view *ret, struct err *e)
{
    return node_view(c->node, c->who.org, &c->a, ret, e);
}

int call_number(struct call *c, const char *name, int64_t fallback, int64_t least, int64_t most, int64_t *ret,
                struct err *e)
{
    struct sv text = http_query(c->r, name);
    *ret = fallback;
    if (text.p && (!sv_i64(text, ret) || *ret < least || *ret > most)) {
        err_set(e, ERR_VALUE, "%s is no whole number in its range", name);
        return err_hint(e, "give %lld to %lld", (long long)least, (long long)most);
    }
    return OK;
}

int call_time(struct call *c, const char *name, usec *ret, struct err *e)
{
    struct sv text = http_query(c->r, name);
    const struct time_opts o = {.fallback = zone_find(SV("UTC"), NULL)};
    *ret = USEC_NONE;
    return text.n ? time_parse(text, &o, ret, e) : OK;
}

int call_json(struct call *c, struct json_doc **ret_doc, struct jv *ret, struct err *e)
{
    *ret_doc = json_doc_new(c->route->max_body);
    if (!*ret_doc) {
        return err_set(e, ERR_MEMORY, "no memory to read the body");
    }
    int rc = json_parse(*ret_doc, http_body(c->r), ret, e);
    return rc == OK && json_type(*ret) != JSON_OBJECT ? err_set(e, ERR_VALUE, "the body is no JSON object")
                                                      : rc;
}

struct source_search {
    struct uuid org;
    struct sv text;
    int64_t number, found;
};

static int match_source(void *ctx, const struct source *s)
{
    struct source_search *q = ctx;
    char id[37];
    uuid_text(s->uuid, id);
    if (uuid_eq(s->org, q->org) &&
        (sv_eq(s->name, q->text) || sv_ieq(sv_c(id), q->text) || (q->number > 0 && s->id == q->number))) {
        q->found = s->id;
    }
    return OK;
}

int call_source(struct call *c, struct sv text, struct source *ret, struct err *e)
{
    struct source_search q = {.org = c->who.org, .text = text};
    (void)sv_i64(text, &q.number);
    int rc = source_each(c->node->db, &c->a, match_source, &q, e);
    if (rc == OK && !q.found) {
        char shown[80];
        err_set(e, ERR_NOT_FOUND, "your organisation has no source '%s'",
                sv_show(text, shown, sizeof(shown)));
        rc = err_hint(e, "GET /api/v1/sources lists them");
    }
    return rc == OK ? source_get(c->node->db, q.found, &c->a, ret, e) : rc;
}
