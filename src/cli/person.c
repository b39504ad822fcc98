#include "cli/person.h"

#include <string.h>
#include <unistd.h>

int cmd_person(struct cmd *c, const char *by, struct err *e)
{
    char line[1024];
    size_t n = 0;
    char ch;
    if (!by) {
        err_set(e, ERR_USAGE, "a person must answer for this");
        return err_hint(e, "say --by USER, and give the user's password on standard input");
    }
    while (n < sizeof(line) && c->files.wait(c->files.ctx, c->in, e) == OK && read(c->in, &ch, 1) == 1 &&
           ch != '\n') {
        line[n++] = ch;
    }
    int rc = person_check(c->node, sv_c(by), sv_from(line, n), e);
    explicit_bzero(line, sizeof(line));
    return rc;
}

int cmd_read_file(struct cmd *c, const char *path, struct buf *ret, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? c->in : c->files.open(c->files.ctx, path, e);
    ssize_t got = 1;
    if (fd < 0) {
        return fd;
    }
    while (got > 0 && !ret->failed) {
        char *room = buf_reserve(ret, 65536);
        got = room ? read(fd, room, 65536) : 0;
        ret->n += got > 0 ? (size_t)got : 0;
    }
    if (!standard) {
        close(fd);
    }
    if (ret->failed) {
        return err_set(e, ERR_LIMIT, "%s is larger than what belongs here can be", path);
    }
    return got < 0 ? err_set(e, ERR_IO, "cannot read %s", path) : OK;
}
