/* Whole files, decompressing streams, lines. */
#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>

#define WHOLE UINT64_MAX

static char home[] = "/tmp/noroshi-file-XXXXXX";
static int home_fd = -1;

static int make_home(void **state)
{
    if (crypto_start(NULL) != OK || !mkdtemp(home))
        return -1;
    home_fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return home_fd < 0 ? -1 : 0;
}

static int remove_home(void **state)
{
    (void)unlinkat(home_fd, "a", 0);
    (void)unlinkat(home_fd, "d", AT_REMOVEDIR);
    close_fd(&home_fd);
    return rmdir(home);
}

static int fd_of(struct sv bytes)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, bytes, NULL), OK);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* A member of its own, as gzip(1) writes it. */
static void add_gzip(struct buf *out, struct sv bytes)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, bytes.n) + 32;
    z.next_in = (Bytef *)(uintptr_t)bytes.p;
    z.avail_in = (uInt)bytes.n;
    z.next_out = (Bytef *)buf_reserve(out, room);
    assert_non_null(z.next_out);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n += room - z.avail_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
}

static void add_zstd(struct buf *out, struct sv bytes)
{
    size_t room = ZSTD_compressBound(bytes.n);
    char *at = buf_reserve(out, room);
    assert_non_null(at);
    size_t n = ZSTD_compress(at, room, bytes.p, bytes.n, 3);
    assert_false(ZSTD_isError(n));
    out->n += n;
}

/* Lines that differ, so that they compress like a log and not like a bomb. */
static void fill_log(struct buf *b, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        buf_printf(b, "%zu 192.0.2.%zu host%zu.example GET /%zx\n", i, i % 256, i * 7919 % 10007,
                   i * 2654435761u);
}

/* Reads all of a stream in odd steps; returns the last code. */
static int drain(struct stream *s, struct buf *out, struct err *e)
{
    for (size_t step = 1;; step = step * 3 % 70001 + 1) {
        char *at = buf_reserve(out, step);
        assert_non_null(at);
        ptrdiff_t n = stream_read(s, at, step, e);
        if (n <= 0)
            return (int)n;
        assert_true((size_t)n <= step);
        out->n += (size_t)n;
    }
}

static int drain_bytes(struct sv bytes, uint64_t max_out, unsigned ratio, struct buf *out, const char *coding,
                       struct err *e)
{
    int fd = fd_of(bytes);
    struct stream *s = stream_new(fd, max_out, ratio);
    assert_non_null(s);
    buf_reset(out);
    int rc = drain(s, out, e);
    assert_string_equal(stream_coding(s), coding);
    /* The end and a failure stay. */
    char c;
    assert_int_equal(stream_read(s, &c, 1, NULL), rc);
    stream_free(s);
    close_fd(&fd);
    return rc;
}

