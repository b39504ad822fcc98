/* The route table: complete, equal to the OpenAPI document, and who may do what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "serve/node.h"
#include "serve/taxii.h"
#include "share/share.h"

static void test_complete(void **state)
{
    struct err e = ERR_NONE;
    if (routes_check(&e) != OK) {
        fail_msg("%s", e.text);
    }
    for (const struct route *r = routes; r->pattern; r++) {
        struct sv part[2];
        char allow[64], path[128];
        size_t n = 0;
        /* A path made from the pattern leads back to the route. */
        for (const char *p = r->pattern; *p && n + 2 < sizeof(path); p++) {
            if (*p == '{') {
                p = strchr(p, '}');
                path[n++] = '7';
            } else {
                path[n++] = *p == '*' ? 'x' : *p;
            }
        }
        assert_ptr_equal(route_find(r->method, sv_from(path, n), part, allow), r);
        for (const struct param *p = r->params; p < r->params + PARAMS_MAX && p->name; p++) {
            assert_true(p->in && p->type && p->text && p->text[0]);
            bool in_path = strcmp(p->in, "path") == 0;
            assert_true(in_path ? p->required : !strcmp(p->in, "query") || !strcmp(p->in, "header"));
        }
    }
}

/*
 * The matrix of the design, written down apart from the table: v viewer, a analyst, A admin, s sensor, u
 * auditor, c client, * everybody. A route missing here fails.
 */
static const struct {
    const char *name, *who;
} matrix[] = {
    {"signIn", "*"},
    {"whoAmI", "vaAsu"},
    {"signOut", "vaAsu"},
    {"postEvents", "aAs"},
    {"postIntake", "aA"},
    {"look", "vaA"},
    {"find", "vaA"},
    {"sightings", "vaA"},
    {"live", "vaA"},
    {"sources", "vaAu"},
    {"feeds", "vaAu"},
    {"addCheckpoint", "c"},
    {"checkpoint", "vaAsuc"},
    {"partners", "vaAu"},
    {"partner", "vaAu"},
    {"agreements", "vaAu"},
    {"agreement", "vaAu"},
    {"shares", "aAu"},
    {"share", "aAu"},
    {"explain", "aAu"},
    {"witnessStatus", "vaAu"},
    {"exchange", "aAu"},
    {"exports", "vaA"},
    {"messages", "aAu"},
    {"withdrawals", "aAu"},
    {"releaseQueue", "aAu"},
    {"releaseOne", "aA"},
    {"releaseDecide", "A"},
    {"addSource", "A"},
    {"rejected", "vaA"},
    {"retryRejected", "aA"},
    {"status", "vaAu"},
    {"openapi", "*"},
    {"healthz", "*"},
    {"metrics", "*"},
    {"page", "*"},
    {"asset", "*"},
    {"export", "vaA"},
    {"taxiiDiscovery", "vaAc"},
    {"taxiiRoot", "vaAc"},
    {"taxiiStatus", "vaAc"},
    {"taxiiCollections", "vaAc"},
    {"taxiiCollection", "vaAc"},
    {"taxiiManifest", "vaAc"},
    {"taxiiObjects", "vaAc"},
    {"taxiiAdd", "aAc"},
    {"taxiiObject", "vaAc"},
    {"taxiiDelete", "aAc"},
    {"taxiiVersions", "vaAc"},
    {"taxiiTombstones", "vaAc"},
    {"messagesRoot", "c"},
    {"messagesCollections", "c"},
    {"messagesCollection", "c"},
    {"messagesWaiting", "c"},
    {"messagesBring", "c"},
};

static const char *who_of(const char *name)
{
    for (size_t i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++) {
        if (strcmp(matrix[i].name, name) == 0) {
            return matrix[i].who;
        }
    }
    fail_msg("the route %s stands in no matrix", name);
    return "";
}

