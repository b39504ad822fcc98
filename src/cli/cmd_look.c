#include "cli/eyes.h"

static struct sv text_of(struct jv v, const char *key)
{
    struct sv s = json_get_str(v, sv_c(key));
    return s.p ? s : SV("-");
}

static void print_words(FILE *out, struct jv array)
{
    struct json_it it = json_each(array);
    struct sv key;
    struct jv v;
    bool any = false;
    while (json_next(&it, &key, &v)) {
        fputs(any ? ", " : "", out);
        print_safe(out, json_str(v));
        any = true;
    }
    fputs(any ? "" : "-", out);
}

static void print_claims(FILE *out, struct jv claims)
{
    struct json_it it = json_each(claims);
    struct sv key;
    struct jv claim;
    while (json_next(&it, &key, &claim)) {
        bool revoked = false, context = false;
        (void)json_bool(json_get(claim, SV("revoked")), &revoked);
        (void)json_bool(json_get(claim, SV("context")), &context);
        fputs("      ", out);
        print_mark(out, claim);
        print_cell(out, text_of(claim, "source"), 24);
        print_cell(out, text_of(claim, "reliability"), 2);
        print_cell(out, text_of(claim, "tlp"), 12);
        print_cell(out, text_of(claim, "first"), 24);
        print_cell(out, text_of(claim, "last"), 24);
        print_safe(out, json_get_str(claim, SV("note")));
        struct sv expires = json_get_str(claim, SV("expires"));
        if (expires.n) {
            fputs(" (until ", out);
            print_safe(out, expires);
            fputc(')', out);
        }
        fputs(revoked ? " (taken back)" : context ? " (context only)" : "", out);
        fputc('\n', out);
    }
}

static void print_indicators(FILE *out, struct jv indicators)
{
    struct json_it it = json_each(indicators);
    struct sv key;
    struct jv i;
    if (json_count(indicators) == 0) {
        fputs("indicators   none\n", out);
        return;
    }
    fputs("indicators\n", out);
    while (json_next(&it, &key, &i)) {
        double confidence = 0;
        bool exercise = false;
        (void)json_f64(json_get(i, SV("confidence")), &confidence);
        (void)json_bool(json_get(i, SV("exercise")), &exercise);
        fputs(exercise ? "  EXERCISE " : "  ", out);
        print_safe(out, text_of(i, "value"));
        fprintf(out, "  (");
        print_safe(out, text_of(i, "kind"));
        fputs(", ", out);
        print_safe(out, text_of(i, "how"));
        fprintf(out, ")  confidence %.2f  labels ", confidence);
        print_words(out, json_get(i, SV("labels")));
        bool active = true;
        (void)json_bool(json_get(i, SV("active")), &active);
        fputs(active ? "\n" : "  (not in force: expired, taken back or context)\n", out);
        print_claims(out, json_get(i, SV("claims")));
    }
}

static void print_benign(FILE *out, struct jv benign)
{
    struct json_it it = json_each(benign);
    struct sv key;
    struct jv b;
    while (json_next(&it, &key, &b)) {
        bool suppresses = false;
        (void)json_bool(json_get(b, SV("suppresses")), &suppresses);
        fputs(suppresses ? "not matched  " : "known as     ", out);
        print_safe(out, text_of(b, "role"));
        fputs(": on \"", out);
        print_safe(out, text_of(b, "list"));
        fputs("\" as ", out);
        print_safe(out, text_of(b, "entry"));
        fputc('\n', out);
    }
}

static bool flag(struct jv object, const char *key, bool otherwise)
{
    (void)json_bool(json_get(object, sv_c(key)), &otherwise);
    return otherwise;
}

/* The pattern of an indicator, in whatever language it is; long rules are cut. */
static void print_pattern(FILE *out, struct jv object)
{
    struct sv pattern = json_get_str(object, SV("pattern")), type = json_get_str(object, SV("pattern_type"));
    char shown[200];
    if (!pattern.p) {
        return;
    }
    fprintf(out, "%-12s ", "");
    print_safe(out, type.p ? type : SV("stix"));
    fputs(": ", out);
    print_safe(out, sv_c(sv_show(pattern, shown, sizeof(shown))));
    fputc('\n', out);
}

