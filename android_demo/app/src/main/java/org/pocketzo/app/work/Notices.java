package org.pocketzo.app.work;

import android.app.Notification;
import android.app.NotificationChannel;
import android.app.NotificationManager;
import android.app.PendingIntent;
import android.content.Context;
import android.content.Intent;
import org.pocketzo.app.MainActivity;
import org.pocketzo.app.R;
import org.pocketzo.app.Words;
import org.pocketzo.app.tuning.RunState;

/** What the notification of a run says. */
final class Notices {
  static final int RUN = 1;
  private static final String CHANNEL = "tuning";

  private Notices() {}

  /** Makes the channel; harmless if it is there. */
  static void prepare(Context context) {
    NotificationChannel channel =
        new NotificationChannel(CHANNEL, context.getString(R.string.channel), NotificationManager.IMPORTANCE_LOW);
    context.getSystemService(NotificationManager.class).createNotificationChannel(channel);
  }

  /** The notification of a run under way, with a button that stops it. */
  static Notification ofRun(Context context, RunState state) {
    PendingIntent open = PendingIntent.getActivity(
        context, 0, new Intent(context, MainActivity.class).setAction(MainActivity.SHOW_TUNING),
        PendingIntent.FLAG_IMMUTABLE);
    PendingIntent stop = PendingIntent.getService(
        context, 0, new Intent(context, TuneService.class).setAction(TuneService.PAUSE), PendingIntent.FLAG_IMMUTABLE);
    return new Notification.Builder(context, CHANNEL)
        .setSmallIcon(R.drawable.ic_notification)
        .setColor(context.getColor(R.color.primary))
        .setContentTitle(context.getString(R.string.notice_title))
        .setContentText(Words.doing(context, state))
        .setProgress(Math.max(1, state.steps()), state.step(), state.steps() == 0)
        .setContentIntent(open)
        .setOngoing(true)
        .setOnlyAlertOnce(true)
        .setCategory(Notification.CATEGORY_PROGRESS)
        .setVisibility(Notification.VISIBILITY_PRIVATE)
        .addAction(new Notification.Action.Builder(null, context.getString(R.string.pause), stop).build())
        .build();
  }

  /** The notification that stays when a run is done or could not go on. */
  static Notification ofEnd(Context context, RunState state) {
    PendingIntent open = PendingIntent.getActivity(
        context, 0, new Intent(context, MainActivity.class).setAction(MainActivity.SHOW_TUNING),
        PendingIntent.FLAG_IMMUTABLE);
    return new Notification.Builder(context, CHANNEL)
        .setSmallIcon(R.drawable.ic_notification)
        .setColor(context.getColor(R.color.primary))
        .setContentTitle(context.getString(
            state.phase() == RunState.Phase.DONE ? R.string.notice_done : R.string.notice_failed))
        .setContentText(Words.doing(context, state))
        .setContentIntent(open)
        .setAutoCancel(true)
        .build();
  }
}
