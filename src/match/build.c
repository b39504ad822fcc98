#include "match/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOMES_MIN 1024u
#define HOMES_SPARE 256u /* slots behind the last home; running out of them makes the table grow */
#define HOMES_MAX (UINT64_C(1) << 31)
#define SAME_KEY_MAX 8u /* URLs that differ in scheme or user only, kept as indicators of their own */

static bool alloc_slots(struct matchset_build *b, size_t homes)
{
    struct slot *slots = homes <= HOMES_MAX ? calloc(homes + HOMES_SPARE, sizeof(*slots)) : NULL;
    if (!slots)
        return false;
    if (b->slots)
        (void)slots_spread(b->slots, b->room, homes, slots);
    free(b->slots);
    b->slots = slots;
    b->homes = homes;
    b->room = homes + HOMES_SPARE;
    return true;
}

struct matchset_build *matchset_build_new(size_t expected)
{
    struct matchset_build *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->fd = memfd_create("noroshi-match", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    b->heap_n = BLOCK_HEAP_FIRST;
    random_bytes(&b->secret, sizeof(b->secret));
    size_t homes = expected < HOMES_MAX / 2 ? expected + expected / 2 : HOMES_MAX;
    if (b->fd < 0 || build_reserve(b, 1u << 16, NULL) < 0 ||
        !alloc_slots(b, homes > HOMES_MIN ? homes : HOMES_MIN)) {
        matchset_build_free(b);
        return NULL;
    }
    return b;
}

void matchset_build_secret(struct matchset_build *b, const struct hash_secret *secret)
{
    b->secret = *secret;
}

void matchset_build_free(struct matchset_build *b)
{
    if (!b)
        return;
    if (b->map)
        (void)munmap(b->map, b->mapped);
    close_fd(&b->fd);
    free(b->slots);
    free(b->v4);
    free(b->hosts);
    free(b);
}

/* Pages are allocated here, so that a full memory is an error and not a SIGBUS at the first write. */
int build_reserve(struct matchset_build *b, size_t bytes, struct err *e)
{
    if (bytes <= b->mapped)
        return OK;
    size_t room = b->mapped + b->mapped / 4;
    room = ((bytes > room ? bytes : room) | 0xffff) + 1;
    if (fallocate(b->fd, 0, (off_t)b->mapped, (off_t)(room - b->mapped)) < 0)
        return err_errno(e, errno, "cannot give the match index %zu bytes of memory", room);
    void *p = b->map ? mremap(b->map, b->mapped, room, MREMAP_MAYMOVE)
                     : mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
    if (p == MAP_FAILED)
        return err_set(e, ERR_MEMORY, "cannot map %zu bytes of match index", room);
    b->map = p;
    b->mapped = room;
    return OK;
}

size_t slots_spread(const struct slot *from, size_t n, uint64_t homes, struct slot *to)
{
    size_t next = 0;
    for (size_t i = 0; i < n; i++) {
        if (!from[i].ref)
            continue;
        size_t at = scale(from[i].hash, homes);
        at = at > next ? at : next;
        if (to)
            to[at] = from[i];
        next = at + 1;
    }
    return (next > homes ? next : (size_t)homes) + 1;
}

/* A grown array with room for one more, or NULL. */
static void *one_more(void *p, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return p;
    size_t more = *room ? *room * 2 : 1024;
    void *q = reallocarray(p, more, size);
    if (q)
        *room = more;
    return q;
}

static int add_v4(struct matchset_build *b, const struct obs *o, uint32_t number, struct err *e)
{
    if (b->v4_n >= NONE32 / 2 - 1)
        return err_set(e, ERR_LIMIT, "more than %zu IPv4 prefixes in one index", b->v4_n);
    struct v4_add *v4 = one_more(b->v4, b->v4_n, &b->v4_room, sizeof(*v4));
    if (!v4)
        return err_set(e, ERR_MEMORY, "no memory for another IPv4 prefix");
    b->v4 = v4;
    uint32_t bits = o->bits < 32 ? o->bits : 32;
    v4[b->v4_n] = (struct v4_add){v4_addr(o->ip) & v4_mask(bits), number, (uint32_t)b->v4_n, bits};
    b->v4_n++;
    return OK;
}

static int add_host(struct matchset_build *b, struct sv key, struct err *e)
{
    uint64_t hash = key_hash(&b->secret, URL_HOST_SPACE, url_key_host(key));
    if (b->hosts_n && b->hosts[b->hosts_n - 1] == hash)
        return OK;
    uint64_t *hosts = one_more(b->hosts, b->hosts_n, &b->hosts_room, sizeof(*hosts));
    if (!hosts)
        return err_set(e, ERR_MEMORY, "no memory for another URL indicator");
    b->hosts = hosts;
    hosts[b->hosts_n++] = hash;
    return OK;
}

static bool same_record(const struct matchset_build *b, const struct slot *x, const struct slot *y)
{
    const char *heap = (const char *)b->map + BLOCK_HEAD;
    return x->kind == y->kind && x->len == y->len && x->flags == y->flags &&
           sv_eq(slot_value(heap, x), slot_value(heap, y));
}

static bool same_url_key(const struct matchset_build *b, const struct slot *x, const struct slot *y)
{
    const char *heap = (const char *)b->map + BLOCK_HEAD;
    return x->kind == KIND_URL && y->kind == KIND_URL &&
           sv_eq(url_slot_key(x, slot_value(heap, x)), url_slot_key(y, slot_value(heap, y)));
}

enum insert { INSERTED, KNOWN, NO_ROOM };

/* Equal hashes stand in order of addition. */
static enum insert insert(struct matchset_build *b, const struct slot *new)
{
    struct slot *s = b->slots + (slot_seek(b->slots, b->homes, new->hash) - b->slots);
    for (unsigned alike = 0; s->ref && s->hash == new->hash; s++) {
        alike += same_url_key(b, s, new);
        if (same_record(b, s, new) || alike >= SAME_KEY_MAX)
            return KNOWN;
    }
    struct slot *empty = s;
    while (empty->ref)
        empty++;
    if (empty == b->slots + b->room - 1)
        return NO_ROOM;
    memmove(s + 1, s, (size_t)(empty - s) * sizeof(*s));
    *s = *new;
    b->used++;
    return INSERTED;
}

/* The pending records are the end of the heap; those that turn out to be known are squeezed out of it. */
int build_drain(struct matchset_build *b, struct err *e)
{
    uint8_t *heap = b->map + BLOCK_HEAD;
    size_t end = b->n_pending ? b->pending[0].ref : b->heap_n;
    for (size_t i = 0; i < b->n_pending;) {
        struct slot *s = &b->pending[i];
        if (s->ref != end)
            memmove(heap + end, heap + s->ref, b->pending_size[i]);
        s->ref = (uint32_t)end;
        bool full = b->used >= b->homes / 4 * 3;
        enum insert r = full ? NO_ROOM : insert(b, s);
        if (r == NO_ROOM) {
            if (alloc_slots(b, b->homes * 2))
                continue;
            b->used_up = true;
            return err_set(e, ERR_MEMORY, "no memory for an index of more than %zu values", b->used);
        }
        end += r == INSERTED ? b->pending_size[i] : 0;
        i++;
    }
    b->heap_n = end;
    b->n_pending = 0;
    return OK;
}

/* Writes the record and queues its slot; the cache line it needs is on its way meanwhile. */
static int add_record(struct matchset_build *b, const struct slot *s, struct sv bytes, uint32_t number,
                      struct err *e)
{
    size_t size = sizeof(number) + bytes.n;
    if (b->heap_n + size > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "the values of one match index must stay below 4 GiB");
    int r = build_reserve(b, BLOCK_HEAD + b->heap_n + size, e);
    if (r < 0)
        return r;
    uint8_t *p = b->map + BLOCK_HEAD + b->heap_n;
    memcpy(p, &number, sizeof(number));
    memcpy(p + sizeof(number), bytes.p, bytes.n);
    b->pending[b->n_pending] = *s;
    b->pending[b->n_pending].ref = (uint32_t)b->heap_n;
    b->pending_size[b->n_pending++] = (uint32_t)size;
    b->heap_n += size;
    b->kinds |= 1u << s->kind;
    __builtin_prefetch(b->slots + scale(s->hash, b->homes), 1);
    return b->n_pending == sizeof(b->pending) / sizeof(*b->pending) ? build_drain(b, e) : OK;
}

static int add_v6(struct matchset_build *b, const struct obs *o, uint32_t number, struct err *e)
{
    uint8_t ip[16];
    unsigned bits = o->bits < 128 ? o->bits : 128;
    v6_masked(o->ip, bits, ip);
    struct sv bytes = {(const char *)ip, sizeof(ip)};
    struct slot s = {.kind = KIND_IPV6, .len = (uint16_t)bits};
    s.hash = key_hash(&b->secret, v6_space(bits), bytes);
    b->v6_lengths[bits / 64] |= UINT64_C(1) << bits % 64;
    return add_record(b, &s, bytes, number, e);
}

static int add_domain(struct matchset_build *b, const struct obs *o, uint32_t number, struct err *e)
{
    struct slot s = {.kind = KIND_DOMAIN, .len = (uint16_t)o->value.n};
    struct sv name = o->value;
    bool wildcard = sv_starts(name, SV("*."));
    name = sv_sub(name, wildcard ? 2 : 0, SIZE_MAX);
    if (wildcard && sv_chr(name, '.') == SIZE_MAX)
        return err_set(e, ERR_UNSUPPORTED, "\"%.*s\" covers a whole top-level domain", SV_ARG(o->value));
    if (wildcard)
        s.flags = SLOT_WILDCARD;
    s.hash = key_hash(&b->secret, KIND_DOMAIN, name);
    return add_record(b, &s, o->value, number, e);
}

static int add_url(struct matchset_build *b, const struct obs *o, uint32_t number, struct err *e)
{
    struct sv key = url_match_key(o->value);
    if (url_key_host(key).n == 0)
        return err_set(e, ERR_UNSUPPORTED, "a URL without host is not matched in memory");
    size_t at = o->value.n - key.n;
    struct slot s = {.kind = KIND_URL, .len = (uint16_t)o->value.n, .flags = (uint8_t)(at < 255 ? at : 255)};
    s.hash = key_hash(&b->secret, KIND_URL, sv_sub(key, 0, url_key_stem(key)));
    int r = add_host(b, key, e);
    return r < 0 ? r : add_record(b, &s, o->value, number, e);
}

static int add_text(struct matchset_build *b, const struct obs *o, uint32_t number, struct err *e)
{
    uint8_t binary[64];
    size_t n = hex_bytes(o->kind);
    struct sv bytes = n ? sv_from((const char *)binary, n) : o->value;
    if (n && !hex_read(o->value, binary, n))
        return err_set(e, ERR_VALUE, "a %s is written as %zu lower-case hexadecimal digits",
                       kind_name(o->kind), 2 * n);
    struct slot s = {.kind = (uint8_t)o->kind, .len = (uint16_t)bytes.n};
    s.hash = key_hash(&b->secret, o->kind, o->value);
    return add_record(b, &s, bytes, number, e);
}

int matchset_build_add(struct matchset_build *b, const struct obs *o, uint32_t number, struct err *e)
{
    if (b->used_up)
        return err_set(e, ERR_INTERNAL, "this match index is finished: nothing can be added");
    if (number == NONE32)
        return err_set(e, ERR_VALUE, "the number %u means \"no hit\" and cannot name an indicator", NONE32);
    if (!kind_matched(o->kind))
        return err_set(e, ERR_UNSUPPORTED, "values of kind %s are not matched in memory", kind_name(o->kind));
    if (o->kind == KIND_IPV4)
        return add_v4(b, o, number, e);
    if (o->kind == KIND_IPV6)
        return add_v6(b, o, number, e);
    if (o->value.n == 0 || o->value.n > UINT16_MAX)
        return err_set(e, o->value.n ? ERR_LIMIT : ERR_VALUE, "a value has 1 to %d bytes, this one %zu",
                       UINT16_MAX, o->value.n);
    if (o->kind == KIND_DOMAIN)
        return add_domain(b, o, number, e);
    return o->kind == KIND_URL ? add_url(b, o, number, e) : add_text(b, o, number, e);
}
