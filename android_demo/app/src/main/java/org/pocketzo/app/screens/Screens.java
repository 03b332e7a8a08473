package org.pocketzo.app.screens;

import android.view.View;
import android.widget.LinearLayout;

/** What pages share in how they are laid out. */
final class Screens {
  /** Font scale from which things stand below each other that else stand side by side. */
  static final float LARGE_FONT = 1.3f;

  private Screens() {}

  /** Lets a view take the whole width of its parent. */
  static void stack(View view) {
    LinearLayout.LayoutParams place = (LinearLayout.LayoutParams) view.getLayoutParams();
    place.width = LinearLayout.LayoutParams.MATCH_PARENT;
    place.height = LinearLayout.LayoutParams.WRAP_CONTENT;
    place.weight = 0;
    int gap = Math.max(place.getMarginStart(), place.getMarginEnd());
    place.topMargin = place.getMarginStart() > 0 ? gap : place.topMargin;
    place.setMarginStart(0);
    place.setMarginEnd(0);
    view.setLayoutParams(place);
  }
}
