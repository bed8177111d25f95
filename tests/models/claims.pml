// SPDX-License-Identifier: BSD-3-Clause
// The protocol of framework/exec/channel/channel_memory.h by which tasks are claimed and taken back,
// for spin: one coordinator, one worker that may be killed between any two of its steps, QUEUE places.
// The sequence numbers in the words start again from 0 after SEQUENCES, and the first is near the
// top; the program has 2^42 of them, more than a worker sees in its life.
//
// The worker's stores, of its cursor and of outcomes, lie in a buffer before others see them, in
// their order; its loads do not wait for them, and it has no fence. The coordinator's membarrier(2)
// waits until the buffer is empty, and whoever sees the worker dead sees all that it stored. The
// rest is single loads and stores, sequentially consistent: that the memory orders of the C code
// give as much is argued beside them. Falling asleep is in wakeup.pml, and the ring never full.
//
// Checked: no row is lost, none is counted twice, none runs twice unless the worker died in it,
// none goes back that was begun, what the worker copied of a grant is that grant's, an honest
// worker never breaks the rules that channel_read keeps, and nobody waits for ever.
//
// -DFENCE: the worker has a fence, and the coordinator no membarrier(2).
//
// Spin must find the error in each of these:
//   -DNO_BARRIER    neither is there
//   -DNO_UNDECIDED  a worker that claims takes a proposed end for the decided one
//   -DNO_PATIENCE   a worker that looks for a grant passes one over that a proposal would empty
//   -DNO_SEQUENCE   the worker does not look whose an end is

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
#define SEQUENCES 8
#define FIRST 6    // sequence number of the first grant
#define STORES 3   // that the buffer holds

mtype = { CURSOR, RECORD };

typedef cursor_t { byte sequence; byte next }
typedef end_t { byte sequence; bool undecided; byte end }
typedef account_t { byte first; byte end; byte done }

// Shared memory, made anew for each worker: the worker writes the cursor and the ring, the
// coordinator all else.
cursor_t cursor;
end_t ends[QUEUE];
byte firsts[QUEUE]; // the rest of a grant
byte granted = FIRST;
bool dead;

// A record is the row as the worker knows it: grant's sequence, row within the grant.
chan ring = [ROWS] of { byte, byte };

// What the worker has stored and nobody else sees yet.
chan stores = [STORES] of { mtype, byte, byte };

// The coordinator's own account.
account_t account[QUEUE];
byte retired = FIRST;
bool spare[ROWS];   // rows to be given
byte counted[ROWS]; // final outcomes
byte over;          // rows that have one
byte deaths;

// What happens, seen from outside.
byte begun[ROWS];
byte allowed[ROWS]; // runs: 1, and one more for each death in it

#define held(sequence) account[(sequence) % QUEUE]

// By how much the cursor's grant is later; what is more than QUEUE later is earlier.
#define later(than) ((cursor.sequence + SEQUENCES - (than) % SEQUENCES) % SEQUENCES)
#define is_at(sequence) (later(sequence) == 0)
#define is_before(sequence) (later(sequence) > QUEUE)

// A store of the worker's is seen.
proctype store_buffer()
{
    byte i, n;

end_drain:
    do
    :: d_step {
            stores ? CURSOR, i, n ->
            cursor.sequence = i;
            cursor.next = n;
            i = 0;
            n = 0
        }
    :: d_step {
            stores ? RECORD, i, n ->
            assert(nfull(ring));
            ring ! i, n;
            i = 0;
            n = 0
        }
    od
}

// The other rule of channel_read, kept at any time: when everything is read the worker is where it
// told of, or claims one row more, of the oldest grant not accounted for.
#define where_it_told (is_before(retired) || is_at(retired) && \
                       (retired == granted -> cursor.next == 0 : \
                           cursor.next == held(retired).done || \
                           cursor.next == held(retired).done + 1))

proctype rule()
{
end_kept:
    len(ring) == 0 && !where_it_told;
    assert(false)
}

inline retire_done()
{
    do
    :: retired < granted && held(retired).done == held(retired).end -> retired++
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
        assert(sequence == retired && retired < granted && i == held(retired).done);
        held(retired).done++;
        count_row(held(retired).first + i);
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
        fi
    }
    firsts[granted % QUEUE] = i;
    d_step {
        held(granted).first = i;
        held(granted).end = n;
        held(granted).done = 0;
        ends[granted % QUEUE].sequence = granted % SEQUENCES;
        ends[granted % QUEUE].end = n
    }
    d_step {
        granted++;
        i = 0;
        n = 0
    }
}

// The rows of the grant from `from` on may be given again.
inline give_back(sequence, from)
{
    i = from;
    do
    :: i < held(sequence).end ->
        assert(begun[held(sequence).first + i] < allowed[held(sequence).first + i]);
        spare[held(sequence).first + i] = true;
        i++
    :: else -> break
    od;
    held(sequence).end = from
}

