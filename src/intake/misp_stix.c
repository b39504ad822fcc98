/*
 * Attribute types of MISP whose statement is no single value of ours, as STIX patterns and back. The patterns
 * are those of MISP's own converter (misp-stix, documentation/mapping), except that numbers are written as
 * numbers and SHA-512/224 is not called SHA-224, which is another function. A type may stand for several
 * templates; a template that several types share is told by the label misp:type="...", which the converter
 * writes as well.
 */
#include "intake/misp.h"

/* %1 and %2: the value, or its parts around '|', as literals; %n: a number; %a: the family of an address. */
static const struct {
    const char *type, *pattern;
} templates[] = {
    {"authentihash", "file:hashes.AUTHENTIHASH = %1"},
    {"domain|ip", "domain-name:value = %1 AND domain-name:resolves_to_refs[*].value = %2"},
    {"email-body", "email-message:body = %1"},
    {"email-header", "email-message:received_lines = %1"},
    {"email-message-id", "email-message:message_id = %1"},
    {"email-subject", "email-message:subject = %1"},
    {"email-x-mailer", "email-message:additional_header_fields.x_mailer = %1"},
    {"filename|authentihash", "file:name = %1 AND file:hashes.AUTHENTIHASH = %2"},
    {"filename|imphash", "file:name = %1 AND file:hashes.IMPHASH = %2"},
    {"filename|md5", "file:name = %1 AND file:hashes.MD5 = %2"},
    {"filename|pehash", "file:name = %1 AND file:hashes.PEHASH = %2"},
    {"filename|sha1", "file:name = %1 AND file:hashes.'SHA-1' = %2"},
    {"filename|sha224", "file:name = %1 AND file:hashes.'SHA-224' = %2"},
    {"filename|sha256", "file:name = %1 AND file:hashes.'SHA-256' = %2"},
    {"filename|sha3-224", "file:name = %1 AND file:hashes.'SHA3-224' = %2"},
    {"filename|sha3-256", "file:name = %1 AND file:hashes.'SHA3-256' = %2"},
    {"filename|sha3-384", "file:name = %1 AND file:hashes.'SHA3-384' = %2"},
    {"filename|sha3-512", "file:name = %1 AND file:hashes.'SHA3-512' = %2"},
    {"filename|sha384", "file:name = %1 AND file:hashes.'SHA-384' = %2"},
    {"filename|sha512", "file:name = %1 AND file:hashes.'SHA-512' = %2"},
    {"filename|sha512/224", "file:name = %1 AND file:hashes.'SHA512-224' = %2"},
    {"filename|sha512/256", "file:name = %1 AND file:hashes.'SHA512-256' = %2"},
    {"filename|ssdeep", "file:name = %1 AND file:hashes.SSDEEP = %2"},
    {"filename|tlsh", "file:name = %1 AND file:hashes.TLSH = %2"},
    {"filename|vhash", "file:name = %1 AND file:hashes.VHASH = %2"},
    {"github-username", "user-account:account_type = 'github' AND user-account:account_login = %1"},
    {"hostname|port", "domain-name:value = %1 AND network-traffic:dst_port = %n"},
    {"http-method", "network-traffic:extensions.'http-request-ext'.request_method = %1"},
    {"ip-dst|port", "network-traffic:dst_ref.type = %a AND network-traffic:dst_ref.value = %1 AND "
                    "network-traffic:dst_port = %n"},
    {"ip-src|port", "network-traffic:src_ref.type = %a AND network-traffic:src_ref.value = %1 AND "
                    "network-traffic:src_port = %n"},
    {"malware-sample", "file:name = %1 AND file:hashes.MD5 = %2"},
    {"pehash", "file:hashes.PEHASH = %1"},
    {"port", "network-traffic:dst_port = %n"},
    {"regkey|value", "windows-registry-key:key = %1 AND windows-registry-key:values.data = %2"},
    {"sha3-224", "file:hashes.'SHA3-224' = %1"},
    {"sha3-256", "file:hashes.'SHA3-256' = %1"},
    {"sha3-384", "file:hashes.'SHA3-384' = %1"},
    {"sha3-512", "file:hashes.'SHA3-512' = %1"},
    {"sha512/224", "file:hashes.'SHA512-224' = %1"},
    {"sha512/256", "file:hashes.'SHA512-256' = %1"},
    {"size-in-bytes", "file:size = %n"},
    {"telfhash", "file:hashes.TELFHASH = %1"},
    {"vhash", "file:hashes.VHASH = %1"},
    {"x509-fingerprint-md5", "x509-certificate:hashes.MD5 = %1"},
};
#define TEMPLATES (sizeof(templates) / sizeof(templates[0]))

/* Rules are patterns of their own language. */
static const char *const languages[] = {"sigma", "snort", "suricata", "yara"};

static const char *language(struct sv type)
{
    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
        if (sv_eq(type, sv_c(languages[i])))
            return languages[i];
    return NULL;
}

static bool is_number(struct sv s)
{
    uint64_t n;
    return sv_u64(s, &n) && n <= INT64_MAX && (s.n == 1 || s.p[0] != '0');
}

/* ---- to STIX */

/* STIX 2.1 9.3: a backslash before quote and backslash. */
static void add_literal(struct buf *b, struct sv s)
{
    buf_addc(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'' || s.p[i] == '\\')
            buf_addc(b, '\\');
        buf_addc(b, s.p[i]);
    }
    buf_addc(b, '\'');
}

