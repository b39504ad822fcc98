/* Words that exports say about values, harmless in whatever they stand in. */
#include "share/export/export_writer.h"

#define SOURCES_TOLD 8

void text_time(usec t, char ret[32])
{
    ret[0] = 0;
    if (t != USEC_NONE) {
        time_text(t, ret);
    }
}

/* Bytes of a character that ends a line or is not printed, at `s`; 0 for others. */
static size_t control(struct sv s)
{
    unsigned char a = (unsigned char)s.p[0], b = s.n > 1 ? (unsigned char)s.p[1] : 0,
                  c = s.n > 2 ? (unsigned char)s.p[2] : 0;
    if (a < 0x20 || a == 0x7f) {
        return 1;
    }
    if (a == 0xc2 && b >= 0x80 && b < 0xa0) { /* C1, with NEXT LINE */
        return 2;
    }
    /* line and paragraph separators, marks and overrides of direction */
    bool separator = a == 0xe2 && b == 0x80 && ((c >= 0xa8 && c <= 0xae) || c == 0x8e || c == 0x8f);
    bool isolate = a == 0xe2 && b == 0x81 && c >= 0xa6 && c <= 0xa9;
    return separator || isolate ? 3 : 0;
}

bool text_odd(struct sv text)
{
    bool odd = !sv_utf8(text);
    for (size_t i = 0; !odd && i < text.n; i++) {
        odd = control(sv_sub(text, i, SIZE_MAX)) > 0;
    }
    return odd;
}

void text_safe(struct buf *out, struct sv text, const char * not )
{
    bool utf8 = sv_utf8(text);
    for (size_t i = 0; i < text.n;) {
        size_t n = control(sv_sub(text, i, SIZE_MAX));
        unsigned char c = (unsigned char)text.p[i];
        bool bad = n || (c >= 0x80 && !utf8) || (c < 0x80 && strchr(not, c));
        buf_addc(out, bad ? '?' : (char)c);
        i += n ? n : 1;
    }
}

void text_word(struct buf *out, struct sv text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                    c == '_' || c == '-';
        buf_addc(out, good ? c : '_');
    }
}

static bool told(const struct given *g, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (g->claim[k].source == g->claim[i].source) {
            return true;
        }
    }
    return false;
}

void text_sources(struct buf *out, const struct given *g, const char * not )
{
    size_t n = 0;
    for (size_t i = 0; i < g->claims; i++) {
        if (told(g, i)) {
            continue;
        }
        if (n++ < SOURCES_TOLD) {
            buf_add(out, n > 1 ? SV(", ") : SV(""));
            text_safe(out, g->claim[i].source_name, not );
            buf_printf(out, " (%c)", g->claim[i].reliability);
        }
    }
    if (n > SOURCES_TOLD) {
        buf_printf(out, " and %zu more", n - SOURCES_TOLD);
    }
}

void text_about(struct buf *out, const struct given *g, const char * not )
{
    char until[32];
    text_time(g->until, until);
    buf_printf(out, "%s; ", tlp_name(g->tlp));
    text_sources(out, g, not );
    buf_printf(out, "; confidence %d; %s%s", g->confidence, until[0] ? "until " : "no end", until);
}

char grade_best(const struct given *g)
{
    char best = 'F';
    for (size_t i = 0; i < g->claims; i++) {
        best = g->claim[i].reliability < best ? g->claim[i].reliability : best;
    }
    return best;
}

void text_head(struct exporter *x, const char *mark)
{
    struct buf *b = &x->out;
    buf_printf(b, "%s Noroshi: %s, of ", mark, x->format->text);
    text_safe(b, sv_c(x->o->node), "");
    buf_printf(b, "\n%s holds markings up to %s: pass nothing on beyond its own\n", mark,
               tlp_name(x->o->filter.ceiling));
}

void text_tail(struct exporter *x, const char *mark)
{
    const struct export_report *r = x->report;
    struct buf *b = &x->out;
    char until[32];
    buf_printf(b, "%s %llu entries; highest marking %s; statements by grade:", mark,
               (unsigned long long)r->written, tlp_name(r->tlp));
    for (int i = 0; i < 6; i++) {
        if (r->grade[i]) {
            buf_printf(b, " %c %llu", 'A' + i, (unsigned long long)r->grade[i]);
        }
    }
    text_time(r->first_until == INT64_MAX ? USEC_NONE : r->first_until, until);
    buf_printf(b, "; %s%s\n", until[0] ? "the first ends " : "none ends", until);
    for (int i = 0; i < LEFT_MAX; i++) {
        if (r->left[i]) {
            buf_printf(b, "%s left out, %s: %llu\n", mark, export_left_name((enum export_left)i),
                       (unsigned long long)r->left[i]);
        }
    }
}
