// SPDX-License-Identifier: BSD-3-Clause
#include "run/phase_events.h"

#include "run/phase_signature.h"

int phase_emit(struct phases *ph, struct event *e, int64_t now, br_error *err)
{
    e->time_ns = now - ph->options.begin_ns;
    return ph->options.sink->take(ph->options.sink, e, err);
}

// Returns the number of the phase whose results the phase reads, or of the reduction of that one.
static uint32_t source_of(const struct phase *p)
{
    if (p->spec->inputs.kind != INPUT_FROM)
        return EVENT_NO_PHASE;
    const struct phase *from = &p->owner->phases[p->spec->inputs.from];
    return from->spec->reduce.kind == REDUCE_TASK ? from->reduction : from->number;
}

int phase_emit_begin(struct phase *p, uint64_t tasks, int64_t now, br_error *err)
{
    const struct phases_options *o = &p->owner->options;
    if (resume_state_begun(o->resume_state, p->number))
        return 0;
    struct event e = {.type = EVENT_PHASE_BEGIN,
                      .phase_begin = {.phase = p->number,
                                      .name = p->spec->name,
                                      .task = p->spec->task,
                                      .tasks = tasks,
                                      .left_out = p->left_out,
                                      .signature = phase_signature(o->prepared, p->place),
                                      .source = source_of(p)}};
    return phase_emit(p->owner, &e, now, err);
}

int phase_emit_begin_reduction(struct phase *p, uint64_t tasks, int64_t now, br_error *err)
{
    const struct phases_options *o = &p->owner->options;
    if (resume_state_begun(o->resume_state, p->reduction))
        return 0;
    const char *name = p->levels.name, *task = p->spec->reduce.task;
    struct event e = {
        .type = EVENT_PHASE_BEGIN,
        .phase_begin = {.phase = p->reduction,
                        .name = name,
                        .task = task ? task : "built in",
                        .tasks = tasks,
                        .signature = phase_reduction_signature(o->prepared, p->place, name),
                        .source = p->number}};
    return phase_emit(p->owner, &e, now, err);
}

int phase_emit_end(struct phases *ph, uint32_t number, enum phase_end how, uint64_t skipped,
                   int64_t now, br_error *err)
{
    if (resume_state_over(ph->options.resume_state, number, NULL))
        return 0;
    struct event e = {.type = EVENT_PHASE_END,
                      .phase_end = {.phase = number, .how = how, .skipped = skipped}};
    return phase_emit(ph, &e, now, err);
}

static const char *describe_inputs(const struct phase_reporter *r, uint64_t task)
{
    struct buffer *text = &r->ph->text;
    buffer_reset(text);
    phase_table_describe(r->table, task, r->rows_per_task, text);
    buffer_char(text, '\0');
    return text->failed ? "" : text->data;
}

static int report_long_ok(const struct phase_reporter *r, const struct exec_report *report,
                          br_error *err)
{
    int64_t start = report->ok.start_ns - r->ph->options.begin_ns;
    struct event e = {.type = EVENT_TASK_END,
                      .task_end = {.phase = r->number,
                                   .worker = report->slot,
                                   .index = report->tasks.first + r->offset,
                                   .attempt = report->tasks.attempt,
                                   .status = OUTCOME_OK,
                                   .final = true,
                                   .start_ns = start,
                                   .duration_ns = report->ok.duration_ns,
                                   .cpu_ns = report->ok.cpu_ns,
                                   .peak_memory = -1,
                                   .cpu = report->ok.cpu,
                                   .inputs = "",
                                   .message = "",
                                   .result = report->ok.results,
                                   .result_size = report->ok.results_size}};
    return phase_emit(r->ph, &e, report->ok.start_ns + report->ok.duration_ns, err);
}

static int report_ok(const struct phase_reporter *r, const struct exec_report *report,
                     br_error *err)
{
    if (report->ok.duration_ns >= 0)
        return report_long_ok(r, report, err);
    struct event e = {.type = EVENT_TASKS_OK,
                      .tasks_ok = {.phase = r->number,
                                   .worker = report->slot,
                                   .attempt = report->tasks.attempt,
                                   .first = report->tasks.first + r->offset,
                                   .count = report->tasks.count,
                                   .start_ns = report->ok.start_ns - r->ph->options.begin_ns,
                                   .durations = report->ok.durations,
                                   .results = report->ok.results,
                                   .results_size = report->ok.results_size}};
    return phase_emit(r->ph, &e, report->ok.start_ns, err);
}

static int report_end(const struct phase_reporter *r, const struct exec_report *report, bool final,
                      br_error *err)
{
    struct event e = {.type = EVENT_TASK_END,
                      .task_end = {.phase = r->number,
                                   .worker = report->slot,
                                   .index = report->tasks.first + r->offset,
                                   .attempt = report->tasks.attempt,
                                   .status = report->end.status,
                                   .final = final,
                                   .start_ns = report->end.start_ns - r->ph->options.begin_ns,
                                   .duration_ns = report->end.duration_ns,
                                   .cpu_ns = report->end.cpu_ns,
                                   .peak_memory = report->end.peak_memory,
                                   .cpu = report->end.cpu,
                                   .signal = report->end.signal,
                                   .exit_code = report->end.exit_code,
                                   .inputs = describe_inputs(r, report->tasks.first),
                                   .message = report->end.message}};
    return phase_emit(r->ph, &e, report->end.start_ns + report->end.duration_ns, err);
}

static int report_output(const struct phase_reporter *r, const struct exec_report *report,
                         br_error *err)
{
    struct event e = {.type = EVENT_OUTPUT,
                      .output = {.phase = r->number,
                                 .worker = report->slot,
                                 .first = report->tasks.first + r->offset,
                                 .count = report->tasks.count,
                                 .attempt = report->tasks.attempt,
                                 .stream = (uint32_t)report->output.stream,
                                 .offset = report->output.offset,
                                 .length = report->output.length}};
    return phase_emit(r->ph, &e, r->ph->options.begin_ns, err);
}

int phase_report(const struct phase_reporter *r, const struct exec_report *report, bool final,
                 br_error *err)
{
    if (report->type == REPORT_OK)
        return report_ok(r, report, err);
    const struct phases_options *o = &r->ph->options;
    enum outcome_status status = report->type == REPORT_END ? report->end.status : OUTCOME_NONE;
    bool fails =
        status == OUTCOME_ERROR || status == OUTCOME_CRASHED || status == OUTCOME_OVER_LIMIT;
    if (fails && o->before_failure(o->user, report, err) != 0)
        return -1;
    if (report->type == REPORT_END)
        return report_end(r, report, final, err);
    return report_output(r, report, err);
}
