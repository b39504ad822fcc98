#include "stix/private.h"

#include <idn2.h>
#include <libpsl.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 253
#define LABEL_MAX_BYTES 63

/* Lower-case byte of a host name, '.' for itself, 0 for what a name cannot hold. The underscore is in use
 * (_dmarc, SRV). */
static const char name_byte[256] = {
    ['-'] = '-', ['.'] = '.', ['_'] = '_', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',
    ['5'] = '5', ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c',
    ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',
    ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's',
    ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z', ['A'] = 'a',
    ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i',
    ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q',
    ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y',
    ['Z'] = 'z',
};

/*
 * The last label tells a name from other dotted text (addresses, versions, times): letters only, or an
 * A-label. A name of one label only needs a letter.
 */
static bool last_label_fits(const char *p, size_t n, bool only)
{
    size_t letters = 0;
    for (size_t i = 0; i < n; i++)
        letters += is_alpha(p[i]);
    if (only)
        return letters > 0;
    return n >= 2 && (letters == n || (n > 4 && memcmp(p, "xn--", 4) == 0));
}

/* Checks and lower-cases the labels of an ASCII name; 0 when it is none. */
static size_t write_ascii(struct sv s, char *out)
{
    if (s.n == 0 || s.n > NAME_MAX_BYTES)
        return 0;
    size_t label = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = name_byte[(uint8_t)s.p[i]];
        if (c == 0)
            return 0;
        out[i] = c;
        if (c == '.') {
            if (i == label || i - label > LABEL_MAX_BYTES)
                return 0;
            label = i + 1;
        }
    }
    if (label == s.n || s.n - label > LABEL_MAX_BYTES ||
        !last_label_fits(out + label, s.n - label, label == 0))
        return 0;
    out[s.n] = 0;
    return s.n;
}

/* Unicode name to A-labels, UTS 46 non-transitional. What comes out is checked like any other name. */
static size_t write_idn(struct sv s, char *out)
{
    char name[1024];
    uint8_t *ascii = NULL;
    if (s.n >= sizeof(name) || memchr(s.p, 0, s.n) || !sv_copy(s, name, sizeof(name)))
        return 0;
    int flags = IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT;
    if (idn2_lookup_u8((const uint8_t *)name, &ascii, flags) != IDN2_OK)
        return 0;
    struct sv r = sv_c((const char *)ascii);
    if (r.n > 1 && r.p[r.n - 1] == '.')
        r.n--;
    size_t n = write_ascii(r, out);
    free(ascii);
    return n;
}

static bool has_high_byte(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] >= 0x80)
            return true;
    return false;
}

size_t domain_write(struct sv text, char *out)
{
    size_t star = 0;
    if (text.n > 2 && text.p[0] == '*' && text.p[1] == '.') {
        out[0] = '*';
        out[1] = '.';
        star = 2;
        text = sv_sub(text, 2, SIZE_MAX);
    } else if (text.n > 1 && text.p[0] == '.') {
        text = sv_sub(text, 1, SIZE_MAX);
    }
    if (text.n > 1 && text.p[text.n - 1] == '.')
        text.n--;
    if (text.n == 0)
        return 0;
    size_t n = write_ascii(text, out + star);
    if (n == 0 && has_high_byte(text))
        n = write_idn(text, out + star);
    return n && n + star <= NAME_MAX_BYTES ? n + star : 0;
}

/* A name that holds non-ASCII letters leaves the fast path for libidn2, which allocates. */
bool obs_domain(struct sv text, char *scratch, struct obs *ret)
{
    size_t n = domain_write(text, scratch);
    if (n == 0)
        return false;
    ret->kind = KIND_DOMAIN;
    ret->value = (struct sv){scratch, n};
    ret->bits = 0;
    ret->port = 0;
    return true;
}

struct sv registrable_domain(struct sv domain)
{
    char name[NAME_MAX_BYTES + 1];
    struct obs address;
    if (ip_read(domain, false, &address))
        return domain;
    if (domain.n == 0 || domain.n >= sizeof(name) || memchr(domain.p, 0, domain.n) ||
        !sv_copy(domain, name, sizeof(name)))
        return domain;
    const psl_ctx_t *psl = psl_builtin();
    const char *r = psl ? psl_registrable_domain(psl, name) : NULL;
    return r ? sv_sub(domain, (size_t)(r - name), SIZE_MAX) : domain;
}
