// SPDX-License-Identifier: BSD-3-Clause
// How a worker falls asleep and is woken (framework/exec/channel, wait_for_grant of
// channel_worker.c and wake_if_asleep of channel_coordinator.c), for spin, on a machine whose stores lie in a buffer before others see
// them: the coordinator's plain store of `granted` may be seen late, until its fence. The worker's
// store of `sleeping` and all changes of `bell` are atomic read-modify-writes or sequentially
// consistent stores, seen at once.
//
// Checked, without the rescan that the program has besides: whenever something was granted, the
// worker gets it. With -DNO_FENCE the coordinator has no fence, and spin must find the sleeper.

#define GRANTS 3

byte granted;     // as memory has it
byte buffered;    // as the coordinator's store buffer has it
bool sleeping;
byte bell;
bool waits;       // in the kernel
byte got;

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
    :: got == GRANTS -> break
    :: granted > got -> got++ // without sleeping
    :: else ->
        sleeping = true;
        do
        :: value = bell;
            if
            :: granted > got -> break
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
