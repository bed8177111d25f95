# SPDX-License-Identifier: BSD-3-Clause
# A convenience library for each room. None links another: a program names all rooms that it needs, the
# upper before the lower.
noinst_LIBRARIES += \
	libbase.a \
	libmodel.a \
	libjobfile.a \
	libresults.a \
	libinputs.a \
	libjournal.a \
	libviews.a \
	libreport.a \
	libprocess.a \
	libplugin.a \
	libchannel.a \
	libcrash.a \
	libworker.a \
	liblocal.a \
	libexec.a \
	libpool.a \
	liblibrary.a \
	librun.a

# The rooms of a worker, all rooms that run tasks, and all rooms of the runner, in the order for the
# linker.
worker_rooms = libworker.a libcrash.a libplugin.a libchannel.a libprocess.a libmodel.a libbase.a
pool_rooms = libpool.a liblocal.a libexec.a $(worker_rooms)
pool_libs = $(HWLOC_LIBS) -lpthread -lm
run_rooms = librun.a libreport.a libviews.a libinputs.a libresults.a libjournal.a libjobfile.a \
	$(pool_rooms)
run_libs = $(YAML_LIBS) $(XXHASH_LIBS) $(pool_libs)

libbase_a_SOURCES = \
	framework/base/array.c framework/base/array.h \
	framework/base/bits.c framework/base/bits.h \
	framework/base/buffer.c framework/base/buffer.h \
	framework/base/clock.c framework/base/clock.h \
	framework/base/decimal.c framework/base/decimal.h \
	framework/base/exact.c framework/base/exact.h \
	framework/base/error.c framework/base/error.h \
	framework/base/fd.c framework/base/fd.h \
	framework/base/float_mode.h \
	framework/base/heap.c framework/base/heap.h \
	framework/base/json.c framework/base/json.h \
	framework/base/kernel.c framework/base/kernel.h \
	framework/base/owned.h \
	framework/base/signals.c framework/base/signals.h \
	framework/base/stopwatch.c framework/base/stopwatch.h \
	framework/base/streams.c framework/base/streams.h \
	framework/base/text.c framework/base/text.h \
	framework/base/utf8.c framework/base/utf8.h \
	framework/base/wire.c framework/base/wire.h \
	framework/base/writer.c framework/base/writer.h

libmodel_a_SOURCES = \
	framework/model/cell_text.c framework/model/cell_text.h \
	framework/model/command_line.c framework/model/command_line.h \
	framework/model/cpuset.c framework/model/cpuset.h \
	framework/model/job.c framework/model/job.h \
	framework/model/job_inputs.c framework/model/job_inputs.h \
	framework/model/job_phase.h \
	framework/model/job_value.c framework/model/job_value.h \
	framework/model/job_workers.h \
	framework/model/ledger.c framework/model/ledger.h \
	framework/model/outcome.c framework/model/outcome.h \
	framework/model/plan.c framework/model/plan.h \
	framework/model/policy.c framework/model/policy.h \
	framework/model/reduce.c framework/model/reduce.h \
	framework/model/row.c framework/model/row.h \
	framework/model/schema.c framework/model/schema.h \
	framework/model/table.c framework/model/table.h \
	framework/model/table_builder.c framework/model/table_builder.h \
	framework/model/table_layout.h \
	framework/model/units.c framework/model/units.h

