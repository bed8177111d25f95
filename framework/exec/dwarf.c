// SPDX-License-Identifier: BSD-3-Clause
#include "config.h"

#include "exec/dwarf.h"

#include <stddef.h>

#ifdef HAVE_LIBDW

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

struct dwarf *dwarf_open(void)
{
    // Otherwise what is not found here is asked for all over the network.
    unsetenv("DEBUGINFOD_URLS");
    Dwfl *d = dwfl_begin(&callbacks);
    if (d)
        dwfl_report_begin(d);
    return (struct dwarf *)d;
}

void dwarf_close(struct dwarf *d)
{
    if (d)
        dwfl_end((Dwfl *)d);
}

void dwarf_add(struct dwarf *d, const char *path, const char *load, uint64_t base)
{
    struct stat st;
    int fd = open(load, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    // The descriptor is libdwfl's when it has taken the file.
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        !dwfl_report_elf((Dwfl *)d, path, path, fd, base, true))
        close(fd);
}

static void set(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

// The innermost function at the address, and the one whose code it became part of.
static void find_function(Dwfl_Module *m, Dwarf_Addr address, struct dwarf_name *out)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = dwfl_module_addrdie(m, address, &bias), *scopes = NULL;
    int count = unit ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
    for (int i = 0; i < count; i++) {
        int tag = dwarf_tag(&scopes[i]);
        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
            continue;
        if (out->function[0])
            set(out->outer, sizeof out->outer, dwarf_diename(&scopes[i]));
        else
            set(out->function, sizeof out->function, dwarf_diename(&scopes[i]));
        if (tag == DW_TAG_subprogram)
            break;
    }
    if (count > 0)
        free(scopes);
}

void dwarf_find(struct dwarf *d, uint64_t address, struct dwarf_name *out)
{
    *out = (struct dwarf_name){.line = 0};
    dwfl_report_end((Dwfl *)d, NULL, NULL);
    Dwfl_Module *m = dwfl_addrmodule((Dwfl *)d, address);
    if (!m)
        return;
    GElf_Off into;
    GElf_Sym symbol;
    find_function(m, address, out);
    if (!out->function[0])
        set(out->function, sizeof out->function,
            dwfl_module_addrinfo(m, address, &into, &symbol, NULL, NULL, NULL));
    Dwfl_Line *line = dwfl_module_getsrc(m, address);
    const char *file = line ? dwfl_lineinfo(line, NULL, &out->line, NULL, NULL, NULL) : NULL;
    const char *slash = file ? strrchr(file, '/') : NULL;
    set(out->file, sizeof out->file, slash ? slash + 1 : file);
}

#else

struct dwarf *dwarf_open(void)
{
    return NULL;
}

void dwarf_close(struct dwarf *d)
{
    (void)d;
}

void dwarf_add(struct dwarf *d, const char *path, const char *load, uint64_t base)
{
    (void)d;
    (void)path;
    (void)load;
    (void)base;
}

void dwarf_find(struct dwarf *d, uint64_t address, struct dwarf_name *out)
{
    (void)d;
    (void)address;
    *out = (struct dwarf_name){.line = 0};
}

#endif