static void files_are_read_and_replaced(void **state)
{
    struct err e = ERR_NONE;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(file_read(home_fd, "a", &b, &e), ERR_NOT_FOUND);
    assert_int_equal(file_write(home_fd, "a", SV("0123456789"), 0640, &e), OK);
    struct stat st;
    assert_int_equal(fstatat(home_fd, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(file_read(home_fd, "a", &b, &e), OK);
    assert_true(sv_eq(buf_sv(&b), SV("0123456789")));
    assert_int_equal(file_write(home_fd, "a", SV("0123456789x"), 0600, &e), OK);
    assert_int_equal(file_read(home_fd, "a", &b, &e), ERR_LIMIT);
    assert_int_equal(file_write(home_fd, "a", SV(""), 0600, &e), OK);
    assert_int_equal(file_read(home_fd, "a", &b, &e), OK);
    assert_int_equal(b.n, 0);
    assert_int_equal(file_write(home_fd, "no/such", SV("x"), 0600, &e), ERR_NOT_FOUND);
    assert_int_equal(dir_make(home_fd, "d", 0700, &e), OK);
    assert_int_equal(dir_make(home_fd, "d", 0700, &e), OK);
    assert_int_equal(dir_make(home_fd, "a", 0700, &e), ERR_EXISTS);
    /* A name that cannot be replaced: nothing is left beside it (remove_home would fail). */
    assert_true(file_write(home_fd, "d", SV("x"), 0600, &e) < 0);
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/a", home);
    assert_int_equal(file_write(AT_FDCWD, path, SV("y"), 0600, &e), OK);
    assert_int_equal(file_read(AT_FDCWD, path, &b, &e), OK);
    assert_true(file_read(home_fd, "d", &b, &e) < 0);
    buf_clear(&b);
}

static void full_disks_are_named(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        skip();
    }
    struct err e;
    assert_int_equal(fd_write_all(fd, SV("x"), &e), ERR_FULL);
    close_fd(&fd);
    assert_int_equal(fd, -1);
    close_fd(&fd);
}

static void streams_give_what_was_packed(void **state)
{
    struct buf plain, packed, out;
    buf_init(&plain, 16 << 20);
    buf_init(&packed, 16 << 20);
    buf_init(&out, 16 << 20);
    fill_log(&plain, 50000);
    struct sv all = buf_sv(&plain), half = sv_sub(all, 0, 1000001), rest = sv_sub(all, 1000001, SIZE_MAX);
    for (int coding = 0; coding < 5; coding++) {
        buf_reset(&packed);
        if (coding == 0)
            buf_add(&packed, all);
        else if (coding == 1)
            add_gzip(&packed, all);
        else if (coding == 2)
            add_zstd(&packed, all);
        else if (coding == 3) {
            add_gzip(&packed, half);
            add_gzip(&packed, SV(""));
            add_gzip(&packed, rest);
            buf_add(&packed, SV("\0\0\0\0\0\0"));
        } else {
            add_zstd(&packed, half);
            buf_add(&packed, SV("\x50\x2a\x4d\x18\x03\0\0\0abc")); /* RFC 8878 3.1.2: a frame to skip */
            add_zstd(&packed, rest);
        }
        const char *name = coding == 0 ? "" : coding % 2 ? "gzip" : "zstd";
        struct err e = ERR_NONE;
        assert_int_equal(drain_bytes(buf_sv(&packed), WHOLE, 0, &out, name, &e), 0);
        assert_true(sv_eq(buf_sv(&out), all));
        /* Exactly as much as allowed is no failure; one byte less is. */
        assert_int_equal(drain_bytes(buf_sv(&packed), all.n, 0, &out, name, &e), 0);
        assert_int_equal(drain_bytes(buf_sv(&packed), all.n - 1, 0, &out, name, &e), ERR_LIMIT);
        assert_int_equal(out.n, all.n - 1);
    }
    buf_clear(&plain);
    buf_clear(&packed);
    buf_clear(&out);
}

static void short_inputs_are_plain(void **state)
{
    static const struct sv inputs[] = {{"", 0},          {"x", 1},
                                       {"\x1f\x8b", 2},  {"\x1f\x8b\x07xxxx", 7},
                                       {"\x28\xb5", 2},  {"\x28\xb5\x2f", 3},
                                       {"\0\0\0\0\0", 5}};
    struct buf out;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        assert_int_equal(drain_bytes(inputs[i], WHOLE, 0, &out, "", NULL), 0);
        assert_true(sv_eq(buf_sv(&out), inputs[i]));
    }
    buf_clear(&out);
}

/* Wherever a packed file is cut, what comes out is a beginning of the content, as long as an independent,
 * one-shot use of the library gets it, and then ERR_CORRUPT. */
