package org.pocketzo.runtime.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.UnsupportedEncodingException;
import java.util.Arrays;
import org.pocketzo.runtime.errors.PocketzoException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command line on any JVM: what the app does, for laptops, Arm boards and tests. */
@Command(
    name = "pocketzo",
    description = "Fine-tune a language model with forward passes alone: check a bundle, tune it, replay a run.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {VerifyCommand.class, TuneCommand.class, ReplayCommand.class, InspectCommand.class})
public final class Main {
  /** The version in the jar's manifest. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {org.pocketzo.runtime.system.Version.POCKETZO};
    }
  }

  private Main() {}

  /** Exit codes: 0 done, 2 wrong usage, 3 bad input, 4 not enough room, 130 interrupted. */
  public static void main(String[] arguments) throws UnsupportedEncodingException {
    // Whatever the locale, as files are.
    Standard out = new Standard(new FileOutputStream(FileDescriptor.out));
    System.setOut(new PrintStream(out, true, "UTF-8"));
    System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, "UTF-8"));
    int code = run(arguments);
    System.out.flush();
    System.exit(code == 0 && out.failed() ? report(out.error(), false) : code);
  }

  /** Runs one command and returns its exit code. */
  static int run(String... arguments) {
    CommandLine line = new CommandLine(new Main());
    line.setExecutionExceptionHandler((e, command, parsed) -> report(e, debug(parsed)));
    if (arguments.length == 0) {
      line.usage(System.err);
      return 2;
    }
    try {
      return line.execute(arguments);
    } catch (OutOfMemoryError e) {
      System.err.println("pocketzo: out of memory. Choose a smaller --batch, or give Java more: java -Xmx4g -jar ...");
      return 4;
    } catch (Error e) {
      return report(e, Arrays.asList(arguments).contains("--debug"));
    }
  }

  private static boolean debug(CommandLine.ParseResult parsed) {
    CommandLine.ParseResult of = parsed.hasSubcommand() ? parsed.subcommand() : parsed;
    return of.hasMatchedOption("--debug");
  }

  /** Prints an error as one message, with its stack trace under --debug, and returns the exit code. */
  private static int report(Throwable e, boolean debug) {
    if (debug) {
      e.printStackTrace();
    }
    if (e instanceof PocketzoException) {
      System.err.println("pocketzo: " + e.getMessage());
      return ((PocketzoException) e).exitCode();
    }
    System.err.println(
        "pocketzo: unexpected " + e.getClass().getSimpleName() + ": " + e.getMessage()
            + ". Run again with --debug and report what it shows.");
    return 1;
  }
}
