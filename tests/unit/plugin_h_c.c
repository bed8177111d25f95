// SPDX-License-Identifier: BSD-3-Clause
#define batchrun_plugin plugin_in_c
#include "plugin_h_calls.h"
