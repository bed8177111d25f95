# SPDX-License-Identifier: BSD-3-Clause
# A unit test is tests/unit/test_MODULE.c, one Check program per module.
unit_tests =
test_cppflags = $(AM_CPPFLAGS) -DBUILD='"$(abs_builddir)"'

unit_tests += tests/unit/test_array
tests_unit_test_array_SOURCES = tests/unit/test_array.c
unit_tests += tests/unit/test_attempts
tests_unit_test_attempts_SOURCES = tests/unit/test_attempts.c
unit_tests += tests/unit/test_bits
tests_unit_test_bits_SOURCES = tests/unit/test_bits.c
unit_tests += tests/unit/test_buffer
tests_unit_test_buffer_SOURCES = tests/unit/test_buffer.c
unit_tests += tests/unit/test_channel_claims
tests_unit_test_channel_claims_SOURCES = tests/unit/test_channel_claims.c
tests_unit_test_channel_claims_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_channel_damage
tests_unit_test_channel_damage_SOURCES = tests/unit/test_channel_damage.c
unit_tests += tests/unit/test_channel_records
tests_unit_test_channel_records_SOURCES = tests/unit/test_channel_records.c
tests_unit_test_channel_records_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_channel_scribble
tests_unit_test_channel_scribble_SOURCES = tests/unit/test_channel_scribble.c
tests_unit_test_channel_scribble_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_chunk
tests_unit_test_chunk_SOURCES = tests/unit/test_chunk.c
unit_tests += tests/unit/test_command_line
tests_unit_test_command_line_SOURCES = tests/unit/test_command_line.c
unit_tests += tests/unit/test_core_time
tests_unit_test_core_time_SOURCES = tests/unit/test_core_time.c
unit_tests += tests/unit/test_cpuset
tests_unit_test_cpuset_SOURCES = tests/unit/test_cpuset.c
unit_tests += tests/unit/test_crash
tests_unit_test_crash_SOURCES = tests/unit/test_crash.c
unit_tests += tests/unit/test_csv
tests_unit_test_csv_SOURCES = tests/unit/test_csv.c
unit_tests += tests/unit/test_decimal
tests_unit_test_decimal_SOURCES = tests/unit/test_decimal.c
unit_tests += tests/unit/test_error
tests_unit_test_error_SOURCES = tests/unit/test_error.c
unit_tests += tests/unit/test_executor
tests_unit_test_executor_SOURCES = tests/unit/test_executor.c
unit_tests += tests/unit/test_failures
tests_unit_test_failures_SOURCES = tests/unit/test_failures.c
unit_tests += tests/unit/test_fd
tests_unit_test_fd_SOURCES = tests/unit/test_fd.c
unit_tests += tests/unit/test_heap
tests_unit_test_heap_SOURCES = tests/unit/test_heap.c
unit_tests += tests/unit/test_histogram
tests_unit_test_histogram_SOURCES = tests/unit/test_histogram.c
unit_tests += tests/unit/test_html
tests_unit_test_html_SOURCES = tests/unit/test_html.c
unit_tests += tests/unit/test_inputs
tests_unit_test_inputs_SOURCES = tests/unit/test_inputs.c
unit_tests += tests/unit/test_job
tests_unit_test_job_SOURCES = tests/unit/test_job.c
unit_tests += tests/unit/test_journal
tests_unit_test_journal_SOURCES = tests/unit/test_journal.c
unit_tests += tests/unit/test_journal_format
tests_unit_test_journal_format_SOURCES = tests/unit/test_journal_format.c
unit_tests += tests/unit/test_journal_read
tests_unit_test_journal_read_SOURCES = tests/unit/test_journal_read.c
unit_tests += tests/unit/test_journal_reopen
tests_unit_test_journal_reopen_SOURCES = tests/unit/test_journal_reopen.c
unit_tests += tests/unit/test_json
tests_unit_test_json_SOURCES = tests/unit/test_json.c
unit_tests += tests/unit/test_ledger
tests_unit_test_ledger_SOURCES = tests/unit/test_ledger.c
unit_tests += tests/unit/test_library_callbacks
tests_unit_test_library_callbacks_SOURCES = tests/unit/test_library_callbacks.c
tests_unit_test_library_callbacks_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_library_calls
tests_unit_test_library_calls_SOURCES = tests/unit/test_library_calls.c
tests_unit_test_library_calls_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_library_done
tests_unit_test_library_done_SOURCES = tests/unit/test_library_done.c
tests_unit_test_library_done_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_library_ends
tests_unit_test_library_ends_SOURCES = tests/unit/test_library_ends.c
tests_unit_test_library_ends_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_library_iterators
tests_unit_test_library_iterators_SOURCES = tests/unit/test_library_iterators.c
tests_unit_test_library_iterators_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_limit_watch
tests_unit_test_limit_watch_SOURCES = tests/unit/test_limit_watch.c
unit_tests += tests/unit/test_local_deaths
tests_unit_test_local_deaths_SOURCES = tests/unit/test_local_deaths.c
unit_tests += tests/unit/test_local_life
tests_unit_test_local_life_SOURCES = tests/unit/test_local_life.c
unit_tests += tests/unit/test_local_limits
tests_unit_test_local_limits_SOURCES = tests/unit/test_local_limits.c
unit_tests += tests/unit/test_local_start
tests_unit_test_local_start_SOURCES = tests/unit/test_local_start.c
unit_tests += tests/unit/test_local_tasks
tests_unit_test_local_tasks_SOURCES = tests/unit/test_local_tasks.c
unit_tests += tests/unit/test_nursery
tests_unit_test_nursery_SOURCES = tests/unit/test_nursery.c
unit_tests += tests/unit/test_output
tests_unit_test_output_SOURCES = tests/unit/test_output.c
unit_tests += tests/unit/test_plan
tests_unit_test_plan_SOURCES = tests/unit/test_plan.c
unit_tests += tests/unit/test_plugin
tests_unit_test_plugin_SOURCES = tests/unit/test_plugin.c
tests_unit_test_plugin_CPPFLAGS = $(test_cppflags)
unit_tests += tests/unit/test_plugin_h
tests_unit_test_plugin_h_SOURCES = tests/unit/test_plugin_h.c tests/unit/plugin_h_c.c \
	tests/unit/plugin_h_cxx.cpp tests/unit/plugin_h_calls.h
