#include "fuse/pattern_set.h"

/* Where a value stands in the object of its kind. */
enum part { PART_NONE, PART_VALUE, PART_HASH, PART_NAME, PART_JA, PART_AGENT, PART_NUMBER };
static const struct place {
    const char *type;
    const char *property;
    enum part part;
} places[KIND_MAX] = {
    [KIND_IPV4] = {"ipv4-addr", "value", PART_VALUE},
    [KIND_IPV6] = {"ipv6-addr", "value", PART_VALUE},
    [KIND_DOMAIN] = {"domain-name", "value", PART_VALUE},
    [KIND_URL] = {"url", "value", PART_VALUE},
    [KIND_EMAIL] = {"email-addr", "value", PART_VALUE},
    [KIND_MAC] = {"mac-addr", "value", PART_VALUE},
    [KIND_MUTEX] = {"mutex", "name", PART_VALUE},
    [KIND_REGISTRY] = {"windows-registry-key", "key", PART_VALUE},
    [KIND_MD5] = {"file", "MD5", PART_HASH},
    [KIND_SHA1] = {"file", "SHA-1", PART_HASH},
    [KIND_SHA224] = {"file", "SHA-224", PART_HASH},
    [KIND_SHA256] = {"file", "SHA-256", PART_HASH},
    [KIND_SHA384] = {"file", "SHA-384", PART_HASH},
    [KIND_SHA512] = {"file", "SHA-512", PART_HASH},
    [KIND_SSDEEP] = {"file", "SSDEEP", PART_HASH},
    [KIND_TLSH] = {"file", "TLSH", PART_HASH},
    [KIND_FILENAME] = {"file", "name", PART_NAME},
    [KIND_CERT_SHA1] = {"x509-certificate", "SHA-1", PART_HASH},
    [KIND_CERT_SHA256] = {"x509-certificate", "SHA-256", PART_HASH},
    [KIND_JA3] = {"network-traffic", "x_ja3", PART_JA},
    [KIND_JA3S] = {"network-traffic", "x_ja3s", PART_JA},
    [KIND_JA4] = {"network-traffic", "x_ja4", PART_JA},
    [KIND_JARM] = {"network-traffic", "x_jarm", PART_JA},
    [KIND_USER_AGENT] = {"network-traffic", "User-Agent", PART_AGENT},
    [KIND_AS] = {"autonomous-system", "number", PART_NUMBER},
};

/* What a field of an event is to an object that refers to it. */
enum role { ROLE_SRC, ROLE_DST, ROLE_FROM, ROLE_TO, ROLE_CC, ROLE_BCC, ROLES };
static const struct {
    const char *field;
    enum role role;
} roles[] = {
    {"src_ip", ROLE_SRC},        {"id.orig_h", ROLE_SRC},       {"src", ROLE_SRC},
    {"srcip", ROLE_SRC},         {"source_ip", ROLE_SRC},       {"source", ROLE_SRC},
    {"dest_ip", ROLE_DST},       {"id.resp_h", ROLE_DST},       {"dst", ROLE_DST},
    {"dst_ip", ROLE_DST},        {"dstip", ROLE_DST},           {"destination_ip", ROLE_DST},
    {"http.hostname", ROLE_DST}, {"tls.sni", ROLE_DST},         {"quic.sni", ROLE_DST},
    {"email.from", ROLE_FROM},   {"smtp.mail_from", ROLE_FROM}, {"email.to", ROLE_TO},
    {"smtp.rcpt_to", ROLE_TO},   {"email.cc", ROLE_CC},         {"email.bcc", ROLE_BCC},
};

static const struct place *place_of(const struct observed *v)
{
    return (unsigned)v->value.kind < KIND_MAX ? &places[v->value.kind] : &places[KIND_NONE];
}

static bool has_role(const struct observed *v, enum role role)
{
    for (size_t i = 0; place_of(v)->part == PART_VALUE && i < sizeof(roles) / sizeof(roles[0]); i++)
        if (roles[i].role == role && sv_eq(v->field, sv_c(roles[i].field)))
            return true;
    return false;
}

static void begin_object(struct jw *w, const char *prefix, size_t number, const char *type)
{
    char key[32];
    snprintf(key, sizeof(key), "%s%zu", prefix, number);
    jw_key(w, key);
    jw_obj(w);
    jw_kstr(w, "type", sv_c(type));
}

static void write_ref(struct jw *w, size_t i)
{
    char key[32];
    snprintf(key, sizeof(key), "v%zu", i);
    jw_str(w, sv_c(key));
}

/* Objects of one value: "v0", "v1"... by their place in the event, so that others can refer to them. */
static void write_values(struct jw *w, const struct pattern_event *v)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct place *p = place_of(&v->v[i]);
        struct sv value = v->v[i].value.value;
        int64_t number;
        if (p->part == PART_VALUE) {
            begin_object(w, "v", i, p->type);
            jw_kstr(w, p->property, value);
            jw_end_obj(w);
        } else if (p->part == PART_NUMBER && sv_i64(sv_sub(value, 2, SIZE_MAX), &number)) {
            begin_object(w, "v", i, p->type);
            jw_kint(w, p->property, number);
            jw_end_obj(w);
        }
    }
}

