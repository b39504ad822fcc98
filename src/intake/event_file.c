#include "intake/event.h"
#include "intake/csv.h"

#include <stdlib.h>

struct event_state *event_state_new(const struct event_format *f, const struct intake_opts *o, struct err *e)
{
    struct event_state *s = calloc(1, sizeof *s);

    if (!s) {
        err_set(e, ERR_MEMORY, "no memory to read %s events", f->name);
        return NULL;
    }
    s->format = f;
    s->opts = o;
    s->context = SV("");
    s->reject_type = SV("event");
    s->clock.base = USEC_NONE;
    s->now = time_now();
    event_index_init(&s->index, f->rules);
    arena_init(&s->a, EVENT_ARENA_BYTES);
    s->doc = json_doc_new(EVENT_LINE_BYTES);
    /* The arena keeps its newest block: most events never need another. */
    if (!s->doc || !arena_alloc(&s->a, 64u << 10)) {
        err_set(e, ERR_MEMORY, "no memory to read %s events", f->name);
        event_state_free(s);
        return NULL;
    }
    if (f->start && f->start(s, e)) {
        event_state_free(s);
        return NULL;
    }
    return s;
}

void event_state_free(struct event_state *s)
{
    if (!s)
        return;
    if (s->format->stop)
        s->format->stop(s);
    json_doc_free(s->doc);
    arena_clear(&s->a);
    free(s);
}

int event_record(struct event_state *s, struct sv text, struct observation *ret, struct err *e)
{
    memset(s->slot, 0, sizeof s->slot);
    arena_reset(&s->a);
    ret->time = USEC_NONE;
    ret->sensor = SV("");
    ret->class = SV("other");
    ret->type = SV("event");
    ret->count = 1;
    ret->n = 0;
    ret->more = 0;
    ret->raw = text;
    ret->line = 0;
    ret->offset = UINT64_MAX;
    if (text.n > EVENT_LINE_BYTES) {
        err_set(e, ERR_LIMIT, "the event is longer than %u bytes", EVENT_LINE_BYTES);
        return err_hint(e, "no sensor writes such events; look whether the file lost its line ends");
    }
    return s->format->line(s, text, ret, e);
}

/* ---- a file ---- */

enum shape {
    SHAPE_LINES,
    SHAPE_ARRAY_LINES, /* an array with one event a line */
    SHAPE_ARRAY,       /* any other */
};

struct file_walk {
    const struct intake_job *job;
    struct event_state *s;
    enum shape shape;
    bool open; /* SHAPE_ARRAY_LINES: inside the brackets */
    struct observation o;
};

/* Line and offset of an error inside a record become words: the place of a reject is that of its record. */
static void tell_place(struct err *why)
{
    size_t n = strlen(why->text);

    if (why->offset != UINT64_MAX && n < sizeof why->text)
        (void)snprintf(why->text + n, sizeof why->text - n, " (byte %llu of the event)",
                       (unsigned long long)why->offset);
}

static int give_record(struct file_walk *w, struct sv text, uint64_t line, uint64_t offset, struct err *e)
{
    struct err why = ERR_NONE;
    int rc = event_record(w->s, text, &w->o, &why);

    if (rc == 0)
        return OK;
    if (rc < 0) {
        if (error_ends_file(rc)) {
            *e = why;
            return rc;
        }
        tell_place(&why);
        return emit_rejected_record(w->job, w->s->reject_type, line, offset, &why, text, w->s->context, e);
    }
    w->o.line = line;
    w->o.offset = offset;
    rc = w->job->sink->record(w->job->sink->ctx, w->o.type, e);
    return rc ? rc : w->job->sink->observation(w->job->sink->ctx, &w->o, e);
}

static int give_member(void *ctx, struct sv member, uint64_t line, uint64_t offset, struct err *e)
{
    return give_record(ctx, member, line, offset, e);
}

/* Takes brackets and commas of the array around an event off; what is left is empty for a line that holds
 * nothing else. */
