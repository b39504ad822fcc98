/* A message that waited: do the grants it stands on still hold, and may all that is in it still go? */
#include "share/relay/relay_private.h"

#define WAITED (5 * USEC_SECOND) /* what was decided so shortly before is not decided again */
#define BODY_MOST MESSAGE_MOST
#define TEXT_MOST ((size_t)64 << 20)

struct looking {
    const struct relays *r;
    const struct message *m;
    usec now;
    char id[37];
    struct json_doc *doc;
    struct jv body;
    struct arena a;
    struct release release;
    struct buf text, goes;
};

static int open_body(struct looking *l, struct err *e)
{
    uuid_text(l->m->id, l->id);
    arena_init(&l->a, TEXT_MOST);
    buf_init(&l->text, TEXT_MOST);
    buf_init(&l->goes, TEXT_MOST);
    l->doc = json_doc_new(BODY_MOST);
    return l->doc ? json_parse(l->doc, l->m->body, &l->body, e)
                  : err_set(e, ERR_MEMORY, "no memory to look at a message again");
}

static void close_body(struct looking *l)
{
    release_close(&l->release);
    json_doc_free(l->doc);
    buf_clear(&l->text);
    buf_clear(&l->goes);
    arena_clear(&l->a);
}

/* ---- the grants */

static bool stands(const struct looking *l, struct jv grant)
{
    struct uuid agreement, id;
    int64_t version = 0;
    if (!uuid_parse(json_get_str(grant, SV("agreement")), &agreement) ||
        !uuid_parse(json_get_str(grant, SV("grant")), &id) ||
        !json_i64(json_get(grant, SV("version")), &version)) {
        return false;
    }
    for (size_t i = 0; i < l->release.agreements; i++) {
        const struct agreement_state *s = &l->release.agreement[i];
        const struct agreement *g = s->agreement;
        if (s->active && uuid_eq(g->id, agreement) && g->version == version) {
            return l->release.active && g->valid_from <= l->now && l->now < g->valid_until;
        }
    }
    return false;
}

static bool grants_stand(const struct looking *l)
{
    struct json_it it = json_each(json_get(l->body, SV("grants")));
    struct sv unused;
    struct jv grant;
    bool all = true;
    while (all && json_next(&it, &unused, &grant)) {
        all = stands(l, grant);
    }
    return all;
}

static enum purpose purpose_of(struct jv body)
{
    enum purpose purpose = PURPOSE_NETWORK_SAFETY;
    struct json_it it = json_each(json_get(body, SV("grants")));
    struct sv unused;
    struct jv grant;
    if (json_next(&it, &unused, &grant)) {
        (void)purpose_parse(json_get_str(grant, SV("purpose")), &purpose);
    }
    return purpose;
}

/* ---- the things */

struct member {
    int64_t number;
    struct sv id;
};

