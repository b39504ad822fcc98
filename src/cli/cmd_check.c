#include "cli/json_in.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_MAX (256u << 20)

struct totals {
    uint64_t objects, invalid, must, should, notes, unreadable;
};

struct checking {
    struct cmd *c;
    struct stix_policy policy;
    bool strict;
    enum stix_level shown; /* messages up to this one */
    const char *path;
    struct json_doc *doc, *inner; /* a case may hold its object as text */
    struct stix_checker *checker;
    struct arena a;
    struct stix_report report;
    struct buf line;
    struct totals sum;
    uint64_t before; /* objects of the files before this one */
    usec started, told;
    bool progress;
};

/* ---- telling ---- */

static void clear_progress(struct checking *k)
{
    if (k->progress) {
        fputs("\r\033[K", k->c->err);
        k->progress = false;
    }
}

static void tell_progress(struct checking *k)
{
    if (!k->c->people || k->sum.objects % 1024) {
        return;
    }
    usec now = time_ticks();
    if (now - k->started < 2 * USEC_SECOND || now - k->told < USEC_SECOND / 2) {
        return;
    }
    k->told = now;
    k->progress = true;
    fprintf(k->c->err, "\r\033[K%llu objects, %.0f/s  ", (unsigned long long)k->sum.objects,
            (double)k->sum.objects * 1e6 / (double)(now - k->started));
    print_safe(k->c->err, sv_c(k->path));
    (void)fflush(k->c->err);
}

static void write_message(const struct stix_msg *m, struct jw *w)
{
    jw_obj(w);
    jw_kstr(w, "level", sv_c(stix_level_name(m->level)));
    jw_kstr(w, "id", m->id);
    jw_kstr(w, "pointer", m->pointer);
    jw_kstr(w, "section", sv_c(m->section));
    jw_kstr(w, "rule", m->advice ? sv_c(stix_advice_name(m->advice)) : SV_NONE);
    jw_kstr(w, "text", m->text);
    jw_end_obj(w);
}

static void tell_json(struct checking *k, bool valid, struct sv id)
{
    struct jw w;
    buf_reset(&k->line);
    jw_init(&w, &k->line);
    jw_obj(&w);
    jw_kbool(&w, "valid", valid);
    jw_kstr(&w, "id", id);
    jw_key(&w, "messages");
    jw_arr(&w);
    for (size_t i = 0; i < k->report.n; i++) {
        if (k->report.msg[i].level <= k->shown) {
            write_message(&k->report.msg[i], &w);
        }
    }
    jw_end_arr(&w);
    if (k->report.more) {
        jw_kint(&w, "more", (int64_t)k->report.more);
    }
    jw_end_obj(&w);
    print_json(k->c, &k->line);
}

/* In full, however long: it is what people search for. */
static void print_pointer(FILE *out, struct sv pointer)
{
    if (pointer.n <= 32) {
        print_cell(out, pointer.n ? pointer : SV("-"), 32);
        return;
    }
    print_safe(out, pointer);
    fputs("  ", out);
}

static void tell_people(struct checking *k, struct sv id, const struct json_value *v)
{
    bool headed = false;
    for (size_t i = 0; i < k->report.n; i++) {
        const struct stix_msg *m = &k->report.msg[i];
        if (m->level > k->shown) {
            continue;
        }
        if (!headed) {
            clear_progress(k);
            print_safe(k->c->out, sv_c(k->path));
            fprintf(k->c->out, v->line ? ":%llu  " : " byte %llu  ",
                    (unsigned long long)(v->line ? v->line : v->offset));
            print_safe(k->c->out, id.n ? id : SV("(no id)"));
            fputc('\n', k->c->out);
            headed = true;
        }
        fprintf(k->c->out, "  %-7s", stix_level_name(m->level));
        print_pointer(k->c->out, m->pointer);
        fprintf(k->c->out, "%-8s ", m->section);
        print_safe(k->c->out, m->text);
        if (m->advice) {
            fprintf(k->c->out, " [%s]", stix_advice_name(m->advice));
        }
        fputc('\n', k->c->out);
    }
    if (headed && k->report.more) {
        fprintf(k->c->out, "  and %zu more\n", k->report.more);
    }
}

