/* Proofs read and checked. What is read here was written by somebody else. */
#include "pact/copy_private.h"

#include <sodium.h>

struct reader {
    struct arena *a;
    struct err *e;
    size_t at; /* which proof */
};

static int bad(struct reader *r, const char *what)
{
    return err_set(r->e, ERR_VALUE, "proof %zu: %s", r->at + 1, what);
}

static bool has_only(struct jv object, const char *const *names, size_t n)
{
    if (json_type(object) != JSON_OBJECT || json_count(object) != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (json_type(json_get(object, sv_c(names[i]))) == JSON_NONE) {
            return false;
        }
    }
    return true;
}

static int read_digests(struct reader *r, struct jv list, struct copy_proof *p)
{
    struct json_it it = json_each(list);
    struct jv v;
    struct sv before = SV_NONE;
    size_t n = json_count(list), i = 0;
    if (json_type(list) != JSON_ARRAY || n == 0 || n > COPY_DIGESTS_MOST || n % COPY_DIGESTS_ROUND) {
        return bad(r, "the number of its digests is not one that is made");
    }
    uint8_t(*digest)[32] = arena_calloc(r->a, n, sizeof(*digest));
    if (!digest) {
        return err_set(r->e, ERR_MEMORY, "no memory for digests");
    }
    while (i < n && json_next(&it, NULL, &v)) {
        struct sv text = json_str(v);
        if (!text.p || !copy_text_read(text, digest[i++])) {
            return bad(r, "a digest is not 32 bytes of base64url");
        }
        if (before.p && sv_cmp(before, text) >= 0) {
            return bad(r, "its digests are not in their order");
        }
        before = text;
    }
    p->digest = digest;
    p->digests = n;
    return OK;
}

static int read_salts(struct reader *r, struct jv list, struct copy_proof *p)
{
    struct json_it it = json_each(list);
    struct jv v;
    size_t n = json_count(list), i = 0;
    if (json_type(list) != JSON_OBJECT || n > COPY_MEMBERS) {
        return bad(r, "its salts are no object, or too many");
    }
    struct copy_salt *salt = arena_calloc(r->a, n + 1, sizeof(*salt));
    if (!salt) {
        return err_set(r->e, ERR_MEMORY, "no memory for salts");
    }
    while (i < n && json_next(&it, &salt[i].name, &v)) {
        if (!json_str(v).p || !copy_text_read(json_str(v), salt[i].salt)) {
            return bad(r, "a salt is not 32 bytes of base64url");
        }
        i++;
    }
    p->salt = salt;
    p->salts = n;
    return OK;
}

/* One text for the same bytes: base64 is written again and compared. */
static bool read_signature(struct reader *r, struct sv text, uint8_t ret[64])
{
    struct sv bytes;
    struct buf again;
    if (!text.p || !base64_parse(r->a, text, &bytes) || bytes.n != 64) {
        return false;
    }
    memcpy(ret, bytes.p, 64);
    buf_init(&again, 128);
    base64_add(&again, bytes);
    bool same = sv_eq(buf_sv(&again), text);
    buf_clear(&again);
    return same;
}

static bool read_holder(struct sv text, struct uuid *ret)
{
    char lower[37];
    if (!text.p || !sv_starts(text, SV("identity--")) || !uuid_parse(sv_sub(text, 10, SIZE_MAX), ret)) {
        return false;
    }
    uuid_text(*ret, lower);
    return sv_eq(sv_sub(text, 10, SIZE_MAX), sv_c(lower)) && !uuid_nil(*ret);
}

/* What was signed: the proof without salts and signature. */
static int write_payload(struct reader *r, struct jv proof, struct copy_proof *p)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 1u << 20);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "copy", json_get_str(proof, SV("copy")));
    jw_key(&w, "digests");
    json_add(&b, json_get(proof, SV("digests")));
    w.after_key = false;
    jw_kstr(&w, "holder", json_get_str(proof, SV("holder")));
    jw_kstr(&w, "key", json_get_str(proof, SV("key")));
    jw_end_obj(&w);
    p->payload = arena_sv(r->a, buf_sv(&b));
    bool fine = !b.failed && p->payload.p;
    buf_clear(&b);
    return fine ? OK : err_set(r->e, ERR_MEMORY, "no memory for a proof");
}

