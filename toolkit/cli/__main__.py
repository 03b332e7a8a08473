"""python -m pocketzo.toolkit.cli: the command line, as `accelerate launch -m` starts it."""

from . import main

if __name__ == "__main__":
    main()
