/* Consents of origins: what came from one partner goes on to another only if the origin said so. */
#include "share/partner/queue_private.h"

#include "share/partner/copies.h"
#include "share/partner/shares.h"

#define BODY_MOST ((size_t)65536)
#define TEXT_MOST 400

/* ---- bodies of messages */

/* The members in the order of RFC 8785. */
void consent_write(const struct consent *c, bool answer, struct buf *out)
{
    struct jw w;
    char partner[37], until[32];
    uuid_text(c->partner, partner);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "for", sv_c(partner));
    if (answer) {
        jw_kbool(&w, "granted", c->granted);
    }
    jw_kstr(&w, "id", c->id);
    if (answer) {
        if (c->until != USEC_NONE) {
            time_text6(c->until, until);
        }
        jw_kstr(&w, "until", c->until != USEC_NONE ? sv_c(until) : SV_NONE);
    }
    jw_kstr(&w, "version", c->version);
    jw_end_obj(&w);
}

static bool is_text(struct sv s, bool may_be_empty)
{
    return s.p && (s.n || may_be_empty) && s.n <= TEXT_MOST && sv_utf8(s);
}

static bool read_answer(struct jv v, struct consent *ret)
{
    const struct time_opts utc = {.fallback = NULL};
    struct err ignored = ERR_NONE;
    struct sv until = json_get_str(v, SV("until"));
    ret->until = USEC_NONE;
    return json_bool(json_get(v, SV("granted")), &ret->granted) &&
           (until.p ? time_parse(until, &utc, &ret->until, &ignored) == OK : !ret->granted);
}

int consent_read(struct sv body, bool answer, struct arena *a, struct consent *ret, struct err *e)
{
    struct jv v = {0};
    struct json_doc *d = json_doc_new(BODY_MOST);
    *ret = (struct consent){.until = USEC_NONE};
    int rc = d ? json_parse(d, body, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a consent");
    if (rc == OK) {
        struct sv id = json_get_str(v, SV("id")), version = json_get_str(v, SV("version"));
        bool good = json_count(v) == (answer ? 5u : 3u) &&
                    uuid_parse(json_get_str(v, SV("for")), &ret->partner) && !uuid_nil(ret->partner) &&
                    is_text(id, false) && is_text(version, true) && (!answer || read_answer(v, ret));
        ret->id = good ? arena_sv(a, id) : SV_NONE;
        ret->version = good ? arena_sv(a, version) : SV_NONE;
        rc = good ? OK
                  : err_set(e, ERR_VALUE, "the message is no %s",
                            answer ? "consent" : "request for a consent");
    }
    json_doc_free(d);
    return rc;
}

/* ---- at who asks */

static struct sv member(struct jv o, const char *key)
{
    return json_get_str(o, sv_c(key));
}

static struct sv version_of(struct jv o)
{
    struct sv v = member(o, "modified");
    v = v.p ? v : member(o, "created");
    return v.p ? v : SV("");
}

static int read_thing(const struct queue *k, const struct pact_view *view, struct sv what, struct arena *a,
                      int64_t *ret_source, struct consent *ret, struct err *e)
{
    struct buf json;
    struct jv v = {0};
    enum tlp tlp;
    struct json_doc *d = json_doc_new((size_t)64 << 20);
    buf_init(&json, (size_t)64 << 20);
    int rc = d ? fuse_thing(k->fuse, view, what, &json, ret_source, &tlp, e)
               : err_set(e, ERR_MEMORY, "no memory to read an object");
    rc = rc == OK ? json_parse(d, buf_sv(&json), &v, e) : rc;
    if (rc == OK) {
        ret->id = arena_sv(a, member(v, "id"));
        ret->version = arena_sv(a, version_of(v));
    }
    buf_clear(&json);
    json_doc_free(d);
    return rc;
}

int consent_of(const struct queue *k, const struct pact_view *view, struct sv what, struct uuid partner,
               struct arena *a, struct uuid *ret_origin, struct consent *ret, struct err *e)
{
    struct source s;
    int64_t source = 0;
    *ret = (struct consent){.partner = partner, .until = USEC_NONE};
    int rc = read_thing(k, view, what, a, &source, ret, e);
    rc = rc == OK ? source_get(k->db, source, a, &s, e) : rc;
    if (rc == OK && !release_principal(s.upstream, ret_origin)) {
        err_set(e, ERR_USAGE, "it came from no partner: nobody else has to consent");
        return err_hint(e, "`noroshi explain OBJECT --to PARTNER` says what is missing");
    }
    if (rc == OK && uuid_eq(*ret_origin, partner)) {
        return err_set(e, ERR_USAGE, "it came from that very partner");
    }
    return rc;
}

int consent_asked(struct db *db, struct uuid origin, const struct consent *c, struct uuid message,
                  struct sv person, usec now, struct err *e)
{
    return queue_sql(db, e,
                     "INSERT INTO consent_request (origin, stix_id, version, partner, message, by_whom, at) "
                     "VALUES (?,?,?,?,?,?,?) ON CONFLICT (origin, stix_id, version, partner) DO UPDATE SET "
                     "message = excluded.message, by_whom = excluded.by_whom, at = excluded.at",
                     "dttddtu", origin, c->id, c->version, c->partner, message, person, now);
}

/* 1 = this was asked of that origin; *ret_same: it has answered so before. */
static int was_asked(struct db *db, struct uuid origin, const struct consent *c, bool *ret_same,
                     struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT c.granted, c.until FROM consent_request q LEFT JOIN consent c ON c.origin = "
                 "q.origin AND c.stix_id = q.stix_id AND c.version = q.version AND c.partner = "
                 "q.partner WHERE q.origin = ? AND q.stix_id = ? AND q.version = ? AND q.partner = ?",
                 e);
    if (!s) {
        return e->code;
    }
    db_text(s, QUEUE_ID(origin));
    db_text(s, c->id);
    db_text(s, c->version);
    db_text(s, QUEUE_ID(c->partner));
    int rc = db_step(s, e);
    *ret_same =
        rc == 1 && !col_null(s, 0) && (col_int(s, 0) != 0) == c->granted && col_time(s, 1) == c->until;
    db_done(s);
    return rc;
}

