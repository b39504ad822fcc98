/* Random collections, questions and walks against a model that knows nothing of tables or cursors. */
#include "taxii_toy.h"

#include <stdlib.h>

#define IDS 12
#define VERSIONS 6
#define MEMBERS_MAX 4096

/* What the model knows of a member. */
struct placed {
    unsigned id, version;
    int64_t source;
    usec added;
    bool gone;
};
struct model {
    struct tt s;
    struct source other; /* of the partner, attached */
    struct placed e[MEMBERS_MAX];
    size_t n;
    usec last;
};

static uint64_t state;
static unsigned draw(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

/* Content is a function of id and version, so that the same thing posted twice is the same thing. */
static enum tlp tlp_of(unsigned id, unsigned version)
{
    static const enum tlp all[] = {TLP_CLEAR, TLP_GREEN, TLP_AMBER, TLP_GREEN, TLP_RED};
    return all[(id * 7 + version * 3) % 5];
}

static bool is_tool(unsigned id)
{
    return id % 3 == 0;
}

static void id_text(unsigned id, char ret[80])
{
    snprintf(ret, 80, "%s--00000000-0000-4000-8000-0000000000%02u", is_tool(id) ? "tool" : "malware", id);
}

static void version_text(unsigned version, char ret[40])
{
    snprintf(ret, 40, "20%02u-01-01T00:00:00.000Z", 20 + version);
}

static void object_text(unsigned id, unsigned version, struct buf *out)
{
    char name[80], modified[40];
    struct sv marking = tlp_id(tlp_of(id, version));
    id_text(id, name);
    version_text(version, modified);
    buf_printf(out,
               "{\"type\":\"%s\",\"spec_version\":\"2.1\",\"id\":\"%s\",\"created\":\"2020-01-01T00:00:00."
               "000Z\",\"modified\":\"%s\",\"name\":\"n%u\",\"object_marking_refs\":[\"%.*s\"]%s}",
               is_tool(id) ? "tool" : "malware", name, modified, version, SV_ARG(marking),
               is_tool(id) ? "" : ",\"is_family\":false");
}

/* ---- the model */

static void model_add(struct model *m, unsigned id, unsigned version, int64_t source)
{
    for (size_t i = 0; i < m->n; i++) {
        if (!m->e[i].gone && m->e[i].id == id && m->e[i].version == version && m->e[i].source == source) {
            return;
        }
    }
    assert_true(m->n < MEMBERS_MAX);
    m->last = m->last >= m->s.t.now ? m->last + 1 : m->s.t.now;
    m->e[m->n++] = (struct placed){.id = id, .version = version, .source = source, .added = m->last};
}

static bool model_sees(const struct model *m, bool partner, const struct placed *e)
{
    enum tlp tlp = tlp_of(e->id, e->version);
    bool own = (e->source == m->other.id) == partner;
    if (e->gone || tlp > TLP_AMBER_STRICT) {
        return false;
    }
    return own || (partner && tlp <= TLP_GREEN); /* the partner grants nothing */
}

struct question {
    bool partner, last, first, all, named, typed_tool, typed_malware;
    unsigned version; /* when named */
    bool by_id;
    unsigned id[2];
    usec after;
};

static bool asked(const struct model *m, const struct question *q, size_t at)
{
    const struct placed *e = &m->e[at];
    if (!model_sees(m, q->partner, e) || e->added <= q->after) {
        return false;
    }
    if ((q->typed_tool || q->typed_malware) && !(is_tool(e->id) ? q->typed_tool : q->typed_malware)) {
        return false;
    }
    if (q->by_id && e->id != q->id[0] && e->id != q->id[1]) {
        return false;
    }
    bool newest = true, oldest = true;
    for (size_t i = 0; i < m->n; i++) {
        const struct placed *o = &m->e[i];
        if (i == at || !model_sees(m, q->partner, o) || o->id != e->id) {
            continue;
        }
        if (o->version == e->version && o->added < e->added) {
            return false; /* the same from another source, and first */
        }
        newest &= o->version <= e->version;
        oldest &= o->version >= e->version;
    }
    return q->all || (q->last && newest) || (q->first && oldest) || (q->named && q->version == e->version);
}

/* ---- doing the same to both */

static void add(struct model *m)
{
    struct buf b;
    unsigned n = 1 + draw(4), id[4], version[4];
    bool posted = draw(3) > 0;
    buf_init(&b, 1 << 20);
    buf_add(&b, SV("{\"objects\":["));
    for (unsigned i = 0; i < n; i++) {
        id[i] = draw(IDS);
        version[i] = draw(VERSIONS);
        buf_add(&b, i ? SV(",") : SV(""));
        object_text(id[i], version[i], &b);
    }
    buf_add(&b, SV("]}"));
    buf_addc(&b, 0);
    m->s.t.now += draw(2) ? USEC_SECOND : -(usec)draw(5) * USEC_SECOND;
    if (posted) {
        struct tt_answer r = tt_post(&m->s, &m->s.c, &m->s.admin, b.p);
        assert_int_equal(r.rc, OK);
        assert_int_equal(tt_number(r.v, "success_count"), n);
        tt_free(&r);
        for (unsigned i = 0; i < n; i++) {
            model_add(m, id[i], version[i], m->s.source.id);
        }
    } else {
        struct err e = ERR_NONE;
        struct take_report r = toy_take(&m->s.t, &m->other, b.p);
        assert_int_equal(taxii_collect(&m->s.x, m->s.t.now, &e), OK);
        for (unsigned i = 0; i < n && r.accepted; i++) {
            bool fresh = true; /* what was taken before is in the store, and not brought again */
            for (size_t k = 0; k < m->n; k++) {
                fresh &=
                    !(m->e[k].id == id[i] && m->e[k].version == version[i] && m->e[k].source == m->other.id);
            }
            if (fresh) {
                model_add(m, id[i], version[i], m->other.id);
            }
        }
    }
    buf_clear(&b);
}

static void take_away(struct model *m)
{
    struct err e = ERR_NONE;
    char id[80];
    unsigned n = draw(IDS);
    bool any = false;
    id_text(n, id);
    for (size_t i = 0; i < m->n; i++) {
        bool hit = m->e[i].id == n && model_sees(m, false, &m->e[i]);
        any |= hit;
        m->e[i].gone |= hit;
    }
    int rc = taxii_delete(&m->s.x, &m->s.c, &m->s.admin, &(struct taxii_query){.object = sv_c(id)},
                          m->s.t.now, &e);
    assert_int_equal(rc, any ? OK : ERR_NOT_FOUND);
}

/* The clock is the node's to choose where deletions took part: the model reads what it chose. */
static void learn_times(struct model *m)
{
    struct stmt *s = db_query(m->s.t.db, "SELECT last FROM collection_clock WHERE collection = ?", NULL);
    db_int(s, m->s.c.id);
    m->last = db_step(s, NULL) == 1 ? col_int(s, 0) : m->last;
    db_done(s);
}

/* ---- asking both */

struct words {
    char version[120], type[40], id[200], after[40];
};

static struct question make_question(struct model *m, struct words *w, struct taxii_query *q)
{
    struct question r = {.partner = draw(2), .after = USEC_NONE};
    char version[40], a[80], b[80];
    *q = (struct taxii_query){0};
    r.last = draw(3) > 0;
    r.first = draw(4) == 0;
    r.all = draw(4) == 0;
    r.named = draw(4) == 0 || !(r.last || r.first || r.all);
    r.version = draw(VERSIONS);
    version_text(r.version, version);
    snprintf(w->version, sizeof(w->version), "x%s%s%s%s%s", r.last ? ",last" : "", r.first ? ",first" : "",
             r.all ? ",all" : "", r.named ? "," : "", r.named ? version : "");
    q->match_version = sv_c(w->version);
    if (r.last && !r.first && !r.all && !r.named && draw(2)) {
        q->match_version = SV_NONE;
    }
    switch (draw(4)) {
    case 0:
        r.typed_tool = true;
        q->match_type = SV("tool");
        break;
    case 1:
        r.typed_tool = r.typed_malware = true;
        q->match_type = SV("tool,indicator,malware,tool");
        break;
    default:
        break;
    }
    if (draw(3) == 0) {
        r.by_id = true;
        r.id[0] = draw(IDS);
        r.id[1] = draw(IDS);
        id_text(r.id[0], a);
        id_text(r.id[1], b);
        snprintf(w->id, sizeof(w->id), "%s,%s", a, b);
        q->match_id = sv_c(w->id);
    }
    if (draw(3) == 0 && m->n) {
        r.after = m->e[draw((unsigned)m->n)].added;
        time_text6(r.after, w->after);
        q->added_after = sv_c(w->after);
    }
    return r;
}

static usec added_of(struct jv record)
{
    usec at = 0;
    assert_int_equal(time_parse(json_get_str(record, SV("date_added")), &(struct time_opts){0}, &at, NULL),
                     OK);
    return at;
}

/* Walks the manifest in pages and compares it with the model, record by record. */
static void ask(struct model *m)
{
    struct words w;
    struct taxii_query q;
    struct question r = make_question(m, &w, &q);
    const struct taxii_who *who = r.partner ? &m->s.partner : &m->s.admin;
    char next[100] = "", limit[20];
    size_t at = 0;
    bool more = true;
    while (more) {
        snprintf(limit, sizeof(limit), "%u", 1 + draw(7));
        q.limit = sv_c(limit);
        q.next = sv_c(next);
        struct tt_answer a = tt_page(&m->s, &m->s.c, who, TAXII_MANIFEST, &q);
        assert_int_equal(a.rc, OK);
        struct json_it it = json_each(json_get(a.v, SV("objects")));
        struct sv key;
        struct jv v;
        size_t n = 0;
        while (json_next(&it, &key, &v)) {
            char id[80], version[40];
            while (at < m->n && !asked(m, &r, at)) {
                at++;
            }
            if (at == m->n) {
                fail_msg("%.*s is not to be given", SV_ARG(json_get_str(v, SV("id"))));
            }
            id_text(m->e[at].id, id);
            version_text(m->e[at].version, version);
            assert_true(sv_eq(json_get_str(v, SV("id")), sv_c(id)));
            assert_true(sv_eq(json_get_str(v, SV("version")), sv_c(version)));
            assert_true(added_of(v) == m->e[at].added);
            assert_true(n > 0 || a.first == m->e[at].added);
            at++;
            n++;
        }
        assert_true(n <= (size_t)atol(limit)); /* NOLINT: our own digits */
        more = tt_more(&a);
        assert_true(!more || n > 0); /* nothing hidden shows in a page that is empty but not the last */
        assert_true(sv_copy(more ? json_get_str(a.v, SV("next")) : SV(""), next, sizeof(next)));
        assert_true(!more || next[0]);
        tt_free(&a);
    }
    while (at < m->n) {
        assert_false(asked(m, &r, at));
        at++;
    }
}

static void model_open(struct model *m)
{
    struct err e = ERR_NONE;
    m->n = 0;
    m->last = INT64_MIN;
    tt_open(&m->s);
    m->other = toy_source(&m->s.t, "partner's", 1, 'B', TLP_GREEN);
    tt_grant(&m->s, TLP_GREEN);
    tt_right(&m->s, m->s.c.id, "key:partner", true, false);
    assert_int_equal(db_begin(m->s.t.db, &e), OK);
    assert_int_equal(taxii_attach(&m->s.x, m->s.c.id, m->other.id, true, m->s.t.now, &e), OK);
    assert_int_equal(db_end(m->s.t.db, true, &e), OK);
}

static void random_questions_agree(void **unused)
{
    struct model *m = calloc(1, sizeof(*m));
    for (unsigned round = 0; round < 12; round++) {
        state = 0x9E3779B97F4A7C15u + round;
        model_open(m);
        for (unsigned i = 0; i < 60; i++) {
            if (draw(6) == 0) {
                take_away(m);
            } else {
                add(m);
            }
            learn_times(m);
            for (unsigned k = 0; k < 4; k++) {
                ask(m);
            }
        }
        tt_close(&m->s);
    }
    free(m);
}

/* ---- walks while others write */

struct got {
    unsigned id, version;
    usec added;
};

static bool find_member(const struct model *m, usec added, struct got *ret)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->e[i].added == added) {
            *ret = (struct got){m->e[i].id, m->e[i].version, added};
            return true;
        }
    }
    return false;
}

