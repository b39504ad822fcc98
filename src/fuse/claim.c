#include "fuse/private.h"

/* A row of `claim` as far as merging needs it. */
struct row {
    int64_t id;
    unsigned flags;
    enum tlp tlp;
    usec created, modified, valid_from, valid_until, first, last;
    int confidence;
    struct sv labels, ref, note, meta;
    usec version;    /* `modified` of the indicator it is given out as: see version_of */
    int64_t changed; /* last entry after which it is given out otherwise */
};

static usec earlier(usec a, usec b)
{
    if (a == USEC_NONE || b == USEC_NONE) {
        return a == USEC_NONE ? b : a;
    }
    return a < b ? a : b;
}

static usec later(usec a, usec b)
{
    return a > b ? a : b; /* USEC_NONE is the smallest */
}

/* Union of two sorted word lists, into `out`. */
static void merge_labels(struct sv a, struct sv b, struct buf *out)
{
    struct sv wa = SV_NONE, wb = SV_NONE;
    bool ha = a.n && sv_cut(&a, ' ', &wa);
    bool hb = b.n && sv_cut(&b, ' ', &wb);
    while (ha || hb) {
        int order = !ha ? 1 : !hb ? -1 : sv_cmp(wa, wb);
        if (out->n) {
            buf_addc(out, ' ');
        }
        buf_add(out, order <= 0 ? wa : wb);
        if (order <= 0) {
            ha = a.n && sv_cut(&a, ' ', &wa);
        }
        if (order >= 0) {
            hb = b.n && sv_cut(&b, ' ', &wb);
        }
    }
}

static bool same_row(const struct row *a, const struct row *b)
{
    return a->flags == b->flags && a->tlp == b->tlp && a->created == b->created &&
           a->modified == b->modified && a->valid_from == b->valid_from && a->valid_until == b->valid_until &&
           a->first == b->first && a->last == b->last && a->confidence == b->confidence &&
           sv_eq(a->labels, b->labels) && sv_eq(a->ref, b->ref) && sv_eq(a->note, b->note) &&
           sv_eq(a->meta, b->meta);
}

/* What the indicator says that a claim is given out as (fuse_item_write): a change of anything else, like the
 * time it was last seen, makes no new version. */
static bool same_given(const struct row *a, const struct row *b)
{
    return a->flags == b->flags && a->tlp == b->tlp && a->created == b->created &&
           a->modified == b->modified && a->valid_from == b->valid_from && a->valid_until == b->valid_until &&
           sv_eq(a->labels, b->labels) && claim_is_object(a->ref) == claim_is_object(b->ref);
}

/*
 * The source's own time of change. Where it gives none that is newer, two milliseconds after the last version
 * (the one between is for exports): the same id and `modified` must not stand for two contents
 * (STIX 2.1 3.6), and apply may read no clock.
 */
static usec version_of(const struct row *r, const struct row *old)
{
    usec stated = r->modified != USEC_NONE     ? r->modified
                  : r->created != USEC_NONE    ? r->created
                  : r->valid_from != USEC_NONE ? r->valid_from
                                               : 0;
    return !old || stated / 1000 > old->version / 1000 ? stated : old->version + 2000;
}

/* A statement that it is bad outweighs a mere mention; taking back needs the same statement or a newer one.
 */
static unsigned merge_flags(const struct row *old, const struct row *in)
{
    unsigned flags = old->flags & in->flags & CLAIM_CONTEXT;
    bool same_statement = !in->ref.n || sv_eq(old->ref, in->ref);
    bool newer = in->modified == USEC_NONE || old->modified == USEC_NONE || in->modified >= old->modified;
    if (in->flags & CLAIM_REVOKED) {
        return flags | (same_statement && newer ? CLAIM_REVOKED : old->flags & CLAIM_REVOKED);
    }
    bool revived = in->modified != USEC_NONE && old->modified != USEC_NONE && in->modified > old->modified;
    return flags | (revived || !same_statement ? 0 : old->flags & CLAIM_REVOKED);
}

