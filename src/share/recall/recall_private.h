/* Shared inside share/recall/ only. */
#pragma once

#include "share/recall/recall.h"

/* Ids are found by it; as in share_given. */
int64_t recall_hash(const struct recall *r, struct sv id);