tests_unit_test_plugin_h_CFLAGS = $(AM_CFLAGS) -std=c11 -pedantic
tests_unit_test_plugin_h_CXXFLAGS = -std=c++17 -pedantic -Wall -Wextra -Wshadow $(SANITIZE_CFLAGS)
unit_tests += tests/unit/test_policy
tests_unit_test_policy_SOURCES = tests/unit/test_policy.c
unit_tests += tests/unit/test_pool_grants
tests_unit_test_pool_grants_SOURCES = tests/unit/test_pool_grants.c
unit_tests += tests/unit/test_pool_limits
tests_unit_test_pool_limits_SOURCES = tests/unit/test_pool_limits.c
unit_tests += tests/unit/test_pool_random
tests_unit_test_pool_random_SOURCES = tests/unit/test_pool_random.c
unit_tests += tests/unit/test_pool_retries
tests_unit_test_pool_retries_SOURCES = tests/unit/test_pool_retries.c
unit_tests += tests/unit/test_pool_stop
tests_unit_test_pool_stop_SOURCES = tests/unit/test_pool_stop.c
unit_tests += tests/unit/test_pool_workers
tests_unit_test_pool_workers_SOURCES = tests/unit/test_pool_workers.c
unit_tests += tests/unit/test_progress
tests_unit_test_progress_SOURCES = tests/unit/test_progress.c
unit_tests += tests/unit/test_reduce
tests_unit_test_reduce_SOURCES = tests/unit/test_reduce.c
unit_tests += tests/unit/test_report
tests_unit_test_report_SOURCES = tests/unit/test_report.c
unit_tests += tests/unit/test_results
tests_unit_test_results_SOURCES = tests/unit/test_results.c
unit_tests += tests/unit/test_rundir
tests_unit_test_rundir_SOURCES = tests/unit/test_rundir.c
unit_tests += tests/unit/test_runlock
tests_unit_test_runlock_SOURCES = tests/unit/test_runlock.c
unit_tests += tests/unit/test_schema
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c
unit_tests += tests/unit/test_spec
tests_unit_test_spec_SOURCES = tests/unit/test_spec.c
unit_tests += tests/unit/test_stopwatch
tests_unit_test_stopwatch_SOURCES = tests/unit/test_stopwatch.c
unit_tests += tests/unit/test_story
tests_unit_test_story_SOURCES = tests/unit/test_story.c
unit_tests += tests/unit/test_summary
tests_unit_test_summary_SOURCES = tests/unit/test_summary.c
unit_tests += tests/unit/test_streams
tests_unit_test_streams_SOURCES = tests/unit/test_streams.c tests/unit/streams_cxx.cpp
tests_unit_test_streams_CXXFLAGS = -std=c++17 -Wall -Wextra -Wshadow $(SANITIZE_CFLAGS)
unit_tests += tests/unit/test_table
tests_unit_test_table_SOURCES = tests/unit/test_table.c
unit_tests += tests/unit/test_task
tests_unit_test_task_SOURCES = tests/unit/test_task.c
tests_unit_test_task_CPPFLAGS = $(test_cppflags)
unit_tests += tests/unit/test_text
tests_unit_test_text_SOURCES = tests/unit/test_text.c
unit_tests += tests/unit/test_timeline
tests_unit_test_timeline_SOURCES = tests/unit/test_timeline.c
unit_tests += tests/unit/test_topology
tests_unit_test_topology_SOURCES = tests/unit/test_topology.c
tests_unit_test_topology_LDADD = $(LDADD) -lpthread
unit_tests += tests/unit/test_units
tests_unit_test_units_SOURCES = tests/unit/test_units.c
unit_tests += tests/unit/test_wire
tests_unit_test_wire_SOURCES = tests/unit/test_wire.c
unit_tests += tests/unit/test_worker_ends
tests_unit_test_worker_ends_SOURCES = tests/unit/test_worker_ends.c
unit_tests += tests/unit/test_writer
tests_unit_test_writer_SOURCES = tests/unit/test_writer.c
tests_unit_test_writer_LDADD = $(LDADD) -lpthread

