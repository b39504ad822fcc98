#include "stix/pattern_private.h"

#include <stdlib.h>

struct reading {
    struct arena *a;
    struct pat_object *all; /* of bundles, sorted by id once all are there */
    size_t nall, room;
    struct jv *data; /* observed-data, in their order */
    size_t ndata, data_room;
};

static int by_id(const void *a, const void *b)
{
    return sv_cmp(((const struct pat_object *)a)->id, ((const struct pat_object *)b)->id);
}

void pattern_scope(struct pat_object *scope, size_t n)
{
    if (n > 1)
        qsort(scope, n, sizeof(*scope), by_id);
}

static const struct pat_object *find(const struct pat_object *scope, size_t n, struct sv id)
{
    struct pat_object key = {.id = id};
    return n ? bsearch(&key, scope, n, sizeof(*scope), by_id) : NULL;
}

/* ---- what is there
 * ---------------------------------------------------------------------------------------------------------------
 */

static void count_item(struct jv item, size_t *objects, size_t *data)
{
    struct jv inner = json_get(item, SV("objects"));
    if (sv_eq(json_get_str(item, SV("type")), SV("bundle"))) {
        *objects += json_count(inner);
        *data += json_count(inner);
        return;
    }
    ++*objects;
    ++*data;
}

static void take_object(struct reading *r, struct jv object)
{
    struct sv type = json_get_str(object, SV("type"));
    struct sv id = json_get_str(object, SV("id"));
    bool data = sv_eq(type, SV("observed-data")) || json_type(json_get(object, SV("objects"))) == JSON_OBJECT;
    if (data)
        r->data[r->ndata++] = object;
    else if (id.p)
        r->all[r->nall++] = (struct pat_object){id, type, object};
}

static int take_items(struct reading *r, struct jv list, struct err *e)
{
    struct json_it it = json_each(list), inner;
    struct sv key;
    struct jv item, object;
    while (json_next(&it, &key, &item)) {
        if (json_type(item) != JSON_OBJECT)
            return err_set(e, ERR_VALUE, "an observation that is no object");
        if (!sv_eq(json_get_str(item, SV("type")), SV("bundle"))) {
            take_object(r, item);
            continue;
        }
        struct jv objects = json_get(item, SV("objects"));
        if (json_type(objects) != JSON_ARRAY)
            return err_set(e, ERR_VALUE, "a bundle without \"objects\"");
        for (inner = json_each(objects); json_next(&inner, &key, &object);)
            take_object(r, object);
    }
    return OK;
}

/* ---- one observed-data
 * ------------------------------------------------------------------------------------------------------------
 */

static int wanting(struct err *e, struct jv data, const char *what)
{
    char shown[80];
    struct sv id = json_get_str(data, SV("id"));
    return err_set(e, ERR_VALUE, "observed-data %s %s", id.p ? sv_show(id, shown, sizeof(shown)) : "", what);
}

static int read_span(struct jv data, struct pat_seen *s, struct err *e)
{
    struct sv first = json_get_str(data, SV("first_observed")),
              last = json_get_str(data, SV("last_observed"));
    if (!first.p || !stix_time(first, true, &s->first))
        return wanting(e, data, "without the time first_observed");
    if (!last.p || !stix_time(last, true, &s->last))
        return wanting(e, data, "without the time last_observed");
    if (s->last < s->first)
        return wanting(e, data, "was last observed before it was first observed");
    if (!json_i64(json_get(data, SV("number_observed")), &s->count) || s->count < 1)
        return wanting(e, data, "whose number_observed is no whole number of 1 or more");
    return OK;
}

/* 2.0: the observables stand in the observed-data; their keys are what references name. */
static int read_dict(struct jv objects, struct arena *a, struct pat_seen *s)
{
    struct json_it it = json_each(objects);
    struct sv key;
    struct jv value;
    struct pat_object *own = arena_calloc(a, json_count(objects) + 1, sizeof(*own));
    if (!own)
        return ERR_LIMIT;
    for (size_t i = 0; json_next(&it, &key, &value);) {
        if (json_type(value) != JSON_OBJECT)
            continue;
        own[i++] = (struct pat_object){key, json_get_str(value, SV("type")), value};
        s->n = i;
    }
    pattern_scope(own, s->n);
    s->objects = s->scope = own;
    s->nscope = s->n;
    return OK;
}

/* Patterns speak of observables: what the standard defines as something else is passed over. */
static bool observable(struct sv type)
{
    return type.p && (stix_is_sco(type) || !stix_known_type(type));
}

static int read_refs(struct reading *r, struct jv refs, struct pat_seen *s)
{
    struct json_it it = json_each(refs);
    struct sv key;
    struct jv ref;
    struct pat_object *named = arena_calloc(r->a, json_count(refs) + 1, sizeof(*named));
    if (!named)
        return ERR_LIMIT;
    while (json_next(&it, &key, &ref)) {
        struct sv id = json_str(ref);
        const struct pat_object *o = id.p ? find(r->all, r->nall, id) : NULL;
        if (o && observable(o->type))
            named[s->n++] = *o;
    }
    s->objects = named;
    s->scope = r->all;
    s->nscope = r->nall;
    return OK;
}

static int read_data(struct reading *r, struct jv data, struct pat_seen *s, struct err *e)
{
    struct jv refs = json_get(data, SV("object_refs")), objects = json_get(data, SV("objects"));
    int rc = read_span(data, s, e);
    if (rc < 0)
        return rc;
    if (json_type(refs) == JSON_ARRAY)
        rc = read_refs(r, refs, s);
    else if (json_type(objects) == JSON_OBJECT)
        rc = read_dict(objects, r->a, s);
    else
        return wanting(e, data, "without object_refs");
    return rc < 0 ? err_set(e, rc, "too many observations at a time") : OK;
}

int pattern_read_seen(struct jv list, struct arena *a, struct pat_seen **ret, size_t *ret_n, struct err *e)
{
    struct reading r = {.a = a};
    struct json_it it = json_each(list);
    struct sv key;
    struct jv item;
    if (json_type(list) != JSON_ARRAY)
        return err_set(e, ERR_VALUE, "the observations are no list");
    while (json_next(&it, &key, &item))
        count_item(item, &r.room, &r.data_room);
    r.all = arena_calloc(a, r.room + 1, sizeof(*r.all));
    r.data = arena_calloc(a, r.data_room + 1, sizeof(*r.data));
    if (!r.all || !r.data)
        return err_set(e, ERR_LIMIT, "too many observations at a time");
    int rc = take_items(&r, list, e);
    pattern_scope(r.all, r.nall);
    *ret = arena_calloc(a, r.ndata + 1, sizeof(**ret));
    *ret_n = r.ndata;
    if (rc == OK && !*ret)
        rc = err_set(e, ERR_LIMIT, "too many observations at a time");
    for (size_t i = 0; rc == OK && i < r.ndata; i++)
        rc = read_data(&r, r.data[i], &(*ret)[i], e);
    return rc;
}
