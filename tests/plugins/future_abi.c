// SPDX-License-Identifier: BSD-3-Clause
// A plugin made for a batchrun that does not exist yet.
#include <batchrun/plugin.h>

extern BR_VISIBLE_ const struct br_plugin_ batchrun_plugin;
const struct br_plugin_ batchrun_plugin = {
    .abi = 9999,
    .size = sizeof(struct br_plugin_),
    .name = "future_abi",
    .version = "1.0",
};
