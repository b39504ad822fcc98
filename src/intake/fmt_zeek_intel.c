/* Indicators of Zeek's Intelligence Framework: rows under "#fields indicator indicator_type meta.source ...".
 */
#include "intake/zeek.h"

struct intel {
    struct intake_job *job;
    struct zeek_log *z;
    struct buf meta;
};

static const struct {
    const char *type;
    enum kind kind; /* KIND_NONE: by the text */
} types[] = {
    {"Intel::ADDR", KIND_NONE},
    {"Intel::SUBNET", KIND_NONE},
    {"Intel::URL", KIND_URL},
    {"Intel::SOFTWARE", KIND_USER_AGENT},
    {"Intel::EMAIL", KIND_EMAIL},
    {"Intel::DOMAIN", KIND_DOMAIN},
    {"Intel::USER_NAME", KIND_TEXT},
    {"Intel::CERT_HASH", KIND_NONE},
    {"Intel::PUBKEY_HASH", KIND_TEXT},
    {"Intel::FILE_HASH", KIND_NONE},
    {"Intel::FILE_NAME", KIND_FILENAME},
};

static int read_address(struct intel *w, struct sv text, struct obs *ret, struct err *e)
{
    enum kind kind = sv_chr(text, ':') == SIZE_MAX ? KIND_IPV4 : KIND_IPV6;

    return obs_read(w->job->a, kind, text, ret, e);
}

static int read_hash(struct intel *w, struct sv text, bool cert, struct obs *ret, struct err *e)
{
    switch (text.n) {
    case 32:
        if (!cert)
            return obs_read(w->job->a, KIND_MD5, text, ret, e);
        break;
    case 40:
        return obs_read(w->job->a, cert ? KIND_CERT_SHA1 : KIND_SHA1, text, ret, e);
    case 64:
        return obs_read(w->job->a, cert ? KIND_CERT_SHA256 : KIND_SHA256, text, ret, e);
    case 128:
        if (!cert)
            return obs_read(w->job->a, KIND_SHA512, text, ret, e);
        break;
    default:
        break;
    }
    return err_set(e, ERR_VALUE, "no %s hash has %zu characters", cert ? "certificate" : "file", text.n);
}

static int read_indicator(struct intel *w, struct sv type, struct sv text, struct claim_rec *c, struct err *e)
{
    size_t i = 0;

    while (i < sizeof types / sizeof *types && !sv_eq(type, sv_c(types[i].type)))
        i++;
    if (i == sizeof types / sizeof *types)
        return err_set(e, ERR_UNSUPPORTED, "\"%.*s\" is no indicator type of Zeek",
                       SV_ARG(sv_sub(type, 0, 80)));
    if (types[i].kind == KIND_TEXT) {
        c->value = (struct obs){.kind = KIND_TEXT, .value = text};
        c->flags |= CLAIM_CONTEXT;
        return OK;
    }
    if (types[i].kind != KIND_NONE)
        return obs_read(w->job->a, types[i].kind, text, &c->value, e);
    if (sv_ends(type, SV("_HASH")))
        return read_hash(w, text, sv_eq(type, SV("Intel::CERT_HASH")), &c->value, e);
    return read_address(w, text, &c->value, e);
}

static int read_row(struct intel *w, struct sv row, struct claim_rec *c, struct sv *ret_type, struct err *e)
{
    struct sv cell, indicator = SV_NONE;
    struct jw json;

    if (w->z->ncolumns == 0)
        return err_set(e, ERR_SYNTAX, "a row stands before the #fields line that names its columns");
    size_t width = zeek_width(w->z, row);
    if (width != w->z->ncolumns)
        return err_set(e, ERR_SYNTAX, "the row has %zu columns, its header names %zu", width, w->z->ncolumns);
    buf_reset(&w->meta);
    jw_init(&json, &w->meta);
    jw_obj(&json);
    for (size_t i = 0; i < w->z->ncolumns; i++) {
        struct sv name = w->z->column[i].name;

        zeek_cell(w->z, &row, &cell);
        if (!zeek_is_set(w->z, cell))
            continue;
        cell = zeek_unescape(w->job->a, cell);
        if (sv_eq(name, SV("indicator")))
            indicator = cell;
        else if (sv_eq(name, SV("indicator_type")))
            *ret_type = cell;
        else {
            jw_key_sv(&json, sv_starts(name, SV("meta.")) ? sv_sub(name, 5, SIZE_MAX) : name);
            jw_str(&json, cell);
        }
        if (sv_eq(name, SV("meta.desc")))
            c->note = cell;
    }
    jw_end_obj(&json);
    if (w->meta.failed)
        return err_set(e, ERR_LIMIT, "the row holds too much beside its indicator");
    c->meta = w->meta.n > 2 ? buf_sv(&w->meta) : SV("");
    if (!indicator.p)
        return err_set(e, ERR_VALUE, "the row has no indicator");
    return read_indicator(w, *ret_type, indicator, c, e);
}

static int give_row(struct intel *w, struct sv line, uint64_t number, uint64_t offset, struct err *e)
{
    struct err why = ERR_NONE;
    struct sv type = SV("zeek-intel");
    struct claim_rec c;
    int rc;

    arena_reset(w->job->a);
    claim_init(&c);
    rc = read_row(w, line, &c, &type, &why);
    if (rc == OK)
        return emit_claim_record(w->job, type, &c, e);
    return emit_rejected_record(w->job, type, number, offset, &why, line, buf_sv(&w->z->header), e);
}

static int give_lines(struct intel *w, struct liner *l, struct err *e)
{
    uint64_t number, offset;
    struct sv line;
    bool cut;
    int rc;

    while ((rc = liner_next(l, &line, &number, &offset, &cut, e)) > 0) {
        struct err why = ERR_NONE;

        if (number == 1 && sv_starts(line, SV("\xEF\xBB\xBF")))
            line = sv_sub(line, 3, SIZE_MAX);
        if (sv_trim(line).n == 0)
            continue;
        if (cut)
            rc = event_reject_cut(w->job, SV("zeek-intel"), line, number, offset, buf_sv(&w->z->header), e);
        else if (line.p[0] != '#')
            rc = give_row(w, line, number, offset, e);
        else if (zeek_header(w->z, NULL, line, &why) != OK)
            rc = emit_rejected_record(w->job, SV("header"), number, offset, &why, line, SV(""), e);
        else
            rc = OK;
        if (rc)
            break;
    }
    return rc;
}

static int read_file(struct intake_job *job, struct err *e)
{
    struct intel w = {.job = job, .z = zeek_log_new(e)};
    struct liner *l = liner_new(job->in, EVENT_LINE_BYTES);
    int rc = ERR_MEMORY;

    buf_init(&w.meta, EVENT_LINE_BYTES);
    if (w.z && l)
        rc = give_lines(&w, l, e);
    else
        err_set(e, ERR_MEMORY, "no memory to read lines");
    buf_clear(&w.meta);
    liner_free(l);
    zeek_log_free(w.z);
    return rc;
}

static int detect(struct sv head, struct sv name)
{
    struct sv line;

    for (unsigned i = 0; i < 16 && sv_line(&head, &line); i++)
        if (sv_starts(line, SV("#fields")))
            return sv_find(line, SV("indicator")) != SIZE_MAX &&
                           sv_find(line, SV("indicator_type")) != SIZE_MAX &&
                           sv_find(line, SV("ts\t")) == SIZE_MAX
                       ? 100
                       : 0;
    return 0;
}

const struct intake_format fmt_zeek_intel = {"zeek-intel", "Zeek Intelligence Framework indicators", false,
                                             detect, read_file};
