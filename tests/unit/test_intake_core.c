#include "transcript.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

static struct parsers *parsers;
static const struct intake_opts plain = {.mapping = {"", 0}, .format = {"", 0}, .name = {"input", 5}};

static int open_bytes(struct sv bytes)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    struct err e = ERR_NONE;
    if (fd < 0 || fd_write_all(fd, bytes, &e) < 0 || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    return fd;
}

/* The same bytes in this process and through a worker: every call, the result and the error's text must be
 * the same. */
static int both(struct sv bytes, const struct intake_opts *o, struct transcript *ret, struct err *e)
{
    struct transcript other;
    struct err inside = ERR_NONE, outside = ERR_NONE;
    int fd = open_bytes(bytes);
    transcript_init(ret);
    transcript_init(&other);
    struct intake_sink sink = transcript_sink(ret), other_sink = transcript_sink(&other);
    int rc = intake_parse(fd, o, &sink, &inside);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(intake_run(parsers, fd, o, &other_sink, &outside), rc);
    assert_int_equal(ret->calls, other.calls);
    assert_true(sv_eq(buf_sv(&ret->b), buf_sv(&other.b)));
    if (rc < 0) {
        assert_string_equal(inside.text, outside.text);
        assert_string_equal(inside.remedy, outside.remedy);
        assert_int_equal(inside.line, outside.line);
        assert_true(inside.offset == outside.offset);
    }
    buf_clear(&other.b);
    close(fd);
    if (e)
        *e = inside;
    return rc;
}

static bool said(const struct transcript *t, const char *text)
{
    return sv_find(buf_sv(&t->b), sv_c(text)) != SIZE_MAX;
}

/* ---- archives and compression ---------------------------------------------------------------- */

static void tar_header(char h[512], const char *name, const char *size, char type)
{
    unsigned sum = 0;
    memset(h, 0, 512);
    snprintf(h, 100, "%s", name);
    memcpy(h + 100, "0000644\0", 8);
    snprintf(h + 124, 12, "%s", size);
    memcpy(h + 136, "00000000000\0", 12);
    h[156] = type;
    memcpy(h + 257, "ustar\00000", 8);
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)h[i];
    char digits[16];
    snprintf(digits, sizeof(digits), "%06o", sum & 0777777u);
    memcpy(h + 148, digits, 7);
}

static void tar_add(struct buf *b, const char *name, char type, struct sv content)
{
    char h[512], size[16];
    static const char zeros[512];
    snprintf(size, sizeof(size), "%011zo", content.n);
    tar_header(h, name, size, type);
    buf_addp(b, h, sizeof(h));
    buf_add(b, content);
    buf_addp(b, zeros, (512 - content.n % 512) % 512);
}

static void tar_end(struct buf *b)
{
    static const char zeros[1024];
    buf_addp(b, zeros, sizeof(zeros));
}

static void gzip_add(struct buf *b, struct sv content)
{
    z_stream z = {0};
    size_t room = content.n + content.n / 100 + 256;
    char *p = buf_reserve(b, room);
    assert_non_null(p);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)content.p;
    z.avail_in = (unsigned)content.n;
    z.next_out = (unsigned char *)p;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b->n += room - z.avail_out;
    deflateEnd(&z);
}

#define LIST_A SV("192.0.2.1\n192.0.2.2 # two\nnot a value at all\n")
#define LIST_B SV("type,value\ndomain,bad.example\n")

