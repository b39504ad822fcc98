/* What commands share in which a person answers for the organisation. */
#pragma once

#include "cli/cli.h"

/* The password of `by` is the first line of the command's input; he must be an administrator. */
int cmd_person(struct cmd *c, const char *by, struct err *e);
/* A whole file that the arguments name, "-" the command's input; ERR_LIMIT past ret->max. */
int cmd_read_file(struct cmd *c, const char *path, struct buf *ret, struct err *e);
