#include "match/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static bool section_ok(const struct block *h, struct section s, size_t size)
{
    return s.at % 64 == 0 && s.at >= BLOCK_HEAD && s.at <= h->bytes && s.n <= (h->bytes - s.at) / size;
}

static bool head_ok(const struct block *h)
{
    return section_ok(h, h->heap, 1) && section_ok(h, h->slots, sizeof(struct slot)) &&
           section_ok(h, h->filter, sizeof(uint64_t)) && section_ok(h, h->v4, sizeof(struct v4_entry)) &&
           section_ok(h, h->ranges, sizeof(struct v4_range)) && section_ok(h, h->top, sizeof(uint32_t)) &&
           h->filter.n > 0 && h->homes > 0 && h->homes < h->slots.n &&
           h->heap.n <= (uint64_t)UINT32_MAX + 1 && h->slots.n + h->v4.n < NONE32;
}

static bool slot_ok(const struct block *h, const struct slot *s)
{
    bool wildcard = s->kind == KIND_DOMAIN && s->flags == SLOT_WILDCARD;
    size_t hex = hex_bytes(s->kind), least = wildcard ? 3 : 1;
    if (s->kind == KIND_IPV4 || !kind_matched((enum kind)s->kind) || !(h->kinds >> s->kind & 1))
        return false;
    if (s->kind != KIND_URL && s->flags && !wildcard)
        return false;
    if (s->kind == KIND_IPV6 && (s->len > 128 || !(h->v6_lengths[s->len / 64] >> s->len % 64 & 1)))
        return false;
    if (hex ? s->len != hex : s->kind != KIND_IPV6 && s->len < least)
        return false;
    return s->ref + sizeof(uint32_t) + slot_bytes(s) <= h->heap.n;
}

/* The order that look-ups rely on, the empty last slot that ends them, and every reference into the heap. */
static bool slots_ok(const struct matchset *m)
{
    const struct block *h = m->block;
    uint64_t run = 0, used = 0, before = 0;
    if (m->slots[h->slots.n - 1].ref)
        return false;
    for (uint64_t i = 0; i < h->slots.n; i++) {
        const struct slot *s = &m->slots[i];
        if (!s->ref) {
            run = i + 1;
            continue;
        }
        uint64_t home = scale(s->hash, h->homes);
        if (home < run || home > i || (used && s->hash < before) || !slot_ok(h, s))
            return false;
        before = s->hash;
        used++;
    }
    return used + h->v4.n == h->count;
}

static void list_v6_bits(struct matchset *m)
{
    for (unsigned bits = 129; bits-- > 0;)
        if (m->block->v6_lengths[bits / 64] >> bits % 64 & 1)
            m->v6_bits[m->v6_n++] = (uint8_t)bits;
}

/* Nothing of the block is used before it was checked here; the seals keep it from changing afterwards. */
static int check(struct matchset *m, struct err *e)
{
    const struct block *h = m->block;
    const uint8_t *base = (const uint8_t *)h;
    if (h->magic != BLOCK_MAGIC || h->version != BLOCK_VERSION)
        return err_set(e, ERR_UNSUPPORTED, "this is not a match index of version %u", BLOCK_VERSION);
    if (h->bytes != m->bytes || !head_ok(h))
        return err_set(e, ERR_CORRUPT, "the match index states sizes that it does not have");
    m->heap = (const char *)base + h->heap.at;
    m->slots = (const struct slot *)(const void *)(base + h->slots.at);
    m->filter = (const uint64_t *)(const void *)(base + h->filter.at);
    m->v4 = (const struct v4_entry *)(const void *)(base + h->v4.at);
    m->ranges = (const struct v4_range *)(const void *)(base + h->ranges.at);
    m->top = (const uint32_t *)(const void *)(base + h->top.at);
    if (!slots_ok(m))
        return err_set(e, ERR_CORRUPT, "the hash table of the match index is out of order");
    if (!v4_tables_ok(m))
        return err_set(e, ERR_CORRUPT, "the address tables of the match index are out of order");
    list_v6_bits(m);
    return OK;
}

static int check_file(int fd, size_t *ret_bytes, struct err *e)
{
    struct stat st;
    const int need = F_SEAL_SHRINK | F_SEAL_WRITE;
    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "cannot read the match index");
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & need) != need)
        return err_set(e, ERR_DENIED, "the match index is not sealed: whoever made it could still change it");
    if (st.st_size < (off_t)BLOCK_HEAD || (uint64_t)st.st_size > SIZE_MAX / 2)
        return err_set(e, ERR_CORRUPT, "a match index of %lld bytes is too short", (long long)st.st_size);
    *ret_bytes = (size_t)st.st_size;
    return OK;
}

struct matchset *matchset_map(int fd, struct err *e)
{
    size_t bytes = 0;
    if (check_file(fd, &bytes, e) < 0)
        return NULL;
    struct matchset *m = calloc(1, sizeof(*m));
    if (m)
        m->suffixes = calloc(SUFFIX_CACHE, sizeof(*m->suffixes));
    void *p = m && m->suffixes ? mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0) : MAP_FAILED;
    if (p == MAP_FAILED) {
        if (m)
            free(m->suffixes);
        free(m);
        err_set(e, ERR_MEMORY, "cannot map a match index of %zu bytes", bytes);
        return NULL;
    }
    m->block = p;
    m->bytes = bytes;
    m->fd = -1;
    atomic_init(&m->refs, 1);
    if (check(m, e) < 0) {
        matchset_free(m);
        return NULL;
    }
    m->fd = fd;
    return m;
}

struct matchset *matchset_ref(struct matchset *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void matchset_free(struct matchset *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) > 1)
        return;
    (void)munmap((void *)(uintptr_t)m->block, m->bytes);
    close_fd(&m->fd);
    free(m->suffixes);
    free(m);
}

int matchset_fd(const struct matchset *m)
{
    return m->fd;
}

size_t matchset_count(const struct matchset *m)
{
    return (size_t)m->block->count;
}

size_t matchset_bytes(const struct matchset *m)
{
    return m->bytes;
}
