#include "fuse/answer.h"

#include "fuse/pattern_watch.h"

void write_time(struct jw *w, const char *key, usec t)
{
    char text[32];
    if (t == USEC_NONE) {
        jw_key(w, key);
        jw_null(w);
        return;
    }
    time_text(t, text);
    jw_kstr(w, key, sv_c(text));
}

void write_words(struct jw *w, const char *key, struct sv words)
{
    struct sv word = SV("");
    jw_key(w, key);
    jw_arr(w);
    while (words.n && sv_cut(&words, ' ', &word)) {
        if (word.n) {
            jw_str(w, word);
        }
    }
    jw_end_arr(w);
}

void claim_stix_id(const struct answer_claim *c, enum kind kind, struct sv value, char ret[64])
{
    if (sv_starts(c->ref, SV("indicator--")) && c->ref.n < 64) {
        sv_copy(c->ref, ret, 64);
        return;
    }
    stix_claim_id(c->source_name, kind, value, ret);
}

/* ---- reading the visible claims
 * ----------------------------------------------------------------------------------------- */

static struct sv keep(struct arena *a, struct sv s)
{
    return s.n ? arena_sv(a, s) : SV("");
}

static void read_claim(struct stmt *s, struct arena *a, struct answer_claim *c)
{
    *c = (struct answer_claim){
        .source = col_int(s, 0),
        .flags = (unsigned)col_int(s, 1),
        .tlp = (enum tlp)col_int(s, 2),
        .created = col_time(s, 3),
        .modified = col_time(s, 4),
        .valid_from = col_time(s, 5),
        .valid_until = col_time(s, 6),
        .first = col_time(s, 7),
        .last = col_time(s, 8),
        .confidence = (int)col_int(s, 9),
        .labels = keep(a, col_text(s, 10)),
        .ref = keep(a, col_text(s, 11)),
        .note = keep(a, col_text(s, 12)),
        .meta = keep(a, col_text(s, 13)),
        .accepted = col_time(s, 14),
        .source_name = keep(a, col_text(s, 15)),
        .upstream = keep(a, col_text(s, 16)),
        .exercise = col_int(s, 18) != 0,
    };
    const struct claim_times times = {.valid_until = c->valid_until,
                                      .last = c->last,
                                      .modified = c->modified,
                                      .created = c->created,
                                      .valid_from = c->valid_from};
    c->end = claim_end(&times, col_int(s, 21));
    struct sv grade = col_text(s, 17);
    c->reliability = grade.n ? grade.p[0] : 'F';
}

static const char SELECT[] =
    "SELECT c.source, c.flags, c.tlp, c.created, c.modified, c.valid_from, c.valid_until, c.first_seen, "
    "c.last_seen, c.confidence, c.labels, c.ref,"
    " c.note, c.meta, c.accepted, s.name, s.upstream, s.reliability, s.exercise, c.kind, c.value, s.expiry"
    " FROM claim c JOIN source s ON s.id = c.source WHERE c.h = ? ORDER BY c.id";

static int read_visible(struct fuse *f, const struct pact_view *view, struct arena *a, struct answer *r,
                        struct err *e)
{
    struct stmt *s = db_query(f->db, SELECT, e);
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(f, r->kind, r->value));
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        bool same = col_int(s, 19) == (int64_t)r->kind && sv_eq(col_text(s, 20), r->value);
        if (!same || !pact_sees(view, col_int(s, 0), (enum tlp)col_int(s, 2))) {
            continue;
        }
        if (r->n == ANSWER_CLAIMS) {
            r->more++;
            continue;
        }
        read_claim(s, a, &r->claim[r->n++]);
    }
    db_done(s);
    return rc;
}

/* ---- fusing
 * ----------------------------------------------------------------------------------------------------------------
 */

static usec last_time(const struct answer_claim *c)
{
    return c->last != USEC_NONE         ? c->last
           : c->modified != USEC_NONE   ? c->modified
           : c->created != USEC_NONE    ? c->created
           : c->valid_from != USEC_NONE ? c->valid_from
                                        : c->accepted;
}

static usec first_time(const struct answer_claim *c)
{
    return c->first != USEC_NONE        ? c->first
           : c->created != USEC_NONE    ? c->created
           : c->valid_from != USEC_NONE ? c->valid_from
                                        : c->accepted;
}

/* It states the value as bad, is not taken back and has not run out. */
static bool in_force(const struct answer_claim *c, usec now)
{
    return !(c->flags & (CLAIM_CONTEXT | CLAIM_REVOKED)) && c->end >= now;
}

