/*
 * JSON of anybody's make, read by its source's mapping: records to claims with the roles that columns of
 * tables have, or to events. Without a mapping nothing is detected.
 */
#include "intake/csv.h"
#include "intake/event.h"

#include <stdlib.h>

static int no_mapping(struct err *e)
{
    err_set(e, ERR_UNSUPPORTED, "the source has no mapping for JSON records");
    return err_hint(e, "give it one with \"fields\": see docs/formats.md");
}

static int never(struct sv head, struct sv name)
{
    return 0;
}

/* ---- claims ---------------------------------------------------------------------------------- */

struct records {
    struct csv_fill f;
    struct json_doc *doc;
    struct csv_column column; /* of the field at hand */
    bool too_many;
};

/* Milliseconds since 1970 as seconds. */
static struct sv seconds_of(struct arena *a, struct jv v, struct sv text)
{
    int64_t n;

    if (!json_i64(v, &n) || n < 100000000000)
        return text;
    return arena_printf(a, "%lld.%03lld", (long long)(n / 1000), (long long)(n % 1000));
}

static void add_column(struct records *r, const struct csv_column *c, struct sv text)
{
    size_t i = r->f.plan.width;

    if (i == CSV_COLUMNS) {
        r->too_many = true;
        return;
    }
    r->f.plan.column[i] = *c;
    r->f.row.field[i] = text;
    r->f.plan.width = i + 1;
}

static void take_field(void *ctx, struct jv v)
{
    struct records *r = ctx;
    struct csv_column c = r->column;
    struct sv text = json_scalar(r->f.job->a, v);

    if (!text.p)
        return;
    c.unix_time = json_type(v) != JSON_STRING || c.unix_time;
    if (c.unix_time)
        text = seconds_of(r->f.job->a, v, text);
    add_column(r, &c, sv_trim(text));
}

/* Members that the mapping does not name are kept with the claim, as unnamed columns of a table are. */
static void take_unnamed(struct records *r, struct jv root)
{
    const struct csv_column meta = {.role = ROLE_META};
    struct arena *a = r->f.job->a;
    struct json_it it = json_each(root);
    struct sv key, text;
    struct jv v;

    if (json_type(root) != JSON_OBJECT)
        return;
    while (json_next(&it, &key, &v)) {
        struct csv_column c = meta;
        struct sv pointer = arena_printf(a, "/%.*s", SV_ARG(key));
        if (json_type(json_get(r->f.mapping.fields, pointer)) != JSON_NONE || !(text = json_scalar(a, v)).n)
            continue;
        c.name = key;
        if (r->f.plan.width < CSV_COLUMNS)
            add_column(r, &c, text);
    }
}

static int fill_row(struct records *r, struct sv text, struct err *e)
{
    struct json_it it = json_each(r->f.mapping.fields);
    struct sv pointer;
    struct jv root, role;
    int rc = json_parse(r->doc, text, &root, e);

    if (rc < 0)
        return rc;
    r->f.plan.width = 0;
    r->too_many = false;
    while (json_next(&it, &pointer, &role)) {
        csv_column_by_pointer(pointer, json_str(role), &r->column);
        json_at(root, pointer, take_field, r);
    }
    if (r->too_many)
        return err_set(e, ERR_LIMIT, "the record has more than %u fields and elements", CSV_COLUMNS);
    take_unnamed(r, root);
    return OK;
}

static int on_record(void *ctx, struct sv text, uint64_t line, uint64_t offset, struct err *e)
{
    struct records *r = ctx;
    struct err why = ERR_NONE;
    struct claim_rec c;

    arena_reset(r->f.job->a);
    r->f.type = SV("");
    int rc = fill_row(r, text, &why);
    if (rc == OK)
        rc = csv_fill_read(&r->f, &c, &why);
    if (rc == OK)
        return csv_fill_give(&r->f, &c, e);
    if (error_ends_file(rc))
        return (*e = why).code;
    line += why.line > 1 ? why.line - 1 : 0;
    offset += why.offset == UINT64_MAX ? 0 : why.offset;
    struct sv type = r->f.type.n ? r->f.type : SV("record");
    return emit_rejected_record(r->f.job, type, line, offset, &why, text, SV(JSON_RETRY), e);
}

