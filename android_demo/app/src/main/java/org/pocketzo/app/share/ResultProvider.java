package org.pocketzo.app.share;

import android.content.ClipData;
import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.content.Intent;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.pocketzo.app.R;
import org.pocketzo.app.model.Workspace;
import org.pocketzo.app.session.Session;
import org.pocketzo.runtime.run.RunFolder;

/** Lends the files of a result, and no other, to the app that the person chose to share them with. */
public final class ResultProvider extends ContentProvider {
  static final String AUTHORITY = "org.pocketzo.app.results";
  private static final String TYPE = "application/octet-stream";

  /** The best values are what a person wants; the others let anyone check how they came about. */
  private static final List<String> FILES =
      Arrays.asList(RunFolder.BEST, RunFolder.VALUES, RunFolder.TRAJECTORY, RunFolder.METRICS);

  /** The system's share sheet for the result in {@code workspace}, or null if there is none. */
  public static Intent share(Context context, Workspace workspace) {
    ArrayList<Uri> uris = new ArrayList<>();
    for (String name : FILES) {
      if (file(workspace, name).isFile()) {
        uris.add(new Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(name).build());
      }
    }
    if (uris.isEmpty()) {
      return null;
    }
    ClipData clip = ClipData.newRawUri(context.getString(R.string.share_title), uris.get(0));
    for (Uri uri : uris.subList(1, uris.size())) {
      clip.addItem(new ClipData.Item(uri));
    }
    Intent send = new Intent(Intent.ACTION_SEND_MULTIPLE).setType(TYPE);
    send.putParcelableArrayListExtra(Intent.EXTRA_STREAM, uris);
    send.setClipData(clip);
    send.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
    return Intent.createChooser(send, context.getString(R.string.share_title));
  }

  private static File file(Workspace workspace, String name) {
    return workspace.run().resolve(name).toFile();
  }

  private File found(Uri uri) throws FileNotFoundException {
    List<String> path = uri.getPathSegments();
    Context context = getContext();
    Workspace workspace = context == null ? null : Session.of(context).workspace();
    if (workspace == null || path.size() != 1 || !FILES.contains(path.get(0))
        || !file(workspace, path.get(0)).isFile()) {
      throw new FileNotFoundException(uri.toString());
    }
    return file(workspace, path.get(0));
  }

  @Override
  public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
    if (!"r".equals(mode)) {
      throw new FileNotFoundException(uri + " can be read only");
    }
    return ParcelFileDescriptor.open(found(uri), ParcelFileDescriptor.MODE_READ_ONLY);
  }

  @Override
  public Cursor query(Uri uri, String[] projection, String selection, String[] arguments, String order) {
    String[] columns =
        projection == null ? new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE} : projection;
    MatrixCursor cursor = new MatrixCursor(columns);
    try {
      File file = found(uri);
      MatrixCursor.RowBuilder row = cursor.newRow();
      for (String column : columns) {
        row.add(OpenableColumns.DISPLAY_NAME.equals(column) ? file.getName()
            : OpenableColumns.SIZE.equals(column) ? (Object) file.length() : null);
      }
    } catch (FileNotFoundException e) {
      // An empty answer: there is no such result.
    }
    return cursor;
  }

  @Override
  public String getType(Uri uri) {
    return TYPE;
  }

  @Override
  public boolean onCreate() {
    return true;
  }

  @Override
  public Uri insert(Uri uri, ContentValues values) {
    throw new UnsupportedOperationException("results are read only");
  }

  @Override
  public int delete(Uri uri, String selection, String[] arguments) {
    throw new UnsupportedOperationException("results are read only");
  }

  @Override
  public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
    throw new UnsupportedOperationException("results are read only");
  }
}