static void count(struct checking *k, bool valid)
{
    k->sum.objects++;
    k->sum.invalid += !valid;
    k->sum.must += k->report.must;
    k->sum.should += k->report.should;
    k->sum.notes += k->report.n + k->report.more - k->report.must - k->report.should;
}

static void tell(struct checking *k, const struct json_value *v, struct sv id, bool strict)
{
    bool valid = k->report.must == 0 && !(strict && k->report.should);
    count(k, valid);
    if (k->c->json) {
        tell_json(k, valid, id);
    } else {
        tell_people(k, id, v);
    }
    tell_progress(k);
}

/* Something that is no JSON: told, counted, and passed over. */
static int on_broken(void *ctx, const struct err *why, struct err *e)
{
    struct checking *k = ctx;
    struct err placed = *why;
    (void)e;
    k->sum.unreadable++;
    if (!placed.file[0]) {
        err_at(&placed, k->path, placed.line, placed.offset);
    }
    if (k->c->json) {
        struct jw w;
        buf_reset(&k->line);
        jw_init(&w, &k->line);
        jw_obj(&w);
        jw_kbool(&w, "valid", false);
        jw_key(&w, "error");
        jw_err(&w, &placed);
        jw_key(&w, "messages");
        jw_raw(&w, SV("[]"));
        jw_end_obj(&w);
        print_json(k->c, &k->line);
    } else {
        clear_progress(k);
        err_print(k->c->out, "noroshi check", &placed);
    }
    return OK;
}

/* ---- checking ---- */

/* A test case of other people's suites instead of an object; see docs/check.md. */
struct test_case {
    struct jv object;
    struct stix_policy policy;
    bool strict;
};

static int read_case(struct checking *k, struct jv v, struct test_case *ret, struct err *why)
{
    struct jv options = json_get(v, SV("options")), data = json_get(v, SV("data"));
    bool custom = true;
    *ret = (struct test_case){.object = json_get(v, SV("object")), .policy = k->policy, .strict = k->strict};
    if (json_type(options) == JSON_OBJECT) {
        bool v20 = ret->policy.v20;
        (void)stix_policy_options(&ret->policy, options);
        ret->policy.v20 |= v20;
        (void)json_bool(json_get(options, SV("strict")), &ret->strict);
    }
    if (sv_eq(json_get_str(v, SV("spec")), SV("2.0"))) {
        ret->policy.v20 = true;
    }
    if (json_type(data) == JSON_NONE) {
        return OK;
    }
    ret->object = data;
    (void)json_bool(json_get(v, SV("allow_custom")), &custom);
    ret->policy.known_types |= !custom;
    ret->policy.known_properties |= !custom;
    return json_str(data).p ? json_parse(k->inner, json_str(data), &ret->object, why) : OK;
}

static bool is_case(struct jv v)
{
    bool object = json_type(json_get(v, SV("object"))) != JSON_NONE;
    bool data = json_type(json_get(v, SV("data"))) != JSON_NONE;
    return json_type(json_get(v, SV("type"))) == JSON_NONE && (object || data);
}

static int placed_broken(struct checking *k, const struct json_value *v, struct err *why, struct err *e)
{
    uint64_t inside = why->offset == UINT64_MAX ? 0 : why->offset;
    err_at(why, k->path, v->line, v->offset + inside);
    return on_broken(k, why, e);
}

static int on_value(void *ctx, const struct json_value *v, struct err *e)
{
    struct checking *k = ctx;
    struct err why = ERR_NONE;
    struct test_case one = {.policy = k->policy, .strict = k->strict};
    arena_reset(&k->a);
    int rc = json_parse(k->doc, v->text, &one.object, &why);
    if (rc == OK && is_case(one.object)) {
        stix_checker_begin(k->checker);
        rc = read_case(k, one.object, &one, &why);
    }
    if (rc == ERR_MEMORY) {
        return (*e = why).code;
    }
    if (rc != OK) {
        return placed_broken(k, v, &why, e);
    }
    rc = stix_checker_run(k->checker, one.object, &one.policy, &k->report, e);
    if (rc == OK) {
        tell(k, v, json_get_str(one.object, SV("id")), one.strict);
    }
    return rc;
}

