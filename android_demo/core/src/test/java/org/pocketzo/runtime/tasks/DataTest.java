package org.pocketzo.runtime.tasks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.errors.BadInput;

class DataTest {
  @TempDir Path scratch;

  @Test
  void readsAndRefusesAsPythonDoes() throws Exception {
    Path path = scratch.resolve("data.jsonl");
    for (Object row : Fixtures.table("data")) {
      Files.write(path, bytes((String) Fixtures.get(row, "content")));
      String error = (String) Fixtures.get(row, "error");
      if (error == null) {
        DataSet read = Data.read(path);
        assertEquals(Fixtures.get(row, "hash"), read.hash());
        List<?> records = (List<?>) Fixtures.get(row, "records");
        assertEquals(records.size(), read.records().size());
        for (int i = 0; i < records.size(); i++) {
          List<?> record = (List<?>) records.get(i);
          assertEquals(record.get(0), read.records().get(i).where().replace(path.toString(), "PATH"));
          assertEquals(record.get(1), read.records().get(i).fields());
        }
      } else {
        String said = assertThrows(BadInput.class, () -> Data.read(path)).getMessage();
        assertEquals(withoutReason(error), withoutReason(said.replace(path.toString(), "PATH")));
      }
    }
  }

  /** Parsers say in their own words what is wrong with a text. */
  private static String withoutReason(String message) {
    return message.replaceAll("\\(.*\\)", "()");
  }

  private static byte[] bytes(String hexadecimal) {
    byte[] bytes = new byte[hexadecimal.length() / 2];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) Integer.parseInt(hexadecimal.substring(2 * i, 2 * i + 2), 16);
    }
    return bytes;
  }

  @Test
  void recordsSayWhatTheyLack() throws Exception {
    DataRecord record = Data.record("a.jsonl, line 3", "{\"text\":\"x\",\"n\":1}");
    assertEquals("x", record.text("text"));
    String said = assertThrows(BadInput.class, () -> record.text("label")).getMessage();
    assertEquals(
        "a.jsonl, line 3: lacks the key \"label\" (keys here: text, n). Add it or change the task's prompt.", said);
    said = assertThrows(BadInput.class, () -> record.text("n")).getMessage();
    assertEquals(
        "a.jsonl, line 3: \"n\" is the number 1, and must be a text. Write it in quotes: \"1\".", said);
    said = assertThrows(BadInput.class, () -> Data.read(scratch.resolve("none"))).getMessage();
    assertTrue(said.contains("there is no such data file"), said);
    said = assertThrows(BadInput.class, () -> Data.read(scratch)).getMessage();
    assertTrue(said.contains("is a directory"), said);
  }
}