static struct sv strip_frame(struct file_walk *w, struct sv line)
{
    line = sv_trim(line);
    if (line.n && line.p[0] == '[') {
        w->open = true;
        line = sv_trim(sv_sub(line, 1, SIZE_MAX));
    }
    if (line.n && line.p[0] == ',')
        line = sv_trim(sv_sub(line, 1, SIZE_MAX));
    if (line.n && line.p[line.n - 1] == ']') {
        w->open = false;
        line = sv_trim(sv_sub(line, 0, line.n - 1));
    }
    if (line.n && line.p[line.n - 1] == ',')
        line = sv_trim(sv_sub(line, 0, line.n - 1));
    return line;
}

static bool is_blank(struct sv line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')
            return false;
    return true;
}

int event_reject_cut(const struct intake_job *job, struct sv type, struct sv line, uint64_t number,
                     uint64_t offset, struct sv context, struct err *e)
{
    struct err why = ERR_NONE;

    if (line.n >= EVENT_LINE_BYTES) {
        err_set(&why, ERR_LIMIT, "the line is longer than %u bytes", EVENT_LINE_BYTES);
        err_hint(&why, "no sensor writes such events; look whether the file lost its line ends");
    } else if (line.n == 0 || line.p[0] == '#') {
        return OK;
    } else {
        err_set(&why, ERR_CORRUPT, "the line ends in the middle, where the file is damaged");
        err_hint(&why, "get the file again");
    }
    return emit_rejected_record(job, type, number, offset, &why, line, context, e);
}

static int give_line(struct file_walk *w, struct sv line, uint64_t number, uint64_t offset, bool cut,
                     struct err *e)
{
    struct sv text = line;

    if (cut)
        return event_reject_cut(w->job, w->s->reject_type, line, number, offset, w->s->context, e);
    if (w->shape == SHAPE_ARRAY_LINES)
        text = strip_frame(w, line);
    if (is_blank(text))
        return OK;
    return give_record(w, text, number, offset + (uint64_t)(text.p - line.p), e);
}

static int give_lines(struct file_walk *w, struct err *e)
{
    struct liner *l = liner_new(w->job->in, EVENT_LINE_BYTES);
    uint64_t number, offset;
    struct sv line;
    bool cut;
    int rc;

    if (!l)
        return err_set(e, ERR_MEMORY, "no memory to read lines");
    while ((rc = liner_next(l, &line, &number, &offset, &cut, e)) > 0) {
        if (number == 1 && sv_starts(line, SV("\xEF\xBB\xBF"))) {
            line = sv_sub(line, 3, SIZE_MAX);
            offset += 3;
        }
        rc = give_line(w, line, number, offset, cut, e);
        if (rc)
            break;
    }
    liner_free(l);
    if (rc == OK && w->open) {
        err_set(e, ERR_SYNTAX, "the array of events is not closed: the file seems to be cut off");
        return err_hint(e, "what stands before the end was read; get the file again");
    }
    return rc;
}

/* An array whose first event fills a line of its own is read by lines, so that one bad line (a lone comma is
 * common) costs one record. */
static int find_shape(struct file_walk *w, enum shape *ret, struct err *e)
{
    struct sv head, line;
    struct jv v;
    int rc = stream_peek(w->job->in, INTAKE_HEAD_BYTES, &head, e);

    if (rc < 0)
        return rc;
    *ret = SHAPE_LINES;
    if (sv_starts(head, SV("\xEF\xBB\xBF")))
        head = sv_sub(head, 3, SIZE_MAX);
    head = sv_trim(head);
    if (head.n == 0 || head.p[0] != '[')
        return OK;
    struct sv rest = sv_sub(head, 1, SIZE_MAX);
    *ret = SHAPE_ARRAY;
    while (sv_line(&rest, &line)) {
        struct sv text = sv_trim(line);

        if (text.n && text.p[text.n - 1] == ',')
            text = sv_trim(sv_sub(text, 0, text.n - 1));
        if (text.n == 0)
            continue;
        if (rest.p && rest.n && json_parse_event(w->s->doc, text, &v, NULL) == OK &&
            json_type(v) == JSON_OBJECT)
            *ret = SHAPE_ARRAY_LINES;
        break;
    }
    return OK;
}

