#include "fuse/pattern_set.h"

#include <stdlib.h>

/* Compiled patterns that are kept; others are compiled again when a trigger fires. */
#define COMPILED 1024
#define TRIGGER_BYTES (1u << 20)
#define STRIKES 3 /* evaluations past a limit after which a pattern is no longer watched */
#define NONE UINT32_MAX

struct moment {
    usec time;
    int64_t count;
    uint64_t met;
};
struct watched {
    struct sv id, text;  /* one allocation, at id.p */
    struct buf triggers; /* kind and value, one after the other */
    int64_t source;
    usec until;
    struct moment *window;
    uint32_t n, strikes, stamp;
    bool lone, live;
};
struct link {
    uint32_t pattern, next;
};
struct compiled_slot {
    uint32_t pattern;
    struct pattern *p;
};
struct pattern_set {
    struct watched *at;
    size_t n, room;
    struct map names; /* source and id -> index */
    struct matchset *index;
    uint32_t *head; /* by the index's number: first link */
    struct link *links;
    size_t nheads, nlinks;
    bool stale;
    uint32_t stamp;
    uint64_t kept; /* moments in windows */
    struct compiled_slot compiled[COMPILED];
    struct json_doc *doc;
    struct buf json;
    struct arena scratch;
    struct pattern_counts counts;
};

/* ---- the patterns
 * ----------------------------------------------------------------------------------------------------------------
 */

struct pattern_set *pattern_set_new(void)
{
    struct pattern_set *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    map_init(&s->names, 1u << 28, SIZE_MAX / 4);
    buf_init(&s->json, 1u << 20);
    arena_init(&s->scratch, 64u << 20);
    for (size_t i = 0; i < COMPILED; i++)
        s->compiled[i].pattern = NONE;
    s->doc = json_doc_new(1u << 20);
    if (!s->doc) {
        pattern_set_free(s);
        return NULL;
    }
    return s;
}

static void empty_window(struct pattern_set *s, struct watched *w)
{
    s->kept -= w->n;
    free(w->window);
    w->window = NULL;
    w->n = 0;
}

static void forget_compiled(struct pattern_set *s, uint32_t pattern)
{
    struct compiled_slot *slot = &s->compiled[pattern % COMPILED];
    if (slot->pattern == pattern) {
        pattern_free(slot->p);
        *slot = (struct compiled_slot){NONE, NULL};
    }
}

static void clear(struct pattern_set *s, struct watched *w)
{
    if (w->live)
        s->counts.watched--;
    else if (w->id.p)
        s->counts.unwatched--;
    s->stale |= w->live;
    empty_window(s, w);
    forget_compiled(s, (uint32_t)(w - s->at));
    buf_clear(&w->triggers);
    free((char *)w->id.p);
    *w = (struct watched){0};
}

void pattern_set_free(struct pattern_set *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        clear(s, &s->at[i]);
    free(s->at);
    free(s->head);
    free(s->links);
    matchset_free(s->index);
    map_clear(&s->names);
    json_doc_free(s->doc);
    buf_clear(&s->json);
    arena_clear(&s->scratch);
    free(s);
}

static struct watched *entry(struct pattern_set *s, struct sv id, int64_t source, bool make)
{
    buf_reset(&s->json);
    buf_u64(&s->json, (uint64_t)source);
    buf_add(&s->json, id);
    bool fresh = false;
    uint64_t *index = s->json.failed ? NULL
                      : make         ? map_put(&s->names, buf_sv(&s->json), &fresh)
                                     : map_get(&s->names, buf_sv(&s->json));
    if (!index)
        return NULL;
    if (fresh && s->n == s->room) {
        size_t room = s->room ? s->room * 2 : 64;
        struct watched *grown = room < NONE ? reallocarray(s->at, room, sizeof(*grown)) : NULL;
        if (!grown)
            return NULL;
        s->at = grown;
        s->room = room;
    }
    if (fresh) {
        s->at[s->n] = (struct watched){0};
        *index = s->n++;
    }
    return &s->at[*index];
}

