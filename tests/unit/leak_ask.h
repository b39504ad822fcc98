/*
 * A partner at a collection: everything it can ask, and every byte of the answers searched for what may not
 * show.
 */
#pragma once

#include "leak_world.h"

/* ---- what may show */

struct judge {
    const struct drawn *w;
    struct verdict now[THINGS_MOST];
    enum fate itself[THINGS_MOST]; /* whatever it refers to */
    bool went[THINGS_MOST];        /* at an earlier instant */
    size_t upto;                   /* so many were taken in */
    bool *seen;                    /* by number of the secret; NULL = not wanted */
    const char *asked;
    uint64_t round;
};

static inline bool member_may(const struct verdict *v, const char *place, const char *inner)
{
    return v->fate == GOES || v->fate == REFERS ||
           (v->fate == CHANGES && !denied(v->grant, place) && !(inner && denied(v->grant, inner)));
}

/* A thing of that id is here; *ret_known: the partner may know of it under its id now; *ret_perhaps: or did,
 * if it asked then. */
static inline bool is_here(const struct judge *j, const char *id, bool *ret_known, bool *ret_perhaps)
{
    bool here = false;
    *ret_known = *ret_perhaps = false;
    for (size_t i = 0; i < j->upto; i++) {
        const struct thing *t = &j->w->thing[i];
        if (strcmp(t->id, id) == 0) {
            bool own = j->w->source[t->source].origin == ASKER;
            here = true;
            *ret_known = *ret_known || j->itself[i] == GOES || own;
            *ret_perhaps = *ret_perhaps || j->went[i];
        }
    }
    return here;
}

static inline bool names_hidden(const struct judge *j, const struct thing *t)
{
    bool known, perhaps, hidden = false;
    for (size_t k = 0; k < t->refs; k++) {
        hidden = hidden || (is_here(j, t->ref[k].id, &known, &perhaps) && !known);
    }
    return hidden;
}

/* An id shows where its thing goes as it is; of a thing that is not here, where something that goes refers to
 * it; and that of a producer on what it made. */
static inline bool id_may(const struct judge *j, const char *id)
{
    bool known, perhaps, here = is_here(j, id, &known, &perhaps);
    if (known || perhaps) {
        return true;
    }
    for (size_t i = 0; i < j->w->things; i++) {
        const struct thing *t = &j->w->thing[i];
        for (size_t k = 0; k < t->refs; k++) {
            if (strcmp(t->ref[k].id, id) == 0 && member_may(&j->now[i], t->ref[k].member, NULL) &&
                (!here || strcmp(t->ref[k].member, "created_by_ref") == 0)) {
                return true;
            }
        }
    }
    return false;
}

static inline void on_found(void *ctx, const struct secret *s, const char *dress)
{
    struct judge *j = ctx;
    bool may = s->thing != NOBODYS &&
               (strcmp(s->place, "id") == 0 ? id_may(j, j->w->thing[s->thing].id)
                                            : member_may(&j->now[s->thing], s->place, s->inner));
    if (j->seen) {
        j->seen[s - j->w->secrets.v] = true;
    }
    if (!may) {
        fail_msg("NOROSHI_SEED=%llu: %s (%s) of %s leaves %s by %s: %s", (unsigned long long)j->round,
                 s->text, s->place, s->thing == NOBODYS ? "the node" : j->w->thing[s->thing].id, dress,
                 j->asked, s->thing == NOBODYS ? "" : j->w->thing[s->thing].json.p);
    }
}

static inline void search(struct judge *j, struct sv bytes, const char *asked)
{
    struct scan k = {.secrets = &j->w->secrets, .found = on_found, .ctx = j};
    j->asked = asked;
    scan_bytes(&k, bytes, "plain", 0);
}

static inline struct question question_of(const struct drawn *w, enum purpose purpose, usec now)
{
    return (struct question){
        .partner = ASKER, .partner_active = w->partner_active, .purpose = purpose, .now = now};
}

