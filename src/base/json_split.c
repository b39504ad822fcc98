/*
 * The streaming splitter. Two places of work: the frame (the outer object, copied byte by byte into `frame`)
 * and the members (found in `in` and handed out as views). Constant memory: bytes before the member at hand
 * are dropped at the next feed, and a member or frame beyond the limit is passed over.
 */
#include "base/json.h"

#include "base/json_nest.h"
#include "base/json_private.h"

#include <stdlib.h>

/* What a step says, besides a negative error code. */
enum { MORE_INPUT, GO_ON, MEMBER };

enum state {
    AT_START, /* nothing but white space yet */
    IN_FRAME, /* in the outer object, outside of the array */
    AT_FIRST, /* after the '[' of the array */
    AT_NEXT,  /* after a comma in the array */
    IN_MEMBER,
    AT_END,      /* after the document: only white space */
    PASSED_OVER, /* the outer object was too long: the rest of the input is ignored */
    BROKEN,      /* `fault` is returned for ever */
};

struct json_split {
    char *key;
    size_t key_n;
    size_t max_member;
    enum state state;
    enum json_split_shape shape;
    bool last;

    struct buf in;
    uint64_t base; /* offset in the whole input of in.p[0] */
    size_t at;     /* next byte of `in` to look at */
    size_t start;  /* of the member at hand, in `in` */
    uint64_t start_offset;
    bool too_long; /* the member at hand is passed over */
    struct nest nest;

    struct buf frame;
    uint64_t frame_offset;
    size_t frame_cut; /* length of the frame up to its "[]"; the rest stood `array_bytes` further on in the
                         input */
    uint64_t array_offset;
    uint64_t array_bytes;
    size_t key_start; /* last string at depth 1 of the frame, between the quotes */
    size_t key_end;
    bool colon;      /* the last byte of weight at depth 1 was ':' */
    bool single_due; /* a single object is complete and not handed out yet */

    struct err fault;
};

struct json_split *json_split_new(struct sv key, size_t max_member)
{
    struct json_split *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->key = malloc(key.n + 1);
    if (!s->key) {
        free(s);
        return NULL;
    }
    if (key.n > 0)
        memcpy(s->key, key.p, key.n);
    s->key_n = key.n;
    s->max_member = max_member;
    /* the caller decides how much it feeds at once; what is kept between feeds is bounded by max_member */
    buf_init(&s->in, SIZE_MAX / 4);
    buf_init(&s->frame, max_member);
    return s;
}

void json_split_free(struct json_split *s)
{
    if (!s)
        return;
    buf_clear(&s->in);
    buf_clear(&s->frame);
    free(s->key);
    free(s);
}

enum json_split_shape json_split_shape(const struct json_split *s)
{
    return s->shape;
}

struct sv json_split_frame(const struct json_split *s)
{
    bool sound = s->state != PASSED_OVER && s->state != BROKEN;

    return s->shape == SPLIT_KEYED && sound ? buf_sv(&s->frame) : SV_NONE;
}

static int broken(struct json_split *s, struct err *e, int code, uint64_t offset, const char *text)
{
    err_set(&s->fault, code, "%s", text);
    err_at(&s->fault, NULL, 0, offset);
    s->state = BROKEN;
    if (e)
        *e = s->fault;
    return code;
}

static int repeat_fault(const struct json_split *s, struct err *e)
{
    if (e)
        *e = s->fault;
    return s->fault.code;
}

static uint64_t offset_of(const struct json_split *s, size_t at)
{
    return s->base + at;
}

/* Forgets the bytes that no member at hand needs. */
static void compact(struct json_split *s)
{
    size_t keep = s->state == IN_MEMBER && !s->too_long ? s->start : s->at;

    if (keep == 0)
        return;
    memmove(s->in.p, s->in.p + keep, s->in.n - keep);
    s->in.n -= keep;
    s->at -= keep;
    s->start -= keep < s->start ? keep : s->start;
    s->base += keep;
}

int json_split_feed(struct json_split *s, struct sv bytes, bool last, struct err *e)
{
    if (s->state == BROKEN)
        return repeat_fault(s, e);
    compact(s);
    buf_add(&s->in, bytes);
    if (s->in.failed)
        return broken(s, e, ERR_MEMORY, offset_of(s, s->in.n), "no memory to split a JSON document");
    s->last = last;
    return OK;
}

static bool pass_space(struct json_split *s)
{
    while (s->at < s->in.n && json_space(s->in.p[s->at]))
        s->at++;
    return s->at < s->in.n;
}

/* Adds to the frame what was read from `from` on. */
static int keep_frame(struct json_split *s, size_t from, struct err *e)
{
    buf_addp(&s->frame, s->in.p + from, s->at - from);
    if (!s->frame.failed)
        return OK;
    s->state = PASSED_OVER;
    err_set(e, ERR_LIMIT, "the object%s is longer than %zu bytes",
            s->shape == SPLIT_KEYED ? ", without its array," : "", s->max_member);
    err_at(e, NULL, 0, s->frame_offset);
    err_hint(e, "raise the limit that the configuration sets for one object, then try this one again");
    return ERR_LIMIT;
}

