/*
 * Partners as witnesses of this node's log (https://c2sp.org/tlog-witness): each newer checkpoint is brought
 * to every active partner, and the cosignature it answers with is kept.
 */
#pragma once

#include "jobs/jobs.h"
#include "net/fetch.h"
#include "share/partner/partner.h"

#define WITNESS_KIND "witness"
#define WITNESS_PATH "witness/add-checkpoint"

struct witnessing {
    struct db *db;
    struct ledger *ledger;
    struct fetcher *fetcher;
    const char *home; /* its tls/ holds our certificate */
};
/* Asks every active partner once; how many, and how many cosigned. The first failure, when there was one. */
int witness_ask(const struct witnessing *w, unsigned *ret_asked, unsigned *ret_signed,
                struct err *e) MUST_USE;
/* The job "witness": every active partner is asked; one that fails does not stop the others. */
int witness_job(void *ctx, struct job_call *call, struct err *e);
/* Puts the job in, due each minute. In a transaction. */
int witness_schedule(struct db *db, usec now, struct err *e) MUST_USE;
