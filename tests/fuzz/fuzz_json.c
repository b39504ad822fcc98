/*
 * json.h over any bytes. Refusals name a place inside the text; what is accepted reads the same after
 * json_add and is equal after canonical form of canonical form; the splitter says the same however its input
 * is cut.
 */
#include "base/json.h"
#include "base/json_private.h"

#include <stdlib.h>

#define MAX ((size_t)1 << 20)

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void check_refusal(int rc, const struct err *e, size_t n)
{
    must(rc == ERR_SYNTAX || rc == ERR_VALUE || rc == ERR_LIMIT);
    must(e->code == rc && e->text[0] && e->offset <= n && e->line >= 1);
}

static void check_written(struct json_doc *again, struct jv v, struct buf *out)
{
    struct err e = ERR_NONE;
    struct buf second;
    struct jv w = {0};

    buf_init(&second, 8 * MAX);
    json_add(out, v);
    must(!out->failed && json_parse(again, buf_sv(out), &w, &e) == OK && json_type(w) == json_type(v));
    json_add(&second, w);
    must(sv_eq(buf_sv(out), buf_sv(&second)));
    buf_reset(out);
    buf_reset(&second);
    if (json_canonical(v, out, &e) == OK) {
        must(json_parse(again, buf_sv(out), &w, &e) == OK);
        must(json_canonical(w, &second, &e) == OK && sv_eq(buf_sv(out), buf_sv(&second)));
    } else {
        must(e.code == ERR_VALUE);
    }
    buf_clear(&second);
}

static void check_parse(struct sv text)
{
    struct json_doc *doc = json_doc_new(MAX), *again = json_doc_new(8 * MAX);
    struct err e = ERR_NONE, event_e = ERR_NONE;
    struct buf out;
    struct jv v, first;

    must(doc && again);
    buf_init(&out, 8 * MAX);
    int event = json_parse_event(doc, text, &first, &event_e);
    int rc = json_parse(doc, text, &v, &e);
    if (event != OK)
        must(rc == event && e.offset == event_e.offset);
    else
        must(json_locate(text, JSON_NO_STRING, &event_e) == OK);
    if (rc == OK)
        check_written(again, v, &out);
    else
        check_refusal(rc, &e, text.n);
    buf_clear(&out);
    json_doc_free(doc);
    json_doc_free(again);
}

static size_t next_chunk(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return 1 + (*random >> 16) % (*random >> 31 ? 3 : 40);
}

static void split(struct sv text, uint32_t random, struct buf *log)
{
    struct json_split *s = json_split_new(SV("objects"), 200);
    struct err e = ERR_NONE;
    size_t at = 0;
    int rc;

    must(s != NULL);
    do {
        struct sv member, part = sv_sub(text, at, random ? next_chunk(&random) : text.n);
        uint64_t offset = 0;
        at += part.n;
        rc = json_split_feed(s, part, at == text.n, &e);
        while (rc == OK && (rc = json_split_next(s, &member, &offset, &e)) != OK) {
            if (rc == 1)
                must(offset + member.n <= at && memcmp(text.p + offset, member.p, member.n) == 0);
            buf_printf(log, "%d %llu %zu\n", rc, (unsigned long long)(rc == 1 ? offset : e.offset), member.n);
            if (rc != 1 && rc != ERR_LIMIT)
                break;
            rc = OK;
        }
    } while (rc == OK && at < text.n);
    buf_printf(log, "%d %.*s", (int)json_split_shape(s), SV_ARG(json_split_frame(s)));
    json_split_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv text = {(const char *)data, size};
    struct buf whole, cut;

    if (size > MAX / 8)
        return 0;
    check_parse(text);
    buf_init(&whole, 64 * MAX);
    buf_init(&cut, 64 * MAX);
    split(text, 0, &whole);
    split(text, 1 + (uint32_t)size * 2654435761u, &cut);
    must(sv_eq(buf_sv(&whole), buf_sv(&cut)));
    buf_clear(&whole);
    buf_clear(&cut);
    return 0;
}
