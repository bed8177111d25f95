// SPDX-License-Identifier: BSD-3-Clause
// Names of addresses: the function, file and line of each, from symbols and debugging information.
// Without libdw, at build time or at run time, no address has a name. The files are not trusted:
// reading a malformed one may crash, so a process of its own does it.
#ifndef BR_EXEC_CRASH_DWARF_H
#define BR_EXEC_CRASH_DWARF_H

#include <stdbool.h>
#include <stdint.h>

struct dwarf;

// Returns a reader without files, or NULL if no address can be named. dwarf_close frees it; it
// takes NULL.
struct dwarf *dwarf_open(void);
void dwarf_close(struct dwarf *d);

// Adds the file `load`, which was loaded with its address 0 at `base`. `path` is the name of the
// file it is a copy of, beside which separate debugging information may lie. A file that cannot be
// read is left out. All files must be added before the first dwarf_find.
void dwarf_add(struct dwarf *d, const char *path, const char *load, uint64_t base);

struct dwarf_name {
    char function[200]; // "" if it is not known
    char outer[200];    // the function that `function` was inlined into, or ""
    char file[100];     // last component of the source file's path; "" if it is not known
    int line;           // 0 if it is not known
};

// Sets *out to the names of the address, cut to fit.
void dwarf_find(struct dwarf *d, uint64_t address, struct dwarf_name *out);

#endif
