// SPDX-License-Identifier: BSD-3-Clause
// The command `run`: runs a job.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "commands.h"
#include "config.h"
#include "model/units.h"
#include "operands.h"
#include "output.h"
#include "plan.h"
#include "run/accept.h"
#include "run/run.h"
#include "run/stop.h"

struct arguments {
    bool fresh, resume, retry_failed, dry_run, json, quiet;
    char *command, *go_on; // command lines: of this process, and of one that resumes its run
    const char *workers, *directory, *progress, *grace, *journal, *accept, *first;
    struct option_list set, only;
    struct spec_override *overrides;
    size_t override_count;
};

static const struct option options[] = {
    {"fresh", 0, NULL, OPTION_FLAG, offsetof(struct arguments, fresh),
     "set an earlier run aside as NAME.run.1 and start a new one", NULL},
    {"resume", 0, NULL, OPTION_FLAG, offsetof(struct arguments, resume),
     "resume an interrupted run, or start one if there is none", NULL},
    {"retry-failed", 0, NULL, OPTION_FLAG, offsetof(struct arguments, retry_failed),
     "like --resume, and run failed tasks again", NULL},
    {"accept", 0, "plugin,job,inputs", OPTION_TEXT, offsetof(struct arguments, accept),
     "resume even if these have changed", NULL},
    {"only", 0, "PART", OPTION_EACH, offsetof(struct arguments, only),
     "run only PHASE#1, PHASE#1-5 or COLUMN=VALUE, as a try", NULL},
    {"first", 0, "N", OPTION_TEXT, offsetof(struct arguments, first),
     "run only the first N tasks of each phase, as a try", NULL},
    {"dir", 0, "DIR", OPTION_TEXT, offsetof(struct arguments, directory),
     "write NAME.run in DIR (default: beside the job)", "BATCHRUN_DIR"},
    {"workers", 0, "N", OPTION_TEXT, offsetof(struct arguments, workers),
     "number of workers (default: by the job file)", "BATCHRUN_WORKERS"},
    {"set", 0, "KEY=VALUE", OPTION_EACH, offsetof(struct arguments, set),
     "change a key of the job: --set phases.areas.timeout=5s", NULL},
    {"grace", 0, "TIME", OPTION_TEXT, offsetof(struct arguments, grace),
     "time to finish tasks at a stop (default: 10s)", "BATCHRUN_GRACE"},
    {"journal", 0, "group|batch|unsynced|off", OPTION_TEXT, offsetof(struct arguments, journal),
     "how it is synced (default: group, every 100 ms)", "BATCHRUN_JOURNAL"},
    {"dry-run", 'n', NULL, OPTION_FLAG, offsetof(struct arguments, dry_run),
     "show the plan and run nothing", NULL},
    {"progress", 0, "auto|bar|lines|none", OPTION_TEXT, offsetof(struct arguments, progress),
     "default auto: block on a terminal, else lines", "BATCHRUN_PROGRESS"},
    {"quiet", 'q', NULL, OPTION_FLAG, offsetof(struct arguments, quiet),
     "print only errors and failures, and no progress", NULL},
    {"json", 0, NULL, OPTION_FLAG, offsetof(struct arguments, json),
     "print the summary as JSON to standard output", NULL},
};

// Returns the name of what has set an option's value: the option, or its environment variable.
static const char *set_by(const char *value, const char *option, const char *variable)
{
    return value && value == getenv(variable) ? variable : option;
}

