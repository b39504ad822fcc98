/* A document and the walk over simdjson's tape. */
#include "base/json.h"

#include "base/json_private.h"

#include <stdarg.h>
#include <stdlib.h>

/* `struct jv` points here; the tape comes first so that accessors need not know the rest. */
struct json_doc {
    struct json_tape tape;
    struct json_dom *dom;
    size_t max;
};

/* simdjson keeps at most this many elements in the count of a container. */
#define COUNT_FULL 0xFFFFFFu

static const struct json_tape *tape_of(struct jv v)
{
    return v.doc;
}

static char type_of(struct jv v)
{
    return v.doc ? json_tape_type(v.doc, v.at) : 0;
}

struct json_doc *json_doc_new(size_t max)
{
    struct json_doc *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    /* the tape holds offsets of 32 bits */
    d->max = max < UINT32_MAX - 4096 ? max : UINT32_MAX - 4096;
    d->dom = json_dom_new();
    if (!d->dom) {
        free(d);
        return NULL;
    }
    return d;
}

void json_doc_free(struct json_doc *d)
{
    if (!d)
        return;
    json_dom_free(d->dom);
    free(d);
}

static int explain(const struct json_doc *d, struct sv text, struct err *e)
{
    int rc = json_locate(text, JSON_NO_STRING, e);

    return rc ? rc : err_set(e, ERR_SYNTAX, "not valid JSON: %s", json_dom_reason(d->dom));
}

int json_parse_event(struct json_doc *d, struct sv text, struct jv *ret, struct err *e)
{
    *ret = (struct jv){0};
    if (text.n > d->max) {
        err_set(e, ERR_LIMIT, "the JSON document has %zu bytes; at most %zu are read here", text.n, d->max);
        err_hint(e, "split it, or raise the limit that the configuration sets for this input");
        return ERR_LIMIT;
    }
    switch (json_dom_parse(d->dom, text.p, text.n, false, &d->tape)) {
    case JSON_DOM_OK:
        break;
    case JSON_DOM_MEMORY:
        return err_set(e, ERR_MEMORY, "no memory for a JSON document of %zu bytes", text.n);
    case JSON_DOM_REFUSED:
    default:
        return explain(d, text, e);
    }
    *ret = (struct jv){d, 1};
    return OK;
}

int json_parse(struct json_doc *d, struct sv text, struct jv *ret, struct err *e)
{
    size_t nth;
    int rc = json_parse_event(d, text, ret, e);

    if (rc)
        return rc;
    rc = json_find_duplicate(&d->tape, &nth);
    if (rc == OK)
        return OK;
    *ret = (struct jv){0};
    if (rc == ERR_MEMORY)
        return err_set(e, rc, "no memory to look for repeated keys");
    return json_locate(text, nth, e);
}

enum json_type json_type(struct jv v)
{
    switch (type_of(v)) {
    case 'n':
        return JSON_NULL;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'l':
        return JSON_INT;
    case 'u':
        return JSON_UINT;
    case 'd':
        return JSON_FLOAT;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NONE;
    }
}

/* As json_tape_head, of a key that is asked for. */
static uint64_t head_of(struct sv s)
{
    uint32_t first = 0;

    if (s.n >= sizeof first)
        memcpy(&first, s.p, sizeof first);
    else
        for (size_t i = 0; i < s.n; i++)
            first |= (uint32_t)(uint8_t)s.p[i] << 8 * i;
    return (uint64_t)first << 32 | (uint32_t)s.n;
}

struct jv json_get(struct jv object, struct sv key)
{
    const struct json_tape *t = tape_of(object);

    if (type_of(object) != '{' || key.n > UINT32_MAX)
        return (struct jv){0};
    uint64_t head = head_of(key), mask = json_head_mask(key.n);
    size_t end = json_tape_skip(t, object.at) - 1;
    for (size_t at = object.at + 1; at < end; at = json_tape_skip(t, at + 1)) {
        if ((json_tape_head(t, at) & mask) != head)
            continue;
        if (key.n <= 4 || memcmp(json_tape_str(t, at).p + 4, key.p + 4, key.n - 4) == 0)
            return (struct jv){object.doc, at + 1};
    }
    return (struct jv){0};
}

struct jv json_path(struct jv object, ...)
{
    va_list keys;
    const char *key;

    va_start(keys, object);
    while ((key = va_arg(keys, const char *)) != NULL)
        object = json_get(object, (struct sv){key, strlen(key)});
    va_end(keys);
    return object;
}

struct sv json_str(struct jv v)
{
    return type_of(v) == '"' ? json_tape_str(tape_of(v), v.at) : SV_NONE;
}

struct sv json_get_str(struct jv object, struct sv key)
{
    return json_str(json_get(object, key));
}

bool json_i64(struct jv v, int64_t *ret)
{
    if (type_of(v) != 'l')
        return false;
    memcpy(ret, &tape_of(v)->words[v.at + 1], sizeof *ret);
    return true;
}

bool json_u64(struct jv v, uint64_t *ret)
{
    char type = type_of(v);

    if ((type != 'l' && type != 'u') || (type == 'l' && (int64_t)tape_of(v)->words[v.at + 1] < 0))
        return false;
    *ret = tape_of(v)->words[v.at + 1];
    return true;
}

bool json_f64(struct jv v, double *ret)
{
    char type = type_of(v);

    if (type != 'd' && type != 'l' && type != 'u')
        return false;
    uint64_t word = tape_of(v)->words[v.at + 1];
    if (type == 'd')
        memcpy(ret, &word, sizeof *ret);
    else
        *ret = type == 'l' ? (double)(int64_t)word : (double)word;
    return true;
}

bool json_bool(struct jv v, bool *ret)
{
    char type = type_of(v);

    if (type != 't' && type != 'f')
        return false;
    *ret = type == 't';
    return true;
}

size_t json_count(struct jv v)
{
    char type = type_of(v);

    if (type != '[' && type != '{')
        return 0;
    size_t n = (tape_of(v)->words[v.at] >> 32) & COUNT_FULL;
    if (n < COUNT_FULL)
        return n;
    n = 0;
    for (struct json_it it = json_each(v); json_next(&it, NULL, NULL);)
        n++;
    return n;
}

struct json_it json_each(struct jv v)
{
    char type = type_of(v);

    if (type != '[' && type != '{')
        return (struct json_it){0};
    return (struct json_it){v.doc, v.at + 1, json_tape_skip(tape_of(v), v.at) - 1, type == '{'};
}

bool json_next(struct json_it *it, struct sv *ret_key, struct jv *ret_value)
{
    const struct json_tape *t = it->doc;
    struct sv key = SV_NONE;

    if (it->at >= it->end)
        return false;
    if (it->object)
        key = json_tape_str(t, it->at++);
    if (ret_key)
        *ret_key = key;
    if (ret_value)
        *ret_value = (struct jv){it->doc, it->at};
    it->at = json_tape_skip(t, it->at);
    return true;
}