static int read_members(struct looking *l, struct member *ret, size_t *ret_n, struct err *e)
{
    struct stmt *s =
        db_query(l->r->taxii.db, "SELECT member, stix_id FROM relay_message_member WHERE message = ?", e);
    int rc = s ? OK : e->code;
    *ret_n = 0;
    if (!s) {
        return rc;
    }
    db_text(s, sv_c(l->id));
    while (*ret_n < RELAY_OBJECTS && (rc = db_step(s, e)) == 1) {
        struct sv id = arena_sv(&l->a, col_text(s, 1));
        ret[(*ret_n)++] = (struct member){col_int(s, 0), id.p ? id : SV("")};
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* 1 = as it stands now it may go, under the id by which it went into the message. */
static int member_stands(struct looking *l, const struct taxii_collection *c, const struct member *m,
                         struct err *e)
{
    struct taxii_item item;
    struct release_written w;
    buf_reset(&l->text);
    buf_reset(&l->goes);
    int rc = taxii_member_now(&l->r->taxii, c, m->number, &l->a, &item, e);
    rc = rc == 1 ? taxii_item_write(&l->r->taxii, &item, &l->text, e) : rc;
    if (rc != 1) {
        return rc;
    }
    const struct release_thing thing = {.json = buf_sv(&l->text), .source = item.source, .tlp = item.tlp};
    l->release.sent = 0; /* it is counted already */
    rc = release_write(&l->release, &thing, &l->goes, &w, e);
    return rc == 1 ? sv_eq(w.id, m->id) : rc;
}

struct wanted {
    int64_t id;
    struct relay relay;
};

static int on_relay(void *ctx, const struct relay *r, struct err *e)
{
    struct wanted *w = ctx;
    (void)e;
    if (r->id == w->id) {
        w->relay = *r;
    }
    return OK;
}

/* The collection of the message's relay: 1; 0 = the partner may not read it any more; 2 = the relay was
 * removed, and there is nothing to compare with. */
static int find_collection(struct looking *l, struct taxii_collection *ret, struct err *e)
{
    char principal[48] = "partner:";
    struct wanted w = {0};
    struct stmt *s = db_query(l->r->taxii.db, "SELECT relay FROM relay_message WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(l->id));
    int rc = db_step(s, e);
    w.id = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    rc = rc < 0 ? rc : relay_each(l->r->taxii.db, on_relay, &w, e);
    if (rc != OK || !w.relay.id) {
        return rc != OK ? rc : 2;
    }
    uuid_text(l->m->to, principal + 8);
    const struct taxii_who who = {.principal = sv_c(principal), .org = l->m->to};
    rc = taxii_collection_get(l->r->taxii.db, w.relay.collection, &who, &l->a, ret, e);
    if (rc == ERR_NOT_FOUND) {
        *e = ERR_NONE;
        return 0;
    }
    return rc == OK ? ret->can_read : rc;
}

static int members_stand(struct looking *l, struct err *e)
{
    struct taxii_collection c;
    struct member member[RELAY_OBJECTS];
    size_t n = 0;
    int rc = find_collection(l, &c, e);
    if (rc != 1) {
        return rc == 2 ? 1 : rc;
    }
    rc = read_members(l, member, &n, e);
    for (size_t i = 0; rc == OK && i < n; i++) {
        int one = member_stands(l, &c, &member[i], e);
        if (one != 1) {
            return one;
        }
    }
    return rc == OK ? 1 : rc;
}

int relay_still(void *relays, const struct message *m, usec now, struct err *e)
{
    struct looking l = {.r = relays, .m = m, .now = now};
    const struct release_maker maker = {
        .fuse = l.r->taxii.fuse, .ledger = l.r->taxii.ledger, .secret = l.r->taxii.secret};
    bool waited = now - m->created > WAITED || now < m->created;
    int rc = open_body(&l, e);
    if (rc == OK) {
        rc = release_open(&l.release, l.r->taxii.db, m->to, purpose_of(l.body), now, e);
        rc = rc == OK ? release_copies(&l.release, &maker, e) : rc;
        rc = rc == OK ? grants_stand(&l) : rc;
        rc = rc == 1 && waited ? members_stand(&l, e) : rc;
    }
    close_body(&l);
    return rc;
}

/* ---- taken out of the outbox */

/* What was in it is looked at anew. */
static int look_anew(struct db *db, const char *id, usec at, struct err *e)
{
    int rc = relay_sql(db, e,
                       "INSERT INTO relay_range (relay, lane, source, after, upto) SELECT r.relay, 0, 0, "
                       "min(m.added) - 1, max(m.added) FROM relay_message r JOIN relay_message_member m ON "
                       "m.message = r.id WHERE r.id = ? GROUP BY r.relay",
                       "t", sv_c(id));
    rc =
        rc == OK ? relay_sql(db, e, "DELETE FROM relay_message_member WHERE message = ?", "t", sv_c(id)) : rc;
    return rc == OK ? relay_sql(db, e, "UPDATE relay_message SET acknowledged = ?, accepted = 0 WHERE id = ?",
                                "ut", at, sv_c(id))
                    : rc;
}

static int hashes(struct looking *l, int64_t *ret, size_t *ret_n, struct err *e)
{
    struct json_it grants = json_each(json_get(l->body, SV("grants")));
    struct sv unused;
    struct jv grant, id;
    *ret_n = 0;
    while (json_next(&grants, &unused, &grant)) {
        struct json_it ids = json_each(json_get(grant, SV("ids")));
        while (json_next(&ids, &unused, &id)) {
            if (*ret_n == RELAY_OBJECTS) {
                return err_set(e, ERR_CORRUPT, "a message holds more than %d things", RELAY_OBJECTS);
            }
            ret[(*ret_n)++] = (int64_t)hash64(l->r->taxii.secret, json_str(id));
        }
    }
    return OK;
}

int relay_dropped(void *relays, const struct message *m, bool left, usec at, struct err *e)
{
    struct looking l = {.r = relays, .m = m, .now = at};
    struct db *db = l.r->taxii.db;
    int64_t h[RELAY_OBJECTS], entry = 0;
    size_t n = 0;
    int rc = open_body(&l, e);
    rc = rc == OK ? hashes(&l, h, &n, e) : rc;
    struct stmt *s = rc == OK ? db_query(db, "SELECT share FROM message WHERE id = ? AND sent = 1", e) : NULL;
    if (s) {
        db_text(s, sv_c(l.id));
        rc = db_step(s, e);
        entry = rc == 1 ? col_int(s, 0) : 0;
        db_done(s);
        rc = rc < 0 ? rc : OK;
    } else if (rc == OK) {
        rc = e->code;
    }
    rc = rc == OK && entry ? share_unsent(db, m->to, entry, h, n, left, e) : rc;
    rc = rc == OK ? look_anew(db, l.id, at, e) : rc;
    close_body(&l);
    return rc;
}
