// SPDX-License-Identifier: BSD-3-Clause
// libyaml's syntax errors in words for the person who wrote the file.
#ifndef BR_JOBFILE_SPEC_YAML_ERROR_H
#define BR_JOBFILE_SPEC_YAML_ERROR_H

#include <yaml.h>

#include "jobfile/diagnostic.h"

// Adds the mistake at which `parser` stopped (not: out of memory). `option` as in tree_parse.
void yaml_error_complain(struct diagnostics *d, const yaml_parser_t *parser, const char *option);

#endif
