/* Values of the classes of IODEF that hold observables, and the attributes all classes share. */
#include "intake/iodef.h"

/* ---- tree ------------------------------------------------------------------------------------ */

static bool has_name(const xmlNode *n, const char *ns, const char *name)
{
    return n->type == XML_ELEMENT_NODE && n->ns && n->ns->href &&
           strcmp((const char *)n->ns->href, ns) == 0 && strcmp((const char *)n->name, name) == 0;
}

bool iodef_is(const struct iodef *d, const xmlNode *n, const char *name)
{
    return has_name(n, d->ns, name);
}

xmlNode *iodef_child(const struct iodef *d, const xmlNode *parent, const char *name, const xmlNode *after)
{
    xmlNode *n = after ? after->next : parent->children;

    while (n && !iodef_is(d, n, name))
        n = n->next;
    return n;
}

static struct sv keep(struct iodef *d, xmlChar *text)
{
    struct sv copy = text ? arena_sv(d->r.job->a, sv_trim(sv_c((const char *)text))) : SV("");

    xmlFree(text);
    return copy.p ? copy : SV("");
}

struct sv iodef_text(struct iodef *d, const xmlNode *n)
{
    return n ? keep(d, xmlNodeGetContent(n)) : SV("");
}

struct sv iodef_attr(struct iodef *d, const xmlNode *n, const char *name)
{
    return keep(d, xmlGetNoNsProp(n, (const xmlChar *)name));
}

int iodef_time(struct iodef *d, const xmlNode *parent, const char *name, usec *ret, struct err *e)
{
    xmlNode *n = iodef_child(d, parent, name, NULL);

    *ret = USEC_NONE;
    if (!n)
        return OK;
    int rc = time_parse(iodef_text(d, n), &(struct time_opts){.fallback = d->r.job->opts->zone}, ret, e);
    return rc < 0 ? report_at(e, "%s/%s", (const char *)parent->name, name) : OK;
}

/* RFC 7970 section 3.3.1; RFC 5070 section 3.2 has the first four. What is not known is not released. */
bool iodef_restriction(struct iodef *d, const xmlNode *n, enum tlp *ret)
{
    static const struct {
        const char *word;
        enum tlp tlp;
    } words[] = {{"public", TLP_CLEAR}, {"need-to-know", TLP_AMBER_STRICT},
                 {"private", TLP_RED},  {"partner", TLP_GREEN},
                 {"white", TLP_CLEAR},  {"green", TLP_GREEN},
                 {"amber", TLP_AMBER},  {"red", TLP_RED}};
    struct sv word = iodef_attr(d, n, "restriction");

    if (word.n == 0 || sv_eq(word, SV("default")))
        return false;
    *ret = TLP_UNKNOWN;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (sv_eq(word, sv_c(words[i].word)))
            *ret = words[i].tlp;
    return true;
}

