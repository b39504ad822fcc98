#include "fuse/private.h"

#include <math.h>

/* Admiralty reliability as a weight; F ("cannot be judged") stands in the middle. */
static double reliability_weight(char grade)
{
    switch (grade) {
    case 'A':
        return 0.95;
    case 'B':
        return 0.80;
    case 'C':
        return 0.60;
    case 'D':
        return 0.40;
    case 'E':
        return 0.20;
    default:
        return 0.50;
    }
}

/* Days after which a statement about this kind is worth half: addresses change hands quickly, hashes never. 0
 * = does not age. */
static double half_life_days(enum kind kind)
{
    switch (kind) {
    case KIND_IPV4:
    case KIND_IPV6:
        return 30;
    case KIND_URL:
        return 60;
    case KIND_DOMAIN:
    case KIND_EMAIL:
        return 120;
    case KIND_JA3:
    case KIND_JA3S:
    case KIND_JA4:
    case KIND_JARM:
    case KIND_USER_AGENT:
        return 365;
    default:
        return 0;
    }
}

double fuse_term(char reliability, int confidence, enum kind kind, usec last, usec now)
{
    double stated = confidence < 0 ? 1.0 : (double)confidence / 100.0;
    double half = half_life_days(kind);
    double age = last == USEC_NONE || now <= last ? 0.0 : (double)(now - last) / (double)USEC_DAY;
    double decay = half > 0 ? exp2(-age / half) : 1.0;
    return reliability_weight(reliability) * stated * decay;
}

double fuse_noisy_or(const double *terms, size_t n)
{
    double none = 1.0;
    for (size_t i = 0; i < n; i++) {
        none *= 1.0 - terms[i];
    }
    return 1.0 - none;
}
