"""What follows from a decoder, a prior and an image: log p(x), posteriors, codes, and what an encoder misses."""
