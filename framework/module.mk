# SPDX-License-Identifier: BSD-3-Clause
# One convenience library a layer; each links what stands to its left.
noinst_LTLIBRARIES += libbase.la libmodel.la libexec.la libpool.la librun.la

libbase_la_SOURCES = \
	framework/base/bits.c framework/base/bits.h \
	framework/base/buffer.c framework/base/buffer.h \
	framework/base/clock.c framework/base/clock.h \
	framework/base/decimal.c framework/base/decimal.h \
	framework/base/error.c framework/base/error.h \
	framework/base/fd.c framework/base/fd.h \
	framework/base/signals.c framework/base/signals.h \
	framework/base/stopwatch.c framework/base/stopwatch.h \
	framework/base/text.c framework/base/text.h \
	framework/base/wire.c framework/base/wire.h

libmodel_la_SOURCES = \
	framework/model/cpuset.c framework/model/cpuset.h \
	framework/model/job.c framework/model/job.h \
	framework/model/ledger.c framework/model/ledger.h \
	framework/model/outcome.c framework/model/outcome.h \
	framework/model/plan.c framework/model/plan.h \
	framework/model/reduce.c framework/model/reduce.h \
	framework/model/schema.c framework/model/schema.h \
	framework/model/table.c framework/model/table.h \
	framework/model/units.c framework/model/units.h
libmodel_la_LIBADD = libbase.la -lm

libexec_la_SOURCES = \
	framework/exec/bystander.c framework/exec/bystander.h \
	framework/exec/cgroup.c framework/exec/cgroup.h \
	framework/exec/channel.c framework/exec/channel.h \
	framework/exec/channel_layout.h framework/exec/channel_plain.h \
	framework/exec/channel_read.c \
	framework/exec/channel_worker.c \
	framework/exec/crash.c framework/exec/crash.h \
	framework/exec/crash_words.c \
	framework/exec/dwarf.c framework/exec/dwarf.h \
	framework/exec/executor.h \
	framework/exec/inspect.c \
	framework/exec/isolate.c framework/exec/isolate.h \
	framework/exec/leftovers.c framework/exec/leftovers.h \
	framework/exec/limit_message.c framework/exec/limit_message.h \
	framework/exec/local.c framework/exec/local.h \
	framework/exec/local_crash.c \
	framework/exec/local_report.c \
	framework/exec/local_slot.h \
	framework/exec/local_watch.c \
	framework/exec/nursery.c framework/exec/nursery.h \
	framework/exec/plugin.c framework/exec/plugin.h \
	framework/exec/plugin_file.c framework/exec/plugin_file.h \
	framework/exec/setup.c framework/exec/setup.h \
	framework/exec/solo.c framework/exec/solo.h \
	framework/exec/symbols.c framework/exec/symbols.h \
	framework/exec/symbols_names.c \
	framework/exec/surroundings.c framework/exec/surroundings.h \
	framework/exec/task.c framework/exec/task.h \
	framework/exec/topology.c framework/exec/topology.h \
	framework/exec/usage.c framework/exec/usage.h \
	framework/exec/watch.c framework/exec/watch.h \
	framework/exec/worker.c framework/exec/worker.h
libexec_la_CFLAGS = $(AM_CFLAGS) $(HWLOC_CFLAGS) $(LIBDW_CFLAGS)
libexec_la_LIBADD = libmodel.la $(HWLOC_LIBS)

libpool_la_SOURCES = \
	framework/pool/chunk.c framework/pool/chunk.h \
	framework/pool/due.c framework/pool/due.h \
	framework/pool/library.h \
	framework/pool/library_call.c \
	framework/pool/library_imap.c \
	framework/pool/library_pool.c \
	framework/pool/pool.c framework/pool/pool.h
libpool_la_LIBADD = libexec.la

# The library that programs link: the pool, and nothing of the runner.
lib_LTLIBRARIES += libbatchrun.la
libbatchrun_la_SOURCES =
libbatchrun_la_LIBADD = libpool.la -lpthread
libbatchrun_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-export-symbols-regex '^br_(pool|result|imap)_'

