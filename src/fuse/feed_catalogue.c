/*
 * The feeds that are known. Addresses, formats and terms are those their makers publish; an interval is never
 * shorter than they ask for. A new one is a new entry: code is needed only for a format that intake/ does not
 * read.
 */
#include "fuse/feed.h"

#define MIB ((uint64_t)1 << 20)

static const struct feed_entry catalogue[] = {
    {
        .name = "urlhaus",
        .title = "abuse.ch URLhaus: URLs that spread malware, last 30 days",
        .url = "https://urlhaus.abuse.ch/downloads/csv_recent/",
        .format = "csv",
        .mapping =
            "{\"columns\":{\"url\":\"value:url\",\"dateadded\":\"first\",\"last_online\":\"last\",\"threat\":"
            "\"labels\",\"tags\":\"labels\",\"urlhaus_link\":\"reference\",\"id\":\"id\",\"url_status\":"
            "\"meta\",\"reporter\":\"meta\"}}",
        .licence = "CC0-1.0",
        .zone = "UTC",
        .reliability = 'B',
        .tlp = TLP_CLEAR,
        .upstream = "abuse.ch",
        .expiry_days = 30,
        .every_minutes = 60,
        .max_bytes = 128 * MIB,
        .key_header = "",
        .note = "Made anew every five minutes; ask no oftener than that.",
    },
    {
        .name = "threatfox",
        .title = "abuse.ch ThreatFox: indicators of malware, last 48 hours",
        .url = "https://threatfox.abuse.ch/export/csv/recent/",
        .format = "csv",
        .mapping =
            "{\"columns\":{\"first_seen_utc\":\"first\",\"ioc_id\":\"id\",\"ioc_value\":\"value\",\"ioc_"
            "type\":"
            "\"type\",\"threat_type\":\"labels\",\"malware_printable\":\"note\",\"last_seen_utc\":\"last\","
            "\"confidence_level\":\"confidence\",\"reference\":\"reference\",\"tags\":\"labels\"}}",
        .licence = "CC0-1.0",
        .zone = "UTC",
        .reliability = 'B',
        .tlp = TLP_CLEAR,
        .upstream = "abuse.ch",
        .expiry_days = 90,
        .every_minutes = 60,
        .max_bytes = 64 * MIB,
        .key_header = "",
        .note = "Made anew every five minutes.",
    },
    {
        .name = "feodo",
        .title = "abuse.ch Feodo Tracker: command servers of botnets",
        .url = "https://feodotracker.abuse.ch/downloads/ipblocklist.csv",
        .format = "csv",
        .mapping =
            "{\"columns\":{\"first_seen_utc\":\"first\",\"dst_ip\":\"value:ip\",\"dst_port\":\"meta\","
            "\"c2_status\":\"meta\",\"last_online\":\"last\",\"malware\":\"labels\"},\"labels\":\"c2\"}",
        .licence = "CC0-1.0",
        .zone = "UTC",
        .reliability = 'B',
        .tlp = TLP_CLEAR,
        .upstream = "abuse.ch",
        .expiry_days = 30,
        .every_minutes = 60,
        .max_bytes = 16 * MIB,
        .key_header = "",
        .note = "Holds few rows, at times none, since the botnets it follows were taken down.",
    },
    {
        .name = "cisa-kev",
        .title = "CISA: known exploited vulnerabilities",
        .url = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
        .format = "kev",
        .mapping = "",
        .licence = "CC0-1.0",
        .zone = "America/New_York",
        .reliability = 'A',
        .tlp = TLP_CLEAR,
        .upstream = "",
        .expiry_days = 0,
        .every_minutes = 360,
        .steady = true,
        .max_bytes = 32 * MIB,
        .key_header = "",
        .note = "A state: each answer replaces what the last one said of a vulnerability.",
    },
    {
        .name = "epss",
        .title = "FIRST EPSS: how likely a vulnerability is to be exploited",
        .url = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",
        .format = "csv",
        .mapping =
            "{\"columns\":{\"cve\":\"value:cve\",\"epss\":\"meta\",\"percentile\":\"meta\"},\"context\":true,"
            "\"as_of\":\"score_date:\",\"replace\":true}",
        .licence = "EPSS usage terms of FIRST: free use, name the source",
        .zone = "UTC",
        .reliability = 'B',
        .tlp = TLP_CLEAR,
        .upstream = "",
        .expiry_days = 0,
        .every_minutes = 1440,
        .steady = true,
        .max_bytes = 64 * MIB,
        .key_header = "",
        .note = "A third of a million rows that change daily: context, never matched.",
    },
    {
        .name = "ipsum",
        .title = "IPsum: addresses that stand on several block lists",
        .url = "https://raw.githubusercontent.com/stamparm/ipsum/master/ipsum.txt",
        .format = "list",
        .mapping = "",
        .licence = "Unlicense",
        .zone = "Europe/Zagreb",
        .reliability = 'C',
        .tlp = TLP_CLEAR,
        .upstream = "ipsum",
        .expiry_days = 7,
        .every_minutes = 720,
        .steady = true,
        .max_bytes = 64 * MIB,
        .key_header = "",
        .note = "An aggregate: not independent of the lists it is made of.",
    },
    {
        .name = "tweetfeed",
        .title = "TweetFeed: indicators that researchers posted, last week",
        .url = "https://raw.githubusercontent.com/0xDanielLopez/TweetFeed/master/week.csv",
        .format = "csv",
        .mapping = "",
        .licence = "CC0-1.0",
        .zone = "UTC",
        .reliability = 'D',
        .tlp = TLP_CLEAR,
        .upstream = "",
        .expiry_days = 30,
        .every_minutes = 120,
        .max_bytes = 64 * MIB,
        .key_header = "",
        .note = "Said by many people, checked by nobody.",
    },
    {
        .name = "circl-osint",
        .title = "CIRCL: MISP events of public reports",
        .url = "https://www.circl.lu/doc/misp/feed-osint/",
        .way = FEED_MISP,
        .format = "misp",
        .mapping = "",
        .licence = "as marked in each event, mostly TLP:CLEAR",
        .zone = "UTC",
        .reliability = 'B',
        .tlp = TLP_CLEAR,
        .upstream = "",
        .expiry_days = 0,
        .every_minutes = 360,
        .max_bytes = 128 * MIB,
        .key_header = "",
        .note =
            "Only events whose time in the manifest changed are fetched; the first run takes some thousand.",
    },
    {
        .name = "otx",
        .title = "AlienVault OTX: pulses one has subscribed to",
        .url = "https://otx.alienvault.com/api/v1/pulses/subscribed",
        .way = FEED_OTX,
        .format = "json",
        .mapping = "{\"records\":\"/results/*/indicators\",\"fields\":{\"/indicator\":\"value\",\"/type\":"
                   "\"type\",\"/created\":\"created\",\"/expiration\":\"valid_until\",\"/title\":\"note\","
                   "\"/id\":\"id\"}}",
        .licence = "OTX terms of use: free, not to be sold on",
        .zone = "UTC",
        .reliability = 'D',
        .tlp = TLP_GREEN,
        .upstream = "",
        .expiry_days = 90,
        .every_minutes = 60,
        .max_bytes = 128 * MIB,
        .key_header = "X-OTX-API-KEY",
        .note = "Grade by author: anybody may publish there.",
    },
    {
        .name = "eset",
        .title = "ESET: indicators of its research papers",
        .url = "https://github.com/eset/malware-ioc/archive/refs/heads/master.tar.gz",
        .format = "",
        .mapping = "{\"members\":\"*.json *.md5 *.sha1 *.sha256\"}",
        .licence = "BSD-2-Clause",
        .zone = "UTC",
        .reliability = 'B',
        .tlp = TLP_CLEAR,
        .upstream = "",
        .expiry_days = 0,
        .every_minutes = 1440,
        .steady = true,
        .max_bytes = 256 * MIB,
        .key_header = "",
        .note = "MISP events and lists of hashes out of the archive; its texts for people are left.",
    },
    {
        .name = "jpcert-phishurl",
        .title = "JPCERT/CC: phishing URLs whose stop it coordinated",
        .url = "https://github.com/JPCERTCC/phishurl-list/archive/refs/heads/main.tar.gz",
        .format = "",
        .mapping =
            "{\"members\":\"*/20[0-9][0-9]/20*.csv\",\"columns\":{\"date\":\"first\",\"URL\":\"value:url\","
            "\"description\":\"note\"},\"labels\":\"phishing\"}",
        .licence = "terms of JPCERT/CC: free use, name the source",
        .zone = "Asia/Tokyo",
        .reliability = 'A',
        .tlp = TLP_CLEAR,
        .upstream = "",
        .expiry_days = 365,
        .every_minutes = 1440,
        .steady = true,
        .max_bytes = 256 * MIB,
        .key_header = "",
        .note = "A table a month since 2019, published some weeks later.",
    },
    {
        .name = "npa-165",
        .title = "Taiwan NPA 165: fraudulent investment and gambling sites",
        .url = "https://raw.githubusercontent.com/g0v-data/165-data/HEAD/gamble.csv",
        .format = "csv",
        .mapping = "{\"columns\":{\"WEBURL\":\"value\",\"WEBSITE_NM\":\"note\",\"STA_SDATE\":\"first\",\"STA_"
                   "EDATE\":"
                   "\"last\",\"CNT\":\"meta\"},\"header\":2,\"labels\":\"scam\"}",
        .licence = "OGDL-Taiwan-1.0",
        .zone = "Asia/Taipei",
        .reliability = 'B',
        .tlp = TLP_CLEAR,
        .upstream = "npa.gov.tw",
        .expiry_days = 365,
        .every_minutes = 1440,
        .steady = true,
        .max_bytes = 32 * MIB,
        .key_header = "",
        .note = "The table of data.gov.tw in the copy of g0v, which keeps one address.",
    },
    {
        .name = "tor-exits",
        .title = "Tor Project: addresses of exit relays",
        .url = "https://check.torproject.org/torbulkexitlist",
        .format = "list",
        .mapping = "{\"labels\":\"tor-exit\",\"context\":true}",
        .licence = "CC0-1.0",
        .zone = "UTC",
        .reliability = 'A',
        .tlp = TLP_CLEAR,
        .upstream = "",
        .expiry_days = 2,
        .every_minutes = 60,
        .steady = true,
        .max_bytes = 8 * MIB,
        .key_header = "",
        .note = "Context, never matched: that somebody uses Tor is no crime.",
    },
    {
        .name = "spamhaus-drop",
        .title = "Spamhaus DROP: prefixes run by criminals, IPv4",
        .url = "https://www.spamhaus.org/drop/drop.txt",
        .format = "list",
        .mapping = "{\"labels\":\"drop\"}",
        .licence = "Spamhaus DROP terms: free use, name the source",
        .zone = "UTC",
        .reliability = 'A',
        .tlp = TLP_CLEAR,
        .upstream = "spamhaus.org",
        .expiry_days = 7,
        .every_minutes = 720,
        .steady = true,
        .max_bytes = 8 * MIB,
        .key_header = "",
        .note = "Ask no oftener than hourly, or the address is refused.",
    },
    {
        .name = "spamhaus-drop-v6",
        .title = "Spamhaus DROP: prefixes run by criminals, IPv6",
        .url = "https://www.spamhaus.org/drop/dropv6.txt",
        .format = "list",
        .mapping = "{\"labels\":\"drop\"}",
        .licence = "Spamhaus DROP terms: free use, name the source",
        .zone = "UTC",
        .reliability = 'A',
        .tlp = TLP_CLEAR,
        .upstream = "spamhaus.org",
        .expiry_days = 7,
        .every_minutes = 720,
        .max_bytes = 8 * MIB,
        .key_header = "",
        .note = "As above.",
    },
    {
        .name = "misp-warninglists",
        .title = "MISP warninglists: what is known to be benign",
        .url = "https://github.com/MISP/misp-warninglists/archive/refs/heads/main.tar.gz",
        .format = "",
        .mapping = "{\"members\":\"*/lists/*/list.json\"}",
        .licence = "CC0-1.0",
        .zone = "UTC",
        .reliability = 'B',
        .tlp = TLP_CLEAR,
        .upstream = "",
        .expiry_days = 0,
        .every_minutes = 1440,
        .steady = true,
        .max_bytes = 512 * MIB,
        .key_header = "",
        .note = "Suppresses matches and exports: the first feed to enable.",
    },
};

