/* One line, one event: for `watch` and the events API. The same code reads files. */
#include "intake/event.h"

#include <stdlib.h>

struct event_reader {
    struct intake_opts opts;
    struct event_state *s; /* NULL until the format is known */
};

static const struct {
    const struct intake_format *format;
    const struct event_format *events;
} readers[] = {{&fmt_eve, &eve_events}, {&fmt_zeek, &zeek_events}, {&fmt_honeypot, &honeypot_events},
               {&fmt_cef, &cef_events}, {&fmt_leef, &leef_events}, {&fmt_syslog, &syslog_events}};
#define READERS (sizeof readers / sizeof *readers)

static const struct event_format *by_name(struct sv name)
{
    for (size_t i = 0; i < READERS; i++)
        if (sv_eq(name, sv_c(readers[i].format->name)))
            return readers[i].events;
    return NULL;
}

static const struct event_format *by_line(struct sv line)
{
    const struct event_format *best = NULL;
    int most = 0;

    for (size_t i = 0; i < READERS; i++) {
        int sure = readers[i].format->detect(line, SV(""));

        if (sure > most) {
            most = sure;
            best = readers[i].events;
        }
    }
    return best;
}

struct event_reader *event_reader_new(const struct intake_opts *o, struct err *e)
{
    const struct event_format *f = by_name(o->format);
    struct event_reader *r;

    if (o->format.n && !f) {
        err_set(e, ERR_USAGE, "\"%.*s\" is not a format of events", SV_ARG(sv_sub(o->format, 0, 80)));
        err_hint(e, "formats read line by line are eve, zeek, honeypot, cef, leef and syslog");
        return NULL;
    }
    r = calloc(1, sizeof *r);
    if (!r) {
        err_set(e, ERR_MEMORY, "no memory to read events");
        return NULL;
    }
    r->opts = *o;
    if (f) {
        r->s = event_state_new(f, &r->opts, e);
        if (!r->s) {
            free(r);
            return NULL;
        }
    }
    return r;
}

void event_reader_free(struct event_reader *r)
{
    if (!r)
        return;
    event_state_free(r->s);
    free(r);
}

int event_reader_line(struct event_reader *r, struct sv line, struct observation *ret, struct err *e)
{
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    if (!r->s) {
        const struct event_format *f = by_line(line);

        if (sv_trim(line).n == 0)
            return 0;
        if (!f) {
            err_set(e, ERR_UNSUPPORTED,
                    "the line is no event of Suricata, Zeek, a known honeypot, CEF, LEEF or syslog");
            return err_hint(e, "name the format: --format eve, zeek, honeypot, cef, leef or syslog");
        }
        r->s = event_state_new(f, &r->opts, e);
        if (!r->s)
            return ERR_MEMORY;
    }
    if (sv_trim(line).n == 0)
        return 0;
    return event_record(r->s, line, ret, e);
}
