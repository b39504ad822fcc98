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

static bool begins(struct sv line, const char *name, size_t *ret_n)
{
    *ret_n = strlen(name);
    return sv_starts(line, sv_from(name, *ret_n));
}

int zeek_header(struct zeek_log *z, const struct event_index *x, struct sv line, struct err *e)
{
    size_t n;

    if (begins(line, "#close", &n) || begins(line, "#open", &n))
        return OK;
    /* A file of several logs: the next header. One without #separator holds on to what the first said. */
    if (begins(line, "#separator", &n) ||
        (begins(line, "#fields", &n) && z->ncolumns && z->separator == '\t'))
        reset(z);
    buf_add(&z->header, line);
    buf_addc(&z->header, '\n');
    if (z->header.failed)
        return err_set(e, ERR_LIMIT, "the header of the log is longer than %u bytes", ZEEK_HEADER_BYTES);
    if (begins(line, "#separator", &n))
        return read_byte(z, sv_trim(argument(z, line, n)), "a separator", &z->separator, e);
    if (begins(line, "#set_separator", &n))
        return read_byte(z, argument(z, line, n), "a set separator", &z->set_separator, e);
    if (begins(line, "#empty_field", &n))
        z->empty = arena_sv(&z->a, argument(z, line, n));
    else if (begins(line, "#unset_field", &n))
        z->unset = arena_sv(&z->a, argument(z, line, n));
    else if (begins(line, "#path", &n))
        z->path = arena_sv(&z->a, argument(z, line, n));
    else if (begins(line, "#fields", &n))
        return read_fields(z, x, argument(z, line, n), e);
    else if (begins(line, "#types", &n))
        return read_types(z, argument(z, line, n), e);
    return OK;
}
