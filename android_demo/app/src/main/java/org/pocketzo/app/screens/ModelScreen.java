package org.pocketzo.app.screens;

import android.app.Activity;
import android.app.ActivityManager;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ProgressBar;
import android.widget.TextView;
import org.pocketzo.app.R;
import org.pocketzo.app.Words;
import org.pocketzo.app.model.ModelState;
import org.pocketzo.runtime.bundle.Manifest;

/** What is in the bundle, whether this phone computes it right, and whether memory suffices. */
public final class ModelScreen extends Screen {
  private static final int FULL = 1000;
  private Manifest described;

  public ModelScreen(Activity activity) {
    super(activity, R.layout.screen_model);
    find(R.id.test_again).setOnClickListener(v -> session.testAgain());
    find(R.id.copy_again).setOnClickListener(v -> session.copyAgain());
  }

  @Override
  public void refresh() {
    ModelState state = session.model();
    boolean working = working(state.phase());
    show(R.id.working, working || state.phase() == ModelState.Phase.ABSENT);
    show(R.id.working_bar, working);
    text(R.id.working_text, activity.getString(work(state.phase())));
    ProgressBar bar = find(R.id.working_bar);
    bar.setIndeterminate(state.phase() == ModelState.Phase.TESTING || state.phase() == ModelState.Phase.UNKNOWN);
    bar.setProgress((int) (FULL * state.done()));
    trouble(state.trouble());
    show(R.id.copy_again, state.phase() == ModelState.Phase.FAILED && state.manifest() == null);
    boolean known = state.manifest() != null;
    show(R.id.facts_card, known);
    if (known && described != state.manifest()) {
      described = state.manifest();
      describe(state);
    }
    boolean tested = known && !Double.isNaN(state.difference());
    show(R.id.test_card, tested);
    if (tested) {
      describeTest(state);
    }
    show(R.id.memory_card, known);
    if (known) {
      describeMemory();
    }
  }

  private static boolean working(ModelState.Phase phase) {
    return phase != ModelState.Phase.READY && phase != ModelState.Phase.FAILED && phase != ModelState.Phase.ABSENT;
  }

  private static int work(ModelState.Phase phase) {
    return switch (phase) {
      case COPYING -> R.string.model_copying;
      case CHECKING -> R.string.model_checking;
      case TESTING -> R.string.model_testing;
      case ABSENT -> R.string.model_absent_advice;
      case UNKNOWN, READY, FAILED -> R.string.model_opening;
    };
  }

  private void describe(ModelState state) {
    Manifest manifest = state.manifest();
    Manifest.Model model = manifest.model();
    text(R.id.name, model.name());
    ViewGroup facts = find(R.id.facts);
    facts.removeAllViews();
    fact(facts, R.string.model_parameters, Words.many(activity, model.parameters()));
    fact(facts, R.string.model_layers, Words.number(activity, model.layers(), 0));
    fact(facts, R.string.model_weights,
        activity.getString(R.string.model_bits, manifest.quantization().weightBits()));
    fact(facts, R.string.model_tuned, Words.many(activity, manifest.values().count()));
    fact(facts, R.string.model_context,
        activity.getString(R.string.model_tokens, Words.number(activity, model.contextTokens(), 0)));
    fact(facts, R.string.model_size, Words.size(activity, state.bytes()));
  }

  private void fact(ViewGroup facts, int name, String value) {
    View row = LayoutInflater.from(activity).inflate(R.layout.fact, facts, false);
    ((TextView) row.findViewById(R.id.fact_name)).setText(name);
    ((TextView) row.findViewById(R.id.fact_value)).setText(value);
    facts.addView(row);
  }

  private void describeTest(ModelState state) {
    boolean passed = state.phase() != ModelState.Phase.FAILED;
    text(R.id.test, activity.getText(passed ? R.string.model_test_passed : R.string.model_test_failed));
    TextView title = find(R.id.test);
    title.setTextColor(activity.getColor(passed ? R.color.primary : R.color.problem));
    title.setCompoundDrawablesRelativeWithIntrinsicBounds(
        passed ? R.drawable.ic_passed : R.drawable.ic_problem, 0, 0, 0);
    text(R.id.test_more, activity.getString(R.string.model_test_passed_more,
        Words.small(activity, state.difference()), Words.small(activity, state.tolerance())));
  }

  private void describeMemory() {
    ActivityManager.MemoryInfo memory = new ActivityManager.MemoryInfo();
    activity.getSystemService(ActivityManager.class).getMemoryInfo(memory);
    long needed = session.neededMemory();
    boolean enough = memory.availMem >= needed;
    text(R.id.memory,
        activity.getText(enough ? R.string.model_memory_enough : R.string.model_memory_tight));
    text(R.id.memory_more, activity.getString(R.string.model_memory_figures,
        Words.size(activity, needed), Words.size(activity, memory.availMem)));
    ProgressBar bar = find(R.id.memory_bar);
    bar.setProgress((int) Math.min(FULL, FULL * needed / Math.max(1, memory.availMem)));
  }
}
