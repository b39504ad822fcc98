#include "intake/event.h"

static unsigned slot_of(unsigned group, struct sv key)
{
    const unsigned char *p = (const unsigned char *)key.p;

    return (group * 59u + (unsigned)key.n * 17u + p[0] * 7u + p[key.n / 2] * 131u + p[key.n - 1] * 31u) &
           (EVENT_INDEX - 1);
}

void event_index_init(struct event_index *x, const struct event_rule *rules)
{
    *x = (struct event_index){.rules = rules};
    for (size_t i = 0; rules[i].key && i < UINT8_MAX; i++) {
        struct sv key = sv_c(rules[i].key);
        unsigned at = slot_of(rules[i].group, key);

        while (x->at[at])
            at = (at + 1) & (EVENT_INDEX - 1);
        x->at[at] = (uint8_t)(i + 1);
        x->len[i] = (uint8_t)key.n;
    }
}

const struct event_rule *event_rule_find(const struct event_index *x, unsigned group, struct sv key)
{
    if (key.n == 0)
        return NULL;
    for (unsigned at = slot_of(group, key); x->at[at]; at = (at + 1) & (EVENT_INDEX - 1)) {
        const struct event_rule *r = &x->rules[x->at[at] - 1];

        if (x->len[x->at[at] - 1] == key.n && r->group == group && memcmp(r->key, key.p, key.n) == 0)
            return r;
    }
    return NULL;
}

static void take_text(struct event_state *s, struct observation *o, const struct event_rule *r, struct jv v)
{
    struct sv text = json_str(v);

    if (text.p)
        event_take(s, o, r->take, sv_c(r->field), text);
}

void event_apply(struct event_state *s, struct observation *o, const struct event_rule *r, struct jv v)
{
    struct jv element;

    /* the first of two equal keys wins, as json_get would have it */
    if (r->slot && !s->slot[r->slot].v.doc)
        s->slot[r->slot] = (struct event_slot){json_str(v), v};
    if (r->take == TAKE_NONE)
        return;
    switch (json_type(v)) {
    case JSON_STRING:
        if (r->take != TAKE_GROUP)
            take_text(s, o, r, v);
        break;
    case JSON_OBJECT:
        if (r->take == TAKE_GROUP)
            event_walk(s, o, r->arg, v);
        break;
    case JSON_ARRAY:
        for (struct json_it it = json_each(v); json_next(&it, NULL, &element);) {
            if (r->take != TAKE_GROUP)
                take_text(s, o, r, element);
            else if (json_type(element) == JSON_OBJECT)
                event_walk(s, o, r->arg, element);
        }
        break;
    default:
        break;
    }
}

/* Recursion ends because no rule of a group leads back to a group above it. */
void event_walk(struct event_state *s, struct observation *o, unsigned group, struct jv object)
{
    struct sv key;
    struct jv v;

    for (struct json_it it = json_each(object); json_next(&it, &key, &v);) {
        const struct event_rule *r = event_rule_find(&s->index, group, key);

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

/* ---- detection
 * -----------------------------------------------------------------------------------------------------------
 */

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

bool event_head_has(struct sv head, struct sv key)
{
    struct sv rest = head, line;

    for (unsigned tried = 0; tried < HEAD_RECORDS && sv_line(&rest, &line);) {
        size_t at = 0;

        while (at < line.n && memchr("[ \t\xEF\xBB\xBF", line.p[at], 6))
            at++;
        if (at == line.n || line.p[at] != '{')
            continue;
        if (object_has(head, (size_t)(line.p - head.p) + at, key))
            return true;
        tried++;
    }
    return false;
}
