package org.pocketzo.app.work;

import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;
import org.pocketzo.app.NewerSystem;

/**
 * How the phone is.
 *
 * @param level of the battery in percent; -1 where nobody tells
 * @param celsius of the battery; NaN where nobody tells
 * @param heat the system's thermal status, 0 to 6; -1 where it does not tell
 * @param idle whether the screen is off
 */
public record Phone(boolean charging, int level, double celsius, int heat, boolean idle) {
  private static final double TENTH = 0.1;
  private static final int HUNDRED = 100;

  /** The phone now. */
  public static Phone now(Context context) {
    Intent battery = context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED));
    PowerManager power = context.getSystemService(PowerManager.class);
    boolean charging = false;
    int level = -1;
    double celsius = Double.NaN;
    if (battery != null) {
      charging = battery.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0;
      int scale = battery.getIntExtra(BatteryManager.EXTRA_SCALE, 0);
      int read = battery.getIntExtra(BatteryManager.EXTRA_LEVEL, -1);
      level = scale > 0 && read >= 0 ? HUNDRED * read / scale : -1;
      int tenths = battery.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Integer.MIN_VALUE);
      celsius = tenths == Integer.MIN_VALUE ? Double.NaN : TENTH * tenths;
    }
    int heat = Build.VERSION.SDK_INT >= 29 ? heat(power) : -1;
    return new Phone(charging, level, celsius, heat, !power.isInteractive());
  }

  @NewerSystem
  private static int heat(PowerManager power) {
    return power.getCurrentThermalStatus();
  }
}