static int read_proof(struct reader *r, struct jv v, struct copy_proof *p)
{
    static const char *const names[] = {"copy", "digests", "holder", "key", "salts", "signature"};
    if (!has_only(v, names, sizeof(names) / sizeof(names[0]))) {
        return bad(r, "it must have copy, digests, holder, key, salts, signature and nothing else");
    }
    p->key = json_get_str(v, SV("key"));
    if (!read_holder(json_get_str(v, SV("holder")), &p->holder)) {
        return bad(r, "its holder is no identity");
    }
    if (!p->key.n || p->key.n > 256) {
        return bad(r, "its key has no name");
    }
    if (!json_get_str(v, SV("copy")).p || !copy_text_read(json_get_str(v, SV("copy")), p->copy.b)) {
        return bad(r, "what the copy is, is not 32 bytes of base64url");
    }
    if (!read_signature(r, json_get_str(v, SV("signature")), p->signature)) {
        return bad(r, "its signature is not 64 bytes of base64");
    }
    int rc = read_digests(r, json_get(v, SV("digests")), p);
    rc = rc == OK ? read_salts(r, json_get(v, SV("salts")), p) : rc;
    return rc == OK ? write_payload(r, v, p) : rc;
}

int copy_proofs(struct jv object, struct arena *a, struct copy_proof **ret, size_t *ret_n, struct err *e)
{
    static const char *const names[] = {"extension_type", "proofs"};
    struct jv extension = json_path(object, "extensions", COPY_EXTENSION, NULL);
    struct jv list = json_get(extension, SV("proofs")), v;
    struct json_it it = json_each(list);
    struct reader r = {a, e, 0};
    size_t n = json_count(list);
    *ret = NULL;
    *ret_n = 0;
    if (json_type(extension) == JSON_NONE) {
        return err_set(e, ERR_NOT_FOUND, "the object has no proofs: it is no copy");
    }
    if (!has_only(extension, names, 2) || json_type(list) != JSON_ARRAY || n == 0 || n > COPY_CHAIN ||
        !sv_eq(json_get_str(extension, SV("extension_type")), SV("property-extension"))) {
        return err_set(e, ERR_VALUE, "the extension with the proofs is not as docs/copies.md has it");
    }
    struct copy_proof *p = arena_calloc(a, n, sizeof(*p));
    if (!p) {
        return err_set(e, ERR_MEMORY, "no memory for proofs");
    }
    while (r.at < n && json_next(&it, NULL, &v)) {
        int rc = read_proof(&r, v, &p[r.at]);
        if (rc != OK) {
            return rc;
        }
        r.at++;
    }
    *ret = p;
    *ret_n = n;
    return OK;
}

bool copy_signed_by(const struct copy_proof *p, const uint8_t pub[32])
{
    struct buf pae;
    buf_init(&pae, 1u << 20);
    dsse_pae(SV(COPY_PAYLOAD), p->payload, &pae);
    bool good =
        !pae.failed && crypto_sign_verify_detached(p->signature, (const uint8_t *)pae.p, pae.n, pub) == 0;
    buf_clear(&pae);
    return good;
}

/* ---- what they prove */

static bool has_digest(const struct copy_proof *p, const struct sha256 *digest)
{
    for (size_t i = 0; i < p->digests; i++) {
        if (memcmp(p->digest[i], digest->b, sizeof(digest->b)) == 0) {
            return true;
        }
    }
    return false;
}

static int check_sum(struct copier *c, struct jv object, const struct copy_proof *last, size_t n,
                     struct err *e)
{
    struct jv before;
    buf_reset(&c->scratch);
    copy_without(object, n - 1, &c->scratch);
    int rc = c->scratch.failed ? err_set(e, ERR_LIMIT, "the copy does not fit")
                               : json_parse(c->another, buf_sv(&c->scratch), &before, e);
    buf_reset(&c->canonical);
    rc = rc == OK ? json_canonical(before, &c->canonical, e) : rc;
    if (rc != OK) {
        return rc;
    }
    struct sha256 sum = sha256_of(buf_sv(&c->canonical));
    return memcmp(sum.b, last->copy.b, sizeof(sum.b)) == 0
               ? OK
               : err_set(e, ERR_VALUE, "the copy is not the one that its last proof was made for");
}

