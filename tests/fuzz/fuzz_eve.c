#include "event_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv bytes = {(const char *)data, size};

    fuzz_file(bytes, "eve");
    fuzz_lines(bytes, "eve");
    return 0;
}
