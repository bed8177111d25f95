// SPDX-License-Identifier: BSD-3-Clause
#include "run/run.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/signals.h"
#include "exec/local/local.h"
#include "exec/process/stray_processes.h"
#include "exec/topology.h"
#include "journal/journal.h"
#include "journal/rundir.h"
#include "pool/pool.h"
#include "run/log_room.h"
#include "run/phases.h"
#include "run/resume.h"
#include "run/stop.h"
#include "run/terminal.h"
#include "views/failures.h"
#include "views/machine_note.h"
#include "views/summary.h"

// Time between asking a worker to end and killing it.
#define GRACE_NS (2 * NS_PER_S)

// Time for a reader of standard output or error to read, after a signal has stopped the run.
#define READER_NS (1 * NS_PER_S)

enum {
    SINKS = 4,
    WORKER_DESCRIPTORS = 5, // for a worker: two logs, a socket, two memories of its channel
    OTHER_DESCRIPTORS = 128 // for all else, such as tables of phases that run at the same time
};

struct run {
    struct event_sink sink; // passes each event on to `sinks`; must be the first field
    struct event_sink *sinks[SINKS];
    size_t sink_count;
    struct prepared *prepared;
    const struct run_options *options;
    struct nursery *nursery;
    struct stray_processes strays;
    struct rundir dir;
    struct selection part; // the tasks of a try
    struct resume resume;
    struct journal *journal; // NULL without one
    struct summary summary;
    struct failures failures;
    struct terminal terminal;
    struct writer *standard; // of standard output if its reader may be slow, else NULL; may be the
                             // terminal's
    bool has_views;
    struct executor *executor;
    struct pool *pool;
    struct phases *phases;
    struct plugin_use *plugins;
    struct job_env *env; // of the workers
    char *real_path;     // of the run directory; in `env`
    int *logs;           // standard output of each worker, then standard error of each
    struct log_room log_room;
    unsigned workers;
    uint32_t *starts; // how many times each worker was started
    struct stop stop;
    int64_t begin_ns;
    bool cancelled;   // running tasks are being killed
    bool late;        // the end of the Slurm allocation stopped the run
    bool ended;       // the last event was emitted
    bool bad_end;     // a worker that did not end normally was reported
    int unbindable;   // errno if the kernel refuses to bind workers to CPUs, else 0
    int64_t leave_at; // when rows that nobody reads are given up; INT64_MAX: not yet known
    char reason[64];
    char tag[24]; // unique to this run
};

// ---- Preparing

enum run_status run_prepare(const char *path, const struct spec_override *overrides,
                            size_t override_count, struct nursery *nursery, bool check_only,
                            struct prepared *out)
{
    struct diagnostics d;
    struct prepare_options options = {.check_only = check_only};
    br_error err = {0};
    *out = (struct prepared){0};
    struct job *job = spec_load(path, overrides, override_count, &d, &err);
    int result = job ? prepare(job, nursery, &options, &d, out, &err) : -1;
    // After a failure of the system the diagnostics may be wrong: a name that could not be kept,
    // for example, is reported as missing by its users.
    if (result != 0 && (d.count == 0 || run_status_of(err.kind) == RUN_INTERNAL))
        terminal_error(NULL, &err);
    else if (result != 0)
        terminal_write(NULL, diagnostics_text(&d));
    if (result != 0)
        prepared_finish(out);
    diagnostics_finish(&d);
    return result == 0 ? RUN_OK : run_status_of(err.kind);
}

// ---- Events

static int pass_on(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct run *run = (struct run *)sink;
    for (size_t i = 0; i < run->sink_count; i++)
        if (run->sinks[i]->take(run->sinks[i], event, err) != 0)
            return -1;
    return 0;
}

static int emit(struct run *run, struct event *e, int64_t now, br_error *err)
{
    e->time_ns = now - run->begin_ns;
    return pass_on(&run->sink, e, err);
}

