package org.pocketzo.runtime.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pocketzo.runtime.Fixtures;

class JsonTest {
  @Test
  void readsAndWritesAsPythonDoes() throws Exception {
    for (Object row : Fixtures.table("json")) {
      String text = (String) Fixtures.get(row, "text");
      String shown = text.substring(0, Math.min(100, text.length()));
      List<?> written = (List<?>) Fixtures.get(row, "written");
      if (Boolean.TRUE.equals(Fixtures.get(row, "infinite"))) {
        Object content = Json.parse(text);
        assertThrows(IllegalArgumentException.class, () -> Json.write(content), shown);
      } else if (written == null) {
        assertThrows(Json.Malformed.class, () -> Json.parse(text), shown);
      } else {
        Object content = Json.parse(text);
        assertEquals(written.get(0), Json.write(content));
        assertEquals(written.get(1), Json.writeSpaced(content));
        assertEquals(written.get(2), Json.writeIndented(content));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "NaN", "[Infinity]", "{\"a\":1,\"a\":2}", "\"\\ud83d\"", "{\"\\ude00\":1}", "01", "[1,]", "", "1 2", "\uFEFF1"
  })
  void refusesWhatIsNotStrict(String text) {
    assertThrows(Json.Malformed.class, () -> Json.parse(text));
  }

  @Test
  void saysWhatIsWrong() {
    Json.Malformed twice = assertThrows(Json.Malformed.class, () -> Json.parse("{\"key\":1,\"key\":1}"));
    assertEquals("the key \"key\" is given twice", twice.getMessage());
    String deep = String.join("", Collections.nCopies(100_000, "["));
    assertEquals("nested too deeply", assertThrows(Json.Malformed.class, () -> Json.parse(deep)).getMessage());
    Json.Malformed torn = assertThrows(Json.Malformed.class, () -> Json.parse("{\n\"a\":}"));
    assertTrue(torn.getMessage().startsWith("line 2, column"), torn.getMessage());
  }

  @Test
  void keepsNumbersApartAndMembersInOrder() throws Exception {
    Map<String, Object> expected = new LinkedHashMap<>();
    expected.put("b", 1L);
    expected.put("a", 1.0);
    Object read = Json.parse("{\"b\":1,\"a\":1.0}");
    assertEquals(expected, read);
    assertEquals("{\"b\":1,\"a\":1.0}", Json.write(read));
  }
}
