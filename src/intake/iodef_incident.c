/* One Incident: its head, its EventData and Systems, its Indicators. */
#include "intake/iodef.h"

/* What holds for a part of an incident, and which an inner part may say anew. */
struct frame {
    struct claim_rec own; /* times, confidence, marking */
    const char *role;     /* for values that stand in no System */
    bool bad;
};

static enum tlp strictest(enum tlp a, enum tlp b)
{
    return a > b ? a : b;
}

/* The frame of an inner element: the restriction can only become stricter. */
static int inner_frame(struct iodef *d, const xmlNode *n, const struct frame *outer, struct frame *ret,
                       struct err *e)
{
    struct claim_rec *c = &ret->own;
    usec start = USEC_NONE, end = USEC_NONE, detect = USEC_NONE;
    enum tlp tlp;
    int rc = iodef_time(d, n, "StartTime", &start, e);

    *ret = *outer;
    if (rc == OK)
        rc = iodef_time(d, n, "EndTime", &end, e);
    if (rc == OK)
        rc = iodef_time(d, n, "DetectTime", &detect, e);
    if (rc < 0)
        return rc;
    if (start != USEC_NONE || detect != USEC_NONE || end != USEC_NONE) {
        c->first = start != USEC_NONE ? start : detect != USEC_NONE ? detect : end;
        c->last = end != USEC_NONE ? end : detect != USEC_NONE && detect > c->first ? detect : c->first;
        if (c->last < c->first)
            return err_set(e, ERR_VALUE, "%s ends before it begins", (const char *)n->name);
    }
    if (iodef_restriction(d, n, &tlp)) {
        c->tlp = c->marked ? strictest(c->tlp, tlp) : tlp;
        c->marked = true;
    }
    int sure = iodef_confidence(d, n);
    c->confidence = sure >= 0 ? sure : c->confidence;
    return OK;
}

static struct report_part part_of(const struct frame *f)
{
    return (struct report_part){.role = f->role, .bad = f->bad, .own = &f->own};
}

/* ---- System ---------------------------------------------------------------------------------- */

static void add_word(struct iodef *d, struct labels *l, const xmlNode *n, const char *attr)
{
    struct sv word = iodef_attr(d, n, attr);

    if (word.n && !sv_eq(word, SV("ext-value")))
        labels_add(l, sv_sub(word, 0, 100));
}

/* Version 1 names a host by NodeName, version 2 by DomainData/Name. */
static int add_domains(struct iodef *d, const xmlNode *n, const struct report_part *p, struct err *e)
{
    int rc = OK;

    for (xmlNode *c = NULL; rc == OK && (c = iodef_child(d, n, "NodeName", c));)
        rc = report_value(&d->r, p, KIND_DOMAIN, iodef_text(d, c), e);
    for (xmlNode *c = NULL; rc == OK && (c = iodef_child(d, n, "DomainData", c));)
        rc = report_value(&d->r, p, KIND_DOMAIN, iodef_text(d, iodef_child(d, c, "Name", NULL)), e);
    return rc < 0 ? report_at(e, "%s", (const char *)n->name) : OK;
}

static int add_node(struct iodef *d, const xmlNode *n, const struct report_part *p, struct err *e)
{
    int rc = add_domains(d, n, p, e);

    for (xmlNode *c = NULL; rc == OK && (c = iodef_child(d, n, "Address", c));)
        rc = iodef_address(d, c, p, e);
    return rc;
}

