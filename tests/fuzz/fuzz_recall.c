/* Any bytes as the body of an order to take something back, and as a record of an order to expunge: refused,
 * or what is read is what may be acted upon. */
#include "ledger/private.h"
#include "share/recall/recall_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good)
        abort();
}

static void as_order(struct sv s, bool recall)
{
    struct arena a;
    struct order_in in;
    struct err e = ERR_NONE;
    arena_init(&a, 16u << 20);
    if (recall_read_order(s, recall, &a, &in, &e) == OK) {
        expect(in.ids.n > 0 && in.ids.n <= RECALL_IDS && in.why < WHY_MAX && in.reason.p);
        expect(recall == (in.why == WHY_RECALLED));
        for (size_t i = 0; i < in.ids.n; i++)
            expect(in.ids.id[i].n < 256 && sv_find(in.ids.id[i], SV("--")) != SIZE_MAX);
    } else {
        expect(e.code != OK && e.text[0]);
    }
    arena_clear(&a);
}

struct places_seen {
    struct ledger_place last;
    size_t n;
};

static void on_place(void *ctx, const struct ledger_place *p)
{
    struct places_seen *seen = ctx;
    expect(!seen->n || p->record >= seen->last.record);
    seen->last = *p;
    seen->n++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv s = sv_from((const char *)data, size);
    struct places_seen seen = {.n = 0};
    as_order(s, true);
    as_order(s, false);
    (void)expunge_each(s, on_place, &seen);
    expect(seen.n <= size);
    return 0;
}