int event_read_file(struct intake_job *job, const struct event_format *f, struct err *e)
{
    struct file_walk w = {.job = job};
    enum json_split_shape split;
    int rc;

    w.s = event_state_new(f, job->opts, e);
    if (!w.s)
        return e ? e->code : ERR_MEMORY;
    rc = find_shape(&w, &w.shape, e);
    if (rc == OK && w.shape == SHAPE_ARRAY)
        rc = json_members(job->in, SV(""), give_member, &w, &split, NULL, e);
    else if (rc == OK)
        rc = give_lines(&w, e);
    event_state_free(w.s);
    return rc;
}

int event_read_at(struct intake_job *job, const struct event_format *f, struct sv pointer, struct err *e)
{
    struct file_walk w = {.job = job, .s = event_state_new(f, job->opts, e)};

    if (!w.s)
        return e ? e->code : ERR_MEMORY;
    int rc = json_records_at(job->in, pointer, give_member, &w, e);
    event_state_free(w.s);
    return rc;
}

/* ---- records behind their length ---- */

struct counted {
    struct file_walk w;
    struct buf b;
    uint64_t line, offset; /* of the buffer's first byte */
    bool end;
    struct err damage;
};

static int more_bytes(struct counted *c, struct err *e)
{
    char *p = buf_reserve(&c->b, EVENT_LINE_BYTES);

    if (!p)
        return err_set(e, ERR_MEMORY, "no memory to read events");
    ptrdiff_t n = stream_read(c->w.job->in, p, EVENT_LINE_BYTES, &c->damage);
    c->end = n <= 0;
    c->b.n += n > 0 ? (size_t)n : 0;
    return OK;
}

static void take_bytes(struct counted *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        c->line += c->b.p[i] == '\n';
    c->offset += n;
    c->b.n -= n;
    memmove(c->b.p, c->b.p + n, c->b.n);
}

/* Digits and a blank: the length, and how long its text is. 0 = more bytes are needed, negative = none. */
static int read_length(struct sv s, uint64_t *ret, size_t *ret_head)
{
    size_t blank = sv_chr(sv_sub(s, 0, 8), ' ');

    if (blank == SIZE_MAX)
        return s.n < 8 ? 0 : ERR_SYNTAX;
    *ret_head = blank + 1;
    return sv_u64(sv_sub(s, 0, blank), ret) && *ret > 0 && *ret <= EVENT_LINE_BYTES ? 1 : ERR_SYNTAX;
}

/* 1 = a record was given, 0 = more bytes are needed or the end is reached */
static int next_counted(struct counted *c, struct err *e)
{
    struct sv all = buf_sv(&c->b);
    uint64_t length = 0;
    size_t head = 0;
    struct err why = ERR_NONE;
    int got = read_length(all, &length, &head);

    if (all.n == 0 || (!c->end && (got == 0 || (got == 1 && all.n < head + length))))
        return 0;
    if (got == 1 && all.n >= head + length) {
        struct sv text = sv_trim(sv_sub(all, head, (size_t)length));
        int rc = text.n ? give_record(&c->w, text, c->line, c->offset + head, e) : OK;
        take_bytes(c, head + (size_t)length);
        return rc < 0 ? rc : 1;
    }
    if (sv_trim(all).n) {
        err_set(&why, ERR_SYNTAX,
                got == 1 ? "the message ends before its length" : "a message does not begin with its length");
        int rc = emit_rejected_record(c->w.job, c->w.s->reject_type, c->line, c->offset, &why, all,
                                      c->w.s->context, e);
        if (rc < 0)
            return rc;
    }
    take_bytes(c, all.n);
    c->end = true;
    return 0;
}

int event_read_counted(struct intake_job *job, const struct event_format *f, struct err *e)
{
    struct counted c = {.w.job = job, .line = 1, .damage = ERR_NONE};
    int rc = OK;

    c.w.s = event_state_new(f, job->opts, e);
    if (!c.w.s)
        return e ? e->code : ERR_MEMORY;
    buf_init(&c.b, 4 * (size_t)EVENT_LINE_BYTES);
    while (rc >= 0 && !c.end && (rc = more_bytes(&c, e)) == OK)
        while ((rc = next_counted(&c, e)) > 0)
            ;
    if (rc >= 0 && c.damage.code) {
        *e = c.damage;
        rc = e->code;
    }
    buf_clear(&c.b);
    event_state_free(c.w.s);
    return rc < 0 ? rc : OK;
}
