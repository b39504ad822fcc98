/* What is on record of messages: the tables, and the entries that make the view. */
#include "share/message/message_private.h"

#define RECORD_MOST (MESSAGE_RECORDED * 2 + ((size_t)1 << 20))

const char message_migration[] =
    "CREATE TABLE message (partner TEXT NOT NULL, id TEXT NOT NULL, sent INTEGER NOT NULL, kind TEXT NOT "
    "NULL, counter BIGINT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL, agreement TEXT, "
    "agreement_version BIGINT NOT NULL, share BIGINT NOT NULL, body_sha256 TEXT NOT NULL, body TEXT, at "
    "BIGINT NOT NULL, acknowledged BIGINT, accepted INTEGER, text TEXT, entry BIGINT NOT NULL, PRIMARY KEY "
    "(partner, id, sent));"
    "CREATE INDEX message_entry ON message (entry);"
    "CREATE INDEX message_id ON message (id);"
    "CREATE TABLE outbox (partner TEXT NOT NULL, counter BIGINT NOT NULL, id TEXT NOT NULL UNIQUE, kind TEXT "
    "NOT NULL, added BIGINT NOT NULL, queued BIGINT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT "
    "NULL, signer TEXT NOT NULL, envelope TEXT NOT NULL, attempts BIGINT NOT NULL DEFAULT 0, tried BIGINT, "
    "failure TEXT, left_at BIGINT, PRIMARY KEY (partner, counter));"
    "CREATE TABLE outbox_last (partner TEXT PRIMARY KEY, counter BIGINT NOT NULL, added BIGINT NOT NULL);"
    "CREATE TABLE message_in (partner TEXT NOT NULL, id TEXT NOT NULL, counter BIGINT NOT NULL, body_sha256 "
    "TEXT NOT NULL, expires BIGINT NOT NULL, at BIGINT NOT NULL, ack TEXT NOT NULL, PRIMARY KEY (partner, "
    "id));"
    "CREATE UNIQUE INDEX message_in_counter ON message_in (partner, counter);"
    "CREATE TABLE message_refused (partner TEXT NOT NULL, why TEXT NOT NULL, text TEXT NOT NULL, times "
    "BIGINT "
    "NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, PRIMARY KEY (partner, why));";

/* ---- the view */

static void bind_time_of(struct stmt *s, struct jv v, const char *key)
{
    const struct time_opts none = {.fallback = NULL};
    usec at = USEC_NONE;
    db_time(s, time_parse(json_get_str(v, sv_c(key)), &none, &at, NULL) == OK ? at : USEC_NONE);
}

static void bind_number(struct stmt *s, struct jv v, const char *key)
{
    int64_t n = 0;
    (void)json_i64(json_get(v, sv_c(key)), &n);
    db_int(s, n);
}

static int run_it(struct stmt *s, struct err *e)
{
    int rc = s ? db_run(s, e) : e->code;
    db_done(s);
    return rc;
}

/* "sent", and "received" with what became of it. */
static int apply_new(struct db *db, struct jv v, bool sent, const struct entry *entry, struct err *e)
{
    struct buf body;
    bool accepted = false;
    struct stmt *s =
        db_query(db,
                 "INSERT INTO message (partner, id, sent, kind, counter, created, expires, agreement, "
                 "agreement_version, share, body_sha256, body, at, acknowledged, accepted, text, entry) "
                 "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
                 e);
    if (!s) {
        return e->code;
    }
    buf_init(&body, RECORD_MOST);
    if (json_type(json_get(v, SV("body"))) == JSON_OBJECT) {
        json_add(&body, json_get(v, SV("body")));
    }
    db_text(s, json_get_str(v, SV("partner")));
    db_text(s, json_get_str(v, SV("id")));
    db_int(s, sent);
    db_text(s, json_get_str(v, SV("kind")));
    bind_number(s, v, "counter");
    bind_time_of(s, v, "created");
    bind_time_of(s, v, "expires");
    db_text(s, json_get_str(v, SV("agreement")));
    bind_number(s, v, "agreement_version");
    bind_number(s, v, "share");
    db_text(s, json_get_str(v, SV("body_sha256")));
    db_text(s, body.n ? buf_sv(&body) : SV_NONE);
    db_time(s, entry->at);
    if (json_bool(json_get(v, SV("accepted")), &accepted)) {
        db_time(s, entry->at);
        db_int(s, accepted);
    } else {
        db_null(s);
        db_null(s);
    }
    db_text(s, json_get_str(v, SV("text")));
    db_int(s, entry->id);
    int rc = run_it(s, e);
    buf_clear(&body);
    return rc;
}

