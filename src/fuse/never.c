/* What is never given away: the operator's list, and addresses among which benign ones stand. */
#include "fuse/private.h"

#include <fcntl.h>
#include <stdlib.h>

#define FILE_MOST (16u << 20)
#define KEYS_MOST (1u << 20)

/* What stands under a name: it is listed, or something below it is. */
enum { LISTED = 1, ABOVE = 2 };

struct range {
    uint8_t first[16], last[16];
};
struct never {
    struct map names; /* domains and their parents */
    struct map other; /* kind byte and value */
    struct range *range;
    size_t n, room;
    struct arena text;
};

void never_free(struct never *n)
{
    if (!n) {
        return;
    }
    map_clear(&n->names);
    map_clear(&n->other);
    arena_clear(&n->text);
    free(n->range);
    free(n);
}

/* ---- addresses */

static struct range range_of(const struct obs *o)
{
    struct range r;
    unsigned bits = o->kind == KIND_IPV4 ? 96u + o->bits : o->bits;
    for (unsigned i = 0; i < 16; i++) {
        unsigned left = bits > i * 8 ? bits - i * 8 : 0;
        unsigned mask = left >= 8 ? 0xffu : 0xff00u >> left & 0xffu, byte = o->ip[i];
        r.first[i] = (uint8_t)(byte & mask);
        r.last[i] = (uint8_t)(byte | (mask ^ 0xffu));
    }
    return r;
}

static int add_range(struct never *n, const struct obs *o, struct err *e)
{
    if (n->n == n->room) {
        size_t room = n->room ? n->room * 2 : 256;
        struct range *grown = reallocarray(n->range, room, sizeof(*grown));
        if (!grown) {
            return err_set(e, ERR_MEMORY, "no memory for the never-block list");
        }
        n->range = grown;
        n->room = room;
    }
    n->range[n->n++] = range_of(o);
    return OK;
}

static int by_first(const void *a, const void *b)
{
    return memcmp(((const struct range *)a)->first, ((const struct range *)b)->first, 16);
}

/* Sorted and merged, so that one search tells an overlap. */
static void merge_ranges(struct never *n)
{
    size_t kept = 0;
    if (n->n) {
        qsort(n->range, n->n, sizeof(*n->range), by_first);
    }
    for (size_t i = 0; i < n->n; i++) {
        struct range *last = kept ? &n->range[kept - 1] : NULL;
        if (!last || memcmp(n->range[i].first, last->last, 16) > 0) {
            n->range[kept++] = n->range[i];
        } else if (memcmp(n->range[i].last, last->last, 16) > 0) {
            memcpy(last->last, n->range[i].last, 16);
        }
    }
    n->n = kept;
}

