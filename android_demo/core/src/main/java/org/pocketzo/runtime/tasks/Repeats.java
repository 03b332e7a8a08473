package org.pocketzo.runtime.tasks;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.system.Files;

/**
 * Validation records that repeat training records: what was learnt by heart proves nothing of new ones.
 *
 * <p>Of {@code all} validation records, how many are among the training records, and how many have the text of one with
 * another label. Compared is what the model sees.
 */
public record Repeats(int records, int texts, int all) {
  /** Which of the examples {@code heldOut} are in {@code train} too. */
  public static Repeats of(List<Example> train, List<Example> heldOut) {
    Set<Object> held = new HashSet<>();
    for (Example example : heldOut) {
      held.add(text(example));
      held.add(whole(example));
    }
    Set<Object> there = new HashSet<>();
    for (Example example : train) {
      for (Object key : new Object[] {text(example), whole(example)}) {
        if (held.contains(key)) {
          there.add(key);
        }
      }
    }
    int records = 0;
    int texts = 0;
    for (Example example : heldOut) {
      if (there.contains(whole(example))) {
        records++;
      } else if (example.answer() >= 0 && there.contains(text(example))) {
        texts++;
      }
    }
    return new Repeats(records, texts, heldOut.size());
  }

  /** The prompt. */
  private static Object text(Example example) {
    return IntBuffer.wrap(Arrays.copyOf(example.tokens(), example.positions()[0] + 1));
  }

  private static Object whole(Example example) {
    return Arrays.asList(text(example), IntBuffer.wrap(example.targets()), example.answer());
  }

  /** What to say of them before a run. */
  public List<String> warnings() {
    List<String> said = new ArrayList<>();
    if (records > 0) {
      said.add(
          share(records, "is", "are") + " in the training file too: how the model does on them says nothing of new"
              + " ones.");
    }
    if (texts > 0) {
      said.add(
          share(texts, "has", "have") + " the text of a training record, but another label: one of the two is probably"
              + " wrong.");
    }
    return said;
  }

  private String share(int count, String one, String many) {
    return Files.grouped(count) + " of " + Files.grouped(all) + " validation records " + (count == 1 ? one : many);
  }
}
