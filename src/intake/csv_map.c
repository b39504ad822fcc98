/* What columns mean: by their names, or as a source's mapping says. */
#include "intake/csv.h"

#define MAPPING_MOST ((size_t)64 << 10)

/* ---- by name --------------------------------------------------------------------------------- */

struct synonym {
    const char *name; /* lower-case, words joined by '_' */
    enum csv_role role;
    enum kind kind;
    bool address;
};

static const struct synonym synonyms[] = {
    {"value", ROLE_VALUE, KIND_NONE, false},
    {"ioc", ROLE_VALUE, KIND_NONE, false},
    {"ioc_value", ROLE_VALUE, KIND_NONE, false},
    {"indicator", ROLE_VALUE, KIND_NONE, false},
    {"indicator_value", ROLE_VALUE, KIND_NONE, false},
    {"observable", ROLE_VALUE, KIND_NONE, false},
    {"url", ROLE_VALUE, KIND_NONE, false},
    {"weburl", ROLE_VALUE, KIND_NONE, false},
    {"uri", ROLE_VALUE, KIND_NONE, false},
    {"ip", ROLE_VALUE, KIND_NONE, true},
    {"ip_address", ROLE_VALUE, KIND_NONE, true},
    {"ipaddress", ROLE_VALUE, KIND_NONE, true},
    {"dst_ip", ROLE_VALUE, KIND_NONE, true},
    {"ipv4", ROLE_VALUE, KIND_NONE, true},
    {"ipv6", ROLE_VALUE, KIND_NONE, true},
    {"cidr", ROLE_VALUE, KIND_NONE, true},
    {"prefix", ROLE_VALUE, KIND_NONE, true},
    {"netblock", ROLE_VALUE, KIND_NONE, true},
    {"domain", ROLE_VALUE, KIND_NONE, false},
    {"domain_name", ROLE_VALUE, KIND_NONE, false},
    {"fqdn", ROLE_VALUE, KIND_NONE, false},
    {"hostname", ROLE_VALUE, KIND_NONE, false},
    {"host", ROLE_VALUE, KIND_NONE, false},
    {"hash", ROLE_VALUE, KIND_NONE, false},
    {"md5", ROLE_VALUE, KIND_MD5, false},
    {"md5_hash", ROLE_VALUE, KIND_MD5, false},
    {"sha1", ROLE_VALUE, KIND_SHA1, false},
    {"sha_1", ROLE_VALUE, KIND_SHA1, false},
    {"sha1_hash", ROLE_VALUE, KIND_SHA1, false},
    {"sha256", ROLE_VALUE, KIND_SHA256, false},
    {"sha_256", ROLE_VALUE, KIND_SHA256, false},
    {"sha256_hash", ROLE_VALUE, KIND_SHA256, false},
    {"sha512", ROLE_VALUE, KIND_SHA512, false},
    {"ssdeep", ROLE_VALUE, KIND_SSDEEP, false},
    {"tlsh", ROLE_VALUE, KIND_TLSH, false},
    {"imphash", ROLE_VALUE, KIND_IMPHASH, false},
    {"ja3", ROLE_VALUE, KIND_JA3, false},
    {"ja3_md5", ROLE_VALUE, KIND_JA3, false},
    {"ja4", ROLE_VALUE, KIND_JA4, false},
    {"email", ROLE_VALUE, KIND_EMAIL, false},
    {"email_address", ROLE_VALUE, KIND_EMAIL, false},
    {"cve", ROLE_VALUE, KIND_VULNERABILITY, false},
    {"cve_id", ROLE_VALUE, KIND_VULNERABILITY, false},
    {"wallet", ROLE_VALUE, KIND_WALLET, false},
    {"type", ROLE_TYPE, KIND_NONE, false},
    {"kind", ROLE_TYPE, KIND_NONE, false},
    {"ioc_type", ROLE_TYPE, KIND_NONE, false},
    {"indicator_type", ROLE_TYPE, KIND_NONE, false},
    {"observable_type", ROLE_TYPE, KIND_NONE, false},
    {"first", ROLE_FIRST, KIND_NONE, false},
    {"first_seen", ROLE_FIRST, KIND_NONE, false},
    {"firstseen", ROLE_FIRST, KIND_NONE, false},
    {"date", ROLE_FIRST, KIND_NONE, false},
    {"time", ROLE_FIRST, KIND_NONE, false},
    {"timestamp", ROLE_FIRST, KIND_NONE, false},
    {"start", ROLE_FIRST, KIND_NONE, false},
    {"start_date", ROLE_FIRST, KIND_NONE, false},
    {"sta_sdate", ROLE_FIRST, KIND_NONE, false},
    {"date_added", ROLE_FIRST, KIND_NONE, false},
    {"dateadded", ROLE_FIRST, KIND_NONE, false},
    {"last", ROLE_LAST, KIND_NONE, false},
    {"last_seen", ROLE_LAST, KIND_NONE, false},
    {"lastseen", ROLE_LAST, KIND_NONE, false},
    {"last_online", ROLE_LAST, KIND_NONE, false},
    {"end", ROLE_LAST, KIND_NONE, false},
    {"end_date", ROLE_LAST, KIND_NONE, false},
    {"sta_edate", ROLE_LAST, KIND_NONE, false},
    {"created", ROLE_CREATED, KIND_NONE, false},
    {"created_at", ROLE_CREATED, KIND_NONE, false},
    {"modified", ROLE_MODIFIED, KIND_NONE, false},
    {"updated", ROLE_MODIFIED, KIND_NONE, false},
    {"updated_at", ROLE_MODIFIED, KIND_NONE, false},
    {"last_modified", ROLE_MODIFIED, KIND_NONE, false},
    {"valid_from", ROLE_VALID_FROM, KIND_NONE, false},
    {"valid_until", ROLE_VALID_UNTIL, KIND_NONE, false},
    {"expires", ROLE_VALID_UNTIL, KIND_NONE, false},
    {"expiration", ROLE_VALID_UNTIL, KIND_NONE, false},
    {"confidence", ROLE_CONFIDENCE, KIND_NONE, false},
    {"confidence_level", ROLE_CONFIDENCE, KIND_NONE, false},
    {"tag", ROLE_LABELS, KIND_NONE, false},
    {"tags", ROLE_LABELS, KIND_NONE, false},
    {"label", ROLE_LABELS, KIND_NONE, false},
    {"labels", ROLE_LABELS, KIND_NONE, false},
    {"threat", ROLE_LABELS, KIND_NONE, false},
    {"threat_type", ROLE_LABELS, KIND_NONE, false},
    {"malware", ROLE_LABELS, KIND_NONE, false},
    {"malware_family", ROLE_LABELS, KIND_NONE, false},
    {"category", ROLE_LABELS, KIND_NONE, false},
    {"note", ROLE_NOTE, KIND_NONE, false},
    {"notes", ROLE_NOTE, KIND_NONE, false},
    {"comment", ROLE_NOTE, KIND_NONE, false},
    {"comments", ROLE_NOTE, KIND_NONE, false},
    {"description", ROLE_NOTE, KIND_NONE, false},
    {"name", ROLE_NOTE, KIND_NONE, false},
    {"title", ROLE_NOTE, KIND_NONE, false},
    {"website_nm", ROLE_NOTE, KIND_NONE, false},
    {"reference", ROLE_REFERENCE, KIND_NONE, false},
    {"references", ROLE_REFERENCE, KIND_NONE, false},
    {"ref", ROLE_REFERENCE, KIND_NONE, false},
    {"link", ROLE_REFERENCE, KIND_NONE, false},
    {"tweet", ROLE_REFERENCE, KIND_NONE, false},
    {"id", ROLE_ID, KIND_NONE, false},
    {"uuid", ROLE_ID, KIND_NONE, false},
    {"ioc_id", ROLE_ID, KIND_NONE, false},
    {"tlp", ROLE_TLP, KIND_NONE, false},
    {"marking", ROLE_TLP, KIND_NONE, false},
};

