/* Recommendations for observables: values from registries outside of the standard, spelling of keys, ids. */
#include "stix/check.h"

#include "stix/private.h"

/* RFC 9110 and the message header registry of IANA (requests), with what clients send beside it. */
static const char request_headers[] =
    "Accept|Accept-Charset|Accept-Datetime|Accept-Encoding|Accept-Language|Access-Control-Request-Headers|"
    "Access-Control-Request-Method|Authorization|Cache-Control|Connection|Content-Encoding|Content-Length|"
    "Content-MD5|Content-Type|Cookie|DNT|Date|Expect|Forwarded|From|Front-End-Https|Host|If-Match|"
    "If-Modified-Since|If-None-Match|If-Range|If-Unmodified-Since|Keep-Alive|Max-Forwards|Origin|Pragma|"
    "Proxy-Authorization|Proxy-Connection|Range|Referer|Sec-Fetch-Dest|Sec-Fetch-Mode|Sec-Fetch-Site|"
    "Sec-Fetch-User|Sec-WebSocket-Extensions|Sec-WebSocket-Key|Sec-WebSocket-Protocol|Sec-WebSocket-Version|"
    "TE|Trailer|Transfer-Encoding|Upgrade|Upgrade-Insecure-Requests|User-Agent|Via|Warning|X-ATT-DeviceId|"
    "X-Correlation-ID|X-Csrf-Token|X-Forwarded-For|X-Forwarded-Host|X-Forwarded-Proto|X-Http-Method-Override|"
    "X-Request-ID|X-Requested-With|X-UIDH|X-Wap-Profile";

/* The options of setsockopt() in POSIX, Linux and Winsock, without the prefix of their level. */
static const struct {
    const char *prefix, *names;
} socket_options[] = {
    {"SO_",
     "ACCEPTCONN|ATTACH_BPF|ATTACH_FILTER|ATTACH_REUSEPORT_CBPF|BINDTODEVICE|BROADCAST|BSDCOMPAT|BSP_STATE|"
     "BUSY_POLL|CONDITIONAL_ACCEPT|CONFIRM_NAME|CONNDATA|CONNDATALEN|CONNECT_TIME|CONNOPT|CONNOPTLEN|DEBUG|"
     "DEREGISTER_NAME|DETACH_FILTER|DISCDATA|DISCDATALEN|DISCOPT|DISCOPTLEN|DOMAIN|DONTLINGER|DONTROUTE|"
     "ERROR|EXCLUSIVEADDRUSE|GETLOCALZONES|GETMYZONE|GETNETINFO|GETZONELIST|GROUP_ID|GROUP_PRIORITY|"
     "INCOMING_CPU|KEEPALIVE|LINGER|LOOKUP_MYZONE|LOOKUP_NAME|LOOKUP_NETDEF_ON_ADAPTER|LOOKUP_ZONES|"
     "LOOKUP_ZONES_ON_ADAPTER|MARK|MAXDG|MAXPATHDG|MAX_MSG_SIZE|OOBINLINE|OPENTYPE|PAP_GET_SERVER_STATUS|"
     "PAP_PRIME_READ|PAP_SET_SERVER_STATUS|PASSCRED|PASSSEC|PAUSE_ACCEPT|PEEK_OFF|PEERCRED|PORT_SCALABILITY|"
     "PRIORITY|PROTOCOL|PROTOCOL_INFO|PROTOCOL_INFOA|PROTOCOL_INFOW|RANDOMIZE_PORT|RCVBUF|RCVBUFFORCE|"
     "RCVLOWAT|RCVTIMEO|REGISTER_NAME|REMOVE_NAME|REUSEADDR|REUSEPORT|REUSE_MULTICASTPORT|"
     "REUSE_UNICASTPORT|RXQ_OVFL|SNDBUF|SNDBUFFORCE|SNDLOWAT|SNDTIMEO|TIMESTAMP|TYPE|UPDATE_ACCEPT_CONTEXT|"
     "UPDATE_CONNECT_CONTEXT|USELOOPBACK"},
    {"ICMP_", "FILTER"},
    {"ICMP6_", "FILTER"},
    {"IP_",
     "ADD_MEMBERSHIP|ADD_SOURCE_MEMBERSHIP|BIND_ADDRESS_NO_PORT|BLOCK_SOURCE|DONTFRAGMENT|DROP_MEMBERSHIP|"
     "DROP_SOURCE_MEMBERSHIP|FREEBIND|HDRINCL|MSFILTER|MTU|MTU_DISCOVER|MULTICAST_ALL|MULTICAST_IF|"
     "MULTICAST_LOOP|MULTICAST_TTL|NODEFRAG|OPTIONS|ORIGINAL_ARRIVAL_IF|PKTINFO|RECEIVE_BROADCAST|"
     "RECVDSTADDR|RECVERR|RECVIF|RECVOPTS|RECVORIGDSTADDR|RECVTOS|RECVTTL|RETOPTS|ROUTER_ALERT|TOS|"
     "TRANSPARENT|TTL|UNBLOCK_SOURCE|UNICAST_IF|WFP_REDIRECT_CONTEXT|WFP_REDIRECT_RECORDS"},
    {"IPV6_",
     "ADDRFORM|ADD_MEMBERSHIP|CHECKSUM|DONTFRAG|DROP_MEMBERSHIP|DSTOPTS|HDRINCL|HOPLIMIT|HOPOPTS|JOIN_GROUP|"
     "LEAVE_GROUP|MTU|MTU_DISCOVER|MULTICAST_HOPS|MULTICAST_IF|MULTICAST_LOOP|NEXTHOP|PATHMTU|PKTINFO|"
     "PROTECTION_LEVEL|RECVDSTOPTS|RECVHOPLIMIT|RECVHOPOPTS|RECVIF|RECVPATHMTU|RECVPKTINFO|RECVRTHDR|"
     "RECVTCLASS|RTHDR|TCLASS|UNICAST_HOPS|UNICAST_IF|USE_MIN_MTU|V6ONLY"},
    {"IRLMP_", "9WIRE_MODE|DISCOVERY_MODE|ENUMDEVICES|EXCLUSIVE_MODE|IAS_QUERY|IAS_SET|IRLPT_MODE|PARAMETERS|"
               "SEND_PDU_LEN|SHARP_MODE|TINYTP_MODE"},
    {"MCAST_", "BLOCK_SOURCE|JOIN_GROUP|JOIN_SOURCE_GROUP|LEAVE_GROUP|LEAVE_SOURCE_GROUP|UNBLOCK_SOURCE"},
    {"TCP_",
     "BSDURGENT|CONGESTION|CORK|DEFER_ACCEPT|EXPEDITED_1122|FASTOPEN|INFO|KEEPCNT|KEEPIDLE|KEEPINTVL|LINGER2|"
     "MAXRT|MAXSEG|NODELAY|QUICKACK|SYNCNT|TIMESTAMPS|USER_TIMEOUT|WINDOW_CLAMP"},
};

