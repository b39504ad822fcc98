/* Suricata EVE: JSON lines, or an array of the same objects. Field names: Suricata 4 to 8, userguide "EVE
 * JSON Format". */
#include "intake/event.h"

enum group {
    TOP,
    HTTP,
    DNS,
    DNS_ANSWER,
    DNS_RECORD,
    DNS_GROUPED,
    TLS,
    TLS_CLIENT,
    QUIC,
    JA3,
    JA3S,
    FILE_INFO,
    SMTP,
    EMAIL,
    TUNNEL,
    DHCP
};

enum slot {
    S_NONE,
    S_TIME,
    S_TYPE,
    S_HOST,
    S_SENSOR,
    S_SRC_PORT,
    S_DEST_PORT,
    S_DIRECTION,
    S_HTTP,
    S_HTTP_HOST,
    S_HTTP_URL,
    S_HTTP_PORT,
};
_Static_assert(S_HTTP_PORT < EVENT_SLOTS, "more slots than a state has");

static const struct event_rule rules[] = {
    {TOP, TAKE_NONE, 0, S_TIME, "timestamp", ""},
    {TOP, TAKE_NONE, 0, S_TYPE, "event_type", ""},
    {TOP, TAKE_NONE, 0, S_HOST, "host", ""},
    {TOP, TAKE_NONE, 0, S_SENSOR, "sensor_name", ""},
    {TOP, TAKE_IP, 0, S_NONE, "src_ip", "src_ip"},
    {TOP, TAKE_NONE, 0, S_SRC_PORT, "src_port", ""},
    {TOP, TAKE_IP, 0, S_NONE, "dest_ip", "dest_ip"},
    {TOP, TAKE_NONE, 0, S_DEST_PORT, "dest_port", ""},
    {TOP, TAKE_NONE, 0, S_DIRECTION, "direction", ""},
    {TOP, TAKE_IP, 0, S_NONE, "xff", "xff"},
    {TOP, TAKE_GROUP, HTTP, S_HTTP, "http", ""},
    {TOP, TAKE_GROUP, DNS, S_NONE, "dns", ""},
    {TOP, TAKE_GROUP, TLS, S_NONE, "tls", ""},
    {TOP, TAKE_GROUP, QUIC, S_NONE, "quic", ""},
    {TOP, TAKE_GROUP, FILE_INFO, S_NONE, "fileinfo", ""},
    {TOP, TAKE_GROUP, FILE_INFO, S_NONE, "files", ""},
    {TOP, TAKE_GROUP, SMTP, S_NONE, "smtp", ""},
    {TOP, TAKE_GROUP, EMAIL, S_NONE, "email", ""},
    {TOP, TAKE_GROUP, TUNNEL, S_NONE, "tunnel", ""},
    {TOP, TAKE_GROUP, DHCP, S_NONE, "dhcp", ""},

    {HTTP, TAKE_HOST, 0, S_HTTP_HOST, "hostname", "http.hostname"},
    {HTTP, TAKE_NONE, 0, S_HTTP_URL, "url", ""},
    {HTTP, TAKE_NONE, 0, S_HTTP_PORT, "http_port", ""},
    {HTTP, TAKE_AGENT, 0, S_NONE, "http_user_agent", "http.http_user_agent"},
    {HTTP, TAKE_URL, 0, S_NONE, "http_refer", "http.http_refer"},
    {HTTP, TAKE_URL, 0, S_NONE, "redirect", "http.redirect"},
    {HTTP, TAKE_IP, 0, S_NONE, "xff", "http.xff"},

    /* version 1: one record an event; version 2: lists, or grouped by type; version 3: "queries" */
    {DNS, TAKE_NAME, 0, S_NONE, "rrname", "dns.rrname"},
    {DNS, TAKE_NAME, 0, S_NONE, "rdata", "dns.rdata"},
    {DNS, TAKE_GROUP, DNS_RECORD, S_NONE, "query", ""},
    {DNS, TAKE_GROUP, DNS_RECORD, S_NONE, "queries", ""},
    {DNS, TAKE_GROUP, DNS_ANSWER, S_NONE, "answer", ""},
    {DNS, TAKE_GROUP, DNS_RECORD, S_NONE, "answers", ""},
    {DNS, TAKE_GROUP, DNS_GROUPED, S_NONE, "grouped", ""},
    {DNS_ANSWER, TAKE_NAME, 0, S_NONE, "rrname", "dns.rrname"},
    {DNS_ANSWER, TAKE_GROUP, DNS_RECORD, S_NONE, "answers", ""},
    {DNS_ANSWER, TAKE_GROUP, DNS_GROUPED, S_NONE, "grouped", ""},
    {DNS_RECORD, TAKE_NAME, 0, S_NONE, "rrname", "dns.rrname"},
    {DNS_RECORD, TAKE_NAME, 0, S_NONE, "rdata", "dns.rdata"},
    {DNS_GROUPED, TAKE_IP, 0, S_NONE, "A", "dns.rdata"},
    {DNS_GROUPED, TAKE_IP, 0, S_NONE, "AAAA", "dns.rdata"},
    {DNS_GROUPED, TAKE_NAME, 0, S_NONE, "CNAME", "dns.rdata"},
    {DNS_GROUPED, TAKE_NAME, 0, S_NONE, "NS", "dns.rdata"},
    {DNS_GROUPED, TAKE_NAME, 0, S_NONE, "MX", "dns.rdata"},
    {DNS_GROUPED, TAKE_NAME, 0, S_NONE, "PTR", "dns.rdata"},

    {TLS, TAKE_NAME, 0, S_NONE, "sni", "tls.sni"},
    {TLS, TAKE_GROUP, JA3, S_NONE, "ja3", ""},
    {TLS, TAKE_GROUP, JA3S, S_NONE, "ja3s", ""},
    {TLS, TAKE_JA4, 0, S_NONE, "ja4", "tls.ja4"},
    {TLS, TAKE_CERT, 0, S_NONE, "fingerprint", "tls.fingerprint"},
    {TLS, TAKE_NAME, 0, S_NONE, "subjectaltname", "tls.subjectaltname"},
    {TLS, TAKE_GROUP, TLS_CLIENT, S_NONE, "client", ""},
    {TLS_CLIENT, TAKE_CERT, 0, S_NONE, "fingerprint", "tls.client.fingerprint"},
    {QUIC, TAKE_NAME, 0, S_NONE, "sni", "quic.sni"},
    {QUIC, TAKE_AGENT, 0, S_NONE, "ua", "quic.ua"},
    {QUIC, TAKE_GROUP, JA3, S_NONE, "ja3", ""},
    {QUIC, TAKE_GROUP, JA3S, S_NONE, "ja3s", ""},
    {QUIC, TAKE_JA4, 0, S_NONE, "ja4", "quic.ja4"},
    {JA3, TAKE_JA3, 0, S_NONE, "hash", "tls.ja3.hash"},
    {JA3S, TAKE_JA3S, 0, S_NONE, "hash", "tls.ja3s.hash"},

    {FILE_INFO, TAKE_HASH, 0, S_NONE, "md5", "fileinfo.md5"},
    {FILE_INFO, TAKE_HASH, 0, S_NONE, "sha1", "fileinfo.sha1"},
    {FILE_INFO, TAKE_HASH, 0, S_NONE, "sha256", "fileinfo.sha256"},

    {SMTP, TAKE_EMAIL, 0, S_NONE, "mail_from", "smtp.mail_from"},
    {SMTP, TAKE_EMAIL, 0, S_NONE, "rcpt_to", "smtp.rcpt_to"},
    {EMAIL, TAKE_EMAIL, 0, S_NONE, "from", "email.from"},
    {EMAIL, TAKE_EMAIL, 0, S_NONE, "to", "email.to"},
    {EMAIL, TAKE_EMAIL, 0, S_NONE, "cc", "email.cc"},
    {EMAIL, TAKE_EMAIL, 0, S_NONE, "bcc", "email.bcc"},
    {EMAIL, TAKE_EMAIL, 0, S_NONE, "reply_to", "email.reply_to"},
    {EMAIL, TAKE_URL, 0, S_NONE, "url", "email.url"},

    {TUNNEL, TAKE_IP, 0, S_NONE, "src_ip", "tunnel.src_ip"},
    {TUNNEL, TAKE_IP, 0, S_NONE, "dest_ip", "tunnel.dest_ip"},
    {DHCP, TAKE_IP, 0, S_NONE, "client_ip", "dhcp.client_ip"},
    {DHCP, TAKE_IP, 0, S_NONE, "assigned_ip", "dhcp.assigned_ip"},
    {0},
};
_Static_assert(sizeof rules / sizeof *rules < UINT8_MAX, "rule numbers are bytes");