/* "First seen (UTC)" to "first_seen_utc"; a name that does not fit is no synonym. */
static struct sv normal_name(struct sv name, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < room; i++) {
        char c = name.p[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
        if (word)
            out[n++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        else if (n && out[n - 1] != '_')
            out[n++] = '_';
    }
    while (n && out[n - 1] == '_')
        n--;
    return sv_from(out, n);
}

static void time_traits(struct sv *name, struct csv_column *c)
{
    if (sv_ends(*name, SV("_utc"))) {
        c->utc = true;
        *name = sv_sub(*name, 0, name->n - 4);
    }
    c->unix_time = sv_eq(*name, SV("timestamp")) || sv_eq(*name, SV("time")) || sv_eq(*name, SV("ts"));
}

void csv_column_by_name(struct sv name, struct arena *a, struct csv_column *ret)
{
    char room[64];
    *ret = (struct csv_column){.name = arena_sv(a, name)};
    struct sv normal = normal_name(name, room, sizeof(room));
    time_traits(&normal, ret);
    for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++) {
        if (!sv_eq(normal, sv_c(synonyms[i].name)))
            continue;
        ret->role = synonyms[i].role;
        ret->want = (struct csv_want){synonyms[i].kind, synonyms[i].address};
        return;
    }
}

/* ---- type column ----------------------------------------------------------------------------- */

