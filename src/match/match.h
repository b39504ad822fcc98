/*
 * match: observations against indicators, in memory.
 *
 * A matchset is one immutable, relocatable block (offsets, no pointers) in a memfd: built in the background,
 * swapped whole, mapped by other processes. It holds addresses and prefixes (longest first), names (exact,
 * parents, wildcards), URLs (host and path prefix), hashes, e-mails, TLS fingerprints. May call base/ stix/
 * store/ net/ jobs/ pact/ ledger/. Knows nothing of claims: only (kind, value, number).
 */
#pragma once

#include "stix/stix.h"

struct matchset;
struct matchset_build;

/* `expected` keys is a hint. NULL without memory. */
struct matchset_build *matchset_build_new(size_t expected);
void matchset_build_free(struct matchset_build *b);
/* Adds an indicator under a caller's number (for example its claim id); equal (kind, value) added again keeps
 * the first number. Kinds that cannot be matched are refused with ERR_UNSUPPORTED, as are a URL without host
 * and a wildcard over a whole top-level domain; the builder stays usable after ERR_UNSUPPORTED, ERR_VALUE and
 * ERR_LIMIT. */
int matchset_build_add(struct matchset_build *b, const struct obs *o, uint32_t number,
                       struct err *e) MUST_USE;
/* Makes the block; the builder is used up (still to be freed). NULL on error. */
struct matchset *matchset_build_finish(struct matchset_build *b, struct err *e);
/* Maps a block made by another process after checking magic, version and every offset (a hostile block must
 * not crash us). Takes over fd on success. */
struct matchset *matchset_map(int fd, struct err *e);
/* Reference counted: _ref gives another owner, _free drops one. */
struct matchset *matchset_ref(struct matchset *m);
void matchset_free(struct matchset *m);
int matchset_fd(const struct matchset *m); /* the sealed memfd, owned by the set */
size_t matchset_count(const struct matchset *m);
size_t matchset_bytes(const struct matchset *m);

/* How an indicator covers what was seen. */
enum match_how {
    MATCH_EXACT,
    MATCH_PARENT,
    MATCH_WILDCARD,
    MATCH_PREFIX /* CIDR */,
    MATCH_HOST /* a URL's or e-mail's... host equals a name or address indicator */,
    MATCH_PATH /* URL path prefix at '/', '?' or end */
};
const char *match_how_name(enum match_how h);
struct hit {
    uint32_t number;
    uint32_t entry; /* for matchset_value, in this set only */
    enum match_how how;
    enum kind kind; /* of the indicator */
};
/* Canonical value of the indicator: a view into the block or into `scratch`. SV_NONE when there is no such
 * entry. */
#define MATCHSET_VALUE_MAX 132
struct sv matchset_value(const struct matchset *m, uint32_t entry, char scratch[MATCHSET_VALUE_MAX]);
/*
 * All indicators that cover one observed value, most specific first, at most `max`. Returns how many.
 * An observed domain also meets indicators of its parents and "*." wildcards; an observed URL meets URL
 * indicators with the same host whose path is a prefix at a boundary, then its host as domain or address; an
 * address meets the longest prefixes that hold it. URLs are compared without scheme and user. A domain
 * indicator that is a public suffix ("co.jp", "duckdns.org") meets only itself. Thread-safe, no allocation.
 */
size_t matchset_find(const struct matchset *m, const struct obs *o, struct hit *ret, size_t max);
/* The same for a batch with prefetching: `first[i]` gets the best hit of o[i] (`number` UINT32_MAX = none).
 * Returns how many met. */
size_t matchset_find_batch(const struct matchset *m, const struct obs *o, size_t n, struct hit *first);
/* Walks all indicators of the block: start with *it = 0. */
bool matchset_next(const struct matchset *m, size_t *it, struct hit *ret);
