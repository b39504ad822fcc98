/* One message as it is gathered: what may go, by which grants, and what goes into the register of it. */
#include "share/relay/relay_private.h"

#define TEXT_MOST ((size_t)64 << 20)
#define BODY_MOST (RELAY_OBJECT_MOST + ((size_t)1 << 20))

int relay_batch_open(struct relay_batch *b, const struct relays *r, const struct relay *relay,
                     const struct taxii_collection *c, struct release *release, usec now, struct err *e)
{
    *b = (struct relay_batch){.r = r,
                              .relay = relay,
                              .collection = c,
                              .release = release,
                              .now = now,
                              .held = -1,
                              .since = USEC_NONE,
                              .first = USEC_NONE,
                              .last = USEC_NONE};
    arena_init(&b->a, 16u << 20);
    buf_init(&b->text, TEXT_MOST);
    buf_init(&b->goes, TEXT_MOST);
    buf_init(&b->objects, BODY_MOST);
    b->doc = json_doc_new(TEXT_MOST);
    return b->doc ? OK : err_set(e, ERR_MEMORY, "no memory for a message");
}

void relay_batch_close(struct relay_batch *b)
{
    for (size_t i = 0; i < b->grants; i++) {
        buf_clear(&b->out[i].ids);
    }
    json_doc_free(b->doc);
    buf_clear(&b->text);
    buf_clear(&b->goes);
    buf_clear(&b->objects);
    arena_clear(&b->a);
}

/* ---- one thing */

struct thing {
    int64_t member; /* 0 = a text of our own */
    usec added, version;
    int64_t h;
    bool again;
};

static size_t place_of(const struct relay_batch *b, const struct release_answer *a)
{
    size_t i = 0;
    while (i < b->grants &&
           !(uuid_eq(b->grant[i].grant, a->grant->id) && uuid_eq(b->grant[i].agreement, a->agreement->id))) {
        i++;
    }
    return i;
}

static int add_grant(struct relay_batch *b, const struct release_answer *a, struct sv id, struct err *e)
{
    size_t i = place_of(b, a);
    struct relay_grant_out *out = &b->out[i];
    struct jw w;
    if (i == b->grants) {
        b->grants++;
        b->grant[i] = (struct share_grant){
            .agreement = a->agreement->id, .version = a->agreement->version, .grant = a->grant->id};
        *out = (struct relay_grant_out){
            .agreement = a->agreement, .grant = a->grant, .delete_after = a->delete_after};
        buf_init(&out->ids, 1u << 20);
    }
    b->grant[i].things++;
    out->delete_after = a->delete_after < out->delete_after ? a->delete_after : out->delete_after;
    if (out->ids.n) {
        buf_addc(&out->ids, ',');
    }
    jw_init(&w, &out->ids);
    jw_str(&w, id);
    return out->ids.failed ? err_set(e, ERR_LIMIT, "the ids of a message do not fit") : OK;
}

static int keep(struct relay_batch *b, const struct thing *t, const struct release_written *w, struct err *e)
{
    struct sv id = arena_sv(&b->a, w->id), original = arena_sv(&b->a, w->original);
    if (!id.p || !original.p) {
        return err_set(e, ERR_MEMORY, "no memory for a message");
    }
    b->given[b->n] = t->h;
    b->version[b->n] = t->version;
    b->member[b->n] = t->member;
    b->added[b->n] = t->added;
    b->id[b->n] = id;
    b->n++;
    if (w->form == FORM_COPY) {
        b->copy[b->copies++] = (struct share_copy){id, original};
    }
    b->release->sent++;
    if (t->member) {
        b->first = b->first == USEC_NONE || t->added < b->first ? t->added : b->first;
        b->last = t->added > b->last ? t->added : b->last;
        b->since = b->fresh && (b->since == USEC_NONE || t->added < b->since) ? t->added : b->since;
    }
    return add_grant(b, &w->answer, id, e);
}

