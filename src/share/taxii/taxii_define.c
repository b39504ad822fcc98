/* Defining API roots, collections, rights and what feeds them. */
#include "share/taxii/taxii_records.h"

#define PATH_MOST 200
#define ALIAS_MOST 64
#define RECORD_MOST (64u << 10)

static int accept(const struct taxii *t, struct buf *record, usec now, struct err *e)
{
    struct arena a;
    struct org home;
    struct pack pack;
    if (record->failed) {
        return err_set(e, ERR_LIMIT, "the definition is longer than %u KiB", RECORD_MOST >> 10);
    }
    arena_init(&a, 1 << 20);
    pack_init(&pack);
    int rc = org_home(t->db, &a, &home, e);
    if (rc == OK) {
        const struct ledger_header header = {.kind = "taxii", .org = home.id, .at = now};
        int64_t entry;
        pack_add(&pack, buf_sv(record));
        rc = ledger_accept(t->ledger, &header, &pack, &entry, e);
    }
    pack_clear(&pack);
    arena_clear(&a);
    return rc;
}

static int check_text(struct sv s, const char *what, bool needed, struct err *e)
{
    if (s.n > TAXII_TEXT_MOST || !sv_utf8(s) || (needed && sv_trim(s).n == 0)) {
        return err_set(e, ERR_VALUE, "%s must be UTF-8 of %s%d bytes", what, needed ? "1 to " : "at most ",
                       TAXII_TEXT_MOST);
    }
    return OK;
}

static bool is_word(struct sv s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_' || c == '.' || c == '~';
        if (!fine) {
            return false;
        }
    }
    return s.n > 0 && !sv_eq(s, SV(".")) && !sv_eq(s, SV(".."));
}

/* Names that the node itself answers under, and those of the resources below a root. */
static bool is_taken(struct sv path, struct sv first)
{
    return sv_eq(path, SV("taxii2")) || sv_eq(first, SV("api")) || sv_eq(first, SV("assets"));
}

static int check_path(struct sv path, struct err *e)
{
    struct sv rest = path, part = SV_NONE, first = SV_NONE;
    bool fine = path.n > 0 && path.n <= PATH_MOST;
    while (fine && sv_cut(&rest, '/', &part)) {
        first = first.p ? first : part;
        fine = is_word(part) && !sv_eq(part, SV("collections")) && !sv_eq(part, SV("status"));
    }
    if (!fine || is_taken(path, first)) {
        err_set(e, ERR_VALUE, "\"%.*s\" can be no path of an API root", SV_ARG(sv_sub(path, 0, PATH_MOST)));
        return err_hint(e,
                        "give one to %d letters, digits and -_.~ with '/' between words, not below "
                        "\"api\", without words like \"collections\"; for example trustgroup1",
                        PATH_MOST);
    }
    return OK;
}

/* Number of the one row that the query, bound with a number and a text, gives; 0 = none. */
static int64_t number(struct db *db, const char *sql, int64_t n, struct sv v, struct err *e)
{
    struct stmt *s = db_query(db, sql, e);
    if (!s) {
        return e->code;
    }
    db_int(s, n);
    db_text(s, v);
    int64_t rc = db_step(s, e);
    rc = rc == 1 ? col_int(s, 0) : rc;
    db_done(s);
    return rc;
}

int taxii_root_put(const struct taxii *t, struct taxii_root *r, usec now, struct err *e)
{
    int rc = check_path(r->path, e);
    rc = rc == OK ? check_text(r->title, "the title of an API root", true, e) : rc;
    rc = rc == OK ? check_text(r->description, "the description of an API root", false, e) : rc;
    if (rc == OK && r->max_content <= 0) {
        rc = err_set(e, ERR_VALUE, "the largest content must be above 0 bytes");
    }
    if (rc != OK) {
        return rc;
    }
    int64_t same = number(t->db, "SELECT id FROM api_root WHERE id <> ? AND path = ?", r->id, r->path, e);
    if (same) {
        return same < 0 ? (int)same
                        : err_set(e, ERR_EXISTS, "there is an API root /%.*s/ already", SV_ARG(r->path));
    }
    struct buf b;
    struct taxii_root v = *r;
    v.id = v.id ? v.id : db_value(t->db, "SELECT coalesce(max(id), 0) FROM api_root", 0) + 1;
    buf_init(&b, RECORD_MOST);
    taxii_root_encode(&b, &v);
    rc = accept(t, &b, now, e);
    buf_clear(&b);
    r->id = rc == OK ? v.id : r->id;
    return rc;
}

