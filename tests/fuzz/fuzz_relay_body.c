/* Any bytes as the body of a relayed message: refused in words, or every object lies inside of the text and
 * every id has its grant. */
#include "share/relay/relay_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good)
        abort();
}

static void look(const struct relay_body *b, struct sv text)
{
    struct sv id;
    uint64_t *grant;
    size_t it = 0;

    expect(b->objects <= RELAY_OBJECTS && b->grants <= RELAY_GRANTS_IN);
    for (size_t i = 0; i < b->objects; i++)
        expect(b->object[i].n > 0 && b->object[i].p >= text.p &&
               b->object[i].p + b->object[i].n <= text.p + text.n);
    while (map_next(&b->ids, &it, &id, &grant))
        expect(*grant < b->grants);
    for (size_t i = 0; i < b->grants; i++)
        expect(b->grant[i].version > 0 && b->grant[i].purpose < PURPOSE_MAX &&
               b->grant[i].onward < ONWARD_MAX && b->grant[i].judicial < JUDICIAL_MAX &&
               !b->grant[i].in_force);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv text = sv_from((const char *)data, size);
    struct relay_body b;
    struct err e = ERR_NONE;
    int rc = relay_body_read(text, &b, &e);

    if (rc == OK)
        look(&b, text);
    else
        expect(rc == ERR_VALUE && e.code == rc && e.text[0]);
    relay_body_clear(&b);
    return 0;
}
