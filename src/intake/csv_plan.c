/* How a table is laid out: separator, header rows, what its columns hold. Decided from the beginning of the
 * file alone. */
#include "intake/csv.h"

#define SAMPLE_ROWS 40u

struct sample {
    struct csv_row row[SAMPLE_ROWS];
    size_t n;
    struct csv_row comment; /* names in a comment before the first row */
    bool commented;
};

static void read_comment(struct sv raw, char separator, struct arena *a, struct sample *s)
{
    while (raw.n && (raw.p[0] == '#' || raw.p[0] == ' '))
        raw = sv_sub(raw, 1, raw.n);
    s->commented =
        raw.n && csv_row_read(raw, true, separator, a, &s->comment) > 0 && s->comment.n <= CSV_COLUMNS;
}

static void take_sample(struct sv head, char separator, struct arena *a, struct sample *s)
{
    bool last = head.n < INTAKE_HEAD_BYTES;
    s->n = 0;
    s->commented = false;
    while (s->n < SAMPLE_ROWS) {
        struct csv_row *r = &s->row[s->n];
        if (csv_row_read(head, last, separator, a, r) <= 0)
            return;
        head = sv_sub(head, r->bytes, head.n);
        if (r->raw.n && r->raw.p[0] == '#') {
            if (s->n == 0)
                read_comment(r->raw, separator, a, s);
        } else if (!csv_row_empty(r)) {
            s->n++;
        }
    }
}

/* ---- what single fields are ------------------------------------------------------------------ */

static bool is_value(struct arena *a, struct sv text)
{
    struct obs o;
    struct err ignored = ERR_NONE;
    return obs_guess(a, text, &o, &ignored) == OK;
}

static bool is_address(struct arena *a, struct sv text)
{
    struct obs o;
    struct err ignored = ERR_NONE;
    return obs_guess(a, text, &o, &ignored) == OK && (o.kind == KIND_IPV4 || o.kind == KIND_IPV6);
}

static bool is_time(struct sv text)
{
    /* Whether it is one does not hang on the zone: it is only asked what the column holds. */
    const struct time_opts o = {.fallback = NULL};
    struct err why = ERR_NONE;
    usec at;
    int rc = time_parse(text, &o, &at, &why);
    return rc == OK || rc == ERR_ZONE;
}

static bool is_number(struct sv text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] >= '0' && text.p[i] <= '9')
            digits++;
        else if (!strchr(".,-+% ", text.p[i]))
            return false;
    }
    return digits > 0;
}

/* ---- with a header --------------------------------------------------------------------------- */

static bool has_value(const struct csv_plan *p)
{
    for (size_t i = 0; i < p->width; i++)
        if (p->column[i].role == ROLE_VALUE)
            return true;
    return false;
}

static void name_columns(const struct csv_row *header, const struct csv_mapping *m, struct arena *a,
                         struct csv_plan *p)
{
    p->width = header->n;
    for (size_t i = 0; i < p->width; i++) {
        if (json_type(m->columns) != JSON_NONE)
            csv_column_by_mapping(m, i, header->field[i], a, &p->column[i]);
        else
            csv_column_by_name(header->field[i], a, &p->column[i]);
    }
}

/* Rows of the header's width, out of those after it. */
static bool fits(const struct sample *s, size_t from, size_t width)
{
    size_t good = 0, all = 0;
    for (size_t i = from; i < s->n; i++, all++)
        good += s->row[i].n == width;
    return all == 0 || good * 2 >= all;
}

/* A second row of names, in another language: right under the first, nothing in it reads as value, time or
 * number, while the row under it has a value. */
static bool second_header(const struct sample *s, const struct csv_plan *p, struct arena *a)
{
    const struct csv_row *r = &s->row[1], *next = &s->row[2];
    bool value = false;
    if (s->n < 3 || r->n != p->width || next->n != p->width || p->width < 2)
        return false;
    for (size_t i = 0; i < p->width; i++) {
        struct sv f = r->field[i];
        if (f.n == 0 || is_value(a, f) || is_time(f) || is_number(f))
            return false;
        value |= p->column[i].role == ROLE_VALUE && is_value(a, next->field[i]);
    }
    return value;
}

