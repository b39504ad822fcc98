/*
 * TAXII over HTTPS on one machine: pages a second, per core of the node's own processor time and in all, and
 * the time to the first byte, beside a static answer of the same size in the same run. The client is a thread
 * of this process; its processor time is taken off. `bench_taxii_http [OBJECTS [DIRECTORY]]`: default 10,000
 * and 100,000 in /tmp, and a million with NIGHTLY set.
 */
#include "serve/private.h"
#include "share/taxii/taxii.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MOST ((size_t)64 << 20)
#define PAGES_MOST 4000
#define FIRST_BYTE_GOAL 5.0 /* ms */
#define PAGES_GOAL 300.0    /* a second and core, 1,000 objects each */

static void must(int rc, const struct err *e, const char *what)
{
    if (rc != OK) {
        fprintf(stderr, "bench_taxii_http: %s: %s\n", what, e->text);
        exit(3);
    }
}

/* ---- the client */

struct client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    struct buf in;
    double first_ms; /* of the last answer */
    size_t body;     /* bytes of it, decoded from its chunks */
};

static void client_open(struct client *c, const char *address)
{
    const int on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct err e = ERR_NONE;
    uint64_t port = 0;
    struct sv text = sv_c(address);
    int rc;
    *c = (struct client){0};
    (void)sv_u64(sv_sub(text, sv_rchr(text, ':') + 1, SIZE_MAX), &port);
    to.sin_port = htons((uint16_t)port);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    err_set(&e, ERR_IO, "no connection to %s", address);
    must(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? OK : ERR_IO, &e, "client");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    gnutls_certificate_allocate_credentials(&c->credentials);
    gnutls_init(&c->session, GNUTLS_CLIENT);
    gnutls_set_default_priority(c->session);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials);
    gnutls_transport_set_int(c->session, c->fd);
    while ((rc = gnutls_handshake(c->session)) < 0 && !gnutls_error_is_fatal(rc)) {
    }
    must(rc == 0 ? OK : ERR_IO, &e, "handshake");
    buf_init(&c->in, ANSWER_MOST);
}

static void client_close(struct client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    close(c->fd);
    buf_clear(&c->in);
}

static bool receive(struct client *c)
{
    char *to = buf_reserve(&c->in, 65536);
    ssize_t n = GNUTLS_E_AGAIN;
    while (to && (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)) {
        n = gnutls_record_recv(c->session, to, 65536);
    }
    c->in.n += n > 0 ? (size_t)n : 0;
    return to && n > 0;
}

static struct sv header(struct sv head, const char *name)
{
    struct sv line, key;
    while (sv_line(&head, &line)) {
        if (sv_cut(&line, ':', &key) && sv_ieq(key, sv_c(name))) {
            return sv_trim(line);
        }
    }
    return SV_NONE;
}

/* The answer is whole: by its length, or by its last chunk. */
static bool whole(struct client *c, size_t head, uint64_t length, bool chunked)
{
    struct sv all = buf_sv(&c->in);
    if (!chunked) {
        c->body = all.n - head;
        return c->body >= length;
    }
    if (!sv_ends(all, SV("\r\n0\r\n\r\n"))) {
        return false;
    }
    struct sv rest = sv_sub(all, head, SIZE_MAX), line;
    c->body = 0;
    while (sv_line(&rest, &line)) {
        size_t n = strtoul(line.p, NULL, 16);
        if (n == 0) {
            return true;
        }
        c->body += n;
        if (rest.n < n + 2) {
            return false; /* the bytes of a last chunk by chance */
        }
        rest = sv_sub(rest, n + 2, SIZE_MAX);
    }
    return false;
}

