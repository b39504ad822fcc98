#include "fuse/take.h"

#include "fuse/pattern_watch.h"

#include <stdlib.h>

/* ---- transaction and batch
 * ------------------------------------------------------------------------------------------------ */

int take_begin(struct take *t, struct err *e)
{
    if (t->in_tx) {
        return OK;
    }
    struct ledger_state state;
    int rc = db_begin(t->f->db, e);
    if (rc != OK) {
        return rc;
    }
    t->in_tx = true;
    t->batch_began = time_ticks();
    rc = ledger_state(t->f->ledger, &state, e);
    t->next_entry = state.entries + 1;
    t->claims_entry.id = t->objects_entry.id = 0;
    t->barred = withdrawn_any(t->f, t->o->source->id);
    return rc;
}

/* The number its ledger entry will have, given out in the order in which packs began. */
static const struct entry *entry_of(struct take *t, struct entry *entry)
{
    if (!entry->id) {
        *entry = (struct entry){
            .id = t->next_entry++, .at = t->o->now, .org = t->o->source->org, .source = t->o->source->id};
    }
    return entry;
}

static int append(struct take *t, const char *kind, struct pack *pack, struct err *e)
{
    if (!pack->n) {
        return OK;
    }
    const struct ledger_header header = {
        .kind = kind, .source = t->o->source->id, .org = t->o->source->org, .at = t->o->now};
    int64_t entry;
    t->f->applied = true;
    int rc = ledger_accept(t->f->ledger, &header, pack, &entry, e);
    t->f->applied = false;
    pack_reset(pack);
    return rc;
}

int take_flush(struct take *t, struct err *e)
{
    if (!t->in_tx) {
        return OK;
    }
    /* A number may have been given out for a pack whose first record changed nothing: numbers follow the
     * packs that are there. */
    bool objects_first = t->objects.n && (!t->claims.n || t->objects_entry.id < t->claims_entry.id);
    int rc = objects_first ? append(t, "objects", &t->objects, e) : append(t, "claims", &t->claims, e);
    if (rc == OK) {
        rc = objects_first ? append(t, "claims", &t->claims, e) : append(t, "objects", &t->objects, e);
    }
    struct buf told = told_take(t->f);
    rc = db_finish(t->f->db, rc, e);
    t->in_tx = false;
    t->batched = 0;
    told_send(&told, rc == OK ? t->o : NULL);
    return rc;
}

static int flush_when_full(struct take *t, struct err *e)
{
    bool full = ++t->batched >= BATCH_RECORDS || t->claims.b.n + t->objects.b.n >= BATCH_BYTES;
    bool old = t->batched % 1024 == 0 && time_ticks() - t->batch_began > BATCH_TIME;
    if (!full && !old) {
        return OK;
    }
    return take_flush(t, e);
}

/* ---- records
 * --------------------------------------------------------------------------------------------------------------
 */

void take_end_record(struct take *t)
{
    if (!t->open) {
        return;
    }
    t->open = false;
    if (t->refused && !t->fresh) {
        t->report->rejected++;
    } else if (t->fresh) {
        t->report->accepted++;
    } else {
        t->report->duplicates++;
    }
}

static void count_type(struct take_report *r, struct sv type)
{
    char name[sizeof(r->type[0].name)];
    sv_copy(type, name, sizeof(name));
    for (size_t i = 0; i < r->types; i++) {
        if (strcmp(r->type[i].name, name) == 0) {
            r->type[i].count++;
            return;
        }
    }
    size_t at = r->types < TAKE_TYPES - 1 ? r->types : TAKE_TYPES - 1;
    if (at == TAKE_TYPES - 1) {
        sv_copy(SV("other"), name, sizeof(name));
    }
    sv_copy(sv_c(name), r->type[at].name, sizeof(name));
    r->type[at].count++;
    r->types = at + 1;
}

