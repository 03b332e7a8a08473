package org.pocketzo.app.work;

import android.content.Context;
import android.content.SharedPreferences;

/** When tuning may go on, as the person set it. */
public final class Rules {
  /** Battery levels to choose from, in percent; 0 is no limit. */
  public static final int[] LEVELS = {0, 20, 40, 60};

  private static final String CHARGING = "charging";
  private static final String IDLE = "idle";
  private static final String LEVEL = "battery_level";
  private static final int USUAL_LEVEL = 20;

  private final SharedPreferences kept;

  public Rules(Context context) {
    kept = context.getSharedPreferences("rules", Context.MODE_PRIVATE);
  }

  /** Only while the phone is charging. */
  public boolean charging() {
    return kept.getBoolean(CHARGING, false);
  }

  public void charging(boolean on) {
    kept.edit().putBoolean(CHARGING, on).apply();
  }

  /** Only while nobody uses the phone. */
  public boolean idle() {
    return kept.getBoolean(IDLE, false);
  }

  public void idle(boolean on) {
    kept.edit().putBoolean(IDLE, on).apply();
  }

  /** Not with less than so many percent of the battery, unless the phone is charging. */
  public int level() {
    return kept.getInt(LEVEL, USUAL_LEVEL);
  }

  public void level(int percent) {
    kept.edit().putInt(LEVEL, percent).apply();
  }
}
