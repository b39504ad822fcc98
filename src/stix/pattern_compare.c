#include "stix/pattern_private.h"

/* ---- order and equality (STIX 2.1 section 9.6.1)
 * ------------------------------------------------------------------------------------------ */

static int sign_i(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Exact: a double holds integers beyond 2^53 with gaps, so nothing is rounded to one. */
static int cmp_int_real(int64_t a, double b)
{
    if (b >= 9223372036854775808.0)
        return -1;
    if (b < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)b;
    double rest = b - (double)whole;
    return a != whole ? sign_i(a, whole) : (rest < 0) - (rest > 0);
}

static int cmp_uint_real(uint64_t a, double b)
{
    if (b >= 18446744073709551616.0)
        return -1;
    if (b < 1)
        return b <= 0 && a == 0 ? (b < 0) : 1;
    uint64_t whole = (uint64_t)b;
    double rest = b - (double)whole;
    return a != whole ? (a > whole) - (a < whole) : -(rest > 0);
}

static bool cmp_number(struct jv v, const struct pat_lit *l, int *ret)
{
    int64_t i;
    uint64_t u;
    double d;
    if (json_i64(v, &i))
        *ret = l->type == LIT_INT ? sign_i(i, l->integer) : cmp_int_real(i, l->real);
    else if (json_u64(v, &u))
        *ret = l->type == LIT_INT ? 1 : cmp_uint_real(u, l->real);
    else if (json_f64(v, &d))
        *ret = l->type == LIT_INT ? -cmp_int_real(l->integer, d) : (d > l->real) - (d < l->real);
    else
        return false;
    return true;
}

static int cmp_time(struct jv v, const struct pat_lit *l, bool *ret_comparable, int *ret, struct err *e)
{
    struct sv text = json_str(v);
    char shown[64];
    usec at;
    *ret_comparable = text.p != NULL;
    if (!text.p)
        return OK;
    if (!stix_time(text, true, &at))
        return err_set(e, ERR_VALUE, "\"%s\" is compared with a time and is none",
                       sv_show(text, shown, sizeof(shown)));
    *ret = pat_time_cmp(text, at, l->bytes, l->time);
    return OK;
}

/* Orders a value against a constant; *ret_comparable: their types allow it. */
static int order(const struct pat_value *v, const struct pat_lit *l, bool *ret_comparable, int *ret,
                 struct err *e)
{
    struct sv text = json_str(v->json);
    bool truth = false, binary = l->type == LIT_HEX || l->type == LIT_BASE64;
    *ret_comparable = false;
    *ret = 0;
    if (v->binary) {
        *ret_comparable = binary || (l->type == LIT_STRING && pat_bytes_cmp(v->bytes, l->bytes, ret));
        *ret = binary ? sv_cmp(v->bytes, l->bytes) : *ret;
    } else if (binary) {
        *ret_comparable = text.p && pat_bytes_cmp(l->bytes, text, ret);
        *ret = -*ret;
    } else if (l->type == LIT_TIME) {
        return cmp_time(v->json, l, ret_comparable, ret, e);
    } else if (l->type == LIT_STRING) {
        *ret_comparable = text.p != NULL;
        *ret = text.p ? sv_cmp(text, l->bytes) : 0;
    } else if (l->type == LIT_BOOL) {
        *ret_comparable = json_bool(v->json, &truth);
        *ret = (truth > l->truth) - (truth < l->truth);
    } else {
        *ret_comparable = cmp_number(v->json, l, ret);
    }
    return OK;
}

static int equal(const struct pat_value *v, const struct pat_lit *l, struct err *e)
{
    bool comparable;
    int sign, rc = order(v, l, &comparable, &sign, e);
    return rc < 0 ? rc : comparable && sign == 0;
}

/* What cannot be ordered is neither before nor behind: false with NOT and without. */
static int ordered(const struct pat_node *n, const struct pat_value *v, struct err *e)
{
    bool comparable;
    int sign, rc = order(v, n->literals, &comparable, &sign, e);
    if (rc < 0 || !comparable)
        return rc < 0 ? rc : 0;
    bool holds = n->op == OP_LT   ? sign < 0
                 : n->op == OP_LE ? sign <= 0
                 : n->op == OP_GT ? sign > 0
                                  : sign >= 0;
    return holds != n->negated;
}

static int in_set(struct pat_eval *ev, const struct pat_node *n, const struct pat_value *v, struct err *e)
{
    int rc = 0;
    for (const struct pat_lit *l = n->literals; rc == 0 && l; l = l->next) {
        rc = pat_spend(ev, 1, e);
        rc = rc < 0 ? rc : equal(v, l, e);
    }
    return rc;
}

/* ---- LIKE, MATCHES, ISSUBSET, ISSUPERSET
 * --------------------------------------------------------------------------------------------------- */

static int like(struct pat_eval *ev, const struct compiled *c, const struct pat_value *v, struct err *e)
{
    if (v->binary)
        return c->like_bytes.p ? pat_like(ev, c->like_bytes, v->bytes, true, e) : 0;
    struct sv text = json_str(v->json);
    if (!text.p)
        return 0;
    text = pat_nfc(&ev->decoded, text);
    return text.p ? pat_like(ev, c->like, text, false, e)
                  : err_set(e, ERR_LIMIT, "the values of the observations are too long");
}

static int regex_tools(struct pat_eval *ev, struct err *e)
{
    if (!ev->context) {
        ev->context = pcre2_match_context_create(NULL);
        ev->data = pcre2_match_data_create(1, NULL);
    }
    if (!ev->context || !ev->data)
        return err_set(e, ERR_MEMORY, "no memory for a regular expression");
    pcre2_set_match_limit(ev->context, PATTERN_REGEX_CALLS);
    pcre2_set_depth_limit(ev->context, PATTERN_REGEX_DEPTH);
    pcre2_set_heap_limit(ev->context, PATTERN_REGEX_KIB);
    return OK;
}

static int search(struct pat_eval *ev, const pcre2_code *code, struct sv text, struct err *e)
{
    int rc = regex_tools(ev, e);
    rc = rc == OK ? pat_spend(ev, 50 + text.n, e) : rc;
    if (rc < 0)
        return rc;
    usec start = time_ticks();
    int found = pcre2_match(code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, PCRE2_NO_UTF_CHECK, ev->data,
                            ev->context);
    ev->regex_left -= time_ticks() - start;
    if (found == PCRE2_ERROR_NOMATCH || found >= 0)
        rc = found >= 0;
    else if (found == PCRE2_ERROR_NOMEMORY)
        return err_set(e, ERR_MEMORY, "no memory for a regular expression");
    else
        rc = err_set(e, ERR_LIMIT, "a regular expression takes too many steps on a value of %zu bytes",
                     text.n);
    if (rc >= 0 && ev->regex_left < 0)
        rc = err_set(e, ERR_LIMIT, "the regular expressions of the pattern take too long");
    return rc < 0 ? err_hint(e, "write the expression without repetitions inside of repetitions") : rc;
}

static int matches(struct pat_eval *ev, const struct compiled *c, const struct pat_value *v, struct err *e)
{
    if (v->binary)
        return c->bytes ? search(ev, c->bytes, v->bytes, e) : 0;
    struct sv text = json_str(v->json);
    if (!text.p)
        return 0;
    text = pat_nfc(&ev->decoded, text);
    return text.p ? search(ev, c->text, text, e)
                  : err_set(e, ERR_LIMIT, "the values of the observations are too long");
}

static bool inside(const struct obs *small, const struct obs *large)
{
    unsigned lead = large->kind == KIND_IPV4 ? 96 : 0, bits = lead + large->bits;
    if (small->kind != large->kind || small->bits < large->bits)
        return false;
    if (memcmp(small->ip, large->ip, bits / 8) != 0)
        return false;
    unsigned mask = 0xff00u >> (bits % 8) & 0xff;
    return bits % 8 == 0 || ((small->ip[bits / 8] ^ large->ip[bits / 8]) & mask) == 0;
}

static bool subnet(const struct pat_node *n, const struct compiled *c, const struct pat_value *v)
{
    struct sv text = v->binary ? SV_NONE : json_str(v->json);
    struct obs seen;
    if (!text.p || !ip_read(text, true, &seen))
        return false;
    return n->op == OP_ISSUBSET ? inside(&seen, &c->net) : inside(&c->net, &seen);
}

int pat_compare(struct pat_eval *ev, const struct pat_node *n, const struct pat_value *v, struct err *e)
{
    const struct compiled *c = &ev->p->tests[n->number];
    int rc;
    switch (n->op) {
    case OP_EQ:
    case OP_NE:
        rc = equal(v, n->literals, e);
        rc = rc < 0 || n->op == OP_EQ ? rc : !rc;
        break;
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return ordered(n, v, e);
    case OP_IN:
        rc = in_set(ev, n, v, e);
        break;
    case OP_LIKE:
        rc = like(ev, c, v, e);
        break;
    case OP_MATCHES:
        rc = matches(ev, c, v, e);
        break;
    case OP_ISSUBSET:
    case OP_ISSUPERSET:
        rc = subnet(n, c, v);
        break;
    default: /* EXISTS */
        return 1;
    }
    return rc < 0 ? rc : rc != (int)n->negated;
}
