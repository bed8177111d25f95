# SPDX-License-Identifier: BSD-3-Clause
# A unit test is tests/unit/test_MODULE.c, one Check program per module.
unit_tests =

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

# What every unit test is built with; a program names only its source.
LDADD = librun.la $(CHECK_LIBS)
