# SPDX-License-Identifier: BSD-3-Clause
# A plugin uses nothing but batchrun/plugin.h and the C library. The plugin command is also made of what
# batchrun checks command lines with.
plugin_ldflags = -module -avoid-version -shared $(AM_LDFLAGS)

plugin_LTLIBRARIES += plugins/command.la
plugins_command_la_SOURCES = plugins/command.c \
	plugins/command_child.c plugins/command_child.h framework/model/command_line.c
plugins_command_la_CFLAGS = $(AM_CFLAGS)
plugins_command_la_LDFLAGS = $(plugin_ldflags)
plugins_command_la_LIBADD =
plugin_LTLIBRARIES += plugins/demo.la
plugins_demo_la_SOURCES = plugins/demo.c
plugins_demo_la_LDFLAGS = $(plugin_ldflags)
plugins_demo_la_LIBADD = -lm
