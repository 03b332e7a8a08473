package org.pocketzo.runtime.limits;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Memory limits that Linux sets for a group of processes, such as a container's or a service's: cgroups, v2 and v1. */
final class Cgroups {
  /**
   * Files of the limits and of what is used, and the lines of memory.stat that say how much of it is read files, which
   * make room for others.
   */
  private enum Version {
    V2("memory.current", new String[] {"memory.max", "memory.high"}, "inactive_file", "active_file"),
    V1("memory.usage_in_bytes", new String[] {"memory.limit_in_bytes"}, "total_inactive_file", "total_active_file");

    private final String used;
    private final String[] limits;
    private final List<String> files;

    Version(String used, String[] limits, String... files) {
      this.used = used;
      this.limits = limits;
      this.files = Arrays.asList(files);
    }
  }

  private Cgroups() {}

  /**
   * What each limited group that this process is in may still take, its own and those around it; none if nothing is
   * limited or this is no Linux. {@code root} is where proc and sys are.
   */
  static List<Long> leftBytes(Path root) {
    List<Long> left = new ArrayList<>();
    try {
      for (String line : lines(root.resolve("proc/self/cgroup"))) {
        add(left, root.resolve("sys/fs/cgroup"), line.split(":", 3));
      }
    } catch (IOException e) {
      // No Linux, or one that does not say.
    }
    return left;
  }

  /** Of one line of /proc/self/cgroup: number, controllers, path. */
  private static void add(List<Long> left, Path cgroups, String[] line) {
    boolean old = line.length == 3 && Arrays.asList(line[1].split(",")).contains("memory");
    if (line.length < 3 || !(old || line[1].isEmpty())) {
      return;
    }
    Path mount = old ? cgroups.resolve("memory") : cgroups;
    // In a container the path may be that of the host, and the mount shows the container's own group as its top.
    for (Path folder = mount.resolve("." + line[2]); folder != null; folder = folder.getParent()) {
      add(left, folder, old ? Version.V1 : Version.V2);
      if (folder.equals(mount)) {
        return;
      }
    }
  }

  private static void add(List<Long> left, Path folder, Version version) {
    for (String name : version.limits) {
      try {
        long limit = number(folder.resolve(name));
        left.add(Math.max(0, limit - number(folder.resolve(version.used)) + readFiles(folder, version)));
      } catch (IOException | NumberFormatException e) {
        // No such group here, or "max": no limit.
      }
    }
  }

  private static long number(Path path) throws IOException {
    return Long.parseLong(lines(path).get(0));
  }

  private static long readFiles(Path folder, Version version) throws IOException {
    long bytes = 0;
    if (Files.isRegularFile(folder.resolve("memory.stat"))) {
      for (String line : lines(folder.resolve("memory.stat"))) {
        String[] words = line.split(" ");
        bytes += version.files.contains(words[0]) ? Long.parseLong(words[1]) : 0;
      }
    }
    return bytes;
  }

  private static List<String> lines(Path path) throws IOException {
    List<String> lines = Files.readAllLines(path, StandardCharsets.ISO_8859_1);
    return lines.isEmpty() ? Collections.singletonList("") : lines;
  }
}
