/*
 * Headers of a tar archive: POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU long names and base-256 sizes, and the
 * first Unix form. Only reads what stands in the stream; names are text for messages, never paths of this
 * machine.
 */
#include "intake/tar.h"

#define PATH_MOST 4096u
#define EXTRA_MOST (1u << 20) /* longest pax header or long name */

bool tar_is(struct sv head)
{
    if (head.n < TAR_BLOCK)
        return false;
    const unsigned char *h = (const unsigned char *)head.p;
    uint64_t sum = 0, said = 0;
    int64_t signed_sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        unsigned char c = i >= 148 && i < 156 ? ' ' : h[i];
        sum += c;
        signed_sum += (signed char)c;
    }
    size_t i = 148;
    while (i < 155 && h[i] == ' ')
        i++;
    size_t digits = i;
    for (; i < 156 && h[i] >= '0' && h[i] <= '7'; i++)
        said = said * 8 + (uint64_t)(h[i] - '0');
    return i > digits && h[0] != 0 && (said == sum || (int64_t)said == signed_sum);
}

void tar_init(struct tar *t, struct stream *in)
{
    *t = (struct tar){.in = in};
    buf_init(&t->path, PATH_MOST);
    buf_init(&t->extra, EXTRA_MOST);
}

void tar_clear(struct tar *t)
{
    buf_clear(&t->path);
    buf_clear(&t->extra);
}

