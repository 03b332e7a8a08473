package org.pocketzo.app;

import android.content.Context;
import android.content.res.Resources;
import android.text.format.Formatter;
import java.text.NumberFormat;
import java.util.Locale;
import org.pocketzo.app.tuning.RunState;
import org.pocketzo.runtime.trajectory.Evaluation;

/** Numbers and states as the person's language writes them. */
public final class Words {
  private static final int MINUTE = 60;
  private static final int MILLION = 1_000_000;
  private static final int MANY = 100 * MILLION;

  private Words() {}

  private static Locale locale(Context context) {
    return context.getResources().getConfiguration().getLocales().get(0);
  }

  /** A number with at most so many decimals. */
  public static String number(Context context, double number, int decimals) {
    NumberFormat format = NumberFormat.getNumberInstance(locale(context));
    format.setMaximumFractionDigits(decimals);
    format.setMinimumFractionDigits(number == Math.rint(number) && decimals < 2 ? 0 : decimals);
    return format.format(number);
  }

  /** A share as percent. */
  public static String percent(Context context, double share) {
    return NumberFormat.getPercentInstance(locale(context)).format(share);
  }

  /** Bytes. */
  public static String size(Context context, long bytes) {
    return Formatter.formatShortFileSize(context, bytes);
  }

  /** A number of things, in millions if they are many. */
  public static String many(Context context, long count) {
    return count < MILLION
        ? number(context, count, 0)
        : context.getString(R.string.model_millions, number(context, millions(count), count < MANY ? 1 : 0));
  }

  private static double millions(long count) {
    return count < MANY ? Math.round(count / 1e5) / 10.0 : Math.round(count / 1e6);
  }

  /** A small number, to one digit that counts. */
  public static String small(Context context, double number) {
    NumberFormat format = NumberFormat.getNumberInstance(locale(context));
    format.setMaximumFractionDigits(number <= 0 ? 0 : Math.max(0, (int) Math.ceil(-Math.log10(number))));
    return format.format(number);
  }

  /** A number of examples. */
  public static String examples(Context context, int count) {
    return context.getResources().getQuantityString(R.plurals.examples_count, count, count);
  }

  /** A time, roughly. */
  public static String duration(Context context, double seconds) {
    int minutes = (int) Math.round(seconds / MINUTE);
    if (minutes < 1) {
      return context.getString(R.string.seconds);
    }
    return minutes < MINUTE
        ? context.getString(R.string.minutes, minutes)
        : context.getString(R.string.hours, minutes / MINUTE, minutes % MINUTE);
  }

  /** Accuracy of a classification, loss of another task. */
  public static String figure(Context context, Evaluation evaluation) {
    if (evaluation == null) {
      return context.getString(R.string.tune_not_yet);
    }
    return evaluation.accuracy() == null
        ? number(context, evaluation.loss(), 2)
        : percent(context, evaluation.accuracy());
  }

  /** What a run does, in a line. */
  public static String doing(Context context, RunState state) {
    Resources resources = context.getResources();
    String what = resources.getString(phase(state));
    boolean counted = state.phase() == RunState.Phase.RUNNING && state.activity() == RunState.Activity.STEPPING;
    return counted ? what + " · " + resources.getString(R.string.tune_progress, state.step(), state.steps()) : what;
  }

  /** What a run does, in a word or two: a string resource. */
  public static int phase(RunState state) {
    return switch (state.phase()) {
      case NONE -> R.string.doing_none;
      case RUNNING -> activity(state.activity());
      case WAITING -> state.hold() == null ? R.string.doing_waiting : hold(state.hold());
      case PAUSED -> R.string.doing_paused;
      case DONE -> R.string.doing_done;
      case FAILED -> R.string.doing_failed;
    };
  }

  private static int activity(RunState.Activity activity) {
    return switch (activity) {
      case PREPARING -> R.string.doing_preparing;
      case STEPPING -> R.string.doing_stepping;
      case EVALUATING -> R.string.doing_evaluating;
      case FITTING -> R.string.doing_fitting;
    };
  }

  private static int hold(RunState.Hold hold) {
    return switch (hold) {
      case HEAT -> R.string.doing_heat;
      case CHARGER -> R.string.doing_charger;
      case BATTERY -> R.string.doing_battery;
      case IDLENESS -> R.string.doing_idle;
    };
  }
}