libjobfile_a_SOURCES = \
	framework/jobfile/diagnostic.c framework/jobfile/diagnostic.h \
	framework/jobfile/spec.c framework/jobfile/spec.h \
	framework/jobfile/spec_command.c \
	framework/jobfile/spec_inputs.c \
	framework/jobfile/spec_job.c \
	framework/jobfile/spec_keys.c framework/jobfile/spec_keys.h \
	framework/jobfile/spec_messages.c framework/jobfile/spec_messages.h \
	framework/jobfile/spec_node.c framework/jobfile/spec_node.h \
	framework/jobfile/spec_override.c framework/jobfile/spec_override.h \
	framework/jobfile/spec_phase.c \
	framework/jobfile/spec_place.c framework/jobfile/spec_place.h \
	framework/jobfile/spec_reader.c framework/jobfile/spec_reader.h \
	framework/jobfile/spec_readers.h \
	framework/jobfile/spec_references.c \
	framework/jobfile/spec_scalar.c framework/jobfile/spec_scalar.h \
	framework/jobfile/spec_schema.c framework/jobfile/spec_schema.h \
	framework/jobfile/spec_settings.c framework/jobfile/spec_settings.h \
	framework/jobfile/spec_source.c framework/jobfile/spec_source.h \
	framework/jobfile/spec_tree.c framework/jobfile/spec_tree.h \
	framework/jobfile/spec_types.h \
	framework/jobfile/spec_value.c framework/jobfile/spec_value.h \
	framework/jobfile/spec_yaml_error.c framework/jobfile/spec_yaml_error.h

libresults_a_SOURCES = \
	framework/results/output.c framework/results/output.h \
	framework/results/output_csv.c \
	framework/results/output_format.h \
	framework/results/output_jsonl.c \
	framework/results/output_npy.c \
	framework/results/output_stream.c \
	framework/results/results.c framework/results/results.h

libinputs_a_SOURCES = \
	framework/inputs/convert.c framework/inputs/convert.h \
	framework/inputs/csv.c framework/inputs/csv.h \
	framework/inputs/inputs.c framework/inputs/inputs.h \
	framework/inputs/inputs_columns.c \
	framework/inputs/inputs_files.c \
	framework/inputs/inputs_glob.c \
	framework/inputs/inputs_matrix.c \
	framework/inputs/inputs_plain.c \
	framework/inputs/inputs_private.h \
	framework/inputs/phase_table.c framework/inputs/phase_table.h

libjournal_a_SOURCES = \
	framework/journal/event.h \
	framework/journal/event_json.c framework/journal/event_json.h \
	framework/journal/event_run.h \
	framework/journal/event_task.h \
	framework/journal/journal.c framework/journal/journal.h \
	framework/journal/journal_format.c framework/journal/journal_format.h \
	framework/journal/journal_read.c framework/journal/journal_read.h \
	framework/journal/replay.c framework/journal/replay.h \
	framework/journal/rundir.c framework/journal/rundir.h \
	framework/journal/rundir_error.c \
	framework/journal/rundir_open.c \
	framework/journal/rundir_try.c framework/journal/rundir_try.h \
	framework/journal/runlock.c framework/journal/runlock.h \
	framework/journal/syncer.c framework/journal/syncer.h

libviews_a_SOURCES = \
	framework/views/failures.c framework/views/failures.h \
	framework/views/failures_text.c \
	framework/views/log_view.c framework/views/log_view.h \
	framework/views/machine_note.c framework/views/machine_note.h \
	framework/views/phase_names.c framework/views/phase_names.h \
	framework/views/plan_view.c framework/views/plan_view.h \
	framework/views/progress.c framework/views/progress.h \
	framework/views/progress_block.c framework/views/progress_block.h \
	framework/views/progress_line.c \
	framework/views/running_task.h \
	framework/views/show.c framework/views/show.h \
	framework/views/slowest.c framework/views/slowest.h \
	framework/views/story.c framework/views/story.h \
	framework/views/summary.c framework/views/summary.h \
	framework/views/summary_history.c framework/views/summary_history.h \
	framework/views/task_name.c framework/views/task_name.h

libreport_a_SOURCES = \
	framework/report/attempts.c framework/report/attempts.h \
	framework/report/core_time.c framework/report/core_time.h \
	framework/report/histogram.c framework/report/histogram.h \
	framework/report/html.c framework/report/html.h \
	framework/report/report.c framework/report/report.h \
	framework/report/report_charts.c \
	framework/report/report_parts.h \
	framework/report/report_text.c \
	framework/report/report_timeline.c \
	framework/report/timeline.c framework/report/timeline.h \
	framework/report/trace.c framework/report/trace.h

