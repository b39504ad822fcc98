#include "base/conf_private.h"

#include <assert.h>
#include <stdlib.h>

#define TEXT_MOST ((size_t)4096)
#define NAME_MOST 64

struct conf_value {
    char *text; /* owned */
    int64_t number;
    uint64_t line; /* where the file being read set it; 0 = not yet */
};

struct conf {
    const struct conf_item *schema;
    size_t count;
    struct conf_value values[];
};

static bool read_units(struct sv s, const struct conf_unit *units, int64_t *ret)
{
    int64_t factor = 1;
    for (; s.n && units->letter; units++) {
        if ((s.p[s.n - 1] | 0x20) != units->letter)
            continue;
        factor = units->factor;
        s.n--;
        break;
    }
    int64_t v;
    return sv_i64(s, &v) && !__builtin_mul_overflow(v, factor, ret);
}

static bool read_bool(struct sv s, int64_t *ret)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (sv_ieq(s, sv_c(words[i]))) {
            *ret = (int64_t)(i % 2);
            return true;
        }
    }
    return false;
}

static bool is_printable(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return sv_utf8(s);
}

static bool read_value(const struct conf_item *item, struct sv s, int64_t *ret)
{
    switch (item->type) {
    case CONF_TEXT:
        *ret = 0;
        return s.n <= TEXT_MOST && is_printable(s);
    case CONF_INT:
        return sv_i64(s, ret);
    case CONF_BOOL:
        return read_bool(s, ret);
    case CONF_SIZE:
        return read_units(s, conf_size_units, ret);
    case CONF_SECONDS:
        return read_units(s, conf_time_units, ret);
    }
    return false;
}

/* Edit distance (Levenshtein) of two short names. */
static size_t distance(struct sv a, struct sv b)
{
    size_t row[NAME_MOST + 1];
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t above = row[j], best = diagonal + (a.p[i - 1] != b.p[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    return row[b.n];
}

static int unknown_name(const struct conf *c, struct sv name, struct err *e)
{
    char shown[NAME_MOST + 1];
    err_set(e, ERR_NOT_FOUND, "there is no setting called \"%s\"", sv_show(name, shown, sizeof(shown)));
    const char *nearest = NULL;
    size_t least = 4;
    for (size_t i = 0; i < c->count && name.n && name.n <= NAME_MOST; i++) {
        struct sv known = sv_c(c->schema[i].name);
        size_t d = known.n <= NAME_MOST ? distance(name, known) : least;
        if (d < least) {
            least = d;
            nearest = c->schema[i].name;
        }
    }
    if (nearest)
        err_hint(e, "did you mean \"%s\"?", nearest);
    else
        err_hint(e, "see the configuration reference for the names");
    return ERR_NOT_FOUND;
}

static size_t index_of(const struct conf *c, struct sv name)
{
    for (size_t i = 0; i < c->count; i++)
        if (sv_eq(sv_c(c->schema[i].name), name))
            return i;
    return SIZE_MAX;
}

static int refuse_value(const struct conf_item *item, struct sv value, struct err *e)
{
    char shown[64];
    static const char *const forms[] = {
        [CONF_TEXT] = "UTF-8 text of at most 4096 bytes on one line",
        [CONF_INT] = "a whole number",
        [CONF_BOOL] = "yes or no",
        [CONF_SIZE] = "a number of bytes such as 64k, 4M or 1G",
        [CONF_SECONDS] = "a duration such as 30s, 5m, 12h or 30d",
    };
    err_set(e, ERR_SYNTAX, "%s cannot be \"%s\"", item->name, sv_show(value, shown, sizeof(shown)));
    err_hint(e, "write %s", forms[item->type]);
    return ERR_SYNTAX;
}

static int set_at(struct conf *c, size_t i, struct sv value, struct err *e)
{
    const struct conf_item *item = &c->schema[i];
    int64_t number;
    if (!read_value(item, value, &number))
        return refuse_value(item, value, e);
    if (conf_has_range(item) && (number < item->min || number > item->max)) {
        char range[80], shown[64];
        conf_show_range(item, range, sizeof(range));
        err_set(e, ERR_VALUE, "%s is out of range: \"%s\"", item->name, sv_show(value, shown, sizeof(shown)));
        err_hint(e, "allowed: %s", range);
        return ERR_VALUE;
    }
    char *copy = strndup(value.n ? value.p : "", value.n);
    if (!copy)
        return err_set(e, ERR_MEMORY, "no memory for the configuration");
    free(c->values[i].text);
    c->values[i].text = copy;
    c->values[i].number = number;
    return OK;
}

struct conf *conf_new(const struct conf_item *schema)
{
    size_t count = 0;
    while (schema[count].name)
        count++;
    struct conf *c = calloc(1, sizeof(*c) + count * sizeof(c->values[0]));
    if (!c)
        return NULL;
    c->schema = schema;
    c->count = count;
    for (size_t i = 0; i < count; i++) {
        int rc = set_at(c, i, sv_c(schema[i].fallback), NULL);
        assert(rc == OK || rc == ERR_MEMORY);
        if (rc != OK) {
            conf_free(c);
            return NULL;
        }
    }
    return c;
}

void conf_free(struct conf *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        free(c->values[i].text);
    free(c);
}

int conf_set(struct conf *c, struct sv name, struct sv value, struct err *e)
{
    size_t i = index_of(c, name);
    return i == SIZE_MAX ? unknown_name(c, name, e) : set_at(c, i, value, e);
}

static int read_line(struct conf *c, struct sv line, uint64_t number, struct err *e)
{
    struct sv name, value = line;
    if (sv_chr(line, '=') == SIZE_MAX || !sv_cut(&value, '=', &name)) {
        char shown[64];
        err_set(e, ERR_SYNTAX, "not a setting: \"%s\"", sv_show(line, shown, sizeof(shown)));
        err_hint(e, "write \"name = value\", or begin the line with # to make it a comment");
        return ERR_SYNTAX;
    }
    name = sv_trim(name);
    size_t i = index_of(c, name);
    if (i == SIZE_MAX)
        return unknown_name(c, name, e);
    if (c->values[i].line) {
        err_set(e, ERR_EXISTS, "%s is set twice: first on line %llu", c->schema[i].name,
                (unsigned long long)c->values[i].line);
        err_hint(e, "keep one of the two lines");
        return ERR_EXISTS;
    }
    c->values[i].line = number;
    return set_at(c, i, sv_trim(value), e);
}

int conf_read(struct conf *c, struct sv text, const char *file, struct err *e)
{
    for (size_t i = 0; i < c->count; i++)
        c->values[i].line = 0;
    const char *start = text.p;
    if (sv_starts(text, SV("\xef\xbb\xbf")))
        text = sv_sub(text, 3, SIZE_MAX);
    struct sv line;
    for (uint64_t number = 1; sv_line(&text, &line); number++) {
        uint64_t offset = (uint64_t)(line.p - start);
        line = sv_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        struct err cause = ERR_NONE;
        if (read_line(c, line, number, &cause) != OK) {
            err_at(&cause, file, number, offset);
            if (e)
                *e = cause;
            return cause.code;
        }
    }
    return OK;
}

static const struct conf_value *value_of(const struct conf *c, const char *name)
{
    size_t i = index_of(c, sv_c(name));
    assert(i != SIZE_MAX);
    return &c->values[i];
}

const char *conf_text(const struct conf *c, const char *name)
{
    return value_of(c, name)->text;
}

int64_t conf_int(const struct conf *c, const char *name)
{
    return value_of(c, name)->number;
}

bool conf_bool(const struct conf *c, const char *name)
{
    return value_of(c, name)->number != 0;
}
