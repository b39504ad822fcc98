/* Files: whole reads with a cap, atomic writes, buffered line reading, decompression by content. */
#pragma once

#include "base/buf.h"

/* Reads a whole file relative to `dirfd` (AT_FDCWD) into `b`; ERR_LIMIT past b->max. */
int file_read(int dirfd, const char *path, struct buf *b, struct err *e) MUST_USE;
/* Writes to a temporary name beside it, fsyncs, renames, fsyncs the directory. */
int file_write(int dirfd, const char *path, struct sv bytes, unsigned mode, struct err *e) MUST_USE;
int dir_make(int dirfd, const char *path, unsigned mode, struct err *e) MUST_USE; /* existing is fine */
/* write(2) until done. */
int fd_write_all(int fd, struct sv bytes, struct err *e) MUST_USE;
void close_fd(int *fd); /* closes when >= 0 and sets -1 */

/*
 * Stream: bytes of a descriptor, decompressed when they begin like gzip or zstd (nested once, so .tar.gz
 * content is tar). A truncated or corrupt compressed stream gives all bytes that could be had, then
 * ERR_CORRUPT. `max_out` bounds what may come out in all (zip bombs) and `max_ratio` (0 = 1000) out per in.
 */
struct stream;
struct stream *stream_new(int fd, uint64_t max_out, unsigned max_ratio); /* borrows fd */
/*
 * The next `n` decoded bytes of another stream (a member of an archive), decompressed anew by content.
 * Borrows `parent`; bytes it did not need stay there. A parent that ends before gives ERR_CORRUPT.
 */
struct stream *stream_new_part(struct stream *parent, uint64_t n, uint64_t max_out, unsigned max_ratio);
/* Bytes of a part not taken from its parent yet. */
uint64_t stream_part_left(const struct stream *s);
void stream_free(struct stream *s);
/* Reads up to n bytes: > 0 bytes, 0 end, negative error. */
ptrdiff_t stream_read(struct stream *s, void *p, size_t n, struct err *e) MUST_USE;
/* Looks at the first bytes (up to n, may be fewer at the end of the file) without taking them. */
int stream_peek(struct stream *s, size_t n, struct sv *ret, struct err *e) MUST_USE;
/* "gzip", "zstd" or "" for plain. */
const char *stream_coding(const struct stream *s);

/* Lines of a stream in blocks: views die at the next call. */
struct liner;
/*
 * A line longer than max_line is handed out as far as it goes with *ret_cut = true, the rest skipped. So is
 * the line in which a damaged stream breaks off: half an address reads like another address.
 */
struct liner *liner_new(struct stream *s, size_t max_line);
void liner_free(struct liner *l);
/* 1 and a line without "\n" / "\r\n" with its number (from 1) and byte offset; 0 at the end; negative on
 * error. */
int liner_next(struct liner *l, struct sv *ret, uint64_t *ret_line, uint64_t *ret_offset, bool *ret_cut,
               struct err *e) MUST_USE;
