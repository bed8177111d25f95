// SPDX-License-Identifier: BSD-3-Clause
// Translates libyaml's syntax errors for the person who wrote the file.
#ifndef BR_JOBFILE_SPEC_YAML_ERROR_H
#define BR_JOBFILE_SPEC_YAML_ERROR_H

#include <yaml.h>

#include "jobfile/diagnostic.h"

// Adds the error at which `parser` stopped; it must not be YAML_MEMORY_ERROR. `option` is as in
// spec_tree_parse.
void spec_yaml_error_add(struct diagnostics *d, const yaml_parser_t *parser, const char *option);

#endif
