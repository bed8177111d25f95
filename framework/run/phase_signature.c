// SPDX-License-Identifier: BSD-3-Clause
#include "run/phase_signature.h"

#include <string.h>

#include "journal/journal.h"

static uint64_t add_text(uint64_t hash, const char *text)
{
    return journal_hash(hash, text, strlen(text) + 1);
}

static uint64_t add_number(uint64_t hash, uint64_t number)
{
    return journal_hash(hash, &number, sizeof number);
}

uint64_t phase_signature(const struct prepared *p, size_t place)
{
    const struct job_phase *phase = &p->job->phases[place];
    bool reads = phase->inputs.kind == INPUT_FROM;
    uint64_t hash = add_text(0, phase->task);
    hash = add_text(hash, p->phases[place].entry->text);
    hash = add_number(hash, phase->batch);
    hash = add_number(hash, prepared_seed(p, phase->name));
    return add_text(hash, reads ? p->job->phases[phase->inputs.from].name : "");
}

uint64_t phase_reduction_signature(const struct prepared *p, size_t place, const char *name)
{
    const struct job_reduce *reduce = &p->job->phases[place].reduce;
    const struct plugin_entry *entry = p->phases[place].reduce_entry;
    uint64_t hash = add_number(0, reduce->kind);
    hash = add_text(hash, reduce->task ? reduce->task : "");
    hash = add_text(hash, entry ? entry->text : "");
    hash = add_number(hash, reduce->fan_in);
    return add_number(hash, prepared_seed(p, name));
}
