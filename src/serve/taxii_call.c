/* One TAXII request: which resource, who asks, may they, do both sides speak the same, and errors as TAXII's.
 */
#include "serve/taxii.h"

#define BUSY_SECONDS 2

/* ---- which resource */

static struct sv without_slashes(struct sv path)
{
    path = path.n && path.p[0] == '/' ? sv_sub(path, 1, SIZE_MAX) : path;
    return path.n && path.p[path.n - 1] == '/' ? sv_sub(path, 0, path.n - 1) : path;
}

/* An API root of such a name would stand in the way of the node's own addresses. */
static bool reserved(struct sv path)
{
    static const char *const names[] = {"api", "assets", "metrics", "healthz", "witness"};
    struct sv first = SV_NONE;
    sv_cut(&path, '/', &first);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sv_eq(first, sv_c(names[i]))) {
            return true;
        }
    }
    return first.n == 0;
}

/* Whoever is no active partner is answered as by an address that is none. */
static int find_messages(struct call *c, struct sv rest, struct err *e)
{
    int rc = c->door ? 1 : partner_find_caller(c, e);
    rc = rc == 1 ? messages_may(c, e) : rc;
    if (rc != 1) {
        return rc;
    }
    struct taxii_call *t = arena_calloc(&c->a, 1, sizeof(*t));
    if (!t) {
        return err_set(e, ERR_MEMORY, "no memory for this request");
    }
    t->place = TAXII_MESSAGES;
    t->route = taxii_route_find(t->place, http_method(c->r), rest, c->part, t->allow);
    c->route = t->route ? &t->route->r : NULL;
    c->taxii = t;
    return OK;
}

int taxii_find(struct call *c, struct err *e)
{
    struct sv path = without_slashes(http_path(c->r)), rest = SV("");
    /* Doubled slashes are no other writing of an address: rules of a proxy in front go by addresses. */
    if (reserved(path) || sv_find(http_path(c->r), SV("//")) != SIZE_MAX) {
        return OK;
    }
    if (sv_eq(path, SV("messages")) || sv_starts(path, SV("messages/"))) {
        return find_messages(c, sv_sub(path, sizeof("messages/") - 1, SIZE_MAX), e);
    }
    struct taxii_call *t = arena_calloc(&c->a, 1, sizeof(*t));
    if (!t) {
        return err_set(e, ERR_MEMORY, "no memory for this request");
    }
    t->place = sv_eq(path, SV("taxii2")) ? TAXII_DISCOVERY : TAXII_ROOT;
    if (t->place == TAXII_ROOT) {
        int rc = taxii_root_find(c->node->db, http_path(c->r), &c->a, &t->root, &rest, e);
        if (rc != OK) {
            return rc == ERR_NOT_FOUND ? OK : rc;
        }
    }
    rest = rest.n ? rest : SV("");
    t->route = taxii_route_find(t->place, http_method(c->r), rest, c->part, t->allow);
    c->route = t->route ? &t->route->r : NULL;
    c->taxii = t;
    return OK;
}

/* ---- errors */

static const char *title_of(unsigned status)
{
    switch (status) {
    case 400:
        return "The request cannot be understood";
    case 401:
        return "Authentication is needed";
    case 403:
        return "Not allowed";
    case 404:
        return "Not found";
    case 405:
        return "This resource does not take this method";
    case 406:
        return "Not served in a type that you accept";
    case 413:
        return "The request is too large";
    case 415:
        return "The content is of another type than TAXII 2.1";
    case 422:
        return "The content cannot be processed";
    case 429:
        return "Too many attempts";
    case 431:
        return "The head of the request is too large";
    case 503:
        return "Too busy at this moment";
    default:
        return status < 500 ? "The request was refused" : "The node could not do it";
    }
}

/* What went wrong inside is for the operator: the client gets a number to ask him about. */
static void write_failure(struct jw *w, const struct err *e)
{
    char id[37];
    uuid_text(uuid_v4(), id);
    log_warn("serve", "TAXII error %s: %s", id, e->text);
    jw_kstr(w, "error_id", sv_c(id));
}

static void write_error(struct buf *b, unsigned status, const struct err *e)
{
    struct jw w;
    char number[16];
    snprintf(number, sizeof(number), "%u", status);
    jw_init(&w, b);
    jw_obj(&w);
    jw_kstr(&w, "title", sv_c(title_of(status)));
    if (status == 500) {
        write_failure(&w, e);
    } else if (e->text[0]) {
        char both[sizeof(e->text) + sizeof(e->remedy) + 4];
        snprintf(both, sizeof(both), "%s%s%s", e->text, e->remedy[0] ? "; " : "", e->remedy);
        jw_kstr(&w, "description", sv_c(both));
    }
    jw_kstr(&w, "http_status", sv_c(number));
    jw_end_obj(&w);
}

void taxii_answer_error(struct http_request *r, const struct web *w, unsigned status, const struct err *e)
{
    struct buf b;
    buf_init(&b, 64u << 10);
    write_error(&b, status, e);
    answer_headers(r, w->tls);
    http_set(r, "Cache-Control", "no-store");
    if (status == 401) {
        char challenge[200];
        snprintf(challenge, sizeof(challenge), "Basic realm=\"%s\", charset=\"UTF-8\"", w->node->name);
        http_set(r, "WWW-Authenticate", challenge);
    }
    http_respond(r, status, TAXII_TYPE, buf_sv(&b));
    buf_clear(&b);
}