static int on_worker(void *user, const struct exec_report *r, br_error *err)
{
    struct run *run = user;
    // Of many workers one is reported: they have the same plugins.
    if (r->type == REPORT_DEAD && r->dead.badly && !run->bad_end) {
        run->bad_end = true;
        terminal_bad_end(&run->terminal, r);
    }
    if (run->ended)
        return 0;
    if (r->type == REPORT_READY) {
        struct event e = {.type = EVENT_WORKER_BEGIN,
                          .worker_begin = {.worker = r->slot,
                                           .pid = r->ready.pid,
                                           .cpus = *r->ready.cpus,
                                           .start = run->starts[r->slot]++}};
        return emit(run, &e, clock_now(), err);
    }
    struct event e = {.type = EVENT_WORKER_END,
                      .worker_end = {.worker = r->slot,
                                     .pid = r->dead.pid,
                                     .signal = r->dead.signal,
                                     .exit_code = r->dead.exit_code,
                                     .reason = r->dead.reason}};
    if (emit(run, &e, clock_now(), err) != 0)
        return -1;
    if (r->dead.stuck)
        terminal_lost_worker(&run->terminal, r);
    return 0;
}

// Emits a note and empties *text. A note for which there is no memory is left out.
static int emit_note(struct run *run, const char *name, struct buffer *text, br_error *err)
{
    buffer_char(text, '\0');
    struct event e = {.type = EVENT_NOTE, .note = {name, text->data}};
    int result = text->failed ? 0 : emit(run, &e, clock_now(), err);
    buffer_finish(text);
    return result;
}

// Emits notes that help to understand the run later.
static int emit_notes(struct run *run, br_error *err)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_text(&text, run->options->command);
    if (emit_note(run, "command", &text, err) != 0)
        return -1;
    topology_version(&text);
    if (emit_note(run, "hwloc", &text, err) != 0)
        return -1;
    machine_note_put(&text, &run->prepared->machine);
    return emit_note(run, "machine", &text, err);
}

// Emits the first events of this process.
static int emit_begin(struct run *run, br_error *err)
{
    const struct job *job = run->prepared->job;
    const struct run_options *o = run->options;
    char host[256] = "";
    char *path = realpath(job->file, NULL);
    struct buffer limits = BUFFER_EMPTY;
    local_describe_limits(run->executor, &limits);
    buffer_char(&limits, '\0');
    (void)gethostname(host, sizeof host - 1);
    struct event begin = {.type = EVENT_RUN_BEGIN,
                          .run_begin = {.name = job->name,
                                        .job_file = path ? path : job->file,
                                        .version = o->version,
                                        .host = host,
                                        .wall_ns = clock_wall(),
                                        .workers = run->workers,
                                        .phases = (uint32_t)job->phase_count,
                                        .limits = limits.failed ? "" : limits.data,
                                        .part = run->part.text ? run->part.text : ""}};
    struct event again = {.type = EVENT_RUN_RESUME,
                          .time_ns = run->resume.state.last_ns,
                          .run_resume = {.version = o->version,
                                         .host = host,
                                         .wall_ns = clock_wall(),
                                         .workers = run->workers,
                                         .retry_failed = o->retry_failed}};
    int result = resume_emit(&run->resume, &run->sink, &begin, &again, clock_now(), err);
    buffer_finish(&limits);
    free(path);
    return result != 0 || run->resume.idle ? result : emit_notes(run, err);
}

// ---- Setting up

// Returns the number of workers: at most one a task, unless the number of tasks is unknown because
// a phase reads from another.
static unsigned workers_wanted(const struct prepared *p, const struct selection *part)
{
    uint64_t tasks = selection_count(part);
    for (size_t i = 0; !part->phases && i < p->job->phase_count; i++) {
        if (!p->phases[i].loaded)
            return (unsigned)p->plan.slot_count;
        tasks += prepared_tasks(p, i, p->phases[i].rows);
    }
    if (tasks == 0)
        tasks = 1;
    return tasks < p->plan.slot_count ? (unsigned)tasks : (unsigned)p->plan.slot_count;
}

