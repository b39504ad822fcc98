/*
 * Expunging records: salt and bytes are destroyed, the commitment stays, and an entry says that it was
 * ordered.
 *
 * An entry of kind "expunge" holds a record for each entry it reaches into:
 *
 *   record = varint(entry) varint(count) varint(gap){count}     places in the pack from 0, each as what it is
 *                                                               beyond the one before; the first as it is
 */
#include "ledger/private.h"

#include <stdlib.h>

static int by_place(const void *a, const void *b)
{
    const struct ledger_place *x = a, *y = b;

    if (x->entry != y->entry)
        return x->entry < y->entry ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

void places_sort(struct ledger_place *p, size_t n)
{
    if (n)
        qsort(p, n, sizeof(*p), by_place);
}

int places_compare(const struct ledger_place *a, const struct ledger_place *b)
{
    return by_place(a, b);
}

bool expunge_each(struct sv record, void (*each)(void *ctx, const struct ledger_place *p), void *ctx)
{
    struct cur c = cur_of(record);
    struct ledger_place p = {.entry = (int64_t)cur_varint(&c)};
    uint64_t n = cur_varint(&c);

    for (uint64_t i = 0; i < n && !c.failed; i++) {
        uint64_t gap = cur_varint(&c);

        if (c.failed || gap > PACK_MAX || p.record + gap > PACK_MAX)
            return false;
        p.record = i ? p.record + gap : gap;
        if (each)
            each(ctx, &p);
    }
    return !c.failed && !cur_more(&c) && p.entry > 0;
}

/* ---- one entry's pack, written anew */

struct destroying {
    struct ledger *l;
    struct buf made;  /* the pack without what is destroyed */
    struct buf order; /* the record of the order that reaches into it */
    uint64_t done;
};

/* The pack with the records at the places p[0..n-1] reduced to their hashes. Those that are already stay as
 * they are and are not ordered again; *ret_n = how many are new. */
static bool reduce(struct destroying *d, struct sv pack, const struct ledger_place *p, size_t n,
                   size_t *ret_n)
{
    struct cur c = cur_of(pack);
    struct sv raw;
    bool expunged;
    uint64_t before = 0;
    size_t at = 0;

    *ret_n = 0;
    for (uint64_t i = 0; pack_next_raw(&c, &raw, &expunged); i++) {
        bool wanted = at < n && p[at].record == i;

        while (at < n && p[at].record <= i)
            at++;
        if (wanted && !expunged) {
            struct sha256 h = sha256_of(raw);

            buf_varint(&d->made, 0);
            buf_add(&d->made, sv_from((const char *)h.b, sizeof(h.b)));
            buf_varint(&d->order, *ret_n ? i - before : i);
            before = i;
            ++*ret_n;
        } else {
            buf_varint(&d->made, expunged ? 0 : (uint64_t)(raw.n - PACK_SALT) + 1);
            buf_add(&d->made, raw);
        }
    }
    return !c.failed && at == n;
}

static int replace_content(struct ledger *l, int64_t entry, struct sv pack, struct err *e)
{
    struct stmt *s = db_query(l->db, "UPDATE content SET codec = ?, sum = ?, bytes = ? WHERE entry = ?", e);
    struct content c;
    int rc;

    if (!s)
        return err_of(e);
    content_encode(l->codec, pack, &c);
    db_text(s, sv_c(c.codec));
    db_blob(s, sv_from((const char *)c.sum.b, sizeof(c.sum.b)));
    db_blob(s, c.bytes);
    db_int(s, entry);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int read_pack(struct ledger *l, int64_t entry, struct buf *pack, struct err *e)
{
    struct stmt *s = db_query(l->db, "SELECT codec, bytes FROM content WHERE entry = ?", e);
    struct sv bytes;
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, entry);
    rc = db_step(s, e);
    if (rc == 0)
        rc = err_set(e, ERR_NOT_FOUND, "entry %lld holds no records", (long long)entry);
    if (rc == 1)
        rc = content_decode(l->codec, col_text(s, 0), col_blob(s, 1), &bytes, e);
    if (rc == OK) {
        buf_reset(pack);
        buf_add(pack, bytes);
        rc = pack->failed ? err_set(e, ERR_MEMORY, "no memory for the records of an entry") : OK;
    }
    db_done(s);
    return rc;
}

/* The places are all of one entry. */
static int destroy(struct destroying *d, const struct ledger_place *p, size_t n, struct pack *order,
                   struct err *e)
{
    struct buf pack, record;
    size_t gone = 0;
    int rc;

    buf_init(&pack, PACK_MAX);
    buf_init(&record, PACK_MAX);
    buf_reset(&d->made);
    buf_reset(&d->order);
    rc = read_pack(d->l, p->entry, &pack, e);
    if (rc == OK && !reduce(d, buf_sv(&pack), p, n, &gone))
        rc = err_set(e, ERR_VALUE, "entry %lld holds no such record", (long long)p->entry);
    if (rc == OK && gone) {
        buf_varint(&record, (uint64_t)p->entry);
        buf_varint(&record, gone);
        buf_add(&record, buf_sv(&d->order));
        if (d->made.failed || d->order.failed || record.failed)
            rc = err_set(e, ERR_MEMORY, "no memory to expunge records");
        rc = rc == OK ? replace_content(d->l, p->entry, buf_sv(&d->made), e) : rc;
        if (rc == OK)
            pack_add(order, buf_sv(&record));
        d->done += gone;
    }
    buf_clear(&record);
    buf_clear(&pack);
    return rc;
}

/* ---- the order */

static int append_order(struct ledger *l, const struct ledger_header *h, const struct pack *order,
                        struct err *e)
{
    struct entry_body b = {.at = h->at,
                           .org = h->org,
                           .source = (uint64_t)h->source,
                           .kind = SV(KIND_EXPUNGE),
                           .version = 1,
                           .n = order->n,
                           .root = merkle_root(&order->tree)};
    struct entry en;

    if (order->b.failed)
        return err_set(e, ERR_LIMIT, "the order to expunge has more than %u bytes", PACK_MAX);
    return ledger_append(l, &b, buf_sv(&order->b), &en, e);
}

static int expunge_all(struct destroying *d, const struct ledger_header *h, const struct ledger_place *p,
                       size_t n, struct err *e)
{
    struct pack order;
    int rc = ledger_refresh(d->l, e);

    pack_init(&order);
    for (size_t i = 0, end; rc == OK && i < n; i = end) {
        for (end = i + 1; end < n && p[end].entry == p[i].entry; end++)
            ;
        rc = destroy(d, p + i, end - i, &order, e);
    }
    if (rc == OK && order.n)
        rc = append_order(d->l, h, &order, e);
    pack_clear(&order);
    return rc;
}

int ledger_expunge(struct ledger *l, const struct ledger_header *h, struct ledger_place *p, size_t n,
                   uint64_t *ret_done, struct err *e)
{
    struct err local = ERR_NONE;
    struct err *err = e ? e : &local;
    struct destroying d = {.l = l};
    int rc;

    *ret_done = 0;
    if (!db_in_tx(l->db))
        return err_set(err, ERR_INTERNAL, "ledger_expunge outside a transaction");
    if (h->source < 0 || h->source > INT32_MAX || h->at == USEC_NONE)
        return err_set(err, ERR_VALUE, "an order to expunge lacks its source or time");
    places_sort(p, n);
    buf_init(&d.made, PACK_MAX);
    buf_init(&d.order, PACK_MAX);
    rc = expunge_all(&d, h, p, n, err);
    buf_clear(&d.order);
    buf_clear(&d.made);
    if (rc != OK)
        db_doom(l->db, err);
    else
        *ret_done = d.done;
    return rc;
}

/* ---- finding records */

static int each_of(struct sv pack, int64_t entry, ledger_each_fn each, void *ctx, struct err *e)
{
    struct pack_it it = pack_each(pack);
    struct sv record;
    int rc = OK;

    for (uint64_t i = 0; rc == OK && pack_next(&it, &record); i++)
        if (record.p)
            rc = each(ctx, &(struct ledger_place){entry, i}, record, e);
    if (rc == OK && it.c.failed)
        rc = err_set(e, ERR_CORRUPT, "the content of entry %lld is cut short", (long long)entry);
    return rc;
}

int ledger_records(struct ledger *l, int64_t entry, ledger_each_fn each, void *ctx, struct err *e)
{
    struct buf pack;
    int rc;

    buf_init(&pack, PACK_MAX);
    rc = read_pack(l, entry, &pack, e);
    rc = rc == OK ? each_of(buf_sv(&pack), entry, each, ctx, e) : rc;
    buf_clear(&pack);
    return rc;
}

int ledger_records_of(struct ledger *l, const char *kind, int64_t source, int64_t from, ledger_each_fn each,
                      void *ctx, struct err *e)
{
    struct stmt *s =
        db_query(l->db,
                 "SELECT entry.id, body, codec, bytes FROM entry JOIN content ON content.entry = "
                 "entry.id WHERE entry.id >= ? AND body LIKE ? ORDER BY entry.id",
                 e);
    char like[80];
    int rc = s ? OK : err_of(e);

    if (!s)
        return rc;
    snprintf(like, sizeof(like), "%%\"kind\":\"%.40s\"%%", kind);
    db_int(s, from);
    db_text(s, sv_c(like));
    while (rc == OK && (rc = db_step(s, e)) == 1) {
        struct entry_body b;
        struct sv pack;

        rc = entry_read(l->doc, col_text(s, 1), &b, e);
        if (rc != OK || !sv_eq(b.kind, sv_c(kind)) || (source && (int64_t)b.source != source))
            continue;
        rc = content_decode(l->codec, col_text(s, 2), col_blob(s, 3), &pack, e);
        rc = rc == OK ? each_of(pack, col_int(s, 0), each, ctx, e) : rc;
    }
    db_done(s);
    return rc;
}
