#pragma once

#include "cli/cli.h"
#include "pact/agreement.h"

/*
 * Reads JSON lines on the command's input: {"agreements":[{"agreement":{...},"active":true}]} sets the
 * register for the lines after it, {"ask":{...}} is answered with one line. docs/agreements.md describes
 * both.
 */
int agreement_try(struct cmd *c);
/* `agreement check`, `text` and `try` look at what they are given and at no home. */
bool agreement_needs_no_home(int argc, char **argv);
