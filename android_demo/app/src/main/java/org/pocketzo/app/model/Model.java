package org.pocketzo.app.model;

import android.content.Context;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pocketzo.app.R;
import org.pocketzo.runtime.Engine;
import org.pocketzo.runtime.bundle.Bundle;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.bundle.Verify;
import org.pocketzo.runtime.engines.Engines;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.tokenizers.Tokenizer;
import org.pocketzo.runtime.tokenizers.Tokenizers;

/** The bundle that came with the app: copied, checked, tested, and its engine, opened when it is first needed. */
public final class Model {
  private final Context context;
  private final Runnable changed;
  private volatile ModelState state = ModelState.UNKNOWN;
  private volatile Workspace workspace;
  private Bundle bundle;
  private Tokenizer tokenizer;
  private Engine engine;

  public Model(Context context, Runnable changed) {
    this.context = context;
    this.changed = changed;
  }

  /** What is known now. */
  public ModelState state() {
    return state;
  }

  /** Where things are kept; null if the app holds no bundle. */
  public Workspace workspace() {
    if (workspace == null) {
      try {
        workspace = BundleCopy.workspace(context.getAssets(), context.getFilesDir().toPath());
      } catch (BadInput e) {
        // Preparing the model says so.
      }
    }
    return workspace;
  }

  /** Makes the model usable, unless it is: copies it, checks every hash, and tests the engine, once for each phone. */
  public synchronized void prepare() {
    if (bundle != null) {
      return;
    }
    try {
      Path root = context.getFilesDir().toPath();
      workspace = BundleCopy.workspace(context.getAssets(), root);
      if (workspace == null) {
        set(state.at(ModelState.Phase.ABSENT, 0));
        return;
      }
      set(state.at(ModelState.Phase.COPYING, 0));
      BundleCopy.copy(context.getAssets(), workspace, progress(ModelState.Phase.COPYING));
      set(state.at(ModelState.Phase.CHECKING, 0));
      Bundle opened = Bundle.open(workspace.bundle(), true, progress(ModelState.Phase.CHECKING));
      tokenizer = Tokenizers.open(opened.directory().resolve(Bundle.TOKENIZER));
      bundle = opened;
      describe(opened.manifest());
      if (!wasTested()) {
        test();
      }
      if (state.trouble() == null) {
        set(state.at(ModelState.Phase.READY, 1));
      }
    } catch (PocketzoException | RuntimeException | OutOfMemoryError e) {
      bundle = null;
      set(state.failed(Trouble.of(e, R.string.trouble_bundle, R.string.trouble_bundle_advice)));
    }
  }

  /** Copies the bundle out of the app again, for one that was damaged on the phone. */
  public synchronized void copyAgain() {
    release();
    bundle = null;
    if (workspace != null) {
      BundleCopy.delete(workspace.bundle().toFile());
    }
    prepare();
  }

  /** Runs the self-test again. */
  public synchronized void testAgain() {
    if (bundle != null) {
      test();
      if (state.trouble() == null) {
        set(state.at(ModelState.Phase.READY, 1));
      }
    }
  }

  /** The bundle; throws BadInput if there is none that can be used. */
  public synchronized Bundle bundle() throws BadInput {
    prepare();
    if (bundle == null) {
      throw new BadInput("the model cannot be used: see what the page Model says of it.");
    }
    return bundle;
  }

  /** The bundle's tokenizer. */
  public synchronized Tokenizer tokenizer() throws BadInput {
    bundle();
    return tokenizer;
  }

  /** The engine with the bundle's graph, loaded now if it is not; it stays open until {@link #release}. */
  public synchronized Engine engine() throws PocketzoException {
    if (engine == null) {
      engine = new SharedEngine(Engines.open(Engines.DEFAULT, bundle(), 0));
    }
    return engine;
  }

  /** Gives back the memory of the engine; nothing may be running on it. */
  public synchronized void release() {
    if (engine != null) {
      engine.close();
      engine = null;
    }
  }

  private void test() {
    set(state.at(ModelState.Phase.TESTING, 0));
    try {
      Verify.Verdict verdict = Verify.verify(bundle, engine());
      set(new ModelState(state.phase(), 0, state.manifest(), state.bytes(), verdict.difference(),
          verdict.tolerance(), null));
      if (!verdict.passed()) {
        set(state.failed(new Trouble(R.string.trouble_test, R.string.trouble_test_advice,
            "difference " + verdict.difference() + ", limit " + verdict.tolerance())));
        return;
      }
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("difference", verdict.difference());
      result.put("tolerance", verdict.tolerance());
      result.put("engine", engine().version());
      result.put("device", android.os.Build.FINGERPRINT);
      Json.writeFile(workspace.selfTest(), result);
    } catch (PocketzoException | RuntimeException | OutOfMemoryError e) {
      set(state.failed(Trouble.of(e, R.string.trouble_test, R.string.trouble_test_advice)));
    }
  }

  /** Whether this bundle passed on this phone and this system before. */
  private boolean wasTested() {
    try {
      Object read = java.nio.file.Files.exists(workspace.selfTest())
          ? Json.read(workspace.selfTest(), "self-test") : null;
      if (read instanceof Map<?, ?> result && android.os.Build.FINGERPRINT.equals(result.get("device"))
          && result.get("difference") instanceof Double difference
          && result.get("tolerance") instanceof Double tolerance) {
        set(new ModelState(state.phase(), 0, state.manifest(), state.bytes(), difference, tolerance, null));
        return true;
      }
    } catch (BadInput e) {
      // As good as none: the test is run again.
    }
    return false;
  }

  private void describe(Manifest manifest) {
    long bytes = 0;
    for (Manifest.FileEntry entry : manifest.files().values()) {
      bytes += entry.bytes();
    }
    set(new ModelState(state.phase(), 1, manifest, bytes, state.difference(), state.tolerance(), null));
  }

  private Bundle.Progress progress(ModelState.Phase phase) {
    return (done, total) -> set(state.at(phase, total == 0 ? 1 : (double) done / total));
  }

  private void set(ModelState next) {
    state = next;
    changed.run();
  }
}
