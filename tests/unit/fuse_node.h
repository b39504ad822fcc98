/* A node without processes and files, for tests of fusing: one database, one ledger, three organisations. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "share/gate/gate.h"
#include "share/share.h"

#include <sys/mman.h>
#include <unistd.h>

struct toy {
    struct db *db;
    struct fuse *fuse;
    struct ledger *ledger;
    struct hash_secret secret;
    struct ledger_kind kinds[32];
    struct uuid org[3];
    usec now;
};

static inline void toy_kinds(struct fuse *f, struct ledger_kind *ret)
{
    size_t n = 0;
    struct ledger_kind own[FUSE_KINDS];
    fuse_kinds(f, own);
    const struct ledger_kind *const sets[] = {intake_kinds, own, share_kinds};
    for (size_t i = 0; i < 3; i++) {
        for (const struct ledger_kind *k = sets[i]; k->name; k++) {
            ret[n++] = *k;
        }
    }
    ret[n] = (struct ledger_kind){0};
}

static inline struct db *toy_db_at(const char *path)
{
    static const struct db_room *const rooms[] = {&ledger_room, &intake_room, &fuse_room, &share_room,
                                                  &partner_room};
    struct err e = ERR_NONE;
    struct db *db = db_open(path ? path : ":memory:", path ? DB_CREATE : DB_MEMORY, &e);
    assert_non_null(db);
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        assert_int_equal(db_migrate(db, rooms[i], &e), OK);
    }
    return db;
}

static inline struct db *toy_db(void)
{
    return toy_db_at(NULL);
}

/* `path` NULL = in memory. */
static inline void toy_open_at(struct toy *t, const char *path)
{
    struct err e = ERR_NONE;
    assert_int_equal(crypto_start(&e), OK);
    *t = (struct toy){.db = toy_db_at(path), .now = 1770000000 * USEC_SECOND};
    memset(t->secret.b, 0x5a, sizeof(t->secret.b));
    t->fuse = fuse_new(t->db, &t->secret);
    toy_kinds(t->fuse, t->kinds);
    t->ledger = ledger_open(t->db, NULL, SV("toy.example/log"), t->kinds, &e);
    assert_non_null(t->ledger);
    fuse_attach(t->fuse, t->ledger);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"home", "partner", "stranger"};
        t->org[i] = uuid_v4();
        const struct org o = {
            .id = t->org[i], .name = sv_c(names[i]), .country = SV("TW"), .zone = SV("UTC")};
        assert_int_equal(db_begin(t->db, &e), OK);
        assert_int_equal(org_put(t->ledger, t->db, &o, t->now, &e), OK);
        assert_int_equal(db_end(t->db, true, &e), OK);
    }
}

static inline void toy_open(struct toy *t)
{
    toy_open_at(t, NULL);
}

static inline void toy_close(struct toy *t)
{
    fuse_free(t->fuse);
    ledger_close(t->ledger);
    db_close(t->db);
}

static inline struct source toy_source(struct toy *t, const char *name, size_t org, char reliability,
                                       enum tlp tlp)
{
    struct err e = ERR_NONE;
    struct source s = {.uuid = uuid_v4(),
                       .org = t->org[org],
                       .name = sv_c(name),
                       .reliability = reliability,
                       .zone = SV("UTC"),
                       .tlp = tlp};
    assert_int_equal(db_begin(t->db, &e), OK);
    assert_int_equal(source_put(t->ledger, t->db, &s, t->now, &e), OK);
    assert_int_equal(db_end(t->db, true, &e), OK);
    return s;
}

static inline struct take_report toy_take(struct toy *t, const struct source *s, const char *text)
{
    struct err e = ERR_NONE;
    struct take_report r;
    const struct take_opts o = {.source = s, .now = t->now};
    int fd = memfd_create("toy", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    lseek(fd, 0, SEEK_SET);
    int rc = fuse_take(t->fuse, fd, SV("toy"), &o, &r, &e);
    if (rc != OK) {
        print_error("take: %s\n", e.text);
    }
    assert_int_equal(rc, OK);
    close(fd);
    assert_int_equal(r.accepted + r.duplicates + r.rejected, r.records);
    return r;
}

/* A parsed answer; free with toy_answer_free. */
struct toy_answer {
    struct json_doc *doc;
    struct buf text;
    struct jv v;
};

static inline struct toy_answer toy_look(struct toy *t, size_t org, const char *value)
{
    struct err e = ERR_NONE;
    struct toy_answer a = {.doc = json_doc_new(1 << 24)};
    struct arena arena;
    struct pact_view view;
    arena_init(&arena, 1 << 24);
    buf_init(&a.text, 1 << 24);
    assert_int_equal(gate_view(t->db, t->org[org], PURPOSE_NETWORK_SAFETY, t->now, &arena, &view, &e), OK);
    assert_int_equal(fuse_look(t->fuse, &view, sv_c(value), t->now, &a.text, &e), OK);
    assert_int_equal(json_parse(a.doc, buf_sv(&a.text), &a.v, &e), OK);
    arena_clear(&arena);
    return a;
}

static inline void toy_answer_free(struct toy_answer *a)
{
    json_doc_free(a->doc);
    buf_clear(&a->text);
}

static inline struct jv toy_at(struct jv array, size_t i)
{
    struct json_it it = json_each(array);
    struct sv key;
    struct jv v = {0};
    while (json_next(&it, &key, &v)) {
        if (i-- == 0) {
            return v;
        }
    }
    return (struct jv){0};
}