static inline void judge_at(struct judge *j, enum purpose purpose, usec now)
{
    const struct question q = question_of(j->w, purpose, now);
    for (size_t i = 0; i < j->w->things; i++) {
        j->now[i] = decide(j->w->agreement, j->w->agreements, &j->w->thing[i].spec, &q);
        j->itself[i] = j->now[i].fate;
    }
    for (size_t i = 0; i < j->w->things; i++) {
        if (j->itself[i] == GOES && names_hidden(j, &j->w->thing[i])) {
            j->now[i].fate = REFERS;
        }
    }
}

/* ---- asking a collection whatever there is to ask */

struct asking {
    struct world *s;
    struct judge *j; /* NULL: nothing is denied to look for */
    struct buf said; /* all answers, times and cursors masked: two nodes are held against each other */
    usec now;
    char next[64];
};

/* "2026-02-02T03:40:01.000001Z": when something was added here; what producers write has milliseconds. */
static inline bool is_added(struct sv text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (i >= text.n || (shape[i] == 'd' ? text.p[i] < '0' || text.p[i] > '9' : text.p[i] != shape[i])) {
            return false;
        }
    }
    return true;
}

/* Appends without times of ours and without the cursors that are made of them. */
static inline void add_masked(struct buf *out, struct sv text)
{
    const struct sv cursor = SV("\"next\":\"");
    for (size_t i = 0; i < text.n; i++) {
        struct sv rest = sv_sub(text, i, SIZE_MAX);
        if (is_added(rest)) {
            i += 27;
        } else if (sv_starts(rest, cursor)) {
            i += cursor.n + sv_chr(sv_sub(rest, cursor.n, SIZE_MAX), '"');
        }
        if (i < text.n) {
            buf_addc(out, text.p[i]);
        }
    }
}

/* One request; its answer, unparsed, into *body (may be NULL). */
static inline void ask(struct asking *q, const char *name, enum taxii_what what,
                       const struct taxii_query *query, struct buf *body)
{
    struct err e = ERR_NONE;
    struct taxii_page *p = NULL;
    struct buf own;
    usec first, last;
    buf_init(&own, 1u << 26);
    int rc = taxii_page_open(&q->s->x, &q->s->c, &q->s->asker, what, query, q->now, &p, &first, &last, &e);
    int more = 0;
    while (rc == OK && (more = taxii_page_pull(p, &own)) == 0) {
    }
    assert_true(rc != OK || more == -1);
    taxii_page_free(p);
    if (rc != OK) {
        buf_printf(&own, "error %d: %s %s %s", rc, e.text, e.remedy, e.file);
    }
    if (q->j) {
        search(q->j, buf_sv(&own), name);
    }
    buf_printf(&q->said, "\n%s %d %d %d: ", name, (int)what, first != USEC_NONE, last != USEC_NONE);
    add_masked(&q->said, buf_sv(&own));
    struct sv cursor = sv_find(buf_sv(&own), SV("\"next\":\"")) == SIZE_MAX
                           ? SV("")
                           : sv_sub(buf_sv(&own), sv_find(buf_sv(&own), SV("\"next\":\"")) + 8, SIZE_MAX);
    assert_true(sv_copy(sv_sub(cursor, 0, cursor.n ? sv_chr(cursor, '"') : 0), q->next, sizeof(q->next)));
    if (body) {
        buf_add(body, buf_sv(&own));
    }
    buf_clear(&own);
}

static inline void ask_pages(struct asking *q, enum taxii_what what)
{
    char cursor[64] = "";
    for (size_t i = 0; i < 100; i++) {
        ask(q, "a page of two", what,
            &(struct taxii_query){.limit = SV("2"), .next = cursor[0] ? sv_c(cursor) : SV_NONE}, NULL);
        if (!q->next[0]) {
            return;
        }
        memcpy(cursor, q->next, sizeof(cursor));
    }
    fail_msg("a walk through a collection does not end");
}

