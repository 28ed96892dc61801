"""`python -m lifecycle`: the command line, where the script is not on the path."""

from lifecycle.cli.main import main

if __name__ == "__main__":
    main()
