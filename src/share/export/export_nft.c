/*
 * Two sets for nftables (nft(8)), filled anew in one transaction: elements with the time they have left. The
 * kernel takes no element inside of another one: a narrower prefix is left out while the wider one stands.
 */
#include "share/export/export_writer.h"

#include <stdlib.h>

#define ELEMENTS_A_COMMAND 1000

struct element {
    uint8_t ip[16];
    uint8_t bits; /* of 128 */
    uint8_t tlp, confidence;
    char grade;
    usec until;
};
struct state {
    struct element *e; /* of one family at a time */
    size_t n, room;
    enum kind kind;
    struct exporter *x;
};

static const char HEAD[] = "add table inet noroshi\n"
                           "add set inet noroshi block4 { type ipv4_addr; flags interval, timeout; }\n"
                           "add set inet noroshi block6 { type ipv6_addr; flags interval, timeout; }\n"
                           "flush set inet noroshi block4\n"
                           "flush set inet noroshi block6\n";

static int begin(struct exporter *x, struct err *e)
{
    text_head(x, "#");
    buf_add(&x->out, sv_c(HEAD));
    return OK;
}

/* ---- one family */

static int by_address(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    int order = memcmp(x->ip, y->ip, 16);
    return order ? order : (int)x->bits - (int)y->bits;
}

static bool inside(const struct element *wide, const struct element *e)
{
    unsigned whole = wide->bits / 8u, rest = wide->bits % 8u;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return e->bits >= wide->bits && memcmp(wide->ip, e->ip, whole) == 0 &&
           (!rest || ((wide->ip[whole] ^ e->ip[whole]) & mask) == 0);
}

static void write_element(struct exporter *x, const struct element *e)
{
    char text[52], until[32];
    bool v4 = ((struct state *)x->state)->kind == KIND_IPV4;
    ip_text(e->ip, v4 ? e->bits - 96u : e->bits, text);
    buf_add(&x->out, sv_c(text));
    text_time(e->until, until);
    if (e->until != USEC_NONE) {
        usec left = (e->until - x->as_of) / USEC_SECOND + 1;
        buf_printf(&x->out, " timeout %llds", (long long)(left < 1 ? 1 : left));
    }
    buf_printf(&x->out, " comment \"%s; grade %c; confidence %u; %s%s\"", tlp_name((enum tlp)e->tlp),
               e->grade, e->confidence, until[0] ? "until " : "no end", until);
}

static int write_family(struct exporter *x, struct err *e)
{
    struct state *s = x->state;
    const struct element *wide = NULL;
    size_t open = 0;
    int rc = OK;
    if (s->n) {
        qsort(s->e, s->n, sizeof(*s->e), by_address);
    }
    for (size_t i = 0; rc == OK && i < s->n; i++) {
        if (wide && inside(wide, &s->e[i])) {
            x->report->written--;
            x->report->left[LEFT_SAME]++;
            continue;
        }
        wide = &s->e[i];
        buf_printf(&x->out, open ? ",\n  " : "add element inet noroshi %s {\n  ",
                   s->kind == KIND_IPV4 ? "block4" : "block6");
        write_element(x, wide);
        open++;
        if (open == ELEMENTS_A_COMMAND) {
            buf_add(&x->out, SV("\n}\n"));
            open = 0;
            rc = export_flush(x, false, e);
        }
    }
    buf_add(&x->out, open ? SV("\n}\n") : SV(""));
    s->n = 0;
    return rc;
}

static int value(struct exporter *x, const struct given *g, struct err *e)
{
    struct state *s = x->state;
    if (g->value.bits == 0) {
        return LEFT(LEFT_KIND); /* everybody */
    }
    if (s->kind != g->value.kind) { /* values come kind by kind */
        int rc = write_family(x, e);
        s->kind = g->value.kind;
        if (rc < 0) {
            return rc;
        }
    }
    if (s->n == s->room) {
        size_t room = s->room ? s->room * 2 : 1024;
        struct element *grown = reallocarray(s->e, room, sizeof(*grown));
        if (!grown) {
            return err_set(e, ERR_MEMORY, "no memory for the sets");
        }
        s->e = grown;
        s->room = room;
    }
    struct element *to = &s->e[s->n++];
    *to = (struct element){.bits = (uint8_t)(g->value.bits + (g->value.kind == KIND_IPV4 ? 96 : 0)),
                           .tlp = (uint8_t)g->tlp,
                           .confidence = (uint8_t)g->confidence,
                           .grade = grade_best(g),
                           .until = g->until};
    memcpy(to->ip, g->value.ip, 16);
    return OK;
}

static int end(struct exporter *x, struct err *e)
{
    int rc = write_family(x, e);
    text_tail(x, "#");
    return rc;
}

static void clear(struct exporter *x)
{
    free(((struct state *)x->state)->e);
}

const struct export_format export_nft = {
    .name = "nft",
    .type = "text/plain; charset=utf-8",
    .extension = "nft",
    .text = "two nftables sets with timeouts",
    .kinds = KINDS_IP,
    .relative = true,
    .state = sizeof(struct state),
    .begin = begin,
    .value = value,
    .end = end,
    .clear = clear,
};
