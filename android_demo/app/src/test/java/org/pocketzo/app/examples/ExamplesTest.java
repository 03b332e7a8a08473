package org.pocketzo.app.examples;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.Test;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.Tokenizer;

/** Lines in and out, what is held back, and words for labels. */
public final class ExamplesTest {
  private static final Wording WORDING = Wording.of(null);

  @Test
  public void aBadLineDoesNotLoseTheOthers() {
    Lines.Found found = Lines.read(
        "\uFEFF{\"text\": \"a\", \"label\": \"x\"}\r\n\n[1]\n{\"text\": \"b\"}\n{\"text\": \" \", \"label\": \"x\"}\n"
            + "{\"label\": \"x\"}\n{\"text\": \"🙂\", \"label\": 3}\n{\"text\": \"cut",
        WORDING);
    assertEquals(Arrays.asList(new Item("a", "x"), new Item("🙂", "3")), found.items());
    assertEquals(
        Arrays.asList(
            new Lines.Bad(3, Lines.Reason.NOT_JSON),
            new Lines.Bad(4, Lines.Reason.NO_ANSWER),
            new Lines.Bad(5, Lines.Reason.EMPTY),
            new Lines.Bad(6, Lines.Reason.NO_TEXT),
            new Lines.Bad(8, Lines.Reason.NOT_JSON)),
        found.bad());
  }

  @Test
  public void whatIsWrittenIsReadAgain() {
    List<Item> items = Arrays.asList(new Item("a \"b\"\n\tc", "x"), new Item("שלום 🇩🇪 e\u0301", "ü"));
    assertEquals(items, Lines.read(Lines.write(items, WORDING), WORDING).items());
  }

  @Test
  public void anAppWithAnotherBundleFindsTheExamplesAgain() throws Exception {
    Path path = Files.createTempDirectory("examples").resolve("examples.jsonl");
    Map<String, Object> task = new LinkedHashMap<>();
    task.put("kind", "complete");
    task.put("prompt", "Q: {question}");
    task.put("completion", "{reply}");
    List<Item> items = Arrays.asList(new Item("one", "two"));
    Collection.open(path, Wording.of(task)).add(items);
    assertEquals(items, Collection.open(path, WORDING).items());
    Files.write(path, "{\"other\": 1}\n".getBytes(StandardCharsets.UTF_8), StandardOpenOption.APPEND);
    byte[] whole = Files.readAllBytes(path);
    Collection.open(path, WORDING).add(items);
    assertArrayEquals(whole, Files.readAllBytes(path.resolveSibling("examples-unread.jsonl")));
    Collection many = Collection.open(path, WORDING);
    String text = String.join("", Collections.nCopies(Collection.LIMIT, "x"));
    assertThrows(BadInput.class, () -> many.add(Arrays.asList(new Item(text, "a"))));
    assertEquals(2, Collection.open(path, WORDING).items().size());
  }

  @Test
  public void pastedLinesHaveTheirLabelBehindATabOrTheChosenOne() {
    Lines.Found found = Lines.readPasted("one\ttravel\r\ntwo\n\nthree\twork", "home", WORDING);
    assertEquals(
        Arrays.asList(new Item("one", "travel"), new Item("two", "home"), new Item("three", "work")), found.items());
    assertEquals(Lines.Reason.EMPTY, Lines.readPasted("two", "", WORDING).bad().get(0).reason());
  }

  @Test
  public void ofEachLabelOneInFiveIsHeldBack() {
    List<Item> items = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      items.add(new Item("text " + i, i % 2 == 0 ? "a" : "b"));
    }
    Split split = Split.of(items, true);
    assertEquals(Collections.nCopies(2, 2), new ArrayList<>(Split.counts(split.heldBack()).values()));
    assertEquals(16, split.train().size());
    Split two = Split.of(items.subList(0, 4), true);
    assertEquals(Collections.nCopies(2, 1), new ArrayList<>(Split.counts(two.heldBack()).values()));
    assertEquals(2, two.train().size());
  }

  @Test
  public void aRepeatedTextIsOnOneSideOnly() {
    List<Item> items = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      items.add(new Item("text " + i % 7, "a"));
    }
    Split split = Split.of(items, true);
    for (Item held : split.heldBack()) {
      assertFalse(split.train().contains(held));
    }
    assertTrue(split.heldBack().size() > 1);
    Split spaced = Split.of(Arrays.asList(new Item("a", "x"), new Item("a ", "x"), new Item(" a", "x")), true);
    assertEquals(3, spaced.train().size());
  }

  @Test
  public void everyLabelGetsAWordOfItsOwn() throws Exception {
    Map<String, Object> words =
        LabelWords.choose(Arrays.asList("sea", "Sea", "a long label", "🦀"), "Label:", new Letters());
    assertEquals(4, new java.util.HashSet<>(words.values()).size());
    for (Object word : words.values()) {
      assertEquals(1, new Letters().continuation((String) word).length);
    }
  }

  @Test
  public void aSpaceThatEndsThePromptIsPartOfTheWords() throws Exception {
    Map<String, Object> words = LabelWords.choose(Arrays.asList("x", "long"), "Label: ", new Letters());
    assertEquals("x", words.get("x"));
    assertEquals(1, new Letters().continuation(" " + words.get("long")).length);
  }

  @Test
  public void theBundlesOwnTaskIsKeptWhereItNamesTheLabels() throws Exception {
    Map<String, Object> task = new LinkedHashMap<>();
    task.put("kind", "classify");
    task.put("prompt", "Note: {note}\nFolder:");
    task.put("labels", Collections.singletonMap("work", " work"));
    Wording wording = Wording.of(task);
    assertEquals("note", wording.textKey());
    assertEquals(task, wording.task(Collections.singletonList("work"), new Letters()));
    Map<String, Object> other = wording.task(Arrays.asList("work", "home"), new Letters());
    assertEquals("Note: {note}\nFolder:", other.get("prompt"));
    assertEquals(2, ((Map<?, ?>) other.get("labels")).size());
  }

  /** One token a word of one letter; else a token a character. */
  private static final class Letters implements Tokenizer {
    @Override
    public int[] prompt(String text) {
      return text.codePoints().toArray();
    }

    @Override
    public int[] continuation(String text) throws BadInput {
      return text.length() == 2 && text.charAt(0) == ' '
          ? new int[] {1000 + text.charAt(1)} : text.codePoints().toArray();
    }

    @Override
    public int[] written(String text) {
      return text.codePoints().toArray();
    }

    @Override
    public String decode(int[] ids) {
      return new String(ids, 0, ids.length);
    }

    @Override
    public int largestId() {
      return 2000;
    }
  }
}
