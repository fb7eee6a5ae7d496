"""Pages: parse, one domain call or few, render."""