# Tests of <batchrun/pool.h>, linked with libbatchrun alone, as its users' programs are.
pool_tests =
pool_tests_common = tests/pool/pool_tests.c tests/pool/pool_tests.h
pool_tests_ldadd = libsuite.a libbatchrun.la $(CHECK_LIBS) -lpthread
pool_tests += tests/pool/test_pool_callbacks
tests_pool_test_pool_callbacks_SOURCES = tests/pool/test_pool_callbacks.c $(pool_tests_common)
tests_pool_test_pool_callbacks_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_callbacks_LDFLAGS = $(AM_LDFLAGS)
pool_tests += tests/pool/test_pool_caller
tests_pool_test_pool_caller_SOURCES = tests/pool/test_pool_caller.c $(pool_tests_common)
tests_pool_test_pool_caller_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_caller_LDFLAGS = $(AM_LDFLAGS)
pool_tests += tests/pool/test_pool_calls
tests_pool_test_pool_calls_SOURCES = tests/pool/test_pool_calls.c $(pool_tests_common)
tests_pool_test_pool_calls_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_calls_LDFLAGS = $(AM_LDFLAGS)
pool_tests += tests/pool/test_pool_deaths
tests_pool_test_pool_deaths_SOURCES = tests/pool/test_pool_deaths.c $(pool_tests_common)
tests_pool_test_pool_deaths_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_deaths_LDFLAGS = $(AM_LDFLAGS)
pool_tests += tests/pool/test_pool_ending
tests_pool_test_pool_ending_SOURCES = tests/pool/test_pool_ending.c $(pool_tests_common)
tests_pool_test_pool_ending_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_ending_LDFLAGS = $(AM_LDFLAGS)
pool_tests += tests/pool/test_pool_iterators
tests_pool_test_pool_iterators_SOURCES = tests/pool/test_pool_iterators.c $(pool_tests_common)
tests_pool_test_pool_iterators_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_iterators_LDFLAGS = $(AM_LDFLAGS)
pool_tests += tests/pool/test_pool_results
tests_pool_test_pool_results_SOURCES = tests/pool/test_pool_results.c $(pool_tests_common)
tests_pool_test_pool_results_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_results_LDFLAGS = $(AM_LDFLAGS)
pool_tests += tests/pool/test_pool_time
tests_pool_test_pool_time_SOURCES = tests/pool/test_pool_time.c $(pool_tests_common)
tests_pool_test_pool_time_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_time_LDFLAGS = $(AM_LDFLAGS)
pool_tests += tests/pool/test_pool_workers
tests_pool_test_pool_workers_SOURCES = tests/pool/test_pool_workers.c $(pool_tests_common)
tests_pool_test_pool_workers_LDADD = $(pool_tests_ldadd)
tests_pool_test_pool_workers_LDFLAGS = $(AM_LDFLAGS)

