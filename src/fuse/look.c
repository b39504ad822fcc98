#include "fuse/answer.h"
#include "fuse/pattern_watch.h"

#include <stdlib.h>

#define INDICATORS_MAX 64
#define INSIDE_MAX 65536 /* inside one prefix, seen by this viewer or not */
#define OBJECTS_MAX 100
#define RELATIONSHIPS_MAX 200

struct look {
    struct fuse *f;
    const struct pact_view *view;
    usec now;
    struct arena a;
    struct jw *w;
    struct answer answer;
    struct map sources; /* names of all visible sources that took part */
    size_t indicators;
    usec earliest_valid; /* over the indicators shown */
    struct alias alias[ALIASES_MAX];
    size_t naliases;
};

enum which_version { VERSION_ALL, VERSION_LAST, VERSION_AT };
struct version {
    enum which_version what;
    usec at;
    int64_t ns; /* below the microsecond */
};

static void note_sources(struct look *l)
{
    for (size_t i = 0; i < l->answer.n; i++) {
        (void)map_put(&l->sources, l->answer.claim[i].source_name, NULL);
    }
}

/* ---- indicators that cover the value
 * ---------------------------------------------------------------------------------------- */

static int on_cover(void *ctx, enum kind kind, struct sv value, enum match_how how, struct err *e)
{
    struct look *l = ctx;
    if (l->indicators >= INDICATORS_MAX) {
        return OK;
    }
    int rc = answer_fuse(l->f, l->view, kind, value, l->now, &l->a, &l->answer, e);
    if (rc != 1) {
        return rc;
    }
    note_sources(l);
    if (l->answer.valid_from != USEC_NONE &&
        (l->earliest_valid == USEC_NONE || l->answer.valid_from < l->earliest_valid)) {
        l->earliest_valid = l->answer.valid_from;
    }
    l->indicators++;
    answer_write(&l->answer, how, true, l->w);
    return OK;
}

/* The index, which a process that does nothing but this has not built yet. */
static int get_index(struct look *l, struct fuse_index *ret, struct err *e)
{
    *ret = fuse_index_get(l->f);
    if (ret->base || ret->fresh) {
        return OK;
    }
    fuse_index_put(ret);
    int rc = fuse_index_refresh(l->f, l->now, e);
    *ret = fuse_index_get(l->f);
    return rc;
}

/* A prefix also shows the address indicators inside it: a walk over the index, most of it skipped in a few
 * instructions. */
static int inside_prefix(struct look *l, const struct obs *o, struct err *e)
{
    struct fuse_index index;
    int rc = get_index(l, &index, e);
    const struct matchset *sets[2] = {index.base, index.fresh};
    size_t tried = 0;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t k = 0; k < 2 && rc == OK; k++) {
        size_t it = 0;
        struct hit hit;
        while (rc == OK && sets[k] && l->indicators < INDICATORS_MAX && tried < INSIDE_MAX &&
               matchset_next(sets[k], &it, &hit)) {
            char scratch[MATCHSET_VALUE_MAX];
            struct obs inner;
            struct err ignored = ERR_NONE;
            if (hit.kind != o->kind) {
                continue;
            }
            struct sv text = matchset_value(sets[k], hit.entry, scratch);
            arena_reset(&a);
            if (obs_read(&a, hit.kind, text, &inner, &ignored) != OK || inner.bits <= o->bits) {
                continue;
            }
            unsigned bits = o->bits + (o->kind == KIND_IPV4 ? 96u : 0u);
            bool same = memcmp(inner.ip, o->ip, bits / 8) == 0 &&
                        (bits % 8 == 0 ||
                         ((inner.ip[bits / 8] ^ o->ip[bits / 8]) & (0xff00u >> (bits % 8)) & 0xffu) == 0);
            tried += same;
            rc = same ? on_cover(l, hit.kind, inner.value, MATCH_PREFIX, e) : OK;
        }
    }
    arena_clear(&a);
    fuse_index_put(&index);
    return rc;
}

/* What is said of the same file under another hash. */
static int alias_indicators(struct look *l, struct err *e)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < l->naliases && l->indicators < INDICATORS_MAX; i++) {
        rc = answer_fuse(l->f, l->view, l->alias[i].kind, l->alias[i].value, l->now, &l->a, &l->answer, e);
        if (rc == 1) {
            note_sources(l);
            l->indicators++;
            answer_write_as(&l->answer, "alias", l->w);
            rc = OK;
        }
    }
    return rc;
}

