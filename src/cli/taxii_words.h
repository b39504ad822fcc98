/* Shared by the files of the command "taxii". */
#pragma once

#include "cli/cli.h"
#include "share/taxii/taxii.h"

struct taxii_words {
    const char *title, *description, *contact, *id, *alias, *ceiling, *purpose, *source, *read, *write, *most;
    bool standard, no_admins;
};
struct taxii taxii_of(struct cmd *c);
/* Ends the transaction in which something was defined, and signs it. */
int taxii_settle(struct cmd *c, int rc, struct err *e);
int taxii_read_ceiling(const char *word, enum tlp *ret, struct err *e);
int taxii_load_file(struct cmd *c, const struct taxii_words *w, struct arena *a,
                    struct taxii_load_report *ret, struct err *e);
