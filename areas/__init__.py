"""UK places: areas, editions, boundaries, how they fit together and how to find them."""
