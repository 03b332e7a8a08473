package org.pocketzo.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import android.widget.EditText;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.pocketzo.app.examples.Lines;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.session.Sessions;
import org.pocketzo.app.tuning.RunState;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/** Every page in light and dark, with a large font and in German: drawn as on a phone, and kept where pictures go. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34, qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public final class PicturesTest {
  private static final int NOTES = 60;
  private static final String[] PAGES = {"model", "examples", "tune", "try"};

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
  @SuppressWarnings("deprecation") // the system's own broadcasts are sticky
  public void everyPageIsDrawn() throws Exception {
    android.app.Application application = RuntimeEnvironment.getApplication();
    android.app.ActivityManager.MemoryInfo memory = new android.app.ActivityManager.MemoryInfo();
    memory.availMem = 2_900_000_000L;
    org.robolectric.Shadows.shadowOf(application.getSystemService(android.app.ActivityManager.class))
        .setMemoryInfo(memory);
    application.sendStickyBroadcast(new android.content.Intent(android.content.Intent.ACTION_BATTERY_CHANGED)
        .putExtra("plugged", 1).putExtra("level", 82).putExtra("scale", 100).putExtra("temperature", 312));
    device.open();
    device.await("the model is ready", () -> session().model().ready());
    device.tab(MainActivity.TUNE);
    device.picture("light-tune-empty");
    List<String> notes = Files.readAllLines(Paths.get(System.getProperty("pocketzo.notes")), StandardCharsets.UTF_8);
    String lines = String.join("\n", notes.subList(0, NOTES));
    session().collection().add(Lines.read(lines, session().wording()).items());
    device.tab(MainActivity.TUNE);
    device.screen().steps(20);
    device.tap(R.id.page_tune, R.id.go);
    device.await("half of it", () -> session().run().step() >= 12);
    device.picture("light-tune-running");
    device.await("the run is done", () -> session().run().phase() == RunState.Phase.DONE);
    device.tab(MainActivity.TRY);
    device.type(R.id.page_try, R.id.try_text, "Gate closes 18:40, don't forget the blue passport cover");
    device.tap(R.id.page_try, R.id.ask);
    device.await("an answer", () -> session().trial().answer() != null && !session().trial().busy());
    int light = draw("light");
    shown("+night");
    assertTrue("dark is darker than light", draw("dark") < light);
    shown("+de-notnight");
    draw("german");
    assertEquals("Beispiele", device.activity().getString(R.string.tab_examples));
    shown("+en");
    RuntimeEnvironment.setFontScale(2);
    device.turn();
    draw("large");
  }

  /** Makes the activity again under other qualifiers, as the system does; what was typed is there again. */
  private void shown(String qualifiers) {
    String typed = ((EditText) device.find(R.id.page_try, R.id.try_text)).getText().toString();
    RuntimeEnvironment.setQualifiers(qualifiers);
    device.turn();
    device.look();
    assertEquals(typed, ((EditText) device.find(R.id.page_try, R.id.try_text)).getText().toString());
    assertEquals("", ((EditText) device.find(R.id.page_examples, R.id.example_text)).getText().toString());
  }

  /** Draws all pages; returns how bright they are in the middle of the left edge, from 0 to 255. */
  private int draw(String name) throws Exception {
    int bright = 0;
    for (int page : Arrays.asList(MainActivity.MODEL, MainActivity.EXAMPLES, MainActivity.TUNE, MainActivity.TRY)) {
      device.tab(page);
      Bitmap picture = device.picture(name + "-" + PAGES[page]);
      bright = android.graphics.Color.green(picture.getPixel(3, picture.getHeight() / 2));
    }
    return bright;
  }
}
