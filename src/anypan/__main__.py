"""``python -m anypan`` is ``anypan``."""

from anypan.cli import main

if __name__ == "__main__":
    main()
