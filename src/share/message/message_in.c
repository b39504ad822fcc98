/* Receiving: everything a message must be before its kind sees it, the table against replays, and the
 * acknowledgement, which is the same bytes however often it is asked for. */
#include "share/message/message_private.h"

#define ARENA_MOST ((size_t)160 << 20)
#define RESULT_MOST ((size_t)256 << 10)
#define TEXT_MOST ((size_t)4096)
/* Of messages whose time is over, so many of the last ones stay known: who lost our acknowledgement for
 * longer than that asks again for it, not for anything else. */
#define KNOWN_AFTER_EXPIRY 1000

struct receiving {
    const struct messages *m;
    struct uuid partner, home;
    struct sv envelope;
    usec now;
    struct arena a;
    struct message msg;
    uint8_t sig[64];
    char id[37], partner_id[37], body_sum[65];
};

static int refuse(const struct receiving *r, const char *why, struct err *e)
{
    return message_refuse(r->m, r->partner, why, r->now, e);
}

/* ---- what it must be */

static int open_envelope(struct receiving *r, struct err *e)
{
    static const char *const whys[] = {
        [FLAW_SIZE] = WHY_SIZE, [FLAW_FORM] = WHY_FORM, [FLAW_SIGNATURE] = WHY_SIGNATURE};
    struct partner p;
    struct note_key key;
    enum message_flaw flaw = FLAW_NONE;
    int rc = message_partner(r->m, r->partner, &r->a, &p, &key, e);
    if (rc != OK) {
        return rc == ERR_DENIED ? refuse(r, WHY_PARTNER, e) : rc;
    }
    rc = message_unseal(r->envelope, key.pub, &r->a, &r->msg, r->sig, &flaw, e);
    if (rc != OK && flaw != FLAW_NONE) {
        e->code = ERR_DENIED;
        return refuse(r, whys[flaw], e);
    }
    return rc;
}

static int check_address(struct receiving *r, struct err *e)
{
    int rc = message_home(r->m, &r->home, e);
    if (rc == OK && (!uuid_eq(r->msg.from, r->partner) || !uuid_eq(r->msg.to, r->home))) {
        err_set(e, ERR_DENIED, "the message is not from the partner who brings it, or not to this node");
        rc = refuse(r, WHY_ADDRESS, e);
    }
    return rc;
}

static int check_time(const struct receiving *r, struct err *e)
{
    if (r->msg.created > r->now + MESSAGE_SKEW) {
        err_set(e, ERR_BUSY, "the message is from %lld seconds in the future",
                (long long)((r->msg.created - r->now) / USEC_SECOND));
        err_hint(e, "compare the clocks of both nodes: five minutes are allowed");
        return refuse(r, WHY_TIME, e);
    }
    if (r->now >= r->msg.expires) {
        err_set(e, ERR_DENIED, "the message has expired");
        return refuse(r, WHY_EXPIRED, e);
    }
    return OK;
}

static int last_counter(const struct receiving *r, int64_t *ret, struct err *e)
{
    struct stmt *s =
        db_query(r->m->db, "SELECT coalesce(max(counter), 0) FROM message_in WHERE partner = ?", e);
    *ret = 0;
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(r->partner_id));
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int check_order(const struct receiving *r, struct err *e)
{
    int64_t last;
    int rc = last_counter(r, &last, e);
    if (rc == OK && r->msg.counter <= last) {
        err_set(e, ERR_DENIED, "the message has counter %lld, and %lld was here already",
                (long long)r->msg.counter, (long long)last);
        rc = refuse(r, WHY_ORDER, e);
    }
    return rc;
}

/* ---- messages that are known */

/* A stored acknowledgement whose key is no longer ours says nothing to the partner any more. */
static int again(const struct receiving *r, struct sv stored, struct arena *a, struct buf *ack, struct err *e)
{
    struct dsse d;
    struct message old;
    struct buf fresh;
    int rc = dsse_read(stored, a, &d, e);
    if (rc != OK || dsse_signed_by(&d, r->m->own->pub)) {
        buf_add(ack, stored);
        return rc;
    }
    buf_init(&fresh, MESSAGE_MOST);
    rc = message_read(d.body, a, &old, e);
    rc = rc == OK ? message_seal(r->m, &old, &fresh, e) : rc;
    buf_add(ack, buf_sv(&fresh));
    buf_clear(&fresh);
    return rc;
}

