package org.pocketzo.runtime;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.pocketzo.runtime.json.Json;

/** What tests/android/fixtures.py wrote with the reference in Python. */
public final class Fixtures {
  private Fixtures() {}

  /** A file or folder of the fixtures; the test is skipped where they were not made. */
  public static Path path(String name) {
    Path folder = Paths.get(System.getProperty("pocketzo.fixtures", "target/fixtures"));
    assumeTrue(Files.isDirectory(folder), "needs the fixtures that `make android-fixtures` makes");
    return folder.resolve(name);
  }

  /** A table of expected values. */
  public static List<?> table(String name) throws Exception {
    return (List<?>) Json.read(path("expected/" + name + ".json"), "table");
  }

  /** A member of a JSON object. */
  public static Object get(Object object, String name) {
    return ((Map<?, ?>) object).get(name);
  }

  /** The paths inside of a folder, in order. */
  public static SortedSet<Path> inside(Path folder) throws IOException {
    SortedSet<Path> paths = new TreeSet<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
      stream.forEach(paths::add);
    }
    return paths;
  }

  /** Copies the files of one folder into another, made if need be. */
  public static Path copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (Path path : inside(from)) {
      Files.copy(path, to.resolve(path.getFileName()), StandardCopyOption.REPLACE_EXISTING);
    }
    return to;
  }
}
