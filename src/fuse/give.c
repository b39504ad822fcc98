/* What may be given away: every live value once, fused for one viewer, in order. */
#include "fuse/answer.h"

#include <stdlib.h>

/* What the statements need of their source. */
struct giver {
    struct sv name, upstream;
    char reliability;
    bool exercise;
    int64_t expiry;
};

struct give {
    struct fuse *f;
    const struct pact_view *view;
    const struct give_filter *filter;
    usec now;
    give_fn each;
    void *ctx;
    struct give_report *report;
    const struct benign *benign;
    struct giver *giver; /* by number of the source */
    size_t givers;
    struct arena sources, text;
    struct answer answer; /* the value whose statements are being read */
    bool open;
    struct given_claim claim[ANSWER_CLAIMS];
};

/* ---- sources */

static int read_giver(void *ctx, const struct source *s)
{
    struct give *g = ctx;
    if (s->id < 0 || (size_t)s->id >= g->givers) {
        return OK;
    }
    g->giver[s->id] = (struct giver){.name = arena_sv(&g->sources, s->name),
                                     .upstream = arena_sv(&g->sources, s->upstream.n ? s->upstream : s->name),
                                     .reliability = s->reliability,
                                     .exercise = s->exercise,
                                     .expiry = s->expiry};
    return g->giver[s->id].name.p && g->giver[s->id].upstream.p ? OK : ERR_MEMORY;
}

static int read_givers(struct give *g, struct err *e)
{
    struct arena a;
    g->givers = g->view->sources;
    g->giver = calloc(g->givers + 1, sizeof(*g->giver));
    if (!g->giver) {
        return err_set(e, ERR_MEMORY, "no memory for the sources");
    }
    arena_init(&a, 64u << 20);
    int rc = source_each(g->f->db, &a, read_giver, g, e);
    arena_clear(&a);
    return rc == ERR_MEMORY ? err_set(e, rc, "no memory for the sources") : rc;
}

static const struct giver *giver_of(const struct give *g, int64_t source)
{
    return source >= 0 && (size_t)source < g->givers && g->giver[source].name.p ? &g->giver[source] : NULL;
}

/* The view sees it, the target may get it, and it is no drill. */
static bool may_give(const struct give *g, int64_t source, enum tlp tlp)
{
    const struct giver *from = giver_of(g, source);
    return from && !from->exercise && (!g->filter->source || g->filter->source == source) &&
           tlp <= g->filter->ceiling && tlp <= GIVE_HIGHEST && pact_sees(g->view, source, tlp);
}

/* ---- one value */

static usec none_at_end(usec end)
{
    return end == INT64_MAX ? USEC_NONE : end;
}

static void describe(struct give *g, struct given *ret)
{
    const struct answer *r = &g->answer;
    *ret =
        (struct given){.confidence = (int)(r->confidence * 100.0 + 0.5),
                       .tlp = r->tlp,
                       .first = r->first < r->last ? r->first : r->last, /* both may stand for unknown ones */
                       .last = r->last,
                       .valid_from = r->valid_from,
                       .until = 0,
                       .labels = r->labels,
                       .claim = g->claim,
                       .claims = r->n};
    for (size_t i = 0; i < r->n; i++) {
        const struct answer_claim *c = &r->claim[i];
        g->claim[i] = (struct given_claim){.source = c->source,
                                           .source_name = c->source_name,
                                           .reliability = c->reliability,
                                           .tlp = c->tlp,
                                           .confidence = c->confidence,
                                           .created = c->created,
                                           .modified = c->modified,
                                           .valid_from = c->valid_from,
                                           .first = c->first,
                                           .last = c->last,
                                           .accepted = c->accepted,
                                           .stated_until = c->valid_until,
                                           .until = none_at_end(c->end),
                                           .labels = c->labels,
                                           .ref = c->ref,
                                           .note = c->note,
                                           .meta = c->meta,
                                           .version = c->version};
        ret->until = c->end > ret->until ? c->end : ret->until;
    }
    ret->until = none_at_end(ret->until);
}

static bool has_label(struct sv labels, struct sv label)
{
    struct sv word;
    while (labels.n && sv_cut(&labels, ' ', &word)) {
        if (sv_ieq(word, label)) {
            return true;
        }
    }
    return false;
}

static bool wanted(const struct give *g, const struct given *v)
{
    const struct give_filter *w = g->filter;
    return g->answer.confidence >= w->confidence && (w->since == USEC_NONE || v->last >= w->since) &&
           (!w->label.n || has_label(v->labels, w->label));
}

static int flush(struct give *g, struct err *e)
{
    struct given v;
    struct err ignored = ERR_NONE;
    struct answer *r = &g->answer;
    if (!g->open || r->n == 0) {
        return OK;
    }
    int rc = answer_sum(r, g->filter->aged_at == USEC_NONE ? g->now : g->filter->aged_at, &g->text, e);
    if (rc < 0) {
        return rc;
    }
    describe(g, &v);
    if (!wanted(g, &v)) {
        g->report->filtered++;
        return OK;
    }
    if (obs_read(&g->text, r->kind, r->value, &v.value, &ignored) != OK) {
        g->report->filtered++; /* text that only people read */
        return OK;
    }
    if (benign_covers(g->benign, &v.value)) {
        g->report->benign++;
        return OK;
    }
    if (never_covers(g->filter->never, &v.value)) {
        g->report->never++;
        return OK;
    }
    g->report->given++;
    return g->each(g->ctx, &v, e);
}