static void truncated_streams_give_all_there_is(void **state)
{
    struct buf plain, gzip, zstd, out;
    buf_init(&plain, 16 << 20);
    buf_init(&gzip, 16 << 20);
    buf_init(&zstd, 16 << 20);
    buf_init(&out, 16 << 20);
    fill_log(&plain, 9000);
    add_gzip(&gzip, buf_sv(&plain));
    add_zstd(&zstd, buf_sv(&plain));
    for (size_t i = 1; i < 60; i++) {
        struct err e = ERR_NONE;
        size_t cut = gzip.n * i / 60;
        assert_int_equal(drain_bytes(sv_sub(buf_sv(&gzip), 0, cut), WHOLE, 0, &out, "gzip", &e), ERR_CORRUPT);
        assert_true(sv_starts(buf_sv(&plain), buf_sv(&out)));
        char *reference = malloc(plain.n);
        assert_non_null(reference);
        z_stream z = {.next_in = (Bytef *)gzip.p, .avail_in = (uInt)cut, .next_out = (Bytef *)reference};
        z.avail_out = (uInt)plain.n;
        assert_int_equal(inflateInit2(&z, 31), Z_OK);
        assert_true(inflate(&z, Z_SYNC_FLUSH) != Z_DATA_ERROR);
        assert_int_equal(out.n, z.total_out);
        (void)inflateEnd(&z);
        free(reference);
        cut = zstd.n * i / 60;
        assert_int_equal(drain_bytes(sv_sub(buf_sv(&zstd), 0, cut), WHOLE, 0, &out, "zstd", &e), ERR_CORRUPT);
        assert_true(sv_starts(buf_sv(&plain), buf_sv(&out)));
        assert_true(e.text[0]);
    }
    assert_true(out.n > plain.n / 2);
    /* Only the checksum is missing, or wrong: all content, then the failure. */
    assert_int_equal(drain_bytes(sv_sub(buf_sv(&gzip), 0, gzip.n - 4), WHOLE, 0, &out, "gzip", NULL),
                     ERR_CORRUPT);
    assert_int_equal(out.n, plain.n);
    gzip.p[gzip.n - 6] ^= 1;
    assert_int_equal(drain_bytes(buf_sv(&gzip), WHOLE, 0, &out, "gzip", NULL), ERR_CORRUPT);
    assert_true(sv_eq(buf_sv(&out), buf_sv(&plain)));
    gzip.p[gzip.n - 6] ^= 1;
    buf_add(&gzip, SV("junk"));
    assert_int_equal(drain_bytes(buf_sv(&gzip), WHOLE, 0, &out, "gzip", NULL), ERR_CORRUPT);
    assert_true(sv_eq(buf_sv(&out), buf_sv(&plain)));
    buf_add(&zstd, SV("junk"));
    assert_int_equal(drain_bytes(buf_sv(&zstd), WHOLE, 0, &out, "zstd", NULL), ERR_CORRUPT);
    assert_true(sv_eq(buf_sv(&out), buf_sv(&plain)));
    buf_clear(&plain);
    buf_clear(&gzip);
    buf_clear(&zstd);
    buf_clear(&out);
}

/* Damage anywhere ends in 0 or ERR_CORRUPT; with gzip's checksum never in other content and 0. */
static void damaged_streams_are_noticed(void **state)
{
    struct buf plain, gzip, zstd, out;
    buf_init(&plain, 1 << 20);
    buf_init(&gzip, 1 << 20);
    buf_init(&zstd, 1 << 20);
    buf_init(&out, 64 << 20);
    fill_log(&plain, 100);
    add_gzip(&gzip, buf_sv(&plain));
    add_zstd(&zstd, buf_sv(&plain));
    for (size_t i = 10; i < gzip.n; i++) {
        gzip.p[i] ^= 0x55;
        assert_int_equal(drain_bytes(buf_sv(&gzip), 1 << 20, 0, &out, "gzip", NULL), ERR_CORRUPT);
        gzip.p[i] ^= 0x55;
    }
    for (size_t i = 4; i < zstd.n; i++) {
        zstd.p[i] ^= 0x55;
        int rc = drain_bytes(buf_sv(&zstd), 1 << 20, 0, &out, "zstd", NULL);
        assert_true(rc == 0 || rc == ERR_CORRUPT || rc == ERR_LIMIT);
        zstd.p[i] ^= 0x55;
    }
    buf_clear(&plain);
    buf_clear(&gzip);
    buf_clear(&zstd);
    buf_clear(&out);
}

