/* Any bytes as an agreement and as an envelope: refused, or what is read stands in its text and stays the
 * same when read again from its canonical form. */
#include "pact/agreement.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good)
        abort();
}

static void as_agreement(struct sv s, struct arena *a)
{
    struct agreement g, again;
    struct err e = ERR_NONE;
    struct buf text;

    if (agreement_read(s, a, &g, &e) != OK) {
        expect(e.code != OK && e.text[0]);
        return;
    }
    expect(agreement_read(g.canonical, a, &again, &e) == OK);
    expect(memcmp(g.digest.b, again.digest.b, sizeof(g.digest.b)) == 0 && g.grants == again.grants);
    expect(g.parties >= 2 && g.grants >= 1 && g.valid_from < g.valid_until);
    buf_init(&text, AGREEMENT_MAX * 16);
    for (int l = 0; l < LANGUAGE_MAX; l++)
        agreement_text(&g, (enum language)l, &text);
    expect(text.failed || sv_find(buf_sv(&text), g.title[LANGUAGE_JA]) != SIZE_MAX);
    buf_clear(&text);
}

static void as_envelope(struct sv s, struct arena *a)
{
    static const uint8_t nobody[32] = {1};
    struct dsse d;
    struct err e = ERR_NONE;

    if (dsse_read(s, a, &d, &e) == OK)
        expect(d.n > 0 && d.type.n > 0 && !dsse_signed_by(&d, nobody));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct sv s = sv_from((const char *)data, size);

    arena_init(&a, 64u << 20);
    as_agreement(s, &a);
    as_envelope(s, &a);
    arena_clear(&a);
    return 0;
}
