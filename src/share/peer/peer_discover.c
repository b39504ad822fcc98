/* Discovery: what API roots and collections a peer has. */
#include "share/peer/peer_private.h"

/* An address may be wrong, or of another version of TAXII: then the next guess is tried. */
static bool try_next(int code)
{
    return code == ERR_NOT_FOUND || code == ERR_UNSUPPORTED || code == ERR_VALUE || code == ERR_SYNTAX ||
           code == ERR_DENIED;
}

/* Asks one address in the version that was good before, and then in the other: servers change. */
static int look_at(struct peer_run *r, struct sv url, struct peer_found *ret, struct err *e)
{
    unsigned known = r->peer.version;
    const unsigned versions[] = {known == 20 ? 20 : 21, known == 20 ? 21 : 20};
    struct err first = ERR_NONE;
    for (size_t i = 0; i < 2; i++) {
        r->peer.version = versions[i];
        int rc = peer_get(r, url, ret, e);
        if (rc == OK && !ret->discovery && !ret->root && !ret->collections) {
            rc = err_set(e, ERR_UNSUPPORTED, "what the address answers with is no TAXII");
            err_hint(e, "give the address of its discovery, which often ends in /taxii2/");
        }
        if (rc == OK || !try_next(rc)) {
            return rc;
        }
        first = first.code ? first : *e;
    }
    r->peer.version = known;
    *e = first;
    return first.code;
}

static int find_discovery(struct peer_run *r, struct sv *ret_url, struct peer_found *ret, struct err *e)
{
    static const char *const guesses[] = {"", "/taxii2/", "/taxii/"};
    struct sv given = r->peer.url;
    struct err first = ERR_NONE;
    int rc = OK;
    bool bare = sv_chr(sv_sub(given, 8, SIZE_MAX), '/') >= sv_sub(given, 8, SIZE_MAX).n - 1;
    for (size_t i = 0; i < (bare ? 3 : 1); i++) {
        struct sv base = arena_printf(&r->a, "%.*s%s", SV_ARG(given), given.p[given.n - 1] == '/' ? "" : "/");
        rc = base.p ? OK : err_set(e, ERR_MEMORY, "no memory for an address");
        rc = rc == OK && i ? peer_url_join(base, sv_c(guesses[i]), &r->a, ret_url, e) : rc;
        *ret_url = i ? *ret_url : base;
        rc = rc == OK ? look_at(r, *ret_url, ret, e) : rc;
        if (rc == OK || !try_next(rc)) {
            return rc;
        }
        first = first.code ? first : *e;
    }
    *e = first;
    return rc;
}

static int note_all(struct peer_run *r, struct sv root, int64_t max_content, struct peer_found *f,
                    struct err *e)
{
    struct db *db = r->p->taxii.db;
    int rc = db_begin(db, e);
    if (rc != OK) {
        return rc;
    }
    for (size_t i = 0; rc == OK && i < f->n; i++) {
        struct peer_collection *c = &f->collection[i];
        c->peer = r->peer.id;
        c->root = root;
        c->max_content = max_content;
        c->enabled = c->can_read && !r->peer.pick;
        rc = peer_collection_note(db, c, e);
    }
    r->report->collections += (unsigned)f->n;
    return db_finish(db, rc, e);
}

static int list_collections(struct peer_run *r, struct sv root, int64_t max_content, struct err *e)
{
    struct peer_found f;
    struct sv url;
    int rc = peer_url_join(root, SV("collections/"), &r->a, &url, e);
    rc = rc == OK ? peer_get(r, url, &f, e) : rc;
    return rc == OK ? note_all(r, root, max_content, &f, e) : rc;
}

/* Some servers answer collections only: what the root itself says is not needed. */
static int visit_root(struct peer_run *r, struct sv root, struct err *e)
{
    struct peer_found f;
    struct err ignored = ERR_NONE;
    int rc = peer_get(r, root, &f, &ignored);
    if (rc == ERR_CANCELLED) {
        *e = ignored;
        return rc;
    }
    r->tombstones |= rc == OK && f.tombstones;
    return list_collections(r, root, rc == OK ? f.max_content : 0, e);
}

static int visit_roots(struct peer_run *r, struct sv base, const struct peer_found *f, struct err *e)
{
    struct err first = ERR_NONE;
    size_t good = 0;
    for (size_t i = 0; i < f->roots; i++) {
        struct sv root;
        int rc = peer_url_join(base, f->root_url[i], &r->a, &root, e);
        rc = rc == OK ? visit_root(r, root, e) : rc;
        if (rc == ERR_CANCELLED || rc == ERR_MEMORY || rc == ERR_FULL || r->wait) {
            return rc;
        }
        good += rc == OK;
        first = rc != OK && !first.code ? *e : first;
    }
    if (f->roots == 0) {
        err_set(e, ERR_NOT_FOUND, "the peer's discovery names no API root for us");
        return err_hint(e, "look at the credentials, or give the address of an API root");
    }
    if (good) {
        *e = ERR_NONE;
        return OK;
    }
    *e = first;
    return first.code;
}

int peer_run_discover(struct peer_run *r, struct err *e)
{
    struct peer_found f;
    struct sv url;
    int rc = find_discovery(r, &url, &f, e);
    if (rc != OK) {
        return rc;
    }
    r->peer.title = f.title.n ? f.title : r->peer.title;
    if (f.discovery) {
        return visit_roots(r, url, &f, e);
    }
    if (f.root) {
        r->tombstones |= f.tombstones;
        return list_collections(r, url, f.max_content, e);
    }
    size_t end = url.n - (sv_ends(url, SV("/collections/")) ? sizeof("collections/") - 1 : 0);
    return note_all(r, sv_sub(url, 0, end), 0, &f, e);
}
