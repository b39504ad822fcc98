/* Peers on a terminal and as JSON. */
#include "cli/peer_cli.h"

#define REFUSALS_SHOWN 10

static void time_member(struct jw *w, const char *key, usec t)
{
    char text[32];
    if (t != USEC_NONE) {
        time_text(t, text);
    }
    jw_kstr(w, key, t != USEC_NONE ? sv_c(text) : SV_NONE);
}

static struct sv or_none(struct sv s)
{
    return s.n ? s : SV_NONE;
}

static void cell_time(FILE *out, usec t)
{
    char text[32] = "never";
    if (t != USEC_NONE) {
        time_text(t - t % USEC_SECOND, text);
    }
    print_cell(out, sv_c(text), 22);
}

/* ---- what a run did */

void peer_json_report(struct jw *w, const struct peer *p, const struct peer_report *r)
{
    jw_obj(w);
    jw_kstr(w, "name", p->name);
    jw_kint(w, "collections", r->collections);
    jw_kint(w, "failed", r->failed);
    jw_kint(w, "pages", (int64_t)r->pages);
    jw_kint(w, "requests", (int64_t)r->requests);
    jw_kint(w, "retries", (int64_t)r->retries);
    jw_kint(w, "bytes", (int64_t)r->bytes);
    jw_kint(w, "objects", (int64_t)r->objects);
    jw_kint(w, "accepted", (int64_t)r->accepted);
    jw_kint(w, "duplicates", (int64_t)r->duplicates);
    jw_kint(w, "rejected", (int64_t)r->rejected);
    jw_kint(w, "pushed", (int64_t)r->pushed);
    jw_kint(w, "refused", (int64_t)r->refused);
    jw_key(w, "seconds");
    jw_double(w, r->seconds);
    jw_end_obj(w);
}

void peer_print_report(struct cmd *c, const struct peer *p, const struct peer_report *r)
{
    fprintf(
        c->out, "%.*s: %llu objects in %llu pages of %u collections: %llu new, %llu known, %llu refused here",
        SV_ARG(p->name), (unsigned long long)r->objects, (unsigned long long)r->pages, r->collections,
        (unsigned long long)r->accepted, (unsigned long long)r->duplicates, (unsigned long long)r->rejected);
    if (r->pushed || r->refused) {
        fprintf(c->out, "; %llu posted, %llu refused there", (unsigned long long)r->pushed,
                (unsigned long long)r->refused);
    }
    fprintf(c->out, "; %.1f s\n", r->seconds);
}

/* ---- peers */

static const char *state_of(const struct peer *p)
{
    return !p->enabled ? "disabled" : p->error.n ? "failing" : p->last_ok == USEC_NONE ? "new" : "ok";
}

static int write_peer(struct jw *w, struct cmd *c, const struct peer *p, struct err *e)
{
    struct arena a;
    struct source s = {0};
    char org[37];
    arena_init(&a, 4u << 20);
    uuid_text(p->org, org);
    int rc = source_get(c->node->db, p->source, &a, &s, e);
    jw_kstr(w, "name", p->name);
    jw_kstr(w, "url", p->url);
    jw_kstr(w, "title", or_none(p->title));
    jw_kstr(w, "state", sv_c(state_of(p)));
    jw_kstr(w, "taxii", p->version == 21 ? SV("2.1") : p->version == 20 ? SV("2.0") : SV_NONE);
    jw_kstr(w, "source", rc == OK ? s.name : SV_NONE);
    jw_kstr(w, "org", sv_c(org));
    jw_kbool(w, "enabled", p->enabled);
    jw_kbool(w, "pick", p->pick);
    jw_kint(w, "every_seconds", p->every_seconds);
    jw_kint(w, "page", p->page);
    jw_kint(w, "bytes_per_second", p->bytes_per_second);
    jw_kstr(w, "pin", or_none(p->pin));
    time_member(w, "last_run", p->last_run);
    time_member(w, "last_ok", p->last_ok);
    time_member(w, "not_before", p->not_before);
    jw_kstr(w, "error", or_none(p->error));
    arena_clear(&a);
    return rc;
}

struct listing {
    struct cmd *c;
    struct jw *w;
    struct arena *a;
    struct err *e;
};

static int list_peer(void *ctx, const struct peer *p)
{
    struct listing *l = ctx;
    if (l->w) {
        jw_obj(l->w);
        int rc = write_peer(l->w, l->c, p, l->e);
        jw_end_obj(l->w);
        return rc;
    }
    print_cell(l->c->out, p->name, 20);
    print_cell(l->c->out, sv_c(state_of(p)), 10);
    cell_time(l->c->out, p->last_ok);
    print_cell(l->c->out, p->url, 40);
    fputc(' ', l->c->out);
    print_safe(l->c->out, p->error);
    fputc('\n', l->c->out);
    return OK;
}

int peer_print_list(struct cmd *c, struct err *e)
{
    struct arena a;
    struct buf b;
    struct jw w;
    struct listing l = {.c = c, .w = c->json ? &w : NULL, .e = e};
    arena_init(&a, 16u << 20);
    buf_init(&b, 64u << 20);
    jw_init(&w, &b);
    jw_arr(&w);
    if (!c->json) {
        fprintf(c->out, "%-20s%-10s%-22s%s\n", "name", "state", "last complete", "address");
    }
    int rc = peer_each(c->node->db, &a, list_peer, &l, e);
    jw_end_arr(&w);
    if (rc == OK && c->json) {
        print_json(c, &b);
    }
    buf_clear(&b);
    arena_clear(&a);
    return rc;
}

