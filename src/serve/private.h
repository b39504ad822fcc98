/* Shared by the HTTP side of serve/: who asks, the route table, the answers. */
#pragma once

#include "serve/serve.h"

#include <pthread.h>

/* ---- the web side as a whole (web.c) */

struct web;
struct web *web_start(struct node *n, struct err *e);
void web_stop(struct web *w);
const char *web_address(const struct web *w);
/* A sighting for the live stream; copies what it needs, never blocks on a client. */
void web_publish(struct web *w, const struct sighting *s);

/* ---- passwords (password.c): argon2id, t = 3, 64 MiB, at most two at the same time */

#define PASSWORD_HASH 128
#define PASSWORD_LEAST 12
#define PASSWORD_MOST 1024
/* Waits for its turn. */
int password_hash(struct sv password, char ret[PASSWORD_HASH], struct err *e) MUST_USE;
/*
 * `hash` NULL stands for an unknown user: the same work is done and false is the answer. ERR_BUSY when too
 * many wait already.
 */
int password_check(struct sv password, const char *hash, bool *ret_good, struct err *e) MUST_USE;

/* ---- throttling of sign-ins (throttle.c), by account and by address */

struct throttle;
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);
/* Seconds to wait before this account or address may try again; 0 = now. Counts the attempt. */
unsigned throttle_try(struct throttle *t, struct sv account, struct sv address, usec now);
/* The attempt was good: the account's and the address's failures are forgotten. */
void throttle_good(struct throttle *t, struct sv account, struct sv address);

/* ---- who asks (session.c) */

#define SESSION_COOKIE "__Host-noroshi"
#define SESSION_IDLE (30 * 60 * USEC_SECOND)
#define SESSION_MOST (12 * USEC_HOUR)
#define CSRF_ROOM 48

struct caller {
    bool known;
    bool by_key;
    enum role role;
    struct uuid org;
    int64_t id;      /* of the account or key */
    int64_t session; /* 0 with a key */
    int64_t source;  /* a sensor's key is bound to it; 0 = none */
    usec made;       /* the session */
    usec seen;       /* last use that is written down */
    char name[72];
    char csrf[CSRF_ROOM];
    char certificate[65]; /* SPKI sum in hex when it is by that; else "" */
    bool partner;         /* the certificate is a partner's: `org` is the partner */
};
/*
 * Reads the session cookie or API key. A request without either is an unknown caller (OK); a bad, ended or
 * revoked one is ERR_AUTH.
 */
int caller_find(struct db *db, const struct http_request *r, usec now, struct caller *ret,
                struct err *e) MUST_USE;
/* The session or key still holds; used by answers that go on. */
bool caller_stands(struct db *db, const struct caller *c, usec now);
/* Notes that a session or key was used, when the last note is older than a minute. */
int caller_touch(struct db *db, const struct caller *c, usec now, struct err *e) MUST_USE;
/* "key:7" or "account:3" */
void caller_actor(const struct caller *c, char ret[40]);
/* "user:NAME", "key:NAME", "cert:SPKI SUM", "partner:UUID", or "" for nobody: as rights name it. */
#define PRINCIPAL_ROOM 80
void caller_principal(const struct caller *c, char ret[PRINCIPAL_ROOM]);
/* id, name, org, role from the first columns of a row. */
bool caller_read(struct stmt *s, struct caller *ret);
/* ERR_AUTH: no such key, or none that holds. */
int caller_by_key(struct db *db, struct sv key, usec now, struct caller *ret, struct err *e) MUST_USE;
int caller_by_certificate(struct db *db, const struct sha256 *spki, usec now, struct caller *ret,
                          struct err *e) MUST_USE;
/* As it answers for a certificate that is nobody's: partners come in by their own listener. */
int caller_unknown_certificate(struct caller *ret, struct err *e);
/* Some key that holds is bound to a certificate: only then are clients asked for theirs. */
bool certificates_registered(struct db *db, usec now);
/* A new session for an account; `ret_token` goes into the cookie and is kept nowhere. */
int session_make(struct db *db, int64_t account, usec now, char ret_token[CSRF_ROOM], struct err *e) MUST_USE;
int session_end(struct db *db, int64_t session, struct err *e) MUST_USE;
/* Ended sessions and answers kept for idempotency beyond their time. */
int session_sweep(struct db *db, usec now, struct err *e) MUST_USE;
/* The CSRF token that belongs to a session token. */
void session_csrf(struct sv token, char ret[CSRF_ROOM]);

/* ---- who asks when it is a program that knows no cookies (basic.c) */

/*
 * Names and passwords that were found good, for half an hour after their last use and 12 hours at most, so
 * that the slow hash is not paid on every request. Bounded; the account is read anew at each use: a new
 * password or an account that is gone is known at once.
 */
struct basic;
struct basic *basic_new(void);
void basic_free(struct basic *b);
#define CALLER_LATER 1
/*
 * By API key (Bearer, or as the password of Basic), name and password (Basic), or client certificate; never
 * by cookie. A request with none of them is an unknown caller (OK). CALLER_LATER when only the slow hash can
 * tell and `patient` is false: to be asked again on a thread that may wait. ERR_AUTH; ERR_BUSY with *ret_wait
 * seconds when too many attempts failed (429) or too many are being made (503, *ret_wait is 0).
 */