static int json_read(struct intake_job *job, struct err *e)
{
    struct records *r = calloc(1, sizeof(*r));

    if (!r)
        return err_set(e, ERR_MEMORY, "no memory to read records");
    r->doc = json_doc_new(INTAKE_MEMBER_BYTES);
    int rc = csv_fill_init(&r->f, job, e);
    if (rc == OK && !r->doc)
        rc = err_set(e, ERR_MEMORY, "no memory for a JSON parser");
    if (rc == OK && (json_type(r->f.mapping.fields) == JSON_NONE || r->f.mapping.events))
        rc = no_mapping(e);
    if (rc == OK)
        rc = json_records_at(job->in, r->f.mapping.records, on_record, r, e);
    csv_fill_clear(&r->f);
    json_doc_free(r->doc);
    free(r);
    return rc;
}

const struct intake_format fmt_json = {"json", "JSON records by the source's mapping", false, never,
                                       json_read};

/* ---- events ---------------------------------------------------------------------------------- */

#define FIELDS_MOST (CSV_COLUMNS / 2)

struct event_map {
    struct csv_mapping mapping;
    size_t n;
    struct event_field {
        struct sv pointer;
        struct sv name; /* where in the event: the pointer with dots */
        enum json_event_role role;
        enum take take;
    } field[FIELDS_MOST];
    char names[FIELDS_MOST][64];
};

bool json_event_role(struct sv text, enum json_event_role *ret, struct csv_want *want)
{
    static const char *const names[] = {
        [EVENT_TIME] = "time", [EVENT_SENSOR] = "sensor", [EVENT_CLASS] = "class",
        [EVENT_TYPE] = "type", [EVENT_COUNT] = "count",   [EVENT_VALUE] = "value"};

    *want = (struct csv_want){0};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (sv_eq(text, sv_c(names[i]))) {
            *ret = (enum json_event_role)i;
            return true;
        }
    }
    *ret = EVENT_VALUE;
    return sv_starts(text, SV("value:")) && csv_type(sv_sub(text, 6, SIZE_MAX), want);
}

static enum take take_of(struct csv_want want)
{
    if (want.address)
        return TAKE_IP;
    switch (want.kind) {
    case KIND_DOMAIN:
        return TAKE_NAME;
    case KIND_URL:
        return TAKE_URL;
    case KIND_EMAIL:
        return TAKE_EMAIL;
    case KIND_MD5:
    case KIND_SHA1:
    case KIND_SHA256:
    case KIND_SHA512:
        return TAKE_HASH;
    case KIND_JA3:
        return TAKE_JA3;
    case KIND_JA3S:
        return TAKE_JA3S;
    case KIND_JA4:
        return TAKE_JA4;
    case KIND_CERT_SHA1:
    case KIND_CERT_SHA256:
        return TAKE_CERT;
    case KIND_USER_AGENT:
        return TAKE_AGENT;
    default:
        return TAKE_ANY;
    }
}

static void add_field(struct event_map *m, struct sv pointer, struct sv role)
{
    struct event_field *f = &m->field[m->n];
    struct csv_want want;
    char *name = m->names[m->n];
    size_t n = 0;

    if (m->n == FIELDS_MOST || !json_event_role(role, &f->role, &want))
        return;
    for (size_t i = 1; i < pointer.n && n < sizeof(m->names[0]); i++)
        name[n++] = pointer.p[i] == '/' ? '.' : pointer.p[i];
    f->pointer = pointer;
    f->name = n ? sv_from(name, n) : SV("value");
    f->take = take_of(want);
    m->n++;
}

