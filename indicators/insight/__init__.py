"""The read side: one module a question, each starting from what is live."""
