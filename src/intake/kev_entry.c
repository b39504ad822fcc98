#include "intake/kev.h"

struct sv *kev_field(struct kev_entry *k, struct sv name)
{
    const struct {
        struct sv name;
        struct sv *field;
    } fields[] = {
        {SV("cveID"), &k->cve},
        {SV("vendorProject"), &k->vendor},
        {SV("product"), &k->product},
        {SV("vulnerabilityName"), &k->name},
        {SV("dateAdded"), &k->added},
        {SV("shortDescription"), &k->description},
        {SV("requiredAction"), &k->action},
        {SV("dueDate"), &k->due},
        {SV("knownRansomwareCampaignUse"), &k->ransomware},
        {SV("notes"), &k->notes},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (sv_eq(name, fields[i].name))
            return fields[i].field;
    return NULL;
}

void kev_cwes(struct kev_entry *k, struct sv list)
{
    const size_t max = sizeof(k->cwes) / sizeof(k->cwes[0]);
    struct sv part;

    while (k->ncwes < max && sv_cut(&list, ',', &part)) {
        part = sv_trim(part);
        if (part.n)
            k->cwes[k->ncwes++] = part;
    }
}

bool kev_day(struct sv text, usec *ret)
{
    char full[32];

    text = sv_trim(text);
    if (text.n != 10)
        return false;
    (void)snprintf(full, sizeof(full), "%.10sT00:00:00Z", text.p);
    return time_parse(sv_c(full), &(struct time_opts){0}, ret, NULL) == OK;
}

int kev_reject(struct kev *k, struct sv text, struct sv context, uint64_t line, uint64_t offset,
               const struct err *why, struct err *e)
{
    return emit_rejected_record(k->job, SV("vulnerability"), line, offset, why, text, context, e);
}

static void meta_text(struct jw *w, const char *key, struct sv value)
{
    value = sv_trim(value);
    if (value.n)
        jw_kstr(w, key, value);
}

static void write_meta(struct kev *k, const struct kev_entry *entry)
{
    struct jw w;

    buf_reset(&k->meta);
    jw_init(&w, &k->meta);
    jw_obj(&w);
    meta_text(&w, "vendor", entry->vendor);
    meta_text(&w, "product", entry->product);
    meta_text(&w, "due", entry->due);
    meta_text(&w, "ransomware", entry->ransomware);
    meta_text(&w, "action", entry->action);
    meta_text(&w, "notes", entry->notes);
    if (entry->ncwes) {
        jw_key(&w, "cwes");
        jw_arr(&w);
        for (size_t i = 0; i < entry->ncwes; i++)
            jw_str(&w, entry->cwes[i]);
        jw_end_arr(&w);
    }
    jw_end_obj(&w);
}

static int fill(struct kev *k, const struct kev_entry *entry, struct claim_rec *c, struct err *e)
{
    struct arena *a = k->job->a;
    char shown[40];

    claim_init(c);
    struct sv cve = sv_trim(entry->cve);
    if (cve.n == 0)
        return err_set(e, ERR_VALUE, "the entry has no cveID");
    int rc = obs_read(a, KIND_VULNERABILITY, cve, &c->value, e);
    if (rc < 0)
        return rc;
    if (!kev_day(entry->added, &c->first))
        return err_set(e, ERR_VALUE, "dateAdded \"%s\" is no day like 2025-03-03",
                       sv_show(entry->added, shown, sizeof(shown)));
    struct sv vendor = sv_trim(entry->vendor), product = sv_trim(entry->product);
    struct sv name = sv_trim(entry->name), description = sv_trim(entry->description);
    c->note = arena_printf(a, "%.*s %.*s: %.*s\n%.*s", SV_ARG(vendor), SV_ARG(product), SV_ARG(name),
                           SV_ARG(description));
    if (c->note.p == NULL)
        return err_set(e, ERR_LIMIT, "the entry is too long");
    c->note = claim_note(a, sv_trim(c->note));
    c->created = c->first;
    c->modified = k->modified;
    c->flags = CLAIM_REPLACE;
    c->ref = c->value.value;
    c->labels = sv_ieq(sv_trim(entry->ransomware), SV("known")) ? SV("known-exploited ransomware")
                                                                : SV("known-exploited");
    write_meta(k, entry);
    c->meta = buf_sv(&k->meta);
    return k->meta.failed ? err_set(e, ERR_LIMIT, "the entry is too long") : OK;
}

int kev_entry_emit(struct kev *k, const struct kev_entry *entry, struct sv text, struct sv context,
                   uint64_t line, uint64_t offset, struct err *e)
{
    struct err why = ERR_NONE;
    struct claim_rec c;
    int rc = fill(k, entry, &c, &why);

    if (rc == OK)
        return emit_claim_record(k->job, SV("vulnerability"), &c, e);
    if (error_ends_file(rc))
        return (*e = why).code;
    return kev_reject(k, text, context, line, offset, &why, e);
}
