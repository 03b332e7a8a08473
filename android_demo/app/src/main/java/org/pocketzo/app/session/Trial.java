package org.pocketzo.app.session;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pocketzo.app.examples.Collection;
import org.pocketzo.app.examples.Wording;
import org.pocketzo.app.model.Model;
import org.pocketzo.app.model.Workspace;
import org.pocketzo.runtime.Batch;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.Example;
import org.pocketzo.runtime.Examples;
import org.pocketzo.runtime.Forward;
import org.pocketzo.runtime.Tuned;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.run.RunFolder;
import org.pocketzo.runtime.tasks.DataRecord;
import org.pocketzo.runtime.tasks.Task;
import org.pocketzo.runtime.tasks.Tasks;
import org.pocketzo.runtime.tokenizers.Tokenizer;

/** Asks the base model and the tuned one the same, under the task that was tuned or, before that, the examples' own. */
final class Trial {
  private static final int NEW_TOKENS = 24;

  private final Model model;

  Trial(Model model) {
    this.model = model;
  }

  /** What both say to {@code text}. */
  Answer ask(String text, Collection collection, Wording wording) throws PocketzoException {
    Workspace workspace = model.workspace();
    boolean begun = java.nio.file.Files.exists(workspace.task());
    Map<String, Object> definition =
        begun ? Tasks.read(workspace.task()) : wording.task(collection.labels(), model.tokenizer());
    Bundle bundle = model.bundle();
    Task task = Tasks.make(definition, "task", model.tokenizer(), bundle.manifest().model());
    Path values = workspace.run().resolve(RunFolder.BEST);
    Tuned base = new Tuned(bundle.initialValues(), new double[task.labels().size()], null);
    Tuned tuned =
        java.nio.file.Files.exists(values) ? bundle.tunedValues(values).tuned(task.labels(), values) : null;
    return wording.classifies()
        ? classified(text, wording, task, base, tuned)
        : continued(text, wording, task, base, tuned);
  }

  private Answer classified(String text, Wording wording, Task task, Tuned base, Tuned tuned)
      throws PocketzoException {
    Example example = example(text, task.labels().get(0), wording, task);
    Batch batch = Examples.collate(Collections.singletonList(example), task.words());
    Engine engine = model.engine();
    double[] before = probabilities(base.scored(engine.forward(batch, new float[][] {base.values()})));
    double[] after =
        tuned == null ? null : probabilities(tuned.scored(engine.forward(batch, new float[][] {tuned.values()})));
    return new Answer(text, task.labels(), before, after, null, null);
  }

  private Example example(String text, String answer, Wording wording, Task task) throws PocketzoException {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put(wording.textKey(), text);
    fields.put(wording.answerKey(), answer);
    Manifest.Model about = model.bundle().manifest().model();
    Example example = task.example(new DataRecord(fields, "the text"));
    return Examples.checkFits(example, about.contextTokens(), about.vocabulary());
  }

  /** Softmax of minus the scores' nll. */
  private static double[] probabilities(double[][][] nll) {
    double[] scores = nll[0][0];
    double least = Double.POSITIVE_INFINITY;
    for (double score : scores) {
      least = Math.min(least, score);
    }
    double[] probabilities = new double[scores.length];
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      probabilities[i] = Math.exp(least - scores[i]);
      sum += probabilities[i];
    }
    for (int i = 0; i < scores.length; i++) {
      probabilities[i] /= sum;
    }
    return probabilities;
  }

  private Answer continued(String text, Wording wording, Task task, Tuned base, Tuned tuned)
      throws PocketzoException {
    // A completion of one character shows how the task writes the prompt and where the completion begins.
    Example example = example(text, "a", wording, task);
    int[] prompt = Arrays.copyOf(example.tokens(), example.positions()[0] + 1);
    String before = continuation(prompt, base.values());
    String after = tuned == null ? null : continuation(prompt, tuned.values());
    return new Answer(text, Collections.emptyList(), null, null, before, after);
  }

  /** The likeliest tokens after {@code prompt}, one after another, until the model ends its text. */
  private String continuation(int[] prompt, float[] values) throws PocketzoException {
    Bundle bundle = model.bundle();
    Tokenizer tokenizer = model.tokenizer();
    int vocabulary = (int) bundle.manifest().model().vocabulary();
    long[] words = new long[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      words[i] = i;
    }
    int[] tokens = prompt;
    long room = bundle.manifest().model().contextTokens() - prompt.length;
    if (room < 1) {
      throw new BadInput("the text: is as long as the model can read. Shorten it.");
    }
    for (int count = 0; count < Math.min(NEW_TOKENS, room); count++) {
      int next = likeliest(tokens, words, values);
      Integer end = bundle.manifest().model().eosTokenId();
      if (end != null && next == end) {
        break;
      }
      tokens = Arrays.copyOf(tokens, tokens.length + 1);
      tokens[tokens.length - 1] = next;
    }
    return tokenizer.decode(Arrays.copyOfRange(tokens, prompt.length, tokens.length));
  }

  private int likeliest(int[] tokens, long[] words, float[] values) throws PocketzoException {
    long[][] ids = {new long[tokens.length]};
    for (int i = 0; i < tokens.length; i++) {
      ids[0][i] = tokens[i];
    }
    Batch batch = new Batch(ids, new long[][] {{tokens.length - 1}}, new long[][] {words}, words, null);
    Forward forward = model.engine().forward(batch, new float[][] {values});
    float[] nll = forward.nll()[0][0];
    int best = 0;
    for (int i = 1; i < nll.length; i++) {
      best = nll[i] < nll[best] ? i : best;
    }
    return best;
  }
}
