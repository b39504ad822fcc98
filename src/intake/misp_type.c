#include "intake/misp.h"

#include <stdlib.h>

/*
 * Attribute types of the MISP core format (draft-dulaunoy-misp-core-format, section 2.4.2.3; MISP
 * describeTypes.json). Types whose value is no observable of ours (rules, comments, sizes, bank accounts,
 * names of persons) are not listed: a type that is not here is text.
 */
#define ONE(name, kind, how)                                                                                 \
    {                                                                                                        \
        name, kind, KIND_NONE, how, false, false                                                             \
    }
#define FILE_WITH(name, kind)                                                                                \
    {                                                                                                        \
        name, KIND_FILENAME, kind, MISP_FIRST_CONTEXT, true, false                                           \
    }

/* Sorted by name. */
static const struct misp_type types[] = {
    ONE("AS", KIND_AS, MISP_SOFT),
    ONE("attachment", KIND_FILENAME, MISP_CONTEXT),
    ONE("btc", KIND_WALLET, 0),
    ONE("dash", KIND_WALLET, 0),
    ONE("dns-soa-email", KIND_EMAIL, MISP_SOFT),
    ONE("domain", KIND_DOMAIN, 0),
    {"domain|ip", KIND_DOMAIN, KIND_IPV4, 0, true, true},
    ONE("email", KIND_EMAIL, 0),
    ONE("email-attachment", KIND_FILENAME, 0),
    ONE("email-dst", KIND_EMAIL, 0),
    ONE("email-reply-to", KIND_EMAIL, 0),
    ONE("email-src", KIND_EMAIL, 0),
    ONE("filename", KIND_FILENAME, 0),
    FILE_WITH("filename|authentihash", KIND_TEXT),
    FILE_WITH("filename|impfuzzy", KIND_TEXT),
    FILE_WITH("filename|imphash", KIND_IMPHASH),
    FILE_WITH("filename|md5", KIND_MD5),
    FILE_WITH("filename|pehash", KIND_TEXT),
    FILE_WITH("filename|sha1", KIND_SHA1),
    FILE_WITH("filename|sha224", KIND_SHA224),
    FILE_WITH("filename|sha256", KIND_SHA256),
    FILE_WITH("filename|sha3-224", KIND_TEXT),
    FILE_WITH("filename|sha3-256", KIND_TEXT),
    FILE_WITH("filename|sha3-384", KIND_TEXT),
    FILE_WITH("filename|sha3-512", KIND_TEXT),
    FILE_WITH("filename|sha384", KIND_SHA384),
    FILE_WITH("filename|sha512", KIND_SHA512),
    FILE_WITH("filename|sha512/224", KIND_TEXT),
    FILE_WITH("filename|sha512/256", KIND_TEXT),
    FILE_WITH("filename|ssdeep", KIND_SSDEEP),
    FILE_WITH("filename|tlsh", KIND_TLSH),
    FILE_WITH("filename|vhash", KIND_TEXT),
    ONE("hostname", KIND_DOMAIN, 0),
    {"hostname|port", KIND_DOMAIN, KIND_NONE, MISP_PORT, true, false},
    ONE("imphash", KIND_IMPHASH, 0),
    ONE("ip-dst", KIND_IPV4, MISP_IP),
    {"ip-dst|port", KIND_IPV4, KIND_NONE, MISP_IP | MISP_PORT, true, false},
    ONE("ip-src", KIND_IPV4, MISP_IP),
    {"ip-src|port", KIND_IPV4, KIND_NONE, MISP_IP | MISP_PORT, true, false},
    ONE("ja3-fingerprint-md5", KIND_JA3, 0),
    ONE("jarm-fingerprint", KIND_JARM, 0),
    ONE("link", KIND_URL, MISP_CONTEXT | MISP_SOFT),
    ONE("mac-address", KIND_MAC, 0),
    FILE_WITH("malware-sample", KIND_MD5),
    ONE("md5", KIND_MD5, 0),
    ONE("mutex", KIND_MUTEX, 0),
    ONE("phone-number", KIND_PHONE, MISP_SOFT),
    ONE("regkey", KIND_REGISTRY, MISP_SOFT),
    {"regkey|value", KIND_REGISTRY, KIND_TEXT, MISP_SOFT, true, false},
    ONE("sha1", KIND_SHA1, 0),
    ONE("sha224", KIND_SHA224, 0),
    ONE("sha256", KIND_SHA256, 0),
    ONE("sha384", KIND_SHA384, 0),
    ONE("sha512", KIND_SHA512, 0),
    ONE("ssdeep", KIND_SSDEEP, 0),
    ONE("target-email", KIND_EMAIL, MISP_CONTEXT | MISP_SOFT),
    ONE("tlsh", KIND_TLSH, 0),
    ONE("uri", KIND_URL, MISP_SOFT),
    ONE("url", KIND_URL, 0),
    ONE("user-agent", KIND_USER_AGENT, 0),
    ONE("vulnerability", KIND_VULNERABILITY, MISP_SOFT),
    ONE("whois-registrant-email", KIND_EMAIL, MISP_SOFT),
    ONE("whois-registrant-phone", KIND_PHONE, MISP_SOFT),
    ONE("x509-fingerprint-sha1", KIND_CERT_SHA1, 0),
    ONE("x509-fingerprint-sha256", KIND_CERT_SHA256, 0),
    ONE("xmr", KIND_WALLET, 0),
};

