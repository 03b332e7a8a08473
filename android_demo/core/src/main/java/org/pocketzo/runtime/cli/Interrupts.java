package org.pocketzo.runtime.cli;

import java.util.concurrent.CountDownLatch;
import org.pocketzo.runtime.Request;

/** Ctrl-C and SIGTERM between steps: the process ends when the run has saved everything. */
final class Interrupts {
  private static final CountDownLatch DONE = new CountDownLatch(1);
  private static volatile int code = 130;

  private Interrupts() {}

  /** A request that Ctrl-C and SIGTERM make. */
  static Request.Stop request() {
    Request.Stop stop = new Request.Stop();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      stop.make();
      try {
        DONE.await();
      } catch (InterruptedException e) {
        return;
      }
      Runtime.getRuntime().halt(code);
    }));
    return stop;
  }

  /** The command has ended with this exit code; a process that was told to stop may go. */
  static void finished(int exitCode) {
    code = exitCode;
    System.out.flush();
    System.err.flush();
    DONE.countDown();
  }
}
