#include "fuse/answer.h"

struct status {
    struct fuse *f;
    const struct pact_view *view;
    struct jw *w;
    struct err *e;
};

/* Rows "name, source, tlp, count": summed over what the view sees. */
static int by_name(const struct status *t, const char *key, const char *sql, bool kinds, int64_t *ret_total)
{
    struct map sums;
    map_init(&sums, 4096, 1 << 20);
    struct stmt *s = db_query(t->f->db, sql, t->e);
    int rc = s ? OK : t->e->code;
    while (s && (rc = db_step(s, t->e)) == 1) {
        struct sv name = kinds ? sv_c(kind_name((enum kind)col_int(s, 0))) : col_text(s, 0);
        uint64_t *sum =
            pact_sees(t->view, col_int(s, 1), (enum tlp)col_int(s, 2)) ? map_put(&sums, name, NULL) : NULL;
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
    jw_kstr(t->w, "zone", s->zone.n ? s->zone : SV_NONE);
    jw_kstr(t->w, "licence", s->licence.n ? s->licence : SV_NONE);
    jw_kbool(t->w, "exercise", s->exercise);
    jw_end_obj(t->w);
    return OK;
}

static void write_index(struct fuse *f, struct jw *w)
{
    struct fuse_index i = fuse_index_get(f);
    jw_key(w, "index");
    jw_obj(w);
    jw_kint(w, "indicators",
            (int64_t)((i.base ? matchset_count(i.base) : 0) + (i.fresh ? matchset_count(i.fresh) : 0)));
    jw_kint(w, "bytes",
            (int64_t)((i.base ? matchset_bytes(i.base) : 0) + (i.fresh ? matchset_bytes(i.fresh) : 0)));
    write_time(w, "built", i.base ? i.built : USEC_NONE);
    jw_end_obj(w);
    fuse_index_put(&i);
}

int fuse_status(struct fuse *f, const struct pact_view *view, struct jw *w, struct err *e)
{
    struct status t = {.f = f, .view = view, .w = w, .e = e};
    struct arena a;
    int64_t claims = 0, objects = 0, lists = 0, sightings = 0;
    int rc =
        by_name(&t, "claims_by_kind",
                "SELECT kind, source, tlp, count(*) FROM claim GROUP BY kind, source, tlp", true, &claims);
    rc = rc == OK ? by_name(&t, "objects_by_type",
                            "SELECT type, source, tlp, count(*) FROM object GROUP BY type, source, tlp",
                            false, &objects)
                  : rc;
    rc = rc == OK ? by_name(&t, "warninglists",
                            "SELECT l.name, l.source, 0, (SELECT count(*) FROM list_entry e WHERE e.list = "
                            "l.id) FROM list l",
                            false, &lists)
                  : rc;
    rc = rc == OK ? by_name(&t, "sightings_by_source",
                            "SELECT s.name, g.source, s.tlp, sum(g.count) FROM sighting g JOIN source s ON "
                            "s.id = g.source GROUP BY s.name, g.source, s.tlp",
                            false, &sightings)
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
    jw_kint(w, "observables_kept", db_value(f->db, "SELECT count(*) FROM past", 0));
    jw_end_obj(w);
    jw_key(w, "sources");
    jw_arr(w);
    arena_init(&a, 16u << 20);
    rc = source_each(f->db, &a, write_source, &t, e);
    arena_clear(&a);
    jw_end_arr(w);
    jw_kint(w, "quarantine", quarantine_count(f->db));
    write_index(f, w);
    return rc;
}
