package org.pocketzo.app.work;

import android.content.Context;
import android.os.Handler;
import android.os.Looper;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.tuning.Tuning;
import org.pocketzo.runtime.errors.BadInput;

/** Runs on a thread of their own, whoever asked for them: the service of a person, or the system's job. */
public final class Runs {
  private static Gate current;

  private Runs() {}

  /** Goes on with what is ordered; {@code ended} is called on the main thread when this is over. */
  static void start(Context context, Gate gate, Runnable ended) {
    Context application = context.getApplicationContext();
    Session session = Session.of(application);
    Thread thread = new Thread(() -> {
      try {
        session.prepareNow();
        if (begun(session.tuning(), gate)) {
          session.tuning().run(gate, gate::ended);
          finish(application, session, gate);
        }
      } finally {
        gate.release();
        new Handler(Looper.getMainLooper()).post(ended);
      }
    }, "tuning");
    thread.start();
  }

  /** Whether the run is {@code gate}'s from now on; it is not, if another has it. */
  private static synchronized boolean begun(Tuning tuning, Gate gate) {
    if (current != null || tuning.running()) {
      return false;
    }
    current = gate;
    return true;
  }

  private static void finish(Context context, Session session, Gate gate) {
    synchronized (Runs.class) {
      current = null;
    }
    if (!session.tuning().wanted()) {
      TuneJob.cancel(context);
      return;
    }
    if (gate.ended() != null) {
      session.spareMemory();
    }
    TuneJob.plan(context, gate.ended());
  }

  /** Pauses until the person resumes: the run ends after its step, and nothing goes on by itself. */
  static void pause(Context context) {
    try {
      Session.of(context).tuning().goOn(false);
    } catch (BadInput e) {
      // The order cannot be written: the run ends all the same, and a later start of the app goes on with it.
    }
    TuneJob.cancel(context);
    synchronized (Runs.class) {
      if (current != null) {
        current.stop();
      }
    }
  }
}
