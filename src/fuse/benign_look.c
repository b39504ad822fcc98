#include "fuse/private.h"

/* benign_each: which warninglists hold a value, read from the tables, for people. The rules are those of
 * benign.c. */

struct ask {
    struct fuse *f;
    const struct pact_view *view;
    const struct obs *o;
    void (*each)(void *ctx, struct sv list, struct sv role, struct sv entry, bool suppresses);
    void *ctx;
    struct err *e;
};

#define COLUMNS "SELECT l.name, l.role, l.source, e.value, s.tlp, s.org = " HOME_ORG
static const char ENTRIES[] = COLUMNS
    " FROM list_entry e JOIN list l ON l.id = e.list JOIN source s ON s.id = l.source WHERE e.h = ? ORDER BY "
    "l.id";

/* A list has no marking of its own: its source's decides. */
static bool visible(const struct ask *q, struct stmt *s)
{
    return pact_sees(q->view, col_int(s, 2), (enum tlp)col_int(s, 4));
}

/* As in benign.c: other organisations' lists explain, they suppress nothing. */
static bool may_suppress(struct stmt *s)
{
    return col_int(s, 5) != 0;
}

static int ask_entry(const struct ask *q, struct sv entry, bool host_only, bool by_parent)
{
    struct stmt *s = db_query(q->f->db, ENTRIES, q->e);
    if (!s) {
        return q->e->code;
    }
    db_int(s, value_hash(q->f, KIND_NONE, entry));
    int rc;
    while ((rc = db_step(s, q->e)) == 1) {
        if (!sv_eq(col_text(s, 3), entry) || !visible(q, s)) {
            continue;
        }
        bool benign = sv_eq(col_text(s, 1), SV("benign"));
        bool covers = host_only && (benign || !by_parent);
        q->each(q->ctx, col_text(s, 0), col_text(s, 1), entry, covers && may_suppress(s));
    }
    db_done(s);
    return rc;
}

static int ask_host(const struct ask *q, struct sv host, bool host_only, struct arena *a)
{
    int rc = ask_entry(q, host, host_only, false);
    struct sv dotted = arena_printf(a, ".%.*s", SV_ARG(host));
    for (struct sv at = dotted; rc == OK && at.n > 1;) {
        rc = ask_entry(q, at, host_only, at.n != dotted.n);
        size_t next = sv_chr(sv_sub(at, 1, SIZE_MAX), '.');
        at = next == SIZE_MAX ? SV("") : sv_sub(at, next + 1, SIZE_MAX);
    }
    return rc;
}

static int ask_prefix(void *ctx, enum kind kind, struct sv value, enum match_how how, struct err *e)
{
    const struct ask *q = ctx;
    struct stmt *s = db_query(q->f->db, ENTRIES, e);
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(q->f, KIND_NONE, value));
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        if (sv_eq(col_text(s, 3), value) && visible(q, s)) {
            q->each(q->ctx, col_text(s, 0), col_text(s, 1), value,
                    sv_eq(col_text(s, 1), SV("benign")) && may_suppress(s));
        }
    }
    db_done(s);
    return rc;
}

static int ask_parts(const struct ask *q)
{
    struct stmt *s = db_query(q->f->db,
                              COLUMNS " FROM list l JOIN list_entry e ON e.list = l.id JOIN source s ON s.id "
                                      "= l.source WHERE l.match = ? ORDER BY l.id",
                              q->e);
    if (!s) {
        return q->e->code;
    }
    db_int(s, LIST_SUBSTRING);
    int rc, told = 0;
    while ((rc = db_step(s, q->e)) == 1 && told < 16) {
        if (visible(q, s) && sv_find(q->o->value, col_text(s, 3)) != SIZE_MAX) {
            q->each(q->ctx, col_text(s, 0), col_text(s, 1), col_text(s, 3),
                    sv_eq(col_text(s, 1), SV("benign")) && may_suppress(s));
            told++;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int benign_each(struct fuse *f, const struct pact_view *view, const struct obs *o, struct arena *a,
                void (*each)(void *ctx, struct sv list, struct sv role, struct sv entry, bool suppresses),
                void *ctx, struct err *e)
{
    struct ask q = {.f = f, .view = view, .o = o, .each = each, .ctx = ctx, .e = e};
    int rc;
    switch (o->kind) {
    case KIND_IPV4:
    case KIND_IPV6:
        return covers_each(o, a, ask_prefix, &q, e);
    case KIND_DOMAIN:
        rc = ask_host(&q, sv_starts(o->value, SV("*.")) ? sv_sub(o->value, 2, SIZE_MAX) : o->value, true, a);
        return rc == OK ? ask_parts(&q) : rc;
    case KIND_URL: {
        struct sv host = url_host(o->value);
        rc = ask_entry(&q, o->value, true, false);
        return rc == OK ? ask_host(&q, host, url_match_key(o->value).n <= host.n + 1, a) : rc;
    }
    case KIND_EMAIL:
        rc = ask_entry(&q, o->value, true, false);
        return rc == OK ? ask_parts(&q) : rc;
    default:
        return ask_entry(&q, o->value, true, false);
    }
}
