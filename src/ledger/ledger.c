#include "ledger/private.h"

#include <assert.h>
#include <stdlib.h>

static const struct db_migration migrations[] = {
    {1,
     "CREATE TABLE epoch("
     "  epoch INTEGER PRIMARY KEY, origin TEXT NOT NULL, vkey TEXT NOT NULL, witness TEXT NOT NULL,"
     "  first_entry INTEGER NOT NULL, prev_size INTEGER NOT NULL, prev_root BLOB);"
     "CREATE TABLE entry("
     "  id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, hash BLOB "
     "NOT NULL);"
     "CREATE TABLE content("
     "  entry INTEGER PRIMARY KEY, codec TEXT NOT NULL, key_id TEXT, sum BLOB NOT NULL, bytes BLOB NOT NULL);"
     "CREATE TABLE tile("
     "  epoch INTEGER NOT NULL, level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,"
     "  PRIMARY KEY(epoch, level, idx));"
     "CREATE TABLE checkpoint("
     "  epoch INTEGER NOT NULL, size INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY(epoch, size));"},
    {2, "CREATE TABLE witnessed("
        "  origin TEXT PRIMARY KEY, vkey TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT "
        "NOT NULL,"
        "  at INTEGER NOT NULL, frozen INTEGER NOT NULL);"
        "CREATE TABLE witness_alarm("
        "  id INTEGER PRIMARY KEY, origin TEXT NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, ours TEXT "
        "NOT NULL, theirs TEXT NOT NULL);"
        "CREATE TABLE cosignature("
        "  epoch INTEGER NOT NULL, size INTEGER NOT NULL, name TEXT NOT NULL, line TEXT NOT NULL,"
        "  PRIMARY KEY(epoch, size, name));"},
    {0, NULL},
};

static const struct db_table tables[] = {
    {"epoch", TABLE_STATE},         {"entry", TABLE_STATE},       {"content", TABLE_STATE},
    {"tile", TABLE_STATE},          {"checkpoint", TABLE_STATE},  {"witnessed", TABLE_STATE},
    {"witness_alarm", TABLE_STATE}, {"cosignature", TABLE_STATE}, {NULL, TABLE_STATE},
};

const struct db_room ledger_room = {"ledger", migrations, tables};

/* ---- opening ---- */

static bool kind_name_good(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' ||
              s.p[i] == '_' || s.p[i] == '.'))
            return false;
    return s.n > 0 && s.n <= 40;
}

static int copy_kinds(struct ledger *l, const struct ledger_kind *kinds, struct err *e)
{
    size_t n = 0;

    while (kinds && kinds[n].name) {
        if (!kind_name_good(sv_c(kinds[n].name)) || kinds[n].version < 1 || !kinds[n].apply ||
            strcmp(kinds[n].name, KIND_EPOCH) == 0 || strcmp(kinds[n].name, KIND_PAD) == 0 ||
            strcmp(kinds[n].name, KIND_EXPUNGE) == 0)
            return err_set(e, ERR_VALUE, "entry kind \"%s\" cannot be registered", kinds[n].name);
        n++;
    }
    l->kinds = calloc(n + 1, sizeof(*l->kinds));
    if (!l->kinds)
        return err_set(e, ERR_MEMORY, "no memory for the ledger");
    if (n)
        memcpy(l->kinds, kinds, n * sizeof(*kinds));
    l->kind_count = n;
    return OK;
}

const struct ledger_kind *kind_find(const struct ledger_kind *kinds, size_t n, struct sv name,
                                    int64_t version)
{
    const struct ledger_kind *best = NULL;

    for (size_t i = 0; i < n; i++)
        if (sv_eq(name, sv_c(kinds[i].name)) &&
            (version == 0 ? !best || kinds[i].version > best->version : kinds[i].version == version))
            best = &kinds[i];
    return best;
}

/* Rows lost at the end of the log, or changed beneath it, are known at once from the last checkpoint. */
static int check_last(struct ledger *l, struct err *e)
{
    struct checkpoint cp;
    struct merkle at;
    struct buf note;
    struct sha256 root;
    uint64_t size, time;
    int rc;

    buf_init(&note, NOTE_MAX);
    rc = checkpoint_newest(l->db, l->epoch.epoch, &size, &note, e);
    if (rc == 1) {
        rc = checkpoint_check(&l->epoch, buf_sv(&note), &cp, &time, e);
        if (rc == OK && size > l->tree.size)
            rc = err_set(e, ERR_CORRUPT, "the ledger has %llu entries, but %llu were signed",
                         (unsigned long long)l->tree.size, (unsigned long long)size);
        if (rc == OK)
            rc = tree_range(l->db, &l->epoch, 0, size, &at, e);
        if (rc == OK) {
            root = merkle_root(&at);
            if (cp.size != size || memcmp(root.b, cp.root.b, sizeof(root.b)) != 0)
                rc = err_set(e, ERR_CORRUPT,
                             "the first %llu entries of the ledger are not those that were signed",
                             (unsigned long long)size);
        }
        if (rc != OK)
            err_hint(e, "Restore the database from a backup; `noroshi verify` names what is damaged.");
    }
    buf_clear(&note);
    return rc;
}