static void bombs_are_stopped(void **state)
{
    size_t n = 64 << 20;
    char *zeros = calloc(1, n);
    struct buf packed, out;
    buf_init(&packed, 128 << 20);
    buf_init(&out, 128 << 20);
    assert_non_null(zeros);
    struct err e;
    add_gzip(&packed, sv_from(zeros, n));
    assert_int_equal(drain_bytes(buf_sv(&packed), WHOLE, 100, &out, "gzip", &e), ERR_LIMIT);
    assert_true(out.n < 16 << 20);
    assert_int_equal(drain_bytes(buf_sv(&packed), 1 << 20, 0, &out, "gzip", &e), ERR_LIMIT);
    assert_int_equal(out.n, 1 << 20);
    buf_reset(&packed);
    add_zstd(&packed, sv_from(zeros, n));
    assert_int_equal(drain_bytes(buf_sv(&packed), WHOLE, 0, &out, "zstd", &e), ERR_LIMIT);
    assert_true(out.n < n / 2);
    /* A small file of one repeated byte is nobody's bomb. */
    buf_reset(&packed);
    add_zstd(&packed, sv_from(zeros, 500000));
    assert_int_equal(drain_bytes(buf_sv(&packed), WHOLE, 0, &out, "zstd", &e), 0);
    assert_int_equal(out.n, 500000);
    free(zeros);
    buf_clear(&packed);
    buf_clear(&out);
}

static void peeking_takes_nothing(void **state)
{
    struct buf plain, packed, out;
    buf_init(&plain, 1 << 22);
    buf_init(&packed, 1 << 22);
    buf_init(&out, 1 << 22);
    fill_log(&plain, 20000);
    add_gzip(&packed, buf_sv(&plain));
    int fd = fd_of(buf_sv(&packed));
    struct stream *s = stream_new(fd, WHOLE, 0);
    struct sv seen;
    struct err e = ERR_NONE;
    for (size_t n = 0; n < 5000; n += 997) {
        assert_int_equal(stream_peek(s, n, &seen, &e), OK);
        assert_int_equal(seen.n, n);
        assert_true(sv_starts(buf_sv(&plain), seen));
    }
    char first[10];
    assert_int_equal(stream_read(s, first, sizeof(first), &e), sizeof(first));
    assert_memory_equal(first, plain.p, sizeof(first));
    assert_int_equal(stream_peek(s, 20, &seen, &e), OK);
    assert_true(sv_starts(sv_sub(buf_sv(&plain), 10, SIZE_MAX), seen));
    buf_addp(&out, first, sizeof(first));
    assert_int_equal(drain(s, &out, &e), 0);
    assert_true(sv_eq(buf_sv(&out), buf_sv(&plain)));
    assert_int_equal(stream_peek(s, 20, &seen, &e), OK);
    assert_int_equal(seen.n, 0);
    assert_int_equal(stream_peek(s, SIZE_MAX, &seen, &e), ERR_LIMIT);
    stream_free(s);
    close_fd(&fd);
    /* Shorter than asked for; then a failure with nothing to show. */
    fd = fd_of(sv_sub(buf_sv(&packed), 0, 12));
    s = stream_new(fd, WHOLE, 0);
    assert_int_equal(stream_peek(s, 20, &seen, &e), ERR_CORRUPT);
    stream_free(s);
    close_fd(&fd);
    stream_free(NULL);
    s = stream_new(-1, WHOLE, 0);
    char c;
    assert_true(stream_read(s, &c, 1, &e) < 0);
    stream_free(s);
    buf_clear(&plain);
    buf_clear(&packed);
    buf_clear(&out);
}

