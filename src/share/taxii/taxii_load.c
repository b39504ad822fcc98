/*
 * Moves in from another TAXII server: its whole description in one JSON document, as OASIS's reference server
 * keeps it (docs/taxii.md).
 */
#include "share/taxii/taxii_load.h"

#include <sys/mman.h>
#include <unistd.h>

void taxii_load_note(struct taxii_loading *l, const char *what, struct sv where, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (l->o->note) {
        l->o->note(l->o->ctx, what, where, sv_c(text));
    }
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

static struct sv str(struct jv v, const char *key)
{
    struct sv s = json_get_str(v, sv_c(key));
    return s.p ? s : SV("");
}

/* ---- discovery */

/* "http://host:5000/trustgroup1/" or "/trustgroup1/" */
static struct sv url_path(struct sv url)
{
    size_t scheme = sv_find(url, SV("://"));
    if (scheme != SIZE_MAX) {
        url = sv_sub(url, scheme + 3, SIZE_MAX);
        url = sv_sub(url, sv_chr(url, '/'), SIZE_MAX);
    }
    return without_slashes(url);
}

static int load_discovery(struct taxii_loading *l, struct jv v, struct err *e)
{
    static const char *const names[] = {"title", "description", "contact"};
    int rc = db_begin(l->t->db, e);
    if (rc != OK) {
        return rc;
    }
    for (size_t i = 0; rc == OK && i < 3; i++) {
        struct sv value = str(v, names[i]);
        rc = value.n ? taxii_setting_put(l->t, sv_c(names[i]), value, l->o->now, e) : OK;
    }
    l->standard = url_path(str(v, "default"));
    return db_finish(l->t->db, rc, e);
}

/* ---- roots */

static int put_root(struct taxii_loading *l, struct sv path, struct jv information, struct taxii_root *ret,
                    struct err *e)
{
    struct sv rest;
    struct err ignored = ERR_NONE;
    if (taxii_root_find(l->t->db, path, &l->a, ret, &rest, &ignored) == OK && rest.n == 0) {
        taxii_load_note(l, "root", path, "stands already and is left as it is");
        return OK;
    }
    *ret = (struct taxii_root){.path = path,
                               .title = str(information, "title"),
                               .description = str(information, "description"),
                               .max_content = TAXII_CONTENT,
                               .standard = sv_eq(path, l->standard)};
    ret->title = ret->title.n ? ret->title : path;
    int64_t most;
    if (json_i64(json_get(information, SV("max_content_length")), &most) && most > 0) {
        ret->max_content = most;
    }
    int rc = db_begin(l->t->db, e);
    if (rc == OK) {
        rc = taxii_root_put(l->t, ret, l->o->now, e);
        rc = db_finish(l->t->db, rc, e);
    }
    l->report->roots += rc == OK;
    return rc;
}

/* A status as it came, without the empty lists that TAXII does not allow. */
static void write_status(struct jv status, struct buf *out)
{
    struct jw w;
    struct json_it it = json_each(status);
    struct sv key;
    struct jv v;
    jw_init(&w, out);
    jw_obj(&w);
    while (json_next(&it, &key, &v)) {
        if (json_type(v) == JSON_ARRAY && json_count(v) == 0) {
            continue;
        }
        struct buf b;
        buf_init(&b, TAXII_LOAD_MOST);
        json_add(&b, v);
        jw_key_sv(&w, key);
        jw_raw(&w, buf_sv(&b));
        buf_clear(&b);
    }
    jw_end_obj(&w);
}

static int load_status(struct taxii_loading *l, const struct taxii_root *root, struct jv status,
                       struct err *e)
{
    struct uuid u;
    char id[37];
    struct buf body;
    struct err why = ERR_NONE;
    if (!uuid_parse(str(status, "id"), &u) || !str(status, "status").n) {
        taxii_load_note(l, "status", root->path, "one without a UUID or a status is left out");
        return OK;
    }
    uuid_text(u, id);
    buf_init(&body, TAXII_LOAD_MOST);
    write_status(status, &body);
    int rc = db_begin(l->t->db, e);
    if (rc == OK) {
        rc = taxii_status_put(l->t, root->id, sv_c(id), SV(TAXII_EVERYBODY), buf_sv(&body), l->o->now, &why);
        if (rc == OK) {
            rc = db_finish(l->t->db, rc, e);
            l->report->statuses += rc == OK;
        } else {
            db_rollback(l->t->db);
            taxii_load_note(l, "status", sv_c(id), "%s",
                            rc == ERR_CONFLICT ? "stands already and is left as it is" : why.text);
            rc = rc == ERR_CONFLICT ? OK : (*e = why).code;
        }
    }
    buf_clear(&body);
    return rc;
}

static int load_root(struct taxii_loading *l, struct sv path, struct jv v, struct err *e)
{
    struct taxii_root root;
    struct jv item;
    struct sv key;
    struct json_it it;
    int rc = put_root(l, path, json_get(v, SV("information")), &root, e);
    it = json_each(json_get(v, SV("collections")));
    while (rc == OK && json_next(&it, &key, &item)) {
        rc = taxii_load_collection(l, &root, item, e);
    }
    it = json_each(json_get(v, SV("status")));
    while (rc == OK && json_next(&it, &key, &item)) {
        rc = load_status(l, &root, item, e);
    }
    return rc;
}

static int load_all(struct taxii_loading *l, struct jv description, struct err *e)
{
    struct json_it it = json_each(description);
    struct sv key;
    struct jv v = json_get(description, SV("/discovery"));
    bool any = false;
    if (json_type(description) != JSON_OBJECT) {
        return err_set(e, ERR_SYNTAX, "the description of a TAXII server is a JSON object");
    }
    int rc = json_type(v) == JSON_OBJECT ? load_discovery(l, v, e) : OK;
    while (rc == OK && json_next(&it, &key, &v)) {
        bool root = json_type(json_get(v, SV("information"))) == JSON_OBJECT ||
                    json_type(json_get(v, SV("collections"))) == JSON_ARRAY;
        if (sv_eq(key, SV("/discovery"))) {
            continue;
        }
        if (!root) {
            taxii_load_note(l, "note", key, "is no API root and is left out");
            continue;
        }
        any = true;
        rc = load_root(l, without_slashes(key), v, e);
    }
    if (rc == OK && !any) {
        err_set(e, ERR_VALUE, "the document describes no API root");
        rc = err_hint(e, "docs/taxii.md shows the form that `taxii load` reads");
    }
    return rc;
}

int taxii_load(const struct taxii *t, struct sv text, const struct taxii_load_opts *o,
               struct taxii_load_report *ret, struct err *e)
{
    *ret = (struct taxii_load_report){0};
    struct taxii_loading l = {.t = t, .o = o, .report = ret};
    struct json_doc *doc = json_doc_new(TAXII_LOAD_MOST);
    struct jv v = {0};
    arena_init(&l.a, 1u << 30);
    int rc = doc ? json_parse(doc, text, &v, e) : err_set(e, ERR_MEMORY, "no memory for the description");
    rc = rc == OK ? load_all(&l, v, e) : rc;
    arena_clear(&l.a);
    json_doc_free(doc);
    return rc;
}