// Cuts each "--set a.b=value" at its first "=", and adds --workers as one more override.
static int read_overrides(struct arguments *a, br_error *err)
{
    a->overrides = calloc(a->set.count + 1, sizeof *a->overrides);
    if (!a->overrides)
        return br_error_nomem(err);
    for (size_t i = 0; i < a->set.count; i++) {
        char *text = a->set.items[i];
        char *equals = strchr(text, '=');
        if (!equals)
            return br_error_set(err, BR_ERR_USAGE,
                                "--set %s: the value is missing; write --set %s=VALUE", text, text);
        *equals = '\0';
        a->overrides[a->override_count++] = (struct spec_override){text, equals + 1};
    }
    int64_t count;
    if (a->workers && strcmp(a->workers, "auto") != 0 &&
        (!text_to_i64(a->workers, strlen(a->workers), &count) || count < 1))
        return br_error_set(err, BR_ERR_USAGE, "%s %s: expected a number of workers, or `auto`",
                            set_by(a->workers, "--workers", "BATCHRUN_WORKERS"), a->workers);
    if (a->workers)
        a->overrides[a->override_count++] = (struct spec_override){"workers.count", a->workers};
    return 0;
}

static int read_progress(const struct arguments *a, enum progress_mode *mode, br_error *err)
{
    static const char *const names[] = {"auto", "bar", "lines", "none"};
    const enum progress_mode modes[] = {progress_mode_for(STDERR_FILENO), PROGRESS_BAR,
                                        PROGRESS_LINES, PROGRESS_NONE};
    const char *name = a->quiet ? "none" : a->progress ? a->progress : "auto";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) {
            *mode = modes[i];
            return 0;
        }
    return br_error_set(err, BR_ERR_USAGE, "%s %s: expected auto, bar, lines or none",
                        set_by(name, "--progress", "BATCHRUN_PROGRESS"), name);
}

static int read_grace(const struct arguments *a, int64_t *grace_ns, br_error *err)
{
    const char *text = a->grace ? a->grace : "10s";
    if (units_duration(text, strlen(text), grace_ns) == UNITS_OK)
        return 0;
    char meant[UNITS_MEANT];
    bool guessed = units_duration_meant(text, strlen(text), meant);
    return br_error_set(err, BR_ERR_USAGE, "%s %s: expected a duration, such as %s",
                        set_by(text, "--grace", "BATCHRUN_GRACE"), text, guessed ? meant : "30s");
}

static int read_journal(const struct arguments *a, struct run_options *run, br_error *err)
{
    const char *how = a->journal ? a->journal : "group";
    run->journal = strcmp(how, "off") != 0;
    if (strcmp(how, "group") == 0 || !run->journal)
        run->durability = JOURNAL_GROUP;
    else if (strcmp(how, "batch") == 0)
        run->durability = JOURNAL_BATCH;
    else if (strcmp(how, "unsynced") == 0)
        run->durability = JOURNAL_UNSYNCED;
    else
        return br_error_set(err, BR_ERR_USAGE, "%s %s: expected group, batch, unsynced or off",
                            set_by(how, "--journal", "BATCHRUN_JOURNAL"), how);
    return 0;
}

static int read_accept(const struct arguments *a, struct run_options *run, br_error *err)
{
    if (!a->accept)
        return 0;
    if (!run->resume)
        return br_error_set(
            err, BR_ERR_USAGE,
            "--accept is for a run that is resumed: add --resume or --retry-failed");
    return accept_parse(a->accept, &run->accept, err);
}

static int read_part(const struct arguments *a, struct run_options *run, br_error *err)
{
    int64_t first = 0;
    if (a->first && (!text_to_i64(a->first, strlen(a->first), &first) || first < 1))
        return br_error_set(err, BR_ERR_USAGE, "--first %s: expected a number of tasks, such as 10",
                            a->first);
    run->part =
        (struct selection_options){a->only.items, a->only.count, (uint64_t)first, a->directory};
    if (selection_is_part(&run->part) && run->resume)
        return br_error_set(err, BR_ERR_USAGE,
                            "--%s and --%s contradict each other: a try is a run of its own",
                            a->resume ? "resume" : "retry-failed", a->first ? "first" : "only");
    return 0;
}

