/*
 * bench_match [--small]: how fast the match index is built and asked, and how much memory it takes.
 *
 * Values: 40 % domains, 30 % SHA-256, 10 % MD5, 20 % URLs; half of what is asked for is in the index. One
 * look-up is one observation: a domain also asks for its parents, a URL for its host and path prefixes. The
 * limit is what a bare table of 64-bit hashes does in the same run with the same batches: one key an
 * observation, nothing confirmed. Times are CPU seconds of this thread. --small leaves out the run with 10 M
 * keys.
 */
#include "match/match.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define CHUNK                                                                                                \
    512u /* few enough that what is asked for is still near the core, as a freshly parsed event is */
#define TEXT_MAX 160u

struct chunk {
    struct obs o[CHUNK];
    char text[CHUNK][TEXT_MAX];
    struct hit hit[CHUNK];
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* splitmix64: value number i is the same in every run. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static char *put(char *p, const char *s)
{
    while (*s)
        *p++ = *s++;
    return p;
}

static char *put_digits(char *p, uint64_t r, unsigned n, unsigned base)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (; n > 0; n--, r /= base)
        *p++ = digits[r % base];
    return p;
}

static char *put_domain(char *p, uint64_t r)
{
    static const char *const ends[] = {".com", ".net",   ".org",    ".xyz",
                                       ".top", ".co.jp", ".com.tw", ".example"};
    if (r & 8)
        p = put(p, r & 16 ? "www." : "login.");
    p = put(p, "a");
    p = put_digits(p, mix(r), 12, 36);
    return put(p, ends[r & 7]);
}

static void make_value(uint64_t i, char *text, struct obs *o)
{
    uint64_t r = mix(i);
    unsigned share = (unsigned)(r >> 40) % 10;
    char *p = text;
    if (share < 4) {
        o->kind = KIND_DOMAIN;
        p = put_domain(p, r);
    } else if (share < 8) {
        o->kind = share < 7 ? KIND_SHA256 : KIND_MD5;
        for (unsigned k = 0; k < (share < 7 ? 4 : 2); k++)
            p = put_digits(p, mix(r + k), 16, 16);
    } else {
        o->kind = KIND_URL;
        p = put_domain(put(p, "http://"), r);
        p = put(p, r & 32 ? "/wp-content/a/" : "/");
        p = put_digits(p, mix(r + 1), 8, 36);
        p = put(p, r & 64 ? ".php" : "?id=7");
    }
    o->value = sv_from(text, (size_t)(p - text));
}

/* The next value that is a hash: one key, as in a bare table. */
static void make_hash(uint64_t i, char *text, struct obs *o)
{
    do {
        make_value(i++, text, o);
    } while (o->kind == KIND_DOMAIN || o->kind == KIND_URL);
}

static void make_v4(uint64_t i, struct obs *o)
{
    uint64_t r = mix(i), share = (r >> 40) % 10;
    o->kind = KIND_IPV4;
    o->bits = (uint8_t)(share < 7 ? 32 : share < 9 ? 24 : 20 + r % 9);
    memset(o->ip, 0, 10);
    memset(o->ip + 10, 0xff, 2);
    for (unsigned k = 0; k < 4; k++)
        o->ip[12 + k] = (uint8_t)(r >> (8 * k));
}

static void make_v6(uint64_t i, struct obs *o)
{
    static const uint8_t lengths[10] = {128, 128, 128, 128, 64, 64, 64, 48, 56, 32};
    uint64_t r = mix(i), s = mix(r);
    o->kind = KIND_IPV6;
    o->bits = lengths[(r >> 40) % 10];
    memcpy(o->ip, &r, 8);
    memcpy(o->ip + 8, &s, 8);
    o->ip[0] = 0x20;
}

typedef void (*make_fn)(uint64_t i, char *text, struct obs *o);
static void make_v4_prefix(uint64_t i, char *text, struct obs *o)
{
    make_v4(i, o);
}
static void make_v6_prefix(uint64_t i, char *text, struct obs *o)
{
    make_v6(i, o);
}

/* Against its budget; 0 = none is set. */
static void ratio(const char *what, double value, const char *unit, double budget, bool most)
{
    if (budget == 0) {
        printf("  %-34s %8.2f %s\n", what, value, unit);
        return;
    }
    bool fine = most ? value <= budget : value >= budget;
    printf("  %-34s %8.2f %-14s budget %s %.2f %s\n", what, value, unit, most ? "<=" : ">=", budget,
           fine ? "" : "  MISSED");
}

static struct matchset *build(struct chunk *c, make_fn make, size_t n, double *ret_seconds)
{
    struct err e = ERR_NONE;
    struct matchset_build *b = matchset_build_new(n);
    double seconds = 0;
    for (size_t at = 0; b && at < n; at += CHUNK) {
        size_t some = n - at < CHUNK ? n - at : CHUNK;
        for (size_t i = 0; i < some; i++)
            make(at + i, c->text[i], &c->o[i]);
        double start = cpu_seconds();
        for (size_t i = 0; i < some; i++)
            if (matchset_build_add(b, &c->o[i], (uint32_t)(at + i), &e) < 0) {
                matchset_build_free(b);
                err_print(stderr, "bench_match", &e);
                return NULL;
            }
        seconds += cpu_seconds() - start;
    }
    double start = cpu_seconds();
    struct matchset *m = b ? matchset_build_finish(b, &e) : NULL;
    *ret_seconds = seconds + cpu_seconds() - start;
    matchset_build_free(b);
    if (!m)
        err_print(stderr, "bench_match", &e);
    return m;
}