int ledger_load(struct ledger *l, struct err *e)
{
    int rc = epoch_read(l->db, 0, &l->epoch, e);

    if (rc == 0)
        rc = err_set(e, ERR_CORRUPT, "the ledger has no epoch");
    if (rc > 0)
        rc = tree_last_entry(l->db, &l->last_entry, e);
    if (rc == OK && l->last_entry < l->epoch.first_entry - 1)
        rc = err_set(e, ERR_CORRUPT, "the ledger ends at entry %lld, before its epoch %lld begins",
                     (long long)l->last_entry, (long long)l->epoch.epoch);
    if (rc == OK)
        rc = tree_range(l->db, &l->epoch, 0, (uint64_t)(l->last_entry - l->epoch.first_entry + 1), &l->tree,
                        e);
    if (rc == OK)
        l->rollbacks = db_rollbacks(l->db);
    return rc;
}

int ledger_refresh(struct ledger *l, struct err *e)
{
    return l->rollbacks == db_rollbacks(l->db) ? OK : ledger_load(l, e);
}

static int settle_origin(struct ledger *l, struct sv origin, struct err *e)
{
    const struct note_key *log = l->keeper ? keeper_public(l->keeper, KEEPER_LOG) : NULL;
    struct note_key probe;
    uint8_t none[32] = {0};
    int rc;

    if (origin.n == 0 && log)
        origin = sv_c(log->name);
    rc = note_key_make(origin, NOTE_ED25519, none, &probe, e); /* the rules of key names hold for origins */
    if (rc != OK)
        return rc;
    (void)sv_copy(origin, l->origin, sizeof(l->origin));
    if (log && strcmp(log->name, l->origin) != 0) {
        err_set(e, ERR_CONFLICT, "the log key is that of \"%s\", not of \"%s\"", log->name, l->origin);
        return err_hint(e, "Put back the key files that belong to this node.");
    }
    return OK;
}

static int open_log(struct ledger *l, struct sv origin, struct err *e)
{
    bool write = db_writable(l->db); /* a log on read-only media can be verified, not appended to */
    int rc = settle_origin(l, origin, e);

    if (rc == OK && write)
        rc = db_begin(l->db, e);
    if (rc != OK)
        return rc;
    rc = epoch_settle(l, e);
    if (rc == OK)
        rc = ledger_load(l, e);
    if (rc == OK)
        rc = check_last(l, e);
    if (rc == OK && write)
        rc = db_end(l->db, true, e);
    else if (rc != OK && write)
        db_rollback(l->db);
    return rc;
}

struct ledger *ledger_open(struct db *db, struct keeper *keeper, struct sv origin,
                           const struct ledger_kind *kinds, struct err *e)
{
    struct ledger *l = calloc(1, sizeof(*l));
    int rc;

    if (!l) {
        err_set(e, ERR_MEMORY, "no memory for the ledger");
        return NULL;
    }
    pthread_mutex_init(&l->signing, NULL);
    l->db = db;
    l->keeper = keeper;
    buf_init(&l->body, ENTRY_MAX);
    l->codec = codec_new();
    l->doc = json_doc_new(2 * (size_t)ENTRY_MAX);
    rc = l->codec && l->doc ? copy_kinds(l, kinds, e) : err_set(e, ERR_MEMORY, "no memory for the ledger");
    if (rc == OK)
        rc = open_log(l, origin, e);
    if (rc != OK) {
        ledger_close(l);
        return NULL;
    }
    return l;
}

void ledger_pad_to(struct ledger *l, unsigned multiple)
{
    l->pad = multiple;
}

struct keeper *ledger_keeper(const struct ledger *l)
{
    return l->keeper;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    codec_free(l->codec);
    json_doc_free(l->doc);
    buf_clear(&l->body);
    free(l->kinds);
    pthread_mutex_destroy(&l->signing);
    free(l);
}

/* ---- appending ---- */

struct tiling {
    struct ledger *l;
    struct err *e;
    int rc;
};

