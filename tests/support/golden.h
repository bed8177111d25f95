// SPDX-License-Identifier: BSD-3-Clause
// Texts compared with expected ones, some of which are files of the source tree. The tests run in
// the build tree; $srcdir names the source tree.
#ifndef BR_TESTS_SUPPORT_GOLDEN_H
#define BR_TESTS_SUPPORT_GOLDEN_H

#include <stddef.h>

#include "base/buffer.h"

// Writes "$srcdir/tests/topology/NAME" to `path`.
void golden_path(const char *name, char *path, size_t size);

// Fails the running test unless `actual` is exactly the content of that file. If it is not, it is
// written to NAME.actual: look at it, and copy it over the file if it is right.
void golden_check(const char *name, const struct buffer *actual);

// Fails the running test unless `actual` is exactly the text `expected`; then frees the buffer.
void golden_text(struct buffer *actual, const char *expected);

#endif
