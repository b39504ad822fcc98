/* Merkle trees of RFC 6962 2.1 (= RFC 9162 2.1), as compact ranges. */
#include "ledger/private.h"

void merkle_append_full(struct merkle *m, unsigned height, const struct sha256 *hash, merkle_full_fn full,
                        void *ctx)
{
    uint64_t index = m->size >> height;
    unsigned top = (unsigned)__builtin_popcountll(m->size);
    struct sha256 h = *hash;

    if (full)
        full(ctx, height, index, &h);
    m->size += (uint64_t)1 << height;
    while (index & 1) {
        h = sha256_node(&m->stack[--top], &h);
        height++;
        index >>= 1;
        if (full)
            full(ctx, height, index, &h);
    }
    m->stack[top] = h;
}

void merkle_append(struct merkle *m, const struct sha256 *leaf_hash)
{
    merkle_append_full(m, 0, leaf_hash, NULL, NULL);
}

struct sha256 merkle_root(const struct merkle *m)
{
    unsigned top = (unsigned)__builtin_popcountll(m->size);
    struct sha256 h;

    if (top == 0)
        return sha256_of(SV(""));
    h = m->stack[--top];
    while (top > 0)
        h = sha256_node(&m->stack[--top], &h);
    return h;
}

static bool same(const struct sha256 *a, const struct sha256 *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Both checks go up the tree together: `fn` is the node's index on its level, `sn` that of the last node. */
static void climb(uint64_t *fn, uint64_t *sn)
{
    if (!(*fn & 1)) {
        do {
            *fn >>= 1;
            *sn >>= 1;
        } while (!(*fn & 1) && *fn != 0);
    }
}

bool merkle_check_inclusion(uint64_t index, uint64_t size, const struct sha256 *leaf,
                            const struct sha256 *proof, size_t n, const struct sha256 *root)
{
    uint64_t fn = index, sn = size - 1;
    struct sha256 r = *leaf;

    if (index >= size)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            r = sha256_node(&proof[i], &r);
            climb(&fn, &sn);
        } else {
            r = sha256_node(&r, &proof[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(&r, root);
}

/* The general case of RFC 9162 2.1.4.2: 0 < m < n, proof not empty. */
static bool check_growth(uint64_t m, uint64_t n, const struct sha256 *root_m, const struct sha256 *root_n,
                         const struct sha256 *proof, size_t count)
{
    bool whole = (m & (m - 1)) == 0; /* then the old root is the first element, and left out */
    size_t i = whole ? 0 : 1;
    struct sha256 fr = whole ? *root_m : proof[0], sr = fr;
    uint64_t fn = m - 1, sn = n - 1;

    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    for (; i < count; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            fr = sha256_node(&proof[i], &fr);
            sr = sha256_node(&proof[i], &sr);
            climb(&fn, &sn);
        } else {
            sr = sha256_node(&sr, &proof[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(&fr, root_m) && same(&sr, root_n);
}

bool merkle_check_consistency(uint64_t m, uint64_t n, const struct sha256 *root_m,
                              const struct sha256 *root_n, const struct sha256 *proof, size_t count)
{
    if (m > n)
        return false;
    if (m == 0)
        return count == 0; /* every tree grew from the empty one */
    if (m == n)
        return count == 0 && same(root_m, root_n);
    return count > 0 && check_growth(m, n, root_m, root_n, proof, count);
}

/* Largest power of two smaller than n, n > 1. */
static uint64_t split_of(uint64_t n)
{
    return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

struct prover {
    merkle_range_fn range;
    void *ctx;
    struct sha256 *proof;
    size_t n;
    bool failed;
};

static void add_range(struct prover *p, uint64_t begin, uint64_t end)
{
    if (!p->failed && !p->range(p->ctx, begin, end, &p->proof[p->n]))
        p->failed = true;
    p->n++;
}

/* PATH(m, D[begin:end]) of RFC 6962 2.1.1. */
static void path(struct prover *p, uint64_t m, uint64_t begin, uint64_t end)
{
    uint64_t k;

    if (end - begin <= 1)
        return;
    k = split_of(end - begin);
    if (m < k) {
        path(p, m, begin, begin + k);
        add_range(p, begin + k, end);
    } else {
        path(p, m - k, begin + k, end);
        add_range(p, begin, begin + k);
    }
}

/* SUBPROOF(m, D[begin:end], b) of RFC 6962 2.1.2. */
static void subproof(struct prover *p, uint64_t m, uint64_t begin, uint64_t end, bool known)
{
    uint64_t n = end - begin, k;

    if (m == n) {
        if (!known)
            add_range(p, begin, end);
        return;
    }
    k = split_of(n);
    if (m <= k) {
        subproof(p, m, begin, begin + k, known);
        add_range(p, begin + k, end);
    } else {
        subproof(p, m - k, begin + k, end, false);
        add_range(p, begin, begin + k);
    }
}

struct leaves {
    merkle_leaf_fn leaf;
    void *ctx;
};

static bool range_of_leaves(void *ctx, uint64_t begin, uint64_t end, struct sha256 *ret)
{
    const struct leaves *l = ctx;
    struct merkle m = {0};

    for (uint64_t i = begin; i < end; i++) {
        struct sha256 h = l->leaf(l->ctx, i);

        merkle_append(&m, &h);
    }
    *ret = merkle_root(&m);
    return true;
}

size_t merkle_prove_inclusion_ranges(uint64_t index, uint64_t size, merkle_range_fn range, void *ctx,
                                     struct sha256 *proof)
{
    struct prover p = {.range = range, .ctx = ctx, .proof = proof};

    if (index < size)
        path(&p, index, 0, size);
    return p.failed ? SIZE_MAX : p.n;
}

size_t merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_leaf_fn leaf, void *ctx,
                              struct sha256 *proof)
{
    struct leaves l = {leaf, ctx};

    return merkle_prove_inclusion_ranges(index, size, range_of_leaves, &l, proof);
}

size_t merkle_prove_consistency_ranges(uint64_t m, uint64_t n, merkle_range_fn range, void *ctx,
                                       struct sha256 *proof)
{
    struct prover p = {.range = range, .ctx = ctx, .proof = proof};

    if (m > 0 && m < n)
        subproof(&p, m, 0, n, true);
    return p.failed ? SIZE_MAX : p.n;
}

size_t merkle_prove_consistency(uint64_t m, uint64_t n, merkle_leaf_fn leaf, void *ctx, struct sha256 *proof)
{
    struct leaves l = {leaf, ctx};

    return merkle_prove_consistency_ranges(m, n, range_of_leaves, &l, proof);
}