/* 1 = known and handled: `ack` has what was said of it. */
static int find_known(struct receiving *r, struct buf *ack, struct err *e)
{
    struct stmt *s = db_query(
        r->m->db, "SELECT counter, body_sha256, ack FROM message_in WHERE partner = ? AND id = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(r->partner_id));
    db_text(s, sv_c(r->id));
    int rc = db_step(s, e);
    bool same = rc == 1 && col_int(s, 0) == r->msg.counter && sv_eq(col_text(s, 1), sv_c(r->body_sum));
    struct sv stored = same ? arena_sv(&r->a, col_text(s, 2)) : SV_NONE;
    db_done(s);
    if (rc == 1 && !same) {
        err_set(e, ERR_DENIED, "a message of this id was here already, with another content");
        return refuse(r, WHY_REPLAY, e);
    }
    if (rc == 1) {
        rc = stored.p ? again(r, stored, &r->a, ack, e) : err_set(e, ERR_MEMORY, "no memory for a message");
        return rc == OK ? 1 : rc;
    }
    return rc;
}

/* ---- saying what became of it */

static int write_receipt(const struct receiving *r, bool accepted, struct sv result, struct sv text,
                         struct buf *out, struct err *e)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kbool(&w, "accepted", accepted);
    jw_kstr(&w, "message", sv_c(r->id));
    if (result.n) {
        jw_key(&w, "result");
        jw_raw(&w, result);
    }
    if (text.n) {
        jw_kstr(&w, "text", text);
    }
    jw_end_obj(&w);
    return out->failed ? err_set(e, ERR_LIMIT, "the acknowledgement does not fit") : OK;
}

static int acknowledge(const struct receiving *r, bool accepted, struct sv result, struct sv text,
                       struct buf *ack, struct err *e)
{
    struct buf body;
    buf_init(&body, RESULT_MOST * 2);
    int rc = write_receipt(r, accepted, result, text, &body, e);
    const struct message m = {.id = uuid_v4(),
                              .from = r->home,
                              .to = r->partner,
                              .kind = SV("ack"),
                              .created = r->now,
                              .expires = r->now + MESSAGE_LIFE,
                              .body = buf_sv(&body)};
    rc = rc == OK ? message_seal(r->m, &m, ack, e) : rc;
    buf_clear(&body);
    return rc;
}

static int record_received(const struct receiving *r, bool accepted, struct sv text, struct err *e)
{
    struct jw w;
    struct buf b, sig;
    struct message whose = r->msg;
    char agreement[37];
    whose.to = r->partner; /* records name the partner */
    uuid_text(r->msg.agreement, agreement);
    buf_init(&b, 1u << 20);
    buf_init(&sig, 256);
    base64_add(&sig, sv_from((const char *)r->sig, sizeof(r->sig)));
    message_record_begin(&w, &b, "received", &whose);
    jw_kbool(&w, "accepted", accepted);
    jw_kstr(&w, "agreement", uuid_nil(r->msg.agreement) ? SV_NONE : sv_c(agreement));
    jw_kint(&w, "agreement_version", r->msg.agreement_version);
    jw_kstr(&w, "body_sha256", sv_c(r->body_sum));
    jw_kint(&w, "counter", r->msg.counter);
    message_record_time(&w, "created", r->msg.created);
    message_record_time(&w, "expires", r->msg.expires);
    jw_kstr(&w, "kind", r->msg.kind);
    jw_kint(&w, "share", 0);
    jw_kstr(&w, "signature", buf_sv(&sig));
    jw_kstr(&w, "text", sv_sub(text, 0, TEXT_MOST));
    jw_end_obj(&w);
    int rc = b.failed ? err_set(e, ERR_LIMIT, "the record of a message does not fit")
                      : message_record(r->m, buf_sv(&b), r->now, e);
    buf_clear(&sig);
    buf_clear(&b);
    return rc;
}

