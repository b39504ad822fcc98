/*
 * IDEA, the Intrusion Detection Extensible Alert of CESNET (Format "IDEA0"): one message is one incident, as
 * a detector saw it. What its Source names is stated as bad where the category says that somebody did
 * something; its Target is the other side and context.
 */
#include "intake/json_span.h"
#include "intake/report.h"

struct idea {
    struct report r;
    struct json_doc *doc;
    bool bad; /* the categories say that the sources are bad */
};

/* ---- JSON of IDEA: where a list is expected, writers also put its only element ------------------ */

struct each {
    struct json_it it;
    struct jv only;
    size_t n;
    bool list;
};

static struct each each_of(struct jv v)
{
    bool list = json_type(v) == JSON_ARRAY;

    return (struct each){.it = json_each(v), .only = list ? (struct jv){0} : v, .list = list};
}

static bool next_of(struct each *x, struct jv *ret)
{
    struct sv key;

    if (x->list)
        return json_next(&x->it, &key, ret) && ++x->n;
    *ret = x->only;
    return x->n++ == 0 && json_type(x->only) != JSON_NONE && json_type(x->only) != JSON_NULL;
}

/* ---- head -------------------------------------------------------------------------------------- */

static int read_time(struct idea *d, struct jv message, const char *key, usec *ret, struct err *e)
{
    struct jv v = json_get(message, sv_c(key));

    *ret = USEC_NONE;
    if (json_type(v) == JSON_NONE || json_type(v) == JSON_NULL)
        return OK;
    if (json_type(v) != JSON_STRING)
        return report_at((err_set(e, ERR_VALUE, "a time is text here"), e), "/%s", key);
    int rc = time_parse(json_str(v), &(struct time_opts){.fallback = d->r.job->opts->zone}, ret, e);
    return rc < 0 ? report_at(e, "/%s", key) : OK;
}

static usec first_of(usec a, usec b, usec c)
{
    return a != USEC_NONE ? a : b != USEC_NONE ? b : c;
}

static int read_times(struct idea *d, struct jv m, struct err *e)
{
    usec detect = USEC_NONE, event = USEC_NONE, cease = USEC_NONE, from = USEC_NONE, to = USEC_NONE;
    struct claim_rec *c = &d->r.common;
    int rc = read_time(d, m, "DetectTime", &detect, e);

    if (rc == OK && detect == USEC_NONE)
        return err_set(e, ERR_VALUE, "the message has no DetectTime");
    if (rc == OK)
        rc = read_time(d, m, "EventTime", &event, e);
    if (rc == OK)
        rc = read_time(d, m, "CeaseTime", &cease, e);
    if (rc == OK)
        rc = read_time(d, m, "WinStartTime", &from, e);
    if (rc == OK)
        rc = read_time(d, m, "WinEndTime", &to, e);
    if (rc == OK)
        rc = read_time(d, m, "CreateTime", &c->created, e);
    if (rc < 0)
        return rc;
    c->first = first_of(event, from, detect);
    c->last = first_of(cease, to, first_of(event, detect, USEC_NONE));
    return OK;
}

/*
 * Top-level words of the category list. Vulnerable names a host that could be attacked, Anomaly and Other say
 * nothing bad, and what bears Test is a drill.
 */
