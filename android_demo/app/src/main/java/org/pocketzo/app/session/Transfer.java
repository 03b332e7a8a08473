package org.pocketzo.app.session;

import android.content.ContentResolver;
import android.net.Uri;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.pocketzo.app.R;
import org.pocketzo.app.examples.Collection;
import org.pocketzo.app.examples.Lines;
import org.pocketzo.app.examples.Wording;
import org.pocketzo.app.model.Trouble;
import org.pocketzo.runtime.errors.BadInput;
import org.pocketzo.runtime.system.Files;
import org.pocketzo.runtime.tasks.Compressed;

/** Examples from and to files of the person's, which may lie in a cloud: not for the thread that draws. */
public final class Transfer {
  /**
   * What came of it.
   *
   * @param found what was imported; null for an export
   * @param trouble why it failed, or null
   */
  public record News(Lines.Found found, Trouble trouble) {}

  private Transfer() {}

  static News in(ContentResolver resolver, Uri uri, Collection collection, Wording wording) {
    Lines.Found found;
    try (InputStream in = resolver.openInputStream(uri)) {
      if (in == null) {
        throw new IOException(uri.toString());
      }
      Path name = Paths.get("examples");
      byte[] packed = Files.bytes(in, name, "file", Collection.LIMIT);
      byte[] content = Compressed.unpacked(packed, name, "file", Collection.LIMIT);
      found = Lines.read(Files.decodeText(content, name, "file"), wording);
    } catch (IOException | BadInput | RuntimeException | OutOfMemoryError e) {
      return new News(null, Trouble.of(e, R.string.trouble_examples, R.string.trouble_read_advice));
    }
    try {
      if (!found.items().isEmpty()) {
        collection.add(found.items());
      }
      return new News(found, null);
    } catch (BadInput | OutOfMemoryError e) {
      return new News(null, Trouble.of(e, R.string.trouble_keep, R.string.trouble_keep_advice));
    }
  }

  static News out(ContentResolver resolver, Uri uri, Collection collection, Wording wording) {
    try (OutputStream out = resolver.openOutputStream(uri, "wt")) {
      if (out == null) {
        throw new IOException(uri.toString());
      }
      out.write(Lines.write(collection.items(), wording).getBytes(StandardCharsets.UTF_8));
      return new News(null, null);
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      return new News(null, Trouble.of(e, R.string.trouble_export, R.string.trouble_keep_advice));
    }
  }
}
