/* Pages of objects, manifest and versions. */
#include "share/partner/copies.h"
#include "share/partner/shares.h"
#include "share/taxii/taxii_private.h"

#include <stdlib.h>

#define PULL_BYTES (32u << 10)
#define FILTER_MOST (1u << 20)

struct page_entry {
    int64_t member, number;
    usec added, version;
    bool claim, own, versioned;
    struct taxii_copy copy; /* n 0: it goes as it is */
};
struct taxii_page {
    const struct taxii *t;
    struct taxii my; /* t may not outlive the call that opened the page */
    enum taxii_what what;
    struct page_entry *entry;
    size_t n, room, at;
    bool more, open;
    int64_t share;     /* its entry in the register of shares; 0 = it is no partner's */
    usec upto;         /* the last member that was looked at */
    struct buf copies; /* their texts and ids */
    char next[TAXII_CURSOR_TEXT];
};

struct page_out {
    struct taxii_page *p;
    struct buf *out;
    size_t first;  /* entry that the run began with */
    size_t enough; /* bytes */
    bool full;
};

/* ---- choosing */

static int add_entry(struct taxii_page *p, const struct taxii_member *m, size_t most, struct err *e)
{
    if (p->n == p->room) {
        size_t room = p->room ? p->room * 2 : 64;
        room = room < most ? room : most;
        struct page_entry *entry = reallocarray(p->entry, room, sizeof(*entry));
        if (!entry) {
            return err_set(e, ERR_MEMORY, "no memory for a page");
        }
        p->entry = entry;
        p->room = room;
    }
    p->entry[p->n++] = (struct page_entry){.member = m->id,
                                           .number = m->number,
                                           .added = m->added,
                                           .version = m->version,
                                           .claim = m->claim,
                                           .own = m->own,
                                           .versioned = m->versioned};
    return OK;
}

struct choosing {
    struct taxii_page *p;
    struct taxii_chooser chooser;
    struct taxii_scan scan;
    const struct sv *asked; /* ids, as the caller knows them */
    size_t ids;
    bool any_seen; /* some member that the caller sees was met, asked for or not */
};

/* Under the id by which it goes it is one that was asked for: a copy has another id than the original, by
 * which nobody who has the copy knows it. */
static bool is_asked(const struct choosing *c, struct sv original)
{
    struct taxii_partner *partner = c->chooser.eye->partner;
    const struct taxii_copy copy = taxii_partner_copy(partner);
    struct sv id = copy.n ? sv_sub(buf_sv(taxii_partner_texts(partner)), copy.id_at, copy.id_n) : original;
    for (size_t i = 0; i < c->ids; i++) {
        if (sv_eq(c->asked[i], id)) {
            return true;
        }
    }
    return c->chooser.filter->any_id;
}

/* 1 = this member goes to the partner and is asked for. */
static int choose_for_partner(struct choosing *c, const struct taxii_member *m, struct sv id, struct err *e)
{
    struct taxii_partner *partner = c->chooser.eye->partner;
    int rc = taxii_partner_gives(partner, c->p->t, m, e);
    if (rc != 1 || !is_asked(c, id)) {
        return rc < 0 ? rc : 0;
    }
    rc = taxii_chosen(&c->chooser, m, id, e);
    /* Others of its versions were asked about meanwhile. */
    return rc == 1 ? taxii_partner_gives(partner, c->p->t, m, e) : rc;
}

static int choose_member(struct choosing *c, const struct taxii_member *m, struct sv id, size_t limit,
                         struct err *e)
{
    struct taxii_partner *partner = c->chooser.eye->partner;
    if (!taxii_eye_sees(c->chooser.eye, m->source, m->tlp) && !(partner && taxii_is_supporting(m))) {
        return 0;
    }
    int rc = partner ? choose_for_partner(c, m, id, e) : taxii_chosen(&c->chooser, m, id, e);
    c->any_seen = c->any_seen || !partner || rc == 1;
    if (rc == 1 && c->p->n == limit) {
        c->p->more = true;
        return 0;
    }
    if (rc == 1 && partner) {
        taxii_partner_count(partner);
    }
    rc = rc == 1 ? add_entry(c->p, m, limit, e) : rc;
    if (rc == OK && partner && c->p->n && c->p->entry[c->p->n - 1].member == m->id) {
        c->p->entry[c->p->n - 1].copy = taxii_partner_copy(partner);
    }
    return rc;
}

/* A partner's page ends where enough was looked at, with what is there by then. */
static bool is_tired(const struct choosing *c)
{
    const struct taxii_partner *partner = c->chooser.eye->partner;
    return partner && taxii_partner_tired(partner);
}

