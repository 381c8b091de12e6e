"""`python -m bikd_core.worker`: the child process that trains one run."""

from bikd_core.worker.process import main

if __name__ == "__main__":
    main()