static int check_collection(const struct taxii *t, const struct taxii_collection *c, struct err *e)
{
    struct uuid u;
    int rc = check_text(c->title, "the title of a collection", true, e);
    rc = rc == OK ? check_text(c->description, "the description of a collection", false, e) : rc;
    rc = rc == OK ? check_text(c->media, "the list of media types", true, e) : rc;
    if (rc == OK && c->alias.n &&
        (!is_word(c->alias) || c->alias.n > ALIAS_MOST || uuid_parse(c->alias, &u))) {
        rc = err_set(e, ERR_VALUE, "an alias is one to %d letters, digits and -_.~, and no UUID", ALIAS_MOST);
    }
    if (rc == OK && ((int)c->ceiling < 0 || c->ceiling > TLP_UNKNOWN)) {
        rc = err_set(e, ERR_VALUE, "the ceiling must be a marking of TLP 2.0");
    }
    if (rc == OK && ((int)c->purpose < 0 || c->purpose >= PURPOSE_MAX)) {
        rc = err_set(e, ERR_VALUE, "the purpose is none of the closed list");
    }
    if (rc != OK || c->removed) {
        return rc;
    }
    struct stmt *s = db_query(t->db,
                              "SELECT 1 FROM collection WHERE root = ? AND id <> ? AND removed = 0 AND (uuid "
                              "= ? OR (alias <> '' AND alias = ?))",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, c->root);
    db_int(s, c->id);
    db_text(s, c->uuid);
    db_text(s, c->alias.p ? c->alias : SV(""));
    int same = db_step(s, e);
    db_done(s);
    if (same == 1) {
        err_set(e, ERR_EXISTS, "the API root has a collection of that id or alias already");
        return err_hint(e, "`noroshi taxii collection list` shows them");
    }
    return same;
}

/* Lower-case, or a new one. */
static int settle_uuid(struct taxii_collection *c, struct arena *a, struct err *e)
{
    struct uuid u = uuid_v4();
    char text[37];
    if (c->uuid.n && !uuid_parse(c->uuid, &u)) {
        return err_set(e, ERR_VALUE, "\"%.*s\" is no UUID, which the id of a collection must be",
                       SV_ARG(sv_sub(c->uuid, 0, 60)));
    }
    uuid_text(u, text);
    c->uuid = arena_sv(a, sv_c(text));
    return c->uuid.p ? OK : err_set(e, ERR_MEMORY, "no memory for a collection");
}

int taxii_collection_put(const struct taxii *t, struct taxii_collection *c, usec now, struct arena *a,
                         struct err *e)
{
    struct taxii_collection v = *c;
    struct buf b;
    v.media = v.media.n ? v.media : SV(TAXII_MEDIA);
    int rc = settle_uuid(&v, a, e);
    rc = rc == OK ? check_collection(t, &v, e) : rc;
    if (rc != OK) {
        return rc;
    }
    v.id = v.id ? v.id : db_value(t->db, "SELECT coalesce(max(id), 0) FROM collection", 0) + 1;
    buf_init(&b, RECORD_MOST);
    taxii_collection_encode(&b, &v);
    rc = accept(t, &b, now, e);
    buf_clear(&b);
    if (rc == OK) {
        *c = v;
    }
    return rc;
}

