/* Peers, their collections and cursors in the database: state, which backups keep and rebuilds leave. */
#include "share/peer/peer_private.h"

const char peer_migration[] =
    "CREATE TABLE peer (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL, "
    "pin TEXT NOT NULL, title TEXT NOT NULL, source BIGINT NOT NULL, org TEXT NOT NULL, enabled INTEGER NOT "
    "NULL, pick INTEGER NOT NULL, version INTEGER NOT NULL, every_seconds BIGINT NOT NULL, page BIGINT NOT "
    "NULL, bytes_per_second BIGINT NOT NULL, last_run BIGINT, last_ok BIGINT, not_before BIGINT, error TEXT "
    "NOT NULL);"
    "CREATE UNIQUE INDEX peer_name ON peer (name);"
    "CREATE TABLE peer_collection (id INTEGER PRIMARY KEY, peer BIGINT NOT NULL, root TEXT NOT NULL, uuid "
    "TEXT NOT NULL, alias TEXT NOT NULL, title TEXT NOT NULL, can_read INTEGER NOT NULL, can_write INTEGER "
    "NOT NULL, enabled INTEGER NOT NULL, max_content BIGINT NOT NULL, added_after BIGINT, seen BIGINT, next "
    "TEXT NOT NULL, etag TEXT NOT NULL, page BIGINT NOT NULL, last_only INTEGER NOT NULL, notes TEXT NOT "
    "NULL, error TEXT NOT NULL, last_run BIGINT, last_ok BIGINT, pages BIGINT NOT NULL, accepted BIGINT NOT "
    "NULL, duplicates BIGINT NOT NULL, rejected BIGINT NOT NULL, push_from BIGINT NOT NULL, pushed_to "
    "BIGINT, pushed BIGINT NOT NULL, refused BIGINT NOT NULL);"
    "CREATE UNIQUE INDEX peer_collection_of ON peer_collection (peer, root, uuid);"
    "CREATE TABLE peer_refusal (id INTEGER PRIMARY KEY, collection BIGINT NOT NULL, stix_id TEXT NOT NULL, "
    "version TEXT NOT NULL, message TEXT NOT NULL, at BIGINT NOT NULL);"
    "CREATE INDEX peer_refusal_of ON peer_refusal (collection, id);";

#define REFUSALS_KEPT 1000

static void text(struct stmt *s, struct sv v)
{
    db_text(s, v.p ? v : SV(""));
}

static bool keep(struct arena *a, struct sv v, struct sv *ret)
{
    *ret = arena_sv(a, v.p ? v : SV(""));
    return ret->p;
}

static int finish(struct stmt *s, struct err *e)
{
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* ---- what may be kept */

static bool good_name(struct sv name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(i && (c == '-' || c == '_' || c == '.'))) {
            return false;
        }
    }
    return name.n > 0 && name.n <= 64;
}

int peer_check(const struct peer *p, struct err *e)
{
    uint8_t pin[32];
    if (!good_name(p->name)) {
        return err_set(e, ERR_VALUE,
                       "the name of a peer has 1 to 64 letters, digits, '-', '_' or '.', and begins with a "
                       "letter or digit");
    }
    if (!peer_url_good(p->url)) {
        err_set(e, ERR_VALUE, "a peer is reached by an https:// address without user name and query");
        return err_hint(e, "give its discovery, for example https://taxii.example/taxii2/");
    }
    if (p->pin.n && !hex_parse(p->pin, pin, sizeof(pin))) {
        return err_set(e, ERR_VALUE, "a pin is the SHA-256 of the server's public key: 64 hex digits");
    }
    if (p->page < 1 || p->page > PEER_PAGE_MOST) {
        return err_set(e, ERR_VALUE, "a page has 1 to %d objects", PEER_PAGE_MOST);
    }
    if (p->bytes_per_second < 0 || p->every_seconds < 0 || p->every_seconds > 366 * 86400LL) {
        return err_set(e, ERR_VALUE, "a rate is not below 0, and an interval at most a year");
    }
    return OK;
}

/* ---- peers */

#define PEER_COLUMNS                                                                                         \
    "SELECT id, uuid, name, url, pin, title, source, org, enabled, pick, version, every_seconds, page, "     \
    "bytes_per_second, last_run, last_ok, not_before, error FROM peer "