static int on_record(void *ctx, struct sv type, struct err *e)
{
    struct take *t = ctx;
    take_end_record(t);
    t->open = true;
    t->fresh = t->refused = t->object_refused = false;
    t->report->records++;
    count_type(t->report, type);
    if (t->o->progress && (t->report->records & 1023) == 0) {
        usec now = time_ticks();
        if (now - t->told > USEC_SECOND / 2) {
            t->told = now;
            t->report->seconds = (double)(now - t->started) / 1e6;
            t->o->progress(t->o->ctx, t->report);
        }
    }
    return OK;
}

/* Who asked for it learns how a record ended; `id` is known of some that are refused. */
static int tell_refused(struct take *t, const struct reject *r, struct sv id, struct err *e)
{
    const struct take_object o = {.record = t->report->records, .id = id, .version = USEC_NONE, .why = r};
    return t->o->settled ? t->o->settled(t->o->settled_ctx, &o, e) : OK;
}

static int reject_of(struct take *t, const struct reject *r, struct sv id, struct err *e)
{
    int rc = take_begin(t, e);
    t->refused = true;
    t->chunk_refused += t->in_chunk;
    if (rc == OK && !t->o->retry) { /* what is retried stands in the quarantine already */
        rc = quarantine_add(t->f->db, t->o->source->id, sv_c(t->member), sv_c(t->report->format), r,
                            t->o->now, e);
    }
    rc = rc == OK ? tell_refused(t, r, id, e) : rc;
    return rc == OK ? flush_when_full(t, e) : rc;
}

int take_reject(struct take *t, const struct reject *r, struct err *e)
{
    return reject_of(t, r, SV_NONE, e);
}

static int on_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct take *t = ctx;
    if (!t->open) { /* a broken frame or an unreadable file is one record that nobody could count */
        int rc = on_record(t, SV("unreadable"), e);
        if (rc != OK) {
            return rc;
        }
    }
    return take_reject(t, r, e);
}

/* Refused, and not kept: what was taken back must not stand in the quarantine either. */
static int refuse_withdrawn(struct take *t, struct sv id, struct err *e)
{
    const struct reject r = {
        .offset = UINT64_MAX,
        .code = ERR_DENIED,
        .text = SV("this was taken back, and its source may not bring it again"),
        .remedy = SV("`noroshi shares unwithdraw` lets it in again"),
        .bytes = SV(""),
    };
    t->refused = true;
    return tell_refused(t, &r, id, e);
}

/* What its source took back under the id that it is given out under, or with its object: refused (1); what an
 * ended object said is no news (2). */
static int claim_barred(struct take *t, const struct claim_rec *c, struct err *e)
{
    char id[64];
    if (!t->barred || !claim_is_given(c->value.kind)) {
        return 0;
    }
    if (!claim_is_object(c->ref)) {
        stix_claim_id(t->o->source->name, c->value.kind, c->value.value, id);
        return withdrawn_bars(t->f, t->o->source->id, sv_c(id), e);
    }
    int rc = withdrawn_bars(t->f, t->o->source->id, c->ref, e);
    return rc == 0 && withdrawn_ended(t->f, t->o->source->id, c, e) ? 2 : rc;
}

static int on_claim(void *ctx, const struct claim_rec *given, struct err *e)
{
    struct take *t = ctx;
    struct claim_rec c = *given;
    if (t->object_refused) {
        return OK;
    }
    if (!c.marked) {
        c.tlp =
            t->o->source->tlp; /* resolved now: a source's later marking does not rewrite what was accepted */
        c.marked = true;
    }
    int rc = take_begin(t, e);
    if (rc != OK) {
        return rc;
    }
    rc = claim_barred(t, &c, e);
    if (rc != 0) {
        return rc < 0 ? rc : rc == 1 ? refuse_withdrawn(t, SV_NONE, e) : OK;
    }
    enum change change;
    bool first = !t->claims_entry.id;
    rc = claim_apply(t->f, entry_of(t, &t->claims_entry), &c, &change, e);
    if (rc != OK) {
        return rc;
    }
    if (change == CHANGE_NONE) {
        if (first) { /* no pack began: give the number back */
            t->claims_entry.id = 0;
            t->next_entry--;
        }
        return OK;
    }
    t->fresh = true;
    buf_reset(&t->record);
    claim_encode(&t->record, &c);
    pack_add(&t->claims, buf_sv(&t->record));
    if (t->record.failed || t->claims.b.failed) {
        return err_set(e, ERR_MEMORY, "no memory for a batch of claims");
    }
    return flush_when_full(t, e);
}