/* 1 = the canonical bytes stand at the end of what is gathered, 0 = they do not fit, -1 = there are none: the
 * object has numbers that canonical JSON cannot hold, or is too large for any message. */
static int add_bytes(struct relay_batch *b)
{
    struct jv v;
    struct err ignored = ERR_NONE;
    size_t before = b->objects.n;
    buf_addc(&b->objects, ',');
    b->objects.n -= before == 0;
    size_t begin = b->objects.n;
    if (json_parse(b->doc, buf_sv(&b->goes), &v, &ignored) != OK ||
        json_canonical(v, &b->objects, &ignored) != OK || b->objects.failed ||
        b->objects.n - begin > RELAY_OBJECT_MOST) {
        bool room = before > 0 && b->objects.failed;
        b->objects.failed = false;
        b->objects.n = before;
        return room ? 0 : -1;
    }
    if (before > 0 && b->objects.n > RELAY_BYTES) {
        b->objects.n = before;
        return 0;
    }
    return 1;
}

/* 1 = taken, 0 = not; *ret_rule says why it is held back, or is empty. */
static int take(struct relay_batch *b, struct thing *t, const struct release_thing *what, struct sv *ret_rule,
                struct err *e)
{
    struct release_written w;
    *ret_rule = SV("");
    buf_reset(&b->goes);
    int rc = release_write(b->release, what, &b->goes, &w, e);
    if (rc != 1) {
        bool denied = rc == 0 && (!w.answer.allow || w.why);
        *ret_rule = !denied           ? SV("")
                    : !w.answer.allow ? sv_c(release_rule_name(w.answer.rule))
                                      : SV("redaction");
        return rc;
    }
    if (w.form == FORM_COPY) {
        t->h = (int64_t)hash64(b->r->taxii.secret, w.id);
        rc = t->again ? 0 : share_version_given(b->r->taxii.db, b->relay->partner, t->h, t->version, e);
        if (rc != 0) {
            return rc < 0 ? rc : 0;
        }
    }
    if (b->n == RELAY_OBJECTS || place_of(b, &w.answer) == SHARE_GRANTS) {
        b->full = true;
        return 0;
    }
    int fits = add_bytes(b);
    b->full = fits == 0;
    *ret_rule = fits < 0 ? SV("form") : *ret_rule;
    return fits == 1 ? (rc = keep(b, t, &w, e)) == OK ? 1 : rc : 0;
}

/* What came from the partner does not go back to it. */
static int is_theirs(const struct relay_batch *b, int64_t source, struct err *e)
{
    struct arena a;
    struct source s;
    struct uuid upstream;
    arena_init(&a, 1u << 20);
    int rc = source_get(b->r->taxii.db, source, &a, &s, e);
    bool theirs =
        rc == OK && release_principal(s.upstream, &upstream) && uuid_eq(upstream, b->relay->partner);
    arena_clear(&a);
    return rc != OK ? rc : theirs;
}

int relay_batch_member(struct relay_batch *b, const struct taxii_item *i, bool again, struct err *e)
{
    struct db *db = b->r->taxii.db;
    struct thing t = {
        .member = i->member, .added = i->added, .version = i->version, .h = i->h, .again = again};
    struct sv rule = SV("");
    int rc = is_theirs(b, i->source, e);
    if (rc == 0 && !again) {
        rc = share_version_given(db, b->relay->partner, i->h, i->version, e);
    }
    if (rc != 0) {
        return rc < 0 ? rc : relay_unhold(db, b->relay->id, i->member, e);
    }
    buf_reset(&b->text);
    rc = taxii_item_write(&b->r->taxii, i, &b->text, e);
    if (rc == 1) {
        const struct release_thing what = {.json = buf_sv(&b->text), .source = i->source, .tlp = i->tlp};
        rc = take(b, &t, &what, &rule, e);
    }
    if (rc < 0 || b->full) {
        return rc;
    }
    int held = rule.n ? relay_hold(db, b->relay->id, i, rule, b->now, &b->held, e)
                      : relay_unhold(db, b->relay->id, i->member, e);
    return held < 0 ? held : rc;
}

