#include "share/gate/gate.h"
#include "share/partner/partner.h"

#include <stdlib.h>

const char gate_migration[] =
    "CREATE TABLE permission (id TEXT PRIMARY KEY, from_org TEXT NOT NULL, to_org TEXT NOT NULL, purpose "
    "INTEGER NOT NULL, ceiling INTEGER NOT NULL,"
    " valid_from BIGINT NOT NULL, valid_until BIGINT NOT NULL, exercise INTEGER NOT NULL, entry BIGINT "
    "NOT NULL);"
    "CREATE INDEX permission_to ON permission (to_org);";

#define GRANTS_MAX 4096

/* ---- grants
 * -------------------------------------------------------------------------------------------------------------------
 */

static void encode(struct buf *b, const struct pact_grant *g)
{
    buf_addp(b, g->id.b, 16);
    buf_addp(b, g->from.b, 16);
    buf_addp(b, g->to.b, 16);
    buf_u8(b, (uint8_t)g->purpose);
    buf_u8(b, (uint8_t)g->ceiling);
    buf_zigzag(b, g->valid_from);
    buf_zigzag(b, g->valid_until);
    buf_u8(b, g->exercise);
}

static struct uuid uuid_at(struct cur *c)
{
    struct uuid u = {{0}};
    struct sv bytes = cur_bytes(c, 16);
    if (bytes.n == 16) {
        memcpy(u.b, bytes.p, 16);
    }
    return u;
}

static bool decode(struct sv bytes, struct pact_grant *g)
{
    struct cur c = cur_of(bytes);
    g->id = uuid_at(&c);
    g->from = uuid_at(&c);
    g->to = uuid_at(&c);
    uint8_t purpose = cur_u8(&c), ceiling = cur_u8(&c);
    g->valid_from = cur_zigzag(&c);
    g->valid_until = cur_zigzag(&c);
    g->exercise = cur_u8(&c) != 0;
    g->purpose = (enum purpose)purpose;
    g->ceiling = (enum tlp)ceiling;
    return !c.failed && purpose < PURPOSE_MAX && ceiling <= TLP_AMBER_STRICT;
}

int gate_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct pact_grant g;
    char id[37], from[37], to[37];
    if (!pack_next(&it, &record) || !record.p) {
        return OK; /* expunged */
    }
    if (!decode(record, &g)) {
        return err_set(e, ERR_CORRUPT, "entry %lld holds a grant that cannot be read", (long long)entry->id);
    }
    struct stmt *s = db_query(db,
                              "INSERT INTO permission (id, from_org, to_org, purpose, ceiling, valid_from, "
                              "valid_until, exercise, entry)"
                              " VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET ceiling = "
                              "excluded.ceiling, valid_from = excluded.valid_from,"
                              " valid_until = excluded.valid_until, entry = excluded.entry",
                              e);
    if (!s) {
        return e->code;
    }
    uuid_text(g.id, id);
    uuid_text(g.from, from);
    uuid_text(g.to, to);
    db_text(s, sv_c(id));
    db_text(s, sv_c(from));
    db_text(s, sv_c(to));
    db_int(s, g.purpose);
    db_int(s, g.ceiling);
    db_time(s, g.valid_from);
    db_time(s, g.valid_until);
    db_int(s, g.exercise);
    db_int(s, entry->id);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int gate_grant(struct ledger *l, struct db *db, const struct pact_grant *g, usec now, struct err *e)
{
    if (g->ceiling > TLP_AMBER_STRICT) {
        err_set(e, ERR_VALUE, "%s cannot be granted", tlp_name(g->ceiling));
        return err_hint(e, "the highest ceiling of a grant is TLP:AMBER+STRICT");
    }
    if (uuid_nil(g->from) || uuid_nil(g->to) || uuid_nil(g->id)) {
        return err_set(e, ERR_VALUE,
                       "a grant needs an id and two organisations: an empty audience is nobody");
    }
    struct pack pack;
    struct buf b;
    int64_t entry;
    pack_init(&pack);
    buf_init(&b, 256);
    encode(&b, g);
    pack_add(&pack, buf_sv(&b));
    const struct ledger_header header = {.kind = "grant", .org = g->from, .at = now};
    int rc = ledger_accept(l, &header, &pack, &entry, e);
    buf_clear(&b);
    pack_clear(&pack);
    return rc;
}

static int load_grants(struct db *db, struct uuid viewer, struct arena *a, struct pact_grant **ret,
                       size_t *ret_n, struct err *e)
{
    char to[37];
    struct stmt *s = db_query(db,
                              "SELECT id, from_org, to_org, purpose, ceiling, valid_from, valid_until, "
                              "exercise FROM permission WHERE to_org = ? ORDER BY id LIMIT 4097",
                              e);
    struct pact_grant *g = s ? arena_calloc(a, GRANTS_MAX, sizeof(*g)) : NULL;
    if (!g) {
        db_done(s);
        return s ? err_set(e, ERR_MEMORY, "no memory for the grants") : e->code;
    }
    uuid_text(viewer, to);
    db_text(s, sv_c(to));
    int rc;
    *ret_n = 0;
    while ((rc = db_step(s, e)) == 1) {
        struct pact_grant *at = &g[*ret_n];
        if (*ret_n == GRANTS_MAX) {
            rc = err_set(e, ERR_LIMIT, "more than %d grants for one organisation", GRANTS_MAX);
            break;
        }
        *at = (struct pact_grant){.purpose = (enum purpose)col_int(s, 3),
                                  .ceiling = (enum tlp)col_int(s, 4),
                                  .valid_from = col_time(s, 5),
                                  .valid_until = col_time(s, 6),
                                  .exercise = col_int(s, 7) != 0};
        *ret_n += uuid_parse(col_text(s, 0), &at->id) && uuid_parse(col_text(s, 1), &at->from) &&
                  uuid_parse(col_text(s, 2), &at->to);
    }
    db_done(s);
    *ret = g;
    return rc;
}