const struct feed_entry *feed_catalogue(size_t *ret_n)
{
    *ret_n = sizeof(catalogue) / sizeof(catalogue[0]);
    return catalogue;
}

const struct feed_entry *feed_entry_find(struct sv name)
{
    for (size_t i = 0; i < sizeof(catalogue) / sizeof(catalogue[0]); i++)
        if (sv_eq(name, sv_c(catalogue[i].name)))
            return &catalogue[i];
    return NULL;
}

static const char *const ways[] = {[FEED_FILE] = "file", [FEED_MISP] = "misp", [FEED_OTX] = "otx"};

const char *feed_way_name(enum feed_way way)
{
    return ways[way];
}

bool feed_way_parse(struct sv s, enum feed_way *ret)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (sv_eq(s, sv_c(ways[i]))) {
            *ret = (enum feed_way)i;
            return true;
        }
    }
    return false;
}

void feed_catalogue_markdown(struct buf *out)
{
    buf_add(out, SV("| name | what | every | grade | zone | holds | licence | note |\n"
                    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < sizeof(catalogue) / sizeof(catalogue[0]); i++) {
        const struct feed_entry *f = &catalogue[i];
        buf_printf(out, "| `%s` | %s%s | ", f->name, f->title, f->key_header[0] ? " (needs a key)" : "");
        if (f->every_minutes % 1440 == 0)
            buf_printf(out, "%u d", f->every_minutes / 1440);
        else
            buf_printf(out, "%u h", f->every_minutes / 60);
        buf_printf(out, " | %c | %s | ", f->reliability, f->zone);
        if (f->expiry_days)
            buf_printf(out, "%u d", f->expiry_days);
        else
            buf_add(out, SV("by kind"));
        buf_printf(out, " | %s | %s |\n", f->licence, f->note);
    }
}