static bool plan_named(const struct sample *s, const struct csv_mapping *m, struct arena *a,
                       struct csv_plan *p)
{
    if (s->commented) {
        name_columns(&s->comment, m, a, p);
        if (has_value(p) && fits(s, 0, p->width)) {
            p->comment_header = true;
            p->header = 0;
            p->certain = 70;
            return true;
        }
    }
    if (s->n == 0 || s->row[0].n > CSV_COLUMNS || s->row[0].open_quote)
        return false;
    name_columns(&s->row[0], m, a, p);
    if (!has_value(p) || !fits(s, 1, p->width))
        return false;
    p->header = second_header(s, p, a) ? 2 : 1;
    /* One column is a list with a title. */
    p->certain = p->width == 1 ? 55 : 70;
    return true;
}

/* Columns by number, and how many header rows the mapping says. */
static bool plan_mapped(const struct sample *s, const struct csv_mapping *m, struct arena *a,
                        struct csv_plan *p)
{
    static const struct csv_row unnamed;
    if (m->header != 0 && plan_named(s, m, a, p)) {
        if (m->header > 0)
            p->header = (unsigned)m->header;
        p->certain = 90;
        return true;
    }
    size_t at = m->header > 0 ? (size_t)m->header : 0;
    if (s->n <= at || s->row[at].n > CSV_COLUMNS)
        return false;
    p->width = s->row[at].n;
    for (size_t i = 0; i < p->width; i++)
        csv_column_by_mapping(m, i, unnamed.field[0], a, &p->column[i]);
    p->header = (unsigned)at;
    p->certain = 90;
    return has_value(p);
}

/* ---- without one ----------------------------------------------------------------------------- */

struct seen {
    size_t filled, values, addresses, times, types, tags;
};

static void look_at(const struct sample *s, size_t column, struct arena *a, struct seen *ret)
{
    *ret = (struct seen){0};
    for (size_t i = 0; i < s->n; i++) {
        struct csv_want want;
        struct sv f = s->row[i].n > column ? s->row[i].field[column] : SV("");
        if (f.n == 0)
            continue;
        ret->filled++;
        ret->values += is_value(a, f);
        ret->addresses += is_address(a, f);
        ret->times += is_time(f);
        ret->types += csv_type(f, &want);
        ret->tags += f.p[0] == '#';
    }
}

static bool most(size_t part, size_t all)
{
    return all && part * 10 >= all * 9;
}

static enum csv_role role_seen(const struct seen *v)
{
    if (most(v->types, v->filled))
        return ROLE_TYPE;
    if (most(v->times, v->filled))
        return ROLE_FIRST;
    if (most(v->tags, v->filled))
        return ROLE_LABELS;
    return most(v->values, v->filled) ? ROLE_VALUE : ROLE_META;
}

/* A word that stands in every row is part of the syntax, whatever it looks like. */
static bool varies(const struct sample *s, size_t column)
{
    size_t same = 0;
    for (size_t i = 1; i < s->n; i++)
        same += s->row[i].n > column && sv_eq(s->row[i].field[column], s->row[0].field[column]);
    return s->n < 4 || same * 2 < s->n;
}

/*
 * The value stands right behind its type; a URL behind it is where it was said. Without a type column there
 * must be one column of values only: two of addresses are a range, and which of others is meant nobody can
 * know.
 */
static bool settle_values(struct csv_plan *p, const struct seen *seen)
{
    size_t type = SIZE_MAX, values = 0, addresses = 0;
    for (size_t i = 0; i < p->width; i++) {
        if (p->column[i].role == ROLE_TYPE && type == SIZE_MAX)
            type = i;
        values += p->column[i].role == ROLE_VALUE;
        addresses += most(seen[i].addresses, seen[i].filled);
    }
    if (type == SIZE_MAX)
        return values == 1 && addresses <= 1 && p->width > 1;
    if (type + 1 >= p->width || p->column[type + 1].role != ROLE_VALUE)
        return false;
    for (size_t i = 0; i < p->width; i++)
        if (p->column[i].role == ROLE_VALUE && i != type + 1)
            p->column[i].role = i > type ? ROLE_REFERENCE : ROLE_META;
    return true;
}

