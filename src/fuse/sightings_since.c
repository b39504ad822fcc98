/* Sightings for who passes them on: what is new or grew, and under which ids its indicator is known. */
#include "fuse/private.h"

#define COLUMNS                                                                                              \
    "g.id, g.kind, g.value, g.observed_kind, g.observed, g.source, g.sensor, g.class, g.field, g.hour, "     \
    "g.count, g.first_seen, g.last_seen"

static struct sighting read_sighting(struct stmt *s)
{
    return (struct sighting){.id = col_int(s, 0),
                             .kind = (enum kind)col_int(s, 1),
                             .indicator = col_text(s, 2),
                             .observed_kind = (enum kind)col_int(s, 3),
                             .observed = col_text(s, 4),
                             .source = col_int(s, 5),
                             .sensor = col_text(s, 6),
                             .class = col_text(s, 7),
                             .field = col_text(s, 8),
                             .hour = col_time(s, 9),
                             .count = (uint64_t)col_int(s, 10),
                             .first = col_time(s, 11),
                             .last = col_time(s, 12)};
}

int fuse_sightings_since(struct fuse *f, struct sighting_mark *mark, size_t most, sighting_fn each, void *ctx,
                         struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT " COLUMNS ", c.entry FROM sighting_change c JOIN sighting g ON g.id = "
                              "c.sighting WHERE (c.entry, c.sighting) > (?, ?) ORDER BY c.entry, c.sighting "
                              "LIMIT ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, mark->entry);
    db_int(s, mark->sighting);
    db_int(s, (int64_t)most);
    int rc, done = 0;
    while ((rc = db_step(s, e)) == 1) {
        const struct sighting g = read_sighting(s);
        rc = each(ctx, &g, e);
        if (rc < 0) {
            break;
        }
        *mark = (struct sighting_mark){.entry = col_int(s, 13), .sighting = g.id};
        done++;
    }
    db_done(s);
    return rc < 0 ? rc : done;
}

int fuse_sightings_now(struct fuse *f, struct sighting_mark *ret, struct err *e)
{
    struct stmt *s = db_query(
        f->db, "SELECT entry, sighting FROM sighting_change ORDER BY entry DESC, sighting DESC LIMIT 1", e);
    *ret = (struct sighting_mark){0};
    if (!s) {
        return e->code;
    }
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = (struct sighting_mark){.entry = col_int(s, 0), .sighting = col_int(s, 1)};
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int fuse_sightings_of(struct fuse *f, enum kind kind, struct sv indicator, usec hour, sighting_fn each,
                      void *ctx, struct err *e)
{
    struct stmt *s =
        db_query(f->db,
                 "SELECT " COLUMNS " FROM sighting g WHERE g.h = ? AND g.hour = ? AND g.kind = ? "
                 "AND g.value = ? ORDER BY g.source, g.id",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(f, kind, indicator));
    db_time(s, hour);
    db_int(s, kind);
    db_text(s, indicator);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        const struct sighting g = read_sighting(s);
        rc = each(ctx, &g, e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

/* ---- under which ids */

#define NEWEST                                                                                               \
    " AND NOT EXISTS (SELECT 1 FROM object n WHERE n.h = o.h AND n.source = o.source AND n.stix_id = "       \
    "o.stix_id AND n.id <> o.id AND (n.revoked > o.revoked OR (n.revoked = o.revoked AND (n.modified > "     \
    "o.modified OR (n.modified = o.modified AND n.modified_ns > o.modified_ns)))))"
static const char OBJECTS_OF_VALUE[] =
    "SELECT o.id, o.stix_id, o.source, o.modified, o.revoked, o.tlp FROM object_value v JOIN object o ON "
    "o.id = v.object WHERE v.h = ? AND v.kind = ? AND v.value = ? AND v.bad = 1 AND o.type = "
    "'indicator'" NEWEST " ORDER BY o.stix_id, o.id";
static const char OBJECTS_OF_ID[] =
    "SELECT o.id, o.stix_id, o.source, o.modified, o.revoked, o.tlp FROM object o WHERE o.h = ? AND ? = 0 "
    "AND o.stix_id = ? AND o.type = 'indicator'" NEWEST " ORDER BY o.id";

static int each_object(struct fuse *f, enum kind kind, struct sv value, item_fn each, void *ctx,
                       struct err *e)
{
    bool id = kind == KIND_NONE;
    struct stmt *s = db_query(f->db, id ? OBJECTS_OF_ID : OBJECTS_OF_VALUE, e);
    if (!s) {
        return e->code;
    }
    db_int(s, id ? id_hash(f, value) : value_hash(f, kind, value));
    db_int(s, kind);
    db_text(s, value);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        const struct fuse_item i = {.number = col_int(s, 0),
                                    .id = col_text(s, 1),
                                    .type = SV("indicator"),
                                    .source = col_int(s, 2),
                                    .version = col_time(s, 3),
                                    .revoked = col_int(s, 4) != 0,
                                    .ended = col_int(s, 4) != 0,
                                    .tlp = (enum tlp)col_int(s, 5)};
        rc = each(ctx, &i, e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

static int each_claim(struct fuse *f, enum kind kind, struct sv value, item_fn each, void *ctx, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT c.id, c.source, c.version, c.flags, c.tlp, c.ref, s.name FROM claim c "
                              "JOIN source s ON s.id = c.source WHERE c.h = ? AND c.kind = ? AND c.value = ? "
                              "ORDER BY c.id",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(f, kind, value));
    db_int(s, kind);
    db_text(s, value);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        char id[64];
        if (claim_is_object(col_text(s, 5)) || !claim_is_given(kind)) {
            continue;
        }
        stix_claim_id(col_text(s, 6), kind, value, id);
        const struct fuse_item i = {.claim = true,
                                    .number = col_int(s, 0),
                                    .id = sv_c(id),
                                    .type = SV("indicator"),
                                    .source = col_int(s, 1),
                                    .version = col_int(s, 2),
                                    .revoked = col_int(s, 3) != 0,
                                    .ended = col_int(s, 3) != 0,
                                    .tlp = (enum tlp)col_int(s, 4)};
        rc = each(ctx, &i, e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int fuse_indicators_of(struct fuse *f, enum kind kind, struct sv value, item_fn each, void *ctx,
                       struct err *e)
{
    int rc = each_object(f, kind, value, each, ctx, e);
    return rc == OK && kind != KIND_NONE ? each_claim(f, kind, value, each, ctx, e) : rc;
}
