/* Sending: a message into the outbox and on record, in one transaction. */
#include "share/message/message_private.h"

/* ---- who */

int message_home(const struct messages *m, struct uuid *ret, struct err *e)
{
    struct arena a;
    struct org home;
    arena_init(&a, 1 << 20);
    int rc = org_home(m->db, &a, &home, e);
    *ret = rc == OK ? home.id : (struct uuid){{0}};
    arena_clear(&a);
    return rc;
}

int message_check_active(const struct messages *m, struct uuid id, struct err *e)
{
    char text[37];
    uuid_text(id, text);
    int rc = partner_is_active(m->db, sv_c(text), e);
    return rc == 0  ? err_set(e, ERR_DENIED, "the partner is not active, or its log is frozen")
           : rc < 0 ? rc
                    : OK;
}

int message_partner(const struct messages *m, struct uuid id, struct arena *a, struct partner *ret,
                    struct note_key *ret_key, struct err *e)
{
    char text[37];
    uuid_text(id, text);
    int rc = message_check_active(m, id, e);
    rc = rc == OK ? partner_find(m->db, sv_c(text), a, ret, e) : rc;
    return rc == OK ? note_key_parse(ret->card.messages, ret_key, e) : rc;
}

const struct message_kind *message_kind_of(const struct messages *m, struct sv name)
{
    for (const struct message_kind *k = m->kinds; k && k->name; k++) {
        if (sv_eq(sv_c(k->name), name)) {
            return k;
        }
    }
    return NULL;
}

static int record_sent(const struct messages *m, const struct message *msg, const struct message_draft *d,
                       usec now, struct err *e)
{
    struct jw w;
    struct buf b;
    char agreement[37], sum[65];
    struct sha256 digest = sha256_of(msg->body);
    hex_text(digest.b, sizeof(digest.b), sum);
    uuid_text(msg->agreement, agreement);
    buf_init(&b, MESSAGE_RECORDED * 2);
    message_record_begin(&w, &b, "sent", msg);
    jw_kstr(&w, "agreement", uuid_nil(msg->agreement) ? SV_NONE : sv_c(agreement));
    jw_kint(&w, "agreement_version", msg->agreement_version);
    if (!d->private_body && msg->body.n <= MESSAGE_RECORDED) {
        jw_key(&w, "body");
        jw_raw(&w, msg->body);
    }
    jw_kstr(&w, "body_sha256", sv_c(sum));
    jw_kint(&w, "counter", msg->counter);
    message_record_time(&w, "created", msg->created);
    message_record_time(&w, "expires", msg->expires);
    jw_kstr(&w, "kind", msg->kind);
    jw_kint(&w, "share", d->share);
    jw_end_obj(&w);
    int rc = b.failed ? err_set(e, ERR_LIMIT, "the record of a message does not fit")
                      : message_record(m, buf_sv(&b), now, e);
    buf_clear(&b);
    return rc;
}

/* ---- queueing */

