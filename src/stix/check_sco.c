#include "stix/tables.h"

#include "stix/private.h"

void rule_artifact(struct check *c, struct jv o)
{
    if (has(o, "payload_bin") && has(o, "url"))
        say(c, STIX_MUST, "6.1", "only one of payload_bin and url");
    if (has(o, "url") && !has(o, "hashes"))
        say(c, STIX_MUST, "6.1", "an artifact behind a URL has hashes");
    if (has(o, "decryption_key") && !has(o, "encryption_algorithm"))
        say(c, STIX_MUST, "6.1", "decryption_key needs encryption_algorithm");
}

void rule_email_addr(struct check *c, struct jv o)
{
    struct sv value = json_get_str(o, SV("value"));
    if (value.p && !form_email(value))
        say(c, STIX_MUST, "6.5", "the value is an address without a name (RFC 5322 3.4.1)");
}

void rule_email_message(struct check *c, struct jv o)
{
    bool multipart;
    if (!json_bool(json_get(o, SV("is_multipart")), &multipart))
        return;
    if (multipart && has(o, "body"))
        say(c, STIX_MUST, "6.6", "a multipart message has body_multipart, not body");
    if (!multipart && has(o, "body_multipart"))
        say(c, STIX_MUST, "6.6", "body_multipart needs is_multipart true");
}

void rule_mac(struct check *c, struct jv o)
{
    struct sv s = json_get_str(o, SV("value"));
    bool fits = s.n == 17;
    for (size_t i = 0; fits && i < s.n; i++)
        fits = i % 3 == 2 ? s.p[i] == ':' : is_hex(s.p[i]) && lower(s.p[i]) == s.p[i];
    if (s.p && !fits)
        say(c, STIX_MUST, "6.10", "a MAC address is six pairs of lower-case hex digits with colons");
}

void rule_address(struct check *c, struct jv o)
{
    struct obs a;
    struct sv s = json_get_str(o, SV("value"));
    bool v6 = sv_eq(c->rule->type, SV("ipv6-addr"));
    /* A mapped IPv4 address is written in the manner of IPv6 and is right there. */
    bool fits = s.p && ip_read(s, true, &a) && (sv_chr(s, ':') != SIZE_MAX) == v6;
    if (s.p && !fits)
        say(c, STIX_MUST, c->rule->section, "not an %s address or prefix", v6 ? "IPv6" : "IPv4");
}

void rule_network_traffic(struct check *c, struct jv o)
{
    bool active;
    usec start, end;
    struct sv a = json_get_str(o, SV("start")), b = json_get_str(o, SV("end"));
    if (json_bool(json_get(o, SV("is_active")), &active) && active && has(o, "end"))
        say(c, STIX_MUST, "6.12", "traffic that is active has no end");
    if (a.p && b.p && stix_time(a, true, &start) && stix_time(b, true, &end) && end < start)
        say(c, STIX_MUST, "6.12", "end must be at or after start");
}

/* 6.13: the environment and the rest are plain; a service and a process extension may stand together. */
void rule_process(struct check *c, struct jv o)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(json_get(o, SV("environment_variables")));
    while (json_next(&it, &key, &v)) {
        if (json_type(v) == JSON_STRING)
            continue;
        say(c, STIX_MUST, "6.13", "environment variables are strings");
        break;
    }
}

void rule_registry_key(struct check *c, struct jv o)
{
    static const char *const shorts[] = {"HKLM", "HKCU", "HKCR", "HKU", "HKCC"};
    struct sv key = json_get_str(o, SV("key"));
    struct sv hive = sv_sub(key, 0, sv_chr(key, '\\'));
    for (size_t i = 0; key.p && i < sizeof(shorts) / sizeof(shorts[0]); i++)
        if (sv_ieq(hive, sv_c(shorts[i])))
            say(c, STIX_MUST, "6.17", "the hive is written in full, not %s", shorts[i]);
}

void rule_software(struct check *c, struct jv o)
{
    struct sv cpe = json_get_str(o, SV("cpe"));
    if (cpe.p && !form_cpe(cpe))
        say(c, STIX_MUST, "6.14", "not a CPE 2.3 name (NISTIR 7695)");
}
