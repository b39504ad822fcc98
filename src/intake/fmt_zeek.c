/* Zeek logs: tab-separated with their header, or JSON lines. */
#include "intake/zeek.h"

#include <math.h>

#define LAST_SECOND 253402300799.0 /* 9999-12-31T23:59:59Z */

/* Decimal seconds, to the nearest microsecond: what a double of the same number gives. */
static bool read_unix(struct sv text, usec *ret)
{
    uint64_t seconds, fraction = 0;
    size_t dot = sv_chr(text, '.');
    struct sv digits = dot == SIZE_MAX ? SV("") : sv_sub(text, dot + 1, SIZE_MAX);

    if (!sv_u64(sv_sub(text, 0, dot), &seconds) || (double)seconds > LAST_SECOND ||
        (dot != SIZE_MAX && !digits.n))
        return false;
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return false;
    for (size_t i = 0; i < 6; i++)
        fraction = fraction * 10 + (i < digits.n ? (uint64_t)(digits.p[i] - '0') : 0);
    if (digits.n > 6 && digits.p[6] >= '5')
        fraction++;
    *ret = (usec)seconds * USEC_SECOND + (usec)fraction;
    return true;
}

static int read_time(struct event_state *s, const struct event_slot *slot, usec *ret, struct err *e)
{
    double seconds;

    if (slot->text.p)
        return read_unix(slot->text, ret) ? OK : event_time(s, slot->text, ret, e);
    if (!json_f64(slot->v, &seconds) || !(fabs(seconds) <= LAST_SECOND))
        return err_set(e, ERR_VALUE, "\"ts\" is not a time");
    *ret = (usec)llround(seconds * 1e6);
    return OK;
}

/* Scripts that make JSON of a log may leave its marks for "nothing" in; nothing that can be observed reads
 * so. */
static bool is_set(struct sv text)
{
    return text.n && !sv_eq(text, SV("-")) && !sv_eq(text, SV("(empty)"));
}

/* A field without a rule: its text is a value when it is an address. */
static void take_unknown(struct event_state *s, struct observation *o, struct sv name, struct sv text)
{
    if (name.n && text.n >= 2 && text.n <= 64 &&
        (sv_chr(text, '.') != SIZE_MAX || sv_chr(text, ':') != SIZE_MAX))
        event_take(s, o, TAKE_IP, name, text);
}

static struct sv sensor(const struct event_state *s)
{
    for (unsigned i = ZEEK_SYSTEM; i <= ZEEK_PEER; i++)
        if (s->slot[i].text.n)
            return s->slot[i].text;
    return SV("");
}

/* What rows of both kinds have in common. `timeless`: the log is one of those that hold no times. */
static int finish(struct event_state *s, struct observation *o, struct sv path, enum zeek_path guess,
                  bool timeless, struct err *e)
{
    const struct event_slot *ts = &s->slot[ZEEK_TS];
    struct sv guessed = sv_c(zeek_path_name(guess));

    o->type = path.n ? path : guessed;
    o->class = event_class(zeek_classes, o->type);
    if (sv_eq(o->class, SV("other")))
        o->class = event_class(zeek_classes, guessed);
    o->sensor = sensor(s);
    if (sv_eq(o->class, SV("http")) && s->slot[ZEEK_URI].text.n)
        event_take_request(s, o, SV("uri"), s->slot[ZEEK_HOST].text, event_port(&s->slot[ZEEK_RESP_P]),
                           s->slot[ZEEK_URI].text);
    if (!ts->text.n && !ts->v.doc) {
        if (timeless && o->n == 0)
            return 1;
        return err_set(e, ERR_VALUE, "the row has no time (\"ts\")");
    }
    int rc = read_time(s, ts, &o->time, e);
    return rc ? rc : 1;
}

/* ---- tab-separated ---- */

static void read_cell(struct event_state *s, struct observation *o, const struct zeek_column *c,
                      struct sv cell)
{
    struct sv text = zeek_unescape(&s->a, cell);

    if (!is_set(text))
        return;
    if (!c->rule) {
        take_unknown(s, o, c->name, text);
        return;
    }
    if (c->rule->slot && !s->slot[c->rule->slot].text.p)
        s->slot[c->rule->slot].text = text;
    if (c->rule->take != TAKE_NONE)
        event_take(s, o, c->rule->take, event_field(&s->index, c->rule), text);
}