static int check_resume(const struct arguments *a, const struct run_options *run, br_error *err)
{
    if (run->resume && a->fresh)
        return br_error_set(err, BR_ERR_USAGE,
                            "--fresh and --%s contradict each other: leave out one",
                            a->resume ? "resume" : "retry-failed");
    if (run->resume && !run->journal)
        return br_error_set(err, BR_ERR_USAGE, "%s off: a run without a journal cannot be resumed",
                            set_by(a->journal, "--journal", "BATCHRUN_JOURNAL"));
    return 0;
}

static bool says_how_to_begin(const char *argument)
{
    static const char *const names[] = {"--fresh", "--resume", "--retry-failed"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(argument, names[i]) == 0)
            return true;
    return false;
}

// Returns the command line of these arguments; with `go_on`, the one that resumes the run that they
// begin. The caller frees it. NULL and *err if memory runs out.
static char *command_line(int argc, char **argv, bool go_on, br_error *err)
{
    struct buffer b = BUFFER_EMPTY;
    buffer_text(&b, go_on ? "batchrun run --resume" : "batchrun run");
    for (int i = 0; i < argc; i++) {
        if (go_on && says_how_to_begin(argv[i]))
            continue;
        buffer_char(&b, ' ');
        text_shell(&b, argv[i]);
    }
    return buffer_take_string(&b, err);
}

static int run_it(const struct arguments *a, const char *path, br_error *err)
{
    struct run_options run = {.directory = a->directory,
                              .fresh = a->fresh,
                              .resume = a->resume || a->retry_failed,
                              .retry_failed = a->retry_failed,
                              .overrides = a->overrides,
                              .override_count = a->override_count,
                              .command = a->command,
                              .go_on = a->go_on,
                              .json = a->json,
                              .quiet = a->quiet,
                              .version = PACKAGE_VERSION};
    struct nursery nursery = NURSERY_NONE;
    struct prepared prepared;
    if (read_progress(a, &run.progress, err) != 0 || read_grace(a, &run.grace_ns, err) != 0 ||
        read_journal(a, &run, err) != 0 || read_accept(a, &run, err) != 0 ||
        read_part(a, &run, err) != 0 || check_resume(a, &run, err) != 0)
        return report_error(err);
    stop_guard_preparation();
    int status =
        run_prepare(path, a->overrides, a->override_count, &nursery, a->dry_run, &prepared);
    if (status == RUN_OK && a->dry_run) {
        plan_print(&prepared);
        prepared_finish(&prepared);
        status = finish_output(RUN_OK);
    } else if (status == RUN_OK)
        status = run_job(&prepared, &nursery, &run);
    nursery_stop(&nursery);
    return status;
}

static int main_run(int argc, char **argv)
{
    struct arguments a = {0};
    int operands;
    bool helped;
    br_error err = {0};
    int status;
    const char *path = NULL;
    // options_parse moves operands within argv, so the command lines are made before.
    a.command = command_line(argc, argv, false, &err);
    a.go_on = a.command ? command_line(argc, argv, true, &err) : NULL;
    if (!a.go_on || options_parse(&command_run, &a, argc, argv, &operands, &helped, &err) != 0)
        status = report_error(&err);
    else if (helped)
        status = finish_output(0);
    else if (!(path = only_operand(&command_run, argv, operands, &err)) ||
             read_overrides(&a, &err) != 0)
        status = report_error(&err);
    else
        status = run_it(&a, path, &err);
    free(a.command);
    free(a.go_on);
    free(a.set.items);
    free(a.only.items);
    free(a.overrides);
    return status;
}

const struct command command_run = {
    .name = "run",
    .operands = "job.yaml",
    .summary = "run a job (`batchrun job.yaml` is the same)",
    .details = "Examples:\n"
               "  batchrun job.yaml\n"
               "  batchrun run --workers 4 --set phases.areas.timeout=5s job.yaml\n"
               "  batchrun run --fresh --dir /tmp job.yaml\n"
               "  batchrun run --resume job.yaml\n"
               "  batchrun run --retry-failed --accept plugin job.yaml\n"
               "  batchrun run --first 10 job.yaml\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = main_run,
};