static void test_roles(void **state)
{
    static const char letters[] = {[ROLE_VIEWER] = 'v', [ROLE_ANALYST] = 'a', [ROLE_ADMIN] = 'A',
                                   [ROLE_SENSOR] = 's', [ROLE_AUDITOR] = 'u', [ROLE_CLIENT] = 'c'};
    size_t n = 0;
    for (const struct route *r = routes; r->pattern; r++, n++) {
        const char *who = who_of(r->name);
        assert_int_equal(route_allows(r, false, ROLE_VIEWER), who[0] == '*'); /* nobody is no viewer */
        assert_int_equal(route_allows(r, false, ROLE_ADMIN), who[0] == '*');
        for (int role = ROLE_VIEWER; role <= ROLE_CLIENT; role++) {
            assert_int_equal(route_allows(r, true, (enum role)role),
                             who[0] == '*' || strchr(who, letters[role]));
        }
    }
    for (const struct taxii_route *t = taxii_routes; t->r.pattern; t++, n++) {
        const char *who = who_of(t->r.name);
        assert_false(route_allows(&t->r, false, ROLE_ADMIN));
        for (int role = ROLE_VIEWER; role <= ROLE_CLIENT; role++) {
            assert_int_equal(route_allows(&t->r, true, (enum role)role), strchr(who, letters[role]) != NULL);
        }
    }
    assert_int_equal(n, sizeof(matrix) / sizeof(matrix[0]));
}

