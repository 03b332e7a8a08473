package org.pocketzo.app.examples;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.system.Files;

/** The person's examples; every change is on the disk before it counts. From any thread. */
public final class Collection {
  /** Bytes of all examples, and of a file that is imported: a phone gives an app little memory for its objects. */
  public static final int LIMIT = 1 << 24;

  /** How they are kept, whatever the bundle calls its fields: an app with another bundle must find them again. */
  private static final Wording KEPT = new Wording(true, "text", "answer", null);

  private static final String UNREAD = "examples-unread.jsonl";

  private final Path path;
  private final Wording wording;
  private volatile List<Item> items;

  private Collection(Path path, Wording wording, List<Item> items) {
    this.path = path;
    this.wording = wording;
    this.items = Collections.unmodifiableList(items);
  }

  /** The examples kept in {@code path}, none if there is no such file; throws BadInput if it cannot be read. */
  public static Collection open(Path path, Wording wording) throws BadInput {
    if (!java.nio.file.Files.exists(path)) {
      return new Collection(path, wording, new ArrayList<>());
    }
    byte[] content = Files.readFile(path, "examples");
    String text = Files.decodeText(content, path, "examples");
    Lines.Found found = Lines.read(text, KEPT);
    if (!found.bad().isEmpty()) {
      // The next change writes what was read alone, so the file as it is goes aside.
      Files.writeAtomically(path.resolveSibling(UNREAD), out -> out.write(content));
    }
    return new Collection(path, wording, found.items());
  }

  /** All examples, oldest first; the same list until they change. */
  public List<Item> items() {
    return items;
  }

  /** The labels in use and those of the bundle's own task, in a steady order. */
  public List<String> labels() {
    Set<String> labels = new LinkedHashSet<>(wording.labels());
    for (Item item : items) {
      labels.add(item.answer());
    }
    return new ArrayList<>(labels);
  }

  /** Adds examples; throws BadInput if they cannot be kept, and then holds what it held before. */
  public synchronized void add(List<Item> more) throws BadInput {
    List<Item> changed = new ArrayList<>(items);
    changed.addAll(more);
    keep(changed);
  }

  /** Puts {@code item} in the place of the example at {@code index}. */
  public synchronized void replace(int index, Item item) throws BadInput {
    List<Item> changed = new ArrayList<>(items);
    changed.set(index, item);
    keep(changed);
  }

  /** Removes the example at {@code index}. */
  public synchronized void remove(int index) throws BadInput {
    List<Item> changed = new ArrayList<>(items);
    changed.remove(index);
    keep(changed);
  }

  /** Gives all examples of one label another; two labels with one name become one. */
  public synchronized void rename(String label, String name) throws BadInput {
    List<Item> changed = new ArrayList<>();
    for (Item item : items) {
      changed.add(item.answer().equals(label) ? new Item(item.text(), name) : item);
    }
    keep(changed);
  }

  /** Removes all examples of a label. */
  public synchronized void removeLabel(String label) throws BadInput {
    List<Item> changed = new ArrayList<>();
    for (Item item : items) {
      if (!item.answer().equals(label)) {
        changed.add(item);
      }
    }
    keep(changed);
  }

  private void keep(List<Item> changed) throws BadInput {
    byte[] content = Lines.write(changed, KEPT).getBytes(StandardCharsets.UTF_8);
    if (content.length > LIMIT) {
      throw BadInput.of("the examples", "would be " + content.length + " bytes, the limit is " + LIMIT, "Use fewer");
    }
    Files.writeAtomically(path, out -> out.write(content));
    items = Collections.unmodifiableList(changed);
  }
}