/* Reads exactly n bytes, or fewer at the end of the archive. */
static int read_n(struct tar *t, char *p, size_t n, size_t *ret, struct err *e)
{
    size_t have = 0;
    while (have < n) {
        ptrdiff_t got = stream_read(t->in, p + have, n - have, e);
        if (got < 0)
            return (int)got;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    t->offset += have;
    *ret = have;
    return OK;
}

static int cut_short(const struct tar *t, struct err *e)
{
    err_set(e, ERR_CORRUPT, "the archive ends in the middle");
    return err_at(e, NULL, 0, t->offset);
}

int tar_skip(struct tar *t, uint64_t n, struct err *e)
{
    char block[8192];
    while (n) {
        size_t got = 0, want = n < sizeof(block) ? (size_t)n : sizeof(block);
        int rc = read_n(t, block, want, &got, e);
        if (rc < 0)
            return rc;
        if (got < want)
            return cut_short(t, e);
        n -= got;
    }
    return OK;
}

static uint64_t padding(uint64_t size)
{
    return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}

/* Octal text, or GNU base-256 when the first bit is set; false when it is neither or too large to be true. */
static bool number(const unsigned char *p, size_t n, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;
    if (p[0] & 0x80) {
        v = p[0] & 0x3f;
        if (p[0] & 0x40)
            return false; /* negative */
        for (i = 1; i < n; i++) {
            if (v >> 54)
                return false;
            v = v << 8 | p[i];
        }
        *ret = v;
        return true;
    }
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(p[i] - '0');
    *ret = v;
    return i == n || p[i] == ' ' || p[i] == 0;
}

static struct sv field(const char *h, size_t at, size_t n)
{
    const char *end = memchr(h + at, 0, n);
    return sv_from(h + at, end ? (size_t)(end - (h + at)) : n);
}

/* Body of a long name or pax header into t->extra. */
static int read_extra(struct tar *t, uint64_t size, struct err *e)
{
    if (size > EXTRA_MOST)
        return err_set(e, ERR_LIMIT, "a name in the archive is longer than %u bytes", EXTRA_MOST);
    buf_reset(&t->extra);
    char *p = buf_reserve(&t->extra, (size_t)size + 1);
    size_t got = 0;
    if (!p)
        return err_set(e, ERR_MEMORY, "no memory for a name in the archive");
    int rc = read_n(t, p, (size_t)size, &got, e);
    if (rc < 0)
        return rc;
    if (got < size)
        return cut_short(t, e);
    t->extra.n = got;
    return tar_skip(t, padding(size), e);
}

/* Records "LENGTH KEY=VALUE\n" of POSIX.1-2001 pax: only path and size matter here. */
static int read_pax(struct tar *t, bool *has_size, uint64_t *size, struct err *e)
{
    struct sv rest = buf_sv(&t->extra);
    while (rest.n) {
        size_t space = sv_chr(rest, ' ');
        uint64_t length;
        if (space == SIZE_MAX || !sv_u64(sv_sub(rest, 0, space), &length) || length <= space + 1 ||
            length > rest.n)
            return err_set(e, ERR_CORRUPT, "a pax header of the archive is malformed");
        struct sv pair = sv_sub(rest, space + 1, (size_t)length - space - 2), key;
        rest = sv_sub(rest, (size_t)length, rest.n);
        if (!sv_cut(&pair, '=', &key))
            continue;
        if (sv_eq(key, SV("path"))) {
            buf_reset(&t->path);
            buf_add(&t->path, sv_sub(pair, 0, PATH_MOST));
        } else if (sv_eq(key, SV("size"))) {
            if (!sv_u64(pair, size))
                return err_set(e, ERR_CORRUPT, "a pax header of the archive holds a size that is no number");
            *has_size = true;
        }
    }
    return OK;
}

static void take_name(struct tar *t, const char *h)
{
    struct sv name = field(h, 0, 100), prefix = field(h, 345, 155);
    buf_reset(&t->path);
    /* GNU's "ustar  " uses the prefix field for other things. */
    if (prefix.n && memcmp(h + 257, "ustar\0", 6) == 0) {
        buf_add(&t->path, prefix);
        buf_addc(&t->path, '/');
    }
    buf_add(&t->path, name);
}

static enum tar_type type_of(char flag, struct sv path)
{
    if (flag == '5' || (flag != '1' && flag != '2' && sv_ends(path, SV("/"))))
        return TAR_DIRECTORY;
    return flag == '0' || flag == 0 || flag == '7' ? TAR_FILE : TAR_OTHER;
}

/* One header block; 0 at the end of the archive. */
static int read_header(struct tar *t, char *h, struct err *e)
{
    size_t got = 0;
    int rc = read_n(t, h, TAR_BLOCK, &got, e);
    if (rc < 0 || got == 0)
        return rc;
    if (got < TAR_BLOCK)
        return cut_short(t, e);
    if (h[0] == 0)
        return 0; /* zeros: what follows is padding */
    if (!tar_is(sv_from(h, TAR_BLOCK))) {
        err_set(e, ERR_CORRUPT, "a header of the archive is damaged");
        return err_at(e, NULL, 0, t->offset - TAR_BLOCK);
    }
    return 1;
}

int tar_next(struct tar *t, struct tar_entry *ret, struct err *e)
{
    bool named = false, sized = false;
    uint64_t said_size = 0;
    for (;;) {
        char h[TAR_BLOCK];
        uint64_t size;
        int rc = read_header(t, h, e);
        if (rc <= 0)
            return rc;
        if (!number((const unsigned char *)h + 124, 12, &size) || (sized && said_size >> 62)) {
            err_set(e, ERR_CORRUPT, "a size in the archive cannot be true");
            return err_at(e, NULL, 0, t->offset - TAR_BLOCK);
        }
        char flag = h[156];
        if (flag == 'L' || flag == 'x' || flag == 'K' || flag == 'g') {
            rc = read_extra(t, size, e);
            if (rc == OK && flag == 'x') {
                buf_reset(&t->path);
                rc = read_pax(t, &sized, &said_size, e);
                named = t->path.n > 0;
            } else if (rc == OK && flag == 'L') {
                buf_reset(&t->path);
                buf_add(&t->path, field(t->extra.p, 0, t->extra.n < PATH_MOST ? t->extra.n : PATH_MOST));
                named = true;
            }
            if (rc < 0)
                return rc;
            continue;
        }
        if (!named)
            take_name(t, h);
        ret->path = buf_sv(&t->path);
        ret->size = sized ? said_size : size;
        ret->padding = padding(ret->size);
        ret->type = type_of(flag, ret->path);
        return 1;
    }
}
