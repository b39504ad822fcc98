#include "serve/node.h"

static void write_types(const struct take_report *r, struct jw *w)
{
    jw_key(w, "by_type");
    jw_obj(w);
    for (size_t i = 0; i < r->types; i++) {
        jw_key_sv(w, sv_c(r->type[i].name));
        jw_uint(w, r->type[i].count);
    }
    jw_end_obj(w);
}

static void write_counts(const struct take_report *r, struct jw *w)
{
    jw_key(w, "records");
    jw_uint(w, r->records);
    jw_key(w, "accepted");
    jw_uint(w, r->accepted);
    jw_key(w, "duplicates");
    jw_uint(w, r->duplicates);
    jw_key(w, "rejected");
    jw_uint(w, r->rejected);
    if (r->events) {
        jw_key(w, "matched");
        jw_uint(w, r->matched);
        jw_key(w, "sightings");
        jw_uint(w, r->sightings);
    }
    jw_key(w, "seconds");
    jw_double(w, (double)(long)(r->seconds * 1000.0 + 0.5) / 1000.0);
}

void take_report_add(struct take_report *sum, const struct take_report *r)
{
    sum->records += r->records;
    sum->accepted += r->accepted;
    sum->duplicates += r->duplicates;
    sum->rejected += r->rejected;
    sum->matched += r->matched;
    sum->sightings += r->sightings;
    sum->seconds += r->seconds;
    sum->events |= r->events;
    for (size_t i = 0; i < r->types; i++) {
        size_t k = 0;
        while (k < sum->types && strcmp(sum->type[k].name, r->type[i].name) != 0) {
            k++;
        }
        if (k == TAKE_TYPES) {
            k = TAKE_TYPES - 1;
        } else if (k == sum->types) {
            sum->type[sum->types++] = r->type[i];
            continue;
        }
        sum->type[k].count += r->type[i].count;
    }
}

void take_report_json(const struct take_report *r, size_t n, struct buf *out)
{
    struct jw w;
    struct take_report sum = {.problem = ERR_NONE};
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "files");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        take_report_add(&sum, &r[i]);
        jw_obj(&w);
        jw_kstr(&w, "path", sv_c(r[i].path));
        jw_kstr(&w, "format", r[i].format[0] ? sv_c(r[i].format) : SV_NONE);
        write_counts(&r[i], &w);
        write_types(&r[i], &w);
        if (r[i].problem.code != OK) {
            jw_key(&w, "problem");
            jw_err(&w, &r[i].problem);
        }
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_key(&w, "totals");
    jw_obj(&w);
    jw_kint(&w, "files", (int64_t)n);
    write_counts(&sum, &w);
    write_types(&sum, &w);
    jw_end_obj(&w);
    jw_end_obj(&w);
}