static void members_of_archives(void **state)
{
    struct buf inner, tar, gz;
    struct transcript t;
    buf_init(&inner, 1u << 20);
    buf_init(&tar, 1u << 20);
    buf_init(&gz, 1u << 20);
    tar_add(&inner, "deep.txt", '0', LIST_A);
    tar_end(&inner);
    buf_reset(&gz);
    gzip_add(&gz, LIST_A);
    tar_add(&tar, "dir/", '5', SV(""));
    tar_add(&tar, "dir/a.txt", '0', LIST_A);
    tar_add(&tar, "dir/b.txt.gz", '0', buf_sv(&gz));
    tar_add(&tar, "inner.tar", '0', buf_sv(&inner));
    tar_add(&tar, "empty", '0', SV(""));
    tar_add(&tar, "link", '2', SV(""));
    tar_add(&tar, "picture.png", '0', SV("\x89PNG\r\n\x1a\n and so on"));
    tar_add(&tar, "long", 'L', SV("a/very/long/name/that/an/old/header/cannot/hold.csv"));
    tar_add(&tar, "a/very/long/nam", '0', LIST_B);
    tar_add(&tar, "pax", 'x', SV("25 path=named/by/pax.csv\n"));
    tar_add(&tar, "short", '0', LIST_B);
    tar_end(&tar);

    assert_int_equal(both(buf_sv(&tar), &plain, &t, NULL), OK);
    assert_true(said(&t, "member list 9:dir/a.txt"));
    assert_true(said(&t, "member list 12:dir/b.txt.gz"));
    assert_true(said(&t, "member list 18:inner.tar/deep.txt"));
    assert_true(said(&t, "member empty 5:empty"));
    assert_true(said(&t, "member unknown 4:link"));
    assert_true(said(&t, "member unknown 11:picture.png"));
    assert_true(said(&t, "member csv 51:a/very/long/name/that/an/old/header/cannot/hold.csv"));
    assert_true(said(&t, "member csv 16:named/by/pax.csv"));
    /* Three lists of three lines, two tables of one row, two members that cannot be read. */
    assert_int_equal(t.records, 3 * 3 + 2 + 2);
    assert_int_equal(t.claims, 3 * 2 + 2);
    assert_int_equal(t.rejects, 3 + 2);
    buf_clear(&t.b);

    /* Only what the source's mapping names; '*' also stands for a path. */
    const struct intake_opts some = {.name = SV("x"),
                                     .mapping = SV("{\"members\":\"*/a.txt *by*.csv *.png\"}")};
    assert_int_equal(both(buf_sv(&tar), &some, &t, NULL), OK);
    assert_true(said(&t, "member list 9:dir/a.txt"));
    assert_true(said(&t, "member csv 16:named/by/pax.csv"));
    assert_int_equal(t.records, 3 + 1 + 1);
    buf_clear(&t.b);

    /* The whole archive compressed is the same archive. */
    struct transcript packed;
    buf_reset(&gz);
    gzip_add(&gz, buf_sv(&tar));
    assert_int_equal(both(buf_sv(&gz), &plain, &packed, NULL), OK);
    assert_int_equal(packed.records, 13);
    assert_int_equal(packed.claims, 8);
    buf_clear(&packed.b);

    /* Cut anywhere: what was whole before is given, and the end is told. */
    for (size_t cut = 1; cut < gz.n; cut += 37) {
        struct err e = ERR_NONE;
        assert_true(both(sv_sub(buf_sv(&gz), 0, cut), &plain, &packed, &e) < 0);
        assert_true(e.text[0] != 0);
        buf_clear(&packed.b);
    }
    buf_clear(&inner);
    buf_clear(&tar);
    buf_clear(&gz);
}

static void a_truncated_list_keeps_what_came(void **state)
{
    struct buf text, gz;
    struct transcript t;
    struct err e = ERR_NONE;
    buf_init(&text, 1u << 22);
    buf_init(&gz, 1u << 22);
    for (unsigned i = 0; i < 50000; i++)
        buf_printf(&text, "198.18.%u.%u\n", i * 7919u % 65536u >> 8, i * 7919u % 256u);
    gzip_add(&gz, buf_sv(&text));
    assert_int_equal(both(sv_sub(buf_sv(&gz), 0, gz.n / 2), &plain, &t, &e), ERR_CORRUPT);
    assert_in_range(t.claims, 1000, 49999);
    buf_clear(&t.b);
    buf_clear(&text);
    buf_clear(&gz);
}

