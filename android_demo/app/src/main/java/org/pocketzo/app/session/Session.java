package org.pocketzo.app.session;

import android.content.ContentResolver;
import android.content.Context;
import android.net.Uri;
import android.os.Handler;
import android.os.Looper;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.pocketzo.app.R;
import org.pocketzo.app.examples.Collection;
import org.pocketzo.app.examples.Missing;
import org.pocketzo.app.examples.Split;
import org.pocketzo.app.examples.Wording;
import org.pocketzo.app.model.Model;
import org.pocketzo.app.model.ModelState;
import org.pocketzo.app.model.Trouble;
import org.pocketzo.app.model.Workspace;
import org.pocketzo.app.tuning.RunState;
import org.pocketzo.app.tuning.Tuning;
import org.pocketzo.runtime.bundle.Manifest;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.errors.PocketzoException;
import org.pocketzo.runtime.limits.Memory;

/**
 * What stands between screens and core: one a process. Long work happens on threads of its own; whoever listens is told
 * on the main thread that something changed, and asks what.
 */
public final class Session {
  /** Is told, on the main thread, that something may look different now. */
  public interface Listener {
    void changed();
  }

  private static Session session;

  private final Handler main = new Handler(Looper.getMainLooper());
  private final ExecutorService worker = Executors.newSingleThreadExecutor();
  private final Set<Listener> listeners = new LinkedHashSet<>();
  private final AtomicBoolean posted = new AtomicBoolean();
  private final ContentResolver resolver;
  private final Model model;
  private final Tuning tuning;
  private final Trial trial;
  private volatile TrialState trialState = TrialState.NONE;
  private volatile Collection collection;
  private volatile Trouble unreadable;
  private final AtomicReference<Transfer.News> news = new AtomicReference<>();
  private volatile Wording wording = Wording.of(null);

  private Session(Context context) {
    resolver = context.getContentResolver();
    model = new Model(context, this::changed);
    tuning = new Tuning(model, this::changed);
    trial = new Trial(model);
  }

  /** The process's session. */
  public static synchronized Session of(Context context) {
    if (session == null) {
      session = new Session(context.getApplicationContext());
    }
    return session;
  }

  /** Forgets the session, as the end of a process does. */
  static synchronized void forget() {
    if (session != null) {
      session.worker.shutdownNow();
      session.model.release();
      session = null;
    }
  }

  public ModelState model() {
    return model.state();
  }

  public Tuning tuning() {
    return tuning;
  }

  public RunState run() {
    return tuning.state();
  }

  public TrialState trial() {
    return trialState;
  }

  public Wording wording() {
    return wording;
  }

  /** The examples, or null until the model is known. */
  public Collection collection() {
    return collection;
  }

  /** Why there are no examples though the model is known, or null. */
  public Trouble unreadable() {
    return unreadable;
  }

  /** Adds the examples of a file that the person chose; {@link #news} says what came of it. */
  public void importFrom(Uri uri) {
    transfer(() -> Transfer.in(resolver, uri, collection, wording));
  }

  /** Writes the examples to a file that the person chose; {@link #news} says what came of it. */
  public void exportTo(Uri uri) {
    transfer(() -> Transfer.out(resolver, uri, collection, wording));
  }

  private void transfer(java.util.function.Supplier<Transfer.News> work) {
    worker.execute(() -> {
      prepareNow();
      if (collection != null) {
        news.set(work.get());
        changed();
      }
    });
  }

  /** What came of a file since this was last asked, or null. */
  public Transfer.News news() {
    return news.getAndSet(null);
  }

  /** Where results are; null until the model is known. */
  public Workspace workspace() {
    return model.workspace();
  }

  public void listen(Listener listener) {
    listeners.add(listener);
  }

  public void ignore(Listener listener) {
    listeners.remove(listener);
  }

  /** Copies, checks and tests the model and reads what is there, unless that is done. */
  public void prepare() {
    worker.execute(this::prepareNow);
  }

  /** As {@link #prepare}, on this thread: for work that goes on without a screen. */
  public synchronized void prepareNow() {
    if (collection != null && model.state().ready()) {
      return;
    }
    model.prepare();
    Workspace workspace = model.workspace();
    Manifest manifest = model.state().manifest();
    if (workspace == null || manifest == null) {
      return;
    }
    try {
      wording = Wording.of(manifest.task());
      collection = Collection.open(workspace.examples(), wording);
      unreadable = null;
    } catch (BadInput e) {
      unreadable = Trouble.of(e, R.string.trouble_examples, R.string.trouble_kept_advice);
    }
    tuning.restore();
    changed();
  }

  /** Copies the model out of the app again. */
  public void copyAgain() {
    worker.execute(() -> {
      model.copyAgain();
      prepareNow();
    });
  }

  /** Runs the self-test again. */
  public void testAgain() {
    worker.execute(model::testAgain);
  }

  /** What is missing before tuning can start. */
  public Missing missing() {
    return Missing.of(collection, wording.classifies());
  }

  /** A label with one example, or null. */
  public String loneLabel() {
    return Missing.loneLabel(collection.items());
  }

  /** Which examples are held back, by their places. */
  public Split split() {
    return Split.of(collection.items(), wording.classifies());
  }

  /** Orders a new run; {@code ready} is called on the main thread when it may be carried out. */
  public void order(int steps, Runnable ready, java.util.function.Consumer<Trouble> refused) {
    ordering(() -> tuning.order(collection, wording, steps), ready, refused);
  }

  /** Orders more steps of the run that is there. */
  public void orderMore(int steps, Runnable ready, java.util.function.Consumer<Trouble> refused) {
    ordering(() -> tuning.orderMore(steps), ready, refused);
  }

  private interface Work {
    void work() throws PocketzoException;
  }

  private void ordering(Work work, Runnable ready, java.util.function.Consumer<Trouble> refused) {
    worker.execute(() -> {
      try {
        work.work();
        trialState = TrialState.NONE;
        main.post(ready);
      } catch (PocketzoException | RuntimeException e) {
        Trouble trouble = Trouble.of(e, R.string.trouble_run, R.string.trouble_run_advice);
        main.post(() -> refused.accept(trouble));
      }
      changed();
    });
  }

  /** Back to the model as it came. */
  public void undo() {
    worker.execute(() -> tuning.whileIdle(() -> {
      tuning.discard();
      trialState = TrialState.NONE;
      changed();
    }));
  }

  /** Asks both models. */
  public void ask(String text) {
    trialState = new TrialState(true, trialState.answer(), null);
    changed();
    worker.execute(() -> {
      try {
        trialState = new TrialState(false, trial.ask(text, collection, wording), null);
      } catch (PocketzoException | RuntimeException | OutOfMemoryError e) {
        trialState = new TrialState(false, null, Trouble.of(e, R.string.trouble_try, R.string.trouble_try_advice));
      }
      changed();
    });
  }

  /** Gives back the engine's memory unless it is in use. */
  public void spareMemory() {
    worker.execute(() -> tuning.whileIdle(model::release));
  }

  /** Bytes that a run with usual examples takes, 0 until the model is known. */
  public long neededMemory() {
    Manifest manifest = model.state().manifest();
    return manifest == null ? 0 : Memory.estimate(manifest, 16, 64, 1, 1).total();
  }

  /** The labels that a person may choose from. */
  public List<String> labels() {
    return collection.labels();
  }

  private void changed() {
    if (posted.compareAndSet(false, true)) {
      main.post(() -> {
        posted.set(false);
        for (Listener listener : new LinkedHashSet<>(listeners)) {
          listener.changed();
        }
      });
    }
  }
}
