/* How programs say who they are, over real requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_client.h"

#include "serve/node.h"
#include "serve/private.h"

#include <stdatomic.h>

static struct node node;
static struct web web = {.node = &node};
static struct http_server *server;
static atomic_int slow; /* requests that had to wait for the hash */
static usec shift;      /* of the clock */

struct asking {
    struct caller who;
    unsigned wait;
};

static int answer(struct http_request *r, struct asking *a, int rc, struct err *e)
{
    char text[128], principal[PRINCIPAL_ROOM];
    unsigned status = rc == OK ? 200 : rc == ERR_BUSY && a->wait ? 429 : answer_status(rc);
    caller_principal(&a->who, principal);
    snprintf(text, sizeof(text), "%s %s", a->who.known ? role_name(a->who.role) : "nobody", principal);
    http_respond(r, status, "text/plain", rc == OK ? sv_c(text) : sv_c(e->text));
    return (int)status;
}

static int ask(struct http_request *r, bool patient)
{
    struct err e = ERR_NONE;
    struct asking a = {0};
    int rc = program_find(&web, r, time_now() + shift, patient, &a.who, &a.wait, &e);
    return rc == CALLER_LATER ? HTTP_LATER : answer(r, &a, rc, &e);
}

static int on_head(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file,
                   void **ret_user)
{
    return ask(r, false);
}

static int on_later(void *ctx, struct http_request *r, void *user, size_t *ret_max_body, bool *ret_to_file)
{
    atomic_fetch_add(&slow, 1);
    return ask(r, true);
}

static void on_body(void *ctx, struct http_request *r, void *user)
{
    http_respond(r, 500, "text/plain", SV("not reached"));
}

static int begin(void **state)
{
    struct err e = ERR_NONE;
    const struct http_opts o = {.listen = "127.0.0.1:0",
                                .threads = 1,
                                .max_connections = 50,
                                .max_per_address = 50,
                                .idle_seconds = 20,
                                .max_head = 16384};
    const struct http_handler h = {.head = on_head, .later = on_later, .body = on_body};
    node.db = db_open(":memory:", DB_MEMORY, &e);
    if (!node.db || db_migrate(node.db, &serve_room, &e) != OK) {
        return -1;
    }
    web.throttle = throttle_new();
    web.basic = basic_new();
    server = http_start(&o, &h, &e);
    atomic_store(&slow, 0);
    shift = 0;
    return server ? 0 : -1;
}

static int end(void **state)
{
    http_stop(server, 2);
    throttle_free(web.throttle);
    basic_free(web.basic);
    db_close(node.db);
    return 0;
}

static unsigned send_header(const char *authorization, char ret[128])
{
    struct answer a;
    struct buf b;
    int fd = client_connect(http_address(server));
    buf_init(&b, 65536);
    buf_printf(&b, "GET / HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n", authorization ? "Authorization: " : "",
               authorization ? authorization : "", authorization ? "\r\n" : "");
    assert_true(client_send(fd, buf_sv(&b)));
    assert_true(client_answer(fd, &a, 20000));
    unsigned status = a.status;
    if (ret) {
        sv_copy(a.body, ret, 128);
    }
    answer_clear(&a);
    buf_clear(&b);
    close(fd);
    return status;
}

static unsigned send_basic(const char *name, const char *password, char ret[128])
{
    struct buf b;
    char pair[2048];
    snprintf(pair, sizeof(pair), "%s:%s", name, password);
    buf_init(&b, 8192);
    buf_add(&b, SV("Basic "));
    base64_add(&b, sv_c(pair));
    buf_addc(&b, 0);
    unsigned status = send_header(b.p, ret);
    buf_clear(&b);
    return status;
}

static void add_user(const char *name, enum role role, const char *password)
{
    struct err e = ERR_NONE;
    assert_int_equal(user_put(node.db, sv_c(name), uuid_v4(), role, sv_c(password), time_now(), &e), OK);
}

#define GOOD "a long: sentence"

static void test_password(void **state)
{
    char text[128];
    add_user("misp", ROLE_CLIENT, GOOD);
    assert_int_equal(send_basic("misp", GOOD, text), 200);
    assert_string_equal(text, "client user:misp");
    assert_int_equal(atomic_load(&slow), 1);
    usec from = time_ticks();
    for (int i = 0; i < 20; i++) { /* not paid again */
        assert_int_equal(send_basic("misp", GOOD, text), 200);
    }
    assert_int_equal(atomic_load(&slow), 1);
    assert_true(time_ticks() - from < USEC_SECOND);
    assert_int_equal(send_basic("misp", "a long sentence", NULL), 401);
    assert_int_equal(send_basic("mis", "p" GOOD, NULL), 401); /* the same bytes, cut elsewhere */
    assert_int_equal(send_basic("MISP", GOOD, NULL), 401);
    assert_int_equal(atomic_load(&slow), 4);
    assert_int_equal(send_header(NULL, text), 200);
    assert_string_equal(text, "nobody ");
}

