// SPDX-License-Identifier: BSD-3-Clause
// The claim and take-back protocol of framework/exec/channel.h, for spin: one coordinator, one
// worker that may be killed between any two of its steps, QUEUE places, generations of GENERATIONS
// values (2^22 in the program; small here, so that they come round).
//
// Checked: no row is lost, none is counted twice, none runs twice unless the worker died in it, an
// honest worker never breaks the rules that channel_read keeps, and nobody waits for ever.
//
// Steps are single loads, stores and compare-and-swaps, sequentially consistent: that the memory
// orders of the C code give as much is argued beside them.
//
// With -DNO_GENERATION the claim words bear none, and spin must find the error.

#ifndef ROWS
#define ROWS 4
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef TAKES
#define TAKES 2 // how often rows are taken back
#endif
#define QUEUE 2
#define GRANT 2 // rows a grant at most
#define GENERATIONS 5

typedef word_t { byte next; byte end; byte generation }
typedef grant_t { byte first; byte count }
typedef account_t { byte first; byte end; byte done }

// Shared memory, made anew for each worker.
word_t claims[QUEUE];
grant_t grants[QUEUE];
byte granted;
bool dead;

// The ring: a record is the row as the worker knows it: place in its grant, and the grant.
chan ring = [4] of { byte, byte }; // grant's sequence, row within the grant

// The coordinator's own account.
account_t account[QUEUE];
byte retired;
bool spare[ROWS];  // rows to be given
byte counted[ROWS]; // final outcomes
byte over;          // rows that have one
byte deaths;

// What happens, seen from outside.
byte begun[ROWS];
byte allowed[ROWS]; // runs: 1, and one more for each death in it

#ifdef NO_GENERATION
#define generation(sequence) 0
#else
#define generation(sequence) ((sequence) % GENERATIONS)
#endif

inline retire_done()
{
    do
    :: retired < granted && account[retired % QUEUE].done == account[retired % QUEUE].end ->
        retired++
    :: else -> break
    od
}

inline count_row(row)
{
    counted[row]++;
    assert(counted[row] == 1);
    over++
}

// channel_read: the record must be the next row of the oldest grant not accounted for.
inline read_record()
{
    d_step {
        ring ? sequence, i;
        assert(sequence == retired % 256 && retired < granted);
        assert(i == account[retired % QUEUE].done);
        account[retired % QUEUE].done++;
        count_row(account[retired % QUEUE].first + i);
        retire_done();
        sequence = 0;
        i = 0
    }
}

inline give()
{
    // The first spare row, and the one behind it when it is spare too.
    d_step {
        i = 0;
        do
        :: !spare[i] -> i++
        :: else -> break
        od;
        n = 1;
        spare[i] = false;
        if
        :: i + 1 < ROWS && spare[i + 1] ->
            spare[i + 1] = false;
            n = 2
        :: else
        fi;
        account[granted % QUEUE].first = i;
        account[granted % QUEUE].end = n;
        account[granted % QUEUE].done = 0
    }
    grants[granted % QUEUE].first = i;
    grants[granted % QUEUE].count = n;
    d_step {
        claims[granted % QUEUE].next = 0;
        claims[granted % QUEUE].end = n;
        claims[granted % QUEUE].generation = generation(granted)
    }
    d_step {
        granted++;
        i = 0;
        n = 0
    }
}

// Tries every grant from the newest, and takes from the first that has something: all, or one row.
inline take_back()
{
    sequence = granted;
    do
    :: sequence == retired -> break
    :: else ->
        sequence--;
        d_step { // the load
            seen.next = claims[sequence % QUEUE].next;
            seen.end = claims[sequence % QUEUE].end;
            seen.generation = claims[sequence % QUEUE].generation;
            assert(seen.generation == generation(sequence));
            assert(seen.end == account[sequence % QUEUE].end);
            n = seen.next
        }
        if
        :: seen.end > seen.next + 1 -> n = seen.end - 1
        :: true
        fi;
        atomic { // the compare-and-swap; when it fails the next round tries again
            if
            :: claims[sequence % QUEUE].next == seen.next && seen.next < seen.end ->
                claims[sequence % QUEUE].end = n;
                account[sequence % QUEUE].end = n;
                i = n;
                do
                :: i < seen.end ->
                    spare[account[sequence % QUEUE].first + i] = true;
                    i++
                :: else -> break
                od;
                retire_done();
                break
            :: else
            fi
        }
    od;
    skip;
    d_step { sequence = 0; i = 0; n = 0; seen.next = 0; seen.end = 0; seen.generation = 0 }
}

