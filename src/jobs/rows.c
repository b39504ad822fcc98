/* The table of jobs: what is due, what came of it, when it is due again. */
#include "jobs/private.h"
#include "base/hash.h"

static const struct db_migration migrations[] = {
    /* `planned` is what the clock showed when next_run was set: an earlier clock was set back. */
    {1,
     "CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, argument TEXT "
     "NOT NULL, every_seconds INTEGER NOT NULL, enabled INTEGER NOT NULL, next_run INTEGER NOT NULL, planned "
     "INTEGER NOT NULL, running_since INTEGER, attempts INTEGER NOT NULL, last_start INTEGER, last_end "
     "INTEGER, last_ok INTEGER, last_code INTEGER NOT NULL, last_text TEXT NOT NULL, runs INTEGER NOT NULL, "
     "failures INTEGER NOT NULL);"},
    {0, NULL},
};
static const struct db_table tables[] = {{"job", TABLE_STATE}, {NULL, TABLE_STATE}};
const struct db_room jobs_room = {.name = "jobs", .migrations = migrations, .tables = tables};

#define COLUMNS                                                                                              \
    "id, name, kind, argument, every_seconds, enabled, next_run, running_since, attempts, last_start, "      \
    "last_end, last_ok, last_code, last_text, runs, failures, planned"
enum { COLUMN_PLANNED = 16 };

static struct job job_of(struct stmt *s)
{
    return (struct job){
        .id = col_int(s, 0),
        .name = col_text(s, 1),
        .kind = col_text(s, 2),
        .argument = col_text(s, 3),
        .every_seconds = col_int(s, 4),
        .enabled = col_int(s, 5) != 0,
        .next_run = col_int(s, 6),
        .running_since = col_time(s, 7),
        .attempts = (unsigned)col_int(s, 8),
        .last_start = col_time(s, 9),
        .last_end = col_time(s, 10),
        .last_ok = col_time(s, 11),
        .last_code = (int)col_int(s, 12),
        .last_text = col_text(s, 13),
        .runs = (uint64_t)col_int(s, 14),
        .failures = (uint64_t)col_int(s, 15),
    };
}

static int keep_job(struct arena *a, struct job *j, struct err *e)
{
    struct sv *const texts[] = {&j->name, &j->kind, &j->argument, &j->last_text};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i] = arena_sv(a, *texts[i]);
        if (!texts[i]->p)
            return err_set(e, ERR_MEMORY, "no memory for a job");
    }
    return OK;
}

static int not_there(struct sv name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no job '%.*s'", SV_ARG(name));
}

/* ---- putting */