static void test_forgets(void **state)
{
    char text[128];
    struct err e = ERR_NONE;
    add_user("misp", ROLE_CLIENT, GOOD);
    assert_int_equal(send_basic("misp", GOOD, NULL), 200);
    add_user("misp", ROLE_VIEWER, "another sentence"); /* the old password holds no longer */
    assert_int_equal(send_basic("misp", GOOD, NULL), 401);
    assert_int_equal(send_basic("misp", "another sentence", text), 200);
    assert_string_equal(text, "viewer user:misp");
    assert_int_equal(db_exec(node.db, "UPDATE account SET role = 'analyst'", &e), OK);
    int before = atomic_load(&slow);
    assert_int_equal(send_basic("misp", "another sentence", text), 200);
    assert_string_equal(text, "analyst user:misp"); /* the role is as it is now */
    assert_int_equal(atomic_load(&slow), before);
    shift = SESSION_IDLE + USEC_SECOND; /* unused for long */
    assert_int_equal(send_basic("misp", "another sentence", NULL), 200);
    assert_int_equal(atomic_load(&slow), before + 1);
    for (int i = 0; i < 25; i++) { /* used all the time, and yet asked again after 12 hours */
        shift += SESSION_IDLE - USEC_SECOND;
        assert_int_equal(send_basic("misp", "another sentence", NULL), 200);
    }
    assert_int_equal(atomic_load(&slow), before + 2);
    assert_int_equal(db_exec(node.db, "DELETE FROM account", &e),
                     OK); /* gone, and back under the same name */
    assert_int_equal(send_basic("misp", "another sentence", NULL), 401);
    add_user("misp", ROLE_CLIENT, GOOD);
    assert_int_equal(send_basic("misp", "another sentence", NULL), 401);
}

static void test_throttled(void **state)
{
    char text[128];
    add_user("misp", ROLE_CLIENT, GOOD);
    assert_int_equal(send_basic("misp", GOOD, NULL), 200);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send_basic("misp", "a wrong sentence", NULL), 401);
        assert_int_equal(send_basic("nobody", "a wrong sentence", NULL), 401); /* no difference */
    }
    assert_int_equal(send_basic("misp", "a wrong sentence", NULL), 429);
    assert_int_equal(send_basic("nobody", "a wrong sentence", NULL), 429);
    assert_int_equal(send_basic("misp", GOOD, text), 200); /* whoever is known is not locked out by others */
}

/* An unknown name costs what a known one costs. */
static void test_timing(void **state)
{
    usec known = INT64_MAX, unknown = INT64_MAX;
    add_user("misp", ROLE_CLIENT, GOOD);
    (void)send_basic("nobody", "a wrong sentence", NULL); /* the first makes the hash of nobody */
    for (int i = 0; i < 3; i++) {
        usec from = time_ticks();
        assert_int_equal(send_basic("misp", "a wrong sentence", NULL), 401);
        usec took = time_ticks() - from;
        known = took < known ? took : known;
        from = time_ticks();
        assert_int_equal(send_basic("nobody", "a wrong sentence", NULL), 401);
        took = time_ticks() - from;
        unknown = took < unknown ? took : unknown;
    }
    assert_true(unknown > known / 2);
    assert_true(known > unknown / 2);
}

static void test_keys(void **state)
{
    struct err e = ERR_NONE;
    char key[64], header[128], text[128];
    assert_int_equal(
        key_make(node.db, SV("splunk"), uuid_v4(), ROLE_CLIENT, 0, time_now(), USEC_NONE, key, &e), OK);
    static const char *const schemes[] = {"Bearer", "bearer", "Token"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(header, sizeof(header), "%s %s", schemes[i], key);
        assert_int_equal(send_header(header, text), 200);
        assert_string_equal(text, "client key:splunk");
    }
    assert_int_equal(send_basic("whatever", key, text), 200); /* the name is not looked at */
    assert_string_equal(text, "client key:splunk");
    assert_int_equal(send_basic("", key, NULL), 200);
    key[20] = key[20] == 'x' ? 'y' : 'x';
    snprintf(header, sizeof(header), "Bearer %s", key);
    assert_int_equal(send_header(header, NULL), 401);
    assert_int_equal(send_basic("whatever", key, NULL), 401);
    assert_int_equal(atomic_load(&slow), 0);
}

static void test_nonsense(void **state)
{
    static const char *const headers[] = {"Basic",          "Basic ",         "Basic !!!!", "Basic YQ==",
                                          "Basic /zphOmE=", "Digest a=b",     "Bearer",     "Bearer x",
                                          "Negotiate YII=", "Basic YTpi YQ=="};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_int_equal(send_header(headers[i], NULL), 401);
    }
    assert_int_equal(atomic_load(&slow), 0);
}

/* Several programs keep their places beside each other. */
static void test_several(void **state)
{
    char name[16];
    struct err e = ERR_NONE;
    add_user("u0", ROLE_CLIENT, GOOD);
    for (int i = 1; i < 6; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        struct stmt *s = NULL;
        assert_int_equal(db_begin(node.db, &e), OK);
        s = db_query(node.db,
                     "INSERT INTO account (name, org, role, password, made, changed) SELECT ?, org, role, "
                     "password, made, changed FROM account WHERE name = 'u0'",
                     &e);
        db_text(s, sv_c(name));
        assert_int_equal(db_run(s, &e), OK);
        db_done(s);
        assert_int_equal(db_end(node.db, true, &e), OK);
        assert_int_equal(send_basic(name, GOOD, NULL), 200);
    }
    int before = atomic_load(&slow);
    for (int i = 1; i < 6; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        assert_int_equal(send_basic(name, GOOD, NULL), 200);
    }
    assert_int_equal(atomic_load(&slow), before);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {CASE(test_password), CASE(test_forgets), CASE(test_throttled),
                                       CASE(test_timing),   CASE(test_keys),    CASE(test_nonsense),
                                       CASE(test_several)};
    struct err e = ERR_NONE;
    return crypto_start(&e) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
