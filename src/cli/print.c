#include "cli/cli.h"

#include <wchar.h>

void print_json(struct cmd *c, const struct buf *json)
{
    fwrite(json->p, 1, json->n, c->out);
    fputc('\n', c->out);
}

/* A terminal obeys control characters: text from outside never carries them there. C1 controls are two bytes
 * in UTF-8. */
void print_safe(FILE *out, struct sv text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char ch = (unsigned char)text.p[i];
        bool c1 = ch == 0xc2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0;
        if (c1) {
            i++;
        }
        fputc(c1 || ch < 0x20 || ch == 0x7f ? (ch == '\n' || ch == '\t' ? ' ' : '?') : ch, out);
    }
}

/* Bytes of the character at the front and the columns it takes: wide for East Asian text. */
static size_t character(struct sv s, unsigned *columns)
{
    unsigned char b = (unsigned char)s.p[0];
    size_t n = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
    n = n > s.n ? s.n : n;
    *columns = n >= 3 && !(b == 0xe2) ? 2 : 1;
    return n;
}

void print_cell(FILE *out, struct sv text, unsigned width)
{
    unsigned used = 0;
    while (text.n) {
        unsigned columns;
        size_t n = character(text, &columns);
        if (used + columns > width) {
            break;
        }
        print_safe(out, sv_sub(text, 0, n));
        used += columns;
        text = sv_from(text.p + n, text.n - n);
    }
    for (; used < width + 1; used++) {
        fputc(' ', out);
    }
}
