/*
 * Suricata rules (docs.suricata.io, "Rules"; 5.0 and later). A rule's number comes from its indicator and is
 * the same in every export and at every node; of two that meet in one number the later moves on.
 */
#include "share/export/export_writer.h"

#define SID_FIRST 1000000000u
#define SID_COUNT 3200000000u
#define CONTENT_MOST 255 /* bytes of a pattern: detect-content.h */

struct state {
    struct u64map taken;
};

static int begin(struct exporter *x, struct err *e)
{
    u64map_init(&((struct state *)x->state)->taken);
    text_head(x, "#");
    return OK;
}

/* ---- numbers */

static uint32_t wanted_sid(const struct obs *o, const char *part, unsigned again)
{
    char tail[8];
    snprintf(tail, sizeof(tail), "%u", again);
    const struct sv parts[] = {SV("noroshi sid\n"),
                               sv_c(kind_name(o->kind)),
                               SV("\n"),
                               sv_c(part),
                               SV("\n"),
                               sv_c(tail),
                               SV("\n"),
                               o->value};
    struct sha256 sum = sha256_parts(parts, 8);
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) {
        n = n << 8 | sum.b[i];
    }
    return SID_FIRST + (uint32_t)(n % SID_COUNT);
}

static int sid_of(struct exporter *x, const struct obs *o, const char *part, uint32_t *ret, struct err *e)
{
    struct u64map *taken = &((struct state *)x->state)->taken;
    for (unsigned again = 0;; again++) {
        uint64_t known;
        size_t it = 0;
        *ret = wanted_sid(o, part, again);
        uint64_t key = *ret * UINT64_C(0x9E3779B97F4A7C15); /* the map wants mixed keys */
        if (!u64map_find(taken, key, &it, &known)) {
            return u64map_add(taken, key, 1) == OK ? OK : err_set(e, ERR_MEMORY, "no memory for the rules");
        }
    }
}

/* ---- the parts of a rule */

/* Everything but plain characters as hex between bars: no quote, semicolon or backslash is ever written. */
static void content(struct buf *b, const char *buffer, const char *before, struct sv text, const char *after)
{
    bool hex = false;
    buf_printf(b, "%s; content:\"%s", buffer, before);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-/", c);
        plain = plain && c;
        if (plain) {
            buf_add(b, hex ? SV("|") : SV(""));
            buf_addc(b, (char)c);
        } else {
            buf_printf(b, hex ? " %02x" : "|%02x", c);
        }
        hex = !plain;
    }
    buf_printf(b, "%s\"; %s", hex ? "|" : "", after);
}

static void open_rule(struct buf *b, const char *head, const struct given *g)
{
    buf_printf(b, "alert %s (msg:\"NOROSHI %s ", head, kind_name(g->value.kind));
    text_safe(b, sv_sub(g->value.value, 0, 120), "\";\\|(){}$`'");
    buf_add(b, SV(" - "));
    text_sources(b, g, "\";\\|(){}$`'");
    buf_add(b, SV("\"; "));
}

static int close_rule(struct exporter *x, const struct given *g, const char *part, struct err *e)
{
    struct buf *b = &x->out;
    uint32_t sid;
    char until[32];
    int rc = sid_of(x, &g->value, part, &sid, e);
    text_time(g->until, until);
    buf_printf(b, "classtype:bad-unknown; metadata:tlp ");
    text_word(b, sv_sub(sv_c(tlp_name(g->tlp)), 4, SIZE_MAX));
    buf_printf(b, ", grade %c, confidence %d, valid_until ", grade_best(g), g->confidence);
    text_word(b, until[0] ? sv_c(until) : SV("none"));
    for (size_t i = 0; i < g->claims && i < 8; i++) {
        if (g->claim[i].source_name.n) {
            buf_add(b, SV(", source "));
            text_word(b, g->claim[i].source_name);
        }
    }
    buf_printf(b, "; sid:%u; rev:1;)\n", sid);
    return rc;
}

/* ---- kinds */

static int address(struct exporter *x, const struct given *g, struct err *e)
{
    char head[120];
    if (g->value.bits == 0) {
        return LEFT(LEFT_KIND);
    }
    snprintf(head, sizeof(head), "ip any any <> [%.*s] any", SV_ARG(g->value.value));
    open_rule(&x->out, head, g);
    buf_add(&x->out, SV("threshold:type limit, track by_both, seconds 3600, count 1; "));
    return close_rule(x, g, "ip", e);
}

/* The name itself and what is below: `dotprefix` puts a dot before the buffer. */
static int domain(struct exporter *x, const struct given *g, struct err *e)
{
    static const struct {
        const char *head, *buffer, *part;
    } where[] = {{"dns any any -> any any", "dns.query", "dns"},
                 {"tls any any -> any any", "tls.sni", "tls"},
                 {"http any any -> any any", "http.host", "http"}};
    bool wild = sv_starts(g->value.value, SV("*."));
    struct sv name = wild ? sv_sub(g->value.value, 2, SIZE_MAX) : g->value.value;
    int rc = name.n + 1 > CONTENT_MOST ? LEFT(LEFT_LONG) : OK;
    for (size_t i = 0; rc == OK && i < sizeof(where) / sizeof(where[0]); i++) {
        char buffer[40];
        /* a host is lower case already, and Suricata refuses `nocase` there */
        const char *after = strcmp(where[i].part, "http") == 0 ? "endswith; " : "nocase; endswith; ";
        snprintf(buffer, sizeof(buffer), "%s%s", where[i].buffer, wild ? "" : "; dotprefix");
        open_rule(&x->out, where[i].head, g);
        content(&x->out, buffer, ".", name, after);
        rc = close_rule(x, g, where[i].part, e);
    }
    return rc;
}

