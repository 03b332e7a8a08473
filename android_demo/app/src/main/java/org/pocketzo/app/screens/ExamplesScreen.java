package org.pocketzo.app.screens;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.ClipboardManager;
import android.content.Intent;
import android.text.InputType;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.pocketzo.app.R;
import org.pocketzo.app.Words;
import org.pocketzo.app.examples.Collection;
import org.pocketzo.app.examples.Item;
import org.pocketzo.app.examples.Lines;
import org.pocketzo.app.examples.Split;
import org.pocketzo.app.model.Trouble;
import org.pocketzo.app.session.Transfer;
import org.pocketzo.runtime.errors.BadInput;

/** The person's examples: typed, pasted or imported, with their labels. */
public final class ExamplesScreen extends Screen {
  /** Request codes of the files that the person chooses. */
  public static final int IMPORT = 1;

  public static final int EXPORT = 2;
  private static final int AT_ONCE = 30;

  private List<Item> shown;
  private int limit = AT_ONCE;
  private String chosen;

  public ExamplesScreen(Activity activity) {
    super(activity, R.layout.screen_examples);
    show(R.id.example_said, false);
    find(R.id.add).setOnClickListener(v -> add());
    find(R.id.paste).setOnClickListener(v -> paste());
    find(R.id.import_file).setOnClickListener(v -> choose(
        new Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("*/*"), IMPORT));
    find(R.id.export_file).setOnClickListener(v -> choose(
        new Intent(Intent.ACTION_CREATE_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE)
            .setType("application/octet-stream").putExtra(Intent.EXTRA_TITLE, "examples.jsonl"), EXPORT));
    find(R.id.more).setOnClickListener(v -> {
      limit += AT_ONCE;
      shown = null;
      refresh();
    });
  }

  @Override
  public void refresh() {
    boolean classifies = session.wording().classifies();
    text(R.id.lead, activity.getText(classifies ? R.string.examples_lead : R.string.examples_lead_complete));
    EditText answer = find(R.id.example_answer);
    answer.setHint(classifies ? R.string.examples_label_hint : R.string.examples_answer_hint);
    int type = InputType.TYPE_CLASS_TEXT | (classifies ? 0 : InputType.TYPE_TEXT_FLAG_MULTI_LINE);
    if (answer.getInputType() != type) {
      // Only then: it makes the keyboard begin anew, in the middle of a word while a run goes on.
      answer.setInputType(type);
    }
    Collection collection = session.collection();
    Transfer.News news = session.news();
    if (news != null) {
      tell(news);
    } else if (session.unreadable() != null) {
      trouble(session.unreadable());
    }
    find(R.id.add).setEnabled(collection != null);
    find(R.id.paste).setEnabled(collection != null);
    find(R.id.import_file).setEnabled(collection != null);
    boolean any = collection != null && !collection.items().isEmpty();
    find(R.id.export_file).setEnabled(any);
    show(R.id.empty, collection != null && !any);
    show(R.id.labels_card, any && classifies);
    show(R.id.items_card, any);
    boolean choices = collection != null && classifies && !collection.labels().isEmpty();
    show(R.id.choose, choices);
    if (choices) {
      Chips.show(find(R.id.chips), collection.labels(), chosen, this::choose);
    } else {
      ((ViewGroup) find(R.id.chips)).removeAllViews();
    }
    if (any && shown != collection.items()) {
      showItems(collection, classifies);
    }
  }

  /** Lets the person choose a file, on phones that have something to choose with. */
  private void choose(Intent file, int request) {
    try {
      activity.startActivityForResult(file, request);
    } catch (ActivityNotFoundException e) {
      trouble(Trouble.of(e, R.string.trouble_no_files, R.string.trouble_no_files_advice));
    }
  }

  private void choose(String label) {
    chosen = label.equals(chosen) ? null : label;
    refresh();
  }

  private void showItems(Collection collection, boolean classifies) {
    shown = collection.items();
    Split split = session.split();
    List<String> labels = collection.labels();
    if (classifies) {
      showLabels(collection, split, labels);
    }
    text(R.id.items_title,
        activity.getText(R.string.examples_all) + " · " + Words.number(activity, shown.size(), 0));
    ViewGroup rows = find(R.id.items);
    rows.removeAllViews();
    int oldest = Math.max(0, shown.size() - limit);
    for (int i = shown.size() - 1; i >= oldest; i--) {
      rows.addView(row(rows, i, labels, classifies, split.heldBackAt().contains(i)));
    }
    show(R.id.more, oldest > 0);
  }

  private void showLabels(Collection collection, Split split, List<String> labels) {
    Map<String, Integer> all = Split.counts(collection.items());
    Map<String, Integer> held = Split.counts(split.heldBack());
    ViewGroup rows = find(R.id.labels);
    rows.removeAllViews();
    for (int i = 0; i < labels.size(); i++) {
      String label = labels.get(i);
      int count = all.getOrDefault(label, 0);
      int back = held.getOrDefault(label, 0);
      String counts = Words.examples(activity, count) + (back == 0 ? ""
          : " · " + activity.getResources().getQuantityString(R.plurals.examples_held_count, back, back));
      View row = LayoutInflater.from(activity).inflate(R.layout.row_label, rows, false);
      LabelColours.tint(row.findViewById(R.id.dot), i);
      ((TextView) row.findViewById(R.id.name)).setText(label);
      ((TextView) row.findViewById(R.id.count)).setText(counts);
      row.setContentDescription(activity.getString(R.string.label_described, label, counts));
      row.setOnClickListener(v -> renameLabel(label));
      rows.addView(row);
    }
  }