int iodef_confidence(struct iodef *d, const xmlNode *parent)
{
    xmlNode *n = iodef_child(d, parent, "Confidence", NULL);
    struct sv rating = n ? iodef_attr(d, n, "rating") : SV("");
    uint64_t number;

    if (sv_eq(rating, SV("low")))
        return 15;
    if (sv_eq(rating, SV("medium")))
        return 50;
    if (sv_eq(rating, SV("high")))
        return 85;
    return sv_eq(rating, SV("numeric")) && sv_u64(iodef_text(d, n), &number) && number <= 100 ? (int)number
                                                                                              : -1;
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* "192.0.2.0/255.255.255.0" as a prefix. */
static int add_masked(struct iodef *d, const struct report_part *p, struct sv text, struct err *e)
{
    size_t slash = sv_chr(text, '/');
    char scratch[256];
    struct obs mask;
    unsigned bits = 0;

    if (slash == SIZE_MAX || !obs_ip(sv_trim(sv_sub(text, slash + 1, SIZE_MAX)), scratch, &mask))
        return report_address(&d->r, p, text, e);
    unsigned from = mask.kind == KIND_IPV4 ? 96 : 0;
    while (from + bits < 128 && mask.ip[(from + bits) / 8] >> (7 - (from + bits) % 8) & 1)
        bits++;
    for (unsigned i = from + bits; i < 128; i++)
        if (mask.ip[i / 8] >> (7 - i % 8) & 1)
            return err_set(e, ERR_VALUE, "the mask of the network has holes");
    return report_address(
        &d->r, p, arena_printf(d->r.job->a, "%.*s/%u", SV_ARG(sv_trim(sv_sub(text, 0, slash))), bits), e);
}

static int add_as(struct iodef *d, const struct report_part *p, struct sv text, struct err *e)
{
    struct report_part context = *p;

    context.bad = false;
    if (text.n && text.p[0] >= '0' && text.p[0] <= '9')
        text = arena_printf(d->r.job->a, "AS%.*s", SV_ARG(text));
    return report_value(&d->r, &context, KIND_AS, text, e);
}

/* Types of Address (RFC 7970 section 3.18.1) and of BulkObservable (3.29.4). */
enum how { AS_TEXT, AS_ADDRESS, AS_MASKED, AS_NUMBER, AS_KIND, AS_PORT, AS_FIRST, AS_HASH };
static const struct {
    const char *type;
    enum how how;
    enum kind kind;
} types[] = {
    {"ipv4-addr", AS_ADDRESS, 0},
    {"ipv6-addr", AS_ADDRESS, 0},
    {"ipv4-net", AS_ADDRESS, 0},
    {"ipv6-net", AS_ADDRESS, 0},
    {"ipv4-net-mask", AS_MASKED, 0},
    {"ipv6-net-mask", AS_MASKED, 0},
    {"asn", AS_NUMBER, 0},
    {"e-mail", AS_KIND, KIND_EMAIL},
    {"mac", AS_KIND, KIND_MAC},
    {"site-uri", AS_KIND, KIND_URL},
    {"domain-name", AS_KIND, KIND_DOMAIN},
    {"domain-to-ipv4", AS_FIRST, KIND_DOMAIN},
    {"domain-to-ipv6", AS_FIRST, KIND_DOMAIN},
    {"domain-to-ipv4-timestamp", AS_FIRST, KIND_DOMAIN},
    {"domain-to-ipv6-timestamp", AS_FIRST, KIND_DOMAIN},
    {"ipv4-port", AS_PORT, 0},
    {"ipv6-port", AS_PORT, 0},
    {"windows-reg-key", AS_KIND, KIND_REGISTRY},
    {"file-hash", AS_HASH, 0},
    {"http-user-agent", AS_KIND, KIND_USER_AGENT},
    {"http-request-uri", AS_TEXT, 0},
    {"mutex", AS_KIND, KIND_MUTEX},
    {"file-path", AS_KIND, KIND_FILENAME},
};

/* A list separates the parts of one value by commas, and an address from its port by one too. */
static int add_with_port(struct iodef *d, const struct report_part *p, struct sv text, struct err *e)
{
    struct report_part with = *p;
    struct sv address;
    uint64_t port;

    if (sv_chr(text, ',') == SIZE_MAX)
        return report_value(&d->r, p, KIND_NONE, text, e);
    (void)sv_cut(&text, ',', &address);
    if (!sv_u64(sv_trim(text), &port) || port == 0 || port > UINT16_MAX)
        return err_set(e, ERR_VALUE, "the part behind the comma is no port");
    with.port = (uint16_t)port;
    return report_address(&d->r, &with, sv_trim(address), e);
}

int iodef_typed(struct iodef *d, const struct report_part *p, struct sv type, struct sv text, struct err *e)
{
    struct sv first = SV("");

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (!sv_eq(type, sv_c(types[i].type)))
            continue;
        switch (types[i].how) {
        case AS_ADDRESS:
            return report_address(&d->r, p, text, e);
        case AS_MASKED:
            return add_masked(d, p, text, e);
        case AS_NUMBER:
            return add_as(d, p, text, e);
        case AS_KIND:
            return report_value(&d->r, p, types[i].kind, text, e);
        case AS_PORT:
            return add_with_port(d, p, text, e);
        case AS_FIRST:
            (void)sv_cut(&text, ',', &first);
            return report_value(&d->r, p, types[i].kind, sv_trim(first), e);
        case AS_HASH:
            return report_value(&d->r, p, KIND_NONE, text, e);
        case AS_TEXT:
        default:
            return report_text(&d->r, p, text, e);
        }
    }
    return report_text(&d->r, p, text, e);
}

