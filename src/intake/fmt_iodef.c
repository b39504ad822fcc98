/* IODEF documents: XML by libxml2's reader over the held file, one Incident as a tree at a time. */
#include "intake/iodef.h"
#include "intake/whole.h"

#include <libxml/xmlreader.h>

#define TAG_BYTES (64u << 10)

/* ---- what is let through to the parser ------------------------------------------------------- */

static size_t skip_to(struct sv text, size_t at, struct sv end)
{
    size_t found = sv_find(sv_sub(text, at, SIZE_MAX), end);

    return found == SIZE_MAX ? text.n : at + found + end.n;
}

/* Passes the byte order mark, white space, processing instructions and comments before the first element. */
static size_t skip_prolog(struct sv text)
{
    size_t at = sv_starts(text, SV("\xEF\xBB\xBF")) ? 3 : 0;

    for (;;) {
        while (at < text.n && strchr(" \t\r\n", text.p[at]) && text.p[at])
            at++;
        struct sv rest = sv_sub(text, at, SIZE_MAX);
        if (sv_starts(rest, SV("<?")))
            at = skip_to(text, at, SV("?>"));
        else if (sv_starts(rest, SV("<!--")))
            at = skip_to(text, at, SV("-->"));
        else
            return at;
    }
}

static struct sv declared_encoding(struct sv text)
{
    struct sv head = sv_sub(text, 0, skip_to(text, 0, SV("?>")));
    size_t at = sv_find(head, SV("encoding"));

    if (!sv_starts(sv_trim(sv_sub(text, 0, 64)), SV("<?xml")) && !sv_starts(text, SV("\xEF\xBB\xBF<?xml")))
        return SV("");
    head = at == SIZE_MAX ? SV("") : sv_sub(head, at + 8, SIZE_MAX);
    for (at = 0; at < head.n && strchr(" =\t\r\n", head.p[at]) && head.p[at];)
        at++;
    if (at == head.n || (head.p[at] != '"' && head.p[at] != '\''))
        return SV("");
    struct sv value = sv_sub(head, at + 1, SIZE_MAX);
    return sv_sub(value, 0, sv_chr(value, head.p[at]));
}

/*
 * The longest tag must be short: libxml2 compares each attribute of an element with all before it, so that
 * one tag of the file's length would keep it busy for hours. Comments, texts and instructions may be long.
 */
static int check_tags(struct sv text, struct err *e)
{
    static const char *const passed[][2] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
    size_t at = 0, n;

    while ((n = sv_chr(sv_sub(text, at, SIZE_MAX), '<')) != SIZE_MAX) {
        struct sv rest = sv_sub(text, at + n, SIZE_MAX);
        size_t end = SIZE_MAX;

        at += n;
        for (size_t i = 0; i < sizeof(passed) / sizeof(*passed) && end == SIZE_MAX; i++)
            if (sv_starts(rest, sv_c(passed[i][0])))
                end = skip_to(text, at, sv_c(passed[i][1]));
        if (end == SIZE_MAX) {
            n = sv_chr(sv_sub(rest, 0, TAG_BYTES), '>');
            if (n == SIZE_MAX && rest.n > TAG_BYTES) {
                err_set(e, ERR_LIMIT, "a tag is longer than %u KiB", TAG_BYTES >> 10);
                return err_at(e, NULL, 0, at);
            }
            end = n == SIZE_MAX ? text.n : at + n + 1;
        }
        at = end;
    }
    return OK;
}

/* A document type is the way to entities that expand without end and to files of the machine: none is read.
 * Other encodings would need the system's conversion tables, which a parser process cannot open. */
static int check_document(struct sv text, struct err *e)
{
    static const char *const encodings[] = {"utf-8", "utf8", "us-ascii", "iso-8859-1"};
    struct sv encoding = declared_encoding(text);
    bool known = encoding.n == 0;
    size_t at = skip_prolog(text);

    if (sv_istarts(sv_sub(text, at, SIZE_MAX), SV("<!DOCTYPE"))) {
        err_set(e, ERR_VALUE, "the document has a document type declaration; such documents are not read");
        err_hint(e, "IODEF needs none: remove <!DOCTYPE ...> if the sender can be trusted");
        return err_at(e, NULL, 0, at);
    }
    for (size_t i = 0; i < sizeof(encodings) / sizeof(*encodings); i++)
        known |= sv_ieq(encoding, sv_c(encodings[i]));
    if (known)
        return check_tags(text, e);
    err_set(e, ERR_UNSUPPORTED, "the document is in the encoding %.*s", SV_ARG(sv_sub(encoding, 0, 40)));
    return err_hint(e, "convert it with `iconv -t UTF-8` and change its XML declaration");
}

/* ---- the walk -------------------------------------------------------------------------------- */

struct walk {
    struct iodef d;
    xmlTextReader *reader;
    struct err broken; /* what libxml2 said first */
};

static void on_error(void *ctx, xmlError *error)
{
    struct walk *w = ctx;

    if (w->broken.code != OK || !error || error->level < XML_ERR_ERROR)
        return;
    err_set(&w->broken, ERR_SYNTAX, "not well-formed XML: %.200s", error->message ? error->message : "?");
    size_t n = strlen(w->broken.text);
    while (n && (unsigned char)w->broken.text[n - 1] <= ' ')
        w->broken.text[--n] = 0;
    err_at(&w->broken, NULL, error->line > 0 ? (uint64_t)error->line : 0, UINT64_MAX);
}