# Tests of tasks that do harm to their workers, with real workers.
fault_tests =
fault_tests += tests/faults/test_isolation
tests_faults_test_isolation_SOURCES = tests/faults/test_isolation.c
tests_faults_test_isolation_CPPFLAGS = $(test_cppflags)
fault_tests += tests/faults/test_scribble
tests_faults_test_scribble_SOURCES = tests/faults/test_scribble.c
tests_faults_test_scribble_CPPFLAGS = $(test_cppflags)

# The program that disturbs the program under test. It uses no code of batchrun.
check_PROGRAMS += tests/faults/disturb
tests_faults_disturb_SOURCES = tests/faults/disturb.c
tests_faults_disturb_LDADD =
check_PROGRAMS += tests/faults/refuse
tests_faults_refuse_SOURCES = tests/faults/refuse.c
tests_faults_refuse_LDADD =

if HAVE_CHECK
check_PROGRAMS += $(unit_tests) $(pool_tests) $(fault_tests)
TESTS += $(unit_tests) $(pool_tests) $(fault_tests)
endif

# Flags and libraries of every unit test; a program names only its source.
LDADD = libsupport.a libsuite.a liblibrary.a $(run_rooms) $(run_libs) $(CHECK_LIBS)

# libsuite.a: suites and patience, for all test programs. It needs no code of batchrun.
# libsupport.a: the scripted executor and a pool over it, the rigs of real workers and of a journal, and
# golden texts, for unit tests.
if HAVE_CHECK
check_LIBRARIES += libsuite.a libsupport.a
endif
libsuite_a_SOURCES = tests/support/suite.c tests/support/suite.h
libsupport_a_SOURCES = \
	tests/support/channel_pair.c tests/support/channel_pair.h \
	tests/support/fake.c tests/support/fake.h \
	tests/support/golden.c tests/support/golden.h \
	tests/support/journal_rig.c tests/support/journal_rig.h \
	tests/support/library_simulation.c tests/support/library_simulation.h \
	tests/support/rig.c tests/support/rig.h \
	tests/support/simulation.c tests/support/simulation.h \
	tests/support/trial.c tests/support/trial.h
libsupport_a_CPPFLAGS = $(test_cppflags)

EXTRA_DIST += tests/specs
EXTRA_DIST += \
	tests/topology/four-nodes.plan tests/topology/four-nodes.view \
	tests/topology/half-smt.plan tests/topology/half-smt.view tests/topology/half-smt.xml \
	tests/topology/hybrid.plan tests/topology/hybrid.view tests/topology/hybrid.xml \
	tests/topology/many-cores.plan tests/topology/many-cores.view \
	tests/topology/memoryless.plan tests/topology/memoryless.view tests/topology/memoryless.xml \
	tests/topology/no-l3.plan tests/topology/no-l3.view \
	tests/topology/one-core.plan tests/topology/one-core.view \
	tests/topology/restricted.plan tests/topology/restricted.view tests/topology/restricted.xml \
	tests/topology/scattered.plan tests/topology/scattered.view \
	tests/topology/two-packages.plan tests/topology/two-packages.view
# Files that a test writes if a text is not as expected.
CLEANFILES += *.actual