/* The parts of a value; a name of a file may hold a '|'. Without a second part in the template the whole. */
static bool parts_of(struct sv type, const char *pattern, struct sv value, struct sv ret[2])
{
    bool one = sv_chr(type, '|') == SIZE_MAX && !sv_eq(type, SV("malware-sample"));
    size_t at =
        sv_starts(pattern ? sv_c(pattern) : SV(""), SV("file:")) ? sv_rchr(value, '|') : sv_chr(value, '|');
    ret[0] = one || at == SIZE_MAX ? value : sv_trim(sv_sub(value, 0, at));
    ret[1] = one || at == SIZE_MAX ? value : sv_trim(sv_sub(value, at + 1, SIZE_MAX));
    return one || (at != SIZE_MAX && ret[0].n && ret[1].n);
}

static bool fill(const char *pattern, const struct sv part[2], struct buf *out)
{
    bool good = true;
    buf_addc(out, '[');
    for (const char *p = pattern; good && *p; p++) {
        if (*p != '%') {
            buf_addc(out, *p);
            continue;
        }
        switch (*++p) {
        case '1':
            add_literal(out, part[0]);
            break;
        case '2':
            add_literal(out, part[1]);
            break;
        case 'n':
            good = is_number(part[1]);
            buf_add(out, part[1]);
            break;
        default:
            buf_add(out, sv_chr(part[0], ':') == SIZE_MAX ? SV("'ipv4-addr'") : SV("'ipv6-addr'"));
        }
    }
    buf_addc(out, ']');
    return good && !out->failed;
}

bool misp_pattern(struct sv type, struct sv value, struct buf *out, struct sv *ret_language)
{
    struct sv part[2];
    const char *other = language(type);

    *ret_language = sv_c(other ? other : "stix");
    if (other)
        buf_add(out, value);
    for (size_t i = 0; !other && i < TEMPLATES; i++)
        if (sv_eq(type, sv_c(templates[i].type)))
            return parts_of(type, templates[i].pattern, value, part) && fill(templates[i].pattern, part, out);
    return other && !out->failed;
}

/* ---- and back */

/* A literal at the front of `*s` into the arena. */
static bool take_literal(struct arena *a, struct sv *s, struct sv *ret)
{
    char *to = s->n && s->p[0] == '\'' ? arena_alloc(a, s->n) : NULL;
    size_t n = 0;

    for (size_t i = 1; to && i < s->n; i++) {
        if (s->p[i] == '\'') {
            *ret = sv_from(to, n);
            *s = sv_sub(*s, i + 1, SIZE_MAX);
            return true;
        }
        if (s->p[i] == '\\' && ++i == s->n)
            break;
        to[n++] = s->p[i];
    }
    return false;
}

/* Digits, or digits as a literal: what MISP's converter writes. */
static bool take_number(struct arena *a, struct sv *s, struct sv *ret)
{
    size_t n = 0;

    if (s->n && s->p[0] == '\'')
        return take_literal(a, s, ret) && is_number(*ret);
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    *ret = sv_sub(*s, 0, n);
    *s = sv_sub(*s, n, SIZE_MAX);
    return is_number(*ret);
}

static bool read_back(const char *pattern, struct sv text, struct arena *a, struct sv ret[2])
{
    struct sv family;

    ret[0] = ret[1] = SV_NONE;
    text = sv_trim(text);
    if (!sv_starts(text, SV("[")) || !sv_ends(text, SV("]")))
        return false;
    text = sv_trim(sv_sub(text, 1, text.n - 2));
    for (const char *p = pattern; *p; p++) {
        bool good = *p != '%' && text.n && text.p[0] == *p;
        if (good) {
            text = sv_sub(text, 1, SIZE_MAX);
            continue;
        }
        if (*p != '%')
            return false;
        p++;
        good = *p == '1'   ? take_literal(a, &text, &ret[0])
               : *p == '2' ? take_literal(a, &text, &ret[1])
               : *p == 'n' ? take_number(a, &text, &ret[1])
                           : take_literal(a, &text, &family);
        if (!good)
            return false;
    }
    return text.n == 0;
}

static struct sv join_parts(struct arena *a, const struct sv part[2])
{
    if (!part[1].p || !part[0].p)
        return part[0].p ? part[0] : part[1];
    char *p = arena_alloc(a, part[0].n + part[1].n + 1);
    if (!p)
        return SV_NONE;
    memcpy(p, part[0].p, part[0].n);
    p[part[0].n] = '|';
    memcpy(p + part[0].n + 1, part[1].p, part[1].n);
    return sv_from(p, part[0].n + part[1].n + 1);
}

bool misp_of_pattern(struct sv pattern, struct sv pattern_type, struct sv label, struct arena *a,
                     struct sv *ret_type, struct sv *ret_value)
{
    struct sv part[2];

    if (language(pattern_type)) {
        *ret_type = pattern_type;
        *ret_value = pattern;
        return pattern.n > 0;
    }
    for (size_t i = 0; sv_eq(pattern_type, SV("stix")) && i < TEMPLATES; i++) {
        struct sv type = sv_c(templates[i].type);
        if ((label.n && !sv_ieq(label, type)) || !read_back(templates[i].pattern, pattern, a, part))
            continue;
        *ret_type = type;
        *ret_value = join_parts(a, part);
        return ret_value->n > 0;
    }
    return false;
}