static struct sv outer_xml(struct walk *w)
{
    xmlChar *text = xmlTextReaderReadOuterXml(w->reader);
    struct sv copy = text ? arena_sv(w->d.r.job->a, sv_c((const char *)text)) : SV("");

    xmlFree(text);
    return copy.p ? copy : SV("");
}

static int give_incident(struct walk *w, struct err *e)
{
    struct report *r = &w->d.r;
    struct err why = ERR_NONE;
    struct sv type = SV("incident");

    report_begin(r);
    xmlNode *n = xmlTextReaderExpand(w->reader);
    if (!n)
        return OK; /* the next read tells what broke */
    int rc = iodef_incident(&w->d, n, &type, &why);
    if (rc == OK && (rc = report_emit(r, "iodef", type, &why, e)) < 0)
        return rc;
    if (why.code == OK)
        return OK;
    if (error_ends_file(why.code))
        return (*e = why).code;
    uint64_t line = xmlGetLineNo(n) > 0 ? (uint64_t)xmlGetLineNo(n) : 0;
    return emit_rejected_record(r->job, type, line, UINT64_MAX, &why, outer_xml(w), SV(""), e);
}

static bool take_namespace(struct iodef *d, const char *ns)
{
    d->v2 = ns && strcmp(ns, IODEF_2) == 0;
    d->ns = d->v2 ? IODEF_2 : IODEF_1;
    return ns && strcmp(ns, d->ns) == 0;
}

/* The root is an IODEF-Document, or one Incident of it that is tried again. */
static int read_root(struct walk *w, const char *name, struct err *e)
{
    if (strcmp(name, "IODEF-Document") != 0 && strcmp(name, "Incident") != 0)
        return err_set(e, ERR_VALUE, "the document is a %.60s, not an IODEF-Document", name);
    if (!take_namespace(&w->d, (const char *)xmlTextReaderConstNamespaceUri(w->reader)))
        return err_set(e, ERR_VALUE,
                       "the IODEF-Document is in another namespace than those of RFC 5070 and RFC 7970");
    return OK;
}

/* 1 = go on into the element, 2 = pass it over */
static int on_element(struct walk *w, int depth, struct err *e)
{
    const char *name = (const char *)xmlTextReaderConstLocalName(w->reader);
    const char *ns = (const char *)xmlTextReaderConstNamespaceUri(w->reader);
    int rc = depth == 0 ? read_root(w, name, e) : OK;

    if (rc < 0)
        return rc;
    if (depth > 1 || strcmp(name, "Incident") != 0 || !ns || strcmp(ns, w->d.ns) != 0)
        return depth == 0 ? 1 : 2;
    rc = give_incident(w, e);
    return rc < 0 ? rc : 2;
}

static int walk_document(struct walk *w, struct err *e)
{
    int more = xmlTextReaderRead(w->reader);

    while (more == 1) {
        int next = 1;
        if (xmlTextReaderNodeType(w->reader) == XML_READER_TYPE_ELEMENT)
            next = on_element(w, xmlTextReaderDepth(w->reader), e);
        if (next < 0)
            return next;
        more = next == 2 ? xmlTextReaderNext(w->reader) : xmlTextReaderRead(w->reader);
    }
    if (more == 0 && w->broken.code == OK)
        return OK;
    if (w->broken.code == OK)
        err_set(&w->broken, ERR_SYNTAX, "not well-formed XML");
    *e = w->broken;
    return e->code;
}

static int read_document(struct intake_job *job, struct sv text, struct err *e)
{
    struct walk w = {.broken = ERR_NONE};
    int rc = check_document(text, e);

    if (rc < 0)
        return rc;
    /* No XML_PARSE_HUGE: libxml2's limits on depth (256) and on texts (10 MB) hold. */
    w.reader = xmlReaderForMemory(text.p, (int)text.n, NULL, NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                      XML_PARSE_NOCDATA | XML_PARSE_COMPACT);
    if (!w.reader)
        return err_set(e, ERR_MEMORY, "no memory to read XML");
    xmlTextReaderSetStructuredErrorHandler(w.reader, on_error, &w);
    report_init(&w.d.r, job);
    rc = walk_document(&w, e);
    report_clear(&w.d.r);
    xmlFreeTextReader(w.reader);
    return rc;
}

static int iodef_read(struct intake_job *job, struct err *e)
{
    struct buf file;
    int rc = stream_whole(job->in, &file, e);

    if (rc == OK)
        rc = read_document(job, buf_sv(&file), e);
    buf_clear(&file);
    return rc;
}

static int iodef_detect(struct sv head, struct sv name)
{
    size_t at = skip_prolog(head);
    struct sv rest = sv_sub(head, at, 4096);

    if (rest.n == 0 || rest.p[0] != '<')
        return 0;
    /* a document type is refused when it is read, with its reason */
    bool document = sv_find(rest, SV("IODEF-Document")) != SIZE_MAX;
    bool ns = sv_find(rest, SV(IODEF_1)) != SIZE_MAX || sv_find(rest, SV(IODEF_2)) != SIZE_MAX;
    return document && ns ? 97 : document ? 80 : ns && sv_find(rest, SV("Incident")) != SIZE_MAX ? 90 : 0;
}

const struct intake_format fmt_iodef = {
    .name = "iodef",
    .text = "IODEF incident reports in XML, RFC 7970 and RFC 5070",
    .detect = iodef_detect,
    .read = iodef_read,
};
