#include "intake/private.h"

int emit_reject(const struct intake_job *job, uint64_t line, uint64_t offset, const struct err *why,
                struct sv bytes, struct sv context, struct err *e)
{
    const struct reject r = {
        .line = line,
        .offset = offset,
        .code = why->code,
        .text = sv_c(why->text),
        .remedy = sv_c(why->remedy),
        .bytes = sv_sub(bytes, 0, REJECT_BYTES),
        .context = sv_sub(context, 0, REJECT_BYTES),
    };
    return job->sink->reject(job->sink->ctx, &r, e);
}

int emit_rejected_record(const struct intake_job *job, struct sv type, uint64_t line, uint64_t offset,
                         const struct err *why, struct sv bytes, struct sv context, struct err *e)
{
    int rc = job->sink->record(job->sink->ctx, type, e);
    return rc < 0 ? rc : emit_reject(job, line, offset, why, bytes, context, e);
}

int emit_claim_record(const struct intake_job *job, struct sv type, const struct claim_rec *c, struct err *e)
{
    int rc = job->sink->record(job->sink->ctx, type, e);
    return rc < 0 ? rc : job->sink->claim(job->sink->ctx, c, e);
}

bool error_ends_file(int code)
{
    switch (code) {
    case ERR_MEMORY:
    case ERR_IO:
    case ERR_FULL:
    case ERR_BUSY:
    case ERR_CANCELLED:
    case ERR_INTERNAL:
        return true;
    default:
        return false;
    }
}

void claim_init(struct claim_rec *c)
{
    *c = (struct claim_rec){
        .created = USEC_NONE,
        .modified = USEC_NONE,
        .valid_from = USEC_NONE,
        .valid_until = USEC_NONE,
        .first = USEC_NONE,
        .last = USEC_NONE,
        .confidence = -1,
        .labels = SV(""),
        .ref = SV(""),
        .note = SV(""),
        .meta = SV(""),
    };
}

struct sv claim_note(struct arena *a, struct sv text)
{
    if (text.n <= INTAKE_NOTE_BYTES)
        return text.p ? text : SV("");
    size_t n = INTAKE_NOTE_BYTES;
    while (n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80)
        n--;
    char *p = arena_alloc(a, n + 3);
    if (!p)
        return SV("");
    memcpy(p, text.p, n);
    memcpy(p + n, "...", 3);
    return sv_from(p, n + 3);
}
