package org.pocketzo.runtime.tasks;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.system.Files;

/** Examples in files: JSON Lines, plain or by gzip, each bad line named by file, line number and reason. */
public final class Data {
  private Data() {}

  /**
   * Reads a JSON Lines file, which may be compressed by gzip; blank lines are passed over.
   *
   * @throws BadInput if the file is missing, compressed otherwise, not UTF-8, empty, or a line is not a JSON object
   */
  public static DataSet read(Path path) throws BadInput {
    byte[] content = Files.readFile(path, "data file");
    String text = Files.decodeText(Compressed.unpacked(content, path, "data file"), path, "data file");
    List<DataRecord> records = new ArrayList<>();
    int number = 1;
    for (int begin = 0; begin <= text.length(); number++) {
      int end = text.indexOf('\n', begin);
      end = end < 0 ? text.length() : end;
      String line = text.substring(begin, end);
      if (!isBlank(line)) {
        records.add(record(path + ", line " + number, line));
      }
      begin = end + 1;
    }
    if (records.isEmpty()) {
      throw BadInput.of(
          path, "holds no example", "Give at least one line such as {\"text\": \"...\", \"label\": \"...\"}");
    }
    return new DataSet(path, Collections.unmodifiableList(records), Files.sha256(content));
  }

  private static boolean isBlank(String line) {
    for (int i = 0; i < line.length(); i++) {
      if (!Character.isWhitespace(line.charAt(i)) && !Character.isSpaceChar(line.charAt(i))) {
        return false;
      }
    }
    return true;
  }

  /** The record that a line holds; throws BadInput, beginning with {@code where}, if it is not a JSON object. */
  public static DataRecord record(String where, String line) throws BadInput {
    Object content;
    try {
      content = Json.parse(line);
    } catch (Json.Malformed e) {
      throw new BadInput(
          where + ": is not JSON (" + e.getMessage() + "). Each line must be one JSON object.", e);
    }
    if (!(content instanceof Map)) {
      throw new BadInput(
          where + ": is " + DataRecord.named(content) + ", and must be an object. Write {...} on each line.");
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    for (Map.Entry<?, ?> member : ((Map<?, ?>) content).entrySet()) {
      fields.put((String) member.getKey(), member.getValue());
    }
    return new DataRecord(Collections.unmodifiableMap(fields), where);
  }
}
