/* CEF, LEEF and syslog: one line or message is one event. device.h says how they are made of tables. */
#include "intake/device.h"

#define SAMPLE_LINES 8

/* ---- which device ---------------------------------------------------------------------------- */

static bool app_is(struct sv app, const char *pattern)
{
    struct sv p = sv_c(pattern);

    return sv_ends(p, SV("*")) ? sv_starts(app, sv_sub(p, 0, p.n - 1)) : sv_eq(app, p);
}

static const struct device *find_device(const struct device_head *h)
{
    for (const struct device *d = devices; d->name; d++) {
        if (d->app && !app_is(h->app, d->app))
            continue;
        if (d->begins && !sv_starts(h->message, sv_c(d->begins)))
            continue;
        if (d->holds && sv_find(sv_sub(h->message, 0, 1024), sv_c(d->holds)) == SIZE_MAX)
            continue;
        return d;
    }
    return NULL;
}

/* The text behind "CEF:" or "LEEF:", SV_NONE when the message is neither. A syslog header's reader takes the
 * word for the program that wrote the line. */
static struct sv behind(const struct device_head *h, const char *word)
{
    struct sv w = sv_c(word);

    if (sv_eq(h->app, w))
        return h->message;
    if (sv_starts(h->message, w) && h->message.n > w.n && h->message.p[w.n] == ':')
        return sv_sub(h->message, w.n + 1, SIZE_MAX);
    return SV_NONE;
}

/* "123 <34>1 ..." without its length, of a stream that was put into lines. */
static struct sv without_length(struct sv line)
{
    size_t i = 0;

    while (i < line.n && i < 7 && line.p[i] >= '0' && line.p[i] <= '9')
        i++;
    return i && i + 1 < line.n && line.p[i] == ' ' && line.p[i + 1] == '<' ? sv_sub(line, i + 1, SIZE_MAX)
                                                                           : line;
}

/* ---- what no single field says --------------------------------------------------------------- */

static struct sv slot_text(const struct event_state *s, enum device_slot n)
{
    return s->slot[n].text.n ? s->slot[n].text : SV("");
}

/* Fortinet writes day, clock and zone in three fields. */
static int joined_time(struct event_state *s, usec *ret, struct err *e)
{
    struct sv date = slot_text(s, DS_DATE), clock = slot_text(s, DS_CLOCK), zone = slot_text(s, DS_ZONE);
    struct sv text = arena_printf(&s->a, "%.*sT%.*s%.*s", SV_ARG(sv_sub(date, 0, 10)),
                                  SV_ARG(sv_sub(clock, 0, 15)), SV_ARG(sv_sub(zone, 0, 6)));

    return event_time(s, text, ret, e);
}

static int find_time(struct event_state *s, const struct device_head *h, usec *ret, struct err *e)
{
    struct sv own = slot_text(s, DS_TIME), start = slot_text(s, DS_START), date = slot_text(s, DS_DATE);

    if (own.n == 0)
        own = start;
    if (own.n == 0 && slot_text(s, DS_CLOCK).n)
        return joined_time(s, ret, e);
    if (own.n == 0)
        own = date.n ? date : h->time;
    int rc = device_time(s, own, s->now, ret, e);
    /* what passed the event on knew the zone */
    return rc == ERR_ZONE && own.p != h->time.p && h->time.n && !h->old
               ? device_time(s, h->time, s->now, ret, e)
               : rc;
}

static bool is_plain(struct sv text, size_t most)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ')
            return false;
    return text.n && text.n <= most && sv_utf8(text);
}

/* A path with the host it was asked of, a whole URL, or host and path without a scheme. */
static void take_request(struct event_state *s, struct observation *o)
{
    struct sv path = slot_text(s, DS_PATH), host = slot_text(s, DS_HOST);
    uint16_t port = event_port(&s->slot[DS_PORT]);
    size_t slash;

    if (path.n == 0)
        return;
    if (path.p[0] != '/' && sv_find(path, SV("://")) == SIZE_MAX && (slash = sv_chr(path, '/')) != SIZE_MAX) {
        host = sv_sub(path, 0, slash);
        path = sv_sub(path, slash, SIZE_MAX);
    }
    event_take_request(s, o, SV("request"), host, port, path);
}

