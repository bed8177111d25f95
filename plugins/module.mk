# SPDX-License-Identifier: BSD-3-Clause
# Each plugin is one .c that uses nothing but batchrun/plugin.h and the C library.
plugin_ldflags = -module -avoid-version -shared $(AM_LDFLAGS)

plugin_LTLIBRARIES += plugins/command.la
plugins_command_la_SOURCES = plugins/command.c
plugins_command_la_LDFLAGS = $(plugin_ldflags)
plugins_command_la_LIBADD =
plugin_LTLIBRARIES += plugins/demo.la
plugins_demo_la_SOURCES = plugins/demo.c
plugins_demo_la_LDFLAGS = $(plugin_ldflags)
plugins_demo_la_LIBADD = -lm
