"""The write side: stage a table of columns, publish it whole, take it back whole."""
