/*
 * Nothing leaves but what may: random things, markings, agreements and instants; whatever a partner asks,
 * every byte of the answer is searched for what must not be in it. Expected is what leak_pact.h decides by
 * itself.
 *
 * Held are: no leak (every canary and id that shows may show), completeness (what may go is there), default
 * deny, non-interference (the same node without what is denied answers with the same bytes, but for times),
 * and monotony (a restriction adds nothing).
 *
 *     NOROSHI_SEED=7 NOROSHI_CASES=100000 test_no_leak
 */
#include "leak_ask.h"

#ifdef __SANITIZE_ADDRESS__
#define CASES_CI 4000 /* each takes ten times as long; the plain build tries them all */
#else
#define CASES_CI 20000
#endif
#define CASES_NIGHT 400000
#define THINGS 48
#define FIRST_HALF 32
#define INSTANTS 3

static uint64_t first_seed, cases_wanted, fates[FATES];
static struct keeper *keeper;

/* ---- what may go is there */

static bool holds(struct sv page, const struct thing *t)
{
    return sv_find(page, buf_sv(&t->json)) != SIZE_MAX;
}

/* What was taken back with all its versions at once never came into a collection. */
static bool taken_back(const struct judge *j, const struct thing *t, size_t upto)
{
    for (size_t i = 0; i < upto; i++) {
        if (j->w->thing[i].revoked && strcmp(j->w->thing[i].id, t->id) == 0) {
            return true;
        }
    }
    return false;
}

/* `upto`: how many things were taken in so far. */
static void complete(const struct judge *j, struct sv page, size_t upto, int ceiling, usec now)
{
    for (size_t i = 0; i < upto; i++) {
        const struct thing *t = &j->w->thing[i];
        bool there = holds(page, t);
        bool may = j->now[i].fate == GOES && j->w->source[t->source].attached && t->spec.tlp <= ceiling;
        bool perhaps = j->now[i].fate == REFERS; /* under another id, or known already */
        if (there ? !may && !perhaps : may && !taken_back(j, t, upto)) {
            fail_msg("NOROSHI_SEED=%llu at %lld: %s: %s", (unsigned long long)j->round, (long long)now,
                     there ? "it leaves, and must not" : "it may go, and does not", t->json.p);
        }
    }
}

/* ---- the decision and the bytes of one thing, as every other way out asks for them */

static void ask_release(struct asking *q, const struct drawn *w, enum purpose purpose, size_t upto)
{
    struct release r;
    struct err e = ERR_NONE;
    const struct release_maker m = {
        .fuse = q->s->t.fuse, .ledger = q->s->t.ledger, .secret = &q->s->t.secret};
    struct judge here = *q->j;
    struct buf out;
    buf_init(&out, 1u << 24);
    here.seen = NULL;
    assert_int_equal(release_open(&r, q->s->t.db, w->party[ASKER].id, purpose, q->now, &e), OK);
    assert_int_equal(release_copies(&r, &m, &e), OK);
    judge_at(&here, purpose, q->now);
    for (size_t i = 0; i < upto; i++) {
        const struct thing *t = &w->thing[i];
        struct release_written got;
        const struct release_thing thing = {
            .json = buf_sv(&t->json), .source = q->s->source[t->source].id, .tlp = (enum tlp)t->spec.tlp};
        buf_reset(&out);
        int rc = release_write(&r, &thing, &out, &got, &e);
        bool same = rc == 1 && got.form == FORM_ORIGINAL && sv_eq(buf_sv(&out), buf_sv(&t->json));
        bool right = here.now[i].fate == GOES    ? same || (t->revoked && rc == 0)
                     : here.now[i].fate == STAYS ? rc == 0 && out.n == 0
                     : here.now[i].fate == REFERS
                         ? same || (rc == 1 && got.form == FORM_COPY) || (rc == 0 && out.n == 0)
                     : rc == 1 ? got.form == FORM_COPY
                               : rc == 0 && out.n == 0;
        if (!right) {
            fail_msg("NOROSHI_SEED=%llu: fate %d, given %d as form %d by rule %s (%s): %s",
                     (unsigned long long)here.round, (int)here.now[i].fate, rc, (int)got.form,
                     release_rule_name(got.answer.rule), e.text, t->json.p);
        }
        search(&here, buf_sv(&out), "release_write");
    }
    release_close(&r);
    buf_clear(&out);
}