/* Nothing twice; what stood at the end and was asked for came, whenever it was written. */
static void walk(struct model *m, bool all)
{
    static struct got got[MEMBERS_MAX];
    struct taxii_query q = {.match_version = all ? SV("all") : SV_NONE};
    char next[100] = "", limit[20];
    size_t n = 0;
    bool more = true;
    for (unsigned page = 0; more; page++) {
        snprintf(limit, sizeof(limit), "%u", 1 + draw(5));
        q.limit = sv_c(limit);
        q.next = sv_c(next);
        struct tt_answer a = tt_page(&m->s, &m->s.c, &m->s.admin, TAXII_MANIFEST, &q);
        assert_int_equal(a.rc, OK);
        struct json_it it = json_each(json_get(a.v, SV("objects")));
        struct sv key;
        struct jv v;
        while (json_next(&it, &key, &v)) {
            assert_true(find_member(m, added_of(v), &got[n]));
            assert_true(n == 0 || got[n].added > got[n - 1].added);
            n++;
        }
        more = tt_more(&a);
        assert_true(sv_copy(more ? json_get_str(a.v, SV("next")) : SV(""), next, sizeof(next)));
        tt_free(&a);
        for (unsigned i = draw(3); more && page < 40 && i > 0; i--) {
            add(m);
        }
    }
    const struct question whole = {.last = !all, .all = all, .after = USEC_NONE};
    for (size_t i = 0; i < m->n; i++) {
        bool came = false;
        for (size_t k = 0; k < n; k++) {
            came |= got[k].added == m->e[i].added;
        }
        if (asked(m, &whole, i) && !came) {
            fail_msg("%u@%u was missed", m->e[i].id, m->e[i].version);
        }
    }
}

static void walks_miss_nothing_while_others_write(void **unused)
{
    struct model *m = calloc(1, sizeof(*m));
    for (unsigned round = 0; round < 12; round++) {
        state = 0xD1B54A32D192ED03u + round;
        model_open(m);
        for (unsigned i = 0; i < 10; i++) {
            add(m);
        }
        walk(m, round % 2);
        tt_close(&m->s);
    }
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_questions_agree),
        cmocka_unit_test(walks_miss_nothing_while_others_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
