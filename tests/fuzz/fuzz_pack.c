/* Any bytes as a pack, as stored content and as an entry: refused, or consistent with themselves. */
#include "ledger/private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good)
        abort();
}

/* A pack that is taken, written again record by record with its own salts, is the same bytes. */
static void as_pack(struct sv s)
{
    struct pack_it it = pack_each(s);
    struct merkle tree;
    struct sv record;
    struct buf again;
    uint64_t n = 0, gone = 0, expunged;
    bool good = pack_tree(s, &tree, &expunged);

    buf_init(&again, 1 << 24);
    while (pack_next(&it, &record)) {
        n++;
        gone += record.p == NULL;
        if (record.p) {
            expect(record.p >= s.p + 17 && record.p + record.n <= s.p + s.n);
            buf_varint(&again, record.n + 1);
            buf_add(&again, sv_from(record.p - PACK_SALT, PACK_SALT + record.n));
        } else {
            buf_varint(&again, 0);
            buf_add(&again, sv_sub(s, again.n, sizeof(struct sha256)));
        }
    }
    expect(good == !it.c.failed &&
           (!good || (tree.size == n && expunged == gone && sv_eq(buf_sv(&again), s))));
    buf_clear(&again);
}

static void as_content(struct codec *c, struct sv s)
{
    struct content back;
    struct sv pack;
    struct err e = ERR_NONE;

    if (content_decode(c, SV(CODEC_ZSTD), s, &pack, &e) != OK)
        expect(e.code == ERR_CORRUPT || e.code == ERR_MEMORY);
    content_encode(c, s, &back);
    expect(back.bytes.n <= s.n);
}

static void as_entry(struct json_doc *doc, struct sv s)
{
    struct entry_body b;
    struct buf again;

    if (entry_read(doc, s, &b, NULL) != OK)
        return;
    buf_init(&again, 1 << 20);
    entry_write(&b, &again);
    expect(sv_eq(buf_sv(&again), s));
    buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct codec *codec;
    static struct json_doc *doc;
    struct sv s = sv_from((const char *)data, size);

    if (!codec)
        codec = codec_new();
    if (!doc)
        doc = json_doc_new(1 << 20);
    expect(codec && doc);
    as_pack(s);
    as_content(codec, s);
    as_entry(doc, s);
    return 0;
}
