/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wake protocol of hvpage.c: no request of a guest waits for ever, whatever
 * EL2 loses.  A vCPU queues requests, EL2 wakes root with the losses W1 and W2
 * of Documentation/hvisor-abi.rst, root looks at the ring as hvpage_wake() and
 * hvpage_look() do.  A stall is an invalid end state: a vCPU waits for an answer
 * while nobody has anything left to do.
 *
 * Not in here: what a request means, answers that come later, the page's birth
 * and end, EL2's event queue (E1; but its SGIs merge).  One vCPU is enough: it
 * need not wait for what it has posted, and EL2 has one lock for those who queue.
 *
 * Time is only in this: what is in a CPU's store buffer stays there for less than
 * HVPAGE_LATE_LOOK_NS.
 *
 * Switches, for run.sh:
 *	NO_W1, NO_W2		hvisor without that error
 *	NO_LATE_LOOK		need_wakeup goes from 0 to 1 without a late look
 *	NO_LATE_AGAIN		a late look that came too early is not repeated
 *	CLOCK_AFTER		how early it came is asked after the look
 *	NO_LOOK_AFTER_EOI	need_wakeup is set before the EOI, and that is it
 *	NO_RECHECK		hvpage_arm() does not look again
 *	NO_BARRIER		its second look may precede its store
 *	NO_PAUSE		after a budget nobody goes on
 */
#define ROOM	3	/* in the ring */
#define BUDGET	2	/* HVPAGE_BUDGET; a flood of notifies pauses likewise */

/* The page. */
byte queued;		/* requests between req_front and req_rear */
bit need_wakeup;

/* EL2 and the interrupt controller. */
bit waits;		/* the vCPU, for the answer to its last request */
bit store_buffer;	/* of its CPU: holds a store to req_rear */
bit sgi;		/* pending at root's CPU 0 */
mtype = { IDLE, PENDING, ACTIVE };
mtype lr = IDLE;	/* the list register of the wake interrupt */
bit again;		/* NO_W2: it is pending as well as active */

/* Root. */
bit req_lock;
bit armed;
bit after_eoi;		/* tasklet or irq_work, scheduled */
bit late_look;		/* the timer, queued */

/* The store in the buffer is older than the last 0 -> 1 of need_wakeup. */
bit older;
bit ripe;		/* HVPAGE_LATE_LOOK_NS have passed since then */

/* A guest touches a register, or kicks: EL2 queues a request. */
proctype vcpu()
{
	bit wake;

end:	do
	:: break
	:: atomic {
		!store_buffer && queued < ROOM ->
		if
		:: true		/* posted */
		:: waits = 1
		fi;
		store_buffer = 1
	   }
#ifdef NO_W1
	   !store_buffer;
#endif
	   wake = need_wakeup;
	   /*
	    * The event goes through a queue with a lock: whoever takes the SGI
	    * sees what was stored before.
	    */
	   if
	   :: wake -> atomic { !store_buffer -> wake = 0; sgi = 1 }
	   :: else
	   fi;
	   !waits
	od
}

proctype drain_store()
{
end:	do
	:: atomic {
		store_buffer ->
		store_buffer = 0;
		older = 0;
		queued++
	   }
	od
}

/* EL2 on root's CPU 0: inject_irq(). */
proctype el2_root()
{
end:	do
	:: atomic {
		sgi ->
		sgi = 0;
		if
		:: lr == IDLE -> lr = PENDING
#ifdef NO_W2
		:: lr == ACTIVE -> again = 1
#endif
		:: else		/* dropped */
		fi
	   }
	od
}

#define LOCK	atomic { !req_lock -> req_lock = 1 }
#define UNLOCK	req_lock = 0

/* hvpage_drain(): each step is hvpage_next() and, if it found one, the rest. */
inline drain()
{
	do
	:: atomic {
		n < BUDGET && queued ->
		queued--;
		n++;
		if
		:: !queued && !store_buffer -> waits = 0
		:: else
		fi
	   }
	:: atomic { n >= BUDGET || !queued -> break }
	od
}

/* need_wakeup becomes visible as 1, and armed_at is now. */
inline set_armed()
{
	atomic {
		need_wakeup = 1;
		older = store_buffer;
		ripe = 0
	}
}

/* hvpage_arm(); more: a request slipped in before. */
inline arm()
{
	if
	:: armed
	:: else ->
#ifdef NO_BARRIER
		more = queued != 0;
		set_armed();
#else
		set_armed();
		more = queued != 0;
#endif
#ifdef NO_RECHECK
		more = 0;
#endif
		if
		:: more -> need_wakeup = 0
		:: else ->
			atomic {
				armed = 1;
#ifndef NO_LATE_LOOK
				late_look = 1
#endif
			}
		fi
	fi
}

inline disarm()
{
	atomic { armed = 0; need_wakeup = 0 }
}

/* hvpage_look() */
inline look()
{
	LOCK;
	do
	:: drain();
	   if
	   :: n >= BUDGET ->
		disarm();
#ifndef NO_PAUSE
		late_look = 1;
#endif
		break
	   :: else
	   fi;
	   arm();
	   if
	   :: more -> more = 0
	   :: else -> break
	   fi
	od;
	atomic { n = 0; UNLOCK }
}

/* The wake interrupt: hvpage_wake(). */
proctype root_irq()
{
	bit more;
	byte n;

end:	do
	:: atomic { lr == PENDING -> lr = ACTIVE };
#ifdef NO_LOOK_AFTER_EOI
	   LOCK;
	   disarm();
	   UNLOCK;
	   look();
#else
	   LOCK;
	   disarm();
	   drain();
	   atomic { n = 0; UNLOCK };
	   after_eoi = 1;
#endif
	   atomic {
		if
		:: again -> again = 0; lr = PENDING
		:: else -> lr = IDLE
		fi
	   }
	od
}

/* hvpage_look_after_eoi(): on the CPU of the interrupt, so never before its EOI. */
proctype root_after_eoi()
{
	bit more;
	byte n;

end:	do
	:: atomic { after_eoi && lr != ACTIVE -> after_eoi = 0 };
	   look()
	od
}

/* It may have been started for an earlier 0 -> 1 than the last. */
inline read_clock()
{
	if
	:: true		/* too early */
	:: !older -> ripe = 1
	fi
}

/* hvpage_late_look_fn(): on any CPU, for that is where the page was attached. */
proctype root_late_look()
{
	bit more;
	byte n;

end:	do
	:: atomic {
		late_look -> late_look = 0;
#ifndef CLOCK_AFTER
		read_clock()
#endif
	   };
	   look();
	   LOCK;
#ifdef CLOCK_AFTER
	   atomic { read_clock() };
#endif
	   atomic {
#ifndef NO_LATE_AGAIN
		if
		:: armed && !ripe -> late_look = 1
		:: else
		fi;
#endif
		ripe = 0;
		UNLOCK
	   }
	od
}

init {
	atomic {
		/* hvpage_give() has a look scheduled. */
		after_eoi = 1;
		run vcpu();
		run drain_store();
		run el2_root();
		run root_irq();
		run root_after_eoi();
		run root_late_look()
	}
}