/* The hashes and name an event tells are of one thing, unless it tells two of one algorithm. */
static void write_hashed(struct jw *w, const struct pattern_event *v, const char *type, const char *prefix)
{
    for (size_t from = 0, number = 0; from < v->n; number++) {
        uint64_t taken = 0;
        size_t i = from;
        bool any = false;
        for (; i < v->n; i++) {
            const struct place *p = place_of(&v->v[i]);
            if (p->part != PART_HASH || strcmp(p->type, type) != 0)
                continue;
            if (taken >> v->v[i].value.kind & 1)
                break;
            taken |= UINT64_C(1) << v->v[i].value.kind;
            if (!any) {
                begin_object(w, prefix, number, type);
                jw_key(w, "hashes");
                jw_obj(w);
            }
            any = true;
            jw_kstr(w, p->property, v->v[i].value.value);
        }
        if (any) {
            jw_end_obj(w);
            for (size_t k = from; k < i; k++) {
                if (place_of(&v->v[k])->part == PART_NAME && strcmp(type, "file") == 0) {
                    jw_kstr(w, "name", v->v[k].value.value);
                    break;
                }
            }
            jw_end_obj(w);
        }
        from = i;
    }
}

static void write_names(struct jw *w, const struct pattern_event *v)
{
    for (size_t i = 0; i < v->n; i++) {
        if (place_of(&v->v[i])->part == PART_NAME) {
            begin_object(w, "n", i, "file");
            jw_kstr(w, "name", v->v[i].value.value);
            jw_end_obj(w);
        }
    }
}

static size_t first_with(const struct pattern_event *v, enum role role, size_t from)
{
    while (from < v->n && !has_role(&v->v[from], role))
        from++;
    return from;
}

static void write_extras(struct jw *w, const struct pattern_event *v)
{
    uint64_t taken = 0;
    for (size_t i = 0; i < v->n; i++) {
        const struct place *p = place_of(&v->v[i]);
        bool first = !(taken >> v->v[i].value.kind & 1);
        if (!first || (p->part != PART_JA && p->part != PART_AGENT))
            continue;
        taken |= UINT64_C(1) << v->v[i].value.kind;
        if (p->part == PART_JA) {
            jw_kstr(w, p->property, v->v[i].value.value);
            continue;
        }
        jw_key(w, "extensions");
        jw_obj(w);
        jw_key(w, "http-request-ext");
        jw_obj(w);
        jw_key(w, "request_header");
        jw_obj(w);
        jw_kstr(w, p->property, v->v[i].value.value);
        jw_end_obj(w);
        jw_end_obj(w);
        jw_end_obj(w);
    }
}

/* One connection for each end it has a name for: the address of the other side, and its host name. */
static void write_traffic(struct jw *w, const struct pattern_event *v)
{
    size_t src = first_with(v, ROLE_SRC, 0), dst = first_with(v, ROLE_DST, 0), number = 0;
    do {
        begin_object(w, "t", number++, "network-traffic");
        if (src < v->n) {
            jw_key(w, "src_ref");
            write_ref(w, src);
        }
        if (dst < v->n) {
            jw_key(w, "dst_ref");
            write_ref(w, dst);
            dst = first_with(v, ROLE_DST, dst + 1);
        }
        write_extras(w, v);
        jw_end_obj(w);
    } while (dst < v->n);
}

static void write_message(struct jw *w, const struct pattern_event *v)
{
    static const struct {
        enum role role;
        const char *property;
    } lists[] = {{ROLE_TO, "to_refs"}, {ROLE_CC, "cc_refs"}, {ROLE_BCC, "bcc_refs"}};
    size_t from = first_with(v, ROLE_FROM, 0);
    begin_object(w, "m", 0, "email-message");
    if (from < v->n) {
        jw_key(w, "from_ref");
        write_ref(w, from);
    }
    for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
        jw_key(w, lists[k].property);
        jw_arr(w);
        for (size_t i = first_with(v, lists[k].role, 0); i < v->n; i = first_with(v, lists[k].role, i + 1))
            write_ref(w, i);
        jw_end_arr(w);
    }
    jw_end_obj(w);
}

void pattern_event_write(const struct pattern_event *v, struct buf *json)
{
    struct jw w;
    char time[32];
    time_text6(v->time, time);
    jw_init(&w, json);
    jw_arr(&w);
    jw_obj(&w);
    jw_kstr(&w, "first_observed", sv_c(time));
    jw_kstr(&w, "last_observed", sv_c(time));
    jw_kint(&w, "number_observed", v->count);
    jw_key(&w, "objects");
    jw_obj(&w);
    write_values(&w, v);
    write_hashed(&w, v, "file", "f");
    write_hashed(&w, v, "x509-certificate", "x");
    write_names(&w, v);
    write_traffic(&w, v);
    write_message(&w, v);
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_end_arr(&w);
}