/* The next counter and time. A node that was restored goes on above all that it can have used before. */
static int next_place(const struct messages *m, const char *partner, usec now, int64_t *ret_counter,
                      usec *ret_added, struct err *e)
{
    struct ledger_state state;
    int rc = ledger_state(m->ledger, &state, e);
    struct stmt *s =
        rc == OK ? db_query(m->db, "SELECT counter, added FROM outbox_last WHERE partner = ?", e) : NULL;
    if (!s) {
        return e->code;
    }
    int64_t base = state.epoch > 1 ? (int64_t)(state.epoch - 1) << 32 : 0;
    db_text(s, sv_c(partner));
    rc = db_step(s, e);
    int64_t last = rc == 1 ? col_int(s, 0) : 0;
    usec added = rc == 1 ? col_time(s, 1) : USEC_NONE;
    db_done(s);
    *ret_counter = (last > base ? last : base) + 1;
    *ret_added = now > added ? now : added + 1;
    if (rc < 0) {
        return rc;
    }
    s = db_query(m->db,
                 "INSERT INTO outbox_last (partner, counter, added) VALUES (?,?,?) ON CONFLICT (partner) DO "
                 "UPDATE SET counter = excluded.counter, added = excluded.added",
                 e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(partner));
    db_int(s, *ret_counter);
    db_time(s, *ret_added);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int put(const struct messages *m, const struct message *msg, const char *partner, usec added,
               struct sv envelope, usec now, struct err *e)
{
    char id[37], signer[65];
    struct stmt *s = db_query(m->db,
                              "INSERT INTO outbox (partner, counter, id, kind, added, queued, created, "
                              "expires, signer, envelope) VALUES (?,?,?,?,?,?,?,?,?,?)",
                              e);
    if (!s) {
        return e->code;
    }
    uuid_text(msg->id, id);
    message_signer(m, signer);
    db_text(s, sv_c(partner));
    db_int(s, msg->counter);
    db_text(s, sv_c(id));
    db_text(s, msg->kind);
    db_time(s, added);
    db_time(s, now);
    db_time(s, msg->created);
    db_time(s, msg->expires);
    db_text(s, sv_c(signer));
    db_text(s, envelope);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* The body in its canonical form: what is signed, and what is on record. */
static int canonical_body(struct sv body, struct buf *out, struct err *e)
{
    struct jv v = {0};
    struct json_doc *d = json_doc_new(MESSAGE_BODY_MOST);
    int rc = d ? json_parse(d, body, &v, e) : err_set(e, ERR_MEMORY, "no memory for a message");
    if (rc == OK && json_type(v) != JSON_OBJECT) {
        rc = err_set(e, ERR_VALUE, "the body of a message is a JSON object");
    }
    rc = rc == OK ? json_canonical(v, out, e) : rc;
    json_doc_free(d);
    return rc;
}

static int check_draft(const struct messages *m, const struct message_draft *d, struct err *e)
{
    if (!db_in_tx(m->db)) {
        return err_set(e, ERR_INTERNAL, "a message is queued in a transaction");
    }
    if (!message_kind_of(m, sv_c(d->kind))) {
        return err_set(e, ERR_INTERNAL, "there is no kind of message '%s'", d->kind);
    }
    if (d->body.n > MESSAGE_BODY_MOST) {
        return err_set(e, ERR_LIMIT, "the body of a message is larger than %zu bytes", MESSAGE_BODY_MOST);
    }
    return message_check_active(m, d->to, e);
}

static int queue(const struct messages *m, const struct message_draft *d, struct message *msg, usec now,
                 struct err *e)
{
    struct buf envelope;
    char partner[37];
    usec added = USEC_NONE;
    uuid_text(d->to, partner);
    buf_init(&envelope, MESSAGE_MOST);
    int rc = message_home(m, &msg->from, e);
    rc = rc == OK ? next_place(m, partner, now, &msg->counter, &added, e) : rc;
    rc = rc == OK ? message_seal(m, msg, &envelope, e) : rc;
    rc = rc == OK ? put(m, msg, partner, added, buf_sv(&envelope), now, e) : rc;
    rc = rc == OK ? record_sent(m, msg, d, now, e) : rc;
    buf_clear(&envelope);
    return rc;
}

int message_queue(const struct messages *m, const struct message_draft *d, usec now, struct uuid *ret_id,
                  struct err *e)
{
    struct buf body;
    struct message msg = {.id = uuid_v4(),
                          .to = d->to,
                          .kind = sv_c(d->kind),
                          .created = now,
                          .expires = now + MESSAGE_LIFE,
                          .agreement = d->agreement,
                          .agreement_version = d->agreement_version};
    buf_init(&body, MESSAGE_BODY_MOST);
    int rc = check_draft(m, d, e);
    rc = rc == OK ? canonical_body(d->body, &body, e) : rc;
    msg.body = buf_sv(&body);
    rc = rc == OK ? queue(m, d, &msg, now, e) : rc;
    buf_clear(&body);
    if (rc == OK && ret_id) {
        *ret_id = msg.id;
    }
    if (rc == OK && m->wake) {
        m->wake(m->wake_ctx);
    }
    return rc;
}
