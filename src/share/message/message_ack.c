/* Acknowledgements of partners: the message leaves the outbox, its kind is told, and the signed words are
 * kept. */
#include "share/message/message_private.h"

#define ARENA_MOST ((size_t)160 << 20)
#define TEXT_MOST ((size_t)4096) /* of a result or reason on record */

struct receipt {
    struct uuid about;
    bool accepted;
    struct sv result; /* JSON, "" = none */
    struct sv text;   /* why not */
};

static int read_receipt(const struct message *ack, struct arena *a, struct receipt *ret, struct err *e)
{
    struct jv v = {0};
    struct buf result;
    struct json_doc *d = json_doc_new(MESSAGE_BODY_MOST);
    int rc = d ? json_parse(d, ack->body, &v, e) : err_set(e, ERR_MEMORY, "no memory for an acknowledgement");
    buf_init(&result, MESSAGE_BODY_MOST);
    *ret = (struct receipt){.text = SV(""), .result = SV("")};
    if (rc == OK && (!uuid_parse(json_get_str(v, SV("message")), &ret->about) ||
                     !json_bool(json_get(v, SV("accepted")), &ret->accepted))) {
        rc = err_set(e, ERR_VALUE, "the acknowledgement does not say of what, or what");
    }
    if (rc == OK && json_type(json_get(v, SV("result"))) != JSON_NONE) {
        json_add(&result, json_get(v, SV("result")));
        ret->result = arena_sv(a, buf_sv(&result));
    }
    struct sv text = json_get_str(v, SV("text"));
    ret->text = rc == OK && text.p ? arena_sv(a, text) : ret->text;
    buf_clear(&result);
    json_doc_free(d);
    return rc;
}

/* 1 and the envelope of a message that waits for this partner. */
static int find_waiting(const struct messages *m, const char *partner, const char *id, struct arena *a,
                        struct sv *ret, struct err *e)
{
    struct stmt *s = db_query(m->db, "SELECT envelope FROM outbox WHERE partner = ? AND id = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(partner));
    db_text(s, sv_c(id));
    int rc = db_step(s, e);
    *ret = rc == 1 ? arena_sv(a, col_text(s, 0)) : SV_NONE;
    db_done(s);
    return rc == 1 && !ret->p ? err_set(e, ERR_MEMORY, "no memory for a message") : rc;
}

/* 1 = it was acknowledged before. */
static int is_acknowledged(const struct messages *m, const char *partner, const char *id, struct err *e)
{
    struct stmt *s = db_query(m->db,
                              "SELECT 1 FROM message WHERE partner = ? AND id = ? AND sent = 1 AND "
                              "acknowledged IS NOT NULL",
                              e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(partner));
    db_text(s, sv_c(id));
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

/* 1 = it left; 0 = somebody else of this process was faster: pushing and being asked go on side by side. */
static int take_out(const struct messages *m, const char *id, struct err *e)
{
    struct stmt *s = db_query(m->db, "DELETE FROM outbox WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(id));
    int rc = db_run(s, e);
    db_done(s);
    return rc == OK ? db_changed(m->db) > 0 : rc;
}

static int record_receipt(const struct messages *m, const struct message *msg, const struct receipt *r,
                          struct sv envelope, usec now, struct err *e)
{
    struct jw w;
    struct buf b;
    struct sv text = r->accepted ? r->result : r->text;
    buf_init(&b, MESSAGE_MOST * 2);
    message_record_begin(&w, &b, "acknowledged", msg);
    jw_kbool(&w, "accepted", r->accepted);
    jw_key(&w, "envelope");
    jw_raw(&w, envelope);
    jw_kstr(&w, "text", sv_sub(text, 0, TEXT_MOST));
    jw_end_obj(&w);
    int rc = b.failed ? err_set(e, ERR_LIMIT, "the acknowledgement does not fit")
                      : message_record(m, buf_sv(&b), now, e);
    buf_clear(&b);
    return rc;
}

static int keep(const struct messages *m, const struct message *msg, const struct receipt *r,
                struct sv envelope, usec now, struct err *e)
{
    char id[37];
    const struct message_kind *kind = message_kind_of(m, msg->kind);
    uuid_text(msg->id, id);
    int rc = db_begin(m->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = take_out(m, id, e);
    if (rc != 1) {
        return db_finish(m->db, rc, e);
    }
    rc = record_receipt(m, msg, r, envelope, now, e);
    if (rc == OK && kind && kind->acknowledged) {
        rc = kind->acknowledged(kind->ctx, msg, r->accepted, r->accepted ? r->result : r->text, now, e);
    }
    return db_finish(m->db, rc, e);
}

int message_acknowledged(const struct messages *m, const struct message *ack, struct sv envelope,
                         struct uuid about, usec now, struct err *e)
{
    struct arena a;
    struct receipt r = {0};
    struct dsse d;
    struct message msg;
    struct sv own = SV_NONE;
    char partner[37], id[37];
    arena_init(&a, ARENA_MOST);
    uuid_text(ack->from, partner);
    int rc = envelope.n > MESSAGE_RECORDED
                 ? err_set(e, ERR_LIMIT, "the acknowledgement is larger than %zu bytes", MESSAGE_RECORDED)
                 : read_receipt(ack, &a, &r, e);
    if (rc == OK && !uuid_nil(about) && !uuid_eq(about, r.about)) {
        rc = err_set(e, ERR_DENIED, "the acknowledgement is of another message");
    }
    uuid_text(r.about, id);
    rc = rc == OK ? find_waiting(m, partner, id, &a, &own, e) : rc;
    if (rc == 1) {
        rc = dsse_read(own, &a, &d, e);
        rc = rc == OK ? message_read(d.body, &a, &msg, e) : rc;
        rc = rc == OK ? keep(m, &msg, &r, envelope, now, e) : rc;
    } else if (rc == OK) {
        rc = is_acknowledged(m, partner, id, e);
        rc = rc == 1  ? OK
             : rc < 0 ? rc
                      : err_set(e, ERR_DENIED, "the acknowledgement is of nothing that was sent");
    }
    arena_clear(&a);
    return rc;
}
