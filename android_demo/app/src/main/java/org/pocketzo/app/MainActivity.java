package org.pocketzo.app;

import android.app.Activity;

/** The app's one window. */
public final class MainActivity extends Activity {}
