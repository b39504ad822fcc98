/* Any bytes as a message and as an envelope: refused with a reason, or what was read is written as the same
 * bytes again. */
#include "share/message/message_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good)
        abort();
}

static void as_message(struct sv s, struct arena *a)
{
    struct message m;
    struct err e = ERR_NONE;
    struct buf again;

    if (message_read(s, a, &m, &e) != OK) {
        expect(e.code != OK && e.text[0]);
        return;
    }
    expect(!uuid_nil(m.id) && m.kind.n > 0 && m.body.n >= 2 && m.expires > m.created);
    expect((m.counter == 0) == sv_eq(m.kind, SV("ack")));
    buf_init(&again, MESSAGE_MOST);
    expect(message_write(&m, &again, &e) == OK && sv_eq(buf_sv(&again), s));
    buf_clear(&again);
}

static void as_envelope(struct sv s, struct arena *a)
{
    static const uint8_t nobody[32] = {1};
    enum message_flaw flaw = FLAW_NONE;
    struct message m;
    uint8_t sig[64];
    struct err e = ERR_NONE;

    expect(message_unseal(s, nobody, a, &m, sig, &flaw, &e) != OK && flaw != FLAW_NONE && e.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct sv s = sv_from((const char *)data, size);

    arena_init(&a, 64u << 20);
    as_message(s, &a);
    as_envelope(s, &a);
    arena_clear(&a);
    return 0;
}
