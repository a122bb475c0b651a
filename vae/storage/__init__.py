"""Trained models on the disk: pairs of files that are whole or absent, and readers that need no PyTorch."""