/* What the rest of the record would have said is not taken either: claims go with the object they came from.
 */
static int refuse_object(struct take *t, const struct object_rec *o, enum change why, struct err *e)
{
    struct arena a;
    struct reject r;
    arena_init(&a, 256u << 20);
    int rc = object_refusal(t->f, t->o->source->id, o, why, &a, &r, e);
    t->object_refused = !t->objects_aside;
    rc = rc == OK ? reject_of(t, &r, o->head.id, e) : rc;
    arena_clear(&a);
    return rc;
}

static int tell_object(struct take *t, const struct object_rec *o, struct err *e)
{
    struct take_object told = {.record = t->report->records,
                               .id = o->head.id,
                               .type = o->head.type,
                               .version = o->head.modified != USEC_NONE ? o->head.modified : o->head.created,
                               .tlp = o->head.tlp};
    if (!t->o->settled) {
        return OK;
    }
    int rc = object_number(t->f, t->o->source->id, o, &told.number, e);
    return rc == OK ? t->o->settled(t->o->settled_ctx, &told, e) : rc;
}

static int on_object(void *ctx, const struct object_rec *given, struct err *e)
{
    struct take *t = ctx;
    struct object_rec o = *given;
    if (!o.head.marked) {
        o.head.tlp = t->o->source->tlp;
        o.head.marked = true;
    }
    int rc = take_begin(t, e);
    if (rc != OK) {
        return rc;
    }
    rc = t->barred ? withdrawn_bars(t->f, t->o->source->id, o.head.id, e) : 0;
    if (rc != 0) {
        t->object_refused = !t->objects_aside;
        return rc < 0 ? rc : refuse_withdrawn(t, o.head.id, e);
    }
    enum change change;
    bool first = !t->objects_entry.id;
    rc = object_apply(t->f, entry_of(t, &t->objects_entry), &o, &change, e);
    if (rc != OK) {
        return rc;
    }
    if (change == CHANGE_NONE || change == CHANGE_CONFLICT || change == CHANGE_ENDED) {
        if (first) {
            t->objects_entry.id = 0;
            t->next_entry--;
        }
        return change == CHANGE_NONE ? tell_object(t, &o, e) : refuse_object(t, &o, change, e);
    }
    t->fresh |= !t->objects_aside;
    buf_reset(&t->record);
    object_encode(&t->record, &o);
    pack_add(&t->objects, buf_sv(&t->record));
    if (t->record.failed || t->objects.b.failed) {
        return err_set(e, ERR_MEMORY, "no memory for a batch of objects");
    }
    rc = tell_object(t, &o, e);
    return rc == OK ? flush_when_full(t, e) : rc;
}

/* Who may only report events states nothing about what is bad, also when the parser process says otherwise.
 */
static int take_may_know(const struct take *t, struct err *e)
{
    if (!t->o->events_only) {
        return OK;
    }
    err_set(e, ERR_UNSUPPORTED, "this is %s, not events", t->report->format);
    return err_hint(
        e, "only events are taken here; take indicators and objects in with `noroshi intake` or POST "
           "/api/v1/intake");
}

