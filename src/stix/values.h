/* Where observable values stand in objects and patterns. */
#pragma once

#include "stix/pattern.h"

/* Kind of the value at "type:property" (a path written with dots, list steps left out); KIND_NONE when it is
 * no value we index. */
enum kind value_kind(struct sv type, struct sv path);
/* pattern_values.c: the kind of the value a test compares; KIND_NONE when it is none we index, or one of a
 * list by its number. */
enum kind pattern_test_kind(const struct pat_node *test);
/* Reads a value met in an object or pattern at such a place; false when it cannot be read as the kind. */
bool value_read(struct arena *a, enum kind kind, struct sv text, struct obs *ret);
/* Kind of a hash under `hashes` of an object type: certificates have fingerprints, everything else files. */
enum kind value_hash_kind(struct sv type, struct sv algorithm);