static void test_methods(void **state)
{
    struct sv part[2];
    char allow[64];
    assert_non_null(route_find(HTTP_HEAD, SV("/"), part, allow));
    assert_null(route_find(HTTP_POST, SV("/"), part, allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_null(route_find(HTTP_PUT, SV("/api/v1/session"), part, allow));
    assert_string_equal(allow, "POST, GET, HEAD, DELETE");
    assert_null(route_find(HTTP_GET, SV("/api/v1/session/"), part, allow));
    assert_string_equal(allow, "");
    assert_null(route_find(HTTP_OTHER, SV("/nope"), part, allow));
}

/* ---- the second table */

/* Rights that each route asks of its collection, written down apart from the table. */
static const struct {
    const char *name;
    unsigned needs;
} rights[] = {
    {"taxiiDiscovery", 0},
    {"taxiiRoot", 0},
    {"taxiiStatus", 0},
    {"taxiiCollections", 0},
    {"taxiiCollection", 0},
    {"taxiiManifest", TAXII_READ},
    {"taxiiObjects", TAXII_READ},
    {"taxiiAdd", TAXII_WRITE},
    {"taxiiObject", TAXII_READ},
    {"taxiiDelete", TAXII_READ | TAXII_WRITE},
    {"taxiiVersions", TAXII_READ},
    {"taxiiTombstones", TAXII_READ},
    {"messagesRoot", 0},
    {"messagesCollections", 0},
    {"messagesCollection", 0},
    {"messagesWaiting", 0},
    {"messagesBring", 0},
};

static void test_taxii_rights(void **state)
{
    struct err e = ERR_NONE;
    size_t n = 0;
    if (taxii_routes_check(&e) != OK) {
        fail_msg("%s", e.text);
    }
    for (const struct taxii_route *t = taxii_routes; t->r.pattern; t++, n++) {
        assert_string_equal(t->r.name, rights[n].name);
        assert_int_equal(t->needs, rights[n].needs);
        assert_string_equal(t->r.answer_type, TAXII_TYPE);
    }
    assert_int_equal(n, sizeof(rights) / sizeof(rights[0]));
}

static void find_taxii(enum taxii_place place, enum http_method method, const char *path, const char *want,
                       const char *want_allow)
{
    struct sv part[TAXII_PARTS];
    char allow[64];
    const struct taxii_route *t = taxii_route_find(place, method, sv_c(path), part, allow);
    assert_string_equal(t ? t->r.name : "", want);
    assert_string_equal(t ? "" : allow, want_allow);
}

static void test_taxii_paths(void **state)
{
    find_taxii(TAXII_DISCOVERY, HTTP_GET, "", "taxiiDiscovery", "");
    find_taxii(TAXII_DISCOVERY, HTTP_POST, "", "", "GET, HEAD");
    find_taxii(TAXII_DISCOVERY, HTTP_GET, "collections", "", "");
    find_taxii(TAXII_ROOT, HTTP_HEAD, "", "taxiiRoot", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "status/x", "taxiiStatus", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "status", "", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections", "taxiiCollections", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections/x", "taxiiCollection", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections/x/objects", "taxiiObjects", "");
    find_taxii(TAXII_ROOT, HTTP_POST, "collections/x/objects", "taxiiAdd", "");
    find_taxii(TAXII_ROOT, HTTP_PUT, "collections/x/objects", "", "GET, HEAD, POST");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections/x/objects/y", "taxiiObject", "");
    find_taxii(TAXII_ROOT, HTTP_DELETE, "collections/x/objects/y", "taxiiDelete", "");
    find_taxii(TAXII_ROOT, HTTP_OTHER, "collections/x/objects/y", "", "GET, HEAD, DELETE");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections/x/objects/y/versions", "taxiiVersions", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections/x/manifest", "taxiiManifest", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections/x/tombstones", "taxiiTombstones", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections/x/manifest/y", "", "");
    find_taxii(TAXII_ROOT, HTTP_GET, "collections//objects", "", "");
}

/* Exactly what clients in use send, and what must not be served. */
static void test_taxii_accept(void **state)
{
    static const char *const good[] = {
        "",
        "application/taxii+json;version=2.1",
        "application/taxii+json; version=2.1",
        "application/taxii+json ; version=\"2.1\"",
        "Application/TAXII+JSON;Version=2.1",
        "application/taxii+json",
        "application/json",
        "application/*",
        "*/*",
        "*",
        "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
        "application/taxii+json;version=2.0, application/taxii+json;version=2.1;q=0.5",
        "application/vnd.oasis.taxii+json; version=2.0, application/taxii+json",
        "application/taxii+json;charset=utf-8;version=2.1",
        "application/json;q=0, */*",
        "application/taxii+json;version=2.1;q=0.001",
        "text/plain;x=\"a,b\", application/*;q=0.1",
        "application/taxii+json;version=2.0, */*",
    };
    static const char *const bad[] = {
        "application/taxii+json;version=2.0",
        "application/taxii+json;version=\"2.0\"",
        "application/taxii+json;version=2.2",
        "application/taxii+json;version=",
        "application/vnd.oasis.taxii+json; version=2.0",
        "application/vnd.oasis.stix+json; version=2.0",
        "text/html",
        "text/*",
        "application/taxii+jsonx",
        "application/taxii+json;version=2.1;q=0",
        "application/taxii+json;q=0, */*",
        "*/*;q=0",
        "*/*;q=0.000",
        "text/plain;x=\", application/taxii+json",
        "/",
        ",,",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!taxii_accepts(sv_c(good[i]))) {
            fail_msg("'%s' should be served", good[i]);
        }
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (taxii_accepts(sv_c(bad[i]))) {
            fail_msg("'%s' should not be served", bad[i]);
        }
    }
    assert_true(taxii_accepts(SV_NONE));
}

static void test_taxii_content(void **state)
{
    assert_true(taxii_is_content(SV("application/taxii+json;version=2.1")));
    assert_true(taxii_is_content(SV("application/taxii+json; version=\"2.1\"; charset=utf-8")));
    assert_true(taxii_is_content(SV("application/taxii+json")));
    assert_false(taxii_is_content(SV("application/taxii+json;version=2.0")));
    assert_false(taxii_is_content(SV("application/vnd.oasis.stix+json; version=2.0")));
    assert_false(taxii_is_content(SV("application/json")));
    assert_false(taxii_is_content(SV("*/*")));
    assert_false(taxii_is_content(SV("")));
    assert_false(taxii_is_content(SV_NONE));
}

/* ---- the document */

static bool text_is(struct jv object, const char *key, const char *want)
{
    return sv_eq(json_get_str(object, sv_c(key)), sv_c(want));
}

static void check_parameters(struct jv operation, const struct route *r)
{
    struct json_it it = json_each(json_get(operation, SV("parameters")));
    struct sv key;
    struct jv p;
    size_t n = 0;
    for (; json_next(&it, &key, &p); n++) {
        bool required = !r->params[n].required;
        assert_true(n < PARAMS_MAX && r->params[n].name);
        assert_true(text_is(p, "name", r->params[n].name));
        assert_true(text_is(p, "in", r->params[n].in));
        assert_true(json_bool(json_get(p, SV("required")), &required));
        assert_int_equal(required, r->params[n].required);
    }
    assert_true(n == PARAMS_MAX || !r->params[n].name);
}

static void check_operation(struct jv paths, const struct route *r, const char *path)
{
    char status[8];
    struct jv operation = json_path(paths, path, route_method_name(r->method), NULL);
    assert_int_equal(json_type(operation), JSON_OBJECT);
    assert_true(text_is(operation, "operationId", r->name));
    snprintf(status, sizeof(status), "%u", r->status);
    assert_int_equal(json_type(json_path(operation, "responses", status, NULL)), JSON_OBJECT);
    assert_int_equal(json_count(json_get(operation, SV("security"))) == 0,
                     (r->audience & FOR_EVERYBODY) != 0);
    assert_int_equal(json_type(json_get(operation, SV("requestBody"))) == JSON_OBJECT, r->body_type != NULL);
    check_parameters(operation, r);
}

static size_t count_operations(struct jv paths)
{
    struct json_it it = json_each(paths);
    struct sv path;
    struct jv item;
    size_t n = 0;
    while (json_next(&it, &path, &item)) {
        n += json_count(item);
    }
    return n;
}

static void test_openapi(void **state)
{
    struct err e = ERR_NONE;
    struct buf b;
    struct jv d;
    struct json_doc *doc = json_doc_new(4u << 20);
    size_t stand = 0;
    buf_init(&b, 4u << 20);
    openapi_write(&b, "1.2.3");
    if (json_parse(doc, buf_sv(&b), &d, &e) != OK) {
        fail_msg("%s at %llu", e.text, (unsigned long long)e.offset);
    }
    assert_true(text_is(d, "openapi", "3.1.0"));
    assert_true(text_is(json_get(d, SV("info")), "version", "1.2.3"));
    struct jv paths = json_get(d, SV("paths"));
    for (const struct route *r = routes; r->pattern; r++, stand++) {
        char path[160];
        struct sv s = sv_c(r->pattern);
        snprintf(path, sizeof(path), "%.*s%s", SV_ARG(sv_ends(s, SV("/*")) ? sv_sub(s, 0, s.n - 1) : s),
                 sv_ends(s, SV("/*")) ? "{path}" : "");
        check_operation(paths, r, path);
    }
    for (const struct taxii_route *t = taxii_routes; t->r.pattern; t++, stand++) {
        char path[160];
        taxii_route_path(t, path);
        check_operation(paths, &t->r, path);
    }
    assert_int_equal(count_operations(paths), stand); /* nothing is described that is not there */
    json_doc_free(doc);
    buf_clear(&b);
}

/* ---- accounts, keys, throttle: what stands behind the roles */

static struct db *open_db(void)
{
    struct err e = ERR_NONE;
    struct db *db = db_open(":memory:", DB_MEMORY, &e);
    assert_non_null(db);
    static const struct db_room *const rooms[] = {&ledger_room, &intake_room,  &fuse_room,
                                                  &share_room,  &partner_room, &serve_room};
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        assert_int_equal(db_migrate(db, rooms[i], &e), OK);
    }
    return db;
}

