package org.pocketzo.app.work;

import android.app.job.JobInfo;
import android.app.job.JobParameters;
import android.app.job.JobScheduler;
import android.app.job.JobService;
import android.content.ComponentName;
import android.content.Context;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.tuning.RunState;

/**
 * Goes on with a run that lost its process, to a restart of the phone, to the system, or because a rule was not kept:
 * the system starts it when the rules are kept, and ends it after some minutes, as often as it takes.
 */
public final class TuneJob extends JobService {
  static final int ID = 1;
  static final long SOON = 60_000;

  /** For rules that the system's scheduler cannot keep to the letter: it would start the job to no avail. */
  static final long LATER = 15 * SOON;

  private Gate gate;

  /** Plans to go on, under the rules of now, until {@link #cancel}. */
  static void plan(Context context) {
    plan(context, null);
  }

  /** The same after a run that {@code hold} ended, null for none. */
  static void plan(Context context, RunState.Hold hold) {
    Rules rules = new Rules(context);
    JobInfo.Builder job = new JobInfo.Builder(ID, new ComponentName(context, TuneJob.class))
        .setPersisted(true)
        .setMinimumLatency(hold == null || hold == RunState.Hold.CHARGER ? SOON : LATER)
        .setRequiresCharging(rules.charging())
        .setRequiresBatteryNotLow(!rules.charging() && rules.level() > 0)
        .setRequiresDeviceIdle(rules.idle());
    if (!rules.idle()) {
      job.setBackoffCriteria(SOON, JobInfo.BACKOFF_POLICY_LINEAR);
    }
    context.getSystemService(JobScheduler.class).schedule(job.build());
  }

  /** Nothing is left to go on with. */
  static void cancel(Context context) {
    context.getSystemService(JobScheduler.class).cancel(ID);
  }

  @Override
  public boolean onStartJob(JobParameters parameters) {
    Session session = Session.of(this);
    if (session.tuning().running()) {
      jobFinished(parameters, true);
      return true;
    }
    gate = new Gate(this, session.tuning());
    RunState.Hold hold = gate.held();
    if (hold != null) {
      // Before anything is loaded: else a low battery would be emptied by looking at it.
      plan(this, hold);
      return false;
    }
    Runs.start(this, gate, () -> {
      gate = null;
      // Planned anew rather than asked for again: the rules may have changed. Another's run still needs this job.
      jobFinished(parameters, session.tuning().running());
    });
    return true;
  }

  @Override
  public boolean onStopJob(JobParameters parameters) {
    if (gate != null) {
      gate.stop();
    }
    return true;
  }
}
