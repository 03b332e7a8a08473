package org.pocketzo.runtime.tokenizers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.json.Json;

class ChatFormatTest {
  private static final String FORMAT =
      "{\"format\": \"pocketzo-chat\", \"version\": 1, \"joints\": {\"start user\": \"<\", \"user answer\": \">\","
          + " \"user assistant\": \"|\", \"user assistant last\": \"!\", \"assistant end\": \".\"},"
          + " \"trim\": {\"user\": \"both\", \"assistant\": \"none\"}, \"unsafe\": {\"user\": [\"<|\"]}}";

  private static ChatFormat.Message user(String text) {
    return new ChatFormat.Message("user", text);
  }

  private static String refusal(ChatFormat.Message... messages) throws BadInput {
    ChatFormat format = ChatFormat.parse(FORMAT);
    return assertThrows(BadInput.class, () -> format.apply(Arrays.asList(messages), true)).getMessage();
  }

  @Test
  void jointsAndMessagesInTurn() throws BadInput {
    ChatFormat format = ChatFormat.parse(FORMAT);
    ChatFormat.Message answer = new ChatFormat.Message("assistant", " b ");
    assertEquals("<a>", format.apply(Collections.singletonList(user("\u001c a\u3000\n")), true));
    assertEquals("<a! b .", format.apply(Arrays.asList(user("a"), answer), false));
  }

  @Test
  void aConversationThatTheFormatHasNot() throws BadInput {
    assertTrue(refusal(user("a"), user("b")).contains("cannot follow"));
    assertTrue(refusal(new ChatFormat.Message("system", "a"), user("b")).contains("cannot follow"));
    assertTrue(refusal(user("a <| b")).contains("uses \"<|\" itself"));
    assertTrue(refusal(user(" \n")).contains("empty"));
    assertTrue(refusal(user("a"), new ChatFormat.Message("assistant", "b")).contains("no assistant answer"));
  }

  @Test
  void aDamagedFile() {
    for (String text : Arrays.asList("", "{}", "[]", FORMAT.replace("1,", "2,"), FORMAT.replace("\"<\"", "7"))) {
      assertThrows(BadInput.class, () -> ChatFormat.parse(text));
    }
  }

  /** tests/android/test_chat_format.py writes the folder: formats, conversations and what jinja2 makes of them. */
  @Test
  void everyConversationIsWhatTheTemplateWrites() throws IOException, BadInput, Json.Malformed {
    String folder = System.getProperty("pocketzo.chats");
    assumeTrue(folder != null, "needs what tests/android/test_chat_format.py writes");
    try (DirectoryStream<Path> families = Files.newDirectoryStream(Paths.get(folder))) {
      for (Path family : families) {
        ChatFormat format = ChatFormat.open(family.resolve("chat_format.json"));
        for (String line : Files.readAllLines(family.resolve("cases.jsonl"))) {
          Map<?, ?> wanted = (Map<?, ?>) Json.parse(line);
          List<ChatFormat.Message> messages = new ArrayList<>();
          for (Object item : (List<?>) wanted.get("messages")) {
            Map<?, ?> message = (Map<?, ?>) item;
            messages.add(new ChatFormat.Message((String) message.get("role"), (String) message.get("content")));
          }
          assertEquals(wanted.get("text"), format.apply(messages, (Boolean) wanted.get("answer")), family.toString());
        }
      }
    }
  }
}
