package org.pocketzo.app.screens;

import android.content.res.ColorStateList;
import android.view.View;
import org.pocketzo.app.R;

/** A colour for each label, beside its name and never instead of it. */
final class LabelColours {
  private static final int[] COLOURS = {
    R.color.label_1, R.color.label_2, R.color.label_3, R.color.label_4, R.color.label_5, R.color.label_6
  };

  private LabelColours() {}

  /** Colours the dot of the label at {@code index}. */
  static void tint(View dot, int index) {
    int colour = dot.getContext().getColor(COLOURS[Math.max(0, index) % COLOURS.length]);
    dot.setBackgroundTintList(ColorStateList.valueOf(colour));
  }
}
