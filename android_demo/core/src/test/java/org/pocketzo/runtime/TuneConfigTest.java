package org.pocketzo.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pocketzo.runtime.bundle.ManifestReader;
import org.pocketzo.runtime.errors.UsageError;

class TuneConfigTest {
  @Test
  void resolvesAndRefusesAsPythonDoes() throws Exception {
    double eps = ManifestReader.read(Fixtures.path("bundle")).estimator().eps();
    for (Object row : Fixtures.table("config")) {
      Map<?, ?> changes = (Map<?, ?>) Fixtures.get(row, "changes");
      if (Fixtures.get(row, "error") != null) {
        UsageError e = assertThrows(UsageError.class, () -> changed(changes), changes.toString());
        assertEquals(Fixtures.get(row, "error"), e.getMessage());
      } else {
        assertEquals(Fixtures.get(row, "resolved"), changed(changes).resolved(eps).checked().members());
      }
    }
  }

  private static TuneConfig changed(Map<?, ?> changes) throws UsageError {
    TuneConfig config = TuneConfig.defaults();
    for (Map.Entry<?, ?> change : changes.entrySet()) {
      String text = (String) change.getValue();
      config = config.with((String) change.getKey(), number(text));
    }
    return config;
  }

  private static Number number(String text) {
    switch (text) {
      case "inf":
        return Double.POSITIVE_INFINITY;
      case "nan":
        return Double.NaN;
      default:
        return text.matches("-?\\d+") ? (Number) new BigInteger(text) : Double.valueOf(text);
    }
  }

  @Test
  void settingsMadeByHandAreChecked() {
    TuneConfig made = new TuneConfig(0, 16, 0, 0, 1, 0.99, 0, 0, 1);
    assertEquals("--steps 0: must be at least 1.", assertThrows(UsageError.class, made::checked).getMessage());
  }
}
