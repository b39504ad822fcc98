/*
 * Query parameters, cursors and paths of TAXII as they come from the network, against a collection of a few
 * objects: parameters are separated by newlines, the first byte says what is asked for.
 */
#include "share/share.h"
#include "share/taxii/taxii.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct node {
    struct db *db;
    struct fuse *fuse;
    struct ledger *ledger;
    struct hash_secret secret;
    struct ledger_kind kinds[32];
    struct taxii t;
    struct taxii_root root;
    struct taxii_collection c;
    struct taxii_who who;
    struct arena a;
};

static void must(int rc)
{
    if (rc < 0) {
        abort();
    }
}

static const char OBJECTS[] =
    "{\"objects\":[{\"type\":\"tool\",\"spec_version\":\"2.1\",\"id\":\"tool--00000000-0000-4000-8000-"
    "000000000001\",\"created\":\"2020-01-01T00:00:00.000Z\",\"modified\":\"2020-01-01T00:00:00.000Z\","
    "\"name\":"
    "\"a\"},{\"type\":\"tool\",\"spec_version\":\"2.1\",\"id\":\"tool--00000000-0000-4000-8000-"
    "000000000001\",\"created\":\"2020-01-01T00:00:00.000Z\",\"modified\":\"2021-01-01T00:00:00.000Z\","
    "\"name\":"
    "\"b\"},{\"type\":\"domain-name\",\"spec_version\":\"2.1\",\"id\":\"domain-name--bedb4899-d24b-5401-bc86-"
    "8f6b4cc18ec7\",\"value\":\"example.com\"}]}";

static void make(struct node *n)
{
    static const struct db_room *const rooms[] = {&ledger_room, &intake_room, &fuse_room, &share_room,
                                                  &partner_room};
    struct err e = ERR_NONE;
    struct ledger_kind own[FUSE_KINDS];
    struct buf status;
    size_t k = 0;
    must(crypto_start(&e));
    n->db = db_open(":memory:", DB_MEMORY, &e);
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        must(db_migrate(n->db, rooms[i], &e));
    }
    n->fuse = fuse_new(n->db, &n->secret);
    fuse_kinds(n->fuse, own);
    const struct ledger_kind *const sets[] = {intake_kinds, own, share_kinds};
    for (size_t i = 0; i < 3; i++) {
        for (const struct ledger_kind *from = sets[i]; from->name; from++) {
            n->kinds[k++] = *from;
        }
    }
    n->ledger = ledger_open(n->db, NULL, SV("fuzz.example"), n->kinds, &e);
    fuse_attach(n->fuse, n->ledger);
    n->t = (struct taxii){.db = n->db, .fuse = n->fuse, .ledger = n->ledger, .secret = &n->secret};
    arena_init(&n->a, 1 << 20);
    const struct org org = {.id = uuid_v4(), .name = SV("o"), .country = SV("TW"), .zone = SV("UTC")};
    struct source source = {
        .uuid = uuid_v4(), .org = org.id, .name = SV("s"), .reliability = 'B', .zone = SV("UTC")};
    must(db_begin(n->db, &e));
    must(org_put(n->ledger, n->db, &org, 1, &e));
    must(source_put(n->ledger, n->db, &source, 1, &e));
    n->root = (struct taxii_root){.path = SV("a/b"), .title = SV("t"), .max_content = 1};
    must(taxii_root_put(&n->t, &n->root, 1, &e));
    n->c = (struct taxii_collection){
        .root = n->root.id, .title = SV("t"), .source = source.id, .ceiling = TLP_UNKNOWN, .admins = true};
    must(taxii_collection_put(&n->t, &n->c, 1, &n->a, &e));
    must(db_end(n->db, true, &e));
    n->who = (struct taxii_who){.principal = SV("user:a"), .org = org.id, .admin = true, .writes = true};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd_write_all(fd, sv_c(OBJECTS), &e));
    buf_init(&status, 1 << 20);
    must(taxii_post(&n->t, &n->c, &n->who, fd, USEC_DAY, &status, &e));
    buf_clear(&status);
    close(fd);
}

static struct sv part(struct sv *rest)
{
    struct sv line;
    /* "-" stands for a parameter that is absent. */
    return rest->p && sv_cut(rest, '\n', &line) && !sv_eq(line, SV("-")) ? line : SV_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct node *n;
    if (!n) {
        n = calloc(1, sizeof(*n));
        make(n);
    }
    struct sv rest = sv_from((const char *)data + (size > 0), size > 0 ? size - 1 : 0);
    struct taxii_query q;
    q.added_after = part(&rest);
    q.limit = part(&rest);
    q.next = part(&rest);
    q.match_id = part(&rest);
    q.match_type = part(&rest);
    q.match_version = part(&rest);
    q.match_spec_version = part(&rest);
    q.object = part(&rest);
    struct err e = ERR_NONE;
    struct taxii_page *p = NULL;
    struct buf out;
    usec first, last;
    buf_init(&out, 1 << 20);
    int rc = taxii_page_open(&n->t, &n->c, &n->who, (enum taxii_what)(size ? data[0] % 3 : 0), &q,
                             2 * USEC_DAY, &p, &first, &last, &e);
    if (rc == OK) {
        while ((rc = taxii_page_pull(p, &out)) == 0) {
        }
        if (rc != -1 || !json_is_whole(buf_sv(&out))) {
            abort();
        }
    } else if (p || rc == ERR_INTERNAL || rc == ERR_CORRUPT) {
        abort();
    }
    taxii_page_free(p);
    buf_clear(&out);

    struct arena a;
    struct taxii_root root;
    struct taxii_collection c;
    struct sv left;
    arena_init(&a, 1 << 20);
    rc = taxii_root_find(n->db, rest.p ? rest : SV(""), &a, &root, &left, &e);
    rc = rc == OK ? taxii_collection_find(n->db, &root, &n->who, left, &a, &c, &e) : rc;
    arena_clear(&a);
    return 0;
}
