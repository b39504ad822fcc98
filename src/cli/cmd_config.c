#include "cli/cli.h"

static void write_json(struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_arr(&w);
    for (const struct conf_item *i = node_schema; i->name; i++) {
        jw_obj(&w);
        jw_kstr(&w, "name", sv_c(i->name));
        jw_kstr(&w, "default", sv_c(i->fallback));
        jw_kstr(&w, "text", sv_c(i->text));
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    buf_addc(out, '\n');
}

static int run(struct cmd *c)
{
    bool markdown = false;
    const struct opt opts[] = {{"--markdown", NULL, &markdown}, {0}};
    if (!opts_take(c, &cmd_config, opts)) {
        return EXIT_USAGE;
    }
    struct buf b;
    buf_init(&b, 1 << 20);
    if (markdown) {
        buf_add(&b, SV("# Configuration\n\nLines `name = value` in `noroshi.conf` of the home; `#` begins a "
                       "comment. Made by `noroshi config --markdown`.\n\n"));
        conf_write_markdown(node_schema, &b);
    } else if (c->json) {
        write_json(&b);
    } else {
        conf_write_template(node_schema, &b);
    }
    fwrite(b.p, 1, b.n, c->out);
    buf_clear(&b);
    return EXIT_DONE;
}

const struct command cmd_config = {"config", "the settings: names, defaults, ranges",
                                   "usage: noroshi config [--markdown | --json]\n\n"
                                   "Prints a commented noroshi.conf with every setting and its default, or "
                                   "the same as the page docs/configuration.md.\n\n"
                                   "exit codes: 0 done, 2 wrong use\n",
                                   NEEDS_NOTHING, run};