int job_put(struct db *db, const struct job *j, usec first, usec now, struct err *e)
{
    struct stmt *s = db_query(
        db,
        "INSERT INTO job (name, kind, argument, every_seconds, enabled, next_run, planned, attempts, "
        "last_code, "
        "last_text, runs, failures) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, '', 0, 0) ON CONFLICT (name) DO "
        "UPDATE "
        "SET next_run = CASE WHEN job.enabled = excluded.enabled AND job.every_seconds = "
        "excluded.every_seconds "
        "THEN job.next_run ELSE excluded.next_run END, planned = CASE WHEN job.enabled = excluded.enabled "
        "AND "
        "job.every_seconds = excluded.every_seconds THEN job.planned ELSE excluded.planned END, attempts = "
        "CASE "
        "WHEN job.enabled = excluded.enabled THEN job.attempts ELSE 0 END, kind = excluded.kind, argument = "
        "excluded.argument, every_seconds = excluded.every_seconds, enabled = excluded.enabled",
        e);
    if (!s)
        return e->code;
    db_text(s, j->name);
    db_text(s, j->kind);
    db_text(s, j->argument.p ? j->argument : SV(""));
    db_int(s, j->every_seconds);
    db_int(s, j->enabled);
    db_int(s, first);
    db_int(s, now);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int job_remove(struct db *db, struct sv name, struct err *e)
{
    struct stmt *s = db_query(db, "DELETE FROM job WHERE name = ?", e);
    if (!s)
        return e->code;
    db_text(s, name);
    int rc = db_run(s, e);
    db_done(s);
    return rc == OK && db_changed(db) == 0 ? not_there(name, e) : rc;
}

int job_due_at(struct db *db, struct sv name, usec at, usec now, struct err *e)
{
    struct stmt *s = db_query(db, "UPDATE job SET next_run = ?, planned = ? WHERE name = ?", e);
    if (!s)
        return e->code;
    db_int(s, at);
    db_int(s, now);
    db_text(s, name);
    int rc = db_run(s, e);
    db_done(s);
    return rc == OK && db_changed(db) == 0 ? not_there(name, e) : rc;
}

int jobs_recover(struct db *db, usec now, struct err *e)
{
    int rc = db_begin(db, e);
    if (rc != OK)
        return rc;
    struct stmt *s = db_query(
        db, "UPDATE job SET next_run = ?, planned = ?, running_since = NULL WHERE running_since IS NOT NULL",
        e);
    if (!s)
        return db_finish(db, e->code, e);
    db_int(s, now);
    db_int(s, now);
    rc = db_run(s, e);
    db_done(s);
    return db_finish(db, rc, e);
}

/* ---- looking */

int job_get(struct db *db, struct sv name, struct arena *a, struct job *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT " COLUMNS " FROM job WHERE name = ?", e);
    if (!s)
        return e->code;
    db_text(s, name);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = job_of(s);
        rc = keep_job(a, ret, e);
    } else if (rc == 0) {
        rc = not_there(name, e);
    }
    db_done(s);
    return rc;
}

int job_each(struct db *db, struct sv kind, int (*each)(void *ctx, const struct job *j), void *ctx,
             struct err *e)
{
    struct stmt *s = db_query(db, "SELECT " COLUMNS " FROM job WHERE ? = '' OR kind = ? ORDER BY name", e);
    if (!s)
        return e->code;
    db_text(s, kind.p ? kind : SV(""));
    db_text(s, kind.p ? kind : SV(""));
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        const struct job j = job_of(s);
        rc = each(ctx, &j);
        if (rc != OK)
            break;
    }
    db_done(s);
    return rc;
}

/* ---- taking */

static bool is_kind(const struct job_kind *kinds, struct sv kind)
{
    for (; kinds->name; kinds++)
        if (sv_eq(kind, sv_c(kinds->name)))
            return true;
    return false;
}

static int by_name(struct db *db, struct sv name, struct arena *a, struct job *ret, struct err *e)
{
    int rc = job_get(db, name, a, ret, e);
    if (rc != OK)
        return rc;
    if (ret->running_since != USEC_NONE) {
        err_set(e, ERR_BUSY, "the job '%.*s' runs already", SV_ARG(name));
        return err_hint(e, "wait until it is done");
    }
    return 1;
}

/* When it is due by a clock that may have been set back since: what was left to wait is left still. */
static usec due(const struct job *j, usec planned, usec now)
{
    return now < planned ? now + (j->next_run - planned) : j->next_run;
}

static int longest_due(struct db *db, const struct job_kind *kinds, usec now, struct arena *a,
                       struct job *ret, usec *ret_next, struct err *e)
{
    struct stmt *s = db_query(
        db, "SELECT " COLUMNS " FROM job WHERE enabled = 1 AND running_since IS NULL ORDER BY next_run, id",
        e);
    if (!s)
        return e->code;
    int rc, found = 0;
    while (!found && (rc = db_step(s, e)) == 1) {
        *ret = job_of(s);
        if (!is_kind(kinds, ret->kind))
            continue;
        usec at = due(ret, col_int(s, COLUMN_PLANNED), now);
        if (at <= now)
            found = keep_job(a, ret, e) == OK ? 1 : e->code;
        else if (*ret_next == USEC_NONE || at < *ret_next)
            *ret_next = at;
    }
    db_done(s);
    return found ? found : rc;
}