static struct row merge(const struct row *old, const struct row *in, unsigned in_flags, struct buf *labels)
{
    if (in_flags & CLAIM_REPLACE) {
        bool newer =
            in->modified != USEC_NONE && (old->modified == USEC_NONE || in->modified > old->modified);
        struct row r = newer ? *in : *old;
        r.id = old->id;
        return r;
    }
    bool in_is_newer =
        in->modified != USEC_NONE && (old->modified == USEC_NONE || in->modified > old->modified);
    struct row r = {
        .id = old->id,
        .flags = merge_flags(old, in),
        .tlp = in->tlp > old->tlp ? in->tlp : old->tlp,
        .created = earlier(old->created, in->created),
        .modified = later(old->modified, in->modified),
        .valid_from = earlier(old->valid_from, in->valid_from),
        .valid_until = in_is_newer ? in->valid_until : later(old->valid_until, in->valid_until),
        .first = earlier(old->first, in->first),
        .last = later(old->last, in->last),
        .confidence =
            in->confidence >= 0 && (in_is_newer || old->confidence < 0) ? in->confidence : old->confidence,
        .ref = old->ref.n ? old->ref : in->ref,
        .note = old->note.n && !(in_is_newer && in->note.n) ? old->note : in->note,
        .meta = old->meta.n && !(in_is_newer && in->meta.n) ? old->meta : in->meta,
    };
    merge_labels(old->labels, in->labels, labels);
    r.labels = buf_sv(labels);
    return r;
}

static const char SELECT[] = "SELECT id, flags, tlp, created, modified, valid_from, valid_until, first_seen, "
                             "last_seen, confidence, labels, ref, note, meta, kind, value, version, changed"
                             " FROM claim WHERE h = ? AND source = ?";

static int find_row(struct stmt *s, const struct claim_rec *c, struct row *ret, struct err *e)
{
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        if (col_int(s, 14) != (int64_t)c->value.kind || !sv_eq(col_text(s, 15), c->value.value)) {
            continue;
        }
        *ret = (struct row){
            .id = col_int(s, 0),
            .flags = (unsigned)col_int(s, 1),
            .tlp = (enum tlp)col_int(s, 2),
            .created = col_time(s, 3),
            .modified = col_time(s, 4),
            .valid_from = col_time(s, 5),
            .valid_until = col_time(s, 6),
            .first = col_time(s, 7),
            .last = col_time(s, 8),
            .confidence = (int)col_int(s, 9),
            .labels = col_text(s, 10),
            .ref = col_text(s, 11),
            .note = col_text(s, 12),
            .meta = col_text(s, 13),
            .version = col_int(s, 16),
            .changed = col_int(s, 17),
        };
        return 1;
    }
    return rc;
}

static void bind_row(struct stmt *s, const struct row *r)
{
    db_int(s, r->flags);
    db_int(s, r->tlp);
    db_time(s, r->created);
    db_time(s, r->modified);
    db_time(s, r->valid_from);
    db_time(s, r->valid_until);
    db_time(s, r->first);
    db_time(s, r->last);
    db_int(s, r->confidence);
    db_text(s, r->labels.p ? r->labels : SV(""));
    db_text(s, r->ref.p ? r->ref : SV(""));
    db_text(s, r->note.p ? r->note : SV(""));
    db_text(s, r->meta.p ? r->meta : SV(""));
    db_int(s, r->version);
    db_int(s, r->changed);
}