/* A single port of the only service stands with the addresses; all are kept. */
static void read_services(struct iodef *d, const xmlNode *system, struct report_part *p)
{
    xmlNode *s = iodef_child(d, system, "Service", NULL);
    struct sv port = s ? iodef_text(d, iodef_child(d, s, "Port", NULL)) : SV("");
    struct sv list = s ? iodef_text(d, iodef_child(d, s, "Portlist", NULL)) : SV("");
    uint64_t number = 0;
    struct jw w;

    if (!s)
        return;
    if (!iodef_child(d, system, "Service", s) && sv_u64(port, &number) && number <= UINT16_MAX)
        p->port = (uint16_t)number;
    buf_reset(&d->r.text);
    jw_init(&w, &d->r.text);
    jw_obj(&w);
    if (port.n || list.n)
        jw_kstr(&w, "ports", sv_sub(port.n ? port : list, 0, 200));
    if (iodef_attr(d, s, "ip-protocol").n || iodef_attr(d, s, "ip_protocol").n)
        jw_kstr(&w, "protocol", sv_sub(iodef_attr(d, s, d->v2 ? "ip-protocol" : "ip_protocol"), 0, 40));
    jw_end_obj(&w);
    p->members = report_members(&d->r, buf_sv(&d->r.text));
}

/* RFC 7970 section 3.17, RFC 5070 section 3.16: only the source did something. */
static int read_system(struct iodef *d, const xmlNode *n, const struct frame *outer, struct err *e)
{
    static const char *const roles[] = {"source", "target", "intermediate", "sensor", "infrastructure"};
    struct sv category = iodef_attr(d, n, "category");
    struct frame f;
    struct labels words;
    int rc = inner_frame(d, n, outer, &f, e);

    for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
        if (sv_eq(category, sv_c(roles[i])))
            f.role = roles[i];
    /* Of an indicator also what the attacker only used is to be looked for. */
    if (category.n)
        f.bad =
            sv_eq(category, SV("source")) ||
            (outer->bad && (sv_eq(category, SV("infrastructure")) || sv_eq(category, SV("intermediate"))));
    if (!f.role)
        f.role = "involved";
    if (sv_eq(iodef_attr(d, n, "spoofed"), SV("yes")))
        f.bad = false;
    struct report_part p = part_of(&f);
    labels_init(&words, d->r.job->a);
    for (xmlNode *c = NULL; (c = iodef_child(d, n, "NodeRole", c));)
        add_word(d, &words, c, "category");
    p.labels = labels_done(&words);
    read_services(d, n, &p);
    for (xmlNode *c = NULL; rc == OK && (c = iodef_child(d, n, "Node", c));)
        rc = add_node(d, c, &p, e);
    for (xmlNode *s = NULL; rc == OK && (s = iodef_child(d, n, "Service", s));)
        for (xmlNode *c = NULL; rc == OK && (c = iodef_child(d, s, "EmailData", c));)
            rc = iodef_email(d, c, &p, e);
    return rc < 0 ? report_at(e, "System") : OK;
}

/* ---- records and bulk ------------------------------------------------------------------------ */

/* One observable of an Indicator, or one item of a Record: whichever classes it holds. */
static int read_observable(struct iodef *d, const xmlNode *n, const struct frame *f, struct err *e);

static int read_bulk(struct iodef *d, const xmlNode *n, const struct frame *f, struct err *e)
{
    struct sv type = iodef_attr(d, n, "type"), line;
    struct sv list = iodef_text(d, iodef_child(d, n, "BulkObservableList", NULL));
    struct report_part p = part_of(f);
    size_t number = 0;

    while (sv_line(&list, &line)) {
        line = sv_trim(line);
        number++;
        if (line.n == 0)
            continue;
        int rc = iodef_typed(d, &p, type, line, e);
        if (rc < 0)
            return report_at(e, "BulkObservableList line %zu", number);
    }
    return OK;
}

/* ---- EventData ------------------------------------------------------------------------------- */