static bool is_bad(struct sv category, bool *ret_test)
{
    static const char *const bad[] = {"Abusive",   "Malware",      "Recon",       "Attempt",
                                      "Intrusion", "Availability", "Information", "Fraud"};
    struct sv top;

    if (!sv_cut(&category, '.', &top))
        return false;
    *ret_test |= sv_ieq(top, SV("Test"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (sv_ieq(top, sv_c(bad[i])))
            return true;
    return false;
}

static int read_categories(struct idea *d, struct jv m, struct sv *ret_first, struct err *e)
{
    struct each x = each_of(json_get(m, SV("Category")));
    bool test = false;
    struct jv v;

    d->bad = false;
    while (next_of(&x, &v)) {
        struct sv word = sv_trim(json_str(v));
        if (word.n == 0 || word.n > 100)
            return err_set(e, ERR_VALUE, "/Category/%zu: a category is a word", x.n - 1);
        if (ret_first->n == 0)
            *ret_first = word;
        d->bad |= is_bad(word, &test);
        labels_add(&d->r.labels, word);
    }
    d->bad &= !test;
    return ret_first->n ? OK : err_set(e, ERR_VALUE, "the message has no Category");
}

static void write_count(struct jw *w, struct jv m, const char *key, const char *name)
{
    int64_t n;

    if (json_i64(json_get(m, sv_c(key)), &n))
        jw_kint(w, name, n);
}

/* Name of the detector, counts: in every claim's meta. */
static void write_members(struct idea *d, struct jv m)
{
    struct each nodes = each_of(json_get(m, SV("Node")));
    struct jv node;
    struct jw w;

    buf_reset(&d->r.text);
    jw_init(&w, &d->r.text);
    jw_obj(&w);
    if (next_of(&nodes, &node) && json_get_str(node, SV("Name")).n)
        jw_kstr(&w, "detector", sv_sub(json_get_str(node, SV("Name")), 0, 200));
    write_count(&w, m, "ConnCount", "connections");
    write_count(&w, m, "FlowCount", "flows");
    write_count(&w, m, "PacketCount", "packets");
    write_count(&w, m, "ByteCount", "bytes");
    jw_end_obj(&w);
    d->r.members = report_members(&d->r, buf_sv(&d->r.text));
}

static int read_head(struct idea *d, struct jv m, struct sv *ret_type, struct err *e)
{
    struct claim_rec *c = &d->r.common;
    struct arena *a = d->r.job->a;
    double sure;

    if (!sv_eq(json_get_str(m, SV("Format")), SV("IDEA0")))
        return err_set(e, ERR_VALUE, "Format is not \"IDEA0\"");
    c->ref = sv_trim(json_get_str(m, SV("ID")));
    if (c->ref.n == 0 || c->ref.n > 200)
        return err_set(e, ERR_VALUE, "the message has no ID");
    int rc = read_categories(d, m, ret_type, e);
    if (rc == OK)
        rc = read_times(d, m, e);
    if (rc < 0)
        return rc;
    struct jv v = json_get(m, SV("Confidence"));
    if (json_f64(v, &sure)) {
        if (sure < 0 || sure > 1)
            return err_set(e, ERR_VALUE, "/Confidence: a confidence is between 0 and 1");
        c->confidence = (int)(sure * 100 + 0.5);
    }
    struct sv text = sv_trim(json_get_str(m, SV("Description"))), more = sv_trim(json_get_str(m, SV("Note")));
    c->note = claim_note(a, text.n && more.n ? arena_printf(a, "%.*s\n%.*s", SV_ARG(text), SV_ARG(more))
                            : text.n         ? text
                                             : more);
    write_members(d, m);
    return OK;
}

/* ---- Source and Target ------------------------------------------------------------------------- */

enum how { AS_ADDRESS, AS_HOST, AS_MAC, AS_URL, AS_EMAIL, AS_NUMBER };
static const struct {
    const char *key;
    enum how how;
} fields[] = {{"IP4", AS_ADDRESS}, {"IP6", AS_ADDRESS}, {"Hostname", AS_HOST}, {"MAC", AS_MAC},
              {"URL", AS_URL},     {"Email", AS_EMAIL}, {"ASN", AS_NUMBER}};

static int read_value(struct idea *d, const struct report_part *p, enum how how, struct jv v, struct err *e)
{
    struct report_part context = *p;
    struct sv text = sv_trim(json_str(v));
    uint64_t number;

    context.bad = false;
    switch (how) {
    case AS_NUMBER:
        /* the network a source is in is no statement about the network */
        if (!json_u64(v, &number) || number > UINT32_MAX)
            return err_set(e, ERR_VALUE, "this is no AS number");
        return report_value(&d->r, &context, KIND_AS,
                            arena_printf(d->r.job->a, "AS%llu", (unsigned long long)number), e);
    case AS_ADDRESS:
        return report_address(&d->r, p, text, e);
    case AS_HOST:
        return report_value(&d->r, p, KIND_NONE, text, e);
    case AS_MAC:
        return report_value(&d->r, p, KIND_MAC, text, e);
    case AS_URL:
        return report_value(&d->r, p, KIND_URL, text, e);
    case AS_EMAIL:
    default:
        return report_value(&d->r, p, KIND_EMAIL, text, e);
    }
}

static bool is_true(struct jv object, const char *key)
{
    bool flag = false;

    return json_bool(json_get(object, sv_c(key)), &flag) && flag;
}

/* Types of a side (IDEA "SourceTargetTag") that make its addresses no statement about their owner. */
static bool is_backscatter(struct jv side)
{
    struct each x = each_of(json_get(side, SV("Type")));
    struct jv v;

    while (next_of(&x, &v))
        if (sv_ieq(json_str(v), SV("Backscatter")))
            return true;
    return false;
}

static void write_list(struct jw *w, const char *name, struct jv list)
{
    struct each x = each_of(list);
    struct jv v;

    if (json_type(list) == JSON_NONE || json_type(list) == JSON_NULL)
        return;
    jw_key(w, name);
    jw_arr(w);
    while (next_of(&x, &v) && x.n <= 16) {
        int64_t n;
        if (json_i64(v, &n))
            jw_int(w, n);
        else if (json_str(v).p)
            jw_str(w, sv_sub(json_str(v), 0, 40));
    }
    jw_end_arr(w);
}

static struct sv words_of(struct arena *a, struct jv list)
{
    struct each x = each_of(list);
    struct labels labels;
    struct jv v;

    labels_init(&labels, a);
    while (next_of(&x, &v))
        labels_add(&labels, json_str(v));
    return labels_done(&labels);
}

static int read_side(struct idea *d, struct jv side, bool source, size_t number, struct err *e)
{
    const char *name = source ? "Source" : "Target";
    struct report_part p = {.role = source ? "source" : "target"};
    struct each ports = each_of(json_get(side, SV("Port")));
    int64_t port = 0;
    struct jv v;
    struct jw w;

    if (json_type(side) != JSON_OBJECT)
        return err_set(e, ERR_VALUE, "/%s/%zu: not an object", name, number);
    p.bad = source && d->bad && !is_true(side, "Spoofed") && !is_true(side, "Anonymised") &&
            !is_backscatter(side);
    p.labels = words_of(d->r.job->a, json_get(side, SV("Type")));
    if (next_of(&ports, &v) && json_i64(v, &port) && port > 0 && port <= UINT16_MAX &&
        json_count(json_get(side, SV("Port"))) <= 1)
        p.port = (uint16_t)port;
    buf_reset(&d->r.text);
    jw_init(&w, &d->r.text);
    jw_obj(&w);
    write_list(&w, "proto", json_get(side, SV("Proto")));
    write_list(&w, "ports", json_get(side, SV("Port")));
    jw_end_obj(&w);
    p.members = report_members(&d->r, buf_sv(&d->r.text));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct each x = each_of(json_get(side, sv_c(fields[i].key)));
        while (next_of(&x, &v)) {
            int rc = read_value(d, &p, fields[i].how, v, e);
            if (rc < 0)
                return report_at(e, "/%s/%zu/%s/%zu", name, number, fields[i].key, x.n - 1);
        }
    }
    return OK;
}

/* ---- Attach ------------------------------------------------------------------------------------ */

/* "sha1:0c4a...", also with the digits alone. */
static int read_hash(struct idea *d, const struct report_part *p, struct sv text, struct err *e)
{
    static const struct {
        const char *name;
        enum kind kind;
    } names[] = {{"md5", KIND_MD5},       {"sha1", KIND_SHA1},     {"sha-1", KIND_SHA1},
                 {"sha224", KIND_SHA224}, {"sha256", KIND_SHA256}, {"sha-256", KIND_SHA256},
                 {"sha384", KIND_SHA384}, {"sha512", KIND_SHA512}, {"ssdeep", KIND_SSDEEP}};
    size_t colon = sv_chr(text, ':');
    struct sv name = colon == SIZE_MAX ? SV("") : sv_sub(text, 0, colon);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (sv_ieq(name, sv_c(names[i].name)))
            return report_value(&d->r, p, names[i].kind, sv_sub(text, colon + 1, SIZE_MAX), e);
    return name.n ? report_text(&d->r, p, text, e) : report_value(&d->r, p, KIND_NONE, text, e);
}

static bool is_malicious(struct sv types)
{
    static const char *const words[] = {"malware", "exploit", "phishing"};
    struct sv word;

    while (sv_cut(&types, ' ', &word))
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (sv_eq(word, sv_c(words[i])))
                return true;
    return false;
}

static int read_attachment(struct idea *d, struct jv attach, size_t number, bool malware, struct err *e)
{
    struct report_part p = {.role = "attachment"}, context;
    struct each x = each_of(json_get(attach, SV("Hash")));
    int rc = OK;
    struct jv v;

    p.labels = words_of(d->r.job->a, json_get(attach, SV("Type")));
    context = p;
    p.bad = d->bad && (malware || is_malicious(p.labels));
    while (rc == OK && next_of(&x, &v))
        if ((rc = read_hash(d, &p, sv_trim(json_str(v)), e)) < 0)
            report_at(e, "/Attach/%zu/Hash/%zu", number, x.n - 1);
    x = each_of(json_get(attach, SV("FileName")));
    while (rc == OK && next_of(&x, &v))
        if (sv_trim(json_str(v)).n && (rc = report_value(&d->r, &context, KIND_FILENAME, json_str(v), e)) < 0)
            report_at(e, "/Attach/%zu/FileName/%zu", number, x.n - 1);
    x = each_of(json_get(attach, SV("ExternalURI")));
    while (rc == OK && next_of(&x, &v))
        if ((rc = report_value(&d->r, &context, KIND_URL, json_str(v), e)) < 0)
            report_at(e, "/Attach/%zu/ExternalURI/%zu", number, x.n - 1);
    return rc;
}

/* ---- messages ---------------------------------------------------------------------------------- */

static int read_parts(struct idea *d, struct jv m, struct sv type, struct err *e)
{
    bool malware = sv_istarts(type, SV("Malware"));
    struct each x = each_of(json_get(m, SV("Source")));
    int rc = OK;
    struct jv v;

    while (rc == OK && next_of(&x, &v))
        rc = read_side(d, v, true, x.n - 1, e);
    x = each_of(json_get(m, SV("Target")));
    while (rc == OK && next_of(&x, &v))
        rc = read_side(d, v, false, x.n - 1, e);
    x = each_of(json_get(m, SV("Attach")));
    while (rc == OK && next_of(&x, &v))
        rc = read_attachment(d, v, x.n - 1, malware, e);
    return rc;
}

static int read_message(struct idea *d, struct sv text, struct sv *ret_type, struct err *e)
{
    struct jv m;
    int rc = json_parse(d->doc, text, &m, e);

    if (rc < 0)
        return rc;
    if (json_type(m) != JSON_OBJECT)
        return err_set(e, ERR_VALUE, "a message is a JSON object");
    rc = read_head(d, m, ret_type, e);
    return rc < 0 ? rc : read_parts(d, m, *ret_type, e);
}

static int on_message(void *ctx, struct sv text, uint64_t line, uint64_t offset, struct err *e)
{
    struct idea *d = ctx;
    struct err why = ERR_NONE;
    struct sv type = SV("");

    report_begin(&d->r);
    int rc = read_message(d, text, &type, &why);
    if (rc == OK && (rc = report_emit(&d->r, "idea", type, &why, e)) < 0)
        return rc;
    if (why.code == OK)
        return OK;
    if (error_ends_file(why.code))
        return (*e = why).code;
    line += why.line > 1 ? why.line - 1 : 0;
    offset += why.offset == UINT64_MAX ? 0 : why.offset;
    return emit_rejected_record(d->r.job, type.n ? type : SV("message"), line, offset, &why, text, SV(""), e);
}

static int idea_read(struct intake_job *job, struct err *e)
{
    struct idea d = {.doc = json_doc_new(INTAKE_MEMBER_BYTES)};

    report_init(&d.r, job);
    int rc = d.doc ? json_records(job->in, on_message, &d, e)
                   : err_set(e, ERR_MEMORY, "no memory for a JSON parser");
    json_doc_free(d.doc);
    report_clear(&d.r);
    return rc;
}

static int idea_detect(struct sv head, struct sv name)
{
    struct span_it it;
    struct sv key, first = head;

    if (!span_open(&it, head))
        return 0;
    if (it.close == ']' && !span_next(&it, &key, &first))
        return 0;
    if (sv_eq(span_str(span_get(first, SV("Format"))), SV("IDEA0")))
        return 97;
    return span_get(first, SV("DetectTime")).p && span_first(span_get(first, SV("Category"))) == '[' ? 80 : 0;
}

const struct intake_format fmt_idea = {
    .name = "idea",
    .text = "IDEA0 messages of detectors: one, an array, or JSON lines",
    .detect = idea_detect,
    .read = idea_read,
};
