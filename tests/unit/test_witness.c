/* Witnessing: a log and the node that cosigns it, by the statuses of https://c2sp.org/tlog-witness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger_toy.h"

struct pair {
    struct node *log, *witness;
};

static int pair_setup(void **state)
{
    struct pair *p = calloc(1, sizeof(*p));
    void *made[2] = {NULL, NULL};
    struct err e = ERR_NONE;

    if (!p || node_setup(&made[0]) != 0 || node_setup(&made[1]) != 0)
        return -1;
    p->log = made[0];
    p->witness = made[1];
    *state = p;
    if (db_begin(p->witness->db, &e) != OK)
        return -1;
    return db_finish(
        p->witness->db,
        witness_trust(p->witness->ledger, keeper_public(p->log->keeper, KEEPER_LOG), TOY_TIME, &e), &e);
}

static int pair_teardown(void **state)
{
    struct pair *p = *state;
    void *made[2] = {p->log, p->witness};
    int rc = node_teardown(&made[0]) | node_teardown(&made[1]);

    free(p);
    return rc;
}

static void sign(struct node *n)
{
    struct err e = ERR_NONE;

    must(ledger_checkpoint(n->ledger, TOY_TIME + USEC_SECOND, &e), &e);
}

static void grow(struct node *n, int entries)
{
    for (int i = 0; i < entries; i++)
        toy_commit(n, "one two");
    sign(n);
}

/* Sends text; the body of the answer stays in `body`. */
static unsigned send(struct pair *p, struct sv request, struct buf *body, bool *ret_alarm)
{
    struct witness_answer a;
    struct err e = ERR_NONE;

    buf_reset(body);
    must(witness_add(p->witness->ledger, request, TOY_TIME + 2 * USEC_SECOND, &a, body, &e), &e);
    if (ret_alarm)
        *ret_alarm = a.alarm;
    return a.status;
}

/* Asks for the newest checkpoint from a size; keeps the cosignature when there is one. */
static unsigned ask(struct pair *p, uint64_t old, struct buf *body)
{
    struct buf request;
    struct err e = ERR_NONE;
    uint64_t size;
    unsigned status;

    buf_init(&request, 1 << 20);
    must(ledger_witness_request(p->log->ledger, old, &size, &request, &e), &e);
    status = send(p, buf_sv(&request), body, NULL);
    if (status == 200)
        must(ledger_cosigned(p->log->ledger, size, buf_sv(body),
                             keeper_public(p->witness->keeper, KEEPER_WITNESS), &e),
             &e);
    buf_clear(&request);
    return status;
}

static void a_log_that_grows_is_cosigned(void **state)
{
    struct pair *p = *state;
    struct buf body, note;
    struct err e = ERR_NONE;
    struct sv text;
    uint32_t mask;
    struct note_key keys[2] = {*keeper_public(p->log->keeper, KEEPER_LOG),
                               *keeper_public(p->witness->keeper, KEEPER_WITNESS)};
    uint64_t old = 0, size;

    buf_init(&body, 1 << 16);
    buf_init(&note, 1 << 16);
    for (int step = 1; step < 40; step += 7) {
        grow(p->log, step);
        assert_int_equal(ask(p, old, &body), 200);
        buf_reset(&note);
        must(ledger_checkpoint_note(p->log->ledger, &note, &e), &e);
        must(note_check(buf_sv(&note), keys, 2, &text, &mask, &e), &e);
        assert_int_equal(mask, 3);
        old += (uint64_t)step;
    }
    assert_int_equal(ask(p, old, &body), 200); /* the same again: its cosignature may have been lost */
    assert_int_equal(ledger_witness_request(p->log->ledger, old + 1, &size, &body, &e), ERR_NOT_FOUND);
    buf_clear(&note);
    buf_clear(&body);
}

