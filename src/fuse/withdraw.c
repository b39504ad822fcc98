/*
 * Taking back. What goes is found first, then one transaction holds it all: the numbers of its rows are kept
 * free, an entry says which rows go and which ids are barred, claims that others of the source's objects make
 * as well are stated anew, and the ledger records of all that are expunged.
 */
#include "fuse/withdraw.h"
#include "fuse/words.h"

#include <stdlib.h>

/* Cursor: the text index is to be made anew, since what it holds of a claim is not known exactly any more. */
#define REMAKE "search_remake"
/* Cursor: deleted rows may still be read out of the files. */
#define UNSETTLED "withdraw_unsettled"

/* ---- the entry ---- */

struct order {
    struct finding *g;
    struct pack pack;
    struct buf record;
    usec now;
};

static int add_record(struct order *o, struct err *e)
{
    pack_add(&o->pack, buf_sv(&o->record));
    return o->record.failed || o->pack.b.failed
               ? err_set(e, ERR_MEMORY, "no memory to take so much back at once")
               : OK;
}

static int add_rows(struct order *o, char type, enum numbered what, const struct rows *r, struct err *e)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < r->n; i++) {
        buf_reset(&o->record);
        buf_addc(&o->record, type);
        if (type == 'd') {
            buf_varint(&o->record, what);
        }
        buf_varint(&o->record, (uint64_t)r->v[i].first);
        buf_varint(&o->record, (uint64_t)r->v[i].last);
        rc = add_record(o, e);
    }
    return rc;
}

static int add_ids(struct order *o, const struct withdraw *w, struct err *e)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < o->g->n; i++) {
        buf_reset(&o->record);
        buf_addc(&o->record, 't');
        buf_zigzag(&o->record, o->g->h[i]);
        buf_u8(&o->record, w->mode == WITHDRAW_ENDED);
        buf_str(&o->record, w->why);
        buf_str(&o->record, w->by);
        rc = add_record(o, e);
    }
    return rc;
}

static bool goes(const struct rows *r, int64_t id)
{
    for (size_t i = 0; i < r->n; i++) {
        if (id >= r->v[i].first && id <= r->v[i].last) {
            return true;
        }
    }
    return false;
}

