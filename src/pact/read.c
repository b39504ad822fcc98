#include "pact/read.h"

#include <stdlib.h>

#define TEXT_MAX 4096
#define WORDS_MAX 256

void read_fail(struct reading *r, const char *key, const char *text)
{
    if (r->rc != OK) {
        return;
    }
    r->rc = err_set(r->e, ERR_VALUE, "%s%s%s: %s", r->path, key[0] && r->path[0] ? "." : "", key, text);
    err_hint(r->e, "docs/agreements.md describes every member");
}

size_t read_enter(struct reading *r, const char *key, size_t index)
{
    size_t was = strlen(r->path);
    snprintf(r->path + was, sizeof(r->path) - was, "%s%s[%zu]", was ? "." : "", key, index);
    return was;
}

void read_leave(struct reading *r, size_t was)
{
    r->path[was] = 0;
}

void read_known(struct reading *r, struct jv object, const char *const *keys)
{
    struct json_it it = json_each(object);
    struct sv key;
    struct jv value;
    if (json_type(object) != JSON_OBJECT) {
        read_fail(r, "", "is no object");
        return;
    }
    while (json_next(&it, &key, &value)) {
        size_t i = 0;
        while (keys[i] && !sv_eq(key, sv_c(keys[i]))) {
            i++;
        }
        if (!keys[i]) {
            char shown[64];
            read_fail(r, sv_show(key, shown, sizeof(shown)), "is no member of this document");
        }
    }
}

struct uuid read_uuid(struct reading *r, struct jv object, const char *key)
{
    struct uuid u = {{0}};
    struct sv text = json_get_str(object, sv_c(key));
    if (!text.p || !uuid_parse(text, &u) || uuid_nil(u)) {
        read_fail(r, key, "must be a UUID, and not the nil one");
    }
    return u;
}

int read_word(struct reading *r, struct jv object, const char *key, int max, const char *(*name)(int))
{
    struct sv text = json_get_str(object, sv_c(key));
    for (int i = 0; i < max; i++) {
        if (text.p && sv_eq(text, sv_c(name(i)))) {
            return i;
        }
    }
    read_fail(r, key, text.p ? "is not in its closed list" : "is missing");
    return 0;
}

int64_t read_number(struct reading *r, struct jv object, const char *key, int64_t least, int64_t most)
{
    int64_t v = least;
    if (!json_i64(json_get(object, sv_c(key)), &v) || v < least || v > most) {
        read_fail(r, key, "must be a whole number in its range");
        return least;
    }
    return v;
}

bool read_bool(struct reading *r, struct jv object, const char *key)
{
    bool v = false;
    if (!json_bool(json_get(object, sv_c(key)), &v)) {
        read_fail(r, key, "must be true or false");
    }
    return v;
}

usec read_time(struct reading *r, struct jv object, const char *key)
{
    struct sv text = json_get_str(object, sv_c(key));
    const struct time_opts o = {.fallback = NULL};
    struct err ignored = ERR_NONE;
    usec at = USEC_NONE;
    if (!text.p || time_parse(text, &o, &at, &ignored) != OK) {
        read_fail(r, key, "must be a time with its zone");
    }
    return at;
}

static struct sv keep(struct reading *r, struct sv text)
{
    struct sv copy = arena_sv(r->a, text);
    if (text.n && !copy.p && r->rc == OK) {
        r->rc = err_set(r->e, ERR_MEMORY, "no memory to read the agreement");
    }
    return copy;
}

void read_texts(struct reading *r, struct jv object, const char *key, struct sv ret[LANGUAGE_MAX])
{
    struct jv texts = json_get(object, sv_c(key));
    const char *const keys[] = {language_name(LANGUAGE_EN), language_name(LANGUAGE_JA),
                                language_name(LANGUAGE_ZH), NULL};
    if (json_type(texts) != JSON_OBJECT) {
        read_fail(r, key, "must give its text in en, ja and zh-Hant");
        return;
    }
    read_known(r, texts, keys);
    for (int l = 0; l < LANGUAGE_MAX; l++) {
        ret[l] = json_get_str(texts, sv_c(keys[l]));
        if (!sv_trim(ret[l]).n || ret[l].n > TEXT_MAX) {
            read_fail(r, key, "must give its text in en, ja and zh-Hant, of at most 4096 bytes each");
            return;
        }
        ret[l] = keep(r, ret[l]);
    }
}

struct jv read_array(struct reading *r, struct jv object, const char *key, size_t least, size_t most,
                     size_t *ret_n)
{
    struct jv list = json_get(object, sv_c(key));
    *ret_n = json_count(list);
    if (json_type(list) != JSON_ARRAY || *ret_n < least || *ret_n > most) {
        read_fail(r, key,
                  least ? "must be a list, and not an empty one: empty would mean nobody or nothing"
                        : "must be a list");
        *ret_n = 0;
    }
    return list;
}

static bool takes(const struct word_list *l, struct sv word, size_t of, bool (*known)(struct sv word))
{
    for (size_t i = 0; i < l->n; i++) {
        if (sv_eq(l->v[i], word)) {
            return false;
        }
    }
    return (sv_eq(word, SV("*")) && of == 1) || (word.n && word.n < 128 && known(word));
}

struct word_list read_words(struct reading *r, struct jv object, const char *key, bool may_be_empty,
                            bool (*known)(struct sv word))
{
    struct word_list l = {0};
    size_t n;
    struct jv list = read_array(r, object, key, may_be_empty ? 0 : 1, WORDS_MAX, &n);
    struct sv *words = n ? arena_calloc(r->a, n, sizeof(*words)) : NULL;
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv value;
    l.v = words;
    while (words && r->rc == OK && l.n < n && json_next(&it, &unused, &value)) {
        struct sv word = json_str(value);
        if (!word.p || !takes(&l, word, n, known)) {
            read_fail(r, key, "holds a word that is unknown, doubled, or \"*\" among others");
            break;
        }
        words[l.n++] = keep(r, word);
    }
    if (n && !words) {
        r->rc = err_set(r->e, ERR_MEMORY, "no memory to read the agreement");
    }
    return l;
}