static int on_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    struct take *t = ctx;
    take_end_record(t);
    int rc = take_list_end(t, e);
    if (rc == OK) {
        rc = take_chunk_end(t, e);
    }
    sv_copy(sv_c(format), t->report->format, sizeof(t->report->format));
    /* A MISP event's report stands beside its records, the attributes. */
    t->objects_aside = sv_eq(sv_c(format), SV("misp"));
    const struct intake_format *f = intake_format_find(sv_c(format));
    t->report->events = t->report->events || (f && f->events);
    snprintf(t->member, sizeof(t->member), path.n ? "%s!%.*s" : "%s", t->report->path, SV_ARG(path));
    if (rc == OK && f && !f->events) {
        rc = take_may_know(t, e);
    }
    return rc;
}

/* ---- a whole file
 * ---------------------------------------------------------------------------------------------------------
 */

static void take_init(struct take *t, struct fuse *f, struct sv path, const struct take_opts *o,
                      struct take_report *report)
{
    *report = (struct take_report){.problem = ERR_NONE};
    sv_copy(path, report->path, sizeof(report->path));
    *t = (struct take){.f = f, .o = o, .report = report, .started = time_ticks()};
    sv_copy(path, t->member, sizeof(t->member));
    t->told = t->started;
    buf_init(&t->record, 256u << 20);
    pack_init(&t->claims);
    pack_init(&t->objects);
    pack_init(&t->list_pack);
    arena_init(&t->list_text, 1 << 20);
    map_init(&t->list_seen, 8u << 20, 512u << 20);
    arena_init(&t->chunk_text, 512u << 20);
    map_init(&t->chunk_keys, 4u << 20, 512u << 20);
}

static void take_clear(struct take *t)
{
    buf_clear(&t->record);
    pack_clear(&t->claims);
    pack_clear(&t->objects);
    pack_clear(&t->list_pack);
    arena_clear(&t->list_text);
    map_clear(&t->list_seen);
    arena_clear(&t->chunk_text);
    map_clear(&t->chunk_keys);
    free(t->aggs);
    free(t->uses);
    free(t->marks);
}

/* Parsing problems end the file, not the taking; storing problems end both. */
static bool is_storing_problem(int code)
{
    return code == ERR_FULL || code == ERR_BUSY || code == ERR_CORRUPT || code == ERR_MEMORY ||
           code == ERR_IO || code == ERR_CRYPTO;
}

/* The rest of a file that could not be read is one more record, kept in quarantine with the place where
 * reading ended. */
static int note_problem(struct take *t, struct err *e)
{
    const struct err *p = &t->report->problem;
    if (p->code == OK) {
        return OK;
    }
    const struct reject r = {.line = p->line,
                             .offset = p->offset,
                             .code = p->code,
                             .text = sv_c(p->text),
                             .remedy = sv_c(p->remedy),
                             .bytes = SV("")};
    return on_reject(t, &r, e);
}

static int finish(struct take *t, int rc, bool stored, struct err *e)
{
    take_end_record(t);
    if (rc != OK && stored) {
        t->report->problem = *e;
        *e = ERR_NONE;
        rc = take_list_end(t, e);
        rc = rc == OK ? take_chunk_end(t, e) : rc;
        rc = rc == OK ? note_problem(t, e) : rc;
        take_end_record(t);
    } else if (rc == OK) {
        rc = take_list_end(t, e);
        rc = rc == OK ? take_chunk_end(t, e) : rc;
    }
    if (rc == OK) {
        rc = take_flush(t, e);
    }
    if (t->in_tx) {
        struct buf told = told_take(t->f);
        told_send(&told, NULL);
        db_rollback(t->f->db);
        t->in_tx = false;
    }
    if (rc != OK) { /* what was rolled back may be in the memory of both */
        benign_free(t->f->benign);
        t->f->benign = NULL;
        t->f->index_stale = true;
        patterns_rolled_back(t->f);
    }
    return rc;
}

