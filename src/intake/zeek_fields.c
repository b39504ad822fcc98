/*
 * Fields of Zeek's logs (scripts/base, 2.0 to 7.0) by name. Types are not needed: a name without a rule is
 * taken when its text is an address, so a tab-separated log, which knows types, and a JSON one, which does
 * not, give the same.
 */
#include "intake/zeek.h"

#define HINT(path, key)                                                                                      \
    {                                                                                                        \
        0, TAKE_NONE, PATH_##path, ZEEK_NONE, key, ""                                                        \
    }
#define VALUE(how, path, key)                                                                                \
    {                                                                                                        \
        0, TAKE_##how, path, ZEEK_NONE, key, key                                                             \
    }
#define KEEP(slot, path, key)                                                                                \
    {                                                                                                        \
        0, TAKE_NONE, path, ZEEK_##slot, key, ""                                                             \
    }

const struct event_rule zeek_rules[] = {
    KEEP(TS, 0, "ts"),
    KEEP(PATH, 0, "_path"),
    KEEP(SYSTEM, 0, "_system_name"),
    KEEP(NODE, 0, "_node"),
    KEEP(NODE, 0, "node"),
    KEEP(PEER, 0, "peer"),
    KEEP(PEER, 0, "peer_descr"),
    KEEP(NAME, 0, "name"),
    VALUE(IP, 0, "id.orig_h"),
    VALUE(IP, 0, "id.resp_h"),
    KEEP(RESP_P, 0, "id.resp_p"),

    HINT(CONN, "conn_state"),
    HINT(CONN, "missed_bytes"),
    HINT(CONN, "orig_ip_bytes"),

    VALUE(NAME, PATH_DNS, "query"),
    VALUE(NAME, PATH_DNS, "answers"),
    HINT(DNS, "qclass"),
    HINT(DNS, "qtype_name"),
    HINT(DNS, "rcode"),
    HINT(DNS, "AA"),
    HINT(DNS, "rejected"),

    {0, TAKE_HOST, 0, ZEEK_HOST, "host", "host"},
    KEEP(URI, PATH_HTTP, "uri"),
    VALUE(URL, PATH_HTTP, "referrer"),
    VALUE(AGENT, 0, "user_agent"),
    HINT(HTTP, "trans_depth"),
    HINT(HTTP, "request_body_len"),
    HINT(HTTP, "status_code"),
    HINT(HTTP, "tags"),

    VALUE(NAME, PATH_SSL, "server_name"),
    VALUE(JA3, PATH_SSL, "ja3"),
    VALUE(JA3S, PATH_SSL, "ja3s"),
    VALUE(JA4, PATH_SSL, "ja4"),
    VALUE(CERT, PATH_SSL, "cert_chain_fps"),
    VALUE(CERT, PATH_SSL, "client_cert_chain_fps"),
    HINT(SSL, "cipher"),
    HINT(SSL, "established"),
    HINT(SSL, "resumed"),

    VALUE(CERT, 0, "fingerprint"),
    VALUE(NAME, PATH_X509, "san.dns"),
    VALUE(URL, PATH_X509, "san.uri"),
    VALUE(EMAIL, PATH_X509, "san.email"),
    VALUE(IP, PATH_X509, "san.ip"),
    HINT(X509, "certificate.version"),
    HINT(X509, "certificate.serial"),

    VALUE(HASH, PATH_FILES, "md5"),
    VALUE(HASH, PATH_FILES, "sha1"),
    VALUE(HASH, PATH_FILES, "sha256"),
    VALUE(IP, PATH_FILES, "tx_hosts"),
    VALUE(IP, PATH_FILES, "rx_hosts"),
    HINT(FILES, "seen_bytes"),
    HINT(FILES, "overflow_bytes"),

    VALUE(EMAIL, PATH_SMTP, "mailfrom"),
    VALUE(EMAIL, PATH_SMTP, "rcptto"),
    VALUE(EMAIL, PATH_SMTP, "from"),
    VALUE(EMAIL, PATH_SMTP, "to"),
    VALUE(EMAIL, PATH_SMTP, "cc"),
    VALUE(EMAIL, PATH_SMTP, "reply_to"),
    HINT(SMTP, "helo"),
    HINT(SMTP, "last_reply"),
    HINT(SMTP, "is_webmail"),
    HINT(SMTP, "fuids"),

    VALUE(ANY, PATH_INTEL, "seen.indicator"),
    VALUE(HOST, PATH_INTEL, "seen.host"),
    HINT(INTEL, "seen.where"),
    HINT(INTEL, "matched"),

    HINT(NOTICE, "note"),
    HINT(NOTICE, "suppress_for"),
    HINT(KERBEROS, "request_type"),
    HINT(SSH, "auth_attempts"),
    HINT(SSH, "auth_success"),
    HINT(SSH, "kex_alg"),
    HINT(RDP, "security_protocol"),
    HINT(RDP, "cookie"),
    HINT(RDP, "keyboard_layout"),
    HINT(DHCP, "lease_time"),
    HINT(DHCP, "msg_types"),
    HINT(DHCP, "client_addr"),
    HINT(NTP, "stratum"),
    HINT(SMB_FILES, "times.modified"),
    HINT(SMB_MAPPING, "share_type"),
    HINT(DCE_RPC, "endpoint"),
    HINT(NTLM, "domainname"),
    HINT(FTP, "reply_code"),
    HINT(FTP, "command"),
    HINT(IRC, "nick"),
    VALUE(NAME, 0, "request.name"),
    VALUE(NAME, 0, "request.host"),
    HINT(SOFTWARE, "software_type"),
    HINT(TUNNEL, "tunnel_type"),
    HINT(SIP, "call_id"),
    HINT(SNMP, "get_bulk_requests"),
    HINT(SYSLOG, "facility"),
    HINT(WEIRD, "notice"),
    HINT(CAPTURE_LOSS, "percent_lost"),
    HINT(STATS, "pkts_proc"),
    HINT(PACKET_FILTER, "filter"),
    HINT(APP_STATS, "uniq_hosts"),
    {0},
};
_Static_assert(sizeof zeek_rules / sizeof *zeek_rules < UINT8_MAX, "rule numbers are bytes");

