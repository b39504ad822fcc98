/* Lines sorted by their bytes in bounded memory: what does not fit waits in a file without a name. */
#pragma once

#include "base/base.h"

struct sorter;
/* `dir`: where such a file may be made. At most about `memory` bytes are held. NULL without memory. */
struct sorter *sorter_new(const char *dir, size_t memory);
void sorter_free(struct sorter *s);
/* ERR_LIMIT for a line above 64 KiB or a quarter of the memory. */
int sorter_add(struct sorter *s, struct sv line, struct err *e) MUST_USE;
/* The lines in order, equal ones as often as they were added; nothing can be added after the first call. 1 =
 * a line, valid until the next call; 0 = no more. */
int sorter_next(struct sorter *s, struct sv *ret, struct err *e) MUST_USE;
