/* Any JSON as a STIX object, through everything the intake does with one; what the upgrade gives must be JSON
 * again. */
#include "stix/stix.h"

#include <stdlib.h>

static struct json_doc *doc, *inner;
static struct stix_checker *checker;

static void each_ref(void *ctx, struct sv property, struct sv id)
{
    size_t *n = ctx;
    *n += property.n + id.n;
}

static void each_value(void *ctx, const struct obs *o, bool bad)
{
    size_t *n = ctx;
    *n += o->value.n + bad;
}

static int each_upgraded(void *ctx, struct sv json, struct err *e)
{
    struct jv v;
    struct stix_report *r = ctx;
    if (json_parse(inner, json, &v, e) != OK)
        abort();
    stix_check(v, r);
    return OK;
}

/* Bundles, lists and 2.0 under policies that the input chooses. */
static void check_all(struct jv v, const uint8_t *data, size_t size, struct stix_report *r)
{
    struct err e = ERR_NONE;
    struct stix_policy p;
    uint8_t bits = size ? data[size - 1] : 0;
    stix_policy_init(&p);
    p.v20 = bits & 1;
    p.known_properties = p.known_types = bits & 2;
    p.whole_bundle = bits & 4;
    if (bits & 8)
        (void)stix_policy_set(&p, SV("extensions-use"), false);
    stix_checker_begin(checker);
    if (stix_checker_run(checker, v, &p, r, &e) != OK && e.code != ERR_MEMORY)
        abort();
    for (size_t i = 0; i < r->n; i++)
        if (!r->msg[i].text.p || !r->msg[i].pointer.p || !r->msg[i].section)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stix_report report;
    struct stix_head head;
    struct arena a;
    struct buf text;
    struct err e;
    struct jv v;
    struct sv id;
    size_t n = 0;
    if (!doc) {
        doc = json_doc_new(1u << 20);
        inner = json_doc_new(8u << 20);
        checker = stix_checker_new(8u << 20);
    }
    if (json_parse(doc, (struct sv){(const char *)data, size}, &v, &e) != OK)
        return 0;
    arena_init(&a, 64u << 20);
    buf_init(&text, 8u << 20);
    report.a = &a;
    stix_check(v, &report);
    check_all(v, data, size, &report);
    (void)!stix_head(v, &a, &head, &e);
    stix_refs(v, each_ref, &n);
    (void)!stix_values(v, &a, each_value, &n, &e);
    stix_text(v, &text);
    (void)!stix_sco_id(v, &a, &id, &e);
    (void)!stix_upgrade(v, &a, each_upgraded, &report, &e);
    buf_clear(&text);
    arena_clear(&a);
    return 0;
}
