/* What the status says of the traffic with partners, and what of it wants a person's attention. */
#include "serve/node.h"

struct health {
    struct node *node;
    struct arena *a;
    struct jw *w;
    usec now;
};

static void write_time(struct jw *w, const char *key, usec at)
{
    char text[32];
    if (at != USEC_NONE) {
        time_text(at, text);
    }
    jw_kstr(w, key, at != USEC_NONE ? sv_c(text) : SV_NONE);
}

static int write_messages(struct node *n, struct jw *w, usec now, struct err *e)
{
    struct message_counts c;
    int rc = message_count(n->db, now, &c, e);
    if (rc == OK) {
        jw_key(w, "messages");
        jw_obj(w);
        jw_kint(w, "waiting", (int64_t)c.waiting);
        jw_kint(w, "overdue", (int64_t)c.overdue);
        write_time(w, "oldest", c.oldest);
        jw_kint(w, "refused", (int64_t)c.refused);
        jw_end_obj(w);
    }
    return rc;
}

static void write_item(struct health *h, const char *what, struct sv partner, struct sv text)
{
    jw_obj(h->w);
    jw_kstr(h->w, "what", sv_c(what));
    jw_kstr(h->w, "partner", partner);
    jw_kstr(h->w, "text", text);
    jw_end_obj(h->w);
}

static int on_partner(void *ctx, const struct partner *p)
{
    struct health *h = ctx;
    if (p->status == PARTNER_ACTIVE && partner_keys_stale(p, h->now)) {
        char text[120];
        snprintf(text, sizeof(text),
                 "its keys are %lld days old: ask for a new card (noroshi partner rotate)",
                 (long long)(partner_keys_age(p, h->now) / USEC_DAY));
        write_item(h, "keys", p->card.name[LANGUAGE_EN], sv_c(text));
    }
    return OK;
}

static int on_refusal(void *ctx, const struct message_refusal *r)
{
    struct health *h = ctx;
    struct partner p;
    struct err e = ERR_NONE;
    char id[37];
    if (!sv_eq(r->why, SV("time")) || h->now - r->last > USEC_DAY) {
        return OK;
    }
    uuid_text(r->partner, id);
    bool known = partner_find(h->node->db, sv_c(id), h->a, &p, &e) == OK;
    write_item(h, "clock", known ? p.card.name[LANGUAGE_EN] : sv_c(id), r->text);
    return OK;
}

int report_partners(struct node *n, struct jw *w, usec now, struct err *e)
{
    struct arena a;
    struct health h = {.node = n, .a = &a, .w = w, .now = now};
    int rc = write_messages(n, w, now, e);
    arena_init(&a, 64u << 20);
    jw_key(w, "health");
    jw_arr(w);
    rc = rc == OK ? partner_each(n->db, &a, on_partner, &h, e) : rc;
    rc = rc == OK ? message_refusal_each(n->db, on_refusal, &h, e) : rc;
    jw_end_arr(w);
    arena_clear(&a);
    return rc;
}
