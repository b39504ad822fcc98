/* Time zones: TZif files (RFC 8536) and their footers (POSIX TZ with the extensions of RFC 8536 3.3.1). */
#include "base/zone_private.h"
#include "base/file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ZONE_DIR "/usr/share/zoneinfo"
#define ZONE_FILE_MOST ((size_t)1 << 18)
/* No zone was ever further from UTC: local times are looked for within this distance. */
#define OFFSET_MOST 93600
#define FOREVER INT64_MAX

static int64_t seconds_of(usec t)
{
    int64_t s = t / USEC_SECOND;
    return s - (t % USEC_SECOND < 0);
}

/* Offset in force at `at` (seconds) and, when wanted, the instant at which it ends. */
static int32_t segment_at(const struct zone *z, int64_t at, int64_t *ret_end)
{
    size_t n = z->count;
    if (n == 0 || at >= z->at[n - 1]) {
        if (z->has_rule)
            return zone_rule_at(&z->rule, at, ret_end);
        *ret_end = FOREVER;
        return n ? z->offset[n - 1] : z->first;
    }
    size_t low = 0, high = n - 1;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (z->at[mid] <= at)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_end = z->at[low];
    return low ? z->offset[low - 1] : z->first;
}

int32_t zone_offset(const struct zone *z, usec at)
{
    int64_t end;
    return segment_at(z, seconds_of(at), &end);
}

const char *zone_name(const struct zone *z)
{
    return z->name;
}

static usec shifted(usec t, int64_t seconds)
{
    usec result;
    if (__builtin_sub_overflow(t, seconds * USEC_SECOND, &result))
        return seconds > 0 ? INT64_MIN + 1 : INT64_MAX;
    return result;
}

usec zone_local(const struct zone *z, usec local_as_if_utc, int *ret_fold)
{
    int64_t local = seconds_of(local_as_if_utc);
    int64_t from = local - OFFSET_MOST, end = from;
    int found = 0;
    usec result = 0, gap_end = local_as_if_utc;
    while (from <= local + OFFSET_MOST) {
        int32_t offset = segment_at(z, from, &end);
        int64_t at = local - offset;
        if (at >= from && at < end && found++ == 0)
            result = shifted(local_as_if_utc, offset);
        /* Of the segments that end before this local time comes, the last one ends where the gap is. */
        if (at >= end)
            gap_end = end * USEC_SECOND;
        if (end == FOREVER)
            break;
        from = end;
    }
    if (ret_fold)
        *ret_fold = found;
    return found ? result : gap_end;
}

static bool is_zone_name(struct sv name)
{
    if (name.n == 0 || name.n >= ZONE_NAME_ROOM)
        return false;
    struct sv part, rest = name;
    while (sv_cut(&rest, '/', &part)) {
        if (part.n == 0)
            return false;
        for (size_t i = 0; i < part.n; i++) {
            char c = part.p[i];
            bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '+')
                return false;
        }
    }
    return true;
}

/* "+09:00", "-0330", "+09" as seconds. */
static bool fixed_offset(struct sv name, int32_t *ret)
{
    if (name.n < 3 || (name.p[0] != '+' && name.p[0] != '-'))
        return false;
    struct sv hours = sv_sub(name, 1, 2), minutes = sv_sub(name, 3, SIZE_MAX);
    if (minutes.n == 3 && minutes.p[0] == ':')
        minutes = sv_sub(minutes, 1, 2);
    uint64_t h, m = 0;
    if (!sv_u64(hours, &h) || (name.n > 3 && (minutes.n != 2 || !sv_u64(minutes, &m))) || h > 23 || m > 59)
        return false;
    int32_t seconds = (int32_t)(h * 3600 + m * 60);
    *ret = name.p[0] == '-' ? -seconds : seconds;
    return true;
}

static struct zone *new_fixed(struct sv name, int32_t offset)
{
    struct zone *z = calloc(1, sizeof(*z));
    if (!z)
        return NULL;
    z->first = offset;
    sv_copy(name, z->name, sizeof(z->name));
    return z;
}

static struct zone *load(struct sv name, struct err *e)
{
    char path[sizeof(ZONE_DIR) + 1 + ZONE_NAME_ROOM];
    (void)snprintf(path, sizeof(path), ZONE_DIR "/%.*s", SV_ARG(name));
    struct buf b;
    buf_init(&b, ZONE_FILE_MOST);
    struct zone *z = NULL;
    struct err cause;
    int rc = file_read(AT_FDCWD, path, &b, &cause);
    /* ERR_IO: "Asia" is a directory. */
    if (rc == ERR_NOT_FOUND || rc == ERR_IO) {
        err_set(e, ERR_NOT_FOUND, "no time zone is called \"%.*s\"", SV_ARG(name));
        err_hint(
            e,
            "use a name such as Asia/Taipei, Asia/Tokyo, America/New_York, UTC, or an offset such as +09:00");
    } else if (rc != OK) {
        if (e)
            *e = cause;
    } else {
        z = zone_read_tzif(buf_sv(&b), e);
        if (z)
            sv_copy(name, z->name, sizeof(z->name));
        else
            err_at(e, path, 0, UINT64_MAX);
    }
    buf_clear(&b);
    return z;
}

/* Zones known so far; only ever grows at its head, so readers need no lock. */
static _Atomic(struct zone *) known;
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct zone *find_known(struct sv name)
{
    for (const struct zone *z = atomic_load_explicit(&known, memory_order_acquire); z; z = z->next)
        if (sv_eq(sv_c(z->name), name))
            return z;
    return NULL;
}

static const struct zone *make_known(struct sv name, bool fixed, int32_t offset, struct err *e)
{
    (void)pthread_mutex_lock(&known_lock);
    const struct zone *z = find_known(name);
    if (!z) {
        struct zone *fresh = fixed ? new_fixed(name, offset) : load(name, e);
        if (fresh) {
            fresh->next = atomic_load_explicit(&known, memory_order_relaxed);
            atomic_store_explicit(&known, fresh, memory_order_release);
        } else if (fixed) {
            err_set(e, ERR_MEMORY, "no memory for a time zone");
        }
        z = fresh;
    }
    (void)pthread_mutex_unlock(&known_lock);
    return z;
}

const struct zone *zone_find(struct sv name, struct err *e)
{
    int32_t offset = 0;
    char text[16];
    bool fixed = sv_eq(name, SV("UTC"));
    if (!fixed && fixed_offset(name, &offset)) {
        unsigned magnitude = (unsigned)(offset < 0 ? -offset : offset);
        /* One spelling for each offset keeps the list of known zones short. */
        (void)snprintf(text, sizeof(text), "%c%02u:%02u", offset < 0 ? '-' : '+', magnitude / 3600 % 24,
                       magnitude / 60 % 60);
        name = sv_c(text);
        fixed = true;
    }
    if (!fixed && !is_zone_name(name)) {
        char shown[48];
        err_set(e, ERR_VALUE, "\"%s\" is not the name of a time zone", sv_show(name, shown, sizeof(shown)));
        err_hint(e, "use a name such as Asia/Taipei, UTC, or an offset such as +09:00");
        return NULL;
    }
    const struct zone *z = find_known(name);
    return z ? z : make_known(name, fixed, offset, e);
}