static int read_peer(struct stmt *s, struct arena *a, struct peer *ret, struct err *e)
{
    *ret = (struct peer){.id = col_int(s, 0),
                         .source = col_int(s, 6),
                         .enabled = col_int(s, 8) != 0,
                         .pick = col_int(s, 9) != 0,
                         .version = (unsigned)col_int(s, 10),
                         .every_seconds = col_int(s, 11),
                         .page = col_int(s, 12),
                         .bytes_per_second = col_int(s, 13),
                         .last_run = col_time(s, 14),
                         .last_ok = col_time(s, 15),
                         .not_before = col_time(s, 16)};
    bool kept = keep(a, col_text(s, 1), &ret->uuid) && keep(a, col_text(s, 2), &ret->name) &&
                keep(a, col_text(s, 3), &ret->url) && keep(a, col_text(s, 4), &ret->pin) &&
                keep(a, col_text(s, 5), &ret->title) && keep(a, col_text(s, 17), &ret->error);
    if (!uuid_parse(col_text(s, 7), &ret->org)) {
        return err_set(e, ERR_CORRUPT, "peer %lld has no organisation", (long long)ret->id);
    }
    return kept ? OK : err_set(e, ERR_MEMORY, "no memory for a peer");
}

static int name_is_free(struct db *db, const struct peer *p, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT 1 FROM peer WHERE name = ? AND id <> ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, p->name);
    db_int(s, p->id);
    int rc = db_step(s, e);
    db_done(s);
    return rc == 1 ? err_set(e, ERR_EXISTS, "there is a peer '%.*s' already", SV_ARG(p->name)) : rc;
}

static void bind_peer(struct stmt *s, const struct peer *p, char org[37])
{
    uuid_text(p->org, org);
    db_text(s, p->uuid);
    db_text(s, p->name);
    db_text(s, p->url);
    text(s, p->pin);
    text(s, p->title);
    db_int(s, p->source);
    db_text(s, sv_c(org));
    db_int(s, p->enabled);
    db_int(s, p->pick);
    db_int(s, p->version);
    db_int(s, p->every_seconds);
    db_int(s, p->page);
    db_int(s, p->bytes_per_second);
    db_time(s, p->last_run);
    db_time(s, p->last_ok);
    db_time(s, p->not_before);
    text(s, p->error);
}

int peer_put(struct db *db, struct peer *p, struct arena *a, struct err *e)
{
    char id[37], org[37];
    int rc = peer_check(p, e);
    rc = rc == OK ? name_is_free(db, p, e) : rc;
    if (rc == OK && !p->uuid.n) {
        uuid_text(uuid_v4(), id);
        rc = keep(a, sv_c(id), &p->uuid) ? OK : err_set(e, ERR_MEMORY, "no memory for a peer");
    }
    if (rc != OK) {
        return rc;
    }
    if (!p->id) {
        p->id = db_value(db, "SELECT max(id) FROM peer", 0) + 1;
    }
    struct stmt *s = db_query(
        db,
        "INSERT INTO peer (uuid, name, url, pin, title, source, org, enabled, pick, version, every_seconds, "
        "page, bytes_per_second, last_run, last_ok, not_before, error, id) VALUES "
        "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = "
        "excluded.url, pin = excluded.pin, title = excluded.title, source = excluded.source, org = "
        "excluded.org, enabled = excluded.enabled, pick = excluded.pick, version = excluded.version, "
        "every_seconds = excluded.every_seconds, page = excluded.page, bytes_per_second = "
        "excluded.bytes_per_second, last_run = excluded.last_run, last_ok = excluded.last_ok, not_before = "
        "excluded.not_before, error = excluded.error",
        e);
    if (!s) {
        return e->code;
    }
    bind_peer(s, p, org);
    db_int(s, p->id);
    return finish(s, e);
}

