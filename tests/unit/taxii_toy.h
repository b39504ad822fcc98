/* A TAXII server without HTTP for tests: one root and one collection over the toy node. */
#pragma once

#include "fuse_node.h"
#include "share/taxii/taxii.h"

struct tt {
    struct toy t;
    struct taxii x;
    struct taxii_root root;
    struct taxii_collection c;
    struct source source;
    struct arena a;
    struct taxii_who admin, reader, partner;
};

static inline struct taxii_collection tt_collection(struct tt *s, const char *title, enum tlp ceiling,
                                                    int64_t source)
{
    struct err e = ERR_NONE;
    struct taxii_collection c = {
        .root = s->root.id, .title = sv_c(title), .ceiling = ceiling, .source = source, .admins = true};
    assert_int_equal(db_begin(s->t.db, &e), OK);
    assert_int_equal(taxii_collection_put(&s->x, &c, s->t.now, &s->a, &e), OK);
    assert_int_equal(db_end(s->t.db, true, &e), OK);
    return c;
}

static inline void tt_right(struct tt *s, int64_t collection, const char *principal, bool reads, bool writes)
{
    struct err e = ERR_NONE;
    const struct taxii_right r = {.principal = sv_c(principal), .reads = reads, .writes = writes};
    assert_int_equal(db_begin(s->t.db, &e), OK);
    assert_int_equal(taxii_right_put(&s->x, collection, &r, s->t.now, &e), OK);
    assert_int_equal(db_end(s->t.db, true, &e), OK);
}

static inline void tt_open(struct tt *s)
{
    struct err e = ERR_NONE;
    *s = (struct tt){0};
    toy_open(&s->t);
    arena_init(&s->a, 1 << 20);
    s->x = (struct taxii){.db = s->t.db, .fuse = s->t.fuse, .ledger = s->t.ledger, .secret = &s->t.secret};
    s->source = toy_source(&s->t, "posted", 0, 'B', TLP_GREEN);
    s->root = (struct taxii_root){
        .path = SV("trust/group1"), .title = SV("A root"), .max_content = 1 << 20, .standard = true};
    assert_int_equal(db_begin(s->t.db, &e), OK);
    assert_int_equal(taxii_root_put(&s->x, &s->root, s->t.now, &e), OK);
    assert_int_equal(db_end(s->t.db, true, &e), OK);
    s->c = tt_collection(s, "Things", TLP_AMBER_STRICT, s->source.id);
    s->admin =
        (struct taxii_who){.principal = SV("user:admin"), .org = s->t.org[0], .admin = true, .writes = true};
    s->reader = (struct taxii_who){.principal = SV("user:reader"), .org = s->t.org[0]};
    s->partner = (struct taxii_who){.principal = SV("key:partner"), .org = s->t.org[1], .writes = true};
}

static inline void tt_close(struct tt *s)
{
    arena_clear(&s->a);
    toy_close(&s->t);
}

static inline void tt_grant(struct tt *s, enum tlp ceiling)
{
    struct err e = ERR_NONE;
    const struct pact_grant g = {.id = uuid_v4(),
                                 .from = s->t.org[0],
                                 .to = s->t.org[1],
                                 .purpose = PURPOSE_NETWORK_SAFETY,
                                 .ceiling = ceiling,
                                 .valid_from = 0,
                                 .valid_until = s->t.now + 365 * USEC_DAY};
    assert_int_equal(db_begin(s->t.db, &e), OK);
    assert_int_equal(gate_grant(s->t.ledger, s->t.db, &g, s->t.now, &e), OK);
    assert_int_equal(db_end(s->t.db, true, &e), OK);
}

/* An answer, parsed; free with tt_free. */
struct tt_answer {
    int rc;
    struct err e;
    struct buf text;
    struct json_doc *doc;
    struct jv v;
    usec first, last;
};

static inline void tt_free(struct tt_answer *r)
{
    buf_clear(&r->text);
    json_doc_free(r->doc);
}

static inline void tt_parse(struct tt_answer *r)
{
    struct err e = ERR_NONE;
    r->doc = json_doc_new(1u << 28);
    if (json_parse(r->doc, buf_sv(&r->text), &r->v, &e) != OK) {
        fail_msg("no JSON: %s: %.*s", e.text, SV_ARG(sv_sub(buf_sv(&r->text), 0, 400)));
    }
}

static inline struct tt_answer tt_page(struct tt *s, const struct taxii_collection *c,
                                       const struct taxii_who *who, enum taxii_what what,
                                       const struct taxii_query *q)
{
    struct tt_answer r = {.e = ERR_NONE};
    struct taxii_page *p = NULL;
    buf_init(&r.text, 1u << 28);
    r.rc = taxii_page_open(&s->x, c, who, what, q, s->t.now, &p, &r.first, &r.last, &r.e);
    if (r.rc != OK) {
        assert_null(p);
        return r;
    }
    int more;
    while ((more = taxii_page_pull(p, &r.text)) == 0) {
    }
    assert_int_equal(more, -1);
    taxii_page_free(p);
    tt_parse(&r);
    return r;
}

static inline struct tt_answer tt_post(struct tt *s, const struct taxii_collection *c,
                                       const struct taxii_who *who, const char *text)
{
    struct tt_answer r = {.e = ERR_NONE};
    int fd = memfd_create("post", MFD_CLOEXEC);
    buf_init(&r.text, 1u << 28);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    r.rc = taxii_post(&s->x, c, who, fd, s->t.now, &r.text, &r.e);
    close(fd);
    if (r.rc == OK) {
        tt_parse(&r);
    }
    return r;
}

static inline int64_t tt_number(struct jv v, const char *key)
{
    int64_t n = -1;
    (void)json_i64(json_get(v, sv_c(key)), &n);
    return n;
}

static inline bool tt_more(const struct tt_answer *r)
{
    bool more = false;
    (void)json_bool(json_get(r->v, SV("more")), &more);
    return more;
}

static inline size_t tt_count(const struct tt_answer *r)
{
    struct jv list = json_get(r->v, SV("objects"));
    return json_count(json_type(list) == JSON_ARRAY ? list : json_get(r->v, SV("versions")));
}
