/* The relationships the standard defines: the tables "Relationships" of sections 4.1.2 to 4.19.2 and 6.x.2.
 */
#include "stix/check.h"

#define ACTORS_USE "attack-pattern|infrastructure|malware|tool"
#define VICTIMS "identity|location|vulnerability"
#define HOSTS "ipv4-addr|ipv6-addr|domain-name|url"
#define OBSERVABLES                                                                                          \
    "artifact|autonomous-system|directory|domain-name|email-addr|email-message|file|ipv4-addr|ipv6-addr|"    \
    "mac-addr|mutex|network-traffic|process|software|url|user-account|windows-registry-key|"                 \
    "x509-certificate"

static const struct {
    const char *source, *types, *targets, *section;
} rows[] = {
    {"attack-pattern", "delivers", "malware", "4.1.2"},
    {"attack-pattern", "targets", VICTIMS, "4.1.2"},
    {"attack-pattern", "uses", "malware|tool", "4.1.2"},
    {"campaign", "attributed-to", "intrusion-set|threat-actor", "4.2.2"},
    {"campaign", "compromises", "infrastructure", "4.2.2"},
    {"campaign", "originates-from", "location", "4.2.2"},
    {"campaign", "targets", VICTIMS, "4.2.2"},
    {"campaign", "uses", ACTORS_USE, "4.2.2"},
    {"course-of-action", "investigates", "indicator", "4.3.2"},
    {"course-of-action", "mitigates", "attack-pattern|indicator|malware|tool|vulnerability", "4.3.2"},
    {"course-of-action", "remediates", "malware|vulnerability", "4.3.2"},
    {"domain-name", "resolves-to", "domain-name|ipv4-addr|ipv6-addr", "6.4.2"},
    {"identity", "located-at", "location", "4.5.2"},
    {"indicator", "indicates",
     "attack-pattern|campaign|infrastructure|intrusion-set|malware|threat-actor|tool", "4.7.2"},
    {"indicator", "based-on", "observed-data", "4.7.2"},
    {"infrastructure", "communicates-with", "infrastructure|" HOSTS, "4.8.2"},
    {"infrastructure", "consists-of", "infrastructure|observed-data|" OBSERVABLES, "4.8.2"},
    {"infrastructure", "controls", "infrastructure|malware", "4.8.2"},
    {"infrastructure", "delivers", "malware", "4.8.2"},
    {"infrastructure", "has", "vulnerability", "4.8.2"},
    {"infrastructure", "hosts", "tool|malware", "4.8.2"},
    {"infrastructure", "located-at", "location", "4.8.2"},
    {"infrastructure", "uses", "infrastructure", "4.8.2"},
    {"intrusion-set", "attributed-to", "threat-actor", "4.9.2"},
    {"intrusion-set", "compromises|hosts|owns", "infrastructure", "4.9.2"},
    {"intrusion-set", "originates-from", "location", "4.9.2"},
    {"intrusion-set", "targets", VICTIMS, "4.9.2"},
    {"intrusion-set", "uses", ACTORS_USE, "4.9.2"},
    {"ipv4-addr", "resolves-to", "mac-addr", "6.8.2"},
    {"ipv4-addr", "belongs-to", "autonomous-system", "6.8.2"},
    {"ipv6-addr", "resolves-to", "mac-addr", "6.9.2"},
    {"ipv6-addr", "belongs-to", "autonomous-system", "6.9.2"},
    {"malware", "authored-by", "threat-actor|intrusion-set", "4.11.2"},
    {"malware", "beacons-to|exfiltrates-to", "infrastructure", "4.11.2"},
    {"malware", "communicates-with", HOSTS, "4.11.2"},
    {"malware", "controls", "malware", "4.11.2"},
    {"malware", "downloads|drops", "malware|tool|file", "4.11.2"},
    {"malware", "exploits", "vulnerability", "4.11.2"},
    {"malware", "originates-from", "location", "4.11.2"},
    {"malware", "targets", "infrastructure|" VICTIMS, "4.11.2"},
    {"malware", "uses", ACTORS_USE, "4.11.2"},
    {"malware", "variant-of", "malware", "4.11.2"},
    /* "analysis-of" is how the first edition of 2.1 had "av-analysis-of" in its summary. */
    {"malware-analysis", "characterizes|av-analysis-of|analysis-of|static-analysis-of|dynamic-analysis-of",
     "malware", "4.12.2"},
    {"threat-actor", "attributed-to|impersonates", "identity", "4.17.2"},
    {"threat-actor", "compromises|hosts|owns", "infrastructure", "4.17.2"},
    {"threat-actor", "located-at", "location", "4.17.2"},
    {"threat-actor", "targets", VICTIMS, "4.17.2"},
    {"threat-actor", "uses", ACTORS_USE, "4.17.2"},
    {"tool", "delivers|drops", "malware", "4.18.2"},
    {"tool", "has", "vulnerability", "4.18.2"},
    {"tool", "targets", "infrastructure|" VICTIMS, "4.18.2"},
    {"tool", "uses", "infrastructure", "4.18.2"},
};

enum relation relation_of(struct sv source, struct sv type, struct sv target, const char **ret_section)
{
    bool typed = false;
    *ret_section = "5.1";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!sv_eq(sv_c(rows[i].source), source))
            continue;
        *ret_section = rows[i].section;
        if (!word_in(rows[i].types, type))
            continue;
        typed = true;
        if (word_in(rows[i].targets, target))
            return RELATION_DEFINED;
    }
    return typed ? RELATION_TARGET : RELATION_TYPE;
}