/* A subtree of 256, 65,536... leaves became full: keep its root. */
static void keep_tile(void *ctx, unsigned height, uint64_t index, const struct sha256 *hash)
{
    struct tiling *t = ctx;
    struct stmt *s;

    if (t->rc != OK || height == 0 || height % 8)
        return;
    s = db_query(t->l->db, "INSERT INTO tile(epoch, level, idx, hash) VALUES(?, ?, ?, ?)", t->e);
    if (!s) {
        t->rc = err_of(t->e);
        return;
    }
    db_int(s, t->l->epoch.epoch);
    db_int(s, height / 8);
    db_int(s, (int64_t)index);
    db_blob(s, sv_from((const char *)hash->b, sizeof(hash->b)));
    t->rc = db_run(s, t->e);
    db_done(s);
}

static int insert_content(struct ledger *l, int64_t id, struct sv pack, struct err *e)
{
    struct stmt *s =
        db_query(l->db, "INSERT INTO content(entry, codec, key_id, sum, bytes) VALUES(?, ?, NULL, ?, ?)", e);
    struct content c;
    int rc;

    if (!s)
        return err_of(e);
    content_encode(l->codec, pack, &c);
    db_int(s, id);
    db_text(s, sv_c(c.codec));
    db_blob(s, sv_from((const char *)c.sum.b, sizeof(c.sum.b)));
    db_blob(s, c.bytes);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int insert_entry(struct ledger *l, const struct entry *en, const struct sha256 *leaf, struct err *e)
{
    struct stmt *s =
        db_query(l->db, "INSERT INTO entry(id, epoch, seq, body, hash) VALUES(?, ?, ?, ?, ?)", e);
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, en->id);
    db_int(s, en->epoch);
    db_int(s, (int64_t)en->seq);
    db_text(s, buf_sv(&l->body));
    db_blob(s, sv_from((const char *)leaf->b, sizeof(leaf->b)));
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

int ledger_append(struct ledger *l, struct entry_body *b, struct sv pack, struct entry *ret, struct err *e)
{
    struct tiling tiling = {.l = l, .e = e};
    struct sha256 leaf;
    int rc;

    b->record = uuid_v4();
    b->epoch = (uint64_t)l->epoch.epoch;
    b->seq = l->tree.size;
    buf_reset(&l->body);
    entry_write(b, &l->body);
    if (l->body.failed)
        return err_set(e, ERR_LIMIT, "an entry has more than %u bytes", ENTRY_MAX);
    leaf = sha256_leaf(buf_sv(&l->body));
    *ret = (struct entry){.id = l->last_entry + 1,
                          .epoch = (int)b->epoch,
                          .seq = b->seq,
                          .record = b->record,
                          .at = b->at,
                          .org = b->org,
                          .source = (int64_t)b->source,
                          .content = pack};
    rc = insert_entry(l, ret, &leaf, e);
    if (rc == OK && b->n)
        rc = insert_content(l, ret->id, pack, e);
    if (rc != OK)
        return rc;
    merkle_append_full(&l->tree, 0, &leaf, keep_tile, &tiling);
    l->last_entry = ret->id;
    return tiling.rc;
}

static int accept_checked(struct ledger *l, const struct ledger_header *h, const struct pack *pack,
                          int64_t *ret_entry, struct err *e)
{
    const struct ledger_kind *kind = kind_find(l->kinds, l->kind_count, sv_c(h->kind), 0);
    bool full = pack && pack->n > 0;
    struct entry_body b = {.at = h->at, .org = h->org, .source = (uint64_t)h->source};
    struct entry en;
    int rc;

    if (!kind)
        return err_set(e, ERR_INTERNAL, "entry kind \"%s\" is not registered", h->kind);
    if (h->source < 0 || h->source > INT32_MAX || h->at == USEC_NONE)
        return err_set(e, ERR_VALUE, "an entry of kind %s lacks its source or time", h->kind);
    if (full && pack->b.failed)
        return err_set(e, ERR_LIMIT, "a pack has more than %u bytes", PACK_MAX);
    rc = ledger_refresh(l, e);
    if (rc != OK)
        return rc;
    b.kind = sv_c(kind->name);
    b.version = (uint64_t)kind->version;
    if (full) {
        b.n = pack->n;
        b.root = merkle_root(&pack->tree);
    }
    rc = ledger_append(l, &b, full ? buf_sv(&pack->b) : SV(""), &en, e);
    if (rc == OK)
        rc = kind->apply(kind->ctx, l->db, &en, e);
    if (rc == OK && ret_entry)
        *ret_entry = en.id;
    return rc;
}

int ledger_accept(struct ledger *l, const struct ledger_header *h, const struct pack *pack,
                  int64_t *ret_entry, struct err *e)
{
    struct err local = ERR_NONE;
    struct err *err = e ? e : &local;
    int rc;

    if (!db_in_tx(l->db))
        return err_set(err, ERR_INTERNAL, "ledger_accept outside a transaction");
    rc = accept_checked(l, h, pack, ret_entry, err);
    if (rc != OK) {
        assert(rc < 0);
        db_doom(l->db, err);
    }
    return rc;
}
