/* Who brought first what an answer shows, and how long it took. */
#include "share/relay/relay_private.h"

#define TOLD_MOST 64
#define ANSWER_MOST ((size_t)256 << 20)

struct told {
    struct db *db;
    const struct hash_secret *secret;
    const struct pact_view *view;
    struct jw *w;
    struct map ids;
    struct arena a;
};

static int find_arrival(struct db *db, const struct hash_secret *secret, struct sv id,
                        struct relay_arrival *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT partner, source, sent, arrived FROM relay_arrival WHERE h = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, (int64_t)hash64(secret, id));
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = (struct relay_arrival){
            .source = col_int(s, 1), .sent = col_time(s, 2), .arrived = col_time(s, 3)};
        rc = uuid_parse(col_text(s, 0), &ret->partner) ? 1
                                                       : err_set(e, ERR_CORRUPT, "an arrival is malformed");
    }
    db_done(s);
    return rc;
}

int relay_first(const struct relays *r, struct sv stix_id, struct relay_arrival *ret, struct err *e)
{
    int rc = find_arrival(r->taxii.db, r->taxii.secret, stix_id, ret, e);
    return rc == 1 ? OK : rc == 0 ? err_set(e, ERR_NOT_FOUND, "it did not come by relay") : rc;
}

static void write_arrival(struct told *t, struct sv id, const struct relay_arrival *r)
{
    char partner[37], sent[32], arrived[32];
    struct partner p;
    struct err ignored = ERR_NONE;
    uuid_text(r->partner, partner);
    bool known = partner_find(t->db, sv_c(partner), &t->a, &p, &ignored) == OK;
    time_text(r->sent, sent);
    time_text(r->arrived, arrived);
    jw_obj(t->w);
    jw_kstr(t->w, "id", id);
    jw_kstr(t->w, "partner", known ? p.card.name[LANGUAGE_EN] : sv_c(partner));
    jw_kstr(t->w, "node", known ? p.card.url : SV_NONE);
    jw_kstr(t->w, "sent", sv_c(sent));
    jw_kstr(t->w, "arrived", sv_c(arrived));
    jw_key(t->w, "seconds");
    jw_double(t->w, (double)(r->arrived - r->sent) / 1e6);
    jw_end_obj(t->w);
}

static int tell(struct told *t, struct sv id, struct err *e)
{
    struct relay_arrival r = {0};
    bool fresh = false;
    if (!id.n || sv_find(id, SV("--")) == SIZE_MAX || t->ids.count >= TOLD_MOST ||
        !map_put(&t->ids, id, &fresh) || !fresh) {
        return OK;
    }
    int rc = find_arrival(t->db, t->secret, id, &r, e);
    if (rc == 1 && pact_sees(t->view, r.source, TLP_CLEAR)) {
        write_arrival(t, id, &r);
    }
    return rc < 0 ? rc : OK;
}

static int tell_claims(struct told *t, struct jv claims, struct err *e)
{
    struct json_it it = json_each(claims);
    struct sv key;
    struct jv claim;
    int rc = OK;
    while (rc == OK && json_next(&it, &key, &claim)) {
        rc = tell(t, json_get_str(claim, SV("ref")), e);
    }
    return rc;
}

static int tell_all(struct told *t, struct jv answer, struct err *e)
{
    static const char *const lists[] = {"objects", "relationships"};
    struct json_it it = json_each(json_get(answer, SV("indicators")));
    struct sv key;
    struct jv each;
    int rc = OK;
    while (rc == OK && json_next(&it, &key, &each)) {
        rc = tell_claims(t, json_get(each, SV("claims")), e);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        it = json_each(json_get(answer, sv_c(lists[i])));
        while (rc == OK && json_next(&it, &key, &each)) {
            rc = tell(t, json_get_str(each, SV("id")), e);
        }
    }
    return rc;
}

int relay_look(struct db *db, const struct hash_secret *secret, const struct pact_view *view,
               struct buf *answer, struct err *e)
{
    struct jw w;
    struct jv v;
    struct buf list;
    struct told t = {.db = db, .secret = secret, .view = view, .w = &w};
    if (!db_value(db, "SELECT 1 FROM relay_arrival LIMIT 1", 0) || answer->failed || !answer->n) {
        return OK;
    }
    buf_init(&list, 1u << 20);
    arena_init(&t.a, 16u << 20);
    map_init(&t.ids, TOLD_MOST + 1, 1u << 16);
    struct json_doc *d = json_doc_new(ANSWER_MOST);
    int rc = d ? json_parse(d, buf_sv(answer), &v, e) : err_set(e, ERR_MEMORY, "no memory for the answer");
    jw_init(&w, &list);
    jw_arr(&w);
    rc = rc == OK ? tell_all(&t, v, e) : rc;
    jw_end_arr(&w);
    if (rc == OK) {
        answer->n--; /* its last brace */
        buf_add(answer, SV(",\"relayed\":"));
        buf_add(answer, buf_sv(&list));
        buf_addc(answer, '}');
        rc = answer->failed || list.failed ? err_set(e, ERR_LIMIT, "the answer is too large") : OK;
    }
    json_doc_free(d);
    map_clear(&t.ids);
    arena_clear(&t.a);
    buf_clear(&list);
    return rc;
}