static bool is_socket_option(struct sv name)
{
    for (size_t i = 0; i < sizeof(socket_options) / sizeof(socket_options[0]); i++) {
        struct sv prefix = sv_c(socket_options[i].prefix);
        if (sv_starts(name, prefix) && word_in(socket_options[i].names, sv_sub(name, prefix.n, SIZE_MAX)))
            return true;
    }
    return false;
}

/* ISO 32000-1 table 317. */
static bool is_pdf_info(struct sv name)
{
    return word_in("Title|Author|Subject|Keywords|Creator|Producer|CreationDate|ModDate|Trapped", name);
}

static bool is_request_header(struct sv name)
{
    return word_in(request_headers, name);
}

/* IANA's registry of elements: lower camel case (RFC 7012 2.3). */
static bool is_ipfix(struct sv name)
{
    bool fits = name.n > 1 && name.p[0] >= 'a' && name.p[0] <= 'z';
    for (size_t i = 1; fits && i < name.n; i++)
        fits = is_alpha(name.p[i]) || is_digit(name.p[i]);
    return fits;
}

/* RFC 6335 5.1: up to 15 letters, digits and hyphens. */
static bool is_service(struct sv name)
{
    bool fits = name.n > 0 && name.n <= 15;
    for (size_t i = 0; fits && i < name.n; i++)
        fits = is_alpha(name.p[i]) || is_digit(name.p[i]) || name.p[i] == '-';
    return fits;
}

static const char *const extensions_key = "extensions";

/* Keys of a dictionary that should come from a registry. The steps to it are `path`. */
static void advise_keys(struct check *c, const char *const path[3], bool (*known)(struct sv),
                        enum stix_advice a, const char *section, const char *what)
{
    struct sv key;
    struct jv v, at = c->root;
    size_t depth = 0;
    for (; depth < 3 && path[depth]; depth++) {
        at = json_get(at, sv_c(path[depth]));
        enter_key(c, sv_c(path[depth]));
    }
    struct json_it it = json_each(at);
    while (json_type(at) == JSON_OBJECT && json_next(&it, &key, &v)) {
        enter_key(c, key);
        if (!known(key))
            advise(c, a, section, "not %s", what);
        leave(c);
    }
    while (depth-- > 0)
        leave(c);
}

