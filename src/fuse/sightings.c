#include "fuse/answer.h"

#define LIMIT_MAX 1000

static void write_sighting(struct fuse *f, const struct pact_view *view, const struct sighting *s,
                           struct sv source, bool exercise, usec now, struct jw *w)
{
    usec valid_from = USEC_NONE;
    jw_obj(w);
    jw_kint(w, "number", s->id);
    write_time(w, "time", s->first);
    write_time(w, "last", s->last);
    jw_kstr(w, "source", source);
    jw_kstr(w, "sensor", s->sensor);
    jw_kstr(w, "class", s->class);
    jw_kstr(w, "value", s->observed);
    jw_kstr(w, "kind", sv_c(kind_name(s->observed_kind)));
    jw_kstr(w, "where", s->field);
    jw_kint(w, "count", (int64_t)s->count);
    jw_kbool(w, "exercise", exercise);
    jw_key(w, "indicator");
    (void)fuse_indicator(f, view, s->kind, s->indicator, now, w, &valid_from);
    jw_kbool(w, "before_valid_from", valid_from != USEC_NONE && s->first < valid_from);
    jw_end_obj(w);
}

/* The events' source and one visible claim of the indicator: both must be seen. */
static bool visible(struct fuse *f, const struct pact_view *view, const struct sighting *s,
                    enum tlp source_tlp, usec now)
{
    struct buf scratch;
    struct jw w;
    usec ignored;
    if (!pact_sees(view, s->source, source_tlp)) {
        return false;
    }
    buf_init(&scratch, 1 << 20);
    jw_init(&w, &scratch);
    bool sees = fuse_indicator(f, view, s->kind, s->indicator, now, &w, &ignored);
    buf_clear(&scratch);
    return sees;
}

bool fuse_sighting_json(struct fuse *f, const struct pact_view *view, const struct sighting *s, usec now,
                        struct buf *json)
{
    struct arena a;
    struct source source;
    struct jw w;
    arena_init(&a, 1 << 20);
    bool sees = source_get(f->db, s->source, &a, &source, NULL) == OK && visible(f, view, s, source.tlp, now);
    if (sees) {
        jw_init(&w, json);
        write_sighting(f, view, s, source.name, source.exercise, now, &w);
    }
    arena_clear(&a);
    return sees;
}

static struct sighting read_sighting(struct stmt *s)
{
    return (struct sighting){
        .id = col_int(s, 0),
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
        .last = col_time(s, 12),
    };
}

int fuse_sightings(struct fuse *f, const struct pact_view *view, int64_t before, size_t limit, usec now,
                   struct buf *json, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT g.id, g.kind, g.value, g.observed_kind, g.observed, g.source, "
                              "g.sensor, g.class, g.field, g.hour, g.count,"
                              " g.first_seen, g.last_seen, s.name, s.tlp, s.exercise FROM sighting g JOIN "
                              "source s ON s.id = g.source"
                              " WHERE g.id < ? ORDER BY g.id DESC",
                              e);
    if (!s) {
        return e->code;
    }
    struct jw w;
    jw_init(&w, json);
    jw_obj(&w);
    jw_key(&w, "sightings");
    jw_arr(&w);
    limit = limit == 0 ? 50 : limit > LIMIT_MAX ? LIMIT_MAX : limit;
    size_t n = 0;
    int64_t last = 0;
    int rc;
    db_int(s, before > 0 ? before : INT64_MAX);
    while ((rc = db_step(s, e)) == 1) {
        struct sighting g = read_sighting(s);
        if (!visible(f, view, &g, (enum tlp)col_int(s, 14), now)) {
            continue;
        }
        if (n == limit) { /* a next page is promised only to who will find something on it */
            break;
        }
        write_sighting(f, view, &g, col_text(s, 13), col_int(s, 15) != 0, now, &w);
        last = g.id;
        n++;
    }
    jw_end_arr(&w);
    jw_key(&w, "next");
    rc == 1 ? jw_int(&w, last) : jw_null(&w);
    jw_end_obj(&w);
    db_done(s);
    return rc < 0 ? rc : OK;
}
