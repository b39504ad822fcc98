/* The TAXII client's readers and rows; its life against servers stands in tests/integration/test_peers.py. */
#include "fuse_node.h"

#include "share/peer/peer_private.h"

#include <stdlib.h>
#include <sys/stat.h>

static struct arena arena;

static int set_up(void **state)
{
    arena_init(&arena, 64u << 20);
    struct err e = ERR_NONE;
    return crypto_start(&e);
}

static int tear_down(void **state)
{
    arena_clear(&arena);
    return 0;
}

static void assert_text(struct sv got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

/* ---- addresses */

static void test_join(void **state)
{
    static const struct {
        const char *ref, *want; /* NULL: refused */
    } cases[] = {
        {"/api/", "https://taxii.example:8443/api/"},
        {"/api", "https://taxii.example:8443/api/"},
        {"collections/", "https://taxii.example:8443/taxii2/collections/"},
        {"https://taxii.example:8443/x", "https://taxii.example:8443/x/"},
        {"https://taxii.example/x/", "https://taxii.example/x/"},
        {"HTTPS://TAXII.example/x/", "HTTPS://TAXII.example/x/"},
        {"http://taxii.example/x/", "https://taxii.example:8443/x/"},
        {"http://taxii.example:5000/x", "https://taxii.example:8443/x/"},
        {"//taxii.example/q", "https://taxii.example/q/"},
        {" /trimmed/ ", "https://taxii.example:8443/trimmed/"},
        {"https://evil.example/x/", NULL},
        {"//evil.example/", NULL},
        {"https://taxii.example@evil.example/", NULL},
        {"https://taxii.example.evil.example/", NULL},
        {"http://evil.example/", NULL},
        {"/with space/", NULL},
        {"/\r\nHost: evil/", NULL},
        {"/q?x=1", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = ERR_NONE;
        struct sv url;
        int rc =
            peer_url_join(SV("https://taxii.example:8443/taxii2/"), sv_c(cases[i].ref), &arena, &url, &e);
        assert_int_equal(rc == OK, cases[i].want != NULL);
        if (cases[i].want) {
            assert_text(url, cases[i].want);
        } else {
            assert_true(e.text[0] != 0);
        }
    }
}

static void test_good_addresses(void **state)
{
    assert_true(peer_url_good(SV("https://taxii.example")));
    assert_true(peer_url_good(SV("https://[::1]:8443/taxii2/")));
    assert_false(peer_url_good(SV("http://taxii.example/")));
    assert_false(peer_url_good(SV("https://")));
    assert_false(peer_url_good(SV("https:///x")));
    assert_false(peer_url_good(SV("https://user:password@taxii.example/")));
    assert_false(peer_url_good(SV("https://taxii.example/?key=1")));
}

static void test_escape(void **state)
{
    struct buf b;
    buf_init(&b, 1024);
    peer_url_escape(&b, SV("a-Z_0.~ &=+/%\xE5"));
    assert_text(buf_sv(&b), "a-Z_0.~%20%26%3D%2B%2F%25%E5");
    buf_clear(&b);
}

/* ---- times and waits */

static void test_times(void **state)
{
    usec at = peer_read_time(SV("2026-03-01T00:00:00.000001Z"));
    assert_int_equal(at % USEC_SECOND, 1);
    assert_int_equal(peer_read_time(SV("2026-03-01T00:00:00Z")), at - 1);
    assert_int_equal(peer_read_time(SV("2026-03-01T09:00:00.000001234+09:00")), at);
    assert_int_equal(peer_read_time(SV("2026-03-01 00:00:00.000001")), at);
    assert_int_equal(peer_read_time(SV("yesterday")), USEC_NONE);
    assert_int_equal(peer_read_time(SV_NONE), USEC_NONE);
    assert_int_equal(peer_read_wait(SV("120"), 0), 120);
    assert_int_equal(peer_read_wait(SV("-1"), 0), -1);
    assert_int_equal(peer_read_wait(SV("soon"), 0), -1);
    usec now = peer_read_time(SV("2026-10-21T07:27:00Z"));
    assert_int_equal(peer_read_wait(SV("Wed, 21 Oct 2026 07:28:00 GMT"), now), 61);
    assert_int_equal(peer_read_wait(SV("Wed, 21 Oct 2026 07:26:00 GMT"), now), 0);
}

/* ---- answers */

static void test_found(void **state)
{
    struct err e = ERR_NONE;
    struct peer_found f;
    assert_int_equal(
        peer_read(SV("\xEF\xBB\xBF{\"title\":\"T\",\"default\":\"/b/\",\"api_roots\":[\"/a/\",\"/a/\",7]}"),
                  &arena, &f, &e),
        OK);
    assert_true(f.discovery);
    assert_int_equal(f.roots, 2);
    assert_text(f.root_url[1], "/b/");
    assert_int_equal(peer_read(SV("{\"versions\":[\"x\"],\"max_content_length\":\"1000\"}"), &arena, &f, &e),
                     OK);
    assert_true(f.root && f.max_content == 1000);
    assert_int_equal(
        peer_read(SV("{\"collections\":[{\"id\":\"1\",\"display_name\":\"D\",\"can_read\":false},"
                     "{\"id\":\"2\"},{\"title\":\"no id\"},5]}"),
                  &arena, &f, &e),
        OK);
    assert_true(f.collections && f.n == 2);
    assert_text(f.collection[0].title, "D");
    assert_false(f.collection[0].can_read);
    assert_true(f.collection[1].can_read);
    assert_int_equal(peer_read(SV("[]"), &arena, &f, &e), ERR_SYNTAX);
    assert_int_equal(peer_read(SV("<html>"), &arena, &f, &e), ERR_SYNTAX);
}

static void test_error_words(void **state)
{
    assert_text(peer_read_error(SV("{\"title\":\"No\",\"description\":\"not you\"}"), &arena), "No: not you");
    assert_text(peer_read_error(SV("{\"code\":1,\"name\":\"N\",\"description\":\"D\"}"), &arena), "N: D");
    assert_text(peer_read_error(SV("<html><b>x</b>"), &arena), "a web page");
    assert_text(peer_read_error(SV("plain\x1b[2J words\nmore"), &arena), "plain?[2J words");
    assert_text(peer_read_error(SV(""), &arena), "");
}

static void test_status(void **state)
{
    struct err e = ERR_NONE;
    struct peer_status s;
    assert_int_equal(
        peer_read_status(SV("{\"id\":\"s\",\"status\":\"complete\",\"failure_count\":2,\"failures\":"
                            "[{\"id\":\"a\",\"message\":\"m\"},\"b\"]}"),
                         &arena, &s, &e),
        OK);
    assert_false(s.pending);
    assert_int_equal(s.n, 2);
    assert_text(s.refusal[0].message, "m");
    assert_text(s.refusal[1].id, "b");
    assert_int_equal(peer_read_status(SV("{\"id\":\"s\",\"pending_count\":3}"), &arena, &s, &e), OK);
    assert_true(s.pending);
}

/* ---- pages */

static int read_page(const char *text, bool manifest, struct peer_page *ret, struct err *e)
{
    int fd = memfd_create("page", 0);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
                lseek(fd, 0, SEEK_SET) == 0);
    int rc = peer_page_read(fd, manifest, 2, &arena, ret, e);
    close(fd);
    return rc;
}

static void test_pages(void **state)
{
    struct err e = ERR_NONE;
    struct peer_page p, q;
    assert_int_equal(
        read_page("{\"objects\":[{\"a\":1},{\"b\":[2]}],\"more\":true,\"next\":\"n\"}", false, &p, &e), OK);
    assert_true(p.more && p.objects == 2);
    assert_text(p.next, "n");
    assert_int_equal(
        read_page("{\"next\":77,\"more\":\"true\",\"objects\":[{\"a\":1} , {\"b\":[2]}]}", false, &q, &e),
        OK);
    assert_true(q.more);
    assert_text(q.next, "77");
    assert_memory_equal(p.sha.b, q.sha.b, sizeof(p.sha.b));
    assert_int_equal(read_page("{}", false, &p, &e), OK);
    assert_true(!p.more && !p.next.p && p.objects == 0);
    assert_int_equal(read_page("{\"more\":true,\"next\":\"x\"}", false, &p, &e), OK);
    assert_true(p.more && p.next.n == 1);
    assert_int_equal(read_page("[{\"a\":1}]", false, &p, &e), OK);
    assert_int_equal(p.objects, 1);
    assert_int_equal(read_page("{\"objects\":[{\"a\":1},{\"b\"", false, &p, &e), ERR_SYNTAX);
    assert_int_equal(read_page("<html>", false, &p, &e), ERR_SYNTAX);
    assert_int_equal(read_page("{\"title\":\"Gone\"}", false, &p, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "Gone"));
}

static void test_manifest(void **state)
{
    static const char text[] =
        "{\"objects\":[{\"date_added\":\"2026-01-01T00:00:02Z\"},{\"date_added\":\"2026-01-01T00:00:01Z\"},"
        "{\"date_added\":\"2026-01-01T00:00:09Z\"}]}";
    struct err e = ERR_NONE;
    struct peer_page p;
    assert_int_equal(read_page(text, true, &p, &e), OK);
    assert_true(p.disordered && p.objects == 3);
    assert_int_equal(p.date, peer_read_time(SV("2026-01-01T00:00:02Z"))); /* of the first two */
}

/* ---- rows */

static struct peer sample(struct toy *t)
{
    return (struct peer){.name = SV("tokyo"),
                         .url = SV("https://taxii.example/taxii2/"),
                         .org = t->org[0],
                         .source = 1,
                         .enabled = true,
                         .page = PEER_PAGE,
                         .last_run = USEC_NONE,
                         .last_ok = USEC_NONE,
                         .not_before = USEC_NONE};
}

static int keep_one(void *ctx, const struct peer_collection *c)
{
    *(struct peer_collection *)ctx = *c;
    return OK;
}

static int count_one(void *ctx, const struct peer_refusal *r)
{
    ++*(int *)ctx;
    return OK;
}

static void test_rows(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    struct peer_collection c = {.peer = 1,
                                .root = SV("https://taxii.example/a/"),
                                .uuid = SV("u"),
                                .title = SV("T"),
                                .enabled = true};
    struct peer_collection got = {0};
    toy_open(&t);
    struct peer p = sample(&t), again = sample(&t), found;
    assert_int_equal(db_begin(t.db, &e), OK);
    assert_int_equal(peer_put(t.db, &p, &arena, &e), OK);
    assert_int_equal(peer_put(t.db, &again, &arena, &e), ERR_EXISTS);
    assert_int_equal(peer_collection_note(t.db, &c, &e), OK);
    assert_int_equal(peer_collection_each(t.db, p.id, &arena, keep_one, &got, &e), OK);
    got.after = 5;
    got.next = SV("n");
    assert_int_equal(peer_collection_save(t.db, &got, &e), OK);
    assert_int_equal(peer_collection_enable(t.db, got.id, false, &e), OK);
    c.title = SV("renamed");
    assert_int_equal(peer_collection_note(t.db, &c, &e), OK); /* found again: cursor and choice stay */
    assert_int_equal(peer_collection_find(t.db, p.id, SV("renamed"), &arena, &got, &e), OK);
    assert_true(got.after == 5 && !got.enabled && got.seen == USEC_NONE);
    assert_text(got.next, "n");
    assert_int_equal(peer_collection_push(t.db, got.id, 9, &e), OK);
    const struct peer_refusal r = {.id = SV("i"), .message = SV("m"), .at = 1};
    for (int i = 0; i < 1005; i++) {
        assert_int_equal(peer_refusal_add(t.db, got.id, &r, &e), OK);
    }
    int kept = 0;
    assert_int_equal(peer_refusal_each(t.db, got.id, 5000, count_one, &kept, &e), OK);
    assert_int_equal(kept, 1000);
    assert_int_equal(db_end(t.db, true, &e), OK);
    assert_int_equal(peer_find(t.db, SV("tokyo"), &arena, &found, &e), OK);
    assert_true(uuid_eq(found.org, t.org[0]) && found.enabled);
    assert_int_equal(peer_find(t.db, SV("nobody"), &arena, &found, &e), ERR_NOT_FOUND);
    toy_close(&t);
}

static void test_check(void **state)
{
    struct toy t = {.now = 1};
    struct err e = ERR_NONE;
    struct peer p = sample(&t);
    assert_int_equal(peer_check(&p, &e), OK);
    p.name = SV("-x");
    assert_int_equal(peer_check(&p, &e), ERR_VALUE);
    p = sample(&t);
    p.pin = SV("abc");
    assert_int_equal(peer_check(&p, &e), ERR_VALUE);
    p = sample(&t);
    p.page = 0;
    assert_int_equal(peer_check(&p, &e), ERR_VALUE);
}

static void test_secret(void **state)
{
    char home[] = "/tmp/noroshi-peer-XXXXXX", path[200];
    struct err e = ERR_NONE;
    struct stat st;
    struct peer_secret s = {.user = SV("u"), .password = SV("p\"\\ \xE7\x8B\xBC"), .ca = SV("-----BEGIN")},
                       got;
    const struct peer p = {.uuid = SV("91a7b528-80eb-42ed-a74d-c6fbd5a26116"), .name = SV("x")};
    assert_non_null(mkdtemp(home));
    snprintf(path, sizeof(path), "%s/keys", home);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(peer_secret_read(home, &p, &arena, &got, &e), OK);
    assert_int_equal(got.password.n, 0);
    assert_int_equal(peer_secret_write(home, &p, &s, &e), OK);
    assert_int_equal(peer_secret_read(home, &p, &arena, &got, &e), OK);
    assert_true(sv_eq(got.user, s.user) && sv_eq(got.password, s.password) && sv_eq(got.ca, s.ca) &&
                got.key.n == 0);
    snprintf(path, sizeof(path), "%s/keys/peer-%.*s.json", home, SV_ARG(p.uuid));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    unlink(path);
    snprintf(path, sizeof(path), "%s/keys", home);
    rmdir(path);
    rmdir(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),     cmocka_unit_test(test_good_addresses),
        cmocka_unit_test(test_escape),   cmocka_unit_test(test_times),
        cmocka_unit_test(test_found),    cmocka_unit_test(test_error_words),
        cmocka_unit_test(test_status),   cmocka_unit_test(test_pages),
        cmocka_unit_test(test_manifest), cmocka_unit_test(test_rows),
        cmocka_unit_test(test_check),    cmocka_unit_test(test_secret),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