static struct sv upstream_of(const struct answer_claim *c)
{
    return c->upstream.n ? c->upstream : c->source_name;
}

/* Two sources that copy the same upstream are one witness: the stronger term of each upstream takes part. */
static double confidence_of(const struct answer *r, usec now)
{
    double terms[ANSWER_CLAIMS];
    struct sv upstream[ANSWER_CLAIMS];
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct answer_claim *c = &r->claim[i];
        size_t k = 0;
        if (!in_force(c, now)) {
            continue;
        }
        while (k < n && !sv_eq(upstream[k], upstream_of(c))) {
            k++;
        }
        if (k == n) {
            upstream[n] = upstream_of(c);
            terms[n++] = c->term;
        } else if (c->term > terms[k]) {
            terms[k] = c->term;
        }
    }
    return fuse_noisy_or(terms, n);
}

static int union_labels(struct answer *r, struct arena *a, struct err *e)
{
    struct map seen;
    struct buf out;
    map_init(&seen, 4096, 1 << 20);
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < r->n; i++) {
        struct sv words = r->claim[i].labels, word;
        while (words.n && sv_cut(&words, ' ', &word)) {
            bool first = false;
            if (word.n && map_put(&seen, word, &first) && first) {
                buf_add(&out, out.n ? SV(" ") : SV(""));
                buf_add(&out, word);
            }
        }
    }
    r->labels = out.n ? arena_sv(a, buf_sv(&out)) : SV("");
    bool ok = r->labels.p != NULL;
    map_clear(&seen);
    buf_clear(&out);
    return ok ? OK : err_set(e, ERR_MEMORY, "no memory for an answer");
}

static void sum_up(struct answer *r, usec now)
{
    usec earliest = INT64_MAX;
    for (size_t i = 0; i < r->n; i++) {
        struct answer_claim *c = &r->claim[i];
        c->term = fuse_term(c->reliability, c->confidence, r->kind, last_time(c), now);
        usec first = first_time(c), last = last_time(c);
        r->first = r->first == USEC_NONE || first < r->first ? first : r->first;
        r->last = last > r->last ? last : r->last;
        if (first < earliest) {
            earliest = first;
            r->first_source = c->source_name;
        }
        if (c->valid_from != USEC_NONE && (r->valid_from == USEC_NONE || c->valid_from < r->valid_from)) {
            r->valid_from = c->valid_from;
        }
        r->valid_until = c->valid_until > r->valid_until ? c->valid_until : r->valid_until;
        r->tlp = c->tlp > r->tlp ? c->tlp : r->tlp;
        r->exercise |= c->exercise;
        r->active |= in_force(c, now);
    }
    r->confidence = confidence_of(r, now);
}

void answer_start(struct answer *ret, enum kind kind, struct sv value)
{
    ret->kind = kind;
    ret->value = value;
    ret->n = ret->more = 0;
    ret->confidence = 0;
    ret->claim[0] = (struct answer_claim){0};
    ret->first = ret->last = ret->valid_from = ret->valid_until = USEC_NONE;
    ret->tlp = TLP_CLEAR;
    ret->exercise = ret->active = false;
    ret->first_source = ret->labels = SV("");
}

int answer_sum(struct answer *r, usec now, struct arena *a, struct err *e)
{
    sum_up(r, now);
    return union_labels(r, a, e);
}

int answer_fuse(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value, usec now,
                struct arena *a, struct answer *ret, struct err *e)
{
    answer_start(ret, kind, value);
    int rc = read_visible(f, view, a, ret, e);
    if (rc != OK || ret->n == 0) {
        return rc;
    }
    rc = answer_sum(ret, now, a, e);
    return rc == OK ? 1 : rc;
}

/* ---- writing
 * ----------------------------------------------------------------------------------------------------------------
 */

static double rounded(double x)
{
    return (double)(long)(x * 1000.0 + 0.5) / 1000.0;
}

