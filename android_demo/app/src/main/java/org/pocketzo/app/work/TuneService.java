package org.pocketzo.app.work;

import android.app.NotificationManager;
import android.app.Service;
import android.content.Context;
import android.content.Intent;
import android.os.Build;
import android.os.IBinder;
import android.os.SystemClock;
import org.pocketzo.app.NewerSystem;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.tuning.RunState;

/**
 * Tunes while the person does something else, the screen off too: a foreground service with a notification. If the
 * process dies, {@link TuneJob} goes on.
 */
public final class TuneService extends Service implements Session.Listener {
  /** Pauses the run; what the notification's button does. */
  public static final String PAUSE = "org.pocketzo.app.PAUSE";

  /** {@code ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE}, of API 34. */
  private static final int SPECIAL_USE = 1 << 30;
  private static final int TYPES = 34;

  private static final long NOTIFY_EVERY = 500;

  private Session session;
  private Gate gate;
  private long notified;
  private int last;
  private boolean again;

  /**
   * Starts or resumes what is ordered; from a screen that the person sees.
   *
   * @return whether the system lets it; else the job goes on in a minute
   */
  public static boolean start(Context context) {
    TuneJob.plan(context);
    try {
      context.startForegroundService(new Intent(context, TuneService.class));
      return true;
    } catch (IllegalStateException e) {
      // The person has left the app meanwhile, and nothing may be started from behind another.
      Session.of(context).tuning().waits();
      return false;
    }
  }

  /** Pauses the run until the person resumes it. */
  public static void pause(Context context) {
    context.startService(new Intent(context, TuneService.class).setAction(PAUSE));
  }

  @Override
  public void onCreate() {
    session = Session.of(this);
    Notices.prepare(this);
    session.listen(this);
  }

  @Override
  public int onStartCommand(Intent intent, int flags, int id) {
    last = id;
    if (intent != null && PAUSE.equals(intent.getAction())) {
      Runs.pause(this);
      if (gate == null) {
        stopSelf(id);
      }
      return START_NOT_STICKY;
    }
    show();
    if (gate == null) {
      begin();
    } else {
      // Between the end of a run and the news of it, a start would be lost.
      again = !session.tuning().running();
    }
    return START_NOT_STICKY;
  }

  private void begin() {
    again = false;
    gate = new Gate(this, session.tuning());
    Runs.start(this, gate, this::ended);
  }

  private void ended() {
    RunState state = session.run();
    gate = null;
    if (again && session.tuning().wanted() && state.hold() == null) {
      begin();
      return;
    }
    stopForeground(STOP_FOREGROUND_REMOVE);
    if (state.phase() == RunState.Phase.DONE || state.phase() == RunState.Phase.FAILED) {
      getSystemService(NotificationManager.class).notify(Notices.RUN + 1, Notices.ofEnd(this, state));
    }
    // By its number: a start that is on its way keeps the service, as the system demands.
    stopSelf(last);
  }

  private void show() {
    if (Build.VERSION.SDK_INT >= TYPES) {
      showTyped();
    } else {
      startForeground(Notices.RUN, Notices.ofRun(this, session.run()));
    }
  }

  @NewerSystem
  private void showTyped() {
    startForeground(Notices.RUN, Notices.ofRun(this, session.run()), SPECIAL_USE);
  }

  @Override
  public void changed() {
    long now = SystemClock.elapsedRealtime();
    // The system drops notifications that come faster than a person reads.
    if (gate != null && session.run().active() && now - notified >= NOTIFY_EVERY) {
      notified = now;
      getSystemService(NotificationManager.class).notify(Notices.RUN, Notices.ofRun(this, session.run()));
    }
  }

  @Override
  public void onDestroy() {
    session.ignore(this);
    if (gate != null) {
      gate.stop();
    }
  }

  @Override
  public IBinder onBind(Intent intent) {
    return null;
  }
}
