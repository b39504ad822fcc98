#include "event_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {"syslog", "cef", "leef"};
    struct sv bytes = {(const char *)data, size};

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        fuzz_file(bytes, formats[i]);
        fuzz_lines(bytes, formats[i]);
    }
    return 0;
}