/* False: some expression can be met by an event that holds no value to look for. */
static bool gather(struct pattern_set *s, const struct pattern *p, struct buf *triggers)
{
    size_t n = pattern_expressions(p);
    buf_init(triggers, TRIGGER_BYTES);
    bool found = n <= PATTERN_EXPRESSIONS;
    for (size_t i = 0; found && i < n; i++) {
        const struct obs *o;
        size_t values;
        arena_reset(&s->scratch);
        found = pattern_triggers(p, i, &s->scratch, &o, &values);
        for (size_t k = 0; found && k < values; k++) {
            buf_u8(triggers, (uint8_t)o[k].kind);
            buf_str(triggers, o[k].value);
        }
    }
    return found && !triggers->failed;
}

int pattern_set_put(struct pattern_set *s, struct sv id, int64_t source, struct sv text, usec until,
                    struct err *e)
{
    struct pattern *p = NULL;
    struct err own = ERR_NONE;
    struct watched *w = entry(s, id, source, true);
    char *copy = w ? malloc(id.n + text.n + 1) : NULL;
    if (!copy)
        return err_set(e, ERR_MEMORY, "no memory for a pattern");
    clear(s, w);
    memcpy(copy, id.p, id.n);
    memcpy(copy + id.n, text.p, text.n);
    w->id = sv_from(copy, id.n);
    w->text = sv_from(copy + id.n, text.n);
    w->source = source;
    w->until = until;
    int rc = pattern_new(text, PATTERN_FOR_EVENTS, &p, &own);
    w->live = rc == OK && gather(s, p, &w->triggers);
    w->lone = rc == OK && pattern_is_lone(p);
    pattern_free(p);
    if (!w->live)
        buf_clear(&w->triggers);
    s->stale |= w->live;
    s->counts.watched += w->live;
    s->counts.unwatched += !w->live;
    return rc == ERR_MEMORY ? err_set(e, rc, "no memory for a pattern") : OK;
}

void pattern_set_drop(struct pattern_set *s, struct sv id, int64_t source)
{
    struct watched *w = entry(s, id, source, false);
    if (w)
        clear(s, w);
}

void pattern_set_forget(struct pattern_set *s)
{
    for (size_t i = 0; s && i < s->n; i++) {
        s->counts.evicted += s->at[i].n;
        empty_window(s, &s->at[i]);
    }
}

struct pattern_counts pattern_set_counts(const struct pattern_set *s)
{
    return s->counts;
}

/* ---- triggers
 * --------------------------------------------------------------------------------------------------------------------
 */

struct indexing {
    struct pattern_set *s;
    struct matchset_build *b;
    struct map values; /* kind and value -> number */
    struct arena a;
    uint32_t *head;
    struct link *links;
    size_t nheads, head_room, nlinks, link_room;
};

static bool room_for(void **p, size_t *room, size_t n, size_t size)
{
    size_t want = *room ? *room * 2 : 1024;
    if (n <= *room)
        return true;
    void *grown = want < NONE ? reallocarray(*p, want, size) : NULL;
    if (grown) {
        *p = grown;
        *room = want;
    }
    return grown != NULL;
}

static int add_trigger(struct indexing *x, uint32_t pattern, enum kind kind, struct sv key, struct sv value,
                       struct err *e)
{
    struct obs o;
    bool fresh;
    uint64_t *number = map_put(&x->values, key, &fresh);
    if (!number || !room_for((void **)&x->head, &x->head_room, x->nheads + 1, sizeof(*x->head)) ||
        !room_for((void **)&x->links, &x->link_room, x->nlinks + 1, sizeof(*x->links)))
        return err_set(e, ERR_MEMORY, "no memory for the triggers of patterns");
    if (fresh) {
        *number = x->nheads;
        x->head[x->nheads++] = NONE;
        arena_reset(&x->a);
        int rc = obs_read(&x->a, kind, value, &o, e);
        rc = rc == OK ? matchset_build_add(x->b, &o, (uint32_t)*number, e) : rc;
        if (rc == ERR_MEMORY)
            return rc;
    }
    uint32_t *head = &x->head[*number];
    if (*head != NONE && x->links[*head].pattern == pattern)
        return OK;
    x->links[x->nlinks] = (struct link){pattern, *head};
    *head = (uint32_t)x->nlinks++;
    return OK;
}

