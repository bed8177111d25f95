// SPDX-License-Identifier: BSD-3-Clause
// A worker process: its start, its maps, and the loop that runs tasks.
#include "exec/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/owned.h"
#include "base/stopwatch.h"
#include "base/streams.h"
#include "exec/channel/channel_worker.h"
#include "exec/crash/crash.h"
#include "exec/plugin/plugin.h"
#include "exec/process/job_signals.h"
#include "exec/process/nursery.h"
#include "exec/process/stray_processes.h"
#include "exec/worker/isolate.h"
#include "exec/worker/limit_message.h"
#include "exec/worker/process_state.h"
#include "exec/worker/task.h"
#include "exec/worker/worker_setup.h"

enum {
    LONG_NS = 1000000,       // a task that takes as long has its CPU time measured
    EXACT_OUTPUT_NS = 20000, // after a task that takes as long, the log's length is read
    OUTPUT_EVERY = 64,       // after shorter ones only once in so many, and after EXACT_OUTPUT_NS
    EXIT_SECONDS = 5         // for the exit handlers of a task that has called exit
};

struct loaded { // a plugin in this worker
    struct plugin plugin;
    struct task_worker worker;
    struct streams streams;
    struct process_mode mode; // as loading it and its init have left it
};

struct worker {
    int control;
    struct channel_worker channel;
    struct worker_setup setup;
    struct loaded *plugins;
    struct task_map **maps;
    size_t map_count;
    struct task_map inline_map; // of the running function, if its inputs came with the grant
    struct task task;
    struct streams *streams; // that the running task may print to; NULL before the first
    bool buffered;           // streams of C++ have buffers of their own
    struct isolate isolate;
    off_t printed[2];     // length of each stream when it was last read
    uint32_t unlooked;    // tasks that have run since then
    int64_t looked_ns;    // when that was
    bool chatty;          // a short task of this map has printed: read the lengths after each task
    uint32_t first_tasks; // of this map that are still to run: they are looked at one by one, too
    int unwritten; // errno for which what the running task has printed could not be written; or 0
    uint64_t over_output; // bytes that the running task has printed, if they are too many; or 0
    int64_t cpu_mark;     // CPU time of this process when it was last measured
    struct stray_processes strays;
    int64_t cleared_ns; // when strays were last looked for
    struct process_state process_state;
    struct process_mode mode;     // of the calling program's functions
    struct float_mode float_mode; // of the present map's tasks
    struct stopwatch stopwatch;
    int64_t restored_ns; // when process_state was last restored
    int64_t plain_until; // a task that ends plainly before then needs nothing but its record; or 0
    bool ran_here;       // a task has run in this process, not in a child
    bool for_one_task;   // this process is the one of an isolated task, and ends with it
    bool ends;           // its work is over
    pid_t process;
    int64_t cpu_most;  // CPU time of this process after which it is replaced; INT64_MAX: never
    const char *unfit; // why this worker takes no more tasks, or NULL
};

static struct worker worker; // static: large, and read when a task crashes or calls exit

// ---- Output at a crash or an exit

static void flush_at_crash(void)
{
    if (worker.streams)
        streams_flush(worker.streams);
}

static int exit_status; // of a task that has called exit

static void leave_now(int signal)
{
    (void)signal;
    _exit(exit_status);
}

// Runs first when the process exits. If a task has called exit, exit handlers that hang must not
// make the task hang. The end of a worker whose work is over is limited by the coordinator.
static void limit_exit(int status, void *unused)
{
    struct sigaction action = {.sa_handler = leave_now};
    sigset_t set;
    (void)unused;
    if (worker.ends || getpid() != worker.process) // or a process that a task has forked
        return;
    exit_status = status;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    alarm(EXIT_SECONDS);
}

// ---- Starting

static void bind_self(const struct worker_setup *s, br_error *err)
{
    if (!s->common.bind)
        return;
    cpu_set_t *set = CPU_ALLOC(CPUSET_MAX);
    if (!set) {
        br_error_nomem(err);
        return;
    }
    size_t size = CPU_ALLOC_SIZE(CPUSET_MAX);
    CPU_ZERO_S(size, set);
    for (int c = cpuset_next(&s->slot.cpus, 0); c >= 0;
         c = cpuset_next(&s->slot.cpus, (unsigned)c + 1))
        CPU_SET_S(c, size, set);
    if (sched_setaffinity(0, size, set) != 0)
        kernel_error(err, "sched_setaffinity", "cannot bind a worker to its CPUs");
    CPU_FREE(set);
}

