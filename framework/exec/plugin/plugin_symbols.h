// SPDX-License-Identifier: BSD-3-Clause
// Which names of a loaded plugin are taken from another library instead.
#ifndef BR_EXEC_PLUGIN_PLUGIN_SYMBOLS_H
#define BR_EXEC_PLUGIN_PLUGIN_SYMBOLS_H

#include "exec/plugin/plugin.h"

enum {
    PLUGIN_SYMBOLS_MAX = 8 // names that are found
};

// A function or a variable that the plugin defines and uses, but that the loader has taken from a
// library that comes before the plugin. The strings belong to the loader.
struct plugin_symbol {
    const char *name;
    const char *library; // file name of that library, without directories
    bool is_variable;
};

// Fills found[0 ..] with such symbols, PLUGIN_SYMBOLS_MAX at most. Returns their number. Reads the
// plugin's relocations, in which the loader has put the addresses.
size_t plugin_symbols_find(const struct plugin *p, struct plugin_symbol *found);

#endif
