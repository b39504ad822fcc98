/* Feeds as rows: what is fetched from where, and how the last answers went. */
#include "fuse/feed_private.h"

#include <fcntl.h>
#include <unistd.h>

static const struct db_migration migrations[] = {
    {1,
     "CREATE TABLE feed (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, entry TEXT NOT NULL, url TEXT "
     "NOT "
     "NULL, way TEXT NOT NULL, format TEXT NOT NULL, source BIGINT NOT NULL, steady INTEGER NOT NULL, "
     "max_bytes "
     "BIGINT NOT NULL, ca_pem TEXT NOT NULL, key_header TEXT NOT NULL, etag TEXT NOT NULL, modified TEXT NOT "
     "NULL, status INTEGER NOT NULL, checked BIGINT, changed BIGINT, bytes BIGINT NOT NULL, records BIGINT "
     "NOT "
     "NULL, accepted BIGINT NOT NULL, duplicates BIGINT NOT NULL, rejected BIGINT NOT NULL, total_accepted "
     "BIGINT NOT NULL);"
     "CREATE TABLE feed_item (feed BIGINT NOT NULL, item TEXT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY "
     "(feed, item));"},
    {0, NULL},
};
static const struct db_table tables[] = {
    {"feed", TABLE_STATE}, {"feed_item", TABLE_STATE}, {NULL, TABLE_STATE}};
const struct db_room feed_room = {.name = "feed", .migrations = migrations, .tables = tables};

#define COLUMNS                                                                                              \
    "id, name, entry, url, way, format, source, steady, max_bytes, ca_pem, key_header, etag, modified, "     \
    "status, checked, changed, bytes, records, accepted, duplicates, rejected, total_accepted"

static struct feed feed_of(struct stmt *s)
{
    struct feed f = {
        .id = col_int(s, 0),
        .name = col_text(s, 1),
        .entry = col_text(s, 2),
        .url = col_text(s, 3),
        .format = col_text(s, 5),
        .source = col_int(s, 6),
        .steady = col_int(s, 7) != 0,
        .max_bytes = (uint64_t)col_int(s, 8),
        .ca_pem = col_text(s, 9),
        .key_header = col_text(s, 10),
        .etag = col_text(s, 11),
        .modified = col_text(s, 12),
        .status = (unsigned)col_int(s, 13),
        .checked = col_time(s, 14),
        .changed = col_time(s, 15),
        .bytes = (uint64_t)col_int(s, 16),
        .records = (uint64_t)col_int(s, 17),
        .accepted = (uint64_t)col_int(s, 18),
        .duplicates = (uint64_t)col_int(s, 19),
        .rejected = (uint64_t)col_int(s, 20),
        .total_accepted = (uint64_t)col_int(s, 21),
    };
    (void)feed_way_parse(col_text(s, 4), &f.way);
    return f;
}

/* ---- what may be a feed */

static bool on_this_machine(struct sv url)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct sv rest = sv_sub(url, strlen(hosts[i]), SIZE_MAX);
        if (sv_istarts(url, sv_c(hosts[i])) && rest.n && (rest.p[0] == ':' || rest.p[0] == '/'))
            return true;
    }
    return false;
}

bool feed_plain(struct sv url)
{
    return on_this_machine(url);
}

