/* Proofs for strangers: an entry under a signed checkpoint, and a record under its entry. */
#include "ledger/private.h"

#include <stdlib.h>

static int entry_epoch(struct db *db, int64_t id, struct epoch *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT epoch FROM entry WHERE id = ?", e);
    int64_t number = 0;
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, id);
    rc = db_step(s, e);
    if (rc == 1)
        number = col_int(s, 0);
    db_done(s);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "the ledger has no entry %lld", (long long)id);
    if (rc == 1)
        rc = epoch_read(db, number, ret, e);
    if (rc == 0)
        return err_set(e, ERR_CORRUPT, "entry %lld is of an epoch that does not exist", (long long)id);
    return rc < 0 ? rc : OK;
}

/* Index, sibling hashes and checkpoint; `extra` (may be empty) goes into the file's extra line. */
static int prove_in(struct db *db, const struct epoch *ep, uint64_t seq, struct sv extra, struct buf *out,
                    struct err *e)
{
    struct tree_ranges p = {db, ep, e};
    struct sha256 proof[64];
    struct buf note;
    uint64_t size = 0;
    size_t n = SIZE_MAX;
    int rc;

    buf_init(&note, NOTE_MAX);
    rc = checkpoint_newest(db, ep->epoch, &size, &note, e);
    if (rc >= 0 && (rc == 0 || seq >= size)) {
        err_set(e, ERR_NOT_FOUND, "the entry is not under a signed checkpoint yet");
        rc = err_hint(e, "Try again after the next checkpoint.");
    }
    if (rc == 1)
        rc = checkpoint_cosignatures(db, ep->epoch, size, &note, e) == OK ? 1 : err_of(e);
    if (rc == 1) {
        n = merkle_prove_inclusion_ranges(seq, size, tree_range_root, &p, proof);
        rc = n == SIZE_MAX ? err_of(e) : OK;
    }
    if (rc == OK) {
        tlog_proof_text(seq, proof, n, extra, buf_sv(&note), out);
        rc = out->failed ? err_set(e, ERR_LIMIT, "the proof does not fit") : OK;
    }
    buf_clear(&note);
    return rc;
}

int ledger_prove(struct ledger *l, int64_t entry, struct buf *out, struct err *e)
{
    struct err local = ERR_NONE;
    struct err *err = e ? e : &local;
    struct epoch ep = {0};
    int rc = entry_epoch(l->db, entry, &ep, err);

    return rc == OK ? prove_in(l->db, &ep, (uint64_t)(entry - ep.first_entry), SV_NONE, out, err) : rc;
}

/* ---- records ---- */

struct found_record {
    struct sha256 *leaf; /* of every record of the pack */
    size_t n, at;
    struct sv raw; /* salt and bytes of the one that was asked for; p NULL = none */
};

static struct sha256 record_leaf(void *ctx, uint64_t i)
{
    const struct found_record *f = ctx;

    return f->leaf[i];
}

/* Hashes all records of a pack and finds the first that `wanted` takes. */
static int find_record(struct sv pack, uint64_t n, ledger_record_fn wanted, void *ctx,
                       struct found_record *ret, struct err *e)
{
    struct cur c = cur_of(pack);
    struct sha256 h;
    struct sv raw;
    bool expunged;

    ret->leaf = n <= pack.n ? calloc((size_t)n + 1, sizeof(*ret->leaf)) : NULL;
    if (!ret->leaf)
        return err_set(e, ERR_MEMORY, "no memory for a proof over %llu records", (unsigned long long)n);
    while (ret->n < n && pack_next_raw(&c, &raw, &expunged)) {
        if (expunged)
            hash_copy(raw, &h);
        else
            h = sha256_of(raw);
        ret->leaf[ret->n] = sha256_leaf(sv_from((const char *)h.b, sizeof(h.b)));
        if (!expunged && !ret->raw.p && wanted(ctx, sv_sub(raw, PACK_SALT, SIZE_MAX))) {
            ret->raw = raw;
            ret->at = ret->n;
        }
        ret->n++;
    }
    if (c.failed || ret->n != n)
        return err_set(e, ERR_CORRUPT,
                       "the content of the entry is not what the entry says; run noroshi verify");
    return ret->raw.p ? OK : err_set(e, ERR_NOT_FOUND, "the entry does not hold this record any more");
}

static void base64_member(struct jw *w, const char *key, struct sv bytes, struct buf *scratch)
{
    buf_reset(scratch);
    base64_add(scratch, bytes);
    jw_kstr(w, key, buf_sv(scratch));
}

