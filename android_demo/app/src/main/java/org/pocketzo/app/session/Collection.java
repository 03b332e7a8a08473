package org.pocketzo.app.session;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.pocketzo.runtime.BadInput;
import org.pocketzo.runtime.Files;

/** The person's examples; every change is on the disk before it counts. */
public final class Collection {
  private final Path path;
  private final Wording wording;
  private List<Item> items;

  private Collection(Path path, Wording wording, List<Item> items) {
    this.path = path;
    this.wording = wording;
    this.items = items;
  }

  /** The examples kept in {@code path}, none if there is no such file; throws BadInput if it cannot be read. */
  public static Collection open(Path path, Wording wording) throws BadInput {
    if (!java.nio.file.Files.exists(path)) {
      return new Collection(path, wording, new ArrayList<>());
    }
    String text = Files.decodeText(Files.readFile(path, "examples"), path, "examples");
    return new Collection(path, wording, Lines.read(text, wording).items());
  }

  /** All examples, oldest first. */
  public List<Item> items() {
    return Collections.unmodifiableList(items);
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
  public void add(List<Item> more) throws BadInput {
    List<Item> changed = new ArrayList<>(items);
    changed.addAll(more);
    keep(changed);
  }

  /** Puts {@code item} in the place of the example at {@code index}. */
  public void replace(int index, Item item) throws BadInput {
    List<Item> changed = new ArrayList<>(items);
    changed.set(index, item);
    keep(changed);
  }

  /** Removes the example at {@code index}. */
  public void remove(int index) throws BadInput {
    List<Item> changed = new ArrayList<>(items);
    changed.remove(index);
    keep(changed);
  }

  /** Gives all examples of one label another; two labels with one name become one. */
  public void rename(String label, String name) throws BadInput {
    List<Item> changed = new ArrayList<>();
    for (Item item : items) {
      changed.add(item.answer().equals(label) ? new Item(item.text(), name) : item);
    }
    keep(changed);
  }

  /** Removes all examples of a label. */
  public void removeLabel(String label) throws BadInput {
    List<Item> changed = new ArrayList<>();
    for (Item item : items) {
      if (!item.answer().equals(label)) {
        changed.add(item);
      }
    }
    keep(changed);
  }

  private void keep(List<Item> changed) throws BadInput {
    byte[] content = Lines.write(changed, wording).getBytes(StandardCharsets.UTF_8);
    Files.writeAtomically(path, out -> out.write(content));
    items = changed;
  }
}
