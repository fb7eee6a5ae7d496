"""What is known about places: indicators, releases, series, observations and their reading."""