static int add_triggers(struct indexing *x, uint32_t pattern, struct err *e)
{
    struct cur c = cur_of(buf_sv(&x->s->at[pattern].triggers));
    int rc = OK;
    while (rc == OK && cur_more(&c)) {
        const char *start = (const char *)c.p;
        enum kind kind = (enum kind)cur_u8(&c);
        struct sv value = cur_str(&c);
        rc = add_trigger(x, pattern, kind, sv_from(start, (size_t)((const char *)c.p - start)), value, e);
    }
    return rc;
}

static void take_index(struct pattern_set *s, struct indexing *x, struct matchset *index)
{
    matchset_free(s->index);
    free(s->head);
    free(s->links);
    s->index = index;
    s->head = x->head;
    s->links = x->links;
    s->nheads = x->nheads;
    s->nlinks = x->nlinks;
    s->counts.triggers = x->nheads;
    s->stale = false;
    x->head = NULL;
    x->links = NULL;
}

int pattern_set_ready(struct pattern_set *s, struct err *e)
{
    if (!s->stale)
        return OK;
    struct indexing x = {.s = s, .b = matchset_build_new(s->counts.watched)};
    map_init(&x.values, NONE, SIZE_MAX / 4);
    arena_init(&x.a, 1u << 20);
    int rc = x.b ? OK : err_set(e, ERR_MEMORY, "no memory for the triggers of patterns");
    for (size_t i = 0; rc == OK && i < s->n; i++)
        rc = s->at[i].live ? add_triggers(&x, (uint32_t)i, e) : OK;
    struct matchset *index = rc == OK ? matchset_build_finish(x.b, e) : NULL;
    if (index)
        take_index(s, &x, index);
    else if (rc == OK)
        rc = e->code;
    matchset_build_free(x.b);
    map_clear(&x.values);
    arena_clear(&x.a);
    free(x.head);
    free(x.links);
    return rc;
}

bool pattern_set_waits_for(const struct pattern_set *s, const struct obs *o)
{
    struct hit hit;
    return s->index && s->nlinks && matchset_find(s->index, o, &hit, 1) > 0;
}

/* ---- events
 * ----------------------------------------------------------------------------------------------------------------------
 */

static struct pattern *compiled(struct pattern_set *s, uint32_t pattern, struct err *e)
{
    struct compiled_slot *slot = &s->compiled[pattern % COMPILED];
    if (slot->pattern == pattern)
        return slot->p;
    pattern_free(slot->p);
    *slot = (struct compiled_slot){NONE, NULL};
    if (pattern_new(s->at[pattern].text, PATTERN_FOR_EVENTS, &slot->p, e) == OK)
        slot->pattern = pattern;
    return slot->p;
}

/* Past a limit again and again: it would hold up all other events. */
static int strike(struct pattern_set *s, struct watched *w)
{
    s->counts.failed++;
    if (++w->strikes == STRIKES) {
        w->live = false;
        s->counts.watched--;
        s->counts.unwatched++;
        empty_window(s, w);
    }
    return 0;
}

static int join(struct pattern_set *s, struct watched *w, const struct pattern *p, const struct moment *m,
                size_t n)
{
    struct pat_moment moments[PATTERN_WINDOW];
    struct err ignored = ERR_NONE;
    for (size_t i = 0; i < n; i++)
        moments[i] = (struct pat_moment){m[i].time, m[i].time, m[i].count, &m[i].met};
    arena_reset(&s->scratch);
    int rc = pattern_join(p, moments, n, &s->scratch, &ignored);
    return rc < 0 ? strike(s, w) : rc;
}