static bool overlaps(const struct never *n, const struct obs *o)
{
    struct range r = range_of(o);
    size_t low = 0, high = n->n;
    while (low < high) { /* the first range that ends at or after ours begins */
        size_t mid = low + (high - low) / 2;
        if (memcmp(n->range[mid].last, r.first, 16) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < n->n && memcmp(n->range[low].first, r.last, 16) <= 0;
}

/* ---- names and the rest */

static struct sv plain_name(struct sv name)
{
    return sv_starts(name, SV("*.")) ? sv_sub(name, 2, SIZE_MAX) : name;
}

static int put(struct map *m, struct sv key, uint64_t bits, struct err *e)
{
    uint64_t *value = map_put(m, key, NULL);
    if (!value) {
        return err_set(e, ERR_LIMIT, "the never-block list is too long");
    }
    *value |= bits;
    return OK;
}

static int add_name(struct never *n, struct sv name, struct err *e)
{
    struct sv rest = plain_name(name), label;
    int rc = put(&n->names, rest, LISTED, e);
    while (rc == OK && sv_cut(&rest, '.', &label) && rest.p && rest.n) {
        rc = put(&n->names, rest, ABOVE, e);
    }
    return rc;
}

/* It is listed, stands below one that is, or has one that is below it: a resolver told to block it would
 * block that too. */
static bool covers_name(const struct never *n, struct sv name)
{
    struct sv rest = plain_name(name), label;
    if (map_get(&n->names, rest)) {
        return true;
    }
    while (sv_cut(&rest, '.', &label) && rest.p && rest.n) {
        const uint64_t *bits = map_get(&n->names, rest);
        if (bits && *bits & LISTED) {
            return true;
        }
    }
    return false;
}

static bool covers_host(const struct never *n, struct sv host)
{
    struct obs o;
    struct arena a;
    struct err ignored = ERR_NONE;
    arena_init(&a, 65536);
    bool ip = obs_read(&a, KIND_IPV4, host, &o, &ignored) == OK ||
              obs_read(&a, KIND_IPV6, host, &o, &ignored) == OK;
    bool covered = ip ? overlaps(n, &o) : covers_name(n, host);
    arena_clear(&a);
    return covered;
}

/* A URL is the same with another scheme. */
static struct sv other_key(struct arena *a, const struct obs *o)
{
    struct sv value = o->kind == KIND_URL ? url_match_key(o->value) : o->value;
    char *p = arena_alloc(a, value.n + 1);
    if (!p) {
        return SV_NONE;
    }
    p[0] = (char)o->kind;
    memcpy(p + 1, value.p, value.n);
    return sv_from(p, value.n + 1);
}

static bool covers_other(const struct never *n, const struct obs *o)
{
    struct arena a;
    arena_init(&a, 65536);
    struct sv key = other_key(&a, o);
    bool covered = !key.p || map_get(&n->other, key);
    arena_clear(&a);
    return covered;
}

bool never_covers(const struct never *n, const struct obs *o)
{
    if (!n) {
        return false;
    }
    switch (o->kind) {
    case KIND_IPV4:
    case KIND_IPV6:
        return overlaps(n, o);
    case KIND_DOMAIN:
        return covers_name(n, o->value);
    case KIND_URL:
        return covers_other(n, o) || covers_host(n, url_host(o->value));
    case KIND_EMAIL:
        return covers_other(n, o) || covers_name(n, sv_sub(o->value, sv_rchr(o->value, '@') + 1, SIZE_MAX));
    default:
        return covers_other(n, o);
    }
}

/* ---- reading */

static int add(struct never *n, const struct obs *o, struct err *e)
{
    switch (o->kind) {
    case KIND_IPV4:
    case KIND_IPV6:
        return add_range(n, o, e);
    case KIND_DOMAIN:
        return add_name(n, o->value, e);
    default:
        return put(&n->other, other_key(&n->text, o), LISTED, e);
    }
}

static int read_line(struct never *n, struct sv line, struct err *e)
{
    struct arena a;
    struct obs o;
    char shown[80];
    size_t comment = sv_chr(line, '#');
    struct sv value = sv_trim(comment == SIZE_MAX ? line : sv_sub(line, 0, comment));
    if (value.n == 0) {
        return OK;
    }
    arena_init(&a, 1u << 20);
    int rc = obs_guess(&a, value, &o, e);
    if (rc == OK) {
        rc = add(n, &o, e);
    } else {
        rc = err_set(e, ERR_SYNTAX, "'%s' is no value", sv_show(value, shown, sizeof(shown)));
        err_hint(e,
                 "write one address, prefix, domain, URL, hash or e-mail address a line; nothing is exported "
                 "while a line cannot be read");
    }
    arena_clear(&a);
    return rc;
}

static int read_file(struct never *n, const char *path, struct err *e)
{
    struct buf text;
    struct sv rest, line;
    uint64_t number = 0;
    buf_init(&text, FILE_MOST);
    int rc = file_read(AT_FDCWD, path, &text, e);
    rest = buf_sv(&text);
    while (rc == OK && sv_line(&rest, &line)) {
        number++;
        rc = read_line(n, line, e);
        if (rc < 0) {
            err_at(e, path, number, UINT64_MAX);
        }
    }
    buf_clear(&text);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

/* The index asks whether an address is inside of a benign range; what is given away must also hold none. */
static int read_benign_ranges(struct fuse *f, struct never *n, struct err *e)
{
    struct stmt *s =
        db_query(f->db,
                 "SELECT list_entry.value FROM list_entry JOIN list ON list.id = list_entry.list "
                 "JOIN source ON source.id = list.source WHERE list.role = 'benign' AND "
                 "list.match = 2 AND source.org = " HOME_ORG,
                 e);
    struct arena a;
    int rc = s ? OK : e->code;
    _Static_assert(LIST_CIDR == 2, "the number in the statement");
    arena_init(&a, 65536);
    while (s && (rc = db_step(s, e)) == 1) {
        struct obs o;
        struct err ignored = ERR_NONE;
        arena_reset(&a);
        if (obs_guess(&a, col_text(s, 0), &o, &ignored) == OK &&
            (o.kind == KIND_IPV4 || o.kind == KIND_IPV6) && (rc = add_range(n, &o, e)) < 0) {
            break;
        }
    }
    db_done(s);
    arena_clear(&a);
    return rc;
}

int never_read(struct fuse *f, const char *path, struct never **ret, struct err *e)
{
    struct never *n = calloc(1, sizeof(*n));
    *ret = NULL;
    if (!n) {
        return err_set(e, ERR_MEMORY, "no memory for the never-block list");
    }
    map_init(&n->names, KEYS_MOST, FILE_MOST * 4);
    map_init(&n->other, KEYS_MOST, FILE_MOST * 2);
    arena_init(&n->text, FILE_MOST * 2);
    int rc = path ? read_file(n, path, e) : OK;
    rc = rc == OK ? read_benign_ranges(f, n, e) : rc;
    if (rc < 0) {
        never_free(n);
        return rc;
    }
    merge_ranges(n);
    *ret = n;
    return OK;
}
