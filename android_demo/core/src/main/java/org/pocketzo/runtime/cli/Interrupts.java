package org.pocketzo.runtime.cli;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.pocketzo.runtime.system.Request;

/** Ctrl-C and SIGTERM between steps: the first asks the run to end, the second ends the process at once. */
final class Interrupts {
  private static final String[] SIGNALS = {"INT", "TERM"};

  private Interrupts() {}

  /** A request that Ctrl-C and SIGTERM make. */
  static Request.Stop request() {
    Request.Stop stop = new Request.Stop();
    for (String name : SIGNALS) {
      try {
        note(name, stop);
      } catch (ReflectiveOperationException | IllegalArgumentException e) {
        // This Java has none; the process ends at once then, and the trajectory holds every step.
      }
    }
    return stop;
  }

  /** By reflection, for these classes belong to no standard, and a phone lacks them. */
  private static void note(String name, Request.Stop stop) throws ReflectiveOperationException {
    Class<?> signals = Class.forName("sun.misc.Signal");
    Class<?> handlers = Class.forName("sun.misc.SignalHandler");
    Object signal = signals.getConstructor(String.class).newInstance(name);
    Object usual = handlers.getField("SIG_DFL").get(null);
    Method handle = signals.getMethod("handle", signals, handlers);
    Class<?>[] interfaces = {handlers};
    Object handler = Proxy.newProxyInstance(handlers.getClassLoader(), interfaces, (proxy, method, given) -> {
      stop.make();
      handle.invoke(null, signal, usual);
      return null;
    });
    handle.invoke(null, signal, handler);
  }
}