static int open_value(struct give *g, enum kind kind, struct sv value, struct err *e)
{
    int rc = flush(g, e);
    arena_reset(&g->text);
    struct sv copy = arena_sv(&g->text, value);
    if (rc == OK && !copy.p) {
        rc = err_set(e, ERR_MEMORY, "no memory for a value");
    }
    answer_start(&g->answer, kind, copy);
    g->open = true;
    return rc;
}

/* ---- statements, ordered by value */

static struct sv keep(struct give *g, struct sv s)
{
    struct sv copy = s.n ? arena_sv(&g->text, s) : SV("");
    return copy.p ? copy : SV("");
}

static void note_change(struct give *g, usec at)
{
    if (at > g->now && at < g->report->changes) {
        g->report->changes = at;
    }
}

static void add_claim(struct give *g, struct stmt *s)
{
    struct answer *r = &g->answer;
    const struct giver *from = giver_of(g, col_int(s, 2));
    struct answer_claim c = {.source = col_int(s, 2),
                             .source_name = from->name,
                             .upstream = from->upstream,
                             .reliability = from->reliability,
                             .tlp = (enum tlp)col_int(s, 3),
                             .created = col_time(s, 4),
                             .modified = col_time(s, 5),
                             .valid_from = col_time(s, 6),
                             .valid_until = col_time(s, 7),
                             .first = col_time(s, 8),
                             .last = col_time(s, 9),
                             .confidence = (int)col_int(s, 10),
                             .accepted = col_time(s, 11)};
    const struct claim_times times = {.valid_until = c.valid_until,
                                      .last = c.last,
                                      .modified = c.modified,
                                      .created = c.created,
                                      .valid_from = c.valid_from};
    c.end = claim_end(&times, from->expiry);
    if (c.end < g->now) {
        return;
    }
    if (c.valid_from != USEC_NONE && c.valid_from > g->now) {
        note_change(g, c.valid_from);
        return;
    }
    note_change(g, c.end == INT64_MAX ? INT64_MAX : c.end + 1);
    if (r->n == ANSWER_CLAIMS) {
        r->more++;
        return;
    }
    c.labels = keep(g, col_text(s, 12));
    c.ref = keep(g, col_text(s, 13));
    c.note = keep(g, col_text(s, 14));
    c.meta = keep(g, col_text(s, 15));
    c.version = col_int(s, 16);
    r->claim[r->n++] = c;
}

static const char CLAIMS[] =
    "SELECT kind, value, source, tlp, created, modified, valid_from, valid_until, first_seen, last_seen, "
    "confidence, accepted, labels, ref, note, meta, version FROM claim WHERE flags = 0 AND (? >> kind) & 1 "
    "ORDER BY kind, value, id";

static uint32_t wanted_kinds(const struct give_filter *w)
{
    uint32_t kinds = w->kinds;
    for (int k = 1; !w->kinds && k < KIND_MAX; k++) {
        kinds |= k != KIND_TEXT ? 1u << k : 0;
    }
    return kinds;
}

static int walk(struct give *g, struct err *e)
{
    struct stmt *s = db_query(g->f->db, CLAIMS, e);
    if (!s) {
        return e->code;
    }
    db_int(s, (int64_t)wanted_kinds(g->filter));
    int rc = OK, row;
    while (rc == OK && (row = db_step(s, e)) != 0) {
        if (row < 0) {
            rc = row;
            break;
        }
        enum kind kind = (enum kind)col_int(s, 0);
        if (!may_give(g, col_int(s, 2), (enum tlp)col_int(s, 3))) {
            continue;
        }
        if (!g->open || g->answer.kind != kind || !sv_eq(g->answer.value, col_text(s, 1))) {
            rc = open_value(g, kind, col_text(s, 1), e);
        }
        if (rc == OK) {
            add_claim(g, s);
        }
    }
    db_done(s);
    return rc == OK ? flush(g, e) : rc;
}

int fuse_give(struct fuse *f, const struct pact_view *view, const struct give_filter *filter, usec now,
              give_fn each, void *ctx, struct give_report *ret, struct err *e)
{
    *ret = (struct give_report){.changes = INT64_MAX};
    struct benign *benign = benign_share(f, e);
    struct give *g = benign ? calloc(1, sizeof(*g)) : NULL;
    if (!g) {
        benign_free(benign);
        return benign ? err_set(e, ERR_MEMORY, "no memory for an export") : e->code;
    }
    g->f = f;
    g->view = view;
    g->filter = filter;
    g->now = now;
    g->each = each;
    g->ctx = ctx;
    g->report = ret;
    g->benign = benign;
    arena_init(&g->sources, 64u << 20);
    arena_init(&g->text, 64u << 20);
    int rc = read_givers(g, e);
    rc = rc == OK ? walk(g, e) : rc;
    arena_clear(&g->text);
    arena_clear(&g->sources);
    free(g->giver);
    free(g);
    benign_free(benign);
    return rc;
}