static int check_principal(struct sv p, struct err *e)
{
    struct sv key = sv_sub(p, 5, SIZE_MAX);
    struct uuid partner;
    uint8_t spki[32];
    bool fine = sv_eq(p, SV(TAXII_EVERYBODY)) || (sv_starts(p, SV("user:")) && key.n > 0) ||
                (sv_starts(p, SV("key:")) && p.n > 4) || (sv_starts(p, SV("peer:")) && key.n > 0) ||
                (sv_starts(p, SV("partner:")) && uuid_parse(sv_sub(p, 8, SIZE_MAX), &partner)) ||
                (sv_starts(p, SV("cert:")) && hex_parse(key, spki, sizeof(spki)));
    if (!fine || check_text(p, "a principal", true, e) != OK) {
        err_set(e, ERR_VALUE, "\"%.*s\" names nobody", SV_ARG(sv_sub(p, 0, 100)));
        return err_hint(
            e, "say user:NAME, key:NAME, partner:UUID, cert: and the SHA-256 of the certificate's public key "
               "in hex, or * for everybody who is authenticated");
    }
    return OK;
}

int taxii_right_put(const struct taxii *t, int64_t collection, const struct taxii_right *r, usec now,
                    struct err *e)
{
    struct buf b;
    struct taxii_right v = *r;
    char lower[80];
    int rc = check_principal(v.principal, e);
    if (rc != OK) {
        return rc;
    }
    if (sv_starts(v.principal, SV("cert:"))) {
        uint8_t spki[32];
        (void)hex_parse(sv_sub(v.principal, 5, SIZE_MAX), spki, sizeof(spki));
        memcpy(lower, "cert:", 5);
        hex_text(spki, sizeof(spki), lower + 5);
        v.principal = sv_c(lower);
    }
    buf_init(&b, RECORD_MOST);
    taxii_right_encode(&b, collection, &v);
    rc = accept(t, &b, now, e);
    buf_clear(&b);
    return rc;
}

int taxii_attach(const struct taxii *t, int64_t collection, int64_t source, bool on, usec now, struct err *e)
{
    struct buf b;
    struct arena a;
    struct source s = {0};
    arena_init(&a, 1 << 20);
    int rc = source ? source_get(t->db, source, &a, &s, e) : OK;
    if (rc == OK && on && s.exercise) {
        err_set(e, ERR_VALUE, "\"%.*s\" belongs to an exercise", SV_ARG(s.name));
        rc = err_hint(e, "what a TAXII client fetches carries no mark of a drill: exercise data does not go "
                         "into collections");
    }
    arena_clear(&a);
    if (rc != OK) {
        return rc;
    }
    buf_init(&b, RECORD_MOST);
    taxii_attach_encode(&b, collection, source, on);
    rc = accept(t, &b, now, e);
    buf_clear(&b);
    return rc;
}

int taxii_setting_put(const struct taxii *t, struct sv name, struct sv value, usec now, struct err *e)
{
    struct buf b;
    if (!sv_eq(name, SV("title")) && !sv_eq(name, SV("description")) && !sv_eq(name, SV("contact"))) {
        return err_set(e, ERR_VALUE, "discovery has title, description and contact, not \"%.*s\"",
                       SV_ARG(sv_sub(name, 0, 60)));
    }
    int rc = check_text(value, "a value of discovery", false, e);
    if (rc != OK) {
        return rc;
    }
    buf_init(&b, RECORD_MOST);
    taxii_setting_encode(&b, name, value);
    rc = accept(t, &b, now, e);
    buf_clear(&b);
    return rc;
}

int taxii_begin(const struct taxii *t, struct sv title, usec now, struct err *e)
{
    if (db_value(t->db, "SELECT 1 FROM api_root LIMIT 1", 0)) {
        return OK;
    }
    struct arena a;
    struct taxii_root root = {
        .path = SV("taxii2/root"), .title = title, .max_content = TAXII_CONTENT, .standard = true};
    struct taxii_collection c = {.alias = SV("all"),
                                 .title = SV("All sources"),
                                 .description = SV("What all sources of this organisation brought"),
                                 .ceiling = TLP_AMBER_STRICT,
                                 .admins = true};
    arena_init(&a, 1 << 20);
    int rc = taxii_root_put(t, &root, now, e);
    c.root = root.id;
    rc = rc == OK ? taxii_collection_put(t, &c, now, &a, e) : rc;
    rc = rc == OK ? taxii_attach(t, c.id, 0, true, now, e) : rc;
    rc = rc == OK ? taxii_setting_put(t, SV("title"), title, now, e) : rc;
    arena_clear(&a);
    return rc;
}