// Returns the CPUs that the kernel lets this process use, whatever was asked for.
static struct cpuset read_binding(void)
{
    struct cpuset is = {0};
    cpu_set_t *set = CPU_ALLOC(CPUSET_MAX);
    size_t size = CPU_ALLOC_SIZE(CPUSET_MAX);
    if (set && sched_getaffinity(0, size, set) == 0)
        for (unsigned c = 0; c < CPUSET_MAX; c++)
            if (CPU_ISSET_S(c, size, set))
                cpuset_add(&is, c);
    CPU_FREE(set);
    return is;
}

static void bind_memory(const struct worker_setup *s, br_error *err)
{
    enum {
        MPOL_BIND_MODE = 2
    };
    if (!s->common.membind_local || cpuset_count(&s->slot.nodes) == 0)
        return;
    // A kernel without NUMA refuses the call and has one node, which is local. If a container
    // refuses it, first touch places memory on the local node all the same.
    if (syscall(SYS_set_mempolicy, MPOL_BIND_MODE, s->slot.nodes.words,
                (unsigned long)CPUSET_MAX) != 0 &&
        !kernel_refuses(errno))
        br_error_errno(err, "cannot bind a worker's memory to its NUMA node");
}

static void limit(int resource, uint64_t value, const char *name, br_error *err)
{
    if (value == JOB_UNLIMITED)
        return;
    struct rlimit r;
    if (getrlimit(resource, &r) == 0) {
        if (value > r.rlim_max)
            value = r.rlim_max;
        r.rlim_cur = r.rlim_max = value;
        if (setrlimit(resource, &r) == 0)
            return;
    }
    br_error_errno(err, "cannot set limits.%s", name);
}

// Returns the CPU time, in nanoseconds, after which this worker is to be replaced: an inherited
// limit on the CPU time of a process (ulimit -t) counts that of all its tasks. Most of what is left
// at the start is kept for the last task.
static int64_t cpu_most(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_CPU, &r) != 0 || r.rlim_cur == RLIM_INFINITY ||
        r.rlim_cur > INT64_MAX / NS_PER_S)
        return INT64_MAX;
    int64_t used = clock_process_cpu();
    return used + ((int64_t)r.rlim_cur * NS_PER_S - used) / 8;
}

// Loads a plugin. libgfortran reads its variables when it is loaded: by this one it writes each
// record that is printed at once, so that a crash loses none. Programs that tasks start do not see
// the variable. Returns as plugin_load.
static int load_unbuffered(const struct plugin_source *from, bool alone, struct plugin *out,
                           br_error *err)
{
    static const char name[] = "GFORTRAN_UNBUFFERED_PRECONNECTED";
    bool is_set = getenv(name);
    if (!is_set)
        (void)setenv(name, "y", 0); // without memory for it, output comes later
    int result = plugin_load(from, alone, out, err);
    if (!is_set)
        unsetenv(name);
    return result;
}

static int set_mode(const struct process_mode *mode, br_error *err)
{
    if (process_mode_set(mode))
        return 0;
    return br_error_set(err, BR_ERR_SYSTEM, "the locale %s cannot be set again", mode->locale);
}

// Loads the plugins that need libm without being linked with it, if `alone`; else all others.
static int load_those(struct worker *w, bool alone, br_error *err)
{
    const struct plugin_list *list = &w->setup.common.plugins;
    for (size_t i = 0; i < list->count; i++) {
        struct loaded *l = &w->plugins[i];
        if (l->plugin.handle)
            continue;
        int loaded = load_unbuffered(list->items[i].source, alone, &l->plugin, err);
        if (loaded == 0)
            streams_find(&l->streams, list->items[i].source->load);
        if (loaded < 0 || (loaded == 0 && process_mode_note(&l->mode, err) != 0) ||
            set_mode(&w->mode, err) != 0)
            return -1;
    }
    return 0;
}

static int init_plugin(const struct plugin_use *use, struct loaded *l, br_error *err)
{
    if (set_mode(&l->mode, err) != 0 ||
        task_worker_start(&l->worker, &l->plugin, use->config, err) != 0)
        return -1;
    fflush(stdout); // no task has printed what init has
    streams_flush(&l->streams);
    process_mode_finish(&l->mode);
    return process_mode_note(&l->mode, err);
}

static int load_plugins(struct worker *w, br_error *err)
{
    const struct plugin_list *list = &w->setup.common.plugins;
    w->plugins = calloc(list->count + 1, sizeof *w->plugins);
    if (!w->plugins)
        return br_error_nomem(err);
    if (process_mode_note(&w->mode, err) != 0 || load_those(w, false, err) != 0 ||
        load_those(w, true, err) != 0)
        return -1;
    for (size_t i = 0; i < list->count; i++)
        if (init_plugin(&list->items[i], &w->plugins[i], err) != 0)
            return -1;
    return set_mode(&w->mode, err);
}