int feed_check(struct sv name, struct sv url, struct err *e)
{
    bool good = name.n > 0 && name.n <= FEED_NAME_MOST && name.p[0] != '-';
    for (size_t i = 0; good && i < name.n; i++)
        good = (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') ||
               name.p[i] == '-';
    if (!good) {
        err_set(e, ERR_VALUE, "'%.*s' is no name of a feed", SV_ARG(sv_sub(name, 0, 60)));
        return err_hint(e, "a name has 1 to %d lower-case letters, digits and '-'", FEED_NAME_MOST);
    }
    if (!sv_istarts(url, SV("https://")) && !on_this_machine(url)) {
        err_set(e, ERR_VALUE, "a feed is fetched over https");
        return err_hint(
            e, "give an address that begins with https://; http is for 127.0.0.1 and localhost only");
    }
    return OK;
}

/* ---- putting */

static int bind_and_run(struct stmt *s, struct err *e)
{
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int insert_feed(struct db *db, const struct feed *f, struct err *e)
{
    struct stmt *s = db_query(
        db,
        "INSERT INTO feed (name, entry, url, way, format, source, steady, max_bytes, ca_pem, key_header, "
        "etag, "
        "modified, status, bytes, records, accepted, duplicates, rejected, total_accepted) VALUES (?, ?, ?, "
        "?, ?, "
        "?, ?, ?, ?, ?, '', '', 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (name) DO UPDATE SET entry = "
        "excluded.entry, url "
        "= excluded.url, way = excluded.way, format = excluded.format, source = excluded.source, steady = "
        "excluded.steady, max_bytes = excluded.max_bytes, ca_pem = excluded.ca_pem, key_header = "
        "excluded.key_header, etag = CASE WHEN feed.url = excluded.url THEN feed.etag ELSE '' END, modified "
        "= "
        "CASE WHEN feed.url = excluded.url THEN feed.modified ELSE '' END",
        e);
    if (!s)
        return e->code;
    const struct sv texts[] = {f->name, f->entry, f->url, sv_c(feed_way_name(f->way)), f->format};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        db_text(s, texts[i].p ? texts[i] : SV(""));
    db_int(s, f->source);
    db_int(s, f->steady);
    db_int(s, (int64_t)f->max_bytes);
    db_text(s, f->ca_pem.p ? f->ca_pem : SV(""));
    db_text(s, f->key_header.p ? f->key_header : SV(""));
    return bind_and_run(s, e);
}

/* Items belong to an address. */
static int forget_items(struct db *db, int64_t feed, struct err *e)
{
    struct stmt *s = db_query(db, "DELETE FROM feed_item WHERE feed = ?", e);
    if (!s)
        return e->code;
    db_int(s, feed);
    return bind_and_run(s, e);
}

static struct sv job_name(struct sv feed, char room[FEED_NAME_MOST + 8])
{
    int n = snprintf(room, FEED_NAME_MOST + 8, FEED_KIND ":%.*s", SV_ARG(feed));
    return sv_from(room, (size_t)n);
}

int feed_put(struct db *db, struct feed *f, int64_t every_seconds, bool enabled, usec now, struct err *e)
{
    struct arena a;
    struct feed old = {0}, new;
    char room[FEED_NAME_MOST + 8];
    int rc = feed_check(f->name, f->url, e);
    if (rc != OK)
        return rc;
    arena_init(&a, 4u << 20);
    rc = feed_get(db, f->name, &a, &old, e);
    bool moved = rc == OK && !sv_eq(old.url, f->url);
    rc = rc == OK || rc == ERR_NOT_FOUND ? insert_feed(db, f, e) : rc;
    rc = rc == OK ? feed_get(db, f->name, &a, &new, e) : rc;
    rc = rc == OK && moved ? forget_items(db, new.id, e) : rc;
    if (rc == OK) {
        const struct job j = {.name = job_name(f->name, room),
                              .kind = SV(FEED_KIND),
                              .argument = f->name,
                              .every_seconds = every_seconds,
                              .enabled = enabled};
        f->id = new.id;
        rc = job_put(db, &j, now, now, e);
        rc = rc == OK && moved ? job_due_at(db, j.name, now, now, e) : rc;
    }
    arena_clear(&a);
    return rc;
}

int feed_remove(struct db *db, struct sv name, struct err *e)
{
    struct arena a;
    struct feed f;
    char room[FEED_NAME_MOST + 8];
    arena_init(&a, 4u << 20);
    int rc = feed_get(db, name, &a, &f, e);
    rc = rc == OK ? forget_items(db, f.id, e) : rc;
    struct stmt *s = rc == OK ? db_query(db, "DELETE FROM feed WHERE id = ?", e) : NULL;
    if (s) {
        db_int(s, f.id);
        rc = bind_and_run(s, e);
        rc = rc == OK ? job_remove(db, job_name(f.name, room), e) : rc;
    } else if (rc == OK) {
        rc = e->code;
    }
    arena_clear(&a);
    return rc;
}

/* ---- looking */

int feed_get(struct db *db, struct sv name, struct arena *a, struct feed *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT " COLUMNS " FROM feed WHERE name = ?", e);
    if (!s)
        return e->code;
    db_text(s, name);
    int rc = db_step(s, e);
    if (rc == 0) {
        err_set(e, ERR_NOT_FOUND, "the feed '%.*s' is not enabled", SV_ARG(sv_sub(name, 0, 60)));
        rc = err_hint(
            e, "`noroshi feed list` shows those that are known; `noroshi feed enable NAME` enables one");
    } else if (rc == 1) {
        *ret = feed_of(s);
        struct sv *const texts[] = {&ret->name,   &ret->entry,      &ret->url,  &ret->format,
                                    &ret->ca_pem, &ret->key_header, &ret->etag, &ret->modified};
        rc = OK;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            *texts[i] = arena_sv(a, *texts[i]);
            rc = texts[i]->p ? rc : err_set(e, ERR_MEMORY, "no memory for a feed");
        }
    }
    db_done(s);
    return rc;
}

int feed_each(struct db *db, int (*each)(void *ctx, const struct feed *f), void *ctx, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT " COLUMNS " FROM feed ORDER BY name", e);
    if (!s)
        return e->code;
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        const struct feed f = feed_of(s);
        rc = each(ctx, &f);
        if (rc != OK)
            break;
    }
    db_done(s);
    return rc;
}

