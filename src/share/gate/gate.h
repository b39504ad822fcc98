/*
 * share/gate: what an organisation may see (pact_decide over the grants that stand), as a view that answers
 * are fused from. May call share/partner and all lower floors.
 */
#pragma once

#include "fuse/fuse.h"
#include "pact/pact.h"

extern const char gate_migration[]; /* table: permission (view) */
/* Entry kind "grant". */
int gate_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e);

/* Records a grant (both organisations of this node; signed agreements between nodes use the same record). In
 * a transaction. */
int gate_grant(struct ledger *l, struct db *db, const struct pact_grant *g, usec now, struct err *e) MUST_USE;
/*
 * What `viewer` may see for a purpose at a time. PURPOSE_NETWORK_SAFETY also takes in exercise things by
 * PURPOSE_EXERCISE grants, which are marked as such. The view lives in `a`. Every decision is pact_decide's;
 * nothing is cached across calls.
 */
int gate_view(struct db *db, struct uuid viewer, enum purpose purpose, usec now, struct arena *a,
              struct pact_view *ret, struct err *e) MUST_USE;
/* Says why for one source and marking: rule name and grant id, for `explain` and tests. */
int gate_explain(struct db *db, struct uuid viewer, int64_t source, enum tlp marking, enum purpose purpose,
                 usec now, struct pact_answer *ret, struct uuid *ret_grant, struct err *e) MUST_USE;
