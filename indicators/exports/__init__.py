"""Tables → files: CSV, XLSX, Parquet, GeoJSON, GeoPackage."""
