/* JSON records by a source's mapping: where they stand in the file, and pointers into one of them. */
#include "intake/csv.h"
#include "intake/json_span.h"
#include "intake/whole.h"

#define SEGMENT_MOST 256

/* ---- pointers -------------------------------------------------------------------------------- */

bool json_pointer_ok(struct sv pointer)
{
    if (pointer.n && pointer.p[0] != '/')
        return false;
    for (size_t i = 0; i < pointer.n; i++)
        if (pointer.p[i] == '~' &&
            (i + 1 == pointer.n || (pointer.p[i + 1] != '0' && pointer.p[i + 1] != '1')))
            return false;
    return pointer.n <= 512;
}

/* The next segment with "~1" and "~0" decoded into `room`; false at the end. */
static bool next_segment(struct sv *pointer, char room[SEGMENT_MOST], struct sv *ret)
{
    size_t n = 0, i = 1;

    if (pointer->n == 0)
        return false;
    for (; i < pointer->n && pointer->p[i] != '/'; i++) {
        char c = pointer->p[i];
        if (c == '~' && i + 1 < pointer->n)
            c = pointer->p[++i] == '1' ? '/' : '~';
        if (n < SEGMENT_MOST)
            room[n++] = c;
    }
    *pointer = sv_sub(*pointer, i, SIZE_MAX);
    *ret = sv_from(room, n);
    return true;
}

static struct jv element(struct jv array, struct sv number)
{
    struct json_it it = json_each(array);
    struct jv v = {0};
    struct sv key;
    uint64_t n;

    if (!sv_u64(number, &n))
        return v;
    while (json_next(&it, &key, &v))
        if (n-- == 0)
            return v;
    return (struct jv){0};
}

void json_at(struct jv v, struct sv pointer, json_at_fn each, void *ctx)
{
    char room[SEGMENT_MOST];
    struct json_it it = json_each(v);
    struct sv segment, key;
    struct jv inner;

    if (!next_segment(&pointer, room, &segment)) {
        if (json_type(v) != JSON_ARRAY)
            each(ctx, v);
        else
            while (json_next(&it, &key, &inner))
                each(ctx, inner);
        return;
    }
    if (sv_eq(segment, SV("*"))) {
        while (json_next(&it, &key, &inner))
            json_at(inner, pointer, each, ctx);
        return;
    }
    inner = json_type(v) == JSON_ARRAY ? element(v, segment) : json_get(v, segment);
    if (json_type(inner) != JSON_NONE)
        json_at(inner, pointer, each, ctx);
}

struct sv json_scalar(struct arena *a, struct jv v)
{
    struct buf b;

    switch (json_type(v)) {
    case JSON_STRING:
        return json_str(v);
    case JSON_INT:
    case JSON_UINT:
    case JSON_FLOAT:
    case JSON_BOOL:
        break;
    default:
        return SV_NONE;
    }
    buf_init(&b, 64);
    json_add(&b, v);
    struct sv copy = b.failed ? SV_NONE : arena_sv(a, buf_sv(&b));
    buf_clear(&b);
    return copy;
}

/* ---- records --------------------------------------------------------------------------------- */

struct spans {
    member_fn each;
    void *ctx;
    const char *start;
    struct span_lines lines;
    bool found;
};

static int give_span(struct spans *s, struct sv text, struct err *e)
{
    return s->each(s->ctx, text, span_line(&s->lines, text.p), (uint64_t)(text.p - s->start), e);
}

/* Elements of the arrays, or the single objects, that a pointer leads to. */
static int walk_spans(struct spans *s, struct sv text, struct sv pointer, struct err *e)
{
    char room[SEGMENT_MOST];
    struct span_it it;
    struct sv segment, key, value;
    bool inner = next_segment(&pointer, room, &segment);
    bool any = inner && sv_eq(segment, SV("*"));
    uint64_t wanted = 0, n = 0;
    int rc = OK;

    if (!span_open(&it, text))
        return OK;
    if (!inner && it.close == '}') {
        s->found = true;
        return give_span(s, text, e);
    }
    s->found |= !inner;
    bool list = it.close == ']', number = inner && list && sv_u64(segment, &wanted);
    while (rc >= 0 && span_next(&it, &key, &value)) {
        if (!inner)
            rc = give_span(s, value, e);
        else if (any || (number ? n == wanted : it.close == '}' && sv_eq(key, segment)))
            rc = walk_spans(s, value, pointer, e);
        n++;
    }
    /* Of no groups of records none is missing: the last page of an API. */
    s->found |= any && list && n == 0;
    if (rc >= 0 && (it.bad || it.cut)) {
        err_set(e, ERR_SYNTAX,
                it.cut ? "the file ends in the middle" : "the file is no well-formed JSON here");
        return err_at(e, NULL, span_line(&s->lines, it.after), (uint64_t)(it.after - s->start));
    }
    return rc;
}

static int read_whole(struct stream *in, struct sv pointer, bool retry, member_fn each, void *ctx,
                      struct err *e)
{
    struct buf file;
    int rc = stream_whole(in, &file, e);
    struct sv text = buf_sv(&file), first;
    struct spans s = {.each = each, .ctx = ctx, .start = text.p};

    if (rc == OK && retry) {
        (void)sv_line(&text, &first);
        s.found = true;
        rc = each(ctx, sv_trim(text), 1, 0, e);
    } else if (rc == OK) {
        if (sv_starts(text, SV("\xEF\xBB\xBF")))
            text = sv_sub(text, 3, SIZE_MAX);
        s.lines = (struct span_lines){.start = text.p, .first = 1};
        rc = walk_spans(&s, text, pointer, e);
    }
    if (rc == OK && !s.found) {
        err_set(e, ERR_VALUE, "no list of records stands at \"%.*s\" of the file",
                SV_ARG(sv_sub(pointer, 0, 100)));
        rc = err_hint(e, "the source's mapping says so with \"records\": does the file answer an error?");
    }
    buf_clear(&file);
    return rc;
}

int json_records_at(struct stream *in, struct sv pointer, member_fn each, void *ctx, struct err *e)
{
    struct sv head;
    int rc = stream_peek(in, INTAKE_HEAD_BYTES, &head, e);
    bool retry = rc >= 0 && sv_starts(head, SV(JSON_RETRY "\n"));

    if (rc < 0)
        return rc;
    return retry || pointer.n ? read_whole(in, pointer, retry, each, ctx, e) : json_records(in, each, ctx, e);
}

bool json_is_mapped(struct sv head, struct sv mapping, bool *ret_events)
{
    struct csv_mapping m;
    struct span_it it;
    struct err ignored = ERR_NONE;
    bool is = span_open(&it, head) && csv_mapping_read(mapping, &m, &ignored) == OK;

    if (!is)
        return false;
    is = json_type(m.fields) != JSON_NONE;
    *ret_events = m.events;
    csv_mapping_clear(&m);
    return is;
}
