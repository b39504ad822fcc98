/* Any bytes as a note, a checkpoint and a key: refused, or written again they are the same bytes. */
#include "ledger/ledger.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const vkeys[] = {
    "noroshi.example/tw/evidence+d54ea448+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
    "noroshi.example/jp/witness+bdfce37d+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM",
};

static void expect(bool good)
{
    if (!good)
        abort();
}

static void as_key(struct sv s)
{
    struct note_key k;
    struct buf b;

    if (note_key_parse(s, &k, NULL) != OK)
        return;
    buf_init(&b, 4096);
    note_key_text(&k, &b);
    expect(sv_ieq(buf_sv(&b), s)); /* the hash may be written in capitals */
    buf_clear(&b);
}

static void as_checkpoint(struct sv s)
{
    struct checkpoint cp;
    struct buf b;

    if (checkpoint_parse(s, &cp, NULL) != OK)
        return;
    buf_init(&b, 1 << 17);
    checkpoint_text(&cp, &b);
    expect(sv_starts(s, buf_sv(&b)));
    buf_clear(&b);
}

/* Whoever forges a signature may stop the fuzzer; a changed text under a real one must not pass. */
static void as_note(struct sv s)
{
    static const char golden[] =
        "noroshi.example/tw/evidence\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
    struct note_key keys[2];
    struct sv text;
    uint32_t mask = 0;

    for (size_t i = 0; i < 2; i++)
        expect(note_key_parse(sv_c(vkeys[i]), &keys[i], NULL) == OK);
    if (note_check(s, keys, 2, &text, &mask, NULL) == OK)
        expect(mask != 0 && sv_eq(text, sv_c(golden)) && sv_starts(s, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv s = sv_from((const char *)data, size);

    as_key(s);
    as_checkpoint(s);
    as_note(s);
    return 0;
}
