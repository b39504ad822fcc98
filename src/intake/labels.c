#include "intake/private.h"

#include <stdlib.h>

void labels_init(struct labels *l, struct arena *a)
{
    l->a = a;
    l->n = 0;
    l->dropped = 0;
}

static bool is_space(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f;
}

static char label_char(char c)
{
    if (is_space(c))
        return '-';
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

void labels_add(struct labels *l, struct sv label)
{
    label = sv_trim(label);
    if (label.n == 0)
        return;
    if (l->n == LABELS_MAX) {
        l->dropped++;
        return;
    }
    char *p = arena_alloc(l->a, label.n);
    if (!p) {
        l->dropped++;
        return;
    }
    for (size_t i = 0; i < label.n; i++)
        p[i] = label_char(label.p[i]);
    l->v[l->n++] = sv_from(p, label.n);
}

static bool is_separator(char c)
{
    return is_space(c) || c == ',' || c == ';' || c == '|';
}

void labels_add_words(struct labels *l, struct sv words)
{
    size_t i = 0;
    while (i < words.n) {
        while (i < words.n && is_separator(words.p[i]))
            i++;
        size_t start = i;
        while (i < words.n && !is_separator(words.p[i]))
            i++;
        struct sv word = sv_sub(words, start, i - start);
        while (word.n && word.p[0] == '#')
            word = sv_sub(word, 1, word.n - 1);
        labels_add(l, word);
    }
}

static int compare(const void *a, const void *b)
{
    const struct sv *x = a, *y = b;
    return sv_cmp(*x, *y);
}

struct sv labels_done(struct labels *l)
{
    size_t total = 0, kept = 0;
    if (l->n == 0)
        return SV("");
    qsort(l->v, l->n, sizeof(l->v[0]), compare);
    for (size_t i = 0; i < l->n; i++) {
        if (kept && sv_eq(l->v[i], l->v[kept - 1]))
            continue;
        l->v[kept++] = l->v[i];
        total += l->v[i].n + 1;
    }
    l->n = kept;
    char *p = arena_alloc(l->a, total);
    if (!p) {
        l->dropped += kept;
        return SV("");
    }
    size_t at = 0;
    for (size_t i = 0; i < kept; i++) {
        if (i)
            p[at++] = ' ';
        memcpy(p + at, l->v[i].p, l->v[i].n);
        at += l->v[i].n;
    }
    return sv_from(p, at);
}
