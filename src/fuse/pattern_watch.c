#include "fuse/pattern_watch.h"

#include "fuse/answer.h"

#define BODY_MAX ((size_t)64 << 20)

/* ---- from stored indicators to the set
 * ------------------------------------------------------------------------------------------ */

static usec time_of(struct jv v, const char *key)
{
    const struct time_opts utc = {.fallback = zone_find(SV("UTC"), NULL)};
    struct err ignored = ERR_NONE;
    struct sv text = json_get_str(v, sv_c(key));
    usec t;
    return text.n && time_parse(text, &utc, &t, &ignored) == OK ? t : USEC_NONE;
}

/* All of its types say that it is good to see it (STIX 2.1 section 10.5). */
static bool benign_only(struct jv indicator)
{
    struct json_it it = json_each(json_get(indicator, SV("indicator_types")));
    struct sv key;
    struct jv type;
    bool any = false;
    while (json_next(&it, &key, &type)) {
        if (!sv_eq(json_str(type), SV("benign"))) {
            return false;
        }
        any = true;
    }
    return any;
}

/* The newest version of an id by a source counts, whichever came first. */
static bool is_newest(struct fuse *f, int64_t source, struct sv id, usec modified)
{
    struct stmt *s =
        db_query(f->db, "SELECT stix_id FROM object WHERE h = ? AND source = ? AND modified > ?", NULL);
    bool newer = false;
    if (!s) {
        return true;
    }
    db_int(s, id_hash(f, id));
    db_int(s, source);
    db_time(s, modified);
    while (!newer && db_step(s, NULL) == 1) {
        newer = sv_eq(col_text(s, 0), id);
    }
    db_done(s);
    return !newer;
}

static int take_version(struct fuse *f, struct json_doc *doc, struct stmt *s, struct err *e)
{
    struct sv id = col_text(s, 1), pattern;
    struct err unread = ERR_NONE;
    struct jv v;
    int64_t source = col_int(s, 2);
    if (!is_newest(f, source, id, col_time(s, 3))) {
        return OK;
    }
    pattern_set_drop(f->patterns, id, source);
    if (col_int(s, 4) || !col_int(s, 5) || json_parse(doc, col_blob(s, 6), &v, &unread) != OK ||
        benign_only(v)) {
        return OK;
    }
    pattern = json_get_str(v, SV("pattern"));
    if (!pattern.p || !sv_eq(json_get_str(v, SV("pattern_type")), SV("stix"))) {
        return OK;
    }
    return pattern_set_put(f->patterns, id, source, pattern, time_of(v, "valid_until"), e);
}

static int load(struct fuse *f, int64_t after, int64_t newest, struct err *e)
{
    struct json_doc *doc = json_doc_new(BODY_MAX);
    struct stmt *s =
        doc ? db_query(f->db,
                       "SELECT id, stix_id, source, modified, revoked, pattern_other, body FROM object"
                       " WHERE id > ? AND type = 'indicator' ORDER BY id",
                       e)
            : NULL;
    int rc = s ? OK : doc ? e->code : err_set(e, ERR_MEMORY, "no memory to read patterns");
    if (s) {
        db_int(s, after);
        int row = 0;
        while (rc == OK && (row = db_step(s, e)) == 1) {
            rc = take_version(f, doc, s, e);
        }
        rc = row < 0 ? row : rc;
        db_done(s);
    }
    json_doc_free(doc);
    if (rc == OK) {
        f->patterns_upto = newest;
    }
    return rc;
}

int patterns_refresh(struct fuse *f, struct err *e)
{
    int64_t newest = db_value(f->db, "SELECT max(id) FROM object", 0);
    if (f->patterns && (f->patterns_stale || newest < f->patterns_upto)) {
        pattern_set_free(f->patterns);
        f->patterns = NULL;
    }
    if (!f->patterns) {
        f->patterns = pattern_set_new();
        f->patterns_upto = 0;
        f->patterns_stale = false;
        if (!f->patterns) {
            return err_set(e, ERR_MEMORY, "no memory for patterns");
        }
    }
    int rc = newest > f->patterns_upto ? load(f, f->patterns_upto, newest, e) : OK;
    rc = rc == OK ? pattern_set_ready(f->patterns, e) : rc;
    patterns_publish(f);
    return rc;
}

void patterns_rolled_back(struct fuse *f)
{
    pattern_set_forget(f->patterns);
    f->patterns_stale = true;
}

/* ---- answers
 * ---------------------------------------------------------------------------------------------------------------------
 */

/* Newest visible version; false when that, or a newer one of its source, is taken back. The statement stands
 * on its row and is to be ended. */