static void write_record(struct jw *w, const struct found_record *f, struct buf *scratch)
{
    struct sha256 proof[64];
    size_t n = merkle_prove_inclusion(f->at, f->n, record_leaf, (void *)(uintptr_t)f, proof);

    jw_obj(w);
    base64_member(w, "bytes", sv_sub(f->raw, PACK_SALT, SIZE_MAX), scratch);
    jw_kint(w, "index", (int64_t)f->at);
    jw_kint(w, "of", (int64_t)f->n);
    jw_key(w, "proof");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        buf_reset(scratch);
        base64_add(scratch, sv_from((const char *)proof[i].b, sizeof(proof[i].b)));
        jw_str(w, buf_sv(scratch));
    }
    jw_end_arr(w);
    base64_member(w, "salt", sv_sub(f->raw, 0, PACK_SALT), scratch);
    jw_end_obj(w);
}

/* What the extra line says, as canonical JSON (docs/ledger.md, "Proofs"). */
static int write_extra(struct sv body, const struct found_record *f, struct buf *out, struct err *e)
{
    struct jw w;
    struct buf scratch;
    bool failed;

    buf_init(&scratch, (size_t)PACK_MAX * 2);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "entry", body);
    if (f) {
        jw_key(&w, "record");
        write_record(&w, f, &scratch);
    }
    jw_end_obj(&w);
    failed = out->failed || scratch.failed;
    buf_clear(&scratch);
    return failed ? err_set(e, ERR_LIMIT, "the proof does not fit") : OK;
}

struct proved_entry {
    struct sv body, codec, bytes;
    bool has_content;
};

static int read_extra(struct json_doc *doc, struct codec *codec, const struct proved_entry *p,
                      ledger_record_fn wanted, void *ctx, struct buf *extra, struct err *e)
{
    struct entry_body b;
    struct found_record f = {0};
    struct sv pack;
    int rc = entry_read(doc, p->body, &b, e);

    if (rc != OK || !wanted)
        return rc == OK ? write_extra(p->body, NULL, extra, e) : rc;
    if (!p->has_content)
        return err_set(e, ERR_NOT_FOUND, "the entry holds no records");
    rc = content_decode(codec, p->codec, p->bytes, &pack, e);
    rc = rc == OK ? find_record(pack, b.n, wanted, ctx, &f, e) : rc;
    rc = rc == OK ? write_extra(p->body, &f, extra, e) : rc;
    free(f.leaf);
    return rc;
}

/* Reads the entry and what the extra line says of it. */
static int entry_extra(struct ledger *l, int64_t entry, ledger_record_fn wanted, void *ctx, struct buf *extra,
                       struct err *e)
{
    struct json_doc *doc = json_doc_new(ENTRY_MAX + 1);
    struct codec *codec = codec_new();
    struct stmt *s = db_query(l->db,
                              "SELECT body, content.entry, codec, bytes FROM entry LEFT JOIN content ON "
                              "content.entry = entry.id WHERE entry.id = ?",
                              e);
    int rc = s ? OK : err_of(e);

    if (rc == OK && (!doc || !codec))
        rc = err_set(e, ERR_MEMORY, "no memory for a proof");
    if (rc == OK) {
        db_int(s, entry);
        rc = db_step(s, e);
        rc = rc == 0 ? err_set(e, ERR_NOT_FOUND, "the ledger has no entry %lld", (long long)entry) : rc;
    }
    if (rc == 1) {
        const struct proved_entry p = {col_text(s, 0), col_text(s, 2), col_blob(s, 3), !col_null(s, 1)};

        rc = read_extra(doc, codec, &p, wanted, ctx, extra, e);
    }
    db_done(s);
    codec_free(codec);
    json_doc_free(doc);
    return rc;
}

int ledger_prove_record(struct ledger *l, int64_t entry, ledger_record_fn wanted, void *ctx, struct buf *out,
                        struct err *e)
{
    struct err local = ERR_NONE;
    struct err *err = e ? e : &local;
    struct epoch ep = {0};
    struct buf extra, text;
    int rc = entry_epoch(l->db, entry, &ep, err);

    buf_init(&extra, (size_t)PACK_MAX * 2);
    buf_init(&text, (size_t)PACK_MAX * 4);
    rc = rc == OK ? entry_extra(l, entry, wanted, ctx, &extra, err) : rc;
    if (rc == OK) {
        base64_add(&text, buf_sv(&extra));
        rc = text.failed ? err_set(err, ERR_LIMIT, "the proof does not fit") : OK;
    }
    rc = rc == OK ? prove_in(l->db, &ep, (uint64_t)(entry - ep.first_entry), buf_sv(&text), out, err) : rc;
    buf_clear(&text);
    buf_clear(&extra);
    return rc;
}