static void hostile_archives(void **state)
{
    static const char *const sizes[] = {"77777777777", "-1",
                                        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                                        "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "99999999999"};
    struct transcript t;
    struct err e;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf tar;
        char h[512];
        buf_init(&tar, 1u << 16);
        tar_add(&tar, "good.txt", '0', LIST_A);
        tar_header(h, "bad.txt", "00000000000", '0');
        memcpy(h + 124, sizes[i], i == 2 || i == 3 ? 12 : strlen(sizes[i]) + 1);
        memset(h + 148, ' ', 8);
        unsigned sum = 0;
        for (size_t k = 0; k < sizeof(h); k++)
            sum += (unsigned char)h[k];
        snprintf(h + 148, 8, "%06o", sum & 0777777u);
        buf_addp(&tar, h, sizeof(h));
        buf_add(&tar, LIST_A);
        e = ERR_NONE;
        assert_int_equal(both(buf_sv(&tar), &plain, &t, &e), ERR_CORRUPT);
        assert_true(t.claims >= 2);
        buf_clear(&t.b);
        buf_clear(&tar);
    }

    /* Archives in archives in archives end somewhere. */
    struct buf a, b;
    buf_init(&a, 1u << 20);
    buf_init(&b, 1u << 20);
    tar_add(&a, "x.txt", '0', LIST_A);
    tar_end(&a);
    for (unsigned i = 0; i < 6; i++) {
        buf_reset(&b);
        tar_add(&b, "t.tar", '0', buf_sv(&a));
        tar_end(&b);
        buf_reset(&a);
        buf_add(&a, buf_sv(&b));
    }
    assert_int_equal(both(buf_sv(&a), &plain, &t, NULL), OK);
    assert_int_equal(t.rejects, 1);
    assert_true(said(&t, "nested"));
    buf_clear(&t.b);
    buf_clear(&a);
    buf_clear(&b);
}

static void files_in_no_format(void **state)
{
    struct transcript t;
    struct err e = ERR_NONE;
    assert_int_equal(both(SV(""), &plain, &t, &e), OK);
    assert_true(t.records == 0 && said(&t, "member empty 0:"));
    buf_clear(&t.b);
    assert_int_equal(both(SV("\xef\xbb\xbf \n\r\n"), &plain, &t, &e), OK);
    assert_true(said(&t, "member empty"));
    buf_clear(&t.b);
    assert_int_equal(both(SV("Once upon a time\nthere was a text\n"), &plain, &t, &e), ERR_UNSUPPORTED);
    buf_clear(&t.b);
    assert_int_equal(both(SV("\xff\xfe"
                             "1\0.\0"),
                          &plain, &t, &e),
                     ERR_UNSUPPORTED);
    assert_non_null(strstr(e.remedy, "UTF-16"));
    buf_clear(&t.b);
    struct intake_opts forced = plain;
    forced.format = SV("nonsense");
    assert_int_equal(both(LIST_A, &forced, &t, &e), ERR_USAGE);
    buf_clear(&t.b);
}