struct type_word {
    const char *name;
    enum kind kind;
    bool address;
};

/* Beside the names of kinds and synonyms above: what feeds and MISP call things. */
static const struct type_word type_words[] = {
    {"ip", KIND_NONE, true},
    {"ip_port", KIND_NONE, true},
    {"ipv4", KIND_NONE, true},
    {"ipv6", KIND_NONE, true},
    {"ip_dst", KIND_NONE, true},
    {"ip_src", KIND_NONE, true},
    {"cidr", KIND_NONE, true},
    {"domain", KIND_DOMAIN, false},
    {"hostname", KIND_DOMAIN, false},
    {"host", KIND_DOMAIN, false},
    {"fqdn", KIND_DOMAIN, false},
    {"url", KIND_URL, false},
    {"uri", KIND_URL, false},
    {"email", KIND_EMAIL, false},
    {"email_src", KIND_EMAIL, false},
    {"mail", KIND_EMAIL, false},
    {"md5", KIND_MD5, false},
    {"md5_hash", KIND_MD5, false},
    {"sha1", KIND_SHA1, false},
    {"sha1_hash", KIND_SHA1, false},
    {"sha224", KIND_SHA224, false},
    {"sha256", KIND_SHA256, false},
    {"sha256_hash", KIND_SHA256, false},
    {"sha384", KIND_SHA384, false},
    {"sha512", KIND_SHA512, false},
    {"filehash_md5", KIND_MD5, false},
    {"filehash_sha1", KIND_SHA1, false},
    {"filehash_sha256", KIND_SHA256, false},
    {"cve", KIND_VULNERABILITY, false},
    {"btc", KIND_WALLET, false},
    {"wallet", KIND_WALLET, false},
    {"filename", KIND_FILENAME, false},
    {"file_name", KIND_FILENAME, false},
    {"regkey", KIND_REGISTRY, false},
    {"asn", KIND_AS, false},
    {"user_agent", KIND_USER_AGENT, false},
    {"ja3", KIND_JA3, false},
    {"ja4", KIND_JA4, false},
    {"jarm", KIND_JARM, false},
    {"hash", KIND_NONE, false},
};

