"""Displays for matplotlib in scikit-learn's convention: one class a picture, one file a class."""
