// SPDX-License-Identifier: BSD-3-Clause
// Reads nodes into fields as key tables describe them.
#ifndef BR_JOBFILE_SPEC_READER_H
#define BR_JOBFILE_SPEC_READER_H

#include "jobfile/spec_types.h"

// Reads `mapping` into the table's struct at `target`; messages call it `name`. Unknown and missing
// keys are reported. A key that `mapping` does not have is read from `fallback` (or NULL) without
// messages. Fields whose values cannot be read stay as they were.
void spec_read_table(struct reader *r, const struct spec_table *table, const char *name,
                     struct node *mapping, const struct node *fallback, void *target);

// Reads one value into its field of the struct at `target`, by the key's type. After an error,
// which is reported, the field stays as it was.
void spec_read_key(struct reader *r, const struct spec_key *key, struct node *value, void *target);

#endif