static int open_directory(struct run *run, br_error *err)
{
    const struct job *job = run->prepared->job;
    struct rundir_options options = {.name = job->name,
                                     .job_file = job->file,
                                     .directory = run->options->directory,
                                     .job = job->text,
                                     .job_size = job->text_length,
                                     .fresh = run->options->fresh,
                                     .resume = run->options->resume,
                                     .is_try = run->part.phases != NULL};
    return rundir_create(&run->dir, &options, err);
}

// Opens the journal. The time of a resumed run continues where that of the earlier process ended.
static int open_journal(struct run *run, br_error *err)
{
    const struct run_options *o = run->options;
    struct event_sink *const views[] = {&run->summary.sink, &run->failures.sink,
                                        &run->terminal.progress.sink};
    struct resume_options options = {.prepared = run->prepared,
                                     .dir = &run->dir,
                                     .overrides = o->overrides,
                                     .override_count = o->override_count,
                                     .journal = o->journal,
                                     .durability = o->durability,
                                     .retry_failed = o->retry_failed,
                                     .accept = o->accept,
                                     .views = views,
                                     .view_count = sizeof views / sizeof views[0]};
    if (resume_open(&run->resume, &options, run->begin_ns, err) != 0)
        return -1;
    run->journal = run->resume.journal;
    run->begin_ns = clock_now() - run->resume.state.last_ns;
    snprintf(run->tag, sizeof run->tag, "%016" PRIx64,
             run->journal ? journal_salt(run->journal) : (uint64_t)getpid());
    // The journal comes first, so that nothing is shown that is not in it.
    if (run->journal)
        run->sinks[run->sink_count++] = journal_sink(run->journal);
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        run->sinks[run->sink_count++] = views[i];
    return 0;
}

// Raises the soft limit of descriptors, which is often too low for many workers. The nursery was
// started before this, so workers keep the limit that the user set.
static int allow_descriptors(unsigned workers, br_error *err)
{
    rlim_t wanted = (rlim_t)workers * WORKER_DESCRIPTORS + OTHER_DESCRIPTORS;
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return br_error_errno(err, "cannot find out how many files may be open");
    if (r.rlim_cur >= wanted)
        return 0;
    if (r.rlim_max < wanted)
        return br_error_set(
            err, BR_ERR_USAGE,
            "%u worker%s %llu open files, and this process may have %llu: %sraise the limit "
            "(ulimit -n)",
            workers, workers == 1 ? " needs" : "s need", (unsigned long long)wanted,
            (unsigned long long)r.rlim_max, workers == 1 ? "" : "lower workers.count, or ");
    r.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0)
        return br_error_errno(err, "cannot raise the limit of open files to %llu",
                              (unsigned long long)wanted);
    return 0;
}

static int open_logs(struct run *run, br_error *err)
{
    run->logs = malloc(sizeof *run->logs * 2 * run->workers);
    run->starts = calloc(run->workers, sizeof *run->starts);
    if (!run->logs || !run->starts)
        return br_error_nomem(err);
    for (unsigned i = 0; i < 2 * run->workers; i++)
        run->logs[i] = -1;
    for (unsigned i = 0; i < run->workers && i < run->summary.worker_count; i++)
        run->starts[i] = run->summary.workers[i].starts; // in earlier processes
    for (unsigned i = 0; i < run->workers; i++) {
        run->logs[i] = rundir_open_log(&run->dir, i, 1, err);
        run->logs[run->workers + i] = run->logs[i] < 0 ? -1 : rundir_open_log(&run->dir, i, 2, err);
        if (run->logs[run->workers + i] < 0)
            return -1;
    }
    return 0;
}

// Opens the views before the journal is read: tasks of earlier processes are counted, not shown.
static void open_views(struct run *run)
{
    summary_init(&run->summary);
    failures_init(&run->failures);
    terminal_init(&run->terminal, &run->failures, &run->summary, &run->dir, run->options->quiet);
    run->has_views = true;
}