static int run_initializer(const struct worker_setup_common *common, br_error *err)
{
    int returned = common->init ? common->init(common->init_arg) : 0;
    if (returned == 0)
        return 0;
    return br_error_set(err, BR_ERR_PLUGIN,
                        "the pool's initializer failed in a worker: it returned %d", returned);
}

// The calling program's functions run in the mode that its initializer has left.
static int initialize(struct worker *w, br_error *err)
{
    if (!w->setup.common.init)
        return 0;
    process_mode_finish(&w->mode);
    if (run_initializer(&w->setup.common, err) != 0)
        return -1;
    return process_mode_note(&w->mode, err);
}

static int read_setup(int fd, struct worker_setup *out, br_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return br_error_errno(err, "cannot read a worker's setup");
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return br_error_errno(err, "cannot read a worker's setup");
    return worker_setup_read(data, (size_t)st.st_size, out,
                             err); // its texts point into the mapping
}

static off_t stream_end(int fd)
{
    off_t at = lseek(fd, 0, SEEK_END);
    return at < 0 ? 0 : at; // not a file, so its output is not reported
}

// Gives each worker a name of its own in ps(1) and top(1).
static void name_self(unsigned slot)
{
    char name[16];
    snprintf(name, sizeof name, "br-worker-%u", slot);
    prctl(PR_SET_NAME, name);
}

// This comes first, so that the groups bound everything that this process does.
static void enter_groups(const int *doors, br_error *err)
{
    for (int k = 0; k < CGROUP_KINDS; k++) {
        if (write(doors[k], "0", 1) != 1)
            br_error_errno(err, "a worker cannot enter its control group");
        close(doors[k]);
    }
}

static int start(struct worker *w, const int *fds, br_error *err)
{
    w->control = fds[WORKER_CONTROL];
    if (dup2(fds[WORKER_OUT], 1) < 0 || dup2(fds[WORKER_ERR], 2) < 0)
        return br_error_errno(err, "cannot redirect a worker's output");
    enter_groups(fds + WORKER_GROUPS, err);
    setvbuf(stdout, NULL, _IOLBF, 0); // output before a crash must not be lost
    if (read_setup(fds[WORKER_SETUP], &w->setup, err) != 0 ||
        channel_attach(&w->channel, fds[WORKER_DOWN], fds[WORKER_UP], fds[WORKER_DOORBELL], err) !=
            0)
        return -1;
    w->channel.idle_spin_ns = w->setup.common.idle_spin_ns;
    // Functions of the calling program find signals at their defaults, and run in a fork of it.
    if (w->setup.common.plugins.count > 0) {
        job_signals_filter();
        nursery_child_is_whole();
    }
    name_self(w->setup.slot.slot);
    close(fds[WORKER_SETUP]);
    close(fds[WORKER_DOWN]);
    close(fds[WORKER_UP]);
    close(fds[WORKER_OUT]);
    close(fds[WORKER_ERR]);
    bind_self(&w->setup, err);
    bind_memory(&w->setup, err);
    limit(RLIMIT_NOFILE, w->setup.common.open_files, "open_files", err);
    limit(RLIMIT_AS, w->setup.common.address_space, "memory", err);
    limit(RLIMIT_DATA, w->setup.common.data, "memory", err);
    limit(RLIMIT_CORE, w->setup.common.core_size, "core_size", err);
    worker_setup_environment(w->setup.slot.width, w->setup.env, w->setup.common.env_count, err);
    if (err->kind != BR_ERR_NONE)
        return -1;
    static const void *const callers[] = {(const void *)task_call, (const void *)task_call_function,
                                          (const void *)worker_main};
    crash_watch(w->control, CONTROL_CRASHED, callers, sizeof callers / sizeof callers[0],
                flush_at_crash);
    if (load_plugins(w, err) != 0 || initialize(w, err) != 0)
        return -1;
    stray_processes_begin(&w->strays); // processes that the plugins' init has started stay
    w->float_mode = w->mode.floats;
    stopwatch_init(&w->stopwatch, w->setup.common.counter);
    w->cpu_most = cpu_most();
    if (process_state_note(&w->process_state, &w->mode, err) != 0)
        return -1;
    w->restored_ns = stopwatch_now(&w->stopwatch);
    w->printed[0] = stream_end(1);
    w->printed[1] = stream_end(2);
    if (on_exit(limit_exit, NULL) != 0)
        return br_error_nomem(err);
    return 0;
}

