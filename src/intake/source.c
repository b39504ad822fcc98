/* Organisations and sources: entries of the ledger, and the rows that applying them makes. */
#include "intake/private.h"

#define RECORD_VERSION 1
#define NAME_MOST 200u
#define RECORD_MOST ((size_t)1 << 20)

/* ---- rows ------------------------------------------------------------------------------------ */

static void bind_text(struct stmt *s, struct sv v)
{
    db_text(s, v.p ? v : SV(""));
}

static void bind_uuid(struct stmt *s, struct uuid u, char text[37])
{
    uuid_text(u, text);
    db_text(s, sv_c(text));
}

static int run_done(struct stmt *s, struct err *e)
{
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int get_uuid(struct stmt *s, int i, struct uuid *ret, struct err *e)
{
    return uuid_parse(col_text(s, i), ret)
               ? OK
               : err_set(e, ERR_CORRUPT, "the database holds a malformed identifier");
}

static bool keep(struct arena *a, struct sv v, struct sv *ret)
{
    *ret = arena_sv(a, v.p ? v : SV(""));
    return ret->p;
}

/* ---- records --------------------------------------------------------------------------------- */

static void org_encode(struct buf *b, const struct org *o)
{
    buf_u8(b, RECORD_VERSION);
    buf_addp(b, o->id.b, sizeof(o->id.b));
    buf_str(b, o->name);
    buf_str(b, o->country);
    buf_str(b, o->zone);
    buf_u8(b, o->exercise);
}

static bool get_id(struct cur *c, struct uuid *ret)
{
    struct sv id = cur_bytes(c, sizeof(ret->b));
    if (c->failed)
        return false;
    memcpy(ret->b, id.p, sizeof(ret->b));
    return true;
}

static bool org_decode(struct sv bytes, struct org *ret)
{
    struct cur c = cur_of(bytes);
    if (cur_u8(&c) != RECORD_VERSION || !get_id(&c, &ret->id))
        return false;
    ret->name = cur_str(&c);
    ret->country = cur_str(&c);
    ret->zone = cur_str(&c);
    ret->exercise = cur_u8(&c);
    return !c.failed && !cur_more(&c);
}

static void source_encode(struct buf *b, const struct source *s)
{
    buf_u8(b, RECORD_VERSION);
    buf_varint(b, (uint64_t)s->id);
    buf_addp(b, s->uuid.b, sizeof(s->uuid.b));
    buf_addp(b, s->org.b, sizeof(s->org.b));
    buf_str(b, s->name);
    buf_u8(b, (uint8_t)s->reliability);
    buf_str(b, s->zone);
    buf_u8(b, (uint8_t)s->tlp);
    buf_str(b, s->licence);
    buf_str(b, s->mapping);
    buf_str(b, s->upstream);
    buf_varint(b, (uint64_t)s->expiry);
    buf_u8(b, s->exercise);
}

static bool source_decode(struct sv bytes, struct source *ret)
{
    struct cur c = cur_of(bytes);
    if (cur_u8(&c) != RECORD_VERSION)
        return false;
    ret->id = (int64_t)cur_varint(&c);
    if (!get_id(&c, &ret->uuid) || !get_id(&c, &ret->org))
        return false;
    ret->name = cur_str(&c);
    ret->reliability = (char)cur_u8(&c);
    ret->zone = cur_str(&c);
    uint8_t tlp = cur_u8(&c);
    ret->tlp = (enum tlp)tlp;
    ret->licence = cur_str(&c);
    ret->mapping = cur_str(&c);
    ret->upstream = cur_str(&c);
    ret->expiry = (int64_t)cur_varint(&c);
    ret->exercise = cur_u8(&c);
    return !c.failed && !cur_more(&c) && ret->id > 0 && ret->expiry >= 0 && tlp <= TLP_UNKNOWN;
}

/* ---- apply ----------------------------------------------------------------------------------- */

static int first_record(const struct entry *entry, struct sv *ret, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    if (pack_next(&it, ret))
        return OK;
    return err_set(e, ERR_CORRUPT, "entry %lld has no readable content", (long long)entry->id);
}

static int org_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct sv record;
    struct org o;
    int rc = first_record(entry, &record, e);
    if (rc < 0 || !record.p)
        return rc;
    if (!org_decode(record, &o))
        return err_set(e, ERR_CORRUPT, "entry %lld holds an organisation that cannot be read",
                       (long long)entry->id);
    struct stmt *s =
        db_query(db,
                 "INSERT INTO org (id, name, country, zone, exercise, entry) VALUES (?, ?, ?, ?, ?, ?)"
                 " ON CONFLICT (id) DO UPDATE SET name = excluded.name, country = excluded.country,"
                 " zone = excluded.zone, exercise = excluded.exercise",
                 e);
    if (!s)
        return e->code;
    char id[37];
    bind_uuid(s, o.id, id);
    bind_text(s, o.name);
    bind_text(s, o.country);
    bind_text(s, o.zone);
    db_int(s, o.exercise);
    db_int(s, entry->id);
    return run_done(s, e);
}

