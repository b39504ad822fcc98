/* `agreement try`: the decision over JSON lines, for drafts before they are signed, and for tests of the rule
 * itself. */
#include "cli/agreement_try.h"

#include <stdlib.h>

#define ASK_WORDS 256

struct trying {
    struct cmd *c;
    struct arena agreements; /* lives as long as the last "agreements" line */
    struct arena line;
    struct json_doc *doc;
    struct agreement_state *state;
    size_t states;
    struct buf out;
};

/* ---- the register: {"agreements":[{"agreement":{...},"active":true}, ...]} */

static int read_agreements(struct trying *t, struct jv list, struct err *e)
{
    size_t n = json_count(list), i = 0;
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv v;
    struct buf text;
    int rc = json_type(list) == JSON_ARRAY ? OK : err_set(e, ERR_VALUE, "agreements is no list");
    arena_reset(&t->agreements);
    t->states = 0;
    t->state = arena_calloc(&t->agreements, n + 1, sizeof(*t->state));
    struct agreement *g = arena_calloc(&t->agreements, n + 1, sizeof(*g));
    buf_init(&text, AGREEMENT_MAX * 2);
    while (rc == OK && t->state && g && json_next(&it, &unused, &v)) {
        buf_reset(&text);
        json_add(&text, json_get(v, SV("agreement")));
        rc = agreement_read(buf_sv(&text), &t->agreements, &g[i], e);
        t->state[i].agreement = &g[i];
        (void)json_bool(json_get(v, SV("active")), &t->state[i].active);
        i++;
    }
    buf_clear(&text);
    t->states = rc == OK ? i : 0;
    return rc == OK && (!t->state || !g) ? err_set(e, ERR_MEMORY, "no memory for the agreements") : rc;
}

/* ---- the question. What is not understood is read as what is never allowed. */

static struct uuid ask_uuid(struct jv ask, const char *key)
{
    struct uuid u = {{0}};
    struct sv text = json_get_str(ask, sv_c(key));
    return text.p && uuid_parse(text, &u) ? u : (struct uuid){{0}};
}

static bool ask_bool(struct jv ask, const char *key)
{
    bool v = false;
    (void)json_bool(json_get(ask, sv_c(key)), &v);
    return v;
}

static struct word_list ask_words(struct trying *t, struct jv list)
{
    struct word_list l = {0};
    size_t n = json_count(list);
    struct sv *v = n <= ASK_WORDS ? arena_calloc(&t->line, n + 1, sizeof(*v)) : NULL;
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv word;
    while (v && json_next(&it, &unused, &word)) {
        v[l.n++] = json_str(word);
    }
    l.v = v;
    return l;
}

static void ask_onward(struct trying *t, struct jv v, struct release_ask *ret)
{
    ret->onward = sv_eq(json_str(v), SV("with_consent")) ? ONWARD_WITH_CONSENT : ONWARD_NONE;
    if (json_type(v) != JSON_ARRAY) {
        return;
    }
    struct word_list l = ask_words(t, v);
    struct uuid *to = arena_calloc(&t->line, l.n + 1, sizeof(*to));
    for (size_t i = 0; to && i < l.n; i++) {
        ret->onward_count += l.v[i].p && uuid_parse(l.v[i], &to[ret->onward_count]);
    }
    ret->onward = ONWARD_LIST;
    ret->onward_to = to;
}

static void ask_fields(struct trying *t, struct jv list, struct release_ask *ret)
{
    size_t n = json_count(list);
    struct release_field *f = n <= ASK_WORDS ? arena_calloc(&t->line, n + 1, sizeof(*f)) : NULL;
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv v;
    while (f && json_next(&it, &unused, &v)) {
        f[ret->fields++] = (struct release_field){json_get_str(v, SV("name")), ask_bool(v, "required")};
    }
    ret->field = f;
}

static enum pact_data ask_data(struct sv word)
{
    return sv_eq(word, SV("none")) ? DATA_NONE : sv_eq(word, SV("suspect")) ? DATA_SUSPECT : DATA_OTHER;
}

static usec ask_time(struct jv ask)
{
    const struct time_opts o = {.fallback = NULL};
    struct err ignored = ERR_NONE;
    usec at = USEC_NONE;
    return time_parse(json_get_str(ask, SV("now")), &o, &at, &ignored) == OK ? at : USEC_NONE;
}

static struct sv ask_text(struct jv ask, const char *key)
{
    struct sv s = json_get_str(ask, sv_c(key));
    return s.p ? s : SV("");
}

