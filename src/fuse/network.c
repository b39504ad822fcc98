#include "fuse/private.h"

#include <dirent.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdlib.h>
#include <unistd.h>

#define MMDB_FILES 8
#define TABLE_BYTES (512ull << 20)

/* One range of "start,end,number,owner": addresses in 128-bit form so that both families stand in one sorted
 * table. */
struct range {
    uint8_t start[16], end[16];
    uint32_t as;
    uint32_t owner; /* offset in names */
    uint32_t owner_n;
};

struct network {
    MMDB_s mmdb[MMDB_FILES];
    size_t mmdbs;
    struct range *range;
    size_t ranges, room;
    struct buf names;
    struct map owners; /* owner text -> offset in names */
};

void network_free(struct network *n)
{
    if (!n) {
        return;
    }
    for (size_t i = 0; i < n->mmdbs; i++) {
        MMDB_close(&n->mmdb[i]);
    }
    free(n->range);
    buf_clear(&n->names);
    map_clear(&n->owners);
    free(n);
}

/* ---- CSV tables
 * -------------------------------------------------------------------------------------------------------------------
 */

static int compare_ranges(const void *a, const void *b)
{
    return memcmp(((const struct range *)a)->start, ((const struct range *)b)->start, 16);
}

/* One field off a CSV line; quotes around it are taken off (owners hold commas). */
static struct sv csv_field(struct sv *line)
{
    struct sv field;
    if (line->n && line->p[0] == '"') {
        struct sv rest = sv_sub(*line, 1, SIZE_MAX);
        size_t end = sv_chr(rest, '"');
        field = sv_sub(rest, 0, end);
        *line = end == SIZE_MAX ? SV("") : sv_sub(rest, end + 1, SIZE_MAX);
        if (line->n && line->p[0] == ',') {
            *line = sv_sub(*line, 1, SIZE_MAX);
        }
        return field;
    }
    return sv_cut(line, ',', &field) ? field : SV("");
}

static bool add_owner(struct network *n, struct sv owner, struct range *r)
{
    bool first = false;
    uint64_t *at = map_put(&n->owners, owner, &first);
    if (!at) {
        return false;
    }
    if (first) {
        *at = n->names.n;
        buf_add(&n->names, owner);
    }
    r->owner = (uint32_t)*at;
    r->owner_n = (uint32_t)owner.n;
    return !n->names.failed;
}

static bool add_line(struct network *n, struct sv line)
{
    char a[256], b[256];
    struct obs start, end;
    uint64_t as;
    struct sv first = csv_field(&line), last = csv_field(&line), number = csv_field(&line),
              owner = csv_field(&line);
    if (!obs_ip(first, a, &start) || !obs_ip(last, b, &end) || !sv_u64(number, &as) || as > UINT32_MAX) {
        return true; /* a header or a foreign line: the table is a help, not evidence */
    }
    if (n->ranges == n->room) {
        size_t room = n->room ? n->room * 2 : 65536;
        struct range *p = reallocarray(n->range, room, sizeof(*p));
        if (!p) {
            return false;
        }
        n->range = p;
        n->room = room;
    }
    struct range *r = &n->range[n->ranges];
    *r = (struct range){.as = (uint32_t)as};
    memcpy(r->start, start.ip, 16);
    memcpy(r->end, end.ip, 16);
    n->ranges += add_owner(n, owner, r);
    return true;
}

static int read_table(struct network *n, int fd, struct err *e)
{
    struct stream *s = stream_new(fd, TABLE_BYTES, 0);
    struct liner *l = s ? liner_new(s, 4096) : NULL;
    int rc = l ? 1 : err_set(e, ERR_MEMORY, "no memory for the network table");
    while (rc == 1) {
        struct sv line;
        uint64_t number, offset;
        bool cut;
        rc = liner_next(l, &line, &number, &offset, &cut, e);
        if (rc == 1 && !add_line(n, line)) {
            rc = err_set(e, ERR_MEMORY, "no memory for the network table");
        }
    }
    liner_free(l);
    stream_free(s);
    return rc;
}

/* ---- opening
 * ------------------------------------------------------------------------------------------------------------------------
 */

