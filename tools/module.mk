# SPDX-License-Identifier: BSD-3-Clause

EXTRA_DIST += \
	tools/dev/bench \
	tools/dev/check-layers \
	tools/dev/need \
	tools/dev/quickstart \
	tools/dev/test \
	tools/dev/yardsticks/omp_dynamic.c \
	tools/dev/yardsticks/pool_map.py \
	tools/dev/yardsticks/rings.c

# Never part of check: numbers depend on the machine and on who else uses it.
bench: all
	-$(PYTHON3) $(srcdir)/tools/dev/bench --build $(abs_builddir)
.PHONY: bench