static const struct event_class applications[] = {
    {SV_ROW("http"), SV_ROW("http")},  {SV_ROW("HTTP"), SV_ROW("http")}, {SV_ROW("HTTPS"), SV_ROW("http")},
    {SV_ROW("https"), SV_ROW("http")}, {SV_ROW("dns"), SV_ROW("dns")},   {SV_ROW("DNS"), SV_ROW("dns")},
    {SV_ROW("smtp"), SV_ROW("smtp")},  {SV_ROW("SMTP"), SV_ROW("smtp")}, {SV_ROW("ssh"), SV_ROW("ssh")},
    {SV_ROW("SSH"), SV_ROW("ssh")},    {SV_ROW("rdp"), SV_ROW("rdp")},   {SV_ROW("RDP"), SV_ROW("rdp")},
    {SV_ROW("tls"), SV_ROW("tls")},    {SV_ROW("SSL"), SV_ROW("tls")},   {{NULL, 0}, SV_ROW("alert")},
};

/* CEF and LEEF have no classes: what an event holds tells, else it is somebody's alert. */
static struct sv class_of_event(const struct event_state *s)
{
    struct sv class = event_class(applications, slot_text(s, DS_APP));

    if (!sv_eq(class, SV("alert")))
        return class;
    return slot_text(s, DS_PATH).n ? SV("http") : slot_text(s, DS_FILE).n ? SV("file") : class;
}

static struct sv class_of_device(const struct event_state *s, const struct device *d)
{
    struct sv other = SV("other"), class = other;

    if (d->classes && slot_text(s, DS_SUBTYPE).n)
        class = event_class(d->classes, slot_text(s, DS_SUBTYPE));
    if (d->classes && sv_eq(class, other) && slot_text(s, DS_TYPE).n)
        class = event_class(d->classes, slot_text(s, DS_TYPE));
    return sv_eq(class, other) ? sv_c(d->class) : class;
}

/* ---- one event ------------------------------------------------------------------------------- */

static void read_device(struct event_state *s, struct observation *o, const struct device *d,
                        const struct device_head *h)
{
    switch (d->shape) {
    case SHAPE_PAIRS:
        device_pairs(s, o, d->group, h->message);
        break;
    case SHAPE_COLUMNS:
        device_columns(s, o, d->group, d->fields, h->message);
        break;
    case SHAPE_TEMPLATES:
        (void)device_templates(s, o, d->fields, h->message);
        break;
    default:
        break;
    }
    o->type = sv_c(d->name);
    o->class = class_of_device(s, d);
    /* Palo Alto keeps names of files and of hosts in one column. */
    if (d->group == DG_PALOALTO && !sv_eq(slot_text(s, DS_SUBTYPE), SV("url")))
        s->slot[DS_PATH].text = SV_NONE;
}

static int read_message(struct event_state *s, struct observation *o, const struct device_head *h, bool head,
                        struct err *e)
{
    struct sv cef = behind(h, "CEF"), leef = behind(h, "LEEF"), product = SV("");
    bool want_cef = s->format == &cef_events, want_leef = s->format == &leef_events;
    const struct device *d = NULL;

    if ((want_cef && !cef.p) || (want_leef && !leef.p))
        return err_set(e, ERR_SYNTAX, "the line holds no %s", want_cef ? "CEF" : "LEEF");
    if (cef.p || leef.p) {
        int rc = cef.p ? device_cef(s, o, cef, &product, e) : device_leef(s, o, leef, &product, e);
        if (rc < 0)
            return rc;
        o->type = is_plain(product, 80) ? product : cef.p ? SV("cef") : SV("leef");
        o->class = class_of_event(s);
        return OK;
    }
    d = find_device(h);
    if (!head && !d) {
        err_set(e, ERR_SYNTAX, "the line does not begin like syslog and is of no device that is known");
        return err_hint(e, "syslog lines begin with a priority <34> or a time");
    }
    o->type = SV("syslog");
    if (h->data.n)
        device_data(s, o, h->data);
    if (d)
        read_device(s, o, d, h);
    return OK;
}

static int read_line(struct event_state *s, struct sv text, struct observation *o, struct err *e)
{
    struct device_head h;
    uint64_t count;
    bool head = device_head(without_length(text), &h);
    int rc = read_message(s, o, &h, head, e);

    if (rc == OK)
        rc = find_time(s, &h, &o->time, e);
    if (rc < 0)
        return rc;
    take_request(s, o);
    if (sv_u64(slot_text(s, DS_COUNT), &count) && count > 1 && count <= UINT32_MAX)
        o->count = count;
    const struct sv sensors[] = {slot_text(s, DS_SENSOR), slot_text(s, DS_SENSOR_IP), h.host};
    for (size_t i = 0; i < 3 && o->sensor.n == 0; i++)
        if (is_plain(sensors[i], 255))
            o->sensor = sensors[i];
    return 1;
}

