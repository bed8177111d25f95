// SPDX-License-Identifier: BSD-3-Clause
// A plugin built with the header of an older batchrun.
#include <batchrun/plugin.h>

extern BR_VISIBLE_ const struct br_plugin_ batchrun_plugin;
const struct br_plugin_ batchrun_plugin = {
    .abi = 1,
    .size = sizeof(struct br_plugin_),
    .name = "older_abi",
    .version = "1.0",
};
