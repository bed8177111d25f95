# SPDX-License-Identifier: BSD-3-Clause

bin_PROGRAMS += tools/batchrun/batchrun
tools_batchrun_batchrun_SOURCES = \
	tools/batchrun/cmd_check.c \
	tools/batchrun/cmd_events.c \
	tools/batchrun/cmd_logs.c \
	tools/batchrun/cmd_new.c \
	tools/batchrun/cmd_plan.c \
	tools/batchrun/cmd_report.c \
	tools/batchrun/cmd_run.c \
	tools/batchrun/cmd_show.c \
	tools/batchrun/cmd_task.c \
	tools/batchrun/cmd_topo.c \
	tools/batchrun/cmd_trace.c \
	tools/batchrun/commands.h \
	tools/batchrun/complete.c tools/batchrun/complete.h \
	tools/batchrun/main.c \
	tools/batchrun/manual.c tools/batchrun/manual.h \
	tools/batchrun/operands.c tools/batchrun/operands.h \
	tools/batchrun/options.c tools/batchrun/options.h \
	tools/batchrun/output.c tools/batchrun/output.h \
	tools/batchrun/plan.h
tools_batchrun_batchrun_CPPFLAGS = $(AM_CPPFLAGS) -DBR_DATADIR='"$(pkgdatadir)"'
tools_batchrun_batchrun_LDADD = $(run_rooms) $(run_libs)

# The program in which plugins are loaded. It links the C library alone, because functions of other
# libraries would be called in place of a plugin's functions of the same names.
pkglibexec_PROGRAMS += tools/batchrun/batchrun-worker
tools_batchrun_batchrun_worker_SOURCES = tools/batchrun/batchrun_worker.c
tools_batchrun_batchrun_worker_LDADD = librun.a $(worker_rooms) $(WORKER_LIBS)

# The directories in which shells look for completions.
bashcompletiondir = $(datadir)/bash-completion/completions
nodist_bashcompletion_DATA = tools/completions/batchrun
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = tools/completions/_batchrun
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_fishcompletion_DATA = tools/completions/batchrun.fish

# bash wants the file to be named after the command.
tools/completions/batchrun: tools/completions/batchrun.bash
	$(AM_V_GEN)$(MKDIR_P) tools/completions && cp $(srcdir)/tools/completions/batchrun.bash $@
CLEANFILES += tools/completions/batchrun

EXTRA_DIST += \
	tools/completions/batchrun.bash \
	tools/dev/bench \
	tools/dev/bench-deaths \
	tools/dev/bench-growth \
	tools/dev/campaign.mk \
	tools/dev/check-circles \
	tools/dev/check-format \
	tools/dev/check-layers \
	tools/dev/check-one \
	tools/dev/compile-commands \
	tools/dev/messages \
	tools/dev/need \
	tools/dev/patience \
	tools/dev/quickstart \
	tools/dev/step \
	tools/dev/test \
	tools/dev/tidy \
	tools/dev/yardsticks/columns.c \
	tools/dev/yardsticks/deaths.c \
	tools/dev/yardsticks/omp_dynamic.c \
	tools/dev/yardsticks/pool_calls.c \
	tools/dev/yardsticks/pool_calls.py \
	tools/dev/yardsticks/pool_map.py \
	tools/dev/yardsticks/rings.c \
	tools/dev/yardsticks/spawns.c \
	tools/dev/yardsticks/spins.c

# Not a part of check, because figures depend on the machine and on its other users.
bench: all
	-$(PYTHON3) $(srcdir)/tools/dev/bench --build $(abs_builddir)
.PHONY: bench
