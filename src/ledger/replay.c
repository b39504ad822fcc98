/* Going through the stored log again: for rebuild and verify. */
#include "ledger/private.h"

int stored_each(struct db *db, stored_fn each, void *ctx, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT entry.id, epoch, seq, body, hash, content.entry, codec, key_id, bytes, sum "
                 "FROM entry LEFT JOIN content ON content.entry = entry.id ORDER BY entry.id",
                 e);
    int rc;

    if (!s)
        return err_of(e);
    while ((rc = db_step(s, e)) == 1) {
        struct stored st = {.id = col_int(s, 0),
                            .epoch = col_int(s, 1),
                            .seq = col_int(s, 2),
                            .body = col_text(s, 3),
                            .hash = col_blob(s, 4),
                            .has_content = !col_null(s, 5),
                            .codec = col_text(s, 6),
                            .key_id = col_text(s, 7),
                            .bytes = col_blob(s, 8),
                            .sum = col_blob(s, 9)};

        rc = each(ctx, &st, e);
        if (rc != OK)
            break;
    }
    db_done(s);
    return rc;
}

int replay_apply(const struct ledger_kind *kinds, size_t n, struct db *into, int64_t id,
                 const struct entry_body *b, struct sv pack, struct err *e)
{
    const struct ledger_kind *kind;
    struct entry en = {.id = id,
                       .epoch = (int)b->epoch,
                       .seq = b->seq,
                       .record = b->record,
                       .at = b->at,
                       .org = b->org,
                       .source = (int64_t)b->source,
                       .content = pack};

    if (sv_eq(b->kind, SV(KIND_EPOCH)) || sv_eq(b->kind, SV(KIND_PAD)) || sv_eq(b->kind, SV(KIND_EXPUNGE)))
        return OK;
    kind = b->version ? kind_find(kinds, n, b->kind, (int64_t)b->version) : NULL;
    if (!kind) {
        err_set(e, ERR_UNSUPPORTED,
                "entry %lld is of kind %.*s version %llu, which this program does not know", (long long)id,
                SV_ARG(sv_sub(b->kind, 0, 60)), (unsigned long long)b->version);
        return err_hint(e, "Install the program that wrote it, or a newer one.");
    }
    return kind->apply(kind->ctx, into, &en, e);
}