static int read_event(struct iodef *d, const xmlNode *n, const struct frame *outer, struct err *e)
{
    struct frame f;
    int rc = inner_frame(d, n, outer, &f, e);

    for (xmlNode *flow = NULL; rc == OK && (flow = iodef_child(d, n, "Flow", flow));)
        for (xmlNode *s = NULL; rc == OK && (s = iodef_child(d, flow, "System", s));)
            rc = read_system(d, s, &f, e);
    for (xmlNode *r = NULL; rc == OK && (r = iodef_child(d, n, "Record", r));)
        for (xmlNode *c = NULL; rc == OK && (c = iodef_child(d, r, "RecordData", c));)
            rc = read_observable(d, c, &f, e);
    for (xmlNode *c = NULL; rc == OK && (c = iodef_child(d, n, "EventData", c));)
        rc = read_event(d, c, &f, e);
    return rc < 0 && !sv_starts(sv_c(e->text), SV("EventData")) ? report_at(e, "EventData") : rc;
}

/* ---- Indicator ------------------------------------------------------------------------------- */

static int read_observable(struct iodef *d, const xmlNode *n, const struct frame *f, struct err *e)
{
    struct report_part p = part_of(f);
    int rc = add_node(d, n, &p, e);

    for (xmlNode *c = n->children; rc == OK && c; c = c->next) {
        if (iodef_is(d, c, "System"))
            rc = read_system(d, c, f, e);
        else if (iodef_is(d, c, "EmailData"))
            rc = iodef_email(d, c, &p, e);
        else if (iodef_is(d, c, "FileData"))
            rc = iodef_files(d, c, &p, e);
        else if (iodef_is(d, c, "WindowsRegistryKeysModified"))
            rc = iodef_keys(d, c, &p, e);
        else if (iodef_is(d, c, "RecordData"))
            rc = read_observable(d, c, f, e);
        else if (iodef_is(d, c, "URL"))
            rc = report_value(&d->r, &p, KIND_URL, iodef_text(d, c), e);
        else if (iodef_is(d, c, "EventData"))
            rc = read_event(d, c, f, e);
        else if (iodef_is(d, c, "BulkObservable"))
            rc = read_bulk(d, c, f, e);
    }
    return rc;
}

/* RFC 7970 section 3.29.5: what stands under "not" is stated as absent. */
static int read_expression(struct iodef *d, const xmlNode *n, const struct frame *outer, struct err *e)
{
    struct frame f = *outer;
    int rc = OK;

    if (sv_eq(iodef_attr(d, n, "operator"), SV("not")))
        f.bad = false;
    for (xmlNode *c = n->children; rc == OK && c; c = c->next) {
        if (iodef_is(d, c, "IndicatorExpression"))
            rc = read_expression(d, c, &f, e);
        else if (iodef_is(d, c, "Observable"))
            rc = read_observable(d, c, &f, e);
    }
    return rc;
}

static int read_indicator(struct iodef *d, const xmlNode *n, const struct frame *outer, struct err *e)
{
    struct frame f;
    int rc = inner_frame(d, n, outer, &f, e);

    /* StartTime and EndTime of an indicator say when it holds. */
    if (rc == OK)
        rc = iodef_time(d, n, "StartTime", &f.own.valid_from, e);
    if (rc == OK)
        rc = iodef_time(d, n, "EndTime", &f.own.valid_until, e);
    if (rc == OK) {
        f.own.first = outer->own.first;
        f.own.last = outer->own.last;
        f.role = "indicator";
        f.bad = true;
        rc = read_expression(d, n, &f, e);
    }
    return rc < 0 ? report_at(e, "IndicatorData/Indicator") : OK;
}

/* ---- Incident -------------------------------------------------------------------------------- */

static struct sv join_lines(struct iodef *d, const xmlNode *n, const char *name)
{
    struct sv all = SV("");

    for (xmlNode *c = NULL; (c = iodef_child(d, n, name, c));) {
        struct sv text = iodef_text(d, c);
        if (text.n && all.n < INTAKE_NOTE_BYTES)
            all = all.n ? arena_printf(d->r.job->a, "%.*s\n%.*s", SV_ARG(all), SV_ARG(text)) : text;
    }
    return all;
}