int program_find(struct web *w, const struct http_request *r, usec now, bool patient, struct caller *ret,
                 unsigned *ret_wait, struct err *e) MUST_USE;

/* ---- the route table (routes.c) */

/* Who may use a route: a set of roles, or everybody. Zero is "nobody thought of it": the node does not start.
 */
#define FOR_ROLE(r) (1u << ((r) + 1))
#define FOR_EVERYBODY 1u
#define FOR_READERS (FOR_ROLE(ROLE_VIEWER) | FOR_ROLE(ROLE_ANALYST) | FOR_ROLE(ROLE_ADMIN))
#define FOR_ANALYSTS (FOR_ROLE(ROLE_ANALYST) | FOR_ROLE(ROLE_ADMIN))
#define FOR_ADMINS FOR_ROLE(ROLE_ADMIN)
#define FOR_CLIENTS FOR_ROLE(ROLE_CLIENT)
#define FOR_SIGNED_IN (FOR_READERS | FOR_ROLE(ROLE_SENSOR) | FOR_ROLE(ROLE_AUDITOR))

#define BODY_INTAKE SIZE_MAX /* as large as http.max_body, spooled to a file */

/* Also takes what programs send that know no bearer keys: Basic, client certificates. For GET only. */
#define ALSO_BASIC (1u << 30)
/* Also by client certificate, and by no secret that a browser would send for other sites. */
#define ALSO_CERTIFICATE (1u << 29)

struct call;
struct taxii_call;
struct param {
    const char *name;
    const char *in;   /* "query", "path", "header" */
    const char *type; /* JSON schema type: "string", "integer" */
    bool required;
    const char *text;
};
#define PARAMS_MAX 10
struct route {
    enum http_method method;
    const char *pattern;
    unsigned audience;
    int (*run)(struct call *c, struct err *e);
    size_t max_body;
    const char *name; /* operationId */
    const char *summary;
    const char *text; /* "" */
    struct param params[PARAMS_MAX];
    const char *body_type;   /* NULL: takes no body */
    const char *body_schema; /* JSON */
    unsigned status;         /* of a good answer */
    const char *answer_type;
    const char *answer_schema; /* JSON; NULL: no content is described */
};
extern const struct route routes[]; /* ends with a NULL pattern */
/*
 * The route of a method and path with captured parts. NULL: *ret_allow (room for 64) lists the methods that
 * the path has, or is empty when there is no such path. HEAD is answered by GET routes.
 */
const struct route *route_find(enum http_method method, struct sv path, struct sv part[2],
                               char ret_allow[64]);
bool route_allows(const struct route *r, bool known, enum role role);
/* Every route has an audience, a handler, a name and a text; no two are the same. */
int routes_check(struct err *e) MUST_USE;
const char *route_method_name(enum http_method m); /* "get" */
/* What is wrong with a route as it is declared; NULL when nothing is. */
const char *route_wrong(const struct route *r);
/* Adds a method to the text of a header Allow. */
void route_allow(char allow[64], enum http_method m);

/* ---- one request (http_call.c) */

#define CALL_ARENA ((size_t)64 << 20)
#define CALL_ANSWER ((size_t)256 << 20)
struct call {
    struct web *web;
    struct node *node;
    struct http_request *r;
    const struct route *route;
    struct sv part[2];
    struct caller who;
    usec now;
    struct arena a;
    struct buf out; /* the answer */
    struct taxii_call
        *taxii;       /* NULL: the address is none of TAXII's; then `route` may be NULL until judged */
    unsigned status;  /* of the answer, good or bad; 0 = as the route or the error says */
    unsigned wait;    /* Retry-After in seconds, 0 = none */
    const char *type; /* of the answer when not the route's */
    bool answered;    /* the handler answered by itself (streams, assets) */
    bool door;        /* it came in by the partners' own listener: `who` is the partner */
    char busy[64];    /* what web_busy holds until the call ends; "" = nothing */
};
/* What the caller's organisation may see. In the call's arena. */
int call_view(struct call *c, struct pact_view *ret, struct err *e) MUST_USE;
/* Query parameter as a whole number: absent gives `fallback`, anything else than least..most is ERR_VALUE. */
int call_number(struct call *c, const char *name, int64_t fallback, int64_t least, int64_t most, int64_t *ret,
                struct err *e) MUST_USE;
/* Query parameter as a time (RFC 3339, a date is midnight UTC); absent gives USEC_NONE. */
int call_time(struct call *c, const char *name, usec *ret, struct err *e) MUST_USE;
/* The body as one JSON object. *ret_doc is to be freed also on errors. */
int call_json(struct call *c, struct json_doc **ret_doc, struct jv *ret, struct err *e) MUST_USE;
/* A source of the caller's own organisation by name, UUID or number; ERR_NOT_FOUND for all others. */
int call_source(struct call *c, struct sv text, struct source *ret, struct err *e) MUST_USE;
/* The request comes from a page of this origin, or from no page at all. */
bool call_same_origin(const struct web *w, const struct http_request *r);
/* The handler given to net/. `ctx` is the web. */
extern const struct http_handler call_handler;
/* The same for the partners' own listener (http.partner_listen). */
extern const struct http_handler door_handler;
/* 1 and c->who: an active partner, by the TLS key of its card; 0: nobody of that kind, or not by its door. */
int partner_find_caller(struct call *c, struct err *e) MUST_USE;

