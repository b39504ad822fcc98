/*
 * The report inside an X-ARF e-mail: as much of MIME (RFC 2045 to 2047) and of YAML as such mails use,
 * bounded. Of YAML that is one flat mapping of plain or quoted scalars; anything else is refused, not
 * guessed.
 */
#include "intake/xarf.h"

#define PARTS_MOST 64u
#define DEPTH_MOST 4u

struct part {
    struct sv head, body;
};

/* ---- headers --------------------------------------------------------------------------------- */

static struct part split_part(struct sv text)
{
    struct sv rest = text, line;

    while (sv_line(&rest, &line))
        if (line.n == 0)
            return (struct part){sv_sub(text, 0, (size_t)(line.p - text.p)), rest};
    return (struct part){text, SV("")};
}

/* The field's body with its folded lines, SV_NONE when absent. */
static struct sv header(struct sv head, struct sv name)
{
    struct sv rest = head, line, found = SV_NONE;

    while (sv_line(&rest, &line)) {
        bool folded = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
        if (found.p && folded) {
            found.n = (size_t)(line.p + line.n - found.p);
            continue;
        }
        if (found.p)
            break;
        if (line.n > name.n && line.p[name.n] == ':' && sv_ieq(sv_sub(line, 0, name.n), name))
            found = sv_sub(line, name.n + 1, SIZE_MAX);
    }
    return found.p ? sv_trim(found) : found;
}

/* ; name="value" of a header field. */
static struct sv parameter(struct sv field, struct sv name)
{
    struct sv part;

    while (field.n && sv_cut(&field, ';', &part)) {
        part = sv_trim(part);
        if (part.n <= name.n || part.p[name.n] != '=' || !sv_ieq(sv_sub(part, 0, name.n), name))
            continue;
        struct sv value = sv_trim(sv_sub(part, name.n + 1, SIZE_MAX));
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = sv_sub(value, 1, value.n - 2);
        return value;
    }
    return SV_NONE;
}

bool xarf_is_mail(struct sv head)
{
    struct part mail = split_part(head);
    struct sv rest = mail.head, line;

    /* The first line is a header field already, or mbox's separator. */
    if (!sv_line(&rest, &line) || line.n == 0 || line.p[0] == '{' || line.p[0] == '[' || line.p[0] == '#')
        return false;
    return header(mail.head, SV("X-XARF")).p || header(mail.head, SV("X-ARF")).p;
}

/* ---- transfer encodings ---------------------------------------------------------------------- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2045 section 6.7 */
static struct sv read_quoted(struct arena *a, struct sv text)
{
    char *out = arena_alloc(a, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < text.n; i++) {
        if (text.p[i] != '=') {
            out[n++] = text.p[i];
            continue;
        }
        size_t end = i + 1;
        if (end < text.n && text.p[end] == '\r')
            end++;
        if (end < text.n && text.p[end] == '\n') {
            i = end;
            continue;
        }
        int high = i + 2 < text.n ? hex_of(text.p[i + 1]) : -1, low = high < 0 ? -1 : hex_of(text.p[i + 2]);
        if (low < 0)
            return SV_NONE;
        out[n++] = (char)(high << 4 | low);
        i += 2;
    }
    return out ? sv_from(out, n) : SV_NONE;
}

static struct sv read_base64(struct arena *a, struct sv text)
{
    char *packed = arena_alloc(a, text.n + 1);
    struct sv out;
    size_t n = 0;

    for (size_t i = 0; packed && i < text.n; i++)
        if ((unsigned char)text.p[i] > ' ')
            packed[n++] = text.p[i];
    return packed && base64_parse(a, sv_from(packed, n), &out) ? out : SV_NONE;
}

static struct sv decode(struct arena *a, const struct part *p)
{
    struct sv how = header(p->head, SV("Content-Transfer-Encoding"));

    if (sv_ieq(how, SV("base64")))
        return read_base64(a, p->body);
    if (sv_ieq(how, SV("quoted-printable")))
        return read_quoted(a, p->body);
    return p->body;
}

/* ---- YAML ------------------------------------------------------------------------------------ */

static bool is_number(struct sv text)
{
    uint64_t n;

    return text.n && text.n < 16 && sv_u64(text, &n) && (text.n == 1 || text.p[0] != '0');
}

static bool is_plain(struct sv value)
{
    return value.n == 0 || !memchr("[]{}&*!|>%@`", value.p[0], 12);
}

/* A comment begins at the line's beginning or after a blank (YAML 1.2 section 6.6). */
static struct sv without_comment(struct sv value)
{
    if (value.n && (value.p[0] == '"' || value.p[0] == '\''))
        return value;
    for (size_t i = 1; i < value.n; i++)
        if (value.p[i] == '#' && (value.p[i - 1] == ' ' || value.p[i - 1] == '\t'))
            return sv_trim(sv_sub(value, 0, i));
    return value;
}

static bool read_scalar(struct sv value, struct jw *w)
{
    value = without_comment(value);
    if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'')) {
        if (value.p[value.n - 1] != value.p[0])
            return false;
        value = sv_sub(value, 1, value.n - 2);
    } else if (!is_plain(value)) {
        return false;
    } else if (is_number(value)) {
        jw_raw(w, value);
        return true;
    }
    jw_str(w, value);
    return true;
}

