/* Records of a JSON file in whatever way they were put into it: one object a line, an array, or one object.
 */
#include "intake/json_span.h"
#include "intake/private.h"

/* The first line is one whole object and something stands below it. */
static bool is_lines(struct sv head)
{
    struct sv rest = head, line;
    size_t full = 0;

    while (sv_line(&rest, &line)) {
        line = sv_trim(line);
        if (line.n == 0)
            continue;
        if (full++)
            return true;
        if (line.p[0] != '{' || !json_is_whole(line))
            return false;
    }
    return false;
}

static int read_lines(struct stream *in, member_fn each, void *ctx, struct err *e)
{
    struct liner *l = liner_new(in, INTAKE_LINE_BYTES);
    uint64_t number, offset;
    struct sv line;
    bool cut;
    int rc;

    if (!l)
        return err_set(e, ERR_MEMORY, "no memory to read lines");
    while ((rc = liner_next(l, &line, &number, &offset, &cut, e)) > 0) {
        if (number == 1 && sv_starts(line, SV("\xEF\xBB\xBF"))) {
            line = sv_sub(line, 3, SIZE_MAX);
            offset += 3;
        }
        struct sv text = sv_trim(line);
        if (text.n == 0)
            continue;
        rc = each(ctx, text, number, offset + (uint64_t)(text.p - line.p), e);
        if (rc < 0)
            break;
    }
    liner_free(l);
    return rc;
}

int json_records(struct stream *in, member_fn each, void *ctx, struct err *e)
{
    struct sv head;
    int rc = stream_peek(in, INTAKE_HEAD_BYTES, &head, e);

    if (rc < 0)
        return rc;
    if (sv_starts(head, SV("\xEF\xBB\xBF")))
        head = sv_sub(head, 3, SIZE_MAX);
    if (is_lines(head))
        return read_lines(in, each, ctx, e);
    return json_members(in, SV(""), each, ctx, NULL, NULL, e);
}
