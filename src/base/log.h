/* Levelled structured log: text to a terminal, JSON lines otherwise. Only programs and daemons log; libraries
 * return errors. */
#pragma once

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
/* `json` forces the form: -1 = by isatty(fd). */
void log_open(int fd, enum log_level least, int json);
/* One event: a room name and a sentence. Thread-safe, one write(2) a line. */
void log_write(enum log_level level, const char *room, const char *fmt, ...) PRINTF(3, 4);
void log_err(enum log_level level, const char *room, const struct err *e);
#define log_info(room, ...) log_write(LOG_INFO, room, __VA_ARGS__)
#define log_warn(room, ...) log_write(LOG_WARN, room, __VA_ARGS__)
