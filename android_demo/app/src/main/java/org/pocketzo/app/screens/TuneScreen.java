package org.pocketzo.app.screens;

import android.app.Activity;
import android.content.Intent;
import android.widget.Button;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.Switch;
import java.util.ArrayList;
import java.util.List;
import org.pocketzo.app.R;
import org.pocketzo.app.Words;
import org.pocketzo.app.examples.Missing;
import org.pocketzo.app.model.Trouble;
import org.pocketzo.app.share.ResultProvider;
import org.pocketzo.app.tuning.RunState;
import org.pocketzo.app.views.ChartView;
import org.pocketzo.app.work.Phone;
import org.pocketzo.app.work.Rules;
import org.pocketzo.app.work.TuneService;

/** Starts, shows and ends tuning. */
public final class TuneScreen extends Screen {
  private static final int[] STEPS = {100, 200, 500, 1000};
  private static final int MORE = 100;
  private static final int PERCENT = 100;

  private final Rules rules;
  private final Runnable toExamples;
  private final Runnable askToNotify;
  private int steps = STEPS[1];
  private Trouble refused;
  private boolean ordering;

  public TuneScreen(Activity activity, Runnable toExamples, Runnable askToNotify) {
    super(activity, R.layout.screen_tune);
    this.rules = new Rules(activity);
    this.toExamples = toExamples;
    this.askToNotify = askToNotify;
    find(R.id.missing_go).setOnClickListener(v -> this.toExamples.run());
    find(R.id.go).setOnClickListener(v -> go());
    find(R.id.anew).setOnClickListener(v -> Dialogs.confirm(activity, R.string.tune_anew_title,
        R.string.tune_anew_text, R.string.yes_anew, this::start));
    find(R.id.undo).setOnClickListener(v -> Dialogs.confirm(activity, R.string.tune_undo_title,
        R.string.tune_undo_text, R.string.yes_undo, session::undo));
    find(R.id.share).setOnClickListener(v -> share());
    Switch charging = find(R.id.rule_charging);
    charging.setChecked(rules.charging());
    charging.setOnCheckedChangeListener((v, on) -> ruled(() -> rules.charging(on)));
    Switch idle = find(R.id.rule_idle);
    idle.setChecked(rules.idle());
    idle.setOnCheckedChangeListener((v, on) -> ruled(() -> rules.idle(on)));
    boolean large = activity.getResources().getConfiguration().fontScale > Screens.LARGE_FONT;
    ((LinearLayout) find(R.id.figures)).setOrientation(large ? LinearLayout.VERTICAL : LinearLayout.HORIZONTAL);
    if (large) {
      Screens.stack(find(R.id.before_panel));
      Screens.stack(find(R.id.after_panel));
    }
  }

  /** The steps that a new run is to take. */
  public int steps() {
    return steps;
  }

  public void steps(int chosen) {
    steps = chosen;
  }

  @Override
  public void refresh() {
    RunState run = session.run();
    Missing missing = session.collection() == null ? null : session.missing();
    trouble(run.trouble() != null ? run.trouble() : refused);
    showMissing(run, missing);
    showResult(run);
    showProgress(run, missing);
    showCharts(run);
    show(R.id.outcome, !run.active() && !run.evaluations().isEmpty());
    showRules();
    showPhone();
  }

  private void showMissing(RunState run, Missing missing) {
    boolean blocked = missing != null && missing != Missing.NOTHING && run.phase() == RunState.Phase.NONE;
    show(R.id.missing, blocked);
    if (!blocked) {
      return;
    }
    boolean lone = missing == Missing.SECOND_EXAMPLE;
    int title = missing == Missing.LABELS ? R.string.missing_labels : R.string.missing_examples;
    text(R.id.missing_title, lone
        ? activity.getString(R.string.missing_second, session.loneLabel()) : activity.getText(title));
    text(R.id.missing_advice, activity.getText(lone ? R.string.missing_second_advice
        : missing == Missing.LABELS ? R.string.missing_labels_advice : R.string.missing_examples_advice));
  }

  private void showResult(RunState run) {
    show(R.id.result, run.before() != null);
    if (run.before() == null) {
      return;
    }
    RunState.Evaluated best = run.best();
    boolean judged = run.before().accuracy() != null;
    text(R.id.before, Words.figure(activity, run.before()));
    text(R.id.after, run.evaluations().size() < 2
        ? activity.getText(R.string.tune_not_yet) : Words.figure(activity, best.evaluation()));
    int count = run.before().examples();
    String examples = activity.getResources().getQuantityString(R.plurals.examples_dative, count, count);
    text(R.id.result_more,
        activity.getString(judged ? R.string.tune_on_held : R.string.tune_on_held_loss, examples));
  }

