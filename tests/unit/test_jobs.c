/* Background work with a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "jobs/jobs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic usec clock_now;
static atomic_int runs, inside, most_inside;
static int answer;
static int64_t wait_seconds;
static int hold_milliseconds;
static char last_argument[32];
static unsigned last_attempts;

static usec read_clock(void *ctx)
{
    return clock_now;
}

static int run(void *ctx, struct job_call *call, struct err *e)
{
    int now_inside = atomic_fetch_add(&inside, 1) + 1;
    if (now_inside > most_inside)
        most_inside = now_inside;
    atomic_fetch_add(&runs, 1);
    (void)sv_copy(call->argument, last_argument, sizeof(last_argument));
    last_attempts = call->attempts;
    call->wait_seconds = wait_seconds;
    (void)snprintf(call->text, sizeof(call->text), "took %u", runs);
    for (int i = 0; i < hold_milliseconds && !call->stopping(call->of); i++)
        (void)usleep(1000);
    atomic_fetch_sub(&inside, 1);
    if (hold_milliseconds && call->stopping(call->of))
        return err_set(e, ERR_CANCELLED, "the node is stopping");
    return answer == OK ? OK : err_set(e, answer, "the server is down");
}

static const struct job_kind kinds[] = {{"test", run, NULL}, {NULL, NULL, NULL}};
static const struct jobs_opts options = {.kinds = kinds, .threads = 3, .clock = read_clock};

struct room {
    struct db *db;
    struct jobs *jobs;
    struct arena a;
};

static struct room open_room(void)
{
    struct err e = ERR_NONE;
    struct room r = {.db = db_open(":memory:", DB_MEMORY, &e)};
    assert_non_null(r.db);
    assert_int_equal(crypto_start(&e), OK);
    assert_int_equal(db_migrate(r.db, &jobs_room, &e), OK);
    clock_now = 1000000 * USEC_SECOND;
    runs = inside = most_inside = 0;
    answer = OK;
    wait_seconds = hold_milliseconds = 0;
    r.jobs = jobs_new(r.db, &options, &e);
    assert_non_null(r.jobs);
    arena_init(&r.a, 1 << 20);
    return r;
}

static void close_room(struct room *r)
{
    jobs_stop(r->jobs);
    db_close(r->db);
    arena_clear(&r->a);
}

static void put(struct room *r, const char *name, const char *kind, int64_t every, bool enabled, usec first)
{
    struct err e = ERR_NONE;
    const struct job j = {.name = sv_c(name),
                          .kind = sv_c(kind),
                          .argument = SV("what"),
                          .every_seconds = every,
                          .enabled = enabled};
    assert_int_equal(db_begin(r->db, &e), OK);
    assert_int_equal(job_put(r->db, &j, first, clock_now, &e), OK);
    assert_int_equal(db_end(r->db, true, &e), OK);
}

static struct job get(struct room *r, const char *name)
{
    struct err e = ERR_NONE;
    struct job j;
    assert_int_equal(job_get(r->db, sv_c(name), &r->a, &j, &e), OK);
    return j;
}

static int step(struct room *r, usec *ret_wait)
{
    struct err e = ERR_NONE;
    usec wait;
    return jobs_step(r->jobs, ret_wait ? ret_wait : &wait, &e);
}

static void test_interval(void **state)
{
    struct room r = open_room();
    usec wait;
    put(&r, "a", "test", 3600, true, clock_now);
    put(&r, "off", "test", 3600, false, clock_now);
    put(&r, "strange", "nobody", 3600, true, clock_now);
    assert_int_equal(step(&r, NULL), 1);
    assert_string_equal(last_argument, "what");
    assert_int_equal(step(&r, &wait), 0);
    assert_int_equal(wait, 60 * USEC_SECOND);
    struct job j = get(&r, "a");
    assert_int_equal(j.next_run, clock_now + USEC_HOUR);
    assert_int_equal(j.last_ok, clock_now);
    assert_int_equal(j.runs, 1);
    assert_int_equal(j.running_since, USEC_NONE);
    assert_true(sv_eq(j.last_text, SV("took 1")));
    clock_now += USEC_HOUR - 5 * USEC_SECOND;
    assert_int_equal(step(&r, &wait), 0);
    assert_int_equal(wait, 5 * USEC_SECOND);
    clock_now += 5 * USEC_SECOND;
    assert_int_equal(step(&r, NULL), 1);
    assert_int_equal(step(&r, NULL), 0);
    assert_int_equal(runs, 2);
    close_room(&r);
}

static void test_failures_wait_longer(void **state)
{
    struct room r = open_room();
    double base = JOB_RETRY_SECONDS;
    put(&r, "a", "test", 60, true, clock_now);
    answer = ERR_IO;
    for (unsigned i = 1; i <= 14; i++) {
        assert_int_equal(step(&r, NULL), 1);
        assert_int_equal(last_attempts, i - 1);
        struct job j = get(&r, "a");
        double wait = (double)(j.next_run - clock_now) / (double)USEC_SECOND;
        assert_true(wait >= base * 0.74 && wait <= base * 1.26);
        assert_int_equal(j.attempts, i);
        assert_int_equal(j.failures, i);
        assert_int_equal(j.last_code, ERR_IO);
        assert_true(sv_eq(j.last_text, SV("the server is down")));
        assert_int_equal(j.last_ok, USEC_NONE);
        assert_int_equal(step(&r, NULL), 0);
        clock_now = j.next_run;
        base = base * 2 < JOB_RETRY_SECONDS_MOST ? base * 2 : JOB_RETRY_SECONDS_MOST;
    }
    answer = OK;
    assert_int_equal(step(&r, NULL), 1);
    struct job j = get(&r, "a");
    assert_int_equal(j.attempts, 0);
    assert_int_equal(j.next_run, clock_now + 60 * USEC_SECOND);
    /* What the server asked for is kept, also after a success. */
    wait_seconds = 7200;
    clock_now = j.next_run;
    assert_int_equal(step(&r, NULL), 1);
    assert_int_equal(get(&r, "a").next_run, clock_now + 2 * USEC_HOUR);
    close_room(&r);
}

