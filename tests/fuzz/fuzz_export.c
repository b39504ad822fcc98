/*
 * A hostile value, label, note and source name through each format's writer; what comes out is read again by
 * checks that know only the format's own frame: fields, lines, quotes.
 */
#include "share/export/export_writer.h"

#include <stdlib.h>

static void must(bool kept)
{
    if (!kept) {
        abort();
    }
}

/* RFC 4180: ten fields, and no field a spreadsheet would run. */
static void check_csv(struct sv s)
{
    size_t fields = 0;
    for (size_t i = 0; i < s.n;) {
        bool quoted = s.p[i] == '"';
        i += quoted;
        must(i < s.n && (strchr("=+-@", s.p[i]) == NULL || !s.p[i]));
        for (;; i++) {
            must(i < s.n);
            if (quoted && s.p[i] == '"') {
                if (i + 1 < s.n && s.p[i + 1] == '"') {
                    i++;
                    continue;
                }
                i++;
                break;
            }
            if (!quoted && (s.p[i] == ',' || s.p[i] == '\r')) {
                break;
            }
            must(quoted || (s.p[i] != '"' && s.p[i] != '\n'));
        }
        fields++;
        must(i < s.n && (s.p[i] == ',' || (s.p[i] == '\r' && i + 2 == s.n && s.p[i + 1] == '\n')));
        i += s.p[i] == ',' ? 1 : 2;
    }
    must(s.n == 0 || fields == 10);
}

/* So many lines, each ending in '\n', none with a control character. */
static size_t check_lines(struct sv s)
{
    size_t lines = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        must(c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f));
        lines += c == '\n';
    }
    must(s.n == 0 || s.p[s.n - 1] == '\n');
    return lines;
}

static void check_rule(struct sv rule)
{
    size_t quotes = 0, tail = sv_find(rule, SV("; sid:"));
    for (size_t i = 0; i < rule.n; i++) {
        quotes += rule.p[i] == '"';
        must(rule.p[i] != '\\' && !(quotes % 2 && rule.p[i] == ';'));
    }
    must(sv_starts(rule, SV("alert ")) && sv_ends(rule, SV("; rev:1;)")) && tail != SIZE_MAX &&
         quotes % 2 == 0);
    must(sv_find(sv_sub(rule, tail + 6, SIZE_MAX), SV("sid:")) == SIZE_MAX);
}

static void check_zeek(struct sv row)
{
    size_t tabs = 0;
    for (size_t i = 0; i < row.n; i++) {
        tabs += row.p[i] == '\t';
        must(row.p[i] != '\\' || (i + 3 < row.n && row.p[i + 1] == 'x'));
    }
    must(tabs == 4 && row.p[0] != '#');
}

static void check_rpz(struct sv line)
{
    size_t at = sv_find(line, SV(" CNAME ."));
    must(at != SIZE_MAX && at > 0 && at < 900);
    struct sv rest = sv_sub(line, at + 8, SIZE_MAX);
    must(rest.n == 0 || sv_starts(rest, SV(" ; ")));
    for (size_t i = 0; i < at; i++) {
        char c = line.p[i];
        must((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-_.*\\", c));
    }
}

static void check_json(struct sv text)
{
    struct json_doc *d = json_doc_new((size_t)64 << 20);
    struct jv v;
    struct err e = ERR_NONE;
    must(d && json_parse(d, text, &v, &e) == OK);
    json_doc_free(d);
}

static void check(const struct export_format *f, struct sv out, struct sv whole)
{
    struct sv line;
    if (f == &export_csv) {
        check_csv(out);
        return;
    }
    if (f == &export_stix || f == &export_misp) {
        check_json(whole);
        return;
    }
    size_t lines = check_lines(out);
    must(lines <= (f == &export_suricata ? 3 : f == &export_rpz ? 2 : f == &export_nft ? SIZE_MAX : 1));
    while (out.n && sv_line(&out, &line)) {
        if (line.n && f == &export_suricata) {
            check_rule(line);
        } else if (line.n && f == &export_zeek) {
            check_zeek(line);
        } else if (line.n && f == &export_rpz) {
            check_rpz(line);
        } else if (line.n && f == &export_list) {
            must(line.p[0] != '#' && sv_chr(line, ' ') == SIZE_MAX);
        }
    }
}

static void run(const struct export_format *f, const struct given *g)
{
    static struct pact_view view;
    struct export_opts o = {.view = &view, .node = "fuzz", .now = 1770000000 * USEC_SECOND};
    struct export_report r = {.first_until = INT64_MAX};
    struct err e = ERR_NONE;
    struct exporter x = {.format = f,
                         .o = &o,
                         .report = &r,
                         .as_of = o.now,
                         .serial_at = UINT64_MAX,
                         .fd = -1,
                         .state = calloc(1, f->state ? f->state : 1)};
    must(x.state != NULL);
    buf_init(&x.out, (size_t)64 << 20);
    arena_init(&x.a, (size_t)64 << 20);
    must(!f->begin || f->begin(&x, &e) == OK);
    size_t before = x.out.n;
    int rc = f->kinds & BIT(g->value.kind) ? f->value(&x, g, &e) : LEFT(LEFT_KIND);
    must(rc >= 0);
    struct sv out = sv_sub(buf_sv(&x.out), before, SIZE_MAX);
    must(rc == OK || out.n == 0);
    struct buf one;
    buf_init(&one, (size_t)64 << 20);
    buf_add(&one, out);
    r.written = rc == OK;
    must(!f->end || f->end(&x, &e) == OK);
    if (f == &export_nft) { /* which writes at its end */
        check(f, sv_sub(buf_sv(&x.out), before, SIZE_MAX), buf_sv(&x.out));
    } else {
        check(f, buf_sv(&one), buf_sv(&x.out));
    }
    buf_clear(&one);
    if (f->clear) {
        f->clear(&x);
    }
    free(x.state);
    buf_clear(&x.out);
    arena_clear(&x.a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct export_format *const formats[] = {
        &export_csv,  &export_list, &export_rpz,  &export_suricata, &export_suricata_dataset,
        &export_zeek, &export_nft,  &export_stix, &export_misp};
    struct arena a;
    struct err ignored = ERR_NONE;
    if (size < 3) {
        return 0;
    }
    /* kind, length of the source's name, then name and value */
    enum kind kind = (enum kind)(data[0] % KIND_MAX);
    size_t name = data[1] < size - 2 ? data[1] : size - 2;
    struct sv text = sv_from((const char *)data + 2 + name, size - 2 - name);
    struct given_claim c = {.source = 1,
                            .source_name = sv_from((const char *)data + 2, name),
                            .reliability = 'C',
                            .tlp = TLP_AMBER,
                            .confidence = 50,
                            .created = USEC_NONE,
                            .modified = USEC_NONE,
                            .valid_from = USEC_NONE,
                            .first = USEC_NONE,
                            .last = USEC_NONE,
                            .stated_until = USEC_NONE,
                            .until = USEC_NONE};
    struct given g = {.confidence = 50,
                      .tlp = TLP_AMBER,
                      .first = 0,
                      .last = 1769000000 * USEC_SECOND,
                      .valid_from = USEC_NONE,
                      .until = 1790000000 * USEC_SECOND,
                      .labels = c.source_name,
                      .claim = &c,
                      .claims = 1};
    arena_init(&a, 1u << 20);
    if (kind != KIND_TEXT && obs_read(&a, kind, text, &g.value, &ignored) == OK) {
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
            run(formats[i], &g);
        }
    }
    arena_clear(&a);
    return 0;
}
