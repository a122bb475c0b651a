"""Images, tables, bars and formulas as HTML, and images as files."""
