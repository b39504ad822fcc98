/*
 * Copies of sightings and indicators of some 700 bytes, one member taken out, with their proofs: made and
 * looked at again, then signed in this process, then by the keeper as in a node. Beside it what nothing can
 * be faster than: the signatures alone, and the hashing of the digests alone, in the same run. Then checking.
 * usage: bench_copy [OBJECTS]
 */
#include "ledger/ledger.h"
#include "pact/copy.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *why)
{
    (void)fprintf(stderr, "bench_copy: %s\n", why);
    exit(3);
}

static const char HEAD[] =
    "\"spec_version\":\"2.1\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":"
    "\"2026-01-02T00:00:00.000Z\",\"created_by_ref\":\"identity--11ae2d2b-17d4-4cbf-938f-"
    "98ee46b3cd3f\",\"confidence\":70,\"labels\":[\"c2\",\"ransomware\"]";

static void write_object(struct buf *b, size_t i)
{
    char uuid[37];
    uuid_text(uuid_v4(), uuid);
    buf_reset(b);
    if (i % 2) {
        buf_printf(
            b,
            "{\"type\":\"sighting\",\"id\":\"sighting--%s\",%s,\"sighting_of_ref\":\"indicator--8e2e2d2b-"
            "17d4-"
            "4cbf-938f-98ee46b3cd3f\",\"where_sighted_refs\":[\"identity--8e2e2d2b-17d4-4cbf-938f-"
            "98ee46b3cd3f\"]"
            ",\"count\":%zu,\"first_seen\":\"2026-01-01T00:00:00Z\",\"last_seen\":\"2026-01-02T00:00:00Z\","
            "\"summary\":false}",
            uuid, HEAD, i);
        return;
    }
    buf_printf(
        b,
        "{\"type\":\"indicator\",\"id\":\"indicator--%s\",%s,\"name\":\"Command server "
        "%zu\",\"description\":\"Seen "
        "in the second wave, together with a loader that asks for updates every four hours\",\"pattern\":\"["
        "domain-name:value = 'h%zu.evil.example']\",\"pattern_type\":\"stix\",\"pattern_version\":\"2.1\","
        "\"valid_from\":\"2026-01-01T00:00:00Z\",\"where_sighted_refs\":[\"identity--8e2e2d2b-17d4-4cbf-938f-"
        "98ee46b3cd3f\"],\"kill_chain_phases\":[{\"kill_chain_name\":\"x\",\"phase_name\":\"y\"}]}",
        uuid, HEAD, i, i);
}

static int same(void *ctx, struct sv property, struct sv target, struct sv *ret, struct err *e)
{
    *ret = target;
    return 1;
}

static uint8_t secret_key[64], public_key[32];

static int sign_none(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e)
{
    memset(ret, 1, 64);
    return OK;
}

static int sign_here(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e)
{
    struct buf *pae = ctx;
    buf_reset(pae);
    dsse_pae(type, body, pae);
    return crypto_sign_detached(ret, NULL, (const uint8_t *)pae->p, pae->n, secret_key);
}

static int sign_kept(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e)
{
    return keeper_sign_message(ctx, type, body, ret, e);
}

struct run {
    struct copier *copier;
    struct json_doc *doc;
    struct buf *object;
    size_t n;
    struct buf out;
};

static double make_all(struct run *r, int (*sign)(void *, struct sv, struct sv, uint8_t[64], struct err *),
                       void *ctx)
{
    static const struct hash_secret node = {{9}};
    static const struct sv denied[] = {{"where_sighted_refs", 18}}, any[] = {{"*", 1}};
    const struct agreement_grant g = {
        .fields_deny = {denied, 1}, .kinds = {any, 1}, .ceiling = TLP_AMBER, .attribution = true};
    struct copy_secret secret;
    struct err e = ERR_NONE;
    copy_secret_of(&node, &secret);
    const struct copy_terms t = {.grant = &g,
                                 .profile = copy_profile(&g),
                                 .secret = &secret,
                                 .creator = SV("identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd30"),
                                 .marking = TLP_GREEN,
                                 .ref = same};
    const struct copy_signer s = {sign, ctx, SV("bench/messages+00000000"), t.creator};
    double began = seconds();
    buf_reset(&r->out);
    for (size_t i = 0; i < r->n; i++) {
        struct jv v;
        struct copy_made made;
        const char *why;
        if (json_parse(r->doc, buf_sv(&r->object[i]), &v, &e) != OK ||
            copy_make(r->copier, v, &t, &made, &e) != 1 ||
            copy_look_again(r->copier, v, &t, &why, &e) != OK || why ||
            copy_seal(r->copier, &s, &r->out, &e) != OK) {
            die(e.code ? e.text : why);
        }
    }
    return seconds() - began;
}

