// SPDX-License-Identifier: BSD-3-Clause
#include "exec/plugin/plugin_symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#if __ELF_NATIVE_CLASS == 64
#define SYMBOL_OF(info) ELF64_R_SYM(info)
#else
#define SYMBOL_OF(info) ELF32_R_SYM(info)
#endif
#define BINDING_OF(info) ((info) >> 4)
#define TYPE_OF(info)    ((info)&0xf)

enum {
    TABLES = 3 // DT_RELA, DT_REL, DT_JMPREL
};

// The dynamic section of a loaded object, as far as relocations need it.
struct section {
    uintptr_t base; // what is added to addresses of the file
    const ElfW(Sym) * symbols;
    const char *names;
    struct relocations {
        const char *at;
        size_t bytes;
        size_t entry; // bytes of one
    } tables[TABLES];
};

struct search {
    const struct plugin *plugin;
    struct plugin_symbol *found;
    size_t count;
};

// glibc has added the base to the addresses in the section already, except where the section is
// read-only.
static const void *address_in(const struct link_map *map, ElfW(Addr) value)
{
    return (const void *)(value < map->l_addr ? map->l_addr + value : value);
}

static void read_section(const struct link_map *map, struct section *s)
{
    struct relocations *rela = &s->tables[0], *rel = &s->tables[1], *plt = &s->tables[2];
    *s = (struct section){.base = map->l_addr};
    rela->entry = sizeof(ElfW(Rela));
    rel->entry = sizeof(ElfW(Rel));
    plt->entry = sizeof(ElfW(Rela));
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        const void *address = address_in(map, d->d_un.d_ptr);
        switch (d->d_tag) {
        case DT_SYMTAB:
            s->symbols = address;
            break;
        case DT_STRTAB:
            s->names = address;
            break;
        case DT_RELA:
            rela->at = address;
            break;
        case DT_RELASZ:
            rela->bytes = d->d_un.d_val;
            break;
        case DT_REL:
            rel->at = address;
            break;
        case DT_RELSZ:
            rel->bytes = d->d_un.d_val;
            break;
        case DT_JMPREL:
            plt->at = address;
            break;
        case DT_PLTRELSZ:
            plt->bytes = d->d_un.d_val;
            break;
        case DT_PLTREL:
            plt->entry = d->d_un.d_val == DT_REL ? sizeof(ElfW(Rel)) : sizeof(ElfW(Rela));
            break;
        default:
            break;
        }
    }
}

static bool is_known(const struct search *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->found[i].name, name) == 0)
            return true;
    return false;
}

// Weak and unique symbols are left out: C++ has many, and means them to be shared.
static bool is_own(const ElfW(Sym) * symbol)
{
    unsigned type = TYPE_OF(symbol->st_info);
    return symbol->st_shndx != SHN_UNDEF && BINDING_OF(symbol->st_info) == STB_GLOBAL &&
           (type == STT_FUNC || type == STT_OBJECT || type == STT_GNU_IFUNC);
}

struct word {
    uintptr_t value;
} __attribute__((packed));

// Reads an address that the loader has written. AddressSanitizer counts some of these places as
// gaps between a plugin's variables.
__attribute__((no_sanitize_address)) static uintptr_t written_at(uintptr_t place)
{
    return ((const struct word *)place)->value;
}

static void look_at(struct search *s, const struct section *section, const ElfW(Rel) * relocation)
{
    const ElfW(Sym) *symbol = &section->symbols[SYMBOL_OF(relocation->r_info)];
    Dl_info where;
    if (SYMBOL_OF(relocation->r_info) == 0 || !is_own(symbol))
        return;
    uintptr_t used = written_at(section->base + relocation->r_offset);
    if (plugin_has(s->plugin, used) || dladdr((const void *)used, &where) == 0)
        return;
    const char *name = section->names + symbol->st_name;
    if (is_known(s, name))
        return;
    const char *slash = strrchr(where.dli_fname, '/');
    s->found[s->count++] =
        (struct plugin_symbol){.name = name,
                               .library = slash ? slash + 1 : where.dli_fname,
                               .is_variable = TYPE_OF(symbol->st_info) == STT_OBJECT};
}

size_t plugin_symbols_find(const struct plugin *p, struct plugin_symbol *found)
{
    struct search s = {.plugin = p, .found = found};
    struct section section;
    struct link_map *map;
    if (dlinfo(p->handle, RTLD_DI_LINKMAP, &map) != 0)
        return 0;
    read_section(map, &section);
    for (size_t i = 0; section.symbols && section.names && i < TABLES; i++) {
        const struct relocations *r = &section.tables[i];
        // A relocation with an addend begins as one without.
        for (size_t at = 0; r->at && at < r->bytes && s.count < PLUGIN_SYMBOLS_MAX; at += r->entry)
            look_at(&s, &section, (const ElfW(Rel) *)(const void *)(r->at + at));
    }
    return s.count;
}