# The style of a report as a C array: comments and indentation are left out.
nodist_libreport_a_SOURCES = framework/report/report_css.c
framework/report/report_css.c: framework/report/report.css
	$(AM_V_GEN)$(MKDIR_P) framework/report && { \
	    echo '// SPDX-License-Identifier: BSD-3-Clause' && \
	    echo '// Made from framework/report/report.css.' && \
	    echo '#include "report/report_parts.h"' && \
	    echo 'const char report_style[] =' && \
	    sed -e 's/^ *//' -e '/^$$/d' -e '/^\/\*/d' -e 's/["\\]/\\&/g' -e 's/.*/    "&\\n"/' \
	        $(srcdir)/framework/report/report.css && echo '    ;'; } >$@.part && mv $@.part $@
EXTRA_DIST += framework/report/report.css
CLEANFILES += framework/report/report_css.c framework/report/report_css.c.part

libprocess_a_SOURCES = \
	framework/exec/process/cgroup.c framework/exec/process/cgroup.h \
	framework/exec/process/job_signals.c framework/exec/process/job_signals.h \
	framework/exec/process/nursery.c framework/exec/process/nursery.h \
	framework/exec/process/printed.c framework/exec/process/printed.h \
	framework/exec/process/proc_usage.c framework/exec/process/proc_usage.h \
	framework/exec/process/stray_processes.c framework/exec/process/stray_processes.h

libplugin_a_SOURCES = \
	framework/exec/plugin/inspect.c \
	framework/exec/plugin/plugin.c framework/exec/plugin/plugin.h \
	framework/exec/plugin/plugin_file.c framework/exec/plugin/plugin_file.h \
	framework/exec/plugin/plugin_symbols.c framework/exec/plugin/plugin_symbols.h

libchannel_a_SOURCES = \
	framework/exec/channel/channel_account.h \
	framework/exec/channel/channel_check.h \
	framework/exec/channel/channel_coordinator.c framework/exec/channel/channel_coordinator.h \
	framework/exec/channel/channel_memory.c framework/exec/channel/channel_memory.h \
	framework/exec/channel/channel_read.c \
	framework/exec/channel/channel_record.c framework/exec/channel/channel_record.h \
	framework/exec/channel/channel_worker.c framework/exec/channel/channel_worker.h

libcrash_a_SOURCES = \
	framework/exec/crash/crash.c framework/exec/crash/crash.h \
	framework/exec/crash/crash_text.c \
	framework/exec/crash/dwarf.c framework/exec/crash/dwarf.h \
	framework/exec/crash/symbols.c framework/exec/crash/symbols.h \
	framework/exec/crash/symbols_names.c

libworker_a_SOURCES = \
	framework/exec/worker/children.c framework/exec/worker/children.h \
	framework/exec/worker/isolate.c framework/exec/worker/isolate.h \
	framework/exec/worker/limit_message.c framework/exec/worker/limit_message.h \
	framework/exec/worker/process_state.c framework/exec/worker/process_state.h \
	framework/exec/worker/run_inline.c framework/exec/worker/run_inline.h \
	framework/exec/worker/task.c framework/exec/worker/task.h \
	framework/exec/worker/worker.c framework/exec/worker/worker.h \
	framework/exec/worker/worker_program.c framework/exec/worker/worker_program.h \
	framework/exec/worker/worker_setup.c framework/exec/worker/worker_setup.h

liblocal_a_SOURCES = \
	framework/exec/local/limit_watch.c framework/exec/local/limit_watch.h \
	framework/exec/local/local.c framework/exec/local/local.h \
	framework/exec/local/local_crash.c framework/exec/local/local_crash.h \
	framework/exec/local/local_death.c framework/exec/local/local_death.h \
	framework/exec/local/local_life.c framework/exec/local/local_life.h \
	framework/exec/local/local_options.h \
	framework/exec/local/local_report.c framework/exec/local/local_report.h \
	framework/exec/local/local_ring.c framework/exec/local/local_ring.h \
	framework/exec/local/local_slot.h \
	framework/exec/local/local_state.c framework/exec/local/local_state.h \
	framework/exec/local/local_watch.c framework/exec/local/local_watch.h