static void test_keys(void **state)
{
    struct err e = ERR_NONE;
    struct db *db = open_db();
    char key[64], again[64];
    struct uuid org = uuid_v4();
    usec now = time_now();
    assert_int_equal(key_make(db, SV("dmz"), org, ROLE_SENSOR, 3, now, USEC_NONE, key, &e), OK);
    assert_int_equal(strlen(key), 4 + 8 + 1 + 43);
    assert_memory_equal(key, "nrs_", 4);
    assert_int_equal(key_make(db, SV("dmz"), org, ROLE_SENSOR, 3, now, USEC_NONE, again, &e), ERR_EXISTS);
    assert_int_equal(key_make(db, SV("long"), org, ROLE_VIEWER, 0, now, now + 400 * USEC_DAY, again, &e),
                     ERR_VALUE);
    assert_int_equal(key_make(db, SV("a\nb"), org, ROLE_VIEWER, 0, now, USEC_NONE, again, &e), ERR_VALUE);
    /* The secret itself stands nowhere. */
    struct stmt *s =
        db_query(db, "SELECT count(*) FROM api_key WHERE name = ? OR prefix = ? OR secret = ?", &e);
    for (int i = 0; i < 3; i++) {
        db_text(s, sv_c(key));
    }
    assert_int_equal(db_step(s, &e), 1);
    assert_int_equal(col_int(s, 0), 0);
    db_done(s);
    assert_int_equal(key_revoke(db, SV("dmz"), &e), OK);
    assert_int_equal(key_revoke(db, SV("dmz"), &e), ERR_NOT_FOUND);
    assert_int_equal(key_make(db, SV("dmz"), org, ROLE_SENSOR, 3, now, USEC_NONE, again, &e), OK);
    assert_string_not_equal(key, again);
    db_close(db);
}