static void tell(const char *what, double took, size_t n, double limit)
{
    printf("%-44s %9.0f a second  %7.1f ms a page of 1000", what, (double)n / took, took / (double)n * 1e6);
    if (limit > 0) {
        printf("  %5.1f %% of signing alone", limit / took * 100);
    }
    putchar('\n');
}

static double sign_alone(size_t n)
{
    uint8_t body[1200] = {0}, sig[64];
    double began = seconds();
    for (size_t i = 0; i < n; i++) {
        memcpy(body, &i, sizeof(i));
        crypto_sign_detached(sig, NULL, body, sizeof(body), secret_key);
    }
    return seconds() - began;
}

/* A salt and a digest of each of 16 parts of 50 bytes, and the whole. */
static double hash_alone(size_t n)
{
    struct sha256 key = {{1}};
    uint8_t part[82] = {0};
    double began = seconds();
    for (size_t i = 0; i < n * 17; i++) {
        struct sha256 salt = hmac_sha256(&key, SV("salt\nwhere_sighted_refs"));
        memcpy(part, salt.b, 32);
        key.b[0] ^= sha256_of(sv_from((const char *)part, sizeof(part))).b[0];
    }
    return seconds() - began;
}

static double check_all(struct run *r)
{
    struct arena a;
    struct err e = ERR_NONE;
    struct sv rest = buf_sv(&r->out), line;
    arena_init(&a, 64u << 20);
    double began = seconds();
    for (size_t i = 0; i < r->n; i++) {
        struct jv v;
        struct copy_proof *p;
        struct copy_checked checked;
        size_t n, at = sv_find(rest, SV("\"]}{\""));
        line = sv_sub(rest, 0, at == SIZE_MAX ? rest.n : at + 3);
        rest = sv_sub(rest, line.n, SIZE_MAX);
        arena_reset(&a);
        if (json_parse(r->doc, line, &v, &e) != OK || copy_proofs(v, &a, &p, &n, &e) != OK ||
            !copy_signed_by(&p[0], public_key) || copy_check(r->copier, v, p, n, &a, &checked, &e) != OK) {
            die(e.code ? e.text : "a copy does not verify");
        }
    }
    arena_clear(&a);
    return seconds() - began;
}

static struct keeper *start_keeper(char dir[64])
{
    struct err e = ERR_NONE;
    snprintf(dir, 64, "/tmp/noroshi-bench-copy-XXXXXX");
    if (!mkdtemp(dir) || keeper_make_keys(dir, "bench.example", &e) != OK) {
        die(e.code ? e.text : "no directory for keys");
    }
    struct keeper *k = keeper_start(dir, &e);
    if (!k) {
        die(e.text);
    }
    return k;
}

static void remove_keys(const char *dir)
{
    static const char *const files[] = {"log.seed",     "log.vkey",      "witness.seed",
                                        "witness.vkey", "messages.seed", "messages.vkey"};
    char path[128];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

int main(int argc, char **argv)
{
    char dir[64];
    uint64_t n = 20000;
    struct buf pae;
    struct err e = ERR_NONE;
    if (argc > 1 && !sv_u64(sv_c(argv[1]), &n)) {
        die("usage: bench_copy [OBJECTS]");
    }
    if (crypto_start(&e) != OK) {
        die(e.text);
    }
    struct keeper *keeper = start_keeper(dir);
    struct run r = {.copier = copier_new(), .doc = json_doc_new(1u << 20), .n = n};
    crypto_sign_keypair(public_key, secret_key);
    buf_init(&pae, 1u << 20);
    buf_init(&r.out, (size_t)4 << 30);
    r.object = calloc(n, sizeof(*r.object));
    if (!r.copier || !r.doc || !r.object) {
        die("no memory");
    }
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        buf_init(&r.object[i], 1u << 20);
        write_object(&r.object[i], i);
        bytes += r.object[i].n;
    }
    double limit = sign_alone(n);
    tell("Ed25519 alone", limit, n, 0);
    tell("salts and digests of 17 parts alone", hash_alone(n), n, 0);
    tell("copies, not signed", make_all(&r, sign_none, NULL), n, 0);
    tell("copies, signed here", make_all(&r, sign_here, &pae), n, limit);
    tell("checked, with signatures", check_all(&r), n, 0);
    printf("%-44s %9zu bytes, of originals of %zu\n", "a copy", r.out.n / n, bytes / n);
    tell("copies, signed by the keeper", make_all(&r, sign_kept, keeper), n, limit);
    keeper_stop(keeper);
    remove_keys(dir);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&r.object[i]);
    }
    free(r.object);
    copier_free(r.copier);
    json_doc_free(r.doc);
    buf_clear(&pae);
    buf_clear(&r.out);
    return 0;
}