static void parts_are_streams_of_their_own(void **state)
{
    struct buf member, whole, out;
    buf_init(&member, 1 << 20);
    buf_init(&whole, 1 << 22);
    buf_init(&out, 1 << 20);
    struct buf plain;
    buf_init(&plain, 1 << 20);
    fill_log(&plain, 1000);
    add_zstd(&member, buf_sv(&plain));
    struct buf archive;
    buf_init(&archive, 1 << 22);
    buf_add(&archive, SV("HEAD"));
    buf_add(&archive, buf_sv(&member));
    buf_add(&archive, SV("TAIL"));
    add_gzip(&whole, buf_sv(&archive));
    int fd = fd_of(buf_sv(&whole));
    struct stream *s = stream_new(fd, WHOLE, 0);
    struct err e = ERR_NONE;
    char four[4];
    assert_int_equal(stream_read(s, four, 4, &e), 4);
    struct stream *part = stream_new_part(s, member.n, WHOLE, 0);
    assert_int_equal(stream_part_left(part), member.n);
    assert_int_equal(drain(part, &out, &e), 0);
    assert_true(sv_eq(buf_sv(&out), buf_sv(&plain)));
    assert_string_equal(stream_coding(part), "zstd");
    assert_int_equal(stream_part_left(part), 0);
    stream_free(part);
    part = stream_new_part(s, 100, WHOLE, 0);
    buf_reset(&out);
    assert_int_equal(drain(part, &out, &e), ERR_CORRUPT);
    assert_true(sv_eq(buf_sv(&out), SV("TAIL")));
    assert_int_equal(stream_part_left(part), 96);
    stream_free(part);
    stream_free(s);
    close_fd(&fd);
    buf_clear(&member);
    buf_clear(&whole);
    buf_clear(&archive);
    buf_clear(&plain);
    buf_clear(&out);
}

struct line {
    struct sv text;
    uint64_t offset;
    bool cut;
};

static void check_lines(struct sv bytes, size_t max_line, const struct line *want, size_t n, int end)
{
    int fd = fd_of(bytes);
    struct stream *s = stream_new(fd, WHOLE, 0);
    struct liner *l = liner_new(s, max_line);
    assert_non_null(l);
    struct sv text;
    uint64_t number, offset;
    bool cut;
    struct err e = ERR_NONE;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(liner_next(l, &text, &number, &offset, &cut, &e), 1);
        assert_int_equal(number, i + 1);
        assert_int_equal(offset, want[i].offset);
        assert_int_equal(cut, want[i].cut);
        assert_true(sv_eq(text, want[i].text));
    }
    for (int again = 0; again < 2; again++)
        assert_int_equal(liner_next(l, &text, &number, &offset, &cut, &e), end);
    liner_free(l);
    stream_free(s);
    close_fd(&fd);
}

#define CHECK_LINES(bytes, max, ...)                                                                         \
    do {                                                                                                     \
        const struct line want_[] = {__VA_ARGS__};                                                           \
        check_lines(SV(bytes), max, want_, sizeof(want_) / sizeof(want_[0]), 0);                             \
    } while (0)

static void lines_end_as_they_may(void **state)
{
    check_lines(SV(""), 10, NULL, 0, 0);
    CHECK_LINES("\n", 10, {{"", 0}, 0, false});
    CHECK_LINES("one\ntwo\r\n\nlast", 10, {{"one", 3}, 0, false}, {{"two", 3}, 4, false}, {{"", 0}, 9, false},
                {{"last", 4}, 10, false});
    CHECK_LINES("a\0b\nc\rd\n\r\n", 10, {{"a\0b", 3}, 0, false}, {{"c\rd", 3}, 4, false},
                {{"", 0}, 8, false});
    CHECK_LINES("abc\r", 10, {{"abc", 3}, 0, false});
    /* Exactly as long as allowed, whatever it ends in; one byte more is cut. */
    CHECK_LINES("abcde\nabcde\r\nabcde", 5, {{"abcde", 5}, 0, false}, {{"abcde", 5}, 6, false},
                {{"abcde", 5}, 13, false});
    CHECK_LINES("abcdef\nabcdef\r\nx\nabcdef", 5, {{"abcde", 5}, 0, true}, {{"abcde", 5}, 7, true},
                {{"x", 1}, 15, false}, {{"abcde", 5}, 17, true});
    CHECK_LINES("a\nb", 0, {{"", 0}, 0, true}, {{"", 0}, 2, true});
}

