package org.pocketzo.app.screens;

import android.app.Activity;
import android.app.AlertDialog;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import java.util.List;
import java.util.function.Consumer;
import org.pocketzo.app.R;
import org.pocketzo.app.examples.Item;

/** Questions that need an answer before anything else. */
final class Dialogs {
  private Dialogs() {}

  /** Says something. */
  static void tell(Activity activity, int title, String text) {
    new AlertDialog.Builder(activity)
        .setTitle(title)
        .setMessage(text)
        .setPositiveButton(R.string.ok, null)
        .show();
  }

  /** Asks before something that cannot be taken back. */
  static void confirm(Activity activity, int title, int text, int yes, Runnable then) {
    new AlertDialog.Builder(activity)
        .setTitle(title)
        .setMessage(text)
        .setPositiveButton(yes, (dialog, which) -> then.run())
        .setNegativeButton(R.string.cancel, null)
        .show();
  }

  /** Changes an example or deletes it; nothing is kept of one that would be incomplete. */
  static void edit(Activity activity, int title, String text, String answer, List<String> labels,
      Consumer<Item> save, Runnable delete) {
    View view = LayoutInflater.from(activity).inflate(R.layout.dialog_example, null);
    EditText texts = view.findViewById(R.id.edit_text);
    EditText answers = view.findViewById(R.id.edit_answer);
    texts.setText(text);
    answers.setText(answer);
    ViewGroup chips = view.findViewById(R.id.edit_chips);
    Chips.show(chips, labels, answer, label -> {
      answers.setText(label);
      Chips.show(chips, labels, label, again -> {});
    });
    AlertDialog dialog = new AlertDialog.Builder(activity)
        .setTitle(title)
        .setView(view)
        .setPositiveButton(R.string.save, null)
        .setNegativeButton(R.string.cancel, null)
        .setNeutralButton(R.string.delete, (d, which) -> delete.run())
        .show();
    dialog.getButton(AlertDialog.BUTTON_POSITIVE).setOnClickListener(v -> {
      Item item = new Item(texts.getText().toString().trim(), answers.getText().toString().trim());
      if (item.text().isEmpty()) {
        texts.setError(activity.getText(R.string.examples_need_text));
      } else if (item.answer().isEmpty()) {
        answers.setError(activity.getText(R.string.examples_need_label));
      } else {
        save.accept(item);
        dialog.dismiss();
      }
    });
  }

  /** Gives a label another name, or deletes it with its examples. */
  static void rename(Activity activity, String label, Consumer<String> save, Runnable delete) {
    View view = LayoutInflater.from(activity).inflate(R.layout.dialog_label, null);
    EditText name = view.findViewById(R.id.edit_name);
    name.setText(label);
    AlertDialog dialog = new AlertDialog.Builder(activity)
        .setTitle(R.string.examples_rename)
        .setView(view)
        .setPositiveButton(R.string.save, null)
        .setNegativeButton(R.string.cancel, null)
        .setNeutralButton(R.string.examples_delete_label, (d, which) -> delete.run())
        .show();
    dialog.getButton(AlertDialog.BUTTON_POSITIVE).setOnClickListener(v -> {
      String typed = name.getText().toString().trim();
      if (typed.isEmpty()) {
        name.setError(activity.getText(R.string.examples_need_label));
      } else {
        save.accept(typed);
        dialog.dismiss();
      }
    });
  }
}