static int find_aliases(struct look *l, const struct obs *o, struct err *e)
{
    int n = alias_find(l->f, l->view, o->kind, o->value, &l->a, l->alias, e);
    l->naliases = n > 0 ? (size_t)n : 0;
    return n < 0 ? n : OK;
}

static int write_indicators(struct look *l, const struct obs *o, struct err *e)
{
    jw_key(l->w, "indicators");
    jw_arr(l->w);
    int rc = covers_each(o, &l->a, on_cover, l, e);
    if (rc == OK && ((o->kind == KIND_IPV4 && o->bits < 32) || (o->kind == KIND_IPV6 && o->bits < 128))) {
        rc = inside_prefix(l, o, e);
    }
    rc = rc == OK ? alias_indicators(l, e) : rc;
    jw_end_arr(l->w);
    return rc;
}

/* ---- warninglists
 * --------------------------------------------------------------------------------------------------------------
 */

static void on_benign(void *ctx, struct sv list, struct sv role, struct sv entry, bool suppresses)
{
    struct look *l = ctx;
    jw_obj(l->w);
    jw_kstr(l->w, "list", list);
    jw_kstr(l->w, "role", role);
    jw_kstr(l->w, "entry", entry);
    jw_kbool(l->w, "suppresses", suppresses);
    jw_end_obj(l->w);
}

static int write_benign(struct look *l, const struct obs *o, struct err *e)
{
    jw_key(l->w, "benign");
    jw_arr(l->w);
    int rc = benign_each(l->f, l->view, o, &l->a, on_benign, l, e);
    jw_end_arr(l->w);
    return rc;
}

/* ---- sightings
 * ------------------------------------------------------------------------------------------------------------------
 */

static const char SIGHTINGS[] =
    "SELECT g.source, s.name, sum(g.count), min(g.first_seen), max(g.last_seen)"
    " FROM sighting g JOIN source s ON s.id = g.source"
    " WHERE g.h = ? AND g.kind = ? AND g.value = ? GROUP BY g.source, s.name ORDER BY g.source";

/* Sensor data is as restricted as its source is marked: the source's own marking decides. */
static bool sees_source(struct look *l, int64_t source)
{
    struct arena a;
    struct source s;
    arena_init(&a, 1 << 16);
    bool sees = source_get(l->f->db, source, &a, &s, NULL) == OK && pact_sees(l->view, source, s.tlp);
    arena_clear(&a);
    return sees;
}

/* That an event met an indicator tells that there is one: who sees no claim of it sees no sighting either. */
static int write_sightings(struct look *l, enum kind kind, struct sv value, struct err *e)
{
    bool sees = fuse_sees(l->f, l->view, kind, value);
    struct stmt *s = db_query(l->f->db, SIGHTINGS, e);
    if (!s) {
        return e->code;
    }
    struct buf by;
    struct jw bw;
    buf_init(&by, 1 << 20);
    jw_init(&bw, &by);
    jw_obj(&bw);
    db_int(s, value_hash(l->f, kind, value));
    db_int(s, kind);
    db_text(s, value);
    int64_t count = 0;
    usec first = USEC_NONE, last = USEC_NONE;
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        if (!sees || !sees_source(l, col_int(s, 0))) {
            continue;
        }
        count += col_int(s, 2);
        first = first == USEC_NONE || col_time(s, 3) < first ? col_time(s, 3) : first;
        last = col_time(s, 4) > last ? col_time(s, 4) : last;
        jw_key_sv(&bw, col_text(s, 1));
        jw_int(&bw, col_int(s, 2));
        (void)map_put(&l->sources, col_text(s, 1), NULL);
    }
    db_done(s);
    jw_end_obj(&bw);
    jw_key(l->w, "sightings");
    jw_obj(l->w);
    jw_kint(l->w, "count", count);
    write_time(l->w, "first", first);
    write_time(l->w, "last", last);
    jw_kbool(l->w, "before_valid_from",
             count > 0 && l->earliest_valid != USEC_NONE && first < l->earliest_valid);
    jw_key(l->w, "by_source");
    jw_raw(l->w, buf_sv(&by));
    jw_end_obj(l->w);
    buf_clear(&by);
    return rc;
}

