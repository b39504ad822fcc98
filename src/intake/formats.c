#include "intake/private.h"

#include <pthread.h>

/* One line a format. On a tie of certainty the earlier wins: narrow formats stand before wide ones. */
static const struct intake_format *const table[] = {
    &fmt_stix2,  &fmt_misp, &fmt_misp_manifest, &fmt_warninglist, &fmt_kev,      &fmt_idea, &fmt_xarf,
    &fmt_iodef,  &fmt_eve,  &fmt_zeek,          &fmt_zeek_intel,  &fmt_honeypot, &fmt_cef,  &fmt_leef,
    &fmt_syslog, &fmt_json, &fmt_json_events,   &fmt_csv,         &fmt_list,
};
#define FORMATS (sizeof(table) / sizeof(table[0]))

/* The table by value, as callers see it. */
static struct intake_format formats[FORMATS];
static pthread_once_t formats_once = PTHREAD_ONCE_INIT;

static void fill_formats(void)
{
    for (size_t i = 0; i < FORMATS; i++)
        formats[i] = *table[i];
}

const struct intake_format *intake_formats(size_t *ret_n)
{
    (void)pthread_once(&formats_once, fill_formats);
    *ret_n = FORMATS;
    return formats;
}

const struct intake_format *intake_format_find(struct sv name)
{
    size_t n;
    const struct intake_format *f = intake_formats(&n);
    for (size_t i = 0; i < n; i++)
        if (sv_ieq(name, sv_c(f[i].name)))
            return &f[i];
    return NULL;
}

const struct intake_format *intake_detect(struct sv head, struct sv name)
{
    size_t n;
    const struct intake_format *f = intake_formats(&n), *best = NULL;
    int most = 0;
    for (size_t i = 0; i < n; i++) {
        int sure = f[i].detect(head, name);
        if (sure > most) {
            most = sure;
            best = &f[i];
        }
    }
    return best;
}

const char *intake_member_format(struct sv name)
{
    static const char *const others[] = {MEMBER_EMPTY, MEMBER_UNKNOWN};
    const struct intake_format *f = intake_format_find(name);
    if (f)
        return f->name;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (sv_eq(name, sv_c(others[i])))
            return others[i];
    return NULL;
}
