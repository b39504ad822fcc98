#include "fuse/private.h"

#include <stdlib.h>

/*
 * A Bloom filter over claim.h: "certainly not there" saves the look-up of almost every new claim. It only
 * ever errs towards looking: rolled back and dropped claims leave their bits behind. 16 bits a claim and 4
 * probes give about 0.24 % needless look-ups (Bloom 1970: (1 - e^(-kn/m))^k).
 */
#define BITS_PER_CLAIM 16
#define LEAST_BITS (1ull << 20)

struct seen {
    uint64_t *word;
    uint64_t mask;   /* bits - 1; a power of two */
    uint64_t claims; /* added; past room the filter is made anew, larger */
    uint64_t room;
};

void seen_free(struct seen *s)
{
    if (s) {
        free(s->word);
        free(s);
    }
}

/* The hash is keyed and well mixed: its two halves make the probes (Kirsch and Mitzenmacher 2006). */
static uint64_t probe(const struct seen *s, int64_t h, unsigned i)
{
    uint64_t step = ((uint64_t)h >> 32) | 1;
    return ((uint64_t)h * 0x9E3779B97F4A7C15u + i * (step << 17 | step)) >> 7 & s->mask;
}

static void set(struct seen *s, int64_t h)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t bit = probe(s, h, i);
        s->word[bit / 64] |= 1ull << (bit % 64);
    }
    s->claims++;
}

static struct seen *seen_load(struct fuse *f, uint64_t expected)
{
    struct seen *s = calloc(1, sizeof(*s));
    uint64_t bits = LEAST_BITS;
    while (bits / BITS_PER_CLAIM < expected) {
        bits *= 2;
    }
    if (s) {
        *s = (struct seen){
            .mask = bits - 1, .room = bits / BITS_PER_CLAIM, .word = calloc(bits / 64, sizeof(uint64_t))};
    }
    struct stmt *q = s && s->word ? db_query(f->db, "SELECT h FROM claim", NULL) : NULL;
    int rc = q ? 1 : ERR_MEMORY;
    while (rc == 1 && (rc = db_step(q, NULL)) == 1) {
        set(s, col_int(q, 0));
    }
    db_done(q);
    if (rc != 0) { /* without the filter everything is looked up */
        seen_free(s);
        return NULL;
    }
    return s;
}

bool seen_maybe(struct fuse *f, int64_t h)
{
    if (!f->seen) {
        f->seen = seen_load(f, (uint64_t)db_value(f->db, "SELECT count(*) FROM claim", 0) * 2);
    }
    for (unsigned i = 0; f->seen && i < 4; i++) {
        uint64_t bit = probe(f->seen, h, i);
        if (!(f->seen->word[bit / 64] >> (bit % 64) & 1)) {
            return false;
        }
    }
    return true;
}

void seen_add(struct fuse *f, int64_t h)
{
    if (!f->seen) {
        return;
    }
    set(f->seen, h);
    if (f->seen->claims > f->seen->room) {
        seen_free(f->seen);
        f->seen = NULL;
    }
}
