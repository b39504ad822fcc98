/* One collection of a server's description: its objects through the parser process, then all at once. */
#include "share/taxii/taxii_load.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* An object of the description, and what became of it. */
struct loaded {
    struct jv v;
    struct sv id;
    usec version; /* as it says; USEC_NONE = none */
    usec added;   /* as its manifest record says; USEC_NONE = it has none */
    size_t order; /* of the manifest record */
    uint8_t spec;
    int64_t number; /* 0 = refused */
    struct sv type;
    usec stored; /* version of the stored object */
    enum tlp tlp;
};
struct loading {
    struct taxii_loading *l;
    struct sv where;
    struct loaded *o;
    size_t n;
};

/* ---- the document */

static bool read_time(struct sv text, usec *ret)
{
    const struct time_opts o = {0};
    struct err ignored = ERR_NONE;
    *ret = USEC_NONE;
    return text.n && time_parse(text, &o, ret, &ignored) == OK;
}

static usec version_of(struct jv v)
{
    usec at;
    if (!read_time(json_get_str(v, SV("modified")), &at)) {
        (void)read_time(json_get_str(v, SV("created")), &at);
    }
    return at;
}

static uint8_t spec_of(struct jv v)
{
    struct sv spec = json_get_str(v, SV("spec_version"));
    bool old = sv_eq(spec, SV("2.0")) || (!spec.p && !stix_is_sco(json_get_str(v, SV("type"))));
    return old ? 20 : 21;
}

/* What cannot be told from others by its id is no object; a bundle would be several. */
static void read_objects(struct loading *x, struct jv list)
{
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;
    while (json_next(&it, &key, &v)) {
        struct sv id = json_get_str(v, SV("id")), type = json_get_str(v, SV("type"));
        if (!id.n || !type.n || sv_eq(type, SV("bundle"))) {
            taxii_load_note(x->l, "object", x->where, "one without id and type is left out");
            x->l->report->refused++;
            continue;
        }
        x->o[x->n++] = (struct loaded){
            .v = v, .id = id, .version = version_of(v), .added = USEC_NONE, .spec = spec_of(v)};
    }
}

static struct loaded *find(struct loading *x, struct map *ids, struct sv id, usec version)
{
    uint64_t *at = map_get(ids, id);
    struct loaded *none = NULL;
    /* Objects of one id stand one after the other, see sort_objects. */
    for (size_t i = at ? (size_t)*at : x->n; i < x->n && sv_eq(x->o[i].id, id); i++) {
        if (x->o[i].added == USEC_NONE && x->o[i].version == version) {
            return &x->o[i];
        }
        none = x->o[i].added == USEC_NONE && x->o[i].version == USEC_NONE && !none ? &x->o[i] : none;
    }
    return none;
}

static int read_record(struct loading *x, struct map *ids, struct jv v, size_t order)
{
    struct sv id = json_get_str(v, SV("id")), media = json_get_str(v, SV("media_type"));
    usec added, version;
    bool timed = read_time(json_get_str(v, SV("date_added")), &added);
    (void)read_time(json_get_str(v, SV("version")), &version);
    struct loaded *o = id.n && timed ? find(x, ids, id, version) : NULL;
    if (!o) {
        taxii_load_note(x->l, "manifest", id.n ? id : x->where,
                        timed ? "names no object of this collection" : "a record without date_added");
        return OK;
    }
    o->added = added;
    o->order = order;
    if (sv_ends(media, SV("version=2.0"))) {
        o->spec = 20;
    }
    return OK;
}

static int by_id(const void *a, const void *b)
{
    const struct loaded *x = a, *y = b;
    return sv_cmp(x->id, y->id);
}

static int by_added(const void *a, const void *b)
{
    const struct loaded *x = a, *y = b;
    usec p = x->added == USEC_NONE ? INT64_MAX : x->added, q = y->added == USEC_NONE ? INT64_MAX : y->added;
    return p != q ? (p < q ? -1 : 1) : x->order != y->order ? (x->order < y->order ? -1 : 1) : 0;
}

/* Gives each object its manifest record and puts them into that order. */
static int read_manifest(struct loading *x, struct jv list, struct err *e)
{
    struct map ids;
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;
    size_t order = 0;
    qsort(x->o, x->n, sizeof(*x->o), by_id);
    map_init(&ids, x->n + 1, TAXII_LOAD_MOST);
    int rc = OK;
    for (size_t i = 0; rc == OK && i < x->n; i++) {
        bool first = false;
        uint64_t *at = map_put(&ids, x->o[i].id, &first);
        if (!at) {
            rc = err_set(e, ERR_MEMORY, "no memory for the manifest");
        } else if (first) {
            *at = i;
        }
        x->o[i].order = SIZE_MAX;
    }
    while (rc == OK && json_next(&it, &key, &v)) {
        rc = read_record(x, &ids, v, order++);
    }
    map_clear(&ids);
    qsort(x->o, x->n, sizeof(*x->o), by_added);
    return rc;
}

