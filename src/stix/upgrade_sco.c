#include "stix/upgrade.h"

#include "stix/private.h"

/* Observables in one observed-data object; the JSON one of them may need. */
#define MAX_OBSERVABLES 100000u
#define MAX_OBSERVABLE_BYTES (64u << 20)
#define MAX_REF_DEPTH 32

/* Properties that 2.1 calls otherwise. */
static const struct rename {
    const char *type, *old, *now;
} renames[] = {
    {"file", "created", "ctime"},
    {"file", "modified", "mtime"},
    {"file", "accessed", "atime"},
    {"directory", "created", "ctime"},
    {"directory", "modified", "mtime"},
    {"directory", "accessed", "atime"},
    {"windows-registry-key", "modified", "modified_time"},
    {"process", "created", "created_time"},
    {"process", "binary_ref", "image_ref"},
    {"user-account", "password_last_changed", "credential_last_changed"},
};

static struct sv name_21(struct sv type, struct jv sco, struct sv name)
{
    for (size_t i = 0; i < sizeof(renames) / sizeof(renames[0]); i++) {
        if (!sv_eq(type, sv_c(renames[i].type)) || !sv_eq(name, sv_c(renames[i].old)))
            continue;
        bool taken = json_type(json_get(sco, sv_c(renames[i].now))) != JSON_NONE;
        return taken ? name : sv_c(renames[i].now);
    }
    return name;
}

int sco_set_open(struct sco_set *set, struct jv observed, struct arena *a, struct err *e)
{
    struct jv objects = json_get(observed, SV("objects"));
    struct json_it it = json_each(objects);
    struct sv key;
    struct jv v;
    size_t count = json_count(objects);
    *set = (struct sco_set){.a = a,
                            .owner = json_get_str(observed, SV("id")),
                            .ids = sv_eq(json_get_str(observed, SV("spec_version")), SV("2.1"))};
    map_init(&set->index, MAX_OBSERVABLES, MAX_OBSERVABLE_BYTES);
    if (count > MAX_OBSERVABLES)
        return err_set(e, ERR_LIMIT, "more than %u observables in one observed-data object", MAX_OBSERVABLES);
    set->items = arena_calloc(a, count ? count : 1, sizeof(*set->items));
    set->doc = json_doc_new(MAX_OBSERVABLE_BYTES);
    if (!set->items || !set->doc)
        return err_set(e, ERR_MEMORY, "no memory for the observables of an observed-data object");
    while (json_next(&it, &key, &v)) {
        struct sv type = json_get_str(v, SV("type"));
        if (!type.p)
            return err_set(e, ERR_VALUE, "observable \"%.*s\" has no type", SV_ARG(sv_sub(key, 0, 60)));
        uint64_t *at = map_put(&set->index, key, NULL);
        if (!at)
            return err_set(e, ERR_MEMORY, "no memory for the observables of an observed-data object");
        *at = set->n;
        set->items[set->n++] = (struct sco_item){.key = key, .value = v, .type = type};
    }
    return OK;
}

void sco_set_close(struct sco_set *set)
{
    map_clear(&set->index);
    json_doc_free(set->doc);
    set->doc = NULL;
}

/*
 * Where the standard asks for a UUIDv4 (processes, custom types, cycles), the same input must still give the
 * same object: the random bits are those of a hash over the place.
 */
static int placed_id(struct sco_set *set, struct sco_item *item, struct err *e)
{
    const struct sv parts[] = {set->owner, SV("\0"), item->key};
    struct sha256 h = sha256_parts(parts, 3);
    struct uuid u;
    char text[37];
    memcpy(u.b, h.b, sizeof(u.b));
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    uuid_text(u, text);
    item->id = arena_printf(set->a, "%.*s--%s", SV_ARG(sv_sub(item->type, 0, 250)), text);
    return item->id.p ? OK : err_set(e, ERR_MEMORY, "no memory for an id");
}

