"""Sets of images: where they come from, how they are read, and the form that MNIST gives to a digit."""
