#include "fuse/private.h"

/*
 * Correlation through the inverted index value -> objects: nothing is stored a pair (MISP#8275, #5379:
 * hundreds of gigabytes). Bounded: 64 values of an object are asked, SCAN_MAX holders of a value are read; a
 * value that more than LINKED_MAX others hold is counted, not linked.
 */
#define SCAN_MAX 1000
#define LINKED_MAX 20

struct holders {
    struct map ids; /* other objects that hold the value */
    bool more;      /* SCAN_MAX was reached */
};

/* Other visible objects than `self` that hold one value. */
static int find_holders(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value,
                        struct sv self, struct holders *ret, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT v.kind, v.value, o.stix_id, o.source, o.tlp FROM object_value v JOIN "
                              "object o ON o.id = v.object WHERE v.h = ? ORDER BY v.id",
                              e);
    if (!s) {
        return e->code;
    }
    int rc;
    size_t scanned = 0;
    db_int(s, value_hash(f, kind, value));
    while ((rc = db_step(s, e)) == 1 && !(ret->more = scanned == SCAN_MAX)) {
        scanned++;
        if (col_int(s, 0) == (int64_t)kind && sv_eq(col_text(s, 1), value) && !sv_eq(col_text(s, 2), self) &&
            pact_sees(view, col_int(s, 3), (enum tlp)col_int(s, 4))) {
            (void)map_put(&ret->ids, col_text(s, 2), NULL);
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static void write_holders(enum kind kind, struct sv value, const struct holders *h, struct jw *w)
{
    struct sv id;
    uint64_t *unused;
    size_t it = 0;
    bool common = h->more || h->ids.count > LINKED_MAX;
    jw_obj(w);
    jw_kstr(w, "value", value);
    jw_kstr(w, "kind", sv_c(kind_name(kind)));
    jw_kint(w, "count", (int64_t)h->ids.count);
    jw_kbool(w, "common", common);
    jw_key(w, "objects");
    jw_arr(w);
    while (!common && map_next(&h->ids, &it, &id, &unused)) {
        jw_str(w, id);
    }
    jw_end_arr(w);
    jw_end_obj(w);
}

static int correlate_value(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value,
                           struct sv self, struct jw *w, struct err *e)
{
    struct holders h = {0};
    map_init(&h.ids, SCAN_MAX + 1, 1 << 20);
    int rc = find_holders(f, view, kind, value, self, &h, e);
    if (rc == OK && h.ids.count) {
        write_holders(kind, value, &h, w);
    }
    map_clear(&h.ids);
    return rc;
}

int correlate_object(struct fuse *f, const struct pact_view *view, struct sv stix_id, struct jw *w,
                     struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT DISTINCT v.kind, v.value, o.source, o.tlp FROM object o JOIN "
                              "object_value v ON v.object = o.id WHERE o.h = ? AND o.stix_id = ?"
                              " ORDER BY v.kind, v.value LIMIT 64",
                              e);
    if (!s) {
        return e->code;
    }
    int rc = OK, row;
    db_int(s, id_hash(f, stix_id));
    db_text(s, stix_id);
    while (rc == OK && (row = db_step(s, e)) != 0) {
        bool seen = row == 1 && pact_sees(view, col_int(s, 2), (enum tlp)col_int(s, 3));
        rc = row < 0 ? row
             : !seen ? OK
                     : correlate_value(f, view, (enum kind)col_int(s, 0), col_text(s, 1), stix_id, w, e);
    }
    db_done(s);
    return rc;
}
