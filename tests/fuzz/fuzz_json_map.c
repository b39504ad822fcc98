#include "format_job.h"

/* The first line is the mapping, the rest the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv rest = {(const char *)data, size}, mapping;

    if (!sv_line(&rest, &mapping))
        return 0;
    fuzz_mapped("json", mapping, (const uint8_t *)rest.p, rest.n);
    fuzz_mapped("json-events", mapping, (const uint8_t *)rest.p, rest.n);
    return 0;
}
