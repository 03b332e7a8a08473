package org.pocketzo.app.work;

/**
 * Decides when a hot phone must rest: at once when it is hot, and until it has been cool for some minutes, so that it
 * does not go back and forth.
 */
public final class Cooling {
  /** What the system calls severe: it slows the phone down by then. */
  static final int HOT_STATUS = 3;

  /** What the system calls light. */
  static final int COOL_STATUS = 1;

  /** Degrees Celsius of the battery, for phones that do not tell a status. */
  static final double HOT = 45;
  static final double COOL = 40;

  /** Milliseconds for which it must have been cool. */
  static final long REST = 3 * 60_000;

  private boolean resting;
  private long coolSince = -1;

  /**
   * Whether to rest now.
   *
   * @param status of the system, from 0 to 6; -1 where it does not tell
   * @param celsius of the battery; NaN where nobody tells
   * @param now milliseconds of a clock that never goes back
   */
  public boolean rests(int status, double celsius, long now) {
    if (status >= HOT_STATUS || celsius >= HOT) {
      resting = true;
      coolSince = -1;
    } else if (resting) {
      boolean cool = status <= COOL_STATUS && !(celsius >= COOL);
      coolSince = !cool ? -1 : coolSince < 0 ? now : coolSince;
      resting = coolSince < 0 || now - coolSince < REST;
    }
    return resting;
  }
}
