"""`python -m bikd_core.toy`: the child process that trains the toys of all visitors."""

from bikd_core.toy.process import main

if __name__ == "__main__":
    main()
