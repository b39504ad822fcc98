/* RFC 8785, the JSON Canonicalization Scheme. */
#include "base/json.h"

#include "base/json_private.h"

#include <math.h>
#include <stdlib.h>

/* 2^53 - 1: beyond it two integers may read as one double (RFC 7493 2.2). */
#define SAFE_INTEGER 9007199254740991

struct member {
    struct sv key;
    struct jv value;
};

/* One stack of members serves all levels: an object sorts its own on top and takes them off again. */
struct canon {
    struct buf *out;
    struct err *e;
    struct member *stack;
    size_t n;
    size_t room;
};

static int canon_value(struct canon *c, struct jv v);

/* First UTF-16 code unit of the well-formed sequence at `p`; one value for all high surrogates will do (see
 * key_order). */
static uint32_t code_unit_rank(const uint8_t *p)
{
    if (p[0] < 0x80)
        return p[0];
    if (p[0] < 0xE0)
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    if (p[0] < 0xF0)
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    return 0xD800;
}

/*
 * RFC 8785 3.2.3: keys by UTF-16 code units. That is the order of the UTF-8 bytes, save that characters
 * beyond U+FFFF (surrogates, D800 to DFFF) stand before U+E000 to U+FFFF.
 */
static int key_order(const void *x, const void *y)
{
    struct sv a = ((const struct member *)x)->key, b = ((const struct member *)y)->key;
    size_t n = a.n < b.n ? a.n : b.n, at = 0;
    const uint8_t *p = (const uint8_t *)a.p, *q = (const uint8_t *)b.p;

    while (at < n && p[at] == q[at])
        at++;
    if (at == n)
        return a.n < b.n ? -1 : a.n > b.n;
    int bytes = p[at] < q[at] ? -1 : 1;
    while (at > 0 && (p[at] & 0xC0) == 0x80)
        at--;
    uint32_t left = code_unit_rank(p + at), right = code_unit_rank(q + at);
    if (left == right)
        return bytes;
    return left < right ? -1 : 1;
}

static int push(struct canon *c, struct member m)
{
    if (c->n == c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        struct member *stack = reallocarray(c->stack, room, sizeof *stack);
        if (!stack)
            return err_set(c->e, ERR_MEMORY, "no memory for the canonical form");
        c->stack = stack;
        c->room = room;
    }
    c->stack[c->n++] = m;
    return OK;
}

static int canon_object(struct canon *c, struct jv v)
{
    size_t base = c->n, end;
    struct json_it it = json_each(v);
    struct member m;

    while (json_next(&it, &m.key, &m.value)) {
        int rc = push(c, m);
        if (rc)
            return rc;
    }
    end = c->n;
    if (end > base)
        qsort(c->stack + base, end - base, sizeof *c->stack, key_order);
    buf_addc(c->out, '{');
    for (size_t i = base; i < end; i++) {
        if (i > base)
            buf_addc(c->out, ',');
        json_put_str(c->out, c->stack[i].key);
        buf_addc(c->out, ':');
        int rc = canon_value(c, c->stack[i].value);
        if (rc)
            return rc;
    }
    buf_addc(c->out, '}');
    c->n = base;
    return OK;
}

static int canon_array(struct canon *c, struct jv v)
{
    struct json_it it = json_each(v);
    struct jv item;
    bool comma = false;

    buf_addc(c->out, '[');
    for (; json_next(&it, NULL, &item); comma = true) {
        if (comma)
            buf_addc(c->out, ',');
        int rc = canon_value(c, item);
        if (rc)
            return rc;
    }
    buf_addc(c->out, ']');
    return OK;
}

/*
 * A float that is printed without point and exponent is an integer to whoever reads it again, so the same
 * limit holds; else the canonical form of a canonical form could be refused.
 */
static int canon_number(struct canon *c, struct jv v)
{
    char text[JSON_NUMBER_MAX];
    double f = 0;
    int64_t i = 0;

    json_f64(v, &f);
    struct sv t = {text, json_number_text(f, text)};
    bool integer = sv_chr(t, '.') == SIZE_MAX && sv_chr(t, 'e') == SIZE_MAX;
    bool safe = !integer || fabs(f) <= (double)SAFE_INTEGER;
    if (json_type(v) != JSON_FLOAT)
        safe = json_i64(v, &i) && i <= SAFE_INTEGER && i >= -SAFE_INTEGER;
    if (!safe) {
        err_set(c->e, ERR_VALUE, "an integer near %.15e has no canonical form: it is beyond 2^53-1", f);
        err_hint(c->e, "write it as a string");
        return ERR_VALUE;
    }
    buf_add(c->out, t);
    return OK;
}

static int canon_value(struct canon *c, struct jv v)
{
    switch (json_type(v)) {
    case JSON_INT:
    case JSON_UINT:
    case JSON_FLOAT:
        return canon_number(c, v);
    case JSON_ARRAY:
        return canon_array(c, v);
    case JSON_OBJECT:
        return canon_object(c, v);
    case JSON_NONE:
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_STRING:
    default:
        json_add(c->out, v);
        return OK;
    }
}

int json_canonical(struct jv v, struct buf *out, struct err *e)
{
    struct canon c = {.out = out, .e = e};
    int rc = canon_value(&c, v);

    free(c.stack);
    if (rc == OK && out->failed)
        return err_set(e, ERR_LIMIT, "the canonical form does not fit in %zu bytes", out->max);
    return rc;
}
