/* Every event file of the shared data against the independent counts that come with it. Skipped where the
 * data is absent. */
#include "event_collect.h"

static char root[512];

static bool have_data(void)
{
    const char *shared = getenv("NOROSHI_SHARED");

    (void)snprintf(root, sizeof root, "%s/data", shared ? shared : "../shared");
    return access(root, R_OK) == 0;
}

struct counts {
    struct map src, dst, query, orig, port;
    usec min, max;
    size_t logins;
    struct json_doc *doc;
    struct arena a;
};

static void count_in(struct map *m, struct sv key)
{
    uint64_t *n = map_put(m, key, NULL);

    assert_non_null(n);
    ++*n;
}

static void count_port(struct counts *c, struct sv raw)
{
    static const char *const names[] = {"dest_port", "dst_port", "destination_port"};
    struct err e = ERR_NONE;
    struct jv event;
    char text[24];
    int64_t port;

    if (raw.p[0] != '{')
        return;
    assert_int_equal(json_parse(c->doc, raw, &event, &e), OK);
    for (size_t i = 0; i < 3; i++)
        if (json_i64(json_get(event, sv_c(names[i])), &port)) {
            (void)snprintf(text, sizeof text, "%lld", (long long)port);
            count_in(&c->port, sv_c(text));
        }
}

static bool field_is(const struct observed *v, const char *a, const char *b)
{
    return sv_eq(v->field, sv_c(a)) || sv_eq(v->field, sv_c(b));
}

/* What the hot path takes for canonical must be what every other reader makes of it. */
static void check_canonical(struct counts *c, const struct obs *v)
{
    struct err e = ERR_NONE;
    struct obs again;

    arena_reset(&c->a);
    assert_int_equal(obs_read(&c->a, v->kind, v->value, &again, &e), OK);
    assert_int_equal(again.kind, v->kind);
    assert_true(sv_eq(again.value, v->value));
    if (v->kind == KIND_IPV4 || v->kind == KIND_IPV6)
        assert_memory_equal(again.ip, v->ip, sizeof v->ip);
}

static void count(void *ctx, const struct observation *o)
{
    struct counts *c = ctx;
    bool from = false;

    for (size_t i = 0; i < o->n; i++) {
        const struct observed *v = &o->v[i];

        check_canonical(c, &v->value);
        if (field_is(v, "src_ip", "source_ip")) {
            count_in(&c->src, v->value.value);
            from = true;
        }
        if (field_is(v, "dest_ip", "dst_ip"))
            count_in(&c->dst, v->value.value);
        else if (field_is(v, "query", "query"))
            count_in(&c->query, v->value.value);
        else if (field_is(v, "id.orig_h", "id.orig_h"))
            count_in(&c->orig, v->value.value);
    }
    /* One Dionaea event has "src_ip": "", which the counts take for a source. */
    if (!from)
        count_in(&c->src, SV(""));
    c->logins += sv_eq(o->class, SV("login")) && sv_eq(o->type, SV("heralding"));
    count_port(c, o->raw);
    if (o->time == USEC_NONE)
        return;
    if (c->min == USEC_NONE || o->time < c->min)
        c->min = o->time;
    if (c->max == USEC_NONE || o->time > c->max)
        c->max = o->time;
}

static void counts_init(struct counts *c)
{
    struct map *maps[] = {&c->src, &c->dst, &c->query, &c->orig, &c->port};

    *c = (struct counts){.min = USEC_NONE, .max = USEC_NONE, .doc = json_doc_new(1u << 24)};
    assert_non_null(c->doc);
    arena_init(&c->a, 1u << 20);
    for (size_t i = 0; i < 5; i++)
        map_init(maps[i], 1u << 20, 1u << 26);
}

static void counts_clear(struct counts *c)
{
    struct map *maps[] = {&c->src, &c->dst, &c->query, &c->orig, &c->port};

    for (size_t i = 0; i < 5; i++)
        map_clear(maps[i]);
    json_doc_free(c->doc);
    arena_clear(&c->a);
}

static void expect(struct sv file, struct jv want, const char *key, size_t got)
{
    int64_t n;

    if (!json_i64(json_get(want, sv_c(key)), &n) || (size_t)n == got)
        return;
    fail_msg("%.*s: %s is %zu, COUNTS.json says %lld", SV_ARG(file), key, got, (long long)n);
}

static void expect_time(struct sv file, struct jv want, const char *key, usec got)
{
    struct time_opts opts = {.allow_unix = true};
    struct err e = ERR_NONE;
    struct jv v = json_get(want, sv_c(key));
    usec t;
    double seconds;

    opts.fallback = zone_find(SV("UTC"), &e);
    if (json_type(v) == JSON_NONE)
        return;
    if (json_f64(v, &seconds))
        t = (usec)(seconds * 1e6 + 0.5);
    else
        assert_int_equal(time_parse(json_str(v), &opts, &t, &e), OK);
    if (t != got)
        fail_msg("%.*s: %s differs by %lld us", SV_ARG(file), key, (long long)(got - t));
}

