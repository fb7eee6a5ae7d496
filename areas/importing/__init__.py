"""From published geography files to areas, editions, boundaries, overlaps and postcodes."""
