#include "pact/agreement.h"

#include <sodium.h>
#include <stdlib.h>

#define ENVELOPE_MAX ((size_t)24 << 20) /* a message between nodes may have 16 MiB */

void dsse_pae(struct sv type, struct sv body, struct buf *out)
{
    buf_printf(out, "DSSEv1 %zu ", type.n);
    buf_add(out, type);
    buf_printf(out, " %zu ", body.n);
    buf_add(out, body);
}

void dsse_write(struct sv type, struct sv body, const struct dsse_signature *sig, size_t n, struct buf *out)
{
    struct jw w;
    struct buf text;
    buf_init(&text, ENVELOPE_MAX);
    jw_init(&w, out);
    jw_obj(&w);
    base64_add(&text, body);
    jw_kstr(&w, "payload", buf_sv(&text));
    jw_kstr(&w, "payloadType", type);
    jw_key(&w, "signatures");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        jw_obj(&w);
        jw_kstr(&w, "keyid", sig[i].keyid.p ? sig[i].keyid : SV(""));
        buf_reset(&text);
        base64_add(&text, sv_from((const char *)sig[i].sig, sizeof(sig[i].sig)));
        jw_kstr(&w, "sig", buf_sv(&text));
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    out->failed = out->failed || text.failed;
    buf_clear(&text);
}

/* The DSSE protocol lets a signer use either alphabet; padding may be missing in the URL-safe one. */
static bool any_base64(struct arena *a, struct sv s, struct sv *ret)
{
    size_t pad = s.n % 4 ? 4 - s.n % 4 : 0;
    char *copy = s.p && pad < 3 ? arena_alloc(a, s.n + pad + 1) : NULL;
    if (!copy) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        copy[i] = s.p[i] == '-' ? '+' : s.p[i] == '_' ? '/' : s.p[i];
    }
    memset(copy + s.n, '=', pad);
    return base64_parse(a, sv_from(copy, s.n + pad), ret);
}

static int read_signatures(struct jv list, struct arena *a, struct dsse *ret, struct err *e)
{
    struct json_it it = json_each(list);
    struct sv unused, bytes;
    struct jv v;
    if (json_type(list) != JSON_ARRAY || json_count(list) == 0 || json_count(list) > DSSE_SIGNATURES) {
        return err_set(e, ERR_VALUE, "the envelope has no signatures, or more than %d", DSSE_SIGNATURES);
    }
    while (json_next(&it, &unused, &v)) {
        struct dsse_signature *at = &ret->sig[ret->n];
        if (!any_base64(a, json_get_str(v, SV("sig")), &bytes) || bytes.n != sizeof(at->sig)) {
            return err_set(e, ERR_VALUE, "signature %zu of the envelope is no Ed25519 signature", ret->n + 1);
        }
        memcpy(at->sig, bytes.p, sizeof(at->sig));
        at->keyid = arena_sv(a, json_get_str(v, SV("keyid")));
        ret->n++;
    }
    return OK;
}

int dsse_read(struct sv json, struct arena *a, struct dsse *ret, struct err *e)
{
    struct json_doc *d = json_doc_new(ENVELOPE_MAX);
    struct jv v = {0};
    *ret = (struct dsse){0};
    int rc = d ? json_parse(d, json, &v, e) : err_set(e, ERR_MEMORY, "no memory to read an envelope");
    if (rc == OK) {
        struct sv type = json_get_str(v, SV("payloadType"));
        ret->type = arena_sv(a, type);
        if (!type.n || !any_base64(a, json_get_str(v, SV("payload")), &ret->body)) {
            rc = err_set(e, ERR_VALUE, "this is no DSSE envelope: payload or payloadType is missing");
        }
    }
    rc = rc == OK ? read_signatures(json_get(v, SV("signatures")), a, ret, e) : rc;
    json_doc_free(d);
    return rc;
}

bool dsse_signed_by(const struct dsse *d, const uint8_t pub[32])
{
    struct buf pae;
    bool good = false;
    buf_init(&pae, ENVELOPE_MAX + 256);
    dsse_pae(d->type, d->body, &pae);
    for (size_t i = 0; i < d->n && !pae.failed; i++) {
        good = good || crypto_sign_verify_detached(d->sig[i].sig, (const uint8_t *)pae.p, pae.n, pub) == 0;
    }
    buf_clear(&pae);
    return good;
}