static int read_row(struct event_state *s, struct sv row, struct observation *o, struct err *e)
{
    const struct zeek_log *z = s->zeek;
    bool timeless = true;
    struct sv cell, part;

    if (z->ncolumns == 0) {
        err_set(e, ERR_SYNTAX, "a row stands before the #fields line that names its columns");
        return err_hint(e, "give the file with its header");
    }
    size_t width = zeek_width(z, row);
    if (width != z->ncolumns)
        return err_set(e, ERR_SYNTAX, "the row has %zu columns, its header names %zu", width, z->ncolumns);
    for (size_t i = 0; i < z->ncolumns; i++) {
        const struct zeek_column *c = &z->column[i];

        zeek_cell(z, &row, &cell);
        timeless = timeless && !(c->rule && c->rule->slot == ZEEK_TS);
        if (!zeek_is_set(z, cell))
            continue;
        if (!c->many) {
            read_cell(s, o, c, cell);
            continue;
        }
        while (sv_cut(&cell, z->set_separator, &part))
            if (zeek_is_set(z, part))
                read_cell(s, o, c, part);
    }
    return finish(s, o, z->path, z->guess, timeless, e);
}

/* ---- JSON ---- */

static void read_members(struct event_state *s, struct observation *o, struct sv prefix, struct jv object,
                         enum zeek_path *guess);

static void read_unknown(struct event_state *s, struct observation *o, struct sv name, struct jv v,
                         enum zeek_path *guess, bool nested)
{
    struct jv element;

    switch (json_type(v)) {
    case JSON_STRING:
        take_unknown(s, o, name, json_str(v));
        break;
    case JSON_ARRAY:
        for (struct json_it it = json_each(v); json_next(&it, NULL, &element);)
            if (json_type(element) == JSON_STRING)
                take_unknown(s, o, name, json_str(element));
        break;
    case JSON_OBJECT:
        /* {"id": {"orig_h": ...}}: shippers make objects of the dots */
        if (!nested)
            read_members(s, o, name, v, guess);
        break;
    default:
        break;
    }
}

static void read_members(struct event_state *s, struct observation *o, struct sv prefix, struct jv object,
                         enum zeek_path *guess)
{
    struct sv key;
    struct jv v;

    for (struct json_it it = json_each(object); json_next(&it, &key, &v);) {
        if (json_type(v) == JSON_STRING && !is_set(json_str(v)))
            continue;
        if (prefix.n)
            key = arena_printf(&s->a, "%.*s.%.*s", SV_ARG(prefix), SV_ARG(key));
        const struct event_rule *r = event_rule_find(&s->index, 0, key);
        if (!r) {
            read_unknown(s, o, key, v, guess, prefix.n > 0);
            continue;
        }
        event_apply(s, o, r, v);
        if (r->arg && r->arg < *guess)
            *guess = r->arg;
    }
}

static bool is_script(struct sv name)
{
    return sv_ends(name, SV(".zeek")) || sv_ends(name, SV(".bro"));
}

static int read_json(struct event_state *s, struct sv text, struct observation *o, struct err *e)
{
    enum zeek_path guess = PATH_UNKNOWN;
    struct jv row;
    int rc = event_json(s, text, &row, e);

    if (rc)
        return rc;
    read_members(s, o, SV(""), row, &guess);
    return finish(s, o, s->slot[ZEEK_PATH].text, guess, is_script(s->slot[ZEEK_NAME].text), e);
}

/* ---- the format ---- */

static int read_line(struct event_state *s, struct sv text, struct observation *o, struct err *e)
{
    if (text.n && text.p[0] == '#') {
        s->reject_type = SV("header");
        s->context = SV("");
        return zeek_header(s->zeek, &s->index, text, e);
    }
    if (text.n && text.p[0] == '{') {
        s->reject_type = SV("zeek");
        s->context = SV("");
        return read_json(s, text, o, e);
    }
    s->reject_type = s->zeek->path.n ? s->zeek->path : SV("zeek");
    s->context = buf_sv(&s->zeek->header);
    return read_row(s, text, o, e);
}

static int start(struct event_state *s, struct err *e)
{
    s->zeek = zeek_log_new(e);
    return s->zeek ? OK : ERR_MEMORY;
}

static void stop(struct event_state *s)
{
    zeek_log_free(s->zeek);
}

const struct event_format zeek_events = {"zeek", zeek_rules, read_line, start, stop};

static int detect(struct sv head, struct sv name)
{
    static const char *const keys[] = {"uid",   "id.orig_h", "id",   "uids",    "fuid",
                                       "_path", "peer",      "node", "ts_delta"};

    if (sv_starts(head, SV("#separator ")) || sv_starts(head, SV("#separator\t")))
        return 100;
    if (sv_starts(head, SV("#fields\tts\t")))
        return 80;
    if (event_head_has(head, SV("event_type")))
        return 0;
    if (event_head_has(head, SV("ts"))) {
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (event_head_has(head, sv_c(keys[i])))
                return 90;
        return 0;
    }
    struct sv rest = head, line;
    return sv_line(&rest, &line) && sv_starts(line, SV("{\"name\":\"")) && sv_ends(line, SV(".zeek\"}")) ? 70
                                                                                                         : 0;
}

static int read_file(struct intake_job *job, struct err *e)
{
    return event_read_file(job, &zeek_events, e);
}

const struct intake_format fmt_zeek = {"zeek", "Zeek logs, tab-separated or JSON lines", true, detect,
                                       read_file};