/* ---- a restriction adds nothing */

static bool restrict_one(struct drawn *w, struct agreement_spec *s)
{
    struct dice *d = &w->dice;
    struct grant_spec *g = &s->grant[draw(d, (unsigned)s->grants)];
    switch (draw(d, 6)) {
    case 0:
        if (s->grants > 1) {
            *g = s->grant[--s->grants];
            return true;
        }
        s->standing = ENDED;
        return true;
    case 1:
        g->ceiling -= g->ceiling > 0;
        return true;
    case 2:
        g->deny[WORDS - 1] = g->deny[0] ? "x_list" : NULL;
        g->deny[0] = g->deny[0] ? g->deny[0] : "x_list";
        for (size_t i = 1; i < WORDS; i++) { /* no gaps in a list of words */
            if (!g->deny[i] && g->deny[WORDS - 1] && i < WORDS - 1) {
                g->deny[i] = g->deny[WORDS - 1];
                g->deny[WORDS - 1] = NULL;
            }
        }
        return true;
    case 3:
        g->attribution = g->victim = false;
        return true;
    case 4:
        g->personal = 0;
        return true;
    default:
        s->standing = once(d, 2) ? ENDED : SUSPENDED;
        return true;
    }
}

static void restricted(struct asking *q, struct drawn *w, enum purpose purpose)
{
    struct agreement_spec *old = &w->agreement[draw(&w->dice, (unsigned)w->agreements)];
    bool *before = calloc(w->secrets.n, sizeof(bool)), *after = calloc(w->secrets.n, sizeof(bool));
    const struct taxii_query all = {.match_version = SV("all")};
    struct verdict was[THINGS_MOST];
    memcpy(was, q->j->now, sizeof(was));
    assert_true(before && after);
    q->j->seen = before;
    ask(q, "before a restriction", TAXII_OBJECTS, &all, NULL);
    if (w->partner_active && w->agreements < AGREEMENTS_MOST * 2 && old->standing == IN_FORCE) {
        struct agreement_spec *next = &w->agreement[w->agreements++];
        *next = *old;
        next->version = 2;
        (void)restrict_one(w, next);
        old->superseded = true;
        q->s->t.now += USEC_SECOND;
        conclude(&q->s->t, w->party, next);
        judge_at(q->j, purpose, q->now);
        q->j->seen = after;
        ask(q, "after a restriction", TAXII_OBJECTS, &all, NULL);
        for (size_t i = 0; i < w->secrets.n; i++) {
            /* Of what goes without members another grant may now decide which; what names others may have
             * waited for them to go. */
            int thing = w->secrets.v[i].thing;
            bool settled = thing == NOBODYS || was[thing].fate == STAYS || was[thing].fate == GOES;
            if (after[i] && !before[i] && settled) {
                fail_msg("NOROSHI_SEED=%llu: %s (%s) shows only after a restriction",
                         (unsigned long long)q->j->round, w->secrets.v[i].text, w->secrets.v[i].place);
            }
        }
    }
    q->j->seen = NULL;
    free(before);
    free(after);
}

/* ---- a round: one world, with all and without what stays */

/* Instants worth asking at: a second around whatever begins or ends. */
static usec draw_instant(struct drawn *w, usec from)
{
    usec edges[AGREEMENTS_MOST * 4 + 4];
    size_t n = 0;
    for (size_t i = 0; i < w->agreements; i++) {
        edges[n++] = w->agreement[i].from;
        edges[n++] = w->agreement[i].until;
    }
    for (size_t i = 0; i < 4; i++) {
        usec ends = w->thing[draw(&w->dice, (unsigned)w->things)].spec.valid_until;
        edges[n++] = ends == USEC_NONE ? from + USEC_DAY : ends;
    }
    usec at = edges[draw(&w->dice, (unsigned)n)] + ((int)draw(&w->dice, 3) - 1) * USEC_SECOND;
    return at > from ? at : from + USEC_SECOND;
}

/* Where two nodes answer differently, and to what. */
static void same_said(const struct asking *whole, const struct asking *less, uint64_t seed)
{
    struct sv a = buf_sv(&whole->said), b = buf_sv(&less->said);
    size_t at = 0;
    while (at < a.n && at < b.n && a.p[at] == b.p[at]) {
        at++;
    }
    if (at < a.n || at < b.n) {
        struct sv asked = sv_sub(a, 0, at);
        asked = sv_sub(asked, sv_rchr(asked, '\n'), 60);
        size_t from = at > 60 ? at - 60 : 0;
        fail_msg("NOROSHI_SEED=%llu: what is denied changes an answer, to %.*s: %.*s\nwithout it: %.*s",
                 (unsigned long long)seed, SV_ARG(asked), SV_ARG(sv_sub(a, from, 300)),
                 SV_ARG(sv_sub(b, from, 300)));
    }
}

