#include "stix/private.h"

enum kind hash_kind(size_t digits)
{
    switch (digits) {
    case 32:
        return KIND_MD5;
    case 40:
        return KIND_SHA1;
    case 56:
        return KIND_SHA224;
    case 64:
        return KIND_SHA256;
    case 96:
        return KIND_SHA384;
    case 128:
        return KIND_SHA512;
    default:
        return KIND_NONE;
    }
}

enum kind hash_kind_of_name(struct sv name)
{
    static const struct {
        const char *name;
        enum kind kind;
    } names[] = {{"md5", KIND_MD5},       {"sha1", KIND_SHA1},     {"sha224", KIND_SHA224},
                 {"sha256", KIND_SHA256}, {"sha384", KIND_SHA384}, {"sha512", KIND_SHA512},
                 {"ssdeep", KIND_SSDEEP}, {"tlsh", KIND_TLSH},     {"imphash", KIND_IMPHASH}};
    char plain[16];
    size_t n = 0;
    if (name.n > 2 * sizeof(plain))
        return KIND_NONE;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '-' || name.p[i] == '_')
            continue;
        if (n == sizeof(plain))
            return KIND_NONE;
        plain[n++] = lower(name.p[i]);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (sv_eq((struct sv){plain, n}, sv_c(names[i].name)))
            return names[i].kind;
    return KIND_NONE;
}

/* Hex digits of fixed number, perhaps written in pairs with ':' between (certificate tools do). */
static struct sv read_hex(struct arena *a, struct sv s, size_t digits)
{
    if (s.n == digits)
        return all_hex(s) ? lower_sv(a, s) : SV_NONE;
    if (s.n != digits / 2 * 3 - 1)
        return SV_NONE;
    char *p = arena_alloc(a, digits + 1);
    size_t n = 0;
    for (size_t i = 0; p && i < s.n; i++) {
        if (i % 3 == 2 ? s.p[i] != ':' : !is_hex(s.p[i]))
            return SV_NONE;
        if (i % 3 != 2)
            p[n++] = lower(s.p[i]);
    }
    return (struct sv){p, n};
}

static struct sv read_cve(struct arena *a, struct sv s)
{
    if (s.n < 13 || s.n > 28 || !sv_istarts(s, SV("CVE-")) || s.p[8] != '-' || !all_digits(sv_sub(s, 4, 4)) ||
        !all_digits(sv_sub(s, 9, SIZE_MAX)))
        return SV_NONE;
    if (sv_starts(s, SV("CVE-")))
        return s;
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return SV_NONE;
    memcpy(p, s.p, s.n);
    memcpy(p, "CVE", 3);
    p[s.n] = 0;
    return (struct sv){p, s.n};
}

/* "AS64496", "as 64496" or the bare number; 32 bits (RFC 6793). */
static struct sv read_as(struct arena *a, struct sv s)
{
    uint64_t n;
    struct sv digits = sv_istarts(s, SV("AS")) ? sv_trim(sv_sub(s, 2, SIZE_MAX)) : s;
    if (sv_istarts(digits, SV("N")) && digits.n < s.n)
        digits = sv_sub(digits, 1, SIZE_MAX);
    if (digits.n > 10 || !sv_u64(digits, &n) || n > UINT32_MAX)
        return SV_NONE;
    return arena_printf(a, "AS%u", (unsigned)n);
}

/* Twelve hex digits: pairs with ':' or '-', or three groups of four with '.'. */
static struct sv read_mac(struct arena *a, struct sv s)
{
    char hex[12];
    size_t n = 0;
    size_t group = s.n == 17 ? 3 : 5;
    if (s.n != 17 && s.n != 14)
        return SV_NONE;
    char sep = s.p[group - 1];
    if (s.n == 17 ? sep != ':' && sep != '-' : sep != '.')
        return SV_NONE;
    for (size_t i = 0; i < s.n; i++) {
        bool at_sep = i % group == group - 1;
        if (at_sep ? s.p[i] != sep : !is_hex(s.p[i]))
            return SV_NONE;
        if (!at_sep)
            hex[n++] = lower(s.p[i]);
    }
    return arena_printf(a, "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", hex, hex + 2, hex + 4, hex + 6, hex + 8,
                        hex + 10);
}

/* FoxIO JA4: "t13d1516h2_8daaf6152771_e5627efa2ab1". */
static struct sv read_ja4(struct arena *a, struct sv s)
{
    if (s.n != 36 || s.p[10] != '_' || s.p[23] != '_' || !strchr("tqd", lower(s.p[0])) || !is_hex(s.p[11]))
        return SV_NONE;
    for (size_t i = 0; i < s.n; i++) {
        bool fits = i == 10 || i == 23 || (i > 10 ? is_hex(s.p[i]) : is_digit(s.p[i]) || is_alpha(s.p[i]));
        if (!fits || (i >= 4 && i <= 7 && !is_digit(s.p[i])))
            return SV_NONE;
    }
    return lower_sv(a, s);
}

/* "blocksize:hash:hash", block size 3 * 2^n. */
static struct sv read_ssdeep(struct sv s)
{
    uint64_t size;
    size_t one = sv_chr(s, ':');
    size_t two = one == SIZE_MAX ? SIZE_MAX : sv_chr(sv_sub(s, one + 1, SIZE_MAX), ':');
    if (two == SIZE_MAX || s.n > 160 || !sv_u64(sv_sub(s, 0, one), &size) || size == 0)
        return SV_NONE;
    while (size % 2 == 0)
        size /= 2;
    if (size != 3)
        return SV_NONE;
    for (size_t i = one + 1; i < s.n; i++)
        if (i != one + 1 + two && !is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '+' && s.p[i] != '/')
            return SV_NONE;
    return s;
}