// Returns the limit of a worker's writable memory, used or not. It is twice the limit of resident
// memory: malloc refuses a task that asks for much too much, while one that fills its memory bit by
// bit reaches the other limit, with a message. Sanitizers need terabytes of address space.
static uint64_t data_limit(uint64_t memory)
{
#if defined(__SANITIZE_ADDRESS__)
    (void)memory;
    return JOB_UNLIMITED;
#else
    return memory <= UINT64_MAX / 2 ? 2 * memory : JOB_UNLIMITED;
#endif
}

// Adds the run directory to the environment of the workers.
static int make_environment(struct run *run, br_error *err)
{
    const struct job *job = run->prepared->job;
    run->env = calloc(job->env_count + 1, sizeof *run->env);
    run->real_path = realpath(run->dir.path, NULL);
    if (!run->env || !run->real_path)
        return br_error_errno(err, "cannot find the path of %s", run->dir.path);
    if (job->env_count > 0)
        memcpy(run->env, job->env, job->env_count * sizeof *run->env);
    run->env[job->env_count] = (struct job_env){"BATCHRUN_RUN_DIR", run->real_path};
    return 0;
}

// Returns whether workers are to be bound to CPUs. They run unbound if that is refused.
static bool may_bind(struct run *run)
{
    if (run->prepared->job->workers.binding == BIND_NONE)
        return false;
    run->unbindable = topology_unbindable();
    return run->unbindable == 0;
}

static int open_pool(struct run *run, br_error *err)
{
    const struct job *job = run->prepared->job;
    run->plugins = calloc(job->plugin_count + 1, sizeof *run->plugins);
    if (!run->plugins)
        return br_error_nomem(err);
    if (make_environment(run, err) != 0)
        return -1;
    for (size_t i = 0; i < job->plugin_count; i++)
        run->plugins[i] =
            (struct plugin_use){&run->prepared->plugin_files[i].source, &job->plugins[i].config};
    struct local_options local = {
        .nursery = run->nursery,
        .plan = &run->prepared->plan,
        .common = {.plugins = {run->plugins, job->plugin_count},
                   .env = run->env,
                   .env_count = job->env_count + 1,
                   .keep_output = true,
                   .address_space = JOB_UNLIMITED,
                   .data = data_limit(job->limits.memory),
                   .output = job->limits.printed,
                   .open_files = job->limits.open_files,
                   .core_size = job->limits.core_size,
                   .membind_local = job->workers.membind_local,
                   .bind = may_bind(run)},
        .out_fds = run->logs,
        .err_fds = run->logs + run->workers,
        .limits = {job->limits.memory, job->limits.cpu_time_ns, job->limits.printed},
        .start_ns = job->workers.start_ns,
        .start_name = "workers.start_timeout",
    };
    run->executor = local_create(&local, err);
    if (!run->executor)
        return -1;
    struct pool_options options = {.executor = run->executor,
                                   .workers = run->workers,
                                   .crash_limit = POOL_CRASH_LIMIT,
                                   .max_tasks = job->workers.max_tasks,
                                   .grace_ns = GRACE_NS,
                                   .on_worker = on_worker,
                                   .user = run};
    run->pool = pool_create(&options, err);
    if (!run->pool)
        run->executor->ops->destroy(run->executor, 0);
    return run->pool ? 0 : -1;
}

// Refuses to write both the summary and the rows of a phase to standard output.
static int check_standard_output(const struct run *run, br_error *err)
{
    const struct job *job = run->prepared->job;
    for (size_t i = 0; run->options->json && i < job->phase_count; i++)
        if (job->phases[i].output && strcmp(job->phases[i].output, "-") == 0)
            return br_error_set(err, BR_ERR_USAGE,
                                "--json and phase `%s` both write to standard output: leave out "
                                "one, or give the phase a file (--set phases.%s.output=FILE)",
                                job->phases[i].name, job->phases[i].name);
    return 0;
}

static bool look_in_hand(void *user, unsigned worker, struct running_task *out)
{
    const struct run *run = user;
    return phases_in_hand(run->phases, worker, out);
}

static int check_logs(void *user, const struct exec_report *r, br_error *err)
{
    struct run *run = user;
    if (r->slot >= run->workers) // it ended in no worker
        return 0;
    const int logs[] = {run->logs[r->slot], run->logs[run->workers + r->slot]};
    return log_room_check(&run->log_room, &run->dir, logs, clock_now(), err);
}