static int say(struct worker *w, const struct buffer *message)
{
    if (message->failed)
        return -1;
    return send(w->control, message->data, message->length, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int say_ready(struct worker *w)
{
    struct buffer b = BUFFER_EMPTY;
    struct cpuset cpus = read_binding();
    wire_put(&b, CONTROL_READY);
    wire_put(&b, (uint64_t)getpid());
    wire_put_bytes(&b, &cpus, sizeof cpus);
    int result = say(w, &b);
    buffer_finish(&b);
    return result;
}

static void say_used_up(struct worker *w, const char *why)
{
    struct buffer b = BUFFER_EMPTY;
    wire_put(&b, CONTROL_USED_UP);
    wire_put_text(&b, why);
    (void)say(w, &b); // if this fails, the coordinator only sees that the worker ends
    buffer_finish(&b);
}

static void say_unfit(struct worker *w, const br_error *err)
{
    struct buffer b = BUFFER_EMPTY;
    wire_put(&b, CONTROL_UNFIT);
    wire_put(&b, err->kind);
    wire_put_text(&b, err->text);
    (void)say(w, &b); // if this fails, the coordinator only sees that the worker ends
    buffer_finish(&b);
}

// ---- Maps

static void forget_map(struct task_map *m)
{
    if (m->table_memory)
        munmap(m->table_memory, m->table_size);
    signature_finish(&m->signature);
    free(owned(m->phase));
    free(m);
}

static void drop_map(struct worker *w, uint64_t id)
{
    static struct task_map dropped; // a later map may get the address of the one that is freed
    for (size_t i = 0; i < w->map_count; i++)
        if (w->maps[i]->id == id) {
            if (w->task.map == w->maps[i])
                w->task.map = &dropped;
            forget_map(w->maps[i]);
            w->maps[i] = w->maps[--w->map_count];
            return;
        }
}

// The items of a function call are plain memory. The function's address is valid here, because this
// process is a fork of the one that has sent it.
static int map_items(struct task_map *m, int fd, const char *phase, br_error *err)
{
    m->phase = strdup(phase ? phase : "");
    void *memory = mmap(NULL, m->table_size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return br_error_errno(err, "cannot map a call's items");
    m->items = m->table_memory = memory;
    return m->phase ? 0 : br_error_nomem(err);
}

static int read_map(struct worker *w, struct wire *in, int table, struct task_map *m, br_error *err)
{
    m->id = wire_get(in);
    uint64_t plugin = wire_get(in);
    const char *task = wire_get_text(in), *phase = wire_get_text(in);
    m->seed = wire_get(in);
    m->table_size = wire_get(in);
    m->rows = wire_get(in);
    m->rows_per_task = wire_get(in);
    m->limits.soft_ns = (int64_t)wire_get(in);
    m->limits.hard_ns = (int64_t)wire_get(in);
    m->isolation = (enum job_isolation)wire_get(in);
    m->function.function = (int (*)(br_task *, const void *, void *))wire_get(in);
    m->function.in_size = wire_get(in);
    m->function.out_size = wire_get(in);
    m->function.first_index = wire_get(in);
    m->call = task_call_function;
    m->row_words = channel_row_words(NULL, m->function.out_size);
    m->plain = m->row_words > 0;
    m->streams = nursery_streams();
    if (m->function.function && !in->bad)
        return map_items(m, table, phase, err);
    if (in->bad || plugin >= w->setup.common.plugins.count || !phase || table < 0)
        return br_error_set(err, BR_ERR_SYSTEM, "a map's definition could not be read");
    struct loaded *l = &w->plugins[plugin];
    const struct plugin_task *entry = plugin_find_task(&l->plugin, task);
    if (!entry)
        return br_error_set(err, BR_ERR_PLUGIN, "plugin `%s` has no task `%s` any more",
                            l->plugin.name, task ? task : "");
    m->call = entry->call;
    m->plugin = &l->plugin;
    m->streams = &l->streams;
    m->mode = &l->mode;
    m->state = l->worker.state;
    m->phase = strdup(phase);
    if (!m->phase)
        return br_error_nomem(err);
    if (signature_parse(entry->signature, &m->signature, err) != 0)
        return -1;
    m->plain = task_is_plain(&m->signature.results);
    m->row_words = channel_row_words(&m->signature.results, 0);
    void *memory = mmap(NULL, m->table_size, PROT_READ, MAP_SHARED, table, 0);
    if (memory == MAP_FAILED)
        return br_error_errno(err, "cannot map a phase's input table");
    m->table_memory = memory;
    return table_open(&m->table, memory, m->table_size, err);
}

static int define_map(struct worker *w, struct wire *in, int table, br_error *err)
{
    struct task_map *m = calloc(1, sizeof *m);
    if (!m)
        return br_error_nomem(err);
    struct task_map **added = NULL;
    if (read_map(w, in, table, m, err) == 0)
        added = array_add(&w->maps, &w->map_count, sizeof(struct task_map *), err);
    if (!added) {
        forget_map(m);
        return -1;
    }
    *added = m;
    return 0;
}

// Receives one message from the coordinator and acts on it. Returns 0; -1 and *err if it cannot; -1
// without *err if the coordinator has ended.
static int take_message(struct worker *w, char *space, br_error *err)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec data = {.iov_base = space, .iov_len = CONTROL_MAX};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(w->control, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return -1;
    int fd = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    struct wire in = {.at = space, .left = (size_t)got};
    int result = 0;
    if (wire_get(&in) == CONTROL_DROP)
        drop_map(w, wire_get(&in));
    else
        result = define_map(w, &in, fd, err);
    fd_close(&fd);
    return result;
}

static struct task_map *inline_map(struct worker *w, const struct channel_claim *claim)
{
    struct task_map *m = &w->inline_map;
    m->id = claim->grant.map;
    m->function = claim->call;
    m->call = task_call_function;
    m->row_words = channel_row_words(NULL, claim->call.out_size);
    m->plain = m->row_words > 0;
    m->streams = nursery_streams();
    m->phase = "";
    m->rows = UINT64_MAX;
    m->rows_per_task = 1;
    m->limits = claim->call.limits;
    return m;
}

static struct task_map *find_map(struct worker *w, const struct channel_claim *claim, br_error *err)
{
    uint64_t id = claim->grant.map;
    char *space = NULL;
    if (claim->items)
        return inline_map(w, claim);
    for (;;) {
        for (size_t i = 0; i < w->map_count; i++)
            if (w->maps[i]->id == id) {
                free(space);
                return w->maps[i];
            }
        if (!space)
            space = malloc(CONTROL_MAX);
        if (!space)
            br_error_nomem(err);
        if (!space || take_message(w, space, err) != 0)
            break;
    }
    free(space);
    return NULL;
}

// ---- Running tasks

static struct record_long measure(struct worker *w, int64_t duration)
{
    struct record_long times = {.duration_ns = duration, .cpu_ns = -1, .cpu = -1};
    if (duration < LONG_NS)
        return times;
    int64_t cpu = clock_process_cpu();
    // A few short tasks may have run since the mark too, but one thread cannot use more CPU time
    // than time has passed.
    times.cpu_ns = cpu - w->cpu_mark;
    if (times.cpu_ns > duration && w->setup.slot.width == 1)
        times.cpu_ns = duration;
    times.cpu = sched_getcpu();
    w->cpu_mark = cpu;
    return times;
}

static void look_at_streams(struct worker *w, const struct record *about, int64_t now)
{
    for (int i = 0; i < 2; i++) {
        off_t at = lseek(i + 1, 0, SEEK_CUR);
        if (at <= w->printed[i])
            continue;
        if ((uint64_t)(at - w->printed[i]) > w->setup.common.output)
            w->over_output = (uint64_t)(at - w->printed[i]);
        struct record r = *about;
        r.kind = RECORD_OUTPUT;
        struct record_output output = {.offset = (uint64_t)w->printed[i],
                                       .length = (uint64_t)(at - w->printed[i]),
                                       .rows = w->unlooked,
                                       .stream = (uint32_t)i + 1};
        channel_publish(&w->channel, &r, &output, sizeof output, NULL, 0, now);
        w->printed[i] = at;
        w->chatty = true;
    }
    w->unlooked = 0;
    w->first_tasks -= w->first_tasks > 0;
    w->looked_ns = now;
    channel_output_seen(&w->channel);
}

static inline bool is_pending(FILE *f)
{
#ifdef __GLIBC__
    if (f->_mode <= 0) // not wide: __fpending does the same, but is a call
        return f->_IO_write_ptr > f->_IO_write_base;
#endif
    return __fpending(f) > 0;
}

static inline bool is_stdio_pending(void)
{
    return is_pending(stdout) || is_pending(stderr);
}

// Returns whether buffers hold output that is not written yet, as far as is known.
static inline bool is_output_pending(const struct worker *w)
{
    return is_stdio_pending() || (w->buffered && streams_pending(w->streams));
}

// Writes such output. Returns whether there was some.
static bool flush_output(struct worker *w)
{
    bool pending = is_stdio_pending() || streams_pending(w->streams);
    if (pending || ferror(stdout) || ferror(stderr)) {
        int number = streams_flush_standard();
        if (w->setup.common.keep_output)
            w->unwritten = number;
    }
    w->buffered = streams_flush(w->streams);
    return pending;
}

// Publishes which output tasks have printed since the last time. Reading a stream's length is a
// system call, too expensive for a task of nanoseconds, so it is read once for many short tasks
// that leave nothing in buffers.
static void note_output(struct worker *w, const struct record *about, int64_t duration, bool last,
                        int64_t now)
{
    bool pending = flush_output(w);
    if (!w->setup.common.keep_output)
        return;
    w->unlooked++;
    if (pending || last || w->chatty || w->first_tasks > 0 || duration >= EXACT_OUTPUT_NS ||
        (w->unlooked >= OUTPUT_EVERY && now - w->looked_ns >= EXACT_OUTPUT_NS))
        look_at_streams(w, about, now);
}

// How the running task has ended.
struct ending {
    enum task_failure failure; // the message is the task's
    const void *row;           // of a success
    size_t size;               // of the row
    bool isolated;
    struct record_end end; // of an isolated task; its duration is set later
};

static void note_over_output(struct worker *w, struct ending *e)
{
    struct task *t = &w->task;
    limit_message(t->message, sizeof t->message, LIMIT_PRINTED, w->over_output,
                  w->setup.common.output);
    if (e->failure == TASK_FINE)
        e->failure = TASK_FAILED;
    e->end.status = OUTCOME_OVER_LIMIT;
    w->over_output = 0;
}

static uint32_t outcome_of(enum task_failure failure)
{
    return failure == TASK_TIMED_OUT    ? OUTCOME_TIMED_OUT
           : failure == TASK_OVER_LIMIT ? OUTCOME_OVER_LIMIT
                                        : OUTCOME_ERROR;
}

static void publish_in_full(struct worker *w, struct record *r, struct ending *e, int64_t duration,
                            int64_t now)
{
    const struct task *t = &w->task;
    if (!e->isolated)
        e->end = (struct record_end){.status = outcome_of(e->failure),
                                     .permanent = e->failure == TASK_FAILED_FOR_GOOD,
                                     .peak_memory = -1};
    if (w->over_output > 0)
        note_over_output(w, e);
    if (e->isolated)
        e->end.times.duration_ns = duration;
    else
        e->end.times = measure(w, duration);
    if (e->failure == TASK_FINE) {
        r->kind = RECORD_LONG_OK;
        channel_publish(&w->channel, r, &e->end.times, sizeof e->end.times, e->row, e->size, now);
        return;
    }
    if (!e->isolated)
        e->end.times.cpu = sched_getcpu();
    r->kind = RECORD_END;
    channel_publish(&w->channel, r, &e->end, sizeof e->end, t->message, strlen(t->message), now);
}

// Publishes the outcome: most tasks in the cheap way, all others in full.
static void publish(struct worker *w, struct record *r, struct ending *e, int64_t now)
{
    const struct task *t = &w->task;
    int64_t duration = now - t->start_ns;
    r->start_ns = t->start_ns;
    r->duration_ns = duration < UINT32_MAX ? (uint32_t)duration : UINT32_MAX;
    if (e->failure != TASK_FINE || e->isolated || w->over_output > 0 || duration >= LONG_NS ||
        e->size > CHANNEL_PAYLOAD_MAX || t->emitted > 0)
        publish_in_full(w, r, e, duration, now);
    else
        channel_publish_ok(&w->channel, r, e->row, e->size, now);
}

// A success of which a part of the output is lost is a failure.
static void note_unwritten(struct worker *w, struct ending *e)
{
    struct task *t = &w->task;
    if (w->unwritten != 0 && e->failure == TASK_FINE) {
        e->failure = TASK_FAILED;
        e->end.status = OUTCOME_ERROR;
        task_note_unwritten(t, w->unwritten);
    }
    w->unwritten = 0;
}

static bool is_isolated(const struct task_map *m, const struct channel_claim *claim)
{
    return m->isolation == ISOLATE_TASK ||
           (m->isolation == ISOLATE_AUTO && claim->grant.attempt > 1);
}

static void run_isolated(struct worker *w, struct ending *e)
{
    struct isolate_end done;
    isolate_run(&w->isolate, &w->task, &done);
    w->task.unusual = w->task.progress_set = true; // the child may have reported progress
    *e = (struct ending){
        .failure = done.failure,
        .row = done.row,
        .size = done.size,
        .isolated = true,
        .end = {.times = {.cpu_ns = done.cpu_ns, .cpu = done.cpu},
                .status = done.died ? OUTCOME_CRASHED : outcome_of(done.failure),
                .permanent = done.failure == TASK_FAILED_FOR_GOOD,
                .peak_memory = done.peak_memory,
                .signal = done.signal,
                .exit_code = done.exit_code,
                .process = done.process},
    };
}

// Ends the processes that the running task has left behind; the time counts as the task's. A task
// of less than EXACT_OUTPUT_NS cannot have started one, or else it is found at most LONG_NS later.
static void clear_up(struct worker *w, int64_t began, int64_t *now)
{
    if (*now - began < EXACT_OUTPUT_NS && *now - w->cleared_ns < LONG_NS)
        return;
    w->cleared_ns = *now;
    if (!stray_processes_may_be(&w->strays))
        return;
    int killed = stray_processes_end(&w->strays);
    *now = stopwatch_now(&w->stopwatch);
    if (killed > 0 && w->setup.common.keep_output)
        dprintf(2, "batchrun: the task has left %d %s behind, now killed\n", killed,
                killed == 1 ? "process" : "processes");
    if (killed < 0)
        w->unfit = "a task has left a process behind that does not end";
}

// Restores the process state; the time does not count as a task's.
static void restore(struct worker *w, int64_t *now)
{
    const char *lost = process_state_restore(&w->process_state);
    if (lost)
        w->unfit = lost;
    else if (w->cpu_most != INT64_MAX && clock_process_cpu() >= w->cpu_most)
        w->unfit = "it has used an eighth of the CPU time that a process may use (ulimit -t)";
    *now = w->restored_ns = stopwatch_now(&w->stopwatch);
}

// Does everything that a task's end needs, whatever the task has done. *now is the time at its end,
// and is set to the time at which the next task starts. Returns false if this worker must not run
// more tasks.
static bool end_task(struct worker *w, struct ending *e, int returned, int64_t *now)
{
    struct task *t = &w->task;
    struct record r = {.grant = (uint32_t)t->claim->sequence, .row = t->row};
    clear_up(w, t->start_ns, now);
    note_output(w, &r, *now - t->start_ns, w->channel.is_last, *now);
    if (!e->isolated)
        e->failure = task_end(t, returned, &e->row, &e->size);
    note_unwritten(w, e);
    publish(w, &r, e, *now);
    if (*now - t->start_ns >= PROCESS_STATE_LONG_NS || *now - w->restored_ns >= PROCESS_STATE_NS)
        restore(w, now);
    return !w->unfit;
}

static bool run_isolated_task(struct worker *w, uint32_t row, int64_t *now)
{
    struct ending e;
    task_begin(&w->task, row, *now);
    run_isolated(w, &e);
    *now = stopwatch_now(&w->stopwatch);
    return end_task(w, &e, 0, now);
}

// Returns until when tasks may end plainly, given that output and processes were checked at `now`:
// for as long as the shortest task takes after which they are checked again. 0 if they are to be
// checked after every task.
static int64_t plain_until(const struct worker *w, int64_t now)
{
    bool each = w->chatty || w->first_tasks > 0 || w->task.map->row_words == 0;
    return each ? 0 : now + EXACT_OUTPUT_NS;
}

// Runs a task in this process; *now and the return value are end_task's. Most tasks take the short
// way: they have succeeded quickly, have printed nothing by stdio, are not the last of their grant,
// and everything that needs a system call was done shortly before.
static inline bool run_task(struct worker *w, uint32_t row, int64_t *now)
{
    struct task *t = &w->task;
    task_begin(t, row, *now);
    int returned = task_call(t);
    float_mode_restore(&w->float_mode);
    *now = stopwatch_now(&w->stopwatch);
    if (*now < w->plain_until && task_ended_plainly(t, returned) && !w->channel.is_last &&
        !is_output_pending(w)) {
        w->unlooked += w->setup.common.keep_output;
        channel_publish_fast(&w->channel, (uint32_t)t->claim->sequence, row, t->start_ns, t->plain,
                             t->map->row_words, *now);
        return true;
    }
    struct ending e = {.isolated = false};
    bool fit = end_task(w, &e, returned, now);
    // Not from *now on, because if system calls are slow, end_task itself takes long. But if it
    // took very long it has waited for room in the ring, which counts as the next task's time: that
    // task is not a short one.
    int64_t looked = stopwatch_now(&w->stopwatch);
    w->plain_until = looked - *now < LONG_NS ? plain_until(w, looked) : 0;
    return fit;
}

// Returns false if this worker must not run more tasks.
static bool run_grant(struct worker *w, const struct channel_claim *claim)
{
    uint32_t row;
    int64_t now = stopwatch_now(&w->stopwatch);
    w->streams = w->task.map->streams;
    bool isolated = is_isolated(w->task.map, claim) && !w->for_one_task, fit = true;
    if (now - w->channel.last_wake_ns >= LONG_NS)
        w->cpu_mark = clock_process_cpu();
    if (claim->queue_low)
        channel_wake_coordinator(&w->channel, now); // the next grant should be sent now
    // Tasks are left here if the end of the last grant was taken back just after at_last was read.
    // Their outcomes are published already, so their output stays in the log unattributed.
    if (w->unlooked > 0) {
        w->printed[0] = stream_end(1);
        w->printed[1] = stream_end(2);
        w->unlooked = 0;
    }
    if (w->setup.common.output != JOB_UNLIMITED || w->for_one_task)
        w->chatty = true; // the limit is per task; no later task publishes what this one prints
    (void)flush_output(w);
    w->plain_until = plain_until(w, now);
    w->ran_here |= !isolated;
    while (fit && channel_next_task(&w->channel, &row)) {
        fit = isolated ? run_isolated_task(w, row, &now) : run_task(w, row, &now);
        if (w->for_one_task)
            break;
    }
    return fit;
}

// Sets the mode of the map's plugin if another plugin's tasks have run before.
static int enter_mode(struct worker *w, const struct task_map *m, br_error *err)
{
    const struct process_mode *mode = m->mode ? m->mode : &w->mode;
    if (w->process_state.mode == mode)
        return 0;
    w->process_state.mode = mode;
    w->float_mode = mode->floats;
    return set_mode(mode, err);
}

// Returns whether this process has, or may have, more threads than this one.
static bool has_threads(void)
{
    struct stat st;
    return stat("/proc/self/task", &st) != 0 || st.st_nlink != 3; // two links, and one a thread
}

// Decides how the tasks of a grant run that are to have a process of their own. A forked child
// would lack the threads of this process, and a task that waits for them, such as for a pool of
// OpenMP, would wait for ever. So beside threads a task runs in this process, if it is the first
// to do so, and the worker is replaced. Returns false if it is to be replaced before that.
static bool prepare_isolation(struct worker *w)
{
    w->for_one_task = has_threads();
    return !w->for_one_task || !w->ran_here;
}

// Returns 0 when the worker is to end; -1 and *err if it cannot continue, and -1 without *err if
// the coordinator is gone.
static int work(struct worker *w, br_error *err)
{
    struct channel_claim claim;
    while (channel_next_grant(&w->channel, &claim)) {
        struct task_map *m = find_map(w, &claim, err);
        if (!m)
            return -1;
        if (w->task.map && w->task.map != m) {
            int64_t now;
            restore(w, &now); // no change survives its map
            w->chatty = false;
        }
        if (w->task.map != m)
            w->first_tasks = w->setup.common.keep_output ? OUTPUT_EVERY : 0;
        if (enter_mode(w, m, err) != 0)
            return -1;
        if (!task_prepare(&w->task, m, &claim, &w->channel))
            return br_error_nomem(err);
        bool may_run = !is_isolated(m, &claim) || prepare_isolation(w);
        if (w->unfit || (may_run && !run_grant(w, &claim)))
            return br_error_set(err, BR_ERR_SYSTEM, "%s", w->unfit);
        if (w->for_one_task) {
            say_used_up(w, "it has threads, so a task with isolation needs a worker of its own");
            return 0;
        }
    }
    return 0;
}

static void finish(struct worker *w)
{
    for (size_t i = w->setup.common.plugins.count; i-- > 0;)
        if (w->plugins[i].plugin.fini) {
            (void)process_mode_set(&w->plugins[i].mode);
            w->plugins[i].plugin.fini(&w->plugins[i].worker.public);
        }
    process_state_finish(&w->process_state);
}

// The worker ends as a program does: exit handlers and destructors run, and open files are flushed.
// In a fork of a program (nursery.h) only those that were added in it.
int worker_main(const int *fds, size_t count)
{
    struct worker *w = &worker;
    br_error err = {0};
    (void)count;
    isolate_init(&w->isolate);
    w->process = getpid();
    bool started = start(w, fds, &err) == 0 && say_ready(w) == 0;
    bool done = started && work(w, &err) == 0;
    w->ends = true;
    if (!done)
        say_unfit(w, &err);
    if (started)
        finish(w);
    exit(done ? 0 : 1);
}