  private void showProgress(RunState run, Missing missing) {
    text(R.id.doing, activity.getText(Words.phase(run)));
    boolean begun = run.phase() != RunState.Phase.NONE;
    ProgressBar bar = find(R.id.bar);
    show(R.id.bar, begun);
    bar.setMax(Math.max(1, run.steps()));
    bar.setProgress(run.step());
    show(R.id.step, begun);
    text(R.id.step, activity.getString(R.string.tune_progress, run.step(), run.steps()));
    boolean timed = run.phase() == RunState.Phase.RUNNING && run.secondsLeft() >= 0;
    show(R.id.left, timed);
    if (timed) {
      text(R.id.left,
          activity.getString(R.string.tune_left, Words.duration(activity, run.secondsLeft())));
    }
    Button go = find(R.id.go);
    String label = switch (run.phase()) {
      case NONE -> activity.getString(R.string.tune_start);
      case RUNNING, WAITING -> activity.getString(R.string.pause);
      case PAUSED, FAILED -> activity.getString(R.string.tune_resume);
      case DONE -> activity.getString(R.string.tune_more, MORE);
    };
    text(R.id.go, label);
    go.setEnabled(session.model().ready() && !ordering && (begun || missing == Missing.NOTHING));
    show(R.id.anew, begun && !run.active() && missing == Missing.NOTHING);
  }

  private void showCharts(RunState run) {
    show(R.id.charts, run.step() > 0 || !run.evaluations().isEmpty());
    List<ChartView.Point> losses = new ArrayList<>();
    for (int i = 0; i < run.losses().size(); i++) {
      losses.add(new ChartView.Point(i + 1, run.losses().get(i)));
    }
    boolean judged = run.before() != null && run.before().accuracy() != null;
    List<ChartView.Point> checks = new ArrayList<>();
    for (RunState.Evaluated each : run.evaluations()) {
      checks.add(new ChartView.Point(
          each.step(), judged ? each.evaluation().accuracy() : each.evaluation().loss()));
    }
    ChartView loss = find(R.id.loss_chart);
    loss.show(losses, run.steps(), false, false, activity.getColor(R.color.base),
        value -> Words.number(activity, value, 2));
    ChartView check = find(R.id.check_chart);
    check.show(checks, run.steps(), true, judged, activity.getColor(R.color.primary),
        value -> judged ? Words.percent(activity, value) : Words.number(activity, value, 2));
    text(R.id.check_legend,
        activity.getText(judged ? R.string.tune_accuracy_chart : R.string.tune_held_loss_chart));
    if (!losses.isEmpty()) {
      loss.setContentDescription(activity.getString(R.string.tune_loss_spoken,
          Words.number(activity, losses.get(0).value(), 2),
          Words.number(activity, losses.get(losses.size() - 1).value(), 2), run.step()));
    }
    if (run.before() != null) {
      check.setContentDescription(activity.getString(R.string.tune_checks_spoken,
          Words.figure(activity, run.before()), Words.figure(activity, run.best().evaluation())));
    }
  }

  private void showRules() {
    List<String> levels = new ArrayList<>();
    String chosen = null;
    for (int level : Rules.LEVELS) {
      String name = level == 0 ? activity.getString(R.string.tune_rule_level_none)
          : Words.percent(activity, (double) level / PERCENT);
      levels.add(name);
      chosen = level == rules.level() ? name : chosen;
    }
    Chips.show(find(R.id.levels), levels, chosen, name -> {
      ruled(() -> rules.level(Rules.LEVELS[levels.indexOf(name)]));
      showRules();
    });
    List<String> choices = new ArrayList<>();
    for (int choice : STEPS) {
      choices.add(Words.number(activity, choice, 0));
    }
    Chips.show(find(R.id.step_choices), choices, Words.number(activity, steps, 0), name -> {
      steps = STEPS[choices.indexOf(name)];
      showRules();
    });
  }

  /** Changes a rule; a run that waited for one tries again under those of now. */
  private void ruled(Runnable change) {
    change.run();
    if (session.tuning().wanted() && !session.tuning().running()
        && session.run().phase() == RunState.Phase.WAITING) {
      begin();
    }
  }

  private void showPhone() {
    Phone phone = Phone.now(activity);
    int heat = phone.heat() < 0 ? R.string.heat_unknown
        : phone.heat() == 0 ? R.string.heat_normal : phone.heat() < 3 ? R.string.heat_warm : R.string.heat_hot;
    text(R.id.temperature, Double.isNaN(phone.celsius()) ? activity.getString(heat)
        : activity.getString(R.string.tune_temperature, Words.number(activity, phone.celsius(), 0),
            activity.getString(heat)));
  }

  private void go() {
    refused = null;
    switch (session.run().phase()) {
      case NONE -> start();
      case RUNNING, WAITING -> TuneService.pause(activity);
      case PAUSED, FAILED -> ordered(() -> session.orderMore(0, this::begin, this::refuse));
      case DONE -> ordered(() -> session.orderMore(MORE, this::begin, this::refuse));
    }
  }

  private void start() {
    refused = null;
    ordered(() -> session.order(steps, this::begin, this::refuse));
  }

  /** Orders something unless an order is on its way: a finger that taps twice means it once. */
  private void ordered(Runnable order) {
    if (!ordering) {
      ordering = true;
      askToNotify.run();
      order.run();
      refresh();
    }
  }

  private void begin() {
    ordering = false;
    TuneService.start(activity);
  }

  private void refuse(Trouble trouble) {
    ordering = false;
    refused = trouble;
    refresh();
  }

  private void share() {
    Intent share = ResultProvider.share(activity, session.workspace());
    if (share != null) {
      activity.startActivity(share);
    }
  }
}