/* What others refer to is in both nodes: whether it is here and hidden, or not here at all, decides whether
 * what refers to it goes whole (docs/copies.md). */
static void leave_ids_whole(const struct drawn *w, bool *out)
{
    for (size_t i = 0; i < w->things; i++) {
        for (size_t k = 0; k < w->things; k++) {
            for (size_t n = 0; n < w->thing[k].refs; n++) {
                out[i] = out[i] && strcmp(w->thing[k].ref[n].id, w->thing[i].id) != 0;
            }
        }
    }
}

static void run_round(uint64_t seed)
{
    struct drawn *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->dice.s = seed;
    enum purpose purpose =
        once(&w->dice, 4) ? (enum purpose)draw(&w->dice, PURPOSE_EXERCISE) : PURPOSE_NETWORK_SAFETY;
    int ceiling = once(&w->dice, 3) ? (int)draw(&w->dice, 6) : TLP_UNKNOWN;
    draw_world(w, purpose, THINGS);
    usec at[INSTANTS], last = WORLD_BEGINS + 2 * USEC_HOUR;
    struct judge j = {.w = w, .round = seed};
    bool out[THINGS_MOST];
    memset(out, true, sizeof(out));
    for (size_t i = 0; i < INSTANTS; i++) {
        last = at[i] = i ? draw_instant(w, last) : last;
        judge_at(&j, purpose, at[i]);
        for (size_t k = 0; k < w->things; k++) {
            /* What we know to be taken back is given to nobody anew, also when nobody may know why. */
            out[k] = out[k] && j.now[k].fate == STAYS && !w->thing[k].revoked;
        }
    }
    leave_ids_whole(w, out);
    struct dice before = w->dice;
    struct world *whole = world_open(w, keeper, purpose, ceiling);
    w->dice = before; /* the same keys and names in both */
    size_t secrets = w->secrets.n;
    struct world *less = world_open(w, keeper, purpose, ceiling);
    assert_true(w->secrets.n > secrets || secrets > 0);
    world_refuse(whole, w);
    struct asking q[2] = {{.s = whole, .j = &j}, {.s = less}};
    for (size_t i = 0; i < INSTANTS; i++) {
        struct dice d = w->dice;
        struct buf all;
        size_t upto = i ? THINGS : FIRST_HALF;
        buf_init(&all, 1u << 26);
        j.upto = upto;
        judge_at(&j, purpose, at[i]);
        for (size_t k = 0; k < upto; k++) {
            fates[j.now[k].fate]++;
        }
        for (size_t k = 0; k < 2; k++) {
            q[k].now = at[i];
            buf_init(&q[k].said, 1u << 28);
            q[k].s->t.now = WORLD_BEGINS + (i ? USEC_HOUR + USEC_SECOND : 0);
            if (i < 2) {
                world_take(q[k].s, w, i ? FIRST_HALF : 0, upto, k ? out : NULL);
            }
            ask_all(&q[k], w, d, k ? NULL : &all);
        }
        ask_release(&q[0], w, once(&d, 4) ? PURPOSE_EXERCISE : purpose, upto);
        complete(&j, buf_sv(&all), upto, ceiling, at[i]);
        same_said(&q[0], &q[1], seed);
        for (size_t k = 0; k < upto; k++) {
            j.went[k] = j.went[k] || j.itself[k] == GOES;
        }
        if (i + 1 == INSTANTS) {
            restricted(&q[0], w, purpose);
        }
        buf_clear(&all);
        buf_clear(&q[0].said);
        buf_clear(&q[1].said);
    }
    world_close(whole);
    world_close(less);
    drawn_free(w);
}