static void every_format_has_a_name(void **state)
{
    size_t n;
    const struct intake_format *f = intake_formats(&n);
    assert_true(n >= 11);
    for (size_t i = 0; i < n; i++) {
        assert_true(f[i].name[0] && f[i].text[0] && f[i].detect && f[i].read);
        assert_ptr_equal(intake_format_find(sv_c(f[i].name)), &f[i]);
        assert_int_equal(f[i].detect(SV(""), SV("")), 0);
    }
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void events(struct buf *b, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        buf_printf(b,
                   "{\"timestamp\":\"2026-08-22T10:%02u:%02u.000000+0000\",\"event_type\":\"dns\",\"src_ip\":"
                   "\"192.0.2.%u\","
                   "\"src_port\":53,\"dest_ip\":\"198.51.100.1\",\"dest_port\":53,\"proto\":\"UDP\","
                   "\"dns\":{\"type\":\"query\",\"rrname\":\"h%u.example\",\"rrtype\":\"A\"}}\n",
                   i / 60 % 60, i % 60, i % 250, i);
}

static void chunks_depend_on_the_bytes_alone(void **state)
{
    struct buf all, gz;
    struct transcript t, again;
    struct intake_opts eve = plain;
    eve.format = SV("eve");
    buf_init(&all, 1u << 24);
    buf_init(&gz, 1u << 24);
    events(&all, 0, 20000);
    assert_int_equal(both(buf_sv(&all), &plain, &t, NULL), OK);
    assert_true(said(&t, "member eve 0:"));
    assert_int_equal(t.observations, 20000);
    assert_int_equal(t.records, 20000);
    assert_in_range(t.chunks, 3, 12);
    /* Compressed: the same chunks. */
    gzip_add(&gz, buf_sv(&all));
    assert_int_equal(both(buf_sv(&gz), &eve, &again, NULL), OK);
    assert_true(sv_eq(buf_sv(&t.b), buf_sv(&again.b)));
    buf_clear(&again.b);
    /* More behind: all chunks but the last stay as they are. */
    size_t last = 0;
    for (struct sv rest = buf_sv(&t.b); (rest.n);) {
        size_t at = sv_find(rest, SV("\nchunk "));
        if (at == SIZE_MAX)
            break;
        last = (size_t)(rest.p - t.b.p) + at;
        rest = sv_sub(rest, at + 1, rest.n);
    }
    events(&all, 20000, 30000);
    assert_int_equal(both(buf_sv(&all), &plain, &again, NULL), OK);
    assert_int_equal(again.observations, 30000);
    assert_true(last > 0 && memcmp(t.b.p, again.b.p, last) == 0);
    buf_clear(&again.b);
    buf_clear(&t.b);
    buf_clear(&all);
    buf_clear(&gz);
}

/* The hash is that of the records' bytes, one after the other. */
static void a_chunk_is_named_by_its_bytes(void **state)
{
    struct buf b;
    struct transcript t;
    buf_init(&b, 1u << 16);
    events(&b, 0, 3);
    struct sv rest = buf_sv(&b), line;
    struct sha256_state s;
    sha256_start(&s);
    uint64_t length = 0;
    while (rest.n && sv_line(&rest, &line)) {
        sha256_more(&s, line);
        length += line.n;
    }
    struct sha256 want = sha256_end(&s);
    assert_int_equal(both(buf_sv(&b), &plain, &t, NULL), OK);
    assert_int_equal(t.chunks, 1);
    char head[64];
    int n = snprintf(head, sizeof(head), "chunk 0 %llu ", (unsigned long long)length);
    size_t at = sv_find(buf_sv(&t.b), sv_from(head, (size_t)n));
    assert_true(at != SIZE_MAX);
    assert_memory_equal(t.b.p + at + n, want.b, sizeof(want.b));
    /* It comes before what it holds. */
    assert_true(at < sv_find(buf_sv(&t.b), SV("record")));
    buf_clear(&t.b);
    buf_clear(&b);
}

/* ---- the parser processes -------------------------------------------------------------------- */

static void a_refusal_of_the_sink_ends_the_run(void **state)
{
    struct buf text;
    buf_init(&text, 1u << 24);
    for (unsigned i = 0; i < 200000; i++)
        buf_printf(&text, "198.18.%u.%u\n", i >> 8 & 255, i & 255);
    int fd = open_bytes(buf_sv(&text));
    for (unsigned i = 0; i < 3; i++) {
        struct transcript t;
        struct err e = ERR_NONE;
        transcript_init(&t);
        t.stop_after = 1000;
        struct intake_sink sink = transcript_sink(&t);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(i == 0 ? intake_parse(fd, &plain, &sink, &e)
                                : intake_run(parsers, fd, &plain, &sink, &e),
                         ERR_CANCELLED);
        assert_int_equal(t.calls, 1000);
        buf_clear(&t.b);
    }
    close(fd);
    buf_clear(&text);
}

/* Only a number for the test: the worker's id is found by what it holds open. */
static pid_t find_worker(pid_t nursery)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)nursery, (int)nursery);
    for (unsigned i = 0; i < 500; i++) {
        struct buf b;
        struct err e = ERR_NONE;
        buf_init(&b, 4096);
        int rc = file_read(AT_FDCWD, path, &b, &e);
        sv_copy(buf_sv(&b), text, sizeof(text));
        buf_clear(&b);
        if (rc == OK && text[0] > '0')
            return (pid_t)strtol(text, NULL, 10);
        usleep(10000);
    }
    return -1;
}

