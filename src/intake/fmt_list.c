/*
 * Plain lists: one record a data line, in the mixed shapes and spellings that block lists come in
 * (list_line.c). What the comments say is used too: the day of the list ("# Last update: ...") dates its
 * claims, "# Reference: URL" stands with the lines below it.
 */
#include "intake/csv.h"
#include "intake/list_line.h"

#include <stdlib.h>

#define DETECT_LINES 200u
#define REFERENCE_MOST 400u
#define DATE_MOST 100u

struct list_file {
    struct intake_job *job;
    struct list_state state;
    struct csv_mapping mapping; /* of the source: labels, confidence, context */
    struct arena words;         /* lives as long as the file */
    struct sv labels, allowed;  /* of a line, and of one that allows */
    usec date;                  /* said by a comment before the first value */
    char date_said[DATE_MOST + 1];
    bool began;
    bool reference_used; /* a line stood below it: the next "Reference:" begins anew */
    char reference[REFERENCE_MOST + 1];
    struct buf meta;
    struct buf address;
    struct obs value[LIST_NAMES]; /* of the line at hand */
    char scratch[LIST_NAMES][256];
};

/* ---- comments -------------------------------------------------------------------------------- */

static struct sv comment_text(struct sv line)
{
    line = sv_trim(line);
    while (line.n &&
           (line.p[0] == '#' || line.p[0] == ';' || line.p[0] == '!' || line.p[0] == '/' || line.p[0] == ' '))
        line = sv_sub(line, 1, line.n);
    return line;
}

/* "Last update: Sat, 22 Aug 2026 03:00:29 +0200". A time that cannot be read dates nothing: it is only a
 * comment. */
static void take_date(struct list_file *f, struct sv text)
{
    static const char *const words[] = {"last update",   "last updated", "updated",      "last modified",
                                        "last-modified", "generated",    "generated on", "generated at",
                                        "date",          "timestamp"};
    struct sv key;
    if (!sv_cut(&text, ':', &key) || !text.p)
        return;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!sv_ieq(sv_trim(key), sv_c(words[i])))
            continue;
        const struct time_opts o = {.fallback = f->job->opts->zone};
        struct err ignored = ERR_NONE;
        usec at;
        if (time_parse(sv_trim(text), &o, &at, &ignored) == OK) {
            f->date = at;
            sv_copy(sv_trim(text), f->date_said, sizeof(f->date_said));
        }
        return;
    }
}

static void take_reference(struct list_file *f, struct sv text)
{
    struct sv url = sv_trim(sv_sub(text, 10, text.n));
    size_t have = f->reference_used ? 0 : strlen(f->reference);
    f->reference_used = false;
    /* Several in a row speak for the same lines. */
    if (url.n == 0 || have + 1 + url.n > REFERENCE_MOST)
        return;
    if (have)
        f->reference[have++] = ' ';
    sv_copy(url, f->reference + have, REFERENCE_MOST + 1 - have);
}

static void take_comment(struct list_file *f, struct sv line)
{
    struct sv text = comment_text(line);
    if (!f->began)
        take_date(f, text);
    if (sv_istarts(text, SV("Reference:")))
        take_reference(f, text);
}

/* ---- values ---------------------------------------------------------------------------------- */

static struct sv write_meta(struct list_file *f, uint64_t lists)
{
    struct jw w;
    if (!lists && !f->reference[0])
        return SV("");
    buf_reset(&f->meta);
    jw_init(&w, &f->meta);
    jw_obj(&w);
    if (lists)
        jw_kint(&w, "lists", (int64_t)lists);
    if (f->reference[0])
        jw_kstr(&w, "reference", sv_c(f->reference));
    jw_end_obj(&w);
    return buf_sv(&f->meta);
}

