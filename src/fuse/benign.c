#include "fuse/private.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Role bits kept under the hash of a list entry. */
enum { BENIGN_ENTRY = 1, CONTEXT_ENTRY = 2 };

struct benign {
    atomic_uint owners;
    struct u64map exact;       /* hash of an entry -> role bits */
    struct matchset *prefixes; /* CIDR entries of benign lists */
    struct arena text;
    struct sv *substring; /* of benign lists only: context never suppresses by a part */
    size_t substrings, substring_room;
    pcre2_code **regex;
    size_t regexes, regex_room;
};

void benign_free(struct benign *b)
{
    if (!b || atomic_fetch_sub(&b->owners, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < b->regexes; i++) {
        pcre2_code_free(b->regex[i]);
    }
    free(b->regex);
    free(b->substring);
    matchset_free(b->prefixes);
    u64map_clear(&b->exact);
    arena_clear(&b->text);
    free(b);
}

static bool grow(void **p, size_t *room, size_t n, size_t size)
{
    if (n < *room) {
        return true;
    }
    size_t want = *room ? *room * 2 : 64;
    void *q = reallocarray(*p, want, size);
    if (q) {
        *p = q;
        *room = want;
    }
    return q != NULL;
}

static int add_pattern(struct benign *b, enum list_match match, struct sv value, struct err *e)
{
    if (match == LIST_SUBSTRING) {
        struct sv copy = arena_sv(&b->text, value);
        if (!copy.p ||
            !grow((void **)&b->substring, &b->substring_room, b->substrings, sizeof(*b->substring))) {
            return err_set(e, ERR_MEMORY, "no memory for the warninglists");
        }
        b->substring[b->substrings++] = copy;
        return OK;
    }
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)value.p, value.n,
                                   PCRE2_UTF | PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (!re) {
        return OK; /* `look` and `status` show the list; an expression that does not compile covers nothing */
    }
    if (!grow((void **)&b->regex, &b->regex_room, b->regexes, sizeof(pcre2_code *))) {
        pcre2_code_free(re);
        return err_set(e, ERR_MEMORY, "no memory for the warninglists");
    }
    b->regex[b->regexes++] = re;
    return OK;
}

static int add_entry(struct benign *b, struct matchset_build *prefixes, bool benign, enum list_match match,
                     struct sv value, struct err *e)
{
    if (match == LIST_SUBSTRING || match == LIST_REGEX) {
        return benign ? add_pattern(b, match, value, e) : OK;
    }
    if (match != LIST_CIDR) {
        return u64map_add(&b->exact, hash64(hash_process_secret(), value),
                          benign ? BENIGN_ENTRY : CONTEXT_ENTRY);
    }
    struct obs o;
    struct arena a;
    struct err ignored = ERR_NONE;
    arena_init(&a, 4096);
    int rc = OK;
    if (benign && obs_guess(&a, value, &o, &ignored) == OK && (o.kind == KIND_IPV4 || o.kind == KIND_IPV6)) {
        rc = index_add(prefixes, &o, 0, e);
    }
    arena_clear(&a);
    return rc;
}

