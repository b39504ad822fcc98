#include "stix/check.h"

#include "stix/private.h"

bool form_hex(struct sv s)
{
    return s.n % 2 == 0 && all_hex(s);
}

/* RFC 4648 4. Only the form: payloads are large and nothing is decoded here. */
bool form_base64(struct sv s)
{
    size_t pad = 0;
    if (s.n == 0 || s.n % 4)
        return false;
    while (pad < 2 && s.p[s.n - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < s.n - pad; i++)
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '+' && s.p[i] != '/')
            return false;
    return true;
}

/* RFC 6838: a registered top-level type and a name of restricted characters. */
bool form_mime(struct sv s)
{
    struct sv top, sub = s;
    if (!sv_cut(&sub, '/', &top) || !sub.n ||
        !word_in("application|audio|font|image|message|model|multipart|text|video", top))
        return false;
    return is_alpha(sub.p[0]) || is_digit(sub.p[0]);
}

/*
 * The registry holds some 260 sets and 900 aliases; what is in use is of a few families: a name must begin
 * like one of them. Beyond the first letters it is held to the registry's characters only.
 */
bool form_charset(struct sv s)
{
    static const char *const families[] = {"utf-",
                                           "us-ascii",
                                           "ascii",
                                           "ansi_x3",
                                           "iso-8859-",
                                           "iso_8859-",
                                           "iso-2022-",
                                           "iso-ir-",
                                           "iso646-",
                                           "latin",
                                           "windows-",
                                           "ibm",
                                           "cp",
                                           "koi8-",
                                           "koi7-",
                                           "euc-",
                                           "extended_unix_code_",
                                           "shift_jis",
                                           "gb",
                                           "big5",
                                           "hz-gb",
                                           "hp-",
                                           "macintosh",
                                           "tis-620",
                                           "viscii",
                                           "viqr",
                                           "unicode-",
                                           "scsu",
                                           "bocu",
                                           "iso-10646-",
                                           "ks_c_",
                                           "jis_",
                                           "tscii",
                                           "ptcp154",
                                           "osd_ebcdic_",
                                           "ebcdic-",
                                           "dec-mcs",
                                           "hebrew",
                                           "arabic",
                                           "cyrillic",
                                           "greek",
                                           "csiso",
                                           "csutf",
                                           "cs"};
    if (s.n < 2 || s.n > 45)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && !(s.p[i] && strchr("-_.:()+/", s.p[i])))
            return false;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (sv_istarts(s, sv_c(families[i])))
            return true;
    return false;
}

/* NISTIR 7695 formatted string: "cpe:2.3:" and eleven components between unescaped colons. */
bool form_cpe(struct sv s)
{
    size_t parts = 1;
    if (!sv_starts(s, SV("cpe:2.3:")) || s.n < 10 || !strchr("aho*-", s.p[8]) || s.p[9] != ':')
        return false;
    for (size_t i = 8; i < s.n; i++) {
        if (s.p[i] == '\\') {
            i++;
            continue;
        }
        if ((uint8_t)s.p[i] <= 0x20 || (uint8_t)s.p[i] >= 0x7f)
            return false;
        if (s.p[i] != ':')
            continue;
        parts++;
        if (i + 1 == s.n || s.p[i + 1] == ':')
            return false;
    }
    return parts == 11;
}

/* RFC 5322 addr-spec without comments: "local@domain"; a display name or brackets belong elsewhere. */
bool form_email(struct sv s)
{
    size_t at = sv_rchr(s, '@');
    if (at == SIZE_MAX || at == 0 || at + 1 >= s.n)
        return false;
    bool quoted = at > 1 && s.p[0] == '"' && s.p[at - 1] == '"';
    for (size_t i = 0; i < s.n; i++)
        if (!(quoted && i < at) &&
            ((uint8_t)s.p[i] <= 0x20 || strchr("<>()[],;:\\\"", s.p[i]) || (i < at && s.p[i] == '@')))
            return false;
    return true;
}

/* RFC 3986: a scheme, ':' and no space. Non-ASCII is let pass (IRIs are common and the standard names 3986
 * loosely). */
bool form_url(struct sv s)
{
    size_t colon = sv_chr(s, ':');
    if (colon == SIZE_MAX || colon == 0 || !is_alpha(s.p[0]))
        return false;
    for (size_t i = 0; i < colon; i++)
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '+' && s.p[i] != '-' && s.p[i] != '.')
            return false;
    for (size_t i = colon; i < s.n; i++)
        if ((uint8_t)s.p[i] < 0x20)
            return false;
    return colon + 1 < s.n;
}

bool form_property_name(struct sv s)
{
    if (s.n < 3 || s.n > 250)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !is_digit(s.p[i]) && s.p[i] != '_')
            return false;
    /* A digit or underscore may not come first. */
    return s.p[0] >= 'a' && s.p[0] <= 'z';
}

/* RFC 5646 2.2.9 "well-formed", without the registry: subtags of 1 to 8 letters and digits, the first of
 * letters. */
bool form_language(struct sv s)
{
    struct sv rest = s, tag;
    bool first = true;
    while (sv_cut(&rest, '-', &tag)) {
        if (tag.n == 0 || tag.n > 8)
            return false;
        for (size_t i = 0; i < tag.n; i++)
            if (!is_alpha(tag.p[i]) && (first || !is_digit(tag.p[i])))
                return false;
        first = false;
    }
    return !first;
}

/* 2.14, 2.11: lower-case words with hyphens between. */
bool form_word(struct sv s)
{
    bool letter = false;
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '_' || s.p[i] == ' ')
            return false;
        letter |= is_alpha(s.p[i]) || (uint8_t)s.p[i] >= 0x80;
    }
    return letter;
}

bool form_type_name(struct sv s)
{
    if (s.n < 3 || s.n > 250)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !is_digit(s.p[i]) && s.p[i] != '-')
            return false;
        if (s.p[i] == '-' && i + 1 < s.n && s.p[i + 1] == '-')
            return false;
    }
    return s.p[0] >= 'a' && s.p[0] <= 'z';
}