static int url(struct exporter *x, const struct given *g, struct err *e)
{
    struct sv key = url_match_key(g->value.value), host = url_host(g->value.value);
    size_t slash = sv_chr(key, '/'), colon = sv_rchr(sv_sub(key, 0, slash), ':');
    struct sv path = slash == SIZE_MAX ? SV("/") : sv_sub(key, slash, SIZE_MAX);
    if (path.n > CONTENT_MOST || host.n > CONTENT_MOST || host.n == 0) {
        return LEFT(LEFT_LONG);
    }
    if (sv_chr(host, ':') != SIZE_MAX) { /* an IPv6 address: how http.host spells it depends on the client */
        return LEFT(LEFT_KIND);
    }
    char head[60] = "http any any -> any any";
    uint64_t port = 0;
    if (colon != SIZE_MAX && sv_u64(sv_sub(key, colon + 1, slash - colon - 1), &port) && port <= UINT16_MAX) {
        snprintf(head, sizeof(head), "http any any -> any %u", (unsigned)port);
    }
    open_rule(&x->out, head, g);
    content(&x->out, "http.host", "", host, "startswith; endswith; ");
    content(&x->out, "http.uri.raw", "", path, "startswith; ");
    return close_rule(x, g, "url", e);
}

static int whole(struct exporter *x, const struct given *g, const char *head, const char *buffer,
                 struct sv text, struct err *e)
{
    if (text.n == 0 || text.n > CONTENT_MOST) {
        return LEFT(LEFT_LONG);
    }
    open_rule(&x->out, head, g);
    content(&x->out, buffer, "", text, "startswith; endswith; ");
    return close_rule(x, g, buffer, e);
}

/* Suricata writes a fingerprint in pairs of digits with colons. */
static int certificate(struct exporter *x, const struct given *g, struct err *e)
{
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < g->value.value.n && n + 3 < sizeof(text); i++) {
        if (i && i % 2 == 0) {
            text[n++] = ':';
        }
        text[n++] = g->value.value.p[i];
    }
    return whole(x, g, "tls any any -> any any", "tls.cert_fingerprint", sv_from(text, n), e);
}

static int value(struct exporter *x, const struct given *g, struct err *e)
{
    struct sv v = g->value.value;
    switch (g->value.kind) {
    case KIND_IPV4:
    case KIND_IPV6:
        return address(x, g, e);
    case KIND_DOMAIN:
        return domain(x, g, e);
    case KIND_URL:
        return url(x, g, e);
    case KIND_JA3:
        return whole(x, g, "tls any any -> any any", "ja3.hash", v, e);
    case KIND_JA3S:
        return whole(x, g, "tls any any -> any any", "ja3s.hash", v, e);
    case KIND_CERT_SHA1:
        return certificate(x, g, e);
    default:
        return whole(x, g, "http any any -> any any", "http.user_agent", v, e);
    }
}

static int end(struct exporter *x, struct err *e)
{
    text_tail(x, "#");
    return OK;
}

static void clear(struct exporter *x)
{
    u64map_clear(&((struct state *)x->state)->taken);
}

const struct export_format export_suricata = {
    .name = "suricata",
    .type = "text/plain; charset=utf-8",
    .extension = "rules",
    .text = "Suricata rules",
    .kinds = KINDS_IP | BIT(KIND_DOMAIN) | BIT(KIND_URL) | BIT(KIND_JA3) | BIT(KIND_JA3S) |
             BIT(KIND_CERT_SHA1) | BIT(KIND_USER_AGENT),
    .state = sizeof(struct state),
    .begin = begin,
    .value = value,
    .end = end,
    .clear = clear,
};

/* ---- datasets: one value a line, nothing else may stand there (docs.suricata.io, "Datasets") */

static int dataset_value(struct exporter *x, const struct given *g, struct err *e)
{
    struct buf *b = &x->out;
    struct sv v = g->value.value;
    bool wild = sv_starts(v, SV("*."));
    switch (g->value.kind) {
    case KIND_IPV4:
    case KIND_IPV6:
        if (g->value.bits < (g->value.kind == KIND_IPV4 ? 32 : 128)) {
            return LEFT(LEFT_KIND); /* a set of single addresses */
        }
        buf_add(b, v);
        break;
    case KIND_MD5:
    case KIND_SHA256:
        buf_add(b, v);
        break;
    default: /* type string: base64 of the buffer's bytes */
        if (wild) {
            return LEFT(LEFT_KIND);
        }
        base64_add(b, g->value.kind == KIND_URL ? url_match_key(v) : v);
        break;
    }
    buf_addc(b, '\n');
    return OK;
}

const struct export_format export_suricata_dataset = {
    .name = "suricata-dataset",
    .type = "text/plain; charset=utf-8",
    .extension = "lst",
    .text = "a Suricata dataset of one kind: addresses, md5, sha-256, others as base64",
    .kinds = KINDS_IP | BIT(KIND_DOMAIN) | BIT(KIND_URL) | BIT(KIND_JA3) | BIT(KIND_JA3S) | BIT(KIND_MD5) |
             BIT(KIND_SHA256) | BIT(KIND_USER_AGENT) | BIT(KIND_EMAIL),
    .one_kind = true,
    .value = dataset_value,
};
