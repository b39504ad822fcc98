/* Tables of text: one record a row. How a file is laid out is csv_plan.c's answer; here its rows become
 * claims. */
#include "intake/csv.h"

#include <stdlib.h>

#define READ_BYTES ((size_t)256 << 10)
#define DETECT_ARENA ((size_t)16 << 20)

struct table {
    struct csv_fill f;
    struct arena names; /* lives as long as the file */
    struct buf context; /* header rows, for a retry */
    unsigned headers_left;
    uint64_t line, offset;
};

/* ---- rows ------------------------------------------------------------------------------------ */

static int read_row(struct table *t, struct claim_rec *c, struct err *why)
{
    t->f.type = SV("");
    if (t->f.row.open_quote) {
        err_set(why, ERR_SYNTAX, "a quote is opened and not closed");
        return err_hint(why, "double a quote that belongs to the text, or close it");
    }
    if (t->f.row.n != t->f.plan.width) {
        err_set(why, ERR_SYNTAX, "the row has %zu columns, the table %zu", t->f.row.n, t->f.plan.width);
        return err_hint(why, "quote fields that hold the separator '%c'", t->f.plan.separator);
    }
    if (!sv_utf8(t->f.row.raw)) {
        err_set(why, ERR_SYNTAX, "the row is not UTF-8");
        return err_hint(
            why,
            "convert the file with `iconv -t UTF-8`; old files of Taiwan are often BIG-5, of Japan CP932");
    }
    return csv_fill_read(&t->f, c, why);
}

static int give_row(struct table *t, struct err *e)
{
    struct claim_rec c;
    struct err why = ERR_NONE;
    int rc = read_row(t, &c, &why);
    if (rc < 0 && error_ends_file(rc)) {
        *e = why;
        return rc;
    }
    if (rc < 0) {
        struct sv type = t->f.type.n ? t->f.type : SV("row");
        return emit_rejected_record(t->f.job, type, t->line, t->offset, &why, t->f.row.raw,
                                    buf_sv(&t->context), e);
    }
    return csv_fill_give(&t->f, &c, e);
}

static void keep_context(struct table *t)
{
    buf_add(&t->context, t->f.row.raw);
    buf_addc(&t->context, '\n');
}

/* "#model_version:v2025.03.14,score_date:2026-02-25T12:55:00Z" with the word "score_date:". A time that
 * cannot be read dates nothing. */
static void take_as_of(struct table *t, struct sv comment)
{
    const struct time_opts o = {.fallback = t->f.job->opts->zone};
    struct err ignored = ERR_NONE;
    struct sv text;
    size_t at = t->f.mapping.as_of.n ? sv_find(comment, t->f.mapping.as_of) : SIZE_MAX;
    if (at == SIZE_MAX)
        return;
    comment = sv_sub(comment, at + t->f.mapping.as_of.n, SIZE_MAX);
    if (sv_cut(&comment, ',', &text))
        (void)!time_parse(sv_trim(text), &o, &t->f.as_of, &ignored);
}

static int take_row(struct table *t, struct err *e)
{
    if (t->f.row.raw.n && t->f.row.raw.p[0] == '#') {
        take_as_of(t, t->f.row.raw);
        /* The names of the columns may be the last comment. */
        if (t->f.plan.comment_header) {
            buf_reset(&t->context);
            keep_context(t);
        }
        return OK;
    }
    if (csv_row_empty(&t->f.row))
        return OK;
    if (t->headers_left) {
        t->headers_left--;
        keep_context(t);
        return OK;
    }
    int rc = give_row(t, e);
    arena_reset(t->f.job->a);
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
    int rc =
        emit_rejected_record(t->f.job, SV("row"), t->line, t->offset, &why, head, buf_sv(&t->context), e);
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
        rc = fill(in, t->f.job->in, e);
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
        if (csv_row_read(text, in->end, t->f.plan.separator, t->f.job->a, &t->f.row) > 0)
            return 1;
        if (in->end)
            return 0;
        arena_reset(t->f.job->a);
        int rc = text.n > INTAKE_LINE_BYTES ? pass_over(t, in, e) : fill(in, t->f.job->in, e);
        if (rc < 0)
            return rc;
    }
}

static int read_rows(struct table *t, struct err *e)
{
    struct input in = {.failure = ERR_NONE};
    buf_init(&in.b, INTAKE_LINE_BYTES + 2 * READ_BYTES);
    int rc = fill(&in, t->f.job->in, e);
    while (rc >= 0 && (rc = next_row(t, &in, e)) > 0) {
        rc = take_row(t, e);
        in.at += t->f.row.bytes;
        t->offset += t->f.row.bytes;
        t->line += t->f.row.lines;
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
    int rc = csv_fill_init(&t->f, t->f.job, e);
    if (rc == OK)
        rc = stream_peek(t->f.job->in, INTAKE_HEAD_BYTES, &head, e);
    if (rc < 0)
        return rc;
    if (!csv_plan_make(head, &t->f.mapping, &t->names, &t->f.plan)) {
        err_set(e, ERR_UNSUPPORTED, "no column of the table is known to hold values");
        return err_hint(e, "give the source a mapping that says what its columns are: see docs/formats.md");
    }
    t->headers_left = t->f.plan.header;
    return OK;
}

static int csv_read(struct intake_job *job, struct err *e)
{
    struct table *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(e, ERR_MEMORY, "no memory to read a table");
    t->f.job = job;
    t->line = 1;
    arena_init(&t->names, DETECT_ARENA);
    buf_init(&t->context, REJECT_BYTES);
    int rc = plan_table(t, e);
    if (rc == OK)
        rc = read_rows(t, e);
    csv_fill_clear(&t->f);
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
