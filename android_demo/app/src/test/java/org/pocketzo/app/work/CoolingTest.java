package org.pocketzo.app.work;

import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public final class CoolingTest {
  private static final double UNKNOWN = Double.NaN;

  private final Cooling cooling = new Cooling();

  @Test
  public void restsAtOnceAndForMinutesAfterItIsCool() {
    assertFalse(cooling.rests(2, 39, 0));
    assertTrue(cooling.rests(3, 39, 1_000));
    assertTrue(cooling.rests(0, 35, 2_000));
    assertTrue(cooling.rests(0, 35, 2_000 + Cooling.REST - 1));
    assertFalse(cooling.rests(0, 35, 2_000 + Cooling.REST));
  }

  @Test
  public void theMinutesBeginAnewWhenItWarmsUp() {
    assertTrue(cooling.rests(4, UNKNOWN, 0));
    assertTrue(cooling.rests(1, UNKNOWN, 1_000));
    assertTrue(cooling.rests(2, UNKNOWN, 100_000));
    assertTrue(cooling.rests(1, UNKNOWN, 101_000));
    assertTrue(cooling.rests(1, UNKNOWN, 1_000 + Cooling.REST));
    assertFalse(cooling.rests(1, UNKNOWN, 101_000 + Cooling.REST));
  }

  @Test
  public void theBatterySpeaksWhereTheSystemDoesNot() {
    assertFalse(cooling.rests(-1, 44, 0));
    assertTrue(cooling.rests(-1, 45, 0));
    assertTrue(cooling.rests(-1, 41, Cooling.REST));
    assertTrue(cooling.rests(-1, 39, Cooling.REST));
    assertFalse(cooling.rests(-1, 39, 2 * Cooling.REST));
  }
}
