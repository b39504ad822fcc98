/* run/noroshi.sock: commands of other processes of the same user. Inside serve/ only. */
#pragma once

#include "serve/serve.h"

struct command_socket;
struct command_socket *command_socket_open(struct node *n,
                                           int (*run)(struct node *, int, char **, const int[3],
                                                      const struct opener *),
                                           struct err *e);
/* Stops accepting and waits for the commands that run. */
void command_socket_close(struct command_socket *s);
