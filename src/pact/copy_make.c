/* The copy itself: what is taken out, what stands in its place, and what is ours in it. */
#include "pact/copy_private.h"

/* Texts in which a placeholder is as valid as any other; all else is taken out even where it is to be masked.
 */
static bool is_text_member(struct sv name)
{
    static const char *const names[] = {
        "abstract",  "administrative_area", "aliases",     "authors",        "city",   "contact_information",
        "content",   "description",         "explanation", "goals",          "labels", "name",
        "objective", "postal_code",         "roles",       "street_address",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sv_eq(name, sv_c(names[i]))) {
            return true;
        }
    }
    return sv_starts(name, SV("x_"));
}

static bool all_text(struct jv v)
{
    struct json_it it = json_each(v);
    struct jv member;
    if (json_type(v) != JSON_ARRAY) {
        return json_type(v) == JSON_STRING;
    }
    while (json_next(&it, NULL, &member)) {
        if (json_type(member) != JSON_STRING) {
            return false;
        }
    }
    return true;
}

struct making {
    struct copier *c;
    const struct copy_terms *t;
    struct jv original;
    struct jw w;
    bool observable; /* STIX 2.1 section 6: a placeholder in it would be an observation */
    int rc;          /* 1; 0 = the object stays; negative = failed */
    struct err *e;
};

static void write_value(struct making *m, struct sv key, struct jv v, bool refs);

/* True when something was written for a member that must not go. */
static bool write_mask(struct making *m, struct sv key, struct jv v)
{
    bool list = json_type(v) == JSON_ARRAY;
    if (m->t->grant->redact != REDACT_MASK || m->observable || !is_text_member(key) || !all_text(v)) {
        return false;
    }
    jw_key_sv(&m->w, key);
    if (list) {
        jw_arr(&m->w);
    }
    jw_str(&m->w, SV(COPY_PLACEHOLDER));
    if (list) {
        jw_end_arr(&m->w);
    }
    return true;
}

/* Lists and dictionaries may not be empty in STIX (2.3, 2.10): one that became so is left out. */
static void write_member(struct making *m, struct sv key, struct jv v, bool refs)
{
    struct jw before = m->w;
    struct buf *b = m->w.b;
    size_t n = b->n;
    jw_key_sv(&m->w, key);
    size_t at = b->n;
    write_value(m, key, v, refs);
    struct sv got = sv_sub(buf_sv(b), at, SIZE_MAX);
    if ((sv_eq(got, SV("{}")) || sv_eq(got, SV("[]"))) && json_count(v)) {
        b->n = n;
        m->w = before;
    }
}

static void write_ref(struct making *m, struct sv key, struct sv target)
{
    struct sv to = SV_NONE;
    int rc = m->rc == 1 ? m->t->ref(m->t->ctx, key, target, &to, m->e) : m->rc;
    m->rc = rc == 1 && !to.p ? err_set(m->e, ERR_MEMORY, "no memory for a reference") : rc;
    jw_str(&m->w, m->rc == 1 ? to : SV(""));
}

static void write_object(struct making *m, struct jv v)
{
    struct json_it it = json_each(v);
    struct sv key;
    struct jv member;
    jw_obj(&m->w);
    while (m->rc == 1 && json_next(&it, &key, &member)) {
        if (pact_denies(m->t->grant, key)) {
            (void)write_mask(m, key, member);
        } else {
            write_member(m, key, member, sv_ends(key, SV("_ref")) || sv_ends(key, SV("_refs")));
        }
    }
    jw_end_obj(&m->w);
}

static void write_value(struct making *m, struct sv key, struct jv v, bool refs)
{
    struct json_it it = json_each(v);
    struct jv member;
    struct sv text = json_str(v);
    if (json_type(v) == JSON_OBJECT) {
        write_object(m, v);
    } else if (json_type(v) == JSON_ARRAY) {
        jw_arr(&m->w);
        while (m->rc == 1 && json_next(&it, NULL, &member)) {
            write_value(m, key, member, refs);
        }
        jw_end_arr(&m->w);
    } else if (refs && text.p && sv_find(text, SV("--")) != SIZE_MAX) {
        write_ref(m, key, text);
    } else if (text.p) {
        jw_str(&m->w, text);
    } else {
        buf_reset(&m->c->scratch);
        json_add(&m->c->scratch, v);
        jw_raw(&m->w, buf_sv(&m->c->scratch));
    }
}

/* ---- markings */

/* What a selector points into: the name of a part. */
static bool points_at_kept(const struct making *m, struct sv selector)
{
    struct sv rest = selector, first, second = SV_NONE;
    if (!sv_cut(&rest, '.', &first)) {
        return false;
    }
    bool extension = sv_eq(first, SV("extensions")) && sv_cut(&rest, '.', &second);
    if (sv_eq(first, SV("extensions")) && !extension) {
        return false; /* of all extensions: of ours too, now */
    }
    for (size_t i = 0; i < m->c->parts; i++) {
        const struct copy_part *p = &m->c->part[i];
        if (p->extension == extension && sv_eq(p->key, extension ? second : first)) {
            return p->kept;
        }
    }
    return false;
}

