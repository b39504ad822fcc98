/* Shared by the files of `noroshi peer`. */
#pragma once

#include "cli/cli.h"
#include "share/peer/peer.h"

struct peer_words {
    const char *user, *certificate, *key, *ca, *pin, *source, *org, *every, *page, *rate, *from, *partner;
    bool password_stdin, key_stdin, pick, off, offline;
};

/* peer add and set; the exit code. */
int peer_add(struct cmd *c, const struct peer_words *w, bool change);

void peer_print_report(struct cmd *c, const struct peer *p, const struct peer_report *r);
void peer_json_report(struct jw *w, const struct peer *p, const struct peer_report *r);
int peer_print_list(struct cmd *c, struct err *e);
int peer_print_one(struct cmd *c, const struct peer *p, struct err *e);