/* What earlier lines said of this one, as lines: with these before it, it can be read again alone. */
static struct sv write_context(struct list_file *f)
{
    buf_reset(&f->meta);
    if (f->date_said[0])
        buf_printf(&f->meta, "# Date: %s\n", f->date_said);
    if (f->state.origin[0])
        buf_printf(&f->meta, "$ORIGIN %s.\n", f->state.origin);
    if (f->reference[0])
        buf_printf(&f->meta, "# Reference: %s\n", f->reference);
    return f->meta.failed ? SV("") : buf_sv(&f->meta);
}

static int reject_line(struct list_file *f, uint64_t line, uint64_t offset, const struct err *why,
                       struct sv bytes, struct err *e)
{
    return emit_rejected_record(f->job, SV("unreadable"), line, offset, why, bytes, write_context(f), e);
}

/* A path alone says nothing of where: it is kept and found, never matched. */
static bool is_bare_path(struct sv s)
{
    return s.n > 1 && s.p[0] == '/' && sv_utf8(s);
}

static int read_value(struct list_file *f, const struct list_item *item, struct sv text, struct obs *ret,
                      char *scratch, struct err *e)
{
    if (item->address_block) {
        buf_reset(&f->address);
        if (!rpz_address(text, &f->address))
            return err_set(e, ERR_SYNTAX, "\"%.*s\" is no address of a policy zone",
                           SV_ARG(sv_sub(text, 0, 80)));
        text = buf_sv(&f->address);
    }
    /* The two shapes most lists are made of, without the general reader. */
    if (obs_ip(text, scratch, ret))
        return OK;
    if (is_bare_path(text)) {
        *ret = (struct obs){.kind = KIND_TEXT, .value = text};
        return OK;
    }
    return obs_guess(f->job->a, text, ret, e);
}

/* All values of the line, or none: a line is one record. */
static int read_values(struct list_file *f, const struct list_item *item, struct err *e)
{
    for (size_t i = 0; i < item->n; i++) {
        struct obs *o = &f->value[i];
        int rc = read_value(f, item, item->value[i], o, f->scratch[i], e);
        if (rc == OK && !sv_utf8(o->value))
            rc = err_set(e, ERR_SYNTAX, "the line is not UTF-8");
        if (rc < 0)
            return rc;
    }
    return OK;
}

static int give_claims(struct list_file *f, const struct list_item *item, struct err *e)
{
    const struct intake_sink *sink = f->job->sink;
    struct claim_rec c;
    claim_init(&c);
    c.modified = c.valid_from = c.first = c.last = f->date;
    c.labels = item->allowed ? f->allowed : f->labels;
    c.confidence = f->mapping.confidence;
    c.note = sv_utf8(item->note) ? item->note : SV("");
    c.meta = write_meta(f, item->lists);
    int rc = sink->record(sink->ctx, sv_c(kind_name(f->value[0].kind)), e);
    for (size_t i = 0; rc >= 0 && i < item->n; i++) {
        c.value = f->value[i];
        bool context = item->allowed || f->mapping.context || c.value.kind == KIND_TEXT;
        c.flags = context ? CLAIM_CONTEXT : 0;
        rc = sink->claim(sink->ctx, &c, e);
    }
    return rc < 0 ? rc : OK;
}

static int give_line(struct list_file *f, const struct list_item *item, uint64_t line, uint64_t offset,
                     struct sv bytes, struct err *e)
{
    struct err why = ERR_NONE;
    int rc = read_values(f, item, &why);
    if (rc == OK)
        return give_claims(f, item, e);
    if (error_ends_file(rc)) {
        *e = why;
        return rc;
    }
    return reject_line(f, line, offset, &why, bytes, e);
}

