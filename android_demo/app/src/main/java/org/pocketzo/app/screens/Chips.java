package org.pocketzo.app.screens;

import android.view.LayoutInflater;
import android.view.ViewGroup;
import android.widget.TextView;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.pocketzo.app.R;

/** Choices of which one is chosen, each a rounded word to tap. */
final class Chips {
  private Chips() {}

  /** Shows {@code choices} in {@code parent}, unless it shows them, with {@code chosen} marked. */
  static void show(ViewGroup parent, List<String> choices, String chosen, Consumer<String> choose) {
    boolean same = parent.getChildCount() == choices.size();
    for (int i = 0; same && i < choices.size(); i++) {
      same = choices.get(i).contentEquals(((TextView) parent.getChildAt(i)).getText());
    }
    if (!same) {
      parent.removeAllViews();
      for (String choice : choices) {
        TextView chip = (TextView) LayoutInflater.from(parent.getContext()).inflate(R.layout.chip, parent, false);
        chip.setText(choice);
        chip.setOnClickListener(v -> choose.accept(choice));
        parent.addView(chip);
      }
    }
    for (int i = 0; i < choices.size(); i++) {
      parent.getChildAt(i).setSelected(Objects.equals(choices.get(i), chosen));
    }
  }
}
