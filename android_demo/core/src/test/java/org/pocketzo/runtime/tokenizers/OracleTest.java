package org.pocketzo.runtime.tokenizers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.tokenizers.text.IntList;

/**
 * Compares with what the `tokenizers` library says. tests/android/test_tokenizers.py writes the folder that the
 * property {@code pocketzo.tokens} names: one folder a family, with tokenizer.json and cases.jsonl.
 */
class OracleTest {
  /** A line of cases.jsonl. */
  private static final class Case {
    String text;
    String decoded;
    int[] prompt;
    int[] continuation;
  }

  private static Path folder() {
    String folder = System.getProperty("pocketzo.tokens");
    assumeTrue(folder != null, "needs what tests/android/test_tokenizers.py writes");
    return Paths.get(folder);
  }

  @Test
  void everyTextHasTheTokensOfTheLibrary() throws IOException, PocketzoException {
    List<String> lines = new ArrayList<>();
    List<String> differences = new ArrayList<>();
    try (DirectoryStream<Path> families = Files.newDirectoryStream(folder().resolve("families"))) {
      for (Path family : families) {
        int before = differences.size();
        int count = compare(family, differences);
        lines.add(family.getFileName() + " " + count + " " + (differences.size() - before));
      }
    }
    Files.write(folder().resolve("report.txt"), lines);
    assertEquals("", String.join("\n", differences.subList(0, Math.min(20, differences.size()))));
  }

  private static int compare(Path family, List<String> differences) throws IOException, PocketzoException {
    Tokenizer tokenizer = Tokenizers.open(family.resolve("tokenizer.json"));
    List<String> lines = Files.readAllLines(family.resolve("cases.jsonl"));
    assertEquals(Integer.parseInt(lines.get(0)), tokenizer.largestId());
    for (String line : lines.subList(1, lines.size())) {
      Case wanted = read(line);
      int[] prompt = tokenizer.prompt(wanted.text);
      int[] continuation = tokenizer.continuation(wanted.text);
      String decoded = tokenizer.decode(wanted.prompt);
      if (!Arrays.equals(wanted.prompt, prompt)
          || !Arrays.equals(wanted.continuation, continuation)
          || !wanted.decoded.equals(decoded)) {
        differences.add(family.getFileName() + ": " + line.substring(0, Math.min(line.length(), 600)) + " but "
            + Arrays.toString(prompt) + " " + Arrays.toString(continuation) + " " + escaped(decoded));
      }
    }
    return lines.size() - 1;
  }

  private static String escaped(String text) {
    StringBuilder out = new StringBuilder();
    for (char c : text.toCharArray()) {
      out.append(c >= ' ' && c < 127 ? String.valueOf(c) : String.format("\\u%04x", (int) c));
    }
    return out.toString();
  }

  private static Case read(String line) throws IOException {
    Case read = new Case();
    try (JsonParser parser = new JsonFactory().createParser(line)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        switch (name) {
          case "text" -> read.text = parser.getText();
          case "decoded" -> read.decoded = parser.getText();
          case "prompt" -> read.prompt = numbers(parser);
          default -> read.continuation = numbers(parser);
        }
      }
    }
    return read;
  }

  private static int[] numbers(JsonParser parser) throws IOException {
    IntList numbers = new IntList();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      numbers.add(parser.getIntValue());
    }
    return numbers.toArray();
  }

  @Test
  void bothSidesSupportTheSameTokenizers() throws IOException, PocketzoException {
    List<String> differences = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder().resolve("verdicts"))) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        String said = "";
        try {
          Tokenizers.open(file);
        } catch (BadInput e) {
          said = e.getMessage();
        }
        // What the library itself cannot read is never packaged; it must only not end in a crash.
        if (!name.startsWith("unreadable") && name.startsWith("accepted") != said.isEmpty()) {
          differences.add(name + " " + said);
        }
      }
    }
    assertEquals("", String.join("\n", differences));
  }
}
