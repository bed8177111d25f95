# SPDX-License-Identifier: BSD-3-Clause
# A unit test is tests/unit/test_MODULE.c, one Check program per module.
unit_tests =

unit_tests += tests/unit/test_cpuset
tests_unit_test_cpuset_SOURCES = tests/unit/test_cpuset.c
unit_tests += tests/unit/test_plan
tests_unit_test_plan_SOURCES = tests/unit/test_plan.c tests/unit/golden.c tests/unit/golden.h
unit_tests += tests/unit/test_schema
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c
unit_tests += tests/unit/test_table
tests_unit_test_table_SOURCES = tests/unit/test_table.c
unit_tests += tests/unit/test_topology
tests_unit_test_topology_SOURCES = tests/unit/test_topology.c tests/unit/golden.c tests/unit/golden.h
tests_unit_test_topology_LDADD = $(LDADD) -lpthread

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

# What every unit test is built with; a program names only its source.
LDADD = librun.la $(CHECK_LIBS)

EXTRA_DIST += \
	tests/topology/four-nodes.plan tests/topology/four-nodes.view \
	tests/topology/half-smt.plan tests/topology/half-smt.view tests/topology/half-smt.xml \
	tests/topology/hybrid.plan tests/topology/hybrid.view tests/topology/hybrid.xml \
	tests/topology/memoryless.plan tests/topology/memoryless.view tests/topology/memoryless.xml \
	tests/topology/no-l3.plan tests/topology/no-l3.view \
	tests/topology/one-core.plan tests/topology/one-core.view \
	tests/topology/restricted.plan tests/topology/restricted.view tests/topology/restricted.xml \
	tests/topology/two-packages.plan tests/topology/two-packages.view
# What a test leaves when a text is not as expected.
CLEANFILES += *.actual