/* All organisations share the index: only the lists of the one that runs the node keep values out of it. */
static int load(struct fuse *f, struct benign *b, struct matchset_build *prefixes, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT list.role, list.match, list_entry.value FROM list_entry JOIN list ON "
                              "list.id = list_entry.list JOIN source ON source.id = list.source WHERE "
                              "source.org = " HOME_ORG,
                              e);
    if (!s) {
        return e->code;
    }
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        rc = add_entry(b, prefixes, sv_eq(col_text(s, 0), SV("benign")), (enum list_match)col_int(s, 1),
                       col_text(s, 2), e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

const struct benign *benign_get(struct fuse *f, struct err *e)
{
    if (f->benign) {
        return f->benign;
    }
    struct benign *b = calloc(1, sizeof(*b));
    struct matchset_build *prefixes = matchset_build_new(1024);
    if (!b || !prefixes) {
        free(b);
        matchset_build_free(prefixes);
        err_set(e, ERR_MEMORY, "no memory for the warninglists");
        return NULL;
    }
    atomic_init(&b->owners, 1);
    u64map_init(&b->exact);
    arena_init(&b->text, 64u << 20);
    int rc = load(f, b, prefixes, e);
    if (rc == OK) {
        b->prefixes = matchset_build_finish(prefixes, e);
    }
    matchset_build_free(prefixes);
    if (!b->prefixes) {
        benign_free(b);
        return NULL;
    }
    f->benign = b;
    return b;
}

struct benign *benign_share(struct fuse *f, struct err *e)
{
    bool turn = db_writable(f->db) && !db_in_tx(f->db);
    if (turn && db_begin(f->db, e) != OK) {
        return NULL;
    }
    struct benign *b = benign_get(f, e) ? f->benign : NULL;
    if (b) {
        atomic_fetch_add(&b->owners, 1);
    }
    if (turn && db_end(f->db, b != NULL, e) != OK) {
        benign_free(b);
        return NULL;
    }
    return b;
}

static unsigned roles(const struct benign *b, struct sv value)
{
    unsigned bits = 0;
    uint64_t role;
    size_t it = 0;
    uint64_t h = hash64(hash_process_secret(), value);
    while (u64map_find(&b->exact, h, &it, &role)) {
        bits |= (unsigned)role;
    }
    return bits;
}

/* Exact host in any list; ".parent" in a benign list covers what is below it and the name itself. */
static bool covers_host(const struct benign *b, struct sv host)
{
    if (roles(b, host)) {
        return true;
    }
    char dotted[260];
    if (host.n + 1 < sizeof(dotted)) {
        dotted[0] = '.';
        memcpy(dotted + 1, host.p, host.n);
        if (roles(b, sv_from(dotted, host.n + 1)) & BENIGN_ENTRY) {
            return true;
        }
    }
    for (size_t dot = sv_chr(host, '.'); dot != SIZE_MAX;) {
        struct sv suffix = sv_sub(host, dot, SIZE_MAX);
        if (roles(b, suffix) & BENIGN_ENTRY) {
            return true;
        }
        size_t next = sv_chr(sv_sub(suffix, 1, SIZE_MAX), '.');
        dot = next == SIZE_MAX ? SIZE_MAX : dot + 1 + next;
    }
    return false;
}

static bool covers_by_pattern(const struct benign *b, struct sv value)
{
    for (size_t i = 0; i < b->substrings; i++) {
        if (sv_find(value, b->substring[i]) != SIZE_MAX) {
            return true;
        }
    }
    bool found = false;
    if (b->regexes) {
        pcre2_match_data *m = pcre2_match_data_create(1, NULL);
        pcre2_match_context *limits = pcre2_match_context_create(NULL);
        if (m && limits) {
            pcre2_set_match_limit(limits, 10000);
            pcre2_set_depth_limit(limits, 1000);
            for (size_t i = 0; i < b->regexes && !found; i++) {
                found = pcre2_match(b->regex[i], (PCRE2_SPTR)value.p, value.n, 0, 0, m, limits) >= 0;
            }
        }
        pcre2_match_context_free(limits);
        pcre2_match_data_free(m);
    }
    return found;
}

/* A URL that is no more than its host. */
static bool url_is_host(struct sv url, struct sv host)
{
    struct sv key = url_match_key(url);
    return key.n <= host.n + 1;
}

bool benign_covers(const struct benign *b, const struct obs *o)
{
    switch (o->kind) {
    case KIND_IPV4:
    case KIND_IPV6: {
        struct hit hit;
        return matchset_find(b->prefixes, o, &hit, 1) > 0 || (roles(b, o->value) & BENIGN_ENTRY);
    }
    case KIND_DOMAIN: {
        struct sv host = sv_starts(o->value, SV("*.")) ? sv_sub(o->value, 2, SIZE_MAX) : o->value;
        return covers_host(b, host) || covers_by_pattern(b, o->value);
    }
    case KIND_URL: {
        struct sv host = url_host(o->value);
        if (roles(b, o->value) & BENIGN_ENTRY) {
            return true;
        }
        return url_is_host(o->value, host) && covers_host(b, host);
    }
    default:
        return (roles(b, o->value) & BENIGN_ENTRY) != 0 || covers_by_pattern(b, o->value);
    }
}