static void print_objects(FILE *out, const char *title, struct jv objects)
{
    struct json_it it = json_each(objects);
    struct sv key;
    struct jv o;
    while (json_next(&it, &key, &o)) {
        struct jv object = json_get(o, SV("object"));
        struct sv name = json_get_str(object, SV("name"));
        fprintf(out, "%-12s ", title);
        print_mark(out, o);
        print_cell(out, text_of(o, "id"), 60);
        print_cell(out, text_of(o, "source"), 20);
        print_cell(out, text_of(o, "modified"), 25);
        print_safe(out, name.p ? name : json_get_str(object, SV("relationship_type")));
        fputs(flag(o, "revoked", false) ? "  (revoked)" : "", out);
        fputs(flag(o, "entitled", true) ? "" : "  (not from the source that speaks for its creator)", out);
        fputs(flag(o, "not_watched", false) ? "  (not watched)" : "", out);
        fputc('\n', out);
        print_pattern(out, object);
    }
}

static void print_aliases(FILE *out, struct jv aliases)
{
    struct json_it it = json_each(aliases);
    struct sv key;
    struct jv a;
    while (json_next(&it, &key, &a)) {
        int64_t count = 0;
        (void)json_i64(json_path(a, "sightings", "count", NULL), &count);
        fputs("same file    ", out);
        print_cell(out, text_of(a, "kind"), 8);
        print_safe(out, text_of(a, "value"));
        fputs("  by ", out);
        print_words(out, json_get(a, SV("sources")));
        if (count) {
            fprintf(out, "  seen %lld times", (long long)count);
        }
        fputc('\n', out);
    }
}

/* What partners' nodes brought, and how many seconds it was on its way. */
static void print_relayed(FILE *out, struct jv relayed)
{
    struct json_it it = json_each(relayed);
    struct sv key;
    struct jv r;
    while (json_next(&it, &key, &r)) {
        double seconds = 0;
        (void)json_f64(json_get(r, SV("seconds")), &seconds);
        fputs("relayed by   ", out);
        print_cell(out, text_of(r, "partner"), 24);
        print_cell(out, text_of(r, "node"), 36);
        print_cell(out, text_of(r, "arrived"), 28);
        fprintf(out, "%.1f s  ", seconds);
        print_safe(out, text_of(r, "id"));
        fputc('\n', out);
    }
}

static void print_standing(FILE *out, struct jv v)
{
    struct json_it it = json_each(json_get(v, SV("withdrawn")));
    struct sv key;
    struct jv x;
    while (json_next(&it, &key, &x)) {
        fputs("withdrawn    ", out);
        print_cell(out, text_of(x, "why"), 16);
        print_cell(out, text_of(x, "at"), 22);
        fputs("by ", out);
        print_safe(out, text_of(x, "by"));
        fputs("  ", out);
        print_safe(out, text_of(x, "id"));
        fputc('\n', out);
    }
    it = json_each(json_get(v, SV("obligations")));
    while (json_next(&it, &key, &x)) {
        struct sv by = text_of(x, "delete_by"), use = text_of(x, "judicial_use");
        fputs("delete by    ", out);
        print_cell(out, by.n ? by : SV("-"), 22);
        print_cell(out,
                   sv_eq(use, SV("lead_only"))      ? SV("lead only")
                   : sv_eq(use, SV("with_consent")) ? SV("evidence with consent")
                                                    : use,
                   22);
        print_safe(out, text_of(x, "id"));
        fputc('\n', out);
    }
}

static void print_people(struct cmd *c, struct jv v)
{
    struct jv seen = json_get(v, SV("sightings")), network = json_get(v, SV("network"));
    int64_t count = 0, as = 0;
    print_safe(c->out, text_of(v, "value"));
    fputs("  (", c->out);
    print_safe(c->out, text_of(v, "kind"));
    fputs(")\n", c->out);
    if (json_i64(json_get(network, SV("asn")), &as)) {
        fprintf(c->out, "network      AS%lld ", (long long)as);
        print_safe(c->out, text_of(network, "owner"));
        fputs("  ", c->out);
        print_safe(c->out, text_of(network, "country"));
        fputc('\n', c->out);
    }
    print_benign(c->out, json_get(v, SV("benign")));
    print_aliases(c->out, json_get(v, SV("aliases")));
    print_indicators(c->out, json_get(v, SV("indicators")));
    (void)json_i64(json_get(seen, SV("count")), &count);
    if (count) {
        fprintf(c->out, "sightings    %lld  first ", (long long)count);
        print_safe(c->out, text_of(seen, "first"));
        fputs("  last ", c->out);
        print_safe(c->out, text_of(seen, "last"));
        fputc('\n', c->out);
    } else {
        fputs("sightings    none\n", c->out);
    }
    print_relayed(c->out, json_get(v, SV("relayed")));
    print_standing(c->out, v);
    print_objects(c->out, "object", json_get(v, SV("objects")));
    print_objects(c->out, "related", json_get(v, SV("relationships")));
    print_eyes(c->out, v);
}

