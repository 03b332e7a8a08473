package org.pocketzo.app.session;

import org.pocketzo.app.model.Trouble;

/** How trying out stands: asked or not, an answer or null, and what went wrong or null. */
public record TrialState(boolean busy, Answer answer, Trouble trouble) {
  static final TrialState NONE = new TrialState(false, null, null);
}
