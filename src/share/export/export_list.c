/* One value a line, of one kind: what firewalls and proxies read from a URL. */
#include "share/export/export_writer.h"

static int begin(struct exporter *x, struct err *e)
{
    text_head(x, "#");
    return OK;
}

/* White space would make two values of one, '#' or ';' a comment of its rest. */
static int value(struct exporter *x, const struct given *g, struct err *e)
{
    struct sv v = g->value.value;
    if (text_odd(v) || strchr("#;!", v.p[0])) {
        return LEFT(LEFT_TEXT);
    }
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == ' ') {
            return LEFT(LEFT_TEXT);
        }
    }
    buf_add(&x->out, v);
    buf_addc(&x->out, '\n');
    return OK;
}

static int end(struct exporter *x, struct err *e)
{
    text_tail(x, "#");
    return OK;
}

const struct export_format export_list = {
    .name = "list",
    .type = "text/plain; charset=utf-8",
    .extension = "txt",
    .text = "one value a line, of one kind",
    .kinds = KINDS_ALL,
    .one_kind = true,
    .begin = begin,
    .value = value,
    .end = end,
};