/* ---- enabling */

static int make_source(const struct feeds *f, const struct feed_entry *entry, struct uuid org, usec now,
                       int64_t *ret, struct err *e)
{
    struct arena a;
    struct source s;
    arena_init(&a, 4u << 20);
    int rc = source_find(f->db, sv_c(entry->name), &a, &s, e);
    if (rc == ERR_NOT_FOUND) {
        s = (struct source){.uuid = uuid_v4(),
                            .org = org,
                            .name = sv_c(entry->name),
                            .reliability = entry->reliability,
                            .zone = sv_c(entry->zone),
                            .tlp = entry->tlp,
                            .licence = sv_c(entry->licence),
                            .mapping = sv_c(entry->mapping),
                            .upstream = sv_c(entry->upstream),
                            .expiry = (int64_t)entry->expiry_days * 86400};
        rc = source_put(f->ledger, f->db, &s, now, e);
    }
    *ret = s.id;
    arena_clear(&a);
    return rc;
}

int feed_enable(const struct feeds *f, const struct feed_entry *entry, struct uuid org, struct sv url,
                struct sv ca_pem, int64_t every_seconds, usec now, struct err *e)
{
    struct feed feed = {.name = sv_c(entry->name),
                        .entry = sv_c(entry->name),
                        .url = url.n ? url : sv_c(entry->url),
                        .way = entry->way,
                        .format = sv_c(entry->format),
                        .steady = entry->steady,
                        .max_bytes = entry->max_bytes,
                        .ca_pem = ca_pem,
                        .key_header = sv_c(entry->key_header)};
    int64_t every = every_seconds ? every_seconds : (int64_t)entry->every_minutes * 60;
    int rc = db_begin(f->db, e);
    if (rc != OK)
        return rc;
    rc = make_source(f, entry, org, now, &feed.source, e);
    rc = rc == OK ? feed_put(f->db, &feed, every, true, now, e) : rc;
    return db_finish(f->db, rc, e);
}

int feed_switch(const struct feeds *f, struct sv name, bool enabled, usec now, struct err *e)
{
    struct arena a;
    struct job j;
    struct feed feed;
    char room[FEED_NAME_MOST + 8];
    arena_init(&a, 4u << 20);
    int rc = feed_get(f->db, name, &a, &feed, e);
    rc = rc == OK ? job_get(f->db, job_name(feed.name, room), &a, &j, e) : rc;
    rc = rc == OK ? db_begin(f->db, e) : rc;
    if (rc == OK) {
        j.enabled = enabled;
        rc = db_finish(f->db, job_put(f->db, &j, now, now, e), e);
    }
    arena_clear(&a);
    return rc;
}

