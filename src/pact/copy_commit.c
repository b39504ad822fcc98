/* What is committed to: the parts of an original, their salts and digests, and the proof that is signed. */
#include "pact/copy_private.h"

#include <stdlib.h>

#define DECOY_TEXT 32

void copy_secret_of(const struct hash_secret *node, struct copy_secret *ret)
{
    const struct sv secret = sv_from((const char *)node->b, sizeof(node->b));
    ret->salts = sha256_parts((const struct sv[]){SV("noroshi copy salts v1\n"), secret}, 2);
    ret->ids = sha256_parts((const struct sv[]){SV("noroshi copy ids v1\n"), secret}, 2);
}

/* ---- text forms */

void copy_text(const uint8_t b[32], char ret[COPY_TEXT])
{
    struct buf t;
    buf_init(&t, COPY_TEXT);
    base64url_add(&t, sv_from((const char *)b, 32));
    memset(ret, 0, COPY_TEXT);
    memcpy(ret, t.p ? t.p : "", t.n);
    buf_clear(&t);
}

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* 42 digits of six bits and one of four: the last two bits of that must be zero, else there were two texts
 * for the same bytes. */
bool copy_text_read(struct sv s, uint8_t ret[32])
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;
    if (s.n != COPY_TEXT - 1) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        int d = digit_of(s.p[i]);
        if (d < 0) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)d) & 0xffff;
        have += 6;
        if (have >= 8 && n < 32) {
            have -= 8;
            ret[n++] = (uint8_t)(bits >> have);
        }
    }
    return n == 32 && (bits & ((1u << have) - 1)) == 0;
}

/* ---- parts */

struct sv copy_part_name(struct sv key, bool extension, struct arena *a)
{
    char *p = arena_alloc(a, key.n * 2 + sizeof("extensions/"));
    size_t n = 0;
    if (!p) {
        return SV_NONE;
    }
    if (extension) {
        memcpy(p, "extensions/", n = strlen("extensions/"));
    }
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~' || key.p[i] == '/') {
            p[n++] = '~';
            p[n++] = key.p[i] == '~' ? '0' : '1';
        } else {
            p[n++] = key.p[i];
        }
    }
    return sv_from(p, n);
}

static int add_parts(struct jv object, bool extension, struct arena *a, struct copy_part *part, size_t room,
                     size_t *n, struct err *e)
{
    struct json_it it = json_each(object);
    struct sv key;
    struct jv value;
    while (json_next(&it, &key, &value)) {
        bool nested = !extension && sv_eq(key, SV("extensions")) && json_type(value) == JSON_OBJECT;
        if (extension && sv_eq(key, SV(COPY_EXTENSION))) {
            continue;
        }
        if (nested) {
            int rc = add_parts(value, true, a, part, room, n, e);
            if (rc != OK) {
                return rc;
            }
            continue;
        }
        struct sv name = *n < room ? copy_part_name(key, extension, a) : SV_NONE;
        if (!name.p) {
            return err_set(e, ERR_LIMIT, "the object has more than %d members", COPY_MEMBERS);
        }
        part[(*n)++] = (struct copy_part){.name = name, .key = key, .extension = extension, .value = value};
    }
    return OK;
}

int copy_parts(struct jv object, struct arena *a, struct copy_part **ret, size_t *ret_n, struct err *e)
{
    size_t room = json_count(object) + json_count(json_get(object, SV("extensions")));
    room = room < COPY_MEMBERS ? room : COPY_MEMBERS;
    *ret = arena_calloc(a, room + 1, sizeof(**ret));
    *ret_n = 0;
    if (!*ret) {
        return err_set(e, ERR_MEMORY, "no memory for the parts of an object");
    }
    return add_parts(object, false, a, *ret, room, ret_n, e);
}

int copy_part_bytes(const struct copy_part *p, struct buf *out, struct err *e)
{
    struct jw w;
    jw_init(&w, out);
    jw_arr(&w);
    if (p->extension) {
        jw_str(&w, SV("extensions"));
    }
    jw_str(&w, p->key);
    buf_addc(out, ',');
    int rc = json_canonical(p->value, out, e);
    jw_end_arr(&w);
    return rc == OK && out->failed ? err_set(e, ERR_LIMIT, "a member does not fit") : rc;
}

static void write_extensions(struct jv extensions, size_t proofs, struct jw *w)
{
    struct json_it it = json_each(extensions);
    struct sv key;
    struct jv value;
    jw_obj(w);
    while (json_next(&it, &key, &value)) {
        bool own = sv_eq(key, SV(COPY_EXTENSION));
        if (own && proofs == SIZE_MAX) {
            continue;
        }
        jw_key_sv(w, key);
        if (!own) {
            json_add(w->b, value);
            w->after_key = false;
            continue;
        }
        struct json_it inner = json_each(json_get(value, SV("proofs")));
        struct jv proof;
        jw_obj(w);
        jw_kstr(w, "extension_type", json_get_str(value, SV("extension_type")));
        jw_key(w, "proofs");
        jw_arr(w);
        for (size_t i = 0; i < proofs && json_next(&inner, NULL, &proof); i++) {
            buf_add(w->b, i ? SV(",") : SV(""));
            json_add(w->b, proof);
        }
        jw_end_arr(w);
        jw_end_obj(w);
    }
    jw_end_obj(w);
}

