# SPDX-License-Identifier: BSD-3-Clause

bin_PROGRAMS += tools/batchrun/batchrun
tools_batchrun_batchrun_SOURCES = \
	tools/batchrun/cmd_check.c \
	tools/batchrun/cmd_events.c \
	tools/batchrun/cmd_exec.c \
	tools/batchrun/cmd_logs.c \
	tools/batchrun/cmd_new.c \
	tools/batchrun/cmd_plan.c \
	tools/batchrun/cmd_run.c \
	tools/batchrun/cmd_show.c \
	tools/batchrun/cmd_topo.c \
	tools/batchrun/cmd_trace.c \
	tools/batchrun/commands.h \
	tools/batchrun/main.c \
	tools/batchrun/options.c tools/batchrun/options.h \
	tools/batchrun/plan.h
tools_batchrun_batchrun_LDADD = librun.la

EXTRA_DIST += \
	tools/dev/bench \
	tools/dev/check-layers \
	tools/dev/need \
	tools/dev/quickstart \
	tools/dev/test \
	tools/dev/yardsticks/omp_dynamic.c \
	tools/dev/yardsticks/pool_calls.c \
	tools/dev/yardsticks/pool_calls.py \
	tools/dev/yardsticks/pool_map.py \
	tools/dev/yardsticks/rings.c

# Never part of check: numbers depend on the machine and on who else uses it.
bench: all
	-$(PYTHON3) $(srcdir)/tools/dev/bench --build $(abs_builddir)
.PHONY: bench