static int apply_acknowledged(struct db *db, struct jv v, const struct entry *entry, struct err *e)
{
    bool accepted = false;
    struct stmt *s = db_query(db,
                              "UPDATE message SET acknowledged = ?, accepted = ?, text = ? WHERE partner = ? "
                              "AND id = ? AND sent = 1 AND acknowledged IS NULL",
                              e);
    if (s) {
        (void)json_bool(json_get(v, SV("accepted")), &accepted);
        db_time(s, entry->at);
        db_int(s, accepted);
        db_text(s, json_get_str(v, SV("text")));
        db_text(s, json_get_str(v, SV("partner")));
        db_text(s, json_get_str(v, SV("id")));
    }
    return run_it(s, e);
}

/* It will never be acknowledged, for it was taken out of the outbox. */
static int apply_dropped(struct db *db, struct jv v, const struct entry *entry, struct err *e)
{
    struct stmt *s = db_query(db,
                              "UPDATE message SET acknowledged = ?, accepted = 0, text = ? WHERE partner = ? "
                              "AND id = ? AND sent = 1 AND acknowledged IS NULL",
                              e);
    if (s) {
        db_time(s, entry->at);
        db_text(s, json_get_str(v, SV("text")));
        db_text(s, json_get_str(v, SV("partner")));
        db_text(s, json_get_str(v, SV("id")));
    }
    return run_it(s, e);
}

static int apply_renewed(struct db *db, struct jv v, struct err *e)
{
    struct stmt *s = db_query(
        db, "UPDATE message SET created = ?, expires = ? WHERE partner = ? AND id = ? AND sent = 1", e);
    if (s) {
        bind_time_of(s, v, "created");
        bind_time_of(s, v, "expires");
        db_text(s, json_get_str(v, SV("partner")));
        db_text(s, json_get_str(v, SV("id")));
    }
    return run_it(s, e);
}

static int message_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct jv v = {0};
    if (!pack_next(&it, &record) || !record.p) {
        return OK; /* expunged */
    }
    struct json_doc *d = json_doc_new(RECORD_MOST);
    int rc =
        d ? json_parse(d, record, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a message's record");
    struct sv event = json_get_str(v, SV("event"));
    if (rc == OK && (sv_eq(event, SV("sent")) || sv_eq(event, SV("received")))) {
        rc = apply_new(db, v, sv_eq(event, SV("sent")), entry, e);
    } else if (rc == OK && sv_eq(event, SV("acknowledged"))) {
        rc = apply_acknowledged(db, v, entry, e);
    } else if (rc == OK && sv_eq(event, SV("renewed"))) {
        rc = apply_renewed(db, v, e);
    } else if (rc == OK && sv_eq(event, SV("dropped"))) {
        rc = apply_dropped(db, v, entry, e);
    } else if (rc == OK) {
        rc = err_set(e, ERR_CORRUPT, "the record of a message says nothing that is known");
    }
    json_doc_free(d);
    return rc;
}

const struct ledger_kind message_kinds_of_ledger[] = {{"message", 1, message_apply, NULL}, {0}};

/* ---- recording */

void message_record_begin(struct jw *w, struct buf *b, const char *event, const struct message *msg)
{
    char id[37], partner[37];
    uuid_text(msg->id, id);
    uuid_text(msg->to, partner);
    jw_init(w, b);
    jw_obj(w);
    jw_kstr(w, "event", sv_c(event));
    jw_kstr(w, "id", sv_c(id));
    jw_kstr(w, "partner", sv_c(partner));
}

void message_record_time(struct jw *w, const char *key, usec at)
{
    char text[32];
    time_text6(at, text);
    jw_kstr(w, key, sv_c(text));
}

int message_record(const struct messages *m, struct sv record, usec now, struct err *e)
{
    struct pack pack;
    int64_t entry;
    struct ledger_header h = {.kind = "message", .at = now};
    int rc = message_home(m, &h.org, e);
    if (rc != OK) {
        return rc;
    }
    pack_init(&pack);
    pack_add(&pack, record);
    rc = pack.b.failed ? err_set(e, ERR_LIMIT, "the record of a message does not fit")
                       : ledger_accept(m->ledger, &h, &pack, &entry, e);
    pack_clear(&pack);
    return rc;
}
