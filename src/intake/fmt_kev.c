#include "intake/kev.h"

#include "intake/json_span.h"

/*
 * CISA's catalogue of known exploited vulnerabilities, as JSON and as CSV. An entry says "exploited in the
 * wild". The catalogue is a state: a newer file replaces what an older one said of the same vulnerability.
 */

#define CSV_HEAD SV("cveID,vendorProject,product")

static struct sv without_bom(struct sv s)
{
    return sv_starts(s, SV("\xEF\xBB\xBF")) ? sv_sub(s, 3, SIZE_MAX) : s;
}

static int kev_detect(struct sv head, struct sv name)
{
    struct span_it it;
    struct sv line, text = without_bom(head);

    if (span_open(&it, text)) {
        struct sv list = span_get(text, SV("vulnerabilities"));
        if (span_first(list) == '[' && span_get(text, SV("catalogVersion")).p)
            return 97;
        return span_first(list) == '[' && sv_find(sv_sub(list, 0, 400), SV("\"cveID\"")) != SIZE_MAX ? 92 : 0;
    }
    if (!sv_line(&text, &line))
        return 0;
    bool columns = sv_find(line, SV("cveID")) != SIZE_MAX && sv_find(line, SV("dateAdded")) != SIZE_MAX;
    return columns ? (sv_starts(line, CSV_HEAD) ? 97 : 93) : 0;
}

static int kev_read(struct intake_job *job, struct err *e)
{
    struct kev k = {.job = job, .modified = USEC_NONE, .doc = json_doc_new(WHOLE_BYTES)};
    struct span_it it;
    struct buf file;

    buf_init(&k.meta, REJECT_BYTES);
    buf_init(&k.context, REJECT_BYTES);
    int rc = stream_whole(job->in, &file, e);
    if (rc == OK && !k.doc)
        rc = err_set(e, ERR_MEMORY, "no memory for a JSON parser");
    if (rc == OK)
        rc = span_open(&it, buf_sv(&file)) ? kev_json(&k, buf_sv(&file), e) : kev_csv(&k, buf_sv(&file), e);
    json_doc_free(k.doc);
    buf_clear(&k.meta);
    buf_clear(&k.context);
    buf_clear(&file);
    return rc;
}

const struct intake_format fmt_kev = {
    .name = "kev",
    .text = "CISA known exploited vulnerabilities, JSON or CSV",
    .detect = kev_detect,
    .read = kev_read,
};
