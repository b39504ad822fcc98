/* Drafts of the two templates. */
#include "pact/agreement.h"

struct template
{
    const char *name;
    const char *title[LANGUAGE_MAX];
    const char *basis[LANGUAGE_MAX];
    enum purpose purpose[PURPOSE_MAX];
    size_t purposes;
    const char *object_types[12]; /* ends with NULL */
    enum tlp ceiling;
    const char *fields_deny[8];
    enum personal_data personal_data;
    int64_t max_items_per_day;
    enum human_release human_release;
    enum judicial_use judicial_use;
    enum onward onward;
    int64_t retention_days;
};

static const struct template TEMPLATES[] = {
    {.name = "network-safety",
     .title = {"Network safety enhancement", "ネットワーク安全強化協定", "網路安全強化協議"},
     .basis = {"Cooperation between computer emergency response teams within their statutory tasks",
               "各当事者の法令上の任務の範囲内における CSIRT 間の協力",
               "各締約方電腦緊急應變團隊於法定職掌內之合作"},
     .purpose = {PURPOSE_NETWORK_SAFETY},
     .purposes = 1,
     .object_types = {"indicator", "sighting", "observed-data", "malware", "attack-pattern", "vulnerability",
                      "relationship", "note", NULL},
     .ceiling = TLP_AMBER,
     .fields_deny = {"where_sighted_refs", "contact_information", NULL},
     .personal_data = PERSONAL_NONE,
     .max_items_per_day = 1000000,
     .human_release = RELEASE_NEVER,
     .judicial_use = JUDICIAL_LEAD_ONLY,
     .onward = ONWARD_NONE,
     .retention_days = 365},
    {.name = "joint-cybercrime",
     .title = {"Joint cybercrime fighting", "サイバー犯罪共同対処協定", "共同打擊網路犯罪協議"},
     .basis = {"Police and prosecution cooperation within the law of each party",
               "各当事者の国内法に基づく警察及び検察の協力", "依各締約方法律之警察與檢察合作"},
     .purpose = {PURPOSE_CYBERCRIME_INVESTIGATION, PURPOSE_PROSECUTION_ASSISTANCE,
                 PURPOSE_VICTIM_NOTIFICATION, PURPOSE_DECONFLICTION},
     .purposes = 4,
     .object_types = {"*", NULL},
     .ceiling = TLP_AMBER_STRICT,
     .fields_deny = {NULL},
     .personal_data = PERSONAL_SUSPECT_ONLY,
     .max_items_per_day = 10000,
     .human_release = RELEASE_ALWAYS,
     .judicial_use = JUDICIAL_WITH_CONSENT,
     .onward = ONWARD_WITH_CONSENT,
     .retention_days = 1825},
};

static void write_texts(struct jw *w, const char *key, const struct sv text[LANGUAGE_MAX])
{
    jw_key(w, key);
    jw_obj(w);
    for (int l = 0; l < LANGUAGE_MAX; l++) {
        jw_kstr(w, language_name((enum language)l), text[l]);
    }
    jw_end_obj(w);
}

static void write_sentences(struct jw *w, const char *key, const char *const text[LANGUAGE_MAX])
{
    const struct sv views[LANGUAGE_MAX] = {sv_c(text[0]), sv_c(text[1]), sv_c(text[2])};
    write_texts(w, key, views);
}

static void write_list(struct jw *w, const char *key, const char *const *words)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; words[i]; i++) {
        jw_str(w, sv_c(words[i]));
    }
    jw_end_arr(w);
}

static void write_uuid(struct jw *w, const char *key, struct uuid id)
{
    char text[37];
    uuid_text(id, text);
    jw_kstr(w, key, sv_c(text));
}