int relay_batch_text(struct relay_batch *b, const struct release_thing *what, usec version, struct err *e)
{
    struct jv v;
    struct sv rule;
    int rc = json_parse(b->doc, what->json, &v, e);
    struct thing t = {.added = b->now,
                      .version = version,
                      .h = (int64_t)hash64(b->r->taxii.secret, json_get_str(v, SV("id")))};
    return rc == OK ? take(b, &t, what, &rule, e) : rc;
}

/* ---- the message */

static int note_message(const struct relay_batch *b, const struct uuid *id, int64_t share, struct err *e)
{
    char text[37];
    struct db *db = b->r->taxii.db;
    uuid_text(*id, text);
    int rc = relay_sql(db, e,
                       "INSERT INTO relay_message (id, relay, share, things, since, queued) VALUES "
                       "(?,?,?,?,?,?)",
                       "tiiiuu", sv_c(text), b->relay->id, share, (int64_t)b->n, b->since, b->now);
    for (size_t i = 0; rc == OK && i < b->n; i++) {
        rc = b->member[i] ? relay_sql(db, e,
                                      "INSERT INTO relay_message_member (message, member, added, stix_id) "
                                      "VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
                                      "tiut", sv_c(text), b->member[i], b->added[i], b->id[i])
                          : OK;
    }
    return rc == OK
               ? relay_sql(db, e,
                           "UPDATE relay SET last_sent = ?, things = things + ?, messages = messages + 1 "
                           "WHERE id = ?",
                           "uii", b->now, (int64_t)b->n, b->relay->id)
               : rc;
}

static int queue(const struct relay_batch *b, struct sv body, int64_t share, struct uuid *ret, struct err *e)
{
    struct message_draft d = {
        .to = b->relay->partner, .kind = RELAY_KIND, .body = body, .private_body = true, .share = share};
    bool one = true;
    for (size_t i = 1; i < b->grants; i++) {
        one = one && uuid_eq(b->grant[i].agreement, b->grant[0].agreement);
    }
    if (one) {
        d.agreement = b->grant[0].agreement;
        d.agreement_version = b->grant[0].version;
    }
    return message_queue(b->r->messages, &d, b->now, ret, e);
}

static usec earliest(const struct relay_batch *b)
{
    usec t = b->out[0].delete_after;
    for (size_t i = 1; i < b->grants; i++) {
        t = b->out[i].delete_after < t ? b->out[i].delete_after : t;
    }
    return t;
}

int relay_batch_send(struct relay_batch *b, struct err *e)
{
    struct buf body;
    struct uuid id;
    char sum[65];
    int64_t entry = 0;
    if (!b->n) {
        return OK;
    }
    buf_init(&body, BODY_MOST + (1u << 20));
    relay_body_write(b, &body);
    const struct sha256 sha = sha256_of(buf_sv(&body));
    hex_text(sha.b, sizeof(sha.b), sum);
    const struct share s = {.partner = b->relay->partner,
                            .purpose = b->release->purpose,
                            .at = b->now,
                            .channel = SV("relay"),
                            .collection = b->collection->uuid,
                            .filter = SV(""),
                            .first = b->first,
                            .last = b->last,
                            .things = b->n,
                            .delete_after = earliest(b),
                            .grant = b->grant,
                            .grants = b->grants,
                            .given = b->given,
                            .version = b->version,
                            .given_count = b->n,
                            .copy = b->copy,
                            .copies = b->copies,
                            .payload_sha256 = sv_c(sum)};
    int rc = body.failed ? err_set(e, ERR_LIMIT, "the message does not fit")
                         : share_append(b->r->taxii.ledger, b->r->taxii.db, &s, &entry, e);
    rc = rc == OK ? queue(b, buf_sv(&body), entry, &id, e) : rc;
    rc = rc == OK ? note_message(b, &id, entry, e) : rc;
    buf_clear(&body);
    return rc;
}