static int write_aliases(struct look *l, struct err *e)
{
    int rc = OK;
    jw_key(l->w, "aliases");
    jw_arr(l->w);
    for (size_t i = 0; rc == OK && i < l->naliases; i++) {
        struct sv rest = l->alias[i].sources, name;
        jw_obj(l->w);
        jw_kstr(l->w, "kind", sv_c(kind_name(l->alias[i].kind)));
        jw_kstr(l->w, "value", l->alias[i].value);
        jw_key(l->w, "sources");
        jw_arr(l->w);
        while (rest.n && sv_cut(&rest, '\n', &name)) {
            jw_str(l->w, name);
            (void)map_put(&l->sources, name, NULL);
        }
        jw_end_arr(l->w);
        rc = write_sightings(l, l->alias[i].kind, l->alias[i].value, e);
        jw_end_obj(l->w);
    }
    jw_end_arr(l->w);
    return rc;
}

/* ---- objects and relationships
 * --------------------------------------------------------------------------------------------------- */

static void write_object(struct look *l, struct stmt *s)
{
    jw_obj(l->w);
    jw_kstr(l->w, "id", col_text(s, 1));
    jw_kstr(l->w, "type", col_text(s, 2));
    jw_kstr(l->w, "source", col_text(s, 3));
    jw_kstr(l->w, "tlp", sv_c(tlp_name((enum tlp)col_int(s, 4))));
    write_time(l->w, "modified", col_time(s, 5));
    jw_kbool(l->w, "revoked", col_int(s, 6) != 0);
    jw_kbool(l->w, "not_watched", col_int(s, 7) != 0 && !pattern_is_watched(col_blob(s, 8)));
    /* A speaker that this viewer does not see speaks for nobody here. */
    jw_kbool(l->w, "entitled", col_int(s, 10) != 0 || !pact_sees(l->view, col_int(s, 11), TLP_CLEAR));
    jw_key(l->w, "object");
    jw_raw(l->w, col_blob(s, 8));
    jw_end_obj(l->w);
    (void)map_put(&l->sources, col_text(s, 3), NULL);
}

#define OBJECT_COLUMNS                                                                                       \
    "o.id, o.stix_id, o.type, s.name, o.tlp, o.modified, o.revoked, o.pattern_other, o.body, o.source,"      \
    " CASE WHEN o.created_by = '' OR p.source = o.source THEN 1 ELSE 0 END, p.source"
#define OBJECT_JOINS " JOIN source s ON s.id = o.source LEFT JOIN speaker p ON p.created_by = o.created_by"

/* Bound after the value; NULL: the statement has no such parameter. */
static void bind_version(struct stmt *s, const struct version *v)
{
    if (v && v->what == VERSION_AT) {
        db_time(s, v->at);
        db_int(s, v->ns);
    }
}

