package org.pocketzo.app.views;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;
import android.view.ViewGroup;
import org.pocketzo.app.R;

/** Lays its children out in lines, as text is, so that chips and buttons wrap in large fonts. */
public final class FlowLayout extends ViewGroup {
  private final int gap;

  public FlowLayout(Context context, AttributeSet attributes) {
    super(context, attributes);
    gap = getResources().getDimensionPixelSize(R.dimen.space_s);
  }

  @Override
  protected void onMeasure(int widthSpec, int heightSpec) {
    int width = MeasureSpec.getSize(widthSpec) - getPaddingLeft() - getPaddingRight();
    for (int i = 0; i < getChildCount(); i++) {
      getChildAt(i).measure(
          MeasureSpec.makeMeasureSpec(width, MeasureSpec.AT_MOST),
          MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED));
    }
    int height = flow(width, false);
    setMeasuredDimension(
        MeasureSpec.getSize(widthSpec), resolveSize(height + getPaddingTop() + getPaddingBottom(), heightSpec));
  }

  @Override
  protected void onLayout(boolean changed, int left, int top, int right, int bottom) {
    flow(right - left - getPaddingLeft() - getPaddingRight(), true);
  }

  /** Goes through the lines, placing children if {@code place}; returns the height of all. */
  private int flow(int width, boolean place) {
    boolean mirrored = getLayoutDirection() == LAYOUT_DIRECTION_RTL;
    int x = 0;
    int y = 0;
    int line = 0;
    for (int i = 0; i < getChildCount(); i++) {
      View child = getChildAt(i);
      if (child.getVisibility() == GONE) {
        continue;
      }
      if (x > 0 && x + child.getMeasuredWidth() > width) {
        x = 0;
        y += line + gap / 2;
        line = 0;
      }
      if (place) {
        int begin = getPaddingLeft() + (mirrored ? width - x - child.getMeasuredWidth() : x);
        int from = getPaddingTop() + y;
        child.layout(begin, from, begin + child.getMeasuredWidth(), from + child.getMeasuredHeight());
      }
      x += child.getMeasuredWidth() + gap;
      line = Math.max(line, child.getMeasuredHeight());
    }
    return y + line;
  }
}