/* COUNTS.json takes least and greatest of the texts: the files it names times of have one zone each. */
static void check_events(struct sv file, const char *path, struct jv want)
{
    struct collected g;
    struct counts c;
    struct sv key;
    struct jv v;

    collect_init(&g);
    counts_init(&c);
    g.each = count;
    g.ctx = &c;
    collect_file(&g, path, "", "UTC");
    if (g.end.code)
        fail_msg("%.*s: %s", SV_ARG(file), g.end.text);
    assert_int_equal(g.rejects, 0);
    expect(file, want, "events", g.observations);
    expect(file, want, "rows", g.observations);
    expect(file, want, "unique_src", c.src.count);
    expect(file, want, "unique_dest", c.dst.count);
    expect(file, want, "unique_query", c.query.count);
    expect(file, want, "unique_orig_h", c.orig.count);
    expect(file, want, "auth_attempts", c.logins);
    expect_time(file, want, "time_min", c.min);
    expect_time(file, want, "time_max", c.max);
    expect_time(file, want, "ts_min", c.min);
    expect_time(file, want, "ts_max", c.max);
    for (struct json_it it = json_each(json_get(want, SV("by_dst_port"))); json_next(&it, &key, &v);) {
        uint64_t *n = map_get(&c.port, key);
        int64_t expected;

        assert_non_null(n);
        assert_true(json_i64(v, &expected));
        assert_int_equal(*n, expected);
    }
    counts_clear(&c);
    collect_clear(&g);
}

static void check_broken(struct sv file, const char *path)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, path, "", NULL);
    assert_int_equal(g.end.code, ERR_CORRUPT);
    assert_int_equal(g.observations, 150);
    assert_int_equal(g.rejects, 0);
    collect_clear(&g);
}

static int count_type(void *ctx, struct sv type, struct err *e)
{
    count_in(ctx, type);
    return OK;
}

static int count_nothing(void *ctx, const struct claim_rec *c, struct err *e)
{
    assert_true(kind_matched(c->value.kind));
    return OK;
}

static int no_reject(void *ctx, const struct reject *r, struct err *e)
{
    fail_msg("line %llu: %.*s", (unsigned long long)r->line, SV_ARG(r->text));
    return OK;
}

static void check_intel(const char *path, struct jv want)
{
    struct map types;
    struct intake_sink sink = {
        .ctx = &types, .record = count_type, .claim = count_nothing, .reject = no_reject};
    struct intake_opts o = {.format = SV(""), .mapping = SV(""), .name = SV("")};
    struct err e = ERR_NONE;
    struct sv key;
    struct jv v;
    int64_t expected;
    uint64_t total = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    map_init(&types, 64, 4096);
    assert_int_equal(intake_parse(fd, &o, &sink, &e), OK);
    close(fd);
    for (struct json_it it = json_each(json_get(want, SV("types"))); json_next(&it, &key, &v);) {
        uint64_t *n = map_get(&types, key);

        assert_non_null(n);
        assert_true(json_i64(v, &expected));
        assert_int_equal(*n, expected);
        total += *n;
    }
    assert_true(json_i64(json_get(want, SV("entries")), &expected));
    assert_int_equal(total, expected);
    map_clear(&types);
}

static void all_event_files(void **state)
{
    struct json_doc *doc = json_doc_new(64u << 20);
    struct err e = ERR_NONE;
    struct buf text;
    struct jv top, want;
    struct sv file;
    char path[1024];
    size_t checked = 0;

    if (!have_data()) {
        json_doc_free(doc);
        skip();
    }
    buf_init(&text, 64u << 20);
    (void)snprintf(path, sizeof path, "%s/COUNTS.json", root);
    assert_int_equal(file_read(AT_FDCWD, path, &text, &e), OK);
    assert_int_equal(json_parse(doc, buf_sv(&text), &top, &e), OK);
    for (struct json_it it = json_each(json_get(top, SV("files"))); json_next(&it, &file, &want);) {
        struct sv format = json_get_str(want, SV("format"));

        if (!sv_starts(file, SV("event-")) || sv_eq(format, SV("other")))
            continue;
        (void)snprintf(path, sizeof path, "%s/%.*s", root, SV_ARG(file));
        checked++;
        if (sv_eq(format, SV("gzip-broken")))
            check_broken(file, path);
        else if (sv_eq(format, SV("zeek-intel")))
            check_intel(path, want);
        else
            check_events(file, path, want);
    }
    assert_true(checked >= 40);
    buf_clear(&text);
    json_doc_free(doc);
}

static void eve_without_zone_needs_one(void **state)
{
    struct collected g;
    char path[1024];

    if (!have_data())
        skip();
    (void)snprintf(path, sizeof path, "%s/event-suricata-eve/honeypot-2018/alerts-only.json", root);
    collect_init(&g);
    collect_file(&g, path, "", NULL);
    assert_int_equal(g.end.code, OK);
    assert_int_equal(g.rejects, 44);
    collect_clear(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_event_files),
        cmocka_unit_test(eve_without_zone_needs_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
