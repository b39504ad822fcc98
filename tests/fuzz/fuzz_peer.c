/* What a peer answers with: pages and small answers, in the process that holds the database. */
#include "share/peer/peer_private.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void check_page(int fd, bool manifest, struct arena *a)
{
    struct peer_page page;
    struct err e = ERR_NONE;
    must(lseek(fd, 0, SEEK_SET) == 0);
    int rc = peer_page_read(fd, manifest, 100, a, &page, &e);
    must(rc == OK || (rc < 0 && e.text[0]));
    must(!page.next.p || page.next.n <= PEER_NEXT_MOST || page.next.n < 32);
    must(rc != OK || lseek(fd, 0, SEEK_CUR) == 0);
}

static void check_found(struct sv text, struct arena *a)
{
    struct peer_found f;
    struct err e = ERR_NONE;
    must(peer_read(text, a, &f, &e) == OK || e.text[0]);
    must(f.roots <= PEER_ROOTS_MOST && f.n <= PEER_COLLECTIONS_MOST);
    for (size_t i = 0; i < f.roots; i++) {
        struct sv url;
        if (peer_url_join(SV("https://peer.example:8443/taxii2/"), f.root_url[i], a, &url, &e) == OK) {
            must(peer_url_good(url) && sv_istarts(url, SV("https://peer.example")) &&
                 url.p[url.n - 1] == '/');
            char next = url.p[20];
            must(next == '/' || next == ':');
        }
    }
}

static void check_status(struct sv text, struct arena *a)
{
    struct peer_status s;
    struct err e = ERR_NONE;
    must(peer_read_status(text, a, &s, &e) == OK || e.text[0]);
    must(s.n <= 10000);
    struct sv words = peer_read_error(text, a);
    must(words.p && sv_utf8(words));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct sv text = sv_from((const char *)data, size);
    struct arena a;
    fd = fd < 0 ? memfd_create("page", 0) : fd;
    must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    arena_init(&a, 64u << 20);
    check_page(fd, false, &a);
    check_page(fd, true, &a);
    check_found(text, &a);
    check_status(text, &a);
    (void)peer_read_time(text);
    (void)peer_read_wait(text, 0);
    arena_clear(&a);
    return 0;
}
