// SPDX-License-Identifier: BSD-3-Clause
// The outcomes of a call's items, and the end of its result. All functions are called with the
// lock.
#ifndef BR_LIBRARY_LIBRARY_RESULT_H
#define BR_LIBRARY_LIBRARY_RESULT_H

#include "library/library_state.h"

// A pool_map_observer: keeps the outcomes of a call's items. `user` is its br_result. Returns 0: an
// outcome that cannot be kept is an error of its result, not of the pool.
int library_on_item(void *user, const struct exec_report *report, bool final, br_error *err);

// Puts a call that has not ended into the pool's `stopping`, because its last items may end without
// a report.
void library_await_end(br_result *r);

// Returns whether an item did not succeed.
bool library_has_failed(const br_result *r);

// Fills *out with the outcome of item i. Its message belongs to the result or is static.
void library_outcome(br_result *r, size_t i, br_outcome *out);

// Returns which part of the call is done, 0 to 1.
double library_progress(const br_result *r);

// Puts a result whose callback has returned into the pool's `done`, if br_pool_next_done must
// return it.
void library_put_done(br_result *r);
// Takes a result out of the pool's `done`, so that br_pool_next_done does not return it.
void library_forget_done(br_result *r);

// Returns the bytes that item i emitted; NULL if there are none. They belong to the result.
struct item_bytes *library_emitted(br_result *r, size_t i);

// Ends a result whose items have all ended: items that never started become cancelled, its map is
// released, and it goes to the pool's `callbacks`.
void library_settle(br_result *r);

// Frees the caller's handle, and the result unless it is still needed.
void library_release(br_result *r);

// Frees a result that nobody looks at any more. Counts it in the statistics if it has a failure
// that was never looked at.
void library_drop(br_result *r);

// Frees a result in any state.
void library_free_result(br_result *r);

#endif
