package org.pocketzo.runtime.tokenizers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.text.Characters;

/**
 * What stands before, between and behind the messages of a conversation, by who spoke before and who speaks next.
 * toolkit/android/chat_format.py reads it off the model's chat template.
 */
public final class ChatFormat {
  private static final String START = "start";
  private static final String END = "end";
  private static final String ANSWER = "answer";
  private static final String SYSTEM = "system";
  private static final String USER = "user";
  private static final String ASSISTANT = "assistant";
  private static final String FIX = "Package the model again";

  /**
   * What somebody said.
   *
   * @param role {@code system}, {@code user} or {@code assistant}
   */
  public record Message(String role, String text) {}

  private final Map<String, String> joints;
  private final Map<String, String> trim;
  private final Map<String, List<String>> unsafe;

  private ChatFormat(Map<String, String> joints, Map<String, String> trim, Map<String, List<String>> unsafe) {
    this.joints = joints;
    this.trim = trim;
    this.unsafe = unsafe;
  }

  /** Reads a chat_format.json. Throws BadInput if it is damaged or of another version. */
  public static ChatFormat open(Path path) throws BadInput {
    try {
      return parse(new String(Files.readAllBytes(path), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw BadInput.of(path, "cannot be read (" + e.getMessage() + ")", FIX);
    }
  }

  /** Reads the text of a chat_format.json. Throws BadInput if it is damaged or of another version. */
  public static ChatFormat parse(String text) throws BadInput {
    try {
      Component file =
          Component.of("chat format", Json.parse(text)).only("format", "version", "joints", "trim", "unsafe");
      if (!file.text("format").equals("pocketzo-chat") || file.count("version") != 1) {
        throw BadInput.of("chat format", "is of another version", FIX);
      }
      Map<String, List<String>> unsafe = new HashMap<>();
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) file.value("unsafe")).entrySet()) {
        List<String> texts = new ArrayList<>();
        for (Object item : (List<?>) entry.getValue()) {
          texts.add((String) item);
        }
        unsafe.put((String) entry.getKey(), texts);
      }
      return new ChatFormat(texts(file.value("joints")), texts(file.value("trim")), unsafe);
    } catch (Json.Malformed e) {
      throw BadInput.of("chat format", "is damaged (" + e.getMessage() + ")", FIX);
    } catch (ClassCastException | NullPointerException e) {
      throw BadInput.of("chat format", "is damaged", FIX);
    }
  }

  private static Map<String, String> texts(Object members) {
    Map<String, String> texts = new HashMap<>();
    for (Map.Entry<?, ?> entry : ((Map<?, ?>) members).entrySet()) {
      texts.put((String) entry.getKey(), (String) entry.getValue());
    }
    return texts;
  }

  /** Whether conversations may begin with instructions of the role {@code system}. */
  public boolean takesSystem() {
    return joints.containsKey(START + " " + SYSTEM);
  }

  /**
   * The text of a conversation, for {@link Tokenizer#written}.
   *
   * @param messages one of the system perhaps, then user and assistant in turn
   * @param answer whether the text ends where the model is to speak
   * @throws BadInput if the roles are in another order, or a message is empty or holds what the model's format uses
   */
  public String apply(List<Message> messages, boolean answer) throws BadInput {
    StringBuilder text = new StringBuilder();
    String before = START;
    for (int i = 0; i < messages.size(); i++) {
      Message message = messages.get(i);
      check(before, message);
      boolean last = i == messages.size() - 1 && !answer;
      text.append(joint(before, message.role(), last)).append(trimmed(message));
      before = message.role();
    }
    return text.append(joint(before, answer ? ANSWER : END, false)).toString();
  }

  private void check(String before, Message message) throws BadInput {
    String role = message.role();
    boolean speaks = before.equals(USER) ? role.equals(ASSISTANT) : role.equals(USER);
    if (!speaks && !(role.equals(SYSTEM) && before.equals(START) && takesSystem())) {
      throw BadInput.of("conversation", "a message of the " + role + " cannot follow there", "Let the two take turns");
    }
    if (strip(message.text(), true, true).isEmpty()) {
      throw BadInput.of("message", "it is empty", "Write something");
    }
    for (String reserved : unsafe.getOrDefault(role, new ArrayList<>())) {
      if (message.text().contains(reserved)) {
        throw BadInput.of("message", "the model's format uses \"" + reserved + "\" itself", "Leave it out");
      }
    }
  }

  private String joint(String before, String after, boolean last) throws BadInput {
    String key = before + " " + after;
    String text = last && joints.containsKey(key + " last") ? joints.get(key + " last") : joints.get(key);
    if (text == null) {
      throw BadInput.of("conversation", "the model's format has no " + key, "Let the two take turns");
    }
    return text;
  }

  private String trimmed(Message message) {
    String how = trim.getOrDefault(message.role(), "none");
    boolean both = how.equals("both");
    return strip(message.text(), both || how.equals("left"), both || how.equals("right"));
  }

  /** White space as Python's str.strip has it. */
  private static String strip(String text, boolean left, boolean right) {
    int start = 0;
    int end = text.length();
    while (left && start < end && isSpace(text.charAt(start))) {
      start++;
    }
    while (right && start < end && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(start, end);
  }

  private static boolean isSpace(char c) {
    return c >= 0x1C && c <= 0x1F || Characters.has(c, Characters.SPACE);
  }
}
