#pragma once

#include "cli/person.h"

struct agreement_words {
    const char *by, *with, *from, *until, *language;
};
int agreement_make_draft(struct cmd *c, const char *template, const struct agreement_words *w);
/* Takes the file in with all signatures in it, adds one of --by, and prints the file as it travels on.
 * `counter`: signatures of others must be in it, and --by may be missing. */
int agreement_sign(struct cmd *c, const char *path, const struct agreement_words *w, bool counter);
int agreement_list(struct cmd *c, const char *id);
int agreement_tell(struct cmd *c, const char *id, enum language language);
int agreement_amend(struct cmd *c, const char *id);
/* Suspends, resumes or ends; prints the file that tells the other parties. */
int agreement_decide(struct cmd *c, const char *id, enum agreed_act act, const struct agreement_words *w);
/* In cmd_agreement.c. */
void agreement_print_text(struct cmd *c, const struct agreement *g, enum language l);
