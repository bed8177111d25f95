// SPDX-License-Identifier: BSD-3-Clause
// How a worker falls asleep and is woken, for spin: wait_for_grant in channel_worker.c and
// wake_if_asleep in channel_coordinator.c, both of framework/exec/channel. The modelled machine
// keeps stores in a buffer before others see them: the coordinator's release store of `granted` may
// become visible late, until its fence. The worker's store of `sleeping` and all changes of `bell`
// are atomic read-modify-writes or sequentially consistent stores, which are visible at once.
//
// Checked: whenever something was granted, the worker gets it, even without the rescan that the
// program has in addition. With -DNO_FENCE the coordinator has no fence, and spin must find the
// worker asleep.

#define GRANTS 3

byte granted;     // as memory has it
byte buffered;    // as the coordinator has stored it
bool sleeping;
byte bell;
bool waits;       // the worker sleeps in the kernel
byte grants;      // that the worker has taken

proctype store_buffer()
{
end_drain:
    do
    :: granted != buffered -> granted = buffered
    od
}

proctype coordinator()
{
    do
    :: buffered < GRANTS ->
        buffered++;
#ifndef NO_FENCE
        granted == buffered; // the fence: the buffer is empty
#endif
        if
        :: sleeping ->
            bell++;
            waits = false // FUTEX_WAKE
        :: else
        fi
    :: else -> break
    od
}

proctype worker()
{
    byte value;

    do
    :: grants == GRANTS -> break
    :: granted > grants -> grants++ // without sleeping
    :: else ->
        sleeping = true;
        do
        :: value = bell;
            if
            :: granted > grants -> break
            :: else
            fi;
            atomic { // FUTEX_WAIT: compares and sleeps in one step
                if
                :: bell == value -> waits = true
                :: else
                fi
            }
            !waits
        od;
        sleeping = false
    od
}

init {
    atomic {
        run store_buffer();
        run coordinator();
        run worker()
    }
}