static void every_refusal_has_its_status(void **state)
{
    struct pair *p = *state;
    struct buf body, request, other;
    struct err e = ERR_NONE;
    uint64_t size;

    buf_init(&body, 1 << 16);
    buf_init(&request, 1 << 16);
    buf_init(&other, 1 << 16);
    grow(p->log, 5);
    assert_int_equal(ask(p, 0, &body), 200);
    grow(p->log, 6);
    /* The witness holds 5. */
    assert_int_equal(ask(p, 3, &body), 409);
    assert_true(sv_eq(buf_sv(&body), SV("5\n")));
    must(ledger_witness_request(p->log->ledger, 5, &size, &request, &e), &e);
    struct sv text = buf_sv(&request), line;
    /* Without its proof. */
    assert_true(sv_cut(&text, '\n', &line) && sv_eq(line, SV("old 5")));
    size_t blank = sv_find(text, SV("\n\n"));
    buf_add(&other, SV("old 5\n"));
    buf_add(&other, sv_sub(text, blank + 1, SIZE_MAX));
    assert_int_equal(send(p, buf_sv(&other), &body, NULL), 422);
    /* An old size beyond the checkpoint. */
    buf_reset(&other);
    buf_add(&other, SV("old 12\n"));
    buf_add(&other, sv_sub(text, blank + 1, SIZE_MAX));
    assert_int_equal(send(p, buf_sv(&other), &body, NULL), 400);
    /* One changed byte of the signed text. */
    buf_reset(&other);
    buf_add(&other, buf_sv(&request));
    size_t at = sv_find(buf_sv(&other), SV("\n11\n"));
    assert_true(at != SIZE_MAX);
    other.p[at + 2] = '2';
    assert_int_equal(send(p, buf_sv(&other), &body, NULL), 403);
    /* A log that nobody named. */
    buf_reset(&other);
    buf_add(&other, SV("old 0\n\nnoroshi.example/else\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— "
                       "noroshi.example/else AAAAAAAA\n"));
    assert_int_equal(send(p, buf_sv(&other), &body, NULL), 404);
    static const char *const broken[] = {"",        "old\n",      "old 0",         "old 01\n\n",
                                         "old 0\n", "old 0\nx\n", "old -1\n\nx\n", "new 0\n"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_int_equal(send(p, sv_c(broken[i]), &body, NULL), 400);
    /* After all this the honest request still holds. */
    assert_int_equal(send(p, buf_sv(&request), &body, NULL), 200);
    buf_clear(&other);
    buf_clear(&request);
    buf_clear(&body);
}

static int see(void *ctx, const struct witnessed *w)
{
    *(bool *)ctx = w->frozen && w->alarm.p && sv_starts(w->alarm, SV("fork"));
    return OK;
}

/* The log is put back to an older copy and goes on otherwise: same key, same size, another root. */
static void a_fork_is_alarmed_and_frozen_until_a_person_decides(void **state)
{
    struct pair *p = *state;
    struct buf body, request;
    struct err e = ERR_NONE;
    char copy[128], command[600];
    bool frozen = false, alarm = false;
    uint64_t size;

    buf_init(&body, 1 << 16);
    buf_init(&request, 1 << 16);
    grow(p->log, 4);
    assert_int_equal(ask(p, 0, &body), 200);
    snprintf(copy, sizeof(copy), "%s/copy.db", p->log->dir);
    must(db_copy_to(p->log->db, copy, &e), &e);
    grow(p->log, 3);
    assert_int_equal(ask(p, 4, &body), 200);
    node_close(p->log);
    snprintf(command, sizeof(command), "rm -f %s-wal %s-shm && mv %s %s", p->log->path, p->log->path, copy,
             p->log->path);
    assert_int_equal(system(command), 0);
    must(node_open(p->log, &e), &e);
    grow(p->log, 3);
    must(ledger_witness_request(p->log->ledger, 4, &size, &request, &e), &e);
    assert_int_equal(send(p, buf_sv(&request), &body, &alarm), 409);
    assert_true(alarm);
    must(witness_each(p->witness->db, see, &frozen, &e), &e);
    assert_true(frozen);
    grow(p->log, 1);
    assert_int_equal(ask(p, 7, &body), 403);
    must(db_begin(p->witness->db, &e), &e);
    must(db_finish(p->witness->db, witness_thaw(p->witness->ledger, SV(TOY_ORIGIN), &e), &e), &e);
    /* Thawed, it is still the old head that must be held. */
    assert_int_equal(ask(p, 7, &body), 422);
    buf_clear(&request);
    buf_clear(&body);
}

static void a_key_is_not_replaced(void **state)
{
    struct pair *p = *state;
    struct err e = ERR_NONE;
    struct note_key other = *keeper_public(p->witness->keeper, KEEPER_LOG);

    must(db_begin(p->witness->db, &e), &e);
    assert_int_equal(witness_trust(p->witness->ledger, &other, TOY_TIME, &e), ERR_EXISTS);
    db_rollback(p->witness->db);
}

/* A cosignature that is not this witness's over our checkpoint is not kept. */
static void only_good_cosignatures_are_kept(void **state)
{
    struct pair *p = *state;
    struct err e = ERR_NONE;
    struct buf body;

    buf_init(&body, 1 << 16);
    grow(p->log, 2);
    assert_int_equal(ask(p, 0, &body), 200);
    struct note_key wrong = *keeper_public(p->log->keeper, KEEPER_WITNESS);
    assert_int_equal(ledger_cosigned(p->log->ledger, 2, buf_sv(&body), &wrong, &e), ERR_CRYPTO);
    body.p[body.n - 20] = body.p[body.n - 20] == 'A' ? 'B' : 'A';
    assert_int_equal(ledger_cosigned(p->log->ledger, 2, buf_sv(&body),
                                     keeper_public(p->witness->keeper, KEEPER_WITNESS), &e),
                     ERR_CRYPTO);
    assert_int_equal(ledger_cosigned(p->log->ledger, 77, buf_sv(&body),
                                     keeper_public(p->witness->keeper, KEEPER_WITNESS), &e),
                     ERR_NOT_FOUND);
    buf_clear(&body);
}

/* What partners see of the log's growth are multiples of 64. */
static void checkpoints_are_padded(void **state)
{
    struct pair *p = *state;
    struct err e = ERR_NONE;
    struct ledger_state s;

    ledger_pad_to(p->log->ledger, 64);
    for (int round = 1; round <= 3; round++) {
        grow(p->log, round * 5);
        must(ledger_state(p->log->ledger, &s, &e), &e);
        assert_int_equal(s.size, 64 * round);
        assert_int_equal(s.checkpoint_size, s.size);
        sign(p->log); /* nothing new: nothing is added */
        must(ledger_state(p->log->ledger, &s, &e), &e);
        assert_int_equal(s.size, 64 * round);
    }
    assert_int_equal(ledger_verify(p->log->ledger, toy_scratch, NULL, NULL, &e), 0);
    must(ledger_rebuild(p->log->ledger, NULL, &e), &e);
}

int main(void)
{
#define PAIR(f) cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        PAIR(a_log_that_grows_is_cosigned),
        PAIR(every_refusal_has_its_status),
        PAIR(a_fork_is_alarmed_and_frozen_until_a_person_decides),
        PAIR(a_key_is_not_replaced),
        PAIR(only_good_cosignatures_are_kept),
        PAIR(checkpoints_are_padded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
