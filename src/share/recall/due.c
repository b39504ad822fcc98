/* What comes with time: the day by which a thing must be gone, agreements that end, indicators that expire.
 */
#include "share/recall/recall_private.h"

#define STEP 500

int mark_read(const struct recall *r, int64_t what, int64_t source, struct item_mark *ret, struct err *e)
{
    struct stmt *s =
        db_query(r->db, "SELECT object, entry, claim FROM recall_mark WHERE what = ? AND source = ?", e);
    *ret = (struct item_mark){0};
    if (!s) {
        return e->code;
    }
    db_int(s, what);
    db_int(s, source);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = (struct item_mark){.object = col_int(s, 0), .entry = col_int(s, 1), .claim = col_int(s, 2)};
    }
    db_done(s);
    return rc;
}

int mark_write(const struct recall *r, int64_t what, int64_t source, const struct item_mark *m, struct err *e)
{
    return recall_sql(r->db, e,
                      "INSERT INTO recall_mark (what, source, object, entry, claim) VALUES (?,?,?,?,?) ON "
                      "CONFLICT (what, source) DO UPDATE SET object = excluded.object, entry = "
                      "excluded.entry, claim = excluded.claim",
                      "iiiii", what, source, m->object, m->entry, m->claim);
}

/* ---- the day by which it must be gone ---- */

int tell_deleted(const struct recall *r, struct uuid origin, const struct sv *id, size_t ids,
                 enum withdraw_why why, usec now, struct err *e)
{
    struct uuid nil = {{0}};
    struct buf body;
    struct jw w;
    char at[32];
    struct err denied = ERR_NONE;
    if (!r->messages || uuid_eq(origin, nil)) {
        return OK;
    }
    buf_init(&body, MESSAGE_BODY_MOST);
    time_text(now, at);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstr(&w, "at", sv_c(at));
    jw_kint(&w, "count", (int64_t)ids);
    jw_key(&w, "ids");
    jw_arr(&w);
    for (size_t i = 0; i < ids; i++) {
        jw_str(&w, id[i]);
    }
    jw_end_arr(&w);
    jw_kstr(&w, "why", sv_c(withdraw_why_name(why)));
    jw_end_obj(&w);
    const struct message_draft d = {
        .to = origin, .kind = "deleted", .body = buf_sv(&body), .private_body = true};
    int rc = body.failed ? err_set(e, ERR_LIMIT, "the message does not fit")
                         : message_queue(r->messages, &d, now, NULL, &denied);
    if (rc != OK && rc != ERR_DENIED && rc != ERR_LIMIT) {
        *e = denied;
    }
    buf_clear(&body);
    return rc == ERR_DENIED ? OK : rc; /* nobody is there to be told any more */
}

static int origin_of(const struct recall *r, int64_t source, struct uuid *ret, struct err *e)
{
    struct arena a;
    struct source s;
    arena_init(&a, 1u << 20);
    *ret = (struct uuid){{0}};
    int rc = source_get(r->db, source, &a, &s, e);
    if (rc == OK && sv_starts(s.upstream, SV("partner:"))) {
        (void)uuid_parse(sv_sub(s.upstream, 8, SIZE_MAX), ret);
    }
    arena_clear(&a);
    return rc;
}

