package org.pocketzo.app.work;

import android.content.Context;
import android.os.Handler;
import android.os.Looper;
import java.util.function.Consumer;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.session.Tuning;
import org.pocketzo.runtime.BadInput;

/** Runs on a thread of their own, whoever asked for them: the service of a person, or the system's job. */
public final class Runs {
  private static Gate current;

  private Runs() {}

  /** Goes on with what is ordered; {@code ended} is told on the main thread whether nothing is left to do. */
  static void start(Context context, Gate gate, Consumer<Boolean> ended) {
    Context application = context.getApplicationContext();
    Session session = Session.of(application);
    synchronized (Runs.class) {
      current = gate;
    }
    Thread thread = new Thread(() -> {
      boolean done = false;
      try {
        session.prepareNow();
        done = session.tuning().run(gate);
      } finally {
        gate.release();
        finish(application, session.tuning(), gate, done);
        boolean nothingLeft = done;
        new Handler(Looper.getMainLooper()).post(() -> ended.accept(nothingLeft));
      }
    }, "tuning");
    thread.start();
  }

  private static void finish(Context context, Tuning tuning, Gate gate, boolean done) {
    synchronized (Runs.class) {
      current = current == gate ? null : current;
    }
    if (gate.ended() != null) {
      tuning.hold(gate.ended());
    }
    if (done || !tuning.wanted()) {
      TuneJob.cancel(context);
    } else {
      TuneJob.plan(context);
    }
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
