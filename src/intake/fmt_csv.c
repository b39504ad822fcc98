/* Tables of text: one record a row. How a file is laid out is csv_plan.c's answer; here its rows become
 * claims. */
#include "intake/csv.h"

#include <stdlib.h>

#define READ_BYTES ((size_t)256 << 10)
#define DETECT_ARENA ((size_t)16 << 20)

struct table {
    struct intake_job *job;
    struct csv_mapping mapping;
    struct csv_plan plan;
    const struct zone *utc;
    struct arena names; /* lives as long as the file */
    struct buf context; /* header rows, for a retry */
    unsigned headers_left;
    uint64_t line, offset;
    struct buf meta;
    struct csv_row row;
    struct obs value[CSV_COLUMNS]; /* of the row at hand */
    size_t nvalues;
    struct sv type; /* what by_type says of it */
};

/* ---- fields ---------------------------------------------------------------------------------- */

static int field_error(struct err *why, const struct csv_column *c)
{
    struct err was = *why;
    int rc = err_set(why, was.code, "column \"%.*s\": %s", SV_ARG(sv_sub(c->name, 0, 60)), was.text);
    err_hint(why, "%s", was.remedy);
    return rc;
}

static int read_time(struct table *t, const struct csv_column *c, struct sv text, usec *ret, struct err *why)
{
    const struct time_opts o = {.fallback = c->utc ? t->utc : t->job->opts->zone, .allow_unix = c->unix_time};
    if (csv_nothing(text) || *ret != USEC_NONE)
        return OK;
    int rc = time_parse(text, &o, ret, why);
    return rc < 0 ? field_error(why, c) : OK;
}

/* 0..100, with or without '%', or the words of the STIX 2.1 appendix A "None, Low, Med, High" scale. */
static int read_confidence(const struct csv_column *c, struct sv text, int *ret, struct err *why)
{
    static const struct {
        const char *word;
        int value;
    } words[] = {{"low", 15}, {"med", 50}, {"medium", 50}, {"high", 85}};
    uint64_t v;
    if (csv_nothing(text))
        return OK;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (sv_ieq(text, sv_c(words[i].word))) {
            *ret = words[i].value;
            return OK;
        }
    }
    if (sv_ends(text, SV("%")))
        text = sv_trim(sv_sub(text, 0, text.n - 1));
    if (!sv_u64(text, &v) || v > 100) {
        err_set(why, ERR_VALUE, "\"%.*s\" is no confidence of 0 to 100", SV_ARG(sv_sub(text, 0, 40)));
        return field_error(why, c);
    }
    *ret = (int)v;
    return OK;
}

static void read_tlp(struct sv text, struct claim_rec *c)
{
    if (csv_nothing(text))
        return;
    c->marked = true;
    if (!tlp_parse(text, &c->tlp))
        c->tlp = TLP_UNKNOWN;
}

static int read_field(struct table *t, size_t i, struct claim_rec *c, struct labels *labels, struct err *why)
{
    const struct csv_column *column = &t->plan.column[i];
    struct sv text = t->row.field[i];
    switch (column->role) {
    case ROLE_FIRST:
        return read_time(t, column, text, &c->first, why);
    case ROLE_LAST:
        return read_time(t, column, text, &c->last, why);
    case ROLE_CREATED:
        return read_time(t, column, text, &c->created, why);
    case ROLE_MODIFIED:
        return read_time(t, column, text, &c->modified, why);
    case ROLE_VALID_FROM:
        return read_time(t, column, text, &c->valid_from, why);
    case ROLE_VALID_UNTIL:
        return read_time(t, column, text, &c->valid_until, why);
    case ROLE_CONFIDENCE:
        return read_confidence(column, text, &c->confidence, why);
    case ROLE_LABELS:
        if (!csv_nothing(text))
            labels_add_words(labels, text);
        return OK;
    case ROLE_NOTE:
        if (c->note.n == 0)
            c->note = text;
        return OK;
    case ROLE_ID:
        if (c->ref.n == 0)
            c->ref = text;
        return OK;
    case ROLE_TLP:
        read_tlp(text, c);
        return OK;
    default:
        return OK;
    }
}

/* A role that holds one text has the first column's; a further column of it is kept like any other. */
static bool to_meta(const struct table *t, size_t i, const struct claim_rec *c)
{
    enum csv_role role = t->plan.column[i].role;
    struct sv text = t->row.field[i];
    if (text.n == 0)
        return false;
    return role == ROLE_META || role == ROLE_REFERENCE || (role == ROLE_NOTE && text.p != c->note.p) ||
           (role == ROLE_ID && text.p != c->ref.p);
}

static struct sv write_meta(struct table *t, const struct claim_rec *c)
{
    struct jw w;
    bool reference = false, any = false;
    buf_reset(&t->meta);
    jw_init(&w, &t->meta);
    jw_obj(&w);
    for (size_t i = 0; i < t->plan.width; i++) {
        if (!to_meta(t, i, c))
            continue;
        bool first = t->plan.column[i].role == ROLE_REFERENCE && !reference;
        jw_key_sv(&w, first ? SV("reference") : t->plan.column[i].name);
        jw_str(&w, t->row.field[i]);
        reference |= first;
        any = true;
    }
    jw_end_obj(&w);
    return any && !t->meta.failed ? buf_sv(&t->meta) : SV("");
}

