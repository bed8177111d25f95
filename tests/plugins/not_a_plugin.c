// SPDX-License-Identifier: BSD-3-Clause
// A shared object that loads and is not a plugin.
int not_a_plugin(void);

__attribute__((visibility("default"))) int not_a_plugin(void)
{
    return 0;
}
