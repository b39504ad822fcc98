/* API roots, collections and rights as a caller meets them. */
#include "share/taxii/taxii_private.h"

static bool keep(struct arena *a, struct sv v, struct sv *ret)
{
    *ret = arena_sv(a, v.p ? v : SV(""));
    return ret->p;
}

/* ---- rows */

#define ROOT_COLUMNS "SELECT id, path, title, description, max_content, standard FROM api_root"

static int read_root(struct stmt *s, struct arena *a, struct taxii_root *ret, struct err *e)
{
    *ret = (struct taxii_root){
        .id = col_int(s, 0), .max_content = col_int(s, 4), .standard = col_int(s, 5) != 0};
    bool kept = keep(a, col_text(s, 1), &ret->path) && keep(a, col_text(s, 2), &ret->title) &&
                keep(a, col_text(s, 3), &ret->description);
    return kept ? OK : err_set(e, ERR_MEMORY, "no memory for an API root");
}

int taxii_root_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct taxii_root *r),
                    void *ctx, struct err *e)
{
    struct stmt *s = db_query(db, ROOT_COLUMNS " ORDER BY id", e);
    if (!s) {
        return e->code;
    }
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        struct taxii_root r;
        rc = read_root(s, a, &r, e);
        rc = rc == OK ? each(ctx, &r) : rc;
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

#define COLLECTION_COLUMNS                                                                                   \
    "SELECT id, root, uuid, alias, title, description, media, ceiling, source, admins, removed, "            \
    "purpose FROM collection"

static int read_collection(struct stmt *s, struct arena *a, struct taxii_collection *ret, struct err *e)
{
    *ret = (struct taxii_collection){.id = col_int(s, 0),
                                     .root = col_int(s, 1),
                                     .ceiling = (enum tlp)col_int(s, 7),
                                     .source = col_int(s, 8),
                                     .admins = col_int(s, 9) != 0,
                                     .removed = col_int(s, 10) != 0,
                                     .purpose = (enum purpose)col_int(s, 11)};
    bool kept = keep(a, col_text(s, 2), &ret->uuid) && keep(a, col_text(s, 3), &ret->alias) &&
                keep(a, col_text(s, 4), &ret->title) && keep(a, col_text(s, 5), &ret->description) &&
                keep(a, col_text(s, 6), &ret->media);
    return kept ? OK : err_set(e, ERR_MEMORY, "no memory for a collection");
}

int taxii_collection_each(struct db *db, int64_t root, struct arena *a,
                          int (*each)(void *ctx, const struct taxii_collection *c), void *ctx, struct err *e)
{
    struct stmt *s =
        db_query(db, COLLECTION_COLUMNS " WHERE removed = 0 AND (root = ? OR ? = 0) ORDER BY root, id", e);
    if (!s) {
        return e->code;
    }
    db_int(s, root);
    db_int(s, root);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        struct taxii_collection c;
        rc = read_collection(s, a, &c, e);
        rc = rc == OK ? each(ctx, &c) : rc;
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int taxii_right_each(struct db *db, int64_t collection, struct arena *a,
                     int (*each)(void *ctx, const struct taxii_right *r), void *ctx, struct err *e)
{
    struct stmt *s = db_query(
        db, "SELECT principal, reads, writes FROM collection_right WHERE collection = ? ORDER BY principal",
        e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        struct taxii_right r = {.reads = col_int(s, 1) != 0, .writes = col_int(s, 2) != 0};
        rc = keep(a, col_text(s, 0), &r.principal) ? each(ctx, &r)
                                                   : err_set(e, ERR_MEMORY, "no memory for a right");
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int taxii_source_each(struct db *db, int64_t collection, int (*each)(void *ctx, int64_t source), void *ctx,
                      struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT source FROM collection_source WHERE collection = ? ORDER BY source", e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        rc = each(ctx, col_int(s, 0));
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int64_t taxii_count(struct db *db, int64_t collection)
{
    struct stmt *s = db_query(db, "SELECT count(*) FROM member WHERE collection = ?", NULL);
    if (!s) {
        return 0;
    }
    db_int(s, collection);
    int64_t n = db_step(s, NULL) == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return n;
}

/* ---- rights */

int taxii_rights(struct db *db, struct taxii_collection *c, const struct taxii_who *who, struct err *e)
{
    c->can_read = c->can_write = false;
    if (!who->principal.n) {
        return OK;
    }
    struct stmt *s = db_query(db,
                              "SELECT max(reads), max(CASE WHEN principal = ? THEN writes ELSE 0 END), "
                              "max(writes) FROM collection_right WHERE collection = ? AND "
                              "(principal = ? OR principal = '" TAXII_EVERYBODY "')",
                              e);
    if (!s) {
        return e->code;
    }
    db_text(s, who->principal);
    db_int(s, c->id);
    db_text(s, who->principal);
    int rc = db_step(s, e);
    if (rc == 1) {
        /* What a partner writes becomes ours: "everybody" does not mean partners. */
        int own = sv_starts(who->principal, SV("partner:")) ? 1 : 2;
        bool always = who->admin && c->admins;
        c->can_read = always || col_int(s, 0) > 0;
        c->can_write = who->writes && c->source > 0 && (always || col_int(s, own) > 0);
        rc = OK;
    }
    db_done(s);
    return rc;
}

/* ---- discovery and roots */

static void write_setting(struct db *db, struct jw *w, const char *name)
{
    struct stmt *s = db_query(db, "SELECT value FROM taxii_setting WHERE name = ? AND value <> ''", NULL);
    if (!s) {
        return;
    }
    db_text(s, sv_c(name));
    if (db_step(s, NULL) == 1) {
        jw_kstr(w, name, col_text(s, 0));
    }
    db_done(s);
}

static void add_root_url(struct jw *w, struct sv path)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_printf(&b, "/%.*s/", SV_ARG(path));
    jw_str(w, buf_sv(&b));
    buf_clear(&b);
}

struct root_list {
    struct jw *w;
    bool open;
    struct sv standard;
};

static int note_standard(void *ctx, const struct taxii_root *r)
{
    struct root_list *l = ctx;
    if (r->standard) {
        l->standard = r->path;
    }
    return OK;
}

static int list_root(void *ctx, const struct taxii_root *r)
{
    struct root_list *l = ctx;
    if (!l->open) {
        jw_key(l->w, "api_roots");
        jw_arr(l->w);
    }
    l->open = true;
    add_root_url(l->w, r->path);
    return OK;
}

static int finished(const struct buf *json, struct err *e)
{
    return json->failed ? err_set(e, ERR_LIMIT, "the answer is larger than %zu bytes", json->max) : OK;
}

int taxii_discovery(struct db *db, const struct taxii_who *who, struct buf *json, struct err *e)
{
    struct arena a;
    struct jw w;
    struct root_list l = {.w = &w};
    arena_init(&a, 16u << 20);
    jw_init(&w, json);
    jw_obj(&w);
    bool titled = db_value(db, "SELECT 1 FROM taxii_setting WHERE name = 'title' AND value <> ''", 0) == 1;
    if (!titled) { /* required (TAXII 2.1 4.1) */
        jw_kstr(&w, "title", SV("Noroshi"));
    }
    write_setting(db, &w, "title");
    write_setting(db, &w, "description");
    write_setting(db, &w, "contact");
    int rc = who->principal.n ? taxii_root_each(db, &a, note_standard, &l, e) : OK;
    if (rc == OK && l.standard.n) {
        jw_key(&w, "default");
        add_root_url(&w, l.standard);
    }
    rc = rc == OK && who->principal.n ? taxii_root_each(db, &a, list_root, &l, e) : rc;
    if (rc == OK && sv_starts(who->principal, SV("partner:"))) {
        rc = list_root(&l, &(const struct taxii_root){.path = SV("messages")}); /* docs/messages.md */
    }
    if (l.open) {
        jw_end_arr(&w);
    }
    jw_end_obj(&w);
    arena_clear(&a);
    return rc == OK ? finished(json, e) : rc;
}

static struct sv without_slashes(struct sv s)
{
    while (s.n && s.p[0] == '/') {
        s = sv_sub(s, 1, SIZE_MAX);
    }
    while (s.n && s.p[s.n - 1] == '/') {
        s.n--;
    }
    return s;
}

static int find_path(struct db *db, struct sv path, struct arena *a, struct taxii_root *ret, struct err *e)
{
    struct stmt *s = db_query(db, ROOT_COLUMNS " WHERE path = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, path);
    int rc = db_step(s, e);
    if (rc == 1) {
        rc = read_root(s, a, ret, e);
        rc = rc == OK ? 1 : rc;
    }
    db_done(s);
    return rc;
}

int taxii_root_find(struct db *db, struct sv path, struct arena *a, struct taxii_root *ret,
                    struct sv *ret_rest, struct err *e)
{
    struct sv whole = without_slashes(path), try = whole;
    int rc = 0;
    /* Paths of roots are short: a long one is not looked up word by word. */
    for (unsigned words = 0; try.n && words < 64; words++) {
        rc = try.n <= 256 ? find_path(db, try, a, ret, e) : 0;
        if (rc != 0) {
            break;
        }
        size_t slash = sv_rchr(try, '/');
        try = sv_sub(try, 0, slash == SIZE_MAX ? 0 : slash);
    }
    if (rc == 1) {
        *ret_rest = without_slashes(sv_sub(whole, try.n, SIZE_MAX));
        return OK;
    }
    return rc < 0 ? rc : err_set(e, ERR_NOT_FOUND, "there is no such API root");
}

int taxii_root_json(struct db *db, const struct taxii_root *r, struct buf *json, struct err *e)
{
    struct jw w;
    (void)db;
    jw_init(&w, json);
    jw_obj(&w);
    jw_kstr(&w, "title", r->title);
    if (r->description.n) {
        jw_kstr(&w, "description", r->description);
    }
    jw_key(&w, "versions");
    jw_arr(&w);
    jw_str(&w, SV("application/taxii+json;version=2.1"));
    jw_end_arr(&w);
    jw_kint(&w, "max_content_length", r->max_content);
    jw_end_obj(&w);
    return finished(json, e);
}

/* ---- collections */

static void write_collection(struct jw *w, const struct taxii_collection *c)
{
    struct sv media = c->media, type;
    jw_obj(w);
    jw_kstr(w, "id", c->uuid);
    jw_kstr(w, "title", c->title);
    if (c->description.n) {
        jw_kstr(w, "description", c->description);
    }
    if (c->alias.n) {
        jw_kstr(w, "alias", c->alias);
    }
    jw_kbool(w, "can_read", c->can_read);
    jw_kbool(w, "can_write", c->can_write);
    jw_key(w, "media_types");
    jw_arr(w);
    while (media.n && sv_cut(&media, ' ', &type)) {
        if (type.n) {
            jw_str(w, type);
        }
    }
    jw_end_arr(w);
    jw_end_obj(w);
}

int taxii_collection_json(struct db *db, const struct taxii_collection *c, struct buf *json, struct err *e)
{
    struct jw w;
    (void)db;
    jw_init(&w, json);
    write_collection(&w, c);
    return finished(json, e);
}

struct collection_list {
    struct db *db;
    const struct taxii_who *who;
    struct jw *w;
    bool open;
    struct err *e;
};

static int list_collection(void *ctx, const struct taxii_collection *stored)
{
    struct collection_list *l = ctx;
    struct taxii_collection c = *stored;
    int rc = taxii_rights(l->db, &c, l->who, l->e);
    if (rc != OK || !(c.can_read || c.can_write)) {
        return rc;
    }
    if (!l->open) {
        jw_key(l->w, "collections");
        jw_arr(l->w);
    }
    l->open = true;
    write_collection(l->w, &c);
    return OK;
}

int taxii_collections_json(struct db *db, const struct taxii_root *r, const struct taxii_who *who,
                           struct buf *json, struct err *e)
{
    struct arena a;
    struct jw w;
    struct collection_list l = {.db = db, .who = who, .w = &w, .e = e};
    arena_init(&a, 64u << 20);
    jw_init(&w, json);
    jw_obj(&w);
    int rc = taxii_collection_each(db, r->id, &a, list_collection, &l, e);
    if (l.open) {
        jw_end_arr(&w);
    }
    jw_end_obj(&w);
    arena_clear(&a);
    return rc == OK ? finished(json, e) : rc;
}

static int find_row(struct db *db, int64_t root, struct sv id, bool by_uuid, struct arena *a,
                    struct taxii_collection *ret, struct err *e)
{
    struct stmt *s =
        by_uuid ? db_query(db, COLLECTION_COLUMNS " WHERE root = ? AND uuid = ? AND removed = 0", e)
                : db_query(db, COLLECTION_COLUMNS " WHERE root = ? AND alias = ? AND removed = 0", e);
    if (!s) {
        return e->code;
    }
    db_int(s, root);
    db_text(s, id);
    int rc = db_step(s, e);
    if (rc == 1) {
        rc = read_collection(s, a, ret, e);
        rc = rc == OK ? 1 : rc;
    }
    db_done(s);
    return rc;
}

int taxii_collection_find(struct db *db, const struct taxii_root *r, const struct taxii_who *who,
                          struct sv id_or_alias, struct arena *a, struct taxii_collection *ret, struct err *e)
{
    struct uuid u;
    char text[37];
    bool by_uuid = uuid_parse(id_or_alias, &u);
    if (by_uuid) {
        uuid_text(u, text);
        id_or_alias = sv_c(text);
    }
    int rc = id_or_alias.n ? find_row(db, r->id, id_or_alias, by_uuid, a, ret, e) : 0;
    if (rc == 1) {
        rc = taxii_rights(db, ret, who, e);
        if (rc != OK || ret->can_read || ret->can_write) {
            return rc;
        }
    }
    return rc < 0 ? rc : err_set(e, ERR_NOT_FOUND, "there is no such collection");
}
