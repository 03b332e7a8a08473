package org.pocketzo.app.screens;

import android.app.Activity;
import android.view.LayoutInflater;
import android.view.View;
import android.widget.TextView;
import org.pocketzo.app.R;
import org.pocketzo.app.model.Trouble;
import org.pocketzo.app.session.Session;

/** One of the app's pages: a view, and how it looks now. */
public abstract class Screen {
  final Activity activity;
  final Session session;
  private final View view;
  private Trouble shown;

  Screen(Activity activity, int layout) {
    this.activity = activity;
    this.session = Session.of(activity);
    view = LayoutInflater.from(activity).inflate(layout, null);
    if (view.findViewById(R.id.trouble) != null) {
      show(R.id.trouble, false);
      find(R.id.trouble_more).setOnClickListener(v -> {
        View details = find(R.id.trouble_details);
        details.setVisibility(details.getVisibility() == View.VISIBLE ? View.GONE : View.VISIBLE);
      });
    }
  }

  /** The page itself. */
  public View view() {
    return view;
  }

  /** Shows what the session says now. */
  public abstract void refresh();

  /** A view of the page by its id. */
  final <T extends View> T find(int id) {
    return view.findViewById(id);
  }

  /** Sets a text unless it is there, so that screen readers do not speak of what did not change. */
  final void text(int id, CharSequence text) {
    TextView there = find(id);
    if (!text.toString().contentEquals(there.getText())) {
      there.setText(text);
    }
  }

  final void show(int id, boolean visible) {
    find(id).setVisibility(visible ? View.VISIBLE : View.GONE);
  }

  /** Shows what went wrong, or nothing for null. */
  final void trouble(Trouble trouble) {
    if (trouble == shown) {
      return;
    }
    shown = trouble;
    show(R.id.trouble, trouble != null);
    if (trouble != null) {
      text(R.id.trouble_title, activity.getText(trouble.title()));
      text(R.id.trouble_advice, activity.getText(trouble.advice()));
      text(R.id.trouble_details, trouble.details());
      // Which example it is stands there.
      show(R.id.trouble_details, trouble.title() == R.string.trouble_run);
    }
  }
}