// Called before rows go to standard output, which may be the terminal that shows the progress.
static void make_way(void *user)
{
    struct run *run = user;
    progress_erase(&run->terminal.progress);
}

// If both streams are the same terminal or pipe, one thread writes both, in order. Without a thread
// every write waits for the reader.
static void open_standard(struct run *run)
{
    struct stat out, error;
    const struct job *job = run->prepared->job;
    bool wanted = run->options->json;
    for (size_t i = 0; i < job->phase_count; i++)
        wanted |= job->phases[i].output && strcmp(job->phases[i].output, "-") == 0;
    if (!wanted || !writer_is_for(STDOUT_FILENO))
        return;
    if (fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &error) == 0 &&
        out.st_dev == error.st_dev && out.st_ino == error.st_ino)
        run->standard = run->terminal.writer;
    if (!run->standard)
        run->standard = writer_create(NULL);
}

static int set_up(struct run *run, br_error *err)
{
    run->begin_ns = clock_now();
    stray_processes_begin(&run->strays);
    if (selection_make(&run->part, &run->options->part, run->prepared, err) != 0)
        return -1;
    run->workers = workers_wanted(run->prepared, &run->part);
    if (check_standard_output(run, err) != 0 || allow_descriptors(run->workers, err) != 0 ||
        stop_open(&run->stop, run->options->grace_ns, run->begin_ns, err) != 0 ||
        open_directory(run, err) != 0)
        return -1;
    open_views(run);
    open_standard(run);
    if (open_journal(run, err) != 0 || open_logs(run, err) != 0 || open_pool(run, err) != 0)
        return -1;
    struct phases_options options = {.prepared = run->prepared,
                                     .pool = run->pool,
                                     .sink = &run->sink,
                                     .resume_state =
                                         run->resume.state.begun ? &run->resume.state : NULL,
                                     .part = run->part.phases ? &run->part : NULL,
                                     .begin_ns = run->begin_ns,
                                     .end_ns = run->stop.end_at,
                                     .grace_ns = run->options->grace_ns,
                                     .tag = run->tag,
                                     .results_directory = run->dir.results_path,
                                     .standard = run->standard,
                                     .before_output = make_way,
                                     .before_failure = check_logs,
                                     .user = run};
    run->phases = phases_create(&options, err);
    return run->phases ? 0 : -1;
}

// Prints what the run does without.
static void warn(const struct run *run)
{
    char text[160];
    if (run->stop.is_old)
        terminal_write(&run->terminal,
                       "batchrun: the time in SLURM_JOB_END_TIME passed more than an hour ago: it "
                       "is not used; unset it\n");
    if (run->unbindable != 0) {
        snprintf(text, sizeof text,
                 "batchrun: workers are not bound to CPUs: the system call sched_setaffinity is "
                 "refused: %s\n",
                 strerror(run->unbindable));
        terminal_write(&run->terminal, text);
    }
}

// Emits the first events, and begins to show the run.
static int begin(struct run *run, br_error *err)
{
    if (emit_begin(run, err) != 0)
        return -1;
    if (run->resume.state.begun && !run->resume.idle &&
        phases_remove_old_files(run->phases, err) != 0)
        return -1;
    terminal_begin(&run->terminal, &run->resume);
    warn(run);
    if (!run->resume.idle)
        progress_show(&run->terminal.progress, run->options->progress, look_in_hand, run);
    return 0;
}

// ---- Stopping before the end

static void heed_time(struct run *run, int64_t now, struct buffer *lines)
{
    if (phases_late(run->phases) && !run->late) {
        run->late = true;
        buffer_text(
            lines,
            "batchrun: the Slurm allocation ends soon: tasks that no longer fit are not started\n");
    }
    if (now >= run->stop.end_at && !run->cancelled) {
        run->late = true;
        buffer_text(lines,
                    run->stop.is_over
                        ? "batchrun: the time in SLURM_JOB_END_TIME has passed, so the Slurm "
                          "allocation is over; outside of an allocation, unset it\n"
                        : "batchrun: the Slurm allocation ends now: killing the running "
                          "tasks\n");
    }
}

