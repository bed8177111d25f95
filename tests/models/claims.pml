// SPDX-License-Identifier: BSD-3-Clause
// How tasks (here: rows) are claimed and taken back, for spin: the protocol of channel_memory.h in
// framework/exec/channel. There are one coordinator, one worker that may be killed between any two
// of its steps, and a queue of QUEUE grants. The sequence numbers in the words start again from 0
// after SEQUENCES, and the first is near the top; the program has 2^42 of them, more than a worker
// uses in its life.
//
// The worker's stores, of its cursor and of outcomes, stay in a buffer before others see them, and
// become visible in their order. Its loads do not wait for them, and it has no fence. The
// coordinator's membarrier(2) waits until the buffer is empty. When the coordinator sees that the
// worker is dead, it sees all that the worker has stored. Everything else is single loads and
// stores, sequentially consistent; the comments of the C code explain why its memory orders
// suffice. Falling asleep is in wakeup.pml. The ring is never full.
//
// Checked: no row is lost, none is counted twice, none runs twice unless the worker died in it,
// none is taken back after it has started; what the worker copied of a grant belongs to that grant;
// an honest worker never breaks the rules that channel_read enforces; and nobody waits forever.
//
// -DFENCE: the worker has a fence, and the coordinator has no membarrier(2).
//
// Spin must find the error in each of these:
//   -DNO_BARRIER    there is neither a fence nor membarrier(2)
//   -DNO_UNDECIDED  a worker that claims takes an undecided end for the decided one
//   -DNO_PATIENCE   a worker that searches for a grant skips one whose undecided end is 0
//   -DNO_SEQUENCE   the worker does not check to which grant an end belongs

#ifndef ROWS
#define ROWS 4
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef TAKES
#define TAKES 2 // number of times that rows are taken back
#endif
#define QUEUE 2
#define SEQUENCES 8
#define FIRST 6    // sequence number of the first grant
#define STORES 3   // most stores that the buffer holds

mtype = { CURSOR, RECORD };

typedef cursor_t { byte sequence; byte next }
typedef end_t { byte sequence; bool undecided; byte end }
typedef account_t { byte first; byte end; byte done }

// The shared memory, new for each worker. The worker writes the cursor and the ring, the
// coordinator everything else.
cursor_t cursor;
end_t ends[QUEUE];
byte firsts[QUEUE]; // the first row of each grant
byte granted = FIRST;
bool dead;

// A record is the sequence number of the grant and the row within the grant.
chan ring = [ROWS] of { byte, byte };

// Stores of the worker that others do not see yet.
chan stores = [STORES] of { mtype, byte, byte };

// The coordinator's own account.
account_t account[QUEUE];
byte retired = FIRST;
bool spare[ROWS];   // rows that can be granted
byte counted[ROWS]; // number of final outcomes of each row
byte ended;         // number of rows that have one
byte deaths;

// The history, for the checks.
byte started[ROWS];
byte allowed[ROWS]; // most runs: 1, and one more for each death in it

#define held(sequence) account[(sequence) % QUEUE]

// The number of grants by which the cursor is later; more than QUEUE means that it is earlier.
#define later(than) ((cursor.sequence + SEQUENCES - (than) % SEQUENCES) % SEQUENCES)
#define is_at(sequence) (later(sequence) == 0)
#define is_before(sequence) (later(sequence) > QUEUE)

// Makes the worker's stores visible.
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

// The other rule of channel_read, which always holds: when everything is read, the worker's cursor
// is at the last outcome or one row further, in the oldest grant that is not accounted for.
#define where_it_may_be (is_before(retired) || is_at(retired) && \
                       (retired == granted -> cursor.next == 0 : \
                           cursor.next == held(retired).done || \
                           cursor.next == held(retired).done + 1))

proctype rule()
{
end_kept:
    len(ring) == 0 && !where_it_may_be;
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
    ended++
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

inline grant()
{
    // The first spare row, and the next one if it is spare too.
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

// Makes the rows of the grant from `from` on spare again.
inline give_back(sequence, from)
{
    i = from;
    do
    :: i < held(sequence).end ->
        assert(started[held(sequence).first + i] < allowed[held(sequence).first + i]);
        spare[held(sequence).first + i] = true;
        i++
    :: else -> break
    od;
    held(sequence).end = from
}

// Sets `rows` to the number of claimed rows of the grant, as claimed() of the program returns it,
// by one load of the cursor. An honest worker's cursor is within what is asserted; if it is not,
// the program takes nothing back from this grant.
inline claimed(rows)
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
        :: rows > held(sequence).end -> rows = held(sequence).end // one too many
        :: else
        fi
    }
}

// Takes back the rows of the grant from n on, or from where the worker has claimed by now.
inline lower_end()
{
    d_step {
        ends[sequence % QUEUE].undecided = true;
        ends[sequence % QUEUE].end = n
    }
#if !defined(NO_BARRIER) && !defined(FENCE)
    empty(stores); // membarrier(2)
#endif
    claimed(i);
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

// Tries every grant from the newest on, without those of other maps. Takes back from the first that
// has something: all of it or one row.
inline take_back()
{
    sequence = granted;
    do
    :: sequence == retired -> break
    :: sequence > retired -> sequence-- // another map's
    :: sequence > retired ->
        sequence--;
        claimed(n);
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

// After the worker's death and the last record: blames the running row and takes back the others,
// as channel_blamed and channel_unreported do.
inline bury()
{
    d_step {
        if
        :: retired < granted && is_at(retired) && cursor.next > held(retired).done ->
            assert(held(retired).done < held(retired).end);
            i = held(retired).first + held(retired).done;
            held(retired).done++;
            allowed[i] = started[i] + 1; // another attempt
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
    :: ended == ROWS -> break
    :: nempty(ring) -> read_record()
    :: dead && empty(ring) ->
        bury();
        run worker()
    :: ended < ROWS && !dead && granted - retired < QUEUE ->
        any_spare(have);
        if
        :: have -> have = false; grant()
        :: else
        fi
    :: !dead && granted > retired && taken < TAKES ->
        taken++;
        take_back()
    od;
    // Every row has exactly one outcome.
    i = 0;
    do
    :: i < ROWS -> assert(counted[i] == 1 && started[i] <= allowed[i] && !spare[i]); i++
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
    // A worker that waits for a grant is a valid end.
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
    if // one load, repeated while neither is true
    :: is_mine && row < theirs.end
    :: !is_mine || row >= theirs.end && !may_grow ->
        d_step { mine++; first = 0; row = 0 }
        goto next_grant
    fi;
    d_step {
        started[first + row]++;
        assert(started[first + row] <= allowed[first + row]);
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
