/* The header of a tab-separated Zeek log (ASCII writer): #separator, #set_separator, #empty_field,
 * #unset_field, #path, #fields, #types. */
#include "intake/zeek.h"

#include <stdlib.h>

static void reset(struct zeek_log *z)
{
    arena_reset(&z->a);
    buf_reset(&z->header);
    z->separator = '\t';
    z->set_separator = ',';
    z->empty = SV("(empty)");
    z->unset = SV("-");
    z->path = SV("");
    z->ncolumns = 0;
    z->has_types = false;
    z->guess = PATH_UNKNOWN;
}

struct zeek_log *zeek_log_new(struct err *e)
{
    struct zeek_log *z = calloc(1, sizeof *z);

    if (!z) {
        err_set(e, ERR_MEMORY, "no memory for the header of a Zeek log");
        return NULL;
    }
    arena_init(&z->a, (size_t)8 * ZEEK_HEADER_BYTES);
    buf_init(&z->header, ZEEK_HEADER_BYTES);
    reset(z);
    return z;
}

void zeek_log_free(struct zeek_log *z)
{
    if (!z)
        return;
    arena_clear(&z->a);
    buf_clear(&z->header);
    free(z);
}

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (unsigned)((c | 0x20) - 'a') + 10;
    return 16;
}

struct sv zeek_unescape(struct arena *a, struct sv s)
{
    if (s.n == 0 || !memchr(s.p, '\\', s.n))
        return s;
    char *p = arena_alloc(a, s.n);
    size_t n = 0;
    if (!p)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '\\') {
            i++;
        } else if (s.p[i] == '\\' && i + 3 < s.n && s.p[i + 1] == 'x') {
            unsigned high = hex_digit(s.p[i + 2]), low = hex_digit(s.p[i + 3]);

            if (high < 16 && low < 16) {
                p[n++] = (char)(high << 4 | low);
                i += 3;
                continue;
            }
        }
        p[n++] = s.p[i];
    }
    return sv_from(p, n);
}

bool zeek_cell(const struct zeek_log *z, struct sv *row, struct sv *ret)
{
    return sv_cut(row, z->separator, ret);
}

size_t zeek_width(const struct zeek_log *z, struct sv row)
{
    size_t n = 1;

    for (const char *p = row.p, *end = row.p + row.n;
         (p = memchr(p, z->separator, (size_t)(end - p))) != NULL; p++)
        n++;
    return n;
}

bool zeek_is_set(const struct zeek_log *z, struct sv cell)
{
    return cell.n && !sv_eq(cell, z->unset) && !sv_eq(cell, z->empty);
}

/* The text after "#name": the separator line is written with a space, all others with the separator itself;
 * both are taken. */
static struct sv argument(const struct zeek_log *z, struct sv line, size_t name)
{
    struct sv rest = sv_sub(line, name, SIZE_MAX);

    if (rest.n && (rest.p[0] == z->separator || rest.p[0] == ' ' || rest.p[0] == '\t'))
        rest = sv_sub(rest, 1, SIZE_MAX);
    return rest;
}

static int read_byte(struct zeek_log *z, struct sv text, const char *what, char *ret, struct err *e)
{
    struct sv byte = zeek_unescape(&z->a, text);

    if (byte.n != 1) {
        err_set(e, ERR_UNSUPPORTED, "%s of %zu bytes; Zeek logs are read with one of one byte", what, byte.n);
        return err_hint(e, "write the log with the separators Zeek has by default");
    }
    *ret = byte.p[0];
    return OK;
}

