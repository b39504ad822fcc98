/* Everything that goes when a source takes ids back: rows, ledger records, and what stays in their place. */
#include "fuse/withdraw.h"

#include <stdlib.h>

#define VALUES_MOST ((size_t)4 << 20)

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "no memory to take so much back at once");
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int finding_init(struct finding *g, struct fuse *f, const struct withdraw *w, struct err *e)
{
    *g = (struct finding){.f = f, .w = w, .first_claim = INT64_MAX};
    arena_init(&g->a, (size_t)1 << 30);
    buf_init(&g->key, 1u << 20);
    map_init(&g->places, VALUES_MOST, (size_t)1 << 30);
    map_init(&g->creators, VALUES_MOST, (size_t)1 << 28);
    map_init(&g->ids, VALUES_MOST, (size_t)1 << 30);
    pack_init(&g->kept);
    size_t n = w->ids + w->hashes;
    g->h = calloc(n + 1, sizeof(*g->h));
    g->known = calloc(n + 1, sizeof(*g->known));
    if (!g->h || !g->known) {
        return no_memory(e);
    }
    for (size_t i = 0; i < w->ids; i++) {
        g->h[i] = id_hash(f, w->id[i]);
    }
    for (size_t i = 0; i < w->hashes; i++) {
        g->h[w->ids + i] = w->h[i];
    }
    qsort(g->h, n, sizeof(*g->h), compare);
    for (size_t i = 0; i < n; i++) {
        if (!i || g->h[i] != g->h[i - 1]) {
            g->h[g->n++] = g->h[i];
        }
    }
    return OK;
}

void finding_clear(struct finding *g)
{
    for (size_t i = 0; i < NUMBERED; i++) {
        free(g->row[i].v);
    }
    free(g->h);
    free(g->known);
    free(g->value);
    free(g->entry);
    free(g->place);
    pack_clear(&g->kept);
    map_clear(&g->places);
    map_clear(&g->creators);
    map_clear(&g->ids);
    buf_clear(&g->key);
    arena_clear(&g->a);
}

/* Place of a hash among those asked for; SIZE_MAX = it is not. */
static size_t asked(const struct finding *g, int64_t h)
{
    const int64_t *at = bsearch(&h, g->h, g->n, sizeof(*g->h), compare);
    return at ? (size_t)(at - g->h) : SIZE_MAX;
}

int rows_add(struct rows *r, int64_t id, int64_t entry, struct err *e)
{
    struct number_range *last = r->n ? &r->v[r->n - 1] : NULL;
    if (last && last->last + 1 == id && last->entry == entry) {
        last->last = id;
        return OK;
    }
    if (!r->v || r->n == r->room) {
        size_t room = r->room ? r->room * 2 : 64;
        struct number_range *more = reallocarray(r->v, room, sizeof(*more));
        if (!more) {
            return no_memory(e);
        }
        r->v = more;
        r->room = room;
    }
    r->v[r->n++] = (struct number_range){.first = id, .last = id, .entry = entry};
    return OK;
}

static bool rows_have(const struct rows *r, int64_t id)
{
    for (size_t i = 0; i < r->n; i++) {
        if (id >= r->v[i].first && id <= r->v[i].last) {
            return true;
        }
    }
    return false;
}

static int add_entry(struct finding *g, int64_t entry, struct err *e)
{
    for (size_t i = g->entries; i-- > 0;) {
        if (g->entry[i] == entry) {
            return OK;
        }
    }
    if (g->entries == g->entry_room) {
        size_t room = g->entry_room ? g->entry_room * 2 : 16;
        int64_t *more = reallocarray(g->entry, room, sizeof(*more));
        if (!more) {
            return no_memory(e);
        }
        g->entry = more;
        g->entry_room = room;
    }
    g->entry[g->entries++] = entry;
    return OK;
}

static int add_place(struct finding *g, const struct ledger_place *p, struct err *e)
{
    if (g->n_place == g->place_room) {
        size_t room = g->place_room ? g->place_room * 2 : 64;
        struct ledger_place *more = reallocarray(g->place, room, sizeof(*more));
        if (!more) {
            return no_memory(e);
        }
        g->place = more;
        g->place_room = room;
    }
    g->place[g->n_place++] = *p;
    return OK;
}