static const struct misp_type text_type = ONE("", KIND_TEXT, MISP_CONTEXT);

static int compare(const void *key, const void *row)
{
    return sv_cmp(*(const struct sv *)key, sv_c(((const struct misp_type *)row)->name));
}

const struct misp_type *misp_type_find(struct sv name)
{
    const struct misp_type *t =
        bsearch(&name, types, sizeof(types) / sizeof(types[0]), sizeof(types[0]), compare);

    return t ? t : &text_type;
}

/* ---- from a kind of value to a type --------------------------------------------------------- */

/* What an attribute of a kind usually is. */
static const struct {
    enum kind kind;
    const char *type, *category;
} usual[] = {
    {KIND_IPV4, "ip-dst", "Network activity"},
    {KIND_IPV6, "ip-dst", "Network activity"},
    {KIND_DOMAIN, "domain", "Network activity"},
    {KIND_URL, "url", "Network activity"},
    {KIND_EMAIL, "email", "Payload delivery"},
    {KIND_MD5, "md5", "Payload delivery"},
    {KIND_SHA1, "sha1", "Payload delivery"},
    {KIND_SHA224, "sha224", "Payload delivery"},
    {KIND_SHA256, "sha256", "Payload delivery"},
    {KIND_SHA384, "sha384", "Payload delivery"},
    {KIND_SHA512, "sha512", "Payload delivery"},
    {KIND_SSDEEP, "ssdeep", "Payload delivery"},
    {KIND_TLSH, "tlsh", "Payload delivery"},
    {KIND_IMPHASH, "imphash", "Payload delivery"},
    {KIND_JA3, "ja3-fingerprint-md5", "Network activity"},
    {KIND_JARM, "jarm-fingerprint", "Network activity"},
    {KIND_VULNERABILITY, "vulnerability", "Payload delivery"},
    {KIND_WALLET, "btc", "Financial fraud"},
    {KIND_MAC, "mac-address", "Network activity"},
    {KIND_AS, "AS", "Network activity"},
    {KIND_FILENAME, "filename", "Payload delivery"},
    {KIND_MUTEX, "mutex", "Artifacts dropped"},
    {KIND_REGISTRY, "regkey", "Artifacts dropped"},
    {KIND_USER_AGENT, "user-agent", "Network activity"},
    {KIND_CERT_SHA1, "x509-fingerprint-sha1", "Network activity"},
    {KIND_CERT_SHA256, "x509-fingerprint-sha256", "Network activity"},
    {KIND_PHONE, "phone-number", "Other"},
};

const char *misp_kind_type(enum kind kind, const char **ret_category)
{
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        if (usual[i].kind == kind) {
            if (ret_category)
                *ret_category = usual[i].category;
            return usual[i].type;
        }
    return NULL;
}

const char *misp_type_fits(struct sv name, enum kind kind)
{
    const struct misp_type *t = misp_type_find(name);
    bool ip = t->how & MISP_IP && kind == KIND_IPV6;

    return t != &text_type && !t->composite && !(t->how & MISP_CONTEXT) && (t->first == kind || ip) ? t->name
                                                                                                    : NULL;
}
