// SPDX-License-Identifier: BSD-3-Clause
#include "model/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

void job_phase_finish(struct job_phase *phase)
{
    free(phase->name);
    free(phase->task);
    free(phase->needs);
    job_inputs_finish(&phase->inputs);
    job_settings_finish(&phase->args);
    job_settings_finish(&phase->command);
    free(phase->reduce.task);
    free(phase->output);
}

static void plugin_finish(struct job_plugin *plugin)
{
    free(plugin->name);
    free(plugin->path);
    job_settings_finish(&plugin->config);
}

void job_destroy(struct job *job)
{
    if (!job)
        return;
    int saved = errno;
    free(job->file);
    free(job->directory);
    free(job->text);
    free(job->name);
    for (size_t i = 0; i < job->plugin_count; i++)
        plugin_finish(&job->plugins[i]);
    free(job->plugins);
    for (size_t i = 0; i < job->env_count; i++) {
        free(owned(job->env[i].name));
        free(owned(job->env[i].value));
    }
    free(job->env);
    for (size_t i = 0; i < job->phase_count; i++)
        job_phase_finish(&job->phases[i]);
    free(job->phases);
    free(job);
    errno = saved;
}

void job_phases_before(const struct job *job, size_t p, bool *before)
{
    const struct job_phase *phase = &job->phases[p];
    for (size_t i = 0; i < job->phase_count; i++)
        before[i] = i < p && (phase->mode == MODE_SYNC || job->phases[i].mode == MODE_SYNC);
    for (size_t i = 0; i < phase->need_count; i++)
        before[phase->needs[i]] = true;
    if (phase->inputs.kind == INPUT_FROM)
        before[phase->inputs.from] = true;
}

int job_find_task(const struct job *job, const char *plugin_task, const char **task)
{
    const char *dot = strchr(plugin_task, '.');
    if (!dot)
        return -1;
    size_t length = (size_t)(dot - plugin_task);
    for (size_t i = 0; i < job->plugin_count; i++) {
        const char *name = job->plugins[i].name;
        if (name && strlen(name) == length && !memcmp(name, plugin_task, length)) {
            *task = dot + 1;
            return (int)i;
        }
    }
    return -1;
}