const struct event_format cef_events = {"cef", device_rules, read_line, NULL, NULL};
const struct event_format leef_events = {"leef", device_rules, read_line, NULL, NULL};
const struct event_format syslog_events = {"syslog", device_rules, read_line, NULL, NULL};

/* ---- files ----------------------------------------------------------------------------------- */

enum looks { LOOKS_NOT, LOOKS_SYSLOG, LOOKS_CEF, LOOKS_LEEF };

static enum looks look(struct sv line)
{
    struct device_head h;
    bool head = device_head(without_length(line), &h);
    struct sv cef = behind(&h, "CEF"), leef = behind(&h, "LEEF");

    if (cef.n > 2 && (cef.p[0] == '0' || cef.p[0] == '1') && cef.p[1] == '|')
        return LOOKS_CEF;
    if (leef.n > 2 && (leef.p[0] == '1' || leef.p[0] == '2') && (leef.p[1] == '|' || leef.p[1] == '.'))
        return LOOKS_LEEF;
    const struct device *d = find_device(&h);
    return (head && h.time.n && (h.app.n || h.host.n)) || (d && (d->own_time || head)) ? LOOKS_SYSLOG
                                                                                       : LOOKS_NOT;
}

/* Messages behind their length, and not one a line. */
static bool is_counted(struct sv head, struct sv *ret_first)
{
    struct sv line, rest = head, after = without_length(head);
    uint64_t length = 0;

    if (after.p == head.p || !sv_u64(sv_sub(head, 0, (size_t)(after.p - head.p) - 1), &length))
        return false;
    *ret_first = sv_sub(after, 0, (size_t)length);
    return !sv_line(&rest, &line) || line.n != (size_t)(after.p - head.p) + (size_t)length;
}

/* All of the first lines must look like syslog; CEF and LEEF stand alone or not at all. */
static enum looks look_at(struct sv head)
{
    struct sv rest = head, line;
    enum looks all = LOOKS_NOT;

    if (sv_starts(rest, SV("\xEF\xBB\xBF")))
        rest = sv_sub(rest, 3, SIZE_MAX);
    if (is_counted(rest, &line))
        return look(line);
    for (unsigned n = 0; n < SAMPLE_LINES && sv_line(&rest, &line);) {
        bool cut = head.n >= INTAKE_HEAD_BYTES && rest.n == 0 && n;
        if (sv_trim(line).n == 0 || cut)
            continue;
        enum looks one = look(line);
        if (one == LOOKS_NOT)
            return LOOKS_NOT;
        all = n == 0 || all == one ? one : LOOKS_SYSLOG;
        n++;
    }
    return all;
}

static int detect_cef(struct sv head, struct sv name)
{
    return look_at(head) == LOOKS_CEF ? 96 : 0;
}

static int detect_leef(struct sv head, struct sv name)
{
    return look_at(head) == LOOKS_LEEF ? 96 : 0;
}

static int detect_syslog(struct sv head, struct sv name)
{
    return look_at(head) == LOOKS_SYSLOG ? 92 : 0;
}

static int read_any(struct intake_job *job, const struct event_format *f, struct err *e)
{
    struct sv head, first;
    int rc = stream_peek(job->in, INTAKE_HEAD_BYTES, &head, e);

    if (rc < 0)
        return rc;
    return is_counted(head, &first) ? event_read_counted(job, f, e) : event_read_file(job, f, e);
}

static int read_cef(struct intake_job *job, struct err *e)
{
    return read_any(job, &cef_events, e);
}

static int read_leef(struct intake_job *job, struct err *e)
{
    return read_any(job, &leef_events, e);
}

static int read_syslog(struct intake_job *job, struct err *e)
{
    return read_any(job, &syslog_events, e);
}

const struct intake_format fmt_cef = {"cef", "CEF events, alone or behind a syslog header", true, detect_cef,
                                      read_cef};
const struct intake_format fmt_leef = {"leef", "LEEF 1.0 and 2.0 events, alone or behind a syslog header",
                                       true, detect_leef, read_leef};
const struct intake_format fmt_syslog = {"syslog", "syslog of RFC 3164 and RFC 5424, and of common devices",
                                         true, detect_syslog, read_syslog};