# Plugins that misbehave, or that use calls that the demo does not. Only the tests load them.
test_plugin_ldflags = $(plugin_ldflags) -rpath /nowhere
check_LTLIBRARIES += tests/plugins/configured.la
tests_plugins_configured_la_SOURCES = tests/plugins/configured.c
tests_plugins_configured_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_configured_la_LIBADD =
check_LTLIBRARIES += tests/plugins/constructor_crashes.la
tests_plugins_constructor_crashes_la_SOURCES = tests/plugins/constructor_crashes.c
tests_plugins_constructor_crashes_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_constructor_crashes_la_LIBADD =
check_LTLIBRARIES += tests/plugins/crashes.la
tests_plugins_crashes_la_SOURCES = tests/plugins/crashes.c
tests_plugins_crashes_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_crashes_la_LIBADD = -lpthread
check_LTLIBRARIES += tests/plugins/cxx.la
tests_plugins_cxx_la_SOURCES = tests/plugins/cxx.cpp
tests_plugins_cxx_la_CXXFLAGS = -std=c++17 -fvisibility=hidden -Wall -Wextra -Wshadow $(SANITIZE_CFLAGS)
tests_plugins_cxx_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_cxx_la_LIBADD =
check_LTLIBRARIES += tests/plugins/ends.la
tests_plugins_ends_la_SOURCES = tests/plugins/ends.c
tests_plugins_ends_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_ends_la_LIBADD = -lpthread
check_LTLIBRARIES += tests/plugins/faulty.la
tests_plugins_faulty_la_SOURCES = tests/plugins/faulty.c
tests_plugins_faulty_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_faulty_la_LIBADD =
check_LTLIBRARIES += tests/plugins/future_abi.la
tests_plugins_future_abi_la_SOURCES = tests/plugins/future_abi.c
tests_plugins_future_abi_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_future_abi_la_LIBADD =
check_LTLIBRARIES += tests/plugins/greedy.la
tests_plugins_greedy_la_SOURCES = tests/plugins/greedy.c
tests_plugins_greedy_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_greedy_la_LIBADD =
check_LTLIBRARIES += tests/plugins/init_fails.la
tests_plugins_init_fails_la_SOURCES = tests/plugins/init_fails.c
tests_plugins_init_fails_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_init_fails_la_LIBADD =
check_LTLIBRARIES += tests/plugins/init_hangs.la
tests_plugins_init_hangs_la_SOURCES = tests/plugins/init_hangs.c
tests_plugins_init_hangs_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_init_hangs_la_LIBADD =
check_LTLIBRARIES += tests/plugins/misloaded.la
tests_plugins_misloaded_la_SOURCES = tests/plugins/misloaded.c
tests_plugins_misloaded_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_misloaded_la_LIBADD =
check_LTLIBRARIES += tests/plugins/missigned.la
tests_plugins_missigned_la_SOURCES = tests/plugins/missigned.c
tests_plugins_missigned_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_missigned_la_LIBADD =
check_LTLIBRARIES += tests/plugins/not_a_plugin.la
tests_plugins_not_a_plugin_la_SOURCES = tests/plugins/not_a_plugin.c
tests_plugins_not_a_plugin_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_not_a_plugin_la_LIBADD =
check_LTLIBRARIES += tests/plugins/older_abi.la
tests_plugins_older_abi_la_SOURCES = tests/plugins/older_abi.c
tests_plugins_older_abi_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_older_abi_la_LIBADD =
check_LTLIBRARIES += tests/plugins/scribbler.la
tests_plugins_scribbler_la_SOURCES = tests/plugins/scribbler.c
tests_plugins_scribbler_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_scribbler_la_LIBADD =
check_LTLIBRARIES += tests/plugins/tally.la
tests_plugins_tally_la_SOURCES = tests/plugins/tally.c
tests_plugins_tally_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_tally_la_LIBADD =
check_LTLIBRARIES += tests/plugins/unresolved.la
tests_plugins_unresolved_la_SOURCES = tests/plugins/unresolved.c
tests_plugins_unresolved_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_unresolved_la_LIBADD =
check_LTLIBRARIES += tests/plugins/wild.la
tests_plugins_wild_la_SOURCES = tests/plugins/wild.c
tests_plugins_wild_la_LDFLAGS = $(test_plugin_ldflags)
tests_plugins_wild_la_LIBADD =

# Libraries for LD_PRELOAD: memory that runs out, a wall clock that jumps.
check_LTLIBRARIES += tests/faults/no_memory.la
tests_faults_no_memory_la_SOURCES = tests/faults/no_memory.c
tests_faults_no_memory_la_LDFLAGS = -module -shared -avoid-version -rpath /nowhere
tests_faults_no_memory_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
tests_faults_no_memory_la_LIBADD =
check_LTLIBRARIES += tests/system/wall_clock.la
tests_system_wall_clock_la_SOURCES = tests/system/wall_clock.c
tests_system_wall_clock_la_LDFLAGS = -module -shared -avoid-version -rpath /nowhere
tests_system_wall_clock_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
tests_system_wall_clock_la_LIBADD =

# Tests of the program from outside. They use Python 3 and its standard library, and are skipped if
# Python is missing.
TEST_EXTENSIONS = .py
PY_LOG_COMPILER = $(srcdir)/tests/timed $(srcdir)/tests/system/run
LOG_COMPILER = $(srcdir)/tests/timed
EXTRA_DIST += tests/timed
# An allocation that fails returns NULL also under a sanitizer.
AM_TESTS_ENVIRONMENT = srcdir='$(abs_srcdir)'; builddir='$(abs_builddir)'; export srcdir builddir; \
	ASAN_OPTIONS="$${ASAN_OPTIONS:+$$ASAN_OPTIONS:}allocator_may_return_null=1"; export ASAN_OPTIONS;