static const char *const path_names[] = {
    [PATH_NOTICE] = "notice",
    [PATH_INTEL] = "intel",
    [PATH_KERBEROS] = "kerberos",
    [PATH_SIP] = "sip",
    [PATH_SMTP] = "smtp",
    [PATH_HTTP] = "http",
    [PATH_DNS] = "dns",
    [PATH_RDP] = "rdp",
    [PATH_SSH] = "ssh",
    [PATH_X509] = "x509",
    [PATH_FILES] = "files",
    [PATH_DHCP] = "dhcp",
    [PATH_NTP] = "ntp",
    [PATH_SMB_FILES] = "smb_files",
    [PATH_SMB_MAPPING] = "smb_mapping",
    [PATH_DCE_RPC] = "dce_rpc",
    [PATH_NTLM] = "ntlm",
    [PATH_IRC] = "irc",
    [PATH_FTP] = "ftp",
    [PATH_SOFTWARE] = "software",
    [PATH_TUNNEL] = "tunnel",
    [PATH_SNMP] = "snmp",
    [PATH_SYSLOG] = "syslog",
    [PATH_SSL] = "ssl",
    [PATH_CONN] = "conn",
    [PATH_WEIRD] = "weird",
    [PATH_CAPTURE_LOSS] = "capture_loss",
    [PATH_STATS] = "stats",
    [PATH_PACKET_FILTER] = "packet_filter",
    [PATH_APP_STATS] = "app_stats",
    [PATH_UNKNOWN] = "zeek",
};

const char *zeek_path_name(enum zeek_path p)
{
    return path_names[p];
}

const struct event_class zeek_classes[] = {
    {SV_ROW("conn"), SV_ROW("flow")},      {SV_ROW("socks"), SV_ROW("flow")},
    {SV_ROW("tunnel"), SV_ROW("flow")},    {SV_ROW("dns"), SV_ROW("dns")},
    {SV_ROW("http"), SV_ROW("http")},      {SV_ROW("ssl"), SV_ROW("tls")},
    {SV_ROW("x509"), SV_ROW("tls")},       {SV_ROW("files"), SV_ROW("file")},
    {SV_ROW("smb_files"), SV_ROW("file")}, {SV_ROW("pe"), SV_ROW("file")},
    {SV_ROW("smtp"), SV_ROW("smtp")},      {SV_ROW("ssh"), SV_ROW("ssh")},
    {SV_ROW("rdp"), SV_ROW("rdp")},        {SV_ROW("notice"), SV_ROW("alert")},
    {SV_ROW("intel"), SV_ROW("alert")},    {SV_ROW("signatures"), SV_ROW("alert")},
    {SV_ROW("kerberos"), SV_ROW("login")}, {SV_ROW("ntlm"), SV_ROW("login")},
    {SV_ROW("radius"), SV_ROW("login")},   {{NULL, 0}, SV_ROW("other")},
};
