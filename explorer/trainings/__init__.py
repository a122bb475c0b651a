"""Trainings that the page Train starts, in processes of their own."""