static int take_line(struct list_file *f, struct sv line, uint64_t number, uint64_t offset, bool cut,
                     struct err *e)
{
    struct list_item item;
    struct err why = ERR_NONE;
    if (number == 1 && sv_starts(line, SV("\xef\xbb\xbf")))
        line = sv_sub(line, 3, line.n);
    enum list_found found = list_line_read(&f->state, line, &item);
    if (found == LIST_SKIP) {
        take_comment(f, line);
        return OK;
    }
    f->began = f->reference_used = true;
    if (cut) {
        err_set(&why, ERR_LIMIT, "the line is longer than %u MiB", INTAKE_LINE_BYTES >> 20);
        return reject_line(f, number, offset, &why, line, e);
    }
    if (found == LIST_BAD) {
        err_set(&why, ERR_SYNTAX, "the line is in no spelling of a list entry");
        err_hint(&why,
                 "an entry is one address, name, URL, hash, e-mail, wallet or CVE, with a comment after '#'");
        return reject_line(f, number, offset, &why, line, e);
    }
    int rc = give_line(f, &item, number, offset, line, e);
    arena_reset(f->job->a);
    return rc;
}

static struct sv words_of(struct list_file *f, struct sv more)
{
    struct labels l;
    labels_init(&l, &f->words);
    labels_add_words(&l, f->mapping.labels);
    labels_add_words(&l, more);
    return labels_done(&l);
}

static int read_lines(struct list_file *f, struct liner *l, struct err *e)
{
    int rc = csv_mapping_read(f->job->opts->mapping, &f->mapping, e);
    if (rc < 0)
        return rc;
    f->labels = words_of(f, SV(""));
    f->allowed = words_of(f, SV("allowed"));
    for (;;) {
        struct sv line;
        uint64_t number, offset;
        bool cut;
        rc = liner_next(l, &line, &number, &offset, &cut, e);
        if (rc <= 0)
            return rc;
        rc = take_line(f, line, number, offset, cut, e);
        if (rc < 0)
            return rc;
    }
}

static int list_read(struct intake_job *job, struct err *e)
{
    struct liner *l = liner_new(job->in, INTAKE_LINE_BYTES);
    struct list_file f = {.job = job, .date = USEC_NONE};
    if (!l)
        return err_set(e, ERR_MEMORY, "no memory to read lines");
    buf_init(&f.meta, 8192);
    buf_init(&f.address, 256);
    arena_init(&f.words, (size_t)1 << 20);
    int rc = read_lines(&f, l, e);
    csv_mapping_clear(&f.mapping);
    arena_clear(&f.words);
    buf_clear(&f.meta);
    buf_clear(&f.address);
    liner_free(l);
    return rc;
}

/* ---- detection ------------------------------------------------------------------------------- */

/* A list has nothing but entries: of the first lines at least four in five must be one. */
static int list_detect(struct sv head, struct sv name)
{
    struct list_state st = {0};
    struct arena a;
    unsigned good = 0, all = 0, comments = 0;
    struct sv rest = sv_starts(head, SV("\xef\xbb\xbf")) ? sv_sub(head, 3, head.n) : head, line;
    if (head.n && (memchr(head.p, 0, head.n) || head.p[0] == '{'))
        return 0;
    arena_init(&a, (size_t)1 << 20);
    while (all < DETECT_LINES && sv_line(&rest, &line)) {
        struct list_item item;
        struct obs o;
        struct err ignored = ERR_NONE;
        if (rest.n == 0 && head.n == INTAKE_HEAD_BYTES && all)
            break; /* cut by the end of the head */
        enum list_found found = list_line_read(&st, line, &item);
        if (found == LIST_SKIP) {
            comments += sv_trim(line).n > 0;
            continue;
        }
        all++;
        good += found == LIST_ITEM && (item.address_block || is_bare_path(item.value[0]) ||
                                       obs_guess(&a, item.value[0], &o, &ignored) == OK);
        arena_reset(&a);
    }
    arena_clear(&a);
    if (all == 0)
        return comments ? 5 : 0;
    return good * 5 >= all * 4 ? 50 : good * 2 > all ? 20 : 0;
}

const struct intake_format fmt_list = {
    .name = "list",
    .text = "plain lists: addresses, prefixes, names, URLs, hashes, e-mails; hosts, RPZ, dnsmasq and AdGuard "
            "syntax",
    .detect = list_detect,
    .read = list_read,
};