static pid_t newest_child(void)
{
    char path[64], text[4096];
    struct buf b;
    struct err e = ERR_NONE;
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    buf_init(&b, sizeof(text));
    if (file_read(AT_FDCWD, path, &b, &e) < 0)
        return -1;
    sv_copy(sv_trim(buf_sv(&b)), text, sizeof(text));
    buf_clear(&b);
    const char *space = strrchr(text, ' ');
    return (pid_t)strtol(space ? space + 1 : text, NULL, 10);
}

struct stuck {
    struct parsers *p;
    int fd;
    struct transcript t;
    struct err e;
    int rc;
};

static void *run_stuck(void *arg)
{
    struct stuck *s = arg;
    struct intake_sink sink = transcript_sink(&s->t);
    s->rc = intake_run(s->p, s->fd, &plain, &sink, &s->e);
    return NULL;
}

static void a_killed_worker_is_an_error(void **state)
{
    static const struct {
        int signal, code;
        const char *text;
    } cases[] = {{SIGKILL, ERR_LIMIT, "signal 9"},
                 {SIGSEGV, ERR_INTERNAL, "signal 11"},
                 {SIGXCPU, ERR_LIMIT, "processor time"}};
    struct err e = ERR_NONE;
    struct parsers *own = parsers_start(&e);
    assert_non_null(own);
    pid_t nursery = newest_child();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int input[2];
        pthread_t thread;
        struct stuck s = {.p = own, .e = ERR_NONE};
        assert_int_equal(pipe2(input, O_CLOEXEC), 0);
        s.fd = input[0];
        transcript_init(&s.t);
        /* A worker whose input does not end. */
        assert_int_equal(pthread_create(&thread, NULL, run_stuck, &s), 0);
        pid_t worker = find_worker(nursery);
        assert_true(worker > 1);
        assert_true(write(input[1], "192.0.2.1\n", 10) == 10);
        usleep(50000);
        assert_int_equal(kill(worker, cases[i].signal), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(s.rc, cases[i].code);
        if (!strstr(s.e.text, cases[i].text))
            fail_msg("%s", s.e.text);
        close(input[0]);
        close(input[1]);
        buf_clear(&s.t.b);
    }
    /* The next file is read as ever. */
    struct transcript t;
    transcript_init(&t);
    struct intake_sink sink = transcript_sink(&t);
    int fd = open_bytes(LIST_A);
    assert_int_equal(intake_run(own, fd, &plain, &sink, &e), OK);
    assert_int_equal(t.records, 3);
    close(fd);
    buf_clear(&t.b);
    parsers_stop(own);
}

static int give_up(void *ctx, struct err *e)
{
    *(pid_t *)ctx = find_worker(*(pid_t *)ctx);
    return err_set(e, ERR_CANCELLED, "enough");
}

/* Its input never ends and nobody reads what it says: it must not stay. */
static void an_abandoned_worker_is_ended(void **state)
{
    struct err e = ERR_NONE;
    struct parsers *own = parsers_start(&e);
    int input[2];
    assert_non_null(own);
    pid_t id = newest_child();
    const struct intake_sink sink = {.ctx = &id, .idle = give_up};
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(intake_run(own, input[0], &plain, &sink, &e), ERR_CANCELLED);
    assert_true(id > 1);
    unsigned waited = 0;
    while (kill(id, 0) == 0 && waited++ < 500)
        usleep(10000);
    assert_true(waited < 500);
    close(input[0]);
    close(input[1]);
    parsers_stop(own);
}

static void a_dead_nursery_is_an_error(void **state)
{
    struct err e = ERR_NONE;
    struct parsers *own = parsers_start(&e);
    struct transcript t;
    assert_non_null(own);
    assert_int_equal(kill(newest_child(), SIGKILL), 0);
    transcript_init(&t);
    struct intake_sink sink = transcript_sink(&t);
    int fd = open_bytes(LIST_A);
    assert_true(intake_run(own, fd, &plain, &sink, &e) < 0);
    assert_int_equal(t.records, 0);
    close(fd);
    buf_clear(&t.b);
    parsers_stop(own);
}

