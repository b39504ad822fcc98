/* Peers by the clock. */
#include "share/peer/peer.h"

static struct sv job_name(const struct peer *p, char room[128])
{
    snprintf(room, 128, PEER_KIND ":%.*s", SV_ARG(p->name));
    return sv_c(room);
}

int peer_unschedule(struct db *db, const struct peer *p, struct err *e)
{
    char name[128];
    int rc = job_remove(db, job_name(p, name), e);
    if (rc == ERR_NOT_FOUND) {
        *e = ERR_NONE;
        rc = OK;
    }
    return rc;
}

int peer_schedule(struct db *db, const struct peer *p, usec now, struct err *e)
{
    char name[128];
    if (p->every_seconds == 0) {
        return peer_unschedule(db, p, e);
    }
    const struct job j = {.name = job_name(p, name),
                          .kind = SV(PEER_KIND),
                          .argument = p->name,
                          .every_seconds = p->every_seconds,
                          .enabled = p->enabled};
    usec first = p->last_run == USEC_NONE ? now : p->last_run + p->every_seconds * USEC_SECOND;
    return job_put(db, &j, first, now, e);
}

int peer_job(void *ctx, struct job_call *call, struct err *e)
{
    struct peers p = *(const struct peers *)ctx;
    struct peer_report r;
    p.stopping = call->stopping;
    p.of = call->of;
    int rc = peer_sync(&p, call->argument, &r, &call->wait_seconds, e);
    snprintf(call->text, sizeof(call->text),
             "%llu objects in %llu pages: %llu new, %llu known, %llu refused; %llu posted",
             (unsigned long long)r.objects, (unsigned long long)r.pages, (unsigned long long)r.accepted,
             (unsigned long long)r.duplicates, (unsigned long long)r.rejected, (unsigned long long)r.pushed);
    return rc;
}