static int read_yaml(struct sv text, struct buf *out, struct err *e)
{
    struct sv line, lines = text;
    uint64_t number = 0;
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    while (sv_line(&lines, &line)) {
        struct sv t = sv_trim(line);
        number++;
        if (t.n == 0 || t.p[0] == '#' || sv_eq(t, SV("---")) || sv_starts(t, SV("%YAML")))
            continue;
        if (sv_eq(t, SV("...")))
            break;
        size_t colon = sv_chr(t, ':');
        struct sv value = colon == SIZE_MAX ? SV_NONE : sv_sub(t, colon + 1, SIZE_MAX);
        if (t.p != line.p || colon == SIZE_MAX || colon == 0 ||
            (value.n && value.p[0] != ' ' && value.p[0] != '\t'))
            return err_set(e, ERR_SYNTAX, "line %llu of the report is not \"Key: value\"",
                           (unsigned long long)number);
        jw_key_sv(&w, sv_sub(t, 0, colon));
        if (!read_scalar(sv_trim(value), &w))
            return err_set(e, ERR_SYNTAX, "line %llu of the report: the value is no plain or quoted scalar",
                           (unsigned long long)number);
    }
    jw_end_obj(&w);
    return out->failed ? err_set(e, ERR_LIMIT, "the report in the e-mail is too long") : OK;
}

/* ---- parts ----------------------------------------------------------------------------------- */

struct search {
    struct arena a;
    unsigned parts;
    struct part yaml, json, second;
};

static bool one_of(struct sv text, const char *words)
{
    struct sv all = sv_c(words), word;

    while (sv_cut(&all, ' ', &word))
        if (sv_ieq(text, word))
            return true;
    return false;
}

static void keep_leaf(struct search *s, const struct part *p)
{
    struct sv type = header(p->head, SV("Content-Type")), name = parameter(type, SV("name")), mime;

    if (!name.p)
        name = parameter(header(p->head, SV("Content-Disposition")), SV("filename"));
    if (!sv_cut(&type, ';', &mime))
        mime = SV("");
    mime = sv_trim(mime);
    if (one_of(name, "xarf.json report.json") ||
        (!s->json.body.p && one_of(mime, "application/json application/xarf+json")))
        s->json = *p;
    else if (one_of(name, "report.txt report.yaml report.yml xarf.yaml") ||
             (!s->yaml.body.p && one_of(mime, "text/yaml application/yaml application/x-yaml")))
        s->yaml = *p;
    else if (s->parts == 2 && one_of(mime, "text/plain"))
        s->second = *p;
}

static void find_parts(struct search *s, struct part p, unsigned depth)
{
    struct sv type = header(p.head, SV("Content-Type")), boundary = parameter(type, SV("boundary"));
    struct sv rest = p.body, line, body = SV_NONE;

    if (!sv_istarts(type, SV("multipart/")) || boundary.n == 0 || boundary.n > 200 || depth == DEPTH_MOST) {
        s->parts++;
        keep_leaf(s, &p);
        return;
    }
    for (bool more = true; more && s->parts < PARTS_MOST;) {
        more = sv_line(&rest, &line);
        bool mark = more && line.n >= boundary.n + 2 && sv_starts(line, SV("--")) &&
                    sv_eq(sv_sub(line, 2, boundary.n), boundary);
        if (more && !mark)
            continue;
        const char *end = mark ? line.p : p.body.p + p.body.n;
        if (body.p)
            find_parts(s, split_part(sv_from(body.p, (size_t)(end - body.p))), depth + 1);
        if (mark && sv_starts(sv_sub(line, boundary.n + 2, SIZE_MAX), SV("--")))
            return;
        body = rest;
    }
}

static int read_found(struct search *s, struct buf *out, bool *ret_yaml, struct err *e)
{
    bool json = s->json.body.p != NULL;
    const struct part *found = json ? &s->json : s->yaml.body.p ? &s->yaml : &s->second;

    *ret_yaml = !json;
    if (!found->body.p) {
        err_set(e, ERR_VALUE, "the e-mail has no part that holds a report");
        return err_hint(e, "X-ARF puts it into report.txt as YAML, or into xarf.json");
    }
    struct sv text = decode(&s->a, found);
    if (!text.p)
        return err_set(e, ERR_SYNTAX, "the report's transfer encoding is damaged");
    if (!json)
        return read_yaml(text, out, e);
    buf_add(out, sv_trim(text));
    return out->failed ? err_set(e, ERR_LIMIT, "the report in the e-mail is too long") : OK;
}

int xarf_mail(struct sv mail, struct buf *out, bool *ret_yaml, struct err *e)
{
    struct search s = {0};

    arena_init(&s.a, INTAKE_ARENA_BYTES);
    find_parts(&s, split_part(mail), 0);
    int rc = read_found(&s, out, ret_yaml, e);
    arena_clear(&s.a);
    return rc;
}
