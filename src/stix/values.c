#include "stix/values.h"

#include "stix/private.h"

/* Stands for "an address or a name, whichever it is". */
#define KIND_HOST KIND_MAX

static const struct place {
    const char *type;
    const char *path;
    enum kind kind;
} places[] = {
    {"ipv4-addr", "value", KIND_IPV4},
    {"ipv6-addr", "value", KIND_IPV6},
    {"domain-name", "value", KIND_DOMAIN},
    {"hostname", "value", KIND_DOMAIN}, /* OpenCTI */
    {"url", "value", KIND_URL},
    {"email-addr", "value", KIND_EMAIL},
    {"mac-addr", "value", KIND_MAC},
    {"autonomous-system", "number", KIND_AS},
    {"file", "name", KIND_FILENAME},
    {"file", "extensions.windows-pebinary-ext.imphash", KIND_IMPHASH},
    {"artifact", "url", KIND_URL},
    {"mutex", "name", KIND_MUTEX},
    {"windows-registry-key", "key", KIND_REGISTRY},
    {"win-registry-key", "key", KIND_REGISTRY},
    {"cryptocurrency-wallet", "value", KIND_WALLET},
    {"phone-number", "value", KIND_PHONE},
    {"user-agent", "value", KIND_USER_AGENT},
    {"vulnerability", "name", KIND_VULNERABILITY},
    {"network-traffic", "x_ja3", KIND_JA3},
    {"network-traffic", "x_ja3s", KIND_JA3S},
    {"network-traffic", "x_ja4", KIND_JA4},
    {"network-traffic", "x_jarm", KIND_JARM},
    {"network-traffic", "src_ref.value", KIND_HOST},
    {"network-traffic", "dst_ref.value", KIND_HOST},
    {"network-traffic", "extensions.http-request-ext.request_header.User-Agent", KIND_USER_AGENT},
    {"domain-name", "resolves_to_refs.value", KIND_HOST},
    {"email-message", "from_ref.value", KIND_EMAIL},
    {"email-message", "sender_ref.value", KIND_EMAIL},
    {"email-message", "to_refs.value", KIND_EMAIL},
    {"email-message", "cc_refs.value", KIND_EMAIL},
    {"email-message", "bcc_refs.value", KIND_EMAIL},
};

enum kind value_hash_kind(struct sv type, struct sv algorithm)
{
    enum kind k = hash_kind_of_name(algorithm);
    if (!sv_eq(type, SV("x509-certificate")))
        return k;
    return k == KIND_SHA1 ? KIND_CERT_SHA1 : k == KIND_SHA256 ? KIND_CERT_SHA256 : KIND_NONE;
}

enum kind value_kind(struct sv type, struct sv path)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (sv_eq(type, sv_c(places[i].type)) && sv_eq(path, sv_c(places[i].path)))
            return places[i].kind;
    bool hashed =
        sv_eq(type, SV("file")) || sv_eq(type, SV("artifact")) || sv_eq(type, SV("x509-certificate"));
    /* Hashes of parts (PE sections) are hashes of something else. */
    if (hashed && sv_starts(path, SV("hashes.")))
        return value_hash_kind(type, sv_sub(path, 7, SIZE_MAX));
    return KIND_NONE;
}

/* Publishers mix them up: an address under domain-name, IPv6 under ipv4-addr. What can be read is what was
 * meant. */
bool value_read(struct arena *a, enum kind kind, struct sv text, struct obs *ret)
{
    struct err e;
    bool named = kind == KIND_DOMAIN || kind == KIND_HOST;
    if (!named && kind != KIND_IPV4 && kind != KIND_IPV6)
        return kind != KIND_NONE && obs_read(a, kind, text, ret, &e) == OK;
    return obs_read(a, KIND_IPV4, text, ret, &e) == OK || obs_read(a, KIND_IPV6, text, ret, &e) == OK ||
           (named && obs_read(a, KIND_DOMAIN, text, ret, &e) == OK);
}

