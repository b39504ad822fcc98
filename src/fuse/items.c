/* What is stored, one thing after the other, as the STIX objects it is given out as. */
#include "fuse/private.h"

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

/* The index in the caller's list. */
struct objects_from {
    object_text_fn each;
    void *ctx;
    size_t first;
};

static int each_from(void *ctx, size_t i, struct sv json, struct err *e)
{
    struct objects_from *o = ctx;
    return o->each(o->ctx, o->first + i, json, e);
}

/* One walk over rows that stand close together is several times cheaper than a look-up each. */
static int walk_objects(struct fuse *f, const int64_t *number, size_t n, object_text_fn each, void *ctx,
                        struct err *e)
{
    struct stmt *s = db_query(f->db, "SELECT id, body FROM object WHERE id >= ? AND id <= ? ORDER BY id", e);
    if (!s) {
        return e->code;
    }
    db_int(s, number[0]);
    db_int(s, number[n - 1]);
    size_t i = 0;
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        int64_t id = col_int(s, 0);
        while (i < n && number[i] < id) {
            i++;
        }
        if (i == n || number[i] != id) {
            continue;
        }
        rc = each(ctx, i, col_blob(s, 1), e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int fuse_objects_read(struct fuse *f, const int64_t *number, size_t n, object_text_fn each, void *ctx,
                      struct err *e)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < n;) {
        size_t end = i + 1;
        while (end < n && number[end] > number[end - 1] && number[end] - number[end - 1] <= 8) {
            end++;
        }
        struct objects_from from = {.each = each, .ctx = ctx, .first = i};
        rc = walk_objects(f, number + i, end - i, each_from, &from, e);
        i = end;
    }
    return rc;
}

/* Where the source gives no time at all it is 1970 for good: `created` is the same in all versions. */
static usec first_known(usec a, usec b, usec c)
{
    return a != USEC_NONE ? a : b != USEC_NONE ? b : c != USEC_NONE ? c : 0;
}

static void write_indicator(struct stmt *s, struct buf *out)
{
    usec created = col_time(s, 4), valid_from = col_time(s, 5);
    const struct stix_indicator i = {
        .value = {.kind = (enum kind)col_int(s, 0), .value = col_text(s, 1)},
        .catalogue_source = col_text(s, 2),
        .created = first_known(created, valid_from, col_time(s, 8)),
        .modified = col_int(s, 3),
        .valid_from = first_known(valid_from, created, col_time(s, 8)),
        .valid_until = col_time(s, 6),
        .tlp = (enum tlp)col_int(s, 7),
        .labels = col_text(s, 9),
    };
    stix_write_indicator(&i, out);
    bool back = col_int(s, 10) != 0 || claim_is_object(col_text(s, 11));
    if (back && !out->failed) {
        out->n--; /* the object's last brace */
        buf_add(out, SV(",\"revoked\":true}"));
    }
}

static int write_claim(struct fuse *f, int64_t number, usec version, struct buf *out, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT c.kind, c.value, s.name, c.version, c.created, c.valid_from, "
                              "c.valid_until, c.tlp, c.modified, c.labels, c.flags, c.ref FROM claim c JOIN "
                              "source s ON s.id = c.source WHERE c.id = ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, number);
    int rc = db_step(s, e);
    if (rc == 1 && col_int(s, 3) != version) {
        rc = 0;
    }
    if (rc == 1) {
        write_indicator(s, out);
    }
    db_done(s);
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
