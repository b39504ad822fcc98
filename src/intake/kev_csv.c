#include "intake/csv.h"
#include "intake/kev.h"

/* The row as an entry, by the names in the header row. */
static int to_entry(const struct csv_row *header, const struct csv_row *r, struct kev_entry *k, struct err *e)
{
    if (r->open_quote)
        return err_set(e, ERR_SYNTAX, "a quote of this row is never closed");
    if (r->n != header->n)
        return err_set(e, ERR_SYNTAX, "the row has %zu fields where the header has %zu", r->n, header->n);
    for (size_t i = 0; i < r->n; i++) {
        struct sv *field = kev_field(k, header->field[i]);
        if (!sv_utf8(r->field[i]))
            return err_set(e, ERR_SYNTAX, "field %zu is not UTF-8", i + 1);
        if (field)
            *field = r->field[i];
        else if (sv_eq(header->field[i], SV("cwes")))
            kev_cwes(k, r->field[i]);
    }
    return OK;
}

static bool read_header(struct arena *a, struct sv file, struct csv_row *header)
{
    bool cve = false, added = false;

    if (csv_row_read(file, true, ',', a, header) != 1 || header->open_quote || header->n > CSV_COLUMNS)
        return false;
    for (size_t i = 0; i < header->n; i++) {
        cve |= sv_eq(header->field[i], SV("cveID"));
        added |= sv_eq(header->field[i], SV("dateAdded"));
    }
    return cve && added;
}

/* The CSV does not say when it was released: the newest day in it stands for that. */
static usec newest_day(struct arena *a, const struct csv_row *header, struct sv rows)
{
    usec newest = USEC_NONE, day;
    struct csv_row r;

    while (csv_row_read(rows, true, ',', a, &r) == 1) {
        struct kev_entry k = {0};
        if (to_entry(header, &r, &k, NULL) == OK && kev_day(k.added, &day) && day > newest)
            newest = day;
        rows = sv_sub(rows, r.bytes, SIZE_MAX);
        arena_reset(a);
    }
    return newest;
}

static int read_row(struct kev *k, const struct csv_row *header, const struct csv_row *r, uint64_t line,
                    uint64_t offset, struct err *e)
{
    struct kev_entry entry = {0};
    struct err why = ERR_NONE;

    if (csv_row_empty(r))
        return OK;
    if (to_entry(header, r, &entry, &why) < 0)
        return kev_reject(k, r->raw, header->raw, line, offset, &why, e);
    return kev_entry_emit(k, &entry, r->raw, header->raw, line, offset, e);
}

static int read_rows(struct kev *k, const struct csv_row *header, struct sv file, size_t at, struct err *e)
{
    uint64_t line = 1 + header->lines;
    struct csv_row r;
    int rc = OK;

    while (rc == OK && csv_row_read(sv_sub(file, at, SIZE_MAX), true, ',', k->job->a, &r) == 1) {
        rc = read_row(k, header, &r, line, at, e);
        line += r.lines;
        at += r.bytes;
        arena_reset(k->job->a);
    }
    return rc;
}

int kev_csv(struct kev *k, struct sv file, struct err *e)
{
    size_t at = sv_starts(file, SV("\xEF\xBB\xBF")) ? 3 : 0;
    struct csv_row header;
    struct arena names;

    arena_init(&names, WHOLE_BYTES); /* the rows' arena is reset from row to row */
    int rc = read_header(&names, sv_sub(file, at, SIZE_MAX), &header) ? OK : ERR_SYNTAX;
    if (rc < 0) {
        err_set(e, rc, "the first row does not name the columns cveID and dateAdded");
        (void)err_at(e, NULL, 1, 0);
    } else {
        at += header.bytes;
        k->modified = newest_day(k->job->a, &header, sv_sub(file, at, SIZE_MAX));
        rc = read_rows(k, &header, file, at, e);
    }
    arena_clear(&names);
    return rc;
}
