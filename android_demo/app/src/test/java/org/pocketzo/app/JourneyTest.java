package org.pocketzo.app;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Notification;
import android.content.Intent;
import android.net.Uri;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.pocketzo.app.model.Workspace;
import org.pocketzo.app.session.Answer;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.session.Sessions;
import org.pocketzo.app.tuning.RunState;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.TuneConfig;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.engines.Engines;
import org.pocketzo.runtime.run.Job;
import org.pocketzo.runtime.run.RunFolder;
import org.pocketzo.runtime.run.Tune;
import org.pocketzo.runtime.run.Watcher;
import org.pocketzo.runtime.system.Request;
import org.pocketzo.runtime.tasks.Data;
import org.pocketzo.runtime.tasks.Tasks;
import org.pocketzo.runtime.tokenizers.Tokenizers;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/** From the first start to the shared result, on the real engine, with the process lost on the way. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34, qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public final class JourneyTest {
  private static final int STEPS = 20;

  private final Device device = new Device();

  @Before
  public void forget() {
    Device.requireBundle();
    Sessions.forget();
  }

  @After
  public void close() {
    device.close();
    Sessions.forget();
  }

  private Session session() {
    return Session.of(RuntimeEnvironment.getApplication());
  }

  @Test
  public void modelExamplesTuneKillResumeTryShare() throws Exception {
    device.open();
    device.await("the model is ready", () -> session().model().ready());
    assertEquals("tiny-llama", device.read(R.id.page_model, R.id.name));
    assertTrue(device.read(R.id.page_model, R.id.test).contains("passed"));
    addExamples();
    tuneUntilKilled();
    resumed();
    furtherAndPaused();
    tryOut();
    share();
    undo();
  }

  private void furtherAndPaused() throws Exception {
    device.tab(MainActivity.TUNE);
    device.tap(R.id.page_tune, R.id.go);
    device.await("more steps", () -> session().run().step() >= STEPS + 2);
    device.tap(R.id.page_tune, R.id.go);
    device.await("the run is paused", () -> session().run().phase() == RunState.Phase.PAUSED);
    assertEquals(STEPS + 100, session().run().steps());
    assertTrue(session().run().step() < STEPS + 100);
    device.await("the service has ended", () -> shadowOf(device.service()).isStoppedBySelf());
  }

  @Test
  public void anExampleThatIsTooLongIsNamedAndNothingIsLost() throws Exception {
    device.open();
    device.await("the model is ready", () -> session().model().ready());
    String text = "a very long story " + String.join(" ", java.util.Collections.nCopies(400, "word"));
    session().collection().add(java.util.Arrays.asList(
        new org.pocketzo.app.examples.Item(text, "a"), new org.pocketzo.app.examples.Item("x", "a"),
        new org.pocketzo.app.examples.Item("🙂🙂🙂", "b"), new org.pocketzo.app.examples.Item("y", "b")));
    device.tab(MainActivity.TUNE);
    device.tap(R.id.page_tune, R.id.go);
    device.await("it is said", () -> device.read(R.id.page_tune, R.id.trouble_details).contains("a very long story"));
    assertEquals(4, session().collection().items().size());
    session().collection().remove(0);
    session().collection().add(java.util.Arrays.asList(new org.pocketzo.app.examples.Item("z", "a")));
    device.screen().steps(1);
    device.tap(R.id.page_tune, R.id.go);
    device.await("the run is done", () -> session().run().phase() == RunState.Phase.DONE);
  }

  @Test
  public void aDamagedCopyIsRefusedAndUnpackedAgain() throws Exception {
    device.open();
    device.await("the model is ready", () -> session().model().ready());
    Path weights = session().workspace().bundle().resolve("weights.bin");
    device.close();
    Sessions.forget();
    byte[] content = Files.readAllBytes(weights);
    content[content.length / 2] ^= 1;
    Files.write(weights, content);
    device.open();
    device.await("it is found", () -> device.read(R.id.page_model, R.id.trouble_title).contains("cannot be used"));
    assertTrue(session().model().trouble().details().contains("weights.bin"));
    device.tap(R.id.page_model, R.id.copy_again);
    device.await("the model is ready", () -> session().model().ready());
  }

  private void addExamples() throws Exception {
    device.tab(MainActivity.EXAMPLES);
    assertTrue(device.read(R.id.page_examples, R.id.lead).length() > 0);
    device.type(R.id.page_examples, R.id.example_text, "buy oranges 🍊");
    device.type(R.id.page_examples, R.id.example_answer, "shopping");
    device.tap(R.id.page_examples, R.id.add);
    assertEquals(1, session().collection().items().size());
    Uri uri = Uri.parse("content://somewhere/examples.jsonl");
    String lines = Examples.lines() + "this line is not JSON\n{\"text\": \"no label here\"}\n";
    shadowOf(device.activity().getContentResolver())
        .registerInputStream(uri, new java.io.ByteArrayInputStream(lines.getBytes(StandardCharsets.UTF_8)));
    device.tap(R.id.page_examples, R.id.import_file);
    shadowOf(device.activity()).receiveResult(
        shadowOf(device.activity()).getNextStartedActivityForResult().intent,
        android.app.Activity.RESULT_OK, new Intent().setData(uri));
    device.await("it is read", () -> device.read(R.id.page_examples, R.id.example_said).contains("48"));
    assertEquals(1 + Examples.COUNT, session().collection().items().size());
    String said = shadowOf((android.app.AlertDialog) org.robolectric.shadows.ShadowDialog.getLatestDialog())
        .getMessage().toString();
    assertTrue(said, said.contains("Line " + (Examples.COUNT + 1) + " is not JSON"));
    assertTrue(said, said.contains("Line " + (Examples.COUNT + 2) + " has no label"));
    org.robolectric.shadows.ShadowDialog.getLatestDialog().dismiss();
  }

  private void tuneUntilKilled() throws Exception {
    device.tab(MainActivity.TUNE);
    // One shopping example beside imported ones of other labels cannot be checked, and the page says so.
    assertTrue(device.read(R.id.page_tune, R.id.missing_title).contains("shopping"));
    session().collection().add(java.util.Arrays.asList(
        new org.pocketzo.app.examples.Item("milk and flour", "shopping")));
    device.tab(MainActivity.TUNE);
    device.screen().steps(STEPS);
    device.tap(R.id.page_tune, R.id.go);
    device.await("seven steps", () -> session().run().step() >= 7);
    Notification notification = shadowOf(device.service()).getLastForegroundNotification();
    assertEquals("Pause", notification.actions[0].title.toString());
    // What is on the disk now is what a killed process leaves.
    Path work = session().workspace().work();
    Path left = Files.createTempDirectory("left").resolve("work");
    copy(work, left);
    device.tap(R.id.page_tune, R.id.go);
    device.await("the run has ended", () -> !session().tuning().running());
    device.close();
    Sessions.forget();
    delete(work);
    copy(left, work);
  }

  private void resumed() throws Exception {
    device.open();
    // Nobody taps: what was ordered goes on as soon as the app is back.
    device.await("the run is done", () -> session().run().phase() == RunState.Phase.DONE);
    device.tab(MainActivity.TUNE);
    assertEquals("Step 20 of 20", device.read(R.id.page_tune, R.id.step));
    assertTrue(device.read(R.id.page_tune, R.id.before).endsWith("%"));
    Workspace workspace = session().workspace();
    Path elsewhere = uninterrupted(workspace, STEPS);
    for (String name : new String[] {RunFolder.TRAJECTORY, RunFolder.BEST, RunFolder.VALUES}) {
      assertArrayEquals(name, Files.readAllBytes(elsewhere.resolve(name)),
          Files.readAllBytes(workspace.run().resolve(name)));
    }
  }

  /** The same run by the core alone, from beginning to end. */
  static Path uninterrupted(Workspace workspace, int steps) throws Exception {
    Path run = Files.createTempDirectory("run").resolve("run");
    Bundle bundle = Bundle.open(workspace.bundle());
    Map<String, Object> definition = Tasks.read(workspace.task());
    try (Engine engine = Engines.open("onnx", bundle, 0)) {
      Job job = new Job(bundle, engine,
          Tasks.make(definition, "task", Tokenizers.open(workspace.bundle().resolve(Bundle.TOKENIZER)),
              bundle.manifest().model()),
          definition, Data.read(workspace.train()), Data.read(workspace.validation()), run);
      TuneConfig config = TuneConfig.defaults().with("steps", (long) steps).with("evaluate_every", steps / 5L);
      Tune.tune(job, config, Tune.Start.ANEW, new Watcher() {}, new Request.Stop());
    }
    return run;
  }

  private void tryOut() throws Exception {
    device.tab(MainActivity.TRY);
    device.type(R.id.page_try, R.id.try_text, "the train to the north");
    device.tap(R.id.page_try, R.id.ask);
    device.await("an answer", () -> session().trial().answer() != null);
    device.look();
    Answer answer = session().trial().answer();
    assertEquals(3, answer.labels().size());
    for (double[] shares : new double[][] {answer.base(), answer.tuned()}) {
      assertEquals(1, shares[0] + shares[1] + shares[2], 1e-9);
    }
    assertFalse("tuning changed nothing", answer.base()[0] == answer.tuned()[0]);
  }

  private void share() throws Exception {
    device.tab(MainActivity.TUNE);
    device.tap(R.id.page_tune, R.id.share);
    Intent chooser = shadowOf(device.activity()).getNextStartedActivity();
    assertEquals(Intent.ACTION_CHOOSER, chooser.getAction());
    Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT, Intent.class);
    List<Uri> uris = send.getParcelableArrayListExtra(Intent.EXTRA_STREAM, Uri.class);
    List<String> names = uris.stream().map(Uri::getLastPathSegment).collect(Collectors.toList());
    assertTrue(names.toString(), names.contains(RunFolder.VALUES) && names.contains(RunFolder.TRAJECTORY));
    for (Uri uri : uris) {
      try (InputStream in = device.activity().getContentResolver().openInputStream(uri)) {
        assertNotNull(in);
        assertArrayEquals(
            Files.readAllBytes(session().workspace().run().resolve(uri.getLastPathSegment())), in.readAllBytes());
      }
    }
  }

  private void undo() throws Exception {
    device.tap(R.id.page_tune, R.id.undo);
    android.app.AlertDialog dialog = (android.app.AlertDialog) org.robolectric.shadows.ShadowDialog.getLatestDialog();
    dialog.getButton(android.app.AlertDialog.BUTTON_POSITIVE).performClick();
    device.await("the run is gone", () -> session().run().phase() == RunState.Phase.NONE);
    assertFalse(Files.exists(session().workspace().work()));
    assertEquals(2 + Examples.COUNT, session().collection().items().size());
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> paths = Files.walk(from)) {
      for (Path path : paths.collect(Collectors.toList())) {
        Files.createDirectories(to.getParent());
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : paths.sorted(java.util.Comparator.reverseOrder()).collect(Collectors.toList())) {
        Files.delete(path);
      }
    }
  }
}
