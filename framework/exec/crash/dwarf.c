// SPDX-License-Identifier: BSD-3-Clause
// Names of addresses, by libdw, which is loaded only when it is needed.
#include "config.h"

#include "exec/crash/dwarf.h"

#include <stddef.h>

#ifdef HAVE_LIBDW

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// libdw is not linked, because it brings five libraries, whose cost every program and every fork
// would pay. It is loaded when there is an address to name.
#define CALLS(X)                                                                                   \
    X(dwarf_diename)                                                                               \
    X(dwarf_getscopes)                                                                             \
    X(dwarf_tag)                                                                                   \
    X(dwfl_addrmodule)                                                                             \
    X(dwfl_begin)                                                                                  \
    X(dwfl_build_id_find_elf)                                                                      \
    X(dwfl_end)                                                                                    \
    X(dwfl_lineinfo)                                                                               \
    X(dwfl_module_addrdie)                                                                         \
    X(dwfl_module_addrinfo)                                                                        \
    X(dwfl_module_getsrc)                                                                          \
    X(dwfl_offline_section_address)                                                                \
    X(dwfl_report_begin)                                                                           \
    X(dwfl_report_elf)                                                                             \
    X(dwfl_report_end)                                                                             \
    X(dwfl_standard_find_debuginfo)

#define MEMBER(name) __typeof__(name) *name;
static struct {
    CALLS(MEMBER)
} libdw;

#define NAME_AND_PLACE(name) {#name, &libdw.name},
static const struct {
    const char *name;
    void *place;
} calls[] = {CALLS(NAME_AND_PLACE)};

static bool load_libdw(void)
{
    void *library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library && i < sizeof calls / sizeof calls[0]; i++) {
        void *call = dlsym(library, calls[i].name);
        if (!call)
            return false;
        memcpy(calls[i].place, &call, sizeof call);
    }
    return library;
}

struct dwarf *dwarf_open(void)
{
    static Dwfl_Callbacks callbacks; // libdw keeps its address
    if (!load_libdw())
        return NULL;
    callbacks.find_elf = libdw.dwfl_build_id_find_elf;
    callbacks.find_debuginfo = libdw.dwfl_standard_find_debuginfo;
    callbacks.section_address = libdw.dwfl_offline_section_address;
    // Otherwise libdw asks servers on the network for debugging information that is not found here.
    unsetenv("DEBUGINFOD_URLS");
    Dwfl *d = libdw.dwfl_begin(&callbacks);
    if (d)
        libdw.dwfl_report_begin(d);
    return (struct dwarf *)d;
}

void dwarf_close(struct dwarf *d)
{
    if (d)
        libdw.dwfl_end((Dwfl *)d);
}

void dwarf_add(struct dwarf *d, const char *path, const char *load, uint64_t base)
{
    struct stat st;
    int fd = open(load, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    // libdwfl owns the descriptor if it accepts the file.
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        !libdw.dwfl_report_elf((Dwfl *)d, path, path, fd, base, true))
        close(fd);
}

static void set(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

// Sets the innermost function at the address, and the function that it was inlined into.
static void find_function(Dwfl_Module *m, Dwarf_Addr address, struct dwarf_name *out)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = libdw.dwfl_module_addrdie(m, address, &bias), *scopes = NULL;
    int count = unit ? libdw.dwarf_getscopes(unit, address - bias, &scopes) : 0;
    for (int i = 0; i < count; i++) {
        int tag = libdw.dwarf_tag(&scopes[i]);
        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
            continue;
        if (out->function[0])
            set(out->outer, sizeof out->outer, libdw.dwarf_diename(&scopes[i]));
        else
            set(out->function, sizeof out->function, libdw.dwarf_diename(&scopes[i]));
        if (tag == DW_TAG_subprogram)
            break;
    }
    if (count > 0)
        free(scopes);
}

void dwarf_find(struct dwarf *d, uint64_t address, struct dwarf_name *out)
{
    *out = (struct dwarf_name){.line = 0};
    libdw.dwfl_report_end((Dwfl *)d, NULL, NULL);
    Dwfl_Module *m = libdw.dwfl_addrmodule((Dwfl *)d, address);
    if (!m)
        return;
    GElf_Off into;
    GElf_Sym symbol;
    find_function(m, address, out);
    if (!out->function[0])
        set(out->function, sizeof out->function,
            libdw.dwfl_module_addrinfo(m, address, &into, &symbol, NULL, NULL, NULL));
    Dwfl_Line *line = libdw.dwfl_module_getsrc(m, address);
    const char *file = line ? libdw.dwfl_lineinfo(line, NULL, &out->line, NULL, NULL, NULL) : NULL;
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
