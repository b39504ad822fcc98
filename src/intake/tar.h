/* Private to intake/: members of a tar archive, from a stream. */
#pragma once

#include "intake/private.h"

#define TAR_BLOCK 512u

enum tar_type { TAR_FILE, TAR_DIRECTORY, TAR_OTHER };
struct tar_entry {
    struct sv path;   /* view until the next call */
    uint64_t size;    /* bytes of content that follow in the stream */
    uint64_t padding; /* bytes after the content */
    enum tar_type type;
};
struct tar {
    struct stream *in;
    uint64_t offset; /* bytes of headers and skipped content, for messages */
    struct buf path, extra;
};
/* True when `head` begins with a header whose checksum holds. */
bool tar_is(struct sv head);
void tar_init(struct tar *t, struct stream *in);
void tar_clear(struct tar *t);
/* 1 = an entry; its `size` + `padding` bytes must be taken from the stream before the next call. 0 = end. */
int tar_next(struct tar *t, struct tar_entry *ret, struct err *e) MUST_USE;
int tar_skip(struct tar *t, uint64_t n, struct err *e) MUST_USE;
