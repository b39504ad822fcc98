#include "intake/event.h"

/* ---- values ---- */

/* A hex digit in lower case; 0 for other bytes. */
static const uint8_t hex_digit[256] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6', ['7'] = '7',
    ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f',
    ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f',
};

static bool is_hex(char c)
{
    return hex_digit[(unsigned char)c] != 0;
}

/* Hex digits in lower case into `out`, colons left out; 0 when there is anything else or it is too long. */
static size_t read_hex(struct sv text, char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t digit = hex_digit[(unsigned char)text.p[i]];

        if (text.p[i] == ':')
            continue;
        if (!digit || n == room)
            return 0;
        out[n++] = (char)digit;
    }
    return n;
}

static enum kind hex_kind(enum take how, size_t digits)
{
    switch (how) {
    case TAKE_JA3:
        return digits == 32 ? KIND_JA3 : KIND_NONE;
    case TAKE_JA3S:
        return digits == 32 ? KIND_JA3S : KIND_NONE;
    case TAKE_CERT:
        return digits == 40 ? KIND_CERT_SHA1 : digits == 64 ? KIND_CERT_SHA256 : KIND_NONE;
    default:
        return digits == 32    ? KIND_MD5
               : digits == 40  ? KIND_SHA1
               : digits == 64  ? KIND_SHA256
               : digits == 128 ? KIND_SHA512
                               : KIND_NONE;
    }
}

static bool take_hex(enum take how, struct sv text, char *scratch, struct obs *ret)
{
    if (how != TAKE_CERT && memchr(text.p, ':', text.n))
        return false;
    size_t n = read_hex(text, scratch, 128);
    enum kind kind = hex_kind(how, n);

    ret->kind = kind;
    ret->value = sv_from(scratch, n);
    ret->bits = 0;
    ret->port = 0;
    return kind != KIND_NONE;
}

/* Four decimal octets without leading zeros: the address as it stands. obs_ip reads the same and more; this
 * is what most fields of most events hold. */
static inline bool is_plain_v4(struct sv text, struct obs *ret)
{
    const char *p = text.p, *end = text.p + text.n;

    if (text.n < 7 || text.n > 15)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        const char *start = p;
        unsigned v = 0;

        for (; p < end && *p >= '0' && *p <= '9' && p < start + 3; p++)
            v = v * 10 + (unsigned)(*p - '0');
        if (p == start || v > 255 || (*start == '0' && p > start + 1))
            return false;
        ret->ip[12 + i] = (uint8_t)v;
        if (i < 3 && (p == end || *p++ != '.'))
            return false;
    }
    if (p != end)
        return false;
    memset(ret->ip, 0, 10);
    memset(ret->ip + 10, 0xff, 2);
    ret->kind = KIND_IPV4;
    ret->value = text;
    ret->bits = 32;
    ret->port = 0;
    return true;
}

static bool take_address(struct sv text, char *scratch, struct obs *ret)
{
    if (is_plain_v4(text, ret))
        return true;
    return text.n > 1 && text.n < 64 && (is_hex(text.p[0]) || text.p[0] == ':') && obs_ip(text, scratch, ret);
}

static bool take_name(struct sv text, char *scratch, struct obs *ret)
{
    if (text.n == 0)
        return false;
    if ((is_hex(text.p[0]) || text.p[0] == ':') && take_address(text, scratch, ret))
        return true;
    if (text.n > 2 && text.p[0] == '*' && text.p[1] == '.')
        text = sv_sub(text, 2, SIZE_MAX);
    return obs_domain(text, scratch, ret);
}

/* "host:443" and "[2001:db8::1]:443" without the port; an address of IPv6 stays whole. */
static struct sv without_port(struct sv host, struct sv *ret_port)
{
    size_t colon = sv_chr(host, ':');

    *ret_port = SV_NONE;
    if (colon == SIZE_MAX)
        return host;
    if (host.n && host.p[0] == '[') {
        size_t end = sv_chr(host, ']');

        if (end == SIZE_MAX)
            return host;
        if (end + 1 < host.n && host.p[end + 1] == ':')
            *ret_port = sv_sub(host, end + 2, SIZE_MAX);
        return sv_sub(host, 1, end - 1);
    }
    if (colon != sv_rchr(host, ':'))
        return host;
    *ret_port = sv_sub(host, colon + 1, SIZE_MAX);
    return sv_sub(host, 0, colon);
}

static bool read_kind(struct event_state *s, enum kind kind, struct sv text, struct obs *ret)
{
    return text.n && obs_read(&s->a, kind, text, ret, NULL) == OK;
}