// Gives up rows that nobody reads once nothing else is left and the run is to stop. A reader who is
// slow, but reads, has READER_NS.
static int heed_reader(struct run *run, int64_t now, struct buffer *lines, br_error *err)
{
    if ((run->stop.signal == 0 && now < run->stop.end_at) || !phases_only_write(run->phases))
        return 0;
    if (run->leave_at == INT64_MAX)
        run->leave_at = now + READER_NS;
    if (now < run->leave_at && now < run->stop.kill_at)
        return 0;
    buffer_text(lines, "batchrun: nobody reads standard output: not all rows were written to it\n");
    return phases_give_up_writing(run->phases, now, err);
}

static int heed(struct run *run, int64_t now, br_error *err)
{
    struct buffer lines = BUFFER_EMPTY;
    stop_look(&run->stop, now, &lines);
    heed_time(run, now, &lines);
    int result = heed_reader(run, now, &lines, err);
    terminal_print(&run->terminal, &lines);
    buffer_finish(&lines);
    if (result != 0)
        return -1;
    if (run->stop.signal != 0 && phases_stop(run->phases, now, err) != 0)
        return -1;
    if (now < run->stop.kill_at || run->cancelled)
        return 0;
    run->cancelled = true;
    return phases_cancel(run->phases, now, err);
}

// ---- The loop

static int one_round(struct run *run, int64_t now, br_error *err)
{
    if (pool_dispatch(run->pool, now, err) != 0 || heed(run, now, err) != 0)
        return -1;
    terminal_failures(&run->terminal); // before the results of their phase
    // Workers end while results and journal are written and synced.
    if (!phases_need_workers(run->phases))
        pool_wind_down(run->pool);
    if (phases_advance(run->phases, now, err) != 0 ||
        (run->journal && journal_sync(run->journal, now, err) != 0))
        return -1;
    progress_tick(&run->terminal.progress, now - run->begin_ns);
    return 0;
}