static int insert(struct fuse *f, const struct entry *entry, const struct claim_rec *c, int64_t h,
                  const struct row *r, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "INSERT INTO claim (id, h, kind, value, source, entry, accepted, flags, tlp, "
                              "created, modified, valid_from, valid_until,"
                              " first_seen, last_seen, confidence, labels, ref, note, meta, version, "
                              "changed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                              e);
    if (!s) {
        return e->code;
    }
    bind_number(s, number_next(f, NUMBER_CLAIM, entry->id));
    db_int(s, h);
    db_int(s, c->value.kind);
    db_text(s, c->value.value);
    db_int(s, entry->source);
    db_int(s, entry->id);
    db_time(s, entry->at);
    bind_row(s, r);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int update(struct fuse *f, const struct row *r, struct err *e)
{
    struct stmt *s =
        db_query(f->db,
                 "UPDATE claim SET flags=?, tlp=?, created=?, modified=?, valid_from=?, "
                 "valid_until=?, first_seen=?, last_seen=?,"
                 " confidence=?, labels=?, ref=?, note=?, meta=?, version=?, changed=? WHERE id = ?",
                 e);
    if (!s) {
        return e->code;
    }
    bind_row(s, r);
    db_int(s, r->id);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static usec row_end(const struct row *r, int64_t expiry)
{
    const struct claim_times times = {.valid_until = r->valid_until,
                                      .last = r->last,
                                      .modified = r->modified,
                                      .created = r->created,
                                      .valid_from = r->valid_from};
    return r->flags ? USEC_NONE : claim_end(&times, expiry);
}

/* Events that no claim covered when they came may be covered by what this one says now. */
static int note_reach(struct fuse *f, const struct entry *entry, const struct row *old, const struct row *now,
                      struct err *e)
{
    int64_t expiry;
    int rc = source_expiry(f, entry->source, &expiry, e);
    if (rc == OK && row_end(now, expiry) > row_end(old, expiry)) {
        rc = past_again(f, e);
    }
    return rc;
}

static int merge_or_insert(struct fuse *f, const struct entry *entry, const struct claim_rec *c,
                           enum change *ret, struct err *e)
{
    int64_t h = value_hash(f, c->value.kind, c->value.value);
    struct row in = {
        .flags = c->flags & (CLAIM_CONTEXT | CLAIM_REVOKED),
        .tlp = c->tlp,
        .created = c->created,
        .modified = c->modified,
        .valid_from = c->valid_from,
        .valid_until = c->valid_until,
        .first = c->first,
        .last = c->last,
        .confidence = c->confidence,
        .labels = c->labels,
        .ref = c->ref,
        .note = c->note,
        .meta = c->meta,
        .changed = entry->id,
    };
    in.version = version_of(&in, NULL);
    if (!seen_maybe(f, h)) {
        seen_add(f, h);
        *ret = CHANGE_NEW;
        return insert(f, entry, c, h, &in, e);
    }
    struct stmt *s = db_query(f->db, SELECT, e);
    if (!s) {
        return e->code;
    }
    db_int(s, h);
    db_int(s, entry->source);
    struct row old;
    int rc = find_row(s, c, &old, e);
    if (rc == 0) {
        db_done(s);
        *ret = CHANGE_NEW;
        return insert(f, entry, c, h, &in, e);
    }
    struct buf labels;
    buf_init(&labels, 1 << 20);
    if (rc == 1) {
        struct row merged = merge(&old, &in, c->flags, &labels);
        bool same = same_row(&merged, &old), given = same_given(&merged, &old);
        merged.version = given ? old.version : version_of(&merged, &old);
        merged.changed = given ? old.changed : entry->id;
        *ret = same ? CHANGE_NONE : CHANGE_UPDATE;
        rc = same ? OK : update(f, &merged, e);
        rc = rc == OK && !same ? note_reach(f, entry, &old, &merged, e) : rc;
        bool was_out = old.flags & (CLAIM_CONTEXT | CLAIM_REVOKED),
             is_out = merged.flags & (CLAIM_CONTEXT | CLAIM_REVOKED);
        f->index_stale |= !same && was_out != is_out;
    }
    buf_clear(&labels);
    db_done(s);
    return rc;
}

int claim_apply(struct fuse *f, const struct entry *entry, const struct claim_rec *c, enum change *ret,
                struct err *e)
{
    bool joined = false;
    int rc = merge_or_insert(f, entry, c, ret, e);
    rc = rc == OK ? alias_add_claim(f, entry, c, &joined, e) : rc;
    if (rc == OK && joined && *ret == CHANGE_NONE) {
        *ret = CHANGE_UPDATE;
    }
    return rc;
}
