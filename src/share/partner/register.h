/* What the registers of share/ have in common: inside this room only. */
#pragma once

#include "ledger/ledger.h"
#include "fuse/fuse.h"

/* One record as one entry of a kind, in a transaction of its own, on disk when it returns. */
int register_accept(struct ledger *l, struct db *db, const char *kind, struct sv record, usec now,
                    struct err *e) MUST_USE;

/* The same inside a transaction, and which entry it became. */
int register_append(struct ledger *l, struct db *db, const char *kind, struct sv record, usec now,
                    int64_t *ret_entry, struct err *e) MUST_USE;

/* Entry kinds of partner.c and agreed.c; shares.c; register.c lists them. */
int partner_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e);
int agreement_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e);
int share_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e);
int release_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e);
int consent_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e);
int signature_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e);