/* Of a bundle whose objects were checked one by one. Nothing is told of a frame that is as it should be. */
static int on_frame(void *ctx, struct sv text, struct err *e)
{
    struct checking *k = ctx;
    struct err why = ERR_NONE;
    struct json_value v = {.text = text};
    struct jv frame;
    arena_reset(&k->a);
    if (json_parse(k->doc, text, &frame, &why) != OK) {
        return placed_broken(k, &v, &why, e);
    }
    if (!sv_eq(json_get_str(frame, SV("type")), SV("bundle"))) {
        return OK; /* a page of a TAXII collection, a collection of cases */
    }
    stix_check_frame(frame, (size_t)(k->sum.objects + k->sum.unreadable - k->before), &k->policy, &k->report);
    if (k->report.n) {
        tell(k, &v, json_get_str(frame, SV("id")), k->strict);
        k->sum.objects--;
    }
    return OK;
}

/* ---- the command ---- */

static void print_summary(struct checking *k)
{
    const struct totals *t = &k->sum;
    if (k->c->json) {
        return;
    }
    clear_progress(k);
    fprintf(k->c->out, "%llu objects, %llu not valid: %llu MUST, %llu SHOULD, %llu notes",
            (unsigned long long)t->objects, (unsigned long long)t->invalid, (unsigned long long)t->must,
            (unsigned long long)t->should, (unsigned long long)t->notes);
    if (t->unreadable) {
        fprintf(k->c->out, "; %llu places that are no JSON", (unsigned long long)t->unreadable);
    }
    fputc('\n', k->c->out);
}

static int check_files(struct checking *k, bool lines)
{
    const struct json_sink sink = {k, on_value, on_broken, on_frame};
    struct cmd *c = k->c;
    char *standard[] = {"-"};
    char **paths = c->argc ? c->argv : standard;
    int n = c->argc ? c->argc : 1, worst = EXIT_DONE;
    for (int i = 0; i < n; i++) {
        struct err e = ERR_NONE;
        k->path = strcmp(paths[i], "-") == 0 ? "stdin" : paths[i];
        k->before = k->sum.objects + k->sum.unreadable;
        stix_checker_begin(k->checker);
        int rc = json_in_each(c, paths[i], lines, &sink, &e);
        clear_progress(k);
        if (rc == ERR_SYNTAX || rc == ERR_VALUE || rc == ERR_LIMIT || rc == ERR_CORRUPT) {
            (void)on_broken(k, &e, &e);
        } else if (rc < 0) {
            worst = could_not(c, &e);
        }
    }
    print_summary(k);
    if (worst == EXIT_DONE && (k->sum.invalid || k->sum.unreadable)) {
        worst = EXIT_FINDINGS;
    }
    return worst;
}

static bool take_names(struct cmd *c, struct stix_policy *p, const char *names)
{
    struct sv rest = sv_c(names), name;
    while (names && sv_cut(&rest, ',', &name)) {
        name = sv_trim(name);
        if (name.n && !stix_policy_set(p, name, false)) {
            usage_error(c, &cmd_check, "there is no recommendation '%.*s'", SV_ARG(sv_sub(name, 0, 60)));
            return false;
        }
    }
    return true;
}

static bool take_options(struct checking *k, bool *lines)
{
    const char *disable = NULL, *spec = NULL, *level = NULL;
    const struct opt opts[] = {{"--strict", NULL, &k->strict},
                               {"--lines", NULL, lines},
                               {"--disable", &disable, NULL},
                               {"--spec", &spec, NULL},
                               {"--level", &level, NULL},
                               {"--no-custom", NULL, &k->policy.known_types},
                               {NULL, NULL, NULL}};
    if (!opts_take(k->c, &cmd_check, opts) || !take_names(k->c, &k->policy, disable)) {
        return false;
    }
    k->policy.known_properties = k->policy.known_types;
    k->policy.v20 = spec && strcmp(spec, "2.0") == 0;
    k->policy.v21 = spec && strcmp(spec, "2.1") == 0;
    if (spec && !k->policy.v20 && !k->policy.v21) {
        usage_error(k->c, &cmd_check, "--spec takes 2.0 or 2.1, not '%s'", spec);
        return false;
    }
    k->shown = STIX_NOTE;
    if (level && strcmp(level, "must") == 0) {
        k->shown = STIX_MUST;
    } else if (level && strcmp(level, "should") == 0) {
        k->shown = STIX_SHOULD;
    } else if (level && strcmp(level, "note") != 0) {
        usage_error(k->c, &cmd_check, "--level takes must, should or note, not '%s'", level);
        return false;
    }
    return true;
}

