// SPDX-License-Identifier: BSD-3-Clause
// Texts compared with files of the source tree. The tests run in the build tree, with the source
// tree's place in $srcdir.
#ifndef BR_TESTS_SUPPORT_GOLDEN_H
#define BR_TESTS_SUPPORT_GOLDEN_H

#include <stddef.h>

#include "base/buffer.h"

// "$srcdir/tests/topology/NAME" in `path`.
void golden_path(const char *name, char *path, size_t size);

// Fails the running test unless `actual` is exactly the content of that file. The text is then left
// in NAME.actual, to be looked at and, where it is right, copied over the file.
void golden_check(const char *name, const struct buffer *actual);

#endif
