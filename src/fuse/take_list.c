#include "fuse/take.h"

int take_list(void *ctx, const struct list_rec *l, struct err *e)
{
    struct take *t = ctx;
    int rc = take_list_end(t, e);
    rc = rc == OK ? take_begin(t, e) : rc;
    if (rc != OK) {
        return rc;
    }
    arena_reset(&t->list_text);
    t->list = (struct list_rec){
        .name = arena_sv(&t->list_text, l->name),
        .description = arena_sv(&t->list_text, l->description),
        .version = l->version,
        .match = l->match,
        .attributes = arena_sv(&t->list_text, l->attributes),
    };
    if (!t->list.name.p || !t->list.description.p || !t->list.attributes.p) {
        return err_set(e, ERR_LIMIT, "the head of the warninglist is too long");
    }
    t->list_old = list_find(t->f, t->o->source->id, t->list.name, &t->list_old_version, e);
    if (t->list_old < 0) {
        return (int)t->list_old;
    }
    map_reset(&t->list_seen);
    pack_reset(&t->list_pack);
    buf_reset(&t->record);
    list_head_encode(&t->record, &t->list);
    pack_add(&t->list_pack, buf_sv(&t->record));
    t->list_fresh = 0;
    t->in_list = true;
    return OK;
}

/* One spelling an entry: lower case, canonical prefixes; expressions stay as written. */
static int spell(struct take *t, struct arena *a, struct sv value, struct sv *ret, struct err *e)
{
    struct sv trimmed = sv_trim(value);
    if (t->list.match == LIST_REGEX) {
        *ret = trimmed;
        return trimmed.n ? OK : err_set(e, ERR_VALUE, "an empty expression would cover everything");
    }
    if (t->list.match == LIST_CIDR) {
        struct obs o;
        int rc = obs_guess(a, trimmed, &o, e);
        if (rc == OK && o.kind != KIND_IPV4 && o.kind != KIND_IPV6) {
            rc = err_set(e, ERR_VALUE, "not an address or prefix, in a list of type cidr");
        }
        *ret = rc == OK ? o.value : trimmed;
        return rc;
    }
    if (!trimmed.n) {
        return err_set(e, ERR_VALUE, "an empty entry");
    }
    char *p = arena_alloc(a, trimmed.n);
    if (!p) {
        return err_set(e, ERR_LIMIT, "the entry is too long");
    }
    for (size_t i = 0; i < trimmed.n; i++) {
        char c = trimmed.p[i];
        p[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    *ret = sv_from(p, trimmed.n);
    return OK;
}

int take_list_entry(void *ctx, struct sv value, struct err *e)
{
    struct take *t = ctx;
    struct arena a;
    struct sv spelled = SV("");
    struct err why = ERR_NONE;
    arena_init(&a, 1 << 20);
    if (spell(t, &a, value, &spelled, &why) != OK) {
        const struct reject r = {.offset = UINT64_MAX,
                                 .code = why.code,
                                 .text = sv_c(why.text),
                                 .remedy = sv_c(why.remedy),
                                 .bytes = value};
        arena_clear(&a);
        return take_reject(t, &r, e);
    }
    bool first;
    uint64_t *seen = map_put(&t->list_seen, spelled, &first);
    int rc = seen ? OK : err_set(e, ERR_LIMIT, "the warninglist has more entries than can be held");
    if (rc == OK && first) {
        pack_add(&t->list_pack, spelled);
        t->fresh = !(t->list_old && list_has(t->f, t->list_old, spelled));
        t->list_fresh += t->fresh;
    }
    arena_clear(&a);
    return t->list_pack.b.failed ? err_set(e, ERR_MEMORY, "no memory for a warninglist") : rc;
}

int take_list_end(struct take *t, struct err *e)
{
    if (!t->in_list) {
        return OK;
    }
    t->in_list = false;
    size_t entries = t->list_pack.n - 1;
    bool same = t->list_old && !t->list_fresh && (int64_t)entries == list_size(t->f, t->list_old) &&
                t->list_old_version == t->list.version;
    /* An older version that comes late does not replace a newer one. */
    bool older = t->list_old && t->list.version < t->list_old_version;
    int rc = take_begin(t, e);
    if (rc == OK && !same && !older) {
        rc = take_flush(t, e);
        rc = rc == OK ? take_begin(t, e) : rc;
        if (rc == OK) {
            const struct ledger_header header = {
                .kind = "list", .source = t->o->source->id, .org = t->o->source->org, .at = t->o->now};
            int64_t entry;
            rc = ledger_accept(t->f->ledger, &header, &t->list_pack, &entry, e);
        }
        rc = rc == OK ? take_flush(t, e) : rc;
    }
    pack_reset(&t->list_pack);
    map_reset(&t->list_seen);
    return rc;
}