static int write_objects(struct look *l, const char *sql, int64_t h, int64_t kind, struct sv value,
                         const struct version *version, struct map *ids, struct err *e)
{
    struct stmt *s = db_query(l->f->db, sql, e);
    if (!s) {
        return e->code;
    }
    db_int(s, h);
    if (kind) {
        db_int(s, kind);
    }
    db_text(s, value);
    bind_version(s, version);
    size_t shown = 0;
    int rc;
    while ((rc = db_step(s, e)) == 1 && shown < OBJECTS_MAX) {
        if (!pact_sees(l->view, col_int(s, 9), (enum tlp)col_int(s, 4))) {
            continue;
        }
        shown++;
        (void)map_put(ids, col_text(s, 1), NULL);
        write_object(l, s);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int relationships_of(struct look *l, struct sv id, struct map *told, struct err *e)
{
    struct stmt *s = db_query(l->f->db,
                              "SELECT r.property, " OBJECT_COLUMNS
                              " FROM object_ref r JOIN object o ON o.id = r.object" OBJECT_JOINS
                              " WHERE r.target_h = ? AND r.target = ? ORDER BY r.id",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, id_hash(l->f, id));
    db_text(s, id);
    int rc;
    while ((rc = db_step(s, e)) == 1 && told->count < RELATIONSHIPS_MAX) {
        bool first = false;
        if (!pact_sees(l->view, col_int(s, 10), (enum tlp)col_int(s, 5)) ||
            sv_eq(col_text(s, 1), SV("created_by_ref")) || !map_put(told, col_text(s, 2), &first) || !first) {
            continue;
        }
        jw_obj(l->w);
        jw_kstr(l->w, "id", col_text(s, 2));
        jw_kstr(l->w, "type", col_text(s, 3));
        jw_kstr(l->w, "property", col_text(s, 0));
        jw_kstr(l->w, "target", id);
        jw_kstr(l->w, "source", col_text(s, 4));
        jw_key(l->w, "object");
        jw_raw(l->w, col_blob(s, 9));
        jw_end_obj(l->w);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int compare_keys(const void *a, const void *b)
{
    const struct sv *x = a, *y = b;
    return sv_cmp(*x, *y);
}

/* The keys of a map in an order that is the same in every process. */
static size_t sorted_keys(struct look *l, const struct map *m, struct sv **ret)
{
    struct sv key, *keys = arena_alloc(&l->a, (m->count + 1) * sizeof(*keys));
    uint64_t *v;
    size_t it = 0, n = 0;
    while (keys && map_next(m, &it, &key, &v)) {
        keys[n++] = key;
    }
    if (n) {
        qsort(keys, n, sizeof(*keys), compare_keys);
    }
    *ret = keys;
    return n;
}

static int write_relationships(struct look *l, const struct map *ids, struct err *e)
{
    struct map told;
    struct sv *id;
    size_t n = sorted_keys(l, ids, &id);
    int rc = OK;
    map_init(&told, RELATIONSHIPS_MAX + 1, 1 << 20);
    jw_key(l->w, "relationships");
    jw_arr(l->w);
    for (size_t i = 0; rc == OK && i < n; i++) {
        rc = relationships_of(l, id[i], &told, e);
    }
    jw_end_arr(l->w);
    map_clear(&told);
    return rc;
}

/* ---- the answer
 * ------------------------------------------------------------------------------------------------------------------
 */

static void write_source_names(struct look *l)
{
    struct sv *name;
    size_t n = sorted_keys(l, &l->sources, &name);
    jw_key(l->w, "sources");
    jw_arr(l->w);
    for (size_t i = 0; i < n; i++) {
        jw_str(l->w, name[i]);
    }
    jw_end_arr(l->w);
}

static int look_value(struct look *l, const struct obs *o, struct err *e)
{
    struct map ids;
    map_init(&ids, OBJECTS_MAX + 1, 1 << 20);
    jw_kstr(l->w, "value", o->value);
    jw_kstr(l->w, "kind", sv_c(kind_name(o->kind)));
    int rc = find_aliases(l, o, e);
    rc = rc == OK ? write_benign(l, o, e) : rc;
    rc = rc == OK ? write_indicators(l, o, e) : rc;
    rc = rc == OK ? write_sightings(l, o->kind, o->value, e) : rc;
    rc = rc == OK ? write_aliases(l, e) : rc;
    if (rc == OK) {
        jw_key(l->w, "objects");
        jw_arr(l->w);
        rc = write_objects(l,
                           "SELECT DISTINCT " OBJECT_COLUMNS
                           " FROM object_value v JOIN object o ON o.id = v.object" OBJECT_JOINS
                           " WHERE v.h = ? AND v.kind = ? AND v.value = ? ORDER BY o.id DESC",
                           value_hash(l->f, o->kind, o->value), o->kind, o->value, NULL, &ids, e);
        jw_end_arr(l->w);
    }
    rc = rc == OK ? write_relationships(l, &ids, e) : rc;
    jw_key(l->w, "network");
    network_write(l->f->network, o, l->w);
    write_source_names(l);
    map_clear(&ids);
    return rc;
}

#define OBJECTS_OF_ID                                                                                        \
    "SELECT " OBJECT_COLUMNS " FROM object o" OBJECT_JOINS " WHERE o.h = ? AND o.stix_id = ?"
#define NEWEST_FIRST " ORDER BY 11 DESC, o.modified DESC, o.modified_ns DESC, o.id"

static const char *objects_of_id(enum which_version which)
{
    switch (which) {
    case VERSION_LAST:
        return OBJECTS_OF_ID
            " AND NOT EXISTS (SELECT 1 FROM object n WHERE n.h = o.h AND n.source = o.source AND "
            "n.stix_id = o.stix_id AND (n.modified > o.modified OR (n.modified = o.modified AND "
            "n.modified_ns > o.modified_ns)))" NEWEST_FIRST;
    case VERSION_AT:
        return OBJECTS_OF_ID " AND o.modified = ? AND o.modified_ns = ?" NEWEST_FIRST;
    case VERSION_ALL:
        break;
    }
    return OBJECTS_OF_ID NEWEST_FIRST;
}

static int look_id(struct look *l, struct sv id, const struct version *version, struct err *e)
{
    struct map ids;
    map_init(&ids, OBJECTS_MAX + 1, 1 << 20);
    (void)map_put(&ids, id, NULL);
    jw_kstr(l->w, "value", id);
    jw_kstr(l->w, "kind", sv_sub(id, 0, sv_find(id, SV("--"))));
    jw_key(l->w, "benign");
    jw_raw(l->w, SV("[]"));
    jw_key(l->w, "indicators");
    jw_raw(l->w, SV("[]"));
    jw_key(l->w, "sightings");
    jw_raw(l->w,
           SV("{\"count\":0,\"first\":null,\"last\":null,\"before_valid_from\":false,\"by_source\":{}}"));
    jw_key(l->w, "aliases");
    jw_raw(l->w, SV("[]"));
    jw_key(l->w, "objects");
    jw_arr(l->w);
    int rc = write_objects(l, objects_of_id(version->what), id_hash(l->f, id), 0, id, version, &ids, e);
    jw_end_arr(l->w);
    rc = rc == OK ? write_relationships(l, &ids, e) : rc;
    jw_key(l->w, "correlations");
    jw_arr(l->w);
    rc = rc == OK ? correlate_object(l->f, l->view, id, l->w, e) : rc;
    jw_end_arr(l->w);
    jw_key(l->w, "network");
    jw_raw(l->w, SV("{}"));
    write_source_names(l);
    map_clear(&ids);
    return rc;
}

static bool is_stix_id(struct sv s)
{
    struct uuid u;
    size_t at = sv_find(s, SV("--"));
    return at != SIZE_MAX && at > 0 && uuid_parse(sv_sub(s, at + 2, SIZE_MAX), &u);
}

/* "all", "last", or the `modified` of a version; nothing said means all. */
static int read_version(struct sv text, struct version *ret, struct err *e)
{
    static const struct time_opts opts = {0};
    struct err why = ERR_NONE;
    char shown[64];
    *ret = (struct version){.what = VERSION_ALL};
    if (!text.n || sv_eq(text, SV("all"))) {
        return OK;
    }
    if (sv_eq(text, SV("last"))) {
        ret->what = VERSION_LAST;
        return OK;
    }
    ret->what = VERSION_AT;
    ret->ns = object_nanoseconds(text);
    if (time_parse(text, &opts, &ret->at, &why) == OK) {
        return OK;
    }
    err_set(e, ERR_SYNTAX, "a version is all, last, or a time like 2026-08-22T10:00:00.000Z, not \"%s\"",
            sv_show(text, shown, sizeof(shown)));
    return err_hint(e, "look without a version shows the times of all");
}

int fuse_look_version(struct fuse *f, const struct pact_view *view, struct sv text, struct sv version,
                      usec now, struct buf *json, struct err *e)
{
    struct jw w;
    struct look l = {.f = f, .view = view, .now = now, .w = &w, .earliest_valid = USEC_NONE};
    struct obs o;
    struct version v;
    arena_init(&l.a, 64u << 20);
    map_init(&l.sources, 4096, 1 << 20);
    text = sv_trim(text);
    bool id = is_stix_id(text);
    int rc = id ? read_version(sv_trim(version), &v, e) : obs_guess(&l.a, text, &o, e);
    if (rc == OK && !id && version.n) {
        rc = err_set(e, ERR_SYNTAX, "a %s has no versions: give the id of a STIX object", kind_name(o.kind));
    }
    if (rc == OK) {
        jw_init(&w, json);
        jw_obj(&w);
        rc = id ? look_id(&l, text, &v, e) : look_value(&l, &o, e);
        jw_end_obj(&w);
    }
    map_clear(&l.sources);
    arena_clear(&l.a);
    if (rc == OK && json->failed) {
        rc = err_set(e, ERR_LIMIT, "the answer is larger than %zu bytes", json->max);
    }
    return rc;
}

int fuse_look(struct fuse *f, const struct pact_view *view, struct sv text, usec now, struct buf *json,
              struct err *e)
{
    return fuse_look_version(f, view, text, SV(""), now, json, e);
}