static void nothing_leaves_but_what_may(void **state)
{
    uint64_t cases = 0, seed = first_seed;
    for (; cases < cases_wanted; seed++) {
        run_round(seed);
        cases = fates[STAYS] + fates[GOES] + fates[CHANGES] + fates[REFERS];
    }
    print_message("%llu cases: %llu stay, %llu go, %llu go without members; NOROSHI_SEED=%llu to %llu\n",
                  (unsigned long long)cases, (unsigned long long)fates[STAYS],
                  (unsigned long long)fates[GOES], (unsigned long long)fates[CHANGES],
                  (unsigned long long)first_seed, (unsigned long long)seed - 1);
    /* Worlds in which everything stays, or goes, would prove nothing. */
    for (size_t i = 0; cases_wanted >= CASES_CI && i < FATES; i++) {
        assert_true(fates[i] > cases / 200);
    }
}

/* ---- the search finds what it is to find: else all of the above proves nothing */

static void count_found(void *ctx, const struct secret *s, const char *dress)
{
    ++*(int *)ctx;
}

static void the_search_undresses(void **state)
{
    struct secrets s = {0};
    struct dice d = {7};
    int found = 0;
    struct scan k = {.secrets = &s, .found = count_found, .ctx = &found};
    const char *c = canary(&s, &d, 0, "name", NULL);
    secret_text(&s, 0, "id", NULL, "5f0a1b72-3c8a-4c45-9f2e-0123456789ab");
    struct buf b, coded;
    buf_init(&b, 1u << 16);
    buf_init(&coded, 1u << 16);
#define FOUND(what)                                                                                          \
    found = 0;                                                                                               \
    scan_bytes(&k, buf_sv(&b), "plain", 0);                                                                  \
    if (!found) {                                                                                            \
        fail_msg("not found %s: %.*s", what, SV_ARG(buf_sv(&b)));                                            \
    }                                                                                                        \
    buf_reset(&b)
    buf_printf(&b, "xx%syy", c);
    FOUND("plain");
    buf_printf(&b, "{\"id\":\"indicator--5F0A1B72-3C8A-4C45-9F2E-0123456789AB\"}");
    FOUND("an id");
    for (size_t i = 0; i < 3; i++) { /* wherever its groups begin */
        buf_reset(&coded);
        buf_printf(&coded, "%.*sabc %s def", (int)i, "xyz", c);
        base64_add(&b, buf_sv(&coded));
        FOUND("in base64");
        base64url_add(&b, buf_sv(&coded));
        FOUND("in base64url");
    }
    for (size_t i = 0; c[i]; i++) {
        buf_printf(&b, i % 2 ? "\\u%04x" : "%%%02X", (unsigned)(unsigned char)c[i]);
    }
    FOUND("escaped");
    for (size_t i = 0; c[i]; i++) {
        buf_addc(&b, 0);
        buf_addc(&b, c[i]);
    }
    FOUND("in UTF-16");
    char hex[80];
    hex_text(c, strlen(c), hex);
    buf_add(&b, sv_c(hex));
    FOUND("in hex");
    buf_clear(&b);
    buf_clear(&coded);
    free(s.v);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static int begin(void **state)
{
    struct err e = ERR_NONE;
    char dir[] = "/tmp/noroshi-no-leak-XXXXXX";
    uint64_t chance;
    if (crypto_start(&e) != OK || !mkdtemp(dir)) {
        return 1;
    }
    /* The same worlds in every run by day, so that a change is to blame for what it breaks; new ones at
     * night. */
    random_bytes(&chance, sizeof(chance));
    first_seed = number_of("NOROSHI_SEED", getenv("NIGHTLY") ? chance >> 16 : 1);
    cases_wanted = number_of("NOROSHI_CASES", getenv("NIGHTLY") ? CASES_NIGHT : CASES_CI);
    print_message("NOROSHI_SEED=%llu NOROSHI_CASES=%llu\n", (unsigned long long)first_seed,
                  (unsigned long long)cases_wanted);
    if (keeper_make_keys(dir, "home.example", &e) == OK) {
        keeper = keeper_start(dir, &e);
    }
    static const char *const files[] = {"log", "witness", "messages"};
    for (size_t i = 0; i < 6; i++) {
        char path[100];
        snprintf(path, sizeof(path), "%s/%s.%s", dir, files[i / 2], i % 2 ? "seed" : "vkey");
        (void)unlink(path);
    }
    (void)rmdir(dir);
    return keeper ? 0 : 1;
}

static int end(void **state)
{
    keeper_stop(keeper);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_search_undresses),
                                       cmocka_unit_test(nothing_leaves_but_what_may)};
    return cmocka_run_group_tests(tests, begin, end);
}
