package org.pocketzo.runtime.bundle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;

/** Every field of Python's schema, absent and with every kind of value: both languages take and refuse the same. */
class ManifestFieldsTest {
  @TempDir Path scratch;

  @Test
  void bothLanguagesTakeAndRefuseTheSame() throws Exception {
    Path folder = Fixtures.copy(Fixtures.path("bundle"), scratch.resolve("bundle"));
    List<String> differ = new ArrayList<>();
    int cases = 0;
    try (BufferedReader lines = Files.newBufferedReader(Fixtures.path("manifest-fields.jsonl"))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine(), cases++) {
        Object expected = Json.parse(line);
        String text = (String) Fixtures.get(expected, "manifest");
        Files.write(folder.resolve("manifest.json"), text.getBytes(StandardCharsets.UTF_8));
        String said = said(folder);
        String field = (String) Fixtures.get(expected, "field");
        if (Fixtures.get(expected, "refused").equals(said == null) || (said != null && !said.contains(field))) {
          differ.add(Fixtures.get(expected, "name") + " (" + field + "): " + said);
        }
      }
    }
    assertTrue(cases > 1000, cases + " cases");
    assertEquals(List.of(), differ);
  }

  /** Why the bundle does not open, or null. */
  private static String said(Path folder) throws Exception {
    try {
      Bundle.open(folder).initialValues();
      return null;
    } catch (BadInput e) {
      return e.getMessage();
    }
  }
}
