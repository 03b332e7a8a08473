package org.pocketzo.runtime.tokenizers.patterns;

import java.util.ArrayList;
import java.util.List;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;

/**
 * Reads the part of regular expressions that tokenizers use: alternatives, groups {@code (?:...)} and {@code (?i:...)}
 * that occur once or may be missing, characters and sets with + * ? or {m,n}, and a look at the next character.
 * toolkit/android/phone_tokenizer.py has the same grammar.
 */
public final class PatternParser {
  private static final int MANY = Integer.MAX_VALUE;
  private static final int MOST = 1000;

  private final String source;
  private final List<Pattern.Instruction> program = new ArrayList<>();
  private int at;

  private PatternParser(String source) {
    this.source = source;
  }

  /** The member {@code pattern} of a component: a text as it is written, or a regular expression. */
  public static Matches pattern(Component component) throws BadInput {
    Component pattern = component.member("pattern").only("String", "Regex");
    if (pattern.has("String") == pattern.has("Regex")) {
      throw component.wrong("pattern", "a String or a Regex");
    }
    if (pattern.has("Regex")) {
      return parse(pattern.text("Regex"));
    }
    String text = pattern.text("String");
    if (text.isEmpty()) {
      throw component.wrong("pattern", "a text that is not empty");
    }
    return Matches.literal(text);
  }

  /** Compiles a pattern. Throws BadInput for what is not in the grammar. */
  public static Pattern parse(String source) throws BadInput {
    PatternParser parser = new PatternParser(source);
    parser.alternatives(false);
    if (parser.at < source.length()) {
      throw parser.refused();
    }
    parser.add(Pattern.Kind.DONE, null);
    return new Pattern(parser.program.toArray(new Pattern.Instruction[0]));
  }

  private BadInput refused() {
    String why = "the pattern " + source + " has something at place " + at + " that phones do not reproduce";
    return BadInput.of("tokenizer", why, Component.FIX);
  }

  private Pattern.Instruction add(Pattern.Kind kind, CharacterSet set) {
    Pattern.Instruction instruction = new Pattern.Instruction(kind, set, 0, 0);
    program.add(instruction);
    return instruction;
  }

  private void alternatives(boolean ignoreCase) throws BadInput {
    List<Pattern.Instruction> jumps = new ArrayList<>();
    while (true) {
      int start = program.size();
      sequence(ignoreCase);
      if (!source.startsWith("|", at)) {
        break;
      }
      at++;
      Pattern.Instruction attempt = new Pattern.Instruction(Pattern.Kind.TRY, null, 0, 0);
      insert(start, attempt);
      jumps.add(add(Pattern.Kind.JUMP, null));
      attempt.target = program.size();
    }
    for (Pattern.Instruction jump : jumps) {
      jump.target = program.size();
    }
  }

  /** Puts an instruction before those from {@code start} on, whose targets move with them. */
  private void insert(int start, Pattern.Instruction instruction) {
    for (Pattern.Instruction later : program.subList(start, program.size())) {
      later.target++;
    }
    program.add(start, instruction);
  }

  private void sequence(boolean ignoreCase) throws BadInput {
    while (at < source.length() && source.charAt(at) != '|' && source.charAt(at) != ')') {
      if (source.startsWith("(", at)) {
        group(ignoreCase);
      } else {
        CharacterSet set = new SetParser(source, at, ignoreCase).parse();
        at = SetParser.end(source, at);
        repeated(set);
      }
    }
  }

  private void group(boolean ignoreCase) throws BadInput {
    if (take("(?!") || take("(?=")) {
      boolean not = source.charAt(at - 1) == '!';
      CharacterSet set = new SetParser(source, at, ignoreCase).parse();
      at = SetParser.end(source, at);
      add(not ? Pattern.Kind.NOT_AHEAD : Pattern.Kind.AHEAD, set);
      close();
      return;
    }
    int start = program.size();
    boolean inner = ignoreCase || source.startsWith("(?i:", at);
    if (!take("(?i:") && !take("(?:")) {
      throw refused();
    }
    if (inner && !ignoreCase) {
      SetParser.checkFolding(source, at);
    }
    alternatives(inner);
    close();
    if (take("?")) {
      Pattern.Instruction attempt = new Pattern.Instruction(Pattern.Kind.TRY, null, 0, 0);
      insert(start, attempt);
      attempt.target = program.size();
    }
    if (at < source.length() && "?+*{".indexOf(source.charAt(at)) >= 0) {
      throw refused();
    }
  }

  private boolean take(String text) {
    boolean there = source.startsWith(text, at);
    at += there ? text.length() : 0;
    return there;
  }

  private void close() throws BadInput {
    if (!take(")")) {
      throw refused();
    }
  }

  private void repeated(CharacterSet set) throws BadInput {
    int minimum = 1;
    int maximum = 1;
    if (take("+")) {
      maximum = MANY;
    } else if (take("*")) {
      minimum = 0;
      maximum = MANY;
    } else if (take("?")) {
      minimum = 0;
    } else if (take("{")) {
      int close = source.indexOf('}', at);
      String inside = close < 0 ? "" : source.substring(at, close);
      if (!inside.matches("[0-9]{1,3}(,[0-9]{0,3})?")) {
        throw refused();
      }
      String[] limits = inside.split(",", -1);
      minimum = Integer.parseInt(limits[0]);
      maximum = limits.length == 1 ? minimum : limits[1].isEmpty() ? MANY : Integer.parseInt(limits[1]);
      if (maximum < minimum || minimum > MOST) {
        throw refused();
      }
      at = close + 1;
    }
    if (at < source.length() && "?+*{".indexOf(source.charAt(at)) >= 0) {
      throw refused();
    }
    program.add(new Pattern.Instruction(Pattern.Kind.REPEAT, set, minimum, maximum));
  }
}
