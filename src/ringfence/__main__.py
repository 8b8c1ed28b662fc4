"""`python -m ringfence`."""

from ringfence.cli.app import main

main()
