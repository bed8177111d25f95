// SPDX-License-Identifier: BSD-3-Clause
// Names of places in loaded files, by libdw where it was built with and is there; otherwise nothing
// has a name. Reads files that may be anything: for a process that may die of it.
#ifndef BR_EXEC_CRASH_DWARF_H
#define BR_EXEC_CRASH_DWARF_H

#include <stdbool.h>
#include <stdint.h>

struct dwarf;

struct dwarf *dwarf_open(void); // NULL when nothing can be named
void dwarf_close(struct dwarf *d);

// The file `load` was loaded so that its address 0 is at `base`; `path` is what it is called, for
// what lies beside it. All files are added before the first is asked for.
void dwarf_add(struct dwarf *d, const char *path, const char *load, uint64_t base);

struct dwarf_name {
    char function[200]; // "": not known
    char outer[200];    // the function it was inlined into, or ""
    char file[100];     // its last component; "": not known
    int line;
};

void dwarf_find(struct dwarf *d, uint64_t address, struct dwarf_name *out);

#endif