static int note_last(struct db *db, int64_t id, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "INSERT INTO source_last (one, id) VALUES (1, ?)"
                 " ON CONFLICT (one) DO UPDATE SET id = excluded.id WHERE excluded.id > source_last.id",
                 e);
    if (!s)
        return e->code;
    db_int(s, id);
    return run_done(s, e);
}

static int source_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct sv record;
    struct source v = {0};
    int rc = first_record(entry, &record, e);
    if (rc < 0 || !record.p)
        return rc;
    if (!source_decode(record, &v))
        return err_set(e, ERR_CORRUPT, "entry %lld holds a source that cannot be read", (long long)entry->id);
    struct stmt *s = db_query(
        db,
        "INSERT INTO source (id, uuid, org, name, reliability, zone, tlp, licence, mapping, upstream, "
        "expiry, exercise)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " name = excluded.name, reliability = excluded.reliability, zone = excluded.zone, tlp = excluded.tlp,"
        " licence = excluded.licence, mapping = excluded.mapping, upstream = excluded.upstream,"
        " expiry = excluded.expiry, exercise = excluded.exercise",
        e);
    if (!s)
        return e->code;
    char uuid[37], org[37];
    db_int(s, v.id);
    bind_uuid(s, v.uuid, uuid);
    bind_uuid(s, v.org, org);
    bind_text(s, v.name);
    db_text(s, sv_from(&v.reliability, 1));
    bind_text(s, v.zone);
    db_int(s, v.tlp);
    bind_text(s, v.licence);
    bind_text(s, v.mapping);
    bind_text(s, v.upstream);
    db_int(s, v.expiry);
    db_int(s, v.exercise);
    rc = run_done(s, e);
    return rc < 0 ? rc : note_last(db, v.id, e);
}

const struct ledger_kind intake_kinds[] = {
    {"org", 1, org_apply, NULL},
    {"source", 1, source_apply, NULL},
    {NULL, 0, NULL, NULL},
};

/* ---- put ------------------------------------------------------------------------------------- */

static int check_name(struct sv name, const char *what, struct err *e)
{
    if (name.n == 0 || name.n > NAME_MOST || !sv_utf8(name) || sv_trim(name).n != name.n ||
        sv_chr(name, '\n') != SIZE_MAX)
        return err_set(e, ERR_VALUE,
                       "the name of %s must be 1 to %u bytes of one line of UTF-8, without spaces around it",
                       what, NAME_MOST);
    return OK;
}

static int check_zone(struct sv zone, struct err *e)
{
    return zone.n == 0 || zone_find(zone, e) ? OK : e->code;
}

static int accept_record(struct ledger *l, const struct ledger_header *h, const struct buf *record,
                         struct err *e)
{
    if (record->failed)
        return err_set(e, ERR_LIMIT, "the settings are longer than %zu KiB", RECORD_MOST >> 10);
    struct pack pack;
    pack_init(&pack);
    pack_add(&pack, buf_sv(record));
    int rc = pack.b.failed ? err_set(e, ERR_MEMORY, "no memory for a ledger entry")
                           : ledger_accept(l, h, &pack, NULL, e);
    pack_clear(&pack);
    return rc;
}

