#include "intake/misp.h"

#include <stdlib.h>

/*
 * MISP events: {"Event":{}}, {"response":[{"Event":{}}]}, a bare event, arrays of these, and the answer of an
 * attribute search
 * {"response":{"Attribute":[]}}. An event is one member and may hold hundreds of thousands of attributes: its
 * text is held, its attributes are parsed one by one, so that memory is the event's text and one attribute.
 * Proposals (ShadowAttribute), MISP's own sightings, related events and attached samples ("data") are not
 * taken over: they are not statements of the event's author.
 */

/* ---- detection ------------------------------------------------------------------------------- */

/* Does the first member of the list have all these keys? */
static bool first_has(struct sv list, const struct sv keys[3])
{
    struct span_it it;
    struct sv key, value;

    if (!span_open(&it, list) || !span_next(&it, &key, &value))
        return false;
    for (size_t i = 0; i < 3; i++)
        if (!span_get(value, keys[i]).p)
            return false;
    return true;
}

/* A long list of attributes may fill all that detection sees. */
static bool lists_attributes(struct sv event)
{
    static const struct sv attribute[3] = {SV("type"), SV("value"), SV("to_ids")};
    static const struct sv object[3] = {SV("name"), SV("template_uuid"), SV("Attribute")};

    return first_has(span_get(event, SV("Attribute")), attribute) ||
           first_has(span_get(event, SV("Object")), object);
}

static int bare_score(struct sv event)
{
    static const struct sv keys[] = {
        SV("info"),     SV("Orgc"),      SV("threat_level_id"),  SV("analysis"), SV("Attribute"),
        SV("Object"),   SV("orgc_id"),   SV("distribution"),     SV("Org"),      SV("org_id"),
        SV("event_id"), SV("published"), SV("publish_timestamp")};
    size_t known = 0;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        known += span_get(event, keys[i]).p != NULL;
    bool named = span_get(event, SV("info")).p || span_get(event, SV("Attribute")).p ||
                 span_get(event, SV("Object")).p;
    return named && (known >= 3 || lists_attributes(event)) ? 90 : 0;
}

static int member_score(struct sv member)
{
    if (span_first(member) != '{')
        return 0;
    if (span_first(span_get(member, SV("Event"))) == '{')
        return 97;
    return bare_score(member);
}

static int first_score(struct sv array)
{
    struct span_it it;
    struct sv key, value;

    return span_open(&it, array) && span_next(&it, &key, &value) ? member_score(value) : 0;
}