libexec_a_SOURCES = \
	framework/exec/executor.h framework/exec/executor_types.h \
	framework/exec/topology.c framework/exec/topology.h

libpool_a_SOURCES = \
	framework/pool/chunk.c framework/pool/chunk.h \
	framework/pool/pool.c framework/pool/pool.h \
	framework/pool/pool_grant.c \
	framework/pool/pool_limits.c \
	framework/pool/pool_private.h \
	framework/pool/pool_queue.c \
	framework/pool/pool_retry.c \
	framework/pool/pool_slots.c \
	framework/pool/pool_state.h \
	framework/pool/pool_steal.c \
	framework/pool/pool_workers.c

liblibrary_a_SOURCES = \
	framework/library/library.h \
	framework/library/library_call.c framework/library/library_call.h \
	framework/library/library_drive.c framework/library/library_drive.h \
	framework/library/library_imap.c framework/library/library_imap.h \
	framework/library/library_pool.c \
	framework/library/library_result.c framework/library/library_result.h \
	framework/library/library_state.h \
	framework/library/library_struct.c framework/library/library_struct.h

librun_a_SOURCES = \
	framework/run/accept.c framework/run/accept.h \
	framework/run/check_command.c framework/run/check_command.h \
	framework/run/check_command_private.h framework/run/check_command_report.c \
	framework/run/check_command_shell.c \
	framework/run/check_files.c framework/run/check_files.h \
	framework/run/fingerprint.c framework/run/fingerprint.h \
	framework/run/log_room.c framework/run/log_room.h \
	framework/run/one_task.c framework/run/one_task.h \
	framework/run/phase.c framework/run/phase.h \
	framework/run/phase_events.c framework/run/phase_events.h \
	framework/run/phase_files.c framework/run/phase_files.h \
	framework/run/phase_reduction.c framework/run/phase_reduction.h \
	framework/run/phase_rows.c framework/run/phase_rows.h \
	framework/run/phase_signature.c framework/run/phase_signature.h \
	framework/run/phases.c framework/run/phases.h \
	framework/run/prepare.c framework/run/prepare.h \
	framework/run/recorded_run.c framework/run/recorded_run.h \
	framework/run/resume.c framework/run/resume.h \
	framework/run/resume_state.c framework/run/resume_state.h \
	framework/run/row_hashes.c framework/run/row_hashes.h \
	framework/run/run.c framework/run/run.h \
	framework/run/selection.c framework/run/selection.h \
	framework/run/status.c framework/run/status.h \
	framework/run/stop.c framework/run/stop.h \
	framework/run/terminal.c framework/run/terminal.h

libjobfile_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
libjournal_a_CFLAGS = $(AM_CFLAGS) $(XXHASH_CFLAGS)
libexec_a_CFLAGS = $(AM_CFLAGS) $(HWLOC_CFLAGS)
libcrash_a_CFLAGS = $(AM_CFLAGS) $(LIBDW_CFLAGS)

# The library that programs link: the pool, without the runner. libtool accepts no plain archive in a
# shared library, so the archives are passed to the linker.
lib_LTLIBRARIES += libbatchrun.la
exported = framework/library/libbatchrun.map
EXTRA_DIST += $(exported)
comma = ,
empty =
space = $(empty) $(empty)
libbatchrun_la_SOURCES =
libbatchrun_la_DEPENDENCIES = liblibrary.a $(pool_rooms) $(exported)
libbatchrun_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(srcdir)/$(exported) \
	-Wl,--whole-archive,liblibrary.a,--no-whole-archive,$(subst $(space),$(comma),$(strip $(pool_rooms) $(pool_libs)))