static struct stmt *newest_visible(struct fuse *f, const struct pact_view *view, struct sv id)
{
    struct stmt *s =
        db_query(f->db,
                 "SELECT o.stix_id, o.source, o.tlp, o.revoked, o.body, s.name, s.exercise FROM object o"
                 " JOIN source s ON s.id = o.source WHERE o.h = ? ORDER BY o.modified DESC, o.id DESC",
                 NULL);
    if (!s) {
        return NULL;
    }
    db_int(s, id_hash(f, id));
    while (db_step(s, NULL) == 1) {
        if (!sv_eq(col_text(s, 0), id) || !pact_sees(view, col_int(s, 1), (enum tlp)col_int(s, 2))) {
            continue;
        }
        if (col_int(s, 3)) {
            break;
        }
        return s;
    }
    db_done(s);
    return NULL;
}

bool pattern_sees(struct fuse *f, const struct pact_view *view, struct sv id)
{
    struct stmt *s = newest_visible(f, view, id);
    if (s) {
        db_done(s);
    }
    return s != NULL;
}

static void write_list(struct jw *w, const char *key, struct jv list)
{
    struct json_it it = json_each(list);
    struct sv name;
    struct jv v;
    jw_key(w, key);
    jw_arr(w);
    while (json_next(&it, &name, &v)) {
        if (json_str(v).p) {
            jw_str(w, json_str(v));
        }
    }
    jw_end_arr(w);
}

static void write_indicator(struct jw *w, struct stmt *s, struct sv id, struct jv v, usec valid_from)
{
    int64_t confidence = 0;
    jw_obj(w);
    jw_kstr(w, "id", id);
    jw_kstr(w, "value", json_get_str(v, SV("pattern")));
    jw_kstr(w, "kind", SV("pattern"));
    jw_kstr(w, "how", SV("pattern"));
    jw_key(w, "sources");
    jw_arr(w);
    jw_str(w, col_text(s, 5));
    jw_end_arr(w);
    jw_key(w, "confidence");
    if (json_i64(json_get(v, SV("confidence")), &confidence)) {
        jw_double(w, (double)confidence / 100);
    } else {
        jw_null(w);
    }
    write_list(w, "labels",
               json_count(json_get(v, SV("labels"))) ? json_get(v, SV("labels"))
                                                     : json_get(v, SV("indicator_types")));
    write_time(w, "valid_from", valid_from);
    jw_kbool(w, "exercise", col_int(s, 6) != 0);
    jw_end_obj(w);
}

bool pattern_indicator(struct fuse *f, const struct pact_view *view, struct sv id, struct jw *w,
                       usec *ret_valid_from)
{
    struct err ignored = ERR_NONE;
    struct stmt *s = newest_visible(f, view, id);
    struct json_doc *doc = s ? json_doc_new(BODY_MAX) : NULL;
    struct jv v;
    bool found = doc && json_parse(doc, col_blob(s, 4), &v, &ignored) == OK;
    if (found) {
        *ret_valid_from = time_of(v, "valid_from");
        write_indicator(w, s, id, v, *ret_valid_from);
    }
    json_doc_free(doc);
    if (s) {
        db_done(s);
    }
    return found;
}

bool pattern_is_watched(struct sv json)
{
    struct err ignored = ERR_NONE;
    struct json_doc *doc = json_doc_new(BODY_MAX);
    struct pattern *p = NULL;
    struct arena a;
    struct jv v;
    bool stix = doc && json_parse(doc, json, &v, &ignored) == OK && !benign_only(v) &&
                sv_eq(json_get_str(v, SV("pattern_type")), SV("stix"));
    bool watched = stix &&
                   pattern_new(json_get_str(v, SV("pattern")), PATTERN_FOR_EVENTS, &p, &ignored) == OK &&
                   pattern_expressions(p) <= PATTERN_EXPRESSIONS;
    arena_init(&a, 64u << 20);
    for (size_t i = 0; watched && i < pattern_expressions(p); i++) {
        const struct obs *o;
        size_t n;
        arena_reset(&a);
        watched = pattern_triggers(p, i, &a, &o, &n);
    }
    arena_clear(&a);
    pattern_free(p);
    json_doc_free(doc);
    return watched;
}

void patterns_publish(struct fuse *f)
{
    struct pattern_counts c = pattern_set_counts(f->patterns);
    const uint64_t now[] = {c.watched, c.unwatched, c.triggers, c.evaluated, c.matched, c.evicted, c.failed};
    pthread_mutex_lock(&f->index_lock);
    memcpy(f->pattern_counts, now, sizeof(now));
    pthread_mutex_unlock(&f->index_lock);
}

void pattern_status_write(struct fuse *f, bool all, struct jw *w)
{
    static const char *const names[] = {"watched", "not_watched", "triggers", "evaluated",
                                        "matched", "evicted",     "failed"};
    uint64_t counts[sizeof(names) / sizeof(names[0])];
    pthread_mutex_lock(&f->index_lock);
    memcpy(counts, f->pattern_counts, sizeof(counts));
    pthread_mutex_unlock(&f->index_lock);
    jw_obj(w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        jw_key(w, names[i]);
        all ? jw_uint(w, counts[i]) : jw_null(w);
    }
    jw_end_obj(w);
}
