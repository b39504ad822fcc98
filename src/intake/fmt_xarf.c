/*
 * X-ARF abuse reports: one report is one record, an e-mail or JSON. It is checked against the rules of its
 * version first; what is taken out of it then is known to be there in the right form.
 */
#include "intake/whole.h"
#include "intake/xarf.h"

static bool is_bad(const struct xarf *x)
{
    return x->kind && x->kind->how & XH_BAD;
}

/* ---- what all values share ------------------------------------------------------------------- */

static int read_time(struct xarf *x, struct jv v, const char *key, usec *ret, struct err *e)
{
    struct sv text = json_get_str(v, sv_c(key));

    if (!text.p)
        return OK;
    int rc = time_parse(text, &(struct time_opts){.fallback = x->r.job->opts->zone}, ret, e);
    return rc < 0 ? report_at(e, "%s", key) : OK;
}

static void add_labels(struct xarf *x, struct jv v, const char *const *keys)
{
    for (; *keys; keys++)
        labels_add(&x->r.labels, sv_sub(json_get_str(v, sv_c(*keys)), 0, 100));
}

static struct sv text_of(struct jv v, const char *key)
{
    struct sv s = json_get_str(v, sv_c(key));

    return s.p ? s : SV("");
}

static void write_text(struct jw *w, const char *name, struct sv text)
{
    if (text.n)
        jw_kstr(w, name, sv_sub(text, 0, 200));
}

/* Who reported, and the ports it was seen on. */
static void write_members(struct xarf *x, struct sv reporter, struct jv ports)
{
    struct jw w;
    int64_t port;

    buf_reset(&x->r.text);
    jw_init(&w, &x->r.text);
    jw_obj(&w);
    write_text(&w, "reporter", reporter);
    if (json_i64(ports, &port))
        jw_kint(&w, "destination_port", port);
    jw_end_obj(&w);
    x->r.members = report_members(&x->r, buf_sv(&x->r.text));
}