static void test_once(void **state)
{
    struct room r = open_room();
    put(&r, "once", "test", 0, true, clock_now);
    answer = ERR_IO;
    assert_int_equal(step(&r, NULL), 1);
    assert_true(get(&r, "once").enabled);
    answer = OK;
    clock_now += USEC_HOUR;
    assert_int_equal(step(&r, NULL), 1);
    assert_false(get(&r, "once").enabled);
    clock_now += USEC_DAY;
    assert_int_equal(step(&r, NULL), 0);
    close_room(&r);
}

static void test_clock_set_back(void **state)
{
    struct room r = open_room();
    usec wait;
    put(&r, "a", "test", 3600, true, clock_now);
    assert_int_equal(step(&r, NULL), 1);
    clock_now -= 365 * USEC_DAY;
    assert_int_equal(step(&r, &wait), 0);
    assert_int_equal(get(&r, "a").next_run, clock_now + USEC_HOUR);
    clock_now += USEC_HOUR;
    assert_int_equal(step(&r, NULL), 1);
    clock_now += 1000 * USEC_DAY; /* forward: due once, not a thousand times */
    assert_int_equal(step(&r, NULL), 1);
    assert_int_equal(step(&r, NULL), 0);
    close_room(&r);
}

static void test_changed(void **state)
{
    struct room r = open_room();
    struct err e = ERR_NONE;
    put(&r, "a", "test", 3600, true, clock_now);
    assert_int_equal(step(&r, NULL), 1);
    usec next = get(&r, "a").next_run;
    put(&r, "a", "test", 3600, true, clock_now); /* nothing new: the wait stays */
    assert_int_equal(get(&r, "a").next_run, next);
    put(&r, "a", "test", 60, true, clock_now + 7);
    assert_int_equal(get(&r, "a").next_run, clock_now + 7);
    put(&r, "a", "test", 60, false, clock_now);
    clock_now += USEC_DAY;
    assert_int_equal(step(&r, NULL), 0);
    put(&r, "a", "test", 60, true, clock_now);
    assert_int_equal(step(&r, NULL), 1);
    assert_int_equal(db_begin(r.db, &e), OK);
    assert_int_equal(job_due_at(r.db, SV("a"), clock_now, clock_now, &e), OK);
    assert_int_equal(job_due_at(r.db, SV("b"), clock_now, clock_now, &e), ERR_NOT_FOUND);
    assert_int_equal(db_end(r.db, true, &e), OK);
    assert_int_equal(step(&r, NULL), 1);
    assert_int_equal(db_begin(r.db, &e), OK);
    assert_int_equal(job_remove(r.db, SV("a"), &e), OK);
    assert_int_equal(job_remove(r.db, SV("a"), &e), ERR_NOT_FOUND);
    assert_int_equal(db_end(r.db, true, &e), OK);
    assert_int_equal(step(&r, NULL), 0);
    close_room(&r);
}

