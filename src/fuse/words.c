#include "fuse/words.h"

static bool is_cjk(uint32_t c)
{
    return (c >= 0x3041 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff66 && c <= 0xff9f) ||
           (c >= 0x20000 && c <= 0x323af) || c == 0x3005;
}

/* Length of the well-formed UTF-8 sequence at the front and its code point; 0 when there is none. */
static size_t code_point(struct sv s, uint32_t *ret)
{
    uint8_t b = (uint8_t)s.p[0];
    size_t n = b < 0x80                ? 1
               : b >= 0xc2 && b < 0xe0 ? 2
               : (b & 0xf0) == 0xe0    ? 3
               : b >= 0xf0 && b < 0xf5 ? 4
                                       : 0;
    if (n == 0 || n > s.n || !sv_utf8(sv_sub(s, 0, n))) {
        return 0;
    }
    *ret = n == 1 ? b : b & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        *ret = *ret << 6 | ((uint8_t)s.p[i] & 0x3fu);
    }
    return n;
}

static struct sv skip(struct sv s, size_t n)
{
    return sv_from(s.p + n, s.n - n);
}

/* The run of CJK characters at the front. */
static struct sv cjk_run(struct sv s)
{
    size_t at = 0, n;
    uint32_t c;
    while (at < s.n && (n = code_point(skip(s, at), &c)) && is_cjk(c)) {
        at += n;
    }
    return sv_from(s.p, at);
}

static void add_bigrams(struct sv run, struct buf *out)
{
    uint32_t c;
    bool any = false;
    while (run.n) {
        size_t first = code_point(run, &c);
        struct sv rest = skip(run, first);
        size_t second = rest.n ? code_point(rest, &c) : 0;
        if (second || !any) {
            if (any) {
                buf_addc(out, ' ');
            }
            buf_addp(out, run.p, first + second);
            any = true;
        }
        run = rest;
    }
}

void words_for_index(struct sv text, struct buf *out)
{
    while (text.n) {
        struct sv run = cjk_run(text);
        uint32_t c;
        if (run.n) {
            buf_addc(out, ' ');
            add_bigrams(run, out);
            buf_addc(out, ' ');
            text = skip(text, run.n);
            continue;
        }
        size_t n = code_point(text, &c);
        if (n) {
            buf_addp(out, text.p, n);
        }
        text = skip(text, n ? n : 1);
    }
}

/* What unicode61 takes for a part of a word, near enough: letters and digits and everything past ASCII. */
static bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static void open_term(struct buf *out)
{
    if (out->n) {
        buf_add(out, SV(" AND "));
    }
    buf_addc(out, '"');
}

void words_for_query(struct sv text, struct buf *out)
{
    while (text.n) {
        struct sv run = cjk_run(text);
        uint32_t c;
        if (run.n) {
            bool lone = code_point(run, &c) == run.n;
            open_term(out);
            add_bigrams(run, out);
            buf_add(out, lone ? SV("\"*") : SV("\""));
            text = skip(text, run.n);
            continue;
        }
        size_t n = 0, step;
        while (n < text.n && is_word((uint8_t)text.p[n]) && (step = code_point(skip(text, n), &c)) &&
               !is_cjk(c)) {
            n += step;
        }
        if (n) {
            open_term(out);
            buf_addp(out, text.p, n);
            buf_addc(out, '"');
        }
        text = skip(text, n ? n : 1);
    }
}