system_tests = \
	tests/faults/test_cut_off.py \
	tests/faults/test_each_call.py \
	tests/faults/test_failing_calls.py \
	tests/faults/test_no_memory.py \
	tests/faults/test_poison.py \
	tests/faults/test_power.py \
	tests/faults/test_startup.py \
	tests/system/test_accept.py \
	tests/system/test_circles.py \
	tests/system/test_command.py \
	tests/system/test_commands.py \
	tests/system/test_completion.py \
	tests/system/test_configs.py \
	tests/system/test_crashes.py \
	tests/system/test_faults.py \
	tests/system/test_format.py \
	tests/system/test_guides.py \
	tests/system/test_hostile_inputs.py \
	tests/system/test_install.py \
	tests/system/test_keys.py \
	tests/system/test_killed.py \
	tests/system/test_language.py \
	tests/system/test_languages.py \
	tests/system/test_layers.py \
	tests/system/test_limits.py \
	tests/system/test_manual.py \
	tests/system/test_messages.py \
	tests/system/test_names.py \
	tests/system/test_overlap.py \
	tests/system/test_plugin_files.py \
	tests/system/test_readers.py \
	tests/system/test_reading.py \
	tests/system/test_report.py \
	tests/system/test_results.py \
	tests/system/test_resume.py \
	tests/system/test_scale.py \
	tests/system/test_schema.py \
	tests/system/test_signals.py \
	tests/system/test_slurm.py \
	tests/system/test_storms.py \
	tests/system/test_stuck.py \
	tests/system/test_surroundings.py \
	tests/system/test_task.py \
	tests/system/test_terminal.py \
	tests/system/test_tidy.py \
	tests/system/test_trace.py \
	tests/system/test_try.py \
	tests/system/test_unfit.py \
	tests/system/test_values.py
TESTS += $(system_tests)
# Tests of the files that are made and installed from a tarball. They are enough for
# `make distcheck TESTS='$(dist_tests)'` if all tests have been run before.
dist_tests = \
	tests/system/test_command.py \
	tests/system/test_commands.py \
	tests/system/test_completion.py \
	tests/system/test_configs.py \
	tests/system/test_install.py \
	tests/system/test_manual.py \
	tests/system/test_schema.py
# Tests of texts, scripts and installed files. They run little of the program, so a second build, with
# sanitizers, leaves them out: TESTS='$(filter-out $(once_tests),$(TESTS))'.
once_tests = \
	tests/system/test_completion.py \
	tests/system/test_guides.py \
	tests/system/test_install.py \
	tests/system/test_language.py \
	tests/system/test_languages.py \
	tests/system/test_layers.py \
	tests/system/test_manual.py \
	tests/system/test_messages.py \
	tests/system/test_schema.py
EXTRA_DIST += $(system_tests) tests/system/disturbing.py tests/system/guide.py \
	tests/system/harness.py tests/system/journal.py tests/system/resuming.py tests/system/run \
	tests/system/slurm.py

# Models of the channel's protocols, for spin; skipped if spin is missing.
TESTS += tests/models/run
EXTRA_DIST += tests/models/run tests/models/claims.pml tests/models/wakeup.pml

# The tests of the build with sanitizers: all that run a task or code of batchrun.
sanitizers_tests = $(unit_tests) $(pool_tests) $(fault_tests) $(filter-out $(once_tests),$(system_tests))
# The tests that run under valgrind. Left out are tests that repeat in long loops what other tests do once
# (test_bits, test_decimal, test_pool_random, test_report), and tests that kill real workers, whose code
# a pool's calls run, too. The longest tests come first.
not_for_valgrind = tests/unit/test_bits tests/unit/test_decimal tests/unit/test_executor \
	tests/unit/test_local_deaths tests/unit/test_local_limits tests/unit/test_local_start \
	tests/unit/test_local_tasks tests/unit/test_nursery tests/unit/test_pool_random \
	tests/unit/test_report
valgrind_tests = tests/pool/test_pool_calls tests/pool/test_pool_results \
	$(filter-out $(not_for_valgrind),$(unit_tests))