/* Observation number i: half of them stand in an index of n values. Addresses are asked for whole. */
static void make_seen(make_fn make, size_t n, uint64_t i, char *text, struct obs *o)
{
    uint64_t r = mix(i ^ UINT64_C(0x5bd1e995));
    make(i & 1 ? r % n : (UINT64_C(1) << 40) + r % (UINT64_C(1) << 30), text, o);
    o->bits = o->kind == KIND_IPV4 ? 32 : 128;
}

static double ask(const struct matchset *m, struct chunk *c, make_fn make, size_t n, size_t looks,
                  bool single, double *ret_hits)
{
    double seconds = 0;
    size_t met = 0;
    for (size_t at = 0; at < looks; at += CHUNK) {
        for (size_t i = 0; i < CHUNK; i++)
            make_seen(make, n, at + i, c->text[i], &c->o[i]);
        double start = cpu_seconds();
        if (single)
            for (size_t i = 0; i < CHUNK; i++)
                met += matchset_find(m, &c->o[i], &c->hit[i], 1);
        else
            met += matchset_find_batch(m, c->o, CHUNK, c->hit);
        seconds += cpu_seconds() - start;
    }
    *ret_hits = (double)met / (double)looks;
    return (double)looks / seconds / 1e6;
}

/* The limit: a table of bare hashes at the same load, asked in batches of 32 with prefetch. */
static double bare_table(struct chunk *c, size_t n, size_t looks)
{
    struct pair {
        uint64_t hash, number;
    };
    size_t room = n * 10 / 7, met = 0;
    const struct hash_secret *secret = hash_process_secret();
    struct pair *table = calloc(room + 4096, sizeof(*table));
    uint64_t h[32];
    double seconds = 0;
    if (!table)
        return 0;
    for (size_t i = 0; i < n; i++) {
        make_value(i, c->text[0], &c->o[0]);
        uint64_t hash = hash64(secret, c->o[0].value) | 1;
        size_t at = (size_t)((hash >> 32) * room >> 32);
        while (table[at].hash)
            at++;
        table[at] = (struct pair){hash, i};
    }
    for (size_t at = 0; at < looks; at += CHUNK) {
        for (size_t i = 0; i < CHUNK; i++)
            make_seen(make_value, n, at + i, c->text[i], &c->o[i]);
        double start = cpu_seconds();
        for (size_t i = 0; i < CHUNK; i += 32) {
            for (size_t k = 0; k < 32; k++) {
                h[k] = hash64(secret, c->o[i + k].value) | 1;
                __builtin_prefetch(&table[(h[k] >> 32) * room >> 32]);
            }
            for (size_t k = 0; k < 32; k++) {
                const struct pair *p = &table[(h[k] >> 32) * room >> 32];
                while (p->hash && p->hash != h[k])
                    p++;
                met += p->hash != 0;
            }
        }
        seconds += cpu_seconds() - start;
    }
    free(table);
    return met ? (double)looks / seconds / 1e6 : 0;
}

static bool bench_values(struct chunk *c, size_t n, bool large)
{
    double seconds, hits;
    struct matchset *m = build(c, make_value, n, &seconds);
    if (!m)
        return false;
    size_t looks = 4u << 20;
    printf("%zu values (domains, SHA-256, MD5, URLs)\n", matchset_count(m));
    ratio("build", (double)n / seconds / 1e6, "M/s", 2, false);
    (void)ask(m, c, make_value, n, CHUNK * 512, false, &hits);
    double rate = ask(m, c, make_value, n, looks, false, &hits);
    ratio("look-ups in batches, one core", rate, "M/s", large ? 8 : 0, false);
    printf("  %-34s %8.2f M/s\n", "hashes only: one key each", ask(m, c, make_hash, n, looks, false, &hits));
    printf("  %-34s %8.2f M/s\n", "one at a time", ask(m, c, make_value, n, looks / 4, true, &hits));
    printf("  %-34s %8.2f\n", "share that met", hits);
    double gigabytes = (double)matchset_bytes(m) / 1e9;
    ratio("memory", gigabytes, "GB", large ? 0.7 : 0, true);
    matchset_free(m);
    double bare = bare_table(c, n, looks);
    printf("  %-34s %8.2f M/s      we reach %.0f %%\n", "limit: bare table of hashes", bare,
           100 * rate / bare);
    return true;
}

static bool bench_prefixes(struct chunk *c, const char *what, make_fn make)
{
    double seconds, hits;
    size_t n = 1000000;
    struct matchset *m = build(c, make, n, &seconds);
    if (!m)
        return false;
    printf("%zu %s prefixes\n", matchset_count(m), what);
    ratio("build", (double)n / seconds / 1e6, "M/s", 2, false);
    ratio("look-ups in batches, one core", ask(m, c, make, n, 4u << 20, false, &hits), "M/s", 0, false);
    printf("  %-34s %8.2f\n", "share that met", hits);
    printf("  %-34s %8.3f GB\n", "memory", (double)matchset_bytes(m) / 1e9);
    matchset_free(m);
    return true;
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    struct err e = ERR_NONE;
    struct rusage usage;
    struct chunk *c = calloc(1, sizeof(*c));
    if (!c)
        return 3;
    bool done = crypto_start(&e) == OK && bench_prefixes(c, "IPv4", make_v4_prefix) &&
                bench_prefixes(c, "IPv6", make_v6_prefix) && bench_values(c, 1000000, false) &&
                (small || bench_values(c, 10000000, true));
    free(c);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        printf("peak of the whole run: %.2f GB\n", (double)usage.ru_maxrss / 1e6);
    return done ? 0 : 3;
}