static void write_claim(const struct answer *r, const struct answer_claim *c, struct jw *w)
{
    char id[64], grade[2] = {c->reliability, 0};
    claim_stix_id(c, r->kind, r->value, id);
    jw_obj(w);
    jw_kstr(w, "id", sv_c(id));
    jw_kstr(w, "source", c->source_name);
    jw_kstr(w, "reliability", sv_c(grade));
    jw_key(w, "confidence");
    c->confidence < 0 ? jw_null(w) : jw_int(w, c->confidence);
    jw_key(w, "term");
    jw_double(w, rounded(c->term));
    jw_kstr(w, "tlp", sv_c(tlp_name(c->tlp)));
    jw_kbool(w, "context", c->flags & CLAIM_CONTEXT);
    jw_kbool(w, "revoked", c->flags & CLAIM_REVOKED);
    write_time(w, "first", c->first);
    write_time(w, "last", c->last);
    write_time(w, "created", c->created);
    write_time(w, "modified", c->modified);
    write_time(w, "valid_from", c->valid_from);
    write_time(w, "valid_until", c->valid_until);
    write_time(w, "expires", c->end == INT64_MAX ? USEC_NONE : c->end);
    write_time(w, "accepted", c->accepted);
    write_words(w, "labels", c->labels);
    jw_kstr(w, "ref", c->ref.n ? c->ref : SV_NONE);
    jw_kstr(w, "note", c->note.n ? c->note : SV_NONE);
    if (c->meta.n) {
        jw_key(w, "meta");
        jw_raw(w, c->meta);
    }
    jw_end_obj(w);
}

static void write_sources(const struct answer *r, struct jw *w)
{
    jw_key(w, "sources");
    jw_arr(w);
    for (size_t i = 0; i < r->n; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) {
            seen = r->claim[k].source == r->claim[i].source;
        }
        if (!seen) {
            jw_str(w, r->claim[i].source_name);
        }
    }
    jw_end_arr(w);
}

static void write_answer(const struct answer *r, const char *how, bool with_claims, struct jw *w)
{
    char id[64];
    claim_stix_id(&r->claim[0], r->kind, r->value, id);
    jw_obj(w);
    jw_kstr(w, "id", sv_c(id));
    jw_kstr(w, "value", r->value);
    jw_kstr(w, "kind", sv_c(kind_name(r->kind)));
    jw_kstr(w, "how", sv_c(how));
    write_sources(r, w);
    jw_key(w, "confidence");
    jw_double(w, rounded(r->confidence));
    write_words(w, "labels", r->labels);
    if (!with_claims) {
        write_time(w, "valid_from", r->valid_from);
        jw_kbool(w, "exercise", r->exercise);
        jw_end_obj(w);
        return;
    }
    jw_kbool(w, "active", r->active);
    jw_kbool(w, "exercise", r->exercise);
    jw_kstr(w, "tlp", sv_c(tlp_name(r->tlp)));
    write_time(w, "first", r->first);
    jw_kstr(w, "first_source", r->first_source);
    write_time(w, "last", r->last);
    write_time(w, "valid_from", r->valid_from);
    write_time(w, "valid_until", r->valid_until);
    jw_key(w, "claims");
    jw_arr(w);
    for (size_t i = 0; i < r->n; i++) {
        write_claim(r, &r->claim[i], w);
    }
    jw_end_arr(w);
    if (r->more) {
        jw_kint(w, "more_claims", (int64_t)r->more);
    }
    jw_end_obj(w);
}

void answer_write(const struct answer *r, enum match_how how, bool with_claims, struct jw *w)
{
    write_answer(r, match_how_name(how), with_claims, w);
}

void answer_write_as(const struct answer *r, const char *how, struct jw *w)
{
    write_answer(r, how, true, w);
}

bool fuse_sees(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value)
{
    if (kind == KIND_NONE) {
        return pattern_sees(f, view, value);
    }
    struct stmt *s = db_query(f->db, "SELECT source, tlp, kind, value FROM claim WHERE h = ?", NULL);
    bool sees = false;
    if (s) {
        db_int(s, value_hash(f, kind, value));
        while (!sees && db_step(s, NULL) == 1) {
            sees = col_int(s, 2) == (int64_t)kind && sv_eq(col_text(s, 3), value) &&
                   pact_sees(view, col_int(s, 0), (enum tlp)col_int(s, 1));
        }
        db_done(s);
    }
    return sees;
}

bool fuse_indicator(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value, usec now,
                    struct jw *w, usec *ret_valid_from)
{
    struct arena a;
    struct answer r;
    if (kind == KIND_NONE) {
        return pattern_indicator(f, view, value, w, ret_valid_from);
    }
    arena_init(&a, 4u << 20);
    struct err ignored = ERR_NONE;
    bool found = answer_fuse(f, view, kind, value, now, &a, &r, &ignored) == 1;
    if (found) {
        answer_write(&r, MATCH_EXACT, false, w);
        *ret_valid_from = r.valid_from;
    }
    arena_clear(&a);
    return found;
}
