/*
 * A DNS response policy zone (draft-vixie-dnsop-dns-rpz-00): names and what is below them, and answers with
 * an address, become NXDOMAIN. Names in it are relative: the zone may be loaded under any name.
 */
#include "share/export/export_writer.h"

#define NAME_MOST 253
#define ZONE_MOST 33 /* left for the zone's own name and its dot */
#define LABEL_MOST 63

static int begin(struct exporter *x, struct err *e)
{
    text_head(x, ";");
    buf_add(&x->out, SV("$TTL 300\n@ IN SOA localhost. hostmaster.localhost. "));
    export_serial(x);
    buf_add(&x->out, SV(" 300 60 604800 300\n@ IN NS localhost.\n"));
    return OK;
}

/* ---- names */

static bool fits(struct sv name)
{
    struct sv label;
    if (name.n + 2 > NAME_MOST - ZONE_MOST) {
        return false;
    }
    while (sv_cut(&name, '.', &label)) {
        if (label.n == 0 || label.n > LABEL_MOST) {
            return false;
        }
    }
    return true;
}

/* Master file text (RFC 1035 5.1): everything but letters, digits, '-' and '_' as \DDD. */
static void write_name(struct buf *b, struct sv name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (plain) {
            buf_addc(b, (char)c);
        } else {
            buf_printf(b, "\\%03u", c);
        }
    }
}

/* "co.jp": what is below belongs to others. */
static bool is_suffix(struct sv name)
{
    char below[NAME_MOST + 3] = "x.";
    if (sv_chr(name, '.') == SIZE_MAX || name.n > NAME_MOST) {
        return true;
    }
    memcpy(below + 2, name.p, name.n);
    return registrable_domain(sv_from(below, name.n + 2)).n == name.n + 2;
}

static int domain(struct exporter *x, const struct given *g)
{
    struct buf *b = &x->out;
    bool wild = sv_starts(g->value.value, SV("*."));
    struct sv name = wild ? sv_sub(g->value.value, 2, SIZE_MAX) : g->value.value;
    if (!fits(name)) {
        return LEFT(LEFT_LONG);
    }
    if (wild && sv_chr(name, '.') == SIZE_MAX) {
        return LEFT(LEFT_KIND); /* a whole top-level domain */
    }
    if (!wild) {
        write_name(b, name);
        buf_add(b, SV(" CNAME . ; "));
        text_about(b, g, "");
        buf_addc(b, '\n');
    }
    if (wild || !is_suffix(name)) {
        buf_add(b, SV("*."));
        write_name(b, name);
        buf_add(b, SV(" CNAME ."));
        if (wild) {
            buf_add(b, SV(" ; "));
            text_about(b, g, "");
        }
        buf_addc(b, '\n');
    }
    return OK;
}

/* ---- addresses */

/* Words from the last to the first, the longest run of zeros as "zz": the one spelling that BIND takes. */
static void write_ipv6(struct buf *b, const struct obs *o)
{
    unsigned word[8];
    int best = -1, best_length = 1, first = -1;
    for (int i = 0; i < 8; i++) {
        word[i] = (unsigned)o->ip[14 - 2 * i] << 8 | o->ip[15 - 2 * i];
    }
    for (int i = 0; i < 8; i++) {
        first = word[i] ? -1 : first < 0 ? i : first;
        if (first >= 0 && i - first + 1 > 1 && i - first + 1 >= best_length) {
            best = first;
            best_length = i - first + 1;
        }
    }
    buf_printf(b, "%u", o->bits);
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            buf_add(b, SV(".zz"));
            i += best_length - 1;
        } else {
            buf_printf(b, ".%x", word[i]);
        }
    }
}

static int address(struct exporter *x, const struct given *g)
{
    struct buf *b = &x->out;
    const uint8_t *ip = g->value.ip;
    if (g->value.bits == 0) {
        return LEFT(LEFT_KIND); /* every answer there is */
    }
    if (g->value.kind == KIND_IPV4) {
        buf_printf(b, "%u.%u.%u.%u.%u", g->value.bits, ip[15], ip[14], ip[13], ip[12]);
    } else {
        write_ipv6(b, &g->value);
    }
    buf_add(b, SV(".rpz-ip CNAME . ; "));
    text_about(b, g, "");
    buf_addc(b, '\n');
    return OK;
}

static int value(struct exporter *x, const struct given *g, struct err *e)
{
    return g->value.kind == KIND_DOMAIN ? domain(x, g) : address(x, g);
}

static int end(struct exporter *x, struct err *e)
{
    text_tail(x, ";");
    return OK;
}

const struct export_format export_rpz = {
    .name = "rpz",
    .type = "text/dns; charset=utf-8",
    .extension = "zone",
    .text = "a DNS response policy zone",
    .kinds = KINDS_IP | BIT(KIND_DOMAIN),
    .begin = begin,
    .value = value,
    .end = end,
};
