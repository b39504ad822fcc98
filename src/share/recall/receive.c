/* A partner takes something back, or tells that it deleted what it had from here. */
#include "share/recall/recall_private.h"

#include <stdlib.h>

#define BODY_MOST ((size_t)1 << 20)
#define TEXT_MOST 2000

static bool is_id(struct sv s)
{
    size_t at = sv_find(s, SV("--"));
    struct uuid u;
    return at != SIZE_MAX && at > 0 && s.n < 256 && uuid_parse(sv_sub(s, at + 2, SIZE_MAX), &u);
}

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_VALUE, "the message is no order to take something back: %s", what);
}

static int read_ids(struct jv list, struct id_list *ret, struct err *e)
{
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;
    if (json_type(list) != JSON_ARRAY || json_count(list) == 0 || json_count(list) > RECALL_IDS) {
        return bad(e, "\"ids\" are 1 to 1000 STIX ids");
    }
    while (json_next(&it, &key, &v)) {
        struct sv id = json_str(v);
        if (!id.p || !is_id(id)) {
            return bad(e, "one of \"ids\" is no STIX id");
        }
        int rc = id_list_add(ret, id, e);
        if (rc != OK) {
            return rc;
        }
    }
    return OK;
}

int recall_read_order(struct sv body, bool recall, struct arena *a, struct order_in *ret, struct err *e)
{
    struct json_doc *d = json_doc_new(BODY_MOST);
    struct jv v;
    *ret = (struct order_in){.ids = {.a = a}};
    int rc = d ? json_parse(d, body, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a message");
    if (rc == OK) {
        struct sv why = json_get_str(v, SV("why")), reason = json_get_str(v, SV("reason"));
        bool known = withdraw_why_parse(why.p ? why : SV(""), &ret->why);
        rc = !known || recall != (ret->why == WHY_RECALLED) ? bad(e, "\"why\" is no word for it")
             : !reason.p || reason.n > TEXT_MOST            ? bad(e, "\"reason\" is missing or too long")
                                                            : read_ids(json_get(v, SV("ids")), &ret->ids, e);
        ret->reason = rc == OK ? arena_sv(a, reason) : SV("");
    }
    json_doc_free(d);
    return rc == ERR_SYNTAX || rc == ERR_LIMIT ? bad(e, "its body cannot be read") : rc;
}

/* ---- taking back ---- */

struct handling {
    const struct recall *r;
    const struct message *m;
    struct arena a;
    struct order_in in;
    int64_t source[SOURCES_MOST];
    size_t sources;
    uint64_t taken, before, passed_on;
    unsigned partners;
    struct id_list
        foreign; /* what this partner's sources do not hold, whoever else does: which is not told */
};

/* The ids one of the partner's sources holds. */
static int take_from(struct handling *h, int64_t source, bool *held, bool *had, usec now, struct err *e)
{
    char by[48], id[37];
    struct id_list here = {.a = &h->a};
    struct taken_back done;
    int rc = OK;
    for (size_t i = 0; rc == OK && i < h->in.ids.n; i++) {
        bool before = false;
        rc = recall_holds(h->r, source, h->in.ids.id[i], &before, e);
        if (rc == 1) {
            held[i] |= !before;
            had[i] |= before;
            rc = id_list_add(&here, h->in.ids.id[i], e);
        }
    }
    if (rc != OK || !here.n) {
        return rc < 0 ? rc : OK;
    }
    uuid_text(h->m->from, id);
    snprintf(by, sizeof(by), "partner:%s", id);
    const struct takeback t = {.source = source,
                               .id = here.id,
                               .ids = here.n,
                               .why = h->in.why,
                               .reason = h->in.reason,
                               .by = sv_c(by),
                               .origin = h->m->from};
    rc = take_back(h->r, &t, now, &done, e);
    h->passed_on += done.passed_on.things;
    h->partners += done.passed_on.partners;
    return rc;
}

static int take_all(struct handling *h, usec now, struct err *e)
{
    size_t n = h->in.ids.n;
    bool *held = calloc(n, sizeof(*held)), *had = calloc(n, sizeof(*had));
    int rc = held && had ? db_begin(h->r->db, e) : err_set(e, ERR_MEMORY, "no memory for a recall");
    bool open = rc == OK;
    for (size_t i = 0; rc == OK && i < h->sources; i++) {
        rc = take_from(h, h->source[i], held, had, now, e);
    }
    for (size_t i = 0; rc == OK && i < n; i++) {
        h->taken += held[i];
        h->before += !held[i] && had[i];
        rc = held[i] || had[i] ? OK : id_list_add(&h->foreign, h->in.ids.id[i], e);
    }
    rc = open ? db_finish(h->r->db, rc, e) : rc;
    free(held);
    free(had);
    return rc;
}

static void write_result(const struct handling *h, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "already", (int64_t)h->before);
    jw_kint(&w, "passed_on", (int64_t)h->passed_on);
    jw_kint(&w, "passed_on_to", h->partners);
    jw_key(&w, "refused");
    jw_arr(&w);
    for (size_t i = 0; i < h->foreign.n; i++) {
        jw_obj(&w);
        jw_kstr(&w, "id", h->foreign.id[i]);
        jw_kstr(&w, "reason", SV("not_yours"));
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_kint(&w, "taken", (int64_t)h->taken);
    jw_end_obj(&w);
}

static int receive_order(void *ctx, const struct message *m, usec now, struct buf *result, struct err *e)
{
    struct handling h = {.r = ctx, .m = m};
    arena_init(&h.a, 64u << 20);
    h.foreign.a = &h.a;
    int rc = recall_read_order(m->body, sv_eq(m->kind, SV("recall")), &h.a, &h.in, e);
    rc = rc == OK ? recall_sources(h.r, m->from, h.source, &h.sources, e) : rc;
    rc = rc == OK ? take_all(&h, now, e) : rc;
    /* Before the answer goes it is matched no longer, and gone from the files. */
    rc = rc == OK && h.taken ? take_back_settle(h.r, now, e) : rc;
    if (rc == OK) {
        write_result(&h, result);
    }
    arena_clear(&h.a);
    return rc;
}

/* ---- the answer, at who took it back ---- */

static int answered(void *ctx, const struct message *m, bool accepted, struct sv result, usec at,
                    struct err *e)
{
    const struct recall *r = ctx;
    char id[37];
    uuid_text(m->id, id);
    int rc =
        recall_sql(r->db, e, "UPDATE withdrawal SET answered = ?, accepted = ?, result = ? WHERE message = ?",
                   "uitt", at, (int64_t)accepted, result.p ? result : SV(""), sv_c(id));
    /* What is taken back and not merely ended is deleted where it went before the answer goes. */
    return rc == OK && accepted
               ? recall_sql(
                     r->db, e,
                     "INSERT INTO deletion (partner, h, at) SELECT t.partner, t.h, ? FROM withdrawal w "
                     "JOIN withdrawal_thing t ON t.withdrawal = w.number WHERE w.message = ? AND t.gone "
                     "= 1 ON CONFLICT (partner, h) DO UPDATE SET at = excluded.at",
                     "ut", at, sv_c(id))
               : rc;
}

/* ---- a partner deleted what it had from here ---- */

static int receive_deleted(void *ctx, const struct message *m, usec now, struct buf *result, struct err *e)
{
    const struct recall *r = ctx;
    struct arena a;
    struct id_list ids = {.a = &a};
    struct json_doc *d = json_doc_new(BODY_MOST);
    struct jv v;
    char partner[37];
    arena_init(&a, 64u << 20);
    uuid_text(m->from, partner);
    int rc = d ? json_parse(d, m->body, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a message");
    rc = rc == ERR_SYNTAX || rc == ERR_LIMIT ? bad(e, "its body cannot be read") : rc;
    rc = rc == OK ? read_ids(json_get(v, SV("ids")), &ids, e) : rc;
    rc = rc == OK ? db_begin(r->db, e) : rc;
    if (rc == OK) {
        int64_t noted = 0;
        for (size_t i = 0; rc == OK && i < ids.n; i++) {
            int64_t h = recall_hash(r, ids.id[i]);
            /* Only what it was given: others' ids mean nothing here. */
            rc = recall_sql(r->db, e,
                            "INSERT INTO deletion (partner, h, at) SELECT partner, h, ? FROM share_given "
                            "WHERE partner = ? AND h = ? ON CONFLICT (partner, h) DO UPDATE SET at = "
                            "excluded.at",
                            "uti", m->created, sv_c(partner), h);
            noted += rc == OK && db_changed(r->db) > 0;
        }
        rc = db_finish(r->db, rc, e);
        buf_printf(result, "{\"noted\":%lld}", (long long)noted);
    }
    json_doc_free(d);
    arena_clear(&a);
    return rc;
}

void recall_message_kinds(const struct recall *r, struct message_kind ret[RECALL_KINDS])
{
    void *ctx = (void *)(uintptr_t)r;
    ret[0] = (struct message_kind){
        .name = "recall", .receive = receive_order, .acknowledged = answered, .ctx = ctx};
    ret[1] = (struct message_kind){
        .name = "withdrawal", .receive = receive_order, .acknowledged = answered, .ctx = ctx};
    ret[2] = (struct message_kind){.name = "deleted", .receive = receive_deleted, .ctx = ctx};
}

/* ---- a partner's server deleted it, which plain TAXII does not tell ---- */

int recall_deleted_at_peer(const struct recall *r, int64_t source, const struct sv *id, size_t ids, usec now,
                           uint64_t *ret_taken, struct err *e)
{
    struct arena a;
    struct source s;
    struct taken_back done = {0};
    arena_init(&a, 64u << 20);
    struct id_list here = {.a = &a};
    *ret_taken = 0;
    int rc = source_get(r->db, source, &a, &s, e);
    for (size_t i = 0; rc == OK && i < ids; i++) {
        bool before = false;
        rc = recall_holds(r, source, id[i], &before, e);
        rc = rc == 1 && !before ? id_list_add(&here, id[i], e) : rc < 0 ? rc : OK;
    }
    if (rc == OK && here.n) {
        struct uuid origin = {{0}};
        (void)(sv_starts(s.upstream, SV("partner:")) && uuid_parse(sv_sub(s.upstream, 8, SIZE_MAX), &origin));
        const struct takeback t = {.source = source,
                                   .id = here.id,
                                   .ids = here.n,
                                   .why = WHY_RECALLED,
                                   .reason = SV("its server deleted it"),
                                   .by = s.upstream.n ? s.upstream : s.name,
                                   .origin = origin};
        rc = db_begin(r->db, e);
        rc = rc == OK ? db_finish(r->db, take_back(r, &t, now, &done, e), e) : rc;
        rc = rc == OK ? take_back_settle(r, now, e) : rc;
        *ret_taken = rc == OK ? here.n : 0;
    }
    arena_clear(&a);
    return rc;
}

int recall_followed(const struct recall *r, int64_t peer_collection, usec *ret, struct err *e)
{
    struct item_mark mark;
    int rc = mark_read(r, MARK_PEERS, peer_collection, &mark, e);
    *ret = mark.entry;
    return rc < 0 ? rc : OK;
}

int recall_follow_to(const struct recall *r, int64_t peer_collection, usec upto, struct err *e)
{
    return mark_write(r, MARK_PEERS, peer_collection, &(struct item_mark){.entry = upto}, e);
}
