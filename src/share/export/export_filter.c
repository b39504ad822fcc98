/* The words of a filter, what tells exports apart, and the report. */
#include "share/export/export_writer.h"

static int read_kinds(struct sv words, uint32_t *ret, struct err *e)
{
    struct sv word;
    while (words.n && sv_cut(&words, ',', &word)) {
        word = sv_trim(word);
        enum kind kind = kind_of_name(word);
        char shown[60];
        if (kind == KIND_NONE || kind == KIND_TEXT) {
            err_set(e, ERR_VALUE, "'%s' is no kind of value", sv_show(word, shown, sizeof(shown)));
            return err_hint(e, "kinds are ipv4-addr, ipv6-addr, domain-name, url, email-addr, md5, sha-1, "
                               "sha-256, ja3, ...; several with commas");
        }
        *ret |= BIT(kind);
    }
    return OK;
}

static int read_confidence(struct sv text, double *ret, struct err *e)
{
    uint64_t n = 0;
    if (!sv_u64(text, &n) || n > 100) {
        return err_set(e, ERR_VALUE, "confidence is a whole number from 0 to 100");
    }
    *ret = (double)n / 100.0;
    return OK;
}

static int read_age(struct sv text, usec *ret, struct err *e)
{
    static const struct {
        char unit;
        usec length;
    } units[] = {{'d', USEC_DAY}, {'h', USEC_HOUR}, {'m', 60 * USEC_SECOND}};
    uint64_t n = 0;
    for (size_t i = 0; text.n > 1 && i < 3; i++) {
        if (text.p[text.n - 1] == units[i].unit && sv_u64(sv_sub(text, 0, text.n - 1), &n) && n >= 1 &&
            n <= 36500) {
            *ret = (usec)n * units[i].length;
            return OK;
        }
    }
    err_set(e, ERR_VALUE, "an age is a number of days, hours or minutes");
    return err_hint(e, "write 30d, 12h or 90m");
}

static int read_tlp(struct sv text, enum tlp *ret, struct err *e)
{
    char shown[40];
    if (!tlp_parse(text, ret)) {
        return err_set(e, ERR_VALUE, "'%s' is no TLP marking", sv_show(text, shown, sizeof(shown)));
    }
    if (*ret > GIVE_HIGHEST) {
        err_set(e, ERR_VALUE, "%s is never exported", tlp_name(*ret));
        return err_hint(e, "the highest is %s", tlp_name(GIVE_HIGHEST));
    }
    return OK;
}

int export_filter(const struct export_words *w, struct export_opts *ret, struct err *e)
{
    ret->filter.ceiling = GIVE_HIGHEST;
    ret->filter.since = ret->filter.aged_at = USEC_NONE;
    ret->filter.label = w->label.n ? w->label : SV("");
    int rc = w->kind.n ? read_kinds(w->kind, &ret->filter.kinds, e) : OK;
    rc = rc == OK && w->confidence.n ? read_confidence(w->confidence, &ret->filter.confidence, e) : rc;
    rc = rc == OK && w->age.n ? read_age(w->age, &ret->age, e) : rc;
    return rc == OK && w->tlp.n ? read_tlp(w->tlp, &ret->filter.ceiling, e) : rc;
}

void export_key(const struct export_format *format, const struct export_opts *o, struct buf *out)
{
    const struct give_filter *f = &o->filter;
    buf_str(out, sv_c(format->name));
    buf_str(out, sv_c(o->node));
    buf_u8(out, o->objects);
    buf_u32(out, f->kinds);
    buf_varint(out, (uint64_t)(f->confidence * 1000.0));
    buf_zigzag(out, o->age);
    buf_zigzag(out, f->since);
    buf_str(out, f->label);
    buf_zigzag(out, f->source);
    buf_u8(out, (uint8_t)f->ceiling);
    buf_addp(out, o->view->org.b, sizeof(o->view->org.b));
    for (size_t i = 0; i < o->view->sources; i++) {
        buf_u8(out, (uint8_t)(o->view->ceiling[i] + 1));
    }
}

static void write_time(struct jw *w, const char *key, usec t)
{
    char text[32];
    text_time(t == INT64_MAX ? USEC_NONE : t, text);
    jw_kstr(w, key, text[0] ? sv_c(text) : SV_NONE);
}

void export_report_write(const struct export_report *r, struct jw *w)
{
    jw_kint(w, "written", (int64_t)r->written);
    jw_kint(w, "bytes", (int64_t)r->bytes);
    jw_key(w, "left_out");
    jw_obj(w);
    jw_kint(w, "warninglist", (int64_t)r->give.benign);
    jw_kint(w, "never_block", (int64_t)r->give.never);
    jw_kint(w, "filter", (int64_t)r->give.filtered);
    for (int i = 0; i < LEFT_MAX; i++) {
        jw_kint(w, export_left_name((enum export_left)i), (int64_t)r->left[i]);
    }
    jw_end_obj(w);
    jw_kstr(w, "tlp", sv_c(tlp_name(r->tlp)));
    jw_key(w, "grades");
    jw_obj(w);
    for (int i = 0; i < 6; i++) {
        char grade[2] = {(char)('A' + i), 0};
        if (r->grade[i]) {
            jw_kint(w, grade, (int64_t)r->grade[i]);
        }
    }
    jw_end_obj(w);
    write_time(w, "first_end", r->first_until);
    jw_kstr(w, "etag", r->etag[0] ? sv_c(r->etag) : SV_NONE);
    jw_kint(w, "serial", r->serial);
}