static void long_lines_are_cut_and_skipped(void **state)
{
    struct buf b;
    buf_init(&b, 8 << 20);
    static const size_t lengths[] = {10,   5000000, 0,    131072, 131071, 200000,
                                     1000, 1001,    1002, 1003,   3,      999999};
    enum { LINES = sizeof(lengths) / sizeof(lengths[0]) };
    struct line want[LINES];
    for (size_t i = 0; i < LINES; i++) {
        want[i] = (struct line){.offset = b.n, .cut = lengths[i] > 1000};
        char *at = buf_reserve(&b, lengths[i] + 1);
        assert_non_null(at);
        memset(at, 'a' + (int)i, lengths[i]);
        at[lengths[i]] = '\n';
        b.n += lengths[i] + 1;
    }
    for (size_t i = 0; i < LINES; i++)
        want[i].text = sv_from(b.p + want[i].offset, want[i].cut ? 1000 : lengths[i]);
    check_lines(buf_sv(&b), 1000, want, LINES, 0);
    b.n--; /* the last line without its end */
    check_lines(buf_sv(&b), 1000, want, LINES, 0);
    buf_clear(&b);
}

/* The lines of a large file equal those memchr finds in memory, over all seams between blocks. */
static void lines_agree_with_memory(void **state)
{
    struct buf b, packed;
    buf_init(&b, 16 << 20);
    buf_init(&packed, 16 << 20);
    fill_log(&b, 70000);
    add_gzip(&packed, buf_sv(&b));
    int fd = fd_of(buf_sv(&packed));
    struct stream *s = stream_new(fd, WHOLE, 0);
    struct liner *l = liner_new(s, 4096);
    struct sv rest = buf_sv(&b), want, got;
    uint64_t number, offset, lines = 0;
    bool cut;
    struct err e = ERR_NONE;
    while (sv_line(&rest, &want)) {
        assert_int_equal(liner_next(l, &got, &number, &offset, &cut, &e), 1);
        assert_true(sv_eq(got, want) && number == ++lines && b.p + offset == want.p && !cut);
    }
    assert_int_equal(liner_next(l, &got, &number, &offset, &cut, &e), 0);
    liner_free(l);
    stream_free(s);
    close_fd(&fd);
    buf_clear(&b);
    buf_clear(&packed);
}

/* The line a damaged file breaks off in is handed out as cut: half an address must not be taken for another.
 */
static void broken_off_lines_are_marked(void **state)
{
    struct buf plain, packed;
    buf_init(&plain, 1 << 20);
    buf_init(&packed, 1 << 20);
    fill_log(&plain, 1000);
    add_gzip(&packed, buf_sv(&plain));
    int fd = fd_of(sv_sub(buf_sv(&packed), 0, packed.n / 2));
    struct stream *s = stream_new(fd, WHOLE, 0);
    struct liner *l = liner_new(s, 4096);
    struct sv text, last = SV_NONE;
    uint64_t number, offset;
    bool cut = false, last_cut = false;
    struct err e = ERR_NONE;
    int rc;
    char kept[200] = "";
    while ((rc = liner_next(l, &text, &number, &offset, &cut, &e)) == 1) {
        assert_false(last_cut);
        assert_true(sv_starts(sv_sub(buf_sv(&plain), offset, SIZE_MAX), text));
        last_cut = cut;
        sv_copy(text, kept, sizeof(kept));
        last = sv_c(kept);
    }
    assert_int_equal(rc, ERR_CORRUPT);
    assert_int_equal(e.code, ERR_CORRUPT);
    assert_true(number > 100);
    assert_true(last_cut || plain.p[offset + last.n] == '\n');
    liner_free(l);
    stream_free(s);
    close_fd(&fd);
    buf_clear(&plain);
    buf_clear(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_and_replaced),
        cmocka_unit_test(full_disks_are_named),
        cmocka_unit_test(streams_give_what_was_packed),
        cmocka_unit_test(short_inputs_are_plain),
        cmocka_unit_test(truncated_streams_give_all_there_is),
        cmocka_unit_test(damaged_streams_are_noticed),
        cmocka_unit_test(bombs_are_stopped),
        cmocka_unit_test(peeking_takes_nothing),
        cmocka_unit_test(parts_are_streams_of_their_own),
        cmocka_unit_test(lines_end_as_they_may),
        cmocka_unit_test(long_lines_are_cut_and_skipped),
        cmocka_unit_test(lines_agree_with_memory),
        cmocka_unit_test(broken_off_lines_are_marked),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