static int write_item(const struct sco_item *item, bool contributing, struct copier *c)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(item->value);
    while (json_next(&it, &key, &v)) {
        struct sv name = name_21(item->type, item->value, key);
        bool frame = sv_eq(key, SV("type")) || sv_eq(key, SV("object_marking_refs")) ||
                     sv_eq(key, SV("id")) || sv_eq(key, SV("spec_version"));
        if (!frame && (!contributing || sco_contributes(item->type, name)))
            copy_member(c, name, v);
    }
    return c->out->failed && c->rc == OK ? err_set(c->e, ERR_LIMIT, "an observable is too large") : c->rc;
}

/* The id from the contributing properties alone: so a file and the directory that contains it do not wait for
 * each other. */
static int contributed_id(struct sco_set *set, struct sco_item *item, struct err *e)
{
    struct buf out;
    struct jv v;
    struct copier c = {.set = set, .a = set->a, .e = e, .out = &out};
    buf_init(&out, MAX_OBSERVABLE_BYTES);
    jw_init(&c.w, &out);
    jw_obj(&c.w);
    jw_kstr(&c.w, "type", item->type);
    int rc = write_item(item, true, &c);
    jw_end_obj(&c.w);
    if (rc == OK)
        rc = json_parse(set->doc, buf_sv(&out), &v, e);
    /* A cycle may have given it an id that is in use by now. */
    if (rc == OK && !item->id.p)
        rc = stix_sco_id(v, set->a, &item->id, e);
    buf_clear(&out);
    return rc == ERR_NOT_FOUND ? placed_id(set, item, e) : rc;
}

int sco_set_id(struct sco_set *set, struct sv key, struct sv *ret, struct err *e)
{
    uint64_t *at = map_get(&set->index, key);
    struct sv type;
    struct uuid u;
    if (!at && set->ids && id_split(key, &type, &u)) {
        *ret = key;
        return OK;
    }
    if (!at)
        return err_set(e, ERR_VALUE,
                       "a reference to observable \"%.*s\", which is not there (STIX 2.0 part 3, 2.10)",
                       SV_ARG(sv_sub(key, 0, 60)));
    struct sco_item *item = &set->items[*at];
    int rc = OK;
    if (!item->id.p && (item->busy || set->depth >= MAX_REF_DEPTH)) {
        rc = placed_id(set, item, e);
    } else if (!item->id.p) {
        item->busy = true;
        set->depth++;
        rc = contributed_id(set, item, e);
        set->depth--;
        item->busy = false;
    }
    *ret = item->id;
    return rc;
}

static void add_markings(struct jw *w, const struct sv *markings, size_t n)
{
    if (n == 0)
        return;
    jw_key(w, "object_marking_refs");
    jw_arr(w);
    for (size_t i = 0; i < n; i++)
        jw_str(w, markings[i]);
    jw_end_arr(w);
}

int sco_set_give(struct sco_set *set, const struct sv *markings, size_t nmarkings, stix_each_fn each,
                 void *ctx, struct err *e)
{
    struct buf out;
    int rc = OK;
    buf_init(&out, MAX_OBSERVABLE_BYTES);
    for (size_t i = 0; i < set->n && rc == OK; i++) {
        struct copier c = {.set = set, .a = set->a, .e = e, .out = &out};
        struct sv id = SV_NONE;
        rc = sco_set_id(set, set->items[i].key, &id, e);
        if (rc < 0)
            break;
        buf_reset(&out);
        jw_init(&c.w, &out);
        jw_obj(&c.w);
        jw_kstr(&c.w, "type", set->items[i].type);
        jw_kstr(&c.w, "spec_version", SV("2.1"));
        jw_kstr(&c.w, "id", id);
        add_markings(&c.w, markings, nmarkings);
        rc = write_item(&set->items[i], false, &c);
        jw_end_obj(&c.w);
        if (rc == OK)
            rc = each(ctx, buf_sv(&out), e);
    }
    buf_clear(&out);
    return rc;
}