static uint16_t port_of(struct jv v, const char *key)
{
    int64_t n = 0;

    return json_i64(json_get(v, sv_c(key)), &n) && n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

/* A value of the report under a key, when it is there. */
static int add(struct xarf *x, const struct report_part *p, enum kind kind, struct jv v, const char *key,
               struct err *e)
{
    struct sv text = sv_trim(json_get_str(v, sv_c(key)));

    if (text.n == 0)
        return OK;
    int rc = kind == KIND_IPV4 ? report_address(&x->r, p, text, e) : report_value(&x->r, p, kind, text, e);
    return rc < 0 ? report_at(e, "%s", key) : OK;
}

static int add_as(struct xarf *x, struct jv v, const char *key, struct err *e)
{
    const struct report_part p = {.role = "network"};
    int64_t n;

    if (!json_i64(json_get(v, sv_c(key)), &n) || n <= 0)
        return OK;
    return report_value(&x->r, &p, KIND_AS, arena_printf(x->r.job->a, "AS%lld", (long long)n), e);
}

/* A hash by the name of its algorithm; one that is no observable of ours is kept as text. */
static int add_hash(struct xarf *x, const struct report_part *p, struct sv name, struct sv value,
                    struct err *e)
{
    static const struct {
        const char *name;
        enum kind kind;
    } kinds[] = {{"md5", KIND_MD5},
                 {"sha1", KIND_SHA1},
                 {"sha256", KIND_SHA256},
                 {"sha512", KIND_SHA512},
                 {"ssdeep", KIND_SSDEEP}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (sv_ieq(name, sv_c(kinds[i].name)) && report_value(&x->r, p, kinds[i].kind, value, e) == OK)
            return OK;
    return report_text(&x->r, p, value, e);
}

/* ---- versions 1 to 3 ------------------------------------------------------------------------- */

static int add_sides(struct xarf *x, struct jv v, struct err *e)
{
    bool bad = is_bad(x), hosted = x->kind->how & XH_HOSTED && text_of(v, "SourceUrl").n;
    const struct report_part url = {.role = "source", .bad = bad};
    const struct report_part source = {
        .role = hosted ? "host" : "source", .bad = bad && !hosted, .port = port_of(v, "SourcePort")};
    const struct report_part target = {.role = "target", .port = port_of(v, "DestinationPort")};
    const struct report_part other = {.role = "involved"};
    const struct report_part looked_up = {.role = "looked-up", .bad = true};
    int rc = add(x, &url, KIND_URL, v, "SourceUrl", e);

    if (rc == OK)
        rc = add(x, &source, KIND_IPV4, v, "SourceIp", e);
    if (rc == OK)
        rc = add(x, &url, KIND_IPV4, v, "AttackerIp", e);
    if (rc == OK)
        rc = add(x, &target, KIND_IPV4, v, "DestinationIp", e);
    if (rc == OK && x->kind->groups & XG(XG_RPZ))
        rc = add(x, &looked_up, KIND_DOMAIN, v, "RpzDomain", e);
    if (rc == OK && x->kind->groups & XG(XG_EMAIL))
        rc = add(x, &other, KIND_EMAIL, v, "SmtpMailFromAddress", e);
    if (rc == OK && x->kind->groups & XG(XG_EMAIL))
        rc = add(x, &target, KIND_EMAIL, v, "SmtpRcptToAddress", e);
    if (rc == OK && x->kind->groups & XG(XG_CVE))
        rc = add(x, &other, KIND_VULNERABILITY, v, "CVE", e);
    return rc == OK ? add_as(x, v, "ASN", e) : rc;
}

static int add_account(struct xarf *x, struct jv v, struct err *e)
{
    struct jv account = json_get(v, SV("Account"));
    const struct report_part p = {.role = "account"};
    struct sv name = sv_trim(text_of(account, "AccountIdentifier"));
    int rc = OK;

    if (!(x->kind->how & XH_ACCOUNT))
        return OK;
    if (name.n)
        rc = report_text(&x->r, &p, arena_printf(x->r.job->a, "account: %.*s", SV_ARG(name)), e);
    return rc < 0 ? rc : add(x, &p, KIND_EMAIL, account, "AccountEmail", e);
}

/* Files by their hash: bad in reports about malware. */
static int add_files(struct xarf *x, struct jv v, struct err *e)
{
    bool malware = x->kind->groups & XG(XG_MALWARE);
    const struct report_part file = {.role = "file", .bad = malware};
    struct json_it it = json_each(json_get(v, SV("Samples")));
    struct jv sample = v, hash;
    struct sv key;
    int rc = OK;

    do {
        hash = json_get(sample, SV("FileHash"));
        if (json_type(hash) == JSON_OBJECT)
            rc = add_hash(x, &file, text_of(hash, "HashAlgorithm"), text_of(hash, "HashValue"), e);
        else if (json_str(hash).n)
            rc = add_hash(x, &file, SV(""), json_str(hash), e);
    } while (rc == OK && json_next(&it, &key, &sample));
    return rc;
}

static int read_report(struct xarf *x, struct jv root, struct err *e)
{
    static const char *const labels[] = {"ReportClass", "ReportType", "ReportSubType",
                                         "MalwareName", "BotnetName", NULL};
    struct jv v = json_get(root, SV("Report"));
    struct claim_rec *c = &x->r.common;
    bool disclosed = true;
    int rc = read_time(x, v, "FirstSeen", &c->first, e);

    if (rc == OK)
        rc = read_time(x, v, "Date", &c->last, e);
    if (c->first == USEC_NONE)
        c->first = c->last;
    c->ref = sv_sub(text_of(v, "ReporterCaseID"), 0, 200);
    c->note = claim_note(x->r.job->a, sv_trim(text_of(v, "ReporterNotes")));
    add_labels(x, v, labels);
    if (json_bool(json_get(root, SV("Disclosure")), &disclosed) && !disclosed) {
        c->marked = true;
        c->tlp = TLP_AMBER_STRICT;
    }
    write_members(x, text_of(json_get(root, SV("ReporterInfo")), "ReporterOrg"),
                  json_get(v, SV("DestinationPort")));
    if (rc == OK)
        rc = add_sides(x, v, e);
    if (rc == OK)
        rc = add_account(x, v, e);
    return rc == OK ? add_files(x, v, e) : rc;
}

/* ---- version 4 ------------------------------------------------------------------------------- */

static int add_malware(struct xarf *x, struct jv v, struct err *e)
{
    const struct report_part bad = {.role = "file", .bad = true}, server = {.role = "c2", .bad = true};
    struct sv hash = text_of(v, "file_hash"), key, text;
    struct json_it it = json_each(json_get(v, SV("file_hashes")));
    struct jv element;
    int rc = OK;

    if (sv_eq(text_of(v, "type"), SV("malware"))) {
        size_t colon = sv_chr(hash, ':');
        if (colon != SIZE_MAX)
            rc = add_hash(x, &bad, sv_sub(hash, 0, colon), sv_sub(hash, colon + 1, SIZE_MAX), e);
        while (rc == OK && json_next(&it, &key, &element))
            if (json_str(element).n)
                rc = add_hash(x, &bad, key, json_str(element), e);
        it = json_each(json_get(v, SV("c2_servers")));
        while (rc == OK && json_next(&it, &key, &element))
            rc = add(x, &server, KIND_NONE, element, "address", e);
    }
    text = text_of(v, "c2_server");
    return rc == OK && text.n ? add(x, &server, KIND_NONE, v, "c2_server", e) : rc;
}

static int read_v4(struct xarf *x, struct jv v, struct err *e)
{
    static const char *const labels[] = {"category", "type", "malware_family", "threat_type", NULL};
    struct claim_rec *c = &x->r.common;
    struct sv source = sv_trim(text_of(v, "source_identifier")), key;
    bool bad = is_bad(x), hosted = x->kind->how & XH_HOSTED && xarf_is_ip(source);
    const struct report_part from = {
        .role = hosted ? "host" : "source", .bad = bad && !hosted, .port = port_of(v, "source_port")};
    const struct report_part url = {.role = "source", .bad = bad}, other = {.role = "involved"};
    const struct report_part target = {.role = "target", .port = port_of(v, "destination_port")};
    struct json_it it = json_each(json_get(v, SV("tags")));
    struct jv tag;
    double sure;
    usec at = USEC_NONE;
    int rc = read_time(x, v, "timestamp", &at, e);

    if (rc == OK)
        rc = read_time(x, v, "first_seen", &c->first, e);
    if (rc == OK)
        rc = read_time(x, v, "last_seen", &c->last, e);
    c->created = at;
    c->first = c->first == USEC_NONE ? at : c->first;
    c->last = c->last != USEC_NONE ? c->last : c->first > at ? c->first : at;
    c->ref = text_of(v, "report_id");
    c->note = claim_note(x->r.job->a, sv_trim(text_of(v, "description")));
    if (json_f64(json_get(v, SV("confidence")), &sure))
        c->confidence = (int)(sure * 100 + 0.5);
    add_labels(x, v, labels);
    while (json_next(&it, &key, &tag))
        labels_add(&x->r.labels, json_str(tag));
    write_members(x, text_of(json_get(v, SV("reporter")), "org"), json_get(v, SV("destination_port")));
    if (rc == OK)
        rc = add(x, &url, KIND_URL, v, "url", e);
    if (rc == OK)
        rc = add(x, &url, KIND_URL, v, "infringing_url", e);
    /* an account, a telephone number: kept as it stands */
    if (rc == OK && report_value(&x->r, &from, KIND_NONE, source, NULL) < 0)
        rc = report_text(&x->r, &from, source, e);
    if (rc == OK)
        rc = add(x, &target, KIND_IPV4, v, "destination_ip", e);
    if (rc == OK)
        rc = add(x, &other, KIND_EMAIL, v, "smtp_from", e);
    if (rc == OK)
        rc = add(x, &target, KIND_EMAIL, v, "smtp_to", e);
    if (rc == OK)
        rc = add(x, &other, KIND_VULNERABILITY, v, "cve_id", e);
    return rc == OK ? add_malware(x, v, e) : rc;
}

/* ---- e-mail ---------------------------------------------------------------------------------- */

static int add_mail_source(struct xarf *x, struct jv v, bool bad, struct err *e)
{
    static const struct {
        const char *types;
        enum kind kind;
    } kinds[] = {{"ip-address|ipv4|ipv6|ip", KIND_IPV4},
                 {"url|uri", KIND_URL},
                 {"domain|hostname", KIND_DOMAIN},
                 {"email|e-mail", KIND_EMAIL},
                 {"md5", KIND_MD5},
                 {"sha1", KIND_SHA1},
                 {"sha256", KIND_SHA256}};
    const struct report_part p = {.role = "source", .bad = bad};
    struct sv type = text_of(v, "Source-Type");

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (xarf_is_word(type, kinds[i].types))
            return add(x, &p, kinds[i].kind, v, "Source", e);
    return err_set(e, ERR_VALUE, "/Source-Type: is not known");
}

static int read_mail(struct xarf *x, struct jv v, struct err *e)
{
    static const char *const labels[] = {"Category", "Report-Type", "Service", NULL};
    struct claim_rec *c = &x->r.common;
    struct sv tlp = sv_trim(text_of(v, "TLP")), id = text_of(v, "Report-ID");
    int64_t number;
    int rc = read_time(x, v, "Date", &c->last, e);

    c->first = c->last;
    c->ref = sv_sub(id, 0, 200);
    if (json_i64(json_get(v, SV("Report-ID")), &number))
        c->ref = arena_printf(x->r.job->a, "%lld", (long long)number);
    c->note = claim_note(x->r.job->a, text_of(v, "Report-Type"));
    add_labels(x, v, labels);
    if (tlp.n) {
        c->marked = true;
        if (!tlp_parse(tlp, &c->tlp))
            c->tlp = TLP_UNKNOWN;
    }
    write_members(x, text_of(v, "Reported-From"), json_get(v, SV("Port")));
    struct sv category = text_of(v, "Category");
    bool bad =
        sv_ieq(category, SV("abuse")) || sv_ieq(category, SV("fraud")) || sv_ieq(category, SV("malware"));
    return rc == OK ? add_mail_source(x, v, bad, e) : rc;
}

/* ---- records --------------------------------------------------------------------------------- */

static int find_version(struct xarf *x, struct jv root, bool yaml, struct err *e)
{
    struct sv version = json_get_str(root, SV("Version"));

    x->version = 0;
    if (yaml)
        x->version = XARF_MAIL;
    else if (json_type(json_get(root, SV("xarf_version"))) != JSON_NONE)
        x->version = XARF_4;
    else if (version.n == 1 && version.p[0] >= '1' && version.p[0] <= '3')
        x->version = (unsigned)XARF_1 << (version.p[0] - '1');
    return x->version ? OK : err_set(e, ERR_VALUE, "/Version: must be \"1\", \"2\" or \"3\"");
}

static struct sv type_of(struct xarf *x, struct jv root)
{
    struct sv type = x->version == XARF_MAIL ? json_get_str(root, SV("Report-Type"))
                     : x->version == XARF_4  ? json_get_str(root, SV("type"))
                                             : json_get_str(json_get(root, SV("Report")), SV("ReportType"));

    return type.n && type.n <= 100 ? type : SV("report");
}

static int read_json(struct xarf *x, struct sv text, bool yaml, struct sv *ret_type, struct err *e)
{
    struct jv root;
    int rc = json_parse(x->doc, text, &root, e);

    if (rc < 0)
        return rc;
    if (json_type(root) != JSON_OBJECT)
        return err_set(e, ERR_VALUE, "a report is a JSON object");
    rc = find_version(x, root, yaml, e);
    if (rc < 0)
        return rc;
    *ret_type = type_of(x, root);
    rc = xarf_check(x, root, e);
    if (rc < 0)
        return rc;
    if (x->version == XARF_MAIL)
        return read_mail(x, root, e);
    return x->version == XARF_4 ? read_v4(x, root, e) : read_report(x, root, e);
}

static int give(struct xarf *x, struct sv json, bool yaml, struct sv text, uint64_t line, uint64_t offset,
                struct err *e)
{
    struct err why = ERR_NONE;
    struct sv type = SV("report");

    report_begin(&x->r);
    int rc = read_json(x, json, yaml, &type, &why);
    if (rc == OK && (rc = report_emit(&x->r, "xarf", type, &why, e)) < 0)
        return rc;
    if (why.code == OK)
        return OK;
    if (error_ends_file(why.code))
        return (*e = why).code;
    line += json.p == text.p && why.line > 1 ? why.line - 1 : 0;
    offset += json.p == text.p && why.offset != UINT64_MAX ? why.offset : 0;
    return emit_rejected_record(x->r.job, type, line, offset, &why, text, SV(""), e);
}

static int on_report(void *ctx, struct sv text, uint64_t line, uint64_t offset, struct err *e)
{
    return give(ctx, text, false, text, line, offset, e);
}

static int read_email(struct xarf *x, struct err *e)
{
    struct buf file, json;
    struct err why = ERR_NONE;
    bool yaml = false;
    int rc = stream_whole(x->r.job->in, &file, e);

    buf_init(&json, WHOLE_BYTES);
    if (rc == OK && xarf_mail(buf_sv(&file), &json, &yaml, &why) == OK)
        rc = give(x, buf_sv(&json), yaml, buf_sv(&file), 1, 0, e);
    else if (rc == OK)
        rc = emit_rejected_record(x->r.job, SV("report"), 1, 0, &why, buf_sv(&file), SV(""), e);
    buf_clear(&json);
    buf_clear(&file);
    return rc;
}

static int xarf_read(struct intake_job *job, struct err *e)
{
    struct xarf x = {.doc = json_doc_new(WHOLE_BYTES)};
    struct sv head = SV_NONE;
    int rc = stream_peek(job->in, INTAKE_HEAD_BYTES, &head, e);

    report_init(&x.r, job);
    if (rc >= 0 && !x.doc)
        rc = err_set(e, ERR_MEMORY, "no memory for a JSON parser");
    else if (rc >= 0)
        rc = xarf_is_mail(head) ? read_email(&x, e) : json_records(job->in, on_report, &x, e);
    json_doc_free(x.doc);
    report_clear(&x.r);
    return rc;
}

static int xarf_detect(struct sv head, struct sv name)
{
    struct span_it it;
    struct sv key, first = head;

    if (xarf_is_mail(head))
        return 97;
    if (!span_open(&it, head) || (it.close == ']' && !span_next(&it, &key, &first)))
        return 0;
    if (span_get(first, SV("xarf_version")).p)
        return 97;
    struct sv version = span_str(span_get(first, SV("Version")));
    bool parts = span_get(first, SV("Report")).p || span_get(first, SV("ReporterInfo")).p;
    if (version.n == 1 && version.p[0] >= '1' && version.p[0] <= '3')
        return parts ? 97 : span_first(first) == '{' && first.n < 64 ? 60 : 0;
    return span_get(first, SV("Report")).p && span_get(first, SV("ReporterInfo")).p ? 95 : 0;
}

const struct intake_format fmt_xarf = {
    .name = "xarf",
    .text = "X-ARF abuse reports: e-mails (0.1, 0.2), JSON of versions 1 to 4",
    .detect = xarf_detect,
    .read = xarf_read,
};
