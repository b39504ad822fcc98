#include "cli/eyes.h"

static int put_on(struct cmd *c, const struct eyes_words *w, const struct pact_view *view,
                  enum purpose purpose, struct arena *a, see_fn see, struct buf *json, struct err *e)
{
    struct partner partner;
    struct buf plain = *json;
    const struct eyes_opts o = {.db = c->node->db,
                                .fuse = c->node->fuse,
                                .ledger = c->node->ledger,
                                .secret = &c->node->secret,
                                .view = view,
                                .partner = &partner,
                                .purpose = purpose,
                                .now = time_now()};
    int rc = partner_find(c->node->db, sv_c(w->as), a, &partner, e);
    struct eyes *x = rc == OK ? eyes_new(&o, e) : NULL;
    if (x) {
        buf_init(json, plain.max);
        rc = see(x, buf_sv(&plain), json, e);
        buf_clear(&plain);
    }
    eyes_free(x);
    return rc == OK && !x ? e->code : rc;
}

int eyes_put_on(struct cmd *c, const struct eyes_words *w, const struct pact_view *view, see_fn see,
                struct buf *json, struct err *e)
{
    enum purpose purpose = PURPOSE_NETWORK_SAFETY;
    struct arena a;
    if (!w->as) {
        return OK;
    }
    if (w->purpose && !purpose_parse(sv_c(w->purpose), &purpose)) {
        err_set(e, ERR_VALUE, "there is no purpose '%s'", w->purpose);
        return err_hint(e, "`noroshi explain --help` lists them");
    }
    arena_init(&a, 64u << 20);
    int rc = put_on(c, w, view, purpose, &a, see, json, e);
    arena_clear(&a);
    return rc;
}

void print_mark(FILE *out, struct jv thing)
{
    struct jv eyes = json_get(thing, SV("eyes"));
    struct sv state = json_get_str(eyes, SV("state"));
    if (!state.p) {
        return;
    }
    fputc('[', out);
    print_safe(out, state);
    if (sv_eq(state, SV("stays"))) {
        fputs(": ", out);
        print_safe(out, json_get_str(eyes, SV("rule")));
    }
    struct json_it it = json_each(json_get(eyes, SV("redact")));
    struct sv key;
    struct jv member;
    while (json_next(&it, &key, &member)) {
        fputs(" -", out);
        print_safe(out, json_str(member));
    }
    fputs("] ", out);
}

static int64_t number_of(struct jv v, const char *key)
{
    int64_t n = 0;
    (void)json_i64(json_get(v, sv_c(key)), &n);
    return n;
}

void print_eyes(FILE *out, struct jv answer)
{
    struct jv eyes = json_get(answer, SV("eyes")), partner = json_get(eyes, SV("partner"));
    if (json_type(eyes) != JSON_OBJECT) {
        return;
    }
    fputs("as seen by   ", out);
    print_safe(out, json_get_str(partner, SV("name")));
    fprintf(out, " (%.*s) for %.*s: %lld things, %lld go, %lld redacted, %lld stay\n",
            SV_ARG(json_get_str(partner, SV("status"))), SV_ARG(json_get_str(eyes, SV("purpose"))),
            (long long)number_of(eyes, "things"), (long long)number_of(eyes, "goes"),
            (long long)number_of(eyes, "redacted"), (long long)number_of(eyes, "stays"));
}
