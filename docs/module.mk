# SPDX-License-Identifier: BSD-3-Clause
EXTRA_DIST += \
	docs/commands.md \
	docs/job-file.md \
	docs/journal-format.md \
	docs/plugins.md \
	docs/pool-guide.md \
	docs/reading-a-run.md \
	docs/report.md \
	docs/slurm.md

# The programs that the guide to the pool shows.
check_PROGRAMS += docs/examples/callback
docs_examples_callback_SOURCES = docs/examples/callback.c
docs_examples_callback_LDADD = libbatchrun.la
check_PROGRAMS += docs/examples/crash
docs_examples_crash_SOURCES = docs/examples/crash.c
docs_examples_crash_LDADD = libbatchrun.la
check_PROGRAMS += docs/examples/imap
docs_examples_imap_SOURCES = docs/examples/imap.c
docs_examples_imap_LDADD = libbatchrun.la
check_PROGRAMS += docs/examples/map
docs_examples_map_SOURCES = docs/examples/map.c
docs_examples_map_LDADD = libbatchrun.la
check_PROGRAMS += docs/examples/map_async
docs_examples_map_async_SOURCES = docs/examples/map_async.c
docs_examples_map_async_LDADD = libbatchrun.la
check_PROGRAMS += docs/examples/names
docs_examples_names_SOURCES = docs/examples/names.c
docs_examples_names_LDADD = libbatchrun.la
