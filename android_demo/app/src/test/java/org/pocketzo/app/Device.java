package org.pocketzo.app;

import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Application;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.os.Looper;
import android.view.View;
import android.widget.EditText;
import android.widget.TextView;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.function.BooleanSupplier;
import org.junit.Assume;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.work.TuneService;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.android.controller.ServiceController;

/** A person with a phone: looks, taps, types, waits, and takes pictures. */
final class Device {
  private static final long PATIENCE = 300_000;

  private ActivityController<MainActivity> controller;
  private ServiceController<TuneService> service;

  /** Skips the test where the bundle that Python makes is not there. */
  static void requireBundle() {
    Assume.assumeTrue("needs android_demo/core/target/fixtures, which `make android-fixtures` writes",
        Files.exists(fixtures().resolve("bundle/manifest.json")));
  }

  static Path fixtures() {
    return Paths.get(System.getProperty("pocketzo.fixtures", "none"));
  }

  /** Changes a manifest and seals it anew, as the exporter does. */
  static void alter(Path manifest, String from, String to) throws IOException {
    String text = new String(Files.readAllBytes(manifest), StandardCharsets.UTF_8);
    assertTrue(from, text.contains(from));
    String altered = text.replace(from, to);
    String begin = altered.substring(0, altered.lastIndexOf(",\n  \"seal\""));
    String seal = org.pocketzo.runtime.system.Files.sha256(begin.getBytes(StandardCharsets.UTF_8));
    Files.write(manifest, (begin + ",\n  \"seal\": \"" + seal + "\"\n}\n").getBytes(StandardCharsets.UTF_8));
  }

  MainActivity open() {
    return open(null);
  }

  MainActivity open(Intent intent) {
    controller = Robolectric.buildActivity(MainActivity.class, intent).setup();
    return controller.get();
  }

  org.pocketzo.app.screens.TuneScreen screen() {
    return activity().tuning();
  }

  MainActivity activity() {
    return controller.get();
  }

  /** Turns the phone: the activity is made again. */
  void turn() {
    controller.recreate();
  }

  void close() {
    if (controller != null) {
      controller.pause().stop().destroy();
      controller = null;
    }
    if (service != null) {
      service.destroy();
      service = null;
    }
  }

  /** What the system does with intents to services; at most one service lives. */
  void serve() {
    Application application = RuntimeEnvironment.getApplication();
    for (Intent intent = shadowOf(application).getNextStartedService(); intent != null;
        intent = shadowOf(application).getNextStartedService()) {
      if (service == null || shadowOf(service.get()).isStoppedBySelf()) {
        service = Robolectric.buildService(TuneService.class, intent).create();
      }
      service.get().onStartCommand(intent, 0, 1);
    }
  }

  TuneService service() {
    return service == null ? null : service.get();
  }

  void tab(int tab) {
    activity().show(tab);
    look();
  }

  <T extends View> T find(int page, int id) {
    return activity().findViewById(page).findViewById(id);
  }

  void tap(int page, int id) {
    View view = find(page, id);
    assertTrue(view.getResources().getResourceEntryName(id) + " is enabled and seen",
        view.isEnabled() && view.isShown());
    view.performClick();
    look();
  }

  void type(int page, int id, String text) {
    EditText field = find(page, id);
    field.setText(text);
  }

  String read(int page, int id) {
    TextView view = find(page, id);
    return view.isShown() ? view.getText().toString() : "";
  }

  /** Lets the main thread do what it has to do. */
  void look() {
    shadowOf(Looper.getMainLooper()).idle();
  }

  /** Looks until {@code condition}, with services served. */
  void await(String what, BooleanSupplier condition) throws InterruptedException {
    long end = System.currentTimeMillis() + PATIENCE;
    look();
    while (!condition.getAsBoolean()) {
      assertTrue("waited in vain: " + what + ", " + state(), System.currentTimeMillis() < end);
      Thread.sleep(10);
      serve();
      look();
    }
  }

  private static String state() {
    Session session = Session.of(RuntimeEnvironment.getApplication());
    return session.model() + ", " + session.run() + ", " + session.trial();
  }

  /** Takes a picture of the window, if pictures are wanted. */
  Bitmap picture(String name) throws IOException {
    look();
    for (int page : new int[] {R.id.page_model, R.id.page_examples, R.id.page_tune, R.id.page_try}) {
      activity().findViewById(page).setVerticalScrollBarEnabled(false);
    }
    View window = activity().getWindow().getDecorView();
    Bitmap bitmap = Bitmap.createBitmap(window.getWidth(), window.getHeight(), Bitmap.Config.ARGB_8888);
    window.draw(new Canvas(bitmap));
    String folder = System.getProperty("pocketzo.pictures", "");
    if (!folder.isEmpty()) {
      Files.createDirectories(Paths.get(folder));
      try (OutputStream out = new FileOutputStream(folder + "/" + name + ".png")) {
        bitmap.compress(Bitmap.CompressFormat.PNG, 100, out);
      }
    }
    return bitmap;
  }
}