/* The oldest gives way. */
static bool keep(struct pattern_set *s, struct watched *w, const struct moment *m)
{
    if (!w->window)
        w->window = calloc(PATTERN_WINDOW, sizeof(*w->window));
    if (!w->window || (w->n == 0 && s->kept >= PATTERN_WINDOWS)) {
        s->counts.evicted++;
        return false;
    }
    if (w->n == PATTERN_WINDOW || s->kept >= PATTERN_WINDOWS) {
        uint32_t oldest = 0;
        for (uint32_t i = 1; i < w->n; i++)
            if (w->window[i].time < w->window[oldest].time)
                oldest = i;
        w->window[oldest] = w->window[--w->n];
        s->kept--;
        s->counts.evicted++;
    }
    w->window[w->n++] = *m;
    s->kept++;
    return true;
}

/* 1: the event completes the pattern. */
static int evaluate(struct pattern_set *s, uint32_t pattern, const struct pat_seen *seen)
{
    struct watched *w = &s->at[pattern];
    struct err ignored = ERR_NONE;
    const struct pattern *p = compiled(s, pattern, &ignored);
    struct moment m = {seen->first, seen->count, 0};
    s->counts.evaluated++;
    if (!p)
        return strike(s, w);
    for (size_t i = 0; i < pattern_expressions(p); i++) {
        int rc = pattern_meets(p, i, seen, &ignored);
        if (rc < 0)
            return strike(s, w);
        m.met |= (uint64_t)rc << i;
    }
    if (m.met == 0)
        return 0;
    if (w->lone)
        return join(s, w, p, &m, 1);
    if (!keep(s, w, &m))
        return 0;
    int rc = join(s, w, p, w->window, w->n);
    if (rc == 1)
        empty_window(s, w);
    return rc;
}

/* The event in JSON, read. NULL: it is longer than may be. */
static struct pat_seen *objects_of(struct pattern_set *s, const struct pattern_event *v, struct arena *a)
{
    struct err ignored = ERR_NONE;
    struct pat_seen *seen;
    struct jv root;
    size_t n;
    buf_reset(&s->json);
    pattern_event_write(v, &s->json);
    bool read = !s->json.failed && json_parse(s->doc, buf_sv(&s->json), &root, &ignored) == OK &&
                pattern_read_seen(root, a, &seen, &n, &ignored) == OK && n == 1;
    return read ? seen : NULL;
}

struct candidates {
    uint32_t pattern[PATTERN_CANDIDATES];
    uint8_t value[PATTERN_CANDIDATES];
    size_t n;
};

static void collect(struct pattern_set *s, const struct pattern_event *v, struct candidates *c)
{
    s->stamp++;
    for (size_t i = 0; i < v->n && i < PATTERN_EVENT_VALUES; i++) {
        struct hit hit[INDEX_HITS];
        size_t hits = matchset_find(s->index, &v->v[i].value, hit, INDEX_HITS);
        for (size_t h = 0; h < hits; h++) {
            for (uint32_t at = s->head[hit[h].number]; at != NONE; at = s->links[at].next) {
                struct watched *w = &s->at[s->links[at].pattern];
                if (!w->live || w->stamp == s->stamp || (w->until != USEC_NONE && w->until < v->time))
                    continue;
                w->stamp = s->stamp;
                if (c->n == PATTERN_CANDIDATES) {
                    s->counts.failed++;
                    return;
                }
                c->value[c->n] = (uint8_t)i;
                c->pattern[c->n++] = s->links[at].pattern;
            }
        }
    }
}

int pattern_set_event(struct pattern_set *s, const struct pattern_event *v, pattern_hit_fn each, void *ctx,
                      struct err *e)
{
    struct candidates c = {.n = 0};
    struct arena a;
    int rc = OK;
    if (!s->index || !s->nlinks)
        return OK;
    collect(s, v, &c);
    if (c.n == 0)
        return OK;
    arena_init(&a, 16u << 20);
    const struct pat_seen *seen = objects_of(s, v, &a);
    s->counts.failed += seen ? 0 : c.n;
    for (size_t i = 0; rc == OK && seen && i < c.n; i++) {
        if (evaluate(s, c.pattern[i], seen) != 1)
            continue;
        const struct watched *w = &s->at[c.pattern[i]];
        const struct pattern_hit hit = {w->id, w->source, c.value[i]};
        s->counts.matched++;
        rc = each(ctx, &hit, e);
    }
    arena_clear(&a);
    return rc;
}
