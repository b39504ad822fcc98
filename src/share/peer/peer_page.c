/*
 * Pages of peers, from the spooled body. The splitter finds where objects begin and end and hands out the
 * frame around them; what stands in the objects is for the parser process. Entries of a manifest are small
 * and read one by one.
 */
#include "share/peer/peer_private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define MEMBER_MOST (32u << 20)
#define FRAME_MOST (1u << 20)
#define READ_AT_ONCE (64u << 10)

struct page_reading {
    struct peer_page *page;
    struct sha256_state sha;
    struct json_doc *doc; /* of manifests */
    struct arena *a;
    uint64_t most;
    bool single;
};

static void note_entry(struct page_reading *r, struct sv member)
{
    struct jv v = {0};
    if (r->page->objects > r->most || member.n > FRAME_MOST || json_parse(r->doc, member, &v, NULL) != OK) {
        return;
    }
    usec at = peer_read_time(json_get_str(v, SV("date_added")));
    if (at == USEC_NONE) {
        return;
    }
    r->page->disordered |= r->page->date != USEC_NONE && at < r->page->date;
    r->page->date = at > r->page->date ? at : r->page->date;
}

static int read_frame(struct page_reading *r, struct sv frame, struct err *e)
{
    struct json_doc *d = json_doc_new(FRAME_MOST);
    struct jv v = {0};
    if (!d) {
        return err_set(e, ERR_MEMORY, "no memory to read a page");
    }
    int rc = json_parse(d, frame, &v, e);
    if (rc == OK) {
        bool more = false;
        struct jv next = json_get(v, SV("next")), said = json_get(v, SV("more"));
        int64_t number;
        r->page->more = json_bool(said, &more) ? more : sv_ieq(json_str(said), SV("true"));
        struct sv text = json_str(next);
        if (json_i64(next, &number)) { /* cursors are text; some write a number */
            r->page->next = arena_printf(r->a, "%lld", (long long)number);
        } else if (text.n && text.n <= PEER_NEXT_MOST) {
            r->page->next = arena_sv(r->a, text);
        }
    }
    json_doc_free(d);
    return rc;
}

/* What came as an object without a list in it: an empty envelope, an empty bundle, or an error told with a
 * status of success. */
static int read_single(struct page_reading *r, struct sv text, struct err *e)
{
    struct json_doc *d = json_doc_new(FRAME_MOST);
    struct jv v = {0};
    if (!d) {
        return err_set(e, ERR_MEMORY, "no memory to read a page");
    }
    int rc = json_parse(d, text, &v, e);
    bool envelope = rc == OK && json_type(v) == JSON_OBJECT &&
                    (json_count(v) == 0 || json_type(json_get(v, SV("more"))) != JSON_NONE ||
                     json_type(json_get(v, SV("objects"))) != JSON_NONE ||
                     sv_eq(json_get_str(v, SV("type")), SV("bundle")));
    json_doc_free(d);
    if (rc != OK) {
        return rc;
    }
    if (envelope) {
        return read_frame(r, text, e);
    }
    char words[200];
    return err_set(e, ERR_UNSUPPORTED, "the peer answered with something else than objects: %s",
                   sv_show(peer_read_error(text, r->a), words, sizeof(words)));
}

static int take_members(struct page_reading *r, struct json_split *s, struct err *e)
{
    struct sv member;
    uint64_t offset;
    int rc;
    for (;;) {
        rc = json_split_next(s, &member, &offset, e);
        if (rc == ERR_LIMIT) { /* passed over here; the parser says what is wrong with it */
            r->page->objects++;
            continue;
        }
        if (rc != 1) {
            return rc;
        }
        if (json_split_shape(s) == SPLIT_SINGLE) {
            r->single = true;
            rc = read_single(r, member, e);
            if (rc != OK) {
                return rc;
            }
            continue;
        }
        r->page->objects++;
        sha256_more(&r->sha, member);
        if (r->doc) {
            note_entry(r, member);
        }
    }
}

static int read_all(struct page_reading *r, struct stream *in, struct json_split *s, struct err *e)
{
    char *block = malloc(READ_AT_ONCE);
    ptrdiff_t n = 1;
    int rc = block ? OK : err_set(e, ERR_MEMORY, "no memory to read a page");
    while (rc == OK && n > 0) {
        n = stream_read(in, block, READ_AT_ONCE, e);
        rc = n < 0 ? (int)n : json_split_feed(s, sv_from(block, (size_t)n), n == 0, e);
        rc = rc == OK ? take_members(r, s, e) : rc;
    }
    free(block);
    if (rc == OK && !r->single && json_split_shape(s) == SPLIT_KEYED) {
        rc = read_frame(r, json_split_frame(s), e);
    }
    return rc;
}

int peer_page_read(int fd, bool manifest, uint64_t most, struct arena *a, struct peer_page *ret,
                   struct err *e)
{
    struct page_reading r = {.page = ret, .a = a, .most = most};
    *ret = (struct peer_page){.next = SV_NONE, .date = USEC_NONE};
    sha256_start(&r.sha);
    struct stream *in = stream_new(fd, 2ull * PEER_PAGE_BYTES, 0);
    struct json_split *s = json_split_new(SV("objects"), MEMBER_MOST);
    r.doc = manifest ? json_doc_new(FRAME_MOST) : NULL;
    int rc = in && s && (r.doc || !manifest) ? read_all(&r, in, s, e)
                                             : err_set(e, ERR_MEMORY, "no memory to read a page");
    ret->sha = sha256_end(&r.sha);
    json_doc_free(r.doc);
    json_split_free(s);
    stream_free(in);
    if (rc == OK && lseek(fd, 0, SEEK_SET) != 0) {
        rc = err_errno(e, errno, "cannot read a page again");
    }
    return rc;
}
