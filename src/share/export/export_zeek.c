/*
 * Zeek's Intelligence Framework (docs.zeek.org, frameworks/intel): tab-separated, the reader undoes \xHH.
 */
#include "share/export/export_writer.h"

static const struct {
    enum kind kind;
    const char *type;
} types[] = {
    {KIND_IPV4, "Intel::ADDR"},           {KIND_IPV6, "Intel::ADDR"},
    {KIND_DOMAIN, "Intel::DOMAIN"},       {KIND_URL, "Intel::URL"},
    {KIND_EMAIL, "Intel::EMAIL"},         {KIND_MD5, "Intel::FILE_HASH"},
    {KIND_SHA1, "Intel::FILE_HASH"},      {KIND_SHA256, "Intel::FILE_HASH"},
    {KIND_CERT_SHA1, "Intel::CERT_HASH"}, {KIND_CERT_SHA256, "Intel::CERT_HASH"},
    {KIND_FILENAME, "Intel::FILE_NAME"},  {KIND_USER_AGENT, "Intel::SOFTWARE"},
};

static int begin(struct exporter *x, struct err *e)
{
    buf_add(&x->out, SV("#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\n"));
    return OK;
}

/* '-' alone is "unset" and "(empty)" the empty string; ',' separates members of sets. */
static void field(struct buf *b, struct sv text)
{
    bool special = sv_eq(text, SV("-")) || sv_eq(text, SV("(empty)"));
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7f || c == '\\' || (i == 0 && (special || c == '#'))) {
            buf_printf(b, "\\x%02x", c);
        } else {
            buf_addc(b, (char)c);
        }
    }
}

static const char *type_of(const struct obs *o)
{
    bool ip = o->kind == KIND_IPV4 || o->kind == KIND_IPV6;
    if (ip && o->bits < (o->kind == KIND_IPV4 ? 32 : 128)) {
        return "Intel::SUBNET";
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].kind == o->kind) {
            return types[i].type;
        }
    }
    return NULL;
}

static int value(struct exporter *x, const struct given *g, struct err *e)
{
    struct buf *b = &x->out, text;
    struct sv v = g->value.kind == KIND_URL ? url_match_key(g->value.value) : g->value.value;
    const char *type = type_of(&g->value);
    if (!type || sv_starts(v, SV("*."))) { /* Zeek compares whole names */
        return LEFT(LEFT_KIND);
    }
    if (!sv_utf8(v) || memchr(v.p, 0, v.n)) {
        return LEFT(LEFT_TEXT);
    }
    buf_init(&text, 1u << 16);
    field(b, v);
    buf_printf(b, "\t%s\t", type);
    text_sources(&text, g, ",");
    field(b, buf_sv(&text));
    buf_addc(b, '\t');
    buf_reset(&text);
    text_about(&text, g, "");
    field(b, buf_sv(&text));
    buf_add(b, SV("\t-\n"));
    buf_clear(&text);
    return OK;
}

const struct export_format export_zeek = {
    .name = "zeek",
    .type = "text/tab-separated-values; charset=utf-8",
    .extension = "intel",
    .text = "a file for Zeek's Intelligence Framework",
    .kinds = KINDS_IP | BIT(KIND_DOMAIN) | BIT(KIND_URL) | BIT(KIND_EMAIL) | BIT(KIND_MD5) | BIT(KIND_SHA1) |
             BIT(KIND_SHA256) | BIT(KIND_CERT_SHA1) | BIT(KIND_CERT_SHA256) | BIT(KIND_FILENAME) |
             BIT(KIND_USER_AGENT),
    .begin = begin,
    .value = value,
};