static void test_certificates(void **state)
{
    struct err e = ERR_NONE;
    struct db *db = open_db();
    struct uuid org = uuid_v4();
    struct sha256 one = sha256_of(SV("one")), two = sha256_of(SV("two"));
    struct caller who = {0};
    char principal[PRINCIPAL_ROOM], want[PRINCIPAL_ROOM] = "cert:";
    usec now = time_now();
    assert_false(certificates_registered(db, now));
    assert_int_equal(key_bind(db, SV("misp"), org, ROLE_CLIENT, &one, now, now + USEC_DAY, &e), OK);
    assert_int_equal(key_bind(db, SV("misp"), org, ROLE_CLIENT, &two, now, USEC_NONE, &e), ERR_EXISTS);
    assert_int_equal(key_bind(db, SV("other"), org, ROLE_CLIENT, &one, now, USEC_NONE, &e), ERR_EXISTS);
    assert_true(certificates_registered(db, now));
    assert_int_equal(caller_by_certificate(db, &one, now, &who, &e), OK);
    assert_true(who.known && who.by_key && who.role == ROLE_CLIENT && uuid_eq(who.org, org));
    caller_principal(&who, principal);
    hex_text(one.b, sizeof(one.b), want + 5);
    assert_string_equal(principal, want);
    assert_int_equal(caller_by_certificate(db, &two, now, &who, &e), ERR_AUTH);
    assert_int_equal(caller_by_certificate(db, &one, now + USEC_DAY, &who, &e),
                     ERR_AUTH); /* its time is over */
    assert_false(certificates_registered(db, now + USEC_DAY));
    assert_int_equal(key_revoke(db, SV("misp"), &e), OK);
    assert_int_equal(caller_by_certificate(db, &one, now, &who, &e), ERR_AUTH);
    assert_false(who.known);
    assert_int_equal(key_bind(db, SV("other"), org, ROLE_VIEWER, &one, now, USEC_NONE, &e), OK);
    /* No text is the secret of a certificate's record. */
    assert_int_equal(db_value(db, "SELECT count(*) FROM api_key WHERE length(secret) = 32", -1), 2);
    db_close(db);
}

static void test_accounts(void **state)
{
    struct err e = ERR_NONE;
    struct db *db = open_db();
    struct uuid org = uuid_v4();
    char token[CSRF_ROOM], hash[PASSWORD_HASH];
    bool good = false;
    usec now = time_now();
    assert_int_equal(user_put(db, SV("hanako"), org, ROLE_VIEWER, SV("short"), now, &e), ERR_VALUE);
    assert_int_equal(user_put(db, SV("hanako"), org, ROLE_SENSOR, SV("a long sentence"), now, &e), ERR_VALUE);
    assert_int_equal(user_put(db, SV("hanako"), org, ROLE_VIEWER, SV("a long sentence"), now, &e), OK);
    struct stmt *s = db_query(db, "SELECT password FROM account WHERE name = 'hanako'", &e);
    assert_int_equal(db_step(s, &e), 1);
    assert_true(sv_copy(col_text(s, 0), hash, sizeof(hash)));
    db_done(s);
    assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=3,p=1$", 31);
    assert_int_equal(password_check(SV("a long sentence"), hash, &good, &e), OK);
    assert_true(good);
    assert_int_equal(password_check(SV("a long sentencf"), hash, &good, &e), OK);
    assert_false(good);
    assert_int_equal(password_check(SV("a long sentence"), NULL, &good, &e), OK); /* unknown user */
    assert_false(good);
    /* A new password or role ends the sessions. */
    assert_int_equal(session_make(db, db_value(db, "SELECT id FROM account", 0), now, token, &e), OK);
    assert_int_equal(db_value(db, "SELECT count(*) FROM session", -1), 1);
    assert_int_equal(user_put(db, SV("hanako"), org, ROLE_ANALYST, SV("another sentence"), now, &e), OK);
    assert_int_equal(db_value(db, "SELECT count(*) FROM session", -1), 0);
    assert_int_equal(db_value(db, "SELECT count(*) FROM account", -1), 1);
    db_close(db);
}

