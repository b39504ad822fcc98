/* Stored objects that may be given away: of each the newest version that holds. And the kept observables. */
#include "fuse/answer.h"

#include <stdlib.h>

#define OBJECT_MOST ((size_t)64 << 20)

struct give_objects {
    struct fuse *f;
    const struct pact_view *view;
    const struct give_filter *filter;
    enum give_what what;
    struct sv pattern_type; /* "" = any */
    usec now;
    give_object_fn each;
    void *ctx;
    struct give_report *report;
    const struct benign *benign;
    struct json_doc *doc;
    struct arena a, id_text;
    struct sv id; /* the object whose versions are being read */
    bool decided;
};

/* Number of each column of OBJECTS. */
enum { ID, TYPE, SOURCE, TLP, MODIFIED, REVOKED, BODY, NUMBER, ENTITLED, NAME, GRADE, EXERCISE, OTHER };
static const char OBJECTS[] =
    "SELECT o.stix_id, o.type, o.source, o.tlp, o.modified, o.revoked, o.body, o.id, o.created_by = '' OR "
    "sp.source IS NULL OR sp.source = o.source, s.name, s.reliability, s.exercise, o.pattern_other"
    " FROM object o JOIN source s ON s.id = o.source LEFT JOIN speaker sp ON sp.created_by = o.created_by"
    " WHERE ? = 0 OR o.type = 'indicator' ORDER BY o.stix_id, o.modified DESC, o.id DESC";

/* An object that holds a value which is never given away is not given away. */
static int holds_benign(struct give_objects *g, int64_t object, struct err *e)
{
    struct stmt *s = db_query(g->f->db, "SELECT kind, value FROM object_value WHERE object = ?", e);
    int rc = s ? OK : e->code, found = 0;
    if (!s) {
        return rc;
    }
    db_int(s, object);
    while (!found && (rc = db_step(s, e)) == 1) {
        struct obs o;
        struct err ignored = ERR_NONE;
        if (obs_read(&g->a, (enum kind)col_int(s, 0), col_text(s, 1), &o, &ignored) == OK) {
            found = benign_covers(g->benign, &o) ? 1 : never_covers(g->filter->never, &o) ? 2 : 0;
        }
    }
    db_done(s);
    return rc < 0 ? rc : found;
}

static int covered(const struct give_objects *g, struct sv text)
{
    struct obs o;
    struct arena a;
    struct err ignored = ERR_NONE;
    arena_init(&a, 1u << 20);
    int found = obs_guess(&a, text, &o, &ignored) != OK ? 0
                : benign_covers(g->benign, &o)          ? 1
                : never_covers(g->filter->never, &o)    ? 2
                                                        : 0;
    arena_clear(&a);
    return found;
}

/* A kept MISP object has no values of its own in the tables: its attributes' values, and their parts. */
static int misp_holds_benign(const struct give_objects *g, struct jv object)
{
    struct json_it it = json_each(json_get(object, SV("x_misp_attributes")));
    struct sv key;
    struct jv attribute;
    int found = 0;
    while (!found && json_next(&it, &key, &attribute)) {
        struct sv rest = json_get_str(attribute, SV("value")), part;
        found = covered(g, rest);
        while (!found && rest.n && sv_cut(&rest, '|', &part)) {
            found = covered(g, part);
        }
    }
    return found;
}

static bool visible(const struct give_objects *g, struct stmt *s)
{
    enum tlp tlp = (enum tlp)col_int(s, TLP);
    return tlp <= g->filter->ceiling && tlp <= GIVE_HIGHEST && pact_sees(g->view, col_int(s, SOURCE), tlp);
}

static usec time_of(struct jv v, const char *key)
{
    const struct time_opts utc = {.fallback = zone_find(SV("UTC"), NULL)};
    struct err ignored = ERR_NONE;
    struct sv text = json_get_str(v, sv_c(key));
    usec t;
    return text.n && time_parse(text, &utc, &t, &ignored) == OK ? t : USEC_NONE;
}

static void describe(const struct give_objects *g, struct stmt *s, struct jv v, struct given_object *ret)
{
    struct sv grade = col_text(s, GRADE);
    *ret = (struct given_object){.id = g->id,
                                 .object = v,
                                 .type = col_text(s, TYPE),
                                 .pattern = json_get_str(v, SV("pattern")),
                                 .pattern_type = json_get_str(v, SV("pattern_type")),
                                 .name = json_get_str(v, SV("name")),
                                 .json = col_blob(s, BODY),
                                 .source_name = col_text(s, NAME),
                                 .reliability = grade.n ? grade.p[0] : 'F',
                                 .tlp = (enum tlp)col_int(s, TLP),
                                 .compound = col_int(s, OTHER) != 0,
                                 .modified = col_time(s, MODIFIED),
                                 .until = time_of(v, "valid_until")};
}