// Fills a pollfd that becomes readable when the writer has ended a job. `w` may be NULL.
static struct pollfd poll_writer(const struct writer *w)
{
    return (struct pollfd){.fd = w ? writer_fd(w) : -1, .events = POLLIN};
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// Stops all clocks for the time in which this process was stopped. Nobody says when that began: if
// there was a SIGCONT, the time since the last round began is taken, which is short. `before` and
// `until` are when the wait began and was to end.
static void heed_halt(struct run *run, int64_t round, int64_t before, int64_t until)
{
    bool continued = stop_was_continued(&run->stop);
    int64_t now = clock_now(), since = clock_stood_still(before, until, now);
    if (continued)
        since = round;
    if (since == 0)
        return;
    pool_stood_still(run->pool, since, now);
    stop_stood_still(&run->stop, since, now);
    if (run->leave_at != INT64_MAX)
        run->leave_at += now - since;
}

// Waits for reports, signals or the next deadline. `now` is the time of the round before, so that a
// deadline that has passed since ends the wait at once.
static void wait_for_more(struct run *run, int64_t now)
{
    int64_t until = pool_deadline(run->pool);
    if (run->journal)
        until = earliest(until, journal_next_sync(run->journal));
    int64_t progress = progress_next(&run->terminal.progress);
    if (progress != INT64_MAX)
        until = earliest(until, progress + run->begin_ns);
    until = earliest(until, phases_deadline(run->phases, now));
    if (!run->cancelled)
        until = earliest(until, run->stop.kill_at);
    until = earliest(until, run->leave_at);
    struct pollfd wait[] = {{.fd = pool_fd(run->pool), .events = POLLIN},
                            {.fd = run->stop.fd, .events = POLLIN},
                            {.fd = run->stop.continued_fd, .events = POLLIN},
                            poll_writer(run->standard)};
    // If poll fails, the next round just comes earlier.
    int64_t before = clock_now();
    (void)poll(wait, 4, clock_poll_timeout(until, before));
    if (run->standard)
        writer_hear(run->standard);
    heed_halt(run, now, before, until);
}

// Recovers phases that earlier processes did; if all were done, no worker is started.
static int recall(struct run *run, br_error *err)
{
    if (phases_advance(run->phases, clock_now(), err) != 0)
        return -1;
    if (run->resume.idle && !phases_done(run->phases))
        return br_error_set(
            err, BR_ERR_SYSTEM,
            "internal error: the journal in %s records the end of the run, but tasks are left",
            run->dir.path);
    return 0;
}

static int loop(struct run *run, br_error *err)
{
    if (begin(run, err) != 0 || (run->resume.state.begun && recall(run, err) != 0))
        return -1;
    if (phases_done(run->phases))
        return 0;
    for (;;) {
        int64_t now = clock_now();
        if (one_round(run, now, err) != 0)
            return -1;
        if (phases_done(run->phases))
            return 0;
        // Returns at once if a phase has started: the pool's deadline has passed then.
        wait_for_more(run, now);
    }
}

// ---- The end

static enum run_status verdict(struct run *run, int looped, const br_error *err, const char **why)
{
    *why = run->reason;
    if (looped != 0) {
        *why = err->text;
        return run_status_of(err->kind);
    }
    if (run->stop.signal != 0 && phases_cut(run->phases)) {
        snprintf(run->reason, sizeof run->reason, "interrupted by %s",
                 signal_name(run->stop.signal));
        return RUN_INTERRUPTED;
    }
    if ((run->late || phases_late(run->phases)) && phases_cut(run->phases)) {
        *why = "interrupted by the end of the Slurm allocation";
        return RUN_INTERRUPTED;
    }
    strcpy(run->reason, "finished");
    return phases_succeeded(run->phases) ? RUN_OK : RUN_FAILED;
}

// Waits for the ends of idle workers, for as long as each may take; less when the Slurm allocation
// ends.
static void await_workers(struct run *run)
{
    while (clock_now() < run->stop.end_at && pool_take_ends(run->pool, clock_now())) {
        int64_t until = earliest(pool_deadline(run->pool), run->stop.end_at);
        struct pollfd wait = {.fd = pool_fd(run->pool), .events = POLLIN};
        int64_t before = clock_now();
        (void)poll(&wait, 1, clock_poll_timeout(until, before));
        heed_halt(run, before, before, until);
    }
}

static void close_pool(struct run *run)
{
    pool_destroy(run->pool);
    run->pool = NULL;
    nursery_dismiss(run->nursery); // it ends while the summary is written; tear_down waits
}

static int write_json(struct run *run, const struct buffer *json, br_error *err)
{
    if (run->standard &&
        writer_add_text(run->standard, STDOUT_FILENO, json->data, json->length) == 0)
        return 0;
    if (fd_write_all(STDOUT_FILENO, json->data, json->length) == 0 || errno == EPIPE)
        return 0;
    return br_error_errno(err, "cannot write to standard output");
}

static int write_summary(struct run *run, br_error *err)
{
    struct buffer json = BUFFER_EMPTY;
    int result = summary_json(&run->summary, &run->failures, &json, err);
    if (result == 0)
        result = rundir_write(&run->dir, "summary.json", json.data, json.length, err);
    if (result == 0 && run->options->json)
        result = write_json(run, &json, err);
    buffer_finish(&json);
    return result;
}

// Waits until what was written is read, as any program does. A signal ends the wait; after one that
// has stopped the run, the reader has READER_NS.
static void await_readers(struct run *run)
{
    struct writer *const writers[] = {run->terminal.writer, run->standard};
    struct buffer none = BUFFER_EMPTY;
    int64_t until = run->stop.signal == 0 ? INT64_MAX : clock_now() + READER_NS;
    for (int i = 0; i < 2; i++)
        for (int64_t now;
             writers[i] && writer_jobs(writers[i]) > 0 && (now = clock_now()) < until;) {
            struct pollfd wait[] = {{.fd = run->stop.fd, .events = POLLIN},
                                    poll_writer(writers[i])};
            (void)poll(wait, 2, clock_poll_timeout(until, now));
            writer_hear(writers[i]);
            if (wait[0].revents == 0)
                continue;
            stop_look(&run->stop, now, &none);
            until = earliest(until, now + READER_NS);
        }
    buffer_finish(&none);
}

// Names each `output` of a resumed run that no longer fits its phase: it is the user's file, and
// stays.
static void name_old_outputs(struct run *run)
{
    struct buffer lines = BUFFER_EMPTY;
    if (run->resume.state.begun)
        phases_describe_old_outputs(run->phases, &lines);
    terminal_print(&run->terminal, &lines);
    buffer_finish(&lines);
}

static enum run_status end(struct run *run, int looped, br_error *err)
{
    const char *why;
    enum run_status status = verdict(run, looped, err, &why);
    struct event e = {.type = EVENT_RUN_END, .run_end = {.exit_status = status, .reason = why}};
    br_error late = {0}, second;
    int told = run->resume.idle ? 0 : emit(run, &e, clock_now(), &late);
    pool_wind_down(run->pool);
    int closed = told;
    if (run->journal && journal_close(run->journal, told == 0 ? &late : &second) != 0)
        closed = -1;
    run->journal = NULL;
    run->ended = true;
    if (looped == 0) {
        name_old_outputs(run);
        await_workers(run);
    }
    close_pool(run);
    terminal_finish(&run->terminal);
    if (closed == 0)
        closed = write_summary(run, &late);
    // A run that failed before any worker was ready has no summary, only the error.
    bool shown =
        (looped == 0 || run->summary.worker_count > 0) && terminal_result(&run->terminal, status);
    // The summary has the reason of a failure, unless the event that carries it was lost.
    if (looped != 0 && (!shown || told != 0))
        terminal_error(&run->terminal, err);
    else if (!shown)
        terminal_write(
            &run->terminal,
            "batchrun: out of memory for the summary on the terminal; `batchrun show` prints it\n");
    if (looped == 0 && closed != 0) {
        terminal_error(&run->terminal, &late);
        status = run_status_of(late.kind);
    }
    if (status == RUN_INTERRUPTED && run->options->journal && !run->part.phases)
        terminal_resume_command(&run->terminal, run->options->go_on);
    await_readers(run);
    return status;
}

static void tear_down(struct run *run)
{
    if (run->standard != run->terminal.writer)
        writer_destroy(run->standard);
    if (run->has_views)
        terminal_close(&run->terminal);
    phases_destroy(run->phases); // the writers have used their rows
    pool_destroy(run->pool);
    nursery_stop(run->nursery);
    // Ends processes that a killed nursery left. A process that no signal ends was reported before.
    (void)stray_processes_end(&run->strays);
    if (run->journal)
        journal_destroy(run->journal);
    if (run->has_views) {
        summary_finish(&run->summary);
        failures_finish(&run->failures);
    }
    for (unsigned i = 0; run->logs && i < 2 * run->workers; i++)
        fd_close(&run->logs[i]);
    free(run->logs);
    free(run->starts);
    free(run->plugins);
    free(run->env);
    free(run->real_path);
    stop_close(&run->stop);
    selection_finish(&run->part);
    resume_finish(&run->resume);
    rundir_finish(&run->dir);
    prepared_finish(run->prepared);
}

enum run_status run_job(struct prepared *p, struct nursery *nursery,
                        const struct run_options *options)
{
    struct run run = {.sink.take = pass_on,
                      .prepared = p,
                      .options = options,
                      .nursery = nursery,
                      .dir = RUNDIR_NONE,
                      .leave_at = INT64_MAX,
                      .stop = STOP_CLOSED};
    br_error err = {0};
    enum run_status status;
    if (set_up(&run, &err) != 0) {
        terminal_error(run.has_views ? &run.terminal : NULL, &err);
        if (run.has_views)
            await_readers(&run);
        status = run_status_of(err.kind);
    } else {
        int looped = loop(&run, &err);
        status = end(&run, looped, &err);
    }
    tear_down(&run);
    return status;
}