/* {"for","granted","id","origin","until","version"} */
static void write_record(struct uuid origin, const struct consent *c, struct buf *out)
{
    struct jw w;
    char text[37], until[32];
    jw_init(&w, out);
    jw_obj(&w);
    uuid_text(c->partner, text);
    jw_kstr(&w, "for", sv_c(text));
    jw_kbool(&w, "granted", c->granted);
    jw_kstr(&w, "id", c->id);
    uuid_text(origin, text);
    jw_kstr(&w, "origin", sv_c(text));
    if (c->until != USEC_NONE) {
        time_text6(c->until, until);
    }
    jw_kstr(&w, "until", c->until != USEC_NONE ? sv_c(until) : SV_NONE);
    jw_kstr(&w, "version", c->version);
    jw_end_obj(&w);
}

/* A view of all that is here: what may go is decided thing by thing. */
static int everything(struct db *db, struct uuid home, struct arena *a, struct pact_view *ret, struct err *e)
{
    int64_t most = db_value(db, "SELECT max(id) FROM source", 0);
    *ret = (struct pact_view){
        .org = home, .ceiling = arena_alloc(a, (size_t)most + 1), .sources = (size_t)most + 1};
    if (!ret->ceiling) {
        return err_set(e, ERR_MEMORY, "no memory for a view");
    }
    memset(ret->ceiling, TLP_UNKNOWN, (size_t)most + 1);
    return OK;
}

/* What may go on now may want a person here as well. */
static int ask_person(const struct queue *k, const struct consent *c, usec now, struct err *e)
{
    struct pact_view view;
    struct arena a;
    unsigned n;
    arena_init(&a, 1u << 20);
    int rc = everything(k->db, k->home, &a, &view, e);
    for (int p = 0; rc == OK && p < PURPOSE_MAX; p++) {
        struct err why = ERR_NONE;
        rc = queue_ask(k, &view, c->id, c->partner, (enum purpose)p, SV(""), now, &n, &why);
        bool waits_not = rc == ERR_DENIED || rc == ERR_EXISTS || rc == ERR_NOT_FOUND || rc == ERR_LIMIT;
        *e = rc == OK || waits_not ? *e : why;
        rc = waits_not ? OK : rc;
    }
    arena_clear(&a);
    return rc;
}