static struct sv read_tlsh(struct arena *a, struct sv s)
{
    struct sv hex = sv_istarts(s, SV("T1")) && s.n == 72 ? sv_sub(s, 2, SIZE_MAX) : s;
    if (hex.n != 70 || !all_hex(hex))
        return SV_NONE;
    hex = lower_sv(a, hex);
    return hex.p ? arena_printf(a, "t1%.*s", SV_ARG(hex)) : SV_NONE;
}

/* Free text of one line. */
static struct sv read_line(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] < 0x20)
            return SV_NONE;
    return s.n ? s : SV_NONE;
}

/* Long and short names of the hives; the long one is canonical. */
static struct sv read_registry(struct arena *a, struct sv s)
{
    static const char *const hives[][2] = {{"hklm", "hkey_local_machine"},
                                           {"hkcu", "hkey_current_user"},
                                           {"hkcr", "hkey_classes_root"},
                                           {"hku", "hkey_users"},
                                           {"hkcc", "hkey_current_config"}};
    size_t end = sv_chr(s, '\\');
    struct sv hive = sv_sub(s, 0, end);
    struct sv rest = end == SIZE_MAX ? SV("") : sv_sub(s, end, SIZE_MAX);
    if (!read_line(s).p)
        return SV_NONE;
    if (hive.n && hive.p[hive.n - 1] == ':')
        hive.n--;
    rest = lower_sv(a, rest);
    for (size_t i = 0; i < sizeof(hives) / sizeof(hives[0]); i++)
        if (sv_ieq(hive, sv_c(hives[i][0])) || sv_ieq(hive, sv_c(hives[i][1])))
            return arena_printf(a, "%s%.*s", hives[i][1], SV_ARG(rest));
    return lower_sv(a, s);
}

/* E.164: at most 15 digits; the leading '+' is kept. */
static struct sv read_phone(struct arena *a, struct sv s)
{
    char out[17];
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (is_digit(s.p[i]) || (s.p[i] == '+' && n == 0)) {
            if (n == sizeof(out))
                return SV_NONE;
            out[n++] = s.p[i];
        } else if (!strchr(" -().", s.p[i]) || s.p[i] == 0) {
            return SV_NONE;
        }
    }
    size_t digits = n - (n > 0 && out[0] == '+');
    return digits >= 5 && digits <= 15 ? arena_sv(a, (struct sv){out, n}) : SV_NONE;
}

static struct sv read_token(struct arena *a, enum kind kind, struct sv s)
{
    switch (kind) {
    case KIND_MD5:
    case KIND_IMPHASH:
    case KIND_JA3:
    case KIND_JA3S:
        return read_hex(a, s, 32);
    case KIND_SHA1:
    case KIND_CERT_SHA1:
        return read_hex(a, s, 40);
    case KIND_SHA224:
        return read_hex(a, s, 56);
    case KIND_SHA256:
    case KIND_CERT_SHA256:
        return read_hex(a, s, 64);
    case KIND_SHA384:
        return read_hex(a, s, 96);
    case KIND_SHA512:
        return read_hex(a, s, 128);
    case KIND_JARM:
        return read_hex(a, s, 62);
    case KIND_JA4:
        return read_ja4(a, s);
    case KIND_SSDEEP:
        return read_ssdeep(s);
    case KIND_TLSH:
        return read_tlsh(a, s);
    case KIND_VULNERABILITY:
        return read_cve(a, s);
    case KIND_MAC:
        return read_mac(a, s);
    case KIND_AS:
        return read_as(a, s);
    case KIND_REGISTRY:
        return read_registry(a, s);
    case KIND_PHONE:
        return read_phone(a, s);
    case KIND_FILENAME:
    case KIND_MUTEX:
    case KIND_USER_AGENT:
        return read_line(s);
    default:
        return SV_NONE;
    }
}

bool token_read(struct arena *a, enum kind kind, struct sv text, struct obs *ret)
{
    if (text.n == 0)
        return false;
    struct sv value = read_token(a, kind, text);
    if (!value.p)
        return false;
    *ret = (struct obs){.kind = kind, .value = sv_eq(value, text) ? text : value};
    return true;
}

/* RFC 5322 atom text, dots, and UTF-8 (RFC 6532). Quoted local parts are not in use. */
static bool local_byte(char c)
{
    return is_alpha(c) || is_digit(c) || (uint8_t)c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

bool email_read(struct arena *a, struct sv text, struct obs *ret)
{
    char domain[256];
    size_t at = sv_rchr(text, '@');
    if (at == SIZE_MAX || at == 0 || at > 64)
        return false;
    for (size_t i = 0; i < at; i++)
        if (!local_byte(text.p[i]))
            return false;
    size_t n = domain_write(sv_sub(text, at + 1, SIZE_MAX), domain);
    if (n == 0 || domain[0] == '*')
        return false;
    char *p = arena_alloc(a, at + n + 2);
    if (!p)
        return false;
    for (size_t i = 0; i <= at; i++)
        p[i] = lower(text.p[i]);
    memcpy(p + at + 1, domain, n + 1);
    struct sv value = {p, at + 1 + n};
    *ret = (struct obs){.kind = KIND_EMAIL, .value = sv_eq(value, text) ? text : value};
    return true;
}
