"""One module per script: `main(arguments)` returns the exit code."""