static int choose(struct choosing *c, size_t limit, struct err *e)
{
    struct taxii_member m;
    struct sv id;
    int rc;
    while ((rc = taxii_scan_next(&c->scan, &m, &id, e)) == 1) {
        if (is_tired(c)) {
            c->p->more = true;
            return OK;
        }
        rc = choose_member(c, &m, id, limit, e);
        if (rc < 0 || c->p->more) {
            return rc;
        }
        c->p->upto = m.added;
    }
    return rc;
}

/* Whether the caller sees any version of the object that the path names. */
static int sees_object(const struct choosing *c, const struct taxii *t, struct sv id, struct err *e)
{
    struct stmt *s =
        db_query(t->db, "SELECT source, tlp, stix_id FROM member WHERE collection = ? AND h = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, c->chooser.collection);
    db_int(s, (int64_t)hash64(t->secret, id));
    int rc;
    while ((rc = db_step(s, e)) == 1 &&
           !(sv_eq(col_text(s, 2), id) &&
             taxii_eye_sees(c->chooser.eye, col_int(s, 0), (enum tlp)col_int(s, 1)))) {
    }
    db_done(s);
    return rc;
}

/* A partner asks for copies by their own ids; members stand under those of the originals. */
static int originals_of(const struct taxii *t, struct taxii_filter *f, struct arena *a, struct err *e)
{
    struct sv *id = f->ids ? arena_calloc(a, f->ids, sizeof(*id)) : NULL;
    if (!f->ids) {
        return OK;
    }
    if (!id) {
        return err_set(e, ERR_MEMORY, "no memory for a filter");
    }
    for (size_t i = 0; i < f->ids; i++) {
        int rc = copies_original(t->db, f->id[i], a, &id[i], e);
        if (rc < 0) {
            return rc;
        }
        id[i] = rc == 1 ? id[i] : f->id[i];
    }
    f->id = id;
    return OK;
}

static int fill(struct taxii_page *p, const struct taxii_collection *col, struct taxii_filter *f,
                const struct taxii_eye *eye, const struct taxii_query *q, usec after, struct arena *a,
                struct err *e)
{
    struct choosing c = {
        .p = p,
        .chooser = {.t = p->t, .db = p->t->db, .collection = col->id, .eye = eye, .filter = f},
        .asked = f->id,
        .ids = f->ids};
    int rc = eye->partner ? originals_of(p->t, f, a, e) : OK;
    rc = rc == OK ? taxii_scan_open(&c.scan, p->t->db, p->t->secret, col->id, f, after, e) : rc;
    rc = rc == OK ? choose(&c, f->limit, e) : rc;
    taxii_scan_close(&c.scan);
    if (rc == OK && q->object.p && !c.any_seen) {
        rc = eye->partner ? 0 : sees_object(&c, p->t, q->object, e);
        rc = rc == 0 ? err_set(e, ERR_NOT_FOUND, "there is no such object") : rc < 0 ? rc : OK;
    }
    return rc;
}

/* The query as the filters of this resource read it: the object of the path is the only id, and the versions
 * resource has no match[version] (TAXII 2.1 5.8). */
static struct taxii_query settled(const struct taxii_query *q, enum taxii_what what)
{
    struct taxii_query r = *q;
    r.next = q->next.n ? q->next : SV_NONE;
    if (what == TAXII_VERSIONS) {
        r.match_version = SV_NONE;
    }
    if (q->object.p) {
        r.match_id = r.match_type = SV_NONE;
    }
    return r;
}

/* What goes to a partner stands in the register before its first byte leaves. */
static int register_page(struct taxii_page *p, const struct taxii_collection *c, const struct taxii_query *q,
                         struct taxii_partner *partner, struct err *e)
{
    const struct taxii_page_facts f = {.collection = c,
                                       .query = q,
                                       .what = p->what,
                                       .first = p->n ? p->entry[0].added : USEC_NONE,
                                       .last = p->n ? p->entry[p->n - 1].added : USEC_NONE,
                                       .things = p->n};
    return partner && p->n ? taxii_partner_note(partner, p->t, &f, &p->share, e) : OK;
}

static int open_page(struct taxii_page *p, const struct taxii_collection *c, const struct taxii_who *who,
                     const struct taxii_query *q, usec now, struct err *e)
{
    struct taxii_filter f;
    struct taxii_eye eye;
    struct arena a;
    usec at = USEC_NONE;
    arena_init(&a, FILTER_MOST);
    int rc = taxii_filter_read(q, p->what == TAXII_VERSIONS, &a, &f, e);
    if (rc == OK && q->next.p) {
        rc = taxii_cursor_read(p->t->secret, c->id, p->what, q, &at, e);
    }
    if (rc == OK) {
        struct sv object = q->object;
        if (object.p) {
            f.id = &object;
            f.ids = 1;
            f.any_id = false;
        }
        rc = taxii_eye_open(p->t->db, c, who, now, &eye, e);
        rc = rc == OK && eye.partner ? taxii_partner_copies(eye.partner, p->t, e) : rc;
        p->upto = at > f.after ? at : f.after;
        rc = rc == OK ? fill(p, c, &f, &eye, q, p->upto, &a, e) : rc;
        rc = rc == OK ? register_page(p, c, q, eye.partner, e) : rc;
        if (rc == OK && eye.partner) { /* they outlive the eye */
            p->copies = *taxii_partner_texts(eye.partner);
            buf_init(taxii_partner_texts(eye.partner), 0);
        }
        taxii_eye_close(&eye);
    }
    if (rc == OK && p->more) {
        taxii_cursor_write(p->t->secret, c->id, p->what, q, p->upto, p->next);
    }
    arena_clear(&a);
    return rc;
}

int taxii_page_open(const struct taxii *t, const struct taxii_collection *c, const struct taxii_who *who,
                    enum taxii_what what, const struct taxii_query *q, usec now, struct taxii_page **ret,
                    usec *ret_first, usec *ret_last, struct err *e)
{
    struct taxii_collection present = *c;
    const struct taxii_query mine = settled(q, what);
    *ret = NULL;
    *ret_first = *ret_last = USEC_NONE;
    /* `c` may be older than a right that was taken back. */
    int rc = taxii_rights(t->db, &present, who, e);
    if (rc == OK && !present.can_read) {
        rc = err_set(e, ERR_DENIED, "this collection is not yours to read");
    }
    struct taxii_page *p = rc == OK ? calloc(1, sizeof(*p)) : NULL;
    if (!p) {
        return rc == OK ? err_set(e, ERR_MEMORY, "no memory for a page") : rc;
    }
    p->my = *t;
    p->t = &p->my;
    p->what = what;
    rc = open_page(p, &present, who, &mine, now, e);
    if (rc != OK) {
        taxii_page_free(p);
        return rc;
    }
    if (p->n) {
        *ret_first = p->entry[0].added;
        *ret_last = p->entry[p->n - 1].added;
    }
    *ret = p;
    return OK;
}

/* ---- writing */

/* The frame stands before the first entry that is really there: an empty list is not allowed in TAXII. */
static void begin(struct taxii_page *p, struct buf *out)
{
    static const char *const names[] = {"objects", "objects", "versions"};
    if (p->open) {
        buf_addc(out, ',');
        return;
    }
    p->open = true;
    buf_printf(out, "{\"more\":%s,", p->more ? "true" : "false");
    if (p->more) {
        buf_printf(out, "\"next\":\"%s\",", p->next);
    }
    buf_printf(out, "\"%s\":[", names[p->what]);
}

int taxii_own_text(const struct taxii *t, int64_t member, struct buf *out, struct err *e)
{
    struct stmt *s = db_query(t->db, "SELECT body FROM member_text WHERE member = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, member);
    int rc = db_step(s, e);
    if (rc == 1) {
        buf_add(out, col_blob(s, 0));
    }
    db_done(s);
    return rc;
}

static int write_object(struct taxii_page *p, const struct page_entry *m, struct buf *out, struct err *e)
{
    size_t before = out->n;
    bool open = p->open;
    begin(p, out);
    if (m->copy.n) {
        buf_add(out, sv_sub(buf_sv(&p->copies), m->copy.at, m->copy.n));
        return OK;
    }
    int rc = m->own ? taxii_own_text(p->t, m->member, out, e)
                    : fuse_item_write(p->t->fuse, m->claim, m->number, m->version, out, e);
    if (rc != 1) { /* it changed or went since the page was chosen: its new version stands further on */
        out->n = before;
        p->open = open;
    }
    return rc;
}

/* ---- runs: entries whose rows stand close together are read in one walk */

#define RUN_MOST 64

static int write_body(void *ctx, size_t i, struct sv json, struct err *e)
{
    struct page_out *o = ctx;
    begin(o->p, o->out);
    buf_add(o->out, json);
    o->p->at = o->first + i + 1;
    o->full = o->out->n >= o->enough; /* objects may be long: the rest of the run waits */
    return o->full ? err_set(e, ERR_CANCELLED, "enough for now") : OK;
}

/* As many stored things as come next. */
static int write_objects(struct taxii_page *p, struct buf *out, size_t enough, struct err *e)
{
    struct item_pick pick[RUN_MOST];
    size_t n = 0;
    struct page_out o = {.p = p, .out = out, .first = p->at, .enough = enough};
    for (; p->at + n < p->n && n < RUN_MOST; n++) {
        const struct page_entry *m = &p->entry[p->at + n];
        if (m->own || m->copy.n) {
            break;
        }
        pick[n] = (struct item_pick){.number = m->number, .version = m->version, .claim = m->claim};
    }
    if (n == 0) {
        return write_object(p, &p->entry[p->at++], out, e);
    }
    int rc = fuse_items_read(p->t->fuse, pick, n, write_body, &o, e);
    p->at = o.full ? p->at : o.first + n;
    return o.full ? OK : rc;
}

static void write_record(struct taxii_page *p, const struct page_entry *m, struct sv id, bool old,
                         struct buf *out)
{
    char added[32], version[32];
    begin(p, out);
    time_text6(m->added, added);
    taxii_version_text(m->version, m->versioned, version);
    buf_add(out, SV("{\"id\":\""));
    buf_add(out, id);
    buf_add(out, SV("\",\"date_added\":\""));
    buf_add(out, sv_c(added));
    buf_add(out, SV("\",\"version\":\""));
    buf_add(out, sv_c(version));
    buf_add(out, old ? SV("\",\"media_type\":\"application/stix+json;version=2.0\"}")
                     : SV("\",\"media_type\":\"application/stix+json;version=2.1\"}"));
}

/* One walk over the rows of the next records. */
static int write_manifest(struct taxii_page *p, struct buf *out, struct err *e)
{
    size_t end = p->at + 1, most = p->at + RUN_MOST;
    while (end < p->n && end < most && p->entry[end].member > p->entry[end - 1].member &&
           p->entry[end].member - p->entry[end - 1].member <= 8) {
        end++;
    }
    struct stmt *s =
        db_query(p->t->db, "SELECT id, stix_id, spec FROM member WHERE id >= ? AND id <= ? ORDER BY id", e);
    if (!s) {
        return e->code;
    }
    db_int(s, p->entry[p->at].member);
    db_int(s, p->entry[end - 1].member);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        int64_t id = col_int(s, 0);
        while (p->at < end && p->entry[p->at].member < id) {
            p->at++;
        }
        if (p->at < end && p->entry[p->at].member == id) {
            const struct page_entry *m = &p->entry[p->at];
            struct sv copy = sv_sub(buf_sv(&p->copies), m->copy.id_at, m->copy.id_n);
            write_record(p, m, m->copy.n ? copy : col_text(s, 1), col_int(s, 2) == 20, out);
        }
    }
    db_done(s);
    p->at = end;
    return rc;
}

static int write_version(struct taxii_page *p, const struct page_entry *m, struct buf *out)
{
    char version[32];
    begin(p, out);
    taxii_version_text(m->version, m->versioned, version);
    buf_printf(out, "\"%s\"", version);
    return 1;
}

static int finish(struct taxii_page *p, struct buf *out)
{
    if (p->open) {
        buf_add(out, SV("]}"));
    } else if (p->more) {
        buf_printf(out, "{\"more\":true,\"next\":\"%s\"}", p->next);
    } else {
        buf_add(out, SV("{}"));
    }
    return out->failed ? -2 : -1;
}

int taxii_page_pull(struct taxii_page *p, struct buf *out)
{
    struct err e = ERR_NONE;
    size_t enough = out->n + PULL_BYTES;
    while (p->at < p->n && out->n < enough) {
        int rc = p->what == TAXII_OBJECTS    ? write_objects(p, out, enough, &e)
                 : p->what == TAXII_MANIFEST ? write_manifest(p, out, &e)
                                             : write_version(p, &p->entry[p->at++], out);
        if (rc < 0 || out->failed) {
            return -2;
        }
    }
    return p->at < p->n ? 0 : finish(p, out);
}

void taxii_page_free(struct taxii_page *p)
{
    if (p) {
        struct err ignored = ERR_NONE;
        if (p->share && p->at == p->n) {
            /* Without the note the entry says that more went than did: never the other way. */
            (void)!share_end(p->t->db, p->share, time_now(), &ignored);
        }
        buf_clear(&p->copies);
        free(p->entry);
        free(p);
    }
}
