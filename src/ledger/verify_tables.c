/* Row by row: the view tables of the live database against those made from the log alone. */
#include "ledger/private.h"

#define MAX_TABLES 128
#define MAX_COLUMNS 200
#define NAMED_PER_TABLE 100 /* findings of one table that are told; all are counted */

struct pair {
    const char *table;
    struct stmt *live, *made;
    int keys; /* leading columns that order the rows */
    int columns;
    struct findings *f;
    int64_t told;
};

static int type_rank(enum col_type t)
{
    switch (t) {
    case COL_NULL:
        return 0;
    case COL_INT:
    case COL_DOUBLE:
        return 1;
    case COL_TEXT:
        return 2;
    default:
        return 3;
    }
}

/* The order of SQL's ORDER BY for one column: NULL, numbers, text, bytes. */
static int compare_column(struct stmt *a, struct stmt *b, int i)
{
    enum col_type ta = col_type(a, i), tb = col_type(b, i);
    int64_t ia, ib;
    double da, db;

    if (type_rank(ta) != type_rank(tb))
        return type_rank(ta) < type_rank(tb) ? -1 : 1;
    switch (ta) {
    case COL_NULL:
        return 0;
    case COL_TEXT:
        return sv_cmp(col_text(a, i), col_text(b, i));
    case COL_BLOB:
        return sv_cmp(col_blob(a, i), col_blob(b, i));
    default:
        break;
    }
    if (ta == COL_INT && tb == COL_INT) {
        ia = col_int(a, i);
        ib = col_int(b, i);
        return ia < ib ? -1 : ia > ib;
    }
    da = col_double(a, i);
    db = col_double(b, i);
    if (da < db || da > db)
        return da < db ? -1 : 1;
    return ta == tb ? 0 : (ta < tb ? -1 : 1); /* 1 and 1.0 are not the same row */
}

static int compare_keys(const struct pair *p)
{
    int c = 0;

    for (int i = 0; c == 0 && i < p->keys; i++)
        c = compare_column(p->live, p->made, i);
    return c;
}

static void add_value(struct stmt *s, int i, struct buf *out)
{
    char hex[33];
    struct sv v;

    switch (col_type(s, i)) {
    case COL_NULL:
        buf_add(out, SV("NULL"));
        break;
    case COL_INT:
        buf_printf(out, "%lld", (long long)col_int(s, i));
        break;
    case COL_DOUBLE:
        buf_printf(out, "%.17g", col_double(s, i));
        break;
    case COL_TEXT:
        v = sv_sub(col_text(s, i), 0, 60);
        buf_printf(out, "\"%.*s\"", SV_ARG(v));
        break;
    case COL_BLOB:
        v = sv_sub(col_blob(s, i), 0, 16);
        hex_text(v.p, v.n, hex);
        buf_printf(out, "x'%s'", hex);
        break;
    }
}

/* "9" or "3, 1, \"example\"": the row's key, cut to what a line can hold. */
static void row_name(const struct pair *p, struct stmt *s, char *ret, size_t cap)
{
    struct buf b;

    buf_init(&b, 16384);
    for (int i = 0; i < p->keys && i < 6; i++) {
        if (i)
            buf_add(&b, SV(", "));
        add_value(s, i, &b);
    }
    (void)sv_copy(buf_sv(&b), ret, cap);
    buf_clear(&b);
}

static void tell(struct pair *p, struct stmt *row, const char *what)
{
    char name[256];

    if (++p->told > NAMED_PER_TABLE) {
        p->f->count++;
        return;
    }
    row_name(p, row, name, sizeof(name));
    found(p->f, what, "table %s, row %s", p->table, name);
}

static void compare_rest(struct pair *p)
{
    char what[400];
    int n;

    for (int i = p->keys; i < p->columns; i++) {
        if (compare_column(p->live, p->made, i) == 0)
            continue;
        n = snprintf(what, sizeof(what), "column %s is not what the ledger says", db_column_name(p->live, i));
        tell(p, p->live, n > 0 ? what : "it is not what the ledger says");
        return;
    }
}