/* One request and its answer; the status. */
static unsigned exchange(struct client *c, struct sv request)
{
    size_t end = SIZE_MAX;
    uint64_t length = 0;
    buf_reset(&c->in);
    usec from = time_ticks();
    if (gnutls_record_send(c->session, request.p, request.n) < 0) {
        return 0;
    }
    if (!receive(c)) {
        return 0;
    }
    c->first_ms = (double)(time_ticks() - from) / 1e3;
    while ((end = sv_find(sv_sub(buf_sv(&c->in), 0, 65536), SV("\r\n\r\n"))) == SIZE_MAX && receive(c)) {
    }
    struct sv head = sv_sub(buf_sv(&c->in), 0, end);
    unsigned status = head.n > 12 ? (unsigned)strtoul(head.p + 9, NULL, 10) : 0;
    bool chunked = header(head, "Transfer-Encoding").p != NULL;
    (void)sv_u64(header(head, "Content-Length"), &length);
    while (!whole(c, end + 4, length, chunked)) {
        if (!receive(c)) {
            return 0;
        }
    }
    return status;
}

/* ---- measuring */

struct result {
    unsigned pages;
    double seconds, cpu, p50, p99; /* cpu: seconds of the serving side alone */
    double bytes;                  /* an answer */
};

static double cpu_of(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double serving_cpu(void)
{
    return cpu_of(RUSAGE_SELF) - cpu_of(RUSAGE_THREAD);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct task {
    const char *address, *path, *key, *more;
    unsigned pages;
    bool follow; /* goes on with `next`, from the start again at the end */
};

static void make_request(struct buf *b, const struct task *t, struct sv next)
{
    buf_reset(b);
    buf_printf(b, "GET %s%s%.*s HTTP/1.1\r\nHost: bench\r\nAccept: application/taxii+json;version=2.1\r\n%s",
               t->path, next.n ? "&next=" : "", SV_ARG(next), t->more);
    if (t->key) {
        buf_printf(b, "Authorization: Bearer %s\r\n", t->key);
    }
    buf_add(b, SV("\r\n"));
}

/* `next` stands near the begin of a page. */
static struct sv next_of(struct client *c, char room[256])
{
    struct sv start = sv_sub(buf_sv(&c->in), 0, 4096), text = SV("\"next\":\"");
    size_t at = sv_find(start, text);
    struct sv rest = at == SIZE_MAX ? SV("") : sv_sub(start, at + text.n, SIZE_MAX), value = SV("");
    if (rest.n) {
        sv_cut(&rest, '"', &value);
    }
    sv_copy(value, room, 256);
    return sv_c(room);
}

static struct result measure(const struct task *t)
{
    struct client c;
    struct buf request;
    struct result r = {0};
    struct err e = ERR_NONE;
    static double first[PAGES_MOST];
    char room[256] = "";
    struct sv next = SV("");
    buf_init(&request, 65536);
    client_open(&c, t->address);
    err_set(&e, ERR_IO, "%s was not answered with 200", t->path);
    for (unsigned i = 0; i < t->pages + 5 && r.pages < PAGES_MOST; i++) {
        make_request(&request, t, next);
        if (i == 5) { /* warm */
            r.cpu = serving_cpu();
            r.seconds = (double)time_ticks();
        }
        must(exchange(&c, buf_sv(&request)) == 200 ? OK : ERR_IO, &e, "page");
        if (i >= 5) {
            first[r.pages++] = c.first_ms;
            r.bytes += (double)c.body;
        }
        next = t->follow ? next_of(&c, room) : SV("");
    }
    r.seconds = ((double)time_ticks() - r.seconds) / 1e6;
    r.cpu = serving_cpu() - r.cpu;
    r.bytes /= r.pages;
    qsort(first, r.pages, sizeof(*first), compare_doubles);
    r.p50 = first[r.pages / 2];
    r.p99 = first[r.pages * 99 / 100];
    client_close(&c);
    buf_clear(&request);
    return r;
}

/* ---- the limit: the same bytes from memory through the same server */

static struct sv still;

static int still_head(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file,
                      void **ret_user)
{
    return 0;
}

static void still_body(void *ctx, struct http_request *r, void *user)
{
    http_respond_static(r, 200, "application/taxii+json;version=2.1", NULL, still);
}

static struct result measure_still(const struct node *n, double bytes, unsigned pages)
{
    struct err e = ERR_NONE;
    char cert[4200], key[4200];
    const struct http_handler h = {.head = still_head, .body = still_body};
    snprintf(cert, sizeof(cert), "%s/tls/cert.pem", n->home);
    snprintf(key, sizeof(key), "%s/tls/key.pem", n->home);
    const struct http_opts o = {.listen = "127.0.0.1:0",
                                .cert_file = cert,
                                .key_file = key,
                                .threads = 2,
                                .max_connections = 10,
                                .max_per_address = 10,
                                .idle_seconds = 60,
                                .max_head = 16384};
    char *block = calloc(1, (size_t)bytes + 1);
    memset(block, 'x', (size_t)bytes);
    still = sv_from(block, (size_t)bytes);
    struct http_server *s = http_start(&o, &h, &e);
    must(s ? OK : e.code, &e, "static server");
    const struct task t = {.address = http_address(s), .path = "/", .more = "", .pages = pages};
    struct result r = measure(&t);
    http_stop(s, 1);
    free(block);
    return r;
}

static void print(const char *what, const struct result *r, const struct result *limit)
{
    printf("%-34s %6.0f pages/s, %6.0f a core of the node (%.2f of a static answer), %4.0f kB a page; first "
           "byte p50 "
           "%.2f ms, p99 %.2f ms\n",
           what, r->pages / r->seconds, r->pages / r->cpu, (r->pages / r->cpu) / (limit->pages / limit->cpu),
           r->bytes / 1e3, r->p50, r->p99);
}

/* ---- a node with objects */

static int make_bundle(unsigned objects)
{
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    struct buf b;
    struct err e = ERR_NONE;
    buf_init(&b, (size_t)2 << 30);
    buf_add(
        &b,
        SV("{\"type\":\"bundle\",\"id\":\"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d\",\"objects\":[\n"));
    for (unsigned i = 0; i < objects; i++) {
        char id[37];
        uuid_text(uuid_v4(), id);
        buf_printf(
            &b,
            "%s{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--%s\",\"created\":\"2026-"
            "05-%02uT10:00:00.000Z\",\"modified\":\"2026-05-%02uT10:00:00.000Z\","
            "\"created_by_ref\":\"identity--311b2d2d-f010-4473-83ec-1edf84858f4c\",\"name\":\"Indicator %u "
            "of a campaign\",\"description\":\"Seen in mails to city governments\","
            "\"indicator_types\":[\"malicious-activity\"],\"pattern\":\"[domain-name:value = "
            "'s%u.evil%u.example']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-05-01T00:00:00Z\"}",
            i ? ",\n" : "", id, i % 28 + 1, i % 28 + 1, i, i, i % 977);
    }
    buf_add(&b, SV("]}\n"));
    must(fd_write_all(fd, buf_sv(&b), &e), &e, "bundle");
    must(lseek(fd, 0, SEEK_SET) == 0 ? OK : ERR_IO, &e, "bundle");
    buf_clear(&b);
    return fd;
}

static void fill(struct node *n, unsigned objects)
{
    struct err e = ERR_NONE;
    struct take_report r;
    struct source s = {.uuid = uuid_v4(),
                       .org = n->org,
                       .name = SV("feed"),
                       .reliability = 'B',
                       .zone = SV("UTC"),
                       .tlp = TLP_GREEN};
    const struct take_opts o = {.parsers = n->parsers, .source = &s, .now = time_now()};
    int fd = make_bundle(objects);
    must(db_begin(n->db, &e), &e, "begin");
    must(source_put(n->ledger, n->db, &s, time_now(), &e), &e, "source");
    must(db_end(n->db, true, &e), &e, "commit");
    must(fuse_take(n->fuse, fd, SV("bundle"), &o, &r, &e), &e, "bundle");
    close(fd);
}

static char path[256];

static int note_collection(void *ctx, const struct taxii_collection *c)
{
    snprintf(path, sizeof(path), "/taxii2/root/collections/%.*s", SV_ARG(c->uuid));
    return OK;
}

static void collect(struct node *n)
{
    struct err e = ERR_NONE;
    struct arena a;
    const struct taxii t = {
        .db = n->db, .fuse = n->fuse, .ledger = n->ledger, .parsers = n->parsers, .secret = &n->secret};
    arena_init(&a, 1 << 20);
    if (db_value(n->db, "SELECT count(*) FROM api_root", 0) == 0) {
        must(db_begin(n->db, &e), &e, "begin");
        must(taxii_begin(&t, SV("Bench"), time_now(), &e), &e, "root");
        must(db_end(n->db, true, &e), &e, "commit");
    }
    usec from = time_ticks();
    int64_t members = 0, before;
    do { /* it takes some at a time */
        before = members;
        must(taxii_collect(&t, time_now(), &e), &e, "collect");
        members = db_value(n->db, "SELECT count(*) FROM member", 0);
    } while (members > before);
    double seconds = (double)(time_ticks() - from) / 1e6;
    must(taxii_collection_each(n->db, 0, &a, note_collection, NULL, &e), &e, "collection");
    printf("%lld objects collected in %.1f s\n", (long long)members, seconds);
    arena_clear(&a);
}

static int remove_one(const char *file, const struct stat *st, int kind, struct FTW *at)
{
    return remove(file);
}

static void measure_all(struct node *n, const char *address, const char *key, unsigned objects)
{
    static const struct {
        const char *what, *tail, *more;
        bool follow, page;
    } tasks[] = {
        {"first page of 1,000", "/objects/?limit=1000", "", false, true},
        {"walk by pages of 1,000", "/objects/?limit=1000", "", true, true},
        {"walk by pages of 1,000, gzip", "/objects/?limit=1000", "Accept-Encoding: gzip\r\n", true, false},
        {"walk by pages of 100", "/objects/?limit=100", "", true, false},
        {"manifest by pages of 1,000", "/manifest/?limit=1000", "", true, false},
    };
    for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
        char full[400];
        snprintf(full, sizeof(full), "%s%s", path, tasks[i].tail);
        const struct task t = {.address = address,
                               .path = full,
                               .key = key,
                               .more = tasks[i].more,
                               .pages = objects >= 100000 ? 400 : 200,
                               .follow = tasks[i].follow};
        struct result r = measure(&t), limit = measure_still(n, r.bytes, t.pages);
        print(tasks[i].what, &r, &limit);
        if (tasks[i].page) {
            printf("%-34s pages a core %.2f of %.0f; first byte p50 %.2f of %.0f ms\n",
                   "  against the budget:", r.pages / r.cpu / PAGES_GOAL, PAGES_GOAL, r.p50 / FIRST_BYTE_GOAL,
                   FIRST_BYTE_GOAL);
        }
    }
}

static void run(unsigned objects, const char *dir)
{
    struct err e = ERR_NONE;
    struct node n;
    char home[4096], password[64], key[64];
    snprintf(home, sizeof(home), "%s/noroshi-bench-taxii-%d", dir, (int)getpid());
    const struct node_init i = {.dir = home,
                                .name = "bench.example",
                                .country = "TW",
                                .zone = "UTC",
                                .user = "admin",
                                .password = "a password for benches"};
    must(node_make(&i, password, &e), &e, "home");
    must(node_open(home, NODE_WRITE, &n, &e), &e, "node");
    fill(&n, objects);
    collect(&n);
    must(key_make(n.db, SV("bench"), n.org, ROLE_ADMIN, 0, time_now(), USEC_NONE, key, &e), &e, "key");
    must(conf_set(n.conf, SV("http.listen"), SV("127.0.0.1:0"), &e), &e, "address");
    struct web *web = web_start(&n, &e);
    must(web ? OK : e.code, &e, "HTTPS");
    measure_all(&n, web_address(web), key, objects);
    web_stop(web);
    node_close(&n);
    (void)nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    struct err e = ERR_NONE;
    const char *dir = argc > 2 ? argv[2] : "/tmp";
    must(crypto_start(&e), &e, "start");
    if (argc > 1) {
        run((unsigned)strtoul(argv[1], NULL, 10), dir);
        return 0;
    }
    run(10000, dir);
    run(100000, dir);
    if (getenv("NIGHTLY")) {
        run(1000000, dir);
    }
    return 0;
}