/* ---- values ---- */

/* A view until the next call; p NULL = no memory. */
static struct sv value_key(struct finding *g, enum kind kind, struct sv value)
{
    buf_reset(&g->key);
    buf_u8(&g->key, (uint8_t)kind);
    buf_add(&g->key, value);
    return g->key.failed ? SV_NONE : buf_sv(&g->key);
}

static struct touched *value_get(struct finding *g, enum kind kind, struct sv value)
{
    struct sv key = value_key(g, kind, value);
    uint64_t *at = key.p ? map_get(&g->places, key) : NULL;
    return at ? &g->value[*at] : NULL;
}

static int value_put(struct finding *g, enum kind kind, struct sv value, struct touched **ret, struct err *e)
{
    struct sv key = value_key(g, kind, value);
    bool fresh = false;
    uint64_t *at = key.p ? map_put(&g->places, key, &fresh) : NULL;
    if (!at) {
        return no_memory(e);
    }
    if (fresh && g->values == g->value_room) {
        size_t room = g->value_room ? g->value_room * 2 : 64;
        struct touched *more = reallocarray(g->value, room, sizeof(*more));
        if (!more) {
            return no_memory(e);
        }
        g->value = more;
        g->value_room = room;
    }
    if (fresh) {
        *at = g->values;
        g->value[g->values++] = (struct touched){.kind = kind, .value = arena_sv(&g->a, value)};
    }
    *ret = &g->value[*at];
    return OK;
}

/* ---- objects and what hangs on them ---- */

/*
 * References have no index by object, and need none: rows are numbered as they come, and so are objects.
 * The first reference of the object or a later one; 0 = there is none.
 */
static int64_t first_ref(struct finding *g, int64_t object, struct err *e)
{
    struct stmt *s =
        db_query(g->f->db, "SELECT id, object FROM object_ref WHERE id >= ? ORDER BY id LIMIT 1", e);
    int64_t low = 1, high = db_value(g->f->db, "SELECT max(id) FROM object_ref", 0) + 1, found = 0;
    if (!s) {
        return e->code;
    }
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        db_int(s, mid);
        int rc = db_step(s, e);
        int64_t id = rc == 1 ? col_int(s, 0) : 0, of = rc == 1 ? col_int(s, 1) : INT64_MAX;
        db_reset(s);
        if (rc < 0) {
            found = rc;
            break;
        }
        if (of >= object) {
            found = rc == 1 ? id : found;
            high = mid;
        } else {
            low = id + 1;
        }
    }
    db_done(s);
    return found;
}

