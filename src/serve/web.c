#include "serve/private.h"

struct web *web_start(struct node *n, struct err *e)
{
    err_set(e, ERR_UNSUPPORTED, "this build has no HTTP side");
    return NULL;
}

void web_stop(struct web *w)
{
}

const char *web_address(const struct web *w)
{
    return "";
}

void web_publish(struct web *w, const struct sighting *s)
{
}