int org_put(struct ledger *l, struct db *db, const struct org *o, usec now, struct err *e)
{
    int rc = check_name(o->name, "an organisation", e);
    if (rc == OK)
        rc = check_zone(o->zone, e);
    if (rc < 0)
        return rc;
    if (o->country.n != 2 || o->country.p[0] < 'A' || o->country.p[0] > 'Z' || o->country.p[1] < 'A' ||
        o->country.p[1] > 'Z') {
        err_set(e, ERR_VALUE, "\"%.*s\" is no country code", SV_ARG(sv_sub(o->country, 0, 20)));
        return err_hint(e, "use the two capital letters of ISO 3166-1, like TW");
    }
    struct buf record;
    const struct ledger_header h = {.kind = "org", .org = o->id, .at = now};
    buf_init(&record, RECORD_MOST);
    org_encode(&record, o);
    rc = accept_record(l, &h, &record, e);
    buf_clear(&record);
    return rc;
}

/* Number of the organisation's source of that name, 0 = none. */
static int64_t number_of(struct db *db, struct uuid org, struct sv name, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT id FROM source WHERE org = ? AND name = ?", e);
    if (!s)
        return e->code;
    char text[37];
    bind_uuid(s, org, text);
    bind_text(s, name);
    int64_t id = db_step(s, e);
    if (id > 0)
        id = col_int(s, 0);
    db_done(s);
    return id;
}

static int check_source(struct db *db, const struct source *s, struct err *e)
{
    int rc = check_name(s->name, "a source", e);
    if (rc == OK && (s->reliability < 'A' || s->reliability > 'F')) {
        err_set(e, ERR_VALUE, "'%c' is no reliability",
                s->reliability > ' ' && s->reliability < 127 ? s->reliability : '?');
        rc = err_hint(e, "use a letter of the Admiralty scale: A completely reliable ... E unreliable, F "
                         "cannot be judged");
    }
    if (rc == OK && (s->expiry < 0 || (int)s->tlp < 0 || s->tlp > TLP_RED))
        rc = err_set(e, ERR_VALUE, "the expiry must not be negative and the marking one of TLP 2.0");
    if (rc == OK)
        rc = check_zone(s->zone, e);
    if (rc == OK)
        rc = csv_mapping_check(s->mapping, e);
    if (rc < 0)
        return rc;
    int64_t same = number_of(db, s->org, s->name, e);
    if (same < 0)
        return (int)same;
    if (same && same != s->id) {
        err_set(e, ERR_EXISTS, "there is a source \"%.*s\" already", SV_ARG(s->name));
        return err_hint(e, "choose another name, or change that one");
    }
    return OK;
}

int source_put(struct ledger *l, struct db *db, struct source *s, usec now, struct err *e)
{
    struct err own = ERR_NONE;
    e = e ? e : &own;
    int rc = check_source(db, s, e);
    if (rc < 0)
        return rc;
    struct source v = *s;
    if (v.id == 0) {
        v.id = db_value(db, "SELECT id FROM source_last", 0) + 1;
        if (uuid_nil(v.uuid))
            v.uuid = uuid_v4();
    }
    struct buf record;
    const struct ledger_header h = {.kind = "source", .source = v.id, .org = v.org, .at = now};
    buf_init(&record, RECORD_MOST);
    source_encode(&record, &v);
    rc = accept_record(l, &h, &record, e);
    buf_clear(&record);
    if (rc >= 0) {
        s->id = v.id;
        s->uuid = v.uuid;
    }
    return rc < 0 ? rc : OK;
}

/* ---- get ------------------------------------------------------------------------------------- */

#define SOURCE_COLUMNS                                                                                       \
    "SELECT id, uuid, org, name, reliability, zone, tlp, licence, mapping, upstream, expiry, exercise FROM " \
    "source"

static int read_source(struct stmt *s, struct arena *a, struct source *ret, struct err *e)
{
    struct sv reliability = col_text(s, 4);
    *ret = (struct source){
        .id = col_int(s, 0),
        .reliability = reliability.n ? reliability.p[0] : 'F',
        .tlp = (enum tlp)col_int(s, 6),
        .expiry = col_int(s, 10),
        .exercise = col_int(s, 11),
    };
    int rc = get_uuid(s, 1, &ret->uuid, e);
    if (rc == OK)
        rc = get_uuid(s, 2, &ret->org, e);
    if (rc < 0)
        return rc;
    bool kept = keep(a, col_text(s, 3), &ret->name) && keep(a, col_text(s, 5), &ret->zone) &&
                keep(a, col_text(s, 7), &ret->licence) && keep(a, col_text(s, 8), &ret->mapping) &&
                keep(a, col_text(s, 9), &ret->upstream);
    return kept ? OK : err_set(e, ERR_MEMORY, "no memory for a source");
}

