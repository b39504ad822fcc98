#include "intake/event.h"

#include "base/json_walk.h"

static inline uint64_t load8(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t load4(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* First and last eight bytes by loads of fixed size: a memcpy of any length would cost more than the look-up.
 */
static inline uint64_t first_of(struct sv key)
{
    return key.n >= 8 ? load8(key.p) : key.n >= 4 ? load4(key.p) : (unsigned char)key.p[0];
}

static inline uint64_t last_of(struct sv key)
{
    if (key.n >= 8)
        return load8(key.p + key.n - 8);
    if (key.n >= 4)
        return load4(key.p + key.n - 4);
    return (uint64_t)(unsigned char)key.p[key.n / 2] << 8 | (unsigned char)key.p[key.n - 1];
}

static inline uint64_t tag_of(unsigned group, struct sv key)
{
    return (uint64_t)group << 32 | (uint32_t)key.n;
}

static inline size_t place_of(uint64_t first, uint64_t last, uint64_t tag)
{
    uint64_t mixed = (first ^ (last << 23 | last >> 41) ^ tag << 24) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)(mixed >> (64 - EVENT_INDEX_BITS));
}

void event_index_init(struct event_index *x, const struct event_rule *rules)
{
    *x = (struct event_index){.rules = rules};
    for (size_t i = 0; rules[i].key && i < UINT8_MAX; i++) {
        struct sv key = sv_c(rules[i].key);
        uint64_t first = first_of(key), last = last_of(key), tag = tag_of(rules[i].group, key);
        size_t at = place_of(first, last, tag);

        while (x->at[at].rule)
            at = (at + 1) & (EVENT_INDEX - 1);
        x->at[at] = (struct event_key){first, last, tag, &rules[i]};
        x->field[i] = sv_c(rules[i].field);
    }
}

static inline const struct event_rule *find(const struct event_index *x, unsigned group, struct sv key)
{
    if (key.n == 0)
        return NULL;
    uint64_t first = first_of(key), last = last_of(key), tag = tag_of(group, key);

    for (size_t at = place_of(first, last, tag); x->at[at].rule; at = (at + 1) & (EVENT_INDEX - 1)) {
        const struct event_key *k = &x->at[at];

        if (k->first == first && k->last == last && k->tag == tag &&
            (key.n <= 16 || memcmp(k->rule->key, key.p, key.n) == 0))
            return k->rule;
    }
    return NULL;
}

const struct event_rule *event_rule_find(const struct event_index *x, unsigned group, struct sv key)
{
    return find(x, group, key);
}

static void apply_to_array(struct event_state *s, struct observation *o, const struct event_rule *r,
                           struct jv v)
{
    struct jv element;

    for (struct json_walk w = json_walk_in(v); json_walk_element(&w, &element);) {
        char type = json_walk_type(element);

        if (r->take == TAKE_GROUP && type == '{')
            event_walk(s, o, r->arg, element);
        else if (r->take != TAKE_GROUP && type == '"')
            event_take(s, o, r->take, event_field(&s->index, r), json_walk_str(element));
    }
}

void event_apply(struct event_state *s, struct observation *o, const struct event_rule *r, struct jv v)
{
    char type = json_walk_type(v);

    /* the first of two equal keys wins, as json_get would have it */
    if (r->slot && !s->slot[r->slot].v.doc)
        s->slot[r->slot] = (struct event_slot){type == '"' ? json_walk_str(v) : SV_NONE, v};
    if (r->take == TAKE_NONE)
        return;
    if (type == '"' && r->take != TAKE_GROUP)
        event_take(s, o, r->take, event_field(&s->index, r), json_walk_str(v));
    else if (type == '{' && r->take == TAKE_GROUP)
        event_walk(s, o, r->arg, v);
    else if (type == '[')
        apply_to_array(s, o, r, v);
}

/* Recursion ends because no rule of a group leads back to a group above it. */
void event_walk(struct event_state *s, struct observation *o, unsigned group, struct jv object)
{
    struct sv key;
    struct jv v;

    for (struct json_walk w = json_walk_in(object); json_walk_member(&w, &key, &v);) {
        const struct event_rule *r = find(&s->index, group, key);

        if (r)
            event_apply(s, o, r, v);
    }
}

int event_json(struct event_state *s, struct sv text, struct jv *ret, struct err *e)
{
    int rc = json_parse_event(s->doc, text, ret, e);

    if (rc)
        return rc;
    if (json_type(*ret) == JSON_OBJECT)
        return OK;
    err_set(e, ERR_SYNTAX, "an event is a JSON object, this is another value");
    return err_at(e, NULL, 1, 0);
}

/* ---- detection ---- */

#define HEAD_RECORDS 8

/* Index after the string that begins at `at`, or the end. */
static size_t skip_string(struct sv s, size_t at)
{
    for (at++; at < s.n && s.p[at] != '"'; at++)
        at += s.p[at] == '\\';
    return at < s.n ? at + 1 : s.n;
}

/* Looks for a key at the top of the object that begins at `at`. */
static bool object_has(struct sv s, size_t at, struct sv key)
{
    unsigned depth = 0;

    while (at < s.n) {
        char c = s.p[at];

        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return false;
        if (c != '"') {
            at++;
            continue;
        }
        size_t end = skip_string(s, at);
        bool same = end - at == key.n + 2 && memcmp(s.p + at + 1, key.p, key.n) == 0;

        for (at = end; at < s.n && (s.p[at] == ' ' || s.p[at] == '\t' || s.p[at] == '\n' || s.p[at] == '\r');)
            at++;
        if (same && depth == 1 && at < s.n && s.p[at] == ':')
            return true;
    }
    return false;
}

/* Blanks, the bracket of an array, the bytes of a byte order mark. */
static bool before_object(char c)
{
    return c == ' ' || c == '\t' || c == '[' || c == '\xEF' || c == '\xBB' || c == '\xBF';
}

bool event_head_has(struct sv head, struct sv key)
{
    struct sv rest = head, line;

    for (unsigned tried = 0; tried < HEAD_RECORDS && sv_line(&rest, &line);) {
        size_t at = 0;

        while (at < line.n && before_object(line.p[at]))
            at++;
        if (at == line.n || line.p[at] != '{')
            continue;
        if (object_has(head, (size_t)(line.p - head.p) + at, key))
            return true;
        tried++;
    }
    return false;
}
