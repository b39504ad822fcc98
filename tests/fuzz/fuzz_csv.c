/* Tables by their own header, and the same bytes as a mapping of a source. */
#include "format_job.h"
#include "intake/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv text = sv_from((const char *)data, size);
    struct err e = ERR_NONE;

    fuzz_format("csv", data, size);
    if (csv_mapping_check(text, &e) == OK)
        (void)csv_is_table(SV("a,b,c\n192.0.2.1,x,2026-08-22\n"), text);
    else
        promise(e.text[0]);
    return 0;
}