static bool any_kept(const struct making *m, struct jv selectors)
{
    struct json_it it = json_each(selectors);
    struct jv s;
    while (json_next(&it, NULL, &s)) {
        if (points_at_kept(m, json_str(s))) {
            return true;
        }
    }
    return false;
}

static void write_granular(struct making *m, struct jv marking)
{
    struct sv lang = json_get_str(marking, SV("lang")), ref = json_get_str(marking, SV("marking_ref"));
    struct json_it it = json_each(json_get(marking, SV("selectors")));
    struct jv s;
    jw_obj(&m->w);
    if (lang.p) {
        jw_kstr(&m->w, "lang", lang);
    }
    if (ref.p) {
        jw_kstr(&m->w, "marking_ref", tlp_id(tlp_of_id(ref)));
    }
    jw_key(&m->w, "selectors");
    jw_arr(&m->w);
    while (json_next(&it, NULL, &s)) {
        if (points_at_kept(m, json_str(s))) {
            jw_str(&m->w, json_str(s));
        }
    }
    jw_end_arr(&m->w);
    jw_end_obj(&m->w);
}

/* Granular markings of what remains as it was; what became another text has the marking of the whole, which
 * is the highest of all. */
static void write_markings(struct making *m)
{
    struct jv list = json_get(m->original, SV("granular_markings"));
    struct json_it it = json_each(list);
    struct jv marking;
    bool any = false;
    jw_key(&m->w, "object_marking_refs");
    jw_arr(&m->w);
    jw_str(&m->w, tlp_id(m->t->marking));
    jw_end_arr(&m->w);
    if (pact_denies(m->t->grant, SV("granular_markings"))) {
        return;
    }
    while (json_next(&it, NULL, &marking)) {
        if (!any_kept(m, json_get(marking, SV("selectors")))) {
            continue;
        }
        if (!any) {
            jw_key(&m->w, "granular_markings");
            jw_arr(&m->w);
        }
        any = true;
        write_granular(m, marking);
    }
    if (any) {
        jw_end_arr(&m->w);
    }
}

/* ---- the parts */

/* Whether the text from `at` is the member as it stood. */
static bool is_same(struct making *m, const struct copy_part *p, size_t at)
{
    struct jw w;
    buf_reset(&m->c->scratch);
    jw_init(&w, &m->c->scratch);
    jw_obj(&w);
    jw_key_sv(&w, p->key);
    json_add(&m->c->scratch, p->value);
    struct sv want = sv_sub(buf_sv(&m->c->scratch), 1, SIZE_MAX);
    struct sv got = sv_sub(buf_sv(m->w.b), at, SIZE_MAX);
    got = got.n && got.p[0] == ',' ? sv_sub(got, 1, SIZE_MAX) : got;
    return !m->c->scratch.failed && sv_eq(want, got);
}

static void write_part(struct making *m, struct copy_part *p)
{
    size_t at = m->w.b->n;
    if (pact_denies(m->t->grant, p->key)) {
        (void)write_mask(m, p->key, p->value);
        return;
    }
    write_member(m, p->key, p->value, sv_ends(p->key, SV("_ref")) || sv_ends(p->key, SV("_refs")));
    p->kept = is_same(m, p, at);
}

/* True for what is written in a way of its own. */
static bool is_ours(struct sv key)
{
    static const char *const names[] = {"id", "created_by_ref", "object_marking_refs", "granular_markings"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sv_eq(key, sv_c(names[i]))) {
            return true;
        }
    }
    return false;
}

static void write_members(struct making *m)
{
    struct copier *c = m->c;
    for (size_t i = 0; i < c->parts && m->rc == 1; i++) {
        if (c->part[i].extension) {
            continue;
        }
        if (sv_eq(c->part[i].key, SV("id"))) {
            jw_kstr(&m->w, "id", c->made.id);
            if (!m->observable) {
                jw_kstr(&m->w, "created_by_ref", m->t->creator);
            }
        } else if (!is_ours(c->part[i].key)) {
            write_part(m, &c->part[i]);
        }
    }
}

/* A marking that is ours may be what stood there: then it is proved as well. */
static void note_same(struct making *m, const char *name, struct sv json)
{
    for (size_t i = 0; i < m->c->parts; i++) {
        struct copy_part *p = &m->c->part[i];
        if (!p->extension && sv_eq(p->key, sv_c(name))) {
            buf_reset(&m->c->scratch);
            json_add(&m->c->scratch, p->value);
            p->kept = sv_eq(buf_sv(&m->c->scratch), json);
        }
    }
}

static void note_ours(struct making *m)
{
    struct arena *a = &m->c->a;
    struct sv marking = tlp_id(m->t->marking);
    note_same(m, "created_by_ref",
              m->observable ? SV("") : arena_printf(a, "\"%.*s\"", SV_ARG(m->t->creator)));
    note_same(m, "object_marking_refs", arena_printf(a, "[\"%.*s\"]", SV_ARG(marking)));
}

/* ---- proofs of earlier holders */

