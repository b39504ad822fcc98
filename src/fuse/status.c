#include "fuse/pattern_watch.h"
#include "fuse/answer.h"

struct status {
    struct fuse *f;
    const struct pact_view *view;
    struct jw *w;
    struct err *e;
    bool all; /* the view sees everything there is */
};

static int note_hidden(void *ctx, const struct source *s)
{
    struct status *t = ctx;
    t->all = t->all && (t->view->at_node || pact_sees(t->view, s->id, TLP_UNKNOWN));
    return OK;
}

/* Rows "source, count": summed over the view's own sources. */
static int64_t sum_own(const struct status *t, const char *sql)
{
    struct stmt *s = db_query(t->f->db, sql, NULL);
    int64_t sum = 0;
    while (s && db_step(s, NULL) == 1) {
        sum += pact_sees(t->view, col_int(s, 0), TLP_UNKNOWN) ? col_int(s, 1) : 0;
    }
    db_done(s);
    return sum;
}

enum row_kind { BY_TEXT, BY_KIND, BY_INDICATOR };

/* A sighting tells that there is an indicator: it counts for those who see that. */
static bool counts(const struct status *t, struct stmt *s, enum row_kind rows)
{
    return pact_sees(t->view, col_int(s, 1), (enum tlp)col_int(s, 2)) &&
           (rows != BY_INDICATOR || t->all ||
            fuse_sees(t->f, t->view, (enum kind)col_int(s, 4), col_text(s, 5)));
}

/* Rows "name, source, tlp, count" and for BY_INDICATOR "kind, value": summed over what the view sees. */
static int by_name(const struct status *t, const char *key, const char *sql, enum row_kind rows,
                   int64_t *ret_total)
{
    struct map sums;
    map_init(&sums, 4096, 1 << 20);
    struct stmt *s = db_query(t->f->db, sql, t->e);
    int rc = s ? OK : t->e->code;
    while (s && (rc = db_step(s, t->e)) == 1) {
        struct sv name = rows == BY_KIND ? sv_c(kind_name((enum kind)col_int(s, 0))) : col_text(s, 0);
        uint64_t *sum = counts(t, s, rows) ? map_put(&sums, name, NULL) : NULL;
        if (sum) {
            *sum += (uint64_t)col_int(s, 3);
            *ret_total += col_int(s, 3);
        }
    }
    db_done(s);
    jw_key(t->w, key);
    jw_obj(t->w);
    struct sv name;
    uint64_t *sum;
    size_t it = 0;
    while (map_next(&sums, &it, &name, &sum)) {
        jw_key_sv(t->w, name);
        jw_uint(t->w, *sum);
    }
    jw_end_obj(t->w);
    map_clear(&sums);
    return rc;
}

static int write_source(void *ctx, const struct source *s)
{
    const struct status *t = ctx;
    char grade[2] = {s->reliability, 0}, id[37];
    if (!pact_sees(t->view, s->id, TLP_CLEAR)) {
        return OK;
    }
    uuid_text(s->uuid, id);
    jw_obj(t->w);
    jw_kint(t->w, "number", s->id);
    jw_kstr(t->w, "id", sv_c(id));
    jw_kstr(t->w, "name", s->name);
    jw_kstr(t->w, "reliability", sv_c(grade));
    jw_kstr(t->w, "tlp", sv_c(tlp_name(s->tlp)));
    if (uuid_eq(s->org, t->view->org)) { /* how its files are read is the owner's affair */
        jw_kstr(t->w, "zone", s->zone.n ? s->zone : SV_NONE);
    }
    jw_kstr(t->w, "licence", s->licence.n ? s->licence : SV_NONE);
    jw_kbool(t->w, "exercise", s->exercise);
    jw_end_obj(t->w);
    return OK;
}

/* The index holds all organisations' indicators: its size is told to those who see all of them. */
static void write_index(const struct status *t)
{
    struct fuse_index i = fuse_index_get(t->f);
    jw_key(t->w, "index");
    jw_obj(t->w);
    jw_key(t->w, "indicators");
    t->all ? jw_uint(t->w, (i.base ? matchset_count(i.base) : 0) + (i.fresh ? matchset_count(i.fresh) : 0))
           : jw_null(t->w);
    jw_key(t->w, "bytes");
    t->all ? jw_uint(t->w, (i.base ? matchset_bytes(i.base) : 0) + (i.fresh ? matchset_bytes(i.fresh) : 0))
           : jw_null(t->w);
    write_time(t->w, "built", i.base && t->all ? i.built : USEC_NONE);
    jw_key(t->w, "patterns");
    pattern_status_write(t->f, t->all, t->w);
    jw_end_obj(t->w);
    fuse_index_put(&i);
}

int fuse_status(struct fuse *f, const struct pact_view *view, struct jw *w, struct err *e)
{
    struct status t = {.f = f, .view = view, .w = w, .e = e, .all = true};
    struct arena a;
    int64_t claims = 0, objects = 0, lists = 0, sightings = 0;
    arena_init(&a, 16u << 20);
    int rc = source_each(f->db, &a, note_hidden, &t, e);
    arena_reset(&a);
    rc = rc == OK ? by_name(&t, "claims_by_kind",
                            "SELECT kind, source, tlp, count(*) FROM claim GROUP BY kind, source, tlp",
                            BY_KIND, &claims)
                  : rc;
    rc = rc == OK ? by_name(&t, "objects_by_type",
                            "SELECT type, source, tlp, count(*) FROM object GROUP BY type, source, tlp",
                            BY_TEXT, &objects)
                  : rc;
    rc = rc == OK ? by_name(&t, "warninglists",
                            "SELECT l.name, l.source, s.tlp, (SELECT count(*) FROM list_entry e WHERE "
                            "e.list = l.id) FROM list l JOIN source s ON s.id = l.source",
                            BY_TEXT, &lists)
                  : rc;
    rc = rc == OK
             ? by_name(&t, "sightings_by_source",
                       t.all ? "SELECT s.name, g.source, s.tlp, sum(g.count) FROM sighting g JOIN source "
                               "s ON s.id = g.source GROUP BY s.name, g.source, s.tlp"
                             : "SELECT s.name, g.source, s.tlp, sum(g.count), g.kind, g.value FROM "
                               "sighting g JOIN source s ON s.id = g.source GROUP BY s.name, g.source, "
                               "s.tlp, g.kind, g.value",
                       BY_INDICATOR, &sightings)
             : rc;
    if (rc != OK) {
        return rc;
    }
    jw_key(w, "counts");
    jw_obj(w);
    jw_kint(w, "claims", claims);
    jw_kint(w, "objects", objects);
    jw_kint(w, "warninglist_entries", lists);
    jw_kint(w, "sightings", sightings);
    jw_kint(w, "observables_kept",
            t.all ? db_value(f->db, "SELECT count(*) FROM past", 0)
                  : sum_own(&t, "SELECT source, count(*) FROM past GROUP BY source"));
    jw_end_obj(w);
    jw_key(w, "sources");
    jw_arr(w);
    rc = source_each(f->db, &a, write_source, &t, e);
    arena_clear(&a);
    jw_end_arr(w);
    jw_kint(w, "quarantine", sum_own(&t, "SELECT source, count(*) FROM quarantine GROUP BY source"));
    write_index(&t);
    return rc;
}
