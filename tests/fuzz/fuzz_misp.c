#include "format_job.h"

/* Events, and the manifest of a feed: their members are found in the same way. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_format("misp", data, size);
    fuzz_format("misp-manifest", data, size);
    return 0;
}