static inline void ask_one(struct asking *q, const char *id)
{
    const struct taxii_query one = {.object = sv_c(id)};
    ask(q, "an object", TAXII_OBJECTS, &one, NULL);
    ask(q, "versions", TAXII_VERSIONS, &one, NULL);
    ask(q, "an object in all versions", TAXII_OBJECTS,
        &(struct taxii_query){.object = sv_c(id), .match_version = SV("all")}, NULL);
    ask(q, "match[id]", TAXII_MANIFEST,
        &(struct taxii_query){.match_id = sv_c(id), .match_version = SV("first,last")}, NULL);
}

static inline void ask_definitions(struct asking *q)
{
    struct err e = ERR_NONE;
    struct buf b;
    struct taxii_collection found;
    buf_init(&b, 1u << 20);
    assert_int_equal(taxii_discovery(q->s->t.db, &q->s->asker, &b, &e), OK);
    assert_int_equal(taxii_root_json(q->s->t.db, &q->s->root, &b, &e), OK);
    assert_int_equal(taxii_collections_json(q->s->t.db, &q->s->root, &q->s->asker, &b, &e), OK);
    assert_int_equal(taxii_collection_json(q->s->t.db, &q->s->c, &b, &e), OK);
    int rc = taxii_collection_find(q->s->t.db, &q->s->root, &q->s->asker,
                                   SV("5f0a1b72-3c8a-4c45-9f2e-000000000002"), &q->s->a, &found, &e);
    buf_printf(&b, " %d %s %s", rc, e.text, e.remedy);
    if (q->j) {
        search(q->j, buf_sv(&b), "definitions");
    }
    buf_add(&q->said, buf_sv(&b));
    buf_clear(&b);
}

/* Everything at one instant. `all` gets the page of all versions. */
static inline void ask_all(struct asking *q, const struct drawn *w, struct dice d, struct buf *all)
{
    static const char *const odd[] = {"0", "-1", "x", "9999999999999999999"};
    char types[200], after[32];
    ask(q, "all versions", TAXII_OBJECTS, &(struct taxii_query){.match_version = SV("all")}, all);
    ask(q, "objects", TAXII_OBJECTS, &(struct taxii_query){0}, NULL);
    ask(q, "manifest", TAXII_MANIFEST, &(struct taxii_query){.match_version = SV("all")}, NULL);
    ask_pages(q, TAXII_OBJECTS);
    ask_pages(q, TAXII_MANIFEST);
    snprintf(types, sizeof(types), "%s,%s,threat-actor", w->thing[draw(&d, (unsigned)w->things)].row->type,
             w->thing[draw(&d, (unsigned)w->things)].row->type);
    ask(q, "match[type]", TAXII_OBJECTS, &(struct taxii_query){.match_type = sv_c(types)}, NULL);
    time_text6(WORLD_BEGINS + USEC_HOUR, after);
    ask(q, "added_after", TAXII_OBJECTS, &(struct taxii_query){.added_after = sv_c(after)}, NULL);
    ask(q, "first", TAXII_OBJECTS, &(struct taxii_query){.match_version = SV("first")}, NULL);
    ask(q, "a version", TAXII_MANIFEST, &(struct taxii_query){.match_version = SV("2026-01-02T00:00:00Z")},
        NULL);
    ask(q, "a broken limit", TAXII_OBJECTS, &(struct taxii_query){.limit = sv_c(odd[draw(&d, 4)])}, NULL);
    ask(q, "a forged cursor", TAXII_OBJECTS,
        &(struct taxii_query){.next = SV("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")}, NULL);
    ask(q, "a broken version", TAXII_OBJECTS, &(struct taxii_query){.match_version = SV("yesterday")}, NULL);
    for (size_t i = 0; i < 6; i++) {
        ask_one(q, w->thing[draw(&d, (unsigned)w->things)].id);
    }
    ask_one(q, "indicator--00000000-0000-4000-8000-000000000000");
    ask_definitions(q);
}
