// SPDX-License-Identifier: BSD-3-Clause
// Which rows may have compact records.
#include "exec/channel/channel_record.h"

size_t channel_row_words(const struct schema *results, size_t out_size)
{
    if (!results)
        return out_size % 8 == 0 && out_size <= CHANNEL_PAYLOAD_MAX ? out_size / 8 : 0;
    for (size_t i = 0; i < results->count; i++)
        if (results->columns[i].type != BR_I64 && results->columns[i].type != BR_F64)
            return 0;
    return results->count;
}