static int note_handled(const struct receiving *r, struct sv ack, struct err *e)
{
    struct stmt *s = db_query(r->m->db,
                              "INSERT INTO message_in (partner, id, counter, body_sha256, expires, at, ack) "
                              "VALUES (?,?,?,?,?,?,?)",
                              e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(r->partner_id));
    db_text(s, sv_c(r->id));
    db_int(s, r->msg.counter);
    db_text(s, sv_c(r->body_sum));
    db_time(s, r->msg.expires);
    db_time(s, r->now);
    db_text(s, ack);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* What is refused by its time needs no row. */
static int forget_old(const struct receiving *r, struct err *e)
{
    struct stmt *s =
        db_query(r->m->db,
                 "DELETE FROM message_in WHERE partner = ? AND expires < ? AND counter <= (SELECT "
                 "max(counter) FROM message_in WHERE partner = ?) - ?",
                 e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(r->partner_id));
    db_time(s, r->now - MESSAGE_SKEW);
    db_text(s, sv_c(r->partner_id));
    db_int(s, KNOWN_AFTER_EXPIRY);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* The handled-mark and the record, on disk before anybody hears of it. */
static int finish(const struct receiving *r, bool accepted, struct sv result, struct sv text, struct buf *ack,
                  struct err *e)
{
    int rc = acknowledge(r, accepted, result, text, ack, e);
    rc = rc == OK ? db_begin(r->m->db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    rc = note_handled(r, buf_sv(ack), e);
    rc = rc == OK ? forget_old(r, e) : rc;
    rc = rc == OK ? record_received(r, accepted, accepted ? result : text, e) : rc;
    rc = db_finish(r->m->db, rc, e);
    return rc == OK ? db_sync(r->m->db, e) : rc;
}

/* ---- handling */

static bool for_good(int rc)
{
    return rc == ERR_VALUE || rc == ERR_DENIED || rc == ERR_UNSUPPORTED || rc == ERR_NOT_FOUND;
}

static int handle(struct receiving *r, struct buf *ack, struct err *e)
{
    const struct message_kind *kind = message_kind_of(r->m, r->msg.kind);
    struct buf result;
    char text[sizeof(e->text)];
    buf_init(&result, RESULT_MOST);
    int rc = kind ? kind->receive(kind->ctx, &r->msg, r->now, &result, e)
                  : err_set(e, ERR_UNSUPPORTED, "this node knows no messages of the kind '%.*s'",
                            SV_ARG(r->msg.kind));
    if (rc == OK && (result.failed || (result.n && !json_is_whole(buf_sv(&result))))) {
        rc = err_set(e, ERR_INTERNAL, "the result of a message is no JSON value, or too large");
    }
    if (rc == OK) {
        rc = finish(r, true, buf_sv(&result), SV(""), ack, e);
    } else if (for_good(rc)) {
        snprintf(text, sizeof(text), "%s", e->text);
        (void)refuse(r, kind ? WHY_CONTENT : WHY_KIND, e);
        rc = finish(r, false, SV(""), sv_c(text), ack, e);
    } else {
        (void)refuse(r, WHY_LATER, e); /* why is for this node's people */
        err_set(e, ERR_BUSY, "the message could not be handled now");
    }
    buf_clear(&result);
    return rc == OK ? OK : e->code;
}

static int take_ack(struct receiving *r, struct err *e)
{
    struct uuid any = {{0}};
    int rc = message_acknowledged(r->m, &r->msg, r->envelope, any, r->now, e);
    return rc == ERR_DENIED || rc == ERR_VALUE || rc == ERR_LIMIT ? refuse(r, WHY_ACK, e) : rc;
}

static int receive(struct receiving *r, struct buf *ack, struct err *e)
{
    int rc = open_envelope(r, e);
    rc = rc == OK ? check_address(r, e) : rc;
    if (rc != OK) {
        return rc;
    }
    if (sv_eq(r->msg.kind, SV("ack"))) {
        return take_ack(r, e);
    }
    struct sha256 sum = sha256_of(r->msg.body);
    hex_text(sum.b, sizeof(sum.b), r->body_sum);
    uuid_text(r->msg.id, r->id);
    rc = find_known(r, ack, e);
    if (rc != OK) {
        return rc == 1 ? OK : rc;
    }
    rc = check_time(r, e);
    rc = rc == OK ? check_order(r, e) : rc;
    return rc == OK ? handle(r, ack, e) : rc;
}

int message_receive(const struct messages *m, struct uuid partner, struct sv envelope, usec now,
                    struct buf *ack, struct err *e)
{
    struct receiving r = {.m = m, .partner = partner, .envelope = envelope, .now = now};
    uuid_text(partner, r.partner_id);
    arena_init(&r.a, ARENA_MOST);
    turn_take(TURN_IN, partner);
    int rc = receive(&r, ack, e);
    turn_give(TURN_IN, partner);
    arena_clear(&r.a);
    return rc;
}
