/* Formats whose head may stand behind what it describes are read whole, up to a limit. */
#pragma once

#include "intake/private.h"

#define WHOLE_BYTES ((size_t)64 << 20)

/* Reads all of the stream into `b`, which is initialised here and to be cleared by the caller in any case.
 * ERR_LIMIT names the limit. */
int stream_whole(struct stream *in, struct buf *b, struct err *e) MUST_USE;
