# SPDX-License-Identifier: BSD-3-Clause
# A unit test is tests/unit/test_MODULE.c, one Check program per module.
unit_tests =

unit_tests += tests/unit/test_schema
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c
unit_tests += tests/unit/test_table
tests_unit_test_table_SOURCES = tests/unit/test_table.c

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

# What every unit test is built with; a program names only its source.
LDADD = librun.la $(CHECK_LIBS)
