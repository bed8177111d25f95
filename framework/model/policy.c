// SPDX-License-Identifier: BSD-3-Clause
#include "model/policy.h"

double retry_policy_delay(const struct retry_policy *policy, uint32_t failed)
{
    double delay = (double)policy->delay_ns, max = (double)policy->max_ns;
    for (uint32_t k = 1; k < failed && delay < max; k++)
        delay *= policy->factor;
    return delay < max ? delay : max;
}