static int walk(struct pair *p, struct err *e)
{
    int a = db_step(p->live, e);
    int b = a < 0 ? a : db_step(p->made, e);

    while (a >= 0 && b >= 0 && (a || b)) {
        int c = !a ? 1 : !b ? -1 : compare_keys(p);

        if (c < 0)
            tell(p, p->live, "the ledger does not make this row");
        else if (c > 0)
            tell(p, p->made, "the row is missing");
        else
            compare_rest(p);
        if (c <= 0)
            a = db_step(p->live, e);
        if (c >= 0 && a >= 0)
            b = db_step(p->made, e);
    }
    return a < 0 ? a : b;
}

/* SELECT with the key first; without a key all columns order the rows. */
static int select_text(struct db *db, const char *table, struct buf *sql, struct buf *keys, size_t *ret_keys,
                       struct err *e)
{
    int rc = db_key_columns(db, table, keys, ret_keys, e);

    if (rc != OK)
        return rc;
    if (*ret_keys)
        buf_printf(sql, "SELECT %.*s, * FROM \"%s\" ORDER BY %.*s", SV_ARG(buf_sv(keys)), table,
                   SV_ARG(buf_sv(keys)));
    else
        buf_printf(sql, "SELECT * FROM \"%s\"", table);
    return OK;
}

static int columns_of(struct db *db, const char *sql, int *ret, struct err *e)
{
    struct stmt *s = db_query(db, sql, e);

    if (!s)
        return err_of(e);
    *ret = db_columns(s);
    db_done(s);
    return *ret <= MAX_COLUMNS ? OK : err_set(e, ERR_LIMIT, "a table has more than %d columns", MAX_COLUMNS);
}

static int order_by_all(struct db *db, struct buf *sql, int *ret_columns, struct err *e)
{
    int rc;

    buf_addc(sql, 0);
    rc = columns_of(db, sql->failed ? "" : sql->p, ret_columns, e);
    sql->n--;
    for (int i = 1; rc == OK && i <= *ret_columns; i++)
        buf_printf(sql, "%s%d", i == 1 ? " ORDER BY " : ", ", i);
    return rc;
}

static int compare_selected(struct db *live, struct db *made, const char *sql, struct pair *p, struct err *e)
{
    int rc = OK;

    p->live = db_query(live, sql, e);
    p->made = p->live ? db_query(made, sql, e) : NULL;
    if (!p->made)
        rc = err_of(e);
    if (rc == OK && db_columns(p->live) != db_columns(p->made))
        found(p->f, "its columns are not those of this program", "table %s", p->table);
    else if (rc == OK) {
        p->columns = db_columns(p->live);
        if (p->keys == 0)
            p->keys = p->columns;
        rc = walk(p, e);
    }
    db_done(p->live);
    db_done(p->made);
    return rc;
}

static int compare_table(struct db *live, struct db *made, const char *table, struct findings *f,
                         struct err *e)
{
    struct pair p = {.table = table, .f = f};
    struct buf sql, keys;
    size_t n = 0;
    int columns = 0;
    int rc;

    buf_init(&sql, 16384);
    buf_init(&keys, 8192);
    rc = select_text(live, table, &sql, &keys, &n, e);
    if (rc == OK && n == 0)
        rc = order_by_all(live, &sql, &columns, e);
    buf_addc(&sql, 0);
    p.keys = (int)n;
    if (rc == OK && (sql.failed || keys.failed))
        rc = err_set(e, ERR_LIMIT, "table %s has too many columns", table);
    if (rc == OK)
        rc = compare_selected(live, made, sql.p, &p, e);
    buf_clear(&sql);
    buf_clear(&keys);
    return rc;
}

int verify_tables(struct db *live, struct db *made, struct findings *f, struct err *e)
{
    const char *names[MAX_TABLES];
    size_t n = db_tables(live, TABLE_VIEW, names, MAX_TABLES);
    int rc = OK;

    for (size_t i = 0; rc == OK && i < n; i++) {
        rc = compare_table(live, made, names[i], f, e);
        progress(f, "tables", i + 1, n);
    }
    return rc;
}