static int refs_of(struct finding *g, int64_t object, int64_t entry, struct err *e)
{
    int64_t from = first_ref(g, object, e);
    struct stmt *s =
        from > 0 ? db_query(g->f->db, "SELECT id, object FROM object_ref WHERE id >= ? ORDER BY id", e)
                 : NULL;
    int rc = from < 0 ? (int)from : from && !s ? e->code : OK;
    if (s) {
        db_int(s, from);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1 && col_int(s, 1) == object) {
        rc = rows_add(&g->row[NUMBER_REF], col_int(s, 0), entry, e);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* Hashes joined by the object (`id`), or by the claims of a value (`id` empty): alias.c. */
static int aliases_of(struct finding *g, enum kind kind, struct sv value, struct sv id, struct err *e)
{
    if (kind < KIND_MD5 || kind > KIND_SHA512) {
        return OK;
    }
    struct stmt *s = db_query(
        g->f->db, "SELECT id, kind, value, joined, entry FROM file_alias WHERE h = ? AND source = ?", e);
    int rc = s ? OK : e->code;
    if (s) {
        db_int(s, value_hash(g->f, kind, value));
        db_int(s, g->w->source);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        struct sv joined = col_text(s, 3);
        size_t at = sv_chr(joined, '#');
        bool object = at != SIZE_MAX;
        bool ours = id.n ? object && sv_eq(sv_sub(joined, 0, at), id) : !object;
        ours = ours && col_int(s, 1) == (int64_t)kind && sv_eq(col_text(s, 2), value);
        rc = ours && !rows_have(&g->row[NUMBER_ALIAS], col_int(s, 0))
                 ? rows_add(&g->row[NUMBER_ALIAS], col_int(s, 0), col_int(s, 4), e)
                 : OK;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int values_of(struct finding *g, int64_t object, int64_t entry, struct sv id, struct err *e)
{
    struct stmt *s =
        db_query(g->f->db, "SELECT id, kind, value, bad FROM object_value WHERE object = ? ORDER BY id", e);
    int rc = s ? OK : e->code;
    if (s) {
        db_int(s, object);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        struct touched *ignored;
        enum kind kind = (enum kind)col_int(s, 1);
        rc = rows_add(&g->row[NUMBER_VALUE], col_int(s, 0), entry, e);
        rc = rc == OK ? aliases_of(g, kind, col_text(s, 2), id, e) : rc;
        rc = rc == OK && col_int(s, 3) ? value_put(g, kind, col_text(s, 2), &ignored, e) : rc;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int object_found(struct finding *g, size_t at, struct stmt *s, struct err *e)
{
    int64_t object = col_int(s, 0), entry = col_int(s, 1);
    struct sv id = arena_sv(&g->a, col_text(s, 2)), by = col_text(s, 3);
    struct touched *pattern;
    if (!id.p || !map_put(&g->ids, id, NULL) || (by.n && !map_put(&g->creators, by, NULL))) {
        return no_memory(e);
    }
    g->known[at] = true;
    g->objects++;
    int rc = rows_add(&g->row[NUMBER_OBJECT], object, entry, e);
    rc = rc == OK ? add_entry(g, entry, e) : rc;
    rc = rc == OK ? refs_of(g, object, entry, e) : rc;
    rc = rc == OK ? values_of(g, object, entry, id, e) : rc;
    return rc == OK && sv_starts(id, SV("indicator--")) ? value_put(g, KIND_NONE, id, &pattern, e) : rc;
}

static int find_objects(struct finding *g, struct err *e)
{
    struct stmt *s = db_query(
        g->f->db, "SELECT id, entry, stix_id, created_by FROM object WHERE h = ? AND source = ? ORDER BY id",
        e);
    int rc = s ? OK : e->code;
    for (size_t i = 0; rc == OK && i < g->n; i++) {
        db_int(s, g->h[i]);
        db_int(s, g->w->source);
        while (rc == OK && (rc = db_step(s, e)) == 1) {
            rc = object_found(g, i, s, e);
        }
        db_reset(s);
    }
    db_done(s);
    return rc;
}

/* ---- claims ---- */

/* Claims that are no object's are known by the id they are given out under. */
static int find_generated(struct finding *g, struct err *e)
{
    size_t open = 0;
    for (size_t i = 0; i < g->n; i++) {
        open += !g->known[i];
    }
    struct stmt *s = open ? db_query(g->f->db,
                                     "SELECT c.kind, c.value, c.ref, s.name FROM claim c JOIN source s ON "
                                     "s.id = c.source WHERE c.source + 0 = ?",
                                     e)
                          : NULL;
    int rc = open && !s ? e->code : OK;
    if (s) {
        db_int(s, g->w->source);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        char id[64];
        struct touched *v;
        enum kind kind = (enum kind)col_int(s, 0);
        rc = OK;
        if (!claim_is_given(kind) || claim_is_object(col_text(s, 2))) {
            continue;
        }
        stix_claim_id(col_text(s, 3), kind, col_text(s, 1), id);
        size_t at = asked(g, id_hash(g->f, sv_c(id)));
        if (at != SIZE_MAX) {
            rc = value_put(g, kind, col_text(s, 1), &v, e);
            v->whole |= rc == OK;
            g->known[at] = true;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int claim_rows_of(struct finding *g, struct touched *v, struct err *e)
{
    struct stmt *s = db_query(
        g->f->db, "SELECT id, kind, value, entry FROM claim WHERE h = ? AND source = ? ORDER BY id", e);
    int rc = s ? OK : e->code;
    if (s) {
        db_int(s, value_hash(g->f, v->kind, v->value));
        db_int(s, g->w->source);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        rc = OK;
        if (col_int(s, 1) == (int64_t)v->kind && sv_eq(col_text(s, 2), v->value)) {
            int64_t entry = col_int(s, 3);
            g->first_claim = entry < g->first_claim ? entry : g->first_claim;
            g->claims++;
            rc = rows_add(&g->row[NUMBER_CLAIM], col_int(s, 0), entry, e);
            rc = rc == OK ? aliases_of(g, v->kind, v->value, SV(""), e) : rc;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* A claim record of a touched value goes; if it is another's statement, it is made again. */
static int claim_record(void *ctx, const struct ledger_place *p, struct sv record, struct err *e)
{
    struct finding *g = ctx;
    struct claim_rec c;
    if (!claim_decode(record, &c)) {
        return err_set(e, ERR_CORRUPT, "entry %lld holds a claim that cannot be read", (long long)p->entry);
    }
    struct touched *v = value_get(g, c.value.kind, c.value.value);
    if (!v) {
        return OK;
    }
    bool goes = v->whole || (c.ref.n && asked(g, id_hash(g->f, c.ref)) != SIZE_MAX);
    if (!goes) {
        v->stays = true;
        pack_add(&g->kept, record);
    }
    return g->kept.b.failed ? no_memory(e) : add_place(g, p, e);
}

/* ---- records of objects ---- */

struct object_records {
    struct finding *g;
    struct arena a;
};

static int object_record(void *ctx, const struct ledger_place *p, struct sv record, struct err *e)
{
    struct object_records *r = ctx;
    struct object_rec o;
    arena_reset(&r->a);
    if (!object_decode(record, &r->a, &o)) {
        return err_set(e, ERR_CORRUPT, "entry %lld holds an object that cannot be read", (long long)p->entry);
    }
    return asked(r->g, id_hash(r->g->f, o.head.id)) == SIZE_MAX ? OK : add_place(r->g, p, e);
}

static int find_object_records(struct finding *g, struct err *e)
{
    struct object_records r = {.g = g};
    int rc = OK;
    arena_init(&r.a, 256u << 20);
    for (size_t i = 0; rc == OK && i < g->entries; i++) {
        rc = ledger_records(g->f->ledger, g->entry[i], object_record, &r, e);
    }
    arena_clear(&r.a);
    return rc;
}

/* ---- sightings that nothing explains any more ---- */

/* Another claim of the value, or another source's object of the pattern's id. */
static int explained(struct finding *g, const struct touched *v, struct err *e)
{
    bool pattern = v->kind == KIND_NONE;
    struct stmt *s = db_query(g->f->db,
                              pattern ? "SELECT source, stix_id FROM object WHERE h = ? AND source <> ?"
                                      : "SELECT kind, value FROM claim WHERE h = ? AND source <> ?",
                              e);
    int rc = s ? OK : e->code;
    if (s) {
        db_int(s, pattern ? id_hash(g->f, v->value) : value_hash(g->f, v->kind, v->value));
        db_int(s, g->w->source);
    }
    while (s && rc >= 0 && (rc = db_step(s, e)) == 1) {
        if (sv_eq(col_text(s, 1), v->value) && (pattern || col_int(s, 0) == (int64_t)v->kind)) {
            break;
        }
    }
    db_done(s);
    return rc;
}

static int sightings_of(struct finding *g, struct touched *v, struct err *e)
{
    struct stmt *s = db_query(g->f->db, "SELECT id, kind, value FROM sighting WHERE h = ? ORDER BY id", e);
    int rc = s ? OK : e->code;
    if (s) {
        db_int(s, value_hash(g->f, v->kind, v->value));
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        rc = OK;
        if (col_int(s, 1) == (int64_t)v->kind && sv_eq(col_text(s, 2), v->value)) {
            g->sightings++;
            rc = rows_add(&g->row[NUMBER_SIGHTING], col_int(s, 0), v->seen, e);
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int sighting_record(void *ctx, const struct ledger_place *p, struct sv record, struct err *e)
{
    struct finding *g = ctx;
    struct sighting s;
    if (!sighting_decode(record, &s)) {
        return err_set(e, ERR_CORRUPT, "entry %lld holds a sighting that cannot be read",
                       (long long)p->entry);
    }
    struct touched *v = value_get(g, s.kind, s.indicator);
    if (!v || !v->unseen) {
        return OK;
    }
    v->seen = v->seen ? v->seen : p->entry;
    return add_place(g, p, e);
}

static int find_sightings(struct finding *g, struct err *e)
{
    bool any = false;
    int rc = OK;
    for (size_t i = 0; rc >= 0 && i < g->values; i++) {
        struct touched *v = &g->value[i];
        rc = v->stays ? 1 : explained(g, v, e);
        v->unseen = rc == 0;
        any |= v->unseen;
    }
    any = any && db_value(g->f->db, "SELECT 1 FROM sighting LIMIT 1", 0);
    rc = rc >= 0 && any ? ledger_records_of(g->f->ledger, "sightings", 0, 1, sighting_record, g, e)
         : rc < 0       ? rc
                        : OK;
    for (size_t i = 0; rc == OK && i < g->values; i++) {
        rc = g->value[i].seen ? sightings_of(g, &g->value[i], e) : OK;
    }
    return rc;
}

int find_gone(struct finding *g, struct err *e)
{
    int rc = find_objects(g, e);
    rc = rc == OK ? find_generated(g, e) : rc;
    for (size_t i = 0; rc == OK && i < g->values; i++) {
        rc = g->value[i].kind == KIND_NONE ? OK : claim_rows_of(g, &g->value[i], e);
    }
    if (rc == OK && g->claims) {
        rc = ledger_records_of(g->f->ledger, "claims", g->w->source, g->first_claim, claim_record, g, e);
    }
    rc = rc == OK ? find_object_records(g, e) : rc;
    return rc == OK ? find_sightings(g, e) : rc;
}

/* ---- ending ---- */

/* Another object of the source that states the value, and stands: its id into `ret`, else "". */
static int other_object(struct finding *g, const struct touched *v, struct sv *ret, struct err *e)
{
    struct stmt *s =
        db_query(g->f->db,
                 "SELECT v.kind, v.value, o.stix_id, o.h FROM object_value v JOIN object o ON o.id "
                 "= v.object WHERE v.h = ? AND v.bad = 1 AND o.source = ? AND o.revoked = 0 AND "
                 "o.type = 'indicator' AND NOT EXISTS (SELECT 1 FROM withdrawn w WHERE w.source "
                 "= o.source AND w.h = o.h) ORDER BY o.id",
                 e);
    int rc = s ? OK : e->code;
    *ret = SV("");
    if (s) {
        db_int(s, value_hash(g->f, v->kind, v->value));
        db_int(s, g->w->source);
    }
    while (s && rc >= 0 && !ret->n && (rc = db_step(s, e)) == 1) {
        bool other = col_int(s, 0) == (int64_t)v->kind && sv_eq(col_text(s, 1), v->value) &&
                     asked(g, col_int(s, 3)) == SIZE_MAX;
        *ret = other ? arena_sv(&g->a, col_text(s, 2)) : *ret;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int end_value(struct finding *g, const struct touched *v, end_claim_fn each, void *ctx, struct err *e)
{
    struct sv other;
    int rc = v->whole ? OK : other_object(g, v, &other, e);
    struct stmt *s = rc == OK
                         ? db_query(g->f->db,
                                    "SELECT id, kind, value, flags, ref FROM claim WHERE h = ? AND source "
                                    "= ? ORDER BY id",
                                    e)
                         : NULL;
    rc = rc == OK && !s ? e->code : rc;
    other = v->whole ? SV("") : other;
    if (s) {
        db_int(s, value_hash(g->f, v->kind, v->value));
        db_int(s, g->w->source);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        bool own = col_int(s, 1) == (int64_t)v->kind && sv_eq(col_text(s, 2), v->value);
        /* A claim that no object stands for is a statement of its own. */
        bool stands = !v->whole && !claim_is_object(col_text(s, 4));
        bool same = other.n && sv_eq(other, col_text(s, 4));
        rc = own && !stands && !same && !(col_int(s, 3) & CLAIM_REVOKED) ? each(ctx, col_int(s, 0), other, e)
                                                                         : OK;
        g->claims += own && !stands && !same;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int find_ended(struct finding *g, end_claim_fn each, void *ctx, struct err *e)
{
    int rc = find_objects(g, e);
    rc = rc == OK ? find_generated(g, e) : rc;
    for (size_t i = 0; rc == OK && i < g->values; i++) {
        rc = g->value[i].kind == KIND_NONE ? OK : end_value(g, &g->value[i], each, ctx, e);
    }
    return rc;
}
