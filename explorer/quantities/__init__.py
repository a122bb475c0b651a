"""What the pages show, as numbers: a model and plain values in, NumPy arrays out."""