/* A kill leaves the mark of a running job. */
static void test_recover(void **state)
{
    struct room r = open_room();
    struct err e = ERR_NONE;
    put(&r, "a", "test", 3600, true, clock_now + USEC_HOUR);
    assert_int_equal(db_begin(r.db, &e), OK);
    assert_int_equal(db_exec(r.db, "UPDATE job SET running_since = 1", &e), OK);
    assert_int_equal(db_end(r.db, true, &e), OK);
    clock_now += USEC_DAY;
    assert_int_equal(step(&r, NULL), 0);
    struct job_call call = {0};
    assert_int_equal(job_run_now(r.db, &kinds[0], SV("a"), clock_now, &call, &e), ERR_BUSY);
    assert_int_equal(jobs_recover(r.db, clock_now, &e), OK);
    assert_int_equal(step(&r, NULL), 1);
    close_room(&r);
}

static bool never(void *of)
{
    return false;
}

static void test_run_now(void **state)
{
    struct room r = open_room();
    struct err e = ERR_NONE;
    struct job_call call = {.stopping = never};
    put(&r, "a", "test", 3600, false, clock_now);
    assert_int_equal(job_run_now(r.db, &kinds[0], SV("a"), clock_now, &call, &e), OK);
    assert_string_equal(call.text, "took 1");
    assert_int_equal(get(&r, "a").runs, 1);
    assert_int_equal(job_run_now(r.db, &kinds[0], SV("b"), clock_now, &call, &e), ERR_NOT_FOUND);
    answer = ERR_AUTH;
    assert_int_equal(job_run_now(r.db, &kinds[0], SV("a"), clock_now, &call, &e), ERR_AUTH);
    assert_int_equal(get(&r, "a").failures, 1);
    close_room(&r);
}

static void wait_for_runs(int n)
{
    for (int i = 0; i < 5000 && runs < n; i++)
        (void)usleep(1000);
    assert_true(runs >= n);
}

static void test_threads(void **state)
{
    struct room r = open_room();
    struct err e = ERR_NONE;
    hold_milliseconds = 50;
    for (int i = 0; i < 12; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "j%d", i);
        put(&r, name, "test", 3600, true, clock_now);
    }
    assert_int_equal(jobs_start(r.jobs, &e), OK);
    wait_for_runs(12);
    (void)usleep(200000);
    assert_int_equal(runs, 12);
    assert_int_equal(most_inside, 3);
    /* Made due while it waits: seen at once. Made due while it runs: again after it, never beside it. */
    most_inside = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_begin(r.db, &e), OK);
        assert_int_equal(job_due_at(r.db, SV("j1"), clock_now + i - 5, clock_now, &e), OK);
        assert_int_equal(db_end(r.db, true, &e), OK);
        jobs_wake(r.jobs);
        wait_for_runs(13 + i);
    }
    assert_int_equal(most_inside, 1);
    close_room(&r);
}

static void test_stop_ends_what_runs(void **state)
{
    struct room r = open_room();
    struct err e = ERR_NONE;
    hold_milliseconds = 60000;
    put(&r, "a", "test", 3600, true, clock_now);
    assert_int_equal(jobs_start(r.jobs, &e), OK);
    wait_for_runs(1);
    usec began = time_ticks();
    jobs_stop(r.jobs);
    r.jobs = NULL;
    assert_true(time_ticks() - began < 5 * USEC_SECOND);
    struct job j = get(&r, "a");
    assert_int_equal(j.failures, 0);
    assert_int_equal(j.last_code, ERR_CANCELLED);
    assert_true(j.next_run <= clock_now + USEC_SECOND);
    close_room(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_failures_wait_longer),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_recover),
        cmocka_unit_test(test_run_now),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_stop_ends_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
