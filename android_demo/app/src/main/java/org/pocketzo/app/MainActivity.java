package org.pocketzo.app;

import android.Manifest;
import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ImageView;
import android.widget.TextView;
import org.pocketzo.app.screens.ExamplesScreen;
import org.pocketzo.app.screens.ModelScreen;
import org.pocketzo.app.screens.Screen;
import org.pocketzo.app.screens.TryScreen;
import org.pocketzo.app.screens.TuneScreen;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.tuning.RunState;
import org.pocketzo.app.work.TuneService;

/** The app's one window: four pages, of which the tabs below show one. */
public final class MainActivity extends Activity implements Session.Listener {
  /** Opens the page of tuning; what the notification does. */
  public static final String SHOW_TUNING = "org.pocketzo.app.SHOW_TUNING";

  /** The pages, in the order of the tabs. */
  static final int MODEL = 0;
  static final int EXAMPLES = 1;
  static final int TUNE = 2;
  static final int TRY = 3;

  private static final int[] NAMES = {R.string.tab_model, R.string.tab_examples, R.string.tab_tune, R.string.tab_try};
  private static final int[] ICONS =
      {R.drawable.ic_model, R.drawable.ic_examples, R.drawable.ic_tune, R.drawable.ic_try};
  private static final String TAB = "tab";
  private static final String STEPS = "steps";
  private static final int ASK_TO_NOTIFY = 1;
  private static final int MAY_ASK = 33;

  private Session session;
  private Screen[] screens;
  private TuneScreen tune;
  private int tab;
  private boolean refusedToStart;

  @Override
  protected void onCreate(Bundle saved) {
    super.onCreate(saved);
    session = Session.of(this);
    setContentView(R.layout.activity_main);
    tune = new TuneScreen(this, () -> show(EXAMPLES), this::askToNotify);
    screens = new Screen[] {new ModelScreen(this), new ExamplesScreen(this), tune, new TryScreen(this)};
    ViewGroup pages = findViewById(R.id.screen);
    ViewGroup tabs = findViewById(R.id.tabs);
    for (int i = 0; i < screens.length; i++) {
      // All pages stay in the window, so that the system keeps what is typed in each when it turns.
      View page = screens[i].view();
      page.setId(PAGES[i]);
      pages.addView(page);
      tabs.addView(tab(tabs, i));
    }
    if (saved != null) {
      tune.steps(saved.getInt(STEPS, tune.steps()));
    }
    show(saved == null ? MODEL : saved.getInt(TAB));
    if (saved == null) {
      // Only once: a phone that is turned stays on the page that is shown.
      onNewIntent(getIntent());
    }
    session.prepare();
  }

  private static final int[] PAGES = {R.id.page_model, R.id.page_examples, R.id.page_tune, R.id.page_try};

  private View tab(ViewGroup tabs, int index) {
    View tab = LayoutInflater.from(this).inflate(R.layout.tab, tabs, false);
    ((ImageView) tab.findViewById(R.id.icon)).setImageResource(ICONS[index]);
    ((TextView) tab.findViewById(R.id.name)).setText(NAMES[index]);
    tab.setOnClickListener(v -> show(index));
    return tab;
  }

  /** The page of tuning. */
  TuneScreen tuning() {
    return tune;
  }

  /** Shows a page. */
  void show(int index) {
    tab = index;
    ViewGroup tabs = findViewById(R.id.tabs);
    for (int i = 0; i < screens.length; i++) {
      screens[i].view().setVisibility(i == index ? View.VISIBLE : View.GONE);
      tabs.getChildAt(i).setSelected(i == index);
    }
    screens[index].refresh();
  }

  @Override
  protected void onNewIntent(Intent intent) {
    super.onNewIntent(intent);
    if (intent != null && SHOW_TUNING.equals(intent.getAction())) {
      show(TUNE);
    }
  }

  @Override
  protected void onSaveInstanceState(Bundle out) {
    super.onSaveInstanceState(out);
    out.putInt(TAB, tab);
    out.putInt(STEPS, tune.steps());
  }

  @Override
  protected void onStart() {
    super.onStart();
    session.listen(this);
    refusedToStart = false;
    changed();
  }

  @Override
  protected void onStop() {
    super.onStop();
    session.ignore(this);
  }

  @Override
  public void changed() {
    screens[tab].refresh();
    // A run that its process did not survive goes on as soon as the person is back.
    RunState run = session.run();
    if (run.phase() == RunState.Phase.WAITING && run.hold() == null && !refusedToStart && session.tuning().wanted()
        && !session.tuning().running() && session.model().ready()) {
      session.tuning().hold(null);
      refusedToStart = !TuneService.start(this);
    }
  }

  @Override
  public void onTrimMemory(int level) {
    super.onTrimMemory(level);
    if (level >= TRIM_MEMORY_BACKGROUND) {
      session.spareMemory();
    }
  }

  private void askToNotify() {
    if (Build.VERSION.SDK_INT >= MAY_ASK) {
      askForPermission();
    }
  }

  @NewerSystem
  private void askForPermission() {
    String permission = Manifest.permission.POST_NOTIFICATIONS;
    if (checkSelfPermission(permission) != PackageManager.PERMISSION_GRANTED) {
      requestPermissions(new String[] {permission}, ASK_TO_NOTIFY);
    }
  }

  @Override
  protected void onActivityResult(int request, int result, Intent data) {
    super.onActivityResult(request, result, data);
    Uri uri = result == RESULT_OK && data != null ? data.getData() : null;
    // The process may have been lost while the person chose, so the session does it when it has the examples.
    if (uri != null && request == ExamplesScreen.IMPORT) {
      session.importFrom(uri);
    } else if (uri != null && request == ExamplesScreen.EXPORT) {
      session.exportTo(uri);
    }
  }

}
