/*
 * share/contribution: who gives and takes how much, by type and by use. Numbers for people, out of the
 * register of shares, the collections and the picture; docs/contribution.md defines each. May call
 * share/partner, share/taxii and all lower floors.
 */
#pragma once

#include "share/partner/partner.h"

/*
 * Writes of one partner {"partner","name","status","given":{"things","messages","by_type","by_agreement"},
 * "taken":{"objects","by_type","values","first","hits","values_hit","withdrawn","false_positives"}}, since a
 * time (USEC_NONE = ever). For who runs the node: no partner is told of another.
 */
int contribution_write(struct db *db, struct fuse *f, const struct partner *p, usec since, struct jw *w,
                       struct err *e) MUST_USE;