int source_get(struct db *db, int64_t id, struct arena *a, struct source *ret, struct err *e)
{
    struct stmt *s = db_query(db, SOURCE_COLUMNS " WHERE id = ?", e);
    if (!s)
        return e->code;
    db_int(s, id);
    int rc = db_step(s, e);
    if (rc > 0)
        rc = read_source(s, a, ret, e);
    else if (rc == 0)
        rc = err_set(e, ERR_NOT_FOUND, "there is no source %lld", (long long)id);
    db_done(s);
    return rc;
}

static int find_one(struct stmt *s, struct sv name, struct arena *a, struct source *ret, struct err *e)
{
    int rc = db_step(s, e);
    if (rc == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no source \"%.*s\"", SV_ARG(sv_sub(name, 0, NAME_MOST)));
        return err_hint(e, "`noroshi source list` shows them; `noroshi source add` makes one");
    }
    if (rc > 0)
        rc = read_source(s, a, ret, e);
    if (rc < 0)
        return rc;
    rc = db_step(s, e);
    if (rc > 0) {
        err_set(e, ERR_CONFLICT, "several organisations have a source \"%.*s\"",
                SV_ARG(sv_sub(name, 0, NAME_MOST)));
        return err_hint(e, "give its identifier instead, as `noroshi source list` shows it");
    }
    return rc;
}

int source_find(struct db *db, struct sv name_or_uuid, struct arena *a, struct source *ret, struct err *e)
{
    struct uuid u;
    char text[37];
    bool by_uuid = uuid_parse(name_or_uuid, &u);
    struct stmt *s = by_uuid ? db_query(db, SOURCE_COLUMNS " WHERE uuid = ?", e)
                             : db_query(db, SOURCE_COLUMNS " WHERE name = ? ORDER BY id", e);
    if (!s)
        return e->code;
    if (by_uuid)
        bind_uuid(s, u, text);
    else
        bind_text(s, name_or_uuid);
    int rc = find_one(s, name_or_uuid, a, ret, e);
    db_done(s);
    return rc;
}

int source_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct source *s), void *ctx,
                struct err *e)
{
    struct stmt *s = db_query(db, SOURCE_COLUMNS " ORDER BY id", e);
    if (!s)
        return e->code;
    int rc;
    while ((rc = db_step(s, e)) > 0) {
        struct source v;
        rc = read_source(s, a, &v, e);
        if (rc == OK)
            rc = each(ctx, &v);
        if (rc < 0)
            break;
    }
    db_done(s);
    return rc;
}

#define ORG_COLUMNS "SELECT id, name, country, zone, exercise FROM org ORDER BY entry, id"

static int read_org(struct stmt *s, struct arena *a, struct org *ret, struct err *e)
{
    *ret = (struct org){.exercise = col_int(s, 4)};
    int rc = get_uuid(s, 0, &ret->id, e);
    if (rc < 0)
        return rc;
    bool kept = keep(a, col_text(s, 1), &ret->name) && keep(a, col_text(s, 2), &ret->country) &&
                keep(a, col_text(s, 3), &ret->zone);
    return kept ? OK : err_set(e, ERR_MEMORY, "no memory for an organisation");
}

int org_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct org *o), void *ctx,
             struct err *e)
{
    struct stmt *s = db_query(db, ORG_COLUMNS, e);
    if (!s)
        return e->code;
    int rc;
    while ((rc = db_step(s, e)) > 0) {
        struct org v;
        rc = read_org(s, a, &v, e);
        if (rc == OK)
            rc = each(ctx, &v);
        if (rc < 0)
            break;
    }
    db_done(s);
    return rc;
}

int org_home(struct db *db, struct arena *a, struct org *ret, struct err *e)
{
    struct stmt *s = db_query(db, ORG_COLUMNS " LIMIT 1", e);
    if (!s)
        return e->code;
    int rc = db_step(s, e);
    if (rc > 0)
        rc = read_org(s, a, ret, e);
    else if (rc == 0) {
        err_set(e, ERR_NOT_FOUND, "the node has no organisation");
        rc = err_hint(e, "`noroshi init` makes the first one");
    }
    db_done(s);
    return rc;
}