int consent_answered(const struct queue *k, struct uuid origin, const struct consent *c, usec now,
                     struct err *e)
{
    struct buf b;
    bool same = false;
    int rc = was_asked(k->db, origin, c, &same, e);
    if (rc != 1 || same) {
        return rc < 0 ? rc : rc == 1 ? OK : err_set(e, ERR_NOT_FOUND, "nobody asked for this consent");
    }
    buf_init(&b, BODY_MOST);
    write_record(origin, c, &b);
    rc = register_accept(k->ledger, k->db, "consent", buf_sv(&b), now, e);
    buf_clear(&b);
    return rc == OK && c->granted ? ask_person(k, c, now, e) : rc;
}

int consent_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    const struct time_opts utc = {.fallback = NULL};
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct jv v = {0};
    bool granted = false;
    usec until = USEC_NONE;
    struct err ignored = ERR_NONE;
    if (!pack_next(&it, &record) || !record.p) {
        return OK; /* expunged */
    }
    struct json_doc *d = json_doc_new(BODY_MOST);
    int rc = d ? json_parse(d, record, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a consent");
    if (rc == OK) {
        (void)json_bool(json_get(v, SV("granted")), &granted);
        struct sv text = member(v, "until");
        until = text.p && time_parse(text, &utc, &until, &ignored) == OK ? until : USEC_NONE;
        rc = queue_sql(
            db, e,
            "INSERT INTO consent (origin, stix_id, version, partner, granted, until, entry) VALUES "
            "(?,?,?,?,?,?,?) ON CONFLICT (origin, stix_id, version, partner) DO UPDATE SET granted = "
            "excluded.granted, until = excluded.until, entry = excluded.entry",
            "ttttiui", member(v, "origin"), member(v, "id"), member(v, "version"), member(v, "for"),
            (int64_t)granted, until, entry->id);
    }
    json_doc_free(d);
    return rc;
}

int consent_fill(const struct release *r, struct release_ask *ask, struct err *e)
{
    if (ask->onward != ONWARD_WITH_CONSENT) {
        return OK;
    }
    struct stmt *s =
        db_query(r->db,
                 "SELECT 1 FROM consent WHERE origin = ? AND stix_id = ? AND version = ? AND partner "
                 "= ? AND granted = 1 AND until > ?",
                 e);
    if (!s) {
        return e->code;
    }
    db_text(s, QUEUE_ID(ask->origin));
    db_text(s, r->id);
    db_text(s, version_of(r->object));
    db_text(s, QUEUE_ID(ask->partner));
    db_time(s, r->now);
    int rc = db_step(s, e);
    ask->consent = rc == 1;
    db_done(s);
    return rc < 0 ? rc : OK;
}

static struct uuid id_of(struct stmt *s, int column)
{
    struct uuid id = {{0}};
    return uuid_parse(col_text(s, column), &id) ? id : (struct uuid){{0}};
}

int consent_each(struct db *db, int (*each)(void *ctx, const struct consent_state *s), void *ctx,
                 struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT q.origin, q.stix_id, q.version, q.partner, q.by_whom, q.at, c.granted, c.until "
                 "FROM consent_request q LEFT JOIN consent c ON c.origin = q.origin AND c.stix_id = "
                 "q.stix_id AND c.version = q.version AND c.partner = q.partner ORDER BY q.at DESC",
                 e);
    int rc;
    if (!s) {
        return e->code;
    }
    while ((rc = db_step(s, e)) == 1) {
        const struct consent_state state = {.origin = id_of(s, 0),
                                            .c = {.id = col_text(s, 1),
                                                  .version = col_text(s, 2),
                                                  .partner = id_of(s, 3),
                                                  .granted = col_int(s, 6) != 0,
                                                  .until = col_time(s, 7)},
                                            .person = col_text(s, 4),
                                            .asked = col_time(s, 5),
                                            .answered = !col_null(s, 6)};
        rc = each(ctx, &state);
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}

