package org.pocketzo.runtime.cli;

import java.io.PrintStream;
import java.util.Locale;

/** One line on standard error that is drawn again and again, with the time left; nothing where that is no terminal. */
final class Bar implements AutoCloseable {
  private static final int WIDTH = 24;
  private static final long EVERY = 100_000_000L;

  private final PrintStream stream = System.err;
  private final boolean shown;
  private String what = "";
  private long begin;
  private long doneAtBegin;
  private long last;
  private int drawn;

  Bar(boolean quiet) {
    shown = !quiet && System.console() != null;
  }

  /** Shows {@code what}, so much of it done, and a note; time left counts from the first call with this name. */
  void draw(String name, long done, long all, String note) {
    if (!shown) {
      return;
    }
    long now = System.nanoTime();
    if (!name.equals(what)) {
      what = name;
      begin = now;
      doneAtBegin = done;
    } else if (now - last < EVERY && done < all) {
      return;
    }
    last = now;
    int filled = (int) (all == 0 ? WIDTH : WIDTH * done / all);
    StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "%-20s ", name));
    for (int i = 0; i < WIDTH; i++) {
      line.append(i < filled ? '#' : '.');
    }
    line.append(' ').append(done).append('/').append(all).append("  ").append(note);
    if (done > doneAtBegin) {
      line.append("  ").append(time((now - begin) / 1e9 / (done - doneAtBegin) * (all - done))).append(" left");
    }
    clear();
    stream.print(line);
    stream.flush();
    drawn = line.length();
  }

  /** Seconds as hours, minutes and seconds. */
  static String time(double seconds) {
    long whole = Math.round(seconds);
    return whole < 3600
        ? String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60)
        : String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
  }

  /** Takes the line away, for one that stays. */
  void clear() {
    if (drawn > 0) {
      StringBuilder blank = new StringBuilder("\r");
      for (int i = 0; i < drawn; i++) {
        blank.append(' ');
      }
      stream.print(blank.append('\r'));
      drawn = 0;
    }
  }

  @Override
  public void close() {
    clear();
    stream.flush();
  }
}
