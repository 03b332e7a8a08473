package org.pocketzo.runtime.numbers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pocketzo.runtime.Fixtures;

class FloatsTest {
  @Test
  void asPythonWritesThem() throws Exception {
    List<?> rows = Fixtures.table("floats");
    assertTrue(rows.size() > 9000);
    for (Object item : rows) {
      List<?> row = (List<?>) item;
      double value = Double.longBitsToDouble(Long.parseUnsignedLong((String) row.get(0), 16));
      assertEquals(row.get(1), Floats.repr(value));
      assertEquals(row.get(2), Floats.general(value), (String) row.get(1));
    }
  }

  @Test
  void whereOneDigitWillDoTwoAreNotWritten() {
    assertEquals("5e-324", Floats.repr(Double.MIN_VALUE));
    assertEquals("2e-323", Floats.repr(2e-323));
    assertEquals("1e+23", Floats.repr(1e23));
    assertEquals("0.001", Floats.repr(0.001));
    assertEquals("1e-05", Floats.repr(1e-5));
    assertEquals("1e+16", Floats.repr(1e16));
    assertEquals("-0.0", Floats.repr(-0.0));
    assertEquals("100.0", Floats.repr(100));
  }
}