void copy_without(struct jv object, size_t proofs, struct buf *out)
{
    struct json_it it = json_each(object);
    struct sv key;
    struct jv value;
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    while (json_next(&it, &key, &value)) {
        bool extensions = sv_eq(key, SV("extensions")) && json_type(value) == JSON_OBJECT;
        bool only_own = extensions && json_count(value) == 1 &&
                        json_type(json_get(value, SV(COPY_EXTENSION))) != JSON_NONE;
        if (only_own && proofs == SIZE_MAX) {
            continue;
        }
        jw_key_sv(&w, key);
        if (extensions) {
            write_extensions(value, proofs, &w);
        } else {
            json_add(out, value);
            w.after_key = false;
        }
    }
    jw_end_obj(&w);
}

/* ---- salts and digests */

static struct sha256 keyed(const struct sha256 *key, const char *what, struct sv name)
{
    char text[512];
    struct buf b;
    int n = name.n < sizeof(text) / 2 ? snprintf(text, sizeof(text), "%s\n%.*s", what, SV_ARG(name)) : -1;
    if (n >= 0) {
        return hmac_sha256(key, sv_from(text, (size_t)n));
    }
    buf_init(&b, COPY_MOST);
    buf_printf(&b, "%s\n", what);
    buf_add(&b, name);
    struct sha256 mac = hmac_sha256(key, buf_sv(&b));
    buf_clear(&b);
    return mac;
}

void copy_salt_of(const struct sha256 *key, struct sv name, uint8_t ret[32])
{
    struct sha256 salt = keyed(key, "salt", name);
    memcpy(ret, salt.b, sizeof(salt.b));
}

struct sha256 copy_digest(const uint8_t salt[32], struct sv bytes)
{
    return sha256_parts((const struct sv[]){sv_from((const char *)salt, 32), bytes}, 2);
}

/* The canonical form of the original without what copies add: part "" and, with id and version, what its
 * salts follow from. */
static int whole_of(struct copier *c, struct jv original, struct err *e)
{
    bool copied = json_type(json_path(original, "extensions", COPY_EXTENSION, NULL)) != JSON_NONE;
    buf_reset(&c->canonical);
    if (!copied) {
        return json_canonical(original, &c->canonical, e);
    }
    struct jv plain;
    buf_reset(&c->scratch);
    copy_without(original, SIZE_MAX, &c->scratch);
    int rc = json_parse(c->another, buf_sv(&c->scratch), &plain, e);
    return rc == OK ? json_canonical(plain, &c->canonical, e) : rc;
}

int copier_begin(struct copier *c, struct jv original, const struct copy_secret *secret, struct err *e)
{
    struct sv id = json_get_str(original, SV("id")), version = json_get_str(original, SV("modified"));
    char hex[65];
    arena_reset(&c->a);
    c->parts = 0;
    int rc = whole_of(c, original, e);
    rc = rc == OK && c->canonical.failed ? err_set(e, ERR_LIMIT, "the object does not fit") : rc;
    if (rc != OK) {
        return rc;
    }
    struct sha256 sum = sha256_of(buf_sv(&c->canonical));
    hex_text(sum.b, sizeof(sum.b), hex);
    buf_reset(&c->scratch);
    buf_add(&c->scratch, id);
    buf_addc(&c->scratch, '\n');
    buf_add(&c->scratch, version);
    buf_addc(&c->scratch, '\n');
    buf_add(&c->scratch, sv_c(hex));
    c->key = hmac_sha256(&secret->salts, buf_sv(&c->scratch));
    uint8_t salt[32];
    copy_salt_of(&c->key, SV(""), salt);
    c->whole = sha256_parts((const struct sv[]){sv_from((const char *)salt, sizeof(salt)), SV("[\"\","),
                                                buf_sv(&c->canonical), SV("]")},
                            4);
    return copy_parts(original, &c->a, &c->part, &c->parts, e);
}

static int by_text(const void *a, const void *b)
{
    return memcmp(a, b, COPY_TEXT);
}

/* Digests of the whole, of all parts, and as many that stand for nothing as fill the number up. */
static int digests_of(struct copier *c, char (**ret)[COPY_TEXT], size_t *ret_n, struct err *e)
{
    size_t n = 0, all = (c->parts + COPY_DIGESTS_ROUND) / COPY_DIGESTS_ROUND * COPY_DIGESTS_ROUND;
    char(*text)[COPY_TEXT] = arena_calloc(&c->a, all, sizeof(*text));
    char number[DECOY_TEXT];
    if (!text) {
        return err_set(e, ERR_MEMORY, "no memory for the digests of an object");
    }
    copy_text(c->whole.b, text[n++]);
    for (size_t i = 0; i < c->parts; i++) {
        uint8_t salt[32];
        copy_salt_of(&c->key, c->part[i].name, salt);
        buf_reset(&c->scratch);
        int rc = copy_part_bytes(&c->part[i], &c->scratch, e);
        if (rc != OK) {
            return rc;
        }
        struct sha256 digest = copy_digest(salt, buf_sv(&c->scratch));
        copy_text(digest.b, text[n++]);
    }
    for (; n < all; n++) {
        snprintf(number, sizeof(number), "%zu", n);
        struct sha256 decoy = keyed(&c->key, "decoy", sv_c(number));
        copy_text(decoy.b, text[n]);
    }
    qsort(text, all, sizeof(*text), by_text);
    *ret = text;
    *ret_n = all;
    return OK;
}

