#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "pact/pact.h"

static const struct uuid A = {{1}}, B = {{2}}, C = {{3}}, NIL = {{0}};

static struct pact_grant grant(void)
{
    return (struct pact_grant){.id = {{9}},
                               .from = A,
                               .to = B,
                               .purpose = PURPOSE_NETWORK_SAFETY,
                               .ceiling = TLP_AMBER,
                               .valid_from = 100,
                               .valid_until = 200};
}

static struct pact_ask question(void)
{
    return (struct pact_ask){
        .owner = A, .viewer = B, .marking = TLP_GREEN, .purpose = PURPOSE_NETWORK_SAFETY, .now = 150};
}

static void owner_sees_all(void **state)
{
    struct pact_ask q = question();
    q.viewer = A;
    q.marking = TLP_UNKNOWN;
    struct pact_answer r = pact_decide(NULL, 0, &q);
    assert_true(r.allow);
    assert_int_equal(r.rule, PACT_OWN);
}

static void default_is_deny(void **state)
{
    struct pact_ask q = question();
    assert_int_equal(pact_decide(NULL, 0, &q).rule, PACT_NO_GRANT);
    struct pact_grant g = grant();
    q.viewer = C;
    assert_false(pact_decide(&g, 1, &q).allow);
    q = question();
    q.purpose = PURPOSE_PROSECUTION_ASSISTANCE;
    assert_false(pact_decide(&g, 1, &q).allow);
    /* A grant is one-way. */
    q = question();
    q.owner = B;
    q.viewer = A;
    assert_false(pact_decide(&g, 1, &q).allow);
}

static void empty_audience_is_nobody(void **state)
{
    struct pact_grant g = grant();
    g.to = NIL;
    struct pact_ask q = question();
    q.viewer = NIL;
    assert_int_equal(pact_decide(&g, 1, &q).rule, PACT_NOBODY);
    q.owner = NIL;
    assert_false(pact_decide(&g, 1, &q).allow);
}

static void marking_is_a_ceiling(void **state)
{
    struct pact_grant g = grant();
    struct pact_ask q = question();
    for (int tlp = TLP_CLEAR; tlp <= TLP_UNKNOWN; tlp++) {
        q.marking = (enum tlp)tlp;
        assert_int_equal(pact_decide(&g, 1, &q).allow, tlp <= TLP_AMBER);
    }
    g.ceiling = TLP_UNKNOWN; /* a grant that never should have been: opens nothing */
    for (int tlp = TLP_CLEAR; tlp <= TLP_UNKNOWN; tlp++) {
        q.marking = (enum tlp)tlp;
        assert_false(pact_decide(&g, 1, &q).allow);
    }
}

static void validity_edges(void **state)
{
    struct pact_grant g = grant();
    struct pact_ask q = question();
    q.now = 99;
    assert_int_equal(pact_decide(&g, 1, &q).rule, PACT_NOT_IN_FORCE);
    q.now = 100;
    assert_true(pact_decide(&g, 1, &q).allow);
    q.now = 199;
    assert_true(pact_decide(&g, 1, &q).allow);
    q.now = 200;
    assert_int_equal(pact_decide(&g, 1, &q).rule, PACT_NOT_IN_FORCE);
}

static void exercise_does_not_mix(void **state)
{
    struct pact_grant g = grant();
    struct pact_ask q = question();
    q.exercise = true;
    assert_int_equal(pact_decide(&g, 1, &q).rule, PACT_EXERCISE);
    g.exercise = true;
    assert_true(pact_decide(&g, 1, &q).allow);
    q.exercise = false;
    assert_false(pact_decide(&g, 1, &q).allow);
}

/* More grants never allow less, and the answer does not hang on their order. */
static void monotone_and_order_free(void **state)
{
    struct pact_grant g[6];
    uint64_t seed = 42;
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < 6; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t r = (uint32_t)(seed >> 32);
            g[i] = grant();
            g[i].to = r & 1 ? B : C;
            g[i].ceiling = (enum tlp)(r >> 1 & 3);
            g[i].valid_from = 100 + (r >> 4 & 63);
            g[i].valid_until = 150 + (r >> 12 & 63);
            g[i].exercise = (r >> 20 & 3) == 0;
        }
        struct pact_ask q = question();
        q.marking = (enum tlp)(round % 6);
        q.now = 90 + round % 130;
        bool allowed = false;
        for (size_t n = 0; n <= 6; n++) {
            bool now_allowed = pact_decide(g, n, &q).allow;
            assert_true(now_allowed || !allowed);
            allowed = now_allowed;
        }
        struct pact_grant reversed[6];
        for (size_t i = 0; i < 6; i++) {
            reversed[i] = g[5 - i];
        }
        assert_int_equal(pact_decide(reversed, 6, &q).allow, allowed);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(owner_sees_all),           cmocka_unit_test(default_is_deny),
        cmocka_unit_test(empty_audience_is_nobody), cmocka_unit_test(marking_is_a_ceiling),
        cmocka_unit_test(validity_edges),           cmocka_unit_test(exercise_does_not_mix),
        cmocka_unit_test(monotone_and_order_free),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