/* What signed agreements grant a partner, as far as a whole source can be judged; each thing is asked about
 * again before it goes (release.c). */
static int add_agreed(struct db *db, struct uuid viewer, usec now, struct arena *a, struct pact_grant *grants,
                      size_t *n, struct err *e)
{
    struct agreement_state *state = NULL;
    size_t count = 0;
    char id[37];
    uuid_text(viewer, id);
    int active = partner_is_active(db, sv_c(id), e);
    int rc = active == 1 ? agreed_register(db, now, a, &state, &count, e) : active;
    for (size_t i = 0; rc == OK && grants && i < count; i++) {
        const struct agreement *g = state[i].agreement;
        for (size_t k = 0; state[i].active && k < g->grants; k++) {
            if (!uuid_eq(g->grant[k].to, viewer)) {
                continue;
            }
            if (*n == GRANTS_MAX) {
                return err_set(e, ERR_LIMIT, "more than %d grants for one organisation", GRANTS_MAX);
            }
            grants[(*n)++] = (struct pact_grant){.id = g->grant[k].id,
                                                 .from = g->grant[k].from,
                                                 .to = viewer,
                                                 .purpose = g->grant[k].purpose,
                                                 .ceiling = g->grant[k].ceiling,
                                                 .valid_from = g->valid_from,
                                                 .valid_until = g->valid_until,
                                                 .exercise = g->grant[k].exercise};
        }
    }
    return rc;
}

/* ---- views
 * --------------------------------------------------------------------------------------------------------------------
 */

struct view_build {
    const struct pact_grant *grants;
    size_t n;
    enum purpose purpose;
    usec now;
    struct pact_view *view;
};

/* The highest marking of this source that is decided "allow", asked from the top down; -1 when none is. */
static int8_t ceiling_of(const struct view_build *b, const struct source *s)
{
    for (int tlp = TLP_UNKNOWN; tlp >= TLP_CLEAR; tlp--) {
        struct pact_ask ask = {
            .owner = s->org,
            .viewer = b->view->org,
            .marking = (enum tlp)tlp,
            .exercise = s->exercise,
            .purpose = s->exercise ? PURPOSE_EXERCISE : b->purpose,
            .now = b->now,
        };
        if (pact_decide(b->grants, b->n, &ask).allow) {
            return (int8_t)tlp;
        }
    }
    return -1;
}

static int decide_source(void *ctx, const struct source *s)
{
    struct view_build *b = ctx;
    if (s->id >= 0 && (size_t)s->id < b->view->sources) {
        b->view->ceiling[s->id] = ceiling_of(b, s);
    }
    return OK;
}

int gate_view(struct db *db, struct uuid viewer, enum purpose purpose, usec now, struct arena *a,
              struct pact_view *ret, struct err *e)
{
    struct pact_grant *grants = NULL;
    struct view_build b = {.purpose = purpose, .now = now, .view = ret};
    int rc = load_grants(db, viewer, a, &grants, &b.n, e);
    rc = rc == OK ? add_agreed(db, viewer, now, a, grants, &b.n, e) : rc;
    if (rc != OK) {
        return rc;
    }
    int64_t newest = db_value(db, "SELECT max(id) FROM source", 0);
    *ret = (struct pact_view){.org = viewer, .sources = (size_t)newest + 1};
    ret->ceiling = arena_alloc(a, ret->sources);
    if (!ret->ceiling) {
        return err_set(e, ERR_MEMORY, "no memory for a view of %zu sources", ret->sources);
    }
    memset(ret->ceiling, -1, ret->sources);
    b.grants = grants;
    return source_each(db, a, decide_source, &b, e);
}

int gate_explain(struct db *db, struct uuid viewer, int64_t source, enum tlp marking, enum purpose purpose,
                 usec now, struct pact_answer *ret, struct uuid *ret_grant, struct err *e)
{
    struct arena a;
    struct source s = {0};
    struct pact_grant *grants = NULL;
    size_t n = 0;
    arena_init(&a, 512u << 20);
    int rc = source_get(db, source, &a, &s, e);
    rc = rc == OK ? load_grants(db, viewer, &a, &grants, &n, e) : rc;
    rc = rc == OK ? add_agreed(db, viewer, now, &a, grants, &n, e) : rc;
    if (rc == OK) {
        const struct pact_ask ask = {.owner = s.org,
                                     .viewer = viewer,
                                     .marking = marking,
                                     .exercise = s.exercise,
                                     .purpose = s.exercise ? PURPOSE_EXERCISE : purpose,
                                     .now = now};
        *ret = pact_decide(grants, n, &ask);
        *ret_grant = ret->grant ? ret->grant->id : (struct uuid){{0}};
        ret->grant = NULL; /* the grants die with the arena */
    }
    arena_clear(&a);
    return rc;
}
