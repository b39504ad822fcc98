#include "stix/upgrade.h"

#include "stix/pattern_lex.h"
#include "stix/private.h"

struct rewriter {
    struct lexer lex;
    struct buf out;
    size_t copied; /* bytes of the pattern that are in `out` */
    enum token_type before[2];
    struct sv name_before;
};

static void copy_up_to(struct rewriter *r, size_t at)
{
    buf_add(&r->out, sv_sub(r->lex.text, r->copied, at - r->copied));
    r->copied = at;
}

/* hashes.md5, hashes.'SHA256' */
static void fix_hash(struct rewriter *r, const struct token *t)
{
    struct sv name = t->type == TOK_NAME ? t->text : t->literal.bytes;
    struct sv right = hash_name_21(name);
    if (sv_eq(name, right))
        return;
    copy_up_to(r, t->offset);
    bool quotes = sv_chr(right, '-') != SIZE_MAX;
    buf_add(&r->out, quotes ? SV("'") : SV(""));
    buf_add(&r->out, right);
    buf_add(&r->out, quotes ? SV("'") : SV(""));
    r->copied = r->lex.at;
}

static void rewrite_token(struct rewriter *r, const struct token *t)
{
    bool string = t->type == TOK_LITERAL && t->literal.type == LIT_STRING;
    bool after_hashes =
        r->before[0] == TOK_DOT && r->before[1] == TOK_NAME && sv_eq(r->name_before, SV("hashes"));
    if (after_hashes && (string || t->type == TOK_NAME))
        fix_hash(r, t);
    /* 2.0 let START and STOP take plain strings. */
    if (string && (r->before[0] == TOK_START || r->before[0] == TOK_STOP)) {
        copy_up_to(r, t->offset);
        buf_addc(&r->out, 't');
    }
    r->before[1] = r->before[0];
    r->before[0] = t->type;
    if (t->type == TOK_NAME)
        r->name_before = t->text;
}

struct sv pattern_21(struct arena *a, struct sv pattern)
{
    struct rewriter r = {.lex = {.text = pattern, .a = a}};
    struct err e;
    struct token t;
    struct sv ret = pattern;
    if (pattern.n > PATTERN_MAX_BYTES)
        return pattern;
    buf_init(&r.out, 4u * PATTERN_MAX_BYTES);
    int rc;
    while ((rc = lex_next(&r.lex, &t, &e)) == OK && t.type != TOK_END)
        rewrite_token(&r, &t);
    if (rc == OK && r.out.n) {
        copy_up_to(&r, pattern.n);
        ret = arena_sv(a, buf_sv(&r.out));
    }
    bool failed = r.out.failed || !ret.p;
    buf_clear(&r.out);
    return failed ? pattern : ret;
}
