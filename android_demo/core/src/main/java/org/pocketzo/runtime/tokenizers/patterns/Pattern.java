package org.pocketzo.runtime.tokenizers.patterns;

import java.util.Arrays;

/**
 * A compiled pattern: a program that tries one alternative after another and goes back where it fails. Its stack is an
 * array and a repeated set of characters is one instruction, so that very long words do no harm.
 */
final class Pattern implements Matches {
  /** What an instruction does. */
  enum Kind {
    /** Takes {@code minimum} to {@code maximum} characters of a set, as many as possible first. */
    REPEAT,
    /** Goes on behind itself, and when that fails at {@code target}. */
    TRY,
    /** Goes on at {@code target}. */
    JUMP,
    /** Goes on if the next character is of a set; at the end of the text it is not. */
    AHEAD,
    /** Goes on unless the next character is of a set. */
    NOT_AHEAD,
    /** The match is complete. */
    DONE
  }

  /** One step; {@code target} is set when it is known. */
  static final class Instruction {
    private final Kind kind;
    private final CharacterSet set;
    private final int minimum;
    private final int maximum;
    int target;

    Instruction(Kind kind, CharacterSet set, int minimum, int maximum) {
      this.kind = kind;
      this.set = set;
      this.minimum = minimum;
      this.maximum = maximum;
    }
  }

  private final Instruction[] program;

  Pattern(Instruction[] program) {
    this.program = program;
  }

  @Override
  public boolean next(String text, int from, int[] found) {
    Run run = new Run(text);
    for (int start = from; start <= text.length(); ) {
      int end = run.match(start);
      if (end >= 0) {
        found[0] = start;
        found[1] = end;
        return true;
      }
      start += start < text.length() ? Character.charCount(text.codePointAt(start)) : 1;
    }
    return false;
  }

  /** A walk through the program over one text. */
  private final class Run {
    private final String text;
    private int[] stack = new int[48];
    private int depth;

    Run(String text) {
      this.text = text;
    }

    /** The end of the match at {@code start}, or -1. */
    int match(int start) {
      depth = 0;
      int at = start;
      int step = 0;
      while (program[step].kind != Kind.DONE) {
        Instruction instruction = program[step];
        switch (instruction.kind) {
          case TRY -> {
            push(instruction.target, at, at);
            step++;
          }
          case JUMP -> step = instruction.target;
          default -> {
            at = instruction.kind == Kind.REPEAT ? repeat(instruction, step, at) : look(instruction, at);
            step++;
          }
        }
        if (at < 0) {
          if (depth == 0) {
            return -1;
          }
          step = stack[depth - 3];
          at = stack[depth - 2];
          giveBack();
        }
      }
      return at;
    }

    /** Takes as many characters as there are, and notes where one may go on with fewer. */
    private int repeat(Instruction instruction, int step, int at) {
      int enough = instruction.minimum == 0 ? at : -1;
      int count = 0;
      while (count < instruction.maximum && at < text.length()) {
        int c = text.codePointAt(at);
        if (!instruction.set.contains(c)) {
          break;
        }
        at += Character.charCount(c);
        if (++count == instruction.minimum) {
          enough = at;
        }
      }
      if (enough >= 0 && at > enough) {
        push(step + 1, text.offsetByCodePoints(at, -1), enough);
      }
      return enough < 0 ? -1 : at;
    }

    private int look(Instruction instruction, int at) {
      boolean is = at < text.length() && instruction.set.contains(text.codePointAt(at));
      return is == (instruction.kind == Kind.AHEAD) ? at : -1;
    }

    private void push(int step, int at, int enough) {
      if (depth + 3 > stack.length) {
        stack = Arrays.copyOf(stack, 2 * stack.length);
      }
      stack[depth++] = step;
      stack[depth++] = at;
      stack[depth++] = enough;
    }

    /** The top of the stack was used: it stays with one character fewer, until there are just enough. */
    private void giveBack() {
      int at = stack[depth - 2];
      if (at > stack[depth - 1]) {
        stack[depth - 2] = text.offsetByCodePoints(at, -1);
      } else {
        depth -= 3;
      }
    }
  }
}
