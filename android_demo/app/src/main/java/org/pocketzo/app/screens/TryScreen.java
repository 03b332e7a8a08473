package org.pocketzo.app.screens;

import android.app.Activity;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.TextView;
import org.pocketzo.app.R;
import org.pocketzo.app.Words;
import org.pocketzo.app.examples.Missing;
import org.pocketzo.app.session.Answer;
import org.pocketzo.app.session.TrialState;
import org.pocketzo.app.tuning.RunState;

/** Base model and tuned model, asked the same, side by side. */
public final class TryScreen extends Screen {
  private static final int FULL = 1000;
  private static final int SHOWN = 6;

  private final boolean stacked;
  private Answer shown;

  public TryScreen(Activity activity) {
    super(activity, R.layout.screen_try);
    stacked = activity.getResources().getConfiguration().fontScale > Screens.LARGE_FONT;
    ((LinearLayout) find(R.id.answers)).setOrientation(stacked ? LinearLayout.VERTICAL : LinearLayout.HORIZONTAL);
    find(R.id.ask).setOnClickListener(v -> ask());
  }

  @Override
  public void refresh() {
    TrialState trial = session.trial();
    boolean labels = session.wording().classifies() && session.collection() != null
        && session.run().phase() == RunState.Phase.NONE && session.missing() != Missing.NOTHING
        && session.missing() != Missing.SECOND_EXAMPLE;
    boolean known = session.collection() != null || session.run().phase() != RunState.Phase.NONE;
    find(R.id.ask).setEnabled(session.model().ready() && known && !trial.busy() && !labels);
    text(R.id.try_said, trial.busy() ? activity.getText(R.string.try_busy)
        : labels ? activity.getText(R.string.try_need_labels) : "");
    show(R.id.try_said, trial.busy() || labels);
    trouble(trial.trouble());
    Answer answer = trial.answer();
    show(R.id.empty, answer == null && trial.trouble() == null && !labels);
    show(R.id.asked, answer != null);
    show(R.id.answers, answer != null);
    if (answer != null && answer != shown) {
      text(R.id.asked, answer.text());
      ViewGroup answers = find(R.id.answers);
      answers.removeAllViews();
      answers.addView(column(answers, answer, false));
      answers.addView(column(answers, answer, true));
    }
    shown = answer;
  }

  private void ask() {
    EditText text = find(R.id.try_text);
    if (text.getText().toString().trim().isEmpty()) {
      text.setError(activity.getText(R.string.examples_need_text));
      text.requestFocus();
    } else {
      session.ask(text.getText().toString().trim());
    }
  }

  private View column(ViewGroup answers, Answer answer, boolean tuned) {
    View column = LayoutInflater.from(activity).inflate(R.layout.answer, answers, false);
    LinearLayout.LayoutParams place = (LinearLayout.LayoutParams) column.getLayoutParams();
    int gap = activity.getResources().getDimensionPixelSize(R.dimen.space_s) / 2;
    place.setMarginStart(tuned ? gap : 0);
    place.setMarginEnd(tuned ? 0 : gap);
    if (stacked) {
      Screens.stack(column);
    }
    TextView who = column.findViewById(R.id.who);
    who.setText(tuned ? R.string.try_tuned : R.string.try_base);
    who.setTextColor(activity.getColor(tuned ? R.color.primary : R.color.base));
    TextView what = column.findViewById(R.id.what);
    double[] shares = tuned ? answer.tuned() : answer.base();
    String written = tuned ? answer.tunedText() : answer.baseText();
    if (shares == null && written == null) {
      what.setText(R.string.try_untuned);
      what.setTextAppearance(R.style.Text_Soft);
    } else if (shares != null) {
      what.setText(answer.labels().get(Answer.best(shares)));
      fill(column.findViewById(R.id.shares), answer, shares, tuned);
    } else {
      what.setText(written.trim().isEmpty() ? activity.getText(R.string.try_nothing) : written.trim());
      what.setTextAppearance(R.style.Text);
    }
    return column;
  }

  private void fill(ViewGroup rows, Answer answer, double[] shares, boolean tuned) {
    for (int i = 0; i < Math.min(SHOWN, shares.length); i++) {
      View row = LayoutInflater.from(activity).inflate(R.layout.share, rows, false);
      String share = Words.percent(activity, shares[i]);
      ((TextView) row.findViewById(R.id.share_name)).setText(answer.labels().get(i));
      ((TextView) row.findViewById(R.id.share_value)).setText(share);
      ProgressBar bar = row.findViewById(R.id.share_bar);
      bar.setProgressDrawable(activity.getDrawable(tuned ? R.drawable.bar : R.drawable.bar_base));
      bar.setProgress((int) (FULL * shares[i]));
      row.setContentDescription(activity.getString(R.string.try_probability, answer.labels().get(i), share));
      rows.addView(row);
    }
  }
}