static int open_file(struct network *n, const char *dir, const char *name, struct err *e)
{
    char path[4096];
    struct sv file = sv_c(name);
    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
        return err_set(e, ERR_LIMIT, "the path of %s is too long", name);
    }
    if (sv_ends(file, SV(".mmdb"))) {
        if (n->mmdbs == MMDB_FILES) {
            return err_set(e, ERR_LIMIT, "more than %d MMDB files in %s", MMDB_FILES, dir);
        }
        int status = MMDB_open(path, MMDB_MODE_MMAP, &n->mmdb[n->mmdbs]);
        if (status != MMDB_SUCCESS) {
            return err_set(e, ERR_CORRUPT, "%s: %s", path, MMDB_strerror(status));
        }
        n->mmdbs++;
        return OK;
    }
    if (!sv_ends(file, SV(".csv")) && !sv_ends(file, SV(".csv.gz"))) {
        return OK;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(e, ERR_IO, "%s cannot be opened", path);
    }
    int rc = read_table(n, fd, e);
    close_fd(&fd);
    return rc;
}

int fuse_network_open(struct fuse *f, const char *dir, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d) {
        return OK;
    }
    struct network *n = calloc(1, sizeof(*n));
    if (!n) {
        closedir(d);
        return err_set(e, ERR_MEMORY, "no memory for the network table");
    }
    buf_init(&n->names, 256u << 20);
    map_init(&n->owners, 1u << 20, 256u << 20);
    int rc = OK;
    for (struct dirent *entry; rc == OK && (entry = readdir(d));) {
        rc = open_file(n, dir, entry->d_name, e);
    }
    closedir(d);
    if (rc != OK) {
        network_free(n);
        return rc;
    }
    if (n->ranges) {
        qsort(n->range, n->ranges, sizeof(*n->range), compare_ranges);
    }
    map_clear(&n->owners);
    network_free(f->network);
    f->network = n;
    return OK;
}

/* ---- answers
 * ----------------------------------------------------------------------------------------------------------------------------
 */

static const struct range *range_of(const struct network *n, const uint8_t ip[16])
{
    size_t low = 0, high = n->ranges;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (memcmp(n->range[mid].start, ip, 16) <= 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low > 0 && memcmp(n->range[low - 1].end, ip, 16) >= 0 ? &n->range[low - 1] : NULL;
}

static bool country_in(MMDB_s *mmdb, const char *address, char ret[3])
{
    int gai = 0, status = MMDB_SUCCESS;
    MMDB_lookup_result_s found = MMDB_lookup_string(mmdb, address, &gai, &status);
    if (gai || status != MMDB_SUCCESS || !found.found_entry) {
        return false;
    }
    static const char *const paths[2][3] = {{"country", "iso_code", NULL}, {"country_code", NULL, NULL}};
    for (size_t i = 0; i < 2; i++) {
        MMDB_entry_data_s data;
        if (MMDB_aget_value(&found.entry, &data, paths[i]) == MMDB_SUCCESS && data.has_data &&
            data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size == 2) {
            memcpy(ret, data.utf8_string, 2);
            ret[2] = 0;
            return true;
        }
    }
    return false;
}

static bool country_of(const struct network *n, const struct obs *o, char ret[3])
{
    char address[52];
    ip_text(o->ip, o->kind == KIND_IPV4 ? 32 : 128, address);
    for (size_t i = 0; i < n->mmdbs; i++) {
        if (o->kind == KIND_IPV6 && n->mmdb[i].metadata.ip_version != 6) {
            continue;
        }
        MMDB_s mmdb = n->mmdb[i]; /* look-ups do not change it, but the library's type is not const */
        if (country_in(&mmdb, address, ret)) {
            return true;
        }
    }
    return false;
}

void network_write(const struct network *n, const struct obs *o, struct jw *w)
{
    jw_obj(w);
    if (n && (o->kind == KIND_IPV4 || o->kind == KIND_IPV6)) {
        const struct range *r = range_of(n, o->ip);
        char country[3];
        jw_key(w, "asn");
        r ? jw_uint(w, r->as) : jw_null(w);
        jw_kstr(w, "owner", r ? sv_from(n->names.p + r->owner, r->owner_n) : SV_NONE);
        jw_kstr(w, "country", country_of(n, o, country) ? sv_c(country) : SV_NONE);
    }
    jw_end_obj(w);
}
