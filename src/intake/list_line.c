#include "intake/list_line.h"

#define WORDS 24u

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* "//" needs a space behind it: "//x" is a path, as maltrail's lists hold them. */
static bool is_comment(struct sv s)
{
    return s.n == 0 || s.p[0] == '#' || s.p[0] == ';' || s.p[0] == '!' || sv_istarts(s, SV("[Adblock")) ||
           (sv_starts(s, SV("//")) && (s.n == 2 || is_space(s.p[2])));
}

/* Takes a comment off the end: '#', ';' or "//" after white space. */
static struct sv cut_comment(struct sv s, struct sv *note)
{
    *note = SV("");
    for (size_t i = 1; i < s.n; i++) {
        if (!is_space(s.p[i - 1]))
            continue;
        bool slashes = s.p[i] == '/' && i + 1 < s.n && s.p[i + 1] == '/';
        if (s.p[i] != '#' && s.p[i] != ';' && !slashes)
            continue;
        *note = sv_sub(s, i + 1 + slashes, s.n);
        while (note->n && (note->p[0] == s.p[i] || is_space(note->p[0])))
            *note = sv_sub(*note, 1, note->n);
        return sv_trim(sv_sub(s, 0, i));
    }
    return s;
}

static struct sv next_word(struct sv *s)
{
    size_t i = 0;
    while (i < s->n && !is_space(s->p[i]))
        i++;
    struct sv word = sv_sub(*s, 0, i);
    while (i < s->n && is_space(s->p[i]))
        i++;
    *s = sv_sub(*s, i, s->n);
    return word;
}

static enum list_found one(struct sv value, struct list_item *ret)
{
    ret->value[0] = value;
    ret->n = value.n ? 1 : 0;
    return value.n ? LIST_ITEM : LIST_BAD;
}

static struct sv no_final_dot(struct sv name)
{
    return name.n > 1 && name.p[name.n - 1] == '.' ? sv_sub(name, 0, name.n - 1) : name;
}

/* ---- hosts(5) -------------------------------------------------------------------------------- */

static bool is_sink(struct sv word)
{
    static const char *const sinks[] = {"0.0.0.0", "127.0.0.1",       "::",          "::1",
                                        "::0",     "255.255.255.255", "fe80::1%lo0", "ff00::0",
                                        "ff02::1", "ff02::2",         "ff02::3"};
    for (size_t i = 0; i < sizeof(sinks) / sizeof(sinks[0]); i++)
        if (sv_eq(word, sv_c(sinks[i])))
            return true;
    return false;
}

