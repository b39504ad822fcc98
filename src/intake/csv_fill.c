/* The texts of one record, a table's row or members of a JSON object, by their roles to claims. */
#include "intake/csv.h"

static int field_error(struct err *why, const struct csv_column *c)
{
    struct err was = *why;
    int rc = err_set(why, was.code, "column \"%.*s\": %s", SV_ARG(sv_sub(c->name, 0, 60)), was.text);
    err_hint(why, "%s", was.remedy);
    return rc;
}

static int read_time(struct csv_fill *t, const struct csv_column *c, struct sv text, usec *ret,
                     struct err *why)
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

static int read_field(struct csv_fill *t, size_t i, struct claim_rec *c, struct labels *labels,
                      struct err *why)
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
static bool to_meta(const struct csv_fill *t, size_t i, const struct claim_rec *c)
{
    enum csv_role role = t->plan.column[i].role;
    struct sv text = t->row.field[i];
    if (text.n == 0)
        return false;
    return role == ROLE_META || role == ROLE_REFERENCE || (role == ROLE_NOTE && text.p != c->note.p) ||
           (role == ROLE_ID && text.p != c->ref.p);
}

static struct sv write_meta(struct csv_fill *t, const struct claim_rec *c)
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
static int read_rest(struct csv_fill *t, struct claim_rec *c, struct err *why)
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
    if (c->modified == USEC_NONE)
        c->modified = t->as_of;
    c->flags = (t->mapping.context ? CLAIM_CONTEXT : 0u) | (t->mapping.replace ? CLAIM_REPLACE : 0u);
    c->labels = labels_done(&labels);
    c->meta = write_meta(t, c);
    return OK;
}

static int read_values(struct csv_fill *t, struct err *why)
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

/* ---- the record ------------------------------------------------------------------------------ */

int csv_fill_init(struct csv_fill *t, struct intake_job *job, struct err *e)
{
    t->job = job;
    t->as_of = USEC_NONE;
    buf_init(&t->meta, INTAKE_LINE_BYTES * 2);
    int rc = csv_mapping_read(job->opts->mapping, &t->mapping, e);
    if (rc == OK && !(t->utc = zone_find(SV("+00:00"), e)))
        rc = e->code;
    return rc;
}

void csv_fill_clear(struct csv_fill *t)
{
    csv_mapping_clear(&t->mapping);
    buf_clear(&t->meta);
}

int csv_fill_read(struct csv_fill *t, struct claim_rec *c, struct err *why)
{
    int rc = read_values(t, why);
    return rc < 0 ? rc : read_rest(t, c, why);
}

int csv_fill_give(struct csv_fill *t, struct claim_rec *c, struct err *e)
{
    const struct intake_sink *sink = t->job->sink;
    int rc = sink->record(sink->ctx, t->type, e);
    for (size_t i = 0; rc >= 0 && i < t->nvalues; i++) {
        c->value = t->value[i];
        rc = sink->claim(sink->ctx, c, e);
    }
    return rc < 0 ? rc : OK;
}
