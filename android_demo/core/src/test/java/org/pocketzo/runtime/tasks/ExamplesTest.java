package org.pocketzo.runtime.tasks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.Fixtures;
import org.pocketzo.runtime.Jobs;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.tokenizers.Tokenizer;
import org.pocketzo.runtime.tokenizers.Tokenizers;

/** What tasks make of records. */
class ExamplesTest {
  @Test
  @SuppressWarnings("unchecked")
  void examplesAndRefusalsAreThoseOfPython() throws Exception {
    Bundle bundle = Jobs.bundle();
    Tokenizer tokenizer = Tokenizers.open(bundle.directory().resolve(Bundle.TOKENIZER));
    int made = 0;
    for (Object row : Fixtures.table("examples")) {
      Map<String, Object> definition = (Map<String, Object>) Fixtures.get(row, "task");
      String error = (String) Fixtures.get(row, "error");
      if (error != null) {
        BadInput said =
            assertThrows(
                BadInput.class, () -> Tasks.make(definition, "task", tokenizer, bundle.manifest().model()));
        assertEquals(error, said.getMessage());
        continue;
      }
      Task task = Tasks.make(definition, "task", tokenizer, bundle.manifest().model());
      for (Object wanted : (List<?>) Fixtures.get(row, "examples")) {
        assertEquals(shown(wanted), shown(task, (Map<String, Object>) Fixtures.get(wanted, "record")));
        made++;
      }
    }
    assertTrue(made > 100, "there are " + made);
  }

  private static String shown(Object wanted) {
    Object error = Fixtures.get(wanted, "error");
    return error != null
        ? (String) error
        : Fixtures.get(wanted, "tokens") + " " + Fixtures.get(wanted, "positions") + " "
            + Fixtures.get(wanted, "targets") + " " + Fixtures.get(wanted, "answer");
  }

  private static String shown(Task task, Map<String, Object> fields) throws PocketzoException {
    try {
      Example made = task.example(new DataRecord(fields, "line 1"));
      return Arrays.toString(made.tokens()) + " " + Arrays.toString(made.positions()) + " "
          + Arrays.toString(made.targets()) + " " + made.answer();
    } catch (BadInput e) {
      return e.getMessage();
    }
  }

  @Test
  void repeatedRecordsAreCountedBeforeARun() {
    List<Example> train = Arrays.asList(labelled(0, 1, 2), labelled(1, 1, 3), labelled(1, 1, 3));
    List<Example> held = Arrays.asList(labelled(0, 1, 2), labelled(1, 1, 2), labelled(1, 1, 3), labelled(0, 1));
    Repeats repeats = Repeats.of(train, held);
    assertEquals(new Repeats(2, 1, 4), repeats);
    assertEquals(
        Arrays.asList(
            "2 of 4 validation records are in the training file too: how the model does on them says nothing of new"
                + " ones.",
            "1 of 4 validation records has the text of a training record, but another label: one of the two is probably"
                + " wrong."),
        repeats.warnings());
    List<Example> completions = new ArrayList<>();
    completions.add(new Example(new int[] {1, 2}, new int[] {0, 1}, new int[] {2, 9}, "", -1));
    Example sameText = new Example(new int[] {1, 2, 3}, new int[] {0, 1, 2}, new int[] {2, 3, 9}, "", -1);
    Example cutElsewhere = new Example(new int[] {1, 2}, new int[] {1}, new int[] {9}, "", -1);
    assertEquals(new Repeats(0, 0, 2), Repeats.of(completions, Arrays.asList(sameText, cutElsewhere)));
    assertEquals(new Repeats(1, 0, 1), Repeats.of(completions, completions));
    assertEquals(Collections.emptyList(), Repeats.of(train, completions).warnings());
  }

  private static Example labelled(int answer, int... tokens) {
    return new Example(tokens, new int[] {tokens.length - 1}, new int[] {7, 8}, "", answer);
  }
}
