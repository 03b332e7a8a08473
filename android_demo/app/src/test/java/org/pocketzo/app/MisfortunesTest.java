package org.pocketzo.app;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Application;
import android.content.ComponentName;
import android.content.ContextWrapper;
import android.content.Intent;
import android.net.Uri;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;
import org.junit.After;
import org.junit.Assume;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.pocketzo.app.examples.Item;
import org.pocketzo.app.screens.ExamplesScreen;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.session.Sessions;
import org.pocketzo.app.tuning.RunState;
import org.pocketzo.app.work.TuneService;
import org.pocketzo.runtime.errors.Interrupted;
import org.pocketzo.runtime.run.RunFolder;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/** What phones and fingers do at the wrong moment: nothing may be lost by it, and the app must say what is wrong. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34, qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public final class MisfortunesTest {
  private static final int STEPS = 10;

  private final Application application = RuntimeEnvironment.getApplication();
  private final Device device = new Device();

  @Before
  public void open() throws Exception {
    Device.requireBundle();
    Sessions.forget();
    device.open();
    device.await("the model is ready", () -> session().model().ready() && session().collection() != null);
  }

  @After
  public void close() {
    device.close();
    Sessions.forget();
  }

  private Session session() {
    return Session.of(application);
  }

  private void addExamples() throws Exception {
    session().collection().add(Arrays.asList(
        new Item("sail on the lake", "a"), new Item("the harbour at noon", "a"), new Item("row to the island", "a"),
        new Item("write the minutes", "b"), new Item("call the bank", "b"), new Item("sign the lease", "b")));
    device.tab(MainActivity.TUNE);
    device.screen().steps(STEPS);
  }

  /** Orders a run that nobody carries out yet. */
  private void order() throws InterruptedException {
    AtomicBoolean ordered = new AtomicBoolean();
    session().order(STEPS, () -> ordered.set(true), trouble -> {});
    device.await("it is ordered", ordered::get);
  }

  private void awaitPhase(RunState.Phase phase) throws InterruptedException {
    device.await("the run is " + phase, () -> session().run().phase() == phase && !session().tuning().running());
  }

  private void assertAsUndisturbed() throws Exception {
    Path elsewhere = JourneyTest.uninterrupted(session().workspace(), STEPS);
    for (String name : new String[] {RunFolder.TRAJECTORY, RunFolder.BEST, RunFolder.VALUES, RunFolder.METRICS}) {
      assertArrayEquals(name, Files.readAllBytes(elsewhere.resolve(name)),
          Files.readAllBytes(session().workspace().run().resolve(name)));
    }
  }

  @Test
  public void storageThatFillsUpInARunIsSaidAndTheRunGoesOnWhenThereIsRoom() throws Exception {
    Path full = Paths.get("/dev/full");
    Assume.assumeTrue("needs /dev/full, of Linux", Files.exists(full));
    addExamples();
    order();
    Path part = session().workspace().run().resolve(RunFolder.VALUES + ".part");
    // The next file that is written after the third step finds no room; when it was given up, there is room again.
    session().tuning().run(() -> {
      if (session().run().step() == 3 && !Files.isSymbolicLink(part)) {
        link(part, full);
        throw new Interrupted("so that it saves");
      }
    }, () -> null);
    assertEquals(RunState.Phase.FAILED, session().run().phase());
    assertEquals(3, session().run().step());
    device.look();
    assertEquals("The storage is full", device.read(R.id.page_tune, R.id.trouble_title));
    device.tap(R.id.page_tune, R.id.go);
    awaitPhase(RunState.Phase.DONE);
    assertAsUndisturbed();
  }

  private static void link(Path from, Path to) {
    try {
      Files.createSymbolicLink(from, to);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  public void twoTapsOrderOneRun() throws Exception {
    addExamples();
    android.view.View go = device.find(R.id.page_tune, R.id.go);
    go.performClick();
    go.performClick();
    assertFalse(go.isEnabled());
    awaitPhase(RunState.Phase.DONE);
    assertEquals(STEPS, session().run().steps());
    assertAsUndisturbed();
  }

  @Test
  public void anOrderThatComesWhileItRunsTouchesNothing() throws Exception {
    addExamples();
    order();
    session().tuning().run(() -> {
      if (session().run().step() == 3 && session().trial().answer() == null) {
        session().order(STEPS, () -> {}, trouble -> {});
        session().orderMore(STEPS, () -> {}, trouble -> {});
        session().undo();
        session().ask("one after another");
        while (session().trial().busy()) {
          Thread.onSpinWait();
        }
      }
    }, () -> null);
    assertEquals(RunState.Phase.DONE, session().run().phase());
    assertEquals(STEPS, session().run().steps());
    assertAsUndisturbed();
  }

  @Test
  public void aRunThatIsKilledBeforeItsLastLookIsNotDone() throws Exception {
    addExamples();
    device.tap(R.id.page_tune, R.id.go);
    awaitPhase(RunState.Phase.DONE);
    device.close();
    Sessions.forget();
    // As it is before what follows the last step: its line is there, but no evaluation, and the order is not done.
    Path trajectory = session().workspace().run().resolve(RunFolder.TRAJECTORY);
    List<String> lines = Files.readAllLines(trajectory);
    int last = 0;
    for (int i = 0; i < lines.size(); i++) {
      last = lines.get(i).contains("\"g\"") ? i : last;
    }
    assertNotEquals(lines.size() - 1, last);
    Files.write(trajectory, lines.stream().limit(last + 1).map(line -> line + "\n").collect(Collectors.joining())
        .getBytes(StandardCharsets.UTF_8));
    Files.delete(session().workspace().run().resolve(RunFolder.BEST));
    Path order = session().workspace().order();
    Files.write(order, new String(Files.readAllBytes(order), StandardCharsets.UTF_8)
        .replace("\"done\": true", "\"done\": false").getBytes(StandardCharsets.UTF_8));
    device.open();
    awaitPhase(RunState.Phase.DONE);
    assertAsUndisturbed();
  }

  @Test
  public void aModelForANewerEngineIsSaid() throws Exception {
    Path bundle = session().workspace().bundle();
    device.close();
    Sessions.forget();
    Device.alter(bundle.resolve("manifest.json"),
        "\"minimum_engine_version\": \"1.", "\"minimum_engine_version\": \"99.");
    Files.delete(session().workspace().selfTest());
    device.open();
    device.await("it is found", () -> session().model().trouble() != null);
    device.look();
    assertEquals("This model needs a newer app", device.read(R.id.page_model, R.id.trouble_title));
    assertTrue(session().model().trouble().details().contains("needs onnxruntime 99."));
  }

  @Test
  public void aFileThatWasChosenWhileTheProcessWasLostIsImported() throws Exception {
    device.close();
    Sessions.forget();
    Uri uri = Uri.parse("content://somewhere/examples.jsonl.gz");
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
      out.write("{\"text\": \"t\", \"label\": \"l\"}\n".getBytes(StandardCharsets.UTF_8));
    }
    shadowOf(application.getContentResolver())
        .registerInputStream(uri, new ByteArrayInputStream(packed.toByteArray()));
    MainActivity activity = device.open();
    device.activity().onActivityResult(
        ExamplesScreen.IMPORT, android.app.Activity.RESULT_OK, new Intent().setData(uri));
    device.tab(MainActivity.EXAMPLES);
    device.await("it is imported", () -> device.read(R.id.page_examples, R.id.example_said).contains("1 example"));
    assertEquals(Arrays.asList(new Item("t", "l")), session().collection().items());
    assertFalse(activity.isFinishing());
  }

  @Test
  public void aPhoneThatIsTurnedStaysOnThePageThatIsShown() {
    device.close();
    device.open(new Intent(MainActivity.SHOW_TUNING));
    assertTrue(device.find(R.id.page_tune, R.id.go).isShown());
    device.tab(MainActivity.TRY);
    device.turn();
    assertTrue(device.find(R.id.page_try, R.id.ask).isShown());
  }

  @Test
  public void aStartFromBehindAnotherAppWaitsForTheJob() throws Exception {
    addExamples();
    session().tuning().hold(null);
    boolean started = TuneService.start(new ContextWrapper(application) {
      @Override
      public ComponentName startForegroundService(Intent intent) {
        throw new IllegalStateException("not allowed now");
      }
    });
    assertFalse(started);
    assertEquals(RunState.Phase.WAITING, session().run().phase());
  }

  @Test
  public void aRunThatHasNotBegunYetCanBePaused() throws Exception {
    addExamples();
    session().order(STEPS, () -> session().tuning().hold(null), trouble -> {});
    device.await("it is ordered", () -> session().run().phase() == RunState.Phase.RUNNING);
    session().tuning().goOn(false);
    assertEquals(RunState.Phase.PAUSED, session().run().phase());
    assertFalse(session().tuning().wanted());
  }

  @Test
  public void theListOfExamplesIsDrawnWhenItChangesAlone() throws Exception {
    addExamples();
    device.tab(MainActivity.EXAMPLES);
    android.view.ViewGroup rows = device.find(R.id.page_examples, R.id.items);
    android.view.View first = rows.getChildAt(0);
    device.activity().changed();
    assertEquals(first, rows.getChildAt(0));
  }
}