static void *run_list(void *arg)
{
    struct stuck *s = arg;
    for (unsigned i = 0; i < 20 && s->rc == OK; i++) {
        struct intake_sink sink = transcript_sink(&s->t);
        int fd = open_bytes(LIST_A);
        s->rc = intake_run(s->p, fd, &plain, &sink, &s->e);
        close(fd);
    }
    return NULL;
}

static void many_threads_share_the_parsers(void **state)
{
    struct stuck s[4];
    pthread_t thread[4];
    for (size_t i = 0; i < 4; i++) {
        s[i] = (struct stuck){.p = parsers, .e = ERR_NONE};
        transcript_init(&s[i].t);
        assert_int_equal(pthread_create(&thread[i], NULL, run_list, &s[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(s[i].rc, OK);
        assert_int_equal(s[i].t.records, 60);
        buf_clear(&s[i].t.b);
    }
}

/* The zone is loaded before the worker narrows itself; the mapping goes with the job. */
static void the_settings_reach_the_worker(void **state)
{
    struct err e = ERR_NONE;
    struct transcript t;
    struct intake_opts o = {
        .zone = zone_find(SV("Asia/Taipei"), &e),
        .mapping = SV("{\"columns\":{\"1\":\"value\",\"2\":\"last\"},\"header\":0}"),
        .format = SV("csv"),
        .name = SV("x.csv"),
    };
    if (!o.zone)
        skip();
    assert_int_equal(both(SV("bad.example,2026-08-22 10:00:00\n"), &o, &t, &e), OK);
    assert_int_equal(t.claims, 1);
    buf_clear(&t.b);
}

/* Every file of the shared data: nothing may hang on which process reads it. */
static size_t shared_files;

static int compare_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    struct transcript t;
    struct err e = ERR_NONE;
    struct buf b;
    if (type != FTW_F || st->st_size > 8 << 20)
        return 0;
    buf_init(&b, 9u << 20);
    assert_int_equal(file_read(AT_FDCWD, path, &b, &e), OK);
    (void)both(buf_sv(&b), &plain, &t, &e);
    assert_int_equal(t.records > 0, t.claims + t.rejects + t.observations + t.others > 0);
    shared_files++;
    buf_clear(&t.b);
    buf_clear(&b);
    return 0;
}

static void every_shared_file_reads_the_same(void **state)
{
    const char *shared = getenv("NOROSHI_SHARED");
    char path[512];
    snprintf(path, sizeof(path), "%s/data", shared ? shared : "../shared");
    if (access(path, R_OK) != 0)
        skip();
    assert_int_equal(nftw(path, compare_file, 16, FTW_PHYS), 0);
    assert_true(shared_files > 400);
}

static int start(void **state)
{
    struct err e = ERR_NONE;
    parsers = parsers_start(&e);
    return parsers && crypto_start(&e) == OK ? 0 : -1;
}

static int stop(void **state)
{
    parsers_stop(parsers);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_archives),
        cmocka_unit_test(a_truncated_list_keeps_what_came),
        cmocka_unit_test(hostile_archives),
        cmocka_unit_test(files_in_no_format),
        cmocka_unit_test(every_format_has_a_name),
        cmocka_unit_test(chunks_depend_on_the_bytes_alone),
        cmocka_unit_test(a_chunk_is_named_by_its_bytes),
        cmocka_unit_test(a_refusal_of_the_sink_ends_the_run),
        cmocka_unit_test(a_killed_worker_is_an_error),
        cmocka_unit_test(an_abandoned_worker_is_ended),
        cmocka_unit_test(a_dead_nursery_is_an_error),
        cmocka_unit_test(many_threads_share_the_parsers),
        cmocka_unit_test(the_settings_reach_the_worker),
        cmocka_unit_test(every_shared_file_reads_the_same),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
