/* What conf.c (values) and conf_schema.c (texts about a schema) share. */
#pragma once

#include "base/conf.h"

struct conf_unit {
    char letter; /* lower case; 0 ends the list */
    int64_t factor;
};
extern const struct conf_unit conf_size_units[];
extern const struct conf_unit conf_time_units[];

bool conf_has_range(const struct conf_item *item);
/* "1k to 4M", "at least 5". */
void conf_show_range(const struct conf_item *item, char *dst, size_t cap);