// How many rows of the grant are claimed, by one look at the cursor. An honest worker's is within
// what is asserted; the program takes nothing from a grant of which it is not.
inline look(rows)
{
    d_step {
        if
        :: is_at(sequence) ->
            assert(cursor.next >= held(sequence).done && cursor.next <= held(sequence).end + 1);
            rows = cursor.next
        :: is_before(sequence) ->
            assert(held(sequence).done == 0);
            rows = 0
        :: else -> rows = held(sequence).end
        fi;
        if
        :: rows > held(sequence).end -> rows = held(sequence).end // found out in vain
        :: else
        fi
    }
}

// From row n of the grant on, or from where the worker has claimed by now.
inline lower_end()
{
    d_step {
        ends[sequence % QUEUE].undecided = true;
        ends[sequence % QUEUE].end = n
    }
#if !defined(NO_BARRIER) && !defined(FENCE)
    empty(stores); // membarrier(2)
#endif
    look(i);
    d_step {
        if
        :: i > n -> n = i
        :: else
        fi;
        ends[sequence % QUEUE].undecided = false;
        ends[sequence % QUEUE].end = n;
        give_back(sequence, n);
        retire_done();
        i = 0
    }
}

// Tries every grant from the newest but those of other maps, and takes from the first that has
// something: all, or one row.
inline take_back()
{
    sequence = granted;
    do
    :: sequence == retired -> break
    :: sequence > retired -> sequence-- // another map's
    :: sequence > retired ->
        sequence--;
        look(n);
        if
        :: held(sequence).end > n + 1 -> n = held(sequence).end - 1
        :: true
        fi;
        if
        :: n < held(sequence).end -> lower_end(); break
        :: else
        fi
    od;
    skip;
    d_step { sequence = 0; i = 0; n = 0 }
}

// After the worker's end and the last record: who is blamed, what comes back.
inline bury()
{
    d_step {
        if
        :: retired < granted && is_at(retired) && cursor.next > held(retired).done ->
            assert(held(retired).done < held(retired).end);
            i = held(retired).first + held(retired).done;
            held(retired).done++;
            allowed[i] = begun[i] + 1; // another attempt
            spare[i] = true;
            retire_done()
        :: else
        fi;
        do
        :: retired < granted ->
            give_back(retired, held(retired).done);
            retired++
        :: else -> break
        od;
        // A new channel.
        granted = FIRST;
        retired = FIRST;
        cursor.sequence = FIRST;
        cursor.next = 0;
        i = 0;
        do
        :: i < QUEUE ->
            assert(!ends[i].undecided);
            ends[i].sequence = 0; ends[i].end = 0;
            firsts[i] = 0;
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

    d_step {
        do
        :: i < ROWS -> spare[i] = true; allowed[i] = 1; i++
        :: else -> break
        od;
        i = 0;
        cursor.sequence = FIRST
    }
    run store_buffer();
    run rule();
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

#define theirs ends[mine % QUEUE]

#ifdef NO_SEQUENCE
#define is_mine true
#else
#define is_mine (theirs.sequence == mine % SEQUENCES)
#endif
#ifdef NO_UNDECIDED
#define may_grow false
#else
#define may_grow theirs.undecided
#endif
#ifdef NO_PATIENCE
#define is_there (is_mine && theirs.end > 0)
#else
#define is_there (is_mine && (theirs.end > 0 || theirs.undecided))
#endif

#define MAY_DIE if :: deaths < DEATHS -> deaths++; goto killed :: true fi

proctype worker()
{
    byte mine = FIRST, first, row;

next_grant:
    MAY_DIE;
    // Nothing is granted any more: the run is over, or it waits; both are good ends.
end_idle:
    granted > mine;
    d_step {
        if
        :: granted - mine > QUEUE -> mine = granted - QUEUE
        :: else
        fi
    }
    first = firsts[mine % QUEUE];
    atomic {
        if
        :: is_there -> assert(mine >= retired && first == held(mine).first)
        :: else -> mine++; first = 0; goto next_grant
        fi
    }

next_task:
    MAY_DIE;
    stores ! CURSOR, mine % SEQUENCES, row + 1;
    MAY_DIE;
#ifdef FENCE
    empty(stores);
#endif
    if // one load, again and again while neither is so
    :: is_mine && row < theirs.end
    :: !is_mine || row >= theirs.end && !may_grow ->
        d_step { mine++; first = 0; row = 0 }
        goto next_grant
    fi;
    d_step {
        begun[first + row]++;
        assert(begun[first + row] <= allowed[first + row]);
        assert(counted[first + row] == 0)
    }
    MAY_DIE;
    stores ! RECORD, mine, row;
    row++;
    goto next_task;

killed:
    empty(stores);
    dead = true
}
