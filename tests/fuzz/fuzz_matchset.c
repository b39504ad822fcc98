/*
 * A match index from another process may hold anything. Input: a first byte, then either the bytes of a whole
 * block (even) or changes to a good one (odd): four bytes of place and one to exclusive-or, each. What is
 * accepted is then used every way.
 */
#include "match/private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
    enum kind kind;
    const char *text;
} values[] = {
    {KIND_IPV4, "192.0.2.1"},
    {KIND_IPV4, "192.0.2.0/24"},
    {KIND_IPV4, "0.0.0.0/0"},
    {KIND_IPV4, "255.255.255.255"},
    {KIND_IPV6, "2001:db8::1"},
    {KIND_IPV6, "2001:db8::/48"},
    {KIND_IPV6, "::/0"},
    {KIND_DOMAIN, "a.b.shop.example"},
    {KIND_DOMAIN, "shop.example"},
    {KIND_DOMAIN, "*.shop.example"},
    {KIND_URL, "http://shop.example/a/b?x=1&y=2"},
    {KIND_URL, "https://user@shop.example/a/"},
    {KIND_URL, "shop.example/a?x=1"},
    {KIND_URL, "http://192.0.2.1:8080/"},
    {KIND_URL, "http://[2001:db8::1]/"},
    {KIND_EMAIL, "a@b.shop.example"},
    {KIND_MD5, "00112233445566778899aabbccddeeff"},
    {KIND_SHA512, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
                  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
    {KIND_JARM, "27d40d40d29d40d1dc42d43d00041d4689ee210389f4f6b4b5b1b93f92252d"},
    {KIND_JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1"},
};
#define VALUES (sizeof(values) / sizeof(*values))

static struct arena arena;
static struct obs seen[VALUES]; /* views into the arena */
static struct good {
    uint8_t *p;
    size_t n;
} good[2];                   /* with and without IPv4 */
static volatile size_t sink; /* what was read must count as used */

/* The same block in every run. */
static void make_good(struct good *g, bool v4)
{
    struct err e = ERR_NONE;
    struct hash_secret secret;
    struct matchset_build *b = matchset_build_new(0);
    for (size_t i = 0; i < sizeof(secret.b); i++)
        secret.b[i] = (uint8_t)(i * 167 + 13);
    matchset_build_secret(b, &secret);
    for (uint32_t i = 0; i < VALUES; i++) {
        if (obs_read(&arena, values[i].kind, sv_c(values[i].text), &seen[i], &e) < 0)
            abort();
        if ((v4 || seen[i].kind != KIND_IPV4) && matchset_build_add(b, &seen[i], i, &e) < 0)
            abort();
    }
    struct matchset *m = matchset_build_finish(b, &e);
    g->n = m ? matchset_bytes(m) : 0;
    g->p = malloc(g->n);
    if (!m || !g->p || pread(matchset_fd(m), g->p, g->n, 0) != (ssize_t)g->n)
        abort();
    matchset_free(m);
    matchset_build_free(b);
}

static void use(const struct matchset *m)
{
    struct hit hits[200];
    struct hit first[VALUES];
    char scratch[MATCHSET_VALUE_MAX];
    sink += matchset_find_batch(m, seen, VALUES, first);
    for (size_t i = 0; i < VALUES; i++) {
        size_t n = matchset_find(m, &seen[i], hits, 200);
        for (size_t k = 0; k < n; k++) {
            struct sv v = matchset_value(m, hits[k].entry, scratch);
            sink += v.n ? (uint8_t)v.p[v.n - 1] : 0;
        }
    }
    for (size_t it = 0; matchset_next(m, &it, hits);)
        sink += matchset_value(m, hits->entry, scratch).n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct err e = ERR_NONE;
    if (!good[0].p) {
        arena_init(&arena, 1u << 20);
        make_good(&good[0], true);
        make_good(&good[1], false);
    }
    int fd = n ? memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    if (fd < 0)
        return 0;
    if (p[0] & 1) {
        const struct good *g = &good[p[0] >> 1 & 1];
        uint8_t *bad = malloc(g->n);
        if (!bad)
            abort();
        memcpy(bad, g->p, g->n);
        for (size_t i = 1; i + 5 <= n; i += 5) {
            uint32_t at;
            memcpy(&at, p + i, sizeof(at));
            bad[at % g->n] ^= p[i + 4];
        }
        if (write(fd, bad, g->n) != (ssize_t)g->n)
            abort();
        free(bad);
    } else if (write(fd, p + 1, n - 1) != (ssize_t)(n - 1)) {
        abort();
    }
    struct matchset *m =
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE) == 0 ? matchset_map(fd, &e) : NULL;
    if (m)
        use(m);
    else
        close(fd);
    matchset_free(m);
    return 0;
}