static int show(struct cmd *c, const struct buf *json, struct err *e)
{
    struct jv v = {0};
    struct json_doc *d = json_doc_new(json->max);
    int rc = d ? json_parse(d, buf_sv(json), &v, e) : err_set(e, ERR_MEMORY, "no memory to show the answer");
    if (rc == OK) {
        print_people(c, v);
    }
    json_doc_free(d);
    return rc;
}

static int run(struct cmd *c)
{
    const char *version = NULL;
    struct eyes_words eyes = {0};
    const struct opt opts[] = {{"--version", &version, NULL},
                               {"--as", &eyes.as, NULL},
                               {"--purpose", &eyes.purpose, NULL},
                               {NULL, NULL, NULL}};
    if (!opts_take(c, &cmd_look, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc != 1) {
        return usage_error(c, &cmd_look, "give one value");
    }
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct buf json;
    arena_init(&a, 64u << 20);
    buf_init(&json, 256u << 20);
    int rc = cmd_view(c, &a, &view, &e);
    rc = rc == OK
             ? fuse_look_version(c->node->fuse, &view, sv_c(c->argv[0]), sv_c(version), time_now(), &json, &e)
             : rc;
    rc = rc == OK && !eyes.as ? relay_look(c->node->db, &c->node->secret, &view, &json, &e) : rc;
    rc = rc == OK && !eyes.as ? recall_look(c->node->db, c->node->fuse, &c->node->secret, &view, &json, &e)
                              : rc;
    rc = rc == OK ? eyes_put_on(c, &eyes, &view, eyes_look, &json, &e) : rc;
    if (rc == OK && c->json) {
        print_json(c, &json);
    } else if (rc == OK) {
        rc = show(c, &json, &e);
    }
    int code = rc == OK           ? EXIT_DONE
               : rc == ERR_SYNTAX ? (err_print(c->err, "noroshi look", &e), EXIT_USAGE)
                                  : could_not(c, &e);
    buf_clear(&json);
    arena_clear(&a);
    return code;
}

const struct command cmd_look = {
    "look", "everything known about a value",
    "usage: noroshi look VALUE [--json]\n"
    "       noroshi look ID [--version all|last|TIME] [--json]\n"
    "       noroshi look ... --as PARTNER [--purpose PURPOSE] [--json]\n\n"
    "Everything known about an address, CIDR prefix, domain, URL, hash, e-mail address, wallet, CVE or STIX "
    "id: the indicators\n"
    "that cover it (also parents, prefixes, URL hosts), who stated them and how sure they are, warninglists "
    "it stands on,\n"
    "when it was seen, STIX objects and relationships, network owner and country. Defanged text is "
    "understood.\n"
    "A hash also answers with what is said of the same file under its other hashes, marked \"alias\".\n\n"
    "  --version   of a STIX id: all stored versions (default), the last of each source, or the one of this "
    "`modified`\n"
    "  --as        as the partner would see it, before anything is shared: each claim, object and "
    "relationship "
    "is marked as\n"
    "              what goes, goes without some members (redacted), or stays, and by which rule\n"
    "  --purpose   of the sharing, with --as (network_safety)\n\n"
    "examples:\n"
    "  noroshi look 203.0.113.7\n"
    "  noroshi look 'hxxps://login[.]example/verify'\n"
    "  noroshi look 203.0.113.0/24 --json\n"
    "  noroshi look CVE-2021-44228\n"
    "  noroshi look indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\n"
    "  noroshi look indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --version 2026-08-22T10:00:00.000Z\n"
    "  noroshi look 203.0.113.7 --as JPCERT\n\n"
    "exit codes: 0 answered (also when nothing is known), 2 not a value of a known kind, 3 could not\n",
    NEEDS_NODE, run};
