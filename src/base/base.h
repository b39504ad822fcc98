/*
 * base: memory, text, JSON, time, errors, log, configuration schema, processes.
 *
 * What every other room stands on. Calls no other room. Libraries here never log and never exit: they
 * return a negative `enum err_code` and fill a `struct err` that says what is wrong, where, and what to do.
 */
#pragma once

#include "base/err.h"
#include "base/sv.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "base/log.h"
#include "base/conf.h"
#include "base/proc.h"
#include "base/file.h"