static void read_ask(struct trying *t, struct jv v, struct release_ask *ret)
{
    *ret = (struct release_ask){.owner = ask_uuid(v, "owner"),
                                .partner = ask_uuid(v, "partner"),
                                .origin = ask_uuid(v, "origin"),
                                .partner_active = ask_bool(v, "partner_active"),
                                .partner_pinned = ask_bool(v, "partner_pinned"),
                                .now = ask_time(v),
                                .type = ask_text(v, "type"),
                                .relationship = ask_text(v, "relationship"),
                                .refs = ask_words(t, json_get(v, SV("refs"))),
                                .kinds = ask_words(t, json_get(v, SV("kinds"))),
                                .offence = ask_text(v, "offence"),
                                .exercise = ask_bool(v, "exercise"),
                                .local_only = ask_bool(v, "local_only"),
                                .expired = ask_bool(v, "expired"),
                                .data = ask_data(ask_text(v, "personal_data")),
                                .sensitive = ask_bool(v, "sensitive"),
                                .released = ask_bool(v, "released"),
                                .consent = ask_bool(v, "consent"),
                                .purpose = PURPOSE_MAX,
                                .marking = TLP_UNKNOWN,
                                .sent_today = INT64_MAX};
    (void)purpose_parse(ask_text(v, "purpose"), &ret->purpose);
    (void)tlp_parse(ask_text(v, "marking"), &ret->marking);
    (void)json_i64(json_get(v, SV("sent_today")), &ret->sent_today);
    ask_onward(t, json_get(v, SV("onward")), ret);
    ask_fields(t, json_get(v, SV("fields")), ret);
}

/* ---- the answer */

static void write_id(struct jw *w, const char *key, const struct uuid *id)
{
    char text[37];
    if (id) {
        uuid_text(*id, text);
    }
    jw_kstr(w, key, id ? sv_c(text) : SV_NONE);
}

static void answer(struct trying *t, const struct release_ask *ask)
{
    struct release_answer r = pact_release(t->state, t->states, ask);
    struct jw w;
    char until[32];
    jw_init(&w, &t->out);
    jw_obj(&w);
    jw_kbool(&w, "allow", r.allow);
    jw_kstr(&w, "rule", sv_c(release_rule_name(r.rule)));
    write_id(&w, "agreement", r.agreement ? &r.agreement->id : NULL);
    write_id(&w, "grant", r.grant ? &r.grant->id : NULL);
    jw_key(&w, "redact");
    jw_arr(&w);
    for (size_t i = 0; i < r.redactions; i++) {
        jw_str(&w, r.redact[i]);
    }
    jw_end_arr(&w);
    if (r.allow) {
        time_text(r.delete_after, until);
    }
    jw_kstr(&w, "delete_after", r.allow ? sv_c(until) : SV_NONE);
    jw_end_obj(&w);
}

static void answer_error(struct trying *t, const struct err *e)
{
    struct jw w;
    jw_init(&w, &t->out);
    jw_obj(&w);
    jw_key(&w, "error");
    jw_err(&w, e);
    jw_end_obj(&w);
}

/* One line: a register, a question, or both. */
static bool on_line(struct trying *t, struct sv line)
{
    struct err e = ERR_NONE;
    struct jv v = {0};
    struct release_ask ask;
    arena_reset(&t->line);
    buf_reset(&t->out);
    int rc = json_parse(t->doc, line, &v, &e);
    struct jv list = json_get(v, SV("agreements")), question = json_get(v, SV("ask"));
    if (rc == OK && json_type(list) != JSON_NONE) {
        rc = read_agreements(t, list, &e);
    }
    if (rc == OK && json_type(question) == JSON_OBJECT) {
        read_ask(t, question, &ask);
        answer(t, &ask);
    } else if (rc == OK && json_type(list) == JSON_NONE) {
        rc = err_set(&e, ERR_VALUE, "the line holds neither agreements nor ask");
    }
    if (rc != OK) {
        answer_error(t, &e);
    }
    if (t->out.n) {
        print_json(t->c, &t->out);
    }
    return rc == OK;
}

int agreement_try(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct trying t = {.c = c, .doc = json_doc_new(AGREEMENT_MAX * 4)};
    struct stream *in = stream_new(c->in, UINT64_MAX, 0);
    struct liner *lines = in ? liner_new(in, AGREEMENT_MAX * 4) : NULL;
    struct sv line;
    uint64_t number, offset;
    bool cut, good = true;
    int rc = lines && t.doc ? OK : err_set(&e, ERR_MEMORY, "no memory to read lines");
    arena_init(&t.agreements, 256u << 20);
    arena_init(&t.line, 16u << 20);
    buf_init(&t.out, 1u << 20);
    while (rc == OK && (rc = liner_next(lines, &line, &number, &offset, &cut, &e)) == 1) {
        good = (!sv_trim(line).n || on_line(&t, line)) && good;
        rc = OK;
    }
    buf_clear(&t.out);
    arena_clear(&t.line);
    arena_clear(&t.agreements);
    liner_free(lines);
    stream_free(in);
    json_doc_free(t.doc);
    return rc < 0 ? could_not(c, &e) : good ? EXIT_DONE : EXIT_FINDINGS;
}
