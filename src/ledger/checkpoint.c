/* Checkpoints, cosignatures and proofs as text (C2SP tlog-checkpoint.md, tlog-cosignature.md, tlog-proof.md).
 */
#include "ledger/private.h"

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_SYNTAX, "not a checkpoint: %s", what);
}

/* A line with its LF; false when there is none. */
static bool whole_line(struct sv *text, struct sv *ret)
{
    return sv_chr(*text, '\n') != SIZE_MAX && sv_cut(text, '\n', ret);
}

static bool size_good(struct sv s, uint64_t *ret)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0 && (s.n == 1 || s.p[0] != '0') && sv_u64(s, ret);
}

static bool root_good(struct sv s, struct sha256 *ret)
{
    struct arena a;
    struct sv raw;
    bool good;

    if (s.n != 44)
        return false;
    arena_init(&a, 4096);
    good = base64_parse(&a, s, &raw) && raw.n == sizeof(ret->b);
    if (good)
        memcpy(ret->b, raw.p, sizeof(ret->b));
    arena_clear(&a);
    return good;
}

int checkpoint_parse(struct sv text, struct checkpoint *ret, struct err *e)
{
    struct sv rest = text, line;

    if (text.n > NOTE_MAX)
        return err_set(e, ERR_LIMIT, "a checkpoint has more than %u bytes", NOTE_MAX);
    if (!whole_line(&rest, &ret->origin) || ret->origin.n == 0)
        return bad(e, "its first line, the origin, is missing");
    if (!whole_line(&rest, &line) || !size_good(line, &ret->size))
        return bad(e, "its second line is not a tree size");
    if (!whole_line(&rest, &line) || !root_good(line, &ret->root))
        return bad(e, "its third line is not a root hash");
    while (rest.n > 0) /* extension lines say nothing to us, but must be lines */
        if (!whole_line(&rest, &line) || line.n == 0)
            return bad(e, "an extension line is empty or does not end");
    return OK;
}

void checkpoint_text(const struct checkpoint *c, struct buf *out)
{
    buf_add(out, c->origin);
    buf_printf(out, "\n%llu\n", (unsigned long long)c->size);
    base64_add(out, sv_from((const char *)c->root.b, sizeof(c->root.b)));
    buf_addc(out, '\n');
}

void cosignature_message(uint64_t unix_time, struct sv checkpoint, struct buf *out)
{
    buf_printf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)unix_time);
    buf_add(out, checkpoint);
}

void tlog_proof_text(uint64_t index, const struct sha256 *proof, size_t n, struct sv extra,
                     struct sv checkpoint_note, struct buf *out)
{
    buf_add(out, SV("c2sp.org/tlog-proof@v1\n"));
    if (extra.n) {
        buf_add(out, SV("extra "));
        buf_add(out, extra);
        buf_addc(out, '\n');
    }
    buf_printf(out, "index %llu\n", (unsigned long long)index);
    for (size_t i = 0; i < n; i++) {
        base64_add(out, sv_from((const char *)proof[i].b, sizeof(proof[i].b)));
        buf_addc(out, '\n');
    }
    buf_addc(out, '\n');
    buf_add(out, checkpoint_note);
}
