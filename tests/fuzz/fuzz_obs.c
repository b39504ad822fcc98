/* Any bytes as an observable value: what is read must be canonical (read again it stays the same) and must
 * not be read outside. */
#include "stix/stix.h"

#include <stdlib.h>

static void check(struct arena *a, const struct obs *o)
{
    struct obs again;
    struct err e;
    if (obs_read(a, o->kind, o->value, &again, &e) != OK || again.kind != o->kind ||
        !sv_eq(again.value, o->value))
        abort();
    struct sv host = url_host(o->value), key = url_match_key(o->value);
    if (host.n > o->value.n || key.n > o->value.n || registrable_domain(host).n > host.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct obs o;
    struct err e;
    char scratch[256];
    struct sv text = {(const char *)data, size};
    arena_init(&a, 1u << 20);
    if (obs_guess(&a, text, &o, &e) == OK)
        check(&a, &o);
    for (unsigned k = 0; k <= KIND_MAX; k++)
        if (obs_read(&a, (enum kind)k, text, &o, &e) == OK)
            check(&a, &o);
    if (obs_ip(text, scratch, &o) || obs_domain(text, scratch, &o))
        check(&a, &o);
    enum tlp t;
    (void)tlp_parse(text, &t);
    arena_clear(&a);
    return 0;
}