static void write_grant(struct jw *w, const struct agreement_draft *d, const struct template *t,
                        struct uuid from, struct uuid to, enum purpose purpose)
{
    static const char *const all[] = {"*", NULL};
    struct uuid id;
    d->make_id(d->ctx, &id);
    jw_obj(w);
    write_uuid(w, "id", id);
    write_uuid(w, "from", from);
    write_uuid(w, "to", to);
    jw_kstr(w, "purpose", sv_c(purpose_name(purpose)));
    write_list(w, "object_types", t->object_types);
    write_list(w, "kinds", all);
    write_list(w, "offences", all);
    jw_kstr(w, "tlp_ceiling", sv_c(tlp_name(t->ceiling)));
    write_list(w, "fields_deny", t->fields_deny);
    jw_kstr(w, "redact", sv_c(redaction_name(REDACT_DROP)));
    jw_kstr(w, "personal_data", sv_c(personal_data_name(t->personal_data)));
    jw_kbool(w, "attribution", false);
    jw_kbool(w, "victim_identity", false);
    jw_kint(w, "max_items_per_day", t->max_items_per_day);
    jw_kstr(w, "human_release", sv_c(human_release_name(t->human_release)));
    jw_kstr(w, "judicial_use", sv_c(judicial_use_name(t->judicial_use)));
    jw_kstr(w, "onward", sv_c(onward_name(t->onward)));
    jw_kint(w, "retention_days", t->retention_days);
    jw_kbool(w, "exercise", purpose == PURPOSE_EXERCISE);
    jw_end_obj(w);
}

static void write_grants(struct jw *w, const struct agreement_draft *d, const struct template *t)
{
    jw_key(w, "grants");
    jw_arr(w);
    for (size_t from = 0; from < d->parties; from++) {
        for (size_t to = 0; to < d->parties; to++) {
            for (size_t p = 0; from != to && p < t->purposes; p++) {
                write_grant(w, d, t, d->party[from].id, d->party[to].id, t->purpose[p]);
            }
        }
    }
    jw_end_arr(w);
}

static void write_parties(struct jw *w, const struct agreement_draft *d)
{
    jw_key(w, "parties");
    jw_arr(w);
    for (size_t i = 0; i < d->parties; i++) {
        jw_obj(w);
        write_uuid(w, "id", d->party[i].id);
        write_texts(w, "name", d->party[i].name);
        jw_kstr(w, "country", d->party[i].country);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void write_time(struct jw *w, const char *key, usec at)
{
    char text[32];
    time_text(at, text);
    jw_kstr(w, key, sv_c(text));
}

static void write_draft(struct jw *w, const struct agreement_draft *d, const struct template *t)
{
    jw_obj(w);
    jw_kstr(w, "type", SV("noroshi-agreement"));
    write_uuid(w, "id", d->id);
    jw_kint(w, "version", 1);
    write_sentences(w, "title", t->title);
    write_sentences(w, "legal_basis", t->basis);
    write_parties(w, d);
    jw_key(w, "purposes");
    jw_arr(w);
    for (size_t i = 0; i < t->purposes; i++) {
        jw_str(w, sv_c(purpose_name(t->purpose[i])));
    }
    jw_end_arr(w);
    write_time(w, "valid_from", d->valid_from);
    write_time(w, "valid_until", d->valid_until);
    jw_kint(w, "review_days", 180);
    jw_kstr(w, "on_termination", sv_c(on_termination_name(TERMINATION_DELETE)));
    write_grants(w, d, t);
    jw_end_obj(w);
}

int agreement_draft(const struct agreement_draft *d, struct buf *json, struct err *e)
{
    struct jw w;
    for (size_t i = 0; i < sizeof(TEMPLATES) / sizeof(TEMPLATES[0]); i++) {
        if (!sv_eq(d->template, sv_c(TEMPLATES[i].name))) {
            continue;
        }
        if (d->parties < 2 || d->parties > 8) {
            return err_set(e, ERR_VALUE, "an agreement of a template has two to eight parties");
        }
        jw_init(&w, json);
        write_draft(&w, d, &TEMPLATES[i]);
        return json->failed ? err_set(e, ERR_LIMIT, "the draft does not fit") : OK;
    }
    err_set(e, ERR_NOT_FOUND, "there is no template of that name");
    return err_hint(e, "the templates are network-safety and joint-cybercrime");
}
