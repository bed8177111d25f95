# SPDX-License-Identifier: BSD-3-Clause
EXTRA_DIST += \
	docs/job-file.md \
	docs/journal-format.md \
	docs/plugins.md
