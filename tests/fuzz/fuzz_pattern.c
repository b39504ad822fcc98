/* Any bytes as a STIX pattern; what is accepted must be accepted again after the values in it were written
 * anew. */
#include "stix/stix.h"

#include <stdlib.h>

static void each(void *ctx, const struct obs *o, bool bad)
{
    struct arena *a = ctx;
    struct buf b;
    struct err e;
    (void)bad;
    buf_init(&b, 1u << 20);
    obs_pattern(o, &b);
    if (stix_pattern(buf_sv(&b), a, NULL, NULL, &e) == PATTERN_BAD)
        abort();
    buf_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err e = ERR_NONE;
    arena_init(&a, 16u << 20);
    enum pattern_class c = stix_pattern((struct sv){(const char *)data, size}, &a, each, &a, &e);
    if (c == PATTERN_BAD && (e.code >= OK || (e.code == ERR_SYNTAX && e.offset > size)))
        abort();
    arena_clear(&a);
    return 0;
}