static const struct event_class classes[] = {
    {SV_ROW("alert"), SV_ROW("alert")},   {SV_ROW("drop"), SV_ROW("alert")},
    {SV_ROW("flow"), SV_ROW("flow")},     {SV_ROW("netflow"), SV_ROW("flow")},
    {SV_ROW("dns"), SV_ROW("dns")},       {SV_ROW("mdns"), SV_ROW("dns")},
    {SV_ROW("http"), SV_ROW("http")},     {SV_ROW("http2"), SV_ROW("http")},
    {SV_ROW("tls"), SV_ROW("tls")},       {SV_ROW("quic"), SV_ROW("tls")},
    {SV_ROW("fileinfo"), SV_ROW("file")}, {SV_ROW("smtp"), SV_ROW("smtp")},
    {SV_ROW("ssh"), SV_ROW("ssh")},       {SV_ROW("rdp"), SV_ROW("rdp")},
    {SV_ROW("krb5"), SV_ROW("login")},    {{NULL, 0}, SV_ROW("other")},
};

/*
 * The server's port: Suricata drops it from the host name. An alert names the sides as the packet went, so
 * there the lower port counts, as the other is picked by a client from high ones.
 */
static uint16_t server_port(const struct event_state *s, bool transaction)
{
    uint16_t port = event_port(&s->slot[S_HTTP_PORT]);
    uint16_t src = event_port(&s->slot[S_SRC_PORT]), dest = event_port(&s->slot[S_DEST_PORT]);

    if (port)
        return port;
    if (transaction || sv_eq(s->slot[S_DIRECTION].text, SV("to_server")))
        return dest;
    if (sv_eq(s->slot[S_DIRECTION].text, SV("to_client")))
        return src;
    return src && src < dest ? src : dest;
}

