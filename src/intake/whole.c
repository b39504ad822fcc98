#include "intake/whole.h"

#define STEP ((size_t)256 << 10)

int stream_whole(struct stream *in, struct buf *b, struct err *e)
{
    buf_init(b, WHOLE_BYTES + STEP);
    for (;;) {
        char *p = buf_reserve(b, STEP);
        if (!p)
            return err_set(e, ERR_MEMORY, "no memory to hold the file");
        ptrdiff_t n = stream_read(in, p, STEP, e);
        if (n <= 0)
            return (int)n;
        b->n += (size_t)n;
        if (b->n > WHOLE_BYTES)
            return err_set(e, ERR_LIMIT, "the file is longer than %zu bytes, the limit of its format",
                           WHOLE_BYTES);
    }
}
