/* The query parameters of TAXII 2.1 section 3.4. */
#include "share/taxii/taxii_private.h"

static int read_limit(struct sv text, size_t *ret, struct err *e)
{
    uint64_t n = 0;
    *ret = TAXII_PAGE_MOST;
    if (!text.p || text.n == 0) {
        return OK;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return err_set(e, ERR_VALUE, "limit must be a number above 0");
        }
    }
    /* Digits that no number holds ask for more than there is; 0 comes from a client library that means "as
     * you like" (docs/taxii.md). */
    if (sv_u64(text, &n) && n > 0 && n < TAXII_PAGE_MOST) {
        *ret = (size_t)n;
    }
    return OK;
}

/* Any RFC 3339 time with a zone; a fraction is cut to microseconds. */
static bool read_time(struct sv text, usec *ret)
{
    const struct time_opts o = {0};
    struct err ignored = ERR_NONE;
    return text.n >= 11 && (text.p[10] == 'T' || text.p[10] == 't') &&
           time_parse(text, &o, ret, &ignored) == OK;
}

static int too_many(const char *name, struct err *e)
{
    err_set(e, ERR_LIMIT, "%s has more than %d values", name, TAXII_MATCH_MOST);
    return err_hint(e, "ask for fewer at a time");
}

static int read_list(struct sv text, const char *name, struct arena *a, struct sv **ret, size_t *ret_n,
                     bool *ret_any, struct err *e)
{
    struct sv value;
    size_t n = 1;
    *ret_n = 0;
    *ret_any = !text.p;
    if (!text.p) {
        return OK;
    }
    for (size_t i = 0; i < text.n && n <= TAXII_MATCH_MOST; i++) {
        n += text.p[i] == ',';
    }
    if (n > TAXII_MATCH_MOST) {
        return too_many(name, e);
    }
    *ret = arena_calloc(a, n, sizeof(**ret));
    if (!*ret) {
        return err_set(e, ERR_MEMORY, "no memory for %s", name);
    }
    while (sv_cut(&text, ',', &value)) {
        (*ret)[(*ret_n)++] = value;
    }
    return OK;
}

static int read_versions(struct sv text, bool all, struct arena *a, struct taxii_filter *f, struct err *e)
{
    struct sv *value = NULL;
    size_t n;
    bool any;
    int rc = read_list(text, "match[version]", a, &value, &n, &any, e);
    if (rc != OK || any) {
        f->all = any && all;
        f->last = any && !all;
        return rc;
    }
    f->version = arena_calloc(a, n, sizeof(*f->version));
    if (!f->version) {
        return err_set(e, ERR_MEMORY, "no memory for match[version]");
    }
    for (size_t i = 0; i < n; i++) {
        usec at;
        f->all |= sv_eq(value[i], SV("all"));
        f->last |= sv_eq(value[i], SV("last"));
        f->first |= sv_eq(value[i], SV("first"));
        if (read_time(value[i], &at)) {
            f->version[f->versions++] = at;
        }
    }
    return OK;
}

static int read_specs(struct sv text, struct arena *a, struct taxii_filter *f, struct err *e)
{
    struct sv *value = NULL;
    size_t n;
    int rc = read_list(text, "match[spec_version]", a, &value, &n, &f->any_spec, e);
    for (size_t i = 0; rc == OK && i < n; i++) {
        f->specs |= sv_eq(value[i], SV("2.0")) ? 1u : sv_eq(value[i], SV("2.1")) ? 2u : 0;
    }
    return rc;
}

int taxii_filter_read(const struct taxii_query *q, bool versions_all, struct arena *a,
                      struct taxii_filter *ret, struct err *e)
{
    *ret = (struct taxii_filter){.after = USEC_NONE};
    int rc = read_limit(q->limit, &ret->limit, e);
    if (rc == OK && q->added_after.n && !read_time(q->added_after, &ret->after)) {
        err_set(e, ERR_VALUE, "added_after is no time");
        rc = err_hint(e, "give it like 2016-02-01T00:00:01.000000Z; a '+' of a zone is written %%2B");
    }
    rc = rc == OK ? read_list(q->match_id, "match[id]", a, &ret->id, &ret->ids, &ret->any_id, e) : rc;
    rc = rc == OK ? read_list(q->match_type, "match[type]", a, &ret->type, &ret->types, &ret->any_type, e)
                  : rc;
    rc = rc == OK ? read_versions(q->match_version, versions_all, a, ret, e) : rc;
    return rc == OK ? read_specs(q->match_spec_version, a, ret, e) : rc;
}
