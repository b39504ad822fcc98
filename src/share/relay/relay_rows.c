/* Relays as they are kept. */
#include "share/relay/relay_private.h"

#include <stdarg.h>
#include <stdlib.h>

int relay_sql(struct db *db, struct err *e, const char *sql, const char *types, ...)
{
    struct stmt *s = db_query(db, sql, e);
    va_list list;
    if (!s) {
        return e->code;
    }
    va_start(list, types);
    for (const char *t = types; *t; t++) {
        if (*t == 't') {
            db_text(s, va_arg(list, struct sv));
        } else if (*t == 'u') {
            db_time(s, va_arg(list, usec));
        } else {
            db_int(s, va_arg(list, int64_t));
        }
    }
    va_end(list);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* The collection with what the partner may do there. */
static int find_collection(const struct relays *r, struct uuid partner, int64_t collection, struct arena *a,
                           struct taxii_collection *ret, struct err *e)
{
    char principal[48] = "partner:";
    uuid_text(partner, principal + 8);
    const struct taxii_who who = {.principal = sv_c(principal), .org = partner};
    return taxii_collection_get(r->taxii.db, collection, &who, a, ret, e);
}

static int check(const struct relays *r, struct uuid partner, int64_t collection, struct err *e)
{
    struct arena a;
    struct taxii_collection c;
    arena_init(&a, 16u << 20);
    int rc = find_collection(r, partner, collection, &a, &c, e);
    if (rc == OK && !c.can_read) {
        err_set(e, ERR_DENIED, "the partner may not read this collection");
        rc = err_hint(e, "`noroshi taxii collection grant` lets it, with --read partner:UUID");
    }
    arena_clear(&a);
    return rc;
}

static int insert(const struct relays *r, struct sv partner, int64_t collection, usec high,
                  const struct sighting_mark *seen, usec now, int64_t *ret_id, struct err *e)
{
    struct stmt *s =
        db_query(r->taxii.db,
                 "INSERT INTO relay (partner, collection, made, high, seen_entry, seen_sighting, looked, "
                 "look_after, things, messages) "
                 "VALUES (?,?,?,?,?,?,?,0,0,0) ON CONFLICT (partner, collection) DO NOTHING RETURNING id",
                 e);
    if (!s) {
        return e->code;
    }
    db_text(s, partner);
    db_int(s, collection);
    db_time(s, now);
    db_time(s, high);
    db_int(s, seen->entry);
    db_int(s, seen->sighting);
    db_blob(s, SV(""));
    int rc = db_step(s, e);
    *ret_id = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    if (rc == 0) {
        return err_set(e, ERR_EXISTS, "this collection is relayed to the partner already");
    }
    return rc < 0 ? rc : OK;
}

int relay_add(const struct relays *r, struct uuid partner, int64_t collection, bool history, usec now,
              struct err *e)
{
    char id[37];
    usec newest = 0;
    int64_t relay = 0;
    struct sighting_mark seen;
    uuid_text(partner, id);
    int rc = check(r, partner, collection, e);
    rc = rc == OK ? taxii_newest(&r->taxii, collection, &newest, e) : rc;
    rc = rc == OK ? fuse_sightings_now(r->taxii.fuse, &seen, e) : rc;
    newest = newest == USEC_NONE ? 0 : newest;
    rc = rc == OK ? insert(r, sv_c(id), collection, newest, &seen, now, &relay, e) : rc;
    if (rc == OK && history && newest) {
        rc = relay_sql(r->taxii.db, e,
                       "INSERT INTO relay_range (relay, lane, source, after, upto) VALUES (?,1,0,0,?)", "iu",
                       relay, newest);
    }
    return rc;
}

static int forget(struct db *db, int64_t relay, struct err *e)
{
    static const char members[] =
        "DELETE FROM relay_message_member WHERE message IN (SELECT id FROM relay_message WHERE relay = ?)";
    static const char *const from[] = {members,
                                       "DELETE FROM relay_message WHERE relay = ?",
                                       "DELETE FROM relay_range WHERE relay = ?",
                                       "DELETE FROM relay_held WHERE relay = ?",
                                       "DELETE FROM relay_sighting WHERE relay = ?",
                                       "DELETE FROM relay_sighting_open WHERE relay = ?",
                                       "DELETE FROM relay WHERE id = ?"};
    int rc = OK;
    for (size_t i = 0; rc == OK && i < sizeof(from) / sizeof(from[0]); i++) {
        rc = relay_sql(db, e, from[i], "i", relay);
    }
    return rc;
}

int relay_remove(const struct relays *r, struct uuid partner, int64_t collection, struct err *e)
{
    char id[37];
    uuid_text(partner, id);
    struct stmt *s = db_query(r->taxii.db, "SELECT id FROM relay WHERE partner = ? AND collection = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(id));
    db_int(s, collection);
    int rc = db_step(s, e);
    int64_t relay = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    if (rc == 0) {
        err_set(e, ERR_NOT_FOUND, "this collection is not relayed to the partner");
        return err_hint(e, "`noroshi relay list` shows what is");
    }
    return rc == 1 ? forget(r->taxii.db, relay, e) : rc;
}

static bool read_relay(struct stmt *s, struct relay *ret)
{
    *ret = (struct relay){.id = col_int(s, 0),
                          .collection = col_int(s, 2),
                          .made = col_time(s, 3),
                          .high = col_time(s, 4),
                          .seen = {.entry = col_int(s, 5), .sighting = col_int(s, 6)},
                          .last_sent = col_time(s, 8)};
    struct sv looked = col_blob(s, 7);
    if (looked.n == sizeof(ret->looked.b)) {
        memcpy(ret->looked.b, looked.p, looked.n);
    }
    return uuid_parse(col_text(s, 1), &ret->partner);
}

/* All of them at once: what is called for each one writes. */
int relay_each(struct db *db, int (*each)(void *ctx, const struct relay *r, struct err *e), void *ctx,
               struct err *e)
{
    struct relay *list = NULL;
    size_t n = 0, room = 0;
    int rc;
    struct stmt *s = db_query(db,
                              "SELECT id, partner, collection, made, high, seen_entry, seen_sighting, "
                              "looked, last_sent FROM relay ORDER BY id",
                              e);
    if (!s) {
        return e->code;
    }
    while ((rc = db_step(s, e)) == 1) {
        if (n == room) {
            room = room ? room * 2 : 16;
            struct relay *more = reallocarray(list, room, sizeof(*list));
            if (!more) {
                rc = err_set(e, ERR_MEMORY, "no memory for the list of relays");
                break;
            }
            list = more;
        }
        n += read_relay(s, &list[n]);
    }
    db_done(s);
    for (size_t i = 0; rc == OK && i < n; i++) {
        rc = each(ctx, &list[i], e);
    }
    free(list);
    return rc;
}