// After the worker's end and the last record: who is blamed, what comes back.
inline bury()
{
    d_step {
        if
        :: retired < granted &&
           claims[retired % QUEUE].next > account[retired % QUEUE].done ->
            assert(claims[retired % QUEUE].next == account[retired % QUEUE].done + 1);
            i = account[retired % QUEUE].first + account[retired % QUEUE].done;
            account[retired % QUEUE].done++;
            spare[i] = true; // another attempt
            allowed[i]++;
            retire_done()
        :: else
        fi;
        do
        :: retired < granted ->
            i = account[retired % QUEUE].done;
            do
            :: i < account[retired % QUEUE].end ->
                spare[account[retired % QUEUE].first + i] = true;
                i++
            :: else -> break
            od;
            account[retired % QUEUE].done = account[retired % QUEUE].end;
            retired++
        :: else -> break
        od;
        // A new channel.
        granted = 0;
        retired = 0;
        i = 0;
        do
        :: i < QUEUE ->
            claims[i].next = 0; claims[i].end = 0; claims[i].generation = 0;
            grants[i].first = 0; grants[i].count = 0;
            account[i].first = 0; account[i].end = 0; account[i].done = 0;
            i++
        :: else -> break
        od;
        i = 0;
        dead = false
    }
}

inline any_spare(answer)
{
    d_step {
        do
        :: i < ROWS -> answer = answer || spare[i]; i++
        :: else -> break
        od;
        i = 0
    }
}

active proctype coordinator()
{
    byte i, n, sequence;
    byte taken;
    bool have;
    word_t seen;

    d_step {
        do
        :: i < ROWS -> spare[i] = true; allowed[i] = 1; i++
        :: else -> break
        od;
        i = 0
    }
    run worker();
    do
    :: over == ROWS -> break
    :: nempty(ring) -> read_record()
    :: dead && empty(ring) ->
        bury();
        run worker()
    :: over < ROWS && !dead && granted - retired < QUEUE ->
        any_spare(have);
        if
        :: have -> have = false; give()
        :: else
        fi
    :: !dead && granted > retired && taken < TAKES ->
        taken++;
        take_back()
    od;
    // Every row has exactly one outcome.
    i = 0;
    do
    :: i < ROWS -> assert(counted[i] == 1 && begun[i] <= allowed[i] && !spare[i]); i++
    :: else -> break
    od
}

#define claimable(w) (w.generation == generation(mine) && w.next < w.end)

#define MAY_DIE if :: deaths < DEATHS -> deaths++; goto killed :: true fi

proctype worker()
{
    byte mine, known, first, row;
    word_t w;

next_grant:
    MAY_DIE;
    // Nothing is granted any more: the run is over, or it waits; both are good ends.
end_idle:
    granted > mine;
    known = granted;
    if
    :: known - mine > QUEUE -> mine = known - QUEUE
    :: else
    fi;
    first = grants[mine % QUEUE].first;
    d_step {
        w.next = claims[mine % QUEUE].next;
        w.end = claims[mine % QUEUE].end;
        w.generation = claims[mine % QUEUE].generation
    }
    if
    :: claimable(w) -> skip
    :: else -> mine++; goto next_grant
    fi;

next_task:
    MAY_DIE;
    d_step {
        w.next = claims[mine % QUEUE].next;
        w.end = claims[mine % QUEUE].end;
        w.generation = claims[mine % QUEUE].generation
    }
    if
    :: claimable(w) -> skip
    :: else -> mine++; goto next_grant
    fi;
    atomic { // the compare-and-swap
        if
        :: claims[mine % QUEUE].next == w.next && claims[mine % QUEUE].end == w.end &&
           claims[mine % QUEUE].generation == w.generation ->
            claims[mine % QUEUE].next = w.next + 1;
            row = first + w.next
        :: else -> goto next_task
        fi
    }
    MAY_DIE;
    d_step {
        begun[row]++;
        assert(begun[row] <= allowed[row] + deaths);
        assert(counted[row] == 0)
    }
    MAY_DIE;
    ring ! mine, w.next;
    goto next_task;

killed:
    dead = true
}
