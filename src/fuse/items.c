/* What is stored, one thing after the other, as the STIX objects it is given out as. */
#include "fuse/private.h"

#define INDICATOR_MOST ((size_t)1 << 20)

bool claim_is_object(struct sv ref)
{
    return sv_starts(ref, SV("indicator--"));
}

/* An indicator says "look for this in what you observe": a text is nothing to look for, and a vulnerability
 * is no observable (STIX 2.1 6). */
bool claim_is_given(enum kind k)
{
    return k > KIND_NONE && k < KIND_MAX && k != KIND_TEXT && k != KIND_VULNERABILITY;
}

int object_number(struct fuse *f, int64_t source, const struct object_rec *o, int64_t *ret, struct err *e)
{
    struct stmt *s =
        db_query(f->db, "SELECT id, stix_id, sha FROM object WHERE h = ? AND source = ? ORDER BY id", e);
    if (!s) {
        return e->code;
    }
    db_int(s, id_hash(f, o->head.id));
    db_int(s, source);
    struct sv sha = sv_from((const char *)o->sha.b, sizeof(o->sha.b));
    bool same = false;
    int rc;
    *ret = 0;
    while (!same && (rc = db_step(s, e)) == 1) {
        if (sv_eq(col_text(s, 1), o->head.id)) {
            *ret = col_int(s, 0);
            same = sv_eq(col_blob(s, 2), sha);
        }
    }
    db_done(s);
    return same || rc == 0 ? OK : rc;
}

/* ---- changes */

static int object_changes(struct fuse *f, int64_t source, struct item_mark *mark, size_t most, item_fn each,
                          void *ctx, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT o.id, o.stix_id, o.type, o.created, o.modified, o.revoked, o.tlp, "
                              "EXISTS (SELECT 1 FROM object n WHERE n.h = o.h AND n.source = o.source AND "
                              "n.stix_id = o.stix_id AND n.revoked = 1)"
                              " FROM object o WHERE o.source + 0 = ? AND o.id > ? ORDER BY o.id LIMIT ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, source);
    db_int(s, mark->object);
    db_int(s, (int64_t)most);
    int rc, done = 0;
    while ((rc = db_step(s, e)) == 1) {
        const struct fuse_item i = {
            .number = col_int(s, 0),
            .id = col_text(s, 1),
            .type = col_text(s, 2),
            .source = source,
            .version = col_time(s, 4) != USEC_NONE ? col_time(s, 4) : col_time(s, 3),
            .revoked = col_int(s, 5) != 0,
            .tlp = (enum tlp)col_int(s, 6),
            .ended = col_int(s, 7) != 0,
        };
        rc = each(ctx, &i, e);
        if (rc < 0) {
            break;
        }
        mark->object = i.number;
        done++;
    }
    db_done(s);
    return rc < 0 ? rc : done;
}

static int claim_changes(struct fuse *f, int64_t source, struct item_mark *mark, size_t most, item_fn each,
                         void *ctx, struct err *e)
{
    struct stmt *s = db_query(
        f->db,
        "SELECT c.id, c.changed, c.kind, c.value, c.flags, c.tlp, c.version, c.ref, s.name"
        " FROM claim c JOIN source s ON s.id = c.source WHERE c.source + 0 = ? AND (c.changed, c.id) > "
        "(?, ?) ORDER BY c.changed, c.id LIMIT ?",
        e);
    if (!s) {
        return e->code;
    }
    db_int(s, source);
    db_int(s, mark->entry);
    db_int(s, mark->claim);
    db_int(s, (int64_t)most);
    int rc, done = 0;
    while ((rc = db_step(s, e)) == 1) {
        char id[64];
        enum kind kind = (enum kind)col_int(s, 2);
        bool given = claim_is_given(kind);
        if (given) {
            stix_claim_id(col_text(s, 8), kind, col_text(s, 3), id);
            bool back = col_int(s, 4) != 0 || claim_is_object(col_text(s, 7));
            const struct fuse_item i = {
                .claim = true,
                .number = col_int(s, 0),
                .id = sv_c(id),
                .type = SV("indicator"),
                .source = source,
                .version = col_int(s, 6),
                .revoked = back,
                .ended = back,
                .tlp = (enum tlp)col_int(s, 5),
            };
            rc = each(ctx, &i, e);
        }
        if (rc < 0) {
            break;
        }
        mark->entry = col_int(s, 1);
        mark->claim = col_int(s, 0);
        done++;
    }
    db_done(s);
    return rc < 0 ? rc : done;
}

int fuse_items_since(struct fuse *f, int64_t source, struct item_mark *mark, size_t most, item_fn each,
                     void *ctx, struct err *e)
{
    int objects = object_changes(f, source, mark, most, each, ctx, e);
    if (objects < 0 || (size_t)objects == most) {
        return objects;
    }
    int claims = claim_changes(f, source, mark, most - (size_t)objects, each, ctx, e);
    return claims < 0 ? claims : objects + claims;
}

/* ---- one thing as JSON */

