/* What `noroshi shares` does about what was shared and is taken back. */
#pragma once

#include "cli/cli.h"

struct recall_words {
    const char *partner, *reason, *by, *source;
    int64_t entry; /* 0 = not said */
};
int shares_recall(struct cmd *c, const char *object, const struct recall_words *w);
int shares_recalled(struct cmd *c, const struct recall_words *w, int64_t limit);
int shares_overdue(struct cmd *c);
int shares_withdrawn(struct cmd *c);
int shares_unwithdraw(struct cmd *c, const char *object, const struct recall_words *w);
/* Members "state" and "withdrawals" of one entry, in JSON or as lines for people. */
int shares_state(struct cmd *c, int64_t entry, bool with_messages, struct err *e);
/* The UUID of a partner by id or name; "" for NULL. */
int shares_partner(struct cmd *c, const char *name, char ret[37], struct err *e);