  private View row(ViewGroup rows, int index, List<String> labels, boolean classifies, boolean held) {
    Item item = shown.get(index);
    View row = LayoutInflater.from(activity).inflate(R.layout.row_item, rows, false);
    LabelColours.tint(row.findViewById(R.id.dot), classifies ? labels.indexOf(item.answer()) : 0);
    ((TextView) row.findViewById(R.id.text)).setText(item.text());
    ((TextView) row.findViewById(R.id.answer)).setText(
        held ? item.answer() + " · " + activity.getString(R.string.examples_held) : item.answer());
    row.setOnClickListener(v -> edit(index));
    return row;
  }

  private void add() {
    EditText text = find(R.id.example_text);
    EditText answer = find(R.id.example_answer);
    boolean classifies = session.wording().classifies();
    String typed = answer.getText().toString().trim();
    String label = typed.isEmpty() && classifies && chosen != null ? chosen : typed;
    if (text.getText().toString().trim().isEmpty()) {
      text.setError(activity.getText(R.string.examples_need_text));
      text.requestFocus();
    } else if (label.isEmpty()) {
      answer.setError(
          activity.getText(classifies ? R.string.examples_need_label : R.string.examples_need_answer));
      answer.requestFocus();
    } else if (keep(Collections.singletonList(new Item(text.getText().toString().trim(), label)))) {
      text.setText("");
      answer.setText("");
      chosen = classifies ? label : null;
      say(activity.getText(R.string.examples_added));
      text.requestFocus();
      refresh();
    }
  }

  private interface Change {
    void make() throws BadInput;
  }

  /** Makes a change, or says why it could not be kept. */
  private boolean changed(Change change) {
    try {
      change.make();
      trouble(null);
      refresh();
      return true;
    } catch (BadInput e) {
      trouble(Trouble.of(e, R.string.trouble_keep, R.string.trouble_keep_advice));
      return false;
    }
  }

  private boolean keep(List<Item> items) {
    return changed(() -> session.collection().add(items));
  }

  private void paste() {
    ClipData clip = activity.getSystemService(ClipboardManager.class).getPrimaryClip();
    CharSequence text = clip == null || clip.getItemCount() == 0 ? null : clip.getItemAt(0).coerceToText(activity);
    if (text == null || text.toString().trim().isEmpty()) {
      say(activity.getText(R.string.examples_nothing_to_paste));
      return;
    }
    EditText answer = find(R.id.example_answer);
    String typed = answer.getText().toString().trim();
    String label = typed.isEmpty() && chosen != null ? chosen : typed;
    String pasted = text.toString();
    if (label.isEmpty() && pasted.indexOf('\t') < 0 && !pasted.trim().startsWith("{")) {
      // One text without a label: it is put where a text is typed, and the label is chosen next.
      ((EditText) find(R.id.example_text)).setText(pasted.trim());
      return;
    }
    Lines.Found found = Lines.readPasted(pasted, label, session.wording());
    if (found.items().isEmpty() || keep(found.items())) {
      tell(found);
    }
  }

  private void say(CharSequence text) {
    show(R.id.example_said, text.length() > 0);
    text(R.id.example_said, text);
  }

  /** Says what came of a file. */
  private void tell(Transfer.News news) {
    trouble(news.trouble());
    if (news.found() != null) {
      tell(news.found());
    } else if (news.trouble() == null) {
      say(activity.getText(R.string.examples_exported));
    }
  }

  /** Says how much was added, and what was not usable. */
  private void tell(Lines.Found found) {
    int count = found.items().size();
    say(count == 0 ? activity.getText(R.string.examples_nothing_found)
        : activity.getResources().getQuantityString(R.plurals.examples_imported, count, count));
    if (!found.bad().isEmpty()) {
      Dialogs.tell(activity, R.string.examples_bad_title, bad(found.bad()));
    }
  }

  private static final int NAMED = 5;

  private String bad(List<Lines.Bad> lines) {
    List<String> said = new ArrayList<>();
    for (Lines.Bad line : lines.subList(0, Math.min(NAMED, lines.size()))) {
      said.add(activity.getString(reason(line.reason()), line.line()));
    }
    int more = lines.size() - said.size();
    if (more > 0) {
      said.add(activity.getResources().getQuantityString(R.plurals.examples_bad_more, more, more));
    }
    return String.join("\n", said);
  }

  private static int reason(Lines.Reason reason) {
    return switch (reason) {
      case NOT_JSON -> R.string.examples_bad_json;
      case NO_TEXT -> R.string.examples_bad_text;
      case NO_ANSWER -> R.string.examples_bad_answer;
      case EMPTY -> R.string.examples_bad_empty;
    };
  }

  private void edit(int index) {
    Item item = session.collection().items().get(index);
    Dialogs.edit(activity, R.string.examples_edit, item.text(), item.answer(),
        session.wording().classifies() ? session.collection().labels() : Collections.emptyList(),
        changed -> changed(() -> session.collection().replace(index, changed)),
        () -> changed(() -> session.collection().remove(index)));
  }

  private void renameLabel(String label) {
    Dialogs.rename(activity, label,
        name -> changed(() -> {
          session.collection().rename(label, name);
          chosen = label.equals(chosen) ? name : chosen;
        }),
        () -> changed(() -> session.collection().removeLabel(label)));
  }
}
