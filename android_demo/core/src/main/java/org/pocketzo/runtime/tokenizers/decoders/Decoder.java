package org.pocketzo.runtime.tokenizers.decoders;

import java.util.List;

/** Makes text of tokens, step by step; what the last step leaves is joined. */
public interface Decoder {
  List<String> decode(List<String> tokens);
}