/* A byte order mark is passed over at the start of a file. False when more input must show whether there is
 * one. */
static bool pass_bom(struct json_split *s)
{
    size_t n = s->in.n < 3 ? s->in.n : 3;

    if (s->base + s->at > 0 || n == 0 || memcmp(s->in.p, "\xEF\xBB\xBF", n) != 0)
        return true;
    if (n == 3)
        s->at = n;
    return n == 3 || s->last;
}

static int step_start(struct json_split *s, struct err *e)
{
    if (!pass_bom(s) || !pass_space(s))
        return MORE_INPUT;
    char c = s->in.p[s->at];
    if (c != '[' && c != '{')
        return broken(s, e, ERR_SYNTAX, offset_of(s, s->at), "a JSON array or object should stand here");
    if (c == '[') {
        s->shape = SPLIT_ARRAY;
        s->state = AT_FIRST;
    } else {
        s->frame_offset = offset_of(s, s->at);
        s->state = IN_FRAME;
        nest_open(&s->nest, c);
        buf_addc(&s->frame, c);
    }
    s->at++;
    return GO_ON;
}

/* The outer object is complete: it is the frame of the array, to be checked here, or the only member. */
static int close_frame(struct json_split *s, struct err *e)
{
    struct err why = ERR_NONE;

    s->state = AT_END;
    if (s->shape != SPLIT_KEYED) {
        s->shape = SPLIT_SINGLE;
        s->single_due = true;
        return GO_ON;
    }
    if (json_locate(buf_sv(&s->frame), JSON_NO_STRING, &why) == OK)
        return GO_ON;
    uint64_t offset = s->frame_offset + why.offset + (why.offset >= s->frame_cut ? s->array_bytes : 0);
    return broken(s, e, why.code, offset, why.text);
}

/* At '[' after a colon at depth 1: if it is the array that was asked for, "[]" goes to the frame and the rest
 * to members. */
static int maybe_array(struct json_split *s, struct err *e)
{
    struct sv spelled = {s->frame.p + s->key_start, s->key_end - s->key_start};

    if (s->key_n == 0 || !json_spells(spelled, sv_from(s->key, s->key_n)))
        return OK;
    if (s->shape == SPLIT_KEYED)
        return broken(s, e, ERR_VALUE, offset_of(s, s->at),
                      "the key of the array stands twice in the object");
    s->shape = SPLIT_KEYED;
    s->array_offset = offset_of(s, s->at);
    buf_addp(&s->frame, "[]", 2);
    s->frame_cut = s->frame.n;
    s->at++;
    s->state = AT_FIRST;
    return OK;
}

/* One byte of the outer object outside of strings; what was read from `from` on is not in the frame yet. */
static int frame_byte(struct json_split *s, size_t from, struct err *e)
{
    char c = s->in.p[s->at];

    if (s->nest.depth == 1 && c == '"')
        s->key_start = s->frame.n + (s->at - from) + 1;
    if (s->nest.depth == 1 && !json_space(c))
        s->colon = c == ':';
    s->nest.string = c == '"';
    if (c == '{' || c == '[')
        nest_open(&s->nest, c);
    else if ((c == '}' || c == ']') && !nest_close(&s->nest, c)) {
        /* too long comes first, else the answer would depend on how the input is cut */
        int rc = keep_frame(s, from, e);
        return rc ? rc
                  : broken(s, e, ERR_SYNTAX, offset_of(s, s->at), "this bracket closes one of another kind");
    }
    s->at++;
    return OK;
}

/* Reads on in the outer object, until the array begins or the object ends. */
static int step_frame(struct json_split *s, struct err *e)
{
    size_t from = s->at;
    int rc = OK;

    while (s->at < s->in.n && s->nest.depth > 0) {
        char c = s->in.p[s->at];
        if (s->nest.string) {
            if (nest_string(&s->nest, s->in.p, &s->at, s->in.n) && s->nest.depth == 1)
                s->key_end = s->frame.n + (s->at - from) - 1;
            continue;
        }
        if (c == '[' && s->colon && s->nest.depth == 1) {
            rc = keep_frame(s, from, e);
            rc = rc ? rc : maybe_array(s, e);
            if (rc || s->state == AT_FIRST)
                return rc ? rc : GO_ON;
            from = s->at;
        }
        rc = frame_byte(s, from, e);
        if (rc)
            return rc;
    }
    rc = keep_frame(s, from, e);
    if (rc)
        return rc;
    return s->nest.depth == 0 ? close_frame(s, e) : MORE_INPUT;
}

/* At the ']' of the array. */
static void close_array(struct json_split *s)
{
    s->at++;
    s->nest = (struct nest){0};
    s->state = AT_END;
    if (s->shape == SPLIT_KEYED) {
        s->array_bytes = offset_of(s, s->at) - s->array_offset - 2;
        s->colon = false;
        s->state = IN_FRAME;
        nest_open(&s->nest, '{');
    }
}