static void read_words(struct iodef *d, const xmlNode *n)
{
    static const char *const impacts[] = {"Impact", "SystemImpact", "BusinessImpact"};

    for (xmlNode *a = NULL; (a = iodef_child(d, n, "Assessment", a));) {
        for (size_t i = 0; i < sizeof(impacts) / sizeof(*impacts); i++)
            for (xmlNode *c = NULL; (c = iodef_child(d, a, impacts[i], c));)
                add_word(d, &d->r.labels, c, "type");
        int sure = iodef_confidence(d, a);
        d->r.common.confidence = sure >= 0 ? sure : d->r.common.confidence;
    }
}

static void write_members(struct iodef *d, const char *purpose, struct sv name)
{
    struct jw w;

    buf_reset(&d->r.text);
    jw_init(&w, &d->r.text);
    jw_obj(&w);
    if (name.n)
        jw_kstr(&w, "reporter", sv_sub(name, 0, 200));
    if (*purpose)
        jw_kstr(&w, "purpose", sv_c(purpose));
    jw_end_obj(&w);
    d->r.members = report_members(&d->r, buf_sv(&d->r.text));
}

static int read_head(struct iodef *d, const xmlNode *n, struct sv *ret_type, struct err *e)
{
    static const char *const purposes[] = {"traceback", "mitigation", "reporting", "watch", "other"};
    struct claim_rec *c = &d->r.common;
    xmlNode *id = iodef_child(d, n, "IncidentID", NULL);
    struct sv purpose = iodef_attr(d, n, "purpose");
    const char *word = "";
    usec report;

    for (size_t i = 0; i < sizeof(purposes) / sizeof(*purposes); i++)
        if (sv_eq(purpose, sv_c(purposes[i])))
            word = purposes[i];
    if (*word)
        *ret_type = sv_c(word);
    c->ref = sv_sub(iodef_text(d, id), 0, 200);
    if (c->ref.n == 0)
        return err_set(e, ERR_VALUE, "IncidentID: is missing");
    write_members(d, word, iodef_attr(d, id, "name"));
    int rc = iodef_time(d, n, "ReportTime", &report, e);
    if (rc == OK)
        rc = iodef_time(d, n, "GenerationTime", &c->created, e);
    if (rc < 0)
        return rc;
    if (d->v2 ? c->created == USEC_NONE : report == USEC_NONE)
        return err_set(e, ERR_VALUE, "%s: is missing", d->v2 ? "GenerationTime" : "ReportTime");
    c->created = c->created != USEC_NONE ? c->created : report;
    c->note = claim_note(d->r.job->a, join_lines(d, n, "Description"));
    read_words(d, n);
    return OK;
}

int iodef_incident(struct iodef *d, const xmlNode *n, struct sv *ret_type, struct err *e)
{
    struct frame top = {.role = NULL}, f;
    struct claim_rec *c = &d->r.common;
    int rc = read_head(d, n, ret_type, e);

    if (rc < 0)
        return rc;
    claim_init(&top.own);
    top.own.confidence = c->confidence;
    /* Both RFCs: an Incident that says nothing is private. "default" is what was agreed: the source's. */
    if (iodef_attr(d, n, "restriction").n == 0) {
        top.own.marked = true;
        top.own.tlp = TLP_RED;
    }
    rc = inner_frame(d, n, &top, &f, e);
    if (rc < 0)
        return rc;
    if (f.own.first == USEC_NONE)
        f.own.first = f.own.last = c->created;
    c->first = f.own.first;
    c->last = f.own.last;
    c->marked = f.own.marked;
    c->tlp = f.own.tlp;
    f.role = "involved";
    for (xmlNode *x = NULL; rc == OK && (x = iodef_child(d, n, "EventData", x));)
        rc = read_event(d, x, &f, e);
    for (xmlNode *x = NULL; rc == OK && (x = iodef_child(d, n, "IndicatorData", x));)
        for (xmlNode *i = NULL; rc == OK && (i = iodef_child(d, x, "Indicator", i));)
            rc = read_indicator(d, i, &f, e);
    return rc;
}