/* Bytes of a URL that is canonical as it stands: those that obs_read would change or refuse, or read as marks
 * of defanged text, are left to it. */
static const bool plain_url_byte[256] = {
    ['!'] = true,         ['"'] = true, ['$'] = true,         ['%'] = true, ['&'] = true, ['\''] = true,
    ['*'] = true,         ['+'] = true, [','] = true,         ['-'] = true, ['.'] = true, ['/'] = true,
    ['0' ... '9'] = true, [':'] = true, [';'] = true,         ['<'] = true, ['='] = true, ['>'] = true,
    ['?'] = true,         ['@'] = true, ['A' ... 'Z'] = true, ['^'] = true, ['_'] = true, ['`'] = true,
    ['a' ... 'z'] = true, ['|'] = true, ['~'] = true,
};

/*
 * http://name/path or https://name/path in canonical form, the common case: a view of the text. Anything else
 * goes the way that all values go. `scratch` is for the host.
 */
static bool is_plain_url(struct sv text, char *scratch)
{
    size_t host = sv_starts(text, SV("http://")) ? 7 : sv_starts(text, SV("https://")) ? 8 : 0;
    size_t i = host;
    struct obs o;

    if (host == 0 || text.n > 4096)
        return false;
    while (i < text.n && text.p[i] != '/' && text.p[i] != '?')
        i++;
    struct sv name = sv_sub(text, host, i - host);
    if (i == text.n || text.p[i] != '/' || !obs_domain(name, scratch, &o) || o.value.n != name.n ||
        memcmp(o.value.p, name.p, name.n) != 0)
        return false;
    for (; i < text.n; i++)
        if (!plain_url_byte[(unsigned char)text.p[i]])
            return false;
    return true;
}

static bool take_url(struct event_state *s, struct sv text, char *scratch, struct obs *ret)
{
    if (!is_plain_url(text, scratch))
        return read_kind(s, KIND_URL, text, ret);
    ret->kind = KIND_URL;
    ret->value = text;
    ret->bits = 0;
    ret->port = 0;
    return true;
}

/* Eight bytes at once: printable ASCII and what is above, no blank at the ends, is canonical as it stands. */
static bool take_agent(struct event_state *s, struct sv text, struct obs *ret)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t low = 0;
    size_t i = 0;

    if (text.n > 1024 || text.p[0] == ' ' || text.p[text.n - 1] == ' ')
        return read_kind(s, KIND_USER_AGENT, text, ret);
    for (uint64_t word; i + sizeof word <= text.n; i += sizeof word) {
        memcpy(&word, text.p + i, sizeof word);
        low |= (word - ones * 0x20) & ~word;
    }
    for (; i < text.n; i++)
        low |= (unsigned char)text.p[i] < 0x20 ? 0x80 : 0;
    if (low & ones * 0x80)
        return read_kind(s, KIND_USER_AGENT, text, ret);
    ret->kind = KIND_USER_AGENT;
    ret->value = text;
    ret->bits = 0;
    ret->port = 0;
    return true;
}

static bool take_one(struct event_state *s, enum take how, struct sv text, char *scratch, struct obs *ret)
{
    struct sv port;

    switch (how) {
    case TAKE_IP:
        return take_address(text, scratch, ret);
    case TAKE_HOST:
        return take_name(without_port(text, &port), scratch, ret);
    case TAKE_NAME:
        return take_name(text, scratch, ret);
    case TAKE_URL:
        return take_url(s, text, scratch, ret);
    case TAKE_EMAIL:
        return read_kind(s, KIND_EMAIL, text, ret);
    case TAKE_HASH:
    case TAKE_JA3:
    case TAKE_JA3S:
    case TAKE_CERT:
        return take_hex(how, text, scratch, ret);
    case TAKE_JA4:
        return read_kind(s, KIND_JA4, text, ret);
    case TAKE_AGENT:
        return take_agent(s, text, ret);
    case TAKE_ANY:
        return text.n && obs_guess(&s->a, text, ret, NULL) == OK;
    case TAKE_NONE:
    case TAKE_GROUP:
    default:
        return false;
    }
}

/* The same value twice under one field (a name in query and answer) is one fact. */
static bool known(const struct observation *o, struct sv field, const struct obs *v)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct observed *old = &o->v[i];

        if (old->value.value.n != v->value.n || old->field.n != field.n || old->value.kind != v->kind)
            continue;
        if ((old->field.p == field.p || memcmp(old->field.p, field.p, field.n) == 0) &&
            memcmp(old->value.value.p, v->value.p, v->value.n) == 0)
            return true;
    }
    return false;
}

