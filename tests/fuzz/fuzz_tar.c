/* A whole file as the program takes it: decompression, archives, detection, and whatever format is found in
 * it. */
#include "format_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct promises p = {0};
    const struct intake_sink sink = {&p,       on_record,      on_claim,  on_object, on_list,
                                     on_entry, on_observation, on_reject, on_chunk,  on_member,
                                     NULL};
    const struct intake_opts opts = {.mapping = SV(""), .format = SV(""), .name = SV("input")};
    struct err e = ERR_NONE;

    if (fd < 0)
        fd = memfd_create("input", MFD_CLOEXEC);
    promise(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size &&
            lseek(fd, 0, SEEK_SET) == 0);
    int rc = intake_parse(fd, &opts, &sink, &e);
    promise(rc <= 0 && (rc == OK || e.text[0]));
    return 0;
}