static void advise_traffic(struct check *c)
{
    struct sv key;
    struct jv v;
    size_t at = 0;
    struct json_it it = json_each(json_get(c->root, SV("protocols")));
    enter_key(c, SV("protocols"));
    while (json_next(&it, &key, &v)) {
        enter_index(c, at++);
        if (json_str(v).p && !is_service(json_str(v)))
            advise(c, ADVICE_PROTOCOLS, "6.12.1", "not a name of the IANA service name registry");
        leave(c);
    }
    leave(c);
    if (!has(c->root, "src_port") || !has(c->root, "dst_port"))
        advise(c, ADVICE_PORTS, "6.12.1", "network traffic should have both src_port and dst_port");
    advise_keys(c, (const char *const[3]){"ipfix"}, is_ipfix, ADVICE_IPFIX, "6.12.1",
                "an element of the IANA IPFIX registry");
    advise_keys(c, (const char *const[3]){extensions_key, "http-request-ext", "request_header"},
                is_request_header, ADVICE_HTTP_HEADERS, "6.12.2.1", "a request header of HTTP");
    advise_keys(c, (const char *const[3]){extensions_key, "socket-ext", "options"}, is_socket_option,
                ADVICE_SOCKET_OPTIONS, "6.12.4.1", "a socket option");
}

static void advise_process(struct check *c)
{
    struct sv priority =
        json_str(json_path(c->root, extensions_key, "windows-process-ext", "priority", NULL));
    if (priority.p && !(priority.n > 6 && sv_ends(priority, SV("_CLASS"))))
        advise(c, ADVICE_PROCESS_PRIORITY, "6.13.2.1",
               "the priority of a Windows process should end in _CLASS");
}

static void advise_file(struct check *c)
{
    advise_keys(c, (const char *const[3]){extensions_key, "pdf-ext", "document_info_dict"}, is_pdf_info,
                ADVICE_PDF_INFO, "6.7.4.1", "a key of the document information dictionary of PDF");
}

static void note_account(struct check *c)
{
    if (has(c->root, "credential"))
        remark(c, "6.16.1", "credentials should only be shared when malware carries them");
}

/* 2.3: keys should be lower-case; where other standards name them they are as those write them. */
static void advise_dictionaries(struct check *c, struct jv object, unsigned depth)
{
    static const char exceptions[] = "hashes|file_header_hashes|request_header|additional_header_fields|"
                                     "document_info_dict|exif_tags|ipfix|"
                                     "options|environment_variables|key|startup_info";
    struct sv key;
    struct jv v;
    struct json_it it = json_each(object);
    while (json_next(&it, &key, &v)) {
        bool capital = false;
        for (size_t i = 0; i < key.n; i++)
            capital |= key.p[i] >= 'A' && key.p[i] <= 'Z';
        enter_key(c, key);
        if (capital)
            advise(c, ADVICE_DICTIONARY_KEYS, "2.3", "a key should be lower-case");
        if (json_type(v) == JSON_OBJECT && depth < JSON_MAX_DEPTH && !word_in(exceptions, key))
            advise_dictionaries(c, v, depth + 1);
        leave(c);
    }
}

/* 2.9, 3.4: the same thing seen by two has one id, if both make it as the standard says. */
static void note_id(struct check *c)
{
    struct sv id = json_get_str(c->root, SV("id")), made;
    struct err e = ERR_NONE;
    struct uuid u;
    struct sv type;
    if (!id.p || !id_split(id, &type, &u) || (u.b[6] >> 4) != 5 ||
        stix_sco_id(c->root, c->r->a, &made, &e) != OK || sv_ieq(made, id))
        return;
    enter_key(c, SV("id"));
    remark(c, "3.4", "not the id that its contributing properties give: %.*s", SV_ARG(made));
    leave(c);
}

void check_observable(struct check *c)
{
    static const struct {
        const char *type;
        void (*fn)(struct check *c);
    } rows[] = {{"network-traffic", advise_traffic},
                {"process", advise_process},
                {"file", advise_file},
                {"user-account", note_account}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (sv_eq(c->rule->type, sv_c(rows[i].type)))
            rows[i].fn(c);
    if (advised(c, ADVICE_DICTIONARY_KEYS))
        advise_dictionaries(c, c->root, 0);
    note_id(c);
}
