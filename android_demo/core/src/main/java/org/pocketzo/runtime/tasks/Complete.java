package org.pocketzo.runtime.tasks;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.tokenizers.Tokenizer;

/**
 * complete: a prompt and the text that should follow. The loss is the mean nll of the completion's tokens. The
 * end-of-sequence token is part of the completion where the model has one, so that it learns to stop.
 *
 * <p>Spaces that end a prompt are read as the beginning of its completion.
 */
public final class Complete implements Task {
  public static final String KIND = "complete";

  /** What a task file of this kind may hold besides. */
  static final List<String> KEYS = Collections.unmodifiableList(Arrays.asList("prompt", "completion"));

  private final String prompt;
  private final String completion;
  private final Tokenizer tokenizer;
  private final Integer end;
  private final long[] words;

  /** Throws BadInput if "prompt" or "completion", both optional templates, are not texts. */
  Complete(Map<String, Object> definition, Object where, Tokenizer tokenizer, int vocabulary, Integer end)
      throws BadInput {
    prompt = template(definition, where, "prompt");
    completion = template(definition, where, "completion");
    this.tokenizer = tokenizer;
    this.end = end;
    words = new long[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      words[i] = i;
    }
  }

  /** None: a completion has no labels. */
  static List<String> labelsOf(Map<String, Object> definition) {
    return Collections.emptyList();
  }

  private static String template(Map<String, Object> definition, Object where, String name) throws BadInput {
    String place = "{" + name + "}";
    return Template.check(definition.containsKey(name) ? definition.get(name) : place, where, name, place);
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public List<String> labels() {
    return Collections.emptyList();
  }

  @Override
  public long[] words() {
    return words;
  }

  /** Scores every token of the completion, each predicted by the one before it. */
  @Override
  public Example example(DataRecord record) throws PocketzoException {
    String asked = Template.fill(prompt, record);
    String answer = Template.fill(completion, record);
    int[] before = tokenizer.prompt(Template.body(asked));
    int[] after = answer.isEmpty() ? new int[0] : tokenizer.continuation(Template.end(asked) + answer);
    if (before.length == 0 || after.length == 0) {
      String part = before.length == 0 ? "prompt" : "completion";
      String what = before.length == 0 ? " that is no space" : "";
      throw new BadInput(
          record.where() + ": the " + part + " is empty. Give it at least one character" + what + ".");
    }
    int[] targets = after;
    if (end != null) {
      targets = Arrays.copyOf(after, after.length + 1);
      targets[after.length] = end;
    }
    int[] tokens = Arrays.copyOf(before, before.length + targets.length - 1);
    System.arraycopy(targets, 0, tokens, before.length, targets.length - 1);
    int[] positions = new int[targets.length];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = before.length - 1 + i;
    }
    return new Example(tokens, positions, targets, record.where(), -1);
  }

  /** Loss: mean nll over the completion's tokens. Nothing is right or wrong. */
  @Override
  public Judgement judge(double[][] nll, List<Example> examples) {
    double[] losses = new double[nll.length];
    for (int b = 0; b < nll.length; b++) {
      double sum = 0;
      for (double x : nll[b]) {
        sum += x;
      }
      losses[b] = sum / examples.get(b).targets().length;
    }
    return new Judgement(losses, null);
  }
}
