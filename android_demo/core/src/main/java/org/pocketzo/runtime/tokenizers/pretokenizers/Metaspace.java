package org.pocketzo.runtime.tokenizers.pretokenizers;

import java.util.List;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.tokenizers.description.Component;
import org.pocketzo.runtime.tokenizers.patterns.Matches;

/** Spaces become a visible mark, with which words begin. */
public final class Metaspace implements PreTokenizer {
  private final String mark;
  private final String scheme;
  private final boolean split;

  private Metaspace(String mark, String scheme, boolean split) {
    this.mark = mark;
    this.scheme = scheme;
    this.split = split;
  }

  static Metaspace of(Component fields) throws BadInput {
    fields.only("replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep");
    return new Metaspace(fields.character("replacement"), scheme(fields), fields.flag("split", true));
  }

  /** {@code always}, {@code never} or {@code first}. */
  public static String scheme(Component fields) throws BadInput {
    String scheme = fields.lists("prepend_scheme") ? fields.text("prepend_scheme") : "always";
    boolean known = scheme.equals("always") || scheme.equals("never") || scheme.equals("first");
    if (!known || fields.has("add_prefix_space") && !fields.flag("add_prefix_space") && !scheme.equals("never")) {
      throw fields.refused("has the prepend_scheme " + scheme + ", which phones do not know or which contradicts");
    }
    return scheme;
  }

  @Override
  public void split(Piece piece, List<Piece> out) {
    String text = piece.text().replace(" ", mark);
    boolean wanted = scheme.equals("always") || scheme.equals("first") && piece.first();
    Piece marked = new Piece(wanted && !text.startsWith(mark) ? mark + text : text, piece.first());
    if (split) {
      Behavior.MERGED_WITH_NEXT.split(marked, Matches.literal(mark), false, out);
    } else {
      out.add(marked);
    }
  }
}