/* Their salts of members that did not stay as they were would let the partner guess at those. */
static void write_earlier(struct making *m, const struct copy_proof *p, struct jv proof)
{
    struct json_it it = json_each(proof);
    struct sv key;
    struct jv v;
    jw_obj(&m->w);
    while (json_next(&it, &key, &v)) {
        jw_key_sv(&m->w, key);
        if (!sv_eq(key, SV("salts"))) {
            json_add(m->w.b, v);
            m->w.after_key = false;
            continue;
        }
        jw_obj(&m->w);
        for (size_t i = 0; i < p->salts; i++) {
            for (size_t k = 0; k < m->c->parts; k++) {
                if (m->c->part[k].kept && sv_eq(m->c->part[k].name, p->salt[i].name)) {
                    char text[COPY_TEXT];
                    copy_text(p->salt[i].salt, text);
                    jw_key_sv(&m->w, p->salt[i].name);
                    jw_str(&m->w, sv_c(text));
                }
            }
        }
        jw_end_obj(&m->w);
    }
    jw_end_obj(&m->w);
}

/* What is not as it must be would make the copy one that does not verify. A grant that does not let the
 * creator be told lets nobody else who had it be told. */
static bool may_pass_on(struct making *m, const struct copy_proof *p, size_t n)
{
    struct err ignored = ERR_NONE;
    if (n == 0 || n >= COPY_CHAIN || pact_denies(m->t->grant, SV("created_by_ref")) ||
        copy_check_salts(m->c, p, n, m->c->part, m->c->parts, NULL, &ignored) != OK) {
        return false;
    }
    for (size_t i = 0; i < n && m->t->vouch; i++) {
        if (!m->t->vouch(m->t->ctx, &p[i])) {
            return false;
        }
    }
    return true;
}

/* The proofs that the original came with. */
static bool write_chain(struct making *m)
{
    struct copy_proof *p = NULL;
    struct err ignored = ERR_NONE;
    size_t n = 0, i = 0;
    if (copy_proofs(m->original, &m->c->a, &p, &n, &ignored) != OK || !may_pass_on(m, p, n)) {
        return false;
    }
    struct json_it it = json_each(json_path(m->original, "extensions", COPY_EXTENSION, "proofs", NULL));
    struct jv proof;
    while (i < n && json_next(&it, NULL, &proof)) {
        write_earlier(m, &p[i++], proof);
    }
    return n > 0;
}

static void write_extensions(struct making *m)
{
    jw_key(&m->w, "extensions");
    jw_obj(&m->w);
    for (size_t i = 0; i < m->c->parts && m->rc == 1; i++) {
        if (m->c->part[i].extension && !pact_denies(m->t->grant, SV("extensions"))) {
            write_part(m, &m->c->part[i]);
        }
    }
    jw_key(&m->w, COPY_EXTENSION);
    jw_obj(&m->w);
    jw_kstr(&m->w, "extension_type", SV("property-extension"));
    jw_key(&m->w, "proofs");
    jw_arr(&m->w);
}

static int finish(struct making *m, struct copy_made *ret)
{
    struct copier *c = m->c;
    if (m->rc != 1) {
        return m->rc;
    }
    if (c->text.failed) {
        return err_set(m->e, ERR_LIMIT, "the copy does not fit");
    }
    int rc = json_parse(c->doc, buf_sv(&c->text), &c->made.object, m->e);
    c->made.text = buf_sv(&c->text);
    *ret = c->made;
    return rc == OK ? 1 : rc;
}

/* Definitions say what other objects mean: a part of one is none. */
static bool may_be_copied(struct sv type)
{
    return !sv_eq(type, SV("marking-definition")) && !sv_eq(type, SV("extension-definition")) &&
           !sv_eq(type, SV("bundle"));
}

int copy_make(struct copier *c, struct jv original, const struct copy_terms *t, struct copy_made *ret,
              struct err *e)
{
    struct sv type = json_get_str(original, SV("type"));
    struct making m = {
        .c = c, .t = t, .original = original, .observable = stix_is_sco(type), .rc = 1, .e = e};
    if (!may_be_copied(type) || t->marking > TLP_AMBER_STRICT) {
        return 0;
    }
    int rc = copier_begin(c, original, t->secret, e);
    if (rc != OK) {
        /* What has no canonical form cannot be committed to. */
        return rc == ERR_VALUE || rc == ERR_LIMIT ? 0 : rc;
    }
    c->made.id = copy_id(t->secret, &t->profile, json_get_str(original, SV("id")), &c->a);
    if (!c->made.id.p) {
        return err_set(e, ERR_MEMORY, "no memory for the id of a copy");
    }
    buf_reset(&c->text);
    jw_init(&m.w, &c->text);
    jw_obj(&m.w);
    write_members(&m);
    note_ours(&m);
    /* Extensions go before markings, which may point at them. */
    write_extensions(&m);
    c->more = write_chain(&m);
    c->place = c->text.n;
    jw_end_arr(&m.w);
    jw_end_obj(&m.w);
    jw_end_obj(&m.w);
    write_markings(&m);
    jw_end_obj(&m.w);
    return finish(&m, ret);
}
