#include "intake/stix2.h"

static void add_labels(struct labels *l, struct jv list)
{
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;

    while (json_next(&it, &key, &v))
        labels_add(l, json_str(v));
}

/* An indicator all of whose types are "benign" (STIX 2.1 section 10.5) says that its values are not bad. */
static bool is_benign(struct jv indicator)
{
    struct json_it it = json_each(json_get(indicator, SV("indicator_types")));
    struct sv key;
    struct jv v;
    bool benign = false;

    while (json_next(&it, &key, &v)) {
        if (!sv_eq(json_str(v), SV("benign")))
            return false;
        benign = true;
    }
    return benign;
}

/* Name and description; a name that only repeats the value says nothing. */
static struct sv note_of(struct arena *a, struct jv indicator, struct sv value)
{
    struct sv name = json_get_str(indicator, SV("name"));
    struct sv description = json_get_str(indicator, SV("description"));

    if (name.n == 0 || sv_eq(name, value))
        return description.n ? description : SV("");
    if (description.n == 0)
        return name;
    size_t n = name.n + 1 + description.n;
    char *p = arena_alloc(a, n);
    if (!p)
        return name;
    memcpy(p, name.p, name.n);
    p[name.n] = '\n';
    memcpy(p + name.n + 1, description.p, description.n);
    return sv_from(p, n);
}

int stix2_claims(struct stix2 *s, struct jv indicator, const struct stix_head *head, struct err *e)
{
    struct claim_rec c;
    struct labels labels;
    int rc = OK;

    claim_init(&c);
    labels_init(&labels, s->job->a);
    add_labels(&labels, json_get(indicator, SV("indicator_types")));
    add_labels(&labels, json_get(indicator, SV("labels")));
    c.labels = labels_done(&labels);
    c.created = head->created;
    c.modified = head->modified;
    c.valid_from = head->valid_from;
    c.valid_until = head->valid_until;
    c.confidence = head->confidence;
    c.marked = head->marked;
    c.tlp = head->tlp;
    c.ref = head->id;
    c.flags = (head->revoked ? CLAIM_REVOKED : 0u) | (is_benign(indicator) ? CLAIM_CONTEXT : 0u);
    for (size_t i = 0; rc == OK && i < s->nvalues; i++) {
        if (!s->values[i].bad)
            continue;
        c.value = s->values[i].obs;
        c.note = claim_note(s->job->a, note_of(s->job->a, indicator, c.value.value));
        rc = s->job->sink->claim(s->job->sink->ctx, &c, e);
    }
    return rc;
}