static void take_value(struct event_state *s, struct observation *o, enum take how, struct sv field,
                       struct sv text)
{
    bool full = o->n == OBSERVATION_VALUES;
    struct observed *v = full ? &s->extra : &o->v[o->n];

    if (!take_one(s, how, text, s->scratch[o->n], &v->value) || known(o, field, &v->value))
        return;
    if (full) {
        o->more++;
        return;
    }
    v->field = field;
    o->n++;
}

/* The next address of a header's list: what stands between < and >, or a part without spaces. Commas inside
 * quotes do not separate. */
static struct sv next_email(struct sv *rest)
{
    size_t i = 0, open = SIZE_MAX, close = SIZE_MAX;
    bool quoted = false;

    for (; i < rest->n && (quoted || rest->p[i] != ','); i++) {
        char c = rest->p[i];

        if (c == '"')
            quoted = !quoted;
        else if (c == '<' && !quoted)
            open = i;
        else if (c == '>' && !quoted)
            close = i;
    }
    struct sv part = open != SIZE_MAX && close != SIZE_MAX && close > open
                         ? sv_sub(*rest, open + 1, close - open - 1)
                         : sv_sub(*rest, 0, i);
    *rest = sv_sub(*rest, i < rest->n ? i + 1 : i, SIZE_MAX);
    return sv_trim(part);
}

void event_take(struct event_state *s, struct observation *o, enum take how, struct sv field, struct sv text)
{
    if (text.n == 0)
        return;
    if (how != TAKE_EMAIL) {
        take_value(s, o, how, field, text);
        return;
    }
    while (text.n) {
        struct sv email = next_email(&text);

        if (sv_chr(email, '@') != SIZE_MAX)
            take_value(s, o, TAKE_EMAIL, field, email);
    }
}

static bool is_whole_url(struct sv target)
{
    if (target.n == 0 || target.p[0] == '/')
        return false;
    size_t at = sv_find(target, SV("://"));

    return at != SIZE_MAX && at > 0 && at < sv_chr(target, '/') && at < sv_chr(target, '?');
}

static char *put(char *p, struct sv s)
{
    if (s.n)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

/* Sensors write the target as it stood on the wire; what no URL may hold is escaped, as browsers and reports
 * do. */
static char *put_target(char *p, struct sv s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c > 0x20 && c != 0x7f) {
            *p++ = (char)c;
            continue;
        }
        *p++ = '%';
        *p++ = digits[c >> 4];
        *p++ = digits[c & 15];
    }
    return p;
}

void event_take_request(struct event_state *s, struct observation *o, struct sv field, struct sv host,
                        uint16_t port, struct sv target)
{
    struct sv own_port, name = without_port(host, &own_port);
    uint64_t n;

    if (is_whole_url(target)) {
        take_value(s, o, TAKE_URL, field, target);
        return;
    }
    if (target.n && target.p[0] != '/') {
        if (target.p[0] != '*')
            take_value(s, o, TAKE_HOST, field, target);
        return;
    }
    if (name.n == 0 || name.n > 255)
        return;
    if (own_port.n && sv_u64(own_port, &n) && n <= UINT16_MAX)
        port = (uint16_t)n;
    bool tls = port == 443;
    bool v6 = memchr(name.p, ':', name.n) != NULL;
    char digits[8] = "";
    if (port && port != 80 && !tls)
        (void)snprintf(digits, sizeof digits, ":%u", (unsigned)port);
    char *url = arena_alloc(&s->a, name.n + 3 * target.n + 24);
    if (!url)
        return;
    char *p = put(url, tls ? SV("https://") : SV("http://"));
    p = put(p, v6 ? SV("[") : SV(""));
    p = put(p, name);
    p = put(p, v6 ? SV("]") : SV(""));
    p = put(p, sv_c(digits));
    p = put_target(p, target.n ? target : SV("/"));
    take_value(s, o, TAKE_URL, field, sv_from(url, (size_t)(p - url)));
}

/* ---- small things ---- */

uint16_t event_port(const struct event_slot *slot)
{
    uint64_t n;
    int64_t i;

    if (slot->text.p)
        return sv_u64(slot->text, &n) && n <= UINT16_MAX ? (uint16_t)n : 0;
    return json_i64(slot->v, &i) && i > 0 && i <= UINT16_MAX ? (uint16_t)i : 0;
}

struct sv event_class(const struct event_class *table, struct sv type)
{
    while (table->type.n && !(table->type.n == type.n && memcmp(table->type.p, type.p, type.n) == 0))
        table++;
    return table->class;
}
