#include "cli/drill.h"

/* Of this drill only: the same drill at two nodes has the same organisations and sources. */
const struct uuid DRILL_NAMESPACE = {
    {0x0b, 0x7d, 0x3c, 0x52, 0x91, 0x1e, 0x4c, 0x0a, 0x8f, 0x6d, 0x65, 0x78, 0x65, 0x72, 0x63, 0x31}};

#define EVENT(time, host, type, src, dst, more)                                                              \
    "{\"timestamp\":\"" time "\",\"host\":\"" host "\",\"event_type\":\"" type "\",\"src_ip\":\"" src        \
    "\",\"src_port\":49152,\"dest_ip\":\"" dst "\",\"dest_port\":443,\"proto\":\"TCP\"" more "}\n"
#define DNS(name) ",\"dns\":{\"type\":\"query\",\"rrname\":\"" name "\",\"rrtype\":\"A\"}"
#define TLS(name) ",\"tls\":{\"sni\":\"" name "\",\"version\":\"TLS 1.3\"}"
#define HTTP(name, url)                                                                                      \
    ",\"http\":{\"hostname\":\"" name "\",\"url\":\"" url "\",\"http_method\":\"GET\",\"status\":200}"

#define HEADER "type,value,first_seen,last_seen,confidence,tags,note\n"

const struct drill_partner DRILL[DRILL_PARTNERS] = {
    {
        .org = "EXERCISE CERT Taiwan",
        .country = "TW",
        .zone = "Asia/Taipei",
        .feed = "exercise-tw-scam-sites",
        .sensor = "exercise-tw-sensor",
        .feed_text = HEADER "domain,parcel-refund.example,2026-08-03 09:10:00,2026-08-20 "
                            "18:00:00,85,phishing smishing,EXERCISE 假包裹退款詐騙網站\n"
                            "url,http://parcel-refund.example/pay/confirm,2026-08-03 09:12:00,2026-08-20 "
                            "18:00:00,90,phishing,EXERCISE 信用卡輸入頁\n"
                            "domain,invest-club.example,2026-08-11 13:00:00,2026-08-19 "
                            "22:30:00,70,investment-fraud,EXERCISE 假投資群組\n"
                            "ip,203.0.113.45,2026-08-10 04:00:00,2026-08-21 07:00:00,75,c2,EXERCISE 中繼站\n",
        .events_text = EVENT("2026-08-21T08:15:02.120000+0800", "tp-border-1", "dns", "192.0.2.17",
                             "192.0.2.53", DNS("login.parcel-refund.example"))
            EVENT("2026-08-21T08:15:03.004000+0800", "tp-border-1", "http", "192.0.2.17", "203.0.113.45",
                  HTTP("parcel-refund.example", "/pay/confirm?id=7"))
                EVENT("2026-08-21T08:40:11.500000+0800", "tp-border-2", "tls", "192.0.2.80", "198.51.100.200",
                      TLS("www.city.example")) EVENT("2026-08-21T09:02:45.000000+0800", "tp-border-2", "tls",
                                                     "192.0.2.44", "198.51.100.9", TLS("update-cdn.example")),
    },
    {
        .org = "EXERCISE CERT Japan",
        .country = "JP",
        .zone = "Asia/Tokyo",
        .feed = "exercise-jp-phishing",
        .sensor = "exercise-jp-sensor",
        .feed_text = HEADER
        "domain,update-cdn.example,2026-08-14 10:00:00,2026-08-21 09:00:00,80,malware loader,EXERCISE "
        "偽の更新サイト\n"
        "url,https://bank-secure.example/login/,2026-08-18 02:00:00,2026-08-21 01:00:00,95,phishing "
        "banking,EXERCISE ネットバンキングを騙るフィッシング\n"
        "ip,203.0.113.45,2026-08-12 15:00:00,2026-08-20 23:00:00,60,scanner,EXERCISE SSH 総当たり\n"
        "sha256,9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08,2026-08-14 "
        "10:05:00,2026-08-14 10:05:00,90,malware,EXERCISE 検体\n",
        .events_text = EVENT("2026-08-21T10:30:00.000000+0900", "tk-dmz-1", "tls", "198.51.100.12",
                             "203.0.113.99", TLS("files.update-cdn.example"))
            EVENT("2026-08-21T10:31:30.250000+0900", "tk-dmz-1", "http", "198.51.100.12", "203.0.113.98",
                  HTTP("bank-secure.example", "/login/?session=1"))
                EVENT("2026-08-21T11:00:00.000000+0900", "tk-dmz-2", "flow", "203.0.113.45", "198.51.100.22",
                      ""),
    },
    {
        .org = "EXERCISE CERT United States",
        .country = "US",
        .zone = "America/New_York",
        .feed = "exercise-us-c2",
        .sensor = "exercise-us-sensor",
        .feed_text = HEADER "cidr,198.51.100.128/25,2026-08-15 20:00:00,2026-08-21 "
                            "00:00:00,65,botnet,EXERCISE bullet-proof hosting range\n"
                            "domain,parcel-refund.example,2026-08-19 08:00:00,2026-08-20 "
                            "12:00:00,50,phishing,EXERCISE reported by a parcel carrier\n"
                            "ip,2001:db8:45::7,2026-08-16 12:00:00,2026-08-20 12:00:00,70,c2,EXERCISE loader "
                            "command and control\n",
        .events_text =
            EVENT("2026-08-20T21:05:00.000000-0400", "va-core-1", "flow", "192.0.2.200", "198.51.100.201", "")
                EVENT("2026-08-20T21:06:10.000000-0400", "va-core-1", "dns", "192.0.2.201", "192.0.2.53",
                      DNS("parcel-refund.example")) EVENT("2026-08-20T21:07:00.000000-0400", "va-core-2",
                                                          "flow", "2001:db8:1::5", "2001:db8:45::7", "")
                    EVENT("2026-08-20T21:08:00.000000-0400", "va-core-2", "tls", "192.0.2.60", "192.0.2.99",
                          TLS("www.harmless.example")),
    },
};