/* ---- through the parser process */

static int on_settled(void *ctx, const struct take_object *t, struct err *e)
{
    struct loading *x = ctx;
    (void)e;
    if (t->record == 0 || t->record > x->n) {
        return OK;
    }
    struct loaded *o = &x->o[t->record - 1];
    if (t->why) {
        o->number = 0;
        taxii_load_note(x->l, "object", o->id, "refused: %.*s", SV_ARG(sv_sub(t->why->text, 0, 300)));
        x->l->report->refused++;
        return OK;
    }
    o->number = t->number;
    o->stored = t->version;
    o->tlp = t->tlp;
    o->type = arena_sv(&x->l->a, t->type);
    return o->type.p ? OK : err_set(e, ERR_MEMORY, "no memory for an object");
}

static int write_envelope(const struct loading *x, struct err *e)
{
    struct buf b;
    buf_init(&b, TAXII_LOAD_MOST * 2);
    buf_add(&b, SV("{\"objects\":["));
    for (size_t i = 0; i < x->n; i++) {
        buf_add(&b, i ? SV(",\n") : SV(""));
        json_add(&b, x->o[i].v);
    }
    buf_add(&b, SV("]}"));
    int fd = memfd_create("taxii", MFD_CLOEXEC);
    int rc = b.failed ? err_set(e, ERR_LIMIT, "the objects of a collection are too many")
             : fd < 0 ? err_set(e, ERR_IO, "no temporary file for the objects")
                      : fd_write_all(fd, buf_sv(&b), e);
    if (rc == OK && lseek(fd, 0, SEEK_SET) != 0) {
        rc = err_set(e, ERR_IO, "the temporary file of the objects cannot be read");
    }
    buf_clear(&b);
    if (rc != OK) {
        close_fd(&fd);
        return rc;
    }
    return fd;
}

static int take_objects(struct loading *x, const struct source *source, struct err *e)
{
    struct take_report report;
    int fd = x->n ? write_envelope(x, e) : -1;
    if (fd < 0) {
        return x->n ? fd : OK;
    }
    const struct take_opts o = {.parsers = x->l->t->parsers,
                                .source = source,
                                .format = SV("stix2"),
                                .now = x->l->o->now,
                                .settled = on_settled,
                                .settled_ctx = x};
    int rc = fuse_take(x->l->t->fuse, fd, x->where, &o, &report, e);
    if (rc == OK && report.problem.code != OK) {
        *e = report.problem;
        rc = e->code;
    }
    close_fd(&fd);
    return rc;
}

/* ---- all at once */

/* A 2.0 object is given as it came; what 2.1 it became is knowledge of the node. */
static int add_member(struct loading *x, struct taxii_adder *adder, int64_t source, const struct loaded *o,
                      struct err *e)
{
    struct buf own;
    struct taxii_new m = {.id = o->id,
                          .type = o->type,
                          .source = source,
                          .version = o->version != USEC_NONE ? o->version : o->stored,
                          .spec = o->spec,
                          .tlp = o->tlp,
                          .number = o->number};
    buf_init(&own, TAXII_LOAD_MOST);
    if (o->spec == 20) {
        json_add(&own, o->v);
        m.own = buf_sv(&own);
        m.type = json_get_str(o->v, SV("type"));
    }
    usec at = o->added != USEC_NONE ? o->added : x->l->o->now, added = at;
    int rc = taxii_adder_add(adder, &m, at, &added, e);
    buf_clear(&own);
    if (rc == 1) {
        x->l->report->objects++;
        if (added != at) {
            char text[32];
            time_text6(added, text);
            taxii_load_note(x->l, "moved", o->id, "date_added stands already: moved on to %s", text);
            x->l->report->moved++;
        }
    } else if (rc == 0) {
        taxii_load_note(x->l, "object", o->id, "stands twice: the first one is taken");
    }
    return rc < 0 ? rc : OK;
}