librun_la_SOURCES = \
	framework/run/attempts.c framework/run/attempts.h \
	framework/run/convert.c framework/run/convert.h \
	framework/run/core_time.c framework/run/core_time.h \
	framework/run/csv.c framework/run/csv.h \
	framework/run/diagnostic.c framework/run/diagnostic.h \
	framework/run/earlier.c framework/run/earlier.h \
	framework/run/event.h \
	framework/run/event_json.c framework/run/event_json.h \
	framework/run/failures.c framework/run/failures.h \
	framework/run/failures_text.c \
	framework/run/histogram.c framework/run/histogram.h \
	framework/run/html.c framework/run/html.h \
	framework/run/in_hand.h \
	framework/run/inputs.c framework/run/inputs.h \
	framework/run/inputs_files.c \
	framework/run/inputs_load.h \
	framework/run/inputs_matrix.c \
	framework/run/journal.c framework/run/journal.h \
	framework/run/journal_format.c framework/run/journal_format.h \
	framework/run/journal_read.c framework/run/journal_read.h \
	framework/run/json.c framework/run/json.h \
	framework/run/log_view.c framework/run/log_view.h \
	framework/run/machine_note.c framework/run/machine_note.h \
	framework/run/output.c framework/run/output.h \
	framework/run/output_csv.c \
	framework/run/output_format.h \
	framework/run/output_jsonl.c \
	framework/run/output_npy.c \
	framework/run/past.c framework/run/past.h \
	framework/run/phase.h \
	framework/run/phase_earlier.c \
	framework/run/phase_events.c \
	framework/run/phase_files.c \
	framework/run/phase_reduction.c \
	framework/run/phase_table.c framework/run/phase_table.h \
	framework/run/phases.c framework/run/phases.h \
	framework/run/plan_view.c framework/run/plan_view.h \
	framework/run/prepare.c framework/run/prepare.h \
	framework/run/progress.c framework/run/progress.h \
	framework/run/progress_block.c framework/run/progress_block.h \
	framework/run/progress_line.c \
	framework/run/replay.c framework/run/replay.h \
	framework/run/report.c framework/run/report.h \
	framework/run/report_charts.c \
	framework/run/report_parts.h \
	framework/run/report_style.c \
	framework/run/report_text.c \
	framework/run/report_timeline.c \
	framework/run/results.c framework/run/results.h \
	framework/run/resume.c framework/run/resume.h \
	framework/run/run.c framework/run/run.h \
	framework/run/rundir.c framework/run/rundir.h \
	framework/run/rundir_open.c \
	framework/run/runlock.c framework/run/runlock.h \
	framework/run/show.c framework/run/show.h \
	framework/run/single.c framework/run/single.h \
	framework/run/slowest.c framework/run/slowest.h \
	framework/run/sources.c framework/run/sources.h \
	framework/run/spec.c framework/run/spec.h \
	framework/run/spec_inputs.c \
	framework/run/spec_keys.c framework/run/spec_keys.h \
	framework/run/spec_mistake.c \
	framework/run/spec_override.c framework/run/spec_override.h \
	framework/run/spec_phase.c \
	framework/run/spec_reader.c framework/run/spec_reader.h \
	framework/run/spec_references.c \
	framework/run/spec_scalar.c framework/run/spec_scalar.h \
	framework/run/spec_schema.c framework/run/spec_schema.h \
	framework/run/spec_source.c framework/run/spec_source.h \
	framework/run/spec_tree.c framework/run/spec_tree.h \
	framework/run/spec_value.c \
	framework/run/spec_yaml_error.c framework/run/spec_yaml_error.h \
	framework/run/stop.c framework/run/stop.h \
	framework/run/story.c framework/run/story.h \
	framework/run/summary.c framework/run/summary.h \
	framework/run/task_name.c framework/run/task_name.h \
	framework/run/syncer.c framework/run/syncer.h \
	framework/run/timeline.c framework/run/timeline.h \
	framework/run/trace.c framework/run/trace.h
librun_la_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS) $(XXHASH_CFLAGS)
librun_la_LIBADD = libpool.la $(YAML_LIBS) $(XXHASH_LIBS) -lpthread
