# SPDX-License-Identifier: BSD-3-Clause
# For editors. `batchrun __manual schema` writes it, and a test checks that it is up to date.
dist_pkgdata_DATA = docs/job.schema.json

EXTRA_DIST += \
	docs/man/batchrun-job.5.in \
	docs/man/batchrun.1.in \
	docs/commands.md \
	docs/from-mpi.md \
	docs/from-parallel.md \
	docs/from-python.md \
	docs/languages.md \
	docs/decisions.md \
	docs/failures.md \
	docs/glossary.md \
	docs/job-file.md \
	docs/journal-format.md \
	docs/messages.md \
	docs/performance.md \
	docs/plugins.md \
	docs/pool-guide.md \
	docs/reading-a-run.md \
	docs/report.md \
	docs/resume.md \
	docs/security.md \
	docs/slurm.md \
	docs/start.md \
	docs/troubleshooting.md \
	docs/tuning.md

# The programs that the guide to the pool shows.
check_PROGRAMS += docs/examples/callback
docs_examples_callback_SOURCES = docs/examples/callback.c
docs_examples_callback_LDADD = libbatchrun.la
docs_examples_callback_LDFLAGS = $(AM_LDFLAGS)
check_PROGRAMS += docs/examples/crash
docs_examples_crash_SOURCES = docs/examples/crash.c
docs_examples_crash_LDADD = libbatchrun.la
docs_examples_crash_LDFLAGS = $(AM_LDFLAGS)
check_PROGRAMS += docs/examples/done
docs_examples_done_SOURCES = docs/examples/done.c
docs_examples_done_LDADD = libbatchrun.la
docs_examples_done_LDFLAGS = $(AM_LDFLAGS)
check_PROGRAMS += docs/examples/imap
docs_examples_imap_SOURCES = docs/examples/imap.c
docs_examples_imap_LDADD = libbatchrun.la
docs_examples_imap_LDFLAGS = $(AM_LDFLAGS)
check_PROGRAMS += docs/examples/map
docs_examples_map_SOURCES = docs/examples/map.c
docs_examples_map_LDADD = libbatchrun.la
docs_examples_map_LDFLAGS = $(AM_LDFLAGS)
check_PROGRAMS += docs/examples/map_async
docs_examples_map_async_SOURCES = docs/examples/map_async.c
docs_examples_map_async_LDADD = libbatchrun.la
docs_examples_map_async_LDFLAGS = $(AM_LDFLAGS)
check_PROGRAMS += docs/examples/names
docs_examples_names_SOURCES = docs/examples/names.c
docs_examples_names_LDADD = libbatchrun.la
docs_examples_names_LDFLAGS = $(AM_LDFLAGS)

# Manual pages. Their descriptions of options and of a job file's keys come from the tables that read
# these.
dist_man_MANS = docs/man/batchrun-plugin.7 docs/man/libbatchrun.3
nodist_man_MANS = docs/man/batchrun.1 docs/man/batchrun-job.5
CLEANFILES += $(nodist_man_MANS)

page_with = $(MKDIR_P) docs/man && \
	tools/batchrun/batchrun$(EXEEXT) __manual $$part >$@.part && \
	sed -e "/^@$$part@$$/{r $@.part" -e 'd;}' $(srcdir)/$@.in >$@.new && \
	rm $@.part && mv $@.new $@
docs/man/batchrun.1: docs/man/batchrun.1.in tools/batchrun/batchrun$(EXEEXT)
	$(AM_V_GEN)part=commands; $(page_with)
docs/man/batchrun-job.5: docs/man/batchrun-job.5.in tools/batchrun/batchrun$(EXEEXT)
	$(AM_V_GEN)part=keys; $(page_with)