static int check_salt(struct copier *c, const struct copy_proof *p, const struct copy_salt *s,
                      const struct copy_part *part, size_t parts, size_t *ret_part, struct err *e)
{
    char shown[80];
    size_t i = 0;
    while (i < parts && !sv_eq(part[i].name, s->name)) {
        i++;
    }
    if (i == parts) {
        return err_set(e, ERR_VALUE, "there is a salt for '%s', which the copy does not have",
                       sv_show(s->name, shown, sizeof(shown)));
    }
    buf_reset(&c->scratch);
    int rc = copy_part_bytes(&part[i], &c->scratch, e);
    struct sha256 digest = copy_digest(s->salt, buf_sv(&c->scratch));
    if (rc == OK && !has_digest(p, &digest)) {
        rc = err_set(e, ERR_VALUE, "'%s' is not what was committed to",
                     sv_show(s->name, shown, sizeof(shown)));
    }
    *ret_part = i;
    return rc;
}

int copy_check_salts(struct copier *c, const struct copy_proof *p, size_t n, const struct copy_part *part,
                     size_t parts, unsigned *by, struct err *e)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < n; i++) {
        for (size_t k = 0; rc == OK && k < p[i].salts; k++) {
            size_t at = 0;
            rc = check_salt(c, &p[i], &p[i].salt[k], part, parts, &at, e);
            if (rc == OK && by) {
                by[at] |= 1u << i;
            }
        }
    }
    return rc;
}

int copy_check(struct copier *c, struct jv object, const struct copy_proof *p, size_t n, struct arena *a,
               struct copy_checked *ret, struct err *e)
{
    struct copy_part *part;
    *ret = (struct copy_checked){0};
    int rc = copy_parts(object, a, &part, &ret->parts, e);
    unsigned *by = rc == OK ? arena_calloc(a, ret->parts + 1, sizeof(*by)) : NULL;
    if (!by) {
        return rc == OK ? err_set(e, ERR_MEMORY, "no memory to check a copy") : rc;
    }
    rc = check_sum(c, object, &p[n - 1], n, e);
    rc = rc == OK ? copy_check_salts(c, p, n, part, ret->parts, by, e) : rc;
    ret->part = part;
    ret->by = by;
    return rc;
}

/* "extensions/x" and "x~1y" back to what stands in the object. */
static bool part_of_name(struct sv name, struct arena *a, struct copy_part *ret)
{
    struct sv rest = name;
    *ret = (struct copy_part){.name = name};
    if (sv_starts(name, SV("extensions/"))) {
        ret->extension = true;
        rest = sv_sub(name, strlen("extensions/"), SIZE_MAX);
    }
    char *p = arena_alloc(a, rest.n + 1);
    size_t n = 0;
    for (size_t i = 0; p && i < rest.n; i++) {
        if (rest.p[i] == '~' && i + 1 < rest.n && (rest.p[i + 1] == '0' || rest.p[i + 1] == '1')) {
            p[n++] = rest.p[++i] == '0' ? '~' : '/';
        } else if (rest.p[i] == '~' || rest.p[i] == '/') {
            return false;
        } else {
            p[n++] = rest.p[i];
        }
    }
    ret->key = sv_from(p, n);
    return p != NULL;
}

int copy_disclosed(struct jv disclosure, const struct copy_proof *p, size_t n, struct arena *a,
                   size_t *ret_proof, struct sv *ret_name, struct jv *ret_value, struct err *e)
{
    static const char *const names[] = {"member", "salt", "type", "value"};
    uint8_t salt[32];
    struct copy_part part;
    struct buf bytes;
    *ret_name = json_get_str(disclosure, SV("member"));
    *ret_value = json_get(disclosure, SV("value"));
    struct sv text = json_get_str(disclosure, SV("salt"));
    if (!has_only(disclosure, names, 4) ||
        !sv_eq(json_get_str(disclosure, SV("type")), SV("noroshi-disclosure")) || !ret_name->p || !text.p ||
        !copy_text_read(text, salt) || !part_of_name(*ret_name, a, &part)) {
        return err_set(e, ERR_VALUE, "the disclosure is not as docs/copies.md has it");
    }
    part.value = *ret_value;
    buf_init(&bytes, COPY_MOST);
    int rc = copy_part_bytes(&part, &bytes, e);
    struct sha256 digest = copy_digest(salt, buf_sv(&bytes));
    buf_clear(&bytes);
    for (*ret_proof = 0; rc == OK && *ret_proof < n; (*ret_proof)++) {
        if (has_digest(&p[*ret_proof], &digest)) {
            return OK;
        }
    }
    return rc != OK ? rc : err_set(e, ERR_VALUE, "no proof of the copy commits to what is disclosed");
}