static int read_event(struct event_state *s, struct sv text, struct observation *o, struct err *e)
{
    struct jv event;
    int rc = event_json(s, text, &event, e);

    if (rc)
        return rc;
    event_walk(s, o, TOP, event);
    o->type = s->slot[S_TYPE].text;
    if (o->type.n == 0)
        return err_set(e, ERR_VALUE, "the event has no \"event_type\"");
    if (s->slot[S_TIME].text.n == 0)
        return err_set(e, ERR_VALUE, "the event has no \"timestamp\"");
    rc = event_time(s, s->slot[S_TIME].text, &o->time, e);
    if (rc)
        return rc;
    o->class = event_class(classes, o->type);
    o->sensor = s->slot[S_HOST].text.n ? s->slot[S_HOST].text : s->slot[S_SENSOR].text;
    if (!o->sensor.p)
        o->sensor = SV("");
    if (s->slot[S_HTTP].v.doc)
        event_take_request(s, o, SV("http.url"), s->slot[S_HTTP_HOST].text,
                           server_port(s, sv_eq(o->class, SV("http"))), s->slot[S_HTTP_URL].text);
    return 1;
}

const struct event_format eve_events = {"eve", rules, read_event, NULL, NULL};

static int detect(struct sv head, struct sv name)
{
    return event_head_has(head, SV("event_type")) && event_head_has(head, SV("timestamp")) ? 95 : 0;
}

static int read_file(struct intake_job *job, struct err *e)
{
    return event_read_file(job, &eve_events, e);
}

const struct intake_format fmt_eve = {"eve", "Suricata EVE events, JSON lines or an array", true, detect,
                                      read_file};
