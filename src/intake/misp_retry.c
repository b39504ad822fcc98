#include "intake/misp.h"

#include "intake/whole.h"

/*
 * A rejected attribute is tried again without the file it came from. What it inherits (marking, tags, times,
 * title) is kept beside it as one JSON object, {"noroshi-retry":"attribute","event":{...},"object":{...}};
 * the retry is that object, a line end and the attribute's own bytes. A head too long to be kept leaves none:
 * an attribute must not come back without its event's marking.
 */

#define RETRY_KEY SV("noroshi-retry")
#define RETRY_START SV("{\"noroshi-retry\":")

int misp_reject_part(struct misp *m, const char *what, struct sv type, struct sv text, const struct err *why,
                     struct err *e)
{
    struct sv context = SV("");
    struct jw w;

    buf_reset(&m->text);
    jw_init(&w, &m->text);
    jw_obj(&w);
    jw_kstr(&w, "noroshi-retry", sv_c(what));
    jw_key(&w, "event");
    jw_raw(&w, buf_sv(&m->event_json));
    if (m->object_json.n) {
        jw_key(&w, "object");
        jw_raw(&w, buf_sv(&m->object_json));
    }
    jw_end_obj(&w);
    if (m->event_json.n && !m->text.failed && m->text.n <= REJECT_BYTES)
        context = buf_sv(&m->text);
    return misp_reject(m, type, text, why, context, e);
}

bool misp_is_retry(struct stream *in)
{
    struct sv head = SV_NONE;
    struct err ignored = ERR_NONE;

    return stream_peek(in, RETRY_START.n, &head, &ignored) == OK && sv_starts(head, RETRY_START);
}

static int read_record(struct misp *m, struct sv context, struct sv record, struct err *e)
{
    struct sv what = span_str(span_get(context, RETRY_KEY));
    struct sv object = span_get(context, SV("object"));
    int rc = misp_event_head(m, span_get(context, SV("event")), e);

    m->lines = (struct span_lines){.start = record.p, .first = 1};
    m->base_offset = 0;
    if (rc == OK && object.p)
        rc = misp_object_head(m, object, e);
    if (rc < 0)
        return rc;
    return sv_eq(what, SV("object")) ? misp_object(m, record, e) : misp_attribute(m, record, e);
}

int misp_retry(struct misp *m, struct err *e)
{
    struct buf file;
    struct span_it it;
    struct sv key, value;
    int rc = stream_whole(m->job->in, &file, e);

    if (rc == OK && span_open(&it, buf_sv(&file))) {
        while (span_next(&it, &key, &value))
            ;
        size_t at = (size_t)(it.after - file.p);
        struct sv record = sv_trim(sv_sub(buf_sv(&file), at, SIZE_MAX));
        rc = it.bad || it.cut ? err_set(e, ERR_SYNTAX, "what was kept for the retry is no JSON object")
                              : read_record(m, sv_sub(buf_sv(&file), 0, at), record, e);
    }
    buf_clear(&file);
    return rc;
}
