/* The forms a member of a report may have to have. */
#include "intake/xarf.h"

bool xarf_is_word(struct sv text, const char *words)
{
    struct sv all = sv_c(words), word;

    while (sv_cut(&all, '|', &word))
        if (sv_eq(text, word))
            return true;
    return false;
}

bool xarf_is_ip(struct sv text)
{
    char scratch[256];
    struct obs o;

    return sv_chr(text, '/') == SIZE_MAX && sv_chr(text, '%') == SIZE_MAX && obs_ip(text, scratch, &o);
}

/* RFC 1123 section 2.1 */
static bool is_host(struct sv text)
{
    struct sv label;

    if (text.n == 0 || text.n > 253 || sv_ends(text, SV(".")))
        return false;
    while (sv_cut(&text, '.', &label)) {
        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++) {
            unsigned char ch = (unsigned char)label.p[i];
            if (!(ch >= '0' && ch <= '9') && !((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') && ch != '-' &&
                ch < 0x80)
                return false;
        }
    }
    return true;
}

static bool is_email(struct sv text)
{
    size_t at = sv_rchr(text, '@');

    if (at == SIZE_MAX || at == 0 || at > 64)
        return false;
    for (size_t i = 0; i < at; i++)
        if ((unsigned char)text.p[i] <= ' ')
            return false;
    return is_host(sv_sub(text, at + 1, SIZE_MAX));
}

/* RFC 3986 section 3: a scheme and something, without blanks. */
static bool is_uri(struct sv text)
{
    size_t colon = sv_chr(text, ':');

    if (colon == SIZE_MAX || colon == 0 || colon + 1 == text.n)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char ch = (unsigned char)text.p[i];
        bool letter = (ch | 0x20) >= 'a' && (ch | 0x20) <= 'z';
        bool other = (ch >= '0' && ch <= '9') || ch == '+' || ch == '-' || ch == '.';
        if (i < colon ? !letter && (i == 0 || !other) : ch <= ' ')
            return false;
    }
    return true;
}

static bool is_time(struct sv text)
{
    usec t;

    return text.n >= 20 && text.p[4] == '-' && time_parse(text, &(struct time_opts){0}, &t, NULL) == OK;
}

static size_t digits(struct sv text, size_t at)
{
    size_t n = 0;

    while (at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9')
        n++;
    return n;
}

static bool is_cve(struct sv text)
{
    return sv_starts(text, SV("CVE-")) && digits(text, 4) == 4 && text.n > 9 && text.p[8] == '-' &&
           digits(text, 9) == text.n - 9 && text.n - 9 >= 4;
}

static bool is_version4(struct sv text)
{
    size_t minor = digits(text, 2), at = 2 + minor;

    return sv_starts(text, SV("4.")) && minor && at < text.n && text.p[at] == '.' &&
           digits(text, at + 1) == text.n - at - 1 && at + 1 < text.n;
}

static bool is_tag(struct sv text)
{
    size_t colon = sv_chr(text, ':');

    if (colon == SIZE_MAX || colon == 0 || colon + 1 == text.n)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char ch = text.p[i];
        bool start = i == 0 || i == colon + 1;
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
        if (i != colon && !plain && (start || !strchr("_+-", ch) || !ch))
            return false;
    }
    return true;
}

static bool is_hash(struct sv text)
{
    size_t colon = sv_chr(text, ':');

    if (colon == SIZE_MAX || colon + 1 == text.n ||
        !xarf_is_word(sv_sub(text, 0, colon), "md5|sha1|sha256|sha512"))
        return false;
    for (size_t i = colon + 1; i < text.n; i++)
        if (!memchr("0123456789abcdefABCDEF", text.p[i], 22))
            return false;
    return true;
}

static bool text_fits(const struct xarf_rule *r, struct sv text)
{
    struct uuid u;

    switch (r->form) {
    case XF_WORDS:
        return xarf_is_word(text, r->words);
    case XF_NAME:
        return text.n >= 3;
    case XF_WORD:
    case XF_DATE: /* read, and refused, with the claim */
        return text.n > 0;
    case XF_IP:
        return xarf_is_ip(text);
    case XF_EMAIL:
        return is_email(text);
    case XF_NOT_EMAIL:
        return !is_email(text);
    case XF_HOST:
        return is_host(text);
    case XF_URI:
        return is_uri(text);
    case XF_TIME:
        return is_time(text);
    case XF_UUID:
        return uuid_parse(text, &u);
    case XF_CVE:
        return is_cve(text);
    case XF_VERSION:
        return is_version4(text);
    case XF_TAG:
        return is_tag(text);
    case XF_HASH:
        return is_hash(text);
    default:
        return true;
    }
}

static bool number_fits(const struct xarf_rule *r, struct jv v)
{
    int64_t n = 0;
    double d = 0;

    if (!json_i64(v, &n) && r->form != XF_SHARE)
        return r->form == XF_NONE;
    switch (r->form) {
    case XF_PORT:
        return n >= 0 && n <= 65535;
    case XF_PORT1:
        return n >= 1 && n <= 65535;
    case XF_COUNT:
        return n >= 0;
    case XF_AS:
        return n >= 1 && n <= 4199999999;
    case XF_SHARE:
        return json_f64(v, &d) && d >= 0 && d <= 1;
    default:
        return true;
    }
}

bool xarf_form_fits(const struct xarf_rule *r, struct jv v)
{
    return json_type(v) == JSON_STRING ? text_fits(r, json_str(v)) : number_fits(r, v);
}

const char *xarf_form_name(const struct xarf_rule *r)
{
    static const char *const names[] = {
        [XF_NAME] = "a text of at least three characters",
        [XF_WORD] = "a text that is not empty",
        [XF_IP] = "an IPv4 or IPv6 address",
        [XF_EMAIL] = "an e-mail address",
        [XF_NOT_EMAIL] = "a name that is no e-mail address",
        [XF_HOST] = "a host name",
        [XF_URI] = "a URI",
        [XF_TIME] = "a date-time with its zone",
        [XF_DATE] = "a date",
        [XF_UUID] = "a UUID",
        [XF_CVE] = "a CVE number",
        [XF_VERSION] = "a version 4.x.y",
        [XF_TAG] = "a tag namespace:word",
        [XF_HASH] = "a hash algorithm:digits",
        [XF_PORT] = "a port, 0 to 65535",
        [XF_PORT1] = "a port, 1 to 65535",
        [XF_COUNT] = "a number of 0 or more",
        [XF_AS] = "an AS number, 1 to 4199999999",
        [XF_SHARE] = "a number between 0 and 1",
    };

    return r->form == XF_WORDS                                          ? r->words
           : r->form < sizeof(names) / sizeof(*names) && names[r->form] ? names[r->form]
                                                                        : "another value";
}
