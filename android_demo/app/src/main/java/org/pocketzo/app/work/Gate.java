package org.pocketzo.app.work;

import android.content.Context;
import android.os.PowerManager;
import android.os.SystemClock;
import java.util.function.Supplier;
import org.pocketzo.app.tuning.RunState;
import org.pocketzo.app.tuning.Tuning;
import org.pocketzo.runtime.errors.Interrupted;
import org.pocketzo.runtime.system.Request;

/**
 * Asked after every step whether the run may go on: it rests while the phone is hot, and ends when the person, the
 * system or a rule of the person's says so. What ends for a rule goes on when the rule is kept again.
 */
public final class Gate implements Request {
  private static final long LOOK_EVERY = 2_000;
  private static final long NEVER = Long.MIN_VALUE / 2;
  private static final long LONGEST = 10 * 60_000;

  private final Rules rules;
  private final Supplier<Phone> phone;
  private final Tuning tuning;
  private final PowerManager.WakeLock awake;
  private final Cooling cooling = new Cooling();
  private boolean stopped;
  private long looked = NEVER;
  private volatile RunState.Hold ended;

  public Gate(Context context, Tuning tuning) {
    this(context, tuning, new Rules(context), () -> Phone.now(context));
  }

  Gate(Context context, Tuning tuning, Rules rules, Supplier<Phone> phone) {
    this.rules = rules;
    this.phone = phone;
    this.tuning = tuning;
    awake = context.getSystemService(PowerManager.class)
        .newWakeLock(PowerManager.PARTIAL_WAKE_LOCK, "pocketzo:tuning");
    awake.setReferenceCounted(false);
  }

  /** Ends the run after what it is computing. */
  public synchronized void stop() {
    stopped = true;
    notifyAll();
  }

  /** The rule that ended the run, or null. */
  public RunState.Hold ended() {
    return ended;
  }

  /** The rule that the phone does not keep now, or null. */
  public RunState.Hold held() {
    return broken(phone.get());
  }

  /** Lets the phone sleep; to be called when the run has ended. */
  public void release() {
    awake.release();
  }

  @Override
  public void check() throws Interrupted {
    // For so long the phone stays awake; each check asks for it again, so that a run that hangs does not empty it.
    awake.acquire(LONGEST);
    long now = SystemClock.elapsedRealtime();
    synchronized (this) {
      throwIfStopped();
      if (now - looked < LOOK_EVERY) {
        return;
      }
      looked = now;
    }
    Phone here = phone.get();
    ended = broken(here);
    if (ended != null) {
      throw new Interrupted("a rule of yours holds the run: " + ended);
    }
    if (cooling.rests(here.heat(), here.celsius(), now)) {
      rest();
    }
  }

  /** The rule that the phone does not keep, or null. */
  private RunState.Hold broken(Phone here) {
    if (rules.charging() && !here.charging()) {
      return RunState.Hold.CHARGER;
    }
    if (!here.charging() && here.level() >= 0 && here.level() < rules.level()) {
      return RunState.Hold.BATTERY;
    }
    return rules.idle() && !here.idle() ? RunState.Hold.IDLENESS : null;
  }

  private void rest() throws Interrupted {
    tuning.hold(RunState.Hold.HEAT);
    Phone here;
    do {
      // A phone that falls asleep would not notice that it has cooled down.
      awake.acquire(LONGEST);
      pause();
      here = phone.get();
    } while (cooling.rests(here.heat(), here.celsius(), SystemClock.elapsedRealtime()));
    tuning.hold(null);
  }

  private synchronized void pause() throws Interrupted {
    throwIfStopped();
    try {
      wait(LOOK_EVERY);
    } catch (InterruptedException e) {
      stopped = true;
    }
    throwIfStopped();
  }

  private void throwIfStopped() throws Interrupted {
    if (stopped) {
      throw new Interrupted("stopped on request");
    }
  }
}
