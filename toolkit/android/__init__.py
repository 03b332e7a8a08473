"""A bundle inside the Android app: what phones read, the package, its signature."""
