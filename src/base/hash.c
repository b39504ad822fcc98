#include "base/hash.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <sodium.h>
#include <xxhash.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(struct sha256_state),
               "sha256_state must hold nettle's context");
_Static_assert(_Alignof(struct sha256_ctx) <= _Alignof(struct sha256_state), "and be aligned for it");
_Static_assert(sizeof(struct hash_secret) >= XXH3_SECRET_SIZE_MIN, "XXH3 refuses shorter secrets");

static struct sha256_ctx *context_of(struct sha256_state *s)
{
    return (struct sha256_ctx *)(void *)s->opaque;
}

void sha256_start(struct sha256_state *s)
{
    sha256_init(context_of(s));
}

void sha256_more(struct sha256_state *s, struct sv bytes)
{
    if (bytes.n)
        sha256_update(context_of(s), bytes.n, (const uint8_t *)bytes.p);
}

struct sha256 sha256_end(struct sha256_state *s)
{
    struct sha256 h;
    sha256_digest(context_of(s), sizeof(h.b), h.b);
    return h;
}

struct sha256 sha256_parts(const struct sv *parts, size_t n)
{
    struct sha256_state s;
    sha256_start(&s);
    for (size_t i = 0; i < n; i++)
        sha256_more(&s, parts[i]);
    return sha256_end(&s);
}

struct sha256 sha256_of(struct sv s)
{
    return sha256_parts(&s, 1);
}

struct sha256 sha256_leaf(struct sv entry)
{
    return sha256_parts((struct sv[]){sv_from("\0", 1), entry}, 2);
}

struct sha256 sha256_node(const struct sha256 *left, const struct sha256 *right)
{
    uint8_t bytes[1 + 2 * sizeof(left->b)] = {1};
    memcpy(bytes + 1, left->b, sizeof(left->b));
    memcpy(bytes + 1 + sizeof(left->b), right->b, sizeof(right->b));
    return sha256_of(sv_from((const char *)bytes, sizeof(bytes)));
}

struct sha256 hmac_sha256(const struct sha256 *key, struct sv message)
{
    uint8_t inner[64], outer[64]; /* a block of SHA-256 */
    for (size_t i = 0; i < sizeof(inner); i++) {
        uint8_t k = i < sizeof(key->b) ? key->b[i] : 0;
        inner[i] = k ^ 0x36;
        outer[i] = k ^ 0x5c;
    }
    const struct sv first[] = {sv_from((const char *)inner, sizeof(inner)), message};
    struct sha256 digest = sha256_parts(first, 2);
    const struct sv second[] = {sv_from((const char *)outer, sizeof(outer)),
                                sv_from((const char *)digest.b, sizeof(digest.b))};
    return sha256_parts(second, 2);
}

void sha1_parts(const struct sv *parts, size_t n, uint8_t ret[20])
{
    struct sha1_ctx ctx;
    sha1_init(&ctx);
    for (size_t i = 0; i < n; i++)
        if (parts[i].n)
            sha1_update(&ctx, parts[i].n, (const uint8_t *)parts[i].p);
    sha1_digest(&ctx, SHA1_DIGEST_SIZE, ret);
}

void sha1_of(struct sv s, uint8_t ret[20])
{
    sha1_parts(&s, 1, ret);
}

uint64_t hash64(const struct hash_secret *k, struct sv s)
{
    return XXH3_64bits_withSecret(s.n ? s.p : "", s.n, k->b, sizeof(k->b));
}

static struct hash_secret process_secret;
static pthread_once_t process_secret_once = PTHREAD_ONCE_INIT;

static void make_process_secret(void)
{
    random_bytes(process_secret.b, sizeof(process_secret.b));
}

const struct hash_secret *hash_process_secret(void)
{
    (void)pthread_once(&process_secret_once, make_process_secret);
    return &process_secret;
}

void random_bytes(void *p, size_t n)
{
    randombytes_buf(p, n);
}

int crypto_start(struct err *e)
{
    if (sodium_init() < 0) {
        err_set(e, ERR_CRYPTO, "the system's random generator cannot be used");
        err_hint(e, "check that getrandom(2) or /dev/urandom is available");
        return ERR_CRYPTO;
    }
    (void)hash_process_secret();
    return OK;
}

bool secret_eq(struct sv a, struct sv b)
{
    return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}
