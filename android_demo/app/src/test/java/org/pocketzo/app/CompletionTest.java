package org.pocketzo.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.pocketzo.app.examples.Item;
import org.pocketzo.app.session.Answer;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.session.Sessions;
import org.pocketzo.app.tuning.RunState;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/** A bundle whose own task is to continue texts. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34, qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public final class CompletionTest {
  private static final String TASK =
      "{\"kind\": \"complete\", \"prompt\": \"Q: {question}\\nA:\", \"completion\": \" {answer}\"}";

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
  public void textsAreContinuedByBothModels() throws Exception {
    device.open();
    device.await("the model is ready", () -> session().model().ready());
    Path manifest = session().workspace().bundle().resolve("manifest.json");
    device.close();
    Sessions.forget();
    Device.alter(manifest, "\"task\": null", "\"task\": " + TASK);
    device.open();
    device.await("the model is ready", () -> session().model().ready());
    assertFalse(session().wording().classifies());
    device.tab(MainActivity.EXAMPLES);
    device.type(R.id.page_examples, R.id.example_text, "What is one and two?");
    device.type(R.id.page_examples, R.id.example_answer, "three");
    device.tap(R.id.page_examples, R.id.add);
    List<Item> more = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      more.add(new Item("What is " + i + " and one?", String.valueOf(i + 1)));
    }
    session().collection().add(more);
    device.tab(MainActivity.TUNE);
    device.screen().steps(2);
    device.tap(R.id.page_tune, R.id.go);
    device.await("the run is done", () -> session().run().phase() == RunState.Phase.DONE);
    assertNull(session().run().before().accuracy());
    device.tab(MainActivity.TRY);
    device.type(R.id.page_try, R.id.try_text, "What is 3 and 4?");
    device.tap(R.id.page_try, R.id.ask);
    device.await("an answer", () -> session().trial().answer() != null);
    Answer answer = session().trial().answer();
    assertNotNull(answer.baseText());
    assertNotNull(answer.tunedText());
    assertTrue(answer.labels().isEmpty());
    assertEquals("{\"question\":\"What is one and two?\",\"answer\":\"three\"}",
        Files.readAllLines(session().workspace().train()).get(0));
  }
}