/* Names every hosts file maps for the machine itself. */
static bool is_own_name(struct sv name)
{
    static const char *const own[] = {"localhost", "localhost.localdomain", "local", "broadcasthost",
                                      "0.0.0.0"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (sv_ieq(name, sv_c(own[i])))
            return true;
    return sv_istarts(name, SV("ip6-"));
}

static enum list_found read_hosts(struct sv names, struct list_item *ret)
{
    ret->n = 0;
    while (names.n) {
        struct sv name = next_word(&names);
        if (is_own_name(name))
            continue;
        if (ret->n == LIST_NAMES)
            return LIST_BAD;
        ret->value[ret->n++] = name;
    }
    return ret->n ? LIST_ITEM : LIST_SKIP;
}

/* ---- Response Policy Zones (draft-vixie-dnsop-dns-rpz-00) ------------------------------------ */

static bool is_type(struct sv word)
{
    static const char *const types[] = {"SOA", "NS", "CNAME", "A", "AAAA", "TXT"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (sv_eq(word, sv_c(types[i])))
            return true;
    return false;
}

static bool is_number(struct sv word)
{
    uint64_t v;
    return sv_u64(word, &v);
}

/* "name [ttl] [IN] TYPE data": the type and what follows; false when the line is no resource record. */
static bool record_of(struct sv line, struct sv *name, struct sv *type, struct sv *data)
{
    *name = next_word(&line);
    for (unsigned i = 0; i < 3 && line.n; i++) {
        struct sv word = next_word(&line);
        if (is_type(word)) {
            *type = word;
            *data = line;
            return line.n > 0;
        }
        if (!sv_eq(word, SV("IN")) && !is_number(word))
            return false;
    }
    return false;
}

/* A name of the policy zone is what it is about, with the zone's own name behind when written in full. */
static struct sv without_origin(const struct list_state *st, struct sv name)
{
    struct sv origin = sv_c(st->origin);
    bool full = name.n && name.p[name.n - 1] == '.';
    name = no_final_dot(name);
    if (full && origin.n && name.n > origin.n + 1 && sv_ends(name, origin) &&
        name.p[name.n - origin.n - 1] == '.')
        return sv_sub(name, 0, name.n - origin.n - 1);
    return name;
}

static enum list_found read_policy(const struct list_state *st, struct sv name, struct sv data,
                                   struct list_item *ret)
{
    name = without_origin(st, name);
    struct sv action = next_word(&data);
    ret->allowed = sv_ieq(no_final_dot(action), SV("rpz-passthru"));
    ret->address_block =
        sv_ends(name, SV(".rpz-ip")) || sv_ends(name, SV(".rpz-client-ip")) || sv_ends(name, SV(".rpz-nsip"));
    if (!ret->address_block && sv_ends(name, SV(".rpz-nsdname")))
        name = sv_sub(name, 0, name.n - 12);
    return one(name, ret);
}

/* True when the line belongs to a zone file; *ret_found says what it is. */
static bool read_zone(struct list_state *st, struct sv line, struct list_item *ret,
                      enum list_found *ret_found)
{
    struct sv name, type, data;
    *ret_found = LIST_SKIP;
    if (st->in_soa) {
        st->in_soa = sv_chr(line, ')') == SIZE_MAX;
        return true;
    }
    if (line.p[0] == '$') {
        struct sv word = next_word(&line);
        if (sv_eq(word, SV("$ORIGIN")))
            sv_copy(no_final_dot(line), st->origin, sizeof(st->origin));
        return sv_eq(word, SV("$ORIGIN")) || sv_eq(word, SV("$TTL")) || sv_eq(word, SV("$INCLUDE"));
    }
    if (!record_of(line, &name, &type, &data))
        return false;
    if (sv_eq(type, SV("SOA")))
        st->in_soa = sv_chr(data, '(') != SIZE_MAX && sv_chr(data, ')') == SIZE_MAX;
    if (sv_eq(type, SV("SOA")) || sv_eq(type, SV("NS")) || sv_eq(name, SV("@")))
        return true;
    *ret_found = read_policy(st, name, data, ret);
    return true;
}

bool rpz_address(struct sv name, struct buf *out)
{
    struct sv part[10], rest = sv_sub(name, 0, sv_rchr(name, '.')), bits;
    size_t n = 0;
    uint64_t prefix;
    if (!sv_cut(&rest, '.', &bits) || !sv_u64(bits, &prefix) || prefix > 128)
        return false;
    struct sv word;
    while (sv_cut(&rest, '.', &word)) {
        if (n == 8 || word.n == 0)
            return false;
        part[n++] = word;
    }
    bool v6 = n != 4;
    for (size_t i = 0; i < n; i++)
        v6 |= sv_eq(part[i], SV("zz"));
    /* Groups stand backwards; "zz" is the gap, which is an empty group between two colons. */
    for (size_t i = n; i-- > 0;) {
        bool gap = sv_eq(part[i], SV("zz"));
        if (gap && (i == 0 || i + 1 == n))
            buf_addc(out, ':');
        if (!gap)
            buf_add(out, part[i]);
        if (i)
            buf_addc(out, v6 ? ':' : '.');
    }
    buf_printf(out, "/%u", (unsigned)prefix);
    return n > 0 && !out->failed;
}

/* ---- dnsmasq(8), unbound.conf(5), AdGuard ---------------------------------------------------- */

static bool is_dnsmasq(struct sv s)
{
    return sv_starts(s, SV("address=/")) || sv_starts(s, SV("server=/")) || sv_starts(s, SV("local=/"));
}

/* "address=/a.example/b.example/0.0.0.0": names between slashes, what follows the last one is the answer. */
static enum list_found read_dnsmasq(struct sv line, struct list_item *ret)
{
    struct sv rest = sv_sub(line, sv_chr(line, '/') + 1, line.n);
    struct sv names = sv_sub(rest, 0, sv_rchr(rest, '/')), name;
    ret->n = 0;
    if (sv_rchr(rest, '/') == SIZE_MAX)
        return LIST_BAD;
    while (sv_cut(&names, '/', &name)) {
        if (ret->n == LIST_NAMES)
            return LIST_BAD;
        if (name.n)
            ret->value[ret->n++] = name;
    }
    return ret->n ? LIST_ITEM : LIST_BAD;
}

static enum list_found read_unbound(struct sv line, struct list_item *ret)
{
    struct sv name = sv_trim(sv_sub(line, 11, line.n));
    name = next_word(&name);
    if (name.n > 1 && name.p[0] == '"' && name.p[name.n - 1] == '"')
        name = sv_sub(name, 1, name.n - 2);
    return one(no_final_dot(name), ret);
}

/* "||name^$options"; "@@" before it is an exception. */
static enum list_found read_adguard(struct sv line, struct list_item *ret)
{
    ret->allowed = sv_starts(line, SV("@@"));
    struct sv s = sv_sub(line, ret->allowed ? 4 : 2, line.n);
    size_t end = sv_chr(s, '^'), options = sv_chr(s, '$');
    if (options < end)
        end = options;
    return one(sv_sub(s, 0, end == SIZE_MAX ? s.n : end), ret);
}

/* ---- plain ----------------------------------------------------------------------------------- */

/* Values that free text may follow without doubt about what the value is: nothing else looks like them. */
static bool stands_alone(struct sv word)
{
    bool digit = false, odd = false;
    if (sv_find(sv_sub(word, 0, 16), SV("://")) != SIZE_MAX || sv_istarts(word, SV("CVE-")))
        return true;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        digit |= c >= '0' && c <= '9';
        bool hex = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        odd |= !hex && c != '.' && c != ':' && c != '/' && c != '[' && c != ']';
    }
    return digit && !odd;
}

static enum list_found read_plain(struct sv line, struct list_item *ret)
{
    struct sv rest = line, word = next_word(&rest);
    if (rest.n == 0)
        return one(word, ret);
    if (sv_u64(rest, &ret->lists))
        return one(word, ret);
    ret->lists = 0;
    if (!stands_alone(word))
        return LIST_BAD;
    /* sha256sum(1) writes "HASH  NAME" or "HASH *NAME". */
    if (rest.p[0] == '*')
        rest = sv_sub(rest, 1, rest.n);
    if (ret->note.n == 0)
        ret->note = rest;
    return one(word, ret);
}

static bool has_space(struct sv s)
{
    return memchr(s.p, ' ', s.n) || memchr(s.p, '\t', s.n);
}

enum list_found list_line_read(struct list_state *st, struct sv line, struct list_item *ret)
{
    enum list_found found;
    ret->n = 0;
    ret->note = SV("");
    ret->lists = 0;
    ret->allowed = ret->address_block = false;
    line = sv_trim(line);
    if (is_comment(line))
        return LIST_SKIP;
    if (sv_starts(line, SV("||")) || sv_starts(line, SV("@@||")))
        return read_adguard(line, ret);
    if (is_dnsmasq(line))
        return read_dnsmasq(line, ret);
    if (!has_space(line) && !st->in_soa)
        return one(line, ret);
    line = cut_comment(line, &ret->note);
    if (read_zone(st, line, ret, &found))
        return found;
    if (sv_starts(line, SV("local-zone:")))
        return read_unbound(line, ret);
    struct sv rest = line, word = next_word(&rest);
    if (rest.n && is_sink(word))
        return read_hosts(rest, ret);
    return read_plain(line, ret);
}
