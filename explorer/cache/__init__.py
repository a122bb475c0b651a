"""What is made once for all visitors: opened checkpoints, and what is computed of them."""