/* ---- at the origin */

static int not_given(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "nothing of this id was given to you");
}

struct newest {
    struct queued *q;
    struct sv version;
    const struct queue *k;
    struct arena *a;
    struct buf json;
    struct json_doc *doc;
    bool found;
};

/* The version that was asked about: what is asked for is what the partner has. */
static int on_version(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct newest *n = ctx;
    struct jv v = {0};
    char hex[65];
    if (n->found || i->ended) {
        return OK;
    }
    buf_reset(&n->json);
    int rc = fuse_item_write(n->k->fuse, i->claim, i->number, i->version, &n->json, e);
    rc = rc == 1 ? json_parse(n->doc, buf_sv(&n->json), &v, e) : rc < 0 ? rc : ERR_NOT_FOUND;
    if (rc != OK || !sv_eq(version_of(v), n->version)) {
        return rc == ERR_NOT_FOUND ? OK : rc;
    }
    struct sha256 sum = sha256_of(buf_sv(&n->json));
    hex_text(sum.b, sizeof(sum.b), hex);
    n->q->type = arena_sv(n->a, i->type);
    n->q->sha256 = arena_sv(n->a, sv_c(hex));
    n->q->source = i->source;
    n->q->tlp = i->tlp;
    n->q->claim = i->claim;
    n->q->item = i->number;
    n->q->item_version = i->version;
    n->found = true;
    return OK;
}

/* What the partner calls `id` is perhaps a copy. */
static int find_thing(const struct queue *k, const struct consent *c, struct arena *a, struct queued *q,
                      struct err *e)
{
    struct pact_view view;
    struct sv id = c->id;
    struct newest n = {.q = q, .version = c->version, .k = k, .a = a, .doc = json_doc_new((size_t)64 << 20)};
    buf_init(&n.json, (size_t)64 << 20);
    int rc = n.doc ? copies_original(k->db, c->id, a, &id, e)
                   : err_set(e, ERR_MEMORY, "no memory to read an object");
    rc = rc < 0 ? rc : everything(k->db, k->home, a, &view, e);
    if (rc == OK) {
        rc = fuse_items_of(k->fuse, &view, id, 100, on_version, &n, e);
    }
    if (rc >= 0 && !n.found) {
        rc = k->items ? k->items(k->ctx, id, on_version, &n, e) : OK;
    }
    buf_clear(&n.json);
    json_doc_free(n.doc);
    return rc < 0 ? rc : n.found ? OK : not_given(e);
}

int consent_requested(const struct queue *k, const struct hash_secret *secret, struct uuid asker,
                      const struct consent *c, struct uuid message, usec now, struct err *e)
{
    struct arena a;
    bool full = false;
    struct queued q = {.kind = QUEUE_CONSENT,
                       .partner = c->partner,
                       .asker = asker,
                       .id = c->id,
                       .version = c->version,
                       .asked = now,
                       .asked_by = SV(""),
                       .message = message};
    int rc = share_was_given(k->db, asker, (int64_t)hash64(secret, c->id), e);
    if (rc != 1) {
        return rc < 0 ? rc : not_given(e);
    }
    if (uuid_eq(c->partner, asker) || uuid_eq(c->partner, k->home)) {
        return err_set(e, ERR_VALUE, "a consent is for somebody else");
    }
    arena_init(&a, (size_t)64 << 20);
    rc = find_thing(k, c, &a, &q, e);
    rc = rc == OK ? db_begin(k->db, e) : rc;
    if (rc == OK) {
        rc = queue_put(k->db, &q, &full, e);
        rc = db_finish(k->db, rc < 0 ? rc : OK, e);
    }
    arena_clear(&a);
    return rc == OK && full ? err_set(e, ERR_DENIED, "too many of your requests wait for a person here") : rc;
}
