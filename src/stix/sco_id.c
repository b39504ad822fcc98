#include "stix/private.h"

#include "stix/upgrade.h"

const struct uuid STIX_SCO_NAMESPACE = {
    {0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7}};

/* Sections 6.1.1 to 6.18.1: ID Contributing Properties, here in the order of the canonical form (by name). */
static const struct contributing {
    const char *type;
    const char *names[9];
    const char *listed[9]; /* in the order of the standard, where that is another */
} rules[] = {
    {.type = "artifact", .names = {"hashes", "payload_bin"}},
    {.type = "autonomous-system", .names = {"number"}},
    {.type = "directory", .names = {"path"}},
    {.type = "domain-name", .names = {"value"}},
    {.type = "email-addr", .names = {"value"}},
    {.type = "email-message",
     .names = {"body", "from_ref", "subject"},
     .listed = {"from_ref", "subject", "body"}},
    {.type = "file",
     .names = {"extensions", "hashes", "name", "parent_directory_ref"},
     .listed = {"hashes", "name", "parent_directory_ref", "extensions"}},
    {.type = "ipv4-addr", .names = {"value"}},
    {.type = "ipv6-addr", .names = {"value"}},
    {.type = "mac-addr", .names = {"value"}},
    {.type = "mutex", .names = {"name"}},
    {.type = "network-traffic",
     .names = {"dst_port", "dst_ref", "end", "extensions", "protocols", "src_port", "src_ref", "start"},
     .listed = {"start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions"}},
    {.type = "process", .names = {NULL}},
    {.type = "software",
     .names = {"cpe", "name", "swid", "vendor", "version"},
     .listed = {"name", "cpe", "swid", "vendor", "version"}},
    {.type = "url", .names = {"value"}},
    {.type = "user-account",
     .names = {"account_login", "account_type", "user_id"},
     .listed = {"account_type", "user_id", "account_login"}},
    {.type = "windows-registry-key", .names = {"key", "values"}},
    {.type = "x509-certificate", .names = {"hashes", "serial_number"}},
};

static const struct contributing *rule_of(struct sv type)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (sv_eq(type, sv_c(rules[i].type)))
            return &rules[i];
    return NULL;
}

bool stix_is_sco(struct sv type)
{
    return rule_of(type) != NULL;
}

const char *const *stix_sco_contributing(struct sv type)
{
    const struct contributing *rule = rule_of(type);
    return !rule ? NULL : rule->listed[0] ? rule->listed : rule->names;
}

bool sco_has_contributing(struct jv sco, struct sv type)
{
    const struct contributing *rule = rule_of(type);
    for (size_t i = 0; rule && rule->names[i]; i++)
        if (json_type(json_get(sco, sv_c(rule->names[i]))) != JSON_NONE)
            return true;
    return false;
}

bool sco_contributes(struct sv type, struct sv property)
{
    const struct contributing *rule = rule_of(type);
    for (size_t i = 0; rule && rule->names[i]; i++)
        if (sv_eq(property, sv_c(rule->names[i])))
            return true;
    return false;
}

/* One hash only: MD5, SHA-1, SHA-256, SHA-512 in this order; when there is none of them, the first by name.
 */
static int add_hash(struct jv hashes, struct buf *out, struct err *e)
{
    static const char *const order[] = {"MD5", "SHA-1", "SHA-256", "SHA-512"};
    struct sv best = SV_NONE, key;
    struct jv value = {0}, v;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && !best.p; i++) {
        value = json_get(hashes, sv_c(order[i]));
        if (json_type(value) != JSON_NONE)
            best = sv_c(order[i]);
    }
    struct json_it it = json_each(hashes);
    bool preferred = best.p != NULL;
    while (!preferred && json_next(&it, &key, &v)) {
        if (!best.p || sv_cmp(key, best) < 0) {
            best = key;
            value = v;
        }
    }
    struct jw w;
    buf_addc(out, '{');
    jw_init(&w, out);
    jw_str(&w, best);
    buf_addc(out, ':');
    int rc = json_canonical(value, out, e);
    buf_addc(out, '}');
    return rc;
}

static int add_contributing(struct jv sco, const struct contributing *rule, struct buf *out, size_t *ret_n,
                            struct err *e)
{
    buf_addc(out, '{');
    for (size_t i = 0; rule->names[i]; i++) {
        struct jv v = json_get(sco, sv_c(rule->names[i]));
        bool hashes = sv_eq(sv_c(rule->names[i]), SV("hashes"));
        if (json_type(v) == JSON_NONE || (hashes && json_count(v) == 0))
            continue;
        buf_printf(out, "%s\"%s\":", *ret_n ? "," : "", rule->names[i]);
        int rc = hashes ? add_hash(v, out, e) : json_canonical(v, out, e);
        if (rc < 0)
            return rc;
        ++*ret_n;
    }
    buf_addc(out, '}');
    return out->failed ? err_set(e, ERR_LIMIT, "the observable is too large for an id") : OK;
}

int stix_sco_id(struct jv sco, struct arena *a, struct sv *ret_id, struct err *e)
{
    struct sv type = json_get_str(sco, SV("type"));
    const struct contributing *rule = rule_of(type);
    if (!rule)
        return err_set(e, ERR_NOT_FOUND, "\"%.*s\" is not an observable type of STIX 2.1",
                       SV_ARG(sv_sub(type, 0, 60)));
    struct buf name;
    size_t n = 0;
    buf_init(&name, 64u << 20);
    int rc = add_contributing(sco, rule, &name, &n, e);
    if (rc == OK && n == 0)
        rc = err_set(e, ERR_NOT_FOUND, "this %s has no property that its id could be made from", rule->type);
    if (rc == OK) {
        char text[37];
        uuid_text(uuid_v5(STIX_SCO_NAMESPACE, buf_sv(&name)), text);
        *ret_id = arena_printf(a, "%s--%s", rule->type, text);
        if (!ret_id->p)
            rc = err_set(e, ERR_MEMORY, "no memory for an id");
    }
    buf_clear(&name);
    return rc;
}
