/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's interrupt line, hvpage.c: the guest hears of all news, although EL2
 * drops an injection that meets the last one still active (I1).  The device
 * raises the line as hvpage_line_raise() does, the guest acknowledges
 * (hvpage_line_acked()), the timer repeats (hvpage_line_timer_fn()).  A stall is
 * an invalid end state: somebody waits for the guest to look, and nobody has
 * anything left to do.
 *
 * Who decides to inject does it after it has let go of the line's lock.
 *
 * Not in here: whether the guest wants an interrupt at first (ring.pml; here it
 * always does), lines that go on and off, injections that are held.
 *
 * Time is only in this: between two injections that are a long back-off apart,
 * the guest takes what is pending and ends what is active.
 *
 * Switches, for run.sh:
 *	NO_I1		hvisor without that error
 *	NO_RETRY	no injection is repeated
 *	NO_NEWS_AT_ACK	what an acknowledgment leaves set is not injected
 *	OLD_BACKOFF	its retries go on where those before it were
 */
#define VRING	1	/* bits of InterruptStatus */
#define CONFIG	2
#define LONG	2	/* injections, and then the back-off is long */
#define LAST	3	/* and then the retries end */

byte isr;		/* InterruptStatus */
byte unseen;		/* news that the guest has not looked at, same bits */

/* EL2 and the guest's interrupt controller. */
bit sgi;		/* pending at the guest's CPU */
mtype = { IDLE, PENDING, ACTIVE };
mtype lr = IDLE;	/* the list register of the device's interrupt */
bit again;		/* NO_I1: it is pending as well as active */

/* struct hvpage_line */
bit lock;
bit outstanding;
bit due;		/* it is not KTIME_MAX */
bit timer;		/* queued */
byte tries;		/* made since back-off was short: stands for backoff */

#define LOCK	atomic { !lock -> lock = 1 }

/* hvpage_line_start_timer() */
inline later()
{
	due = 1;
	timer = 1
}

/* hvpage_line_inject() */
inline inject()
{
	owed = 1;
	outstanding = 1;
#ifndef NO_RETRY
	later();
#endif
	if
	:: tries < LAST -> tries++
	:: else
	fi
}

/*
 * hvpage_line_unlock(), of which the unlocking is part of what precedes:
 * FINISH_REQ sends the guest's CPU an event.
 */
inline send()
{
	if
	:: owed -> atomic { sgi = 1; owed = 0 }
	:: else
	fi
}

inline rest()
{
	outstanding = 0;
	due = 0
}

/*
 * hvpage_line_raise(): patience, or the time after an ACK, is over or is not.
 * hvpage_line_raise_late(): nor is the time that the news can wait.
 */
inline raise(bits)
{
	LOCK;
	atomic {
		if
		:: !isr -> outstanding = 0
		:: else
		fi;
		isr = isr | bits
	};
	atomic {
		tries = 0;
		if
		:: inject()
		:: later()
		fi;
		lock = 0
	};
	send()
}

/* News of one kind, and perhaps somebody who waits for the guest to look. */
proctype device(byte bits)
{
	bit owed;

end:	do
	:: break
	:: unseen = unseen | bits;
	   raise(bits);
	   if
	   :: true
	   :: true -> !(unseen & bits)
	   fi
	od
}

/* hvpage_line_timer_fn(), hvpage_line_due() */
proctype line_timer()
{
	bit owed;

end:	do
	:: atomic {
		timer && (!outstanding || tries < LONG ||
			  (lr == IDLE && !sgi)) -> timer = 0
	   };
	   LOCK;
	   atomic {
		if
		:: !due
		:: due && !isr -> rest()
		:: due && isr ->
			if
			/* hvnet_dev_wants() */
			:: !(isr & CONFIG) && !(unseen & VRING) -> rest()
			:: else ->
				if
				:: outstanding && tries == LAST -> rest()
				:: else -> inject()
				fi
			fi
		fi;
		lock = 0
	   };
	   send()
	od
}

/* EL2 on the guest's CPU: inject_irq(). */
proctype el2_guest()
{
end:	do
	:: atomic {
		sgi ->
		sgi = 0;
		if
		:: lr == IDLE -> lr = PENDING
#ifdef NO_I1
		:: lr == ACTIVE -> again = 1
#endif
		:: else		/* dropped */
		fi
	   }
	od
}

inline eoi()
{
	atomic {
		if
		:: again -> again = 0; lr = PENDING
		:: else -> lr = IDLE
		fi
	}
}

/* hvpage_line_acked() */
inline acked()
{
	LOCK;
	atomic {
		rest();
		if
#ifndef NO_NEWS_AT_ACK
		:: isr ->
			later();
#ifndef OLD_BACKOFF
			tries = 0
#endif
#endif
		:: else
		fi;
		lock = 0
	}
}

/* vm_interrupt() of virtio_mmio: acknowledge, then look; NAPI after the EOI. */
proctype guest()
{
	byte status;

end:	do
	:: atomic { lr == PENDING -> lr = ACTIVE };
	   status = isr;
	   if
	   :: status ->
		isr = isr & ~status;
		acked();
		if
		:: unseen = unseen & ~status; eoi()
		:: eoi(); unseen = unseen & ~status
		fi
	   :: else -> eoi()
	   fi;
	   status = 0
	od
}

init {
	atomic {
		run device(VRING);
		run device(CONFIG);
		run line_timer();
		run el2_guest();
		run guest()
	}
}