static int run(struct cmd *c)
{
    struct checking *k = calloc(1, sizeof(*k));
    struct err e = ERR_NONE;
    bool lines = false;
    int code = EXIT_USAGE;
    if (!k) {
        err_set(&e, ERR_MEMORY, "no memory");
        return could_not(c, &e);
    }
    *k = (struct checking){.c = c, .started = time_ticks()};
    if (take_options(k, &lines)) {
        k->doc = json_doc_new(JSON_IN_MEMBER);
        k->inner = json_doc_new(JSON_IN_MEMBER);
        k->checker = stix_checker_new(JSON_IN_MEMBER);
        arena_init(&k->a, ARENA_MAX);
        buf_init(&k->line, 16u << 20);
        k->report.a = &k->a;
        code = k->doc && k->inner && k->checker
                   ? check_files(k, lines)
                   : (err_set(&e, ERR_MEMORY, "no memory for a JSON parser"), could_not(c, &e));
        json_doc_free(k->doc);
        json_doc_free(k->inner);
        stix_checker_free(k->checker);
        arena_clear(&k->a);
        buf_clear(&k->line);
    }
    free(k);
    return code;
}

const struct command cmd_check = {
    "check", "STIX objects against the standard",
    "usage: noroshi check [FILE...] [--strict] [--level must|should|note] [--disable NAME,...] "
    "[--no-custom]\n"
    "                     [--spec 2.0|2.1] [--lines] [--json]\n\n"
    "Checks STIX objects on three levels: MUST (the standard demands it; intake refuses the object), SHOULD "
    "(the\n"
    "standard recommends it) and note (good practice). Each message names the object, the place in it as a "
    "JSON\n"
    "pointer, and the section of the STIX 2.1 standard. No home is needed.\n\n"
    "A file is one object, a list, a bundle, a TAXII envelope, or JSON lines; plain, gzip or zstd; \"-\" or "
    "no file\n"
    "is stdin. Files of any length need the memory of one object. An object of STIX 2.0 is checked as what "
    "it\n"
    "becomes in 2.1.\n\n"
    "  --strict     what breaks a SHOULD is not valid either\n"
    "  --level      show messages up to this level (default: note)\n"
    "  --disable    recommendations not to ask for, by the names in [brackets], or a group: all, "
    "format-checks,\n"
    "               approved-values, all-vocabs, all-external-sources\n"
    "  --no-custom  types and properties the standard does not define break a MUST\n"
    "  --spec       take every object for one of this version (default: what it says itself)\n"
    "  --lines      JSON lines, also when the beginning of the file does not show it\n"
    "  --json       one line an object: "
    "{\"valid\",\"id\",\"messages\":[{\"level\",\"id\",\"pointer\",\"section\",\"rule\",\n"
    "               \"text\"}]}; what is no JSON gives {\"valid\":false,\"error\":{...},\"messages\":[]}\n\n"
    "Test cases of other suites are recognized: a value without \"type\" but with \"object\" (and "
    "\"options\" of the\n"
    "OASIS validator: strict, version, enabled, disabled, strict_types, strict_properties, enforce_refs), or "
    "with\n"
    "\"data\" (an object or its text, and allow_custom). They give one line each.\n\n"
    "examples:\n"
    "  noroshi check bundle.json\n"
    "  noroshi check --strict --disable extref-hashes reports/*.json\n"
    "  zcat objects.jsonl.gz | noroshi check --json | grep -v '\"valid\":true'\n\n"
    "exit codes: 0 all valid, 1 something is not valid or no JSON, 2 wrong use, 3 could not\n",
    NEEDS_NOTHING, run};