static int read_fields(struct zeek_log *z, const struct event_index *x, struct sv names, struct err *e)
{
    struct sv name;

    z->ncolumns = 0;
    z->has_types = false;
    z->guess = PATH_UNKNOWN;
    names = arena_sv(&z->a, names);
    while (zeek_cell(z, &names, &name)) {
        if (z->ncolumns == ZEEK_COLUMNS) {
            z->ncolumns = 0;
            return err_set(e, ERR_LIMIT, "the log has more than %d columns", ZEEK_COLUMNS);
        }
        if (name.n == 0) {
            err_set(e, ERR_SYNTAX, "column %zu has no name", z->ncolumns + 1);
            z->ncolumns = 0;
            return ERR_SYNTAX;
        }
        const struct event_rule *r = x ? event_rule_find(x, 0, name) : NULL;
        z->column[z->ncolumns++] = (struct zeek_column){name, r, false};
        if (r && r->arg && r->arg < z->guess)
            z->guess = r->arg;
    }
    return OK;
}

static int read_types(struct zeek_log *z, struct sv types, struct err *e)
{
    struct sv type;
    size_t i = 0;

    while (zeek_cell(z, &types, &type)) {
        if (i < z->ncolumns)
            z->column[i].many = sv_starts(type, SV("set[")) || sv_starts(type, SV("table[")) ||
                                sv_starts(type, SV("vector["));
        i++;
    }
    z->has_types = true;
    if (i == z->ncolumns)
        return OK;
    err_set(e, ERR_SYNTAX, "#types names %zu columns and #fields %zu", i, z->ncolumns);
    z->ncolumns = 0;
    return e ? e->code : ERR_SYNTAX;
}

enum directive { D_SEPARATOR, D_SET_SEPARATOR, D_EMPTY, D_UNSET, D_PATH, D_FIELDS, D_TYPES, D_OTHER };

/* Which line it is, and the length of its name; #open, #close and comments say nothing that rows need. */
static enum directive directive_of(struct sv line, size_t *ret_n)
{
    static const struct sv names[] = {
        [D_SEPARATOR] = {"#separator", 10},
        [D_SET_SEPARATOR] = {"#set_separator", 14},
        [D_EMPTY] = {"#empty_field", 12},
        [D_UNSET] = {"#unset_field", 12},
        [D_PATH] = {"#path", 5},
        [D_FIELDS] = {"#fields", 7},
        [D_TYPES] = {"#types", 6},
    };

    for (unsigned d = 0; d < D_OTHER; d++)
        if (sv_starts(line, names[d])) {
            *ret_n = names[d].n;
            return (enum directive)d;
        }
    return D_OTHER;
}

static int read_directive(struct zeek_log *z, const struct event_index *x, enum directive d, struct sv text,
                          struct err *e)
{
    switch (d) {
    case D_SEPARATOR:
        return read_byte(z, sv_trim(text), "a separator", &z->separator, e);
    case D_SET_SEPARATOR:
        return read_byte(z, text, "a set separator", &z->set_separator, e);
    case D_EMPTY:
        z->empty = arena_sv(&z->a, text);
        return OK;
    case D_UNSET:
        z->unset = arena_sv(&z->a, text);
        return OK;
    case D_PATH:
        z->path = arena_sv(&z->a, text);
        return OK;
    case D_FIELDS:
        return read_fields(z, x, text, e);
    case D_TYPES:
        return read_types(z, text, e);
    case D_OTHER:
    default:
        return OK;
    }
}

int zeek_header(struct zeek_log *z, const struct event_index *x, struct sv line, struct err *e)
{
    size_t n = 0;
    enum directive d = directive_of(line, &n);

    if (d == D_OTHER)
        return OK;
    /* A file of several logs: the next header. One without #separator holds on to what the first said. */
    if (d == D_SEPARATOR || (d == D_FIELDS && z->ncolumns && z->separator == '\t'))
        reset(z);
    buf_add(&z->header, line);
    buf_addc(&z->header, '\n');
    if (z->header.failed)
        return err_set(e, ERR_LIMIT, "the header of the log is longer than %u bytes", ZEEK_HEADER_BYTES);
    return read_directive(z, x, d, argument(z, line, n), e);
}