/* Who speaks for the creator once the objects are gone: the source of the first object that stays. */
static int speaker_of(struct order *o, struct sv created_by, int64_t *ret, struct err *e)
{
    struct stmt *s =
        db_query(o->g->f->db, "SELECT id, source FROM object WHERE created_by = ? ORDER BY id", e);
    int rc = s ? OK : e->code;
    *ret = 0;
    if (s) {
        db_text(s, created_by);
    }
    while (s && !*ret && (rc = db_step(s, e)) == 1) {
        *ret = goes(&o->g->row[NUMBER_OBJECT], col_int(s, 0)) ? 0 : col_int(s, 1);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int speaks(struct order *o, struct sv created_by, struct err *e)
{
    struct stmt *s = db_query(o->g->f->db, "SELECT 1 FROM speaker WHERE created_by = ? AND source = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, created_by);
    db_int(s, o->g->w->source);
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

static int by_text(const void *a, const void *b)
{
    return sv_cmp(*(const struct sv *)a, *(const struct sv *)b);
}

static int add_speakers(struct order *o, struct err *e)
{
    struct sv *creator = calloc(o->g->creators.count + 1, sizeof(*creator));
    size_t n = 0, it = 0;
    uint64_t *ignored;
    int rc = creator ? OK : err_set(e, ERR_MEMORY, "no memory for the creators of objects");
    while (creator && map_next(&o->g->creators, &it, &creator[n], &ignored)) {
        n++;
    }
    if (creator) {
        qsort(creator, n, sizeof(*creator), by_text);
    }
    for (size_t i = 0; rc == OK && i < n; i++) {
        int64_t source;
        rc = speaks(o, creator[i], e);
        if (rc != 1) {
            continue;
        }
        rc = speaker_of(o, creator[i], &source, e);
        buf_reset(&o->record);
        buf_addc(&o->record, 's');
        buf_str(&o->record, creator[i]);
        buf_varint(&o->record, (uint64_t)source);
        rc = rc == OK ? add_record(o, e) : rc;
    }
    free(creator);
    return rc;
}

static int append(struct order *o, const char *kind, const struct pack *pack, struct err *e)
{
    struct arena a;
    struct source s;
    int64_t entry;
    arena_init(&a, 1u << 20);
    int rc = source_get(o->g->f->db, o->g->w->source, &a, &s, e);
    if (rc == OK && pack->n) {
        const struct ledger_header h = {.kind = kind, .source = s.id, .org = s.org, .at = o->now};
        rc = ledger_accept(o->g->f->ledger, &h, pack, &entry, e);
    }
    arena_clear(&a);
    return rc;
}

static int expunge(struct order *o, uint64_t *ret, struct err *e)
{
    struct arena a;
    struct source s;
    arena_init(&a, 1u << 20);
    *ret = 0;
    int rc = source_get(o->g->f->db, o->g->w->source, &a, &s, e);
    if (rc == OK && o->g->n_place) {
        const struct ledger_header h = {.kind = "", .source = s.id, .org = s.org, .at = o->now};
        rc = ledger_expunge(o->g->f->ledger, &h, o->g->place, o->g->n_place, ret, e);
    }
    arena_clear(&a);
    return rc;
}

/* ---- state tables: what a rebuild does not make ---- */

static int run1(struct fuse *f, const char *sql, int64_t a, struct err *e)
{
    struct stmt *s = db_query(f->db, sql, e);
    if (!s) {
        return e->code;
    }
    db_int(s, a);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* FTS5 without content is told the text again to forget it. */
static int unindex(struct fuse *f, int64_t document, struct sv text, struct buf *words, struct err *e)
{
    struct stmt *s = db_query(f->db, "INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)", e);
    if (!s) {
        return e->code;
    }
    buf_reset(words);
    words_for_index(text, words);
    db_int(s, document);
    db_text(s, buf_sv(words));
    int rc = words->failed ? err_set(e, ERR_MEMORY, "no memory for an object's words") : db_run(s, e);
    db_done(s);
    return rc == OK ? run1(f, "DELETE FROM document WHERE id = ?", document, e) : rc;
}

static int forget_object(struct fuse *f, int64_t object, struct buf *words, struct err *e)
{
    struct stmt *s = db_query(
        f->db, "SELECT d.id, o.text FROM document d JOIN object o ON o.id = d.object WHERE d.object = ?", e);
    int rc = s ? OK : e->code;
    if (s) {
        db_int(s, object);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        rc = unindex(f, col_int(s, 0), col_text(s, 1), words, e);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int forget_rows(struct finding *g, enum numbered what, struct buf *words, struct err *e)
{
    const struct rows *r = &g->row[what];
    int rc = OK;
    for (size_t i = 0; rc == OK && i < r->n; i++) {
        for (int64_t id = r->v[i].first; rc == OK && id <= r->v[i].last; id++) {
            if (what == NUMBER_OBJECT) {
                rc = forget_object(g->f, id, words, e);
            } else if (what == NUMBER_SIGHTING) {
                rc = run1(g->f, "DELETE FROM sighting_change WHERE sighting = ?", id, e);
            } else {
                rc = run1(g->f, "DELETE FROM document WHERE claim = ?", id, e);
                rc = rc == OK && db_changed(g->f->db) ? cursor_set(g->f, REMAKE, 1, e) : rc;
            }
        }
    }
    return rc;
}

/* What was refused of these objects, and kept for people to look at. */
static int forget_refused(struct finding *g, struct err *e)
{
    struct stmt *s = db_query(
        g->f->db, "DELETE FROM quarantine WHERE source = ? AND instr(bytes, CAST(? AS BLOB)) > 0", e);
    struct sv id;
    uint64_t *ignored;
    size_t it = 0;
    int rc = s ? OK : e->code;
    while (rc == OK && map_next(&g->ids, &it, &id, &ignored)) {
        db_int(s, g->w->source);
        db_text(s, id);
        rc = db_run(s, e);
    }
    for (size_t i = 0; rc == OK && i < g->w->ids; i++) {
        db_int(s, g->w->source);
        db_text(s, g->w->id[i]);
        rc = db_run(s, e);
    }
    db_done(s);
    return rc;
}

static int forget(struct finding *g, struct err *e)
{
    struct buf words;
    buf_init(&words, 64u << 20);
    int rc = forget_rows(g, NUMBER_OBJECT, &words, e);
    rc = rc == OK ? forget_rows(g, NUMBER_CLAIM, &words, e) : rc;
    rc = rc == OK ? forget_rows(g, NUMBER_SIGHTING, &words, e) : rc;
    buf_clear(&words);
    return rc == OK ? forget_refused(g, e) : rc;
}

/* ---- both modes ---- */

static int keep_numbers(struct finding *g, struct err *e)
{
    int rc = OK;
    for (size_t what = 0; rc == OK && what < NUMBERED; what++) {
        const struct rows *r = &g->row[what];
        for (size_t i = 0; rc == OK && i < r->n; i++) {
            rc = number_keep(g->f, (enum numbered)what, r->v[i].first, r->v[i].last, r->v[i].entry, e);
        }
    }
    return rc;
}

static int take_away(struct order *o, struct withdrawn_report *ret, struct err *e)
{
    struct finding *g = o->g;
    int rc = find_gone(g, e);
    rc = rc == OK ? forget(g, e) : rc;
    rc = rc == OK ? keep_numbers(g, e) : rc;
    for (size_t what = 0; rc == OK && what < NUMBERED; what++) {
        rc = add_rows(o, 'd', (enum numbered)what, &g->row[what], e);
    }
    rc = rc == OK ? add_speakers(o, e) : rc;
    rc = rc == OK ? add_ids(o, g->w, e) : rc;
    rc = rc == OK ? append(o, "withdraw", &o->pack, e) : rc;
    rc = rc == OK ? append(o, "claims", &g->kept, e) : rc;
    rc = rc == OK ? expunge(o, &ret->records, e) : rc;
    return rc == OK && (g->objects || g->claims) ? cursor_set(g->f, UNSETTLED, 1, e) : rc;
}

static int end_claim(void *ctx, int64_t claim, struct sv other_ref, struct err *e)
{
    struct order *o = ctx;
    buf_reset(&o->record);
    buf_addc(&o->record, 'f');
    buf_varint(&o->record, (uint64_t)claim);
    buf_str(&o->record, other_ref);
    return add_record(o, e);
}

static int end(struct order *o, struct err *e)
{
    int rc = find_ended(o->g, end_claim, o, e);
    if (rc == OK && o->g->w->for_good) {
        rc = add_rows(o, 'e', NUMBER_OBJECT, &o->g->row[NUMBER_OBJECT], e);
    }
    rc = rc == OK ? add_ids(o, o->g->w, e) : rc;
    return rc == OK ? append(o, "withdraw", &o->pack, e) : rc;
}

/* 1 = every id stands as withdrawn in this mode already, and nothing of it is here. */
static int done_before(struct finding *g, struct err *e)
{
    struct stmt *s = db_query(g->f->db,
                              "SELECT mode, EXISTS (SELECT 1 FROM object o WHERE o.h = w.h AND o.source = "
                              "w.source) FROM withdrawn w WHERE w.source = ? AND w.h = ?",
                              e);
    int rc = s ? 1 : e->code;
    for (size_t i = 0; rc == 1 && i < g->n; i++) {
        db_int(s, g->w->source);
        db_int(s, g->h[i]);
        rc = db_step(s, e);
        bool gone = rc == 1 && col_int(s, 0) == 0, here = rc == 1 && col_int(s, 1);
        rc = rc == 1 ? (g->w->mode == WITHDRAW_ENDED || (gone && !here)) : rc;
        db_reset(s);
    }
    db_done(s);
    return rc;
}

int fuse_withdraw(struct fuse *f, const struct withdraw *w, usec now, struct withdrawn_report *ret,
                  struct err *e)
{
    struct finding g;
    struct order o = {.g = &g, .now = now};
    *ret = (struct withdrawn_report){0};
    if (!db_in_tx(f->db)) {
        return err_set(e, ERR_INTERNAL, "fuse_withdraw outside a transaction");
    }
    pack_init(&o.pack);
    buf_init(&o.record, 1u << 20);
    int rc = finding_init(&g, f, w, e);
    rc = rc == OK ? done_before(&g, e) : rc;
    if (rc == 0) {
        rc = w->mode == WITHDRAW_GONE ? take_away(&o, ret, e) : end(&o, e);
        ret->objects = g.objects;
        ret->claims = g.claims;
        ret->sightings = g.sightings;
        for (size_t i = 0; i < g.n; i++) {
            ret->unknown += !g.known[i];
        }
    } else {
        rc = rc == 1 ? OK : rc;
    }
    if (rc < 0) {
        db_doom(f->db, e);
    }
    finding_clear(&g);
    buf_clear(&o.record);
    pack_clear(&o.pack);
    return rc;
}

int fuse_unwithdraw(struct fuse *f, int64_t source, const struct sv *id, size_t ids, usec now, struct err *e)
{
    struct finding g;
    const struct withdraw w = {.source = source, .id = id, .ids = ids};
    struct order o = {.g = &g, .now = now};
    int64_t found = 0;
    pack_init(&o.pack);
    buf_init(&o.record, 1u << 20);
    int rc = finding_init(&g, f, &w, e);
    struct stmt *s =
        rc == OK ? db_query(f->db, "SELECT 1 FROM withdrawn WHERE source = ? AND h = ?", e) : NULL;
    rc = rc == OK && !s ? e->code : rc;
    for (size_t i = 0; rc == OK && i < g.n; i++) {
        db_int(s, source);
        db_int(s, g.h[i]);
        rc = db_step(s, e);
        db_reset(s);
        if (rc == 1) {
            buf_reset(&o.record);
            buf_addc(&o.record, 'u');
            buf_zigzag(&o.record, g.h[i]);
            rc = add_record(&o, e);
            found++;
        }
    }
    db_done(s);
    if (rc == OK && !found) {
        rc = err_set(e, ERR_NOT_FOUND, "nothing of this is withdrawn");
    }
    rc = rc == OK ? append(&o, "withdraw", &o.pack, e) : rc;
    finding_clear(&g);
    buf_clear(&o.record);
    pack_clear(&o.pack);
    return rc;
}

/* ---- afterwards ---- */

bool fuse_withdraw_unsettled(struct fuse *f)
{
    return cursor_get(f, UNSETTLED) != 0;
}

/* One segment without what was deleted; or, where the words of a claim are not known any more, all anew. */
static int remake_search(struct fuse *f, struct err *e)
{
    int rc = db_begin(f->db, e);
    if (rc != OK) {
        return rc;
    }
    if (cursor_get(f, REMAKE)) {
        rc = db_exec(f->db, "INSERT INTO search (search) VALUES ('delete-all'); DELETE FROM document;", e);
        rc = rc == OK ? cursor_set(f, "search_object", 0, e) : rc;
        rc = rc == OK ? cursor_set(f, "search_claim", 0, e) : rc;
        rc = rc == OK ? cursor_set(f, REMAKE, 0, e) : rc;
    } else {
        rc = db_exec(f->db, "INSERT INTO search (search) VALUES ('optimize')", e);
    }
    return db_finish(f->db, rc, e);
}

int fuse_withdraw_settle(struct fuse *f, usec now, struct err *e)
{
    int rc = fuse_index_refresh(f, now, e);
    if (rc != OK || !fuse_withdraw_unsettled(f)) {
        return rc;
    }
    rc = remake_search(f, e);
    rc = rc == OK ? fuse_search_update(f, e) : rc;
    rc = rc == OK ? db_scrub(f->db, e) : rc;
    rc = rc == OK ? db_begin(f->db, e) : rc;
    return rc == OK ? db_finish(f->db, cursor_set(f, UNSETTLED, 0, e), e) : rc;
}