int peer_find(struct db *db, struct sv name, struct arena *a, struct peer *ret, struct err *e)
{
    char shown[80];
    struct stmt *s = db_query(db, PEER_COLUMNS "WHERE name = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, name);
    int rc = db_step(s, e);
    rc = rc == 1   ? read_peer(s, a, ret, e)
         : rc == 0 ? err_set(e, ERR_NOT_FOUND, "there is no peer '%s'", sv_show(name, shown, sizeof(shown)))
                   : rc;
    db_done(s);
    return rc == ERR_NOT_FOUND ? err_hint(e, "`noroshi peer list` shows the peers") : rc;
}

int peer_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct peer *p), void *ctx,
              struct err *e)
{
    struct stmt *s = db_query(db, PEER_COLUMNS "ORDER BY name", e);
    if (!s) {
        return e->code;
    }
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        struct peer p;
        rc = read_peer(s, a, &p, e);
        rc = rc == OK ? each(ctx, &p) : rc;
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

/* What a run leaves on the row of its peer; settings changed meanwhile stay. */
int peer_ran(struct db *db, const struct peer *p, struct err *e)
{
    struct stmt *s = db_query(db,
                              "UPDATE peer SET title = ?, version = ?, last_run = ?, last_ok = ?, not_before "
                              "= ?, error = ? WHERE id = ?",
                              e);
    if (!s) {
        return e->code;
    }
    text(s, p->title);
    db_int(s, p->version);
    db_time(s, p->last_run);
    db_time(s, p->last_ok);
    db_time(s, p->not_before);
    text(s, p->error);
    db_int(s, p->id);
    return finish(s, e);
}

static int delete_by(struct db *db, const char *sql, int64_t id, struct err *e)
{
    struct stmt *s = db_query(db, sql, e);
    if (!s) {
        return e->code;
    }
    db_int(s, id);
    return finish(s, e);
}

int peer_rows_remove(struct db *db, int64_t peer, struct err *e)
{
    int rc = delete_by(db,
                       "DELETE FROM peer_refusal WHERE collection IN (SELECT id FROM peer_collection WHERE "
                       "peer = ?)",
                       peer, e);
    rc = rc == OK ? delete_by(db, "DELETE FROM peer_collection WHERE peer = ?", peer, e) : rc;
    return rc == OK ? delete_by(db, "DELETE FROM peer WHERE id = ?", peer, e) : rc;
}

/* ---- collections */

#define COLLECTION_COLUMNS                                                                                   \
    "SELECT id, peer, root, uuid, alias, title, can_read, can_write, enabled, max_content, added_after, "    \
    "seen, next, etag, page, last_only, notes, error, last_run, last_ok, pages, accepted, duplicates, "      \
    "rejected, push_from, pushed_to, pushed, refused FROM peer_collection "

static int read_collection(struct stmt *s, struct arena *a, struct peer_collection *ret, struct err *e)
{
    *ret = (struct peer_collection){
        .id = col_int(s, 0),
        .peer = col_int(s, 1),
        .can_read = col_int(s, 6) != 0,
        .can_write = col_int(s, 7) != 0,
        .enabled = col_int(s, 8) != 0,
        .max_content = col_int(s, 9),
        .after = col_time(s, 10),
        .seen = col_time(s, 11),
        .page = col_int(s, 14),
        .last_only = col_int(s, 15) != 0,
        .last_run = col_time(s, 18),
        .last_ok = col_time(s, 19),
        .pages = col_int(s, 20),
        .accepted = col_int(s, 21),
        .duplicates = col_int(s, 22),
        .rejected = col_int(s, 23),
        .from = col_int(s, 24),
        .pushed_to = col_time(s, 25),
        .pushed = col_int(s, 26),
        .refused = col_int(s, 27),
    };
    bool kept = keep(a, col_text(s, 2), &ret->root) && keep(a, col_text(s, 3), &ret->uuid) &&
                keep(a, col_text(s, 4), &ret->alias) && keep(a, col_text(s, 5), &ret->title) &&
                keep(a, col_text(s, 12), &ret->next) && keep(a, col_text(s, 13), &ret->etag) &&
                keep(a, col_text(s, 16), &ret->notes) && keep(a, col_text(s, 17), &ret->error);
    return kept ? OK : err_set(e, ERR_MEMORY, "no memory for a collection");
}

int peer_collection_each(struct db *db, int64_t peer, struct arena *a,
                         int (*each)(void *ctx, const struct peer_collection *c), void *ctx, struct err *e)
{
    struct stmt *s = db_query(db, COLLECTION_COLUMNS "WHERE peer = ? ORDER BY id", e);
    if (!s) {
        return e->code;
    }
    db_int(s, peer);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        struct peer_collection c;
        rc = read_collection(s, a, &c, e);
        rc = rc == OK ? each(ctx, &c) : rc;
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

struct search {
    struct sv what;
    int64_t number;
    struct peer_collection found;
    unsigned n;
};

static int match(void *ctx, const struct peer_collection *c)
{
    struct search *s = ctx;
    if (sv_ieq(s->what, c->uuid) || (c->alias.n && sv_eq(s->what, c->alias)) || sv_eq(s->what, c->title) ||
        (s->number && s->number == c->id)) {
        s->found = *c;
        s->n++;
    }
    return OK;
}

int peer_collection_find(struct db *db, int64_t peer, struct sv what, struct arena *a,
                         struct peer_collection *ret, struct err *e)
{
    struct search s = {.what = what};
    char shown[80];
    (void)sv_i64(what, &s.number);
    int rc = peer_collection_each(db, peer, a, match, &s, e);
    if (rc == OK && s.n != 1) {
        rc = err_set(e, s.n ? ERR_VALUE : ERR_NOT_FOUND, "%s collection of this peer is called '%s'",
                     s.n ? "more than one" : "no", sv_show(what, shown, sizeof(shown)));
        return err_hint(e, "`noroshi peer show NAME` shows its collections; give an id or number");
    }
    *ret = s.found;
    return rc;
}

/* What a run changes of a collection: not what people set. */
int peer_collection_save(struct db *db, const struct peer_collection *c, struct err *e)
{
    struct stmt *s = db_query(
        db,
        "UPDATE peer_collection SET added_after = ?, seen = ?, next = ?, etag = ?, page = ?, last_only = ?, "
        "notes = ?, error = ?, last_run = ?, last_ok = ?, pages = ?, accepted = ?, duplicates = ?, rejected "
        "= ?, pushed_to = ?, pushed = ?, refused = ? WHERE id = ?",
        e);
    if (!s) {
        return e->code;
    }
    db_time(s, c->after);
    db_time(s, c->seen);
    text(s, c->next);
    text(s, c->etag);
    db_int(s, c->page);
    db_int(s, c->last_only);
    text(s, c->notes);
    text(s, c->error);
    db_time(s, c->last_run);
    db_time(s, c->last_ok);
    db_int(s, c->pages);
    db_int(s, c->accepted);
    db_int(s, c->duplicates);
    db_int(s, c->rejected);
    db_time(s, c->pushed_to);
    db_int(s, c->pushed);
    db_int(s, c->refused);
    db_int(s, c->id);
    return finish(s, e);
}

int peer_collection_note(struct db *db, const struct peer_collection *c, struct err *e)
{
    struct stmt *s = db_query(
        db,
        "INSERT INTO peer_collection (peer, root, uuid, alias, title, can_read, can_write, enabled, "
        "max_content, next, etag, page, last_only, notes, error, pages, accepted, duplicates, rejected, "
        "push_from, pushed, refused) VALUES (?,?,?,?,?,?,?,?,?,'','',0,0,'','',0,0,0,0,0,0,0) ON CONFLICT "
        "(peer, root, uuid) DO UPDATE SET alias = excluded.alias, title = excluded.title, can_read = "
        "excluded.can_read, can_write = excluded.can_write, max_content = excluded.max_content",
        e);
    if (!s) {
        return e->code;
    }
    db_int(s, c->peer);
    text(s, c->root);
    text(s, c->uuid);
    text(s, c->alias);
    text(s, c->title);
    db_int(s, c->can_read);
    db_int(s, c->can_write);
    db_int(s, c->enabled);
    db_int(s, c->max_content);
    return finish(s, e);
}

int peer_collection_enable(struct db *db, int64_t collection, bool on, struct err *e)
{
    struct stmt *s = db_query(db, "UPDATE peer_collection SET enabled = ?, error = '' WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, on);
    db_int(s, collection);
    return finish(s, e);
}

int peer_collection_push(struct db *db, int64_t collection, int64_t from, struct err *e)
{
    struct stmt *s = db_query(db,
                              "UPDATE peer_collection SET pushed_to = CASE WHEN push_from = ? THEN pushed_to "
                              "END, push_from = ? WHERE id = ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, from);
    db_int(s, from);
    db_int(s, collection);
    return finish(s, e);
}

/* ---- refusals */

int peer_refusal_add(struct db *db, int64_t collection, const struct peer_refusal *r, struct err *e)
{
    struct stmt *s = db_query(
        db, "INSERT INTO peer_refusal (collection, stix_id, version, message, at) VALUES (?,?,?,?,?)", e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    text(s, r->id);
    text(s, r->version);
    text(s, r->message);
    db_time(s, r->at);
    int rc = finish(s, e);
    s = rc == OK ? db_query(db,
                            "DELETE FROM peer_refusal WHERE collection = ? AND id <= (SELECT id FROM "
                            "peer_refusal WHERE collection = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                            e)
                 : NULL;
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    db_int(s, collection);
    db_int(s, REFUSALS_KEPT);
    return finish(s, e);
}

int peer_refusal_each(struct db *db, int64_t collection, size_t most,
                      int (*each)(void *ctx, const struct peer_refusal *r), void *ctx, struct err *e)
{
    struct stmt *s = db_query(db,
                              "SELECT stix_id, version, message, at FROM peer_refusal WHERE collection = ? "
                              "ORDER BY id DESC LIMIT ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, collection);
    db_int(s, (int64_t)most);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        const struct peer_refusal r = {
            .id = col_text(s, 0), .version = col_text(s, 1), .message = col_text(s, 2), .at = col_time(s, 3)};
        rc = each(ctx, &r);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}
