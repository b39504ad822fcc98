/*
 * CSV as RFC 4180, with a header. Spreadsheets run a field that begins with = + - @ (or a tab or a line end,
 * which they pass over) as a formula: such a field gets an apostrophe in front.
 */
#include "share/export/export_writer.h"

static void field(struct buf *b, struct sv text, bool last)
{
    bool formula = text.n && strchr("=+-@\t\r\n", text.p[0]);
    bool quoted = formula;
    for (size_t i = 0; !quoted && i < text.n; i++) {
        quoted = strchr(",;\"'\r\n\t ", text.p[i]) != NULL;
    }
    buf_add(b, quoted ? SV("\"") : SV(""));
    buf_add(b, formula ? SV("'") : SV(""));
    for (size_t i = 0; i < text.n; i++) {
        buf_add(b, text.p[i] == '"' ? SV("\"\"") : sv_sub(text, i, 1));
    }
    buf_add(b, quoted ? SV("\"") : SV(""));
    buf_add(b, last ? SV("\r\n") : SV(","));
}

static void time_field(struct buf *b, usec t)
{
    char text[32];
    text_time(t, text);
    field(b, sv_c(text), false);
}

static int begin(struct exporter *x, struct err *e)
{
    buf_add(&x->out,
            SV("value,type,confidence,tlp,sources,grade,first_seen,last_seen,valid_until,labels\r\n"));
    return OK;
}

static int value(struct exporter *x, const struct given *g, struct err *e)
{
    struct buf *b = &x->out, sources;
    char grade[2] = {grade_best(g), 0};
    if (!sv_utf8(g->value.value) || memchr(g->value.value.p, 0, g->value.value.n)) {
        return LEFT(LEFT_TEXT);
    }
    buf_init(&sources, 1u << 16);
    text_sources(&sources, g, "");
    field(b, g->value.value, false);
    field(b, sv_c(kind_name(g->value.kind)), false);
    buf_printf(b, "%d,", g->confidence);
    field(b, sv_c(tlp_name(g->tlp)), false);
    field(b, buf_sv(&sources), false);
    field(b, sv_c(grade), false);
    time_field(b, g->first);
    time_field(b, g->last);
    time_field(b, g->until);
    field(b, g->labels, true);
    buf_clear(&sources);
    return OK;
}

const struct export_format export_csv = {
    .name = "csv",
    .type = "text/csv; charset=utf-8; header=present",
    .extension = "csv",
    .text = "a table with a header (RFC 4180)",
    .kinds = KINDS_ALL,
    .begin = begin,
    .value = value,
};