static int events_start(struct event_state *s, struct err *e)
{
    struct event_map *m = calloc(1, sizeof(*m));
    struct sv pointer;
    struct jv role;

    s->own = m;
    if (!m)
        return err_set(e, ERR_MEMORY, "no memory for a mapping");
    int rc = csv_mapping_read(s->opts->mapping, &m->mapping, e);
    if (rc < 0)
        return rc;
    if (!m->mapping.events)
        return no_mapping(e);
    struct json_it it = json_each(m->mapping.fields);
    while (json_next(&it, &pointer, &role))
        add_field(m, pointer, json_str(role));
    s->context = SV(JSON_RETRY);
    return OK;
}

static void events_stop(struct event_state *s)
{
    struct event_map *m = s->own;

    if (m)
        csv_mapping_clear(&m->mapping);
    free(m);
}

struct reading {
    struct event_state *s;
    struct observation *o;
    const struct event_field *field;
    struct err *why;
    int rc;
};

static struct sv known_class(struct sv text)
{
    static const char *const classes[] = {"flow", "dns",  "http", "tls", "alert", "login",
                                          "file", "smtp", "ssh",  "rdp", "other"};

    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
        if (sv_ieq(text, sv_c(classes[i])))
            return sv_c(classes[i]);
    return SV("other");
}

static int read_time(struct reading *r, struct jv v, struct sv text)
{
    struct time_opts opts = {.fallback = r->s->opts->zone, .allow_unix = true};

    if (json_type(v) == JSON_STRING)
        return event_time(r->s, text, &r->o->time, r->why);
    return time_parse(seconds_of(&r->s->a, v, text), &opts, &r->o->time, r->why);
}

static void take_member(void *ctx, struct jv v)
{
    struct reading *r = ctx;
    struct sv text = json_scalar(&r->s->a, v);
    uint64_t n;

    if (text.n == 0 || r->rc < 0)
        return;
    switch (r->field->role) {
    case EVENT_TIME:
        r->rc = r->o->time == USEC_NONE ? read_time(r, v, text) : OK;
        break;
    case EVENT_SENSOR:
        r->o->sensor = text.n <= 255 ? text : SV("");
        break;
    case EVENT_CLASS:
        r->o->class = known_class(text);
        break;
    case EVENT_TYPE:
        r->o->type = text.n <= 100 ? text : SV("event");
        break;
    case EVENT_COUNT:
        if (sv_u64(text, &n) && n > 0 && n <= UINT32_MAX)
            r->o->count = n;
        break;
    case EVENT_VALUE:
    default:
        event_take(r->s, r->o, r->field->take, r->field->name, text);
    }
}

static int read_event(struct event_state *s, struct sv text, struct observation *o, struct err *e)
{
    const struct event_map *m = s->own;
    struct reading r = {.s = s, .o = o, .why = e};
    struct jv root;
    int rc = json_parse_event(s->doc, text, &root, e);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < m->n && r.rc >= 0; i++) {
        r.field = &m->field[i];
        json_at(root, m->field[i].pointer, take_member, &r);
    }
    if (r.rc < 0)
        return r.rc;
    return o->time != USEC_NONE ? 1
                                : err_set(e, ERR_VALUE, "the record holds no time where the mapping says");
}

static const struct event_rule no_rules[] = {{0}};
const struct event_format json_events = {"json-events", no_rules, read_event, events_start, events_stop};

static int json_events_read(struct intake_job *job, struct err *e)
{
    struct csv_mapping m;
    int rc = csv_mapping_read(job->opts->mapping, &m, e);

    if (rc == OK && !m.events)
        rc = no_mapping(e);
    if (rc == OK)
        rc = event_read_at(job, &json_events, m.records, e);
    csv_mapping_clear(&m);
    return rc;
}

const struct intake_format fmt_json_events = {"json-events", "JSON events by the source's mapping", true,
                                              never, json_events_read};