/* ---- keys */

static int key_path(const struct feeds *f, struct sv name, char ret[4096], struct err *e)
{
    return snprintf(ret, 4096, "%s/feed-%.*s.key", f->keys, SV_ARG(name)) < 4096
               ? OK
               : err_set(e, ERR_LIMIT, "the path %s is too long", f->keys);
}

int feed_key_put(const struct feeds *f, struct sv name, struct sv key, struct err *e)
{
    char path[4096];
    int rc = feed_check(name, SV("https://"), e);
    rc = rc == OK ? key_path(f, name, path, e) : rc;
    if (rc != OK)
        return rc;
    key = sv_trim(key);
    if (key.n == 0)
        return unlink(path) == 0 || access(path, F_OK) != 0 ? OK
                                                            : err_set(e, ERR_IO, "cannot remove %s", path);
    return file_write(AT_FDCWD, path, key, 0600, e);
}

int feed_key_get(const struct feeds *f, const struct feed *feed, struct buf *ret, struct err *e)
{
    char path[4096], name[FEED_NAME_MOST + 1];
    int rc = key_path(f, feed->name, path, e);
    rc = rc == OK ? file_read(AT_FDCWD, path, ret, e) : rc;
    if (rc == ERR_NOT_FOUND) {
        (void)sv_copy(feed->name, name, sizeof(name));
        err_set(e, ERR_AUTH, "the feed needs a key, and none is kept for it");
        rc = err_hint(e, "write it to a file and give that: noroshi feed enable %s --key-file FILE", name);
    }
    return rc;
}

/* ---- what answers said */

int feed_note(struct db *db, const struct feed *f, struct err *e)
{
    int rc = db_begin(db, e);
    if (rc != OK)
        return rc;
    struct stmt *s =
        db_query(db,
                 "UPDATE feed SET etag = ?, modified = ?, status = ?, checked = ?, changed = ?, bytes = "
                 "?, records = ?, accepted = ?, duplicates = ?, rejected = ?, total_accepted = ? WHERE "
                 "id = ? AND url = ?",
                 e);
    if (!s)
        return db_finish(db, e->code, e);
    db_text(s, f->etag.p ? f->etag : SV(""));
    db_text(s, f->modified.p ? f->modified : SV(""));
    db_int(s, f->status);
    db_time(s, f->checked);
    db_time(s, f->changed);
    const uint64_t numbers[] = {f->bytes,      f->records,  f->accepted,
                                f->duplicates, f->rejected, f->total_accepted};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        db_int(s, (int64_t)numbers[i]);
    db_int(s, f->id);
    db_text(s, f->url);
    return db_finish(db, bind_and_run(s, e), e);
}

int feed_item_get(struct db *db, int64_t feed, struct sv item, int64_t *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT version FROM feed_item WHERE feed = ? AND item = ?", e);
    if (!s)
        return e->code;
    db_int(s, feed);
    db_text(s, item);
    int rc = db_step(s, e);
    if (rc == 1)
        *ret = col_int(s, 0);
    db_done(s);
    return rc;
}

int feed_item_put(struct db *db, int64_t feed, struct sv item, int64_t version, struct err *e)
{
    int rc = db_begin(db, e);
    if (rc != OK)
        return rc;
    struct stmt *s =
        db_query(db,
                 "INSERT INTO feed_item (feed, item, version) VALUES (?, ?, ?) ON CONFLICT (feed, item) "
                 "DO UPDATE SET version = excluded.version",
                 e);
    if (!s)
        return db_finish(db, e->code, e);
    db_int(s, feed);
    db_text(s, item);
    db_int(s, version);
    return db_finish(db, bind_and_run(s, e), e);
}
