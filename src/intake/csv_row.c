#include "intake/csv.h"

#define SPACES_MOST 8u /* before a quoted field */

/* Length of the line end at p[i]: "\n", "\r\n" or a lone "\r" before other text; 0 = none here. */
static size_t line_end(struct sv text, size_t i)
{
    if (text.p[i] == '\n')
        return 1;
    return text.p[i] == '\r' && i + 1 < text.n && text.p[i + 1] == '\n' ? 2 : 0;
}

/* Past the quoted part that begins at `i`; SIZE_MAX when it does not end in the text. Counts its lines. */
static size_t quoted_end(struct sv text, size_t i, unsigned *lines)
{
    for (i++; i < text.n; i++) {
        if (text.p[i] == '\n')
            ++*lines;
        if (text.p[i] != '"')
            continue;
        if (i + 1 < text.n && text.p[i + 1] == '"')
            i++;
        else
            return i + 1;
    }
    return SIZE_MAX;
}

/* Doubled quotes become one; what stands behind the closing quote is kept. */
static struct sv unquote(struct sv s, struct arena *a)
{
    struct sv inner = sv_sub(s, 1, s.n);
    size_t first = sv_chr(inner, '"');
    if (first == SIZE_MAX || first + 1 == inner.n)
        return sv_sub(inner, 0, first);
    char *p = arena_alloc(a, inner.n);
    if (!p)
        return SV_NONE;
    size_t n = 0;
    bool open = true;
    for (size_t i = 0; i < inner.n; i++) {
        if (inner.p[i] != '"') {
            p[n++] = inner.p[i];
        } else if (open && i + 1 < inner.n && inner.p[i + 1] == '"') {
            p[n++] = '"';
            i++;
        } else {
            open = false;
        }
    }
    return sv_from(p, n);
}

static void add_field(struct csv_row *r, struct sv s, struct arena *a)
{
    if (r->n < CSV_COLUMNS)
        r->field[r->n] = sv_trim(s.n && s.p[0] == '"' ? unquote(s, a) : s);
    r->n++;
}

/* The first line alone. */
static int take_line(struct sv text, bool last, struct csv_row *ret)
{
    size_t newline = sv_chr(text, '\n');
    if (newline == SIZE_MAX && !last)
        return 0;
    ret->bytes = newline == SIZE_MAX ? text.n : newline + 1;
    ret->raw = sv_sub(text, 0, newline);
    if (ret->raw.n && ret->raw.p[ret->raw.n - 1] == '\r')
        ret->raw.n--;
    ret->lines = 1;
    ret->n = 0;
    return 1;
}

static int broken_quote(struct sv text, bool last, struct csv_row *ret)
{
    if (!last && text.n < CSV_QUOTED_MOST)
        return 0;
    ret->open_quote = true;
    return take_line(text, last, ret);
}

/* `"a", "b"`: spaces before a quote belong to the layout, as abuse.ch writes it. */
static size_t before_quote(struct sv text, size_t i, char separator)
{
    size_t at = i;
    while (at < text.n && at - i < SPACES_MOST && text.p[at] == ' ' && separator != ' ')
        at++;
    return at < text.n && text.p[at] == '"' ? at : i;
}

int csv_row_read(struct sv text, bool last, char separator, struct arena *a, struct csv_row *ret)
{
    size_t i = 0, start = 0;
    ret->n = 0;
    ret->lines = 1;
    ret->open_quote = false;
    if (text.n == 0)
        return 0;
    /* A comment has no quotes to respect. */
    if (text.p[0] == '#')
        return take_line(text, last, ret);
    for (;;) {
        if (i == start)
            start = i = before_quote(text, i, separator);
        if (i == start && i < text.n && text.p[i] == '"') {
            i = quoted_end(text, i, &ret->lines);
            if (i == SIZE_MAX || i - start > CSV_QUOTED_MOST)
                return broken_quote(text, last, ret);
        }
        if (i == text.n) {
            if (!last)
                return 0;
            add_field(ret, sv_sub(text, start, i - start), a);
            ret->raw = text;
            ret->bytes = text.n;
            return 1;
        }
        size_t end = line_end(text, i);
        if (end || text.p[i] == separator)
            add_field(ret, sv_sub(text, start, i - start), a);
        if (end) {
            ret->raw = sv_sub(text, 0, i);
            ret->bytes = i + end;
            return 1;
        }
        if (text.p[i++] == separator)
            start = i;
    }
}

bool csv_row_empty(const struct csv_row *r)
{
    for (size_t i = 0; i < r->n && i < CSV_COLUMNS; i++)
        if (r->field[i].n)
            return false;
    return !r->open_quote && r->n <= CSV_COLUMNS;
}