/* Things of one source whose day has come. */
static int due_of(const struct recall *r, usec now, struct id_list *ids, int64_t *ret_source, struct err *e)
{
    struct stmt *s = db_query(r->db,
                              "SELECT source, stix_id FROM obligation WHERE delete_after <= ? ORDER BY "
                              "delete_after LIMIT 500",
                              e);
    int rc = s ? OK : e->code;
    if (s) {
        db_time(s, now);
    }
    *ret_source = 0;
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        bool first = !*ret_source;
        *ret_source = first ? col_int(s, 0) : *ret_source;
        rc = *ret_source == col_int(s, 0) ? id_list_add(ids, col_text(s, 1), e) : OK;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int delete_due(const struct recall *r, int64_t source, const struct id_list *ids, usec now,
                      struct err *e)
{
    struct uuid origin;
    struct taken_back done;
    int rc = origin_of(r, source, &origin, e);
    if (rc == ERR_NOT_FOUND) { /* the source is gone, and all of it */
        *e = ERR_NONE;
        return recall_sql(r->db, e, "DELETE FROM obligation WHERE source = ?", "i", source);
    }
    const struct takeback t = {.source = source,
                               .id = ids->id,
                               .ids = ids->n,
                               .why = WHY_AGREEMENT,
                               .reason = SV("the time for which it may be kept is over"),
                               .by = SV("retention"),
                               .origin = origin};
    rc = rc == OK ? take_back(r, &t, now, &done, e) : rc;
    return rc == OK ? tell_deleted(r, origin, ids->id, ids->n, WHY_AGREEMENT, now, e) : rc;
}

int recall_due(const struct recall *r, usec now, struct err *e)
{
    bool any = false;
    int rc = OK;
    for (size_t i = 0; rc == OK && i < 100; i++) {
        struct arena a;
        struct id_list ids = {.a = &a};
        int64_t source;
        arena_init(&a, 16u << 20);
        rc = due_of(r, now, &ids, &source, e);
        if (rc != OK || !ids.n) {
            arena_clear(&a);
            break;
        }
        rc = db_begin(r->db, e);
        rc = rc == OK ? db_finish(r->db, delete_due(r, source, &ids, now, e), e) : rc;
        any |= rc == OK;
        arena_clear(&a);
    }
    return rc == OK && any ? take_back_settle(r, now, e) : rc;
}

/* ---- agreements that are over ---- */

#define AGREEMENTS_MOST 1024

struct over {
    struct uuid id[AGREEMENTS_MOST];
    bool stands[AGREEMENTS_MOST], ended[AGREEMENTS_MOST];
    enum on_termination then[AGREEMENTS_MOST]; /* as the newest version says */
    size_t n;
};

static int note_agreed(void *ctx, const struct agreed *g)
{
    struct over *o = ctx;
    size_t i = 0;
    while (i < o->n && !uuid_eq(o->id[i], g->document.id)) {
        i++;
    }
    if (i == AGREEMENTS_MOST) {
        return OK;
    }
    o->n = i == o->n ? i + 1 : o->n;
    o->id[i] = g->document.id;
    o->then[i] = g->document.on_termination;
    o->stands[i] |= g->status == AGREED_ACTIVE || g->status == AGREED_SUSPENDED;
    o->ended[i] |= g->status == AGREED_ENDED || g->status == AGREED_EXPIRED;
    return OK;
}

static bool is_over(const struct over *o, struct sv id)
{
    struct uuid u;
    for (size_t i = 0; uuid_parse(id, &u) && i < o->n; i++) {
        if (uuid_eq(o->id[i], u)) {
            return o->ended[i] && !o->stands[i];
        }
    }
    return false;
}

/* Everything went by agreements that are over. */
static bool all_over(const struct over *o, struct jv share)
{
    struct json_it it = json_each(json_get(share, SV("grants")));
    struct sv key;
    struct jv g;
    while (json_next(&it, &key, &g)) {
        if (!is_over(o, json_get_str(g, SV("agreement")))) {
            return false;
        }
    }
    return true;
}

struct ending {
    const struct recall *r;
    const struct over *over;
    struct sv agreement;
    struct json_doc *doc;
    usec now;
    struct err *e;
};

static int end_share(struct ending *n, int64_t entry, struct sv record)
{
    struct jv v;
    struct recall_sent sent;
    struct err none = ERR_NONE;
    if (sv_find(record, n->agreement) == SIZE_MAX || json_parse(n->doc, record, &v, &none) != OK ||
        !all_over(n->over, v)) {
        return OK;
    }
    struct recall_order o = {.entry = entry,
                             .why = WHY_AGREEMENT,
                             .reason = SV("the agreement it went by is over"),
                             .by = SV("agreement")};
    (void)uuid_parse(json_get_str(v, SV("partner")), &o.partner);
    int rc = recall_send(n->r, &o, n->now, &sent, n->e);
    if (rc == ERR_NOT_FOUND) {
        *n->e = ERR_NONE;
        rc = OK;
    }
    return rc;
}

static int end_shares(struct ending *n)
{
    struct stmt *s = db_query(n->r->db, "SELECT entry, record FROM share ORDER BY entry", n->e);
    int rc = s ? OK : n->e->code;
    while (s && rc == OK && (rc = db_step(s, n->e)) == 1) {
        rc = end_share(n, col_int(s, 0), col_text(s, 1));
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* Once for each: what came by it is due, what went by it is taken back. */
static int end_agreement(const struct recall *r, const struct over *o, size_t i, usec now, struct err *e)
{
    char id[37];
    struct item_mark mark;
    uuid_text(o->id[i], id);
    int64_t h = recall_hash(r, sv_c(id));
    struct ending n = {
        .r = r, .over = o, .agreement = sv_c(id), .now = now, .e = e, .doc = json_doc_new(1u << 20)};
    int rc = n.doc ? mark_read(r, MARK_AGREEMENTS, h, &mark, e)
                   : err_set(e, ERR_MEMORY, "no memory to end an agreement");
    if (rc == 0) {
        rc = recall_sql(
            r->db, e,
            "UPDATE obligation SET delete_after = ? WHERE agreement = ? AND coalesce(delete_after, "
            "9223372036854775807) > ?",
            "utu", now, sv_c(id), now);
        rc = rc == OK ? end_shares(&n) : rc;
        rc = rc == OK ? mark_write(r, MARK_AGREEMENTS, h, &(struct item_mark){.entry = now}, e) : rc;
    }
    json_doc_free(n.doc);
    return rc < 0 ? rc : OK;
}

int recall_agreements(const struct recall *r, usec now, struct err *e)
{
    struct arena a;
    struct over *o = NULL;
    arena_init(&a, 512u << 20);
    o = arena_calloc(&a, 1, sizeof(*o));
    int rc = o ? agreed_each(r->db, now, &a, note_agreed, o, e) : err_set(e, ERR_MEMORY, "no memory");
    for (size_t i = 0; rc == OK && i < o->n; i++) {
        if (!o->ended[i] || o->stands[i] || o->then[i] != TERMINATION_DELETE) {
            continue;
        }
        rc = db_begin(r->db, e);
        rc = rc == OK ? db_finish(r->db, end_agreement(r, o, i, now, e), e) : rc;
    }
    arena_clear(&a);
    return rc;
}

/* ---- indicators that expire ---- */

#define MANY 100000

int recall_expired(const struct recall *r, usec now, struct err *e)
{
    struct item_mark mark;
    struct arena a;
    struct id_list ids = {.a = &a};
    int rc = mark_read(r, MARK_TIMES, 0, &mark, e);
    usec every = db_value(r->db, "SELECT max(id) FROM claim", 0) > MANY ? USEC_HOUR : 10 * USEC_SECOND;
    /* A clock that was set back asks nothing twice. */
    if (rc < 0 || now - mark.entry < every) {
        return rc < 0 ? rc : OK;
    }
    arena_init(&a, 256u << 20);
    struct stmt *s = db_query(r->db,
                              "SELECT c.kind, c.value, c.ref, s.name FROM claim c JOIN source s ON s.id = "
                              "c.source WHERE c.valid_until > ? AND c.valid_until <= ?",
                              e);
    rc = s ? OK : e->code;
    if (s) {
        db_time(s, mark.entry);
        db_time(s, now);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        char made[64];
        struct sv id = col_text(s, 2);
        if (!sv_starts(id, SV("indicator--"))) {
            stix_claim_id(col_text(s, 3), (enum kind)col_int(s, 0), col_text(s, 1), made);
            id = sv_c(made);
        }
        rc = id_list_add(&ids, id, e);
    }
    db_done(s);
    rc = rc < 0 ? rc : db_begin(r->db, e);
    if (rc == OK) {
        struct recall_sent sent;
        const struct recall_order o = {.id = ids.id,
                                       .ids = ids.n,
                                       .why = WHY_EXPIRED,
                                       .reason = SV("its time is over"),
                                       .by = SV("expiry")};
        rc = ids.n ? recall_send(r, &o, now, &sent, e) : OK;
        rc = rc == ERR_NOT_FOUND ? OK : rc;
        mark.entry = now;
        rc = rc == OK ? mark_write(r, MARK_TIMES, 0, &mark, e) : rc;
        rc = db_finish(r->db, rc, e);
    }
    arena_clear(&a);
    return rc;
}