/* Between members. */
static int step_between(struct json_split *s, struct err *e)
{
    if (!pass_space(s))
        return MORE_INPUT;
    char c = s->in.p[s->at];
    if (c == ']' && s->state == AT_FIRST) {
        close_array(s);
        return GO_ON;
    }
    if (c == ']' || c == ',')
        return broken(s, e, ERR_SYNTAX, offset_of(s, s->at),
                      "a value should stand here, between the commas of the array");
    s->start = s->at;
    s->start_offset = offset_of(s, s->at);
    s->too_long = false;
    s->nest = (struct nest){0};
    s->state = IN_MEMBER;
    return GO_ON;
}

/* At the ',' or ']' after a member: hands it out, or says that it was too long. The way is then free for the
 * next one. */
static int close_member(struct json_split *s, struct sv *ret, struct err *e)
{
    size_t end = s->at;
    bool comma = s->in.p[end] == ',';

    /* white space before the comma counts, since it had to be kept */
    s->too_long = s->too_long || end - s->start > s->max_member;
    while (!s->too_long && end > s->start && json_space(s->in.p[end - 1]))
        end--;
    if (!s->too_long)
        *ret = sv_from(s->in.p + s->start, end - s->start);
    if (comma) {
        s->at++;
        s->state = AT_NEXT;
    } else {
        close_array(s);
    }
    if (!s->too_long)
        return MEMBER;
    err_set(e, ERR_LIMIT, "one member of the array is longer than %zu bytes", s->max_member);
    err_at(e, NULL, 0, s->start_offset);
    err_hint(e, "raise the limit that the configuration sets for one object, then try this one again");
    return ERR_LIMIT;
}

/* Reads on in a member, up to the comma or bracket after it. */
static int step_member(struct json_split *s, struct sv *ret, struct err *e)
{
    static const bool weighs[256] = {
        ['"'] = true, [','] = true, ['['] = true, [']'] = true, ['{'] = true, ['}'] = true};
    const char *p = s->in.p;
    size_t at = s->at, n = s->in.n;

    while (at < n) {
        if (s->nest.string) {
            nest_string(&s->nest, p, &at, n);
            continue;
        }
        while (at < n && !weighs[(uint8_t)p[at]])
            at++;
        if (at == n)
            break;
        char c = p[at];
        if (s->nest.depth == 0 && (c == ',' || c == ']')) {
            s->at = at;
            return close_member(s, ret, e);
        }
        s->nest.string = c == '"';
        if (c == '{' || c == '[')
            nest_open(&s->nest, c);
        else if ((c == '}' || c == ']') && !nest_close(&s->nest, c))
            return broken(s, e, ERR_SYNTAX, offset_of(s, at), "this bracket closes one of another kind");
        at++;
    }
    s->at = at;
    s->too_long = s->too_long || at - s->start > s->max_member;
    return MORE_INPUT;
}

static int step_end(struct json_split *s, struct sv *ret, struct err *e)
{
    if (s->single_due) {
        s->single_due = false;
        s->start_offset = s->frame_offset;
        *ret = buf_sv(&s->frame);
        return MEMBER;
    }
    if (pass_space(s))
        return broken(s, e, ERR_SYNTAX, offset_of(s, s->at),
                      "text goes on after the end of the JSON document");
    return MORE_INPUT;
}

/* All input is read: is it a whole document? */
static int finish(struct json_split *s, struct err *e)
{
    uint64_t end = offset_of(s, s->in.n);

    switch (s->state) {
    case AT_END:
    case PASSED_OVER:
        return OK;
    case AT_START:
        return broken(s, e, ERR_SYNTAX, end, "the text is empty: a JSON array or object should stand here");
    case IN_MEMBER:
        return broken(s, e, ERR_SYNTAX, s->start_offset,
                      "the text ends inside of the member that starts here");
    case IN_FRAME:
        return broken(s, e, ERR_SYNTAX, end, "the text ends before the object is closed");
    case AT_FIRST:
    case AT_NEXT:
    case BROKEN:
    default:
        return broken(s, e, ERR_SYNTAX, end, "the text ends before the array is closed");
    }
}

static int step(struct json_split *s, struct sv *ret, struct err *e)
{
    switch (s->state) {
    case AT_START:
        return step_start(s, e);
    case IN_FRAME:
        return step_frame(s, e);
    case AT_FIRST:
    case AT_NEXT:
        return step_between(s, e);
    case IN_MEMBER:
        return step_member(s, ret, e);
    case AT_END:
        return step_end(s, ret, e);
    case PASSED_OVER:
        s->at = s->in.n;
        return MORE_INPUT;
    case BROKEN:
    default:
        return repeat_fault(s, e);
    }
}

int json_split_next(struct json_split *s, struct sv *ret_member, uint64_t *ret_offset, struct err *e)
{
    int rc;

    *ret_member = SV_NONE;
    do
        rc = step(s, ret_member, e);
    while (rc == GO_ON);
    if (rc == MEMBER) {
        *ret_offset = s->start_offset;
        return 1;
    }
    return rc == MORE_INPUT && s->last ? finish(s, e) : rc;
}