static int add_members(struct loading *x, const struct taxii_collection *c, struct err *e)
{
    struct taxii_adder adder;
    int rc = taxii_adder_open(&adder, x->l->t, c->id, e);
    for (size_t i = 0; rc == OK && i < x->n; i++) {
        const struct loaded *o = &x->o[i];
        if (o->number && o->added == USEC_NONE) {
            taxii_load_note(x->l, "manifest", o->id, "has no record of this object: added now");
        }
        rc = o->number ? add_member(x, &adder, c->source, o, e) : OK;
    }
    return rc == OK ? taxii_adder_close(&adder, e) : rc;
}

static int make(struct loading *x, struct taxii_collection *c, const struct taxii_right *everybody,
                struct err *e)
{
    struct taxii_loading *l = x->l;
    int rc = db_begin(l->t->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = taxii_collection_put(l->t, c, l->o->now, &l->a, e);
    if (rc == OK && (everybody->reads || everybody->writes)) {
        rc = taxii_right_put(l->t, c->id, everybody, l->o->now, e);
    }
    rc = rc == OK ? add_members(x, c, e) : rc;
    return db_finish(l->t->db, rc, e);
}

static struct sv media_types(struct taxii_loading *l, struct jv list)
{
    struct buf b;
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;
    buf_init(&b, TAXII_TEXT_MOST);
    while (json_next(&it, &key, &v)) {
        buf_add(&b, b.n ? SV(" ") : SV(""));
        buf_add(&b, json_str(v).p ? json_str(v) : SV(""));
    }
    struct sv media = b.failed ? SV("") : arena_sv(&l->a, b.n ? buf_sv(&b) : SV(""));
    buf_clear(&b);
    return media.p ? media : SV("");
}

static bool stands(struct taxii_loading *l, const struct taxii_root *root, struct sv uuid)
{
    struct stmt *s =
        db_query(l->t->db, "SELECT 1 FROM collection WHERE root = ? AND uuid = ? AND removed = 0", NULL);
    bool found = false;
    if (s) {
        db_int(s, root->id);
        db_text(s, uuid);
        found = db_step(s, NULL) == 1;
        db_done(s);
    }
    return found;
}

static struct sv text_of(struct jv v, const char *key)
{
    struct sv s = json_get_str(v, sv_c(key));
    return s.p ? s : SV("");
}

static int load_new(struct loading *x, struct taxii_collection *c, struct jv v, struct err *e)
{
    struct taxii_right everybody = {.principal = SV(TAXII_EVERYBODY)};
    struct source source;
    (void)json_bool(json_get(v, SV("can_read")), &everybody.reads);
    (void)json_bool(json_get(v, SV("can_write")), &everybody.writes);
    struct jv objects = json_get(v, SV("objects"));
    x->o = calloc(json_count(objects) + 1, sizeof(*x->o));
    if (!x->o) {
        return err_set(e, ERR_MEMORY, "no memory for the objects of a collection");
    }
    read_objects(x, objects);
    int rc = read_manifest(x, json_get(v, SV("manifest")), e);
    rc = rc == OK ? source_get(x->l->t->db, c->source, &x->l->a, &source, e) : rc;
    rc = rc == OK ? take_objects(x, &source, e) : rc;
    rc = rc == OK ? make(x, c, &everybody, e) : rc;
    free(x->o);
    return rc;
}

int taxii_load_collection(struct taxii_loading *l, const struct taxii_root *root, struct jv v, struct err *e)
{
    struct uuid u;
    char uuid[37];
    struct sv id = text_of(v, "id"), title = text_of(v, "title");
    if (!uuid_parse(id, &u)) {
        taxii_load_note(l, "collection", id, "its id is no UUID: left out");
        l->report->left++;
        return OK;
    }
    uuid_text(u, uuid);
    struct taxii_collection c = {.root = root->id,
                                 .uuid = sv_c(uuid),
                                 .alias = text_of(v, "alias"),
                                 .title = title.n ? title : sv_c(uuid),
                                 .description = text_of(v, "description"),
                                 .media = media_types(l, json_get(v, SV("media_types"))),
                                 .ceiling = l->o->ceiling,
                                 .source = l->o->source};
    if (stands(l, root, c.uuid)) {
        taxii_load_note(l, "collection", c.uuid, "stands already and is left as it is");
        l->report->left++;
        return OK;
    }
    struct loading x = {.l = l, .where = arena_sv(&l->a, c.uuid)};
    int rc = load_new(&x, &c, v, e);
    if (rc == OK) {
        taxii_load_note(l, "collection", x.where, "loaded with %lld objects",
                        (long long)taxii_count(l->t->db, c.id));
        l->report->collections++;
    }
    return rc;
}