static bool in_force(struct give_objects *g, struct jv v, usec until)
{
    usec from = time_of(v, "valid_from");
    usec next = from != USEC_NONE && from > g->now ? from : until == USEC_NONE ? INT64_MAX : until + 1;
    if (next > g->now && next < g->report->changes) {
        g->report->changes = next;
    }
    return (from == USEC_NONE || from <= g->now) && (until == USEC_NONE || until >= g->now);
}

static int give_version(struct give_objects *g, struct stmt *s, struct err *e)
{
    struct jv v = {0};
    struct given_object o;
    int rc = json_parse(g->doc, col_blob(s, BODY), &v, e);
    if (rc < 0) {
        return rc;
    }
    describe(g, s, v, &o);
    if (g->pattern_type.n && !sv_eq(o.pattern_type, g->pattern_type)) {
        return OK;
    }
    if (!in_force(g, v, o.until) ||
        (g->filter->since != USEC_NONE && (o.modified == USEC_NONE || o.modified < g->filter->since))) {
        g->report->filtered++;
        return OK;
    }
    rc = holds_benign(g, col_int(s, NUMBER), e);
    rc = rc == OK ? misp_holds_benign(g, v) : rc;
    if (rc > 0) {
        ++*(rc == 1 ? &g->report->benign : &g->report->never);
        return OK;
    }
    g->report->given += rc == OK;
    return rc == OK ? g->each(g->ctx, &o, e) : rc;
}

/* Versions come newest first. The newest decides, also for who does not see it: a revoked one ends the
 * object, one with a stricter marking takes the older ones with it. */
static int read_version(struct give_objects *g, struct stmt *s, struct err *e)
{
    if (!sv_eq(g->id, col_text(s, ID))) {
        arena_reset(&g->id_text);
        g->id = arena_sv(&g->id_text, col_text(s, ID));
        g->decided = false;
    }
    arena_reset(&g->a);
    bool revoked = col_int(s, REVOKED) != 0;
    bool other = g->filter->source && g->filter->source != col_int(s, SOURCE);
    if (g->decided || col_int(s, ENTITLED) == 0 || col_int(s, EXERCISE) != 0 || (other && !revoked)) {
        return OK;
    }
    g->decided = true;
    return revoked || !visible(g, s) ? OK : give_version(g, s, e);
}

static int walk(struct give_objects *g, struct err *e)
{
    struct stmt *s = db_query(g->f->db, OBJECTS, e);
    if (!s) {
        return e->code;
    }
    db_int(s, g->what == GIVE_INDICATORS);
    int rc = OK, row;
    while (rc == OK && (row = db_step(s, e)) != 0) {
        rc = row < 0 ? row : read_version(g, s, e);
    }
    db_done(s);
    return rc;
}

int fuse_give_objects(struct fuse *f, const struct pact_view *view, enum give_what what,
                      struct sv pattern_type, const struct give_filter *filter, usec now, give_object_fn each,
                      void *ctx, struct give_report *ret, struct err *e)
{
    *ret = (struct give_report){.changes = INT64_MAX};
    struct benign *benign = benign_share(f, e);
    if (!benign) {
        return e->code;
    }
    struct give_objects g = {.f = f,
                             .view = view,
                             .filter = filter,
                             .what = what,
                             .pattern_type = pattern_type,
                             .now = now,
                             .each = each,
                             .ctx = ctx,
                             .report = ret,
                             .benign = benign,
                             .doc = json_doc_new(OBJECT_MOST)};
    arena_init(&g.a, 16u << 20);
    arena_init(&g.id_text, 1u << 20);
    int rc = g.doc ? walk(&g, e) : err_set(e, ERR_MEMORY, "no memory for an export");
    arena_clear(&g.a);
    arena_clear(&g.id_text);
    json_doc_free(g.doc);
    benign_free(benign);
    return rc;
}

int fuse_past_each(struct fuse *f, const struct pact_view *view, usec since, past_fn each, void *ctx,
                   struct err *e)
{
    struct stmt *s = db_query(f->db, "SELECT source, kind, value, count FROM past WHERE hour >= ?", e);
    struct arena a;
    if (!s) {
        return e->code;
    }
    arena_init(&a, 1u << 20);
    db_time(s, since);
    int rc = OK, row;
    while (rc == OK && (row = db_step(s, e)) != 0) {
        struct obs o;
        struct err ignored = ERR_NONE;
        arena_reset(&a);
        if (row < 0) {
            rc = row;
        } else if (pact_sees(view, col_int(s, 0), TLP_UNKNOWN) &&
                   obs_read(&a, (enum kind)col_int(s, 1), col_text(s, 2), &o, &ignored) == OK) {
            rc = each(ctx, &o, (uint64_t)col_int(s, 3), e);
        }
    }
    db_done(s);
    arena_clear(&a);
    return rc;
}
