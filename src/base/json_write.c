/* JSON out: a parsed value written again, and the streaming writer. */
#include "base/json.h"

#include "base/json_private.h"

#include <math.h>

/* As ECMAScript, but it stays a float when read again: 1.0 and -0.0 keep their point. */
static void add_float(struct buf *out, double v)
{
    char text[JSON_NUMBER_MAX];
    struct sv t = {text, json_number_text(v, text)};

    if (v == 0 && signbit(v))
        buf_addc(out, '-');
    buf_add(out, t);
    if (sv_chr(t, '.') == SIZE_MAX && sv_chr(t, 'e') == SIZE_MAX)
        buf_addp(out, ".0", 2);
}

static void add_container(struct buf *out, struct jv v, bool object)
{
    struct json_it it = json_each(v);
    struct sv key;
    struct jv item;
    bool comma = false;

    buf_addc(out, object ? '{' : '[');
    for (; json_next(&it, &key, &item); comma = true) {
        if (comma)
            buf_addc(out, ',');
        if (object) {
            json_put_str(out, key);
            buf_addc(out, ':');
        }
        json_add(out, item);
    }
    buf_addc(out, object ? '}' : ']');
}

void json_add(struct buf *out, struct jv v)
{
    int64_t i = 0;
    uint64_t u = 0;
    double f = 0;
    bool truth = false;

    switch (json_type(v)) {
    case JSON_BOOL:
        json_bool(v, &truth);
        buf_add(out, truth ? SV("true") : SV("false"));
        break;
    case JSON_INT:
        json_i64(v, &i);
        json_put_int(out, i);
        break;
    case JSON_UINT:
        json_u64(v, &u);
        json_put_uint(out, u);
        break;
    case JSON_FLOAT:
        json_f64(v, &f);
        add_float(out, f);
        break;
    case JSON_STRING:
        json_put_str(out, json_str(v));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        add_container(out, v, json_type(v) == JSON_OBJECT);
        break;
    case JSON_NONE:
    case JSON_NULL:
    default:
        buf_add(out, SV("null"));
        break;
    }
}

void jw_init(struct jw *w, struct buf *b)
{
    *w = (struct jw){.b = b};
}

/* Writes the comma that is due and notes that the next value needs one. */
static void before_value(struct jw *w)
{
    uint64_t bit = 1ull << w->depth;

    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth > 0 && (w->comma & bit))
        buf_addc(w->b, ',');
    w->comma |= bit;
}

static void open_level(struct jw *w, char c)
{
    before_value(w);
    buf_addc(w->b, c);
    /* A reader would refuse it: fail here as at any other limit of the buffer. */
    if (w->depth + 1 >= JSON_MAX_DEPTH) {
        w->b->failed = true;
        return;
    }
    w->depth++;
    w->comma &= ~(1ull << w->depth);
}

static void close_level(struct jw *w, char c)
{
    if (w->depth > 0)
        w->depth--;
    buf_addc(w->b, c);
}

void jw_obj(struct jw *w)
{
    open_level(w, '{');
}

void jw_arr(struct jw *w)
{
    open_level(w, '[');
}

void jw_end_obj(struct jw *w)
{
    close_level(w, '}');
}

void jw_end_arr(struct jw *w)
{
    close_level(w, ']');
}

void jw_key_sv(struct jw *w, struct sv key)
{
    before_value(w);
    json_put_str(w->b, key);
    buf_addc(w->b, ':');
    w->after_key = true;
}

void jw_key(struct jw *w, const char *key)
{
    jw_key_sv(w, sv_c(key));
}

void jw_str(struct jw *w, struct sv s)
{
    before_value(w);
    json_put_str(w->b, s);
}

void jw_int(struct jw *w, int64_t v)
{
    before_value(w);
    json_put_int(w->b, v);
}

void jw_uint(struct jw *w, uint64_t v)
{
    before_value(w);
    json_put_uint(w->b, v);
}

void jw_double(struct jw *w, double v)
{
    char text[JSON_NUMBER_MAX];

    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    before_value(w);
    buf_addp(w->b, text, json_number_text(v, text));
}

void jw_bool(struct jw *w, bool v)
{
    jw_raw(w, v ? SV("true") : SV("false"));
}

void jw_null(struct jw *w)
{
    jw_raw(w, SV("null"));
}

void jw_raw(struct jw *w, struct sv json)
{
    before_value(w);
    buf_add(w->b, json);
}

void jw_kstr(struct jw *w, const char *key, struct sv s)
{
    jw_key(w, key);
    if (s.p)
        jw_str(w, s);
    else
        jw_null(w);
}

void jw_kint(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_int(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_err(struct jw *w, const struct err *e)
{
    jw_obj(w);
    jw_kstr(w, "code", sv_c(err_name(e->code)));
    jw_kstr(w, "text", sv_c(e->text));
    if (e->remedy[0])
        jw_kstr(w, "remedy", sv_c(e->remedy));
    if (e->file[0])
        jw_kstr(w, "file", sv_c(e->file));
    if (e->line) {
        jw_key(w, "line");
        jw_uint(w, e->line);
    }
    if (e->offset != UINT64_MAX) {
        jw_key(w, "offset");
        jw_uint(w, e->offset);
    }
    jw_end_obj(w);
}