/* Errors of our own sink functions are storing problems; they are remembered so that they can be told from
 * parsing ones. */
struct guard {
    struct take *t;
    int failed;
};

#define GUARDED(name, call, ...)                                                                             \
    static int guarded_##name(void *ctx, __VA_ARGS__)                                                        \
    {                                                                                                        \
        struct guard *g = ctx;                                                                               \
        int rc = call;                                                                                       \
        g->failed = rc < 0 ? rc : g->failed;                                                                 \
        return rc;                                                                                           \
    }
GUARDED(record, on_record(g->t, type, e), struct sv type, struct err *e)
GUARDED(claim, take_may_know(g->t, e) == OK ? on_claim(g->t, c, e) : e->code, const struct claim_rec *c,
        struct err *e)
GUARDED(object, take_may_know(g->t, e) == OK ? on_object(g->t, o, e) : e->code, const struct object_rec *o,
        struct err *e)
GUARDED(list, take_may_know(g->t, e) == OK ? take_list(g->t, l, e) : e->code, const struct list_rec *l,
        struct err *e)
GUARDED(list_entry, take_list_entry(g->t, value, e), struct sv value, struct err *e)
GUARDED(observation, take_observation(g->t, o, e), const struct observation *o, struct err *e)
GUARDED(reject, on_reject(g->t, r, e), const struct reject *r, struct err *e)
GUARDED(chunk, take_chunk(g->t, sha, offset, length, e), const struct sha256 *sha, uint64_t offset,
        uint64_t length, struct err *e)
GUARDED(member, on_member(g->t, path, format, e), struct sv path, const char *format, struct err *e)

/* Nobody else writes while a batch is open: one that waits for a slow pipe is committed as it is. */
static int guarded_idle(void *ctx, struct err *e)
{
    struct guard *g = ctx;
    int rc = take_flush(g->t, e);
    g->failed = rc < 0 ? rc : g->failed;
    return rc;
}

static int run(struct take *t, int fd, struct guard *g, struct err *e)
{
    const struct source *s = t->o->source;
    struct intake_opts opts = {.mapping = s->mapping, .format = t->o->format, .name = sv_c(t->report->path)};
    if (s->zone.n) {
        opts.zone = zone_find(s->zone, e);
        if (!opts.zone) {
            return e->code;
        }
    }
    const struct intake_sink sink = {
        .ctx = g,
        .record = guarded_record,
        .claim = guarded_claim,
        .object = guarded_object,
        .list = guarded_list,
        .list_entry = guarded_list_entry,
        .observation = guarded_observation,
        .reject = guarded_reject,
        .chunk = guarded_chunk,
        .member = guarded_member,
        .idle = guarded_idle,
    };
    return t->o->parsers ? intake_run(t->o->parsers, fd, &opts, &sink, e) : intake_parse(fd, &opts, &sink, e);
}

int fuse_take(struct fuse *f, int fd, struct sv path, const struct take_opts *o, struct take_report *ret,
              struct err *e)
{
    struct take t;
    take_init(&t, f, path, o, ret);
    struct guard g = {.t = &t};
    int rc = run(&t, fd, &g, e);
    bool stored = !(g.failed && is_storing_problem(g.failed));
    rc = finish(&t, rc, stored, e);
    take_clear(&t);
    if (rc == OK) {
        rc = fuse_settle(f, o, e);
    }
    /* What is accepted is durable now; text search may follow. */
    ret->seconds = (double)(time_ticks() - t.started) / 1e6;
    return rc == OK ? fuse_search_update(f, e) : rc;
}

int fuse_settle(struct fuse *f, const struct take_opts *o, struct err *e)
{
    uint64_t touched = 0;
    int rc = db_begin(f->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = past_settle(f, o, &touched, e);
    struct buf told = told_take(f);
    rc = db_finish(f->db, rc, e);
    told_send(&told, rc == OK ? o : NULL);
    return rc;
}