static void test_sweep(void **state)
{
    struct err e = ERR_NONE;
    struct db *db = open_db();
    char token[CSRF_ROOM];
    usec now = time_now();
    assert_int_equal(user_put(db, SV("a"), uuid_v4(), ROLE_VIEWER, SV("a long sentence"), now, &e), OK);
    int64_t account = db_value(db, "SELECT id FROM account", 0);
    assert_int_equal(session_make(db, account, now - SESSION_IDLE - 1, token, &e), OK);
    assert_int_equal(session_make(db, account, now, token, &e), OK);
    const struct idempotent i = {.actor = "key:1", .key = SV("k"), .body = sha256_of(SV("b"))};
    assert_int_equal(idempotent_keep(db, &i, 200, SV("{}"), now, &e), OK);
    assert_int_equal(session_sweep(db, now, &e), OK);
    assert_int_equal(db_value(db, "SELECT count(*) FROM session", -1), 1);
    assert_int_equal(db_value(db, "SELECT count(*) FROM idempotent", -1), 1);
    assert_int_equal(session_sweep(db, now + 8 * USEC_DAY, &e), OK);
    assert_int_equal(db_value(db, "SELECT count(*) FROM session", -1), 0);
    assert_int_equal(db_value(db, "SELECT count(*) FROM idempotent", -1), 0);
    db_close(db);
}

static void test_idempotent(void **state)
{
    struct err e = ERR_NONE;
    struct db *db = open_db();
    struct buf answer;
    unsigned status = 0;
    struct idempotent i = {.actor = "key:1", .key = SV("k"), .body = sha256_of(SV("b"))};
    buf_init(&answer, 1024);
    assert_int_equal(idempotent_find(db, &i, &status, &answer, &e), 0);
    assert_int_equal(idempotent_keep(db, &i, 200, SV("{\"a\":1}"), time_now(), &e), OK);
    assert_int_equal(idempotent_find(db, &i, &status, &answer, &e), 1);
    assert_int_equal(status, 200);
    assert_true(sv_eq(buf_sv(&answer), SV("{\"a\":1}")));
    i.body = sha256_of(SV("c"));
    assert_int_equal(idempotent_find(db, &i, &status, &answer, &e), ERR_CONFLICT);
    sv_copy(SV("key:2"), i.actor, sizeof(i.actor)); /* another's key of the same name */
    assert_int_equal(idempotent_find(db, &i, &status, &answer, &e), 0);
    buf_clear(&answer);
    db_close(db);
}

static void test_throttle(void **state)
{
    struct throttle *t = throttle_new();
    usec now = 1000 * USEC_DAY;
    assert_non_null(t);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(throttle_try(t, SV("admin"), SV("192.0.2.1"), now), 0);
    }
    assert_int_equal(throttle_try(t, SV("admin"), SV("192.0.2.2"), now), 1); /* also from elsewhere */
    assert_int_equal(throttle_try(t, SV("hanako"), SV("192.0.2.1"), now), 0);
    now += USEC_SECOND;
    assert_int_equal(throttle_try(t, SV("admin"), SV("192.0.2.1"), now), 0);
    assert_int_equal(throttle_try(t, SV("admin"), SV("192.0.2.1"), now), 2); /* doubles */
    for (int i = 0; i < 40; i++) {
        now += 300 * USEC_SECOND;
        assert_int_equal(throttle_try(t, SV("admin"), SV("192.0.2.1"), now), 0); /* and has an upper end */
    }
    throttle_good(t, SV("admin"), SV("192.0.2.1"));
    assert_int_equal(throttle_try(t, SV("admin"), SV("192.0.2.1"), now), 0);
    char name[16];
    unsigned refused = 0;
    for (int i = 0; i < 60; i++) { /* many names from one address */
        snprintf(name, sizeof(name), "user%d", i);
        refused += throttle_try(t, sv_c(name), SV("198.51.100.9"), now) > 0;
    }
    assert_in_range(refused, 39, 41);
    for (int i = 0; i < 60; i++) { /* many addresses of one network */
        char address[32];
        snprintf(name, sizeof(name), "other%d", i);
        snprintf(address, sizeof(address), "2001:db8:0:7:%x::1", (unsigned)i + 1);
        refused += throttle_try(t, sv_c(name), sv_c(address), now) > 0;
    }
    assert_in_range(refused, 78, 82);
    assert_int_equal(throttle_try(t, SV("another"), SV("2001:db8:0:8::1"), now), 0);
    throttle_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),     cmocka_unit_test(test_roles),
        cmocka_unit_test(test_methods),      cmocka_unit_test(test_openapi),
        cmocka_unit_test(test_taxii_rights), cmocka_unit_test(test_taxii_paths),
        cmocka_unit_test(test_taxii_accept), cmocka_unit_test(test_taxii_content),
        cmocka_unit_test(test_keys),         cmocka_unit_test(test_certificates),

        cmocka_unit_test(test_accounts),     cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_idempotent),   cmocka_unit_test(test_throttle),
    };
    struct err e = ERR_NONE;
    return crypto_start(&e) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