void taxii_refuse(struct call *c, const struct err *e)
{
    unsigned status = c->status ? c->status : answer_status(e->code);
    char wait[16];
    if (status == 429 || status == 503) {
        snprintf(wait, sizeof(wait), "%u", c->wait ? c->wait : BUSY_SECONDS);
        http_set(c->r, "Retry-After", wait);
    }
    if (status == 405) {
        http_set(c->r, "Allow", c->taxii->allow);
    }
    taxii_answer_error(c->r, c->web, status, e);
    web_count(c->web, status);
    c->status = status;
}

/* ---- who asks, and may they */

static int fail(struct call *c, unsigned status, struct err *e, int code, const char *text)
{
    c->status = status;
    return err_set(e, code, "%s", text);
}

static int find_caller(struct call *c, bool patient, struct err *e)
{
    struct taxii_call *t = c->taxii;
    bool partner = t->place == TAXII_MESSAGES || c->door; /* who it is was found with the address */
    int rc = partner ? OK : program_find(c->web, c->r, c->now, patient, &c->who, &c->wait, e);
    if (rc != OK) {
        c->status = rc == ERR_BUSY && c->wait ? 429 : 0;
        return rc;
    }
    if (!c->who.known) {
        err_set(e, ERR_AUTH, "this node answers known programs only");
        return err_hint(e, "send name and password, or an API key, or a registered client certificate");
    }
    caller_principal(&c->who, t->principal);
    t->who = (struct taxii_who){.principal = sv_c(t->principal),
                                .org = c->who.org,
                                .admin = c->who.role == ROLE_ADMIN && uuid_eq(c->who.org, c->node->org),
                                .writes = c->who.role == ROLE_ANALYST || c->who.role == ROLE_ADMIN ||
                                          c->who.role == ROLE_CLIENT};
    return OK;
}

static int check_route(struct call *c, struct err *e)
{
    const struct taxii_call *t = c->taxii;
    if (!t->route && t->allow[0]) {
        return fail(c, 405, e, ERR_USAGE, "see the header Allow");
    }
    if (!t->route) {
        return fail(c, 404, e, ERR_NOT_FOUND, "there is no such resource");
    }
    if (!route_allows(&t->route->r, true, c->who.role)) {
        return fail(c, 403, e, ERR_DENIED, "your role may not do this");
    }
    return OK;
}

/* A page of another site may make a browser send Basic credentials that it keeps. */
static int check_site(const struct call *c, struct err *e)
{
    bool safe = http_method(c->r) == HTTP_GET || http_method(c->r) == HTTP_HEAD;
    return safe || call_same_origin(c->web, c->r)
               ? OK
               : err_set(e, ERR_DENIED, "the request comes from a page of another site");
}

static int check_types(struct call *c, struct err *e)
{
    if (!taxii_accepts(http_header(c->r, "Accept"))) {
        return fail(c, 406, e, ERR_UNSUPPORTED, "this node answers as " TAXII_TYPE);
    }
    if (c->route->body_type && !taxii_is_content(http_header(c->r, "Content-Type"))) {
        return fail(c, 415, e, ERR_UNSUPPORTED, "send the objects as " TAXII_TYPE);
    }
    return OK;
}

/* With one of two needed rights the collection is known to be there: 403; with none it is not there: 404. */
static int check_collection(struct call *c, struct err *e)
{
    struct taxii_call *t = c->taxii;
    if (!sv_starts(sv_c(c->route->pattern), SV("collections/{id}"))) {
        return OK;
    }
    if (t->place == TAXII_MESSAGES) {
        return sv_ieq(c->part[0], SV(MESSAGE_COLLECTION))
                   ? OK
                   : fail(c, 404, e, ERR_NOT_FOUND, "there is no such collection");
    }
    int rc = taxii_collection_find(c->node->db, &t->root, &t->who, c->part[0], &c->a, &t->collection, e);
    if (rc == ERR_NOT_FOUND) {
        return fail(c, 404, e, ERR_NOT_FOUND, "there is no such collection");
    }
    if (rc == OK && (t->route->needs & TAXII_READ) && !t->collection.can_read) {
        rc = err_set(e, ERR_DENIED, "you may not read this collection");
    }
    if (rc == OK && (t->route->needs & TAXII_WRITE) && !t->collection.can_write) {
        rc = err_set(e, ERR_DENIED, "you may not write to this collection");
    }
    return rc;
}

int taxii_judge(struct call *c, bool patient, size_t *ret_max_body, bool *ret_to_file)
{
    struct err e = ERR_NONE;
    const struct taxii_call *t = c->taxii;
    int rc = find_caller(c, patient, &e);
    if (rc == CALLER_LATER) {
        return HTTP_LATER;
    }
    rc = rc == OK ? check_route(c, &e) : rc;
    rc = rc == OK ? check_site(c, &e) : rc;
    rc = rc == OK ? check_types(c, &e) : rc;
    rc = rc == OK ? check_collection(c, &e) : rc;
    rc = rc == OK && t->place == TAXII_MESSAGES ? messages_begin(c, &e) : rc;
    if (rc != OK) {
        taxii_refuse(c, &e);
        return (int)c->status;
    }
    *ret_to_file = c->route->max_body == BODY_INTAKE;
    *ret_max_body = *ret_to_file ? (size_t)t->root.max_content : c->route->max_body;
    if (*ret_to_file) {
        http_expand_freely(c->r); /* a body not above max_content_length is never too large (4.2.1) */
    }
    return 0;
}