int iodef_address(struct iodef *d, const xmlNode *n, const struct report_part *p, struct err *e)
{
    struct sv type = iodef_attr(d, n, "category");
    int rc = iodef_typed(d, p, type.n ? type : SV("ipv4-addr") /* the default of both RFCs */,
                         iodef_text(d, n), e);

    return rc < 0 ? report_at(e, "Address[@category='%.*s']", SV_ARG(sv_sub(type, 0, 40))) : OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The end of an algorithm's identifier (RFC 6931, XML Encryption). */
static enum kind digest_kind(struct sv algorithm)
{
    static const struct {
        const char *end;
        enum kind kind;
    } ends[] = {{"#md5", KIND_MD5},       {"#sha1", KIND_SHA1},     {"#sha224", KIND_SHA224},
                {"#sha256", KIND_SHA256}, {"#sha384", KIND_SHA384}, {"#sha512", KIND_SHA512}};

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        if (sv_ends(algorithm, sv_c(ends[i].end)))
            return ends[i].kind;
    return KIND_NONE;
}

static xmlNode *dsig(const xmlNode *parent, const char *name)
{
    xmlNode *n = parent->children;

    while (n && !has_name(n, IODEF_DSIG, name))
        n = n->next;
    return n;
}

/* A DigestValue is base64 (XML Signature section 4.4.3.6); some write hexadecimal digits. */
static int add_hash(struct iodef *d, const xmlNode *hash, const struct report_part *p, struct err *e)
{
    xmlNode *method = dsig(hash, "DigestMethod"), *value = dsig(hash, "DigestValue");
    struct sv text = iodef_text(d, value), bytes;
    enum kind kind = method ? digest_kind(iodef_attr(d, method, "Algorithm")) : KIND_NONE;
    static const uint8_t sizes[KIND_MAX] = {[KIND_MD5] = 16,    [KIND_SHA1] = 20,   [KIND_SHA224] = 28,
                                            [KIND_SHA256] = 32, [KIND_SHA384] = 48, [KIND_SHA512] = 64};
    char hex[129];

    if (!value)
        return err_set(e, ERR_VALUE, "Hash/DigestValue: is missing");
    if (kind == KIND_NONE)
        return report_text(&d->r, p, text, e);
    if (text.n != 2u * sizes[kind] && base64_parse(d->r.job->a, text, &bytes) && bytes.n == sizes[kind]) {
        hex_text((const uint8_t *)bytes.p, bytes.n, hex);
        text = arena_sv(d->r.job->a, sv_c(hex));
    }
    int rc = report_value(&d->r, p, kind, text, e);
    return rc < 0 ? report_at(e, "Hash/DigestValue") : OK;
}

static int add_hashes(struct iodef *d, const xmlNode *parent, const struct report_part *p, struct err *e)
{
    int rc = OK;

    for (xmlNode *n = NULL; rc == OK && (n = iodef_child(d, parent, "HashData", n));)
        for (xmlNode *h = NULL; rc == OK && (h = iodef_child(d, n, "Hash", h));)
            rc = add_hash(d, h, p, e);
    return rc;
}

int iodef_files(struct iodef *d, const xmlNode *parent, const struct report_part *p, struct err *e)
{
    struct report_part name = *p;
    int rc = OK;

    name.bad = false; /* a name beside a hash is not bad */
    for (xmlNode *f = NULL; rc == OK && (f = iodef_child(d, parent, "File", f));) {
        struct sv text = iodef_text(d, iodef_child(d, f, "FileName", NULL));
        rc = add_hashes(d, f, p, e);
        if (rc == OK && text.n)
            rc = report_value(&d->r, &name, KIND_FILENAME, text, e);
        for (xmlNode *u = NULL; rc == OK && (u = iodef_child(d, f, "URL", u));)
            rc = report_value(&d->r, p, KIND_URL, iodef_text(d, u), e);
    }
    return rc;
}

int iodef_email(struct iodef *d, const xmlNode *n, const struct report_part *p, struct err *e)
{
    struct report_part to = *p;
    int rc = OK;

    to.bad = false;
    for (xmlNode *f = NULL; rc == OK && (f = iodef_child(d, n, "EmailFrom", f));)
        rc = report_value(&d->r, p, KIND_EMAIL, iodef_text(d, f), e);
    for (xmlNode *f = NULL; rc == OK && (f = iodef_child(d, n, "EmailTo", f));)
        rc = report_value(&d->r, &to, KIND_EMAIL, iodef_text(d, f), e);
    return rc == OK ? add_hashes(d, n, p, e) : rc;
}

int iodef_keys(struct iodef *d, const xmlNode *n, const struct report_part *p, struct err *e)
{
    int rc = OK;

    for (xmlNode *k = NULL; rc == OK && (k = iodef_child(d, n, "Key", k));) {
        struct sv name = iodef_text(d, iodef_child(d, k, "KeyName", NULL));
        if (name.n)
            rc = report_value(&d->r, p, KIND_REGISTRY, name, e);
    }
    return rc;
}