static bool plan_unnamed(const struct sample *s, struct arena *a, struct csv_plan *p)
{
    struct seen seen[CSV_COLUMNS];
    if (s->n == 0 || s->row[0].n < 2 || s->row[0].n > CSV_COLUMNS || !fits(s, 0, s->row[0].n))
        return false;
    p->width = s->row[0].n;
    p->header = 0;
    bool time = false;
    for (size_t i = 0; i < p->width; i++) {
        look_at(s, i, a, &seen[i]);
        csv_column_by_name(SV(""), a, &p->column[i]);
        p->column[i].role = role_seen(&seen[i]);
        if (p->column[i].role == ROLE_VALUE && !varies(s, i))
            p->column[i].role = ROLE_META;
        p->column[i].name = arena_printf(a, "%zu", i + 1);
        /* Of several times the first is when; the others keep their text. */
        if (p->column[i].role == ROLE_FIRST && time)
            p->column[i].role = ROLE_META;
        time |= p->column[i].role == ROLE_FIRST;
        if (seen[i].filled == 0)
            p->column[i].role = ROLE_META;
    }
    p->certain = 45;
    return settle_values(p, seen);
}

/*
 * TweetFeed's own layout: time, user, type, value, tags, tweet. Known so that a day with one line, or none
 * with tags, is read alike.
 */
static bool plan_tweetfeed(const struct sample *s, struct arena *a, struct csv_plan *p)
{
    static const struct {
        enum csv_role role;
        const char *name;
    } layout[] = {{ROLE_FIRST, "time"},  {ROLE_META, "user"},   {ROLE_TYPE, "type"},
                  {ROLE_VALUE, "value"}, {ROLE_LABELS, "tags"}, {ROLE_REFERENCE, "reference"}};
    size_t good = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct csv_row *r = &s->row[i];
        struct csv_want want;
        good += r->n == 6 && is_time(r->field[0]) && csv_type(r->field[2], &want) &&
                (r->field[4].n == 0 || r->field[4].p[0] == '#') && sv_starts(r->field[5], SV("http"));
    }
    if (s->n == 0 || good * 2 < s->n || good == 0)
        return false;
    p->width = 6;
    p->header = 0;
    p->certain = 80;
    for (size_t i = 0; i < p->width; i++)
        p->column[i] = (struct csv_column){.role = layout[i].role, .name = sv_c(layout[i].name)};
    return true;
}

/* ---- the best of all separators -------------------------------------------------------------- */

static bool plan_with(struct sample *s, struct sv head, char separator, const struct csv_mapping *m,
                      struct arena *a, struct csv_plan *p)
{
    take_sample(head, separator, a, s);
    *p = (struct csv_plan){.separator = separator};
    if (json_type(m->columns) != JSON_NONE)
        return plan_mapped(s, m, a, p);
    if (plan_tweetfeed(s, a, p))
        return true;
    if (m->header != 0 && plan_named(s, m, a, p)) {
        if (m->header > 0)
            p->header = (unsigned)m->header;
        return true;
    }
    return m->header <= 0 && plan_unnamed(s, a, p);
}

bool csv_plan_make(struct sv head, const struct csv_mapping *m, struct arena *a, struct csv_plan *ret)
{
    static const char separators[] = {',', ';', '\t', '|'};
    struct sample *s = arena_alloc(a, sizeof(*s));
    bool found = false;
    if (!s || (head.n && memchr(head.p, 0, head.n)))
        return false;
    if (sv_starts(head, SV("\xef\xbb\xbf")))
        head = sv_sub(head, 3, head.n);
    if (m->separator)
        return plan_with(s, head, m->separator, m, a, ret);
    for (size_t i = 0; i < sizeof(separators); i++) {
        struct csv_plan p;
        if (!plan_with(s, head, separators[i], m, a, &p))
            continue;
        if (!found || p.certain > ret->certain || (p.certain == ret->certain && p.width > ret->width))
            *ret = p;
        found = true;
    }
    return found;
}

bool csv_is_table(struct sv head, struct sv mapping)
{
    struct csv_mapping m;
    struct csv_plan plan;
    struct err ignored = ERR_NONE;
    struct arena a;
    arena_init(&a, (size_t)16 << 20);
    bool is = csv_mapping_read(mapping, &m, &ignored) == OK && json_type(m.columns) != JSON_NONE &&
              csv_plan_make(head, &m, &a, &plan);
    csv_mapping_clear(&m);
    arena_clear(&a);
    return is;
}
