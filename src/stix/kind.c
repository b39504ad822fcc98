#include "stix/private.h"

struct kind_row {
    const char *name;
    bool matched;
};

static const struct kind_row kinds[KIND_MAX] = {
    [KIND_NONE] = {"none", false},
    [KIND_IPV4] = {"ipv4-addr", true},
    [KIND_IPV6] = {"ipv6-addr", true},
    [KIND_DOMAIN] = {"domain-name", true},
    [KIND_URL] = {"url", true},
    [KIND_EMAIL] = {"email-addr", true},
    [KIND_MD5] = {"md5", true},
    [KIND_SHA1] = {"sha-1", true},
    [KIND_SHA224] = {"sha-224", true},
    [KIND_SHA256] = {"sha-256", true},
    [KIND_SHA384] = {"sha-384", true},
    [KIND_SHA512] = {"sha-512", true},
    [KIND_SSDEEP] = {"ssdeep", false},
    [KIND_TLSH] = {"tlsh", false},
    [KIND_IMPHASH] = {"imphash", false},
    [KIND_JA3] = {"ja3", true},
    [KIND_JA3S] = {"ja3s", true},
    [KIND_JA4] = {"ja4", true},
    [KIND_JARM] = {"jarm", true},
    [KIND_VULNERABILITY] = {"vulnerability", false},
    [KIND_WALLET] = {"cryptocurrency-wallet", false},
    [KIND_MAC] = {"mac-addr", false},
    [KIND_AS] = {"autonomous-system", false},
    [KIND_FILENAME] = {"file-name", false},
    [KIND_MUTEX] = {"mutex", false},
    [KIND_REGISTRY] = {"windows-registry-key", false},
    [KIND_USER_AGENT] = {"user-agent", false},
    [KIND_CERT_SHA1] = {"x509-sha-1", true},
    [KIND_CERT_SHA256] = {"x509-sha-256", true},
    [KIND_PHONE] = {"phone-number", false},
    [KIND_TEXT] = {"text", false},
};

/* What people call them in mappings and queries. */
static const struct {
    const char *name;
    enum kind kind;
} other_names[] = {{"ipv4", KIND_IPV4},         {"ipv6", KIND_IPV6},       {"domain", KIND_DOMAIN},
                   {"hostname", KIND_DOMAIN},   {"email", KIND_EMAIL},     {"cve", KIND_VULNERABILITY},
                   {"wallet", KIND_WALLET},     {"mac", KIND_MAC},         {"asn", KIND_AS},
                   {"filename", KIND_FILENAME}, {"regkey", KIND_REGISTRY}, {"phone", KIND_PHONE}};

const char *kind_name(enum kind k)
{
    return (unsigned)k < KIND_MAX ? kinds[k].name : "none";
}

enum kind kind_of_name(struct sv name)
{
    for (unsigned k = 1; k < KIND_MAX; k++)
        if (sv_ieq(name, sv_c(kinds[k].name)))
            return (enum kind)k;
    for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++)
        if (sv_ieq(name, sv_c(other_names[i].name)))
            return other_names[i].kind;
    return hash_kind_of_name(name);
}

bool kind_matched(enum kind k)
{
    return (unsigned)k < KIND_MAX && kinds[k].matched;
}

struct sv lower_sv(struct arena *a, struct sv s)
{
    size_t i = 0;
    while (i < s.n && !(s.p[i] >= 'A' && s.p[i] <= 'Z'))
        i++;
    if (i == s.n)
        return s;
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return SV_NONE;
    for (i = 0; i < s.n; i++)
        p[i] = lower(s.p[i]);
    p[s.n] = 0;
    return (struct sv){p, s.n};
}
