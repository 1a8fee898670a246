/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who need not be told and who has to be: suppression in a split virtqueue, as in
 * ring.c.  A producer adds entries and tells the consumer if that wants to be
 * told; a consumer takes all there is, asks to be told, and looks once more.  It
 * is the same both ways:
 *
 *	producer			consumer
 *	the driver, avail->idx		hvnet_ring_notify_on(), _off()
 *	hvnet_ring_publish()		the driver, used->idx
 *
 * Nothing that is told gets lost here: see wake.pml and line.pml.  A stall is an
 * invalid end state: the producer waits for the consumer, which sleeps.
 *
 * Switches, for run.sh:
 *	EVENT_IDX	by event index, else by flags
 *	NO_RECHECK	the consumer does not look once more
 *	NO_BARRIER	it may look before it asks (ring_notify_on())
 *	NO_PUBLISH_BARRIER	the producer may look at what is asked for before
 *			it shows its entries (ring_publish())
 *	EVENT_AT_TAKEN	it asks to be told of the next entry, also when it has seen
 *			that one, and it is not enough (ring_notify_on(), beyond)
 *	NO_FIRST_LOOK	what was there before the start is not looked at
 */
#define SIZE	4
#define MOD	8			/* indices run freely, as modulo 65536 */
#define SUB(a, b)	((a + MOD - b) % MOD)

/* vring_need_event() */
#define NEED_EVENT(event, new, old) \
	(SUB(new, (event + 1)) < SUB(new, old))

byte idx;	/* shown by the producer */
byte taken;	/* by the consumer */
byte need = 1;	/* entries that the consumer's next frame takes */
byte event;	/* where it wants to be told */
bit quiet;	/* it does not, by flag */
bit told;

#define ENOUGH	(SUB(idx, taken) >= need)

proctype producer()
{
	byte old, new, at;
	bit no;

end:	do
	:: break
	/* Somebody waits for the consumer to take what is enough for it. */
	:: true -> !ENOUGH
	:: SUB(idx, taken) < SIZE - 1 ->
	   atomic {
		old = idx;
		if
		:: new = (old + 1) % MOD
		:: new = (old + 2) % MOD
		fi
	   };
#ifdef NO_PUBLISH_BARRIER
	   atomic { at = event; no = quiet };
	   idx = new;
#else
	   idx = new;
	   atomic { at = event; no = quiet };
#endif
	   atomic {
		if
#ifdef EVENT_IDX
		:: NEED_EVENT(at, new, old) -> told = 1
#else
		:: !no -> told = 1
#endif
		:: else
		fi;
		old = 0;
		new = 0;
		at = 0;
		no = 0
	   }
	od
}

/* hvnet_ring_notify_on(); more: there is something beyond already. */
inline ask()
{
#ifdef NO_BARRIER
	more = idx != seen;
#endif
#ifdef EVENT_IDX
#ifdef EVENT_AT_TAKEN
	event = taken;
#else
	event = seen;
#endif
#else
	quiet = 0;
#endif
#ifndef NO_BARRIER
	more = idx != seen;
#endif
#ifdef NO_RECHECK
	more = 0;
#endif
}

proctype consumer()
{
	byte seen;
	bit more;

end:	do
	:: atomic { told -> told = 0 };
	   more = 1;
	   do
	   :: more ->
#ifndef EVENT_IDX
		quiet = 1;
#endif
		seen = idx;
		if
		:: SUB(seen, taken) >= need ->
			atomic {
				taken = (taken + need) % MOD;
				if
				:: need = 1
				:: need = 2
				fi
			}
		:: else -> ask()
		fi
	   :: else -> break
	   od;
	   seen = 0
	od
}

init {
	atomic {
		if
		:: true
		:: idx = 1
		fi;
#ifndef NO_FIRST_LOOK
		told = 1;
#endif
		run producer();
		run consumer()
	}
}