struct walk {
    struct arena *a;
    stix_value_fn each;
    void *ctx;
};

static void give(struct walk *w, enum kind kind, struct sv text)
{
    struct obs o;
    if (text.n && value_read(w->a, kind, text, &o))
        w->each(w->ctx, &o, false);
}

static void hashes_of(struct walk *w, struct sv type, struct jv hashes)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(hashes);
    while (json_next(&it, &key, &v))
        give(w, value_hash_kind(type, key), json_str(v));
}

static void number_of(struct walk *w, struct jv sco)
{
    int64_t n;
    if (json_i64(json_get(sco, SV("number")), &n) && n >= 0)
        give(w, KIND_AS, arena_printf(w->a, "%lld", (long long)n));
}

/* The values one observable holds itself; those behind references stand in the observables referred to. */
static void sco_values(struct walk *w, struct sv type, struct jv sco)
{
    if (sv_eq(type, SV("autonomous-system"))) {
        number_of(w, sco);
        return;
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (sv_eq(type, sv_c(places[i].type)) && sv_chr(sv_c(places[i].path), '.') == SIZE_MAX)
            give(w, places[i].kind, json_get_str(sco, sv_c(places[i].path)));
    hashes_of(w, type, json_get(sco, SV("hashes")));
    give(w, KIND_IMPHASH, json_str(json_path(sco, "extensions", "windows-pebinary-ext", "imphash", NULL)));
    /* 2.0 has text here, 2.1 a list. */
    struct jv agent = json_path(sco, "extensions", "http-request-ext", "request_header", "User-Agent", NULL),
              v;
    struct sv key;
    give(w, KIND_USER_AGENT, json_str(agent));
    struct json_it it = json_each(agent);
    while (json_next(&it, &key, &v))
        give(w, KIND_USER_AGENT, json_str(v));
}

static void vulnerabilities(struct walk *w, struct sv type, struct jv object)
{
    struct sv key;
    struct jv v;
    struct sv name = json_get_str(object, SV("name"));
    bool named = sv_eq(type, SV("vulnerability"));
    struct json_it it = json_each(json_get(object, SV("external_references")));
    while (json_next(&it, &key, &v)) {
        struct sv id = json_get_str(v, SV("external_id"));
        if (sv_ieq(json_get_str(v, SV("source_name")), SV("cve")) && !(named && sv_ieq(id, name)))
            give(w, KIND_VULNERABILITY, id);
    }
}

/* A pattern that is broken or foreign has no values; that is not an error of the object as a whole. */
static int indicator_values(struct walk *w, struct jv object, struct err *e)
{
    struct sv type = json_get_str(object, SV("pattern_type"));
    struct sv pattern = json_get_str(object, SV("pattern"));
    if (!pattern.p || (type.p && !sv_eq(type, SV("stix"))))
        return OK;
    struct err inner = ERR_NONE;
    enum pattern_class c = stix_pattern(pattern, w->a, w->each, w->ctx, &inner);
    if (c == PATTERN_BAD && inner.code == ERR_MEMORY) {
        if (e)
            *e = inner;
        return ERR_MEMORY;
    }
    return OK;
}

int stix_values(struct jv object, struct arena *a, stix_value_fn each, void *ctx, struct err *e)
{
    struct walk w = {a, each, ctx};
    struct sv key, type = json_get_str(object, SV("type"));
    struct jv v;
    if (!type.p)
        return err_set(e, ERR_VALUE, "the STIX object has no type (STIX 2.1 section 3.2)");
    if (sv_eq(type, SV("indicator"))) {
        int rc = indicator_values(&w, object, e);
        if (rc < 0)
            return rc;
    } else if (sv_eq(type, SV("observed-data"))) {
        struct json_it it = json_each(json_get(object, SV("objects")));
        while (json_next(&it, &key, &v))
            sco_values(&w, json_get_str(v, SV("type")), v);
    } else {
        sco_values(&w, type, object);
    }
    vulnerabilities(&w, type, object);
    return OK;
}
