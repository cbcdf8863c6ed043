"""``python -m evenweave`` is the command ``evenweave``."""

from evenweave.cli import main

if __name__ == "__main__":
    main()