bool csv_type(struct sv text, struct csv_want *ret)
{
    char room[64];
    struct sv normal = normal_name(text, room, sizeof(room));
    for (size_t i = 0; i < sizeof(type_words) / sizeof(type_words[0]); i++) {
        if (sv_eq(normal, sv_c(type_words[i].name))) {
            *ret = (struct csv_want){type_words[i].kind, type_words[i].address};
            return true;
        }
    }
    enum kind k = kind_of_name(text);
    *ret = (struct csv_want){k, k == KIND_IPV4 || k == KIND_IPV6};
    return k != KIND_NONE;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool is_host(enum kind k)
{
    return k == KIND_IPV4 || k == KIND_IPV6 || k == KIND_DOMAIN || k == KIND_URL;
}

static bool is_hash(enum kind k)
{
    return k >= KIND_MD5 && k <= KIND_SHA512;
}

int csv_value(struct arena *a, struct csv_want want, struct sv text, struct obs *ret, struct err *e)
{
    if (want.kind == KIND_NONE || want.address) {
        int rc = obs_guess(a, text, ret, e);
        if (rc == OK && want.address && ret->kind != KIND_IPV4 && ret->kind != KIND_IPV6)
            return err_set(e, ERR_VALUE, "\"%.*s\" is no address", SV_ARG(sv_sub(text, 0, 120)));
        return rc;
    }
    int rc = obs_read(a, want.kind, text, ret, e);
    if (rc >= 0 || (!is_host(want.kind) && !is_hash(want.kind)))
        return rc;
    struct obs other;
    struct err ignored = ERR_NONE;
    if (obs_guess(a, text, &other, &ignored) < 0 || is_host(other.kind) != is_host(want.kind) ||
        is_hash(other.kind) != is_hash(want.kind))
        return rc;
    *ret = other;
    return OK;
}

bool csv_nothing(struct sv text)
{
    static const char *const words[] = {"-", "none", "null", "n/a", "nan", "unknown"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (sv_ieq(text, sv_c(words[i])))
            return true;
    return text.n == 0;
}

/* ---- mapping --------------------------------------------------------------------------------- */

static bool role_of(struct sv text, enum csv_role *ret, struct csv_want *want)
{
    static const char *const names[] = {
        [ROLE_META] = "meta",
        [ROLE_IGNORE] = "ignore",
        [ROLE_VALUE] = "value",
        [ROLE_TYPE] = "type",
        [ROLE_FIRST] = "first",
        [ROLE_LAST] = "last",
        [ROLE_CREATED] = "created",
        [ROLE_MODIFIED] = "modified",
        [ROLE_VALID_FROM] = "valid_from",
        [ROLE_VALID_UNTIL] = "valid_until",
        [ROLE_CONFIDENCE] = "confidence",
        [ROLE_LABELS] = "labels",
        [ROLE_NOTE] = "note",
        [ROLE_REFERENCE] = "reference",
        [ROLE_ID] = "id",
        [ROLE_TLP] = "tlp",
    };
    *want = (struct csv_want){0};
    if (sv_starts(text, SV("value:"))) {
        *ret = ROLE_VALUE;
        return csv_type(sv_sub(text, 6, text.n), want);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sv_eq(text, sv_c(names[i]))) {
            *ret = (enum csv_role)i;
            return true;
        }
    }
    return false;
}

static int bad_mapping(struct err *e, const char *what, struct sv name)
{
    err_set(e, ERR_VALUE, "the mapping: %s \"%.*s\"", what, SV_ARG(sv_sub(name, 0, 60)));
    return err_hint(e, "docs/formats.md describes the mapping and its members");
}

static int check_columns(struct jv columns, struct err *e)
{
    struct json_it it = json_each(columns);
    struct sv key;
    struct jv v;
    size_t values = 0;
    if (json_type(columns) == JSON_NONE)
        return OK;
    if (json_type(columns) != JSON_OBJECT)
        return bad_mapping(e, "not an object:", SV("columns"));
    while (json_next(&it, &key, &v)) {
        enum csv_role role;
        struct csv_want want;
        struct sv text = json_str(v);
        if (!text.p || !role_of(text, &role, &want))
            return bad_mapping(e, "no role of a column:", text.p ? text : key);
        values += role == ROLE_VALUE;
    }
    return values ? OK : bad_mapping(e, "no column has the role", SV("value"));
}

/* Places are told as JSON pointers into the mapping. */
static int bad_field(struct err *e, const char *what, struct sv pointer, struct sv role)
{
    err_set(e, ERR_VALUE, "the mapping: %s at \"fields\": {\"%.*s\": \"%.*s\"}", what,
            SV_ARG(sv_sub(pointer, 0, 60)), SV_ARG(sv_sub(role, 0, 40)));
    return err_hint(e, "docs/formats.md describes the mapping and its members");
}

static int check_fields(const struct csv_mapping *m, struct err *e)
{
    struct json_it it = json_each(m->fields);
    struct sv key;
    struct jv v;
    size_t values = 0, times = 0;
    if (json_type(m->fields) == JSON_NONE)
        return m->events || m->records.n
                   ? bad_mapping(e, "is needed beside events and records:", SV("fields"))
                   : OK;
    if (json_type(m->fields) != JSON_OBJECT || json_count(m->fields) > CSV_COLUMNS / 2)
        return bad_mapping(e, "not an object of at most 64 members:", SV("fields"));
    while (json_next(&it, &key, &v)) {
        enum json_event_role event;
        enum csv_role role;
        struct csv_want want;
        struct sv text = json_str(v);
        if (!json_pointer_ok(key))
            return bad_field(e, "no JSON pointer", key, text);
        if (!text.p || !(m->events ? json_event_role(text, &event, &want) : role_of(text, &role, &want)))
            return bad_field(e, "no role", key, text);
        values += m->events ? event == EVENT_VALUE : role == ROLE_VALUE;
        times += m->events && event == EVENT_TIME;
    }
    if (values == 0)
        return bad_mapping(e, "no field has the role", SV("value"));
    return m->events && times == 0 ? bad_mapping(e, "no field of the event has the role", SV("time")) : OK;
}

static int read_member(struct csv_mapping *m, struct sv key, struct jv v, struct err *e)
{
    int64_t n;
    struct sv text = json_str(v);
    if (sv_eq(key, SV("columns"))) {
        m->columns = v;
        return check_columns(v, e);
    }
    if (sv_eq(key, SV("header")) && json_i64(v, &n) && n >= 0 && n <= 10) {
        m->header = (int)n;
        return OK;
    }
    if (sv_eq(key, SV("separator")) && text.n == 1 && text.p[0] != '"' && text.p[0] != '\n') {
        m->separator = text.p[0];
        return OK;
    }
    if (sv_eq(key, SV("labels")) && text.p) {
        m->labels = text;
        return OK;
    }
    if (sv_eq(key, SV("confidence")) && json_i64(v, &n) && n >= 0 && n <= 100) {
        m->confidence = (int)n;
        return OK;
    }
    if (sv_eq(key, SV("context")) && json_bool(v, &m->context))
        return OK;
    if (sv_eq(key, SV("replace")) && json_bool(v, &m->replace))
        return OK;
    if (sv_eq(key, SV("as_of")) && text.n) {
        m->as_of = text;
        return OK;
    }
    if (sv_eq(key, SV("members")) && text.n && text.n < MEMBERS_TEXT_MOST) {
        m->members = text;
        return OK;
    }
    if (sv_eq(key, SV("fields"))) {
        m->fields = v;
        return OK; /* checked when the whole mapping is read */
    }
    if (sv_eq(key, SV("records")) && text.p && json_pointer_ok(text)) {
        m->records = text;
        return OK;
    }
    if (sv_eq(key, SV("events")) && json_bool(v, &m->events))
        return OK;
    return bad_mapping(e, "unknown member, or a value it cannot have:", key);
}

int csv_mapping_read(struct sv text, struct csv_mapping *ret, struct err *e)
{
    *ret = (struct csv_mapping){.header = -1,
                                .confidence = -1,
                                .labels = SV(""),
                                .records = SV(""),
                                .as_of = SV(""),
                                .members = SV("")};
    if (text.n == 0)
        return OK;
    struct jv root, v;
    struct sv key;
    ret->doc = json_doc_new(MAPPING_MOST);
    if (!ret->doc)
        return err_set(e, ERR_MEMORY, "no memory for a mapping");
    int rc = json_parse(ret->doc, text, &root, e);
    if (rc < 0)
        return rc;
    if (json_type(root) != JSON_OBJECT)
        return bad_mapping(e, "not a JSON object:", text);
    struct json_it it = json_each(root);
    while (rc == OK && json_next(&it, &key, &v))
        rc = read_member(ret, key, v, e);
    return rc == OK ? check_fields(ret, e) : rc;
}

void csv_mapping_clear(struct csv_mapping *m)
{
    json_doc_free(m->doc);
    m->doc = NULL;
}

int csv_mapping_check(struct sv mapping, struct err *e)
{
    struct csv_mapping m;
    int rc = csv_mapping_read(mapping, &m, e);
    csv_mapping_clear(&m);
    return rc;
}

void csv_column_by_mapping(const struct csv_mapping *m, size_t number, struct sv name, struct arena *a,
                           struct csv_column *ret)
{
    char text[24], room[64];
    (void)snprintf(text, sizeof(text), "%zu", number + 1);
    *ret = (struct csv_column){.name = arena_sv(a, name.n ? name : sv_c(text))};
    struct sv normal = normal_name(name, room, sizeof(room));
    time_traits(&normal, ret);
    struct jv v = name.n ? json_get(m->columns, name) : (struct jv){0};
    if (json_type(v) == JSON_NONE)
        v = json_get(m->columns, sv_c(text));
    struct sv role = json_str(v);
    if (role.p)
        (void)role_of(role, &ret->role, &ret->want);
}

void csv_column_by_pointer(struct sv pointer, struct sv role, struct csv_column *ret)
{
    char room[64];
    size_t slash = sv_rchr(pointer, '/');
    struct sv last = slash == SIZE_MAX ? pointer : sv_sub(pointer, slash + 1, SIZE_MAX);
    struct sv normal = normal_name(last, room, sizeof(room));
    *ret = (struct csv_column){.name = pointer.n ? sv_sub(pointer, 1, SIZE_MAX) : SV("value")};
    time_traits(&normal, ret);
    (void)role_of(role, &ret->role, &ret->want);
}
