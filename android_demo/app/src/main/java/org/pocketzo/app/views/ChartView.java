package org.pocketzo.app.views;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.Path;
import android.util.AttributeSet;
import android.view.View;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;
import org.pocketzo.app.R;

/**
 * A line over the steps of a run: each measurement faint, their moving average strong; or few measurements, each a dot.
 */
public final class ChartView extends View {
  private static final int HEIGHT = 150;
  private static final int LINES = 3;
  private static final double KEEP = 0.85;
  private static final float STROKE = 2.5f;
  private static final int FAINT = 70;

  /** A measurement: after which step, and what. */
  public record Point(int step, double value) {}

  private final float dp = getResources().getDisplayMetrics().density;
  private final float sp = dp * getResources().getConfiguration().fontScale;
  private final Paint line = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final Paint grid = new Paint();
  private final Paint words = new Paint(Paint.ANTI_ALIAS_FLAG);
  private List<Point> points = new ArrayList<>();
  private boolean dots;
  private int steps = 1;
  private double least;
  private double most = 1;
  private DoubleFunction<String> format = String::valueOf;

  public ChartView(Context context, AttributeSet attributes) {
    super(context, attributes);
    line.setStyle(Paint.Style.STROKE);
    line.setStrokeJoin(Paint.Join.ROUND);
    line.setStrokeCap(Paint.Cap.ROUND);
    line.setStrokeWidth(STROKE * dp);
    grid.setColor(context.getColor(R.color.card_edge));
    grid.setStrokeWidth(dp);
    words.setColor(context.getColor(R.color.ink_soft));
    words.setTextSize(12 * sp);
    words.setFontFeatureSettings("tnum");
  }

  /** Shows measurements of {@code all} steps in {@code colour}; {@code share} says that they lie between 0 and 1. */
  public void show(List<Point> measured, int all, boolean asDots, boolean share, int colour,
      DoubleFunction<String> written) {
    points = measured;
    steps = Math.max(1, all);
    dots = asDots;
    format = written;
    line.setColor(colour);
    least = share ? 0 : Double.POSITIVE_INFINITY;
    most = share ? 1 : Double.NEGATIVE_INFINITY;
    for (Point point : measured) {
      least = Math.min(least, point.value());
      most = Math.max(most, point.value());
    }
    if (!(least < most)) {
      least = measured.isEmpty() ? 0 : least - 0.5;
      most = least + 1;
    } else if (!share) {
      double room = 0.08 * (most - least);
      least = Math.max(0, least - room);
      most += room;
    }
    invalidate();
  }

  @Override
  protected void onMeasure(int widthSpec, int heightSpec) {
    int height = Math.round(HEIGHT * dp + 2 * words.getTextSize());
    setMeasuredDimension(MeasureSpec.getSize(widthSpec), resolveSize(height, heightSpec));
  }

  private float x(int step, float left) {
    return left + (getWidth() - left - 4 * dp) * step / steps;
  }

  private float y(double value, float top, float bottom) {
    return (float) (bottom - (bottom - top) * (value - least) / (most - least));
  }

  @Override
  protected void onDraw(Canvas canvas) {
    float left = 0;
    for (int i = 0; i < LINES; i++) {
      left = Math.max(left, words.measureText(format.apply(level(i))));
    }
    left += 8 * dp;
    float top = words.getTextSize() / 2 + 2 * dp;
    float bottom = getHeight() - 2 * words.getTextSize();
    words.setTextAlign(Paint.Align.RIGHT);
    for (int i = 0; i < LINES; i++) {
      float at = y(level(i), top, bottom);
      canvas.drawLine(left, at, getWidth(), at, grid);
      canvas.drawText(format.apply(level(i)), left - 8 * dp, at + words.getTextSize() / 3, words);
    }
    float base = getHeight() - words.getTextSize() / 2;
    words.setTextAlign(Paint.Align.LEFT);
    canvas.drawText("0", left, base, words);
    words.setTextAlign(Paint.Align.RIGHT);
    canvas.drawText(String.valueOf(steps), getWidth() - 2 * dp, base, words);
    drawPoints(canvas, left, top, bottom);
  }

  private double level(int i) {
    return least + (most - least) * i / (LINES - 1);
  }

  private void drawPoints(Canvas canvas, float left, float top, float bottom) {
    Path raw = new Path();
    Path smooth = new Path();
    double average = 0;
    for (int i = 0; i < points.size(); i++) {
      Point point = points.get(i);
      average = i == 0 ? point.value() : KEEP * average + (1 - KEEP) * point.value();
      add(raw, i, x(point.step(), left), y(point.value(), top, bottom));
      add(smooth, i, x(point.step(), left), y(average, top, bottom));
    }
    if (!dots) {
      line.setAlpha(FAINT);
      line.setStrokeWidth(dp);
      canvas.drawPath(raw, line);
    }
    line.setAlpha(255);
    line.setStrokeWidth(STROKE * dp);
    canvas.drawPath(dots ? raw : smooth, line);
    if (dots) {
      line.setStyle(Paint.Style.FILL);
      for (Point point : points) {
        canvas.drawCircle(x(point.step(), left), y(point.value(), top, bottom), 4.5f * dp, line);
      }
      line.setStyle(Paint.Style.STROKE);
    }
  }

  private static void add(Path path, int i, float x, float y) {
    if (i == 0) {
      path.moveTo(x, y);
    } else {
      path.lineTo(x, y);
    }
  }
}