/* ---- one peer with its collections */

static int write_refusal(void *ctx, const struct peer_refusal *r)
{
    struct listing *l = ctx;
    if (!l->w) {
        fputs("        refused: ", l->c->out);
        print_safe(l->c->out, r->id);
        fputs(": ", l->c->out);
        print_safe(l->c->out, r->message);
        fputc('\n', l->c->out);
        return OK;
    }
    jw_obj(l->w);
    jw_kstr(l->w, "id", r->id);
    jw_kstr(l->w, "version", or_none(r->version));
    jw_kstr(l->w, "message", r->message);
    time_member(l->w, "at", r->at);
    jw_end_obj(l->w);
    return OK;
}

static int write_collection(struct listing *l, const struct peer_collection *k)
{
    struct jw *w = l->w;
    jw_obj(w);
    jw_kint(w, "number", k->id);
    jw_kstr(w, "id", k->uuid);
    jw_kstr(w, "root", k->root);
    jw_kstr(w, "alias", or_none(k->alias));
    jw_kstr(w, "title", k->title);
    jw_kbool(w, "can_read", k->can_read);
    jw_kbool(w, "can_write", k->can_write);
    jw_kbool(w, "enabled", k->enabled);
    time_member(w, "after", k->after);
    jw_kbool(w, "between_pages", k->next.n > 0 || k->seen != USEC_NONE);
    jw_kstr(w, "notes", k->notes);
    jw_kstr(w, "error", or_none(k->error));
    time_member(w, "last_run", k->last_run);
    time_member(w, "last_ok", k->last_ok);
    jw_kint(w, "pages", k->pages);
    jw_kint(w, "accepted", k->accepted);
    jw_kint(w, "duplicates", k->duplicates);
    jw_kint(w, "rejected", k->rejected);
    jw_kbool(w, "pushes", k->from != 0);
    time_member(w, "pushed_to", k->pushed_to);
    jw_kint(w, "pushed", k->pushed);
    jw_kint(w, "refused", k->refused);
    jw_key(w, "refusals");
    jw_arr(w);
    int rc = peer_refusal_each(l->c->node->db, k->id, REFUSALS_SHOWN, write_refusal, l, l->e);
    jw_end_arr(w);
    jw_end_obj(w);
    return rc;
}

static int show_collection(void *ctx, const struct peer_collection *k)
{
    struct listing *l = ctx;
    FILE *out = l->c->out;
    if (l->w) {
        return write_collection(l, k);
    }
    fprintf(out, "%4lld  ", (long long)k->id);
    print_cell(out, k->title, 32);
    print_cell(out, k->enabled && k->can_read ? SV("read") : SV("-"), 5);
    print_cell(out, k->from ? SV("pushed") : k->can_write ? SV("writable") : SV("-"), 9);
    cell_time(out, k->last_ok);
    fprintf(out, "%9lld new %9lld known %6lld refused\n", (long long)k->accepted, (long long)k->duplicates,
            (long long)k->rejected);
    fputs("        ", out);
    print_safe(out, k->uuid);
    if (k->notes.n) {
        fputs("  borne: ", out);
        print_safe(out, k->notes);
    }
    if (k->from || k->refused) {
        fprintf(out, "  posted %lld, refused %lld", (long long)k->pushed, (long long)k->refused);
    }
    fputc('\n', out);
    if (k->error.n) {
        fputs("        error: ", out);
        print_safe(out, k->error);
        fputc('\n', out);
    }
    return peer_refusal_each(l->c->node->db, k->id, REFUSALS_SHOWN, write_refusal, l, l->e);
}

static int show_json(struct cmd *c, const struct peer *p, struct arena *a, struct err *e)
{
    struct buf b;
    struct jw w;
    struct listing l = {.c = c, .w = &w, .a = a, .e = e};
    buf_init(&b, 64u << 20);
    jw_init(&w, &b);
    jw_obj(&w);
    int rc = write_peer(&w, c, p, e);
    jw_key(&w, "collections");
    jw_arr(&w);
    rc = rc == OK ? peer_collection_each(c->node->db, p->id, a, show_collection, &l, e) : rc;
    jw_end_arr(&w);
    jw_end_obj(&w);
    if (rc == OK) {
        print_json(c, &b);
    }
    buf_clear(&b);
    return rc;
}

int peer_print_one(struct cmd *c, const struct peer *p, struct err *e)
{
    struct arena a;
    struct listing l = {.c = c, .a = &a, .e = e};
    arena_init(&a, 64u << 20);
    if (c->json) {
        int rc = show_json(c, p, &a, e);
        arena_clear(&a);
        return rc;
    }
    print_safe(c->out, p->name);
    fputs("  ", c->out);
    print_safe(c->out, p->url);
    fprintf(c->out, "  %s", state_of(p));
    if (p->title.n) {
        fputs("\n  ", c->out);
        print_safe(c->out, p->title);
    }
    fputs("\n  last complete ", c->out);
    cell_time(c->out, p->last_ok);
    if (p->every_seconds) {
        fprintf(c->out, "every %lld s", (long long)p->every_seconds);
    }
    fputc('\n', c->out);
    if (p->error.n) {
        fputs("  error: ", c->out);
        print_safe(c->out, p->error);
        fputc('\n', c->out);
    }
    int rc = peer_collection_each(c->node->db, p->id, &a, show_collection, &l, e);
    arena_clear(&a);
    return rc;
}