static int write_object(struct fuse *f, int64_t number, struct buf *out, struct err *e)
{
    struct stmt *s = db_query(f->db, "SELECT body FROM object WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, number);
    int rc = db_step(s, e);
    if (rc == 1) {
        buf_add(out, col_blob(s, 0));
    }
    db_done(s);
    return rc;
}

/* Where the source gives no time at all it is 1970 for good: `created` is the same in all versions. */
static usec first_known(usec a, usec b, usec c)
{
    return a != USEC_NONE ? a : b != USEC_NONE ? b : c != USEC_NONE ? c : 0;
}

#define CLAIM_COLUMNS                                                                                        \
    "c.id, c.kind, c.value, c.version, c.created, c.valid_from, c.valid_until, c.tlp, c.modified, "          \
    "c.labels, "                                                                                             \
    "c.flags, c.ref, c.source"

/* Name and identity of a source, the same for all of its claims. */
struct maker {
    struct fuse *f;
    struct arena a;
    int64_t source;
    struct sv name;
    char identity[64];
};

static int maker_of(struct maker *m, int64_t source, struct err *e)
{
    struct source s;
    if (m->source == source) {
        return OK;
    }
    arena_reset(&m->a);
    int rc = source_get(m->f->db, source, &m->a, &s, e);
    if (rc == OK) {
        m->source = source;
        m->name = s.name;
        stix_source_identity(s.name, m->identity);
    }
    return rc;
}

static void maker_init(struct maker *m, struct fuse *f)
{
    *m = (struct maker){.f = f};
    arena_init(&m->a, 1u << 20);
}

static int write_indicator(struct maker *m, struct stmt *s, struct buf *out, struct err *e)
{
    int rc = maker_of(m, col_int(s, 12), e);
    if (rc != OK) {
        return rc;
    }
    usec created = col_time(s, 4), valid_from = col_time(s, 5);
    const struct stix_indicator i = {
        .value = {.kind = (enum kind)col_int(s, 1), .value = col_text(s, 2)},
        .catalogue_source = m->name,
        .created = first_known(created, valid_from, col_time(s, 8)),
        .modified = col_int(s, 3),
        .valid_from = first_known(valid_from, created, col_time(s, 8)),
        .valid_until = col_time(s, 6),
        .tlp = (enum tlp)col_int(s, 7),
        .labels = col_text(s, 9),
        .identity = sv_c(m->identity),
    };
    stix_write_indicator(&i, out);
    bool back = col_int(s, 10) != 0 || claim_is_object(col_text(s, 11));
    if (back && !out->failed) {
        out->n--; /* the object's last brace */
        buf_add(out, SV(",\"revoked\":true}"));
    }
    return OK;
}

static int write_claim(struct fuse *f, int64_t number, usec version, struct buf *out, struct err *e)
{
    struct maker m;
    struct stmt *s = db_query(f->db, "SELECT " CLAIM_COLUMNS " FROM claim c WHERE c.id = ?", e);
    if (!s) {
        return e->code;
    }
    maker_init(&m, f);
    db_int(s, number);
    int rc = db_step(s, e);
    if (rc == 1 && col_int(s, 3) != version) {
        rc = 0;
    }
    if (rc == 1) {
        rc = write_indicator(&m, s, out, e);
        rc = rc == OK ? 1 : rc;
    }
    db_done(s);
    arena_clear(&m.a);
    return rc;
}

int fuse_item_write(struct fuse *f, bool claim, int64_t number, usec version, struct buf *out, struct err *e)
{
    size_t before = out->n;
    int rc = claim ? write_claim(f, number, version, out, e) : write_object(f, number, out, e);
    if (rc == 1 && out->failed) {
        out->n = before;
        return err_set(e, ERR_LIMIT, "an object does not fit into %zu bytes", out->max);
    }
    return rc;
}

/* ---- many things: one walk over rows that stand close together is several times cheaper than a look-up each
 */

struct reading {
    struct fuse *f;
    const struct item_pick *pick;
    item_text_fn each;
    void *ctx;
    struct maker maker;
    struct buf text;
};

static int give_claim(struct reading *r, const struct item_pick *pick, size_t i, struct stmt *s,
                      struct err *e)
{
    if (col_int(s, 3) != pick->version) {
        return OK; /* it changed: its new version stands further on */
    }
    buf_reset(&r->text);
    int rc = write_indicator(&r->maker, s, &r->text, e);
    if (rc == OK && r->text.failed) {
        rc = err_set(e, ERR_LIMIT, "an object does not fit into %zu bytes", r->text.max);
    }
    return rc == OK ? r->each(r->ctx, i, buf_sv(&r->text), e) : rc;
}

/* The picks from..until, of one kind, whose numbers rise. */
static int walk(struct reading *r, size_t from, size_t until, struct err *e)
{
    bool claim = r->pick[from].claim;
    struct stmt *s =
        claim
            ? db_query(r->f->db,
                       "SELECT " CLAIM_COLUMNS " FROM claim c WHERE c.id >= ? AND c.id <= ? ORDER BY c.id", e)
            : db_query(r->f->db, "SELECT id, body FROM object WHERE id >= ? AND id <= ? ORDER BY id", e);
    if (!s) {
        return e->code;
    }
    db_int(s, r->pick[from].number);
    db_int(s, r->pick[until - 1].number);
    size_t i = from;
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        int64_t id = col_int(s, 0);
        while (i < until && r->pick[i].number < id) {
            i++;
        }
        if (i == until || r->pick[i].number != id) {
            continue;
        }
        rc = claim ? give_claim(r, &r->pick[i], i, s, e) : r->each(r->ctx, i, col_blob(s, 1), e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int fuse_items_read(struct fuse *f, const struct item_pick *pick, size_t n, item_text_fn each, void *ctx,
                    struct err *e)
{
    struct reading r = {.f = f, .pick = pick, .each = each, .ctx = ctx};
    int rc = OK;
    maker_init(&r.maker, f);
    buf_init(&r.text, INDICATOR_MOST);
    for (size_t i = 0; rc == OK && i < n;) {
        size_t end = i + 1;
        while (end < n && pick[end].claim == pick[i].claim && pick[end].number > pick[end - 1].number &&
               pick[end].number - pick[end - 1].number <= 8) {
            end++;
        }
        rc = walk(&r, i, end, e);
        i = end;
    }
    buf_clear(&r.text);
    arena_clear(&r.maker.a);
    return rc;
}
