/* Shared by taxii_load*.c only. */
#pragma once

#include "share/taxii/taxii_private.h"

#include <stdarg.h>

struct taxii_loading {
    const struct taxii *t;
    const struct taxii_load_opts *o;
    struct taxii_load_report *report;
    struct sv standard; /* path of the root that discovery names; views the document */
    struct arena a;
};
void taxii_load_note(struct taxii_loading *l, const char *what, struct sv where, const char *fmt, ...)
    PRINTF(4, 5);
/* A collection appears whole or not at all; what it holds is accepted before, as if it had been posted. */
int taxii_load_collection(struct taxii_loading *l, const struct taxii_root *root, struct jv v, struct err *e);