/* Answers with the headers that all answers carry (http_headers.c). */
void answer_headers(struct http_request *r, bool tls);
unsigned answer_status(int code);
void answer_error(struct http_request *r, bool tls, unsigned status, const struct err *e);

/* ---- what handlers need of the web (web.c) */

struct live;
struct exports;
struct web {
    struct node *node;
    struct http_server *server;
    struct http_server *door; /* the partners' own listener; NULL = they come in by `server` */
    struct throttle *throttle;
    struct basic *basic;
    struct live *live;
    struct exports *exports; /* made exports that are kept for a while */
    bool tls;
    size_t max_body;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t wake;
    pthread_t keeper; /* heartbeats, notes of use, sweeping */
    bool keeping, stop;
    struct caller touched[256];
    size_t touches;
    char busy[32][256];   /* actors and keys of idempotent requests that run */
    uint64_t by_class[6]; /* answers by status class */
};
void web_touch(struct web *w, const struct caller *c);
void web_count(struct web *w, unsigned status);
/* True when this request is the only one of its idempotency key that runs; web_busy_end after it. */
bool web_busy(struct web *w, const char *what);
void web_busy_end(struct web *w, const char *what);

/* ---- the live stream (live.c) */

struct live *live_new(struct node *n);
void live_free(struct live *l); /* after the HTTP server stopped */
void live_publish(struct live *l, const struct sighting *s);
void live_heartbeat(struct live *l);
unsigned live_clients(struct live *l);

/* ---- handlers, one set a file */

int api_session_make(struct call *c, struct err *e); /* api_session.c */
int api_session_get(struct call *c, struct err *e);
int api_session_end(struct call *c, struct err *e);
int api_events(struct call *c, struct err *e); /* api_intake.c */
int api_intake(struct call *c, struct err *e);
int api_look(struct call *c, struct err *e); /* api_look.c */
int api_find(struct call *c, struct err *e);
int api_sightings(struct call *c, struct err *e);
int api_status(struct call *c, struct err *e);
int api_sources(struct call *c, struct err *e); /* api_sources.c */
int api_feeds(struct call *c, struct err *e);   /* api_feeds.c */
int api_source_put(struct call *c, struct err *e);
int api_rejected(struct call *c, struct err *e); /* api_rejected.c */
int api_retry(struct call *c, struct err *e);
struct exports *exports_new(void); /* api_export.c */
void exports_free(struct exports *x);
int api_export(struct call *c, struct err *e);
int api_witness_add(struct call *c, struct err *e); /* api_witness.c */
int api_checkpoint(struct call *c, struct err *e);
int api_partners(struct call *c, struct err *e); /* api_partners.c */
int api_partner(struct call *c, struct err *e);
int api_witness_status(struct call *c, struct err *e);
int api_agreements(struct call *c, struct err *e); /* api_agreements.c */
int api_agreement(struct call *c, struct err *e);
int api_shares(struct call *c, struct err *e); /* api_shares.c */
int api_share(struct call *c, struct err *e);
int api_explain(struct call *c, struct err *e);
int api_exchange(struct call *c, struct err *e); /* api_exchange.c */
int api_exports(struct call *c, struct err *e);
int api_outbox(struct call *c, struct err *e);        /* api_outbox.c */
int api_withdrawals(struct call *c, struct err *e);   /* api_withdrawals.c */
int api_release_queue(struct call *c, struct err *e); /* api_release.c */
int api_release_one(struct call *c, struct err *e);
int api_release_decide(struct call *c, struct err *e);
int api_live(struct call *c, struct err *e);    /* live.c */
int api_openapi(struct call *c, struct err *e); /* openapi.c */
int api_healthz(struct call *c, struct err *e); /* metrics.c */
int api_metrics(struct call *c, struct err *e);
int api_page(struct call *c, struct err *e); /* assets.c */
int api_asset(struct call *c, struct err *e);

/* Writes the OpenAPI 3.1 document of the route table. */
void openapi_write(struct buf *out, const char *version);

/* ---- answers kept for idempotency (idempotent.c) */

struct idempotent {
    char actor[40];
    struct sv key; /* p NULL: the request has none */
    struct sha256 body;
};
/* 1 = answered before: *ret_status and `answer`; 0 = new; ERR_CONFLICT = same key, other body. */
int idempotent_find(struct db *db, const struct idempotent *i, unsigned *ret_status, struct buf *answer,
                    struct err *e) MUST_USE;
int idempotent_keep(struct db *db, const struct idempotent *i, unsigned status, struct sv answer, usec now,
                    struct err *e) MUST_USE;