/* ---- the proof */

/* What the last proof commits the copy to: its canonical form without that proof. */
static int copy_sum(struct copier *c, char ret[COPY_TEXT], struct err *e)
{
    buf_reset(&c->canonical);
    int rc = json_canonical(c->made.object, &c->canonical, e);
    if (rc == OK && c->canonical.failed) {
        return err_set(e, ERR_LIMIT, "the copy does not fit");
    }
    struct sha256 sum = sha256_of(buf_sv(&c->canonical));
    copy_text(sum.b, ret);
    return rc;
}

static void write_salts(struct copier *c, struct jw *w)
{
    jw_obj(w);
    for (size_t i = 0; i < c->parts; i++) {
        uint8_t salt[32];
        char text[COPY_TEXT];
        if (c->part[i].kept) {
            copy_salt_of(&c->key, c->part[i].name, salt);
            copy_text(salt, text);
            jw_key_sv(w, c->part[i].name);
            jw_str(w, sv_c(text));
        }
    }
    jw_end_obj(w);
}

/* Members in canonical order: what is signed is written first, and the rest between. */
static void write_proof(struct copier *c, const struct copy_signer *s, const char *copy,
                        char (*digest)[COPY_TEXT], size_t n, const uint8_t *signature, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "copy", sv_c(copy));
    jw_key(&w, "digests");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        jw_str(&w, sv_c(digest[i]));
    }
    jw_end_arr(&w);
    jw_kstr(&w, "holder", s->holder);
    jw_kstr(&w, "key", s->key);
    if (signature) {
        struct buf text;
        jw_key(&w, "salts");
        write_salts(c, &w);
        buf_init(&text, 128);
        base64_add(&text, sv_from((const char *)signature, 64));
        jw_kstr(&w, "signature", buf_sv(&text));
        buf_clear(&text);
    }
    jw_end_obj(&w);
}

int copy_seal(struct copier *c, const struct copy_signer *s, struct buf *out, struct err *e)
{
    char copy[COPY_TEXT], (*digest)[COPY_TEXT] = NULL;
    uint8_t signature[64];
    size_t n = 0, before = out->n;
    int rc = copy_sum(c, copy, e);
    rc = rc == OK ? digests_of(c, &digest, &n, e) : rc;
    if (rc != OK) {
        return rc;
    }
    buf_reset(&c->canonical);
    write_proof(c, s, copy, digest, n, NULL, &c->canonical);
    rc = s->sign(s->ctx, SV(COPY_PAYLOAD), buf_sv(&c->canonical), signature, e);
    if (rc != OK) {
        return rc;
    }
    buf_add(out, sv_sub(buf_sv(&c->text), 0, c->place));
    buf_add(out, c->more ? SV(",") : SV(""));
    write_proof(c, s, copy, digest, n, signature, out);
    buf_add(out, sv_sub(buf_sv(&c->text), c->place, SIZE_MAX));
    if (out->failed || c->text.failed) {
        out->n = before;
        return err_set(e, ERR_LIMIT, "the copy does not fit");
    }
    return OK;
}

/* ---- telling one part later */

static int write_disclosure(struct copier *c, struct jv original, const struct copy_part *p, struct buf *out,
                            struct err *e)
{
    uint8_t salt[32];
    char text[COPY_TEXT];
    struct jw w;
    copy_salt_of(&c->key, p ? p->name : SV(""), salt);
    copy_text(salt, text);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "member", p ? p->name : SV(""));
    jw_kstr(&w, "salt", sv_c(text));
    jw_kstr(&w, "type", SV("noroshi-disclosure"));
    jw_key(&w, "value");
    if (p) {
        json_add(out, p->value);
    } else {
        copy_without(original, SIZE_MAX, out);
    }
    w.after_key = false;
    jw_end_obj(&w);
    return out->failed ? err_set(e, ERR_LIMIT, "the disclosure does not fit") : OK;
}

int copy_disclose(struct copier *c, struct jv original, const struct copy_secret *secret, struct sv name,
                  struct buf *out, struct err *e)
{
    char shown[80];
    int rc = copier_begin(c, original, secret, e);
    if (rc != OK) {
        return rc;
    }
    if (!name.n) {
        return write_disclosure(c, original, NULL, out, e);
    }
    for (size_t i = 0; i < c->parts; i++) {
        if (sv_eq(c->part[i].name, name)) {
            return write_disclosure(c, original, &c->part[i], out, e);
        }
    }
    return err_set(e, ERR_NOT_FOUND, "the object has no member '%s'", sv_show(name, shown, sizeof(shown)));
}
