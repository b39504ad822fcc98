/* What people read about a schema: ranges, the commented file, the reference table. */
#include "base/conf_private.h"

const struct conf_unit conf_size_units[] = {
    {'k', 1 << 10}, {'m', 1 << 20}, {'g', 1 << 30}, {'t', (int64_t)1 << 40}, {0, 0}};
const struct conf_unit conf_time_units[] = {{'s', 1},     {'m', 60},     {'h', 3600},
                                            {'d', 86400}, {'w', 604800}, {0, 0}};

static const char *const type_words[] = {
    [CONF_TEXT] = "text", [CONF_INT] = "number",       [CONF_BOOL] = "yes or no",
    [CONF_SIZE] = "size", [CONF_SECONDS] = "duration",
};

bool conf_has_range(const struct conf_item *item)
{
    return item->type != CONF_TEXT && item->type != CONF_BOOL && (item->min != 0 || item->max != 0);
}

/* A number in the largest unit that divides it. */
static void show_number(const struct conf_item *item, int64_t v, char *dst, size_t cap)
{
    const struct conf_unit *best = NULL;
    const struct conf_unit *units = item->type == CONF_SIZE      ? conf_size_units
                                    : item->type == CONF_SECONDS ? conf_time_units
                                                                 : NULL;
    for (const struct conf_unit *u = units; u && u->letter && v; u++)
        if (v % u->factor == 0)
            best = u;
    char letter[2] = {best ? best->letter : '\0', '\0'};
    if (best && item->type == CONF_SIZE && letter[0] != 'k')
        letter[0] = (char)(letter[0] & ~0x20);
    (void)snprintf(dst, cap, "%lld%s", (long long)(best ? v / best->factor : v), letter);
}

void conf_show_range(const struct conf_item *item, char *dst, size_t cap)
{
    char low[32], high[32];
    show_number(item, item->min, low, sizeof(low));
    show_number(item, item->max, high, sizeof(high));
    if (item->max == INT64_MAX)
        (void)snprintf(dst, cap, "at least %s", low);
    else
        (void)snprintf(dst, cap, "%s to %s", low, high);
}

void conf_write_template(const struct conf_item *schema, struct buf *out)
{
    for (const struct conf_item *item = schema; item->name; item++) {
        char range[80] = "";
        buf_printf(out, "%s# %s\n", item == schema ? "" : "\n", item->text);
        if (conf_has_range(item)) {
            conf_show_range(item, range, sizeof(range));
            buf_printf(out, "# A %s: %s.\n", type_words[item->type], range);
        }
        buf_printf(out, "#%s = %s\n", item->name, item->fallback ? item->fallback : "");
    }
}

/* Text inside a table cell: a bar would end it. */
static void add_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
}

void conf_write_markdown(const struct conf_item *schema, struct buf *out)
{
    buf_add(out, SV("| name | kind | allowed | default | what it does |\n| --- | --- | --- | --- | --- |\n"));
    for (const struct conf_item *item = schema; item->name; item++) {
        char range[80] = "";
        if (conf_has_range(item))
            conf_show_range(item, range, sizeof(range));
        bool empty = !item->fallback || !*item->fallback;
        buf_printf(out, "| `%s` | %s | %s | ", item->name, type_words[item->type], range);
        buf_add(out, empty ? SV("") : SV("`"));
        add_cell(out, empty ? "" : item->fallback);
        buf_add(out, empty ? SV(" | ") : SV("` | "));
        add_cell(out, item->text);
        buf_add(out, SV(" |\n"));
    }
}
