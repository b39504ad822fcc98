#include "intake/report.h"

typedef unsigned __int128 wide;

static wide wide_of(const uint8_t ip[16])
{
    wide v = 0;

    for (unsigned i = 0; i < 16; i++)
        v = v << 8 | ip[i];
    return v;
}

static void bytes_of(wide v, uint8_t ip[16])
{
    for (unsigned i = 16; i-- > 0; v >>= 8)
        ip[i] = (uint8_t)v;
}

/* Host bits of the greatest aligned block that begins at `from` and does not pass `to`. */
static unsigned block_bits(wide from, wide to, unsigned most)
{
    unsigned host = 0;

    while (host < most) {
        wide size = (wide)1 << host;

        if ((from & ((size << 1) - 1)) != 0 || to - from < (size << 1) - 1)
            break;
        host++;
    }
    return host;
}

int addr_range(const struct obs *first, const struct obs *last, range_fn each, void *ctx, struct err *e)
{
    unsigned width = first->kind == KIND_IPV4 ? 32 : 128;
    wide from = wide_of(first->ip), to = wide_of(last->ip);

    if (first->kind != last->kind || from > to)
        return err_set(e, ERR_VALUE, "the range of addresses ends before it begins");
    for (;;) {
        /* one short of the whole space: 1 << 128 does not exist, and nobody means it */
        unsigned host = block_bits(from, to, width - 1);
        uint8_t ip[16];

        bytes_of(from, ip);
        int rc = each(ctx, ip, width - host, e);
        wide size = (wide)1 << host;
        if (rc < 0 || to - from < size)
            return rc;
        from += size;
    }
}
