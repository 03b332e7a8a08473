import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.pocketzo.runtime.tokenizers.Tokenizer;
import org.pocketzo.runtime.tokenizers.Tokenizers;

/**
 * The tokenizer of the core and DJL's of one tokenizer.json, on the same texts; bench/java_tokenizers.py runs it.
 *
 * <p>Arguments: tokenizer.json, a file of texts to compare the ids of, one of texts to take the time of, and rounds; a
 * line of both is a list [text, ids that the library has]. Prints one line: texts, tokens, texts whose ids differ (core,
 * DJL), milliseconds to open (core, DJL), tokens per second in the median round (core, DJL, DJL for the
 * ids alone).
 */
final class JavaTokenizers {
  /** Ids of a text without the special tokens that a template adds. */
  private interface Encoder {
    int[] encode(String text) throws Exception;
  }

  /** Passes over the texts in one round. */
  private static final int PASSES = 20;

  /** Of which the fastest counts. */
  private static final int OPENINGS = 7;

  private JavaTokenizers() {}

  public static void main(String[] arguments) throws Exception {
    Path file = Path.of(arguments[0]);
    List<String> texts = new ArrayList<>();
    List<int[]> wanted = new ArrayList<>();
    read(Path.of(arguments[1]), texts, wanted);
    List<String> timed = new ArrayList<>();
    read(Path.of(arguments[2]), timed, new ArrayList<>());
    int rounds = Integer.parseInt(arguments[3]);

    Tokenizer own = null;
    HuggingFaceTokenizer djl = null;
    double ownOpens = Double.MAX_VALUE;
    double djlOpens = Double.MAX_VALUE;
    for (int i = 0; i < OPENINGS; i++) {
      long begin = System.nanoTime();
      djl = HuggingFaceTokenizer.newInstance(file, Map.of("truncation", "false", "padding", "false"));
      djlOpens = Math.min(djlOpens, (System.nanoTime() - begin) / 1e6);
      begin = System.nanoTime();
      own = Tokenizers.open(file);
      ownOpens = Math.min(ownOpens, (System.nanoTime() - begin) / 1e6);
    }
    compare(own, djl, new double[] {ownOpens, djlOpens}, texts, wanted, timed, rounds);
  }

  private static void compare(
      Tokenizer own, HuggingFaceTokenizer djl, double[] opens, List<String> texts, List<int[]> wanted,
      List<String> timed, int rounds) throws Exception {
    Encoder core = own::written;
    Encoder whole = text -> ints(djl.encode(text, false, false).getIds());
    Encoder alone = text -> idsAlone(djl.getHandle(), text);
    List<Encoder> encoders = List.of(core, whole, alone);
    double[][] rates = new double[encoders.size()][rounds];
    for (int round = -2; round < rounds; round++) { // two warm up
      for (int i = 0; i < encoders.size(); i++) {
        double rate = rate(encoders.get(i), timed);
        if (round >= 0) {
          rates[i][round] = rate;
        }
      }
    }
    int tokens = wanted.stream().mapToInt(ids -> ids.length).sum();
    System.out.printf(
        "%d %d %d %d %.0f %.0f %.0f %.0f %.0f%n",
        texts.size(), tokens, different(core, texts, wanted), different(whole, texts, wanted),
        opens[0], opens[1], median(rates[0]), median(rates[1]), median(rates[2]));
  }

  /** What DJL's public class does not offer: the ids without tokens, masks and spans. */
  private static int[] idsAlone(long tokenizer, String text) {
    long encoding = TokenizersLibrary.LIB.encode(tokenizer, text, false);
    try {
      return ints(TokenizersLibrary.LIB.getTokenIds(encoding));
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  private static void read(Path file, List<String> texts, List<int[]> wanted) throws IOException {
    for (String line : Files.readAllLines(file)) {
      try (JsonParser parser = new JsonFactory().createParser(line)) {
        parser.nextToken();
        parser.nextToken();
        texts.add(parser.getText());
        parser.nextToken();
        List<Integer> ids = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          ids.add(parser.getIntValue());
        }
        wanted.add(ids.stream().mapToInt(id -> id).toArray());
      }
    }
  }

  private static double rate(Encoder encoder, List<String> texts) throws Exception {
    long tokens = 0;
    long begin = System.nanoTime();
    for (int i = 0; i < PASSES; i++) {
      for (String text : texts) {
        tokens += encoder.encode(text).length;
      }
    }
    return tokens / ((System.nanoTime() - begin) / 1e9);
  }

  private static int different(Encoder encoder, List<String> texts, List<int[]> wanted) throws Exception {
    int count = 0;
    for (int i = 0; i < texts.size(); i++) {
      count += Arrays.equals(encoder.encode(texts.get(i)), wanted.get(i)) ? 0 : 1;
    }
    return count;
  }

  private static int[] ints(long[] ids) {
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