static int misp_detect(struct sv head, struct sv name)
{
    struct span_it it;

    if (!span_open(&it, head))
        return 0;
    if (it.close == ']')
        return first_score(head);
    struct sv response = span_get(head, SV("response"));
    if (span_first(response) == '[')
        return first_score(response);
    if (span_first(response) == '{')
        return span_get(response, SV("Attribute")).p ? 90 : member_score(response);
    return member_score(sv_from(it.p - 1, (size_t)(it.end - it.p) + 1));
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef int (*part_fn)(struct misp *m, struct sv text, struct err *e);

/* Text of the list after a fault, as bytes of the reject. */
static int broken_list(struct misp *m, const struct span_it *it, struct sv list, struct sv type,
                       struct err *e)
{
    struct err why = ERR_NONE;
    const char *end = list.p + list.n;

    err_set(&why, ERR_SYNTAX,
            "a comma, colon or value is missing here; what follows in this list could not be read");
    return misp_reject(m, type, sv_from(it->after, (size_t)(end - it->after)), &why, SV(""), e);
}

/* PHP writes a list whose keys have gaps as an object: {"0":{},"2":{}}. One attribute alone is an object too.
 */
static bool is_alone(struct sv list)
{
    struct span_it it;
    struct sv key, value;

    return span_open(&it, list) && it.close == '}' && span_next(&it, &key, &value) &&
           span_first(value) != '{';
}

static int each_part(struct misp *m, struct sv list, struct sv type, part_fn each, struct err *e)
{
    struct span_it it;
    struct sv key, value;
    int rc = OK;

    if (is_alone(list))
        return each(m, list, e);
    if (!span_open(&it, list))
        return OK; /* null: MISP writes it for "none" */
    while (rc == OK && span_next(&it, &key, &value))
        rc = each(m, value, e);
    return rc == OK && (it.bad || it.cut) ? broken_list(m, &it, list, type, e) : rc;
}

int misp_object(struct misp *m, struct sv object, struct err *e)
{
    struct err why = ERR_NONE;
    int rc = misp_object_head(m, object, &why);

    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    if (rc < 0)
        buf_reset(&m->object_json);
    if (rc < 0)
        return misp_reject_part(m, "object", SV("object"), object, &why, e);
    rc = each_part(m, span_get(object, SV("Attribute")), SV("attribute"), misp_attribute, e);
    rc = rc == OK ? misp_object_made(m, object, e) : rc;
    m->object = (struct misp_object){.first = USEC_NONE, .last = USEC_NONE};
    buf_reset(&m->object_json);
    return rc;
}

static int event_parts(struct misp *m, struct sv event, struct err *e)
{
    struct span_it it;
    struct sv key, value;
    int rc = OK;

    if (!span_open(&it, event))
        return OK;
    while (rc == OK && span_next(&it, &key, &value)) {
        if (sv_eq(key, SV("Attribute")))
            rc = each_part(m, value, SV("attribute"), misp_attribute, e);
        else if (sv_eq(key, SV("Object")))
            rc = each_part(m, value, SV("object"), misp_object, e);
    }
    return rc == OK && (it.bad || it.cut) ? broken_list(m, &it, event, SV("event"), e) : rc;
}

/* A head that cannot be read rejects the event: without it the marking of its attributes is not known. A
 * report that cannot be made does not. */
static int read_event(struct misp *m, struct sv event, struct err *e)
{
    struct err why = ERR_NONE;
    int rc = misp_event_head(m, event, &why);
    bool head = rc == OK;

    if (head)
        rc = misp_event_report(m, &why);
    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    if (rc < 0)
        rc = misp_reject(m, SV("event"), event, &why, SV(""), e);
    return rc < 0 || !head ? rc : event_parts(m, event, e);
}

static bool looks_like_event(struct sv member)
{
    return span_get(member, SV("Attribute")).p || span_get(member, SV("Object")).p ||
           span_get(member, SV("info")).p;
}

static int read_member(void *ctx, struct sv member, uint64_t line, uint64_t offset, struct err *e)
{
    struct misp *m = ctx;
    struct err why = ERR_NONE;

    m->lines = (struct span_lines){.start = member.p, .first = line};
    m->base_offset = offset;
    struct sv event = span_get(member, SV("Event"));
    if (span_first(event) == '{')
        return read_event(m, event, e);
    struct sv response = span_get(member, SV("response"));
    if (span_first(response) == '{') {
        event = span_get(response, SV("Event"));
        return read_event(m, span_first(event) == '{' ? event : response, e);
    }
    if (span_first(member) == '{' && looks_like_event(member))
        return read_event(m, member, e);
    err_set(&why, ERR_VALUE, "this is no MISP event");
    err_hint(&why,
             "an event is an object with \"info\", \"Attribute\" or \"Object\", alone or under \"Event\"");
    return misp_reject(m, SV("event"), member, &why, SV(""), e);
}

static int misp_read(struct intake_job *job, struct err *e)
{
    struct misp m;
    int rc = misp_init(&m, job, e);

    if (rc == OK && misp_is_retry(job->in))
        rc = misp_retry(&m, e);
    else if (rc == OK)
        rc = json_members_max(job->in, SV("response"), MISP_EVENT_BYTES, read_member, &m, NULL, NULL, e);
    misp_clear(&m);
    return rc;
}

const struct intake_format fmt_misp = {
    .name = "misp",
    .text = "MISP events as JSON: one, several, or the answer of a search",
    .detect = misp_detect,
    .read = misp_read,
};