/* All of a row but its values. */
static int read_rest(struct table *t, struct claim_rec *c, struct err *why)
{
    struct labels labels;
    claim_init(c);
    labels_init(&labels, t->job->a);
    labels_add_words(&labels, t->mapping.labels);
    for (size_t i = 0; i < t->plan.width; i++) {
        int rc = read_field(t, i, c, &labels, why);
        if (rc < 0)
            return rc;
    }
    if (c->first != USEC_NONE && c->last != USEC_NONE && c->last < c->first)
        return err_set(why, ERR_VALUE, "it was last seen before it was first seen");
    if (c->confidence < 0)
        c->confidence = t->mapping.confidence;
    c->flags = t->mapping.context ? CLAIM_CONTEXT : 0;
    c->labels = labels_done(&labels);
    c->meta = write_meta(t, c);
    return OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int read_values(struct table *t, struct err *why)
{
    struct csv_want typed = {0};
    bool has_type = false;
    t->nvalues = 0;
    for (size_t i = 0; i < t->plan.width && !has_type; i++) {
        if (t->plan.column[i].role != ROLE_TYPE || t->row.field[i].n == 0)
            continue;
        t->type = t->row.field[i];
        has_type = csv_type(t->type, &typed);
        break;
    }
    for (size_t i = 0; i < t->plan.width; i++) {
        const struct csv_column *c = &t->plan.column[i];
        struct sv text = t->row.field[i];
        if (c->role != ROLE_VALUE || csv_nothing(text))
            continue;
        /* The row's own type speaks for a column that may hold anything. */
        bool open = c->want.kind == KIND_NONE && !c->want.address;
        int rc = csv_value(t->job->a, open && has_type ? typed : c->want, text, &t->value[t->nvalues], why);
        if (rc < 0)
            return field_error(why, c);
        t->nvalues++;
    }
    if (t->nvalues == 0)
        return err_set(why, ERR_VALUE, "the row holds no value");
    if (t->type.n == 0)
        t->type = sv_c(kind_name(t->value[0].kind));
    return OK;
}

static int read_row(struct table *t, struct claim_rec *c, struct err *why)
{
    t->type = SV("");
    if (t->row.open_quote) {
        err_set(why, ERR_SYNTAX, "a quote is opened and not closed");
        return err_hint(why, "double a quote that belongs to the text, or close it");
    }
    if (t->row.n != t->plan.width) {
        err_set(why, ERR_SYNTAX, "the row has %zu columns, the table %zu", t->row.n, t->plan.width);
        return err_hint(why, "quote fields that hold the separator '%c'", t->plan.separator);
    }
    if (!sv_utf8(t->row.raw)) {
        err_set(why, ERR_SYNTAX, "the row is not UTF-8");
        return err_hint(
            why,
            "convert the file with `iconv -t UTF-8`; old files of Taiwan are often BIG-5, of Japan CP932");
    }
    int rc = read_values(t, why);
    return rc < 0 ? rc : read_rest(t, c, why);
}

static int give_row(struct table *t, struct err *e)
{
    const struct intake_sink *sink = t->job->sink;
    struct claim_rec c;
    struct err why = ERR_NONE;
    int rc = read_row(t, &c, &why);
    if (rc < 0 && error_ends_file(rc)) {
        *e = why;
        return rc;
    }
    if (rc < 0) {
        struct sv type = t->type.n ? t->type : SV("row");
        return emit_rejected_record(t->job, type, t->line, t->offset, &why, t->row.raw, buf_sv(&t->context),
                                    e);
    }
    rc = sink->record(sink->ctx, t->type, e);
    for (size_t i = 0; rc >= 0 && i < t->nvalues; i++) {
        c.value = t->value[i];
        rc = sink->claim(sink->ctx, &c, e);
    }
    return rc < 0 ? rc : OK;
}

static void keep_context(struct table *t)
{
    buf_add(&t->context, t->row.raw);
    buf_addc(&t->context, '\n');
}

static int take_row(struct table *t, struct err *e)
{
    if (t->row.raw.n && t->row.raw.p[0] == '#') {
        /* The names of the columns may be the last comment. */
        if (t->plan.comment_header) {
            buf_reset(&t->context);
            keep_context(t);
        }
        return OK;
    }
    if (csv_row_empty(&t->row))
        return OK;
    if (t->headers_left) {
        t->headers_left--;
        keep_context(t);
        return OK;
    }
    int rc = give_row(t, e);
    arena_reset(t->job->a);
    return rc;
}

/* ---- the file -------------------------------------------------------------------------------- */

struct input {
    struct buf b;
    size_t at;
    bool end;
    bool failed;
    struct err failure;
};

static int fill(struct input *in, struct stream *s, struct err *e)
{
    if (in->at)
        memmove(in->b.p, in->b.p + in->at, in->b.n - in->at);
    in->b.n -= in->at;
    in->at = 0;
    char *p = buf_reserve(&in->b, READ_BYTES);
    if (!p)
        return err_set(e, ERR_LIMIT, "a row is longer than %u MiB", INTAKE_LINE_BYTES >> 20);
    ptrdiff_t n = stream_read(s, p, READ_BYTES, &in->failure);
    /* Rows before the damage are given first. */
    in->end = n <= 0;
    in->failed = n < 0;
    in->b.n += n > 0 ? (size_t)n : 0;
    return OK;
}

/* A line too long to be held is passed over in pieces and told once. */
static int pass_over(struct table *t, struct input *in, struct err *e)
{
    struct err why = ERR_NONE;
    struct sv head = sv_sub(sv_from(in->b.p + in->at, in->b.n - in->at), 0, 4096);
    err_set(&why, ERR_LIMIT, "the row is longer than %u MiB", INTAKE_LINE_BYTES >> 20);
    int rc = emit_rejected_record(t->job, SV("row"), t->line, t->offset, &why, head, buf_sv(&t->context), e);
    while (rc >= 0) {
        struct sv rest = sv_from(in->b.p + in->at, in->b.n - in->at);
        size_t newline = sv_chr(rest, '\n');
        size_t n = newline == SIZE_MAX ? rest.n : newline + 1;
        in->at += n;
        t->offset += n;
        if (newline != SIZE_MAX) {
            t->line++;
            return OK;
        }
        if (in->end)
            return OK;
        rc = fill(in, t->job->in, e);
    }
    return rc;
}

static int next_row(struct table *t, struct input *in, struct err *e)
{
    for (;;) {
        struct sv text = sv_from(in->b.p + in->at, in->b.n - in->at);
        if (t->offset == 0 && sv_starts(text, SV("\xef\xbb\xbf"))) {
            in->at += 3;
            t->offset += 3;
            continue;
        }
        if (csv_row_read(text, in->end, t->plan.separator, t->job->a, &t->row) > 0)
            return 1;
        if (in->end)
            return 0;
        arena_reset(t->job->a);
        int rc = text.n > INTAKE_LINE_BYTES ? pass_over(t, in, e) : fill(in, t->job->in, e);
        if (rc < 0)
            return rc;
    }
}

static int read_rows(struct table *t, struct err *e)
{
    struct input in = {.failure = ERR_NONE};
    buf_init(&in.b, INTAKE_LINE_BYTES + 2 * READ_BYTES);
    int rc = fill(&in, t->job->in, e);
    while (rc >= 0 && (rc = next_row(t, &in, e)) > 0) {
        rc = take_row(t, e);
        in.at += t->row.bytes;
        t->offset += t->row.bytes;
        t->line += t->row.lines;
    }
    if (rc == 0 && in.failed) {
        *e = in.failure;
        rc = in.failure.code;
    }
    buf_clear(&in.b);
    return rc;
}

static int plan_table(struct table *t, struct err *e)
{
    struct sv head = SV_NONE;
    int rc = csv_mapping_read(t->job->opts->mapping, &t->mapping, e);
    if (rc == OK)
        rc = stream_peek(t->job->in, INTAKE_HEAD_BYTES, &head, e);
    if (rc == OK && !(t->utc = zone_find(SV("+00:00"), e)))
        rc = e->code;
    if (rc < 0)
        return rc;
    if (!csv_plan_make(head, &t->mapping, &t->names, &t->plan)) {
        err_set(e, ERR_UNSUPPORTED, "no column of the table is known to hold values");
        return err_hint(e, "give the source a mapping that says what its columns are: see docs/formats.md");
    }
    t->headers_left = t->plan.header;
    return OK;
}

static int csv_read(struct intake_job *job, struct err *e)
{
    struct table *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(e, ERR_MEMORY, "no memory to read a table");
    t->job = job;
    t->line = 1;
    arena_init(&t->names, DETECT_ARENA);
    buf_init(&t->context, REJECT_BYTES);
    buf_init(&t->meta, INTAKE_LINE_BYTES * 2);
    int rc = plan_table(t, e);
    if (rc == OK)
        rc = read_rows(t, e);
    csv_mapping_clear(&t->mapping);
    buf_clear(&t->meta);
    buf_clear(&t->context);
    arena_clear(&t->names);
    free(t);
    return rc;
}

static int csv_detect(struct sv head, struct sv name)
{
    struct arena a;
    struct csv_plan plan;
    const struct csv_mapping none = {.header = -1, .confidence = -1};
    if (head.n && (head.p[0] == '{' || head.p[0] == '[' || head.p[0] == '<'))
        return 0;
    arena_init(&a, DETECT_ARENA);
    int certain = csv_plan_make(head, &none, &a, &plan) ? plan.certain : 0;
    arena_clear(&a);
    return certain;
}

const struct intake_format fmt_csv = {
    .name = "csv",
    .text = "tables of text: columns by name, by the source's mapping, or TweetFeed's",
    .detect = csv_detect,
    .read = csv_read,
};