/* The wait that is left is counted from the new clock from now on. */
static int shift_planned(struct db *db, usec now, struct err *e)
{
    struct stmt *s =
        db_query(db, "UPDATE job SET next_run = ? + (next_run - planned), planned = ? WHERE planned > ?", e);
    if (!s)
        return e->code;
    db_int(s, now);
    db_int(s, now);
    db_int(s, now);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int mark_running(struct db *db, const struct job *j, usec now, struct err *e)
{
    struct stmt *s =
        db_query(db, "UPDATE job SET running_since = ?, last_start = ?, runs = runs + 1 WHERE id = ?", e);
    if (!s)
        return e->code;
    db_time(s, now);
    db_time(s, now);
    db_int(s, j->id);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int job_take(struct db *db, struct sv name, const struct job_kind *kinds, usec now, struct arena *a,
             struct job *ret, usec *ret_next, struct err *e)
{
    *ret_next = USEC_NONE;
    int rc = db_begin(db, e);
    if (rc != OK)
        return rc;
    rc = shift_planned(db, now, e);
    int taken = rc != OK ? rc
                : name.n ? by_name(db, name, a, ret, e)
                         : longest_due(db, kinds, now, a, ret, ret_next, e);
    rc = taken == 1 ? mark_running(db, ret, now, e) : taken < 0 ? taken : OK;
    rc = db_finish(db, rc, e);
    return rc == OK ? taken : rc;
}

/* ---- ending */

/* A quarter more or less, so that what failed together does not come back together. */
static usec about(usec wait)
{
    uint32_t chance;
    random_bytes(&chance, sizeof(chance));
    return wait - wait / 4 + (usec)((double)wait / 2 * chance / UINT32_MAX);
}

static usec wait_after_failure(unsigned attempts)
{
    unsigned doubled = attempts < 16 ? attempts : 16;
    int64_t seconds = (int64_t)JOB_RETRY_SECONDS << (doubled ? doubled - 1 : 0);
    return about((seconds < JOB_RETRY_SECONDS_MOST ? seconds : JOB_RETRY_SECONDS_MOST) * USEC_SECOND);
}

static usec next_run(const struct job *j, const struct job_call *call, int rc, usec now)
{
    usec at = now + USEC_SECOND; /* cancelled */
    if (rc == OK)
        at = now + j->every_seconds * USEC_SECOND;
    else if (rc != ERR_CANCELLED)
        at = now + wait_after_failure(j->attempts + 1);
    usec least = now + call->wait_seconds * USEC_SECOND;
    return at < least ? least : at;
}

int job_end(struct db *db, const struct job *j, const struct job_call *call, int rc, const struct err *why,
            usec now, struct err *e)
{
    bool failed = rc != OK && rc != ERR_CANCELLED;
    int done = db_begin(db, e);
    if (done != OK)
        return done;
    /* One that was made due or stopped while it ran keeps that. */
    struct stmt *s =
        db_query(db,
                 "UPDATE job SET running_since = NULL, last_end = ?, last_ok = ?, last_code = ?, last_text = "
                 "?, attempts "
                 "= ?, failures = failures + ?, enabled = CASE WHEN every_seconds = 0 AND ? = 1 THEN 0 ELSE "
                 "enabled END, "
                 "next_run = CASE WHEN next_run = ? THEN ? ELSE next_run END, planned = ? WHERE id = ?",
                 e);
    if (!s)
        return db_finish(db, e->code, e);
    db_time(s, now);
    db_time(s, rc == OK ? now : j->last_ok);
    db_int(s, rc);
    db_text(s, failed ? sv_c(why->text) : sv_c(call->text));
    db_int(s, rc == OK ? 0 : (int64_t)j->attempts + failed);
    db_int(s, failed);
    db_int(s, rc == OK);
    db_int(s, j->next_run);
    db_int(s, next_run(j, call, rc, now));
    db_int(s, now);
    db_int(s, j->id);
    done = db_run(s, e);
    db_done(s);
    return db_finish(db, done, e);
}
