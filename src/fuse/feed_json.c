/* Feeds for people and programs: one object, and all of them with the catalogue. */
#include "fuse/feed_private.h"

static void write_time(struct jw *w, const char *key, usec t)
{
    char at[32];
    if (t != USEC_NONE)
        time_text(t, at);
    jw_kstr(w, key, t != USEC_NONE ? sv_c(at) : SV_NONE);
}

static void write_text(struct jw *w, const char *key, struct sv s)
{
    jw_kstr(w, key, s.n ? s : SV_NONE);
}

static void write_job(struct jw *w, const struct job *j)
{
    jw_kbool(w, "enabled", j->enabled);
    jw_kint(w, "every_seconds", j->every_seconds);
    jw_kbool(w, "running", j->running_since != USEC_NONE);
    write_time(w, "next_run", j->enabled ? j->next_run : USEC_NONE);
    write_time(w, "last_run", j->last_end);
    write_time(w, "last_good", j->last_ok);
    jw_kint(w, "failures_in_a_row", j->attempts);
    jw_kint(w, "runs", (int64_t)j->runs);
    jw_kint(w, "failures", (int64_t)j->failures);
    jw_kstr(w, "result",
            j->runs == 0 ? SV("never run") : sv_c(j->last_code == OK ? "ok" : err_name(j->last_code)));
    write_text(w, "text", j->last_text);
}

void feed_write(struct jw *w, const struct feed *f, const struct job *j)
{
    jw_obj(w);
    jw_kstr(w, "name", f->name);
    write_text(w, "entry", f->entry);
    jw_kstr(w, "url", f->url);
    jw_kstr(w, "way", sv_c(feed_way_name(f->way)));
    write_text(w, "format", f->format);
    jw_kint(w, "source", f->source);
    jw_kbool(w, "needs_key", f->key_header.n > 0);
    if (j)
        write_job(w, j);
    jw_kint(w, "status", f->status);
    write_text(w, "etag", f->etag);
    write_text(w, "last_modified", f->modified);
    write_time(w, "checked", f->checked);
    write_time(w, "changed", f->changed);
    jw_kint(w, "bytes", (int64_t)f->bytes);
    jw_kint(w, "records", (int64_t)f->records);
    jw_kint(w, "accepted", (int64_t)f->accepted);
    jw_kint(w, "duplicates", (int64_t)f->duplicates);
    jw_kint(w, "rejected", (int64_t)f->rejected);
    jw_kint(w, "total_accepted", (int64_t)f->total_accepted);
    jw_end_obj(w);
}

static void write_entry(struct jw *w, const struct feed_entry *f)
{
    char grade[2] = {f->reliability, 0};
    jw_obj(w);
    jw_kstr(w, "name", sv_c(f->name));
    jw_kstr(w, "title", sv_c(f->title));
    jw_kstr(w, "url", sv_c(f->url));
    jw_kstr(w, "way", sv_c(feed_way_name(f->way)));
    write_text(w, "format", sv_c(f->format));
    jw_kstr(w, "licence", sv_c(f->licence));
    jw_kstr(w, "zone", sv_c(f->zone));
    jw_kstr(w, "reliability", sv_c(grade));
    jw_kstr(w, "marking", sv_c(tlp_name(f->tlp)));
    write_text(w, "upstream", sv_c(f->upstream));
    jw_kint(w, "expiry_seconds", (int64_t)f->expiry_days * 86400);
    jw_kint(w, "every_seconds", (int64_t)f->every_minutes * 60);
    jw_kbool(w, "needs_key", f->key_header[0] != 0);
    jw_kstr(w, "note", sv_c(f->note));
    jw_end_obj(w);
}

struct listing {
    struct db *db;
    struct jw *w;
    struct err *e;
};

static int write_one(void *ctx, const struct feed *f)
{
    struct listing *l = ctx;
    struct arena a;
    struct job j;
    arena_init(&a, 1 << 20);
    struct sv name = arena_printf(&a, FEED_KIND ":%.*s", SV_ARG(f->name));
    int rc = job_get(l->db, name, &a, &j, l->e);
    if (rc == OK || rc == ERR_NOT_FOUND)
        feed_write(l->w, f, rc == OK ? &j : NULL);
    arena_clear(&a);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

int feed_list_json(struct db *db, bool feeds, struct buf *json, struct err *e)
{
    struct jw w;
    struct listing l = {.db = db, .w = &w, .e = e};
    size_t n;
    const struct feed_entry *entry = feed_catalogue(&n);
    jw_init(&w, json);
    jw_obj(&w);
    jw_key(&w, "feeds");
    jw_arr(&w);
    int rc = feeds ? feed_each(db, write_one, &l, e) : OK;
    jw_end_arr(&w);
    jw_key(&w, "catalogue");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        write_entry(&w, &entry[i]);
    jw_end_arr(&w);
    jw_end_obj(&w);
    return rc == OK && json->failed ? err_set(e, ERR_MEMORY, "no memory for the list of feeds") : rc;
}
